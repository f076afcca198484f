"""One step of the GAN: pure, jit-compiled, its randomness a function of the step's number."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jaxtyping import Array, Float, Int, UInt8

from sketch2photo import losses
from sketch2photo.config import GanConfig, GanOptimiserConfig
from sketch2photo.models import layers, perceptual
from sketch2photo.models.patchgan import PatchGAN
from sketch2photo.models.projected import ProjectedHeads
from sketch2photo.models.unet import UNet
from sketch2photo.training.augment import augment_pair, diffaugment
from sketch2photo.training.state import Arrays, GanState

Batch = dict[str, jax.Array]
Metrics = dict[str, jax.Array]


class Opinion(NamedTuple):
    """What the discriminators make of a photo."""

    logits: jax.Array
    """PatchGAN's, (n, p, p, 1)."""
    maps: list[jax.Array]
    """PatchGAN's layers, for feature matching."""
    heads: list[jax.Array]
    """The logits of the projected heads; [] without them."""
    features: list[jax.Array]
    """The perceptual network's maps; [] without one."""


_HEADS = "projected"
"""Where the heads' weights lie among the discriminator's."""


class GanNetworks:
    """Generator and discriminators as pure functions of their weights, for one config and number of categories.

    Args:
      features: the perceptual network's weights (`models.perceptual.load`); None leaves out what needs them.
    """

    def __init__(self, config: GanConfig, n_categories: int, features: perceptual.Weights | None = None):
        self.config = config
        self.n_categories = n_categories
        self.features = features
        model = config.model
        self._heads = None
        if config.loss.projected and features is not None:
            self._heads, _ = nnx.split(nnx.eval_shape(lambda: self._new_heads(nnx.Rngs(0))))
        self._generator, _ = nnx.split(nnx.eval_shape(lambda: UNet(model, n_categories, rngs=nnx.Rngs(0))))
        self._discriminator, _ = nnx.split(nnx.eval_shape(lambda: PatchGAN(model, n_categories, rngs=nnx.Rngs(0))))

    def init(self, key: jax.Array) -> tuple[Arrays, Arrays]:
        """Fresh weights of both."""
        of_generator, of_discriminator = jax.random.split(key)
        model = self.config.model
        generator = UNet(model, self.n_categories, rngs=nnx.Rngs(params=of_generator))
        discriminator = PatchGAN(model, self.n_categories, rngs=nnx.Rngs(params=of_discriminator))
        judges = nnx.to_pure_dict(nnx.state(discriminator))
        if self._heads is not None:
            heads = self._new_heads(nnx.Rngs(params=jax.random.fold_in(of_discriminator, 1)))
            judges = {**judges, _HEADS: nnx.to_pure_dict(nnx.state(heads))}
        return nnx.to_pure_dict(nnx.state(generator)), judges

    def _new_heads(self, rngs: nnx.Rngs) -> ProjectedHeads:
        assert self.features is not None
        model = self.config.model
        styles = layers.style_size(model, self.n_categories)
        # The first map is nearly the pixels, which are PatchGAN's.
        return ProjectedHeads(perceptual.widths(self.features)[1:], model.input_channels, styles, rngs=rngs)

    def style(self, label: Int[Array, " n"], colour: UInt8[Array, "n 3"]) -> jax.Array | None:
        return layers.style_vector(self.config.model, self.n_categories, label, colour)

    def generate(
        self, weights: Arrays, sketch: Float[Array, "n s s c"], style: jax.Array | None, **options: Any
    ) -> Float[Array, "n s s 3"]:
        return nnx.merge(self._generator, _state(weights), copy=True)(sketch, style, **options)

    def judge(
        self, weights: Arrays, sketch: Float[Array, "n s s c"], photo: Float[Array, "n s s 3"], style: jax.Array | None
    ) -> tuple[jax.Array, list[jax.Array]]:
        own = {name: value for name, value in weights.items() if name != _HEADS}
        return nnx.merge(self._discriminator, _state(own), copy=True)(sketch, photo, style)

    def judge_both(
        self,
        weights: Arrays,
        sketch: Float[Array, "n s s c"],
        photo: Float[Array, "n s s 3"],
        fake: Float[Array, "n s s 3"],
        style: jax.Array | None,
    ) -> tuple[Opinion, Opinion]:
        """On the true and on the generated photo."""
        loss = self.config.loss
        real_maps: list[jax.Array] = []
        fake_maps: list[jax.Array] = []
        real_heads: list[jax.Array] = []
        fake_heads: list[jax.Array] = []
        if self.features is not None and (loss.perceptual or loss.projected):
            real_maps, fake_maps = (perceptual.features(self.features, x) for x in (photo, fake))
        if self._heads is not None:
            heads = nnx.merge(self._heads, _state(weights[_HEADS]), copy=True)
            # ImageNet maps differ in size by orders of magnitude: each is brought to a mean of 1.
            scales = [jax.lax.stop_gradient(1 / (m.mean() + 1e-6)) for m in real_maps]
            real_heads, fake_heads = (
                heads([m * scale for m, scale in zip(maps, scales, strict=True)][1:], sketch, style)
                for maps in (real_maps, fake_maps)
            )
        return (
            Opinion(*self.judge(weights, sketch, photo, style), real_heads, real_maps),
            Opinion(*self.judge(weights, sketch, fake, style), fake_heads, fake_maps),
        )


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


def make_step(networks: GanNetworks) -> Callable[[GanState, Batch], tuple[GanState, Metrics]]:
    """`step(state, batch) -> (state, metrics)`, to be jitted with the state donated.

    Each network runs once: both losses are taken from the same pass of the discriminator, as pix2pix's own Torch
    code (it keeps the discriminator's output for the generator's turn) and pix2pixHD do. That saves a quarter
    of the discriminator's work.
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

        def judge(weights: Arrays, fake: jax.Array) -> tuple[Opinion, Opinion]:
            if not config.augment.diffaugment:
                return networks.judge_both(weights, sketch, photo, fake, style)
            c = sketch.shape[-1]
            stacked = diffaugment(diffaugment_key, jnp.concatenate([sketch, photo, fake], -1))
            moved = jnp.split(stacked, (c, c + 3), -1)
            return networks.judge_both(weights, moved[0], moved[1], moved[2], style)

        fake, generator_pullback = jax.vjp(generate, state.generator)
        judged, judge_pullback = jax.vjp(judge, state.discriminator, fake)

        loss_d, from_d = jax.value_and_grad(lambda j: discriminator_objective(config, j))(judged)
        discriminator_gradient, _ = judge_pullback(from_d)

        (_, terms), (from_j, from_fake) = jax.value_and_grad(
            lambda j, f: generator_objective(config, j, f, photo), argnums=(0, 1), has_aux=True
        )(judged, fake)
        _, through_d = judge_pullback(from_j)
        (generator_gradient,) = generator_pullback(through_d + from_fake)

        generator, generator_optimiser = _update(
            of_generator, generator_gradient, state.generator_optimiser, state.generator
        )
        discriminator, discriminator_optimiser = _update(
            of_discriminator, discriminator_gradient, state.discriminator_optimiser, state.discriminator
        )
        real_opinion, fake_opinion = judged
        metrics = {
            **terms,
            "loss_discriminator": loss_d,
            "logit_real": real_opinion.logits.mean(),
            "logit_fake": fake_opinion.logits.mean(),
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


def discriminator_objective(config: GanConfig, judged: tuple[Opinion, Opinion]) -> jax.Array:
    """The discriminators' loss: PatchGAN's, and the mean of the heads', who share no weights with it."""
    real, fake = judged
    kind = config.loss.adversarial
    loss = losses.discriminator_loss(kind, real.logits, fake.logits)
    return loss + _mean([losses.discriminator_loss(kind, r, f) for r, f in zip(real.heads, fake.heads, strict=True)])


def generator_objective(
    config: GanConfig, judged: tuple[Opinion, Opinion], output: jax.Array, photo: jax.Array
) -> tuple[jax.Array, Metrics]:
    """The generator's loss and its terms by name, unweighted."""
    weights = config.loss
    real, fake = judged
    terms = {
        "loss_adversarial": losses.generator_loss(weights.adversarial, fake.logits),
        "loss_l1": losses.l1(output, photo),
    }
    total = terms["loss_adversarial"] + weights.l1 * terms["loss_l1"]
    if weights.feature_matching:
        terms["loss_feature_matching"] = losses.feature_matching(fake.maps, real.maps)
        total = total + weights.feature_matching * terms["loss_feature_matching"]
    if weights.perceptual and fake.features:
        terms["loss_perceptual"] = losses.perceptual(fake.features, real.features)
        total = total + weights.perceptual * terms["loss_perceptual"]
    if fake.heads:
        terms["loss_projected"] = _mean([losses.generator_loss(weights.adversarial, logits) for logits in fake.heads])
        total = total + weights.projected * terms["loss_projected"]
    return total, {**terms, "loss_generator": total}


def _mean(terms: list[jax.Array]) -> jax.Array:
    return sum(terms, jnp.zeros(())) / max(1, len(terms))


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
