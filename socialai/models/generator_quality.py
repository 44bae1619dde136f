"""Measures of what a generator makes: how near it is to real data, how believable, how various."""

import math

import numpy as np
import torch
from sklearn.neighbors import NearestNeighbors


def jensen_shannon(p: np.ndarray, q: np.ndarray, dx: float) -> float:
    """Jensen-Shannon divergence in nats of two densities on a grid of step dx; 0 to log 2."""
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
    Source: Heusel et al. 2017, equation 6.
    """
    mean = real.mean(0) - fake.mean(0)
    cov_real = np.atleast_2d(np.cov(real, rowvar=False))
    cov_fake = np.atleast_2d(np.cov(fake, rowvar=False))
    # tr (S1 S2)^(1/2) is the sum of the singular values of S1^(1/2) S2^(1/2), which also holds
    # where S1 is singular.
    root = np.linalg.norm(_square_root(cov_real) @ _square_root(cov_fake), "nuc")
    return float(mean @ mean + np.trace(cov_real) + np.trace(cov_fake) - 2 * root)


def _square_root(covariance: np.ndarray) -> np.ndarray:
    """The symmetric square root of a covariance matrix."""
    values, vectors = np.linalg.eigh(covariance)
    return vectors * np.sqrt(values.clip(min=0)) @ vectors.T


def neighbourhood_scores(real: np.ndarray, fake: np.ndarray, k: int = 3) -> dict[str, float]:
    """{"precision", "recall", "coverage"} of generated features (m, d) against real ones (n, d).

    precision: share of fakes within the k-th neighbour's distance of some real one, that is,
    believable; recall: the same with the sides exchanged (Kynkaanniemi et al. 2019, equation 2).
    coverage: share of real ones that have a fake within their own k-th neighbour's distance (Naeem
    et al. 2020, equation 9), less fooled by outliers.
    """
    distance = torch.cdist(torch.from_numpy(real).double(), torch.from_numpy(fake).double())
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

    1: all alike; 0: one class only.
    """
    share = np.bincount(classes, minlength=n_classes) / len(classes)
    share = share[share > 0]
    return float(-(share * np.log(share)).sum() / math.log(n_classes)) + 0.0
