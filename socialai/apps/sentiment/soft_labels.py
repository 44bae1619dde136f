"""A classifier that learns from shares of raters instead of a winner."""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.utils.validation import check_is_fitted

from socialai.errors import UserError
from socialai.validation import check_matrix, check_numbers


class SoftLabelClassifier(ClassifierMixin, BaseEstimator):
    """Multinomial logistic regression on distributions of labels: sum_k q_k log p_k in place of log p_y.

    Each row becomes K rows, one a class, weighted by its share q_k: the same loss, so any solver with weights does it.
    With one-hot rows it is LogisticRegression. C as there, for one weight a text.
    """

    def __init__(self, C: float = 10.0, max_iter: int = 2000):
        self.C = C
        self.max_iter = max_iter

    def fit(self, X, Y):
        """X (n, d), Y (n, K) rows that sum to one; UserError where they don't."""
        X = check_matrix(X)
        Y = check_numbers(Y, "soft labels", 0, n=len(X), ndim=2)
        if not np.allclose(Y.sum(1), 1):
            raise UserError("soft labels are one row of shares a text, not negative and with sum 1")
        rows, classes = np.nonzero(Y)
        if len(set(classes)) < 2:
            raise UserError("one label only: a classifier needs two or more")
        model = LogisticRegression(C=self.C, max_iter=self.max_iter)
        self.model_ = model.fit(X[rows], classes, sample_weight=Y[rows, classes])
        self.classes_ = np.arange(Y.shape[1])
        return self

    def predict_proba(self, X) -> np.ndarray:
        """(n, K); a class that no training text had gets 0."""
        check_is_fitted(self, "model_")
        X = check_matrix(X, shape=(None, self.model_.n_features_in_))
        proba = np.zeros((len(X), len(self.classes_)))
        proba[:, self.model_.classes_] = self.model_.predict_proba(X)
        return proba

    def predict(self, X) -> np.ndarray:
        """The class with the largest share, (n,)."""
        return self.predict_proba(X).argmax(1)
