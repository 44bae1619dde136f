"""When customers leave: a hazard in discrete time."""

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from socialai.errors import UserError
from socialai.validation import check_labels, check_matrix, check_number, check_numbers


class DiscreteHazard(BaseEstimator):
    """Survival as classification: of those still waiting, who has the event in this period?

    Logistic regression on one row a customer and period, with a level of its own for each period,
    so that the hazard may have any shape. Censored customers (event False) count for the whole
    periods that they were watched. Source: Singer and Willett 1993.

    Parameters
    ----------
    period : float
        Length of a period, in the unit of the durations.
    C : float
        Inverse ridge of the logistic regression.

    Attributes
    ----------
    scaler_, model_ : StandardScaler and LogisticRegression
        What was fitted: the first k coefficients are those of X, the others the periods' levels.

    Examples
    --------
    >>> event = [True, True, False, True]
    >>> hazard = DiscreteHazard().fit([[0.0], [1], [0], [1]], [3, 1, 2, 1], event)
    >>> survival = hazard.predict_survival([[0.0], [1]])
    >>> bool((survival[0] > survival[1]).all())
    True
    """

    def __init__(self, period: float = 1.0, C: float = 1.0):
        self.period = period
        self.C = C

    def fit(self, X: ArrayLike, duration: ArrayLike, event: ArrayLike) -> "DiscreteHazard":
        """X (n, k) numbers; duration (n,) above 0; event (n,) False where censored."""
        X = check_matrix(X).astype(float)
        duration = check_numbers(duration, "duration", 0, above=True, n=len(X))
        event = check_labels(event, len(X), (0, 1), "events").astype(bool)
        period = check_number(self.period, "period", 0, above=True)

        # One row a customer and period, numbered 0, 1, ... within each; rounded, so that whole
        # numbers of periods survive the division.
        periods = np.round(duration / period, 9)
        watched = np.where(event, np.ceil(periods), np.floor(periods)).astype(int)
        row = np.repeat(np.arange(len(X)), watched)
        number = np.arange(len(row)) - np.repeat(np.cumsum(watched) - watched, watched)
        happened = event[row] & (number == watched[row] - 1)
        if len(np.unique(happened)) < 2:
            raise UserError("a hazard needs periods with the event and periods without it")

        self.scaler_ = StandardScaler().fit(X)
        Z = np.hstack([self.scaler_.transform(X)[row], np.eye(watched.max())[number]])
        model = LogisticRegression(C=self.C, fit_intercept=False, max_iter=1000)
        self.model_ = model.fit(Z, happened)
        return self

    def predict_survival(self, X: ArrayLike) -> np.ndarray:
        """P(no event by the end of period 1, 2, ...), (n, periods seen in training).

        The product of 1 - hazard.
        """
        check_is_fitted(self)
        k = self.scaler_.n_features_in_
        Z = self.scaler_.transform(check_matrix(X, shape=(None, k)).astype(float))
        log_odds = Z @ self.model_.coef_[0, :k, None] + self.model_.coef_[0, k:]
        return np.cumprod(1 / (1 + np.exp(log_odds)), axis=1)
