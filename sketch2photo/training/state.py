"""The training states: frozen dataclasses of plain arrays, so that a step is a pure function and a state one tree."""

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import optax

Arrays = Any
"""A nested dict of arrays, as `nnx.to_pure_dict` gives it."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class GanState:
    """Everything a GAN step reads and writes.

    step: int32 scalar, steps made. key: of all randomness, folded with the step, never replaced. ema: the moving
    average of the generator's weights, or None.
    """

    weights: ClassVar[tuple[str, ...]] = ("generator", "discriminator")
    """What a step computes with; the rest it only updates."""

    step: jax.Array
    generator: Arrays
    discriminator: Arrays
    generator_optimiser: optax.OptState
    discriminator_optimiser: optax.OptState
    ema: Arrays
    key: jax.Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class ClassifierState:
    """Everything a classifier step reads and writes; as `GanState`."""

    weights: ClassVar[tuple[str, ...]] = ("params",)

    step: jax.Array
    params: Arrays
    optimiser: optax.OptState
    key: jax.Array


def without_optimisers(state: Any) -> Any:
    """The state for those who only look at weights."""
    optimisers = [f.name for f in dataclasses.fields(state) if f.name.endswith("optimiser")]
    return dataclasses.replace(state, **dict.fromkeys(optimisers))
