"""Trained networks as functions of their weights, the weights laid out for the machine at hand.

One form for all who only look: Studio, its export, and evaluation.
"""

from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from sketch2photo.config import ClassifierModelConfig, GanModelConfig
from sketch2photo.errors import CheckpointError
from sketch2photo.kernels import inference
from sketch2photo.kernels.conv import resize_kernel
from sketch2photo.models import layers
from sketch2photo.models.layers import Arrays, Conv
from sketch2photo.models.unet import UNet
from sketch2photo.models.vgg import VGG16


def painter(
    config: GanModelConfig, n_categories: int, weights: Arrays, platform: str, *, cutout: bool = False
) -> tuple[Callable[[Arrays, jax.Array, jax.Array, jax.Array], jax.Array], Arrays]:
    """(weights, sketch uint8 (n, s, s, c), label int32 (n,), colour uint8 (n, 3), hints uint8 (n, s, s, 4) or None) ->
    photo uint8 (n, s, s, 3), and the weights it takes. Arguments and errors as of `generator`. With
    `cutout` RGBA, (n, s, s, 4), of a model that paints coverage."""
    to_bytes = layers.to_cutout if cutout else layers.to_photo
    generate, weights = generator(config, n_categories, weights, platform)

    def paint(
        weights: Arrays, sketch: jax.Array, label: jax.Array, colour: jax.Array, hints: jax.Array | None = None
    ) -> jax.Array:
        style = layers.style_vector(config, n_categories, label, colour)
        given = None if hints is None else layers.hints_to_model(hints)
        return to_bytes(generate(weights, layers.to_model(sketch), style, given))

    return paint, weights


def generator(
    config: GanModelConfig, n_categories: int, weights: Arrays, platform: str
) -> tuple[Callable[..., Float[Array, "n s s o"]], Arrays]:
    """The generator as (packed weights, *arguments of `UNet.__call__`), and its packed weights.

    Args:
      weights: as they were trained; numpy or jax arrays. Raises `CheckpointError` if they are of another config.
      platform: what the function will run on, as `jax.default_backend` names it: on "cpu" the convolutions' kernels
        are packed (`kernels.inference`), elsewhere they stay.
    """
    network = nnx.eval_shape(lambda: UNet(config, n_categories, rngs=None))
    _check_weights("generator", weights, nnx.split(network)[1])
    if platform == "cpu":
        weights = _packed(network, weights, config.image_size)
    structure, _ = nnx.split(network)
    return lambda weights, *given: layers.with_weights(structure, weights)(*given), weights


def classifier(
    config: ClassifierModelConfig, n_categories: int, weights: Arrays, *, apart: bool = False
) -> tuple[Callable[[Arrays, jax.Array], jax.Array], Arrays]:
    """(weights, sketch uint8 (n, s, s, 1)) -> logits float32 (n, k + 1), the last "none of these"; and the weights.
    With `apart` the other categories' logits one by one. Raises `CheckpointError`: weights of another config."""
    structure, state = nnx.split(nnx.eval_shape(lambda: VGG16(config, n_categories + 1, rngs=None)))
    _check_weights("classifier", weights, state)

    def classify(weights: Arrays, sketch: jax.Array) -> jax.Array:
        return layers.with_weights(structure, weights)(layers.to_model(jnp.asarray(sketch)), apart=apart)

    return classify, weights


def _check_weights(network: str, weights: Arrays, state: nnx.State) -> None:
    """`CheckpointError` when the weights are not those of a network of this config."""
    expected, received = (
        {name: value.shape for name, value in layers.by_place(tree).items()}
        for tree in (nnx.to_pure_dict(state), weights)
    )
    for name in sorted({*expected, *received}):
        if expected.get(name) != received.get(name):
            raise CheckpointError(
                f"the {network}'s weights do not fit its config ({name} is {received.get(name, 'missing')}, "
                f"expected {expected.get(name, 'nothing')}): release or download the model again"
            )


def _packed(network: UNet, weights: Arrays, image_size: int) -> Arrays:
    """The weights laid out for a CPU (`kernels.inference`); the network, an abstract one, is told to take them so."""
    convolutions: list[tuple[Conv, Literal["down", "up"], int, Arrays]] = [
        *((conv, "down", image_size >> (i + 1), weights["downs"][i]) for i, conv in enumerate(network.downs)),
        *((conv, "up", image_size >> (i + 2), weights["ups"][i]) for i, conv in enumerate(network.ups)),
        (network.last, "up", image_size >> 1, weights["last"]),
    ]
    given: list[Any] = []
    forms: list[inference.Form] = []
    for conv, kind, small_side, layer in convolutions:
        kernel = resize_kernel(jnp.asarray(layer["kernel"])) if conv.kind == "resize" else layer["kernel"]
        conv.form = inference.choose(kind, kernel, small_side)
        given.append(kernel)
        forms.append(conv.form)
    # One program for all of them: each takes some time to trace and to find in the cache.
    kernels = jax.jit(lambda kernels: [inference.pack(k, form) for k, form in zip(kernels, forms, strict=True)])(given)
    done = [{**layer, "kernel": kernel} for (*_, layer), kernel in zip(convolutions, kernels, strict=True)]
    return {
        **weights,
        "downs": dict(enumerate(done[: len(network.downs)])),
        "ups": dict(enumerate(done[len(network.downs) : -1])),
        "last": done[-1],
    }
