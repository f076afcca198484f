"""Drawings by category and as strokes into a dataset: order, names, validation files, bad lines."""

import csv
import itertools
import json

import numpy as np
import pytest

from sketch2photo.data import store, strokes
from sketch2photo.data.drawings import category_name
from sketch2photo.data.example import decode
from tests.data.raw_files import draw_sketch, prepare, write_csv, write_picture, write_strokes, zigzag

SMALL = ("--size", 64)


def report_of(folder):
    return json.loads((folder / "report.json").read_text())


def splits_of(folder):
    with (folder / "manifest.csv").open() as lines:
        return {row["file"]: row["split"] for row in csv.DictReader(lines)}


def records_of(folder):
    dataset = store.open_dataset(folder)
    return {r.file: r for split in dataset.sizes for r in dataset.records(split)}


def test_the_features_are_as_documented(drawings_folder):
    import tensorflow_datasets as tfds

    source = tfds.builder_from_directory(str(drawings_folder)).as_data_source("train")
    assert source.dataset_info.features["label"].names == ["circle", "star", "zigzag"]
    for example in source:
        assert len(example["sketches"]) == 1 and example["sketches"][0].shape == (64, 64, 1)
        assert example["strokes"].dtype == np.int16 and example["strokes"].shape[1:] == (3,)
        assert (len(example["strokes"]) == 0) == (example["label"] == 0)
        assert {"group", "source", "licence"} <= set(example)


def test_strokes_keep_their_order_and_fill_the_square(tmp_path):
    drawing = [[[100, 140], [100, 100]], [[140, 140], [100, 120]], [[100, 120, 140], [110, 110, 110]]]
    write_strokes(tmp_path / "raw" / "kite.ndjson", "kite", [drawing])
    prepare("drawings", "--raw", tmp_path / "raw", "--out", tmp_path / "out", *SMALL)
    record = records_of(tmp_path / "out")["kite.ndjson, line 1"]
    # 40 wide and 20 high, so 255 wide, and 127.5 high in the middle.
    expected = [[0, 64, 0], [255, 64, 0], [255, 64, 1], [255, 191, 1], [0, 128, 2], [128, 128, 2], [255, 128, 2]]
    assert record.strokes is not None
    assert record.strokes.tolist() == expected
    assert (decode(record.sketches[0], 1) < 128).any()


def test_a_fraction_of_the_strokes_is_the_first_ones():
    points = strokes.from_quickdraw([[[0, 255], [0, 0]], [[0, 255], [85, 85]], [[0, 255], [170, 170]], [[5], [255]]])
    ink = [(strokes.render(points, 128, 4, fraction) < 128).any(1) for fraction in (0.01, 0.25, 0.5, 0.75, 1.0)]
    rows = [int((np.diff(drawn.astype(int)) == 1).sum()) for drawn in ink]
    assert rows == [1, 1, 2, 3, 4], "the last stroke is a dot"
    for fewer, more in itertools.pairwise(ink):
        assert (fewer <= more).all()


def test_a_shaken_drawing_is_the_same_by_another_hand():
    lines = [np.column_stack([np.linspace(20, 60 + 12 * i, 9), np.full(9, 20 * i), np.full(9, i)]) for i in range(12)]
    drawing = np.concatenate(lines).astype(np.int16)
    before = drawing.copy()
    rng = np.random.default_rng(0)
    found = [strokes.shaken(drawing, rng) for _ in range(60)]
    np.testing.assert_array_equal(drawing, before)
    assert all(one.dtype == np.int16 and set(one[:, 2]) <= set(range(12)) and 11 in one[:, 2] for one in found)
    left_out = 1 - np.mean([len(set(one[:, 2])) for one in found]) / 12
    assert 0.05 < left_out < 0.15, "up to a fifth is left out, but never the longest"
    moved = [np.abs(one[one[:, 2] == 11, :2] - lines[11][:, :2]).max() for one in found]
    assert 2 < np.median(moved) < 25 and max(moved) < 60
    assert strokes.shaken(drawing[:0], rng).shape == (0, 3)


@pytest.mark.parametrize(
    "drawing", [[[[1, 2], [1]]], [["x", "y"]], [[[[1]], [[2]]]], [[[float("nan")], [1.0]]], [[[1]]]]
)
def test_what_is_no_drawing_is_refused(drawing):
    with pytest.raises((ValueError, TypeError, IndexError)):
        strokes.from_quickdraw(drawing)


@pytest.mark.parametrize(
    ("raw", "name"), [("teddy-bear", "teddy_bear"), (" hot-air balloon ", "hot_air_balloon"), ("car_(sedan)",) * 2]
)
def test_category_names(raw, name):
    assert category_name(raw) == name


def test_categories_from_folders_words_and_arguments(tmp_path):
    write_picture(tmp_path / "a" / "set" / "wine-bottle" / "1.png", draw_sketch("circle", 1))
    write_picture(tmp_path / "b" / "deep" / "er" / "1.png", draw_sketch("circle", 2))
    write_strokes(tmp_path / "c" / "full_couch.ndjson", "couch", [zigzag(1)])
    no_word = tmp_path / "c" / "teddy bear.ndjson"
    no_word.write_text(json.dumps({"drawing": zigzag(2)}) + "\n")
    prepare(
        *("drawings", "--raw", tmp_path / "a", f"{tmp_path / 'b'}=apple", tmp_path / "c"),
        *("--rename", "couch=sofa", "wine-bottle=bottle", "zebra=horse", "--out", tmp_path / "out", *SMALL),
    )
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert any("there is no zebra here" in remark for remark in report["remarks"])
    assert store.open_dataset(tmp_path / "out").categories == ("apple", "bottle", "sofa", "teddy_bear")


def test_val_names_files_keys_and_lines(tmp_path):
    data = tmp_path / "data"
    for number in range(4):
        write_picture(data / "png" / "apple" / f"{number}.png", draw_sketch("circle", number))
    keys = ["111", "222", None, None, "333"]
    write_strokes(data / "qd" / "pear.ndjson", "pear", [zigzag(n) for n in range(5)], key_id=keys)
    write_strokes(data / "qd" / "plum.ndjson", "plum", [zigzag(n) for n in range(10, 13)])
    val = write_csv(
        data / "val.csv",
        ["set", "category", "file", "key_id"],
        [
            ["png", "apple", "png/apple/2.png", ""],
            ["qd", "pear", "qd/pear.ndjson", "222"],
            ["qd", "pear", "qd/pear.ndjson", "line4"],
            ["qd", "plum", "qd/plum.ndjson", ""],
            ["elsewhere", "fig", "no/such.png", ""],
        ],
    )
    prepare("drawings", "--raw", data / "png", data / "qd", "--val", val, "--out", tmp_path / "out", *SMALL)
    in_val = {file for file, split in splits_of(tmp_path / "out").items() if split == "val"}
    assert in_val == {
        "data/png/apple/2.png",
        "data/qd/pear.ndjson, line 2",
        "data/qd/pear.ndjson, line 4",
        *(f"data/qd/plum.ndjson, line {n}" for n in (1, 2, 3)),
    }


def test_copies_of_a_validation_drawing_are_not_trained_on(tmp_path):
    data = tmp_path / "data"
    for name in ("a/apple/1.png", "b/apple/other.png", "sketchy/cup/n01_22-1.png"):
        write_picture(data / name, draw_sketch("circle", 1))
    write_picture(data / "sketchy" / "cup" / "n01_22-2.png", draw_sketch("circle", 5))
    write_picture(data / "sketchy" / "cup" / "n01_23-1.png", draw_sketch("circle", 6))
    write_strokes(data / "qd" / "pear.ndjson", "pear", [zigzag(1), zigzag(2)], key_id=["9", "8"])
    write_strokes(data / "qd2" / "pear.ndjson", "pear", [zigzag(1), zigzag(3)], key_id=[None, "9"])
    rows = [["a/apple/1.png", ""], ["qd/pear.ndjson", "9"]]
    val = write_csv(data / "val.csv", ["file", "key_id"], rows)
    folders = [data / name for name in ("a", "b", "sketchy", "qd", "qd2")]
    prepare("drawings", "--raw", *folders, "--val", val, "--out", tmp_path / "out", *SMALL)
    with (tmp_path / "out" / "manifest.csv").open() as lines:
        train = [row["file"] for row in csv.DictReader(lines) if row["split"] == "train"]
    # Left for training: another photo's sketch, and line 2 of the first file with another key.
    assert train == ["data/sketchy/cup/n01_23-1.png", "data/qd/pear.ndjson, line 2"]


def test_without_val_a_tenth_is_held_back_and_stays_so(tmp_path):
    file = write_strokes(tmp_path / "raw" / "pear.ndjson", "pear", [zigzag(n) for n in range(120)])
    prepare("drawings", "--raw", tmp_path / "raw", "--out", tmp_path / "a", *SMALL)
    write_strokes(file, "pear", [zigzag(n) for n in range(150)])
    prepare("drawings", "--raw", tmp_path / "raw", "--out", tmp_path / "b", *SMALL)
    before, after = splits_of(tmp_path / "a"), splits_of(tmp_path / "b")
    assert 3 <= list(before.values()).count("val") <= 25
    assert {file: after[file] for file in before} == before


def test_unrecognised_drawings_and_the_limit(tmp_path):
    recognised = [True, False, True, None, True, True]
    write_strokes(tmp_path / "raw" / "pear.ndjson", "pear", [zigzag(n) for n in range(6)], recognized=recognised)
    prepare("drawings", "--raw", tmp_path / "raw", "--out", tmp_path / "a", *SMALL)
    assert len(splits_of(tmp_path / "a")) == 5
    assert report_of(tmp_path / "a")["remarks"][0] == "left out 1 drawings that Quick, Draw! did not recognise"
    prepare("drawings", "--raw", tmp_path / "raw", "--keep-unrecognised", "--out", tmp_path / "b", *SMALL)
    assert len(splits_of(tmp_path / "b")) == 6
    prepare("drawings", "--raw", tmp_path / "raw", "--limit-per-category", 2, "--out", tmp_path / "c", *SMALL)
    assert set(splits_of(tmp_path / "c")) == {"pear.ndjson, line 1", "pear.ndjson, line 3"}


def test_bad_lines_and_files_are_listed(tmp_path):
    raw = tmp_path / "raw"
    good = json.dumps({"word": "pear", "drawing": zigzag(1)})
    bad = ["{broken", '{"word": "pear"}', '"text"', '{"drawing": [[[1, 2], [1]]]}', '{"drawing": []}', '{"drawing": 5}']
    raw.mkdir()
    (raw / "pear.ndjson").write_text("\n".join([good, "", *bad]))
    write_picture(raw / "pear" / "white.png", np.full((64, 64), 255, np.uint8))
    (raw / "pear" / "broken.png").write_bytes(b"x")
    (raw / "pear" / "read.me").write_text("x")
    prepare("drawings", "--raw", raw, "--out", tmp_path / "out", *SMALL)
    skipped = {entry["file"]: entry["reason"] for entry in report_of(tmp_path / "out")["skipped"]}
    assert skipped.pop("pear/white.png") == "nothing is drawn on it"
    assert "cannot be read as a picture" in skipped.pop("pear/broken.png")
    assert skipped.pop("pear/read.me") == "neither a picture nor SVG nor ndjson (.me)"
    reasons = [skipped.pop(f"pear.ndjson, line {number}") for number in range(3, 9)]
    assert reasons[:3] == ["not a drawing in Quick, Draw! form"] * 3
    assert reasons[3] == "its strokes are not lists of numbers"
    assert reasons[4] == "nothing is drawn on it"
    assert skipped == {}
    assert sum(report_of(tmp_path / "out")["examples"].values()) == 1


def test_bad_arguments(tmp_path, refused):
    raw = tmp_path / "raw"
    write_picture(raw / "couch" / "1.png", draw_sketch("circle", 1))
    (tmp_path / "empty").mkdir()
    out = ("--out", tmp_path / "out")
    assert "did you mean 'couch'?" in refused("drawings", "--raw", raw, "--rename", "coach=sofa", *out)
    assert "is not of the form OLD=NEW" in refused("drawings", "--raw", raw, "--rename", "sofa", *out)
    assert "does not exist: give an existing folder" in refused("drawings", "--raw", tmp_path / "no", *out)
    assert "holds no drawings" in refused("drawings", "--raw", tmp_path / "empty", *out)
    assert "no file --val" in refused("drawings", "--raw", raw, "--val", tmp_path / "v.csv", *out)
    val = write_csv(tmp_path / "v.csv", ["name"], [["x"]])
    assert "has no column 'file'" in refused("drawings", "--raw", raw, "--val", val, *out)
    val = write_csv(tmp_path / "v.csv", ["file"], [["couch/1.png"]])
    assert "names none of the drawings in --raw" in refused("drawings", "--raw", raw, "--val", val, *out)
    assert "'0' is not a whole number" in refused("drawings", "--raw", raw, "--limit-per-category", "0", *out)
    assert not (tmp_path / "out").exists()


def test_the_real_drawings(real_data, tmp_path):
    prepare(
        *("drawings", "--raw", real_data / "quickdraw", real_data / "sketches" / "apples"),
        *("--val", real_data / "human_val.csv", "--limit-per-category", 3, "--out", tmp_path / "out", "--size", 32),
    )
    with (real_data / "human_val.csv").open() as lines:
        named = {(row["file"], row["key_id"]) for row in csv.DictReader(lines)}
    checked = 0
    for file, split in splits_of(tmp_path / "out").items():
        path, _, line = file.removeprefix(f"{real_data.name}/quickdraw/").partition(", line ")
        if not line:
            continue
        record = json.loads((real_data / "quickdraw" / path).read_text().splitlines()[int(line) - 1])
        key = record.get("key_id") or f"line{line}"
        assert (split == "val") == ((f"quickdraw/{path}", key) in named)
        checked += 1
    assert checked > 900
