"""From pinyin to characters by a Transformer: ids, batches, loss, decoding, errors."""

from collections.abc import Callable, Iterator
from itertools import groupby

import numpy as np
import pandas as pd
import torch
from scipy.stats import bootstrap
from torch import Tensor, nn

from socialai.apps.pinyin.lexicon import COMMONEST
from socialai.apps.pinyin.ngram import END, START, NGram
from socialai.models.batching import pad, similar_lengths
from socialai.models.decoding import beam_search, restrict
from socialai.models.transformer import BOS, PAD, DecoderOnly, EncoderOnly, label_smoothing_loss

CONVERTED_AT_ONCE = 100  # sentences


class Codec:
    """Syllables and characters as ids, and each syllable's characters, all from the training sentences.

    n_source, n_target: sizes of the vocabularies. Ids 0 and 1 are PAD and BOS of `socialai.models.transformer`; on the source
    side 1 stands for a syllable never seen, whose only character is the most frequent one.
    candidates (n_source, K): character ids of each syllable, most frequent first, filled up with PAD.
    channel (n_source, K): log P(syllable | candidate), 0 on what is filled up.
    """

    def __init__(self, words: dict[str, dict[str, float]]):
        characters = sorted({c for options in words.values() for c in options})
        self.syllable_id = {s: i for i, s in enumerate(sorted(words), 2)}
        self.character_id = {c: i for i, c in enumerate(characters, 2)}
        self.character = ["", "", *characters]
        self.n_source, self.n_target = len(words) + 2, len(characters) + 2
        self.candidates = torch.zeros(
            self.n_source, max(map(len, words.values())), dtype=torch.long
        )
        self.channel = torch.zeros(self.candidates.shape)
        self.candidates[1, 0] = self.character_id.get(COMMONEST, 2)
        for s, options in words.items():
            row = self.syllable_id[s], slice(len(options))
            self.candidates[row] = torch.tensor([self.character_id[c] for c in options])
            self.channel[row] = torch.tensor(list(options.values())).log()

    def source(self, rows: list[list[str]]) -> Tensor:
        """(B, n) ids of syllables, padded."""
        return pad([[self.syllable_id.get(s, 1) for s in row] for row in rows], PAD, "cpu")[
            "input_ids"
        ]

    def target(self, rows: list[str]) -> Tensor:
        """(B, n) ids of characters, padded; KeyError for a character that the training sentences don't have."""
        return pad([[self.character_id[c] for c in row] for row in rows], PAD, "cpu")["input_ids"]

    def text(self, ids: Tensor) -> list[str]:
        """Sentences of ids (B, n)."""
        return ["".join(self.character[i] for i in row) for row in ids.tolist()]


def batches(
    codec: Codec, frame: pd.DataFrame, size: int, seed: int, device
) -> Callable[[int], Iterator]:
    """For `training.train`: epoch -> batches (source, target) of `size` sentences of similar length, drawn anew."""
    lengths, rng = frame["characters"].str.len().to_list(), np.random.default_rng(seed)

    def epoch(number: int) -> Iterator[tuple[Tensor, Tensor]]:
        for rows in similar_lengths(lengths, size, rng):
            part = frame.iloc[rows]
            yield (
                codec.source(part["syllables"]).to(device),
                codec.target(part["characters"]).to(device),
            )

    return epoch


def make_loss(smoothing: float) -> Callable[[nn.Module, tuple], Tensor]:
    """For `training.train`: label-smoothed cross-entropy of a batch (source, target), as each family learns the job.

    The encoder learns P(y_i | x), the encoder-decoder P(y_i | y_<i, x), with the right characters before (teacher
    forcing), the decoder alone P(y_i | y_<i) and where a sentence ends, BOS: it never sees pinyin.
    """

    def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        source, target = batch
        begin = torch.full_like(target[:, :1], BOS)
        if isinstance(model, EncoderOnly):
            logits = model(source)
        elif isinstance(model, DecoderOnly):
            ends = (target != PAD).sum(
                1, keepdim=True
            )  # (B, 1): the place after the last character
            logits = model(source[:, :0], torch.cat([begin, target], 1))
            target = nn.functional.pad(target, (0, 1)).scatter(1, ends, BOS)
        else:
            logits = model(source, torch.cat([begin, target[:, :-1]], 1))
        return label_smoothing_loss(logits.float(), target, smoothing)

    return loss


def mix(
    next_logits: Callable[[Tensor], Tensor],
    counts: NGram,
    codec: Codec,
    candidates: Tensor,
    share: float,
) -> Callable[[Tensor], Tensor]:
    """For `beam_search`: share times the network's probability of the next character plus 1 - share times counts'.

    candidates (B, n, K), as `beam_search` has them: probabilities are mixed for these ids only. What the others have
    together stands on PAD, which is never chosen, so that the candidates keep their probabilities.
    """
    known = np.array(
        [counts.id[START]] * 2 + [counts.id[c] for c in codec.character[2:]]
    )  # (n_target,)
    coming = known.copy()
    coming[BOS] = counts.id[END]  # what begins a sentence for the network also ends one

    def following(prefix: Tensor) -> Tensor:
        t, missing = prefix.shape[1] - 1, max(0, counts.order - 1 - prefix.shape[1])
        context = known[
            nn.functional.pad(prefix, (missing, 0), value=BOS)[:, 1 - counts.order :].cpu().numpy()
        ]
        allowed = candidates[:, t].repeat_interleave(len(prefix) // len(candidates), 0)  # (B W, K)
        counted = counts.probability(context, coming[allowed.cpu().numpy()])
        logits = next_logits(prefix).float()
        p = share * logits.softmax(-1).gather(-1, allowed) + (1 - share) * torch.from_numpy(
            counted
        ).to(logits)
        p = p.masked_fill(allowed == PAD, 0.0)
        rest = (1 - p.sum(-1, keepdim=True)).clamp_min(0.0)  # (B W, 1)
        return (
            torch.zeros_like(logits)
            .scatter(-1, allowed, p)
            .index_copy(-1, allowed.new_tensor([PAD]), rest)
            .log()
        )

    return following


@torch.inference_mode()
def convert(
    model: nn.Module,
    codec: Codec,
    rows: list[list[str]],
    width: int = 1,
    counts: NGram | None = None,
    share: float = 0.5,
) -> list[str]:
    """The model's sentence for each row of syllables; width: beams of the families that write from left to right.

    counts: for the decoder alone, an n-gram model (order 2 or 3) to `mix` with, the network having the share.
    In float32: on a CPU the casts of a beam's many small steps cost more than bfloat16's products save.
    """
    device = next(model.parameters()).device
    model.eval()
    found = {}
    for part in equal_lengths(rows):
        source = codec.source([rows[i] for i in part])  # (B, n)
        candidates, channel = codec.candidates[source].to(device), codec.channel[source].to(device)
        source = source.to(device)
        if isinstance(model, EncoderOnly):
            best = restrict(model(source), candidates).argmax(-1, keepdim=True)
            ids = candidates.gather(-1, best).squeeze(-1)
        elif isinstance(model, DecoderOnly):
            end = torch.zeros_like(
                candidates[:, :1]
            )  # (B, 1, K): the sentence ends after the last syllable
            end[..., 0] = BOS
            candidates, channel = (
                torch.cat([candidates, end], 1),
                nn.functional.pad(channel, (0, 0, 0, 1)),
            )
            step = model.next_logits(source[:, :0])
            if counts is not None:
                step = mix(step, counts, codec, candidates, share)
            ids = beam_search(step, candidates, width, channel)[0][:, :-1]
        else:
            ids = beam_search(model.next_logits(source), candidates, width)[0]
        found |= dict(zip(part, codec.text(ids), strict=True))
    return [found[i] for i in range(len(rows))]


def equal_lengths(rows: list[list[str]]) -> Iterator[list[int]]:
    """Indices of the rows in groups of one length, CONVERTED_AT_ONCE at most."""
    for _, group in groupby(
        sorted(range(len(rows)), key=lambda i: len(rows[i])), key=lambda i: len(rows[i])
    ):
        same = list(group)
        yield from (same[i : i + CONVERTED_AT_ONCE] for i in range(0, len(same), CONVERTED_AT_ONCE))


def character_errors(predicted: list[str], wanted: list[str]) -> np.ndarray:
    """Wrong characters of each sentence (N,). Both sides have the same lengths (ValueError), so nothing is inserted."""
    return np.array(
        [
            sum(a != b for a, b in zip(p, w, strict=True))
            for p, w in zip(predicted, wanted, strict=True)
        ]
    )


def error_rate(count: np.ndarray, length: np.ndarray, seed: int = 0) -> tuple[float, float, float]:
    """Sum of counts over sum of lengths, with its 95 % interval: percentile bootstrap over sentences.

    count (N,): wrong characters, or the difference of two methods' wrong characters, of sentences of `length` (N,).
    """

    def ratio(c: np.ndarray, n: np.ndarray, axis: int = -1) -> np.ndarray:
        return c.sum(axis) / n.sum(axis)

    found = bootstrap(
        (count, length), ratio, paired=True, n_resamples=1000, method="percentile", rng=seed
    )
    return (
        float(ratio(count, length)),
        float(found.confidence_interval.low),
        float(found.confidence_interval.high),
    )
