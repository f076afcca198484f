"""The Fréchet distance of Gaussians whose distance is known in closed form."""

import numpy as np
import pytest

from sketch2photo.errors import ConfigError
from sketch2photo.evaluation import metrics


def test_one_dimension_in_closed_form():
    # (m1 - m2)^2 + (s1 - s2)^2
    found = metrics.gaussian_distance(np.array([1.0]), np.array([[4.0]]), np.array([4.0]), np.array([[25.0]]))
    assert found == pytest.approx(9 + 9)


def test_commuting_covariances_in_closed_form():
    # With the same axes, turned by any rotation, the roots of the variances are compared axis by axis.
    rng = np.random.default_rng(0)
    turn, _ = np.linalg.qr(rng.normal(size=(6, 6)))
    first, second = rng.uniform(0, 4, 6), rng.uniform(0, 4, 6)
    mean = rng.normal(size=6)
    found = metrics.gaussian_distance(mean, turn @ np.diag(first) @ turn.T, mean + 2, turn @ np.diag(second) @ turn.T)
    assert found == pytest.approx(6 * 4 + ((first**0.5 - second**0.5) ** 2).sum())


def test_covariances_that_do_not_commute():
    # tr (AB)^(1/2) of 2x2 matrices: the square of the sum of the roots is tr AB + 2 det(AB)^(1/2).
    a, b = np.array([[2.0, 0.9], [0.9, 1.0]]), np.array([[1.0, -0.5], [-0.5, 3.0]])
    cross = np.sqrt(np.trace(a @ b) + 2 * np.sqrt(np.linalg.det(a @ b)))
    found = metrics.gaussian_distance(np.zeros(2), a, np.zeros(2), b)
    assert found == pytest.approx(np.trace(a) + np.trace(b) - 2 * cross)


def test_samples_come_near_the_distance_of_their_gaussians():
    rng = np.random.default_rng(0)
    a, b = rng.normal(0, 1, (40_000, 3)), rng.normal([1, 0, 0], [2, 1, 1], (40_000, 3))
    assert metrics.frechet_distance(a, b) == pytest.approx(1 + 1, rel=0.03)


def test_of_a_set_to_itself_it_is_nothing_even_where_the_covariance_is_singular():
    few = np.random.default_rng(0).normal(size=(10, 40)).astype(np.float32)
    assert metrics.frechet_distance(few, few) == pytest.approx(0, abs=1e-5)
    assert metrics.frechet_distance(few, few + 1) == pytest.approx(40, rel=1e-5)


def test_what_it_cannot_compare_it_refuses():
    with pytest.raises(ConfigError, match="rows of one length, received shapes"):
        metrics.frechet_distance(np.zeros((3, 2)), np.zeros((3, 4)))
    with pytest.raises(ConfigError, match="needs two pictures on each side, received 3 and 1"):
        metrics.frechet_distance(np.zeros((3, 2)), np.zeros((1, 2)))
