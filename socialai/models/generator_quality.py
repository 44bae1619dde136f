"""Measures of what a generator makes: how near it is to real data, how believable, how various."""

import math

import numpy as np
import torch
from sklearn.neighbors import NearestNeighbors

from socialai.errors import UserError
from socialai.validation import check_matrix, check_number, check_numbers


def jensen_shannon(p: np.ndarray, q: np.ndarray, dx: float) -> float:
    """Jensen-Shannon divergence in nats of two densities on a grid of step dx; 0 to log 2.

    p, q (n,): none negative. UserError for what are no densities.
    """
    p = check_numbers(p, "p", 0)
    q = check_numbers(q, "q", 0, n=len(p))
    check_number(dx, "dx", 0, above=True)
    middle = (p + q) / 2

    def kullback_leibler(density: np.ndarray) -> float:
        inside = density > 0
        logs = np.log(density[inside] / middle[inside])
        return float((density[inside] * logs).sum() * dx)

    return (kullback_leibler(p) + kullback_leibler(q)) / 2


def frechet_distance(real: np.ndarray, fake: np.ndarray) -> float:
    """Distance of two normal distributions fitted to features (n, d), (m, d).

    |mu1 - mu2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)). With few samples it is too large even between
    halves of one set, so compare only values of the same n, beside the value of real against real.
    UserError for fewer than two rows. Source: Heusel et al. 2017, equation 6.
    """
    real, fake = _features(real, fake)
    mean = real.mean(0) - fake.mean(0)
    cov_real = np.atleast_2d(np.cov(real, rowvar=False))
    cov_fake = np.atleast_2d(np.cov(fake, rowvar=False))
    # tr (S1 S2)^(1/2) is the sum of the singular values of S1^(1/2) S2^(1/2), which also holds
    # where S1 is singular.
    root = np.linalg.norm(_square_root(cov_real) @ _square_root(cov_fake), "nuc")
    return float(mean @ mean + np.trace(cov_real) + np.trace(cov_fake) - 2 * root)


def _features(real, fake) -> tuple[np.ndarray, np.ndarray]:
    """Both as matrices (n, d), (m, d) of two rows or more, whose squares are finite."""
    real = check_matrix(real, "real")
    fake = check_matrix(fake, "fake", shape=(None, real.shape[1]))
    for name, X in (("real", real), ("fake", fake)):
        if len(X) < 2:
            raise UserError(f"{name} has one row: two or more are needed")
        if np.abs(X).max() > np.finfo(np.result_type(X, np.float32)).max ** 0.25:
            raise UserError(f"{name}: the numbers are too large to be squared: scale them")
    return real, fake


def _square_root(covariance: np.ndarray) -> np.ndarray:
    """The symmetric square root of a covariance matrix."""
    values, vectors = np.linalg.eigh(covariance)
    return vectors * np.sqrt(values.clip(min=0)) @ vectors.T


def neighbourhood_scores(real: np.ndarray, fake: np.ndarray, k: int = 3) -> dict[str, float]:
    """{"precision", "recall", "coverage"} of generated features (m, d) against real ones (n, d).

    precision: share of fakes within the k-th neighbour's distance of some real one, that is,
    believable; recall: the same with the sides exchanged (Kynkaanniemi et al. 2019, equation 2).
    coverage: share of real ones that have a fake within their own k-th neighbour's distance (Naeem
    et al. 2020, equation 9), less fooled by outliers. UserError for a k that isn't from 1 to the
    smaller number of rows less 1.
    """
    real, fake = _features(real, fake)
    k = check_number(k, "k", 1, min(len(real), len(fake)) - 1, whole=True)
    distance = torch.cdist(torch.tensor(real).double(), torch.tensor(fake).double())
    distance = distance.numpy()  # (n, m)
    near_real = distance <= _kth_distance(real, k)[:, None]
    near_fake = distance <= _kth_distance(fake, k)
    return {
        "precision": float(near_real.any(0).mean()),
        "recall": float(near_fake.any(1).mean()),
        "coverage": float(near_real.any(1).mean()),
    }


def _kth_distance(x: np.ndarray, k: int) -> np.ndarray:
    """(n,) distance of each row of x to the k-th nearest other row."""
    distances, _ = NearestNeighbors(n_neighbors=k).fit(x).kneighbors()  # itself is not counted
    return distances[:, -1]


def class_entropy(classes: np.ndarray, n_classes: int) -> float:
    """Entropy of how often each class occurs, as a share of the largest possible.

    1: all alike; 0: one class only. classes (n,): whole numbers from 0 to n_classes - 1.
    """
    n_classes = check_number(n_classes, "n_classes", 2, whole=True)
    classes = check_numbers(classes, "classes", 0, n_classes - 1, whole=True).astype(int)
    share = np.bincount(classes, minlength=n_classes) / len(classes)
    share = share[share > 0]
    return float(-(share * np.log(share)).sum() / math.log(n_classes)) + 0.0
