"""A model's generator as a function of batches as datasets hold them, without the page's framing."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from sketch2photo import checkpoints, release, released
from sketch2photo.evaluation.run import Paint
from sketch2photo.models import layers
from sketch2photo.models.unet import UNet


def open_model(path: Path) -> released.ReleasedModel:
    """A released model; or a run of train.py gan as it would be released now, without a classifier.

    Raises:
      CheckpointError: neither, or a broken one.
    """
    return release.assemble(path, None, False)[0] if checkpoints.is_run(path) else released.read(path)


def painter(model: released.ReleasedModel, categories: tuple[str, ...]) -> Paint:
    """The generator told labels into `categories`, which may be in another order than the model's own."""
    count = len(model.categories)
    network, _ = nnx.split(nnx.eval_shape(lambda: UNet(model.gan, count, rngs=nnx.Rngs(0))))
    # A model that is not told the category takes any label.
    own = [model.categories.index(name) if name in model.categories else 0 for name in categories]
    places = np.array(own, np.int32)

    @jax.jit
    def generate(weights: Any, sketch: jax.Array, label: jax.Array, colour: jax.Array) -> jax.Array:
        state = nnx.State(jax.tree.map(lambda value: nnx.Param(value), weights))
        style = layers.style_vector(model.gan, count, label, colour)
        return layers.to_photo(nnx.merge(network, state)(layers.to_model(jnp.asarray(sketch)), style))

    weights = jax.device_put(model.generator)
    return lambda sketch, label, colour: np.asarray(generate(weights, sketch, places[label], colour))
