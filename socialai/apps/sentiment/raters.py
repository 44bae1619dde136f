"""Raters: how far they agree, and measures of a model beside them."""

import numpy as np
import pandas as pd
from sklearn.metrics import precision_recall_fscore_support

from socialai.errors import UserError
from socialai.validation import (
    check_list,
    check_number,
    check_numbers,
)


def single_ratings(ratings) -> pd.DataFrame:
    """One row a single rating: text (its position), rating, mean of all its raters, others (mean without this one).

    ratings: one array a text, of any lengths of at least 2. UserError for a text with fewer, or for a missing rating.
    """
    ratings = _each(ratings)
    if short := [i for i, r in enumerate(ratings) if len(r) < 2]:
        raise UserError(
            f"text {short[0]} has {len(ratings[short[0]])} ratings: agreement needs at least two"
        )
    rating = np.concatenate(ratings)
    counts = np.array([len(r) for r in ratings])
    total, n = (
        np.repeat(values, counts) for values in (np.array([r.sum() for r in ratings]), counts)
    )
    return pd.DataFrame(
        {
            "text": np.repeat(np.arange(len(ratings)), counts),
            "rating": rating,
            "mean": total / n,
            "others": (total - rating) / (n - 1),
        }
    )


def krippendorff_alpha(ratings, level: str = "interval") -> float:
    """Agreement beyond chance: 1 when all raters of each text agree, 0 when texts tell nothing about ratings.

    ratings: one array a text (NaN: missing); texts with a single rating don't count. level: "nominal" (same or not),
    "ordinal" (ranks) or "interval" (squared distance). UserError for another level, or when nothing varies.
    Source: Krippendorff 2011, Computing Krippendorff's Alpha-Reliability, section E.
    """
    ratings = [r[~np.isnan(r)] for r in _each(ratings, missing=True)]
    ratings = [r for r in ratings if len(r) > 1]
    if not ratings or len(values := np.unique(np.concatenate(ratings))) < 2:
        raise UserError("alpha is not defined: the ratings don't vary, or no text has two")
    coincidences = np.zeros((len(values), len(values)))
    for r in ratings:
        counts = np.bincount(np.searchsorted(values, r), minlength=len(values))
        coincidences += (np.outer(counts, counts) - np.diag(counts)) / (
            len(r) - 1
        )  # pairs of different raters
    n_c = coincidences.sum(1)
    if level == "nominal":
        delta = 1.0 - np.eye(len(values))
    elif level == "interval":
        delta = (values[:, None] - values[None, :]) ** 2
    elif level == "ordinal":
        rank = (
            np.cumsum(n_c) - n_c / 2
        )  # mid-rank: the ranks between two values are those of the raters between
        delta = (rank[:, None] - rank[None, :]) ** 2
    else:
        raise UserError(f"there is no level {level!r}: nominal, ordinal or interval")
    observed, expected = (
        (coincidences * delta).sum(),
        (np.outer(n_c, n_c) * delta).sum() / (n_c.sum() - 1),
    )
    return float(1 - observed / expected)


def rating_shares(ratings) -> np.ndarray:
    """(n, 3): which share of a text's raters read it as negative, neutral, positive."""
    return np.array([[np.mean(np.sign(r) == sign) for sign in (-1, 0, 1)] for r in _each(ratings)])


def _each(ratings, missing: bool = False) -> list[np.ndarray]:
    """The ratings of each text as an array; there must be texts, and each must have one."""
    ratings = check_list(ratings, "texts with ratings")
    return [
        check_numbers(r, f"ratings of text {i}", missing=missing) for i, r in enumerate(ratings)
    ]


def three_classes(score, threshold: float) -> np.ndarray:
    """-1, 0 or 1: neutral where |score| <= threshold, which is 0 or more."""
    score = check_numbers(score, "scores", ndim=None)
    check_number(threshold, "threshold", 0)
    return np.where(abs(score) <= threshold, 0, np.sign(score)).astype(int)


def vader_measures(
    truth, answer, threshold: float = 0.05, neutral: float = 0.0
) -> dict[str, float]:
    """The four measures of table 4 of Hutto and Gilbert 2014: r, precision, recall, f1.

    truth: mean rating; neutral up to `neutral`. answer: a score; neutral up to `threshold`. The paper says "overall"
    without more; the means of the three classes weighted by cases, with only a mean of exactly 0 counted as neutral,
    reproduce its rows for single raters.
    """
    truth = check_numbers(truth, "truth")
    answer = check_numbers(answer, "answer", n=len(truth))
    y_true, y_pred = three_classes(truth, neutral), three_classes(answer, threshold)
    p, r, f1, _ = precision_recall_fscore_support(
        y_true, y_pred, average="weighted", zero_division=0
    )
    return {
        "r": float(np.corrcoef(truth, answer)[0, 1]),
        "precision": float(p),
        "recall": float(r),
        "f1": float(f1),
    }
