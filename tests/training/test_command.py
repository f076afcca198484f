"""The options of train.py: a config's fields, from a preset or a resumed run."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import mfu
from sketch2photo import cli
from sketch2photo.cli import with_fields
from sketch2photo.config import CLASSIFIER_PRESETS, GAN_PRESETS, to_dict
from sketch2photo.errors import ConfigError
from sketch2photo.training.command import ABOUT

GIVEN = ["--data", "d", "e", "--out", "o"]


def test_a_preset_is_what_nothing_else_is_said_of():
    for kind, presets in (("gan", GAN_PRESETS), ("classifier", CLASSIFIER_PRESETS)):
        for name, preset in presets.items():
            options = cli.parse("train", [kind, *GIVEN, "--preset", name])
            assert (options.kind, options.config) == (kind, preset)
            assert (options.data, options.out) == ([Path("d"), Path("e")], Path("o"))
            assert not (options.init or options.resume or options.allow_change)
        assert cli.parse("train", [kind, *GIVEN]).config == presets["studio"]


def test_every_field_is_an_option():
    given = "--model.generator.width 8 --model.discriminator.spectral-norm --model.discriminator.scales 2 --loss.l1 3 "
    given += "--augment.no-diffaugment --augment.scale 0.5 1 --optimiser.schedule cosine --precision bfloat16 --seed=7"
    config = cli.parse("train", ["gan", *GIVEN, *given.split()]).config
    studio = GAN_PRESETS["studio"]
    generator = replace(studio.model.generator, width=8)
    discriminator = replace(studio.model.discriminator, spectral_norm=True, scales=2)
    assert config == replace(
        studio,
        model=replace(studio.model, generator=generator, discriminator=discriminator),
        loss=replace(studio.loss, l1=3.0),
        augment=replace(studio.augment, diffaugment=False, scale=(0.5, 1.0)),
        optimiser=replace(studio.optimiser, schedule="cosine"),
        precision="bfloat16",
        seed=7,
    )
    named = ["--categories", "shoe", "chair", "--near-kin", "a=shoe", "b=chair", "--no-others-apart"]
    with pytest.raises(ConfigError):
        cli.parse("train", ["classifier", *GIVEN, *named, "--near-kin-share", "2"])
    config = cli.parse("train", ["classifier", *GIVEN, *named]).config
    assert (config.categories, config.near_kin, config.others_apart) == (
        ("shoe", "chair"),
        ("a=shoe", "b=chair"),
        False,
    )
    again = cli.parse("train", ["classifier", *GIVEN, *named, "--others-apart", "--categories"]).config
    assert (again.categories, again.others_apart) == ((), True), "the last word counts"


def test_a_resumed_run_gives_the_defaults(tmp_path):
    kept = replace(GAN_PRESETS["debug"], steps=77, augment=replace(GAN_PRESETS["debug"].augment, flip=False))
    (tmp_path / "run.json").write_text(json.dumps({"config": to_dict(kept)}))
    resume = ["gan", "--data", "d", "--out", str(tmp_path)]
    assert cli.parse("train", [*resume, "--resume"]).config == kept
    assert cli.parse("train", [*resume, "--resume", "--steps", "99"]).config == replace(kept, steps=99)
    assert cli.parse("train", resume).config == GAN_PRESETS["studio"]
    with pytest.raises(ConfigError, match="no field 'augment'"):
        cli.parse("train", ["classifier", *resume[1:], "--resume"])
    changed = cli.parse("train", [*resume, "--resume", "--allow-change", "seed", "augment.flip"])
    assert changed.allow_change == ["seed", "augment.flip"]
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(ConfigError, match="is not a run of this kind"):
        cli.parse("train", [*resume, "--resume"])


def test_an_average_needs_something_to_average_with():
    with pytest.raises(ConfigError, match="--average-with 'x' needs --init: name what to average it with"):
        cli.parse("train", ["classifier", *GIVEN, "--average-with", "x"])
    assert cli.parse("train", ["classifier", *GIVEN, "--average-with", "x", "--init", "y"]).init == "y"


@pytest.mark.parametrize("name", ABOUT)
def test_help_opens_with_the_preset(name: str, capsys):
    kind, preset = name.split()
    with pytest.raises(SystemExit):
        cli.run("train", "train.py", [kind, "--preset", preset, "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert f"{preset}: {ABOUT[name].what}. Cost of " in text
    assert "GFLOP to train on." in text and "(both estimated)" in text
    assert f"python train.py {kind} --preset {preset} --data " in text
    config = (GAN_PRESETS if kind == "gan" else CLASSIFIER_PRESETS)[preset]
    assert "how often it saves" in text and f"(default: {config.steps})" in text


def test_every_preset_says_what_it_is_and_costs():
    assert set(ABOUT) == {f"gan {name}" for name in GAN_PRESETS} | {f"classifier {name}" for name in CLASSIFIER_PRESETS}
    assert ABOUT["gan studio-lite"].training < 0.6 * ABOUT["gan studio"].training


def test_fields_that_are_not_given_stay():
    assert with_fields(GAN_PRESETS["studio"], {"out": 1, "model.depth": 2}) == GAN_PRESETS["studio"]


@pytest.mark.parametrize("name", ABOUT)
def test_help_tells_what_a_preset_costs(name):
    kind, preset = name.split()
    if kind == "gan":
        config = GAN_PRESETS[preset]
        painting, _ = mfu.networks_of(config)
        flop = (2 * sum(layer.products for layer in painting), mfu.step_flop(config))
    else:
        forward = mfu.classifier_flop(CLASSIFIER_PRESETS[preset].model)
        flop = (forward, 3 * forward)
    assert (ABOUT[name].forward, ABOUT[name].training) == pytest.approx([1e-9 * one for one in flop], rel=1e-3)
