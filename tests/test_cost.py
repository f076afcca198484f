"""Costs against published figures, and what --help opens with."""

import math
import subprocess
import sys

import pytest
from flax import nnx

from sketch2photo import cost
from sketch2photo.config import CLASSIFIER_PRESETS, GAN_PRESETS, ClassifierModelConfig
from sketch2photo.models.unet import UNet


def test_vanilla_costs_what_pix2pix_does():
    """U-Net-256 of ngf 64 with one input channel, and PatchGAN of ndf 64 with four."""
    model = GAN_PRESETS["vanilla"].model
    assert cost.generator_gflop(model) == pytest.approx(2 * 6.05, rel=0.02)
    assert cost.discriminator_gflop(model) == pytest.approx(2 * 3.20, rel=0.05)


@pytest.mark.parametrize("name", GAN_PRESETS)
def test_the_networks_have_the_layers_that_are_counted(name):
    model = GAN_PRESETS[name].model
    network = nnx.eval_shape(lambda: UNet(model, 12, rngs=None))
    sides = [model.image_size >> (i + 1) for i in range(len(network.downs))]
    layers = [*zip(network.downs, sides, strict=True), *zip([network.last, *network.ups], sides, strict=True)]
    products = sum(math.prod(conv.kernel.shape) * side**2 for conv, side in layers)
    assert cost.generator_gflop(model) == pytest.approx(2e-9 * products)


def test_vgg16_costs_what_was_published():
    # 15.3 GMAC at 224 px with three inputs; the sum of the inputs saves 0.06.
    assert cost.classifier_gflop(ClassifierModelConfig(image_size=224)) == pytest.approx(2 * 15.29, rel=0.01)


def test_studio_lite_is_lighter_than_studio():
    lite, studio = GAN_PRESETS["studio-lite"], GAN_PRESETS["studio"]
    assert lite.model.image_size == 128
    assert cost.step_gflop(lite) < 0.6 * cost.step_gflop(studio)


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
    assert set(cost.WHAT) == set(GAN_PRESETS)
    assert set(CLASSIFIER_PRESETS) == {"studio", "debug"}
