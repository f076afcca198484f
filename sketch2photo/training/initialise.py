"""Starting from other weights: another run or a released model, of another size or with other categories.

A weight fits where its name and shape agree. Layers are numbered from the outside in, so the layers of a 128 px
model fit a 256 px one of the same width and only the new innermost ones start fresh. A 256 px model with half the
width and twice the `widest` is the 128 px one with a layer more around it: its layers are then matched from the inside,
and only the new outer ones start fresh (growing, Karras et al. 2018). The rows of a category condition are matched
by the category's name.
"""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from sketch2photo import checkpoints, released
from sketch2photo.config import GanConfig, GanModelConfig
from sketch2photo.errors import CheckpointError
from sketch2photo.models import unet
from sketch2photo.training.state import Arrays, GanState

_CONDITIONS = ("style/first/kernel", "embed/kernel")
"""The layers whose rows are categories, then colour channels."""


@dataclasses.dataclass(frozen=True)
class Source:
    """Weights to start from: nested dicts of numpy arrays, and what their category rows mean."""

    generator: Arrays
    discriminator: Arrays | None
    categories: tuple[str, ...]
    model: GanModelConfig


def read_source(path: str) -> Source:
    """A run (its moving average, if it has one) or a released model.

    Raises:
      CheckpointError: the folder is neither, or a classifier's run.
    """
    if checkpoints.is_run(path):
        run = checkpoints.read_run(path)
        if not isinstance(run.config, GanConfig):
            raise CheckpointError(f"--init {path!r} is a {run.kind} run: name one of train.py gan")
        state = checkpoints.restore_state(path)
        generator = state.get("ema") or state["generator"]
        return Source(generator, state["discriminator"], run.categories, run.config.model)
    model = released.read(Path(path))
    return Source(model.generator, model.discriminator, model.categories, model.gan)


def initialise_gan(
    state: GanState, source: Source, model: GanModelConfig, categories: Sequence[str], say: Callable[[str], None]
) -> GanState:
    """The state with the source's weights where they fit; `say` is told what did not."""
    rows = _row_map(source, model, categories)
    generator, fresh = _fit(state.generator, _moved_inward(source.generator, _grown(source.model, model)), rows)
    say(_summary("generator", generator, fresh))
    discriminator = state.discriminator
    if source.discriminator is None:
        say("discriminator: the source has none, it starts fresh")
    else:
        discriminator, fresh = _fit(state.discriminator, source.discriminator, rows)
        say(_summary("discriminator", discriminator, fresh))
    ema = None if state.ema is None else jax.tree.map(jnp.copy, generator)
    return dataclasses.replace(state, generator=generator, discriminator=discriminator, ema=ema)


def _grown(there: GanModelConfig, here: GanModelConfig) -> int:
    """How many layers lie around what is the source's generator; 0 where it is not inside."""
    added = here.image_size.bit_length() - there.image_size.bit_length()
    return added if added > 0 and unet.layer_widths(here)[added:] == unet.layer_widths(there) else 0


def _moved_inward(generator: Arrays, layers: int) -> Arrays:
    """The generator's layers numbered as those of one with so many more around it."""
    lists = {
        name: {int(i) + layers: layer for i, layer in generator[name].items()}
        for name in ("downs", "down_norms", "ups", "up_norms")
    }
    return {**generator, **lists} if layers else generator


def _row_map(source: Source, model: GanModelConfig, categories: Sequence[str]) -> list[tuple[int, int]]:
    """(row here, row there) of every condition both have."""
    pairs = []
    if model.class_conditional and source.model.class_conditional:
        pairs += [(i, source.categories.index(c)) for i, c in enumerate(categories) if c in source.categories]
    if model.colour_conditional and source.model.colour_conditional:
        here = len(categories) * model.class_conditional
        there = len(source.categories) * source.model.class_conditional
        pairs += [(here + channel, there + channel) for channel in range(3)]
    return pairs


def _fit(weights: Arrays, source: Arrays, rows: list[tuple[int, int]]) -> tuple[Arrays, list[str]]:
    """The weights with the source's over them, and the names of those that stay fresh."""
    theirs = {_name(path): np.asarray(value) for path, value in jax.tree.leaves_with_path(source)}
    fresh: list[str] = []

    def choose(path: Any, value: jax.Array) -> jax.Array:
        name = _name(path)
        other = theirs.get(name)
        if other is not None and name in _CONDITIONS and other.shape[1:] == value.shape[1:]:
            for here, there in rows:
                value = value.at[here].set(other[there])
            missing = value.shape[0] - len(rows)
            if missing:
                fresh.append(f"{name} ({missing} of {value.shape[0]} rows)")
            return value
        if other is None or other.shape != value.shape:
            fresh.append(name if other is None else f"{name} {tuple(other.shape)} -> {tuple(value.shape)}")
            return value
        return jnp.array(other, value.dtype)  # a copy of its own: the state is donated

    return jax.tree.map_with_path(choose, weights), fresh


def _name(path: Any) -> str:
    return "/".join(str(getattr(part, "key", part)) for part in path)


def _summary(network: str, weights: Arrays, fresh: list[str]) -> str:
    count = len(jax.tree.leaves(weights))
    if not fresh:
        return f"{network}: all {count} arrays fit"
    return f"{network}: {count - len(fresh)} of {count} arrays fit; fresh: {', '.join(fresh)}"
