"""Maximum likelihood for models of positive parameters, along a gradient by hand."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.optimize import approx_fprime, minimize


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
    where the data leave a direction open).
    """

    def loss(log_theta):
        theta = np.exp(log_theta)
        value, gradient = log_likelihood(theta, *data)
        return -value / len(data[0]), -gradient * theta / len(data[0])

    box = [(-12, 12)] * n_parameters
    start = np.zeros(n_parameters)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=box, tol=1e-12)
    theta = np.exp(found.x)

    # The curvature: how the exact gradient changes around the maximum.
    def gradient_of_loss(theta):
        return -log_likelihood(theta, *data)[1]

    hessian = approx_fprime(theta, gradient_of_loss, 1e-6 * theta)
    variance = np.diag(np.linalg.pinv((hessian + hessian.T) / 2))
    standard_errors = np.sqrt(np.where(variance > 0, variance, np.inf))
    return MaximumLikelihood(theta, standard_errors, -found.fun * len(data[0]))
