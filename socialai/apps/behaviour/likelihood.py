"""Maximum likelihood for models of positive parameters, along a gradient by hand."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.optimize import approx_fprime, minimize

from socialai.errors import UserError

BOX = 12  # how far from 0 the logarithm of a parameter may be


class MaximumLikelihood(NamedTuple):
    """Where the likelihood is highest: k parameters, their standard errors, the log-likelihood."""

    parameters: np.ndarray  # (k,)
    standard_errors: np.ndarray  # (k,)
    log_likelihood: float


def maximum_likelihood(
    log_likelihood: Callable[..., tuple[float, np.ndarray]], n_parameters: int, *data: np.ndarray
) -> MaximumLikelihood:
    """The positive parameters that make the data likeliest, found along the exact gradient.

    log_likelihood(theta, *data) gives its value and its gradient. The search is over log theta,
    which keeps theta positive; the standard errors are from the curvature at the maximum (infinite
    where the data leave a direction open). UserError for data too extreme to be computed with.
    """

    def loss(log_theta):
        theta = np.exp(log_theta)
        value, gradient = log_likelihood(theta, *data)
        return -value / len(data[0]), -gradient * theta / len(data[0])

    box = [(-BOX, BOX)] * n_parameters
    start = np.zeros(n_parameters)
    with np.errstate(over="ignore", invalid="ignore"):
        found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=box, tol=1e-12)
    if not np.isfinite([found.fun, *found.x]).all():
        raise UserError("the likelihood isn't finite: the data hold numbers that are too large")
    theta = np.exp(found.x)

    # The curvature: how the exact gradient changes around the maximum.
    def gradient_of_loss(theta):
        return -log_likelihood(theta, *data)[1]

    hessian = np.atleast_2d(approx_fprime(theta, gradient_of_loss, 1e-6 * theta))
    if np.isfinite(hessian).all():
        variance = np.diag(np.linalg.pinv((hessian + hessian.T) / 2))
    else:
        variance = np.zeros(n_parameters)
    known = (variance > 0) & (np.abs(found.x) < BOX)
    standard_errors = np.sqrt(np.where(known, variance, np.inf))
    return MaximumLikelihood(theta, standard_errors, -found.fun * len(data[0]))


def unit_of(amounts: np.ndarray) -> float:
    """What to divide amounts by, so that the parameters in their unit are near 1; 1 where they are.

    Seconds for weeks, or money of which a million buys a meal, would leave the box of the search.
    """
    with np.errstate(over="ignore"):
        mean = float(amounts.mean())
    if not np.isfinite(mean):
        raise UserError("the numbers are too large: their sum isn't finite")
    return 1.0 if 1 <= mean <= 100 else mean
