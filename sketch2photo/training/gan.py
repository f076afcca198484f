"""The GAN: generator and discriminators as pure functions of their weights, their losses, and one training step.

A step is pure and jit-compiled; its randomness is a function of its number.
"""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jaxtyping import Array, Float, Int, UInt8

from sketch2photo.config import GanConfig, GanOptimiserConfig
from sketch2photo.models import layers, losses
from sketch2photo.models.discriminators import LEAST_SIDE, PatchGAN, ProjectedHeads, RandomMixing
from sketch2photo.models.features import Perceptual
from sketch2photo.models.layers import Arrays
from sketch2photo.models.unet import UNet
from sketch2photo.training.augment import augment_pair, diffaugment, with_hints


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class GanState:
    """Everything a GAN step reads and writes.

    step: int32 scalar, steps made. key: of all randomness, folded with the step, never replaced. ema: the moving
    average of the generator's weights, or None.
    """

    weights: ClassVar[tuple[str, ...]] = ("generator", "discriminator")
    """What a step computes with; the rest it only updates."""

    step: jax.Array
    generator: Arrays
    discriminator: Arrays
    generator_optimiser: optax.OptState
    discriminator_optimiser: optax.OptState
    ema: Arrays
    key: jax.Array


# ---------------------------------------------------------------- the networks


class DiscriminatorOutput(NamedTuple):
    """What the discriminators give for a photo."""

    logits: jax.Array  # PatchGAN's, (n, p, p, 1)
    maps: list[jax.Array]
    """Feature maps of PatchGAN's layers, for feature matching; those of the second scale after the first's."""
    half: list[jax.Array]  # the logits on the picture of half the size; [] with one scale
    heads: list[jax.Array]  # the logits of the projected heads; [] without them
    features: list[jax.Array]  # the perceptual network's maps; [] without one


_HEADS, _HALF = "projected", "half"
"""Where the weights of the heads and of the second scale lie among the discriminator's."""


class GanNetworks:
    """Generator and discriminators as pure functions of their weights, for one config and number of categories.
    `features`: the perceptual network; None leaves out what needs it."""

    def __init__(self, config: GanConfig, n_categories: int, features: Perceptual | None = None):
        self.config = config
        self.n_categories = n_categories
        self.features = features
        model, size = config.model, config.model.image_size
        self._heads, self._mixing = None, None
        if config.loss.projected and features is not None:
            maps = jax.eval_shape(features, jax.ShapeDtypeStruct((1, size, size, 3), jnp.float32))
            # Neither the first map, which is nearly the pixels, PatchGAN's, nor those too small for a head have one.
            self._judged = slice(1, sum(m.shape[1] >= LEAST_SIDE for m in maps))
            widths = features.widths[self._judged]
            if config.loss.mixing:
                self._mixing = RandomMixing(widths)
                widths = [RandomMixing.width] * len(widths)
            styles, spectral = layers.style_size(model, n_categories), model.discriminator.spectral_norm
            self._new_heads = partial(ProjectedHeads, widths, model.input_channels, styles, spectral=spectral)
            self._heads = layers.structure(self._new_heads, config.precision)
        self._new_generator, self._new_discriminator = (partial(new, model, n_categories) for new in (UNet, PatchGAN))
        self._generator = layers.structure(self._new_generator, config.precision)
        self._discriminator = layers.structure(self._new_discriminator, config.precision)

    def init(self, key: jax.Array) -> tuple[Arrays, Arrays]:
        """Fresh weights of both."""
        of_generator, of_discriminator, of_half, of_heads = jax.random.split(key, 4)

        def fresh(new: Callable[..., nnx.Module], key: jax.Array) -> Arrays:
            return nnx.to_pure_dict(nnx.state(layers.initialised(new, key)))

        discriminators = fresh(self._new_discriminator, of_discriminator)
        if self.config.model.discriminator.scales == 2:
            discriminators[_HALF] = fresh(self._new_discriminator, of_half)
        if self._heads is not None:
            discriminators[_HEADS] = fresh(self._new_heads, of_heads)
        return fresh(self._new_generator, of_generator), discriminators

    def style(self, label: Int[Array, " n"], colour: UInt8[Array, "n 3"]) -> jax.Array | None:
        return layers.style_vector(self.config.model, self.n_categories, label, colour)

    def generate(
        self, weights: Arrays, sketch: Float[Array, "n s s c"], style: jax.Array | None, **options: Any
    ) -> Float[Array, "n s s o"]:
        """As `UNet.__call__`."""
        return layers.with_weights(self._generator, weights)(sketch, style, **options)

    def discriminate(
        self, weights: Arrays, sketch: Float[Array, "n s s c"], photo: Float[Array, "n s s 3"], style: jax.Array | None
    ) -> DiscriminatorOutput:
        """PatchGAN at one scale or two; without heads and features."""
        own = {name: value for name, value in weights.items() if name not in (_HEADS, _HALF)}
        logits, maps = layers.with_weights(self._discriminator, own)(sketch, photo, style)
        if _HALF not in weights:
            return DiscriminatorOutput(logits, maps, [], [], [])
        smaller = (layers.shrink(image, image.shape[1] // 2) for image in (sketch, photo))
        half, half_maps = layers.with_weights(self._discriminator, weights[_HALF])(*smaller, style)
        return DiscriminatorOutput(logits, [*maps, *half_maps], [half], [], [])

    def discriminate_both(
        self,
        weights: Arrays,
        sketch: Float[Array, "n s s c"],
        photo: Float[Array, "n s s 3"],
        fake: Float[Array, "n s s 3"],
        style: jax.Array | None,
    ) -> tuple[DiscriminatorOutput, DiscriminatorOutput]:
        """On the true and on the generated photo."""
        loss = self.config.loss
        real_maps, fake_maps, real_heads, fake_heads = [], [], [], []
        if self.features is not None and (loss.perceptual or loss.projected):
            real_maps, fake_maps = (self.features(x, self.config.precision) for x in (photo, fake))
        if self._heads is not None:
            heads = layers.with_weights(self._heads, weights[_HEADS])
            # ImageNet maps differ in size by orders of magnitude: each is brought to a mean of 1.
            scales = [jax.lax.stop_gradient(1 / (jnp.abs(m.astype(jnp.float32)).mean() + 1e-6)) for m in real_maps]
            mix = self._mixing or list
            scaled = ([m * s.astype(m.dtype) for m, s in zip(x, scales, strict=True)] for x in (real_maps, fake_maps))
            real_heads, fake_heads = (heads(mix(maps[self._judged]), sketch, style) for maps in scaled)
        return (
            self.discriminate(weights, sketch, photo, style)._replace(heads=real_heads, features=real_maps),
            self.discriminate(weights, sketch, fake, style)._replace(heads=fake_heads, features=fake_maps),
        )


# ---------------------------------------------------------------- the optimisers


def optimisers(config: GanConfig) -> tuple[optax.GradientTransformation, optax.GradientTransformation]:
    """Adam for generator and discriminator (pix2pix, section 3.3: beta1 0.5)."""
    o = config.optimiser
    return (
        optax.adam(schedule(o, o.generator_rate, config.steps), b1=o.beta1, b2=o.beta2),
        optax.adam(schedule(o, o.discriminator_rate, config.steps), b1=o.beta1, b2=o.beta2),
    )


def schedule(o: GanOptimiserConfig, rate: float, steps: int) -> optax.Schedule:
    """The rate at each step: constant up to decay_from, then in a line or half a cosine down to decay_to of it; rising
    at first where there is a warm-up."""
    start = min(int(o.decay_from * steps), steps - 1)
    if o.schedule == "constant":
        rates = optax.constant_schedule(rate)
    elif o.schedule == "linear":
        rates = optax.linear_schedule(rate, rate * o.decay_to, steps - start, transition_begin=start)
    else:  # Loshchilov & Hutter 2017, eq. 5, without restarts.
        cosine = optax.cosine_decay_schedule(rate, steps - start, alpha=o.decay_to)
        rates = optax.join_schedules([optax.constant_schedule(rate), cosine], [start])
    if not o.warm_up:
        return rates
    return lambda step: rates(step) * jnp.minimum(1.0, (step + 1) / o.warm_up)


def update(
    optimiser: optax.GradientTransformation, gradient: Arrays, state: optax.OptState, weights: Arrays, clip: float = 0.0
) -> tuple[Arrays, optax.OptState]:
    """The weights one step on, and the optimiser's state. `clip`: the gradient is shortened to this norm if longer
    (Pascanu et al. 2013, algorithm 1); 0 for no limit. It is no part of the optimiser, whose state is then the same
    with and without."""
    if clip:
        gradient, _ = optax.clip_by_global_norm(clip).update(gradient, optax.EmptyState())
    updates, state = optimiser.update(gradient, state, weights)
    return optax.apply_updates(weights, updates), state


# ---------------------------------------------------------------- the step

Batch = dict[str, jax.Array]
Metrics = dict[str, jax.Array]


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
        mask = None
        if config.model.coverage:
            mask = (1.0 - photo[..., 3:]) / 2
            # Shadows and the noise of a photo's ground would tell it from a painted one, which has none.
            photo = layers.over_white(photo[..., :3], mask)
        hints = None
        if config.model.hints:
            inside = (photo.min(-1, keepdims=True) < 0.9) if mask is None else (mask > 0.9)
            photo, hints = with_hints(jax.random.fold_in(augment_key, 1), photo, inside.astype(photo.dtype))
        discriminator_weights = state.discriminator
        if config.model.discriminator.spectral_norm:
            discriminator_weights = layers.power_iteration(discriminator_weights)
        style = networks.style(batch["label"], batch["colour"])

        def generate(weights: Arrays) -> jax.Array:
            return networks.generate(weights, sketch, style, hints=hints, train=True, key=dropout_key)

        def moved(*images: jax.Array) -> Sequence[jax.Array]:
            if not config.augment.diffaugment:
                return images
            stacked = diffaugment(diffaugment_key, jnp.concatenate(images, -1))
            return jnp.split(stacked, np.cumsum([image.shape[-1] for image in images[:-1]]), -1)

        def discriminate(weights: Arrays, fake: jax.Array) -> tuple[DiscriminatorOutput, DiscriminatorOutput]:
            return networks.discriminate_both(weights, *moved(sketch, photo, fake), style=style)

        output, generator_pullback = jax.vjp(generate, state.generator)
        fake, composite_pullback = jax.vjp(layers.composite, output)
        outputs, discriminator_pullback = jax.vjp(discriminate, discriminator_weights, fake)

        loss_d, from_d = jax.value_and_grad(lambda o: discriminator_objective(config, o))(outputs)
        discriminator_gradient, _ = discriminator_pullback(from_d)
        (_, terms), (from_outputs, from_fake) = jax.value_and_grad(
            lambda o, f: generator_objective(config, o, f, photo), argnums=(0, 1), has_aux=True
        )(outputs, fake)
        _, through_d = discriminator_pullback(from_outputs)
        (from_output,) = composite_pullback(through_d + from_fake)
        if mask is not None and config.loss.coverage:
            terms["loss_coverage"], from_coverage = jax.value_and_grad(losses.coverage)(output[..., 3:], mask)
            terms["loss_generator"] += config.loss.coverage * terms["loss_coverage"]
            from_output = from_output.at[..., 3:].add(config.loss.coverage * from_coverage)
        (generator_gradient,) = generator_pullback(from_output)
        if config.loss.r1:
            due, real = state.step % config.loss.r1_every == 0, moved(sketch, photo)
            terms["loss_r1"], of_penalty = _r1_gradient(networks, due, discriminator_weights, *real, style)
            weight = config.loss.r1 * config.loss.r1_every
            discriminator_gradient = jax.tree.map(lambda g, r: g + weight * r, discriminator_gradient, of_penalty)

        clip = config.optimiser.clip
        generator, generator_optimiser = update(
            of_generator, generator_gradient, state.generator_optimiser, state.generator, clip
        )
        discriminator, discriminator_optimiser = update(
            of_discriminator, discriminator_gradient, state.discriminator_optimiser, discriminator_weights, clip
        )
        ema = state.ema
        if config.optimiser.ema:  # with a warm-up: the first steps' weights are forgotten quickly
            rate = 1.0 - jnp.minimum(config.optimiser.ema, (1.0 + state.step) / (10.0 + state.step))
            ema = jax.tree.map(lambda old, new: old + rate * (new - old), ema, generator)
        real_output, fake_output = outputs
        metrics = {
            **terms,
            "loss_discriminator": loss_d,
            "logit_real": real_output.logits.mean(),
            "logit_fake": fake_output.logits.mean(),
            **_named("logits_real", real_output),
            **_named("logits_fake", fake_output),
        }
        return dataclasses.replace(
            state,
            step=state.step + 1,
            generator=generator,
            discriminator=discriminator,
            generator_optimiser=generator_optimiser,
            discriminator_optimiser=discriminator_optimiser,
            ema=ema,
        ), metrics

    return step


def r1(
    networks: GanNetworks, weights: Arrays, sketch: jax.Array, photo: jax.Array, style: jax.Array | None
) -> jax.Array:
    """Half the mean squared length of D's gradient in true photos (Mescheder et al. 2018, eq. 9, gamma 1).

    D(x) is the mean of the patches' logits, summed over scales. The heads take no part: they see maps, not pixels.
    """

    def summed(photo: jax.Array) -> jax.Array:
        output = networks.discriminate(weights, sketch, photo, style)
        return sum((logits.mean((1, 2, 3)).sum() for logits in output.half), output.logits.mean((1, 2, 3)).sum())

    return 0.5 * jnp.square(jax.grad(summed)(photo)).sum((1, 2, 3)).mean()


def _r1_gradient(
    networks: GanNetworks, due: jax.Array, weights: Arrays, *real: jax.Array | None
) -> tuple[jax.Array, Arrays]:
    """`r1` and its gradient in the weights; 0 on the steps between, which then cost nothing."""
    measured = jax.value_and_grad(lambda w: r1(networks, w, *real))  # pyright: ignore[reportArgumentType]
    return jax.lax.cond(due, measured, lambda w: (jnp.zeros(()), jax.tree.map(jnp.zeros_like, w)), weights)


def discriminator_objective(config: GanConfig, outputs: tuple[DiscriminatorOutput, DiscriminatorOutput]) -> jax.Array:
    """The discriminators' loss: PatchGAN's at every scale, and the mean of the heads', who share no weights with it."""
    real, fake = outputs
    kind = config.loss.adversarial
    loss = losses.discriminator_loss(kind, real.logits, fake.logits)
    # A sum over scales, as in pix2pixHD, eq. 5.
    for r, f in zip(real.half, fake.half, strict=True):
        loss = loss + losses.discriminator_loss(kind, r, f)
    return loss + _mean([losses.discriminator_loss(kind, r, f) for r, f in zip(real.heads, fake.heads, strict=True)])


def generator_objective(
    config: GanConfig, outputs: tuple[DiscriminatorOutput, DiscriminatorOutput], output: jax.Array, photo: jax.Array
) -> tuple[jax.Array, Metrics]:
    """The generator's loss and its terms by name, unweighted."""
    weights = config.loss
    real, fake = outputs
    adversarial = losses.generator_loss(weights.adversarial, fake.logits)
    for logits in fake.half:
        adversarial = adversarial + losses.generator_loss(weights.adversarial, logits)
    terms = {"loss_adversarial": adversarial, "loss_l1": losses.l1(output, photo)}
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


def _named(name: str, output: DiscriminatorOutput) -> Metrics:
    """The logits of every discriminator, whole: PatchGAN's, the second scale's, the heads'."""
    half = {f"{name}_half": logits for logits in output.half}
    return {name: output.logits, **half, **{f"{name}_head{i}": x for i, x in enumerate(output.heads, 1)}}


def _mean(terms: list[jax.Array]) -> jax.Array:
    return sum(terms, jnp.zeros(())) / max(1, len(terms))
