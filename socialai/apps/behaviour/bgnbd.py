"""How often customers will buy again: the BG/NBD model (Fader, Hardie and Lee 2005)."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.optimize import approx_fprime, minimize
from scipy.special import betaln, digamma, gammaln, hyp2f1
from sklearn.base import BaseEstimator

from socialai.apps.behaviour.purchases import check_rfm
from socialai.validation import check_number, check_numbers


def maximise_likelihood(
    log_likelihood, n_parameters: int, *data: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float]:
    """(theta, their standard errors, log-likelihood) of positive parameters, found along the exact gradient.

    log_likelihood(theta, *data) gives its value and gradient. The search is over log theta, which keeps theta positive;
    errors are from the curvature at the maximum (infinite where the data leave a direction open).
    """

    def loss(log_theta):
        theta = np.exp(log_theta)
        value, gradient = log_likelihood(theta, *data)
        return -value / len(data[0]), -gradient * theta / len(data[0])

    box = [(-12, 12)] * n_parameters
    found = minimize(
        loss, np.zeros(n_parameters), jac=True, method="L-BFGS-B", bounds=box, tol=1e-12
    )
    theta = np.exp(found.x)
    hessian = approx_fprime(theta, lambda t: -log_likelihood(t, *data)[1], 1e-6 * theta)
    variance = np.diag(np.linalg.pinv((hessian + hessian.T) / 2))
    return theta, np.sqrt(np.where(variance > 0, variance, np.inf)), -found.fun * len(data[0])


def bgnbd_log_likelihood(
    theta: ArrayLike, x: ArrayLike, t_x: ArrayLike, T: ArrayLike
) -> tuple[float, np.ndarray]:
    """Log-likelihood of BG/NBD and its gradient by hand, in (r, alpha, a, b): Fader, Hardie and Lee 2005, equation 6.

    x: repeat purchases, t_x: week of the last one, T: weeks observed, each (n,) from 0 up.
    """
    r, alpha, a, b = check_numbers(theta, "theta", 0, above=True, n=4)
    x, t_x, T = check_numbers([x, t_x, T], "x, t_x and T", 0, ndim=2)
    repeated = x > 0
    again = np.where(repeated, b + x - 1, 1.0)
    log_alive = -(r + x) * np.log(alpha + T)
    log_lost = np.where(repeated, np.log(a / again) - (r + x) * np.log(alpha + t_x), -np.inf)
    log_either = np.logaddexp(log_alive, log_lost)
    value = (
        gammaln(r + x)
        - gammaln(r)
        + r * np.log(alpha)
        + betaln(a, b + x)
        - betaln(a, b)
        + log_either
    )
    lost = np.exp(
        log_lost - log_either
    )  # how likely this customer left right after the last purchase
    either = digamma(a + b) - digamma(a + b + x)
    gradient = np.stack(
        [
            digamma(r + x)
            - digamma(r)
            + np.log(alpha)
            - (1 - lost) * np.log(alpha + T)
            - lost * np.log(alpha + t_x),
            r / alpha - (r + x) * ((1 - lost) / (alpha + T) + lost / (alpha + t_x)),
            either + lost / a,
            either + digamma(b + x) - digamma(b) - lost / again,
        ]
    )
    return float(value.sum()), gradient.sum(1)


class BetaGeometricNBD(BaseEstimator):
    """BG/NBD: a customer buys at random at a rate of his own, and after each repeat purchase leaves with a
    probability of his own; rates are Gamma(r, alpha), probabilities Beta(a, b) (Fader, Hardie and Lee 2005).

    Every method takes a frame with the columns of `summarize`. After fit: r_, alpha_, a_, b_, standard_errors_ (of the
    four), log_likelihood_. Leaving happens at a repeat purchase only: one who never bought again counts as alive.
    """

    def fit(self, X: pd.DataFrame, y=None) -> "BetaGeometricNBD":
        """Maximum likelihood on columns frequency, recency, T."""
        theta, self.standard_errors_, self.log_likelihood_ = maximise_likelihood(
            bgnbd_log_likelihood, 4, *check_rfm(X)
        )
        self.r_, self.alpha_, self.a_, self.b_ = theta.tolist()
        return self

    def probability_alive(self, X: pd.DataFrame) -> np.ndarray:
        """P(the customer hasn't left by T), (n,)."""
        x, t_x, T = check_rfm(X)
        longer = ((self.alpha_ + T) / (self.alpha_ + t_x)) ** (self.r_ + x)
        return 1 / (1 + np.where(x > 0, self.a_ / np.where(x > 0, self.b_ + x - 1, 1) * longer, 0))

    def predict(self, X: pd.DataFrame, weeks: float) -> np.ndarray:
        """Purchases expected in the `weeks` (0 or more) after T given what was seen, (n,): equation 10."""
        (x, _, T), weeks = check_rfm(X), check_number(weeks, "weeks", 0)
        r, alpha, a, b = self.r_, self.alpha_, self.a_, self.b_
        hyper = hyp2f1(r + x, b + x, a + b + x - 1, weeks / (alpha + T + weeks))
        bought = 1 - ((alpha + T) / (alpha + T + weeks)) ** (r + x) * hyper
        return (a + b + x - 1) / (a - 1) * bought * self.probability_alive(X)

    def expected_purchases(self, weeks: ArrayLike) -> np.ndarray:
        """Repeat purchases that a new customer is expected to have made after so many weeks: equation 9."""
        t, (r, alpha, a, b) = (
            check_numbers(weeks, "weeks", 0, ndim=None),
            (self.r_, self.alpha_, self.a_, self.b_),
        )
        return (
            (a + b - 1)
            / (a - 1)
            * (1 - (alpha / (alpha + t)) ** r * hyp2f1(r, b, a + b - 1, t / (alpha + t)))
        )

    def probability_silent(self, X: pd.DataFrame, weeks: float) -> np.ndarray:
        """P(no purchase in the `weeks` (0 or more) after T), (n,): has left, or is alive and waits longer.

        The rate of one who is alive is Gamma(r + x, alpha + T) given the data, so the wait has a Pareto tail.
        """
        (x, _, T), weeks = check_rfm(X), check_number(weeks, "weeks", 0)
        waits = ((self.alpha_ + T) / (self.alpha_ + T + weeks)) ** (self.r_ + x)
        alive = self.probability_alive(X)
        return 1 - alive + alive * waits


def simulate_customers(
    r: float, alpha: float, a: float, b: float, T: ArrayLike, seed: int = 0
) -> pd.DataFrame:
    """Customers who behave as BG/NBD says, each watched for T weeks: frequency, recency, T, alive (truth at T)."""
    r, alpha, a, b = check_numbers([r, alpha, a, b], "r, alpha, a and b", 0, above=True)
    rng, T = np.random.default_rng(seed), check_numbers(T, "T", 0)
    rate, leaves = rng.gamma(r, 1 / alpha, len(T)), rng.beta(a, b, len(T))
    clock, frequency, recency = np.zeros_like(T), np.zeros(len(T), int), np.zeros_like(T)
    alive, watched = np.ones(len(T), bool), np.ones(len(T), bool)
    while watched.any():
        with np.errstate(divide="ignore"):  # a rate that underflows to 0 waits for ever
            clock += rng.standard_exponential(len(T)) / rate
        watched &= clock <= T
        frequency, recency = frequency + watched, np.where(watched, clock, recency)
        alive &= ~(watched & (rng.random(len(T)) < leaves))
        watched &= alive
    return pd.DataFrame({"frequency": frequency, "recency": recency, "T": T, "alive": alive})
