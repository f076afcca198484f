"""Layers: their gradients, their initial weights, and spectral normalisation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from sketch2photo.config import GAN_PRESETS
from sketch2photo.models import layers
from sketch2photo.models.unet import UNet
from sketch2photo.training.gan import GanNetworks, initial_state

DEBUG = GAN_PRESETS["debug"]
KERNEL = np.random.default_rng(0).normal(size=(6, 4, 4, 3)).astype(np.float32)
MATRIX = KERNEL.reshape(6, -1)


@pytest.mark.parametrize("function", [layers.relu, layers.leaky_relu], ids=["relu", "leaky"])
def test_slopes_are_those_of_the_function(function):
    slope = 0.0 if function is layers.relu else 0.2
    x = jnp.array([-2.0, -0.5, 0.5, 3.0])
    np.testing.assert_allclose(function(x), [-2 * slope, -0.5 * slope, 0.5, 3], rtol=1e-6)
    np.testing.assert_allclose(jax.vmap(jax.grad(function))(x), [slope, slope, 1, 1], rtol=1e-6)
    # The gradient of a gradient, which R1 takes.
    twice = jax.grad(lambda x: jnp.sum(jax.grad(lambda x: jnp.sum(function(x) ** 3))(x)))(x)
    np.testing.assert_allclose(twice, 6 * np.array([-2, -0.5, 0.5, 3]) * [slope**3, slope**3, 1, 1], rtol=1e-5)


# ---------------------------------------------------------------- initial weights


def unet(rngs):
    return UNet(DEBUG.model, 3, rngs=rngs)


def weights(network):
    return nnx.to_pure_dict(nnx.state(network))


def test_a_network_has_the_shapes_and_deviations_of_one_drawn_array_by_array():
    ours, theirs = weights(layers.initialised(unet, jax.random.key(1))), weights(unet(nnx.Rngs(0)))
    assert jax.tree.structure(ours) == jax.tree.structure(theirs)
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        assert a.shape == b.shape
        assert a.dtype == jnp.float32
        if a.size > 500:
            assert float(a.std()) == pytest.approx(float(b.std()), rel=0.15)
            assert float(a.mean()) == pytest.approx(float(b.mean()), abs=0.2 * float(b.std()) + 1e-9)


def test_no_number_is_used_twice():
    kernels = [x for x in jax.tree.leaves(weights(layers.initialised(unet, jax.random.key(1)))) if x.ndim == 4]
    pairs = np.concatenate([np.ravel(x)[: x.size // 2 * 2] for x in kernels]).reshape(-1, 2)
    assert len(np.unique(pairs, axis=0)) == len(pairs)  # single floats are alike by chance


def test_the_key_decides():
    first, again, other = (weights(layers.initialised(unet, jax.random.key(key))) for key in (1, 1, 2))
    for a, b, c in zip(*map(jax.tree.leaves, (first, again, other)), strict=True):
        np.testing.assert_array_equal(a, b)
        assert not a.any() or (a == 1).all() or not np.array_equal(a, c)


def test_more_than_a_chunk_is_standard_normal():
    drawn = layers.initialised(lambda rngs: layers.standard_normal(rngs, (3, layers._CHUNK)), jax.random.key(0))
    assert drawn.shape == (3, layers._CHUNK)
    assert float(jnp.abs(drawn.mean(1)).max()) < 0.02
    assert float(jnp.abs(drawn.std(1) - 1).max()) < 0.02
    assert float(jnp.abs(jnp.corrcoef(drawn) - jnp.eye(3)).max()) < 0.02


def test_the_program_of_a_run_s_first_weights_draws_once():
    """Sixty draws took as long to compile as the training step."""
    networks = GanNetworks(DEBUG, 3)
    text = jax.jit(lambda key: initial_state(networks, key)).lower(jax.random.key(0)).as_text()
    assert text.count("erf_inv") == 1


# ---------------------------------------------------------------- spectral normalisation


def converged():
    weights = {"singular": jnp.ones(6) / 6**0.5, "kernel": jnp.asarray(KERNEL)}
    for _ in range(400):
        weights = layers.power_iteration(weights)
    return weights["singular"]


def test_the_largest_singular_value_becomes_one():
    found = layers.spectral_norm(jnp.asarray(KERNEL), converged())
    np.testing.assert_allclose(found, KERNEL / np.linalg.svd(MATRIX, compute_uv=False)[0], rtol=1e-4)
    values = np.linalg.svd(np.asarray(found).reshape(6, -1), compute_uv=False)
    np.testing.assert_allclose(values[0], 1.0, rtol=1e-4)


def test_one_round_is_that_of_the_paper_wherever_the_layer_lies():
    """Miyato et al. 2018, algorithm 1: v = W'u / |W'u|, u = Wv / |Wv|."""
    u = np.random.default_rng(1).normal(size=6).astype(np.float32)
    layer = {"kernel": jnp.asarray(KERNEL), "singular": jnp.asarray(u), "bias": jnp.zeros(3)}
    plain = {"kernel": jnp.asarray(KERNEL)}
    after = layers.power_iteration({"convs": {0: layer, 1: plain}, "last": layer})
    v = MATRIX.T @ u
    v /= np.linalg.norm(v)
    expected = MATRIX @ v / np.linalg.norm(MATRIX @ v)
    np.testing.assert_allclose(after["convs"][0]["singular"], expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(after["last"]["singular"], expected, rtol=1e-4, atol=1e-6)
    assert after["convs"][1] == plain


def test_the_gradient_is_that_of_the_paper():
    """Eq. 12 for a loss <G, W / sigma>: (G - <G, W_SN> u v') / sigma, u and v being constants."""
    g = np.random.default_rng(2).normal(size=KERNEL.shape).astype(np.float32)
    u = converged()
    found, of_u = jax.grad(lambda k, u: (layers.spectral_norm(k, u) * g).sum(), argnums=(0, 1))(jnp.asarray(KERNEL), u)
    left, values, right = np.linalg.svd(MATRIX, full_matrices=False)
    sigma = values[0]
    expected = (g.reshape(6, -1) - (g * KERNEL / sigma).sum() * np.outer(left[:, 0], right[0])) / sigma
    np.testing.assert_allclose(np.asarray(found).reshape(6, -1), expected, rtol=1e-3, atol=1e-3)
    assert (np.asarray(of_u) == 0).all()


def test_no_length_is_no_number_to_divide_by():
    assert jnp.linalg.norm(layers.initial_singular(None, 5)) == 0
    after = layers.power_iteration({"kernel": jnp.zeros((6, 4)), "singular": jnp.zeros(6)})
    assert jnp.isfinite(after["singular"]).all()
