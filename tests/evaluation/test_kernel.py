"""The kernel distance against its closed form for Gaussians, and by hand."""

import numpy as np
import pytest

from sketch2photo.errors import ConfigError
from sketch2photo.evaluation import metrics


def population(mean_a: float, sd_a: float, mean_b: float, sd_b: float) -> float:
    """Of one-dimensional Gaussians: (xy + 1)^3 = (xy)^3 + 3 (xy)^2 + 3 xy + 1, so the moments are compared."""

    def moments(m: float, s: float) -> np.ndarray:
        return np.array([m, m**2 + s**2, m**3 + 3 * m * s**2])

    return float(np.array([3, 3, 1]) @ (moments(mean_a, sd_a) - moments(mean_b, sd_b)) ** 2)


def test_samples_come_near_the_closed_form():
    rng = np.random.default_rng(0)
    a, b = rng.normal(0.2, 1, (5000, 1)), rng.normal(1.0, 0.7, (5000, 1))
    assert metrics.kernel_distance(a, b) == pytest.approx(population(0.2, 1, 1.0, 0.7), rel=0.06)


def test_it_is_unbiased_for_a_handful_of_samples():
    rng = np.random.default_rng(1)
    alike = [metrics.kernel_distance(rng.normal(size=(5, 2)), rng.normal(size=(7, 2))) for _ in range(4000)]
    assert abs(np.mean(alike)) < 4 * np.std(alike) / 4000**0.5
    assert min(alike) < 0  # a biased estimate never is
    apart = [metrics.kernel_distance(rng.normal(0.2, 1, (6, 1)), rng.normal(1.0, 0.7, (6, 1))) for _ in range(4000)]
    error = 4 * np.std(apart) / 4000**0.5
    assert np.mean(apart) == pytest.approx(population(0.2, 1, 1.0, 0.7), abs=error)


def test_by_hand():
    # k(x, y) = (xy + 1)^3: within {0, 1} k = 1; within {2, 3} k = 343; across 1, 1, 27, 64.
    a, b = np.array([[0.0], [1.0]]), np.array([[2.0], [3.0]])
    assert metrics.kernel_distance(a, b) == pytest.approx(1 + 343 - 2 * (1 + 1 + 27 + 64) / 4)


def test_subsets_agree_with_the_whole_and_say_their_size():
    rng = np.random.default_rng(0)
    a, b = rng.normal(0, 1, (400, 3)), rng.normal(0.5, 1, (300, 3))
    found = metrics.subset_distance(a, b, subset=100, subsets=200)
    assert found.subset == 100
    assert found.mean == pytest.approx(metrics.kernel_distance(a, b), rel=0.1)
    assert 0 < found.sd < found.mean
    few = metrics.subset_distance(a[:20], b, subset=100, subsets=9)
    assert few.subset == 10 and few.sd > 0
    assert metrics.subset_distance(a, b, subsets=3) == metrics.subset_distance(a, b, subsets=3)


def test_what_it_cannot_compare_it_refuses():
    with pytest.raises(ConfigError, match="rows of one length, received shapes"):
        metrics.kernel_distance(np.zeros((3, 2)), np.zeros((3, 4)))
    with pytest.raises(ConfigError, match="needs two pictures on each side, received 1 and 3"):
        metrics.kernel_distance(np.zeros((1, 2)), np.zeros((3, 2)))
