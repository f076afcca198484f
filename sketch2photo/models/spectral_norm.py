"""Spectral normalisation (Miyato et al. 2018): a kernel divided by its largest singular value.

The value is found by power iteration, one round a training step, from the left singular vector of the step before. That
vector has no gradient, yet lies among the weights (`singular` beside `kernel`): so a checkpoint holds it and a resumed
run goes on with the same numbers.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from sketch2photo.models import draws
from sketch2photo.models.draws import Rngs


def start(rngs: Rngs, rows: int) -> Float[Array, " r"]:
    """A random vector of length 1 (algorithm 1, initialisation); 0 without `rngs`."""
    return jnp.zeros(rows, jnp.float32) if rngs is None else _unit(draws.normal(rngs, (rows,)))


def normalised(kernel: Float[Array, "r ..."], singular: Float[Array, " r"]) -> Float[Array, "r ..."]:
    """W / (u' W v) (eq. 8), W being the kernel's rows; u and v are constants to the gradient (eq. 11)."""
    matrix = kernel.reshape(kernel.shape[0], -1)
    u = lax.stop_gradient(singular)
    v = _unit(lax.stop_gradient(u @ matrix))
    return kernel / (u @ matrix @ v)


def iterate(weights: Any) -> Any:
    """The weights with every singular vector one round of power iteration further (algorithm 1, steps 1 and 2).

    Args:
      weights: a nested dict, `nnx.to_pure_dict` of a network's state; perhaps without any.
    """
    if not isinstance(weights, dict):
        return weights
    if "singular" in weights:
        matrix = weights["kernel"].reshape(weights["kernel"].shape[0], -1)
        v = _unit(weights["singular"] @ matrix)
        return {**weights, "singular": _unit(matrix @ v)}
    return {name: iterate(value) for name, value in weights.items()}


def _unit(vector: jax.Array) -> jax.Array:
    return vector / (jnp.linalg.norm(vector) + 1e-12)
