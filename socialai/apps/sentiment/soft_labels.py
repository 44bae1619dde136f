"""A classifier that learns from shares of raters instead of a winner."""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.utils.validation import check_is_fitted

from socialai.errors import UserError
from socialai.validation import (
    as_input_error,
    check_matrix,
    check_numbers,
    check_settings,
    column_names,
)


class SoftLabelClassifier(ClassifierMixin, BaseEstimator):
    """Multinomial logistic regression on distributions q: sum_k q_k log p_k in place of log p_y.

    Each row becomes K rows, one a class, weighted by its share q_k: the same loss, so any solver
    with weights does it. With one-hot rows it is LogisticRegression.

    Parameters
    ----------
    C : float
        The larger, the less the weights are held back, as in LogisticRegression.
    max_iter : int
        Steps of the solver, at most.

    Attributes
    ----------
    classes_ : array (K,)
        0 to K - 1, the columns of the shares.
    model_ : LogisticRegression
        What was fitted.
    columns_ : list or None
        The names of the columns of X, where it was a frame: others have the same.

    Examples
    --------
    >>> shares = [[0.9, 0.1], [0.2, 0.8], [0.8, 0.2]]  # of raters, negative and positive
    >>> SoftLabelClassifier().fit([[0.0], [1.0], [0.1]], shares).predict([[0.9]]).tolist()
    [1]
    """

    def __init__(self, C: float = 10.0, max_iter: int = 2000):
        self.C = C
        self.max_iter = max_iter

    def fit(self, X, y) -> "SoftLabelClassifier":
        """X (n, d), y (n, K) rows that sum to one; UserError where they don't."""
        check_settings(self, C={"low": 0, "above": True}, max_iter={"low": 1, "whole": True})
        columns = column_names(X)
        X = check_matrix(X)
        shares = check_numbers(y, "soft labels", 0, n=len(X), ndim=2)
        if not np.allclose(shares.sum(1), 1):
            raise UserError("soft labels are one row of shares a text, not negative and with sum 1")
        rows, classes = np.nonzero(shares)
        if len(set(classes)) < 2:
            raise UserError("one label only: a classifier needs two or more")
        model = LogisticRegression(C=self.C, max_iter=self.max_iter)
        with as_input_error("X"):
            self.model_ = model.fit(X[rows], classes, sample_weight=shares[rows, classes])
        self.n_features_in_ = X.shape[1]
        self.columns_ = columns
        self.classes_ = np.arange(shares.shape[1])
        return self

    def predict_proba(self, X) -> np.ndarray:
        """(n, K); a class that no training text had gets 0."""
        check_is_fitted(self)
        column_names(X, self.columns_)
        X = check_matrix(X, shape=(None, self.n_features_in_), empty=True)
        proba = np.zeros((len(X), len(self.classes_)))
        if len(X):
            proba[:, self.model_.classes_] = self.model_.predict_proba(X)
        return proba

    def predict(self, X) -> np.ndarray:
        """The class with the largest share, (n,)."""
        check_is_fitted(self)
        return self.predict_proba(X).argmax(1)
