"""How often customers will buy again: the BG/NBD model (Fader, Hardie and Lee 2005)."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import betaincinv, betaln, digamma, gammaln, hyp2f1
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from socialai.apps.behaviour.likelihood import maximum_likelihood, unit_of
from socialai.apps.behaviour.purchases import check_histories, check_purchase_history
from socialai.errors import UserError
from socialai.validation import check_number, check_numbers, generator_seed

MOST_WEEKS = 1e6  # that can be looked ahead
MOST_PURCHASES = 1e5  # of a customer, on average, that can be simulated

# 200 quantiles of a distribution and their weights: a mean over it, by Gauss and Legendre
QUANTILES, WEIGHTS = np.polynomial.legendre.leggauss(200)
QUANTILES = (QUANTILES + 1) / 2
WEIGHTS = WEIGHTS / 2


def bgnbd_log_likelihood(
    theta: ArrayLike, x: ArrayLike, t_x: ArrayLike, T: ArrayLike
) -> tuple[float, np.ndarray]:
    """Log-likelihood of BG/NBD and its gradient by hand, (4,), in theta = (r, alpha, a, b).

    x: repeat purchases, t_x: week of the last one, T: weeks observed, each (n,) from 0 up. Source:
    Fader, Hardie and Lee 2005, equation 6.
    """
    r, alpha, a, b = check_numbers(theta, "theta", 0, above=True, n=4)
    x, t_x, T = check_numbers([x, t_x, T], "x, t_x and T", 0, ndim=2)
    check_histories(x, t_x, T)

    # Two stories of each customer: still alive, or lost right after the last purchase.
    repeated = x > 0
    again = np.where(repeated, b + x - 1, 1.0)
    log_alive = -(r + x) * np.log(alpha + T)
    log_lost = np.where(repeated, np.log(a / again) - (r + x) * np.log(alpha + t_x), -np.inf)
    log_either = np.logaddexp(log_alive, log_lost)
    value = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    value = value + betaln(a, b + x) - betaln(a, b) + log_either

    # The gradient weighs the two stories by how likely each is.
    lost = np.exp(log_lost - log_either)
    alive = 1 - lost
    either = digamma(a + b) - digamma(a + b + x)
    by_r = digamma(r + x) - digamma(r) + np.log(alpha)
    by_r = by_r - alive * np.log(alpha + T) - lost * np.log(alpha + t_x)
    by_alpha = r / alpha - (r + x) * (alive / (alpha + T) + lost / (alpha + t_x))
    by_a = either + lost / a
    by_b = either + digamma(b + x) - digamma(b) - lost / again
    return float(value.sum()), np.stack([by_r, by_alpha, by_a, by_b]).sum(1)


class BetaGeometricNBD(BaseEstimator):
    """BG/NBD: a customer buys at random, and after each repeat purchase may leave for good.

    Each has a rate of buying and a probability of leaving of his own; over all customers rates are
    Gamma(r, alpha) and probabilities Beta(a, b). Leaving happens at a repeat purchase only: one who
    never bought again counts as alive. Every method takes a frame with the columns of `summarize`.
    Source: Fader, Hardie and Lee 2005.

    Attributes
    ----------
    r_, alpha_, a_, b_ : float
        The parameters.
    standard_errors_ : ndarray of shape (4,)
        Of the four.
    log_likelihood_ : float
        At the maximum.

    Examples
    --------
    >>> customers = simulate_customers(r=0.6, alpha=5, a=0.9, b=3, T=[52] * 2000)
    >>> model = BetaGeometricNBD().fit(customers)
    >>> model.predict(customers, weeks=4).shape
    (2000,)
    """

    def fit(self, X: pd.DataFrame, y=None) -> "BetaGeometricNBD":
        """Maximum likelihood on columns frequency, recency, T.

        Few customers, or all alike, leave parameters open: their standard errors are infinite.
        UserError where nobody bought twice.
        """
        x, t_x, T = check_purchase_history(X)
        if not x.any():
            raise UserError(
                "nobody bought twice: whether customers come back or leave can't be told"
            )
        unit = unit_of(T)
        found = maximum_likelihood(bgnbd_log_likelihood, 4, x, t_x / unit, T / unit)
        self.r_, self.alpha_, self.a_, self.b_ = (found.parameters * [1, unit, 1, 1]).tolist()
        self.standard_errors_ = found.standard_errors * [1, unit, 1, 1]
        self.log_likelihood_ = found.log_likelihood - float(x.sum() * np.log(unit))
        return self

    def probability_alive(self, X: pd.DataFrame) -> np.ndarray:
        """P(the customer hasn't left by T), (n,)."""
        check_is_fitted(self)
        x, t_x, T = check_purchase_history(X)
        with np.errstate(over="ignore"):  # infinitely long: certainly lost
            longer = ((self.alpha_ + T) / (self.alpha_ + t_x)) ** (self.r_ + x)
        odds = np.where(x > 0, self.a_ / np.where(x > 0, self.b_ + x - 1, 1) * longer, 0)
        return 1 / (1 + odds)

    def predict(self, X: pd.DataFrame, weeks: float) -> np.ndarray:
        """Purchases expected in the `weeks` (0 or more) after T given what was seen, (n,).

        Source: equation 10.
        """
        check_is_fitted(self)
        x, _, T = check_purchase_history(X)
        weeks = check_number(weeks, "weeks", 0, MOST_WEEKS)
        return self._bought(x, self.alpha_ + T, weeks) * self.probability_alive(X)

    def expected_purchases(self, weeks: ArrayLike) -> np.ndarray:
        """Repeat purchases that a new customer is expected to have made after so many weeks.

        Source: equation 9.
        """
        check_is_fitted(self)
        t = check_numbers(weeks, "weeks", 0, MOST_WEEKS, ndim=None)
        return self._bought(0, self.alpha_, t)

    def probability_silent(self, X: pd.DataFrame, weeks: float) -> np.ndarray:
        """P(no purchase in the `weeks` (0 or more) after T), (n,).

        The customer has left, or is alive and waits longer. The rate of one who is alive is
        Gamma(r + x, alpha + T) given the data, so the wait has a Pareto tail.
        """
        check_is_fitted(self)
        x, _, T = check_purchase_history(X)
        weeks = check_number(weeks, "weeks", 0, MOST_WEEKS)
        waits = ((self.alpha_ + T) / (self.alpha_ + T + weeks)) ** (self.r_ + x)
        alive = self.probability_alive(X)
        return 1 - alive + alive * waits

    def _bought(self, x: ArrayLike, scale: ArrayLike, weeks: ArrayLike) -> np.ndarray:
        """Purchases expected of who is alive after x, whose rate is Gamma(r + x, scale).

        This is the mean of (1 - (1 + p weeks / scale)^-(r + x)) / p over the probability of
        leaving, p, which is Beta(a, b + x). Its closed form, of equations 9 and 10, isn't finite at
        a = 1, at a + b = 1, and for hundreds of purchases: there the mean itself is computed.
        """
        r, a, b = self.r_, np.float64(self.a_), self.b_
        with np.errstate(all="ignore"):
            c = a + b + x - 1
            hyper = hyp2f1(r + x, b + x, c, weeks / (scale + weeks))
            bought = c / (a - 1) * (1 - (scale / (scale + weeks)) ** (r + x) * hyper)
        most = (r + x) * weeks / scale  # of who never leaves
        closed = (bought >= 0) & (bought <= most * (1 + 1e-9))  # NaN is neither
        closed &= (abs(a - 1) > 1e-6) & (np.abs(c) > 1e-6)
        if closed.all():
            return bought

        x, scale, weeks, closed = np.broadcast_arrays(x, scale, weeks, closed)
        mean = np.zeros(closed.shape)
        x, scale, weeks = x[~closed], scale[~closed], weeks[~closed]
        different, number = np.unique(x, return_inverse=True)
        total = np.zeros(len(x))
        for quantile, weight in zip(QUANTILES, WEIGHTS, strict=True):
            p = betaincinv(a, b + different, quantile)[number]
            p = np.maximum(p, 1e-200)  # the limit at 0
            total += weight * -np.expm1(-(r + x) * np.log1p(p * weeks / scale)) / p
        mean[~closed] = total
        return np.where(closed, bought, mean)[()]


def simulate_customers(
    r: float, alpha: float, a: float, b: float, T: ArrayLike, seed: int = 0
) -> pd.DataFrame:
    """Customers who behave as BG/NBD says, each watched for T (n,) weeks.

    Returns frequency, recency, T, and alive: the truth at T, which no log tells.
    """
    r, alpha, a, b = check_numbers([r, alpha, a, b], "r, alpha, a and b", 0, above=True)
    T = check_numbers(T, "T", 0)
    if r / alpha * T.max() > MOST_PURCHASES:
        raise UserError(
            f"r / alpha is {r / alpha:g} purchases a week, in up to {T.max():g} weeks: "
            f"more than {MOST_PURCHASES:g} of a customer can't be simulated"
        )
    n = len(T)
    rng = np.random.default_rng(generator_seed(seed))
    rate = rng.gamma(r, 1 / alpha, n)
    leaves = rng.beta(a, b, n)

    clock = np.zeros(n)
    frequency = np.zeros(n, int)
    recency = np.zeros(n)
    alive = np.ones(n, bool)
    watched = np.ones(n, bool)
    while watched.any():
        # The next purchase of everybody; a rate that underflows to 0 waits for ever.
        with np.errstate(divide="ignore"):
            clock += rng.standard_exponential(n) / rate
        watched &= clock <= T
        frequency = frequency + watched
        recency = np.where(watched, clock, recency)

        # After it some leave.
        alive &= ~(watched & (rng.random(n) < leaves))
        watched &= alive
    return pd.DataFrame({"frequency": frequency, "recency": recency, "T": T, "alive": alive})
