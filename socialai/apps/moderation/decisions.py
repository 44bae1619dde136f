"""From scores to outcomes: precision at a fixed recall, and show, review or reject by cost."""

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from socialai.errors import UserError
from socialai.evaluation import bootstrap
from socialai.validation import check_number, check_numbers, check_scored, check_settings

EQUAL = 1e-9  # numbers that differ by a smaller share are equal: sums are rounded


class ThreeWayDecision(BaseEstimator):
    """Two thresholds from three costs: show, send to a person, or reject.

    A post is shown below low_, rejected from high_ on, and a person reviews it between them. `fit`
    finds the pair of least mean cost on the cases given, exactly; of equal pairs the one that
    rejects, then reviews, fewest. With calibrated probabilities it tends to low = review / miss and
    high = 1 - review / wrong_reject. Source: Chow 1970.

    Parameters
    ----------
    miss : float
        What it costs to show a post that breaks the rules.
    wrong_reject : float
        What it costs to reject one that doesn't.
    review : float
        What it costs to have a person look, who is taken to decide rightly.
    capacity : float or None
        Largest share of posts that people can review. None: any.

    Attributes
    ----------
    low_, high_ : float
        The two thresholds.
    cost_ : float
        Mean cost a case on the cases of `fit`.

    Examples
    --------
    >>> policy = ThreeWayDecision(miss=10, wrong_reject=4, review=1)
    >>> policy = policy.fit([0.1, 0.2, 0.4, 0.6, 0.8, 0.9], [0, 0, 1, 0, 1, 1])
    >>> policy.predict([0.1, 0.5, 0.9]).tolist()
    ['show', 'review', 'reject']
    """

    def __init__(
        self,
        miss: float = 10.0,
        wrong_reject: float = 4.0,
        review: float = 1.0,
        capacity: float | None = None,
    ):
        self.miss = miss
        self.wrong_reject = wrong_reject
        self.review = review
        self.capacity = capacity

    def fit(self, scores, y) -> "ThreeWayDecision":
        """Choose low_ and high_ on validation cases, not on test ones.

        scores (n,): the larger, the worse; y (n,): the truth, 1 where a post breaks the rules.
        """
        cost = {"low": 0}
        check_settings(self, miss=cost, wrong_reject=cost, review=cost)
        if self.capacity is not None:
            check_settings(self, capacity={"low": 0, "high": 1})
        y, scores = check_scored(y, scores)
        order = np.argsort(scores, kind="stable")
        ranked = scores[order]
        bad = y[order]
        n = len(ranked)

        # Show the first i, reject from j on, i <= j: the cost of i and j is
        # shown[i] + review * (j - i) + rejected[j] = left[i] + right[j].
        bad_before = np.concatenate([[0], np.cumsum(bad)])  # (n + 1,)
        good_before = np.concatenate([[0], np.cumsum(1 - bad)])
        shown = self.miss * bad_before
        rejected = self.wrong_reject * ((1 - bad).sum() - good_before)
        places = np.arange(n + 1)

        # Equal scores stay together: only places between different ones are cuts.
        is_cut = np.concatenate([[True], ranked[1:] != ranked[:-1], [True]])
        left = pd.Series(np.where(is_cut, shown - self.review * places, np.nan))
        right = np.where(is_cut, rejected + self.review * places, np.nan)

        # For each j the best i that leaves no more to review than the capacity.
        width = n + 1 if self.capacity is None else int(self.capacity * n + EQUAL) + 1
        best_left = left.rolling(width, min_periods=1).min().to_numpy()
        total = best_left + right
        equal = EQUAL * max(self.miss, self.wrong_reject, self.review)
        j = int(places[total <= np.nanmin(total) + equal][-1])
        window = left.to_numpy()[max(0, j - width + 1) : j + 1]
        i = j - len(window) + 1 + int(np.flatnonzero(window <= best_left[j] + equal)[-1])

        # A threshold lies halfway between two neighbours, or is the upper one where no float does.
        halfway = ranked[1:] / 2 + ranked[:-1] / 2
        halfway = np.where(halfway > ranked[:-1], halfway, ranked[1:])
        edges = np.concatenate([[-np.inf], halfway, [np.inf]])
        self.low_ = float(edges[i])
        self.high_ = float(edges[j])
        self.cost_ = float(total[j] / n)
        return self

    def predict(self, scores) -> np.ndarray:
        """ "show", "review" or "reject" for each score, (n,)."""
        check_is_fitted(self)
        scores = check_numbers(scores, "scores", empty=True)
        not_shown = np.where(scores >= self.high_, "reject", "review")
        return np.where(scores >= self.low_, not_shown, "show")

    def costs(self, scores, y) -> np.ndarray:
        """What each decision costs, (n,): its mean is the cost a post."""
        check_is_fitted(self)
        y, scores = check_scored(y, scores)
        decision = self.predict(scores)
        bad = y.astype(bool)
        mistakes = np.where(decision == "show", self.miss * bad, self.wrong_reject * ~bad)
        return np.where(decision == "review", self.review, mistakes)


def precision_at_recall(y, scores, recall: float = 0.9, seed: int = 0) -> dict:
    """Precision where the threshold is as high as `recall` of the positives allows.

    y (n,) of 0 and 1, scores (n,). Returns {"precision": Interval, "threshold", "flagged"}, the
    last being the share of all cases at or above the threshold. The interval is a bootstrap of
    cases with the threshold found anew in each resample.
    """
    y, scores = check_scored(y, scores)
    recall = check_number(recall, "recall", 0, 1, above=True)
    if not y.any():
        raise UserError("precision at a recall needs positive cases: there are none")

    def threshold_of(y: np.ndarray, scores: np.ndarray) -> float:
        positive = np.sort(scores[y == 1])[::-1]
        n_caught = int(np.ceil(recall * len(positive) - EQUAL))
        return positive[n_caught - 1]

    def precision(y: np.ndarray, scores: np.ndarray) -> float:
        if not y.any():
            return np.nan  # a resample without positives says nothing
        return y[scores >= threshold_of(y, scores)].mean()

    threshold = float(threshold_of(y, scores))
    return {
        "precision": bootstrap(precision, y, scores, seed=seed),
        "threshold": threshold,
        "flagged": float((scores >= threshold).mean()),
    }
