"""Ordered classes, such as stars: the proportional odds model."""

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from socialai.errors import UserError
from socialai.validation import (
    as_input_error,
    check_choice,
    check_labels,
    check_matrix,
    check_settings,
    column_names,
)

RULES = ("median", "mode")
LEAST_LIKELIHOOD = 1e-12  # keeps the logarithm finite
EQUAL = 1e-9  # a sum of probabilities that is so near to one half is one half: it is rounded


class OrdinalRegression(ClassifierMixin, BaseEstimator):
    """Proportional odds: P(y <= k) = sigmoid(theta_k - w x), with K - 1 rising thresholds theta.

    Fits C * negative log-likelihood + |w|^2 / 2 by L-BFGS; with two classes it is
    LogisticRegression. X may be sparse. Source: McCullagh 1980, equation 2.3 with the logit.

    Parameters
    ----------
    C : float
        The larger, the less w is held back, as in LogisticRegression.
    rule : str
        What `predict` says: "median" (least absolute error) or "mode" (the most probable).
    max_iter : int
        Steps of L-BFGS, at most.

    Attributes
    ----------
    classes_ : array (K,)
        The ratings in their order.
    coef_ : array (d,)
        The direction w.
    thresholds_ : array (K - 1,)
        The thresholds theta.
    n_iter_ : int
        Steps that were made.
    columns_ : list or None
        The names of the columns of X, where it was a frame: others have the same.

    Examples
    --------
    >>> model = OrdinalRegression(C=100).fit([[0.0], [1.0], [2.0], [3.0]], [1, 2, 4, 5])
    >>> model.predict([[-0.5], [3.5]]).tolist()
    [1, 5]
    """

    def __init__(self, C: float = 1.0, rule: str = "median", max_iter: int = 500):
        self.C = C
        self.rule = rule
        self.max_iter = max_iter

    def fit(self, X, y) -> "OrdinalRegression":
        """X (n, d), y (n,) labels whose sorted order is their order.

        An ordered categorical of pandas has an order of its own, which is kept. UserError for
        numbers that are written as text and have another order as text, as "10" and "9" do.
        """
        check_choice(self.rule, RULES, "rule")
        check_settings(self, C={"low": 0, "above": True}, max_iter={"low": 1, "whole": True})
        columns = column_names(X)
        X = check_matrix(X, sparse=True)
        given = y
        if isinstance(y, (list, tuple, np.ma.MaskedArray)):  # numpy would make text of a mix
            y = check_labels(y)
        with as_input_error():
            X, y = validate_data(self, X, y, accept_sparse="csr")
            check_classification_targets(y)
        y = check_labels(y, X.shape[0])
        self.classes_, codes = _ordered(given, y)
        n_thresholds = len(self.classes_) - 1
        if n_thresholds < 1:
            raise UserError("one class only: an ordinal model needs two ratings or more")

        # Begin at the thresholds of a model without features.
        below = np.cumsum(np.bincount(codes))[:-1] / len(codes)
        theta = np.log(below / (1 - below))
        start = np.concatenate([np.zeros(X.shape[1]), theta[:1], np.log(np.diff(theta))])
        found = minimize(
            proportional_odds_loss,
            start,
            (X, codes, n_thresholds, self.C),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": self.max_iter, "gtol": 1e-6},
        )
        if not np.isfinite(found.x).all() or not np.isfinite(found.fun):
            raise UserError("X: the numbers are too large for a regression: scale them")
        self.coef_ = found.x[: X.shape[1]]
        self.thresholds_ = rising_thresholds(found.x[X.shape[1] :])
        self.columns_ = columns
        self.n_iter_ = found.nit
        return self

    def predict_proba(self, X) -> np.ndarray:
        """Probabilities (n, K), columns in the order of `classes_`."""
        check_is_fitted(self)
        column_names(X, self.columns_)
        X = check_matrix(X, sparse=True, empty=True)
        with as_input_error():
            X = validate_data(self, X, accept_sparse="csr", reset=False, ensure_min_samples=0)
        scores = np.asarray(X @ self.coef_)
        below = expit(self.thresholds_[None, :] - scores[:, None])  # (n, K - 1)
        return np.diff(below, axis=1, prepend=0.0, append=1.0)

    def predict(self, X) -> np.ndarray:
        """One label a row, (n,), by `rule`."""
        check_is_fitted(self)
        proba = self.predict_proba(X)
        if self.rule == "median":
            best = (proba.cumsum(1) < 0.5 - EQUAL).sum(1)
            best = np.minimum(best, len(self.classes_) - 1)
        else:
            best = proba.argmax(1)
        return self.classes_[best]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.classifier_tags.poor_score = True  # classes that have no order are not its job
        return tags


def _ordered(given, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(classes in their order, code of each label): y (n,) is `given` as an array."""
    if isinstance(getattr(given, "dtype", None), pd.CategoricalDtype) and given.dtype.ordered:
        ordered = pd.Categorical(given).remove_unused_categories()
        return ordered.categories.to_numpy(), ordered.codes.astype(int)
    classes, codes = np.unique(y, return_inverse=True)
    if all(isinstance(label, str) for label in classes):
        numbers = pd.to_numeric(pd.Series(classes, dtype=object), errors="coerce")
        if numbers.notna().all() and not numbers.is_monotonic_increasing:
            raise UserError("labels: as text their order is not that of numbers: give numbers")
    return classes, codes


def rising_thresholds(free: np.ndarray) -> np.ndarray:
    """Thresholds (K - 1,) of free parameters: the first, then logarithms of the steps up.

    So they rise whatever L-BFGS tries.
    """
    return np.cumsum(np.concatenate([free[:1], np.exp(free[1:])]))


def proportional_odds_loss(
    parameters: np.ndarray, X, codes: np.ndarray, n_thresholds: int, C: float
) -> tuple[float, np.ndarray]:
    """(loss, gradient) of proportional odds.

    parameters (d + K - 1,): w, then what `rising_thresholds` takes. X (n, d); codes (n,) numbers of
    the classes, 0 to K - 1.
    """
    w = parameters[:-n_thresholds]
    steps = parameters[-n_thresholds:]
    edges = np.concatenate([[-np.inf], rising_thresholds(steps), [np.inf]])
    score = X @ w

    # P(y = k) is the difference of the sigmoids at the upper and the lower edge of class k.
    upper = expit(edges[codes + 1] - score)
    lower = expit(edges[codes] - score)
    likelihood = np.maximum(upper - lower, LEAST_LIKELIHOOD)
    loss = -C * np.log(likelihood).sum() + w @ w / 2

    # The gradient of the log-likelihood, first with respect to each threshold by itself.
    d_upper = upper * (1 - upper) / likelihood
    d_lower = lower * (1 - lower) / likelihood
    as_upper = np.bincount(codes, -d_upper, n_thresholds + 1)[:n_thresholds]
    as_lower = np.bincount(codes, d_lower, n_thresholds + 1)[1:]

    # A step moves its own threshold and all above it.
    d_steps = np.cumsum((as_upper + as_lower)[::-1])[::-1]
    d_steps[1:] *= np.exp(steps[1:])
    d_w = C * (X.T @ (d_upper - d_lower)) + w
    return loss, np.concatenate([d_w, C * d_steps])
