"""Features of a trained network for the perceptual loss and the discriminators on them.

Read from a file of convolutions by `load`, or made of other weights (`of_squeezenet`, `of_classifier`). What is used
for a loss must not be the only judge of its pictures.

A file of VGG convolutions holds `conv0_w/b` (1x1: turns RGB in [0, 1] into what the network was trained on) and
`conv1_1_w/b` or `conv11_w/b` ... (3x3 HWIO kernels, any widths), up to `conv4_1`: VGG16, a full VGG-19, or one
compressed by distillation (Wang et al. 2020), a tenth of the cost and nearly the same maps.
"""

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from sketch2photo.errors import ConfigError
from sketch2photo.models import squeezenet, vgg

LARGEST = 128
"""Pixels a side of what the network looks at."""

_VGG19 = (("11", "12"), ("21", "22"), ("31", "32", "33", "34"), ("41",))
_VGG16 = (("11", "12"), ("21", "22"), ("31", "32", "33"), ("41",))
"""Convolutions up to relu4_1; the first of every block is compared, as in pix2pixHD (section 3.3)."""
_ZERO = "zero_padding"
"""In files of networks that were trained with zeros around the picture, not with its mirror image."""


@dataclass(frozen=True)
class Perceptual:
    """A frozen network. weights: a tree of arrays. maps: (weights, photo in [-1, 1]) -> its maps, from the outside in;
    sides are powers of two where the photo's is. widths: their channels."""

    weights: Any
    maps: Callable[[Any, jax.Array], list[jax.Array]]
    widths: list[int]

    def __call__(self, photo: Float[Array, "n s s 3"], dtype: str = "float32") -> list[Float[Array, "n h w f"]]:
        """The maps of photos in [-1, 1], computed in the given type.

        Photos of more than `LARGEST` pixels a side are shrunk to it first: ImageNet networks know objects about that
        large, and the cost grows with the square of the side.
        """
        n, size, _, c = photo.shape
        if size > LARGEST:
            step = size // LARGEST
            photo = photo.reshape(n, LARGEST, step, LARGEST, step, c).mean((2, 4))
        return self.maps(jax.tree.map(lambda w: w.astype(dtype), self.weights), photo.astype(dtype))


def load(path: str | Path) -> Perceptual:
    """VGG-19's or VGG16's convolutions up to conv4_1, as far as the file goes, or SqueezeNet 1.1's (.mat).

    Raises:
      ConfigError: the file is missing or holds something else.
    """
    if str(path).endswith(".mat"):
        return of_squeezenet(squeezenet.load(path))
    try:
        with np.load(path) as file:
            arrays = {name.replace("_", "", 1) if name.count("_") == 2 else name: file[name] for name in file}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ConfigError(f"perceptual features {str(path)!r} cannot be read ({error}): name a .npz file") from None
    blocks = _VGG16 if "conv41_w" in arrays and "conv34_w" not in arrays else _VGG19
    wanted = ["conv0", *(f"conv{name}" for block in blocks for name in block)]
    missing = [name for name in wanted if f"{name}_w" not in arrays or f"{name}_b" not in arrays]
    # A file may end after the first convolution of a block: what lies deeper is then not compared.
    if missing and missing[0] != "conv0" and missing == wanted[-len(missing) :]:
        wanted = wanted[: -len(missing)]
        missing = [] if wanted[-1].endswith("1") else missing
    if missing:
        raise ConfigError(f"perceptual features {str(path)!r} lack {missing[0]}: it must hold VGG from conv0 on")
    weights = {f"{name}_{part}": jnp.asarray(arrays[f"{name}_{part}"]) for name in wanted for part in "wb"}
    firsts = [f"conv{block[0]}_b" for block in blocks]
    margin = "constant" if _ZERO in arrays else "reflect"
    return Perceptual(
        weights, partial(_vgg_maps, blocks, margin), [weights[name].shape[0] for name in firsts if name in weights]
    )


def of_squeezenet(weights: squeezenet.Weights) -> Perceptual:
    """SqueezeNet 1.1's conv1, fire3, fire5 and fire9."""
    return Perceptual(jax.tree.map(jnp.asarray, weights), squeezenet.maps, squeezenet.widths(weights))


def of_classifier(weights: dict[str, Any]) -> Perceptual:
    """The maps of our own VGG16 (`models.vgg`), with batch norm or without: `nnx.to_pure_dict` of its state."""
    convs = {int(i): conv for i, conv in vgg.fold(weights)["convs"].items()}
    used = {i: jax.tree.map(jnp.asarray, convs[i]) for i in range(vgg.COMPARED[-1] + 1)}
    return Perceptual({"convs": used}, vgg.maps, [used[i]["bias"].shape[0] for i in vgg.COMPARED])


def _vgg_maps(
    blocks: tuple[tuple[str, ...], ...], margin: str, weights: dict[str, jax.Array], photo: jax.Array
) -> list[jax.Array]:
    """relu1_1, relu2_1, relu3_1 and relu4_1, as far as the weights go."""
    x = _conv(weights, "conv0", photo * 0.5 + 0.5, margin)
    found = []
    for block in blocks:
        for name in block:
            if f"conv{name}_w" not in weights:
                return found
            x = jax.nn.relu(_conv(weights, f"conv{name}", x, margin))
            if name.endswith("1"):
                found.append(x)
        x = vgg.halve(x)
    return found


def _conv(weights: dict[str, jax.Array], name: str, x: jax.Array, margin: str) -> jax.Array:
    kernel = weights[f"{name}_w"]
    if kernel.shape[0] == 3:
        x = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode=margin)
    y = lax.conv_general_dilated(x, kernel, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))
    return y + weights[f"{name}_b"]
