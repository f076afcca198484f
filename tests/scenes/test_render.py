"""The command that renders: refusals anywhere, pictures where a Python with Blender is."""

import csv
import errno
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from scenes import render
from sketch2photo.data.rendered import PYTHON


def test_without_blender_it_is_one_sentence(tmp_path, capsys):
    if importlib.util.find_spec("bpy"):
        pytest.skip("bpy is here")
    assert render.main(["--out", str(tmp_path / "out"), "--categories", "mug"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("scenes.render: there is no Blender") and said.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_full_disk_is_one_sentence(tmp_path, capsys, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(render, "_run", full)
    assert render.main(["--out", str(tmp_path)]) == 2
    assert "No space left on device: make room" in capsys.readouterr().err


def test_the_manifest_names_what_is_complete(tmp_path):
    (tmp_path / "mug").mkdir()
    row = dict.fromkeys(render.COLUMNS, "") | {"file": "mug/0001", "category": "mug", "refused": 'black, "all"'}
    (tmp_path / "mug" / "0001.json").write_text(render.json.dumps(row))
    (tmp_path / "mug" / "0002_photo.png").touch()
    render.write_manifest(tmp_path)
    with (tmp_path / "manifest.csv").open(newline="") as lines:
        assert list(csv.DictReader(lines)) == [row]


# ---------------------------------------------------------------- with Blender


@pytest.fixture(scope="module")
def blender() -> str:
    python = os.environ.get(PYTHON) or (sys.executable if importlib.util.find_spec("bpy") else "")
    if not python:
        pytest.skip(f"needs a Python with bpy: {PYTHON} names it")
    return python


def rendered(blender: str, root: Path, *words: object) -> subprocess.CompletedProcess:
    command = [blender, "-m", "scenes.render", *map(str, words)]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=600)


@pytest.mark.slow
def test_objects_are_rendered_with_masks_and_lines(blender: str, root: Path, tmp_path: Path):
    given = ("--categories", "mug", "tree", "--count", 1, "--samples", 4, "--side", 128, "--out", tmp_path)
    done = rendered(blender, root, *given, "--workers", 2)
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.split()) == ["mug/0000", "tree/0000"]
    for category in ("mug", "tree"):
        pictures = {
            name: cv2.imread(str(tmp_path / category / f"0000_{name}.png"), cv2.IMREAD_UNCHANGED)
            for name in render.PICTURES
        }
        photo, mask = pictures["photo"], pictures["mask"]
        assert photo.shape == (128, 128, 3) and mask.shape == (128, 128)
        assert (photo[:4, :4] > 250).all() and 0.05 < (mask > 128).mean() < 0.8
        assert photo[mask == 255].std() > 5, "light and shade"
        around = cv2.dilate(mask, np.ones((9, 9), np.uint8)) > 0
        for name in ("lines", "simple"):
            ink = pictures[name] < 128
            assert ink.any() and (ink & ~around).sum() < 0.02 * ink.sum()
    kept = (tmp_path / "mug" / "0000_photo.png").read_bytes()
    (tmp_path / "tree" / "0000.json").unlink()
    again = rendered(blender, root, *given)
    assert again.stdout.split() == ["tree/0000"] and (tmp_path / "mug" / "0000_photo.png").read_bytes() == kept
    assert (tmp_path / "sheet.png").is_file() and (tmp_path / "manifest.csv").is_file()


@pytest.mark.slow
def test_what_is_not_seen_and_a_device_that_is_not_there_are_refused(blender: str, root: Path, tmp_path: Path):
    hidden = (
        "import sys\n"
        "from scenes import mug, render\n"
        "whole = mug.make\n"
        "def nothing(rng):\n"
        "    model = whole(rng)\n"
        "    for part in model.parts: part.shown = 'lines'\n"
        "    return model\n"
        "mug.make = nothing\n"
        "sys.exit(render.main(sys.argv[1:]))\n"
    )
    given = ["--categories", "mug", "--count", "1", "--samples", "0", "--side", "128", "--out", str(tmp_path)]
    run = {"cwd": root, "capture_output": True, "text": True, "timeout": 300}
    done = subprocess.run([blender, "-c", hidden, *given], **run)
    assert done.returncode == 0, done.stderr
    assert "nothing of it is seen" in (tmp_path / "manifest.csv").read_text()
    assert not list(tmp_path.glob("mug/*.png"))
    found = rendered(blender, root, *given, "--first", 5, "--device", "gpu")
    assert found.returncode in (0, 2) and (found.returncode == 0 or "finds no GPU" in found.stderr)
