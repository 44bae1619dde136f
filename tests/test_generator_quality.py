"""The measures of a generator against closed forms and against loops."""

import math

import numpy as np
import pytest
from scipy.linalg import sqrtm
from scipy.stats import norm

from socialai.models import generator_quality


def normals(n, d, seed, shift=0.0):
    return np.random.default_rng(seed).normal(size=(n, d)) + shift


def test_jensen_shannon_from_nothing_in_common_to_all():
    x = np.linspace(-30, 30, 6001)
    p, far = norm.pdf(x, -10), norm.pdf(x, 10)
    assert generator_quality.jensen_shannon(p, p, 0.01) == pytest.approx(0, abs=1e-9)
    assert generator_quality.jensen_shannon(p, far, 0.01) == pytest.approx(math.log(2), abs=1e-6)


def test_frechet_distance_of_normals():
    # |mu1 - mu2|^2 + sum (s1 - s2)^2 for independent components
    a, b = normals(20_000, 3, 0), 2 * normals(20_000, 3, 1) + 1
    assert generator_quality.frechet_distance(a, b) == pytest.approx(3 * 1 + 3 * 1, rel=0.05)
    assert generator_quality.frechet_distance(a, a) == pytest.approx(0, abs=1e-6)
    c = normals(50, 3, 5) @ normals(3, 3, 4)  # correlated: the covariances don't commute
    covariances = np.cov(a, rowvar=False), np.cov(c, rowvar=False)
    gap = a.mean(0) - c.mean(0)
    expected = gap @ gap + np.trace(
        sum(covariances) - 2 * sqrtm(covariances[0] @ covariances[1]).real
    )
    assert generator_quality.frechet_distance(a, c) == pytest.approx(expected)
    one, other = normals(20_000, 1, 2), 3 * normals(20_000, 1, 3)
    assert generator_quality.frechet_distance(one, other) == pytest.approx(4, rel=0.05)


def test_neighbourhood_scores_at_their_ends():
    real = normals(300, 4, 0)
    assert set(generator_quality.neighbourhood_scores(real, real).values()) == {1.0}
    assert set(
        generator_quality.neighbourhood_scores(real, normals(300, 4, 1, shift=50)).values()
    ) == {0.0}
    both = np.concatenate([real, normals(300, 4, 2, shift=50)])
    half = generator_quality.neighbourhood_scores(
        both, normals(300, 4, 3)
    )  # believable, but half of the real ones are missed
    assert (
        half["precision"] > 0.7 and 0.25 < half["recall"] < 0.5 and 0.25 < half["coverage"] <= 0.5
    )


def kth_distance(points, i, k):
    """Distance of point i to its k-th nearest other point."""
    return sorted(math.dist(points[i], p) for j, p in enumerate(points) if j != i)[k - 1]


def within(centres, x, k):
    """Whether x lies in the ball of some centre that reaches to the centre's k-th neighbour."""
    return any(math.dist(x, c) <= kth_distance(centres, i, k) for i, c in enumerate(centres))


@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize(("n", "m", "shift"), [(25, 18, 0.0), (12, 30, 0.8), (20, 20, 2.0)])
def test_neighbourhood_scores_by_loops(n, m, shift, k):
    real, fake = normals(n, 2, 0), normals(m, 2, 1, shift)
    expected = {
        "precision": np.mean([within(real, x, k) for x in fake]),
        "recall": np.mean([within(fake, x, k) for x in real]),
        "coverage": np.mean(
            [
                min(math.dist(r, x) for x in fake) <= kth_distance(real, i, k)
                for i, r in enumerate(real)
            ]
        ),
    }
    assert generator_quality.neighbourhood_scores(real, fake, k) == pytest.approx(expected)


def test_class_entropy():
    assert generator_quality.class_entropy(np.arange(10), 10) == pytest.approx(1)
    assert generator_quality.class_entropy(np.full(7, 3), 10) == 0
    assert generator_quality.class_entropy(np.array([0, 1]), 4) == pytest.approx(0.5)
