"""Spectral normalisation against the singular values and the gradient of numpy."""

import jax
import jax.numpy as jnp
import numpy as np

from sketch2photo.models import layers

KERNEL = np.random.default_rng(0).normal(size=(6, 4, 4, 3)).astype(np.float32)
MATRIX = KERNEL.reshape(6, -1)


def converged():
    weights = {"singular": jnp.ones(6) / 6**0.5, "kernel": jnp.asarray(KERNEL)}
    for _ in range(400):
        weights = layers.iterate(weights)
    return weights["singular"]


def test_the_largest_singular_value_becomes_one():
    found = layers.normalised(jnp.asarray(KERNEL), converged())
    np.testing.assert_allclose(found, KERNEL / np.linalg.svd(MATRIX, compute_uv=False)[0], rtol=1e-4)
    values = np.linalg.svd(np.asarray(found).reshape(6, -1), compute_uv=False)
    np.testing.assert_allclose(values[0], 1.0, rtol=1e-4)


def test_one_round_is_that_of_the_paper_wherever_the_layer_lies():
    """Miyato et al. 2018, algorithm 1: v = W'u / |W'u|, u = Wv / |Wv|."""
    u = np.random.default_rng(1).normal(size=6).astype(np.float32)
    layer = {"kernel": jnp.asarray(KERNEL), "singular": jnp.asarray(u), "bias": jnp.zeros(3)}
    plain = {"kernel": jnp.asarray(KERNEL)}
    after = layers.iterate({"convs": {0: layer, 1: plain}, "last": layer})
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
    found, of_u = jax.grad(lambda k, u: (layers.normalised(k, u) * g).sum(), argnums=(0, 1))(jnp.asarray(KERNEL), u)
    left, values, right = np.linalg.svd(MATRIX, full_matrices=False)
    sigma = values[0]
    expected = (g.reshape(6, -1) - (g * KERNEL / sigma).sum() * np.outer(left[:, 0], right[0])) / sigma
    np.testing.assert_allclose(np.asarray(found).reshape(6, -1), expected, rtol=1e-3, atol=1e-3)
    assert (np.asarray(of_u) == 0).all()


def test_no_length_is_no_number_to_divide_by():
    assert jnp.linalg.norm(layers.start(None, 5)) == 0
    after = layers.iterate({"kernel": jnp.zeros((6, 4)), "singular": jnp.zeros(6)})
    assert jnp.isfinite(after["singular"]).all()
