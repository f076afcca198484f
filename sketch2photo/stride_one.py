"""Convolutions of stride 1 with their gradients: PatchGAN's last layers (4x4) and VGG16's (3x3).

Large ones take Winograd's tiles on a CPU (`winograd`), all three products; the weight gradient of the others is one
product of windows, because XLA:CPU runs that of a 4x4 convolution naively. Which form is compiled follows the platform
lowered for, as in `ops`.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from sketch2photo import ordering, winograd

LARGE = 2**12
"""Pairs of channels from which tiles pay."""
FEW = 100
"""Fewer tiles than this and the transform of the kernel costs more than it saves."""

_NHWC = ("NHWC", "HWIO", "NHWC")
_Kernel = Float[Array, "r r o c"]


def convolve(x: Float[Array, "n h w c"], kernel: _Kernel, margin: int) -> Float[Array, "n ho wo o"]:
    """The convolution of x with a margin of zeros, ho = h + 2 margin - r + 1."""
    n, h, _, c = x.shape
    r, _, o, _ = kernel.shape
    if r == 3 and not tile(n, h + 2 * margin - r + 1, r, o, c, x.dtype):
        return _lax(x, kernel, margin=margin)  # whose gradients XLA:CPU runs as fast
    return _convolve(x, kernel, margin)


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def _convolve(x: jax.Array, kernel: jax.Array, margin: int) -> jax.Array:
    return lax.platform_dependent(
        x, kernel, cpu=partial(_by_tiles, margin=margin), default=partial(_lax, margin=margin)
    )


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def _adjoint(g: jax.Array, kernel: jax.Array, margin: int) -> jax.Array:
    return lax.platform_dependent(
        g, kernel, cpu=partial(_adjoint_by_tiles, margin=margin), default=partial(_adjoint_lax, margin=margin)
    )


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _kernel_gradient(g: jax.Array, x: jax.Array, r: int, margin: int) -> jax.Array:
    return lax.platform_dependent(
        g,
        x,
        cpu=partial(_kernel_gradient_cpu, r=r, margin=margin),
        default=partial(_kernel_gradient_lax, r=r, margin=margin),
    )


# sum(g * convolve(x, kernel)) is linear in all three, so each one's gradient is one of the others: of whatever order.
_convolve.defvjp(
    lambda x, kernel, margin: (_convolve(x, kernel, margin), (x, kernel)),
    lambda margin, kept, g: (
        _adjoint(g, kept[1], margin),
        _kernel_gradient(g, kept[0], kept[1].shape[0], margin),
    ),
)
_adjoint.defvjp(
    lambda g, kernel, margin: (_adjoint(g, kernel, margin), (g, kernel)),
    lambda margin, kept, x: (
        _convolve(x, kept[1], margin),
        _kernel_gradient(kept[0], x, kept[1].shape[0], margin),
    ),
)
_kernel_gradient.defvjp(
    lambda g, x, r, margin: (_kernel_gradient(g, x, r, margin), (g, x)),
    lambda r, margin, kept, kernel: (_convolve(kept[1], kernel, margin), _adjoint(kept[0], kernel, margin)),
)


def tile(n: int, side: int, r: int, o: int, c: int, dtype: Any = jnp.float32) -> int:
    """The outputs a side of Winograd's tiles for outputs of so many pixels a side; 0 where plainer forms are faster, or
    where fewer digits than float32's would not survive the transforms."""
    if dtype != jnp.float32:
        return 0
    m = 3 if r == 4 else 4 if side >= 8 else 2
    large = o * c >= LARGE and min(o, c) >= 16
    return m if large and n * (-(-side // m)) ** 2 >= FEW else 0


def _margin(x: jax.Array, by: int) -> jax.Array:
    return jnp.pad(x, ((0, 0), (by, by), (by, by), (0, 0)))


def _lax(x: jax.Array, kernel: jax.Array, *, margin: int) -> jax.Array:
    return lax.conv_general_dilated(
        x, kernel.transpose(0, 1, 3, 2), (1, 1), ((margin, margin), (margin, margin)), dimension_numbers=_NHWC
    )


def _by_tiles(x: jax.Array, kernel: jax.Array, *, margin: int) -> jax.Array:
    r, _, o, c = kernel.shape
    if m := tile(x.shape[0], x.shape[1] + 2 * margin - r + 1, r, o, c, x.dtype):
        return winograd.convolve(_margin(x, margin), winograd.pack(ordering.after(kernel, x), m), m)
    return _lax(x, kernel, margin=margin)


def _adjoint_lax(g: jax.Array, kernel: jax.Array, *, margin: int) -> jax.Array:
    rest = kernel.shape[0] - 1 - margin
    return lax.conv_general_dilated(
        g, kernel[::-1, ::-1], (1, 1), ((rest, rest), (rest, rest)), dimension_numbers=_NHWC
    )


def _adjoint_by_tiles(g: jax.Array, kernel: jax.Array, *, margin: int) -> jax.Array:
    r, _, o, c = kernel.shape
    n, h, _, _ = g.shape
    if m := tile(n, h, r, o, c, g.dtype):
        x = winograd.adjoint(g, winograd.pack(ordering.after(kernel, g), m), m)
        return x[:, margin : x.shape[1] - margin, margin : x.shape[2] - margin]
    return _adjoint_lax(g, kernel, margin=margin)


def _kernel_gradient_lax(g: jax.Array, x: jax.Array, *, r: int, margin: int) -> jax.Array:
    kernel = jnp.zeros((r, r, g.shape[-1], x.shape[-1]), x.dtype)
    return jax.vjp(lambda k: _lax(x, k, margin=margin), kernel)[1](g)[0]


def _kernel_gradient_cpu(g: jax.Array, x: jax.Array, *, r: int, margin: int) -> jax.Array:
    n, h, _, o = g.shape
    c = x.shape[-1]
    if m := tile(n, h, r, o, c, g.dtype):
        return winograd.kernel_gradient(g, _margin(ordering.after(x, g), margin), m)
    # One product with the windows of the narrower of the two.
    if o < c:
        product = lax.dot_general(_windows(_margin(g, r - 1 - margin), r), x.reshape(-1, c), (((0,), (0,)), ((), ())))
        return product.reshape(r, r, o, c)[::-1, ::-1]
    product = lax.dot_general(g.reshape(-1, o), _windows(_margin(x, margin), r), (((0,), (0,)), ((), ())))
    return product.reshape(o, r, r, c).transpose(1, 2, 0, 3)


def _windows(x: jax.Array, r: int) -> jax.Array:
    """The r x r windows, (n*h*w, r*r*c), places row by row."""
    n, height, width, c = x.shape
    h, w = height - r + 1, width - r + 1
    pieces = [x[:, k : k + h, v : v + w] for k in range(r) for v in range(r)]
    return jnp.concatenate(pieces, -1).reshape(n * h * w, r * r * c)
