"""Utilisation: what is counted, against published figures, on which device, and beside which product."""

import json
from dataclasses import replace

import jax
import jax.numpy as jnp
import pytest

from benchmarks import gan_step, mfu
from sketch2photo.config import (
    GAN_PRESETS,
    ClassifierModelConfig,
    DiscriminatorConfig,
    GanConfig,
    GanModelConfig,
    GeneratorConfig,
)
from sketch2photo.errors import ConfigError
from sketch2photo.models.discriminators import ProjectedHeads
from sketch2photo.models.features import Perceptual, _vgg_maps
from sketch2photo.training.gan import GanNetworks, initial_state, make_step

pytestmark = pytest.mark.slow


def features():
    """VGG up to conv2_1, narrow."""
    widths = {"0": (1, 3, 3), "11": (3, 3, 4), "12": (3, 4, 5), "21": (3, 5, 6)}
    weights = {}
    for name, (side, inputs, outputs) in widths.items():
        weights[f"conv{name}_w"] = jnp.ones((side, side, inputs, outputs))
        weights[f"conv{name}_b"] = jnp.ones(outputs)
    names = ("conv11", "conv12", "conv21")
    return Perceptual(weights, lambda w, x: _vgg_maps(names, "constant", w, x))


def test_vanilla_costs_what_pix2pix_does():
    """U-Net-256 of ngf 64 with one input channel, and PatchGAN of ndf 64 with four."""
    painting, judging = mfu.networks_of(GAN_PRESETS["vanilla"])
    assert sum(layer.products for layer in painting) == pytest.approx(6.05e9, rel=0.02)
    assert sum(layer.products for scale in judging for layer in scale) == pytest.approx(3.20e9, rel=0.05)


def test_a_small_step_costs_what_is_counted_by_hand():
    model = GanModelConfig(
        image_size=64, generator=GeneratorConfig(width=2, widest=8), discriminator=DiscriminatorConfig(width=2)
    )
    downs = [16 * 1 * 2 * 32**2, 16 * 2 * 4 * 16**2, 16 * 4 * 8 * 8**2, 16 * 8 * 16 * 4**2, 16 * 16 * 16 * 2**2, 4096]
    ups = [16 * 4 * 3 * 32**2, 16 * 8 * 2 * 16**2, 16 * 16 * 4 * 8**2, 16 * 32 * 8 * 4**2, 16 * 32 * 16 * 2**2, 4096]
    judges = [16 * 4 * 2 * 32**2, 16 * 2 * 4 * 16**2, 16 * 4 * 8 * 8**2, 16 * 8 * 16 * 7**2, 16 * 16 * 1 * 6**2]
    painting, judging = mfu.networks_of(GanConfig(model=model))
    assert [layer.products for layer in painting] == downs + ups[::-1]
    assert [[layer.products for layer in scale] for scale in judging] == [judges]
    assert (sum(downs + ups), sum(judges)) == (581_632, 306_176)
    # Three times the generator but for the gradient in the sketch, and seven times the discriminator but for the
    # gradients in pictures of its own loss.
    by_hand = 3 * 581_632 - 32_768 + 7 * 306_176 - 2 * 131_072
    assert mfu.step_flop(GanConfig(model=model)) == 2 * by_hand
    two = replace(model, discriminator=DiscriminatorConfig(width=2, scales=2))
    _, (_, half) = mfu.networks_of(GanConfig(model=two))
    assert [layer.side for layer in half] == [16, 8, 4, 3, 2]


def test_vgg16_costs_what_was_published():
    # 15.3 GMAC at 224 px with three inputs; the sum of the inputs saves 0.06.
    assert mfu.classifier_flop(ClassifierModelConfig(image_size=224)) == pytest.approx(2 * 15.29e9, rel=0.01)


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
        for layer, times in mfu.step_passes(networks.config)
    )
    # One first layer's gradient too many or too few would be 0.3% at least.
    assert 1.0 <= (flop(2) - flop(1)) / within < 1.004


def test_a_perceptual_network_is_counted_by_its_convolutions():
    settings = gan_step.config(64, 2)
    assert mfu.step_flop(settings) == mfu.step_flop(settings, features())
    of_vgg = 64**2 * (9 + 9 * 3 * 4 + 9 * 4 * 5) + 32**2 * 9 * 5 * 6
    told = replace(settings, loss=replace(settings.loss, perceptual=1.0))
    # Forward on two pictures, and the gradient in one.
    assert mfu.step_flop(told, features()) - mfu.step_flop(settings) == pytest.approx(2 * 3 * of_vgg)
    heads = replace(settings, loss=replace(settings.loss, projected=1.0))
    first, second = 16 * (6 + 3) * 64 * 16**2, (16 * 64 * 128 + 128) * 8**2
    more = mfu.step_flop(heads, features()) - mfu.step_flop(told, features())
    assert more == pytest.approx(2 * (5 * first + 7 * second))


def test_large_pictures_are_shrunk_before_they_are_looked_at():
    loss = replace(gan_step.config(64, 2).loss, perceptual=1.0)
    of_features = [
        mfu.step_flop(replace(gan_step.config(size, 2), loss=loss), features())
        - mfu.step_flop(gan_step.config(size, 2))
        for size in (128, 256)
    ]
    assert of_features[0] == pytest.approx(of_features[1])


def test_heads_have_the_layers_that_are_counted():
    heads = ProjectedHeads([6], 3, 0, rngs=None)
    inputs = jax.eval_shape(lambda: (jnp.zeros((1, 32, 32, 6)), jnp.zeros((1, 64, 64, 3))))
    program = jax.make_jaxpr(lambda x, sketch: heads([x], sketch, None))(*inputs).jaxpr
    first, second = 16 * 9 * 64 * 16**2, 16 * 64 * 128 * 8**2
    assert mfu.products(program) == first + second


def test_utilisation_is_against_the_product_of_the_same_type(monkeypatch, capsys):
    seconds = {"step": 0.5, "product float32": 0.1, "product bfloat16": 0.05}

    def interleave(functions, **_):
        assert list(functions) == ["a", "b", "product float32", "product bfloat16"]
        return {name: mfu.compare.Timing(name, ((seconds.get(name, seconds["step"]),),)) for name in functions}

    monkeypatch.setattr(mfu.compare, "interleave", interleave)
    found = mfu.measure({"a": (print, "float32"), "b": (print, "bfloat16")}, 4e6, 100, rounds=1, seconds=0)
    # 8 MFLOP a second of 20 and of 40.
    assert found["a"]["utilisation"] == pytest.approx(0.4) and found["b"]["utilisation"] == pytest.approx(0.2)
    assert found["product bfloat16"]["flop_per_second"] == pytest.approx(4e7)
    assert "40.0 %" in capsys.readouterr().out


def test_a_device_that_is_not_there_is_refused():
    with pytest.raises(ConfigError, match="--device is 'tpu', but jax finds only cpu here"):
        mfu.device("tpu")
    assert mfu.device("").platform == mfu.device("cpu").platform == "cpu"


def test_a_small_step_in_both_types(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "sys.argv",
        ["mfu", "--device", "cpu", "--precision", "float32", "bfloat16", "--size", "64", "--width", "2"]
        + ["--batch-size", "2", "--side", "128", "--rounds", "1", "--seconds", "0", "--json", str(tmp_path / "m.json")],
    )
    mfu.main()
    found = json.loads((tmp_path / "m.json").read_text())
    assert set(found["steps"]) == {"ours float32", "ours bfloat16", "product float32", "product bfloat16"}
    ours = found["steps"]["ours float32"]
    assert ours["flop_per_second"] == pytest.approx(ours["images_per_second"] * found["flop_per_image"])
