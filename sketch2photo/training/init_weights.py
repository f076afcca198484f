"""Fitting weights into another network: of another size, of other categories, with batch norm where there was none.

A weight fits where its name and shape agree. A generator's layers are numbered from the outside in, so the layers of
a 128 px model fit a 256 px one of the same width and only the new innermost ones start fresh. A 256 px model with half
the width and twice the `widest` is the 128 px one with a layer more around it: its layers are then matched from the
inside, and only the new outer ones start fresh (growing, Karras et al. 2018). What stands for a category, a row of a
condition or an output of the classifier, is matched by the category's name. The classifier's convolutions depend
neither on the picture's size nor on the categories; they may also be those of a VGG file.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from sketch2photo.config import GanModelConfig
from sketch2photo.convert.vgg_weights import Convolution, read_vgg
from sketch2photo.models import layers, unet, vgg
from sketch2photo.models.layers import Arrays
from sketch2photo.release.weights import Weights
from sketch2photo.training.gan import GanState

Say = Callable[[str], None]
Places = list[tuple[int, int]]  # of rows or outputs that mean the same: (place here, place there)
Matched = dict[str, tuple[int, Places]]
"""By name the weights of which only some places along an axis are taken over: the axis and the places."""


_COVERED = 4.0  # the logit of 0.98


def initialise_gan(
    state: GanState, source: Weights, model: GanModelConfig, categories: Sequence[str], say: Say
) -> GanState:
    """The state with the source's weights where they fit; `say` is told what did not. Raises `CheckpointError`: the
    source has no generator."""
    rows = _condition_rows(source, model, categories)
    painted = [(channel, channel) for channel in range(3 + (model.coverage and source.gan.coverage))]
    kept: Matched = {"style/first/kernel": (0, rows), "last/kernel": (-1, painted), "last/bias": (-1, painted)}
    if source.gan.input_channels == model.input_channels:
        taken = model.input_channels + 4 * (model.hints and source.gan.hints)
        kept["downs/0/kernel"] = (-1, [(channel, channel) for channel in range(taken)])
    theirs = _moved_inward(source.generator, _grown(source.gan, model))
    generator = _fit("generator", state.generator, theirs, kept, "rows", say)
    if model.coverage and not source.gan.coverage:  # all is covered at first, so that photos look as the source's
        last = generator["last"]
        last = {"kernel": last["kernel"].at[..., 3].set(0.0), "bias": last["bias"].at[3].set(_COVERED)}
        generator = {**generator, "last": last}
    discriminator = state.discriminator
    if source.discriminator is None:
        say("discriminator: the source has none, it starts fresh")
    else:
        told: Matched = {name: (0, rows) for name in layers.by_place(discriminator) if name.endswith("embed/kernel")}
        discriminator = _fit("discriminator", discriminator, source.discriminator, told, "rows", say)
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


def _condition_rows(source: Weights, model: GanModelConfig, categories: Sequence[str]) -> Places:
    """The rows of every condition both have: the categories', then the three of the colour."""
    rows = []
    if model.class_conditional and source.gan.class_conditional:
        rows += _same(categories, source.categories)
    if model.colour_conditional and source.gan.colour_conditional:
        here = len(categories) * model.class_conditional
        there = len(source.categories) * source.gan.class_conditional
        rows += [(here + channel, there + channel) for channel in range(3)]
    return rows


def _same(here: Sequence[str], there: Sequence[str]) -> Places:
    return [(i, there.index(name)) for i, name in enumerate(here) if name in there]


Names = tuple[Sequence[str], Sequence[str]]
"""A classifier's categories, whose outputs come first, and the other categories that it tells apart, where known."""


_QUIET = 3.0  # of a new output, below the mean of the logits


def initialise_classifier(
    params: Arrays, given: Arrays, theirs: Names, ours: Names, sketch: np.ndarray, say: Say
) -> Arrays:
    """The weights with the given ones where they fit; `say` is told what did not.

    An output goes where its name goes: what was an other category may have become one of the categories. Batch norm's
    averages are of the sketches, uint8 (n, s, s, 1), where the given weights have none.
    """
    if _normed(params) and not _normed(given):
        given = jax.jit(vgg.unfold)(given, layers.to_model(jnp.asarray(sketch)))
    elif _normed(given) and not _normed(params):
        given = vgg.fold(given)
    (named, others), categories = theirs, ours[0]
    head = {name: np.asarray(value) for name, value in given["head"].items()}
    if others and ours[1]:
        outputs = _same([*categories, *ours[1]], [*named, *others])
    else:
        outputs, count = _same(categories, named), params["head"]["bias"].shape[0] - len(categories)
        if head["bias"].shape[0] == len(named) + 1:
            # One output of other categories becomes as many alike that make the same probability together.
            head = {name: np.concatenate([x, *[x[..., -1:]] * (count - 1)], -1) for name, x in head.items()}
            head["bias"][len(named) :] -= np.log(count)
        if head["bias"].shape[0] == len(named) + count:
            outputs += [(len(categories) + i, len(named) + i) for i in range(count)]
    ends: Matched = {"head/kernel": (-1, outputs), "head/bias": (-1, outputs)}
    # A new output starts as the mean of all, less likely: at random it would drown those that know something.
    means = {name: jnp.asarray(value.mean(-1, keepdims=True)) for name, value in head.items()}
    quiet = {name: jnp.broadcast_to(means[name], value.shape) for name, value in params["head"].items()}
    quiet["bias"] -= _QUIET
    return _fit("classifier", {**params, "head": quiet}, {**given, "head": head}, ends, "outputs", say)


def _fit(network: str, weights: Arrays, given: Arrays, matched: Matched, what: str, say: Say) -> Arrays:
    """The weights with the given ones over them, and `say` told which stay fresh; `what` the matched places are."""
    theirs = {name: np.asarray(value) for name, value in layers.by_place(given).items()}
    fresh: list[str] = []

    def choose(path: Any, value: jax.Array) -> jax.Array:
        name = jax.tree_util.keystr(path, simple=True, separator="/")
        if (other := theirs.get(name)) is None:
            fresh.append(name)
            return value
        if name in matched:
            axis, places = matched[name]
            mine, given = jnp.moveaxis(value, axis, 0), np.moveaxis(other, axis, 0)
            if mine.shape[1:] == given.shape[1:]:
                if missing := len(mine) - len(places):
                    fresh.append(f"{name} ({missing} of {len(mine)} {what})")
                here, there = np.array(places, int).reshape(-1, 2).T
                return jnp.moveaxis(mine.at[here].set(given[there]), 0, axis)
        if other.shape != value.shape:
            fresh.append(f"{name} {other.shape} -> {value.shape}")
            return value
        return jnp.array(other, value.dtype)  # a copy of its own: the state is donated

    chosen = jax.tree.map_with_path(choose, weights)
    count = len(jax.tree.leaves(weights))
    fits = f"{network}: {'all' if not fresh else f'{count - len(fresh)} of'} {count} arrays fit"
    say(f"{fits}; fresh: {', '.join(fresh)}" if fresh else fits)
    return chosen


def fitting_convolutions(path: str, width: int, say: Say) -> dict[int, Convolution]:
    """The convolutions of a VGG file that fit VGG16 of this width, by their place; `say` is told which do not. Raises
    `ConfigError`: as `read_vgg`."""
    found = read_vgg(path)
    widths = [width * multiple for block in vgg.BLOCKS for multiple in block]
    shapes = [(3, 3, c, o) for c, o in zip([3, *widths[:-1]], widths, strict=True)]
    there = {i: found[name] for i, name in enumerate(vgg.NAMES) if name in found}
    fitting = {i: given for i, given in there.items() if given[0].shape == shapes[i]}
    unfit = [f"conv{vgg.NAMES[i]} {kernel.shape}" for i, (kernel, _) in there.items() if i not in fitting]
    unfit += [f"conv{name}" for name in found if name not in vgg.NAMES]
    fresh = [f"conv{name}" for i, name in enumerate(vgg.NAMES) if i not in fitting]
    told = [f"{len(fitting)} of {len(vgg.NAMES)} convolutions from {path}"]
    told += [f"do not fit: {', '.join(unfit)}"] if unfit else []
    told += [f"fresh: {', '.join(fresh)}"] if fresh else []
    say("; ".join(told))
    return fitting


def with_convolutions(params: Arrays, given: dict[int, Convolution], sketch: np.ndarray) -> Arrays:
    """The weights with these convolutions, by their place; batch norm is set so that it changes nothing at first.
    `sketch`: as in `initialise_classifier`."""
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
