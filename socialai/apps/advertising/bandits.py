"""Policies that learn from clicks (多臂老虎机), tested by replaying a log."""

from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from socialai.errors import UserError
from socialai.validation import (
    as_input_error,
    check_labels,
    check_matrix,
    check_settings,
    column_names,
    generator_seed,
)


class BanditPolicy(BaseEstimator, ABC):
    """A policy that learns; `fit` is replay on a uniformly random log, `predict` what it now shows.

    An impression counts only if the learner would have shown the item that the log shows: about one
    in as many as there are items. Then it learns from the click; else nothing happened. Source: Li,
    Chu, Langford and Wang 2011.

    Attributes
    ----------
    items_ : ndarray of shape (k,)
        The different items; an arm is the number of one.
    matched_ : int
        Impressions that counted.
    clicks_ : int
        Clicks on them.
    rate_ : float
        clicks_ / matched_.
    history_ : ndarray of shape (matched_,)
        The clicks in order.
    shown_ : ndarray of shape (matched_,)
        The arms in order.
    columns_ : list or None
        The names of the columns of the contexts, where they were a frame: others have the same.
    """

    _ranges: dict = {}  # of the settings, as `check_settings` takes them

    def fit(self, items: ArrayLike, clicks: ArrayLike, contexts=None) -> "BanditPolicy":
        """items (n,) shown at random, clicks (n,) 0 or 1, contexts (n, d) known before each choice.

        Without contexts each is a 1. Raises UserError for missing values, other clicks, for sides
        of different length, and for settings outside their ranges.
        """
        check_settings(self, **self._ranges)
        items = check_labels(list(items) if isinstance(items, Iterator) else items, name="items")
        with as_input_error("items"):  # a list, say, can't be one
            set(items)
        self.items_, logged = np.unique(items, return_inverse=True)
        clicks = check_labels(clicks, len(logged), (0, 1), "clicks").astype(int)
        X = np.ones((len(logged), 1)) if contexts is None else contexts
        self.columns_ = column_names(X)
        X = check_matrix(X, "contexts", shape=(len(logged), None)).astype(float)
        rng = np.random.default_rng(generator_seed(self.seed))
        k = len(self.items_)
        self._start(k, X.shape[1])

        # What it would show doesn't change until it learns: ask for the next k impressions at once.
        matches = []
        at = 0
        while at < len(logged):
            hits = np.flatnonzero(self._choose(X[at : at + k], rng) == logged[at : at + k])
            if not len(hits):
                at += k
                continue
            at += int(hits[0])
            self._update(logged[at], X[at], clicks[at])
            matches.append(at)
            at += 1

        self.history_ = clicks[matches]
        self.shown_ = logged[matches]
        self.matched_ = len(matches)
        self.clicks_ = int(self.history_.sum())
        self.rate_ = self.clicks_ / max(self.matched_, 1)
        return self

    def predict(self, contexts=None) -> np.ndarray:
        """(n,) the items that it would show now, each to its context (n, d), or one without any."""
        check_is_fitted(self, "items_")
        X = np.ones((1, 1)) if contexts is None else contexts
        column_names(X, self.columns_)
        X = check_matrix(X, "contexts", shape=(None, self._width()), empty=True).astype(float)
        rng = np.random.default_rng(generator_seed(self.seed))
        return self.items_[self._choose(X, rng)]

    def _width(self) -> int | None:
        """d of the contexts that it learned from; None where it only counts them."""
        return None

    def _start(self, k: int, d: int) -> None:
        """Forget everything; there are k arms, and contexts of d numbers."""
        self.n_ = np.zeros(k)
        self.sum_ = np.zeros(k)

    def _update(self, arm: int, x: np.ndarray, reward: float) -> None:
        """Learn that showing the arm to context x (d,) gave this reward."""
        self.n_[arm] += 1
        self.sum_[arm] += reward

    @abstractmethod
    def _choose(self, X: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """(n,) arms for the contexts X (n, d)."""


def _best(index: np.ndarray, rows: int, rng: np.random.Generator) -> np.ndarray:
    """(rows,) arms of the largest index, (k,) for all rows or (rows, k), ties broken at random."""
    highest = index >= index.max(-1, keepdims=True)
    return np.where(highest, rng.random((rows, index.shape[-1])), -1).argmax(1)


class EpsilonGreedy(BanditPolicy):
    """Shows the item of the best rate so far, and with probability epsilon any item.

    An item not yet shown counts as best.

    Parameters
    ----------
    epsilon : float
        Share of the choices that explore.
    seed : int

    Examples
    --------
    >>> EpsilonGreedy(0.1).fit(["a", "b"] * 50, [1, 0] * 50).predict().tolist()
    ['a']
    """

    _ranges = {"epsilon": {"low": 0, "high": 1}}

    def __init__(self, epsilon: float = 0.1, seed: int = 0):
        self.epsilon = epsilon
        self.seed = seed

    def _choose(self, X, rng):
        rate = np.where(self.n_ > 0, self.sum_ / np.maximum(self.n_, 1), np.inf)
        best = _best(rate, len(X), rng)
        explore = rng.random(len(X)) < self.epsilon
        return np.where(explore, rng.integers(0, len(self.n_), len(X)), best)


class UCB(BanditPolicy):
    """UCB1: shows the item of the highest rate so far plus sqrt(width ln t / n).

    Source: Auer, Cesa-Bianchi and Fischer 2002, figure 1, where the width is 2.

    Parameters
    ----------
    width : float
        How much an item gains by having been shown seldom.
    seed : int

    Examples
    --------
    >>> UCB().fit(["a", "b"] * 50, [1, 0] * 50).predict().tolist()
    ['a']
    """

    _ranges = {"width": {"low": 0}}

    def __init__(self, width: float = 2.0, seed: int = 0):
        self.width = width
        self.seed = seed

    def _choose(self, X, rng):
        n = np.maximum(self.n_, 1)
        bonus = np.sqrt(self.width * np.log(max(self.n_.sum(), 1)) / n)
        return _best(np.where(self.n_ > 0, self.sum_ / n + bonus, np.inf), len(X), rng)


class ThompsonSampling(BanditPolicy):
    """Draws a rate for each item from its beta posterior, and shows the item of the highest.

    Source: Chapelle and Li 2011, algorithm 2.

    Parameters
    ----------
    a, b : float
        The prior Beta(a, b) of a click rate.
    seed : int

    Examples
    --------
    >>> ThompsonSampling().fit(["a", "b"] * 50, [1, 0] * 50).predict().tolist()
    ['a']
    """

    _ranges = {"a": {"low": 0, "above": True}, "b": {"low": 0, "above": True}}

    def __init__(self, a: float = 1.0, b: float = 1.0, seed: int = 0):
        self.a = a
        self.b = b
        self.seed = seed

    def _choose(self, X, rng):
        shape = (len(X), len(self.n_))
        draws = rng.beta(self.a + self.sum_, self.b + self.n_ - self.sum_, shape)
        return draws.argmax(1)


class LinUCB(BanditPolicy):
    """A ridge regression an item on the context, plus alpha standard errors of it.

    Source: Li, Chu, Langford and Schapire 2010, algorithm 1.

    Parameters
    ----------
    alpha : float
        Standard errors that are added to what is expected of an item.
    seed : int

    Attributes
    ----------
    theta_ : ndarray of shape (k, d)
        The coefficients of each arm.

    Examples
    --------
    >>> kind = [[1, 0], [1, 0], [0, 1], [0, 1]] * 50  # a is for the first kind, b for the second
    >>> LinUCB().fit(["a", "b"] * 100, [1, 0, 0, 1] * 50, kind).predict([[1, 0], [0, 1]]).tolist()
    ['a', 'b']
    """

    _ranges = {"alpha": {}}

    def __init__(self, alpha: float = 1.0, seed: int = 0):
        self.alpha = alpha
        self.seed = seed

    def _start(self, k, d):
        self.inverse_ = np.tile(np.eye(d), (k, 1, 1))  # (k, d, d): A^-1
        self.b_ = np.zeros((k, d))
        self.theta_ = np.zeros((k, d))

    def _choose(self, X, rng):
        with np.errstate(all="ignore"):
            squares = np.einsum("id,kde,ie->ik", X, self.inverse_, X, optimize=True)
            error = np.sqrt(np.maximum(squares, 0))  # rounding may leave one below 0
            index = X @ self.theta_.T + self.alpha * error  # (n, k)
        if not np.isfinite(index).all():
            raise UserError("contexts: the numbers are too large for a regression: scale them")
        return _best(index, len(X), rng)

    def _width(self):
        return self.theta_.shape[1]

    def _update(self, arm, x, reward):
        u = self.inverse_[arm] @ x
        self.inverse_[arm] -= np.outer(u, u) / (1 + x @ u)  # Sherman and Morrison: (A + x x^T)^-1
        self.b_[arm] += reward * x
        self.theta_[arm] = self.inverse_[arm] @ self.b_[arm]
