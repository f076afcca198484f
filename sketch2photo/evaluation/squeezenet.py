"""SqueezeNet's features (`models.squeezenet`) that pictures are judged by.

The generator's losses use VGG-19 where nothing else is asked for, so these are a second opinion.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from sketch2photo import images
from sketch2photo.models.squeezenet import DEPTH, FIRES, MEAN_BGR, POOL_BEFORE, Weights, convolve, fire, load

__all__ = ["DEPTH", "Features", "features", "load", "mean_fire9"]

Features = Callable[[np.ndarray], np.ndarray]
"""Photos, uint8 (n, s, s, 3), to rows of features, float32 (n, d): the channels of fire9, averaged over the picture."""

_CHUNK = 32


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
    x = photos.astype(jnp.float32)[..., ::-1] - jnp.asarray(MEAN_BGR, jnp.float32)
    x = jax.nn.relu(convolve(x, weights["conv1"], 2, "VALID"))
    for i in FIRES:
        if i in POOL_BEFORE:
            x = lax.reduce_window(x, -jnp.inf, lax.max, (1, 3, 3, 1), (1, 2, 2, 1), "VALID")
        x = fire(x, weights, i)
    return x.mean((1, 2))
