"""Several datasets as one."""

import csv
import json
from collections import Counter

import pytest

from sketch2photo.data import store
from sketch2photo.data.example import decode
from tests.data.raw_files import draw_photo, prepare, write_csv, write_picture


@pytest.fixture
def make(tmp_path):
    """Datasets of photos by (number, category, group, split)."""

    def build(name, rows, size=64):
        raw = tmp_path / f"raw-{name}"
        lines = []
        for number, category, group, split in rows:
            file = write_picture(raw / f"{number}.png", draw_photo("circle", number))
            lines.append([file.name, category, group, split])
        manifest = write_csv(raw / "m.csv", ["file", "category", "group", "split"], lines)
        prepare("photos", "--manifest", manifest, "--out", tmp_path / name, "--size", size, "--renderings", 3)
        return tmp_path / name

    return build


def splits_of(folder):
    with (folder / "manifest.csv").open() as lines:
        return {row["file"]: row["split"] for row in csv.DictReader(lines)}


def test_categories_are_united_and_splits_kept(make, tmp_path):
    a = make("a", [(1, "apple", "g1", "train"), (2, "pear", "g2", "val")])
    b = make("b", [(3, "pear", "g3", "train"), (4, "plum", "g4", "test")])
    prepare("merge", a, b, "--out", tmp_path / "c")
    merged = store.open_dataset(tmp_path / "c")
    assert merged.kind == "pairs" and merged.categories == ("apple", "pear", "plum")
    assert splits_of(tmp_path / "c") == {"1.png": "train", "2.png": "val", "3.png": "train", "4.png": "test"}
    old, new = store.open_dataset(b).record("test", 0), merged.record("test", 0)
    assert (new.photo, new.sketches, new.group, new.content) == (old.photo, old.sketches, old.group, old.content)
    assert (new.colour == old.colour).all()


def test_a_group_in_two_splits_goes_to_the_stricter(make, tmp_path):
    a = make("a", [(1, "apple", "g1", "train"), (2, "apple", "g2", "train"), (7, "apple", "g7", "train")])
    # Photo 7 again, in another group.
    b = make("b", [(3, "apple", "g1", "test"), (4, "apple", "g4", "train"), (7, "apple", "g8", "val")])
    prepare("merge", a, b, "--out", tmp_path / "c")
    with (tmp_path / "c" / "manifest.csv").open() as lines:
        rows = sorted((row["file"], row["split"]) for row in csv.DictReader(lines))
    assert rows == [
        ("1.png", "test"),
        ("2.png", "train"),
        ("3.png", "test"),
        ("4.png", "train"),
        ("7.png", "val"),
        ("7.png", "val"),
    ]
    remarks = json.loads((tmp_path / "c" / "report.json").read_text())["remarks"]
    assert "group g1 was in test and train: all of it is in test now" in remarks


def test_pairs_and_drawings_give_drawings(make, drawings_folder, tmp_path, capsys):
    a = make("a", [(1, "circle", "g1", "train"), (2, "pear", "g2", "val")], size=96)
    prepare("merge", a, drawings_folder, "--out", tmp_path / "c")
    assert "the result holds drawings" in capsys.readouterr().out
    merged = store.open_dataset(tmp_path / "c")
    assert merged.kind == "drawings" and merged.size == 96
    assert merged.categories == ("circle", "pear", "star", "zigzag")
    old = store.open_dataset(drawings_folder)
    counts = Counter(splits_of(tmp_path / "c").values())
    with (tmp_path / "c" / "manifest.csv").open() as lines:
        assert sum(1 for _ in csv.DictReader(lines)) == sum(old.sizes.values()) + 2 * 3
    assert merged.sizes["train"] == old.sizes["train"] + 3
    assert set(counts) == {"train", "val"}
    assert merged.has_strokes("train").sum() == old.has_strokes("train").sum()
    assert {decode(r.sketches[0], 1).shape for r in merged.records("train")} == {(96, 96)}


def test_bad_arguments(pairs_folder, tmp_path, refused):
    out = ("--out", tmp_path / "c")
    assert "merge takes at least two datasets, not 1" in refused("merge", pairs_folder, *out)
    assert "does not exist: give a folder that prepare_data.py made" in refused(
        "merge", pairs_folder, tmp_path / "no", *out
    )
    (tmp_path / "other").mkdir()
    assert "is not a dataset" in refused("merge", pairs_folder, tmp_path / "other", *out)
    assert not (tmp_path / "c").exists()
