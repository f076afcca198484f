"""One step of the classifier: pure, jit-compiled, its randomness a function of the step's number."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jaxtyping import Array, Float

from sketch2photo.config import ClassifierConfig
from sketch2photo.models import layers, losses, vgg
from sketch2photo.models.layers import Arrays
from sketch2photo.models.vgg import VGG16
from sketch2photo.training.augment import augment_sketch


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class ClassifierState:
    """Everything a classifier step reads and writes; as `GanState`."""

    weights: ClassVar[tuple[str, ...]] = ("params",)

    step: jax.Array
    params: Arrays
    optimiser: optax.OptState
    key: jax.Array


Batch = dict[str, jax.Array]
Metrics = dict[str, jax.Array]

_WARM_UP = 0.05
_LAST_RATE = 0.01


class ClassifierNetwork:
    """VGG16 as pure functions of its weights, for one config and number of categories; the class after the last
    category is "none of these". `near_kin`: classes of other categories, each with the category it is nearest to."""

    def __init__(self, config: ClassifierConfig, n_categories: int, near_kin: Sequence[tuple[int, int]] = ()):
        self.config = config
        self.near_kin = tuple(near_kin)
        self.n_classes = n_categories + 1
        self._new = partial(VGG16, config.model, self.n_classes)
        self._structure = layers.structure(self._new, config.precision)

    def init(self, key: jax.Array) -> Arrays:
        """Fresh weights, batch norm's averages among them."""
        return nnx.to_pure_dict(nnx.state(layers.initialised(self._new, key)))

    def logits(self, weights: Arrays, sketch: Float[Array, "n s s 1"]) -> Float[Array, "n k"]:
        """Of sketches as `layers.to_model` gives them."""
        return layers.with_weights(self._structure, weights)(sketch)

    def train_logits(self, weights: Arrays, sketch: Float[Array, "n s s 1"], key: jax.Array) -> Float[Array, "n o"]:
        """Logits with batch norm over the batch and dropout, the other categories' one by one."""
        return layers.with_weights(self._structure, weights)(sketch, train=True, key=key, apart=True)


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
        optax.clip_by_global_norm(config.clip) if config.clip else optax.identity(),
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

    def parts(logits: jax.Array, label: jax.Array) -> Metrics:
        """The loss is their sum. Near kin are also drawings of the category they are near to, where only the categories
        are told apart."""
        found = {"loss_cross_entropy": losses.cross_entropy(logits, label, config.label_smoothing)}
        if network.near_kin:
            kin, nearest = jnp.array(network.near_kin).T
            same = label[:, None] == kin
            categories = logits[:, : network.n_classes - 1]
            each = losses.cross_entropies(categories, (same * nearest).sum(-1), config.label_smoothing)
            found["loss_near_kin"] = jnp.where(same.any(-1), each, 0.0).mean()
        return found

    def step(state: ClassifierState, batch: Batch) -> tuple[ClassifierState, Metrics]:
        augment_key, dropout_key = jax.random.split(jax.random.fold_in(state.key, state.step))
        sketch = augment_sketch(augment_key, layers.to_model(batch["sketch"]))
        label = batch["label"]

        def objective(params: Arrays, frozen: int) -> tuple[jax.Array, tuple[jax.Array, Metrics]]:
            logits = network.train_logits(_held(params, frozen, jax.lax.stop_gradient), sketch, dropout_key)
            found = parts(logits, label)
            return sum(found.values(), jnp.zeros(())), (logits, found)

        gradients = jax.value_and_grad(objective, has_aux=True)
        of_all, of_head = (partial(gradients, frozen=blocks) for blocks in (config.frozen_blocks, len(vgg.BLOCKS)))
        if not config.head_only:
            (_, (logits, found)), gradient = of_all(state.params)
        else:
            warming = state.step < round(config.head_only * config.steps)
            (_, (logits, found)), gradient = jax.lax.cond(warming, of_head, of_all, state.params)
        updates, optimiser_state = of_params.update(gradient, state.optimiser, state.params)
        # Without a gradient there would still be weight decay.
        updates = _held(updates, config.frozen_blocks, jnp.zeros_like)
        if config.head_only:
            updates = _held(updates, len(vgg.BLOCKS), lambda update: jnp.where(warming, 0.0, update))
        # Batch norm's averages get no gradient and no decay: they stay until they are measured (`vgg.measured`).
        params = optax.apply_updates(state.params, updates)
        none = network.n_classes - 1  # and what lies behind it
        right = jnp.minimum(logits.argmax(-1), none) == jnp.minimum(label, none)
        state = dataclasses.replace(state, step=state.step + 1, params=params, optimiser=optimiser_state)
        return state, {**found, "accuracy": right.mean()}

    return step


def _held(weights: Arrays, blocks: int, hold: Callable[[jax.Array], jax.Array]) -> Arrays:
    """The tree with `hold` of every array of so many first blocks of VGG."""
    held = sum(len(block) for block in vgg.BLOCKS[:blocks])
    convs = {i: jax.tree.map(hold, conv) if int(i) < held else conv for i, conv in weights["convs"].items()}
    return {**weights, "convs": convs}
