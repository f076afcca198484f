"""VGG16, the classifier of sketches (Simonyan & Zisserman 2015, table 1, configuration D)."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax import lax
from jaxtyping import Array, Float

from sketch2photo.config import ClassifierModelConfig
from sketch2photo.kernels.conv import EPSILON, convolve, normalise
from sketch2photo.models.layers import Linear, Rngs, normal

BLOCKS = ((1, 1), (2, 2), (4, 4, 4), (8, 8, 8), (8, 8, 8))
"""Channels of the 13 convolutions as multiples of the first's; a block ends in a 2x2 maximum."""
STARTS = (0, 2, 4, 7, 10)  # the places of conv1_1, conv2_1, ... conv5_1, the first of each block
NAMES = tuple(f"{b}_{i}" for b, block in enumerate(BLOCKS, 1) for i in range(1, len(block) + 1))
"""The published names of the convolutions, conv1_1 ... conv5_3, without the conv."""


class Conv3x3(nnx.Module):
    """3x3 convolution, batch norm if asked, bias, ReLU. Zero padding.

    Batch norm is over the batch in training. The averages used otherwise are not gathered while training but
    measured on sketches as people draw them (`measured`): those of augmented ones, whose lines are blurred and
    broken, halved the accuracy. Winograd's tiles on a CPU (`kernels.conv`) make a training step 1.7 times as fast.
    """

    def __init__(self, inputs: int, outputs: int, *, batch_norm: bool, rngs: Rngs):
        deviation = (2 / (9 * inputs)) ** 0.5  # He et al. 2015, eq. 10
        self.kernel = nnx.Param(normal(rngs, (3, 3, inputs, outputs), deviation))
        self.bias = nnx.Param(jnp.zeros(outputs, jnp.float32))
        self.scale = nnx.Param(jnp.ones(outputs, jnp.float32)) if batch_norm else None
        self.mean = nnx.BatchStat(jnp.zeros(outputs, jnp.float32)) if batch_norm else None
        self.variance = nnx.BatchStat(jnp.ones(outputs, jnp.float32)) if batch_norm else None
        self.dtype = "float32"  # what it computes in (`layers.structure`)

    def __call__(self, x: Float[Array, "n h w c"], *, train: bool = False) -> Float[Array, "n h w o"]:
        kernel, bias = self.kernel[...], self.bias[...]
        if x.shape[-1] == 1:  # a grey picture: the same as repeating it, at a third of the work
            kernel = kernel.sum(2, keepdims=True)
        y = _convolve(x.astype(self.dtype), kernel.astype(self.dtype)).astype(jnp.float32)
        if self.scale is None or self.mean is None or self.variance is None:
            y = y + bias
        elif not train:
            rate = self.scale[...] * lax.rsqrt(self.variance[...] + EPSILON)
            y = y * rate + (bias - self.mean[...] * rate)
        else:
            normal, _, _ = normalise(y.reshape(1, -1, y.shape[-1]), self.scale[...][None], bias[None])
            y = normal.reshape(y.shape)
        return jax.nn.relu(y).astype(self.dtype)


def _convolve(x: jax.Array, kernel: jax.Array) -> jax.Array:
    return convolve(x, kernel.transpose(0, 1, 3, 2), 1)


class VGG16(nnx.Module):
    """Names what is drawn: the 13 convolutions as published, global average pooling, dropout, a linear layer.

    At width 64 the convolutions have 14,714,688 parameters and ImageNet weights fit (`convert.read_vgg`). Trained
    from nothing, VGG16 stalls without batch norm (Ioffe & Szegedy 2015, algorithm 1), so it is there while
    training; `fold` takes it into the convolutions afterwards, and what is served is VGG16 as published.
    """

    def __init__(self, config: ClassifierModelConfig, n_classes: int, *, rngs: Rngs):
        widths = [config.width * multiple for block in BLOCKS for multiple in block]
        batch_norm = config.norm == "batch"
        self.dropout = config.dropout
        self.convs = nnx.List(
            Conv3x3(inputs, outputs, batch_norm=batch_norm, rngs=rngs)
            for inputs, outputs in zip([3, *widths[:-1]], widths, strict=True)
        )
        self._known = n_classes - 1
        self.head = Linear(widths[-1], self._known + config.others, deviation=0.01, rngs=rngs)

    def __call__(
        self, sketch: Float[Array, "n s s 1"], *, train: bool = False, key: jax.Array | None = None, apart: bool = False
    ) -> Float[Array, "n k"]:
        """Logits, the last of "none of these": the logarithm of the sum of the other categories' powers.

        Args:
          sketch: as `layers.to_model` gives it, ink +1, paper -1; all three input channels see it.
          apart: every output as it is, the other categories' one by one.
          train: batch norm over the batch; under `jit` over many devices over the global one.
          key: of dropout; None leaves it out.
        """
        x = sketch + 1.0  # paper 0: the padding of every convolution is then paper too
        for i, conv in enumerate(self.convs):
            x = conv(halve(x) if i in STARTS[1:] else x, train=train)
        x = halve(x).astype(jnp.float32).mean((1, 2))
        if key is not None and self.dropout:
            kept = jax.random.bernoulli(key, 1 - self.dropout, x.shape)
            x = jnp.where(kept, x / (1 - self.dropout), 0.0)
        outputs = self.head(x)
        if apart or outputs.shape[-1] == self._known + 1:
            return outputs
        none = jax.nn.logsumexp(outputs[:, self._known :], -1, keepdims=True)
        return jnp.concatenate([outputs[:, : self._known], none], -1)


def halve(x: jax.Array) -> jax.Array:
    """2x2 maximum; over reshaped axes, because the gradient of a windowed maximum is slow on a CPU."""
    n, h, w, c = x.shape
    return x.reshape(n, h // 2, 2, w // 2, 2, c).max((2, 4))


COMPARED = STARTS[:4]  # the convolutions whose maps `maps` gives


def maps(weights: dict[str, Any], photo: Float[Array, "n s s 3"]) -> list[Float[Array, "n h w f"]]:
    """What a VGG16 without batch norm sees in photos in [-1, 1] (white is no ink): relu1_1, 2_1, 3_1 and 4_1."""
    x, found = 1.0 - photo, []
    for i in range(COMPARED[-1] + 1):
        conv = weights["convs"][i]
        x = halve(x) if i in COMPARED[1:] else x
        x = jax.nn.relu(_convolve(x, conv["kernel"]) + conv["bias"])
        if i in COMPARED:
            found.append(x)
    return found


def fold(weights: dict[str, Any]) -> dict[str, Any]:
    """The weights of a VGG16 with batch norm as those of one without that gives the same logits. `weights`: a nested
    dict, `nnx.to_pure_dict` of the model's state; numpy or jax arrays."""
    convs = {}
    for i, conv in weights["convs"].items():
        if "scale" in conv:
            rate = conv["scale"] / (conv["variance"] + EPSILON) ** 0.5
            conv = {"kernel": conv["kernel"] * rate, "bias": conv["bias"] - conv["mean"] * rate}
        convs[i] = conv
    return {**weights, "convs": convs}


def unfold(weights: dict[str, Any], sketch: Float[Array, "n s s 1"]) -> dict[str, Any]:
    """The weights (as `fold` takes them) of a VGG16 without batch norm as those of one with it, to train on from there.

    The averages are those of these sketches, a hundred or more of all categories, as `VGG16` takes them; scale and bias
    undo them: the logits stay the same.
    """

    def add_norm(conv: dict[str, Any], mean: jax.Array, variance: jax.Array) -> dict[str, Any]:
        scale = jnp.sqrt(variance + EPSILON)
        return {**conv, "bias": conv["bias"] + mean, "scale": scale, "mean": mean, "variance": variance}

    return _layer_by_layer(weights, sketch, add_norm)


def measured(weights: dict[str, Any], sketch: Float[Array, "n s s 1"]) -> dict[str, Any]:
    """The weights of a VGG16 with batch norm, its averages being those of these sketches; arguments as of `unfold`."""
    return _layer_by_layer(weights, sketch, lambda conv, mean, variance: {**conv, "mean": mean, "variance": variance})


def _layer_by_layer(
    weights: dict[str, Any], sketch: jax.Array, change: Callable[[dict[str, Any], jax.Array, jax.Array], dict[str, Any]]
) -> dict[str, Any]:
    """Each convolution with batch norm as `change` makes it of its mean and variance, those before it changed."""
    given = {int(i): conv for i, conv in weights["convs"].items()}
    convs: dict[int, dict[str, Any]] = {}
    x = sketch + 1.0
    for i in range(len(given)):
        x = halve(x) if i in STARTS[1:] else x
        kernel = jnp.asarray(given[i]["kernel"])
        y = _convolve(x, kernel.sum(2, keepdims=True) if x.shape[-1] == 1 else kernel)
        conv = convs[i] = change(given[i], y.mean((0, 1, 2)), y.var((0, 1, 2)))
        rate = conv["scale"] * lax.rsqrt(conv["variance"] + EPSILON)
        x = jax.nn.relu((y - conv["mean"]) * rate + conv["bias"])
    return {**weights, "convs": convs}
