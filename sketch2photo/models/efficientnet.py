"""EfficientNet-Lite's features of photos, the network that Projected GAN compares pictures by (Sauer et al. 2021).

EfficientNet (Tan & Le 2019) without squeeze-and-excitation and with ReLU6: mobile inverted bottlenecks (Sandler et al.
2018, section 3). A file (.npz) holds kernels HWIO and biases with batch norm taken in: `stem`, `bNN_expand` (where a
block widens), `bNN_dw`, `bNN_proj`; `spec`, a row (kernel, stride, expansion, inputs, outputs, skip) for each block;
and `taps`, after which blocks a map is taken: at a quarter, an eighth, a sixteenth and a thirty-second of the side.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.nn import relu6
from jaxtyping import Array, Float

from sketch2photo.errors import ConfigError
from sketch2photo.kernels.conv import NHWC

Map = Float[Array, "n h w c"]


class Block(NamedTuple):
    """A row of the file's `spec`."""

    kernel: int
    stride: int
    expansion: int
    inputs: int
    outputs: int
    skip: int


class Architecture(NamedTuple):
    """What of the file is no weight."""

    blocks: tuple[Block, ...]
    taps: tuple[int, ...]


def read(arrays: dict[str, np.ndarray], path: str) -> tuple[dict[str, jax.Array], Architecture]:
    """The weights up to the last map, float32, and the architecture. Raises `ConfigError`: an array is missing or has
    another shape than the architecture says."""
    blocks = tuple(Block(*map(int, row)) for row in arrays["spec"])
    taps = tuple(int(tap) for tap in arrays["taps"])
    shapes = {"stem": (3, 3, 3, blocks[0].inputs)}
    for i, block in enumerate(blocks[: taps[-1] + 1]):
        wide = block.inputs * block.expansion
        if block.expansion > 1:
            shapes[f"b{i:02d}_expand"] = (1, 1, block.inputs, wide)
        shapes[f"b{i:02d}_dw"] = (block.kernel, block.kernel, 1, wide)
        shapes[f"b{i:02d}_proj"] = (1, 1, wide, block.outputs)
    for name, shape in shapes.items():
        found = arrays[f"{name}_w"].shape if f"{name}_w" in arrays and f"{name}_b" in arrays else "missing"
        if found != shape:
            raise ConfigError(f"features {path!r}: {name} is {found}, not {shape}: name a file of EfficientNet-Lite")
    wanted = [f"{name}_{part}" for name in shapes for part in "wb"]
    return {name: jnp.asarray(arrays[name], jnp.float32) for name in wanted}, Architecture(blocks, taps)


def maps(architecture: Architecture, weights: dict[str, Any], photo: Float[Array, "n s s 3"]) -> list[Map]:
    """The maps of photos in [-1, 1]: bottlenecks' outputs, which are linear and signed. Sides that 32 divides."""

    def convolved(name: str, x: jax.Array, stride: int = 1) -> jax.Array:
        y = lax.conv_general_dilated(x, weights[f"{name}_w"], (stride, stride), "SAME", dimension_numbers=NHWC)
        return y + weights[f"{name}_b"]

    def pointwise(name: str, x: jax.Array) -> jax.Array:
        return x @ weights[f"{name}_w"][0, 0] + weights[f"{name}_b"]

    x = relu6(convolved("stem", ((photo + 1.0) * 127.5 - 127.0) / 128.0, 2))
    found = []
    for i, block in enumerate(architecture.blocks[: architecture.taps[-1] + 1]):
        y = relu6(pointwise(f"b{i:02d}_expand", x)) if block.expansion > 1 else x
        y = depthwise(y, weights[f"b{i:02d}_dw_w"], block.stride) + weights[f"b{i:02d}_dw_b"]
        y = pointwise(f"b{i:02d}_proj", relu6(y))
        x = x + y if block.skip else y
        if i in architecture.taps:
            found.append(x)
    return found


# ---------------------------------------------------------------- depthwise convolution
# XLA's own, with as many groups as channels, takes 8 to 16 times as long on a CPU as a sum of shifted products. The
# gradient is written out: that of the sum, found by jax, takes 2.5 times as long.


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def depthwise(x: Map, kernel: Float[Array, "k k 1 c"], stride: int) -> Map:
    """A depthwise convolution with TensorFlow's "SAME" padding. Its gradient is for x alone: the kernel is frozen."""
    k, (_, h, w, _) = kernel.shape[0], x.shape
    out_h, out_w = -(-h // stride), -(-w // stride)
    x = jnp.pad(x, ((0, 0), _same(h, k, stride), _same(w, k, stride), (0, 0)))
    parts = (
        x[:, i : i + (out_h - 1) * stride + 1 : stride, j : j + (out_w - 1) * stride + 1 : stride] * kernel[i, j, 0]
        for i in range(k)
        for j in range(k)
    )
    return functools.reduce(jnp.add, parts)


def _same(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros before and after one axis."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def _depthwise_backward(stride: int, kept: tuple[jax.Array, Any], gradient: Map) -> tuple[jax.Array, jax.Array]:
    """The gradient with zeros between its pixels, convolved with the kernel turned round."""
    kernel, (_, h, w, _) = kept
    k = kernel.shape[0]

    def spread(size: int, out: int) -> tuple[int, int, int]:
        before = k - 1 - _same(size, k, stride)[0]
        return before, size + k - 1 - before - (out - 1) * stride - 1, stride - 1

    rows, columns = spread(h, gradient.shape[1]), spread(w, gradient.shape[2])
    spaced = lax.pad(gradient, jnp.zeros((), gradient.dtype), ((0, 0, 0), rows, columns, (0, 0, 0)))
    if stride > 1:
        spaced = lax.optimization_barrier(spaced)  # fused, the padding would be made anew for every product
    turned = kernel[::-1, ::-1, 0]
    parts = (spaced[:, i : i + h, j : j + w] * turned[i, j] for i in range(k) for j in range(k))
    return functools.reduce(jnp.add, parts), jnp.zeros_like(kernel)


depthwise.defvjp(lambda x, kernel, stride: (depthwise(x, kernel, stride), (kernel, x.shape)), _depthwise_backward)
