"""Folders and archives as people have them: nothing is dropped in silence, names are names, splits are kept."""

import csv
import json
import unicodedata
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.data.raw_files import draw_photo, draw_sketch, prepare, write_csv, write_picture, write_strokes, zigzag


def outcome(*arguments, out: Path) -> tuple[dict[str, dict[str, str]], dict]:
    """The rows of manifest.csv by file, and report.json with its skipped files by name."""
    prepare(*arguments, "--out", out, "--size", 32, "--overwrite")
    with (out / "manifest.csv").open(encoding="utf-8") as lines:
        used = {row["file"]: row for row in csv.DictReader(lines)}
    report = json.loads((out / "report.json").read_text())
    report["left_out"] = {one["file"]: one["reason"] for one in report["skipped"] + report["passed_over"]}
    return used, report


def photos(folder: Path, *names: str, first: int = 0) -> None:
    for number, name in enumerate(names, first):
        write_picture(folder / name, draw_photo("circle", number))


# ---------------------------------------------------------------- all is used or named

_NAMES = (
    "a.png",
    "_b.png",
    "c.txt",
    "noend",
    ".DS_Store",
    "Thumbs.db",
    "desktop.ini",
    "._a.png",
    "d.npy",
    "e.zip",
    "f.JPG",
)
_FOLDERS = ("", "cup", "_mug", "cup/more", "__MACOSX", ".git", "train/cup", "val/cup", "A", "B", "left/over")
_PLACES = st.lists(st.tuples(st.sampled_from(_FOLDERS), st.sampled_from(_NAMES)), unique=True, max_size=10)


@pytest.mark.parametrize("source", ["photos", "drawings", "pairs", "list", "manifest"])
@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(places=_PLACES)
def test_every_file_is_used_or_named(source, tmp_path_factory, places):
    raw = tmp_path_factory.mktemp("raw")
    sides = ("A", "B") if source == "pairs" else ("plate", "plate")
    for side, name in zip(sides, ("0.png", "0.png" if source == "pairs" else "1.png"), strict=True):
        write_picture(raw / side / name, draw_photo("square", 90))
    options: list = ["pairs" if source == "list" else "photos" if source == "manifest" else source, "--raw", raw]
    if source == "list":
        write_csv(raw / "pairs.csv", ["sketch", "photo"], [["plate/0.png", "plate/1.png"]])
    if source == "manifest":
        options += ["--manifest", write_csv(raw / "m.csv", ["file", "category"], [["plate/0.png", "plate"]])]
    for folder, name in places:
        path = raw / folder / name
        if Path(name).suffix.lower() in (".png", ".jpg") and not name.startswith("._"):
            write_picture(path, draw_photo("circle", len(folder)))
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x")
    out = tmp_path_factory.mktemp("out") / "out"
    _, report = outcome(*options, "--workers", 1, out=out)
    named = set(report["left_out"])
    used = {row["file"] for row in csv.DictReader((out / "manifest.csv").open())} | {
        "plate/0.png",
        "pairs.csv",
        "m.csv",
    }
    if source == "pairs":
        used |= {"A/0.png"} | {file.replace("B/", "A/", 1) for file in used}
    assert {path.relative_to(raw).as_posix() for path in raw.rglob("*") if path.is_file()} - named - used == set()


@pytest.mark.parametrize("form", ["folder", "zip"])
def test_names_that_begin_with_an_underscore(tmp_path, form):
    raw = tmp_path / "raw"
    photos(raw / "_mugs", "_DSC1.JPG", "DSC2.JPG")
    (raw / "_mugs" / "_notes.txt").write_text("x")
    (raw / ".DS_Store").write_text("x")
    given_as = raw
    if form == "zip":
        given_as = tmp_path / "raw.zip"
        with zipfile.ZipFile(given_as, "w") as archive:
            for path in raw.rglob("*.*"):
                archive.write(path, path.relative_to(raw))
    used, report = outcome("photos", "--raw", given_as, out=tmp_path / "out")
    assert set(used) == {"_mugs/_DSC1.JPG", "_mugs/DSC2.JPG"} and set(report["categories"]) == {"_mugs"}
    assert report["left_out"].pop(".DS_Store") == "left there by the system"
    assert "a picture" in report["left_out"].pop("_mugs/_notes.txt") and not report["left_out"]


def test_a_name_twice_in_a_zip(tmp_path):
    data = cv2.imencode(".png", draw_photo("circle", 1))[1].tobytes()
    with zipfile.ZipFile(tmp_path / "raw.zip", "w") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        for _ in range(2):
            archive.writestr("cup/a.png", data)
    _, report = outcome("photos", "--raw", tmp_path / "raw.zip", out=tmp_path / "out")
    assert report["left_out"] == {"cup/a.png": "its name is there twice: the last is used"}


@pytest.mark.parametrize("more", ["0.png", "0.PNG", "0_B.jpg"])
def test_two_photos_of_one_name(tmp_path, more):
    photos(tmp_path / "raw", "A/0.png", "B/0.jpg", "B/" + more)
    used, report = outcome("pairs", "--raw", tmp_path / "raw", out=tmp_path / "out")
    assert len(used) == 1 and len(report["left_out"]) == 1
    assert next(iter(report["left_out"].values())).startswith("another photo of its name is used: 0")
    assert set(used) | set(report["left_out"]) == {"B/0.jpg", "B/" + more}


@pytest.mark.parametrize("kind", ["npy", "bin", "csv"])
def test_other_forms_of_quick_draw_are_named(tmp_path, refused, kind):
    write_strokes(tmp_path / "raw" / "cup.ndjson", "cup", [zigzag(n) for n in range(3)])
    (tmp_path / "raw" / f"cat.{kind}").write_bytes(b"\x93NUMPY")
    _, report = outcome("drawings", "--raw", tmp_path / "raw", out=tmp_path / "out")
    assert "get the simplified drawings, .ndjson" in report["left_out"][f"cat.{kind}"]
    (tmp_path / "raw" / "cup.ndjson").unlink()
    assert "get the simplified drawings, .ndjson" in refused(
        "drawings", "--raw", tmp_path / "raw", "--out", tmp_path / "o"
    )


def test_what_a_limit_leaves_out_is_named(tmp_path):
    for number in range(4):
        write_picture(tmp_path / "raw" / "cup" / f"{number}.png", draw_sketch("circle", number))
    limited = ("--limit-per-category", 3)
    used, report = outcome("drawings", "--raw", tmp_path / "raw", *limited, out=tmp_path / "out")
    assert len(used) == 3 and report["left_out"] == {"cup/3.png": "beyond --limit-per-category"}


# ---------------------------------------------------------------- names


def decomposed(name: str) -> str:
    return unicodedata.normalize("NFD", name)


def test_composed_and_decomposed_letters_are_one_name(tmp_path):
    raw = tmp_path / "pairs"
    photos(raw, "A/café.png", "B/" + decomposed("café.jpg"), "A/" + decomposed("신발.png"), "B/신발.jpg")
    used, report = outcome("pairs", "--raw", raw, out=tmp_path / "out")
    assert len(used) == 2 and report["left_out"] == {}
    photos(tmp_path / "photos", "신발/0.jpg", decomposed("신발") + "/1.jpg")
    _, report = outcome("photos", "--raw", tmp_path / "photos", out=tmp_path / "out")
    assert set(report["categories"]) == {"신발"}
    photos(tmp_path / "list", decomposed("é/신.jpg"))
    manifest = write_csv(tmp_path / "list" / "m.csv", ["file", "category"], [["é/신.jpg", decomposed("신발")]])
    used, report = outcome("photos", "--manifest", manifest, out=tmp_path / "out")
    assert len(used) == 1 and set(report["categories"]) == {"신발"}


def test_validation_drawings_are_found_under_either_name(tmp_path):
    for name in ("신발/0.png", decomposed("신발/신1.png")):
        write_picture(tmp_path / "raw" / name, draw_sketch("circle", len(name)))
    val = write_csv(tmp_path / "val.csv", ["file"], [["raw/신발/신1.png"]])
    used, report = outcome("drawings", "--raw", tmp_path / "raw", "--val", val, out=tmp_path / "out")
    assert set(report["categories"]) == {"신발"} and sorted(row["split"] for row in used.values()) == ["train", "val"]


@pytest.mark.parametrize(
    ("folder", "encoding"),
    [
        ("신발", "cp949"),
        ("くつ", "cp932"),
        ("靴とカップ", "cp932"),
        ("Schlüssel", "cp437"),
        ("café", "cp437"),
        ("신발", "utf-8"),
    ],
)
def test_zips_that_do_not_say_how_names_are_written(tmp_path, folder, encoding):
    data = [cv2.imencode(".png", draw_photo("circle", n))[1].tobytes() for n in range(3)]
    with zipfile.ZipFile(tmp_path / "raw.zip", "w") as archive:
        for number, content in enumerate(data):
            archive.writestr(
                f"{'x' * len(folder.encode(encoding))}/{folder}{number}.png".replace(
                    folder, "y" * len(folder.encode(encoding))
                ),
                content,
            )
    raw = (tmp_path / "raw.zip").read_bytes()
    for letter in "xy":
        raw = raw.replace((letter * len(folder.encode(encoding))).encode(), folder.encode(encoding))
    (tmp_path / "raw.zip").write_bytes(raw)
    used, report = outcome("photos", "--raw", tmp_path / "raw.zip", out=tmp_path / "out")
    assert set(report["categories"]) == {folder} and f"{folder}/{folder}0.png" in used
    assert report["remarks"][0] == f"names in raw.zip were read as {encoding}, as they do not say how"


# ---------------------------------------------------------------- splits


@pytest.mark.parametrize("source", ["photos", "drawings"])
def test_folders_above_those_of_categories_set_the_split(tmp_path, source):
    raw = tmp_path / "raw"
    photos(raw, "train/cat/0.png", "train/dog/1.png", "val/cat/2.png", "Test/dog/3.png")
    (raw / "train" / "desktop.ini").write_text("x")
    used, report = outcome(source, "--raw", raw, out=tmp_path / "out")
    assert set(report["categories"]) == {"cat", "dog"}
    assert {name: row["split"] for name, row in used.items()} == {
        "train/cat/0.png": "train",
        "train/dog/1.png": "train",
        "val/cat/2.png": "val",
        "Test/dog/3.png": "test",
    }
    _, report = outcome(source, "--raw", raw / "train", out=tmp_path / "out")
    assert set(report["categories"]) == {"cat", "dog"}


def test_a_train_is_a_category_too(tmp_path):
    photos(tmp_path / "raw", "train/0.png", "car/1.png")
    _, report = outcome("photos", "--raw", tmp_path / "raw", out=tmp_path / "out")
    assert set(report["categories"]) == {"train", "car"}


# ---------------------------------------------------------------- pairs that do not fit


def sized(path: Path, width: int, height: int) -> None:
    picture = np.full((height, width, 3), 255, np.uint8)
    cv2.rectangle(picture, (width // 4, height // 4), (3 * width // 4, 3 * height // 4), (200, 90, 30), -1)
    write_picture(path, picture)


def test_pairs_of_other_shapes(tmp_path):
    raw = tmp_path / "raw"
    for name, size in (("A/0.png", (60, 90)), ("B/0.jpg", (90, 60)), ("A/1.png", (45, 30)), ("B/1.jpg", (90, 60))):
        sized(raw / name, *size)
    used, report = outcome("pairs", "--raw", raw, out=tmp_path / "out")
    assert set(used) == {"B/1.jpg"}
    assert report["left_out"] == {
        "A/0.png": "is 60 x 90 pixels, its photo 90 x 60: they cannot lie on each other; --fit stretch or --fit pad "
        "takes such pairs",
        "B/0.jpg": "none of its inputs can be used",
    }
    for fit in ("stretch", "pad"):
        used, _ = outcome("pairs", "--raw", raw, "--fit", fit, out=tmp_path / "out")
        assert len(used) == 2


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_class_numbers_are_remarked_and_coloured(tmp_path, dtype):
    raw = tmp_path / "raw"
    for number in range(3):
        labels = np.zeros((64, 64), dtype)
        labels[10:40, 10 + number : 50], labels[45:60, 5:60] = 1, 2
        write_picture(raw / "A" / f"{number}.png", labels)
        write_picture(raw / "B" / f"{number}.jpg", draw_photo("circle", number))
    _, report = outcome("pairs", "--raw", raw, out=tmp_path / "out")
    assert any("3 levels of black (0, 1, 2)" in text and "--label-colours" in text for text in report["remarks"])
    _, report = outcome("pairs", "--raw", raw, "--label-colours", out=tmp_path / "out")
    from sketch2photo.data.example import decode
    from sketch2photo.data.store import open_dataset

    dataset = open_dataset(tmp_path / "out")
    record = next(record for split in dataset.sizes for record in dataset.records(split))
    assert dataset.input_channels == 3 and len(np.unique(decode(record.sketches[0], 3).reshape(-1, 3), axis=0)) >= 3
