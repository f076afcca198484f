"""Utilisation: what is counted, on which device, and beside which product."""

import json
from dataclasses import replace

import jax
import jax.numpy as jnp
import pytest

from benchmarks import gan_step, mfu
from sketch2photo import config
from sketch2photo.errors import ConfigError
from sketch2photo.models.discriminators import ProjectedHeads
from sketch2photo.models.features import Perceptual, _vgg_maps

pytestmark = pytest.mark.slow


def features():
    """VGG up to conv2_1, narrow."""
    widths = {"0": (1, 3, 3), "11": (3, 3, 4), "12": (3, 4, 5), "21": (3, 5, 6)}
    weights = {}
    for name, (side, inputs, outputs) in widths.items():
        weights[f"conv{name}_w"] = jnp.ones((side, side, inputs, outputs))
        weights[f"conv{name}_b"] = jnp.ones(outputs)
    blocks = (("11", "12"), ("21", "22"))
    return Perceptual(weights, lambda w, x: _vgg_maps(blocks, "constant", w, x), [4, 6])


def test_a_perceptual_network_is_counted_by_its_convolutions():
    settings = gan_step.config(64, 2)
    assert mfu.step_flop(settings) == mfu.step_flop(settings, features()) == 1e9 * config.step_gflop(settings)
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
