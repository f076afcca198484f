"""Generators of pytorch-CycleGAN-and-pix2pix as ours: `unet_256`, `unet_128` and U-Nets of other depths.

That code nests the layers of the U-Net (Isola et al. 2017, section 6.1.1) in each other and saves them by their
places; the layers are ours. Its models are trained, and tested unless `test.py --eval` is given, with batch norm on
the statistics of the batch: of one picture, so a picture is painted as `Norm` does it here. With `--eval` running
averages are used instead, which are constants and so part of the convolutions. Its `test.py` also leaves dropout on
without `--eval`; it is never on here, so that the same sketch gives the same photo.
"""

import re
from collections.abc import Callable
from typing import Literal

import jax
import numpy as np

from sketch2photo.config import IMAGE_SIZES, GanModelConfig, GeneratorConfig
from sketch2photo.errors import CheckpointError
from sketch2photo.models.serving import generator
from sketch2photo.models.unet import layer_widths
from sketch2photo.release.format import Arrays, ReleasedModel

Statistics = Literal["batch", "running"]
EPSILON = 1e-5  # of PyTorch's norms
_REMEDY = "choose unet_256 or unet_128"
_PREFIXES = re.compile(r"^(?:module\.|_orig_mod\.|netG\.|generator\.)+")

Tensors = dict[str, np.ndarray]


def convert_generator(
    tensors: Tensors,
    name: str,
    categories: tuple[str, ...],
    statistics: Statistics = "batch",
    say: Callable[[str], None] = print,
) -> ReleasedModel:
    """A released model, float32 and without classifier, that paints as the generator does.

    Args:
      tensors: of its state_dict.
      name: of the file, for messages.
      categories: what it paints; it is told none of them.
      statistics: of batch norm, "batch" as pix2pix is trained and tested, "running" as `test.py --eval` does.
      say: is told where `statistics` makes no difference.

    Raises:
      CheckpointError: another network, or one that is no U-Net of 3 output channels from 64 to 512 px.
    """
    tensors = {_PREFIXES.sub("", key): value for key, value in tensors.items()}
    layers = _layers(tensors, name)
    depth = len(layers)
    first, last = layers[0].down, layers[0].up
    inputs, width, outputs = first.shape[1], first.shape[0], last.shape[1]
    if 2**depth not in IMAGE_SIZES:
        raise CheckpointError(f"{name!r} is a U-Net of {depth} layers, for pictures of {2**depth} px: {_REMEDY}")
    if inputs not in (1, 3) or outputs != 3:
        raise CheckpointError(
            f"{name!r} paints {outputs} channels from {inputs}: only generators from 3 (or 1) to 3 can be shown"
        )
    kind, fixed = _norm_kind(layers, name, statistics, say)
    config = GanModelConfig(
        image_size=2**depth,
        input_channels=inputs,
        generator=GeneratorConfig(width=width, norm=kind, bias=True, dropout=0.0),
    )
    if [layer.down.shape[0] for layer in layers] != layer_widths(config):
        raise CheckpointError(f"{name!r} has layers of other widths than a U-Net of pix2pix: {_REMEDY}")
    try:
        weights = _generator(layers, config, fixed)
        generator(config, len(categories), weights, "any")  # only for its check of every shape
    except (ValueError, CheckpointError):
        raise CheckpointError(f"{name!r} has layers of other sizes than a U-Net of pix2pix: {_REMEDY}") from None
    return ReleasedModel(gan=config, categories=categories, palette={}, generator=weights)


def _norm_kind(
    layers: list["_Layer"], name: str, statistics: Statistics, say: Callable[[str], None]
) -> tuple[Literal["batch", "instance", "none"], bool]:
    """The generator's norm as ours, and whether its layers are convolutions alone: without norm, or with one on running
    averages, which becomes part of them.

    PyTorch's instance norm has no weights. But there every convolution has a bias, and where a generator has another
    norm or none (--norm none), only the last one has.
    """
    norms = [layer.norms["up"] for layer in layers[1:]] + [layer.norms["down"] for layer in layers[1:-1]]
    if len({"scale" in norm for norm in norms}) > 1:
        raise CheckpointError(f"{name!r} has a norm in some of its layers only: {_REMEDY}")
    batch = "scale" in norms[0]
    averages = all({"mean", "variance"} <= norm.keys() for norm in norms)
    if batch and statistics == "running" and not averages:
        raise CheckpointError(f"{name!r} lacks running averages of its batch norms: take --statistics batch")
    if statistics == "running" and averages:
        return "none", True
    if batch:
        return "batch", False
    biases = {layer.has_bias for layer in layers[1:]}
    if len(biases) > 1 and not averages:
        raise CheckpointError(
            f"{name!r} does not show its norm, for some of its convolutions have a bias and others none: train it with "
            "--norm batch, instance or none"
        )
    plain = biases == {False} and not averages
    if statistics == "running":
        say(f"--statistics running changes nothing: {name} has {'no' if plain else 'instance'} norm, without averages")
    return ("none", True) if plain else ("instance", False)


class _Layer:
    """One layer of the encoder with its mirror in the decoder: kernels as PyTorch has them, biases, norms."""

    def __init__(self, tensors: Tensors, down: str, up: str, down_norm: str, up_norm: str):
        self.down, self.up = (np.asarray(tensors[f"{place}.weight"], np.float32) for place in (down, up))
        if self.down.ndim != 4 or self.up.ndim != 4 or {*self.down.shape[2:], *self.up.shape[2:]} != {4}:
            raise KeyError(down)
        self.down_bias = np.asarray(tensors.get(f"{down}.bias", np.zeros(self.down.shape[0])), np.float32)
        self.up_bias = np.asarray(tensors.get(f"{up}.bias", np.zeros(self.up.shape[1])), np.float32)
        self.has_bias = f"{down}.bias" in tensors
        self.norms = {"down": _norm(tensors, down_norm), "up": _norm(tensors, up_norm)}


def _norm(tensors: Tensors, place: str) -> dict[str, np.ndarray]:
    names = {"scale": "weight", "shift": "bias", "mean": "running_mean", "variance": "running_var"}
    return {
        ours: np.asarray(tensors[f"{place}.{theirs}"], np.float32)
        for ours, theirs in names.items()
        if place and f"{place}.{theirs}" in tensors
    }


def _layers(tensors: Tensors, name: str) -> list[_Layer]:
    """From the outside in. The nested Sequential holds: outermost [down, inside, relu, up, tanh]; between [relu, down,
    norm, inside, relu, up, norm]; innermost [relu, down, relu, up, norm]."""
    layers = []
    place = "model.model"
    try:
        layers.append(_Layer(tensors, f"{place}.0", f"{place}.3", "", ""))
        place += ".1.model"
        while any(key.startswith(f"{place}.3.model.") for key in tensors):
            layers.append(_Layer(tensors, f"{place}.1", f"{place}.5", f"{place}.2", f"{place}.6"))
            place += ".3.model"
        layers.append(_Layer(tensors, f"{place}.1", f"{place}.3", "", f"{place}.4"))
    except KeyError as error:
        kernels = [value for value in tensors.values() if np.ndim(value) == 4]
        resnet = "model.1.weight" in tensors
        if not resnet and kernels and kernels[-1].shape[0] == 1 < kernels[0].shape[1]:
            raise CheckpointError(
                f"{name!r} is a discriminator, which judges photos and paints none: take the generator's file beside "
                "it, such as latest_net_G.pth"
            ) from None
        found = "a ResNet generator" if resnet else f"not a U-Net generator (it lacks {error.args[0]})"
        raise CheckpointError(
            f"{name!r} is {found} of pytorch-CycleGAN-and-pix2pix: choose one of --netG unet_256 or unet_128"
        ) from None
    return layers


def _generator(layers: list[_Layer], config: GanModelConfig, fixed: bool) -> Arrays:
    weights: Arrays = {name: {} for name in ("downs", "ups", "down_norms", "up_norms")}
    for i, layer in enumerate(layers):
        down = {"kernel": layer.down.transpose(0, 2, 3, 1), "bias": layer.down_bias}
        up = {"kernel": layer.up.transpose(0, 2, 3, 1), "bias": layer.up_bias}
        if i == 0 and config.input_channels == 1:
            down["kernel"] = -down["kernel"]  # our ink is +1, theirs -1
        down_norm, up_norm = layer.norms["down"], layer.norms["up"]
        weights["downs"][i] = _with_averages(down, down_norm, axis=0) if fixed else down
        up = _with_averages(up, up_norm, axis=3) if fixed else up
        if i == 0:
            weights["last"] = up
            continue
        weights["ups"][i - 1] = up
        if not fixed:
            weights["up_norms"][i - 1] = _scale_and_shift(up_norm, layer.up.shape[1])
            if i < len(layers) - 1:
                weights["down_norms"][i - 1] = _scale_and_shift(down_norm, layer.down.shape[0])
    given = {name: part for name, part in weights.items() if part}
    return jax.tree.map(lambda x: np.ascontiguousarray(x, np.float32), given)


def _scale_and_shift(norm: dict[str, np.ndarray], channels: int) -> Arrays:
    """PyTorch's instance norm has neither."""
    scale, shift = np.ones(channels, np.float32), np.zeros(channels, np.float32)
    return {"scale": norm.get("scale", scale), "shift": norm.get("shift", shift)}


def _with_averages(conv: dict[str, np.ndarray], norm: dict[str, np.ndarray], axis: int) -> dict[str, np.ndarray]:
    """A convolution and batch norm on running averages as one convolution (Ioffe & Szegedy 2015, section 3.1)."""
    if not norm:
        return conv
    rate = norm.get("scale", np.float32(1)) / np.sqrt(norm["variance"] + EPSILON)
    bias = (conv["bias"] - norm["mean"]) * rate + norm.get("shift", np.float32(0))
    return {"kernel": conv["kernel"] * np.expand_dims(rate, [i for i in range(4) if i != axis]), "bias": bias}
