"""Costs against published figures, and what --help opens with."""

import math
import subprocess
import sys
from dataclasses import replace

import jax
import pytest
from flax import nnx

from benchmarks import gan_step
from sketch2photo import config
from sketch2photo.config import (
    CLASSIFIER_PRESETS,
    GAN_PRESETS,
    ClassifierModelConfig,
    DiscriminatorConfig,
    GanConfig,
    GanModelConfig,
    GeneratorConfig,
)
from sketch2photo.models.unet import UNet
from sketch2photo.training.gan import GanNetworks, initial_state, make_step


def test_vanilla_costs_what_pix2pix_does():
    """U-Net-256 of ngf 64 with one input channel, and PatchGAN of ndf 64 with four."""
    model = GAN_PRESETS["vanilla"].model
    assert config.generator_gflop(model) == pytest.approx(2 * 6.05, rel=0.02)
    assert config.discriminator_gflop(model) == pytest.approx(2 * 3.20, rel=0.05)


@pytest.mark.parametrize("name", GAN_PRESETS)
def test_the_networks_have_the_layers_that_are_counted(name):
    model = GAN_PRESETS[name].model
    network = nnx.eval_shape(lambda: UNet(model, 12, rngs=None))
    sides = [model.image_size >> (i + 1) for i in range(len(network.downs))]
    layers = [*zip(network.downs, sides, strict=True), *zip([network.last, *network.ups], sides, strict=True)]
    products = sum(math.prod(conv.kernel.shape) * side**2 for conv, side in layers)
    assert config.generator_gflop(model) == pytest.approx(2e-9 * products)


def test_a_small_step_costs_what_is_counted_by_hand():
    model = GanModelConfig(
        image_size=64, generator=GeneratorConfig(width=2, widest=8), discriminator=DiscriminatorConfig(width=2)
    )
    downs = [16 * 1 * 2 * 32**2, 16 * 2 * 4 * 16**2, 16 * 4 * 8 * 8**2, 16 * 8 * 16 * 4**2, 16 * 16 * 16 * 2**2, 4096]
    ups = [16 * 4 * 3 * 32**2, 16 * 8 * 2 * 16**2, 16 * 16 * 4 * 8**2, 16 * 32 * 8 * 4**2, 16 * 32 * 16 * 2**2, 4096]
    judges = [16 * 4 * 2 * 32**2, 16 * 2 * 4 * 16**2, 16 * 4 * 8 * 8**2, 16 * 8 * 16 * 7**2, 16 * 16 * 1 * 6**2]
    assert [layer.products for layer in config.generator_layers(model)] == downs + ups
    assert [[layer.products for layer in scale] for scale in config.discriminator_layers(model)] == [judges]
    assert (sum(downs + ups), sum(judges)) == (581_632, 306_176)
    # Three times the generator but for the gradient in the sketch, and seven times the discriminator but for the
    # gradients in pictures of its own loss.
    by_hand = 3 * 581_632 - 32_768 + 7 * 306_176 - 2 * 131_072
    assert config.step_gflop(GanConfig(model=model)) == pytest.approx(2e-9 * by_hand)
    two = replace(model, discriminator=DiscriminatorConfig(width=2, scales=2))
    assert [layer.side for layer in config.discriminator_layers(two)[1]] == [16, 8, 4, 3, 2]


def test_xla_counts_as_many_flop_of_a_step_of_plain_convolutions():
    """Lowered for CUDA, where the convolutions are plain. XLA leaves out taps on the margin, and counts norms and the
    like; what does not grow with the batch, such as the optimiser, falls out."""
    networks = GanNetworks(gan_step.config(256, 64), 0)
    state = jax.eval_shape(lambda key: initial_state(networks, key), jax.random.key(0))

    def flop(n: int) -> float:
        batch = jax.eval_shape(lambda: gan_step.random_batch(256, n))
        lowered = jax.jit(make_step(networks)).trace(state, batch).lower(lowering_platforms=("cuda",))
        return lowered.cost_analysis()["flops"]

    within = sum(
        2 * layer.products * times * ((4 * layer.side - 2) / (4 * layer.side)) ** 2
        for layer, times in config.step_passes(networks.config)
    )
    # One first layer's gradient too many or too few would be 0.3% at least.
    assert 1.0 <= (flop(2) - flop(1)) / within < 1.004


def test_vgg16_costs_what_was_published():
    # 15.3 GMAC at 224 px with three inputs; the sum of the inputs saves 0.06.
    assert config.classifier_gflop(ClassifierModelConfig(image_size=224)) == pytest.approx(2 * 15.29, rel=0.01)


def test_studio_lite_is_lighter_than_studio():
    lite, studio = GAN_PRESETS["studio-lite"], GAN_PRESETS["studio"]
    assert lite.model.image_size == 128
    assert config.step_gflop(lite) < 0.6 * config.step_gflop(studio)


@pytest.mark.parametrize("command", [["gan", "--preset", "studio-lite"], ["classifier"]])
def test_help_opens_with_the_preset(command, root):
    result = subprocess.run(
        [sys.executable, "train.py", *command, "--help"], cwd=root, capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 0
    text = " ".join(result.stdout.split())
    assert "GFLOP to train on" in text and "(both estimated)" in text
    assert f"python train.py {command[0]} --preset {command[2] if len(command) > 1 else 'studio'}" in text


def test_every_preset_says_what_it_is():
    assert set(config.WHAT) == set(GAN_PRESETS)
    assert set(CLASSIFIER_PRESETS) == {"studio", "debug"}
