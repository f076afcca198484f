"""Starting the classifier from other weights: another run, a released model, or the convolutions of a VGG file.

A weight fits where its name and shape agree; the outputs are matched by the category's name, those of other
categories by their number. The convolutions
depend neither on the picture's size nor on the categories, so that a run on small pictures or on many more
categories is a good start.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from sketch2photo import checkpoints, convert, released
from sketch2photo.errors import CheckpointError
from sketch2photo.models import layers, vgg
from sketch2photo.training.state import Arrays


@dataclass(frozen=True)
class Source:
    """Weights to start from, and what their outputs mean (the one after the last category: "none of these")."""

    weights: Arrays
    categories: tuple[str, ...]


def read_source(path: str, option: str = "--init") -> Source:
    """The classifier of a run or of a released model.

    Raises:
      CheckpointError: the folder is neither, or has no classifier.
    """
    if checkpoints.is_run(path):
        run = checkpoints.read_run(path)
        if run.kind != "classifier":
            raise CheckpointError(f"{option} {path!r} is a {run.kind} run: name one of train.py classifier")
        return Source(checkpoints.restore_state(path)["params"], run.categories)
    try:
        model = released.read(path)
    except CheckpointError as error:
        raise CheckpointError(f"{option}: {error}") from None
    if model.classifier is None:
        raise CheckpointError(f"{option} {path!r} has no classifier: name one that has")
    return Source(model.classifier, model.categories)


def initialise_classifier(
    params: Arrays, source: Source, categories: Sequence[str], sketch: np.ndarray, say: Callable[[str], None]
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
    by_name = {_name(path): np.asarray(value) for path, value in jax.tree.leaves_with_path(theirs)}
    columns = [(i, source.categories.index(c)) for i, c in enumerate(categories) if c in source.categories]
    fresh: list[str] = []

    def choose(path: Any, value: jax.Array) -> jax.Array:
        name = _name(path)
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


def fitting_convolutions(path: str, width: int, say: Callable[[str], None]) -> dict[int, convert.Convolution]:
    """The convolutions of a VGG file that fit VGG16 of this width, by their place; `say` is told which do not.

    Raises:
      ConfigError: as `convert.read_vgg`.
    """
    found = convert.read_vgg(path)
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


def with_convolutions(params: Arrays, given: dict[int, convert.Convolution], sketch: np.ndarray) -> Arrays:
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


def _name(path: Any) -> str:
    return "/".join(str(getattr(part, "key", part)) for part in path)
