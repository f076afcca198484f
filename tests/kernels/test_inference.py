"""Convolutions with packed kernels, against those of `conv`."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sketch2photo.kernels import conv, inference

# (kind, channels of the large side, of the small side, small side): one for each form
LAYERS = {
    "centre": ("down", 20, 20, 1),
    "patches": ("down", 12, 20, 8),
    "direct": ("down", 3, 16, 32),
    "tiles2-few": ("down", 256, 256, 8),
    "tiles4-few": ("down", 256, 256, 16),
    "tiles4": ("down", 128, 64, 32),
    "up-centre": ("up", 20, 20, 1),
    "up-few": ("up", 8, 24, 4),
    "up-fold": ("up", 8, 24, 16),
    "up-phases": ("up", 16, 8, 32),
    "up-tiles2": ("up", 256, 256, 16),
    "up-tiles4": ("up", 128, 128, 32),
}


@pytest.mark.parametrize("form", LAYERS)
def test_every_form_gives_what_conv_gives(form):
    kind, c, o, side = LAYERS[form]
    rng = np.random.default_rng(0)
    kernel = jnp.asarray(rng.normal(0, 1, (o, 4, 4, c)), jnp.float32)
    shape = (2, 2 * side, 2 * side, c) if kind == "down" else (2, side, side, o)
    x = jnp.asarray(rng.normal(0, 1, shape), jnp.float32)
    assert inference.choose(kind, kernel, side) == form
    expected = jax.jit(conv.down if kind == "down" else conv.up)(x, kernel)
    actual = jax.jit(inference.apply, static_argnums=2)(x, inference.pack(kernel, form), form)
    assert actual.shape == expected.shape
    np.testing.assert_allclose(actual, expected, atol=2e-5 * float(jnp.abs(expected).max()))
