"""Convolutions of stride 1: values and gradients of every form against plain lax."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from sketch2photo.kernels import conv

# (n, side, r, o, c): with tiles of 3, 4 and 2; windows of the outputs and of the inputs; odd sides
TILED = [(4, 16, 4, 64, 64), (8, 16, 3, 64, 64), (32, 4, 3, 64, 64)]
PLAIN = [(2, 15, 4, 1, 24), (2, 12, 4, 24, 3), (2, 8, 3, 16, 1), (1, 9, 3, 6, 8)]


def plain(x, kernel):
    weights = kernel.transpose(0, 1, 3, 2)
    return lax.conv_general_dilated(
        x, weights, (1, 1), ((1, 1), (1, 1)), dimension_numbers=("NHWC", "HWIO", "NHWC"), precision="highest"
    )


@pytest.mark.parametrize("shape", [*TILED, *PLAIN])
def test_values_and_gradients_are_those_of_plain_lax(shape):
    n, side, r, o, c = shape
    assert bool(conv.tile(n, side + 3 - r, r, o, c)) == (shape in TILED)
    x, kernel = (
        jax.random.normal(jax.random.key(1), (n, side, side, c)),
        jax.random.normal(jax.random.key(2), (r, r, o, c)),
    )

    def ours(x, kernel):
        return conv.convolve(x, kernel, 1)

    def both(f):
        def values(x, kernel):
            y, pull = jax.vjp(f, x, kernel)
            return y, *pull(jnp.sin(plain(x, kernel)))

        return jax.jit(values)(x, kernel)

    for one, other in zip(both(ours), both(plain), strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, atol=2e-5 * float(jnp.abs(other).max()))


@pytest.mark.parametrize("platform", ["cuda", "tpu"])
def test_accelerators_get_plain_convolutions_although_a_cpu_traces(platform):
    x, kernel = jnp.zeros((8, 16, 16, 64)), jnp.zeros((3, 3, 64, 64))

    def work(x, kernel):
        return jax.grad(lambda *a: conv.convolve(*a, 1).sum(), (0, 1))(x, kernel)

    exported = jax.export.export(jax.jit(work), platforms=[platform])(x, kernel).mlir_module()
    assert exported.count("stablehlo.convolution") >= 2 and exported.count("stablehlo.dot_general") == 0
    on_cpu = jax.export.export(jax.jit(work), platforms=["cpu"])(x, kernel).mlir_module()
    assert on_cpu.count("stablehlo.convolution") == 0
