"""Drawings as SVG files."""

import json

import numpy as np
import pytest

from sketch2photo.data import svg
from sketch2photo.data.example import decode
from sketch2photo.data.store import open_dataset
from sketch2photo.errors import ImageError
from tests.data.raw_files import prepare

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 800">'


def write(path, body, head=HEAD):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{head}{body}</svg>")
    return path


def test_lines_in_the_order_of_the_file(tmp_path):
    path = write(
        tmp_path / "a.svg", '<path d="M 100 100 L 500 100 M 100 300 h 400"/><polyline points="100,100 100,500"/>'
    )
    points = svg.read(path, "a.svg")
    assert points.dtype == np.int16
    lines = [points[points[:, 2] == n, :2].tolist() for n in range(3)]
    assert lines == [[[0, 0], [255, 0]], [[0, 128], [255, 128]], [[0, 0], [0, 255]]]


def test_curves_shapes_and_transforms(tmp_path):
    path = write(tmp_path / "a.svg", '<g transform="translate(50 0) scale(2)"><circle cx="100" cy="100" r="50"/></g>')
    points = svg.read(path, "a.svg").astype(float)
    radius = np.hypot(points[:, 0] - 127.5, points[:, 1] - 127.5)
    assert len(points) > 30 and np.abs(radius - 127.5).max() < 2
    curve = svg.read(write(tmp_path / "b.svg", '<path d="M0 0 C 0 100 100 100 100 0"/>'), "b.svg")
    assert curve[:, 1].max() > curve[0, 1] + 100, "the curve bends"


def test_a_folder_of_drawings(tmp_path):
    for number in range(5):
        body = f'<path fill="none" stroke="#000" d="M10 10 L {100 + number} 300 Z"/>'
        write(tmp_path / "raw" / "hot-air balloon" / f"{number}.SVG", body)
    write(tmp_path / "raw" / "hot-air balloon" / "empty.svg", "")
    write(tmp_path / "raw" / "hot-air balloon" / "bomb.svg", '<defs><g id="a"/></defs><use href="#a"/>')
    prepare("drawings", "--raw", tmp_path / "raw", "--out", tmp_path / "out", "--size", 64)
    dataset = open_dataset(tmp_path / "out")
    assert dataset.categories == ("hot_air_balloon",) and sum(dataset.sizes.values()) == 5
    record = dataset.record("train", 0)
    assert len(record.strokes) >= 3 and (decode(record.sketches[0], 1) < 128).any()
    skipped = {s["file"]: s["reason"] for s in json.loads((tmp_path / "out" / "report.json").read_text())["skipped"]}
    assert skipped == {
        "hot-air balloon/empty.svg": "holds no lines",
        "hot-air balloon/bomb.svg": "has <use> elements, which are not read: save it as plain SVG",
    }


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("no xml", "cannot be read as SVG"),
        ("<svg><path d='M0 0", "cannot be read as SVG"),
        ("<html></html>", "outermost element is <html>"),
        (f"{HEAD}<path d='M 0 0 L x y'/></svg>", "holds no lines|cannot be read"),
        ('<!DOCTYPE svg [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><svg>&b;</svg>', "defines entities"),
        (f"{HEAD}<rect width='0' height='0'/></svg>", "holds no lines"),
        (f"{HEAD}<g display='none'><path d='M0 0 L9 9'/></g></svg>", "holds no lines"),
    ],
)
def test_what_is_no_drawing(tmp_path, content, reason):
    (tmp_path / "a.svg").write_text(content)
    with pytest.raises(ImageError, match=reason):
        svg.read(tmp_path / "a.svg", "a.svg")


def test_endless_drawings(tmp_path, monkeypatch):
    monkeypatch.setattr(svg, "MAX_POINTS", 100)
    path = write(tmp_path / "a.svg", '<path d="M0 0 L 9 9 3 4"/>' * 60)
    with pytest.raises(ImageError, match="more than 100 points"):
        svg.read(path, "a.svg")
    monkeypatch.setattr(svg, "MAX_BYTES", 50)
    with pytest.raises(ImageError, match="bytes: an SVG file may have 50"):
        svg.read(path, "a.svg")
