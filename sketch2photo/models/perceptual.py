"""Features of an ImageNet network for the perceptual loss, read from a file of VGG-19 or VGG16 convolutions.

The file holds `conv0_w/b` (1x1: scales RGB in [0, 1] and takes the mean off) and `conv11_w/b` ... (3x3 HWIO
kernels, any widths), up to `conv41`: a full VGG-19, one compressed by distillation (Wang et al. 2020), a tenth of the
cost and nearly the same maps, or VGG16 (`sketch2photo.convert`), which has one convolution less in the third block.
"""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from sketch2photo.errors import ConfigError

Weights = dict[str, jax.Array]

LARGEST = 128
"""Pixels a side of what the network looks at."""

_BLOCKS = (("11", "12"), ("21", "22"), ("31", "32", "33", "34"), ("41",))
"""Convolutions up to relu4_1; the first of every block is compared."""

_ZERO = "zero_padding"
"""In files of networks that were trained with zeros around the picture, not with its mirror image."""


def load(path: str | Path) -> Weights:
    """The convolutions up to conv4_1. `ConfigError` when the file is missing or holds something else."""
    try:
        with np.load(path) as file:
            arrays = {name.replace("_", "", 1) if name.count("_") == 2 else name: file[name] for name in file}
    except (OSError, ValueError) as error:
        raise ConfigError(f"perceptual features {str(path)!r} cannot be read ({error}): name a .npz file") from None
    wanted = ["conv0", *(f"conv{name}" for block in _BLOCKS for name in block)]
    if "conv34_w" not in arrays and "conv41_w" in arrays:  # VGG16
        wanted.remove("conv34")
    missing = [name for name in wanted if f"{name}_w" not in arrays or f"{name}_b" not in arrays]
    # A file may end after the first convolution of a block: what lies deeper is then not compared.
    while missing and missing[0] != "conv0" and missing == wanted[-len(missing) :]:
        wanted = wanted[: -len(missing)]
        missing = [] if wanted[-1].endswith("1") else missing
        break
    if missing:
        raise ConfigError(f"perceptual features {str(path)!r} lack {missing[0]}: it must hold VGG-19 from conv0 on")
    weights = {f"{name}_{part}": jnp.asarray(arrays[f"{name}_{part}"]) for name in wanted for part in "wb"}
    return weights | {_ZERO: jnp.ones(())} if _ZERO in arrays else weights


def widths(weights: Weights) -> list[int]:
    """The channels of the maps that `features` gives."""
    return [weights[f"conv{name}_b"].shape[0] for block in _BLOCKS for name in block[:1] if f"conv{name}_b" in weights]


def features(weights: Weights, photo: Float[Array, "n s s 3"]) -> list[Float[Array, "n h w f"]]:
    """relu1_1, relu2_1, relu3_1 and relu4_1, as far as the weights go, of photos in [-1, 1].

    Photos of more than `LARGEST` pixels a side are shrunk to it first: ImageNet networks know objects about that
    large, and the cost grows with the square of the side.
    """
    n, size, _, c = photo.shape
    if size > LARGEST:
        step = size // LARGEST
        photo = photo.reshape(n, LARGEST, step, LARGEST, step, c).mean((2, 4))
    x = _conv(weights, "conv0", photo * 0.5 + 0.5)
    maps = []
    for block in _BLOCKS:
        for name in block:
            if f"conv{name}_w" not in weights:
                if name == "34" and "conv41_w" in weights:  # VGG16
                    continue
                return maps
            x = jax.nn.relu(_conv(weights, f"conv{name}", x))
            if name.endswith("1"):
                maps.append(x)
        x = _pool(x)
    return maps


def _conv(weights: Weights, name: str, x: jax.Array) -> jax.Array:
    kernel = weights[f"{name}_w"]
    if kernel.shape[0] == 3:
        mode = "constant" if _ZERO in weights else "reflect"
        x = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode=mode)
    y = lax.conv_general_dilated(x, kernel, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))
    return y + weights[f"{name}_b"]


def _pool(x: jax.Array) -> jax.Array:
    """2x2 maximum; over reshaped axes, because the gradient of a windowed maximum is slow on a CPU."""
    n, h, w, c = x.shape
    return x.reshape(n, h // 2, 2, w // 2, 2, c).max((2, 4))
