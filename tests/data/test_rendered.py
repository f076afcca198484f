"""Renderings on disk become pairs with their own lines; what is missing is named."""

import csv
import sys

import cv2
import numpy as np
import pytest

from sketch2photo.data import rendered
from sketch2photo.data.example import decode
from sketch2photo.data.store import open_dataset
from tests.commands import answer, succeed
from tests.data.raw_files import prepare


@pytest.fixture
def folder(tmp_path):
    """Three discs as the renderer leaves them; number 10 is for validation."""
    root = tmp_path / "renderings"
    (root / "ball").mkdir(parents=True)
    with open(root / "manifest.csv", "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["file", "category", "group", "source", "licence"])
        for number in (7, 8, 10):
            mask = np.zeros((64, 64), np.uint8)
            cv2.circle(mask, (32, 32), 10 + number, 255, -1)
            photo = np.where(mask[..., None] > 0, np.array([20 * number, 40, 60], np.uint8), np.uint8(255))
            lines = np.full((64, 64), 255, np.uint8)
            cv2.circle(lines, (32, 32), 10 + number, 0, 1)
            simple = lines.copy()
            cv2.line(simple, (32, 2), (32, 12), 0, 1)
            parts = {"photo": photo, "mask": mask, "lines": lines, "simple": simple}
            for what, picture in parts.items():
                cv2.imwrite(str(root / "ball" / f"{number:04d}_{what}.png"), picture)
            table.writerow([f"ball/{number:04d}", "ball", f"ball-{number}", "procedural", "own work"])
    return root


def test_its_own_lines_come_first_and_then_made_ones(folder, tmp_path):
    prepare("rendered", "--from", folder, "--out", tmp_path / "out", "--size", 64, "--renderings", 4)
    dataset = open_dataset(tmp_path / "out")
    assert dataset.sizes == {"train": 2, "val": 1}
    assert dataset.sources() == {"procedural": "own work"}
    record = dataset.record("val", 0)
    assert record.group == "ball-10" and len(record.sketches) == 4
    simple = cv2.imread(str(folder / "ball" / "0010_simple.png"), cv2.IMREAD_GRAYSCALE)
    np.testing.assert_array_equal(decode(record.sketches[0], 1), simple)


def test_shadows_are_not_drawn(folder, tmp_path):
    for number in (7, 8, 10):
        path = str(folder / "ball" / f"{number:04d}_photo.png")
        photo = cv2.imread(path)
        photo[44:60, 4:60] = np.minimum(photo[44:60, 4:60], 150)
        cv2.imwrite(path, photo)
    prepare("rendered", "--from", folder, "--out", tmp_path / "out", "--size", 64, "--renderings", 6)
    record = open_dataset(tmp_path / "out").record("val", 0)
    rows, columns = np.mgrid[:64, :64] - 32
    away = np.hypot(rows, columns) > 20 + 6
    for sketch in record.sketches[2:]:
        assert not (decode(sketch, 1).reshape(64, 64) < 128)[away].any()


def test_half_an_object_is_left_out_and_named(folder, tmp_path, capsys):
    (folder / "ball" / "0007_simple.png").unlink()
    prepare("rendered", "--from", folder, "--out", tmp_path / "out", "--size", 64)
    assert sum(open_dataset(tmp_path / "out").sizes.values()) == 2
    assert "0007_simple.png" in (tmp_path / "out" / "report.json").read_text()


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("file,category,group\n", "holds no renderings"),
        ("file,category,group\nball/seven,ball,a\n", "'ball/seven' does not end in the object's number"),
        ("file,category\nball/0007,ball\n", "group"),
    ],
)
def test_a_manifest_that_says_nothing(folder, tmp_path, refused, lines, expected):
    (folder / "manifest.csv").write_text(lines)
    assert expected in refused("rendered", "--from", folder, "--out", tmp_path / "out")


def test_only_the_wanted_categories_are_taken(folder, tmp_path, refused):
    manifest = folder / "manifest.csv"
    manifest.write_text(manifest.read_text().replace("ball/0008,ball", "ball/0008,globe"))
    prepare("rendered", "--from", folder, "--categories", "ball", "--out", tmp_path / "out", "--size", 64)
    assert open_dataset(tmp_path / "out").categories == ("ball",)
    said = refused("rendered", "--from", folder, "--categories", "globes", "--out", tmp_path / "other")
    assert "unknown category in --categories 'globes': did you mean 'globe'?" in said


def test_no_manifest(tmp_path, refused):
    (tmp_path / "empty").mkdir()
    assert "manifest.csv" in refused("rendered", "--from", tmp_path / "empty", "--out", tmp_path / "out")


# ---------------------------------------------------------------- scenes

RENDERER = """
import argparse, json, os, pathlib, sys
import cv2, numpy as np
parser = argparse.ArgumentParser()
parser.add_argument("--categories", nargs="+")
for name in ("out", "count", "seed", "side", "samples", "device", "workers"):
    parser.add_argument("--" + name)
options = parser.parse_args()
out, side = pathlib.Path(options.out), int(options.side)
if options.device == "gpu":
    sys.exit(print("noise\\nscenes.render: Cycles finds no GPU here", file=sys.stderr) or 2)
for number in range(int(options.count)):
    for category in options.categories:
        stem = out / category / f"{number:04d}"
        done = stem.with_suffix(".json")
        if done.is_file():
            continue
        stem.parent.mkdir(parents=True, exist_ok=True)
        picture = np.full((side, side), 255, np.uint8)
        cv2.circle(picture, (128, 128), 30 + 20 * number, 0, 2)
        refused = "it came out black all over" if number == 2 else ""
        for what in ("photo", "mask", "lines", "simple"):
            cv2.imwrite(f"{stem}_{what}.png", 255 - picture if what == "mask" else picture)
        done.write_text(json.dumps(["%s/%04d" % (category, number), category, f"{category}-{number}", refused]))
        print("%s/%04d" % (category, number), flush=True)
        if KILLED and not (out / "killed").exists():
            (out / "killed").touch()
            os.kill(os.getpid(), 9)
rows = [json.loads(path.read_text()) for path in sorted(out.glob("*/*.json"))]
lines = ["file,category,group,refused"] + [",".join(row) for row in rows]
(out / "manifest.csv").write_text("\\n".join(lines) + "\\n")
"""


def scenes(root, killed: bool = False):
    """A folder of scenes whose renderer is quick and needs no Blender."""
    folder = root / "scenes"
    folder.mkdir()
    (folder / "render.py").write_text(RENDERER.replace("KILLED", str(killed)))
    for name in ("__init__", "ball", "disc"):
        (folder / f"{name}.py").touch()
    return folder


def command(folder, out, *more: object) -> list:
    given = ("--scenes", folder, "--count", 3, "--size", 64, "--renderings", 2, "--blender-python", sys.executable)
    return ["rendered", *given, "--out", out, *more]


def test_scenes_are_rendered_and_what_is_refused_is_named(tmp_path, capsys):
    out = tmp_path / "out"
    prepare(*command(scenes(tmp_path), out, "--categories", "ball"))
    dataset = open_dataset(out)
    assert dataset.categories == ("ball",) and sum(dataset.sizes.values()) == 2
    assert "it came out black all over" in (out / "report.json").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "scenes"]


def test_a_killed_renderer_is_said_and_the_same_command_goes_on(tmp_path):
    given = command(scenes(tmp_path, killed=True), tmp_path / "out")
    first = answer("prepare_data.py", *given)
    assert "the renderer was killed or failed" in first.sentence and not (tmp_path / "out").exists()
    (kept,) = (tmp_path / ".out-draft").glob("scenes-*/*/*.json")
    before = kept.stat().st_mtime_ns
    again = answer("prepare_data.py", *given, "--device", "gpu")
    assert again.sentence.endswith("Cycles finds no GPU here") and kept.stat().st_mtime_ns == before
    succeed("prepare_data.py", *given)
    assert sum(open_dataset(tmp_path / "out").sizes.values()) == 4
    assert not (tmp_path / ".out-draft").exists()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--categories", "bal"), "unknown scene 'bal': did you mean 'ball'?"),
        (("--scenes", "elsewhere"), "--scenes 'elsewhere' holds no scenes"),
        (("--blender-python", "/nowhere/python"), "'/nowhere/python' cannot be run"),
        (("--device", "gpu"), "Cycles finds no GPU here"),
    ],
)
def test_what_cannot_be_rendered_is_one_sentence(tmp_path, more, said):
    refusal = answer("prepare_data.py", *command(scenes(tmp_path), tmp_path / "out", *more)).sentence
    assert said in refusal
    assert [path.name for path in tmp_path.iterdir()] == ["scenes"], "nothing is left"


def test_without_blender_it_is_said_where_to_get_it(tmp_path, monkeypatch):
    monkeypatch.delenv(rendered.PYTHON, raising=False)
    monkeypatch.setattr(rendered.importlib.util, "find_spec", lambda name: None)
    given = ("--scenes", scenes(tmp_path), "--out", tmp_path / "out")
    assert "docs/scenes.md says how" in answer("prepare_data.py", "rendered", *given).sentence
    assert "needs --scenes DIR or --from DIR" in answer("prepare_data.py", "rendered", *given[2:]).sentence


def test_demo_is_refused_by_the_name_of_what_replaces_it():
    assert "'rendered --scenes scenes/'" in answer("prepare_data.py", "demo", "--out", "x").sentence
