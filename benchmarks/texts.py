"""What both benchmarks share: the same reviews for every contender, and the work of a text."""

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoTokenizer

from benchmarks.timing import matmul_peak
from socialai import data
from socialai.models.batching import encode, pad, similar_lengths
from socialai.models.bert import BertTextClassifier, build_classifier
from socialai.models.device import autocast, supports_bf16
from socialai.models.encoders import attention_for, folder_of

MAX_LENGTH = 128


def reviews(n: int, seed: int = 0) -> tuple[list[str], np.ndarray]:
    """n de-duplicated Chinese reviews and their labels."""
    frame = data.deduplicate(data.load("chinese_reviews")).sample(n, random_state=seed)
    return frame["text"].tolist(), frame["label"].to_numpy()


def training_flops(texts: list[str], device: torch.device) -> float:
    """Counted operations of an epoch of our fine-tuning over the texts, for one text."""
    tokenizer = AutoTokenizer.from_pretrained(folder_of("default"))
    model = BertTextClassifier()
    network = build_classifier(attention=attention_for(device)).to(device)
    ids = encode(tokenizer, texts, "query: ", MAX_LENGTH)
    lengths = [len(row) for row in ids]
    with FlopCounterMode(display=False) as counter, autocast(device):
        for rows in similar_lengths(lengths, model.batch_size, np.random.default_rng(0)):
            batch = pad([ids[i] for i in rows], tokenizer.pad_token_id, device)
            network(**batch).logits.sum().backward()
    return counter.get_total_flops() / len(texts)


def share_of_peak(rate: float, flops: float, device: torch.device) -> dict:
    """{"peak_share", "peak", "flops_per_text"}: of the measured peak of matrix products.

    rate: texts a second; flops: operations that a text takes. The peak is that of the type in which
    precision "auto" computes.
    """
    dtype = torch.bfloat16 if supports_bf16(device) else torch.float32
    peak = matmul_peak(device, dtype)
    return {"peak_share": rate * flops / peak, "peak": peak, "flops_per_text": flops}


def peak_note(found: dict) -> str:
    """The share of the peak in words."""
    return (
        f"{found['peak_share']:.0%} of the measured matrix-multiplication peak, "
        f"{found['peak'] / 1e9:,.0f} GFLOP/s"
    )
