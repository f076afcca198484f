"""Evaluation in the loop: its figures, and that the best weights are kept and can be opened."""

import dataclasses
import json

import jax
import numpy as np
import pytest

from sketch2photo import Studio
from sketch2photo.config import GAN_PRESETS, EvaluationConfig
from sketch2photo.errors import ConfigError
from sketch2photo.evaluation import run
from sketch2photo.release import format
from sketch2photo.release.weights import assemble
from sketch2photo.training import loop
from sketch2photo.training.gan_task import GanTask
from tests import tiny
from tests.data.raw_files import draw_raw_photos, prepare
from tests.evaluation.test_squeezenet import fake_file


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    draw_raw_photos(folder / "raw", 12, ("circle", "square"))
    prepare("photos", "--raw", folder / "raw", "--out", folder / "pairs", "--size", 64)
    fake_file(folder / "net.mat")
    return folder


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Features of 64 px: a quarter of the work."""
    monkeypatch.setattr(run, "SIZE", 64)


def config(folder, best="kid", **changes):
    settings = EvaluationConfig(every=2, features=str(folder / "net.mat"), best=best, per_category=3)
    return dataclasses.replace(GAN_PRESETS["debug"], steps=5, save_every=3, evaluation=settings, **changes)


@pytest.mark.slow
def test_a_run_evaluates_and_keeps_its_best(folder, tmp_path, capsys):
    out = tmp_path / "run"
    loop.train(GanTask(config(folder), [folder / "pairs"], evaluator=run.Evaluating), out)
    lines = [json.loads(line) for line in (out / "evaluation.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [2, 4, 5]
    for name in ("kid", "kid_sd", "feature_distance", "recognition", "outline_iou", "ink_with_edge"):
        assert all(f"val_{name}" in line for line in lines), name
    kept = json.loads((out / format.BEST_FILE).read_text())
    best = min(lines, key=lambda line: line["val_kid"])
    assert (kept["step"], kept["metric"]) == (best["step"], "kid")
    assert kept["value"] == pytest.approx(best["val_kid"], abs=1e-6)
    model, steps = assemble(out / "best", None, with_discriminator=False)
    assert steps == {"gan": best["step"], "images": 4 * best["step"]}
    assert model.discriminator is None
    assert assemble(out / "best", None, with_discriminator=True)[0].discriminator is not None
    prediction = Studio.load(out / "best").predict(tiny.drawing(), "circle")
    assert prediction.photo is not None and prediction.photo.shape == (64, 64, 3)
    assert run.best_value(out, "kid") == best["val_kid"]
    assert run.best_value(out, "outline_iou") == max(line["val_outline_iou"] for line in lines)
    assert run.best_value(tmp_path, "kid") is None


class Painted:
    """A painter of one grey, whose figures are easily made better or worse."""

    def __init__(self, grey):
        self.grey = grey

    def __call__(self, sketch, label, colour):
        return np.full((*sketch.shape[:3], 3), self.grey, np.uint8)


def test_only_better_weights_replace_the_best(folder, tmp_path):
    settings = config(folder, best="pair_distance")
    task = GanTask(settings, [folder / "pairs"])
    evaluate = run.Evaluating(settings, task._data)
    state = jax.jit(task.initial_state)(jax.random.key(0))
    stats = tmp_path / "evaluation.jsonl"
    kept, values = [], []
    for step, grey in ((1, 250), (2, 0), (3, 250), (4, 200)):
        weights = jax.tree.map(lambda x, step=step: x * 0 + step, state.generator)
        figures = evaluate(weights, state.discriminator, Painted(grey), tmp_path, step)
        with stats.open("a") as file:
            file.write(json.dumps({"step": step, **{k: round(v, 6) for k, v in figures.items()}}) + "\n")
        values.append(figures["val_pair_distance"])
        kept.append(json.loads((tmp_path / format.BEST_FILE).read_text())["step"])
    best_so_far = [1 + int(np.argmin(np.round(values[: i + 1], 6))) for i in range(4)]
    assert kept == best_so_far
    assert kept[2] != 3  # as good as the first is not better
    weights = format.read(tmp_path / "best").generator
    assert float(weights["last"]["bias"][0]) == kept[-1]


def test_without_an_evaluator_nothing_is_evaluated(folder):
    task = GanTask(dataclasses.replace(config(folder), evaluation=EvaluationConfig()), [folder / "pairs"])
    assert [step for step in range(1, 41) if task.is_due(step)] == [20, 40]
    assert task._evaluate is None


def test_a_wrong_file_is_noticed_at_the_start(folder, tmp_path):
    wrong = dataclasses.replace(config(folder), evaluation=EvaluationConfig(features=str(tmp_path / "none.mat")))
    with pytest.raises(ConfigError, match=r"features '\S*none.mat' cannot be read"):
        GanTask(wrong, [folder / "pairs"], evaluator=run.Evaluating)
