"""One way to evaluate: scores by hand, intervals, a paired comparison, calibration and a threshold by cost.

All functions take labels of any one type (numbers or strings) and raise ValueError on what can't be evaluated: no
cases, sides of different length, missing labels, text beside numbers. Nothing here fits a model or chooses on test.
"""

import numpy as np
import pandas as pd
from scipy.stats import binomtest

RESAMPLES = 2000


def confusion_matrix(y_true, y_pred) -> tuple[np.ndarray, np.ndarray]:
    """(labels, counts): sorted labels seen on either side (K,), and counts (K, K), rows true, columns predicted.

    The same counts as scikit-learn's function of that name.
    """
    y_true, y_pred = _checked(y_true, y_pred)
    labels, codes = np.unique(np.concatenate([y_true, y_pred]), return_inverse=True)
    true, predicted = codes[: len(y_true)], codes[len(y_true) :]
    counts = np.zeros((len(labels), len(labels)), dtype=int)
    np.add.at(counts, (true, predicted), 1)
    return labels, counts


def scores_by_hand(y_true, y_pred) -> dict:
    """Confusion matrix, accuracy, macro and weighted F1 and, per class, precision, recall, F1, from counts alone.

    A ratio without cases (a class never predicted, or never true) counts as 0, as in scikit-learn. Macro F1 is the
    mean of the classes' F1, weighted F1 their mean weighted by support (the number of true cases).
    Returns {"labels", "confusion", "accuracy", "macro_f1", "weighted_f1", "per_class": {label: {"precision",
    "recall", "f1", "support"}}, "n"}; labels are plain Python values, so that all but "confusion" goes into JSON.
    """
    labels, confusion = confusion_matrix(y_true, y_pred)
    per_class = {}
    for k, label in enumerate(labels.tolist()):
        true_positives = confusion[k, k]
        predicted, support = confusion[:, k].sum(), confusion[k].sum()
        precision = true_positives / predicted if predicted else 0.0
        recall = true_positives / support if support else 0.0
        f1 = 2 * precision * recall / (precision + recall) if true_positives else 0.0
        per_class[label] = {
            "precision": float(precision),
            "recall": float(recall),
            "f1": float(f1),
            "support": int(support),
        }
    f1_of_classes = [scores["f1"] for scores in per_class.values()]
    return {
        "labels": labels.tolist(),
        "confusion": confusion,
        "accuracy": float(np.trace(confusion) / confusion.sum()),
        "macro_f1": float(np.mean(f1_of_classes)),
        "weighted_f1": float(np.average(f1_of_classes, weights=confusion.sum(1))),
        "per_class": per_class,
        "n": int(confusion.sum()),
    }


def evaluate(y_true, y_pred, seed: int = 0) -> dict:
    """Scores with 95 % intervals, ready for JSON.

    Returns {"accuracy", "macro_f1", "per_class": {label: {precision, recall, f1, support}},
    "interval_95": {"accuracy": [low, high], "macro_f1": [low, high]}, "n"}. The intervals are percentile bootstraps
    over test cases (Efron and Tibshirani 1993, chapter 13): they hold the model fixed, so they say nothing of
    another training seed. Below some ten errors they are too narrow, and with no error at all they collapse to
    [1, 1], which only says that n is too small.
    """
    scores = scores_by_hand(y_true, y_pred)
    resampled = _resample(scores["confusion"], seed)  # (RESAMPLES, K, K)
    correct = np.trace(resampled, axis1=1, axis2=2)  # (RESAMPLES,)
    sides = resampled.sum(1) + resampled.sum(2)  # (RESAMPLES, K): times predicted plus times true
    hits = np.diagonal(resampled, axis1=1, axis2=2)  # (RESAMPLES, K)
    # A class that a resample doesn't hold on either side has no F1 there and leaves the mean.
    f1 = np.divide(2 * hits, sides, out=np.full(hits.shape, np.nan), where=sides > 0)
    return {
        "accuracy": scores["accuracy"],
        "macro_f1": scores["macro_f1"],
        "per_class": scores["per_class"],
        "interval_95": {
            "accuracy": _interval(correct / scores["n"]),
            "macro_f1": _interval(np.nanmean(f1, axis=1)),
        },
        "n": scores["n"],
    }


def compare(y_true, pred_a, pred_b, seed: int = 0) -> dict:
    """Two models on the same cases: is the difference in accuracy more than luck?

    Returns {"difference": accuracy of a minus accuracy of b, "interval_95": [low, high] of the paired bootstrap,
    "p_value": exact McNemar test (McNemar 1947), "only_a", "only_b": cases that one of them alone gets right, "n"}.
    """
    y_true, pred_a = _checked(y_true, pred_a)
    y_true, pred_b = _checked(y_true, pred_b)
    right_a, right_b = pred_a == y_true, pred_b == y_true
    n, only_a, only_b = (
        len(y_true),
        int((right_a & ~right_b).sum()),
        int((right_b & ~right_a).sum()),
    )
    resampled = _resample(np.array([only_a, only_b, n - only_a - only_b]), seed)  # (RESAMPLES, 3)
    # Only the cases where they disagree carry information; under equality each is a fair coin.
    p_value = binomtest(only_a, only_a + only_b, 0.5).pvalue if only_a + only_b else 1.0
    return {
        "difference": (only_a - only_b) / n,
        "interval_95": _interval((resampled[:, 0] - resampled[:, 1]) / n),
        "p_value": float(p_value),
        "only_a": only_a,
        "only_b": only_b,
        "n": n,
    }


def reliability(y_true, y_proba, bins: int = 10, classes=None) -> pd.DataFrame:
    """What a model claims beside what it does: one row a non-empty bin of equal width of its confidence.

    y_proba: (n, K) with columns in the order of `classes` (default: the sorted labels of y_true), or (n,) the
    probability of the second class. Confidence is the largest probability of a case. Returns columns confidence and
    accuracy (means of the bin) and n. Raises ValueError when the columns don't match the classes, a label is none of
    them, or a number is no probability (scores of a decision function, say).
    """
    y_true, y_proba = _paired(y_true, y_proba)
    if not ((y_proba >= 0) & (y_proba <= 1)).all():
        raise ValueError("probabilities lie between 0 and 1: some of these do not")
    if y_proba.ndim == 1:
        y_proba = np.column_stack([1 - y_proba, y_proba])  # (n, 2)
    if classes is None:
        classes = np.unique(y_true)
    if y_proba.shape[1] != len(classes):
        raise ValueError(
            f"{y_proba.shape[1]} columns of probabilities for {len(classes)} classes: name the classes"
        )
    if not np.isin(y_true, classes).all():
        raise ValueError(
            f"labels {np.setdiff1d(y_true, classes).tolist()} are not among the classes {list(classes)}"
        )
    confidence = y_proba.max(axis=1)
    right = np.asarray(classes)[y_proba.argmax(axis=1)] == y_true
    bin_of = np.minimum(
        (confidence * bins).astype(int), bins - 1
    )  # a confidence of exactly 1 is in the last bin
    frame = pd.DataFrame({"bin": bin_of, "confidence": confidence, "accuracy": right.astype(float)})
    grouped = frame.groupby("bin")
    return grouped.mean().assign(n=grouped.size()).reset_index(drop=True)


def expected_calibration_error(y_true, y_proba, bins: int = 10, classes=None) -> float:
    """Mean distance of confidence and accuracy over the bins, weighted by cases: 0 is calibrated.

    Arguments as in `reliability`. Source: Guo et al. 2017, equation 3.
    """
    table = reliability(y_true, y_proba, bins, classes)
    return float(np.average(abs(table["confidence"] - table["accuracy"]), weights=table["n"]))


def threshold_by_cost(
    y_true, scores, cost_false_positive: float, cost_false_negative: float
) -> tuple[float, float]:
    """(threshold, cost): the threshold that is cheapest on these cases, and its mean cost per case.

    y_true: (n,) truth values, or 0 and 1. scores: (n,) larger means more likely positive; a case counts as positive
    when its score >= threshold. Choose it on validation data: on test it would be tuned. Of equal costs the highest
    threshold wins (fewest interventions); "never" is a threshold just above the largest score. With calibrated
    probabilities it tends to cost_false_positive / (cost_false_positive + cost_false_negative) (Elkan 2001).
    """
    positive, scores = _truth(y_true, scores)
    order = np.argsort(-scores, kind="stable")
    ranked, positive = scores[order], positive[order]
    false_positives = np.concatenate(
        [[0], np.cumsum(~positive)]
    )  # (n + 1,): the first k cases called positive
    false_negatives = positive.sum() - np.concatenate([[0], np.cumsum(positive)])
    costs = (cost_false_positive * false_positives + cost_false_negative * false_negatives) / len(
        ranked
    )
    # Equal scores stand on the same side of any threshold: only cuts between different scores exist.
    cuts = np.concatenate([[True], ranked[1:] != ranked[:-1], [True]])
    best = int(np.argmin(np.where(cuts, costs, np.inf)))
    threshold = ranked[best - 1] if best else np.nextafter(ranked[0], np.inf)
    return float(threshold), float(costs[best])


def mean_cost(
    y_true, scores, threshold: float, cost_false_positive: float, cost_false_negative: float
) -> float:
    """Mean cost per case of calling positive what scores >= threshold; arguments as in `threshold_by_cost`."""
    positive, scores = _truth(y_true, scores)
    called = scores >= threshold
    return float(
        np.mean(
            cost_false_positive * (called & ~positive) + cost_false_negative * (~called & positive)
        )
    )


def _paired(y_true, other) -> tuple[np.ndarray, np.ndarray]:
    y_true, other = np.asarray(y_true), np.asarray(other)
    if len(y_true) == 0:
        raise ValueError("nothing to evaluate: there are no cases")
    if len(y_true) != len(other):
        raise ValueError(f"{len(y_true)} true labels but {len(other)} predictions")
    return y_true, other


def _checked(y_true, y_pred) -> tuple[np.ndarray, np.ndarray]:
    """Both sides as arrays of labels that can be compared: numpy would take 1 and "1" for equal."""
    y_true, y_pred = _paired(y_true, y_pred)
    labels = np.concatenate([y_true.astype(object), y_pred.astype(object)])
    if pd.isna(labels).any():
        raise ValueError("a label is missing (NaN or None): drop its case, or give it a label")
    if len({isinstance(label, str) for label in labels}) > 1:
        raise ValueError(
            "some labels are text and some are not: give both sides labels of one type"
        )
    return y_true, y_pred


def _truth(y_true, scores) -> tuple[np.ndarray, np.ndarray]:
    y_true, scores = _paired(y_true, scores)
    if not np.isin(y_true, [0, 1]).all():  # any text but the empty one would count as true
        raise ValueError(
            "truth is 0 and 1 or False and True here: say which class is positive, as in y == 'spam'"
        )
    return y_true.astype(bool), scores


def _resample(counts: np.ndarray, seed: int) -> np.ndarray:
    """Bootstrap counts (RESAMPLES, *shape): drawing n cases with replacement is one multinomial draw of the cells."""
    draws = np.random.default_rng(seed).multinomial(
        counts.sum(), counts.ravel() / counts.sum(), size=RESAMPLES
    )
    return draws.reshape(RESAMPLES, *counts.shape)


def _interval(values: np.ndarray) -> list[float]:
    return [float(edge) for edge in np.quantile(values, [0.025, 0.975])]
