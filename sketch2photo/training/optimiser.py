"""Adam for both networks of a GAN: rates over the steps, and the limit on gradients."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import optax

from sketch2photo.config import GanConfig, GanOptimiserConfig
from sketch2photo.ordering import all_after
from sketch2photo.training.state import Arrays


def optimisers(config: GanConfig) -> tuple[optax.GradientTransformation, optax.GradientTransformation]:
    """Adam for generator and discriminator (pix2pix, section 3.3: beta1 0.5)."""
    o = config.optimiser
    return (
        optax.adam(schedule(o, o.generator_rate, config.steps), b1=o.beta1, b2=o.beta2),
        optax.adam(schedule(o, o.discriminator_rate, config.steps), b1=o.beta1, b2=o.beta2),
    )


def schedule(o: GanOptimiserConfig, rate: float, steps: int) -> optax.Schedule:
    """The rate at each step: constant up to decay_from, then in a line or half a cosine down to decay_to of it."""
    if o.schedule == "constant":
        return optax.constant_schedule(rate)
    start = min(int(o.decay_from * steps), steps - 1)
    if o.schedule == "linear":
        return optax.linear_schedule(rate, rate * o.decay_to, steps - start, transition_begin=start)

    def cosine(step: jax.typing.ArrayLike) -> jax.Array:
        """Loshchilov & Hutter 2017, eq. 5, without restarts."""
        share = jnp.clip((jnp.asarray(step) - start) / (steps - start), 0.0, 1.0)
        return rate * (o.decay_to + (1.0 - o.decay_to) * 0.5 * (1.0 + jnp.cos(math.pi * share)))

    return cosine


def update(
    optimiser: optax.GradientTransformation,
    gradient: Arrays,
    state: optax.OptState,
    weights: Arrays,
    clip: float = 0.0,
) -> tuple[Arrays, optax.OptState]:
    """The weights one step on, and the optimiser's state.

    Args:
      clip: the gradient is shortened to this norm if longer (Pascanu et al. 2013, algorithm 1); 0 for no limit. It is
        no part of the optimiser, whose state is then the same with and without.
    """
    gradient = all_after(gradient, gradient)
    if clip:
        gradient, _ = optax.clip_by_global_norm(clip).update(gradient, optax.EmptyState())
    updates, state = optimiser.update(gradient, state, weights)
    weights = optax.apply_updates(weights, updates)
    return weights, _means_after(state, weights)


# Weights and means are donated, and XLA:CPU writes the new ones over the old ones only where it sees that nobody reads
# the old ones afterwards; else it copies them at the start of the step (221 MiB for pix2pix). So no weight is new
# before all gradients are known, each made with the weights of the layers behind it, and no mean before the weights,
# in whose fusion XLA computes it once more.


def _means_after(state: optax.OptState, weights: Arrays) -> optax.OptState:
    """The state as it is, Adam's means of gradients known only once the weights are."""

    def wait(part: Any) -> Any:
        if isinstance(part, optax.ScaleByAdamState):
            return part._replace(mu=all_after(part.mu, weights))
        return part

    return jax.tree.map(wait, state, is_leaf=lambda part: isinstance(part, optax.ScaleByAdamState))
