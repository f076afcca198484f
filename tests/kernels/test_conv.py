"""The 4x4 pair and convolutions of stride 1 against plain lax: values, gradients, and which form a platform gets."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from sketch2photo.kernels import conv

# (large side, large channels, small channels): one for each form, at and around its limits
SHAPES = [(2, 5, 7), (4, 3, 6), (16, 9, 4), (32, 3, 8), (32, 12, 16), (36, 1, 3)]
DIMENSIONS = ("NHWC", "HWIO", "NHWC")


def plain_down(x, kernel):
    return lax.conv_general_dilated(
        x, kernel.transpose(1, 2, 3, 0), (2, 2), ((1, 1), (1, 1)), dimension_numbers=DIMENSIONS
    )


def plain_up(y, kernel):
    return lax.conv_transpose(
        y, kernel.transpose(1, 2, 3, 0), (2, 2), ((2, 2), (2, 2)), dimension_numbers=DIMENSIONS, transpose_kernel=True
    )


def plain_flat(x, kernel):
    return lax.conv_general_dilated(
        x, kernel.transpose(1, 2, 3, 0), (1, 1), ((1, 1), (1, 1)), dimension_numbers=DIMENSIONS
    )


def arrays(side, c, o, op):
    keys = jax.random.split(jax.random.key(side * 100 + c), 2)
    shape = (2, side // 2, side // 2, o) if op is conv.up else (2, side, side, c)
    return jax.random.normal(keys[0], shape), jax.random.normal(keys[1], (o, 4, 4, c))


def assert_close(actual, expected):
    scale = float(jnp.abs(expected).max())
    np.testing.assert_allclose(actual / scale, expected / scale, atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("op", "plain"), [(conv.down, plain_down), (conv.up, plain_up), (conv.flat, plain_flat)], ids=["down", "up", "flat"]
)
def test_values_and_gradients_are_those_of_plain_lax(op, plain, shape):
    if op is conv.flat and shape[0] < 4:
        pytest.skip("a 4x4 window with a margin of 1 needs three pixels")
    x, kernel = arrays(*shape, op)
    assert_close(jax.jit(op)(x, kernel), plain(x, kernel))

    def total(f):
        return lambda *a: jnp.sin(f(*a)).sum()

    for actual, expected in zip(
        jax.jit(jax.grad(total(op), (0, 1)))(x, kernel), jax.grad(total(plain), (0, 1))(x, kernel), strict=True
    ):
        assert_close(actual, expected)


def _value_and_gradients(f, x, kernel, g):
    y, pull = jax.vjp(f, x, kernel)
    return y, *pull(g)


@pytest.mark.parametrize(
    ("shape", "tiled"),
    [
        ((2, 64, 64, 64), {"strided", "adjoint", "gradient"}),
        ((8, 16, 64, 64), {"adjoint", "gradient"}),
        ((2, 64, 8, 8), {"gradient"}),
        ((8, 16, 3, 8), set()),
    ],
)
def test_large_layers_take_tiles_and_give_what_plain_lax_gives(shape, tiled):
    n, side, c, o = shape
    assert {p for p in ("strided", "adjoint", "gradient") if conv._tile(p, n, side // 2, o, c)} == tiled
    keys = jax.random.split(jax.random.key(0), 3)
    x, y = jax.random.normal(keys[0], (n, side, side, c)), jax.random.normal(keys[1], (n, side // 2, side // 2, o))
    kernel = jax.random.normal(keys[2], (o, 4, 4, c))
    for op, plain, given, g in ((conv.down, plain_down, x, y), (conv.up, plain_up, y, x)):
        ours, theirs = (jax.jit(_value_and_gradients, static_argnums=0)(f, given, kernel, g) for f in (op, plain))
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(one, other, atol=2e-5 * float(jnp.abs(other).max()))


@pytest.mark.parametrize("shape", SHAPES)
def test_up_is_the_adjoint_of_down(shape):
    side, c, o = shape
    x, kernel = arrays(side, c, o, conv.down)
    y = jax.random.normal(jax.random.key(5), (2, side // 2, side // 2, o))
    np.testing.assert_allclose((conv.down(x, kernel) * y).sum(), (x * conv.up(y, kernel)).sum(), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_accelerators_form_equals_the_cpu_form(shape):
    x, kernel = arrays(*shape, conv.down)
    y, _ = arrays(*shape, conv.up)
    assert_close(conv._strided_cpu(x, kernel), conv._strided_lax(x, kernel))
    assert_close(conv._adjoint_cpu(y, kernel), conv._adjoint_lax(y, kernel))


@pytest.mark.parametrize("platform", ["cuda", "tpu"])
def test_accelerators_get_plain_convolutions_although_a_cpu_traces(platform):
    # At 16 px the CPU form is a matrix product and has no convolution at all.
    def work(x, kernel):
        return jax.grad(lambda x, k: conv.up(conv.down(x, k), k).sum(), (0, 1))(x, kernel)

    x, kernel = arrays(8, 4, 16, conv.down)
    exported = jax.export.export(jax.jit(work), platforms=[platform])(x, kernel)
    assert exported.mlir_module().count("stablehlo.convolution") >= 5
    on_cpu = jax.export.export(jax.jit(work), platforms=["cpu"])(x, kernel)
    assert on_cpu.mlir_module().count("stablehlo.convolution") == 0


def test_normalise_is_the_textbook_formula_and_its_gradient():
    x = jax.random.normal(jax.random.key(0), (3, 40, 5)) * 3 + 1
    scale, shift = jax.random.normal(jax.random.key(1), (2, 3, 5))

    def textbook(x, scale, shift):
        mean, variance = x.mean(1, keepdims=True), x.var(1, keepdims=True)
        return (x - mean) / jnp.sqrt(variance + conv.EPSILON) * scale[:, None] + shift[:, None]

    y, mean, variance = conv.normalise(x, scale, shift)
    np.testing.assert_allclose(y, textbook(x, scale, shift), atol=1e-5)
    np.testing.assert_allclose(mean, x.mean(1), atol=1e-5)
    np.testing.assert_allclose(variance, x.var(1), rtol=1e-4)
    ours = jax.grad(lambda *a: jnp.sin(conv.normalise(*a)[0]).sum(), (0, 1, 2))(x, scale, shift)
    theirs = jax.grad(lambda *a: jnp.sin(textbook(*a)).sum(), (0, 1, 2))(x, scale, shift)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, atol=2e-5)


# ---------------------------------------------------------------- stride 1

# (n, side, r, o, c): with tiles of 3, 4 and 2; windows of the outputs and of the inputs; odd sides
TILED = [(4, 16, 4, 64, 64), (8, 16, 3, 64, 64), (32, 4, 3, 64, 64)]
UNTILED = [(2, 15, 4, 1, 24), (2, 12, 4, 24, 3), (2, 8, 3, 16, 1), (1, 9, 3, 6, 8)]


def plain_stride_one(x, kernel):
    weights = kernel.transpose(0, 1, 3, 2)
    return lax.conv_general_dilated(
        x, weights, (1, 1), ((1, 1), (1, 1)), dimension_numbers=("NHWC", "HWIO", "NHWC"), precision="highest"
    )


@pytest.mark.parametrize("shape", [*TILED, *UNTILED])
def test_stride_one_gives_values_and_gradients_of_plain_lax(shape):
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
            return y, *pull(jnp.sin(plain_stride_one(x, kernel)))

        return jax.jit(values)(x, kernel)

    for one, other in zip(both(ours), both(plain_stride_one), strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, atol=2e-5 * float(jnp.abs(other).max()))


@pytest.mark.parametrize("platform", ["cuda", "tpu"])
def test_accelerators_get_plain_convolutions_of_stride_one(platform):
    x, kernel = jnp.zeros((8, 16, 16, 64)), jnp.zeros((3, 3, 64, 64))

    def work(x, kernel):
        return jax.grad(lambda *a: conv.convolve(*a, 1).sum(), (0, 1))(x, kernel)

    exported = jax.export.export(jax.jit(work), platforms=[platform])(x, kernel).mlir_module()
    assert exported.count("stablehlo.convolution") >= 2 and exported.count("stablehlo.dot_general") == 0
    on_cpu = jax.export.export(jax.jit(work), platforms=["cpu"])(x, kernel).mlir_module()
    assert on_cpu.count("stablehlo.convolution") == 0


@pytest.mark.parametrize("side", [2, 4, 8, 9])
@pytest.mark.parametrize("margin", [0, 1])
def test_three_by_three_is_that_of_plain_lax_at_any_side(side, margin):
    """Small sides are one product of all windows."""
    if side + 2 * margin < 3:
        pytest.skip("a 3x3 window needs three pixels")
    keys = jax.random.split(jax.random.key(side), 2)
    x, kernel = jax.random.normal(keys[0], (1, side, side, 6)), jax.random.normal(keys[1], (3, 3, 5, 6))

    def plain(x, kernel):
        margins = ((margin, margin),) * 2
        return lax.conv_general_dilated(
            x, kernel.transpose(0, 1, 3, 2), (1, 1), margins, dimension_numbers=("NHWC", "HWIO", "NHWC")
        )

    ours = lambda x, kernel: conv.convolve(x, kernel, margin)  # noqa: E731
    assert_close(ours(x, kernel), plain(x, kernel))
    for actual, expected in zip(
        jax.grad(lambda *a: jnp.sin(ours(*a)).sum(), (0, 1))(x, kernel),
        jax.grad(lambda *a: jnp.sin(plain(*a)).sum(), (0, 1))(x, kernel),
        strict=True,
    ):
        assert_close(actual, expected)
