"""From texts to batches with little padding, and rows of results back in the texts' order."""

import numpy as np
import torch
from torch import Tensor

from socialai.models.device import autocast
from socialai.validation import check_texts

# When only scoring. On a CPU a batch should stay in the cache between layers: 1,024 tokens score a
# third faster than 4,096.
TOKENS_PER_BATCH = {"cpu": 1024, "cuda": 65_536, "mps": 16_384}


def encode(tokenizer, texts, prefix: str = "", max_length: int = 128) -> list[list[int]]:
    """Token ids of each text, special tokens included, cut at max_length.

    prefix: what is put before each text. UserError for a text that is no string.
    """
    texts = [prefix + text for text in check_texts(texts, empty=True)]
    if not texts:
        return []
    return tokenizer(texts, truncation=True, max_length=max_length)["input_ids"]


def pad(ids: list[list[int]], pad_id: int, device: torch.device) -> dict[str, Tensor]:
    """{"input_ids", "attention_mask"} (B, n), n the longest of the texts; B may be 0."""
    n = max(map(len, ids), default=0)
    padded = [row + [pad_id] * (n - len(row)) for row in ids]
    real = [[1] * len(row) + [0] * (n - len(row)) for row in ids]
    input_ids = torch.tensor(padded, dtype=torch.long).reshape(len(ids), n)
    mask = torch.tensor(real, dtype=torch.long).reshape(len(ids), n)
    return {"input_ids": input_ids.to(device), "attention_mask": mask.to(device)}


def similar_lengths(
    lengths: list[int], batch_size: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """Batches of indices of texts that are about as long, for training; each text occurs once.

    Shuffled, then sorted by length within pools of 50 batches, so that the batches stay random
    while next to no padding is computed. The batches come in random order.
    """
    order = rng.permutation(len(lengths))
    pool_size = 50 * batch_size
    batches = []
    for start in range(0, len(order), pool_size):
        pool = order[start : start + pool_size]
        pool = pool[np.argsort(np.asarray(lengths)[pool], kind="stable")]
        batches += [pool[i : i + batch_size] for i in range(0, len(pool), batch_size)]
    return [batches[i] for i in rng.permutation(len(batches))]


def by_token_budget(lengths: list[int], budget: int) -> list[np.ndarray]:
    """Batches of indices from short to long texts, each of at most `budget` tokens once padded."""
    batches = []
    current = []
    for index in np.argsort(lengths, kind="stable"):
        if current and (len(current) + 1) * lengths[index] > budget:
            batches.append(np.array(current))
            current = []
        current.append(index)
    if current:
        batches.append(np.array(current))
    return batches


@torch.inference_mode()
def forward_in_batches(
    forward, ids: list[list[int]], pad_id: int, device: torch.device, precision: str = "auto"
) -> np.ndarray:
    """Rows of forward(batch) for every text, in the texts' order: (n, K), float32; n may be 0."""
    if not ids:  # a text of padding, dropped again, tells how wide a row is
        return forward_in_batches(forward, [[pad_id]], pad_id, device, precision)[:0]
    rows: list[np.ndarray | None] = [None] * len(ids)
    budget = TOKENS_PER_BATCH.get(device.type, 4096)
    with autocast(device, precision):
        for indices in by_token_budget([len(row) for row in ids], budget):
            batch = pad([ids[i] for i in indices], pad_id, device)
            output = forward(batch).float().cpu().numpy()  # (B, K)
            for index, row in zip(indices, output, strict=True):
                rows[index] = row
    return np.stack(rows)
