"""Raters: how far they agree, and measures of a model beside them."""

import numpy as np
import pandas as pd
from sklearn.metrics import precision_recall_fscore_support

from socialai.errors import UserError
from socialai.validation import check_choice, check_list, check_number, check_numbers

LEVELS = ("nominal", "ordinal", "interval")


def single_ratings(ratings) -> pd.DataFrame:
    """One row a single rating: text (its position), rating, mean, others.

    ratings: one array a text, of any lengths of at least 2. mean is that of all raters of the text,
    others that without this one. UserError for a text with fewer, or for a missing rating.
    """
    ratings = _checked(ratings)
    for i, of_text in enumerate(ratings):
        if len(of_text) < 2:
            raise UserError(f"text {i} has {len(of_text)} ratings: agreement needs at least two")
    counts = np.array([len(of_text) for of_text in ratings])
    sums = np.array([of_text.sum() for of_text in ratings])

    # One row a rating, beside the sum and the count of its text.
    rating = np.concatenate(ratings)
    total = np.repeat(sums, counts)
    n = np.repeat(counts, counts)
    return pd.DataFrame(
        {
            "text": np.repeat(np.arange(len(ratings)), counts),
            "rating": rating,
            "mean": total / n,
            "others": (total - rating) / (n - 1),
        }
    )


def krippendorff_alpha(ratings, level: str = "interval") -> float:
    """Agreement beyond chance: 1 when all raters of each text agree, 0 when texts tell nothing.

    ratings: one array a text (NaN: missing); texts with a single rating don't count. level:
    "nominal" (same or not), "ordinal" (ranks) or "interval" (squared distance). UserError for
    another level, or when nothing varies.
    Source: Krippendorff 2011, Computing Krippendorff's Alpha-Reliability, section E.
    """
    check_choice(level, LEVELS, "level")
    present = [of_text[~np.isnan(of_text)] for of_text in _checked(ratings, missing=True)]
    present = [of_text for of_text in present if len(of_text) > 1]
    values = np.unique(np.concatenate(present)) if present else np.array([])
    if len(values) < 2:
        raise UserError("alpha is not defined: the ratings don't vary, or no text has two")

    # How often two raters of one text said values i and j.
    coincidences = np.zeros((len(values), len(values)))
    for of_text in present:
        counts = np.bincount(np.searchsorted(values, of_text), minlength=len(values))
        pairs = np.outer(counts, counts) - np.diag(counts)  # of different raters
        coincidences += pairs / (len(of_text) - 1)
    n_c = coincidences.sum(1)

    # How far apart two values are.
    if level == "nominal":
        delta = 1.0 - np.eye(len(values))
    elif level == "interval":
        with np.errstate(over="ignore"):
            delta = (values[:, None] - values[None, :]) ** 2
    else:
        # Of mid-ranks: the ranks between two values are those of the raters between them.
        rank = np.cumsum(n_c) - n_c / 2
        delta = (rank[:, None] - rank[None, :]) ** 2

    observed = (coincidences * delta).sum()
    expected = (np.outer(n_c, n_c) * delta).sum() / (n_c.sum() - 1)
    if not 0 < expected < np.inf:
        raise UserError("the ratings are too large, or too near to each other, to be compared")
    return float(1 - observed / expected)


def rating_shares(ratings) -> np.ndarray:
    """(n, 3): which share of a text's raters read it as negative, neutral, positive."""
    rows = []
    for of_text in _checked(ratings):
        signs = np.sign(of_text)
        rows.append([np.mean(signs == sign) for sign in (-1, 0, 1)])
    return np.array(rows)


def three_classes(score, threshold: float) -> np.ndarray:
    """-1, 0 or 1: neutral where |score| <= threshold, which is 0 or more."""
    score = check_numbers(score, "scores", ndim=None, empty=True)
    threshold = check_number(threshold, "threshold", 0)
    return np.where(abs(score) <= threshold, 0, np.sign(score)).astype(int)


def vader_measures(
    truth, answer, threshold: float = 0.05, neutral: float = 0.0
) -> dict[str, float]:
    """The four measures of table 4 of Hutto and Gilbert 2014: r, precision, recall, f1.

    truth (n,): mean ratings; neutral up to `neutral`. answer (n,): scores; neutral up to
    `threshold`. The paper says "overall" without more; the means of the three classes weighted by
    cases, with only a mean of exactly 0 counted as neutral, reproduce its rows for single raters.
    r is NaN where either doesn't vary, as with a baseline that always says the mean.
    """
    truth = check_numbers(truth, "truth")
    answer = check_numbers(answer, "answer", n=len(truth))
    with np.errstate(all="ignore"):
        r = float(np.corrcoef(truth, answer)[0, 1]) if len(truth) > 1 else np.nan
    precision, recall, f1, _ = precision_recall_fscore_support(
        three_classes(truth, neutral),
        three_classes(answer, threshold),
        average="weighted",
        zero_division=0,
    )
    return {
        "r": r,
        "precision": float(precision),
        "recall": float(recall),
        "f1": float(f1),
    }


def _checked(ratings, missing: bool = False) -> list[np.ndarray]:
    """The ratings of each text as an array; there must be texts, and each must have one."""
    ratings = check_list(ratings, "texts with ratings")
    return [
        check_numbers(of_text, f"ratings of text {i}", missing=missing)
        for i, of_text in enumerate(ratings)
    ]
