"""SqueezeNet 1.1 (Iandola et al. 2016) without its classifier: ImageNet features to judge by or to learn from.

The weights are a user's file: a MATLAB file with, for `conv1`, `fire2/squeeze1x1`, `fire2/expand1x1`, ..., a kernel
(HWIO) and a bias. They take BGR from 0 to 255 with the mean taken off, as Caffe does.
"""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from sketch2photo.errors import ConfigError

Weights = dict[str, tuple[Any, Any]]
"""Kernel (h, w, inputs, outputs) and bias (outputs,) by the layer's name."""

DEPTH = 512
"""Channels of fire9, the last layer."""
MEAN_BGR = (104.006, 116.669, 122.679)
FIRES = range(2, 10)
POOL_BEFORE = (2, 4, 6)
_LAYERS = ("conv1", *(f"fire{i}/{part}" for i in FIRES for part in ("squeeze1x1", "expand1x1", "expand3x3")))
_COMPARED = (3, 5, 9)
"""The fires whose maps `maps` gives: the last before each pool and of all."""


def load(path: str | Path) -> Weights:
    """The convolutions by name.

    Raises:
      ConfigError: no such file, or it holds something else.
    """
    import scipy.io  # only here: it takes a quarter of a second

    try:
        content: dict[str, Any] = scipy.io.loadmat(str(path))
        # Copies: on a CPU jax would otherwise keep the file's memory, whose kernels are in Fortran's order.
        weights = {name: (_array(content[name][0, 0]), _array(content[name][0, 1]).reshape(-1)) for name in _LAYERS}
    except KeyError as error:
        raise ConfigError(f"features {str(path)!r} lack {error.args[0]}: name a file of SqueezeNet 1.1") from None
    except Exception as error:  # scipy raises whatever its readers stumble over
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
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
    numbers = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(x, kernel, (stride, stride), padding, dimension_numbers=numbers) + bias


def fire(x: jax.Array, weights: Weights, i: int) -> jax.Array:
    """Squeezed by 1x1, expanded by 1x1 and 3x3 (section 3.1); with ReLU."""
    squeezed = jax.nn.relu(convolve(x, weights[f"fire{i}/squeeze1x1"], 1, "SAME"))
    parts = [convolve(squeezed, weights[f"fire{i}/{part}"], 1, "SAME") for part in ("expand1x1", "expand3x3")]
    return jax.nn.relu(jnp.concatenate(parts, -1))


def widths(weights: Weights) -> list[int]:
    """The channels of the maps that `maps` gives."""
    of_fires = [sum(weights[f"fire{i}/{part}"][1].shape[0] for part in ("expand1x1", "expand3x3")) for i in _COMPARED]
    return [weights["conv1"][1].shape[0], *of_fires]


def maps(weights: Weights, photo: Float[Array, "n s s 3"]) -> list[Float[Array, "n h w f"]]:
    """conv1, fire3, fire5 and fire9 of photos in [-1, 1]: of a half, a quarter, an eighth and a sixteenth of the side.

    Where the published network drops what is left over at the right and the bottom, the last pixels are repeated, so
    that every map's side is a power of two.
    """
    x = (photo[..., ::-1] + 1.0) * 127.5 - jnp.asarray(MEAN_BGR, photo.dtype)
    x = jnp.pad(x, ((0, 0), (0, 1), (0, 1), (0, 0)), mode="edge")
    x = jax.nn.relu(convolve(x, weights["conv1"], 2, "VALID"))
    found = [x]
    for i in FIRES:
        if i in POOL_BEFORE:
            x = _halve(x)
        x = fire(x, weights, i)
        if i in _COMPARED:
            found.append(x)
    return found


def _halve(x: jax.Array) -> jax.Array:
    """3x3 maximum at stride 2; over shifted views, because the gradient of a windowed maximum is slow on a CPU."""
    _, h, w, _ = x.shape
    x = jnp.pad(x, ((0, 0), (0, 1), (0, 1), (0, 0)), mode="edge")
    rows = jnp.maximum(jnp.maximum(x[:, 0:h:2], x[:, 1 : h + 1 : 2]), x[:, 2 : h + 1 : 2])
    return jnp.maximum(jnp.maximum(rows[:, :, 0:w:2], rows[:, :, 1 : w + 1 : 2]), rows[:, :, 2 : w + 1 : 2])
