"""Pre-training from scratch: masked and causal language models, their losses, what they write.

`tokenization` counts their vocabulary, `count_model` has their baseline.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import BertConfig, BertForMaskedLM, GPT2Config, GPT2LMHeadModel

from socialai.errors import UserError
from socialai.models.batching import pad, similar_lengths
from socialai.models.training import train, warmup_linear
from socialai.validation import check_number, check_text, generator_seed

IGNORED = -100  # the label that cross_entropy leaves out
BERT_SHARE = 0.15  # of the tokens is chosen to be guessed (Devlin et al. 2019)
SCORED_AT_ONCE = 64  # texts


def masked_model(
    tokenizer, d_model: int = 128, n_layers: int = 2, n_heads: int = 4
) -> BertForMaskedLM:
    """An untrained BERT of the given size for this tokenizer, with its masked language head."""
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=d_model,
        num_hidden_layers=n_layers,
        num_attention_heads=n_heads,
        intermediate_size=4 * d_model,
        max_position_embeddings=tokenizer.model_max_length,
        pad_token_id=tokenizer.pad_token_id,
        attn_implementation="eager",
    )
    return BertForMaskedLM(config)


def causal_model(
    tokenizer, d_model: int = 128, n_layers: int = 2, n_heads: int = 4
) -> GPT2LMHeadModel:
    """An untrained GPT-2 of the given size for this tokenizer."""
    config = GPT2Config(
        vocab_size=len(tokenizer),
        n_embd=d_model,
        n_layer=n_layers,
        n_head=n_heads,
        n_positions=tokenizer.model_max_length,
        bos_token_id=tokenizer.cls_token_id,
        eos_token_id=tokenizer.sep_token_id,
        attn_implementation="eager",
    )
    return GPT2LMHeadModel(config)


def add_previous_token(model: BertForMaskedLM) -> BertForMaskedLM:
    """The same model, which from now on has the vector of the token before added to each token's.

    No model that one would use: it shows what attention has to find out by itself, namely where the
    neighbour stands.
    """

    def add(_module, _inputs, vectors: Tensor) -> Tensor:  # (B, n, d)
        return vectors + nn.functional.pad(vectors[:, :-1], (0, 0, 1, 0))

    model.bert.embeddings.word_embeddings.register_forward_hook(add)
    return model


def mask_tokens(
    input_ids: Tensor, tokenizer, rng: np.random.Generator, share: float = BERT_SHARE
) -> tuple[Tensor, Tensor]:
    """(inputs, labels), both (B, n): the task of BERT (Devlin et al. 2019, section 3.1).

    `share` of the ordinary tokens is chosen; of these 80 % become [MASK], 10 % a random ordinary
    token and 10 % stay. Labels hold the true token where one was chosen and IGNORED elsewhere. At
    least one token of the batch is chosen.
    """
    ids = input_ids.cpu().numpy()
    special = np.array(tokenizer.all_special_ids)

    # which tokens are to be guessed
    ordinary = ~np.isin(ids, special)
    chosen = ordinary & (rng.random(ids.shape) < share)
    if not chosen.any() and ordinary.any():
        chosen.flat[rng.choice(np.flatnonzero(ordinary))] = True

    # what stands in their place
    fate = rng.random(ids.shape)
    masked = chosen & (fate < 0.8)
    replaced = chosen & (fate >= 0.8) & (fate < 0.9)
    words = np.setdiff1d(np.arange(len(tokenizer)), special)
    inputs = np.where(masked, tokenizer.mask_token_id, ids)
    inputs = np.where(replaced, rng.choice(words, ids.shape), inputs)

    labels = np.where(chosen, ids, IGNORED)
    device = input_ids.device
    return torch.from_numpy(inputs).to(device), torch.from_numpy(labels).to(device)


def _chosen_losses(model: BertForMaskedLM, batch: dict) -> tuple[Tensor, Tensor]:
    """(cross-entropy of each chosen token, what the model sees in its place), both (chosen,).

    Only the chosen tokens pass through the output layer, the costliest one.
    """
    states = model.bert(batch["input_ids"], batch["attention_mask"]).last_hidden_state  # (B, n, d)
    chosen = batch["labels"] != IGNORED  # (B, n)
    logits = model.cls(states[chosen]).float()  # (chosen, V)
    losses = cross_entropy(logits, batch["labels"][chosen], reduction="none")
    return losses, batch["input_ids"][chosen]


def masked_loss(model: BertForMaskedLM, batch: dict) -> Tensor:
    """Mean cross-entropy in nats of the chosen tokens of a batch, made by `mask_tokens`."""
    return _chosen_losses(model, batch)[0].mean()


def _masked_training_loss(
    model: BertForMaskedLM, batch: dict, mask_id: int
) -> tuple[Tensor, Tensor]:
    """For `train`: `masked_loss` to be minimised, and to be told the loss at [MASK] alone.

    A chosen token that stayed as it is can be copied: counted in, it would make the guesses look
    better than they are. `held_out_loss` measures at [MASK] too.
    """
    losses, seen = _chosen_losses(model, batch)
    mean = losses.mean()
    at_masks = losses.detach()[seen == mask_id]
    return mean, at_masks.mean() if len(at_masks) else mean


def causal_loss(model: GPT2LMHeadModel, batch: dict) -> Tensor:
    """Mean cross-entropy in nats of each real token after the first, given those before it.

    A batch with "learnt" (B, n) counts those tokens only where it is true.
    """
    ids = batch["input_ids"]
    logits = model(input_ids=ids, attention_mask=batch["attention_mask"]).logits  # (B, n, V)
    counts = batch["attention_mask"].bool() & batch.get("learnt", torch.tensor(True))  # (B, n)

    # the label of each token but the last is the one that comes after it
    labels = ids.masked_fill(~counts, IGNORED)[:, 1:]
    labels = nn.functional.pad(labels, (0, 1), value=IGNORED)  # (B, n)
    return cross_entropy(logits.flatten(0, 1).float(), labels.flatten(), ignore_index=IGNORED)


def pretrain(
    model: nn.Module,
    tokenizer,
    ids: list[list[int]],
    epochs: int,
    learning_rate: float = 1e-3,
    batch_size: int = 8,
    share: float | None = None,
    seed: int = 0,
    checkpoint: Path | None = None,
    progress: Callable[[int, int, float], None] | None = None,
) -> list[dict]:
    """Train a masked or causal model in place on token ids; the history of `training.train`.

    share of the tokens is learnt from, drawn anew in each epoch (Liu et al. 2019); None: BERT_SHARE
    for a masked model, all for a causal one. A masked model learns from all chosen tokens; the
    losses of its history are those at [MASK]. checkpoint: as in `train`. In float32: on a CPU,
    models this small lose more time to bfloat16's casts than its products save.
    """
    _check_ids(ids)
    seed = generator_seed(seed)
    device = next(model.parameters()).device
    rng = np.random.default_rng(seed)
    lengths = [len(row) for row in ids]
    masked = isinstance(model, BertForMaskedLM)
    if masked and share is None:
        share = BERT_SHARE
    torch.manual_seed(seed)

    def batches(epoch: int) -> Iterator[dict]:
        for rows in similar_lengths(lengths, batch_size, rng):
            batch = pad([ids[i] for i in rows], tokenizer.pad_token_id, device)
            if masked:
                inputs, labels = mask_tokens(batch["input_ids"], tokenizer, rng, share)
                batch |= {"input_ids": inputs, "labels": labels}
            elif share is not None:
                learnt = torch.from_numpy(rng.random(batch["input_ids"].shape) < share)
                # never none: every text has its first token, [CLS], and one to learn
                learnt[0, 1] = True
                batch["learnt"] = learnt.to(device)
            yield batch

    if masked:
        loss = partial(_masked_training_loss, mask_id=tokenizer.mask_token_id)
    else:
        loss = causal_loss
    return train(
        model,
        batches,
        loss,
        torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=0.01, fused=True),
        epochs,
        schedule=lambda step, n_steps: warmup_linear(step, n_steps, 0.1),
        precision="fp32",
        checkpoint=checkpoint,
        rng=rng,
        progress=progress,
    )


def masked_batches(
    tokenizer,
    ids: list[list[int]],
    share: float = BERT_SHARE,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> Iterator[dict]:
    """Batches to score a masked model on: as `mask_tokens` makes them, with labels at [MASK] only.

    The texts as they were stand in "true_ids". What stayed visible can be copied: to guess it shows
    nothing. The same tokens are hidden for every model and device.
    """
    rng = np.random.default_rng(generator_seed(seed))
    for start in range(0, len(ids), SCORED_AT_ONCE):
        batch = pad(ids[start : start + SCORED_AT_ONCE], tokenizer.pad_token_id, device)
        inputs, labels = mask_tokens(batch["input_ids"], tokenizer, rng, share)
        labels = labels.masked_fill(inputs != tokenizer.mask_token_id, IGNORED)
        yield batch | {"true_ids": batch["input_ids"], "input_ids": inputs, "labels": labels}


@torch.no_grad()
def held_out_loss(
    model: nn.Module, tokenizer, ids: list[list[int]], share: float = BERT_SHARE, seed: int = 0
) -> float:
    """Cross-entropy in nats a token on texts that training didn't see.

    Of a causal model: of every token after the first. Of a masked model: of those that
    `masked_batches` hides by share and seed, to be compared with what `CountModel.losses_at_masks`
    says of the same ones.
    """
    _check_ids(ids)
    device = next(model.parameters()).device
    masked = isinstance(model, BertForMaskedLM)
    if masked:
        batches = masked_batches(tokenizer, ids, share, seed, device)
    else:
        starts = range(0, len(ids), SCORED_AT_ONCE)
        parts = (ids[start : start + SCORED_AT_ONCE] for start in starts)
        batches = (pad(part, tokenizer.pad_token_id, device) for part in parts)

    model.eval()
    total = 0.0
    count = 0
    for batch in batches:
        scored = batch["labels"] != IGNORED if masked else batch["attention_mask"][:, 1:]
        n = int(scored.sum())
        if n:
            loss = masked_loss(model, batch) if masked else causal_loss(model, batch)
            total += loss.item() * n
            count += n
    if not count:
        raise UserError("no token can be scored: the texts are too short")
    return total / count


def _check_ids(ids: list[list[int]]) -> None:
    """There are texts as token ids, as `batching.encode` gives them."""
    if not isinstance(ids, list) or not ids or not all(isinstance(row, list) for row in ids):
        raise UserError("texts as lists of token ids are needed, at least one: batching.encode")


@torch.no_grad()
def fill_masks(
    model: BertForMaskedLM, tokenizer, text: str, k: int = 5
) -> list[list[tuple[str, float]]]:
    """For each [MASK] of a text its k most probable tokens with their probabilities.

    UserError when there is none.
    """
    text = check_text(text)
    k = check_number(k, "k", 1, len(tokenizer), whole=True)
    if "[MASK]" not in text:
        raise UserError(f"write [MASK] where a token is to be guessed: {text!r} has none")
    batch = tokenizer(
        text, return_tensors="pt", truncation=True, max_length=tokenizer.model_max_length
    )
    ids = batch["input_ids"].to(model.device)  # (1, n)
    model.eval()
    logits = model(input_ids=ids).logits[0]  # (n, V)
    logits = logits[ids[0] == tokenizer.mask_token_id].float()  # (masks, V)
    logits[:, tokenizer.all_special_ids] = -torch.inf
    best = logits.softmax(-1).topk(k)
    guesses = []
    for row, p in zip(best.indices, best.values, strict=True):
        tokens = tokenizer.convert_ids_to_tokens(row.tolist())
        guesses.append(list(zip(tokens, p.tolist(), strict=True)))
    return guesses


@torch.no_grad()
def continue_text(model: GPT2LMHeadModel, tokenizer, text: str, n: int = 30, seed: int = 0) -> str:
    """The text with up to n tokens that a causal model draws after it; it ends early at [SEP]."""
    text = check_text(text)
    n = check_number(n, "n", 0, whole=True)
    generator = torch.Generator().manual_seed(generator_seed(seed))
    end = tokenizer.sep_token_id
    never = [token for token in tokenizer.all_special_ids if token != end]
    ids = tokenizer(text)["input_ids"][:-1]
    model.eval()
    for _ in range(min(n, tokenizer.model_max_length - len(ids))):
        context = torch.tensor([ids], device=model.device)  # (1, t)
        logits = model(input_ids=context).logits[0, -1].float().cpu()  # (V,)
        logits[never] = -torch.inf
        ids.append(int(torch.multinomial(logits.softmax(-1), 1, generator=generator)))
        if ids[-1] == end:
            break
    return tokenizer.decode(ids, skip_special_tokens=True)
