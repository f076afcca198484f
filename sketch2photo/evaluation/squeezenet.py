"""SqueezeNet 1.1 (Iandola et al. 2016) without its classifier: the ImageNet features that pictures are judged by.

The generator's losses use VGG-19, so these are a second opinion. The weights are a user's file: a MATLAB file with,
for `conv1`, `fire2/squeeze1x1`, `fire2/expand1x1`, ..., a kernel (HWIO) and a bias. They take BGR from 0 to 255
with the mean taken off, as Caffe does.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from sketch2photo import images
from sketch2photo.errors import ConfigError

Features = Callable[[np.ndarray], np.ndarray]
"""Photos, uint8 (n, s, s, 3), to rows of features, float32 (n, d)."""
Weights = dict[str, tuple[Any, Any]]
"""Kernel (h, w, inputs, outputs) and bias (outputs,) by the layer's name."""

DEPTH = 512
"""Features of a picture: the channels of fire9, averaged over the picture."""
_FIRES = range(2, 10)
_POOL_BEFORE = (2, 4, 6)
_LAYERS = ("conv1", *(f"fire{i}/{part}" for i in _FIRES for part in ("squeeze1x1", "expand1x1", "expand3x3")))
_MEAN_BGR = (104.006, 116.669, 122.679)
_CHUNK = 32


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


def features(weights: Weights, size: int) -> Features:
    """The function from photos to features: they are resized to `size` pixels a side, 32 at a time, on the device."""
    compiled, weights = jax.jit(mean_fire9), jax.device_put(weights)

    def of(photos: np.ndarray) -> np.ndarray:
        rows = []
        for first in range(0, len(photos), _CHUNK):
            chunk = np.stack([images.resize(photo, size) for photo in photos[first : first + _CHUNK]])
            # Filled up, so that one shape is compiled.
            filled = np.concatenate([chunk, np.repeat(chunk[-1:], _CHUNK - len(chunk), 0)])
            rows.append(np.asarray(compiled(weights, filled))[: len(chunk)])
        return np.concatenate(rows) if rows else np.zeros((0, DEPTH), np.float32)

    return of


def mean_fire9(weights: Weights, photos: jax.Array) -> Float[Array, "n 512"]:
    """fire9 averaged over the picture, of photos in 0..255, (n, s, s, 3) RGB."""
    x = photos.astype(jnp.float32)[..., ::-1] - jnp.asarray(_MEAN_BGR, jnp.float32)
    x = jax.nn.relu(_convolve(x, weights["conv1"], 2, "VALID"))
    for i in _FIRES:
        if i in _POOL_BEFORE:
            x = lax.reduce_window(x, -jnp.inf, lax.max, (1, 3, 3, 1), (1, 2, 2, 1), "VALID")
        squeezed = jax.nn.relu(_convolve(x, weights[f"fire{i}/squeeze1x1"], 1, "SAME"))
        x = jnp.concatenate(
            [
                jax.nn.relu(_convolve(squeezed, weights[f"fire{i}/{part}"], 1, "SAME"))
                for part in ("expand1x1", "expand3x3")
            ],
            -1,
        )
    return x.mean((1, 2))


def _convolve(x: jax.Array, weights: tuple[Any, Any], stride: int, padding: str) -> jax.Array:
    kernel, bias = weights
    numbers = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(x, kernel, (stride, stride), padding, dimension_numbers=numbers) + bias
