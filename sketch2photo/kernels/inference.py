"""The 4x4 convolutions of a served model on a CPU, their weights laid out once, when the model is opened.

`conv` rearranges the kernel in every call, which training cannot avoid: the weights are new each time. With one picture
at a time the rearranging of the deep layers, tens of megabytes each, costs as much as their products. Which form a
layer takes was measured layer by layer for U-Net-256 at width 64 and for the narrower `studio` (batch 1, two cores).
"""

from typing import Literal

import jax
from jax import lax
from jaxtyping import Array, Float

from sketch2photo.kernels import conv, winograd

Form = (
    Literal["centre", "patches", "direct", "tiles2-few", "tiles4-few", "tiles4"]
    | Literal["up-centre", "up-few", "up-fold", "up-phases", "up-tiles2", "up-tiles4"]
)
"""How a layer is computed: of the four taps that meet a single pixel; as one product of patches; plainly; by Winograd's
tiles of 2 or 4; by a product and shifted sums; by four phases. "few" is for few rows: a product of those with tens
of megabytes of weights is up to three times as fast when the weights stand first."""

_WIDE = 2**15
"""Pairs of channels (of the 2x2 form, that has four times the large side's) from which Winograd's tiles pay."""


def choose(kind: Literal["down", "up"], kernel: jax.Array, small_side: int) -> Form:
    """The fastest form of a layer whose small side has so many pixels."""
    o, _, _, c = kernel.shape
    pairs = 4 * c * o
    if kind == "down":
        if small_side == 1:
            return "centre"
        if pairs >= 8 * _WIDE and small_side in (8, 16):
            return "tiles2-few" if small_side == 8 else "tiles4-few"
        if small_side <= 8:
            return "patches"
        return "direct" if c < conv.NARROW or pairs < _WIDE else "tiles4"
    if small_side == 1:
        return "up-centre"
    if small_side <= 8:
        return "up-few"
    if c < conv.NARROW:
        return "up-fold"
    if small_side == 16:
        return "up-fold" if pairs < 8 * _WIDE else "up-tiles2"
    return "up-phases" if pairs < 2 * _WIDE else "up-tiles4"


def pack(kernel: Float[Array, "o 4 4 c"], form: Form) -> jax.Array:
    """The kernel as `apply` takes it."""
    o = kernel.shape[0]
    match form:
        case "centre":
            return kernel[:, 1:3, 1:3].reshape(o, -1).T
        case "patches" | "up-fold":
            return kernel.reshape(o, -1)
        case "up-few":
            return kernel.reshape(o, -1).T
        case "direct":
            return kernel.transpose(1, 2, 3, 0)
        case "tiles2-few" | "tiles4-few" | "tiles4":
            return winograd.pack(conv.cell_kernel(kernel), int(form[5]))
        case "up-centre":
            return kernel[:, 1:3, 1:3].reshape(o, -1)
        case "up-phases":
            return conv.phase_kernel(kernel)
        case "up-tiles2" | "up-tiles4":
            return winograd.pack(conv.cell_kernel(kernel), int(form[-1]))


def apply(x: Float[Array, "n h w i"], packed: jax.Array, form: Form) -> Float[Array, "n ho wo j"]:
    """`conv.down` or `conv.up` by a packed kernel; not to be differentiated."""
    n, h, w, channels = x.shape
    match form:
        case "centre":
            return (x.reshape(n, -1) @ packed).reshape(n, 1, 1, -1)
        case "patches":
            return _weights_first(packed, conv.patches(x)).reshape(n, h // 2, w // 2, -1)
        case "direct":
            return lax.conv_general_dilated(x, packed, (2, 2), ((1, 1), (1, 1)), dimension_numbers=conv.NHWC)
        case "tiles2-few" | "tiles4-few" | "tiles4":
            return winograd.convolve(conv.cells(conv.pad(x)), packed, int(form[5]), weights_first=form[6:] == "-few")
        case "up-centre":
            return (x.reshape(n, -1) @ packed).reshape(n, 2, 2, -1)
        case "up-few":
            return conv.fold(_weights_first(packed, x.reshape(-1, channels)).reshape(n, h, w, 4, 4, -1))
        case "up-fold":
            return conv.fold((x.reshape(-1, channels) @ packed).reshape(n, h, w, 4, 4, -1))
        case "up-phases":
            phases = lax.conv_general_dilated(conv.pad(x), packed, (1, 1), "VALID", dimension_numbers=conv.NHWC)
            return conv.interleave(phases)
        case "up-tiles2" | "up-tiles4":
            return conv.interleave(winograd.adjoint(x, packed, int(form[-1])))


def _weights_first(weights: Float[Array, "j i"], rows: Float[Array, "m i"]) -> Float[Array, "m j"]:
    product = lax.dot_general(weights, rows, (((1,), (1,)), ((), ())))
    return lax.optimization_barrier(product).T  # without it XLA turns the product round again
