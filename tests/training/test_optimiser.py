"""Rates over the steps and clipped gradients, in closed form."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from sketch2photo.config import GAN_PRESETS, GanOptimiserConfig, from_dict
from sketch2photo.training import gan


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (GanOptimiserConfig(), [1, 1, 1, 1]),
        (GanOptimiserConfig(schedule="linear", decay_from=0.5), [1, 1, 0.55, 0.1]),
        (GanOptimiserConfig(schedule="linear", decay_to=0.0), [1, 0.5, 0.25, 0]),
        (GanOptimiserConfig(schedule="cosine", decay_to=0.0), [1, 0.5, (1 + np.cos(0.75 * np.pi)) / 2, 0]),
        (GanOptimiserConfig(schedule="cosine", decay_from=0.5), [1, 1, 0.55, 0.1]),
    ],
)
def test_rates_at_the_start_half_three_quarters_and_the_end(config, expected):
    rate = gan.schedule(config, 1e-3, 100)
    np.testing.assert_allclose(
        [rate(step) for step in (0, 50, 75, 100)], 1e-3 * np.array(expected), rtol=1e-4, atol=1e-9
    )
    np.testing.assert_allclose(rate(150), rate(100), rtol=1e-5)  # a resumed run may go on for longer


def test_rates_rise_in_a_warm_up():
    config = GanOptimiserConfig(schedule="cosine", decay_from=0.5, decay_to=0.0, warm_up=10)
    rate = gan.schedule(config, 1e-3, 100)
    np.testing.assert_allclose(
        [rate(step) for step in (0, 4, 9, 50, 75, 100)], [1e-4, 5e-4, 1e-3, 1e-3, 5e-4, 0], rtol=1e-4, atol=1e-9
    )


def test_a_schedule_of_one_step():
    for kind in ("linear", "cosine"):
        assert np.isfinite(float(gan.schedule(GanOptimiserConfig(schedule=kind, decay_from=1.0), 1e-3, 1)(1)))


def test_both_networks_have_their_own_rate():
    config = dataclasses.replace(
        GAN_PRESETS["vanilla"], optimiser=GanOptimiserConfig(generator_rate=1e-3, discriminator_rate=4e-3)
    )
    moves = []
    for one in gan.optimisers(config):
        weights, _ = gan.update(one, {"w": jnp.ones(3)}, one.init({"w": jnp.zeros(3)}), {"w": jnp.zeros(3)})
        moves.append(float(weights["w"][0]))
    np.testing.assert_allclose(moves, [-1e-3, -4e-3], rtol=1e-3)  # Adam's first step has the length of the rate


def test_runs_from_before_schedules_keep_theirs():
    assert from_dict(GanOptimiserConfig, {"decay_from": 1.0}) == GanOptimiserConfig()
    old = from_dict(GanOptimiserConfig, {"decay_from": 0.5})
    assert (old.schedule, old.decay_from, old.decay_to) == ("linear", 0.5, 0.1)


def test_long_gradients_are_shortened_and_the_state_is_the_same_with_and_without():
    plain = optax.sgd(1.0)
    weights, gradient = {"a": jnp.zeros(2), "b": jnp.zeros(1)}, {"a": jnp.array([3.0, 0.0]), "b": jnp.array([4.0])}
    clipped, state = gan.update(plain, gradient, plain.init(weights), weights, clip=1.0)
    np.testing.assert_allclose(clipped["a"], [-0.6, 0.0], rtol=1e-6)
    np.testing.assert_allclose(clipped["b"], [-0.8], rtol=1e-6)
    free, other = gan.update(plain, gradient, plain.init(weights), weights)
    np.testing.assert_allclose(free["b"], [-4.0])
    assert jax.tree.structure(state) == jax.tree.structure(other)
    short, _ = gan.update(plain, gradient, plain.init(weights), weights, clip=10.0)
    np.testing.assert_allclose(short["a"], free["a"])
