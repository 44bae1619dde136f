"""What customers will spend: the gamma-gamma model, and the value of a customer's life."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import digamma, gammaln
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from socialai.apps.behaviour.bgnbd import BetaGeometricNBD
from socialai.apps.behaviour.likelihood import maximum_likelihood, unit_of
from socialai.errors import UserError
from socialai.validation import check_frame, check_number, check_numbers

COLUMNS = ("frequency", "monetary_value")
MOST_MONEY = 1e100  # of a purchase
MOST_WEEKS = 5200  # a century, each week of which is computed


def gamma_gamma_log_likelihood(
    theta: ArrayLike, x: ArrayLike, m: ArrayLike
) -> tuple[float, np.ndarray]:
    """Log-likelihood of gamma-gamma and its gradient by hand, (3,), in theta = (p, q, gamma).

    x: purchases, m: their mean value, each (n,). UserError for one that isn't above 0. Source:
    Fader and Hardie 2013.
    """
    p, q, gamma = check_numbers(theta, "theta", 0, above=True, n=3)
    x, m = check_numbers([x, m], "x and m", 0, above=True, ndim=2)
    total = np.log(gamma + m * x)
    value = gammaln(p * x + q) - gammaln(p * x) - gammaln(q) + q * np.log(gamma)
    value = value + (p * x - 1) * np.log(m) + p * x * np.log(x) - (p * x + q) * total

    by_p = x * (digamma(p * x + q) - digamma(p * x) + np.log(m * x) - total)
    by_q = digamma(p * x + q) - digamma(q) + np.log(gamma) - total
    by_gamma = q / gamma - (p * x + q) / (gamma + m * x)
    return float(value.sum()), np.stack([by_p, by_q, by_gamma]).sum(1)


class GammaGamma(BaseEstimator):
    """Value of a purchase: Gamma(p, nu) around a mean of the customer's own, nu Gamma(q, gamma).

    It assumes that how much one spends doesn't depend on how often one buys. Source: Fader and
    Hardie 2013.

    Attributes
    ----------
    p_, q_, gamma_ : float
        The parameters.
    standard_errors_ : ndarray of shape (3,)
        Of the three.
    log_likelihood_ : float
        At the maximum.

    Examples
    --------
    >>> mine = pd.DataFrame({"frequency": [1] * 4 + [30] * 4})
    >>> mine["monetary_value"] = [2.0, 90, 5, 60, 20, 45, 33, 18]
    >>> bool(GammaGamma().fit(mine).predict(mine)[1] < 45)  # one large purchase may be luck
    True
    """

    def fit(self, X: pd.DataFrame, y=None) -> "GammaGamma":
        """Maximum likelihood on the customers with a repeat purchase.

        X: columns frequency and monetary_value. Few customers, or all of one value, leave
        parameters open: their standard errors are infinite.
        """
        x, m = _spending(X)
        x, m = x[x > 0], m[x > 0]
        if not len(x):
            raise UserError(
                "nobody bought twice: there is no repeat purchase to learn a value from"
            )
        if (m == 0).any():
            raise UserError(
                f"{(m == 0).sum()} customers' repeat purchases cost nothing: leave them out, "
                "values are > 0"
            )
        unit = unit_of(m)
        found = maximum_likelihood(gamma_gamma_log_likelihood, 3, x, m / unit)
        self.p_, self.q_, self.gamma_ = (found.parameters * [1, 1, unit]).tolist()
        self.standard_errors_ = found.standard_errors * [1, 1, unit]
        self.log_likelihood_ = found.log_likelihood - float(len(m) * np.log(unit))
        return self

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        """Expected mean value of a purchase, (n,); it shrinks towards the population as x falls.

        Raises UserError when the fitted q is 1 or below: then the population has no finite mean.
        """
        check_is_fitted(self)
        x, m = _spending(X)
        if self.q_ <= 1:
            raise UserError(
                f"q = {self.q_:.2f} <= 1: the population's mean is infinite; "
                "more repeat customers are needed"
            )
        return self.p_ * (self.gamma_ + m * x) / (self.p_ * x + self.q_ - 1)


def _spending(X: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """The columns frequency, whole numbers, and monetary_value, (n,) each."""
    frame = check_frame(X, list(COLUMNS), not_negative=COLUMNS)
    x = check_numbers(frame["frequency"], "column 'frequency'", 0, whole=True)
    return x, check_numbers(frame["monetary_value"], "column 'monetary_value'", 0, MOST_MONEY)


def lifetime_value(
    purchases: BetaGeometricNBD,
    value: GammaGamma,
    X: pd.DataFrame,
    weeks: int,
    discount: float = 0.0,
) -> np.ndarray:
    """Money expected of each customer in the coming `weeks` (1 or more), (n,).

    purchases, value: the two fitted models. discount: yearly rate, 0.1 is 10 %.
    """
    if not isinstance(purchases, BetaGeometricNBD) or not isinstance(value, GammaGamma):
        raise UserError("a BetaGeometricNBD and a GammaGamma are needed, both fitted")
    weeks = check_number(weeks, "weeks", 1, MOST_WEEKS, whole=True)
    discount = check_number(discount, "discount", 0)
    totals = np.stack([purchases.predict(X, week) for week in range(1, weeks + 1)])  # (weeks, n)
    each_week = np.diff(totals, axis=0, prepend=0)
    worth_today = (1 + discount) ** (-np.arange(1, weeks + 1) / 52)  # (weeks,)
    return worth_today @ each_week * value.predict(X)
