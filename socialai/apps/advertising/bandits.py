"""Policies that learn from clicks (多臂老虎机), tested by replaying a log: epsilon-greedy, UCB, Thompson, LinUCB."""

import numpy as np
from sklearn.base import BaseEstimator

from socialai.validation import check_labels, check_matrix


class Learner(BaseEstimator):
    """A policy that learns; `fit` is replay on a uniformly random log (Li, Chu, Langford and Wang 2011).

    An impression counts only if the learner would have shown the item that the log shows: about one in n items. Then
    it learns from the click; else nothing happened. After `fit`: matched_, clicks_, rate_ = clicks_ / matched_,
    items_ (k,), history_ (matched_,) clicks in order, shown_ (matched_,) their items as numbers in items_.
    """

    def fit(self, items, clicks, contexts=None) -> "Learner":
        """items (n,) shown at random, clicks (n,) 0 or 1, contexts (n, d) known before each choice (default: a 1).

        Raises UserError for missing values, other clicks, and for sides of different length.
        """
        self.items_, logged = np.unique(check_labels(items, name="items"), return_inverse=True)
        clicks, k = (
            check_labels(clicks, len(logged), (0, 1), "clicks").astype(int),
            len(self.items_),
        )
        X = np.ones((len(logged), 1)) if contexts is None else contexts
        X = check_matrix(X, "contexts", shape=(len(logged), None)).astype(float)
        self._rng = np.random.default_rng(self.seed)
        self._start(k, X.shape[1])
        matches, at = [], 0
        while at < len(
            logged
        ):  # what it would show doesn't change until it learns: ask for the next k at once
            hits = np.flatnonzero(self._choose(X[at : at + k]) == logged[at : at + k])
            if not len(hits):
                at += k
                continue
            at += int(hits[0])
            self._update(logged[at], X[at], clicks[at])
            matches.append(at)
            at += 1
        self.history_, self.shown_ = clicks[matches], logged[matches]
        self.matched_, self.clicks_ = len(matches), int(self.history_.sum())
        self.rate_ = self.clicks_ / max(self.matched_, 1)
        return self

    def _start(self, k: int, d: int) -> None:
        self.n_, self.sum_ = np.zeros(k), np.zeros(k)

    def _update(self, arm: int, x: np.ndarray, reward: float) -> None:
        self.n_[arm] += 1
        self.sum_[arm] += reward

    def _best(self, index: np.ndarray, rows: int) -> np.ndarray:
        """(rows,) arms of the largest index, (k,) for all rows or (rows, k), ties broken at random."""
        highest = index >= index.max(-1, keepdims=True)
        return np.where(highest, self._rng.random((rows, index.shape[-1])), -1).argmax(1)


class EpsilonGreedy(Learner):
    """Shows the item of the best rate so far, and with probability epsilon any item. An item not yet shown is best."""

    def __init__(self, epsilon: float = 0.1, seed: int = 0):
        self.epsilon, self.seed = epsilon, seed

    def _choose(self, X):
        best = self._best(np.where(self.n_ > 0, self.sum_ / np.maximum(self.n_, 1), np.inf), len(X))
        explore = self._rng.random(len(X)) < self.epsilon
        return np.where(explore, self._rng.integers(0, len(self.n_), len(X)), best)


class UCB(Learner):
    """UCB1: rate so far plus sqrt(width ln t / n), the width 2 in Auer, Cesa-Bianchi and Fischer 2002, figure 1."""

    def __init__(self, width: float = 2.0, seed: int = 0):
        self.width, self.seed = width, seed

    def _choose(self, X):
        n = np.maximum(self.n_, 1)
        bonus = np.sqrt(self.width * np.log(max(self.n_.sum(), 1)) / n)
        return self._best(np.where(self.n_ > 0, self.sum_ / n + bonus, np.inf), len(X))


class Thompson(Learner):
    """Draws a rate for each item from its beta posterior, shows the highest (Chapelle and Li 2011, algorithm 2).

    a, b: the prior Beta(a, b) of a click rate.
    """

    def __init__(self, a: float = 1.0, b: float = 1.0, seed: int = 0):
        self.a, self.b, self.seed = a, b, seed

    def _choose(self, X):
        draws = self._rng.beta(
            self.a + self.sum_, self.b + self.n_ - self.sum_, (len(X), len(self.n_))
        )
        return draws.argmax(1)


class LinUCB(Learner):
    """A ridge regression an item on the context, plus alpha standard errors (Li et al. 2010, algorithm 1)."""

    def __init__(self, alpha: float = 1.0, seed: int = 0):
        self.alpha, self.seed = alpha, seed

    def _start(self, k, d):
        self.inverse_ = np.tile(np.eye(d), (k, 1, 1))  # (k, d, d): A^-1
        self.b_, self.theta_ = np.zeros((k, d)), np.zeros((k, d))

    def _choose(self, X):
        error = np.sqrt(np.einsum("id,kde,ie->ik", X, self.inverse_, X, optimize=True))
        index = X @ self.theta_.T + self.alpha * error  # (rows, k)
        return self._best(index, len(X))

    def _update(self, arm, x, reward):
        u = self.inverse_[arm] @ x
        self.inverse_[arm] -= np.outer(u, u) / (1 + x @ u)  # Sherman and Morrison: (A + x x^T)^-1
        self.b_[arm] += reward * x
        self.theta_[arm] = self.inverse_[arm] @ self.b_[arm]
