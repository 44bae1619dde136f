"""From scores to outcomes: precision at a fixed recall, and show, review or reject by cost."""

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from socialai.errors import UserError
from socialai.validation import check_number, check_numbers, check_scored


class ThreeWayDecision(BaseEstimator):
    """Two thresholds from three costs: show below low_, reject from high_ on, a person reviews between them.

    miss: what it costs to show a post that breaks the rules; wrong_reject: to reject one that doesn't; review: to have
    a person look, who is taken to decide rightly. capacity: largest share of posts that people can review (None: any).
    `fit` finds the pair of least mean cost on the cases given, exactly; of equal pairs the one that rejects, then
    reviews, fewest. With calibrated probabilities it tends to low = review / miss, high = 1 - review / wrong_reject
    (Chow 1970). After fit: low_, high_, cost_ (mean cost a case on those cases).
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

    def fit(self, scores, y):
        """Choose low_ and high_ for scores (n,), larger: worse, and truth y (n,) of 0 and 1: validation, not test."""
        check_numbers(
            [self.miss, self.wrong_reject, self.review],
            "the costs miss, wrong_reject and review",
            0,
        )
        if self.capacity is not None:
            check_number(self.capacity, "capacity", 0, 1)
        y, scores = check_scored(y, scores)
        order = np.argsort(scores, kind="stable")
        ranked, bad = scores[order], y[order]
        n = len(ranked)
        # Show the first i, reject from j on: cost(i, j) = shown(i) + review (j - i) + rejected(j), i <= j.
        shown = self.miss * np.concatenate([[0], np.cumsum(bad)])  # (n + 1,)
        rejected = self.wrong_reject * ((1 - bad).sum() - np.concatenate([[0], np.cumsum(1 - bad)]))
        places = np.arange(n + 1)
        between = np.concatenate(
            [[True], ranked[1:] != ranked[:-1], [True]]
        )  # equal scores stay together
        left = pd.Series(np.where(between, shown - self.review * places, np.nan))
        right = np.where(between, rejected + self.review * places, np.nan)
        width = n + 1 if self.capacity is None else int(self.capacity * n) + 1
        best_left = (
            left.rolling(width, min_periods=1).min().to_numpy()
        )  # of i from j - width + 1 to j
        total = best_left + right
        j = int(places[total <= np.nanmin(total) + 1e-9][-1])
        window = left.to_numpy()[max(0, j - width + 1) : j + 1]
        i = j - len(window) + 1 + int(np.flatnonzero(window <= best_left[j] + 1e-9)[-1])
        edges = np.concatenate(
            [[-np.inf], (ranked[1:] + ranked[:-1]) / 2, [np.inf]]
        )  # halfway between neighbours
        self.low_, self.high_, self.cost_ = float(edges[i]), float(edges[j]), float(total[j] / n)
        return self

    def predict(self, scores) -> np.ndarray:
        """ "show", "review" or "reject" for each score, (n,)."""
        check_is_fitted(self, "low_")
        scores = check_numbers(scores, "scores")
        return np.where(
            scores >= self.high_, "reject", np.where(scores >= self.low_, "review", "show")
        )

    def costs(self, scores, y) -> np.ndarray:
        """What each decision costs, (n,): its mean is the cost a post."""
        y, scores = check_scored(y, scores)
        decision, bad = self.predict(scores), y.astype(bool)
        wrong = np.where(decision == "show", self.miss * bad, self.wrong_reject * ~bad)
        return np.where(decision == "review", self.review, wrong)


def precision_at_recall(
    y, scores, recall: float = 0.9, seed: int = 0, resamples: int = 500
) -> dict:
    """Precision where the threshold is as high as `recall` of the positives allows, with a 95 % interval.

    y (n,) of 0 and 1, scores (n,). Returns {"precision", "interval_95", "threshold", "flagged"}, the last being the
    share of all cases at or above the threshold. The interval is a bootstrap of cases with the threshold found anew.
    """
    y, scores = check_scored(y, scores)
    (
        check_number(recall, "recall", 0, 1, above=True),
        check_number(resamples, "resamples", 1, whole=True),
    )
    if not y.any():
        raise UserError("precision at a recall needs positive cases: there are none")

    def at(rows: np.ndarray) -> tuple[float, float, float]:
        positive = np.sort(scores[rows][y[rows] == 1])[::-1]
        if not len(positive):
            return np.nan, np.nan, np.nan
        threshold = positive[int(np.ceil(recall * len(positive) - 1e-9)) - 1]
        flagged = scores[rows] >= threshold
        return y[rows][flagged].mean(), threshold, flagged.mean()

    rng = np.random.default_rng(seed)
    precision, threshold, flagged = map(float, at(np.arange(len(y))))
    drawn = [at(rng.integers(len(y), size=len(y)))[0] for _ in range(resamples)]
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    interval = [float(low), float(high)]
    return {
        "precision": precision,
        "interval_95": interval,
        "threshold": threshold,
        "flagged": flagged,
    }
