"""Trained networks whose features pictures are compared by: for losses and discriminators (`Perceptual`), and to judge.

`load` reads VGG, EfficientNet-Lite or SqueezeNet, by the kind of file; `of_classifier` takes our own VGG16. What is
used for a loss must not be the only judge of its pictures: evaluation uses SqueezeNet.

A file of VGG convolutions holds `conv0_w/b` (1x1: turns RGB in [0, 1] into what the network was trained on) and
`conv1_1_w/b` or `conv11_w/b` ... (3x3 HWIO kernels, any widths), up to `conv4_1`: VGG16, a full VGG-19, or one
compressed by distillation (Wang et al. 2020), a tenth of the cost and nearly the same maps.
"""

import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from sketch2photo import images
from sketch2photo.errors import ConfigError, first_line
from sketch2photo.kernels.conv import NHWC
from sketch2photo.models import efficientnet, layers, vgg

# ---------------------------------------------------------------- SqueezeNet
# SqueezeNet 1.1 (Iandola et al. 2016) without its classifier. The file is MATLAB's, with, for `conv1`,
# `fire2/squeeze1x1`, `fire2/expand1x1`, ..., a kernel (HWIO) and a bias, which take BGR from 0 to 255 with the mean
# taken off, as Caffe does.

SqueezeNetWeights = dict[str, tuple[Any, Any]]
"""Kernel (h, w, inputs, outputs) and bias (outputs,) by the layer's name."""

DEPTH = 512  # channels of fire9, the last layer
MEAN_BGR = (104.006, 116.669, 122.679)
FIRES = range(2, 10)
POOL_BEFORE = (2, 4, 6)
_LAYERS = ("conv1", *(f"fire{i}/{part}" for i in FIRES for part in ("squeeze1x1", "expand1x1", "expand3x3")))
_COMPARED = (3, 5, 9)  # the fires whose maps `maps` gives: the last before each pool and of all


def load_squeezenet(path: str | Path) -> SqueezeNetWeights:
    """The convolutions by name. Raises `ConfigError`: no such file, or it holds something else."""
    import scipy.io  # only here: it takes a quarter of a second

    try:
        content: dict[str, Any] = scipy.io.loadmat(str(path))
        # Copies: on a CPU jax would otherwise keep the file's memory, whose kernels are in Fortran's order.
        weights = {name: (_array(content[name][0, 0]), _array(content[name][0, 1]).reshape(-1)) for name in _LAYERS}
    except KeyError as error:
        raise ConfigError(f"features {str(path)!r} lack {error.args[0]}: name a file of SqueezeNet 1.1") from None
    except Exception as error:  # scipy raises whatever its readers stumble over
        reason = first_line(error)
        raise ConfigError(f"features {str(path)!r} cannot be read ({reason}): name a .mat file of SqueezeNet") from None
    depth = sum(weights[f"fire9/{part}"][0].shape[-1] for part in ("expand1x1", "expand3x3"))
    if depth != DEPTH:
        raise ConfigError(f"features {str(path)!r} end in {depth} channels, not {DEPTH}: name a file of SqueezeNet 1.1")
    return weights


def _array(value: Any) -> np.ndarray:
    return np.array(value, np.float32, order="C")


def convolve(x: jax.Array, weights: tuple[Any, Any], stride: int, padding: str) -> jax.Array:
    """With bias."""
    kernel, bias = weights
    return lax.conv_general_dilated(x, kernel, (stride, stride), padding, dimension_numbers=NHWC) + bias


def _outputs(weights: SqueezeNetWeights, x: jax.Array, halve: Callable[[jax.Array], jax.Array]) -> list[jax.Array]:
    """Of conv1 and every fire: squeezed by 1x1, expanded by 1x1 and 3x3 (section 3.1); with ReLU."""
    x = jax.nn.relu(convolve(x, weights["conv1"], 2, "VALID"))
    found = [x]
    for i in FIRES:
        x = halve(x) if i in POOL_BEFORE else x
        x = jax.nn.relu(convolve(x, weights[f"fire{i}/squeeze1x1"], 1, "SAME"))
        parts = [convolve(x, weights[f"fire{i}/{part}"], 1, "SAME") for part in ("expand1x1", "expand3x3")]
        x = jax.nn.relu(jnp.concatenate(parts, -1))
        found.append(x)
    return found


def squeezenet_maps(weights: SqueezeNetWeights, photo: Float[Array, "n s s 3"]) -> list[Float[Array, "n h w f"]]:
    """conv1, fire3, fire5 and fire9 of photos in [-1, 1]: of a half, a quarter, an eighth and a sixteenth of the side.

    Where the published network drops what is left over at the right and the bottom, the last pixels are repeated, so
    that every map's side is a power of two.
    """
    x = (photo[..., ::-1] + 1.0) * 127.5 - jnp.asarray(MEAN_BGR, photo.dtype)
    x = jnp.pad(x, ((0, 0), (0, 1), (0, 1), (0, 0)), mode="edge")
    found = _outputs(weights, x, _halve)
    return [found[0], *(found[i - 1] for i in _COMPARED)]


def _halve(x: jax.Array) -> jax.Array:
    """3x3 maximum at stride 2; over shifted views, because the gradient of a windowed maximum is slow on a CPU."""
    _, h, w, _ = x.shape
    x = jnp.pad(x, ((0, 0), (0, 1), (0, 1), (0, 0)), mode="edge")
    rows = jnp.maximum(jnp.maximum(x[:, 0:h:2], x[:, 1 : h + 1 : 2]), x[:, 2 : h + 1 : 2])
    return jnp.maximum(jnp.maximum(rows[:, :, 0:w:2], rows[:, :, 1 : w + 1 : 2]), rows[:, :, 2 : w + 1 : 2])


Features = Callable[[np.ndarray], np.ndarray]
"""Photos, uint8 (n, s, s, 3), to rows of features, float32 (n, d): the channels of fire9, averaged over the picture."""
_CHUNK = 32


def squeezenet_features(weights: SqueezeNetWeights, size: int) -> Features:
    """The function from photos to features: they are resized to `size` pixels a side, 32 at a time, on the device."""
    compiled, weights = jax.jit(mean_fire9), jax.device_put(weights)

    def of(photos: np.ndarray) -> np.ndarray:
        if not len(photos):
            return np.zeros((0, DEPTH), np.float32)
        return layers.in_chunks(
            lambda chunk: compiled(weights, np.stack([images.resize(photo, size) for photo in chunk])), _CHUNK, photos
        )

    return of


def mean_fire9(weights: SqueezeNetWeights, photos: jax.Array) -> Float[Array, "n 512"]:
    """fire9 averaged over the picture, of photos in 0..255, (n, s, s, 3) RGB."""
    x = photos.astype(jnp.float32)[..., ::-1] - jnp.asarray(MEAN_BGR, jnp.float32)

    def halve(x: jax.Array) -> jax.Array:
        return lax.reduce_window(x, -jnp.inf, lax.max, (1, 3, 3, 1), (1, 2, 2, 1), "VALID")

    return _outputs(weights, x, halve)[-1].mean((1, 2))


# ---------------------------------------------------------------- for losses

LARGEST = 128  # pixels a side of what the network looks at
_VGG19 = ("11", "12", "21", "22", "31", "32", "33", "34", "41")
_VGG16 = ("11", "12", "21", "22", "31", "32", "33", "41")
"""Convolutions up to relu4_1; the first of every block is compared, as in pix2pixHD (section 3.3)."""


@dataclass(frozen=True)
class Perceptual:
    """A frozen network. weights: a tree of arrays. maps: (weights, photo in [-1, 1]) -> its maps, from the outside in;
    sides are powers of two where the photo's is."""

    weights: Any
    maps: Callable[[Any, jax.Array], list[jax.Array]]

    @cached_property
    def widths(self) -> list[int]:
        """The channels of the maps."""
        return [m.shape[-1] for m in jax.eval_shape(self, jax.ShapeDtypeStruct((1, LARGEST, LARGEST, 3), jnp.float32))]

    def __call__(self, photo: Float[Array, "n s s 3"], dtype: str = "float32") -> list[Float[Array, "n h w f"]]:
        """The maps of photos in [-1, 1], computed in the given type.

        Photos of more than `LARGEST` pixels a side are shrunk to it first: ImageNet networks know objects about that
        large, and the cost grows with the square of the side.
        """
        photo = layers.shrink(photo, min(photo.shape[1], LARGEST))
        return self.maps(jax.tree.map(lambda w: w.astype(dtype), self.weights), photo.astype(dtype))


def load(path: str | Path) -> Perceptual:
    """VGG-19's or VGG16's convolutions up to conv4_1, as far as the file goes, or EfficientNet-Lite's (both .npz), or
    SqueezeNet 1.1's (.mat). Raises `ConfigError`: the file is missing or holds something else."""
    if str(path).endswith(".mat"):
        return Perceptual(jax.tree.map(jnp.asarray, load_squeezenet(path)), squeezenet_maps)
    try:
        with np.load(path) as file:
            content = {name: file[name] for name in file}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ConfigError(f"perceptual features {str(path)!r} cannot be read ({error}): name a .npz file") from None
    if "spec" in content:
        weights, architecture = efficientnet.read(content, str(path))
        return Perceptual(weights, partial(efficientnet.maps, architecture))
    arrays = {name.replace("_", "", 1) if name.count("_") == 2 else name: value for name, value in content.items()}
    names = _VGG16 if "conv41_w" in arrays and "conv34_w" not in arrays else _VGG19
    wanted = ["conv0", *(f"conv{name}" for name in names)]
    missing = [name for name in wanted if f"{name}_w" not in arrays or f"{name}_b" not in arrays]
    # A file may end after the first convolution of a block: what lies deeper is then not compared.
    if missing and missing[0] != "conv0" and missing == wanted[-len(missing) :]:
        wanted = wanted[: -len(missing)]
        missing = [] if wanted[-1].endswith("1") else missing
    if missing:
        raise ConfigError(f"perceptual features {str(path)!r} lack {missing[0]}: it must hold VGG from conv0 on")
    weights = {f"{name}_{part}": jnp.asarray(arrays[f"{name}_{part}"]) for name in wanted for part in "wb"}
    # Some networks were trained with zeros around the picture, not with its mirror image; their files say so.
    return Perceptual(weights, partial(_vgg_maps, wanted[1:], "constant" if "zero_padding" in arrays else "reflect"))


def of_classifier(weights: dict[str, Any]) -> Perceptual:
    """The maps of our own VGG16 (`models.vgg`), with batch norm or without: `nnx.to_pure_dict` of its state."""
    convs = {int(i): conv for i, conv in vgg.fold(weights)["convs"].items()}
    used = {i: jax.tree.map(jnp.asarray, convs[i]) for i in range(vgg.COMPARED[-1] + 1)}
    return Perceptual({"convs": used}, vgg.maps)


def _vgg_maps(names: Sequence[str], margin: str, weights: dict[str, jax.Array], photo: jax.Array) -> list[jax.Array]:
    """relu1_1, relu2_1, relu3_1 and relu4_1, as far as these convolutions go: "conv11", "conv12", ..."""
    x = _conv(weights, "conv0", photo * 0.5 + 0.5, margin)
    found = []
    for name in names:
        begins = name.endswith("1")  # a block
        x = jax.nn.relu(_conv(weights, name, vgg.halve(x) if begins and found else x, margin))
        if begins:
            found.append(x)
    return found


def _conv(weights: dict[str, jax.Array], name: str, x: jax.Array, margin: str) -> jax.Array:
    kernel = weights[f"{name}_w"]
    if kernel.shape[0] == 3:
        x = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode=margin)
    return convolve(x, (kernel, weights[f"{name}_b"]), 1, "VALID")
