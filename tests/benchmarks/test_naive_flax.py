"""The networks our speed is compared with compute what ours compute: else the comparison would mean nothing."""

from dataclasses import replace

import jax
import numpy as np
import pytest

from benchmarks import gan_step
from benchmarks.naive_flax import NaiveNetworks, naive_weights
from sketch2photo.training.gan import GanNetworks, initial_state, make_step

pytestmark = pytest.mark.slow

SIZE, WIDTH, BATCH = 64, 4, 2


@pytest.fixture(scope="module")
def networks():
    """Ours, the naive ones, and one set of weights for each of both."""
    config = gan_step.config(SIZE, WIDTH)
    ours, naive = GanNetworks(config, 0), NaiveNetworks(config)
    weights = jax.jit(ours.init)(jax.random.key(3))
    return ours, naive, weights, tuple(naive_weights(w) for w in weights)


@pytest.fixture(scope="module")
def pictures():
    draw = np.random.default_rng(0)
    return tuple(draw.uniform(-1, 1, (BATCH, SIZE, SIZE, 3)).astype(np.float32) for _ in range(2))


def test_naive_weights_have_the_naive_networks_shapes(networks):
    _, naive, _, translated = networks
    for fresh, ours in zip(naive.init(jax.random.key(0)), translated, strict=True):
        assert jax.tree.map(np.shape, fresh) == jax.tree.map(np.shape, ours)


def test_both_paint_and_judge_alike(networks, pictures):
    ours, naive, weights, translated = networks
    sketch, photo = pictures

    def both(n, w):
        fake = n.generate(w[0], sketch, None, train=True)
        return fake, n.discriminate(w[1], sketch, photo, None)

    mine, theirs = jax.jit(lambda w: both(ours, w))(weights), jax.jit(lambda w: both(naive, w))(translated)
    assert np.abs(mine[0]).max() > 0.05
    for a, b in zip(jax.tree.leaves(mine), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-3, atol=2e-4)


def test_one_picture_alone_is_painted_alike(networks, pictures):
    ours, naive, weights, translated = networks
    sketch = pictures[0][:1]
    mine = jax.jit(lambda w: ours.generate(w, sketch, None))(weights[0])
    theirs = jax.jit(lambda w: naive.generate(w, sketch, None))(translated[0])
    np.testing.assert_allclose(mine, theirs, rtol=2e-3, atol=2e-4)


def test_both_steps_run_and_have_the_same_discriminator_loss_without_noise(networks, pictures):
    """One step of each from the same weights and batch. The dropout masks differ, so the discriminator's logits on
    true photos, which see none, are what can be held equal."""
    config = gan_step.config(SIZE, WIDTH)
    batch = gan_step.random_batch(SIZE, BATCH)
    logits = []
    for network, weights in zip(networks[:2], networks[2:], strict=True):
        state = jax.jit(lambda key, n=network: initial_state(n, key))(jax.random.key(0))
        state = replace(state, generator=weights[0], discriminator=weights[1])
        state, metrics = jax.jit(make_step(network))(state, batch)
        assert int(state.step) == 1
        assert all(np.isfinite(value).all() for value in metrics.values())
        logits.append(float(metrics["logit_real"]))
    assert config.loss.l1 == 100.0
    assert logits[0] == pytest.approx(logits[1], abs=1e-4)
    assert abs(logits[0]) > 1e-3
