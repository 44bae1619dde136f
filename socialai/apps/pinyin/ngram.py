"""Baselines that only count: n-gram models of characters, and the most probable sentence by Viterbi's search."""

from collections import Counter

import numpy as np

START, END = "<s>", "</s>"


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
            known = (seen[at] == context)[
                :, None
            ]  # (S, 1): an unseen context leaves the shorter model as it is
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
        emission = np.log(
            list(options.values())
        )  # a hidden Markov model: characters are hidden, syllables seen
        total = scores[:, None] + np.log(model.probability(states, ids)) + emission  # (S, C)
        longer = np.concatenate(
            [np.repeat(states, len(ids), 0), np.tile(ids, len(states))[:, None]], 1
        )[:, 1:]
        best = np.argsort(-total, axis=None, kind="stable")
        key = longer @ (model.size ** np.arange(longer.shape[1], dtype=np.int64))
        best = best[np.sort(np.unique(key[best], return_index=True)[1])][
            :beam
        ]  # of equal states the best path only
        history.append((list(options), best // len(ids), best % len(ids)))
        states, scores = longer[best], total.ravel()[best]
    at, text = int(scores.argmax()), []
    for options, back, chosen in reversed(history):
        text.append(options[chosen[at]])
        at = back[at]
    return "".join(reversed(text[1:]))
