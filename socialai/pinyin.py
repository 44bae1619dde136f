"""Pinyin to characters, the job of an input method: sentence pairs from reviews, and the n-gram models to beat."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from itertools import groupby

import numpy as np
import pandas as pd
import torch
from pypinyin import lazy_pinyin
from scipy.stats import bootstrap
from torch import Tensor, nn

from socialai.batching import pad, similar_lengths
from socialai.transformer import BOS, PAD, DecoderOnly, EncoderOnly, beam_search, label_smoothing_loss, restrict

SENTENCE = re.compile(r"[一-鿿]+")
BETWEEN = re.compile(r"[\s，。！？；：、,.!?;:~～…]+")
START, END = "<s>", "</s>"
COMMONEST = "的"
CONVERTED_AT_ONCE = 100  # sentences


def sentences(text: str, shortest: int = 4, longest: int = 20) -> list[str]:
    """The sentences of a review that consist of Chinese characters only, `shortest` to `longest` of them.

    A piece between two marks that holds a digit or a Latin letter is left out whole: its pinyin would have a gap.
    """
    return [s for s in BETWEEN.split(text) if shortest <= len(s) <= longest and SENTENCE.fullmatch(s)]


def pairs(reviews: pd.DataFrame, limit: int | None = None, seed: int = 0) -> pd.DataFrame:
    """Columns characters (str) and syllables (list of str without tones), one row a distinct sentence of the reviews.

    pypinyin reads a character by the phrase it stands in (heteronyms). limit: so many sentences, drawn at random.
    """
    found = pd.Series(list(dict.fromkeys(s for text in reviews["text"] for s in sentences(text))))
    if limit is not None and limit < len(found):
        found = found.sample(limit, random_state=seed)
    frame = pd.DataFrame({"characters": found.to_list()})
    frame["syllables"] = [lazy_pinyin(s) for s in frame["characters"]]
    return frame[frame["characters"].str.len() == frame["syllables"].str.len()].reset_index(drop=True)


def lexicon(train: pd.DataFrame) -> dict[str, dict[str, float]]:
    """{syllable: {character: P(syllable | character)}} of the training sentences, the most frequent character first."""
    counts, total = defaultdict(Counter), Counter("".join(train["characters"]))
    for characters, syllables in zip(train["characters"], train["syllables"], strict=True):
        for c, s in zip(characters, syllables, strict=True):
            counts[s][c] += 1
    return {s: {c: n / total[c] for c, n in counter.most_common()} for s, counter in counts.items()}


def covered(frame: pd.DataFrame, words: dict[str, dict[str, float]]) -> np.ndarray:
    """(N,) True for the sentences whose every character is among its syllable's in the lexicon."""
    rows = zip(frame["characters"], frame["syllables"], strict=True)
    return np.array([all(c in words.get(s, {}) for c, s in zip(*row, strict=True)) for row in rows])


class NGram:
    """A character model of order 1, 2 or 3: interpolated Kneser-Ney (Kneser and Ney 1995), discount n1 / (n1 + 2 n2).

    Trained on sentences; every sentence ends in END, and is preceded by order - 1 times START.
    """

    def __init__(self, order: int, train: list[str]):
        self.order = order
        self.id = {c: i for i, c in enumerate([START, END, *sorted(set("".join(train)))])}
        self.size = len(self.id)
        grams = Counter()
        for text in train:
            row = [0] * (order - 1) + [self.id[c] for c in text] + [1]
            grams.update(tuple(row[i : i + order]) for i in range(len(row) - order + 1))
        self.levels = []  # one a length: (keys, counts), sorted by key, then the contexts' totals, types and discount
        for length in range(order, 0, -1):
            self.levels.append(self._level(grams))
            # Shorter n-grams count in how many contexts they occur, not how often: Kneser and Ney's idea.
            grams = Counter(gram[1:] for gram in grams) if length > 1 else None
        self.levels.reverse()

    def _level(self, grams: Counter) -> tuple:
        keys = np.array([self._key(gram) for gram in grams], dtype=np.int64)
        counts = np.array(list(grams.values()), dtype=float)
        order = np.argsort(keys)
        keys, counts = keys[order], counts[order]
        contexts, where = np.unique(keys // self.size, return_inverse=True)
        once, twice = (counts == 1).sum(), (counts == 2).sum()
        discount = once / (once + 2 * twice) if once else 0.5
        return keys, counts, contexts, np.bincount(where, counts), np.bincount(where), discount

    def _key(self, ids) -> int:
        key = 0
        for i in ids:
            key = key * self.size + int(i)
        return key

    def probability(self, contexts: np.ndarray, characters: np.ndarray) -> np.ndarray:
        """P(c | context), (S, C), for each context's last order - 1 ids (S, order - 1) and ids c, (C,) or (S, C)."""
        p = np.full(np.broadcast_shapes((len(contexts), 1), characters.shape), 1 / self.size)
        for length, (keys, counts, seen, totals, types, discount) in enumerate(self.levels):
            context = np.zeros(len(contexts), dtype=np.int64)
            for column in range(self.order - 1 - length, self.order - 1):
                context = context * self.size + contexts[:, column]
            at = np.searchsorted(seen, context).clip(max=len(seen) - 1)
            known = (seen[at] == context)[:, None]  # (S, 1): an unseen context leaves the shorter model as it is
            wanted = context[:, None] * self.size + characters
            place = np.searchsorted(keys, wanted).clip(max=len(keys) - 1)
            count = np.where(keys[place] == wanted, counts[place], 0.0)
            total, free = totals[at][:, None], discount * types[at][:, None]
            p = np.where(known, (np.maximum(count - discount, 0) + free * p) / total, p)
        return p


def viterbi(model: NGram, candidates: list[dict[str, float]], beam: int = 100) -> str:
    """The most probable sentence, one character from each position's {character: P(syllable | character)}.

    A state is the last order - 1 characters; `beam` of them are kept a position. With order 2 the search is exact as
    soon as the beam holds every character of a syllable. Source: Viterbi 1967.
    """
    states, scores, history = np.zeros((1, model.order - 1), dtype=np.int64), np.zeros(1), []
    for options in [*candidates, {END: 1.0}]:
        ids = np.array([model.id[c] for c in options])
        emission = np.log(list(options.values()))  # a hidden Markov model: characters are hidden, syllables seen
        total = scores[:, None] + np.log(model.probability(states, ids)) + emission  # (S, C)
        longer = np.concatenate([np.repeat(states, len(ids), 0), np.tile(ids, len(states))[:, None]], 1)[:, 1:]
        best = np.argsort(-total, axis=None, kind="stable")
        key = longer @ (model.size ** np.arange(longer.shape[1], dtype=np.int64))
        best = best[np.sort(np.unique(key[best], return_index=True)[1])][:beam]  # of equal states the best path only
        history.append((list(options), best // len(ids), best % len(ids)))
        states, scores = longer[best], total.ravel()[best]
    at, text = int(scores.argmax()), []
    for options, back, chosen in reversed(history):
        text.append(options[chosen[at]])
        at = back[at]
    return "".join(reversed(text[1:]))


class Codec:
    """Syllables and characters as ids, and each syllable's characters, all from the training sentences.

    n_source, n_target: sizes of the vocabularies. Ids 0 and 1 are PAD and BOS of `socialai.transformer`; on the source
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
        self.candidates = torch.zeros(self.n_source, max(map(len, words.values())), dtype=torch.long)
        self.channel = torch.zeros(self.candidates.shape)
        self.candidates[1, 0] = self.character_id.get(COMMONEST, 2)
        for s, options in words.items():
            row = self.syllable_id[s], slice(len(options))
            self.candidates[row] = torch.tensor([self.character_id[c] for c in options])
            self.channel[row] = torch.tensor(list(options.values())).log()

    def source(self, rows: list[list[str]]) -> Tensor:
        """(B, n) ids of syllables, padded."""
        return pad([[self.syllable_id.get(s, 1) for s in row] for row in rows], PAD, "cpu")["input_ids"]

    def target(self, rows: list[str]) -> Tensor:
        """(B, n) ids of characters, padded; KeyError for a character that the training sentences don't have."""
        return pad([[self.character_id[c] for c in row] for row in rows], PAD, "cpu")["input_ids"]

    def text(self, ids: Tensor) -> list[str]:
        """Sentences of ids (B, n)."""
        return ["".join(self.character[i] for i in row) for row in ids.tolist()]


def batches(codec: Codec, frame: pd.DataFrame, size: int, seed: int, device) -> Callable[[int], Iterator]:
    """For `training.train`: epoch -> batches (source, target) of `size` sentences of similar length, drawn anew."""
    lengths, rng = frame["characters"].str.len().to_list(), np.random.default_rng(seed)

    def epoch(number: int) -> Iterator[tuple[Tensor, Tensor]]:
        for rows in similar_lengths(lengths, size, rng):
            part = frame.iloc[rows]
            yield codec.source(part["syllables"]).to(device), codec.target(part["characters"]).to(device)

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
            ends = (target != PAD).sum(1, keepdim=True)  # (B, 1): the place after the last character
            logits = model(source[:, :0], torch.cat([begin, target], 1))
            target = nn.functional.pad(target, (0, 1)).scatter(1, ends, BOS)
        else:
            logits = model(source, torch.cat([begin, target[:, :-1]], 1))
        return label_smoothing_loss(logits.float(), target, smoothing)

    return loss


def mix(
    next_logits: Callable[[Tensor], Tensor], counts: NGram, codec: Codec, candidates: Tensor, share: float
) -> Callable[[Tensor], Tensor]:
    """For `beam_search`: share times the network's probability of the next character plus 1 - share times counts'.

    candidates (B, n, K), as `beam_search` has them: probabilities are mixed for these ids only. What the others have
    together stands on PAD, which is never chosen, so that the candidates keep their probabilities.
    """
    known = np.array([counts.id[START]] * 2 + [counts.id[c] for c in codec.character[2:]])  # (n_target,)
    coming = known.copy()
    coming[BOS] = counts.id[END]  # what begins a sentence for the network also ends one

    def following(prefix: Tensor) -> Tensor:
        t, missing = prefix.shape[1] - 1, max(0, counts.order - 1 - prefix.shape[1])
        context = known[nn.functional.pad(prefix, (missing, 0), value=BOS)[:, 1 - counts.order :].cpu().numpy()]
        allowed = candidates[:, t].repeat_interleave(len(prefix) // len(candidates), 0)  # (B W, K)
        counted = counts.probability(context, coming[allowed.cpu().numpy()])
        logits = next_logits(prefix).float()
        p = share * logits.softmax(-1).gather(-1, allowed) + (1 - share) * torch.from_numpy(counted).to(logits)
        p = p.masked_fill(allowed == PAD, 0.0)
        rest = (1 - p.sum(-1, keepdim=True)).clamp_min(0.0)  # (B W, 1)
        return torch.zeros_like(logits).scatter(-1, allowed, p).index_copy(-1, allowed.new_tensor([PAD]), rest).log()

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
            end = torch.zeros_like(candidates[:, :1])  # (B, 1, K): the sentence ends after the last syllable
            end[..., 0] = BOS
            candidates, channel = torch.cat([candidates, end], 1), nn.functional.pad(channel, (0, 0, 0, 1))
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
    for _, group in groupby(sorted(range(len(rows)), key=lambda i: len(rows[i])), key=lambda i: len(rows[i])):
        same = list(group)
        yield from (same[i : i + CONVERTED_AT_ONCE] for i in range(0, len(same), CONVERTED_AT_ONCE))


def wrong(predicted: list[str], wanted: list[str]) -> np.ndarray:
    """Wrong characters of each sentence (N,). Both sides have the same lengths (ValueError), so nothing is inserted."""
    return np.array([sum(a != b for a, b in zip(p, w, strict=True)) for p, w in zip(predicted, wanted, strict=True)])


def rate(count: np.ndarray, length: np.ndarray, seed: int = 0) -> tuple[float, float, float]:
    """Sum of counts over sum of lengths, with its 95 % interval: percentile bootstrap over sentences.

    count (N,): wrong characters, or the difference of two methods' wrong characters, of sentences of `length` (N,).
    """

    def ratio(c: np.ndarray, n: np.ndarray, axis: int = -1) -> np.ndarray:
        return c.sum(axis) / n.sum(axis)

    found = bootstrap((count, length), ratio, paired=True, n_resamples=1000, method="percentile", rng=seed)
    return float(ratio(count, length)), float(found.confidence_interval.low), float(found.confidence_interval.high)
