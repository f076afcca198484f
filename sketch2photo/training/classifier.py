"""One step of the classifier: pure, jit-compiled, its randomness a function of the step's number."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jaxtyping import Array, Float

from sketch2photo import losses
from sketch2photo.config import ClassifierConfig
from sketch2photo.models import layers
from sketch2photo.models.vgg import VGG16
from sketch2photo.training.augment import elastic_warp, rectangles
from sketch2photo.training.state import Arrays, ClassifierState

Batch = dict[str, jax.Array]
Metrics = dict[str, jax.Array]

_WARM_UP = 0.05
_LAST_RATE = 0.01
_LARGEST_GRADIENT = 1.0


class ClassifierNetwork:
    """VGG16 as pure functions of its weights, for one config and number of categories; the class after the last
    category is "none of these"."""

    def __init__(self, config: ClassifierConfig, n_categories: int):
        self.config = config
        self.n_classes = n_categories + 1
        model = nnx.eval_shape(lambda: VGG16(config.model, self.n_classes, rngs=nnx.Rngs(0)))
        self._graph, self._abstract = nnx.split(model)

    def init(self, key: jax.Array) -> Arrays:
        """Fresh weights, batch norm's averages among them."""
        return nnx.to_pure_dict(nnx.state(VGG16(self.config.model, self.n_classes, rngs=nnx.Rngs(params=key))))

    def logits(self, weights: Arrays, sketch: Float[Array, "n s s 1"]) -> Float[Array, "n k"]:
        """Of sketches as `layers.to_model` gives them."""
        return self._merge(weights)(sketch)

    def train_logits(
        self, weights: Arrays, sketch: Float[Array, "n s s 1"], key: jax.Array
    ) -> tuple[Float[Array, "n k"], Arrays]:
        """Logits with batch norm over the batch and dropout, and the weights with batch norm's averages moved on."""
        model = self._merge(weights)
        logits = model(sketch, train=True, key=key)
        return logits, nnx.to_pure_dict(nnx.state(model))

    def _merge(self, weights: Arrays) -> VGG16:
        state = jax.tree.map(lambda x: x, self._abstract)  # its variables are replaced below: take a copy
        nnx.replace_by_pure_dict(state, weights)
        return nnx.merge(self._graph, state, copy=True)


def is_average(path: tuple[Any, ...]) -> bool:
    """Whether a leaf of the weights is one of batch norm's moving averages, which no optimiser touches."""
    return getattr(path[-1], "key", None) in ("mean", "variance")


def optimiser(config: ClassifierConfig) -> optax.GradientTransformation:
    """AdamW (Loshchilov & Hutter 2019) on clipped gradients; weight decay on kernels alone."""
    rate = optax.warmup_cosine_decay_schedule(
        init_value=0.0,
        peak_value=config.learning_rate,
        warmup_steps=max(1, round(_WARM_UP * config.steps)),
        decay_steps=max(2, config.steps),
        end_value=_LAST_RATE * config.learning_rate,
    )

    def kernels(weights: Arrays) -> Any:
        return jax.tree.map_with_path(lambda path, _: getattr(path[-1], "key", None) == "kernel", weights)

    return optax.chain(
        optax.clip_by_global_norm(_LARGEST_GRADIENT),
        optax.adamw(rate, b2=0.99, weight_decay=config.weight_decay, mask=kernels),
    )


def initial_state(network: ClassifierNetwork, key: jax.Array) -> ClassifierState:
    """Fresh weights, optimiser at rest. Jit it: the arrays are then nobody else's and may be donated."""
    params = network.init(jax.random.fold_in(key, 2**31 - 1))
    return ClassifierState(
        step=jnp.zeros((), jnp.int32), params=params, optimiser=optimiser(network.config).init(params), key=key
    )


def make_step(network: ClassifierNetwork) -> Callable[[ClassifierState, Batch], tuple[ClassifierState, Metrics]]:
    """`step(state, batch) -> (state, metrics)`, to be jitted with the state donated."""
    config = network.config
    of_params = optimiser(config)

    def step(state: ClassifierState, batch: Batch) -> tuple[ClassifierState, Metrics]:
        augment_key, dropout_key = jax.random.split(jax.random.fold_in(state.key, state.step))
        sketch = augment_sketch(augment_key, layers.to_model(batch["sketch"]))
        label = batch["label"]

        def objective(params: Arrays) -> tuple[jax.Array, tuple[jax.Array, Arrays]]:
            logits, moved = network.train_logits(params, sketch, dropout_key)
            return losses.cross_entropy(logits, label, config.label_smoothing), (logits, moved)

        (loss, (logits, moved)), gradient = jax.value_and_grad(objective, has_aux=True)(state.params)
        updates, optimiser_state = of_params.update(gradient, state.optimiser, state.params)
        params = jax.tree.map_with_path(
            lambda path, value, average: average if is_average(path) else value,
            optax.apply_updates(state.params, updates),
            moved,
        )
        metrics = {"loss_cross_entropy": loss, "accuracy": (logits.argmax(-1) == label).mean()}
        return dataclasses.replace(state, step=state.step + 1, params=params, optimiser=optimiser_state), metrics

    return step


# ---------------------------------------------------------------- augmentation

TURN, STRETCH, SHEAR, SHIFT, WARP, ERASE = 0.25, 0.22, 0.15, 0.08, 0.02, 0.4
"""Largest turn in radians, stretch as a logarithm, shear, shift and elastic displacement as shares of the side; and
the chance of a rubbed-out rectangle."""


def augment_sketch(key: jax.Array, sketch: Float[Array, "n s s 1"]) -> Float[Array, "n s s 1"]:
    """Every sketch mirrored or not, turned, stretched, sheared, shifted, warped and rubbed out in a place.

    Args:
      sketch: as `layers.to_model` gives it; paper comes in from outside.
    """
    place_key, warp_key, erase_key = jax.random.split(key, 3)
    ink = _place(place_key, sketch + 1.0)
    ink = elastic_warp(warp_key, ink, WARP)
    return _erase(erase_key, ink) - 1.0


def _place(key: jax.Array, ink: jax.Array) -> jax.Array:
    """A random affine map of every picture, zero outside."""
    n, size = ink.shape[:2]
    turn_key, stretch_key, shear_key, shift_key, mirror_key = jax.random.split(key, 5)
    turn = jax.random.uniform(turn_key, (n,), minval=-TURN, maxval=TURN)
    stretch = jnp.exp(jax.random.uniform(stretch_key, (n, 2), minval=-STRETCH, maxval=STRETCH))
    shear = jax.random.uniform(shear_key, (n,), minval=-SHEAR, maxval=SHEAR)
    shift = jax.random.uniform(shift_key, (n, 2), minval=-SHIFT, maxval=SHIFT) * size
    mirror = jnp.where(jax.random.bernoulli(mirror_key, 0.5, (n,)), -1.0, 1.0)
    at = jnp.arange(size, dtype=jnp.float32) - (size - 1) / 2
    cosine, sine = jnp.cos(turn)[:, None, None], jnp.sin(turn)[:, None, None]
    x, y = (at * stretch[:, :1])[:, None, :], (at * stretch[:, 1:])[:, :, None]
    columns = (cosine * x - sine * y + shear[:, None, None] * y) * mirror[:, None, None] + shift[:, :1, None]
    rows = sine * x + cosine * y + shift[:, 1:, None]
    middle = (size - 1) / 2
    sample: Any = jax.scipy.ndimage.map_coordinates
    moved = jax.vmap(lambda picture, where: sample(picture, list(where), 1))(
        ink[..., 0], jnp.stack([rows + middle, columns + middle], 1)
    )
    return moved[..., None]


def _erase(key: jax.Array, ink: jax.Array) -> jax.Array:
    """Rub out one rectangle of 10 to 45% a side in some of the pictures."""
    n, size = ink.shape[:2]
    chosen, place, extent = jax.random.split(key, 3)
    inside = rectangles(
        jax.random.uniform(place, (n, 2)), jax.random.uniform(extent, (n, 2), minval=0.1, maxval=0.45), size
    )
    hit = jax.random.bernoulli(chosen, ERASE, (n,))[:, None, None] & inside
    return jnp.where(hit[..., None], 0.0, ink)
