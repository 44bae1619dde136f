"""Ordered classes, such as stars: the proportional odds model."""

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from socialai.errors import UserError
from socialai.validation import check_labels, check_matrix


class OrdinalRegression(ClassifierMixin, BaseEstimator):
    """Proportional odds: P(y <= k) = sigmoid(theta_k - w x), one direction w and K - 1 rising thresholds.

    Fits C * negative log-likelihood + |w|^2 / 2 by L-BFGS with the gradient by hand; with two classes it is
    LogisticRegression. predict: "median" (least absolute error) or "mode". After fit: classes_, coef_, thresholds_.
    X may be sparse. Source: McCullagh 1980, equation 2.3 with the logit.
    """

    def __init__(self, C: float = 1.0, rule: str = "median", max_iter: int = 500):
        self.C = C
        self.rule = rule
        self.max_iter = max_iter

    def fit(self, X, y):
        """X (n, d), y (n,) labels whose sorted order is their order."""
        if self.rule not in ("median", "mode"):
            raise UserError(f"there is no rule {self.rule!r}: median or mode")
        X = check_matrix(X, sparse=True)
        y = check_labels(y, X.shape[0])
        self.classes_, codes = np.unique(y, return_inverse=True)
        k = len(self.classes_) - 1
        if k < 1:
            raise UserError("one rating only: an ordinal model needs two or more")
        below = np.cumsum(np.bincount(codes))[:-1] / len(codes)
        theta = np.log(below / (1 - below))  # the thresholds of a model without features
        start = np.concatenate([np.zeros(X.shape[1]), theta[:1], np.log(np.diff(theta))])
        options = {"maxiter": self.max_iter, "gtol": 1e-6}
        found = minimize(
            self._loss, start, (X, codes, k), jac=True, method="L-BFGS-B", options=options
        )
        self.coef_, self.thresholds_ = (
            found.x[: X.shape[1]],
            self._thresholds(found.x[X.shape[1] :]),
        )
        return self

    @staticmethod
    def _thresholds(free: np.ndarray) -> np.ndarray:
        return np.cumsum(
            np.concatenate([free[:1], np.exp(free[1:])])
        )  # steps are exp: they rise whatever L-BFGS tries

    def _loss(self, free, X, codes, k):
        w, steps = free[:-k], free[-k:]
        edges = np.concatenate([[-np.inf], self._thresholds(steps), [np.inf]])
        score = X @ w
        upper, lower = expit(edges[codes + 1] - score), expit(edges[codes] - score)
        likelihood = np.maximum(upper - lower, 1e-12)
        d_upper, d_lower = upper * (1 - upper) / likelihood, lower * (1 - lower) / likelihood
        g_theta = np.bincount(codes, -d_upper, k + 1)[:k] + np.bincount(codes, d_lower, k + 1)[1:]
        g_steps = np.cumsum(g_theta[::-1])[::-1]  # a step moves its own threshold and all above it
        g_steps[1:] *= np.exp(steps[1:])
        g_w = self.C * (X.T @ (d_upper - d_lower)) + w
        return -self.C * np.log(likelihood).sum() + w @ w / 2, np.concatenate(
            [g_w, self.C * g_steps]
        )

    def predict_proba(self, X) -> np.ndarray:
        """(n, K)."""
        check_is_fitted(self, "coef_")
        X = check_matrix(X, sparse=True, shape=(None, len(self.coef_)))
        below = expit(self.thresholds_[None, :] - np.asarray(X @ self.coef_)[:, None])  # (n, K - 1)
        return np.diff(below, axis=1, prepend=0.0, append=1.0)

    def predict(self, X) -> np.ndarray:
        """One label a row, (n,), by `rule`."""
        proba = self.predict_proba(X)
        best = (proba.cumsum(1) < 0.5).sum(1) if self.rule == "median" else proba.argmax(1)
        return self.classes_[np.minimum(best, len(self.classes_) - 1)]
