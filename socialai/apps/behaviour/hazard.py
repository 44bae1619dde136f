"""When customers leave: a hazard in discrete time."""

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from socialai.errors import UserError
from socialai.validation import (
    check_labels,
    check_matrix,
    check_numbers,
    check_settings,
    column_names,
)

MOST = 1e100  # that a number of X may be
MOST_NUMBERS = 2e8  # in the table of customers and periods, of 8 bytes each


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
    columns_ : list or None
        The names of the columns of X, where it was a frame.
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
        """X (n, k) numbers; duration (n,) above 0; event (n,) False where censored.

        UserError where nobody has the event, everybody has it at once, or the periods are so short
        that the table of customers and periods would not fit into memory.
        """
        check_settings(self, period={"low": 0, "above": True})
        if self.C != np.inf:
            check_settings(self, C={"low": 0, "above": True})
        columns = column_names(X)
        X = _matrix(X)
        duration = check_numbers(duration, "duration", 0, above=True, n=len(X))
        event = check_labels(event, len(X), (0, 1), "events").astype(bool)

        # One row a customer and period, numbered 0, 1, ... within each; rounded, so that whole
        # numbers of periods survive the division.
        with np.errstate(over="ignore"):
            periods = np.round(duration / self.period, 9)
        periods = np.where(event, np.ceil(periods), np.floor(periods))
        if periods.sum() * (X.shape[1] + periods.max()) > MOST_NUMBERS:
            raise UserError(
                f"durations of up to {periods.max():g} periods of {len(X)} customers are too many: "
                "choose a longer period"
            )
        watched = periods.astype(int)
        row = np.repeat(np.arange(len(X)), watched)
        number = np.arange(len(row)) - np.repeat(np.cumsum(watched) - watched, watched)
        happened = event[row] & (number == watched[row] - 1)
        if len(np.unique(happened)) < 2:
            raise UserError("a hazard needs periods with the event and periods without it")

        self.columns_ = columns
        self.scaler_ = StandardScaler().fit(X)
        Z = np.hstack([self.scaler_.transform(X)[row], np.eye(watched.max())[number]])
        model = LogisticRegression(C=self.C, fit_intercept=False, max_iter=1000)
        self.model_ = model.fit(Z, happened)
        return self

    def predict_survival(self, X: ArrayLike) -> np.ndarray:
        """P(no event by the end of period 1, 2, ...), (n, periods seen in training).

        The product of 1 - hazard. UserError for a frame whose columns are others than in training,
        or in another order.
        """
        check_is_fitted(self)
        column_names(X, self.columns_)
        k = self.scaler_.n_features_in_
        Z = self.scaler_.transform(_matrix(X, k))
        log_odds = Z @ self.model_.coef_[0, :k, None] + self.model_.coef_[0, k:]
        with np.errstate(over="ignore"):  # a certain event
            return np.cumprod(1 / (1 + np.exp(log_odds)), axis=1)


def _matrix(X: ArrayLike, k: int | None = None) -> np.ndarray:
    """X (n, k) as floats, none so large that its square isn't finite."""
    X = check_matrix(X, shape=(None, k)).astype(float)
    check_numbers(X, "X", -MOST, MOST, ndim=2)
    return X
