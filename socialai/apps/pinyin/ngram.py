"""Baselines that only count: n-gram models of characters, and the most probable sentence."""

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from socialai.errors import UserError
from socialai.validation import check_list, check_number, check_numbers, check_texts

START = "<s>"
END = "</s>"
BACKSTOP_DISCOUNT = 0.5  # where no n-gram occurs just once, so that none can be estimated


class Level(NamedTuple):
    """What is counted of n-grams of one length. An n-gram is one number, its key."""

    keys: np.ndarray  # (N,), sorted
    counts: np.ndarray  # (N,)
    contexts: np.ndarray  # (M,) keys of all but the last character, sorted
    totals: np.ndarray  # (M,) counts of a context
    types: np.ndarray  # (M,) different characters that follow a context
    discount: float


class NGram:
    """A character model of order 1, 2 or 3: interpolated Kneser-Ney, discount n1 / (n1 + 2 n2).

    Trained on sentences; every sentence ends in END, and is preceded by order - 1 times START.
    Source: Kneser and Ney 1995.
    """

    def __init__(self, order: int, sentences: list[str]):
        self.order = check_number(order, "order", 1, 3, whole=True)
        sentences = check_texts(sentences, "sentence")
        characters = [START, END, *sorted(set("".join(sentences)))]
        self.character_id = {character: i for i, character in enumerate(characters)}
        self.n_characters = len(characters)
        self.levels = self._count(sentences)  # of length 1, 2, ..., order

    def _count(self, sentences: list[str]) -> list[Level]:
        start = self.character_id[START]
        end = self.character_id[END]
        grams = Counter()
        for sentence in sentences:
            inside = [self.character_id[character] for character in sentence]
            row = [start] * (self.order - 1) + inside + [end]
            grams.update(tuple(row[i : i + self.order]) for i in range(len(row) - self.order + 1))
        levels = [self._level(grams)]
        for _ in range(self.order - 1):
            # Shorter n-grams count in how many contexts they occur, not how often: Kneser and
            # Ney's idea.
            grams = Counter(gram[1:] for gram in grams)
            levels.append(self._level(grams))
        return levels[::-1]

    def _level(self, grams: Counter) -> Level:
        keys = np.array([self._key(gram) for gram in grams], dtype=np.int64)
        counts = np.array(list(grams.values()), dtype=float)
        order = np.argsort(keys)
        contexts, context_of = np.unique(keys[order] // self.n_characters, return_inverse=True)
        once = (counts == 1).sum()
        twice = (counts == 2).sum()
        return Level(
            keys=keys[order],
            counts=counts[order],
            contexts=contexts,
            totals=np.bincount(context_of, counts[order]),
            types=np.bincount(context_of),
            discount=once / (once + 2 * twice) if once else BACKSTOP_DISCOUNT,
        )

    def _key(self, ids: tuple[int, ...]) -> int:
        key = 0
        for i in ids:
            key = key * self.n_characters + int(i)
        return key

    def probability(self, contexts: np.ndarray, characters: np.ndarray) -> np.ndarray:
        """P(c | context), (S, C).

        contexts: each one's last order - 1 ids (S, order - 1). characters: ids c, (C,) or (S, C).
        """
        shape = np.broadcast_shapes((len(contexts), 1), characters.shape)
        p = np.full(shape, 1 / self.n_characters)
        for length, level in enumerate(self.levels):
            context = np.zeros(len(contexts), dtype=np.int64)
            for column in range(self.order - 1 - length, self.order - 1):
                context = context * self.n_characters + contexts[:, column]
            at = np.searchsorted(level.contexts, context).clip(max=len(level.contexts) - 1)
            known = (level.contexts[at] == context)[:, None]  # (S, 1)

            wanted = context[:, None] * self.n_characters + characters  # (S, C)
            place = np.searchsorted(level.keys, wanted).clip(max=len(level.keys) - 1)
            count = np.where(level.keys[place] == wanted, level.counts[place], 0.0)

            # What the discount frees goes to the shorter model, and an unseen context leaves all
            # to it.
            total = level.totals[at][:, None]
            free = level.discount * level.types[at][:, None]
            p = np.where(known, (np.maximum(count - level.discount, 0) + free * p) / total, p)
        return p


def viterbi(model: NGram, candidates: list[dict[str, float]], beam: int = 100) -> str:
    """The most probable sentence, one character from each position's candidates.

    candidates: {character: P(syllable | character)} of each position. A hidden Markov model:
    characters are hidden, syllables are seen. A state is the last order - 1 characters; `beam` of
    them are kept a position. With order 2 the search is exact as soon as the beam holds every
    character of a syllable. Source: Viterbi 1967. UserError for a position without candidates, and
    for a character that the model has never seen.
    """
    beam = check_number(beam, "beam", 1, whole=True)
    candidates = check_list(candidates, "positions", empty=True)
    for place, options in enumerate(candidates):
        if not isinstance(options, Mapping):
            raise UserError(f"candidates of place {place}: {{character: probability}} is needed")
        unknown = [character for character in options if character not in model.character_id]
        if unknown or not options:
            what = f"{unknown[0]!r} is unknown to the model" if unknown else "there are none"
            raise UserError(f"candidates of place {place}: {what}")
        check_numbers([*options.values()], f"probabilities of place {place}", 0)
    states = np.zeros((1, model.order - 1), dtype=np.int64)
    scores = np.zeros(1)
    history = []
    for options in [*candidates, {END: 1.0}]:
        ids = np.array([model.character_id[character] for character in options])
        with np.errstate(divide="ignore"):  # one that can't be
            emission = np.log(np.array([*options.values()], float))  # (C,)
        total = scores[:, None] + np.log(model.probability(states, ids)) + emission  # (S, C)

        # The states one character further, the best first; of equal ones the best path only.
        extended = np.concatenate(
            [np.repeat(states, len(ids), 0), np.tile(ids, len(states))[:, None]], 1
        )
        longer = extended[:, 1:]
        best = np.argsort(-total, axis=None, kind="stable")
        key = longer @ (model.n_characters ** np.arange(longer.shape[1], dtype=np.int64))
        first = np.sort(np.unique(key[best], return_index=True)[1])
        best = best[first][:beam]

        history.append((list(options), best // len(ids), best % len(ids)))
        states = longer[best]
        scores = total.ravel()[best]

    # Back along the best path; END, read first, is no character of the sentence.
    at = int(scores.argmax())
    text = []
    for options, came_from, chosen in reversed(history):
        text.append(options[chosen[at]])
        at = came_from[at]
    return "".join(reversed(text[1:]))
