"""Renderings on disk become pairs with their own lines; what is missing is named."""

import csv

import cv2
import numpy as np
import pytest

from sketch2photo.data.example import decode
from sketch2photo.data.store import open_dataset
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


def test_no_manifest(tmp_path, refused):
    (tmp_path / "empty").mkdir()
    assert "manifest.csv" in refused("rendered", "--from", tmp_path / "empty", "--out", tmp_path / "out")
