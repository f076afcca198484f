"""Losses against values worked out by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sketch2photo.models import losses

ONE = jnp.ones((1, 1, 1, 1))


@pytest.mark.parametrize(
    ("kind", "real", "fake", "discriminator", "generator"),
    [
        ("bce", 0.0, 0.0, np.log(2), np.log(2)),
        ("bce", 2.0, -1.0, 0.5 * (np.log1p(np.exp(-2)) + np.log1p(np.exp(-1))), np.log1p(np.exp(1))),
        ("lsgan", 1.0, 0.0, 0.0, 0.5),
        ("lsgan", 3.0, -1.0, 0.5 * (4 + 1), 2.0),
        ("hinge", 2.0, -3.0, 0.0, 3.0),
        ("hinge", 0.5, 0.25, 0.5 + 1.25, -0.25),
    ],
)
def test_adversarial_losses_in_closed_form(kind, real, fake, discriminator, generator):
    np.testing.assert_allclose(losses.discriminator_loss(kind, real * ONE, fake * ONE), discriminator, rtol=1e-5)
    np.testing.assert_allclose(losses.generator_loss(kind, fake * ONE), generator, rtol=1e-5)


def test_l1_is_the_mean_difference():
    assert losses.l1(jnp.zeros((1, 2, 2, 3)), jnp.full((1, 2, 2, 3), -0.5)) == 0.5


def test_feature_losses_sum_over_maps_and_leave_the_true_photo_alone():
    fake = [jnp.ones((1, 2, 2, 1)), jnp.zeros((1, 1, 1, 4))]
    real = [jnp.zeros((1, 2, 2, 1)), jnp.full((1, 1, 1, 4), 2.0)]
    assert losses.feature_matching(fake, real) == 1.0 + 2.0
    gradient = jax.grad(lambda r: losses.feature_matching(fake, r))(real)
    assert all((g == 0).all() for g in gradient)
    half = [jnp.full((1, 2, 2, 1), 2.0)]
    np.testing.assert_allclose(losses.perceptual([jnp.full((1, 2, 2, 1), 3.0)], half), 0.5, rtol=1e-5)


def test_cross_entropy_with_smoothing():
    logits = jnp.log(jnp.array([[0.7, 0.2, 0.1]]))
    np.testing.assert_allclose(losses.cross_entropy(logits, jnp.array([0])), -np.log(0.7), rtol=1e-5)
    smooth = -(0.8 * np.log(0.7) + 0.1 * np.log(0.2) + 0.1 * np.log(0.1))
    np.testing.assert_allclose(losses.cross_entropy(logits, jnp.array([0]), 0.3), smooth, rtol=1e-5)
