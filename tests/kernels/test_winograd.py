"""Winograd's tiles against plain lax: values, adjoints, gradients, and how many products they take."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from sketch2photo.kernels import winograd

DIMENSIONS = ("NHWC", "HWIO", "NHWC")
TILES = [(2, 2), (3, 2), (4, 2), (2, 3), (3, 3), (4, 3), (2, 4), (3, 4)]
"""m and r of F(m, r)."""
SIDES = [(5, 5), (8, 13), (7, 4)]
"""Rows and columns of inputs, hardly ever a whole number of tiles."""


def plain(x, kernel):
    weights = kernel.transpose(0, 1, 3, 2)
    return lax.conv_general_dilated(x, weights, (1, 1), "VALID", dimension_numbers=DIMENSIONS)


def arrays(r, sides):
    rng = np.random.default_rng(r)
    x = jnp.asarray(rng.normal(0, 1, (2, *sides, 5)), jnp.float32)
    kernel = jnp.asarray(rng.normal(0, 1, (r, r, 3, 5)), jnp.float32)
    y = plain(x, kernel)
    return x, kernel, y, jnp.asarray(rng.normal(0, 1, y.shape), jnp.float32)


def assert_close(actual, expected):
    assert actual.shape == expected.shape
    np.testing.assert_allclose(actual, expected, atol=2e-5 * float(jnp.abs(expected).max()))


@pytest.mark.parametrize(
    ("m", "r", "sides"),
    [(m, r, SIDES[number % 3]) for number, (m, r) in enumerate(TILES)] + [(4, 3, SIDES[0]), (4, 3, SIDES[1])],
)
def test_convolution_and_its_gradients_whatever_the_size(m, r, sides):
    x, kernel, y, g = arrays(r, sides)

    @jax.jit
    def tiled(x, kernel, g):
        packed = winograd.pack(kernel, m)
        return (
            winograd.convolve(x, packed, m),
            winograd.convolve(x, packed, m, weights_first=True),
            winograd.adjoint(g, packed, m),
            winograd.kernel_gradient(g, x, m),
        )

    expected = (y, y, *jax.vjp(plain, x, kernel)[1](g))
    for one, other in zip(tiled(x, kernel, g), expected, strict=True):
        assert_close(one, other)


@pytest.mark.parametrize(("m", "r"), TILES)
def test_as_few_products_as_the_paper_says(m, r):
    assert winograd.pack(jnp.zeros((r, r, 1, 1)), m).shape[0] == (m + r - 1) ** 2


@pytest.mark.parametrize(("m", "r"), [(4, 2), (4, 3), (3, 4)])
def test_rounding_stays_small_with_many_channels(m, r):
    rng = np.random.default_rng(0)
    x = rng.normal(0, 1, (1, 12, 12, 256))
    kernel = rng.normal(0, 1, (r, r, 8, 256))
    h = 12 - r + 1
    exact = sum(x[:, i : i + h, j : j + h] @ kernel[i, j].T for i in range(r) for j in range(r))
    tiles = jax.jit(lambda x, kernel: winograd.convolve(x, winograd.pack(kernel, m), m))(
        jnp.asarray(x, jnp.float32), jnp.asarray(kernel, jnp.float32)
    )
    assert float(np.abs(tiles - exact).max()) < 2e-5 * np.abs(exact).max()
