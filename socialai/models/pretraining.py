"""Pre-training from scratch: a tokenizer from the corpus, masked and causal models, and counting as their baseline."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import (
    BertConfig,
    BertForMaskedLM,
    GPT2Config,
    GPT2LMHeadModel,
    PreTrainedTokenizerFast,
)

from socialai.errors import UserError
from socialai.models.batching import pad, similar_lengths
from socialai.models.training import train, warmup_linear

SPECIAL = {
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}
IGNORED = -100  # the label that cross_entropy leaves out
BERT_SHARE = 0.15  # of the tokens is chosen to be guessed (Devlin et al. 2019)


def train_tokenizer(
    texts, kind: str, n_vocab: int = 4000, max_length: int = 128
) -> PreTrainedTokenizerFast:
    """A tokenizer whose vocabulary is counted from texts, at most n_vocab entries, special tokens included.

    kind "characters": one token a character, as in BERT for Chinese. "subwords": byte-pair encoding of words (Sennrich
    et al. 2016), lower case. A token that occurs once only stays unknown. UserError for another kind.
    """
    if kind == "characters":
        model, trainer = models.WordLevel(unk_token="[UNK]"), trainers.WordLevelTrainer
        splitter = pre_tokenizers.Sequence(
            [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Split(Regex("."), "isolated")]
        )
    elif kind == "subwords":
        model, trainer, splitter = (
            models.BPE(unk_token="[UNK]"),
            trainers.BpeTrainer,
            pre_tokenizers.Whitespace(),
        )
    else:
        raise UserError(f"a tokenizer's kind is characters or subwords, not {kind!r}")
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = splitter
    options = {
        "vocab_size": n_vocab,
        "min_frequency": 2,
        "special_tokens": list(SPECIAL.values()),
        "show_progress": False,
    }
    tokenizer.train_from_iterator(texts, trainer(**options))
    ends = [(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=ends
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=max_length, **SPECIAL
    )


def masked_model(
    tokenizer, d_model: int = 128, n_layers: int = 2, n_heads: int = 4
) -> BertForMaskedLM:
    """An untrained BERT of the given size for this tokenizer, with its masked language modelling head."""
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


def show_neighbour(model: BertForMaskedLM) -> BertForMaskedLM:
    """The same model, which from now on finds in each token's vector that of the token before it, added.

    No model that one would use: it shows what attention has to find out by itself, namely where the neighbour stands.
    """

    def add(_, __, vectors):  # (B, n, d)
        return vectors + nn.functional.pad(vectors[:, :-1], (0, 0, 1, 0))

    model.bert.embeddings.word_embeddings.register_forward_hook(add)
    return model


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


def mask_tokens(
    input_ids: Tensor, tokenizer, rng: np.random.Generator, share: float = BERT_SHARE
) -> tuple[Tensor, Tensor]:
    """(inputs, labels), both (B, n): the task of BERT (Devlin et al. 2019, section 3.1).

    `share` of the ordinary tokens is chosen; of these 80 % become [MASK], 10 % a random ordinary token and 10 % stay.
    Labels hold the true token where one was chosen and IGNORED elsewhere. At least one token of the batch is chosen.
    """
    ids = input_ids.cpu().numpy()
    special = np.array(tokenizer.all_special_ids)
    ordinary = ~np.isin(ids, special)
    chosen = ordinary & (rng.random(ids.shape) < share)
    if not chosen.any() and ordinary.any():
        chosen.flat[rng.choice(np.flatnonzero(ordinary))] = True
    kind = rng.random(ids.shape)
    words = np.setdiff1d(np.arange(len(tokenizer)), special)
    inputs = np.where(chosen & (kind < 0.8), tokenizer.mask_token_id, ids)
    inputs = np.where(chosen & (kind >= 0.8) & (kind < 0.9), rng.choice(words, ids.shape), inputs)
    labels = np.where(chosen, ids, IGNORED)
    return torch.from_numpy(inputs).to(input_ids.device), torch.from_numpy(labels).to(
        input_ids.device
    )


def masked_loss(model: BertForMaskedLM, batch: dict) -> Tensor:
    """Mean cross-entropy in nats of the chosen tokens; only they pass through the output layer, the costliest one."""
    return _chosen_losses(model, batch)[0].mean()


def _chosen_losses(model: BertForMaskedLM, batch: dict) -> tuple[Tensor, Tensor]:
    """(cross-entropy of each chosen token, what the model sees in its place), both (chosen,)."""
    states = model.bert(batch["input_ids"], batch["attention_mask"]).last_hidden_state  # (B, n, d)
    chosen = batch["labels"] != IGNORED  # (B, n)
    logits, labels = (
        model.cls(states[chosen]).float(),
        batch["labels"][chosen],
    )  # (chosen, V), (chosen,)
    return cross_entropy(logits, labels, reduction="none"), batch["input_ids"][chosen]


def _loss_while_learning(model: BertForMaskedLM, batch: dict, mask_id: int) -> Tensor:
    """`masked_loss` in its gradient, but in its value the loss at [MASK] alone, as `held_out_loss` measures it.

    A chosen token that stayed as it is can be copied: counted in, it would make the guesses look better than they are.
    """
    losses, seen = _chosen_losses(model, batch)
    mean, at_masks = losses.mean(), losses.detach()[seen == mask_id]
    return mean - mean.detach() + at_masks.mean() if len(at_masks) else mean


def causal_loss(model: GPT2LMHeadModel, batch: dict) -> Tensor:
    """Mean cross-entropy in nats of each real token after the first, given those before it.

    A batch with "learnt" (B, n) counts those tokens only where it is true.
    """
    logits = model(
        input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]
    ).logits  # (B, n, V)
    counts = batch["attention_mask"].bool() & batch.get("learnt", torch.tensor(True))  # (B, n)
    labels = batch["input_ids"].masked_fill(~counts, IGNORED)[
        :, 1:
    ]  # what comes after each token but the last
    labels = nn.functional.pad(labels, (0, 1), value=IGNORED)
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
    """Train a masked or causal model in place on token ids; the history of `socialai.models.training.train`.

    share of the tokens is learnt from, drawn anew in each epoch (Liu et al. 2019); None: BERT_SHARE for a masked model,
    all for a causal one. A masked model learns from all chosen tokens; the losses of its history are those at [MASK].
    checkpoint: as in `train`. In float32: on a CPU, models this small lose more time to bfloat16's casts than its
    products save.
    """
    device, rng = next(model.parameters()).device, np.random.default_rng(seed)
    masked, lengths = isinstance(model, BertForMaskedLM), [len(row) for row in ids]
    torch.manual_seed(seed)

    def batches(epoch):
        for rows in similar_lengths(lengths, batch_size, rng):
            batch = pad([ids[i] for i in rows], tokenizer.pad_token_id, device)
            if masked:
                batch["input_ids"], batch["labels"] = mask_tokens(
                    batch["input_ids"], tokenizer, rng, BERT_SHARE if share is None else share
                )
            elif share is not None:
                learnt = torch.from_numpy(rng.random(batch["input_ids"].shape) < share)
                learnt[0, 1] = (
                    True  # never none: every text has its first token, [CLS], and one to learn
                )
                batch["learnt"] = learnt.to(device)
            yield batch

    return train(
        model,
        batches,
        partial(_loss_while_learning, mask_id=tokenizer.mask_token_id) if masked else causal_loss,
        torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=0.01, fused=True),
        epochs,
        factor=lambda step, n_steps: warmup_linear(step, n_steps, 0.1),
        precision="fp32",
        checkpoint=checkpoint,
        rng=rng,
        progress=progress,
    )


def hide(
    tokenizer,
    ids: list[list[int]],
    share: float = BERT_SHARE,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> Iterator[dict]:
    """Batches as `mask_tokens` makes them, but with labels at [MASK] only, and the texts as they were in "true_ids".

    What stayed visible can be copied: to guess it shows nothing. The same tokens are hidden for every model and device.
    """
    rng = np.random.default_rng(seed)
    for start in range(0, len(ids), 64):
        batch = pad(ids[start : start + 64], tokenizer.pad_token_id, device)
        inputs, labels = mask_tokens(batch["input_ids"], tokenizer, rng, share)
        labels = labels.masked_fill(inputs != tokenizer.mask_token_id, IGNORED)
        yield batch | {"true_ids": batch["input_ids"], "input_ids": inputs, "labels": labels}


@torch.no_grad()
def held_out_loss(
    model: nn.Module, tokenizer, ids: list[list[int]], share: float = BERT_SHARE, seed: int = 0
) -> float:
    """Cross-entropy in nats a token on texts that training didn't see.

    Of a causal model: of every token after the first. Of a masked model: of those that `hide` hides by share and seed,
    to be compared with what `CountModel.losses_where_hidden` says of the same ones.
    """
    device, masked, total, count = (
        next(model.parameters()).device,
        isinstance(model, BertForMaskedLM),
        0.0,
        0,
    )
    if masked:
        batches = hide(tokenizer, ids, share, seed, device)
    else:
        batches = (
            pad(ids[i : i + 64], tokenizer.pad_token_id, device) for i in range(0, len(ids), 64)
        )
    model.eval()
    for batch in batches:
        n = int(
            (batch["labels"] != IGNORED).sum() if masked else batch["attention_mask"][:, 1:].sum()
        )
        if n:
            total += (masked_loss if masked else causal_loss)(model, batch).item() * n
            count += n
    return total / count


class CountModel:
    """Unigram and bigram language models by counting, smoothed so that no token is impossible.

    p(w) = (count + 1) / (N + V); p(w | previous) = weight * count(previous, w) / count(previous) + (1 - weight) * p(w),
    linear interpolation (Jelinek and Mercer 1980). After a word never seen before another, p(w) alone counts. `weight`
    is chosen on validation texts in `fit`.
    """

    WEIGHTS = tuple(np.round(np.arange(0.05, 1.0, 0.05), 2))

    def fit(self, ids: list[list[int]], n_vocab: int, validation: list[list[int]]) -> "CountModel":
        """Count the tokens and pairs of texts; every text begins with its first token, which is never predicted."""
        previous, following = _pairs(ids)
        self.n_vocab = n_vocab
        self.unigram = np.bincount(following, minlength=n_vocab) + 1.0
        self.unigram /= self.unigram.sum()  # (V,)
        pairs, counts = np.unique(
            previous.astype(np.int64) * n_vocab + following, return_counts=True
        )
        self._pairs, self._counts = pairs, counts
        self._contexts = np.bincount(previous, minlength=n_vocab)  # (V,)
        self.weight = min(
            self.WEIGHTS, key=lambda weight: self._bigram_loss(*_pairs(validation), weight)
        )
        return self

    def losses(self, ids: list[list[int]]) -> dict[str, float]:
        """{"unigram", "bigram"}: cross-entropy in nats a token on texts."""
        previous, following = _pairs(ids)
        unigram = float(-np.log(self.unigram[following]).mean())
        return {"unigram": unigram, "bigram": self._bigram_loss(previous, following, self.weight)}

    def losses_where_hidden(self, batches: Iterable[dict], special: list[int]) -> dict[str, float]:
        """{"unigram", "bigram"}: the same on the tokens that `hide` hid, among which the ids in special never are.

        The bigram is told the true token before each, where a masked model may see another [MASK].
        """
        pairs = []
        for batch in batches:
            true, hidden = batch["true_ids"].cpu(), batch["labels"][:, 1:].cpu() != IGNORED
            pairs.append(torch.stack([true[:, :-1][hidden], true[:, 1:][hidden]]))
        previous, following = torch.cat(pairs, dim=1).numpy()
        unigram = self.unigram[following] / (1 - self.unigram[special].sum())
        ruled_out = sum(
            self.probability(previous, np.full_like(previous, token)) for token in special
        )
        bigram = self.probability(previous, following) / (1 - ruled_out)
        return {"unigram": float(-np.log(unigram).mean()), "bigram": float(-np.log(bigram).mean())}

    def probability(
        self, previous: np.ndarray, following: np.ndarray, weight: float | None = None
    ) -> np.ndarray:
        """p(following | previous) for arrays of token ids of one shape."""
        weight = self.weight if weight is None else weight
        key = np.asarray(previous).astype(np.int64) * self.n_vocab + following
        place = np.minimum(np.searchsorted(self._pairs, key), len(self._pairs) - 1)
        together = np.where(self._pairs[place] == key, self._counts[place], 0)
        context = self._contexts[previous]
        mixed = weight * together / np.maximum(context, 1) + (1 - weight) * self.unigram[following]
        return np.where(context > 0, mixed, self.unigram[following])

    def _bigram_loss(self, previous: np.ndarray, following: np.ndarray, weight: float) -> float:
        return float(-np.log(self.probability(previous, following, weight)).mean())


def _pairs(ids: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    previous = np.concatenate([np.asarray(row[:-1], dtype=np.int64) for row in ids])
    return previous, np.concatenate([np.asarray(row[1:], dtype=np.int64) for row in ids])


@torch.no_grad()
def fill_masks(
    model: BertForMaskedLM, tokenizer, text: str, k: int = 5
) -> list[list[tuple[str, float]]]:
    """For each [MASK] of a text its k most probable tokens with their probabilities. UserError when there is none."""
    if "[MASK]" not in text:
        raise UserError(f"write [MASK] where a token is to be guessed: {text!r} has none")
    batch = tokenizer(
        text, return_tensors="pt", truncation=True, max_length=tokenizer.model_max_length
    )
    ids = batch["input_ids"].to(model.device)
    model.eval()
    logits = model(input_ids=ids).logits[0][ids[0] == tokenizer.mask_token_id].float()  # (masks, V)
    logits[:, tokenizer.all_special_ids] = -torch.inf
    top = logits.softmax(-1).topk(k)
    return [
        list(zip(tokenizer.convert_ids_to_tokens(row.tolist()), p.tolist(), strict=True))
        for row, p in zip(top.indices, top.values, strict=True)
    ]


@torch.no_grad()
def continue_text(model: GPT2LMHeadModel, tokenizer, text: str, n: int = 30, seed: int = 0) -> str:
    """The text with up to n tokens that a causal model draws after it; it ends early at [SEP]."""
    generator = torch.Generator().manual_seed(seed)
    ids = tokenizer(text)["input_ids"][:-1]
    model.eval()
    for _ in range(min(n, tokenizer.model_max_length - len(ids))):
        logits = (
            model(input_ids=torch.tensor([ids], device=model.device)).logits[0, -1].float().cpu()
        )
        logits[[i for i in tokenizer.all_special_ids if i != tokenizer.sep_token_id]] = -torch.inf
        ids.append(int(torch.multinomial(logits.softmax(-1), 1, generator=generator)))
        if ids[-1] == tokenizer.sep_token_id:
            break
    return tokenizer.decode(ids, skip_special_tokens=True)
