"""One step of the GAN: pure, jit-compiled, its randomness a function of the step's number."""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp

from sketch2photo import losses
from sketch2photo.config import GanConfig
from sketch2photo.models import layers, spectral_norm
from sketch2photo.ordering import all_after
from sketch2photo.training.augment import augment_pair, diffaugment
from sketch2photo.training.networks import GanNetworks, Opinion
from sketch2photo.training.optimiser import optimisers, update
from sketch2photo.training.state import Arrays, GanState

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
        discriminator_weights = state.discriminator
        if config.model.discriminator.spectral_norm:
            discriminator_weights = spectral_norm.iterate(discriminator_weights)
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
        judged, judge_pullback = jax.vjp(judge, discriminator_weights, fake)

        loss_d, from_d = jax.value_and_grad(lambda j: discriminator_objective(config, j))(judged)
        discriminator_gradient, _ = judge_pullback(from_d)
        penalty: Metrics = {}
        if config.loss.r1:
            real = (sketch, photo)
            if config.augment.diffaugment:
                moved = diffaugment(diffaugment_key, jnp.concatenate(real, -1))
                real = (moved[..., : sketch.shape[-1]], moved[..., sketch.shape[-1] :])
            due = state.step % config.loss.r1_every == 0
            penalty["loss_r1"], of_penalty = _r1_gradient(networks, due, discriminator_weights, *real, style)
            weight = config.loss.r1 * config.loss.r1_every
            discriminator_gradient = jax.tree.map(lambda g, r: g + weight * r, discriminator_gradient, of_penalty)

        (_, terms), (from_j, from_fake) = jax.value_and_grad(
            lambda j, f: generator_objective(config, j, f, photo), argnums=(0, 1), has_aux=True
        )(judged, fake)
        # One way back through the discriminator after the other: what each takes for a moment is not taken twice.
        _, through_d = judge_pullback(all_after(from_j, discriminator_gradient))
        (generator_gradient,) = generator_pullback(through_d + from_fake)

        clip = config.optimiser.clip
        generator, generator_optimiser = update(
            of_generator, generator_gradient, state.generator_optimiser, state.generator, clip
        )
        discriminator, discriminator_optimiser = update(
            of_discriminator, discriminator_gradient, state.discriminator_optimiser, discriminator_weights, clip
        )
        real_opinion, fake_opinion = judged
        metrics = {
            **terms,
            **penalty,
            "loss_discriminator": loss_d,
            "logit_real": real_opinion.logits.mean(),
            "logit_fake": fake_opinion.logits.mean(),
            **_named("logits_real", real_opinion),
            **_named("logits_fake", fake_opinion),
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


def r1(
    networks: GanNetworks, weights: Arrays, sketch: jax.Array, photo: jax.Array, style: jax.Array | None
) -> jax.Array:
    """Half the mean squared length of D's gradient in true photos (Mescheder et al. 2018, eq. 9, gamma 1).

    D(x) is the mean of the patches' logits, summed over scales. The heads take no part: they see maps, not pixels.
    """

    def summed(photo: jax.Array) -> jax.Array:
        opinion = networks.judge(weights, sketch, photo, style)
        return sum((logits.mean((1, 2, 3)).sum() for logits in opinion.half), opinion.logits.mean((1, 2, 3)).sum())

    return 0.5 * jnp.square(jax.grad(summed)(photo)).sum((1, 2, 3)).mean()


def _r1_gradient(
    networks: GanNetworks, due: jax.Array, weights: Arrays, *real: jax.Array | None
) -> tuple[jax.Array, Arrays]:
    """`r1` and its gradient in the weights; 0 on the steps between, which then cost nothing."""

    def measured(weights: Arrays) -> tuple[jax.Array, Arrays]:
        return jax.value_and_grad(lambda w: r1(networks, w, *real))(weights)  # pyright: ignore[reportArgumentType]

    def none(weights: Arrays) -> tuple[jax.Array, Arrays]:
        return jnp.zeros(()), jax.tree.map(jnp.zeros_like, weights)

    return jax.lax.cond(due, measured, none, weights)


def discriminator_objective(config: GanConfig, judged: tuple[Opinion, Opinion]) -> jax.Array:
    """The discriminators' loss: PatchGAN's at every scale, and the mean of the heads', who share no weights with it."""
    real, fake = judged
    kind = config.loss.adversarial
    loss = losses.discriminator_loss(kind, real.logits, fake.logits)
    # A sum over scales, as in pix2pixHD, eq. 5.
    for r, f in zip(real.half, fake.half, strict=True):
        loss = loss + losses.discriminator_loss(kind, r, f)
    return loss + _mean([losses.discriminator_loss(kind, r, f) for r, f in zip(real.heads, fake.heads, strict=True)])


def generator_objective(
    config: GanConfig, judged: tuple[Opinion, Opinion], output: jax.Array, photo: jax.Array
) -> tuple[jax.Array, Metrics]:
    """The generator's loss and its terms by name, unweighted."""
    weights = config.loss
    real, fake = judged
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


def _named(name: str, opinion: Opinion) -> Metrics:
    """The logits of every discriminator, whole: PatchGAN's, the second scale's, the heads'."""
    half = {f"{name}_half": logits for logits in opinion.half}
    return {name: opinion.logits, **half, **{f"{name}_head{i}": x for i, x in enumerate(opinion.heads, 1)}}


def _mean(terms: list[jax.Array]) -> jax.Array:
    return sum(terms, jnp.zeros(())) / max(1, len(terms))


def _average(decay: float, step: jax.Array, ema: Arrays, weights: Arrays) -> Arrays:
    """The moving average with a warm-up: the first steps' weights are forgotten quickly."""
    if not decay:
        return None
    rate = 1.0 - jnp.minimum(decay, (1.0 + step) / (10.0 + step))
    return jax.tree.map(lambda old, new: old + rate * (new - old), ema, weights)
