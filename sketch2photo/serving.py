"""The networks of a released model as functions of their weights, the weights laid out for the machine at hand."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from sketch2photo import released
from sketch2photo.config import GanModelConfig
from sketch2photo.errors import CheckpointError
from sketch2photo.models import layers, unet
from sketch2photo.models.vgg import VGG16

Weights = Any
"""A nested dict of arrays."""


def generator(
    config: GanModelConfig, n_categories: int, weights: Weights, platform: str
) -> tuple[Callable[[Weights, Float[Array, "n s s c"], jax.Array | None], Float[Array, "n s s 3"]], Weights]:
    """The generator as (packed weights, sketch, style) -> photos in [-1, 1], and its packed weights.

    Args:
      weights: as they were trained; numpy or jax arrays.
      platform: what the function will run on, as `jax.default_backend` names it: on "cpu" the convolutions' kernels
        are packed (`packed`), elsewhere they stay.

    Raises:
      CheckpointError: the weights are not those of this config.
    """
    network = nnx.eval_shape(lambda: unet.UNet(config, n_categories, rngs=None))
    _check_weights("generator", weights, nnx.split(network)[1])
    if platform == "cpu":
        weights = unet.pack(network, weights, config.image_size)
    structure, _ = nnx.split(network)
    return lambda weights, sketch, style: nnx.merge(structure, _state(weights))(sketch, style), weights


def painter(model: released.ReleasedModel, platform: str) -> tuple[Callable[..., Any], Weights]:
    """(weights, sketch uint8 (n, s, s, c), label int32 (n,), colour uint8 (n, 3)) -> photo uint8 (n, s, s, 3), and
    the weights it takes. Raises as `generator`."""
    count = len(model.categories)
    generate, weights = generator(model.gan, count, model.generator, platform)

    def paint(weights: Weights, sketch: jax.Array, label: jax.Array, colour: jax.Array) -> jax.Array:
        style = layers.style_vector(model.gan, count, label, colour)
        return layers.to_photo(generate(weights, layers.to_model(sketch), style))

    return paint, weights


def namer(model: released.ReleasedModel) -> tuple[Callable[..., Any], Weights]:
    """(weights, sketch uint8 (n, s, s, 1)) -> logits float32 (n, k + 1), the last "none of these"; and the weights.

    Raises:
      CheckpointError: the weights are not those of the model's config.
    """
    config = model.classifier_config
    assert config is not None and model.classifier is not None
    classes = len(model.categories) + 1
    structure, state = nnx.split(nnx.eval_shape(lambda: VGG16(config, classes, rngs=None)))
    _check_weights("classifier", model.classifier, state)

    def name(weights: Weights, sketch: jax.Array) -> jax.Array:
        return nnx.merge(structure, _state(weights))(layers.to_model(jnp.asarray(sketch)))

    return name, model.classifier


def _check_weights(network: str, weights: Weights, state: nnx.State) -> None:
    """`CheckpointError` when the weights are not those of a network of this config."""

    def shapes(tree: Any) -> dict[str, tuple[int, ...]]:
        leaves = jax.tree.leaves_with_path(tree)
        return {"/".join(str(getattr(part, "key", part)) for part in path): value.shape for path, value in leaves}

    expected, received = shapes(nnx.to_pure_dict(state)), shapes(weights)
    for name in sorted({*expected, *received}):
        if expected.get(name) != received.get(name):
            raise CheckpointError(
                f"the {network}'s weights do not fit its config ({name} is {received.get(name, 'missing')}, "
                f"expected {expected.get(name, 'nothing')}): release or download the model again"
            )


def _state(weights: Weights) -> nnx.State:
    return nnx.State(jax.tree.map(lambda value: nnx.Param(value), weights))
