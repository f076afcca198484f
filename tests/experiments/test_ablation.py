"""The ablation's variants: each changes what it says, and nothing else."""

import json
from pathlib import Path

import pytest

from experiments import ablation
from sketch2photo import cli
from sketch2photo.config import to_dict

RAW = Path("raw")


def settings(name):
    options = ablation.training_options(ablation.VARIANTS[name], 10, 0, RAW)
    config = cli.parse("train", ["gan", "--data", "d", "--out", "o", *options]).config
    return flat(to_dict(config))


def flat(tree, prefix=""):
    found = {}
    for name, value in tree.items():
        found |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return found


CHANGES = {
    "no-category": {"model.class_conditional": False},
    "no-colour": {"model.colour_conditional": False},
    "no-perceptual": {"loss.perceptual": 0.0},
    "no-projected": {"loss.projected": 0.0},
    "no-matching": {"loss.feature_matching": 0.0},
    "l1-0": {"loss.l1": 0.0},
    "l1-100": {"loss.l1": 100.0},
    "neither": {"loss.l1": 0.0, "loss.perceptual": 0.0},
    "no-diffaugment": {"augment.diffaugment": False},
    "spectral": {"model.discriminator.spectral_norm": True},
    "lsgan": {"loss.adversarial": "lsgan"},
    "two-scales": {"model.discriminator.scales": 2},
    "coverage": {"loss.feature_matching": 0.0, "model.coverage": True, "loss.coverage": 5.0},
    "lite": {"loss.feature_matching": 0.0, "loss.perceptual_features": str(RAW / ablation.LITE)},
    "lite-mixed": {
        "loss.feature_matching": 0.0,
        "loss.perceptual_features": str(RAW / ablation.LITE),
        "loss.mixing": True,
    },
    "lite-mixed-coverage": {
        "loss.feature_matching": 0.0,
        "loss.perceptual_features": str(RAW / ablation.LITE),
        "loss.mixing": True,
        "model.coverage": True,
        "loss.coverage": 5.0,
    },
    "edges": {},
}


@pytest.mark.parametrize("name", ablation.VARIANTS)
def test_a_variant_changes_what_it_says(name):
    config, studio = settings(name), settings("studio")
    assert config["model.image_size"] == 64 and config["steps"] == 10
    changed = {key: value for key, value in config.items() if value != studio[key]}
    if name == "vanilla":
        assert config["loss.l1"] == 100 and config["batch_size"] == 1 and config["preset"] == "vanilla"
        assert config["loss.perceptual_features"] == "", "pix2pix has no perceptual loss"
    else:
        assert changed == CHANGES.get(name, {})


def test_the_table_has_mean_and_spread():
    one: dict[str, float] = dict.fromkeys(ablation.FIGURES, 0.25)
    other: dict[str, float] = dict.fromkeys(ablation.FIGURES, 0.35)
    results = {"studio/0/100": one, "studio/1/100": other, "vanilla/0/100": one, "vanilla/1/200": other}
    lines = ablation.table(results, 100).splitlines()
    assert len(lines) == 4 and lines[2].startswith("| `studio` | as released, at 64 px | 2 | 0.300 ± 0.071 |")
    assert lines[3].startswith("| `vanilla` | pix2pix as published | 1 | 0.250 |"), "one run has no spread"


def test_recorded_runs_are_complete_and_not_run_again(tmp_path, monkeypatch, capsys):
    recorded = json.loads(ablation.RECORDED.read_text())
    for key, one in recorded.items():
        name, seed, images = key.split("/")
        assert name in ablation.VARIANTS and int(seed) >= 0 and one["images"] == int(images)
        assert set(ablation.FIGURES) < set(one)
    ran = []
    monkeypatch.setattr(ablation, "_train", lambda options, name, seed: ran.append((name, seed)))
    monkeypatch.setattr(ablation, "_measure", lambda *_: dict.fromkeys(ablation.FIGURES, 0.5))
    folders = [f"--{name}={tmp_path}" for name in ("data", "raw", "cache", "out")]
    ablation.main([*folders, "--variants", "studio", "lsgan", "--seeds", "0", "9"])
    expected = [(name, seed) for seed in (0, 9) for name in ("studio", "lsgan")]
    assert ran == [pair for pair in expected if f"{pair[0]}/{pair[1]}/10000" not in recorded]
    assert ("studio", 0) not in ran and ("lsgan", 9) in ran
    assert "| `lsgan` |" in capsys.readouterr().out
    ran.clear()
    ablation.main(
        [*[f for f in folders if "out" not in f], f"--out={tmp_path / 'b'}", "--variants", "studio", "--anew"]
    )
    assert ran == [("studio", 0), ("studio", 1)]
