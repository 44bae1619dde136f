"""One way to evaluate: scores by hand, intervals, paired comparison, calibration, cost.

All functions take labels of any one type (numbers or strings) and raise UserError on what can't be
evaluated: no cases, sides of different length, missing labels, text beside numbers. Nothing here
fits a model or chooses on test.
"""

# longer than 250 lines of code because lesson 11 reads every score in one place, with its checks

import inspect
import warnings
from collections.abc import Callable, Iterator
from numbers import Real
from typing import NamedTuple

import numpy as np
import pandas as pd
import scipy.stats
from numpy.typing import ArrayLike

from socialai.errors import UserError
from socialai.validation import (
    as_input_error,
    check_labels,
    check_number,
    check_numbers,
    generator_seed,
    unmasked,
)

N_RESAMPLES = 2000
EQUAL = 1e-9  # costs that differ by a smaller share are equal
BATCH = 2**21  # rows that are drawn at once: 16 MB of their numbers


class Interval(NamedTuple):
    """A number and where it may as well lie: an estimate with the two ends of its interval.

    In JSON it is the list [value, low, high]; in a frame the columns value, low and high.
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return format(self, ".3f")

    def __format__(self, spec: str) -> str:
        """The three numbers in one format: f"{interval:+.2f}" is "+0.10 [+0.05, +0.15]"."""
        spec = spec or ".3f"
        return f"{self.value:{spec}} [{self.low:{spec}}, {self.high:{spec}}]"

    def holds(self, x: float) -> bool:
        """Whether x lies in the interval, its ends included."""
        return self.low <= x <= self.high

    def as_row(self) -> dict[str, float]:
        """{"value", "low", "high"}: a row of a frame."""
        return self._asdict()


def bootstrap(
    statistic: Callable[..., float],
    *arrays: ArrayLike,
    groups: ArrayLike | None = None,
    paired: bool = True,
    n_resamples: int = N_RESAMPLES,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """statistic(*arrays) with its percentile bootstrap interval, by `scipy.stats.bootstrap`.

    arrays: (n, ...) each, whose rows are drawn together; with paired=False they are samples of
    their own, of any lengths, each drawn for itself. groups: (n,) the user, thread or text of each
    row; whole groups are drawn, since rows of one group are alike (paired arrays only).
    statistic: gives one number, whole ones and truth values too. If it takes `axis`, as np.mean
    does, it is called on many resamples of one-dimensional arrays at once. A resample where it is
    NaN (no positives, say) is left out.

    The interval holds the model fixed: it says nothing of another training seed. Below some ten
    errors it is too narrow. Raises UserError for fewer than two rows (or groups), for paired arrays
    of different lengths, and for a statistic that the data leave undefined or that gives anything
    but one number.
    Source: Efron and Tibshirani 1993, chapter 13.

    >>> print(bootstrap(np.mean, [1, 2, 3, 4, 5, 6, 7, 8]))
    4.500 [2.875, 6.000]
    """
    n_resamples = check_number(n_resamples, "n_resamples", 2, whole=True)
    confidence = check_number(confidence, "confidence", 0, 1, above=True)
    arrays = tuple(_as_array(array, f"array {i}") for i, array in enumerate(arrays))
    lengths = [len(array) for array in arrays]
    if not arrays or not callable(statistic):
        raise UserError("a statistic and one array at least are needed: bootstrap(np.mean, values)")
    if paired and len(set(lengths)) > 1:
        raise UserError(f"paired arrays have one length; these have {lengths}")
    if groups is not None and not paired:
        raise UserError("groups are of paired arrays: samples of their own share no groups")
    at_once = _takes_axis(statistic) and all(a.ndim == 1 for a in arrays)

    # What is drawn: rows, those of each array for themselves, or groups of rows.
    units = lengths[:1] if paired else lengths
    rows_of = None
    if groups is not None:
        group_of = np.unique(check_labels(groups, lengths[0], name="groups"), return_inverse=True)[
            1
        ]
        units = [group_of.max() + 1]
        if statistic is np.mean and at_once:  # of groups it needs the sums and the sizes only
            statistic = _ratio_of_sums
            values = check_numbers(arrays[0], "array 0")
            arrays = (np.bincount(group_of, values), np.bincount(group_of))
        else:
            rows_of = _rows_of_groups(group_of)
            at_once = False
    if min(units) < 2:
        raise UserError(f"an interval needs two rows, or groups of rows; there is {min(units)}")

    def of_drawn(*drawn: np.ndarray, **axis) -> np.ndarray:
        """The statistic of the drawn rows (..., n), or of the rows of the drawn groups (g,)."""
        if rows_of is not None:
            drawn = (rows_of(drawn[0]),)
        if paired:
            drawn = drawn * len(arrays)
        rows_drawn = (array[rows] for array, rows in zip(arrays, drawn, strict=True))
        return _as_numbers(statistic(*rows_drawn, **axis), drawn[0].shape[:-1])

    axis = {"axis": -1} if at_once else {}
    with as_input_error("the statistic"):
        value = _as_numbers(statistic(*arrays, **axis), ())
    if not np.isfinite(value):
        raise UserError(f"the statistic must give one finite number, not {value}")
    with warnings.catch_warnings():
        # Its own interval may be NaN, where the statistic was; ours leaves those resamples out.
        warnings.simplefilter("ignore", scipy.stats.DegenerateDataWarning)
        found = scipy.stats.bootstrap(
            [np.arange(unit) for unit in units],
            of_drawn,
            n_resamples=n_resamples,
            batch=max(1, BATCH // max(units)),
            vectorized=at_once,
            method="percentile",
            rng=np.random.default_rng(generator_seed(seed)),
        )
    if np.isnan(found.bootstrap_distribution).all():
        raise UserError("the statistic is undefined on every resample: there are too few rows")
    return _percentiles(value, found.bootstrap_distribution, confidence)


def _takes_axis(statistic: Callable) -> bool:
    """Whether a function has an argument `axis`; some that are built in don't tell."""
    try:
        return "axis" in inspect.signature(statistic).parameters
    except ValueError:
        return False


def _as_numbers(given, shape: tuple[int, ...]) -> np.ndarray:
    """What a statistic gave, as floats, one a resample: scipy takes no integers and no booleans."""
    try:
        numbers = np.asarray("nothing" if given is None else given)
        numbers = numbers if numbers.dtype.kind == "f" else numbers.astype(float)
    except (TypeError, ValueError):
        numbers = None
    if numbers is None or numbers.shape != shape:
        said = " ".join(repr(given).split())[:60]
        raise UserError(f"the statistic must give one finite number a resample, not {said}")
    return numbers


def t_interval(values: ArrayLike, confidence: float = 0.95) -> Interval:
    """The mean of values, one a seed, and its t interval; of a single value the ends are NaN."""
    values = check_numbers(values, "values")
    confidence = check_number(confidence, "confidence", 0, 1, above=True)
    mean = float(values.mean())
    if len(values) == 1:
        return Interval(mean, np.nan, np.nan)
    standard_error = values.std(ddof=1) / np.sqrt(len(values))
    half = float(scipy.stats.t.ppf((1 + confidence) / 2, len(values) - 1) * standard_error)
    return Interval(mean, mean - half, mean + half)


def confusion_matrix(y_true, y_pred) -> tuple[np.ndarray, np.ndarray]:
    """(labels, counts): sorted labels seen on either side (K,), and counts (K, K).

    Rows are true labels, columns predicted ones, as in scikit-learn's function of that name.
    """
    y_true, y_pred = _checked(y_true, y_pred)
    labels, codes = np.unique(np.concatenate([y_true, y_pred]), return_inverse=True)
    true, predicted = codes[: len(y_true)], codes[len(y_true) :]
    counts = np.zeros((len(labels), len(labels)), dtype=int)
    np.add.at(counts, (true, predicted), 1)
    return labels, counts


def scores_by_hand(y_true, y_pred) -> dict:
    """Accuracy, macro and weighted F1 and, per class, precision, recall and F1, from counts alone.

    A ratio without cases (a class never predicted, or never true) counts as 0, as in scikit-learn.
    Macro F1 is the mean of the classes' F1, weighted F1 their mean weighted by support (the number
    of true cases). Returns {"labels", "confusion", "accuracy", "macro_f1", "weighted_f1",
    "per_class": {label: {"precision", "recall", "f1", "support"}}, "n"}; labels are plain Python
    values, so that all but "confusion" goes into JSON.
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
    """Scores of one model, ready for JSON.

    Returns {"accuracy": Interval, "macro_f1": Interval, "per_class": {label: {"precision",
    "recall", "f1", "support"}}, "n"}. The intervals are those of `bootstrap` over test cases; see
    there for what they don't say. With no error at all they collapse to [1, 1], which only says
    that n is too small.
    """
    scores = scores_by_hand(y_true, y_pred)
    counts = _resample_counts(scores["confusion"], seed)  # (N_RESAMPLES, K, K)
    correct = np.trace(counts, axis1=1, axis2=2)  # (N_RESAMPLES,)

    # A class that a resample doesn't hold on either side has no F1 there and leaves the mean.
    sides = counts.sum(1) + counts.sum(2)  # (N_RESAMPLES, K): times predicted plus times true
    hits = np.diagonal(counts, axis1=1, axis2=2)  # (N_RESAMPLES, K)
    f1 = np.divide(2 * hits, sides, out=np.full(hits.shape, np.nan), where=sides > 0)
    return {
        "accuracy": _percentiles(scores["accuracy"], correct / scores["n"]),
        "macro_f1": _percentiles(scores["macro_f1"], np.nanmean(f1, axis=1)),
        "per_class": scores["per_class"],
        "n": scores["n"],
    }


def compare(y_true, pred_a, pred_b, seed: int = 0) -> dict:
    """Two models on the same cases: is the difference in accuracy more than luck?

    Returns {"difference": Interval of the accuracy of a minus that of b, by paired bootstrap,
    "p_value": exact McNemar test (McNemar 1947), "only_a", "only_b": cases that one of them alone
    gets right, "n"}.
    """
    y_true, pred_a = _checked(y_true, pred_a)
    y_true, pred_b = _checked(y_true, pred_b)
    right_a = pred_a == y_true
    right_b = pred_b == y_true
    n = len(y_true)
    only_a = int((right_a & ~right_b).sum())
    only_b = int((right_b & ~right_a).sum())

    # Only the cases where they disagree carry information; under equality each is a fair coin.
    p_value = scipy.stats.binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1.0
    counts = _resample_counts(np.array([only_a, only_b, n - only_a - only_b]), seed)
    return {
        "difference": _percentiles((only_a - only_b) / n, (counts[:, 0] - counts[:, 1]) / n),
        "p_value": float(p_value),
        "only_a": only_a,
        "only_b": only_b,
        "n": n,
    }


def reliability(y_true, y_proba, bins: int = 10, classes=None) -> pd.DataFrame:
    """What a model claims beside what it does: a row for each bin of its confidence.

    Bins have equal width; those without cases are left out. y_proba: (n, K) with columns in the
    order of `classes` (default: the sorted labels of y_true), or (n,) the probability of the second
    class. Confidence is the largest probability of a case. Returns the columns confidence and
    accuracy (means of the bin) and n. Raises UserError when the columns don't match the classes, a
    label is none of them, or a number is no probability (scores of a decision function, say).
    """
    y_true, y_proba = _paired(y_true, y_proba)
    y_true = check_labels(y_true)
    bins = check_number(bins, "bins", 1, whole=True)
    if y_proba.ndim > 2 or y_proba.dtype.kind not in "biuf":
        y_proba = check_numbers(y_proba, "probabilities", ndim=min(y_proba.ndim, 2))
    if not ((y_proba >= 0) & (y_proba <= 1)).all():
        raise UserError("probabilities lie between 0 and 1: some of these do not")
    if y_proba.ndim == 1:
        y_proba = np.column_stack([1 - y_proba, y_proba])  # (n, 2)
    classes = np.unique(y_true) if classes is None else check_labels(classes, name="classes")
    if y_proba.shape[1] != len(classes):
        raise UserError(
            f"{y_proba.shape[1]} columns of probabilities for {len(classes)} classes: "
            f"name the classes"
        )
    if not np.isin(y_true, classes).all():
        unknown = np.setdiff1d(y_true, classes).tolist()
        raise UserError(f"labels {unknown} are not among the classes {list(classes)}")

    # A confidence of exactly 1 is in the last bin.
    confidence = y_proba.max(axis=1)
    right = np.asarray(classes)[y_proba.argmax(axis=1)] == y_true
    bin_of = np.minimum((confidence * bins).astype(int), bins - 1)
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

    y_true: (n,) truth values, or 0 and 1. scores: (n,) larger means more likely positive; a case
    counts as positive when its score >= threshold. Choose it on validation data: on test it would
    be tuned. Of equal costs the highest threshold wins (fewest interventions); "never" is a
    threshold just above the largest score. With calibrated probabilities it tends to
    cost_false_positive / (cost_false_positive + cost_false_negative) (Elkan 2001).
    """
    positive, scores = _truth(y_true, scores)
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    positive = positive[order]

    # Costs (n + 1,) when the first 0, 1, ... n cases are called positive.
    false_positives = np.concatenate([[0], np.cumsum(~positive)])
    false_negatives = positive.sum() - np.concatenate([[0], np.cumsum(positive)])
    cost_false_positive, cost_false_negative = check_numbers(
        [cost_false_positive, cost_false_negative], "the two costs", 0
    )
    costs = cost_false_positive * false_positives + cost_false_negative * false_negatives
    costs = costs / len(ranked)

    # Equal scores stand on the same side of any threshold: cuts are between different ones. Equal
    # costs may differ in their last digits, as sums do.
    cuts = np.concatenate([[True], ranked[1:] != ranked[:-1], [True]])
    costs_of_cuts = np.where(cuts, costs, np.inf)
    best = int(np.argmax(costs_of_cuts <= costs_of_cuts.min() * (1 + EQUAL)))
    threshold = ranked[best - 1] if best else np.nextafter(ranked[0], np.inf)
    return float(threshold), float(costs[best])


def mean_cost(
    y_true, scores, threshold: float, cost_false_positive: float, cost_false_negative: float
) -> float:
    """Mean cost per case of calling positive what scores >= threshold; see `threshold_by_cost`."""
    positive, scores = _truth(y_true, scores)
    cost_false_positive, cost_false_negative = check_numbers(
        [cost_false_positive, cost_false_negative], "the two costs", 0
    )
    if not isinstance(threshold, Real) or np.isnan(threshold):  # it may be infinite: never
        raise UserError(f"threshold must be a number; it is {threshold!r}")
    called = scores >= threshold
    costs = cost_false_positive * (called & ~positive) + cost_false_negative * (~called & positive)
    return float(costs.mean())


def _as_array(values, name: str) -> np.ndarray:
    """Values of any collection as an array of one axis at least, its rows."""
    with as_input_error(name):
        array = np.asarray(list(values) if isinstance(values, Iterator) else unmasked(values))
    if not array.ndim:
        raise UserError(f"{name}: a list is needed, not one {type(values).__name__}")
    return array


def _paired(y_true, other) -> tuple[np.ndarray, np.ndarray]:
    y_true = _as_array(y_true, "true labels")
    other = _as_array(other, "predictions")
    if len(y_true) == 0:
        raise UserError("nothing to evaluate: there are no cases")
    if len(y_true) != len(other):
        raise UserError(f"{len(y_true)} true labels but {len(other)} predictions")
    return y_true, other


def _checked(y_true, y_pred) -> tuple[np.ndarray, np.ndarray]:
    """Both sides as arrays of labels that can be compared: numpy would take 1 and "1" for equal."""
    y_true, y_pred = _paired(y_true, y_pred)
    if y_true.ndim > 1 or y_pred.ndim > 1:
        raise UserError("labels are a list, one for each case: not a table of rows and columns")
    labels = np.concatenate([y_true.astype(object), y_pred.astype(object)])
    if pd.isna(labels).any():
        raise UserError("a label is missing (NaN or None): drop its case, or give it a label")
    if len({isinstance(label, str) for label in labels}) > 1:
        raise UserError("some labels are text and some are not: give both sides labels of one type")
    return y_true, y_pred


def _truth(y_true, scores) -> tuple[np.ndarray, np.ndarray]:
    y_true, scores = _paired(y_true, scores)
    scores = check_numbers(scores, "scores")
    if y_true.ndim > 1:
        raise UserError("truth is a list, one value for each case: not a table")
    if not np.isin(y_true, [0, 1]).all():  # any text but the empty one would count as true
        raise UserError(
            "truth is 0 and 1 or False and True here: say which class is positive, "
            "as in y == 'spam'"
        )
    return y_true.astype(bool), scores


def _resample_counts(counts: np.ndarray, seed: int) -> np.ndarray:
    """Bootstrap counts (N_RESAMPLES, *shape): n cases drawn are one multinomial draw of cells.

    So `evaluate` and `compare` have the interval of `bootstrap` in a thirtieth of its time.
    """
    shares = counts.ravel() / counts.sum()
    drawn = np.random.default_rng(generator_seed(seed)).multinomial(
        counts.sum(), shares, size=N_RESAMPLES
    )
    return drawn.reshape(N_RESAMPLES, *counts.shape)


def _rows_of_groups(group_of: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """A function from drawn groups (g,) to all their rows; group_of (n,) is the group of a row."""
    rows_by_group = np.argsort(group_of, kind="stable")
    sizes = np.bincount(group_of)
    first = sizes.cumsum() - sizes

    def rows_of(drawn: np.ndarray) -> np.ndarray:
        begun = sizes[drawn].cumsum() - sizes[drawn]  # where each drawn group begins in the answer
        shift = np.repeat(first[drawn] - begun, sizes[drawn])
        return rows_by_group[np.arange(len(shift)) + shift]

    return rows_of


def _ratio_of_sums(sums: np.ndarray, sizes: np.ndarray, axis: int = -1) -> np.ndarray:
    return sums.sum(axis) / sizes.sum(axis)


def _percentiles(value: float, resampled: np.ndarray, confidence: float = 0.95) -> Interval:
    """The value between the percentiles of the resampled ones, NaN left out."""
    low, high = np.nanquantile(resampled, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(value), float(low), float(high))
