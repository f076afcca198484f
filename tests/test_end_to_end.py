"""The whole line by its commands: raw photos -> dataset -> training -> released model -> a photo of a sketch."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from sketch2photo import Studio
from tests import commands

LIMIT = 400
"""Seconds a command may take."""
COLOURS = {"ball": (40, 60, 200), "box": (40, 160, 60)}


def succeed(root: Path, *arguments: object) -> str:
    """In a process of its own; the tests of this file that need none take `commands`."""
    done = subprocess.run(
        [sys.executable, *map(str, arguments)], cwd=root, capture_output=True, text=True, timeout=LIMIT, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def draw(category: str, centre: tuple[int, int], reach: int, colour: tuple[int, ...], filled: int) -> np.ndarray:
    sheet = np.full((160, 160, 3), 255, np.uint8)
    if category == "ball":
        cv2.circle(sheet, centre, reach, colour, filled)
    else:
        low, high = (tuple(int(c + sign * reach) for c in centre) for sign in (-1, 1))
        cv2.rectangle(sheet, low, high, colour, filled)
    return sheet


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """Forty pictures of balls and boxes, and one that is broken."""
    folder = tmp_path_factory.mktemp("raw")
    rng = np.random.default_rng(0)
    for category, colour in COLOURS.items():
        (folder / category).mkdir()
        for i in range(20):
            shade = tuple(int(c) for c in np.clip(np.array(colour) + rng.integers(-40, 40, 3), 0, 230))
            photo = draw(
                category, (int(rng.integers(70, 90)), int(rng.integers(70, 90))), int(rng.integers(30, 60)), shade, -1
            )
            cv2.imwrite(str(folder / category / f"{i}.png"), photo)
    (folder / "ball" / "broken.png").write_bytes(b"no picture")
    return folder


@pytest.fixture(scope="module")
def line(root, raw, tmp_path_factory):
    """The folders that the commands leave, by name."""
    home = tmp_path_factory.mktemp("line")
    data, gan, names, model = (home / name for name in ("data", "gan", "names", "model"))
    succeed(root, "prepare_data.py", "photos", "--raw", raw, "--out", data)
    succeed(root, "train.py", "gan", "--data", data, "--out", gan, "--preset", "debug", "--steps", 6, "--save-every", 3)
    succeed(root, "train.py", "classifier", "--data", data, "--out", names, "--preset", "debug", "--steps", 6)
    said = succeed(
        root, "-m", "sketch2photo.release", "--gan", gan, "--classifier", names, "--out", model, "--with-discriminator"
    )
    return {"raw": raw, "data": data, "gan": gan, "names": names, "model": model, "said": said}


def test_the_dataset_says_what_it_left_out(line):
    report = json.loads((line["data"] / "report.json").read_text())
    assert [entry["file"] for entry in report["skipped"]] == ["ball/broken.png"]
    assert sum(report["examples"].values()) == 40
    assert (line["data"] / "contact_sheet.png").is_file()


def test_the_runs_leave_stats_and_samples(line):
    for run_folder, loss in ((line["gan"], "loss_generator"), (line["names"], "loss_cross_entropy")):
        steps = [json.loads(text) for text in (run_folder / "stats.jsonl").read_text().splitlines()]
        assert [entry["step"] for entry in steps] == [1, 2, 3, 4, 5, 6]
        assert all(np.isfinite(entry[loss]) and entry["images_per_second"] > 0 for entry in steps)
        assert list((run_folder / "samples").glob("*.png"))


def test_the_released_model_paints_and_names(line):
    assert "MB" in line["said"] and "against float32" in line["said"]
    studio = Studio.load(line["model"])
    assert studio.categories == ("ball", "box")
    sketch = draw("box", (80, 80), 45, (0, 0, 0), 3)
    prediction = studio.predict(sketch, category="box", colour="#28a03c")
    assert prediction.photo is not None and prediction.photo.shape == (64, 64, 3)
    assert prediction.category == "box" and prediction.colour == "#28a03c"
    assert abs(sum(prediction.probabilities.values()) - 1) < 1e-6


@pytest.mark.slow
def test_resume_goes_on_with_the_same_losses(line, tmp_path):
    parts = tmp_path / "parts"
    start = ("train.py", "gan", "--data", line["data"], "--out", parts)
    commands.succeed(*start, "--preset", "debug", "--steps", 3, "--save-every", 3)
    commands.succeed(*start, "--resume", "--steps", 6)

    def losses(folder):
        return [json.loads(text)["loss_generator"] for text in (folder / "stats.jsonl").read_text().splitlines()]

    assert losses(parts) == losses(line["gan"])


def test_training_goes_on_from_the_released_model(line, tmp_path):
    said = commands.succeed(
        "train.py", "gan", "--data", line["data"], "--out", tmp_path / "more", "--preset", "debug",
        "--steps", 1, "--init", line["model"],
    )  # fmt: skip
    assert "generator: all" in said and "discriminator: all" in said


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("train.py", "gan", "--data", "{none}", "--out", "{new}"), "does not exist"),
        (("train.py", "gan", "--data", "{raw}", "--out", "{new}"), "is not a dataset"),
        (("train.py", "gan", "--data", "{data}", "--out", "{new}", "--preset", "debgu"), "did you mean 'debug'?"),
        (("train.py", "gan", "--data", "{data}", "--out", "{new}", "--preset", "debug", "--batch-size", "999"), "999"),
        (("train.py", "gan", "--data", "{data}", "--out", "{new}", "--resume"), "is not a training run"),
        (("train.py", "gan", "--data", "{data}", "--out", "{gan}", "--preset", "debug"), "add --resume"),
        (("train.py", "gan", "--data", "{data}", "--out", "{new}", "--preset", "debug", "--init", "{raw}"), "released"),
        (
            ("train.py", "gan", "--data", "{data}", "--out", "{new}", "--sample-drawings", "{none}"),
            "a sub-folder for each",
        ),
        (("train.py", "classifier", "--data", "{data}", "--out", "{new}", "--categories", "bal"), "'bal'"),
        (("-m", "sketch2photo.release", "--gan", "{names}", "--out", "{new}"), "classifier run"),
        (("-m", "sketch2photo.release", "--gan", "{raw}", "--out", "{new}"), "is not a training run"),
        (("app.py", "--checkpoint", "{data}", "--no-open"), "is not a released model"),
    ],
)
def test_mistakes_are_one_sentence_and_leave_nothing(line, tmp_path, arguments, sentence):
    places = {name: str(path) for name, path in line.items()} | {
        "none": str(tmp_path / "none"),
        "new": str(tmp_path / "new"),
    }
    refused = commands.answer(*(argument.format(**places) for argument in arguments))
    assert sentence in refused.sentence
    assert not (tmp_path / "new" / "run.json").exists()


def test_a_refusal_of_a_process_is_the_same(root, tmp_path):
    """Of all commands, by the one way they take to it (`exit_on_user_error`)."""
    arguments = ("train.py", "gan", "--data", tmp_path / "none", "--out", tmp_path / "new")
    answered = commands.answer(*arguments)
    done = subprocess.run(
        [sys.executable, *map(str, arguments)], cwd=root, capture_output=True, text=True, timeout=LIMIT, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (2, answered.out, answered.err)
