"""Fresh weights from one draw of random numbers.

XLA makes a program of its own of every draw, and long ones: a U-Net and its discriminator, from sixty draws, take as
long to compile as their training step.
"""

import math
from collections.abc import Callable
from typing import TypeVar

import jax
import jax.numpy as jnp
from flax import nnx

_CHUNK = 2**16
"""Numbers made at once."""

Made = TypeVar("Made")


class Draws:
    """Standard normal numbers for one network, in the order in which it asks; those of a key, or zeros without."""

    def __init__(self, key: jax.Array | None = None, count: int = 0):
        self.taken = 0
        self._numbers = None if key is None else _drawn(key, count)

    def normal(self, shape: tuple[int, ...]) -> jax.Array:
        start, self.taken = self.taken, self.taken + math.prod(shape)
        if self._numbers is None:
            return jnp.zeros(shape, jnp.float32)
        assert self.taken <= self._numbers.size, "the network asks for more than when it was counted"
        return self._numbers[start : self.taken].reshape(shape)


def _drawn(key: jax.Array, count: int) -> jax.Array:
    """In chunks, or the words that the numbers are made of would need as much memory again."""
    keys = jax.random.split(key, max(1, -(-count // _CHUNK)))
    return jax.lax.map(lambda one: jax.random.normal(one, (_CHUNK,), jnp.float32), keys).reshape(-1)


Rngs = nnx.Rngs | Draws | None
"""Where a network has its first weights from. None: they are 0, for those who want its structure and have weights; even
tracing random numbers takes long."""


def normal(rngs: Rngs, shape: tuple[int, ...]) -> jax.Array:
    """float32 from N(0, 1)."""
    if rngs is None:
        return jnp.zeros(shape, jnp.float32)
    return rngs.normal(shape) if isinstance(rngs, Draws) else jax.random.normal(rngs.params(), shape, jnp.float32)


def made(new: Callable[[Rngs], Made], key: jax.Array) -> Made:
    """A network whose numbers are one draw of the key's."""
    counted = Draws()
    nnx.eval_shape(lambda: new(counted))
    return new(Draws(key, counted.taken))
