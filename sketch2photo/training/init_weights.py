"""Starting from other weights: another run or a released model, of another size or with other categories.

A weight fits where its name and shape agree. Layers are numbered from the outside in, so the layers of a 128 px
model fit a 256 px one of the same width and only the new innermost ones start fresh. A 256 px model with half the
width and twice the `widest` is the 128 px one with a layer more around it: its layers are then matched from the inside,
and only the new outer ones start fresh (growing, Karras et al. 2018). The rows of a category condition are matched
by the category's name.
"""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from sketch2photo.config import GanConfig, GanModelConfig
from sketch2photo.convert.vgg import Convolution, read_vgg
from sketch2photo.errors import CheckpointError
from sketch2photo.models import features, layers, unet, vgg
from sketch2photo.models.layers import Arrays
from sketch2photo.release import format
from sketch2photo.training import run_folder
from sketch2photo.training.gan import GanState

# ---------------------------------------------------------------- training.initialise

_CONDITIONS = ("style/first/kernel", "embed/kernel")
"""The layers whose rows are categories, then colour channels."""


@dataclasses.dataclass(frozen=True)
class GanSource:
    """Weights to start from: nested dicts of numpy arrays, and what their category rows mean."""

    generator: Arrays
    discriminator: Arrays | None
    categories: tuple[str, ...]
    model: GanModelConfig


def read_gan_source(path: str) -> GanSource:
    """A run (its moving average, if it has one) or a released model.

    Raises:
      CheckpointError: the folder is neither, or a classifier's run.
    """
    if run_folder.is_run(path):
        run = run_folder.read_run(path)
        if not isinstance(run.config, GanConfig):
            raise CheckpointError(f"--init {path!r} is a {run.kind} run: name one of train.py gan")
        state = run_folder.restore_state(path)
        generator = state.get("ema") or state["generator"]
        return GanSource(generator, state["discriminator"], run.categories, run.config.model)
    model = format.read(Path(path))
    return GanSource(model.generator, model.discriminator, model.categories, model.gan)


def initialise_gan(
    state: GanState, source: GanSource, model: GanModelConfig, categories: Sequence[str], say: Callable[[str], None]
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


def _row_map(source: GanSource, model: GanModelConfig, categories: Sequence[str]) -> list[tuple[int, int]]:
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
    theirs = {_path_name(path): np.asarray(value) for path, value in jax.tree.leaves_with_path(source)}
    fresh: list[str] = []

    def choose(path: Any, value: jax.Array) -> jax.Array:
        name = _path_name(path)
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


def _path_name(path: Any) -> str:
    return "/".join(str(getattr(part, "key", part)) for part in path)


def _summary(network: str, weights: Arrays, fresh: list[str]) -> str:
    count = len(jax.tree.leaves(weights))
    if not fresh:
        return f"{network}: all {count} arrays fit"
    return f"{network}: {count - len(fresh)} of {count} arrays fit; fresh: {', '.join(fresh)}"


# ---------------------------------------------------------------- training.initialise_classifier
#
# Starting the classifier from other weights: another run, a released model, or the convolutions of a VGG file.
#
# A weight fits where its name and shape agree; the outputs are matched by the category's name, those of other
# categories by their number. The convolutions
# depend neither on the picture's size nor on the categories, so that a run on small pictures or on many more
# categories is a good start.


@dataclass(frozen=True)
class ClassifierSource:
    """Weights to start from, and what their outputs mean (the one after the last category: "none of these")."""

    weights: Arrays
    categories: tuple[str, ...]


def read_classifier_source(path: str, option: str = "--init") -> ClassifierSource:
    """The classifier of a run or of a released model.

    Raises:
      CheckpointError: the folder is neither, or has no classifier.
    """
    if run_folder.is_run(path):
        run = run_folder.read_run(path)
        if run.kind != "classifier":
            raise CheckpointError(f"{option} {path!r} is a {run.kind} run: name one of train.py classifier")
        return ClassifierSource(run_folder.restore_state(path)["params"], run.categories)
    try:
        model = format.read(path)
    except CheckpointError as error:
        raise CheckpointError(f"{option}: {error}") from None
    if model.classifier is None:
        raise CheckpointError(f"{option} {path!r} has no classifier: name one that has")
    return ClassifierSource(model.classifier, model.categories)


def initialise_classifier(
    params: Arrays, source: ClassifierSource, categories: Sequence[str], sketch: np.ndarray, say: Callable[[str], None]
) -> Arrays:
    """The weights with the source's where they fit; `say` is told what did not.

    Args:
      sketch: uint8 (n, s, s, 1); batch norm's averages are of these, where the source has none.
    """
    theirs = source.weights
    ours_normed, theirs_normed = _normed(params), _normed(theirs)
    if ours_normed and not theirs_normed:
        theirs = jax.jit(vgg.unfold)(theirs, layers.to_model(jnp.asarray(sketch)))
    elif theirs_normed and not ours_normed:
        theirs = vgg.fold(theirs)
    by_name = {_weight_name(path): np.asarray(value) for path, value in jax.tree.leaves_with_path(theirs)}
    columns = [(i, source.categories.index(c)) for i, c in enumerate(categories) if c in source.categories]
    fresh: list[str] = []

    def choose(path: Any, value: jax.Array) -> jax.Array:
        name = _weight_name(path)
        other = by_name.get(name)
        if other is not None and name.startswith("head/") and other.shape[:-1] == value.shape[:-1]:
            for here, there in columns:
                value = value.at[..., here].set(other[..., there])
            mine, given = value[..., len(categories) :], other[..., len(source.categories) :]
            none = _none_outputs(given, mine.shape[-1], is_bias=value.ndim == 1)
            missing = len(categories) - len(columns) + (0 if none is not None else mine.shape[-1])
            if none is not None:
                value = value.at[..., len(categories) :].set(none)
            if missing:
                fresh.append(f"{name} ({missing} of {value.shape[-1]} outputs)")
            return value
        if other is None or other.shape != value.shape:
            fresh.append(name if other is None else f"{name} {other.shape} -> {value.shape}")
            return value
        return jnp.array(other, value.dtype)  # a copy of its own: the state is donated

    chosen = jax.tree.map_with_path(choose, params)
    count = len(by_name)
    say(f"classifier: all {count} arrays fit" if not fresh else f"classifier: fresh: {', '.join(fresh)}")
    return chosen


def _none_outputs(given: np.ndarray, count: int, *, is_bias: bool) -> np.ndarray | None:
    """What the outputs of other categories start from; None where the given ones do not fit.

    One output becomes as many alike that make the same probability together.
    """
    if given.shape[-1] == count:
        return given
    if given.shape[-1] != 1:
        return None
    return np.repeat(given, count, -1) - (np.log(count) if is_bias else 0.0)


def fitting_convolutions(path: str, width: int, say: Callable[[str], None]) -> dict[int, Convolution]:
    """The convolutions of a VGG file that fit VGG16 of this width, by their place; `say` is told which do not.

    Raises:
      ConfigError: as `read_vgg`.
    """
    found = read_vgg(path)
    widths = [width * multiple for block in vgg.BLOCKS for multiple in block]
    shapes = [(3, 3, c, o) for c, o in zip([3, *widths[:-1]], widths, strict=True)]
    fitting = {
        i: found[name]
        for i, (name, shape) in enumerate(zip(vgg.NAMES, shapes, strict=True))
        if name in found and found[name][0].shape == shape
    }
    unfit = [
        f"conv{name} {found[name][0].shape}" for i, name in enumerate(vgg.NAMES) if name in found and i not in fitting
    ]
    unknown = [f"conv{name}" for name in found if name not in vgg.NAMES]
    fresh = [f"conv{name}" for i, name in enumerate(vgg.NAMES) if i not in fitting]
    told = [f"{len(fitting)} of {len(vgg.NAMES)} convolutions from {path}"]
    told += [f"do not fit: {', '.join(unfit + unknown)}"] if unfit or unknown else []
    told += [f"fresh: {', '.join(fresh)}"] if fresh else []
    say("; ".join(told))
    return fitting


def with_convolutions(params: Arrays, given: dict[int, Convolution], sketch: np.ndarray) -> Arrays:
    """The weights with these convolutions, by their place; batch norm is set so that it changes nothing at first.

    Args:
      sketch: as in `initialise_classifier`.
    """
    convs = {
        i: {**conv, "kernel": jnp.asarray(given[i][0]), "bias": jnp.asarray(given[i][1])} if i in given else conv
        for i, conv in params["convs"].items()
    }
    if _normed(params):
        unfolded = vgg.unfold({"convs": convs}, layers.to_model(jnp.asarray(sketch)))["convs"]
        convs = {i: unfolded[i] if i in given else conv for i, conv in convs.items()}
    return {**params, "convs": convs}


def _normed(weights: Arrays) -> bool:
    return all("scale" in conv for conv in weights["convs"].values())


def _weight_name(path: Any) -> str:
    return "/".join(str(getattr(part, "key", part)) for part in path)


# ---------------------------------------------------------------- training.feature_source
#
# The network that a generator's perceptual loss compares features of, from whatever a user names.


def load_features(path: str) -> features.Perceptual:
    """A file of VGG's or SqueezeNet's convolutions, or the folder of our classifier: a run's or a release's.

    Raises:
      ConfigError: the file holds something else.
      CheckpointError: the folder is neither run nor release, or has no classifier.
    """
    if Path(path).is_dir():
        return features.of_classifier(read_classifier_source(path, "--loss.perceptual-features").weights)
    return features.load(path)
