"""What customers will spend: the gamma-gamma model, and the value of a customer's life."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import digamma, gammaln
from sklearn.base import BaseEstimator

from socialai.apps.behaviour.bgnbd import BetaGeometricNBD, maximise_likelihood
from socialai.errors import UserError
from socialai.validation import check_frame, check_number, check_numbers


def gamma_gamma_log_likelihood(
    theta: ArrayLike, x: ArrayLike, m: ArrayLike
) -> tuple[float, np.ndarray]:
    """Log-likelihood of means m (n,) of x purchases (n,), its gradient in (p, q, gamma): Fader and Hardie 2013.

    UserError for a mean or a number of purchases that isn't above 0.
    """
    p, q, gamma = check_numbers(theta, "theta", 0, above=True, n=3)
    x, m = check_numbers([x, m], "x and m", 0, above=True, ndim=2)
    total = np.log(gamma + m * x)
    value = gammaln(p * x + q) - gammaln(p * x) - gammaln(q) + q * np.log(gamma)
    value = value + (p * x - 1) * np.log(m) + p * x * np.log(x) - (p * x + q) * total
    gradient = np.stack(
        [
            x * (digamma(p * x + q) - digamma(p * x) + np.log(m * x) - total),
            digamma(p * x + q) - digamma(q) + np.log(gamma) - total,
            q / gamma - (p * x + q) / (gamma + m * x),
        ]
    )
    return float(value.sum()), gradient.sum(1)


class GammaGamma(BaseEstimator):
    """Value of a purchase: Gamma(p, nu) around a mean of the customer's own, nu being Gamma(q, gamma).

    It assumes that how much one spends doesn't depend on how often one buys. After fit: p_, q_, gamma_,
    standard_errors_, log_likelihood_.
    """

    def fit(self, X: pd.DataFrame, y=None) -> "GammaGamma":
        """Maximum likelihood on frequency and monetary_value of the customers with a repeat purchase."""
        check_frame(
            X, ["frequency", "monetary_value"], not_negative=("frequency", "monetary_value")
        )
        x, m = X.loc[X["frequency"] > 0, ["frequency", "monetary_value"]].to_numpy(float).T
        if not len(x):
            raise UserError(
                "nobody bought twice: there is no repeat purchase to learn a value from"
            )
        if (m == 0).any():
            raise UserError(
                f"{(m == 0).sum()} customers' repeat purchases cost nothing: leave them out, values are > 0"
            )
        theta, self.standard_errors_, self.log_likelihood_ = maximise_likelihood(
            gamma_gamma_log_likelihood, 3, x, m
        )
        self.p_, self.q_, self.gamma_ = theta.tolist()
        return self

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        """Expected mean value of a purchase, (n,); it shrinks towards the population as x falls.

        Raises UserError when the fitted q is 1 or below: then the population has no finite mean.
        """
        check_frame(
            X, ["frequency", "monetary_value"], not_negative=("frequency", "monetary_value")
        )
        if self.q_ <= 1:
            raise UserError(
                f"q = {self.q_:.2f} <= 1: the population's mean is infinite; more repeat customers are needed"
            )
        x, m = X["frequency"].to_numpy(float), X["monetary_value"].to_numpy(float)
        return self.p_ * (self.gamma_ + m * x) / (self.p_ * x + self.q_ - 1)


def lifetime_value(
    purchases: BetaGeometricNBD,
    value: GammaGamma,
    X: pd.DataFrame,
    weeks: int,
    discount: float = 0.0,
) -> np.ndarray:
    """Money expected of each customer in the coming `weeks`, (n,), 1 or more; discount: yearly rate, 0.1 is 10 %."""
    weeks = check_number(weeks, "weeks", 1, whole=True)
    check_number(discount, "discount", 0)
    totals = np.stack([purchases.predict(X, week) for week in range(1, weeks + 1)])  # (weeks, n)
    each_week = np.diff(totals, axis=0, prepend=0)
    return (1 + discount) ** (-np.arange(1, weeks + 1) / 52) @ each_week * value.predict(X)
