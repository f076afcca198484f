"""One step of the GAN: pure, jit-compiled, its randomness a function of the step's number."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jaxtyping import Array, Float, Int, UInt8

from sketch2photo import losses
from sketch2photo.config import GanConfig, GanOptimiserConfig
from sketch2photo.models import layers, perceptual
from sketch2photo.models.patchgan import PatchGAN
from sketch2photo.models.unet import UNet
from sketch2photo.training.augment import augment_pair, diffaugment
from sketch2photo.training.state import Arrays, GanState

Batch = dict[str, jax.Array]
Metrics = dict[str, jax.Array]


class GanNetworks:
    """Generator and discriminator as pure functions of their weights, for one config and number of categories."""

    def __init__(self, config: GanConfig, n_categories: int):
        self.config = config
        self.n_categories = n_categories
        model = config.model
        self._generator, _ = nnx.split(nnx.eval_shape(lambda: UNet(model, n_categories, rngs=nnx.Rngs(0))))
        self._discriminator, _ = nnx.split(nnx.eval_shape(lambda: PatchGAN(model, n_categories, rngs=nnx.Rngs(0))))

    def init(self, key: jax.Array) -> tuple[Arrays, Arrays]:
        """Fresh weights of both."""
        of_generator, of_discriminator = jax.random.split(key)
        model = self.config.model
        generator = UNet(model, self.n_categories, rngs=nnx.Rngs(params=of_generator))
        discriminator = PatchGAN(model, self.n_categories, rngs=nnx.Rngs(params=of_discriminator))
        return nnx.to_pure_dict(nnx.state(generator)), nnx.to_pure_dict(nnx.state(discriminator))

    def style(self, label: Int[Array, " n"], colour: UInt8[Array, "n 3"]) -> jax.Array | None:
        return layers.style_vector(self.config.model, self.n_categories, label, colour)

    def generate(
        self, weights: Arrays, sketch: Float[Array, "n s s c"], style: jax.Array | None, **options: Any
    ) -> Float[Array, "n s s 3"]:
        return nnx.merge(self._generator, _state(weights), copy=True)(sketch, style, **options)

    def judge(
        self, weights: Arrays, sketch: Float[Array, "n s s c"], photo: Float[Array, "n s s 3"], style: jax.Array | None
    ) -> tuple[jax.Array, list[jax.Array]]:
        return nnx.merge(self._discriminator, _state(weights), copy=True)(sketch, photo, style)


def _state(weights: Arrays) -> nnx.State:
    return nnx.State(jax.tree.map(lambda x: nnx.Param(x), weights))


def optimisers(config: GanConfig) -> tuple[optax.GradientTransformation, optax.GradientTransformation]:
    """Adam for generator and discriminator (pix2pix, section 3.3: beta1 0.5)."""
    o = config.optimiser
    return (
        optax.adam(_schedule(o, o.generator_rate, config.steps), b1=o.beta1, b2=o.beta2),
        optax.adam(_schedule(o, o.discriminator_rate, config.steps), b1=o.beta1, b2=o.beta2),
    )


def _schedule(o: GanOptimiserConfig, rate: float, steps: int) -> optax.Schedule:
    if o.decay_from >= 1:
        return optax.constant_schedule(rate)
    start = int(o.decay_from * steps)
    return optax.linear_schedule(rate, rate / 10, steps - start, transition_begin=start)


def initial_state(networks: GanNetworks, key: jax.Array) -> GanState:
    """Fresh weights, optimisers at rest. Jit it: the arrays are then nobody else's and may be donated."""
    generator, discriminator = networks.init(jax.random.fold_in(key, 2**31 - 1))
    of_generator, of_discriminator = optimisers(networks.config)
    return GanState(
        step=jnp.zeros((), jnp.int32),
        generator=generator,
        discriminator=discriminator,
        generator_optimiser=of_generator.init(generator),
        discriminator_optimiser=of_discriminator.init(discriminator),
        ema=jax.tree.map(jnp.copy, generator) if networks.config.optimiser.ema else None,
        key=key,
    )


def make_step(
    networks: GanNetworks, features: perceptual.Weights | None = None
) -> Callable[[GanState, Batch], tuple[GanState, Metrics]]:
    """`step(state, batch) -> (state, metrics)`, to be jitted with the state donated.

    Each network runs once: both losses are taken from the same pass of the discriminator, as pix2pix's own Torch
    code (it keeps the discriminator's output for the generator's turn) and pix2pixHD do. That saves a quarter
    of the discriminator's work.

    Args:
      features: the perceptual network's weights (`models.perceptual.load`); None leaves the term out.
    """
    config = networks.config
    of_generator, of_discriminator = optimisers(config)

    def step(state: GanState, batch: Batch) -> tuple[GanState, Metrics]:
        augment_key, dropout_key, diffaugment_key = jax.random.split(jax.random.fold_in(state.key, state.step), 3)
        sketch, photo = layers.to_model(batch["sketch"]), layers.to_model(batch["photo"])
        sketch, photo = augment_pair(config.augment, augment_key, sketch, photo)
        style = networks.style(batch["label"], batch["colour"])

        def generate(weights: Arrays) -> jax.Array:
            return networks.generate(weights, sketch, style, train=True, key=dropout_key)

        def judge(weights: Arrays, fake: jax.Array) -> tuple[Any, Any]:
            real_pair, fake_pair = (jnp.concatenate([sketch, x], -1) for x in (photo, fake))
            if config.augment.diffaugment:
                real_pair, fake_pair = (diffaugment(diffaugment_key, pair) for pair in (real_pair, fake_pair))
            c = sketch.shape[-1]
            return (
                networks.judge(weights, real_pair[..., :c], real_pair[..., c:], style),
                networks.judge(weights, fake_pair[..., :c], fake_pair[..., c:], style),
            )

        fake, generator_pullback = jax.vjp(generate, state.generator)
        judged, judge_pullback = jax.vjp(judge, state.discriminator, fake)

        loss_d, from_d = jax.value_and_grad(lambda j: discriminator_objective(config, j))(judged)
        discriminator_gradient, _ = judge_pullback(from_d)

        (_, terms), (from_j, from_fake) = jax.value_and_grad(
            lambda j, f: generator_objective(config, j, f, photo, features), argnums=(0, 1), has_aux=True
        )(judged, fake)
        _, through_d = judge_pullback(from_j)
        (generator_gradient,) = generator_pullback(through_d + from_fake)

        generator, generator_optimiser = _update(
            of_generator, generator_gradient, state.generator_optimiser, state.generator
        )
        discriminator, discriminator_optimiser = _update(
            of_discriminator, discriminator_gradient, state.discriminator_optimiser, state.discriminator
        )
        (real_logits, _), (fake_logits, _) = judged
        metrics = {
            **terms,
            "loss_discriminator": loss_d,
            "logit_real": real_logits.mean(),
            "logit_fake": fake_logits.mean(),
        }
        return dataclasses.replace(
            state,
            step=state.step + 1,
            generator=generator,
            discriminator=discriminator,
            generator_optimiser=generator_optimiser,
            discriminator_optimiser=discriminator_optimiser,
            ema=_average(config.optimiser.ema, state.step, state.ema, generator),
        ), metrics

    return step


def discriminator_objective(config: GanConfig, judged: Any) -> jax.Array:
    """The discriminator's loss from ((real logits, features), (fake logits, features))."""
    (real, _), (fake, _) = judged
    return losses.discriminator_loss(config.loss.adversarial, real, fake)


def generator_objective(
    config: GanConfig, judged: Any, fake: jax.Array, photo: jax.Array, features: perceptual.Weights | None
) -> tuple[jax.Array, Metrics]:
    """The generator's loss and its terms by name, unweighted."""
    weights = config.loss
    (_, real_maps), (logits, fake_maps) = judged
    terms = {
        "loss_adversarial": losses.generator_loss(weights.adversarial, logits),
        "loss_l1": losses.l1(fake, photo),
    }
    total = terms["loss_adversarial"] + weights.l1 * terms["loss_l1"]
    if weights.feature_matching:
        terms["loss_feature_matching"] = losses.feature_matching(fake_maps, real_maps)
        total = total + weights.feature_matching * terms["loss_feature_matching"]
    if weights.perceptual and features is not None:
        terms["loss_perceptual"] = losses.perceptual(
            perceptual.features(features, fake), perceptual.features(features, photo)
        )
        total = total + weights.perceptual * terms["loss_perceptual"]
    return total, {**terms, "loss_generator": total}


def _update(
    optimiser: optax.GradientTransformation, gradient: Arrays, state: optax.OptState, weights: Arrays
) -> tuple[Arrays, optax.OptState]:
    updates, state = optimiser.update(gradient, state, weights)
    return optax.apply_updates(weights, updates), state


def _average(decay: float, step: jax.Array, ema: Arrays, weights: Arrays) -> Arrays:
    """The moving average with a warm-up: the first steps' weights are forgotten quickly."""
    if not decay:
        return None
    rate = 1.0 - jnp.minimum(decay, (1.0 + step) / (10.0 + step))
    return jax.tree.map(lambda old, new: old + rate * (new - old), ema, weights)
