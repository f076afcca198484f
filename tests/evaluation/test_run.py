"""Evaluations of painters whose figures are known, and the command on a tiny model."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from sketch2photo import images
from sketch2photo.data import loader, store
from sketch2photo.evaluation import __main__ as command
from sketch2photo.evaluation import __main__ as report
from sketch2photo.evaluation import run
from sketch2photo.release import format
from tests import tiny
from tests.data.raw_files import draw_raw_photos, prepare
from tests.evaluation.test_squeezenet import fake_file

CATEGORIES = ("car", "pear")


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Circles called cars, squares called pears."""
    folder = tmp_path_factory.mktemp("data")
    draw_raw_photos(folder / "raw", 14, ("circle",))
    draw_raw_photos(folder / "raw", 14, ("square",))
    (folder / "raw" / "circle").rename(folder / "raw" / "car")
    (folder / "raw" / "square").rename(folder / "raw" / "pear")
    prepare("photos", "--raw", folder / "raw", "--out", folder / "pairs", "--size", 64)
    return folder / "pairs"


@pytest.fixture(scope="module")
def examples(data):
    return loader.pair_examples(store.open_dataset(data), "train", image_size=64, per_category=8)


def colours_of_quarters(photos: np.ndarray) -> np.ndarray:
    """Features that a test can foresee."""
    small = np.stack([images.resize(photo, 4) for photo in photos])
    return small.reshape(len(photos), -1).astype(np.float32) / 255


def test_photos_themselves_are_as_good_as_can_be(examples):
    compare = run.reference(colours_of_quarters, examples, CATEGORIES)
    found = run.evaluate(lambda *_: _photos(examples, *_), examples, CATEGORIES, compare)
    f = found.figures
    assert f["n"] == 16
    assert f["l1"] == 0 and f["pair_distance"] == pytest.approx(0, abs=1e-6)
    assert f["feature_distance"] == pytest.approx(0, abs=1e-4)
    assert f["recognition"] == 1
    assert f["outline_iou"] > 0.9 and f["ink_with_edge"] > 0.4  # edges of 64 px are soft at 256
    assert f["nearest"] == pytest.approx(0, abs=1e-6)
    assert [figures["n"] for figures in found.by_category.values()] == [8, 8]
    white = run.evaluate(lambda s, *_: np.full((*s.shape[:3], 3), 255, np.uint8), examples, CATEGORIES, compare)
    for name in set(run.METRICS) & set(f) - {"nearest", "suspicious"}:
        assert run.better(name, f[name], white.figures[name]), name
        assert not run.better(name, white.figures[name], f[name]), name


def _photos(examples, sketch, label, colour):
    """The true photo of each sketch."""
    places = [int(np.abs(examples["sketch"].astype(int) - s).sum((1, 2, 3)).argmin()) for s in sketch]
    return examples["photo"][places]


def test_without_features_only_some_figures_are_there(examples):
    found = run.evaluate(lambda *_: _photos(examples, *_), examples, CATEGORIES)
    assert set(found.figures) == {"n", "l1", "outline_iou", "ink_with_edge", "colour_difference"}
    np.testing.assert_array_equal(found.distance, 0)


def test_the_painter_is_told_label_and_colour(examples):
    def paint(sketch, label, colour):
        assert len(sketch) == len(label) == len(colour) == run._CHUNK
        photo = np.full((*sketch.shape[:3], 3), 255, np.uint8)
        photo[:, 16:48, 16:48] = colour[:, None, None]
        return photo

    ten = {name: values[:10] for name, values in examples.items()}
    found = run.evaluate(paint, ten, CATEGORIES)
    assert len(found.photos) == 10
    assert found.figures["colour_difference"] == pytest.approx(0, abs=0.5)


def test_better_knows_the_direction():
    assert run.better("kid", 0.1, 0.2) and not run.better("kid", 0.2, 0.1) and not run.better("kid", 0.1, 0.1)
    assert run.better("recognition", 0.9, 0.8) and run.better("recognition", 0.0, None)
    assert not run.better("kid", float("nan"), None)


def test_the_table_names_every_category_and_n(examples):
    compare = run.reference(colours_of_quarters, examples, CATEGORIES)
    text = report.table(run.evaluate(lambda *_: _photos(examples, *_), examples, CATEGORIES, compare))
    rows = {line.split()[0]: line.split() for line in text.splitlines() if line}
    assert rows["car"][1] == rows["pear"][1] == "8" and rows["all"][1] == "16"
    for name in run.METRICS:
        assert re.search(rf"^ *{name}  .* is better", text, re.M), name


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("released") / "tiny"
    format.write(tiny.model(), folder, "# tiny\n")
    return folder


def test_the_command_prints_writes_and_draws(tmp_path, capsys, monkeypatch, data, checkpoint):
    monkeypatch.setattr(run, "SIZE", 64)
    features = fake_file(tmp_path / "net.mat")
    out = tmp_path / "out"
    command.main(
        ["--checkpoint", str(checkpoint), "--data", str(data), "--split", "train", "--limit", "6"]
        + ["--features", str(features), "--out", str(out)]
    )
    said = capsys.readouterr().out
    assert "pear" in said and "recognition" in said
    content = json.loads((out / "evaluation.json").read_text())
    assert content["figures"]["n"] == 12
    assert content["by_category"]["car"]["n"] == 6
    assert {"kid", "kid_sd", "feature_distance", "recognition", "outline_iou"} <= set(content["figures"])
    picture = images.decode_photo(out / "pictures.png")
    assert picture.shape == (2 * 68 + 4, 9 * 68 + 4, 3)
    assert sorted(p.name for p in out.iterdir()) == ["evaluation.json", "pictures.png"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"--checkpoint": "none"}, r"there is no folder '\S*none'"),
        ({"--data": "none"}, r"the dataset '\S*none' does not exist"),
        ({"--features": "none"}, r"features '\S*none' cannot be read .*: name a \.mat file of SqueezeNet"),
        ({"--limit": "0"}, r"--limit is 0: give at least 1"),
        ({"--split": "test"}, r"has no split 'test': it has train"),
    ],
)
def test_bad_input_is_one_sentence(tmp_path, capsys, monkeypatch, data, checkpoint, changes, message):
    monkeypatch.chdir(tmp_path)
    options = {"--checkpoint": str(checkpoint), "--data": str(data), "--split": "train", **changes}
    capsys.readouterr()
    with pytest.raises(SystemExit) as end:
        command.main([word for pair in options.items() for word in pair])
    assert end.value.code == 2
    text = capsys.readouterr().err
    assert text.startswith("evaluation: ") and re.search(message, text), text
    assert text.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_does_not_know_a_category_is_refused(tmp_path, capsys, data):
    format.write(tiny.model(categories=("shoe", "car", "boat")), tmp_path / "other", "# other\n")
    with pytest.raises(SystemExit):
        command.main(["--checkpoint", str(tmp_path / "other"), "--data", str(data), "--split", "train"])
    assert re.search(r"does not know 'pear' of .*: it paints shoe, car, boat", capsys.readouterr().err)
