"""Pairs that are there already, in the forms people keep them in."""

import json

import numpy as np
import pytest

from sketch2photo.data.example import decode
from sketch2photo.data.loader import pair_batches
from sketch2photo.data.store import open_dataset
from tests.data.raw_files import draw_photo, draw_sketch, prepare, write_csv, write_picture

SMALL = ("--size", 64)


def sketch_rgb(seed):
    return np.repeat(draw_sketch("circle", seed)[..., None], 3, 2)


def side_by_side(folder, count=4, splits=("train", "val"), given=sketch_rgb, swap=False):
    for split in splits:
        for number in range(count):
            seed = number + 100 * splits.index(split)
            halves = [given(seed), draw_photo("circle", seed)]
            write_picture(folder / split / f"{number}.png", np.concatenate(halves[::-1] if swap else halves, 1))
    return folder


def record_of(dataset, split, file):
    return next(r for r in dataset.records(split) if r.file == file)


@pytest.mark.parametrize(("direction", "swap"), [("AtoB", False), ("BtoA", True)])
def test_side_by_side(tmp_path, direction, swap):
    raw = side_by_side(tmp_path / "shapes", swap=swap)
    prepare("pairs", "--raw", raw, "--direction", direction, "--out", tmp_path / "out", "--size", 96)
    dataset = open_dataset(tmp_path / "out")
    assert dataset.kind == "pairs" and dataset.input_channels == 1 and dataset.categories == ("shapes",)
    assert dataset.sizes == {"train": 4, "val": 4}
    record = record_of(dataset, "train", "train/2.png")
    np.testing.assert_array_equal(decode(record.sketches[0], 1), draw_sketch("circle", 2))
    assert np.abs(decode(record.photo, 3).astype(int) - draw_photo("circle", 2)).mean() < 2
    assert record.source == "shapes"


def labels(seed):
    picture = np.zeros((96, 96, 3), np.uint8)
    picture[:, :] = (0, 0, 220)
    picture[20:60, 10 + seed % 30 : 70] = (220, 0, 0)
    return picture


def test_colour_inputs_are_kept(tmp_path):
    raw = side_by_side(tmp_path / "maps", given=labels)
    prepare("pairs", "--raw", raw, "--out", tmp_path / "out", "--size", 96, "--licence", "CC0")
    dataset = open_dataset(tmp_path / "out")
    assert dataset.input_channels == 3 and dataset.sources() == {"maps": "CC0"}
    record = record_of(dataset, "val", "val/1.png")
    np.testing.assert_array_equal(decode(record.sketches[0], 3), labels(101))
    assert (
        "train with --model.input-channels 3"
        in json.loads((tmp_path / "out" / "report.json").read_text())["remarks"][0]
    )
    batch = next(pair_batches(dataset, "train", batch_size=2, image_size=64, input_channels=3, seed=0))
    assert batch["sketch"].shape == (2, 64, 64, 3)
    assert batch["sketch"][..., 0].max() > 180 and batch["sketch"][..., 2].max() > 180
    prepare("pairs", "--raw", raw, "--out", tmp_path / "grey", *SMALL, "--input-channels", 1)
    assert open_dataset(tmp_path / "grey").input_channels == 1


def test_the_generator_must_take_colours(tmp_path):
    from sketch2photo.config import GAN_PRESETS
    from sketch2photo.errors import DataError
    from sketch2photo.training.gan_task import GanTask

    prepare("pairs", "--raw", side_by_side(tmp_path / "maps", given=labels), "--out", tmp_path / "out", *SMALL)
    with pytest.raises(DataError, match=r"add --model\.input-channels 3"):
        GanTask(GAN_PRESETS["debug"], [tmp_path / "out"])


def test_coloured_pairs_merge_and_export(tmp_path):
    prepare("pairs", "--raw", side_by_side(tmp_path / "maps", given=labels), "--out", tmp_path / "a", *SMALL)
    prepare("pairs", "--raw", side_by_side(tmp_path / "lines"), "--out", tmp_path / "b", *SMALL)
    prepare("merge", tmp_path / "a", tmp_path / "b", "--out", tmp_path / "both")
    both = open_dataset(tmp_path / "both")
    assert both.input_channels == 3 and both.categories == ("lines", "maps")
    prepare("export", tmp_path / "both", "--npz", "--out", tmp_path / "npz")
    part = np.load(next((tmp_path / "npz").iterdir()))
    assert part["sketch"].shape[1:] == (64, 64, 3)
    assert set(part["source"].tolist()) == {"lines", "maps"}


def test_what_is_not_side_by_side_is_told(tmp_path, refused):
    raw = side_by_side(tmp_path / "shapes")
    write_picture(raw / "train" / "square.png", draw_photo("square", 1))
    (raw / "train" / "broken.jpg").write_bytes(b"\xff\xd8 no")
    (raw / "train" / "notes.txt").write_text("x")
    empty = np.concatenate([np.full((96, 96, 3), 255, np.uint8), draw_photo("circle", 7)], 1)
    write_picture(raw / "train" / "empty.png", empty)
    prepare("pairs", "--raw", raw, "--out", tmp_path / "out", *SMALL)
    skipped = {s["file"]: s["reason"] for s in json.loads((tmp_path / "out" / "report.json").read_text())["skipped"]}
    assert "is 96 x 96 pixels: two pictures side by side are about twice as wide" in skipped["train/square.png"]
    assert skipped["train/empty.png"] == "nothing is drawn on it"
    assert "not a picture (.txt)" in skipped["train/notes.txt"] and len(skipped) == 4
    (tmp_path / "nothing").mkdir()
    assert "holds no pairs" in refused("pairs", "--raw", tmp_path / "nothing", "--out", tmp_path / "o")


@pytest.mark.parametrize("direction", ["AtoB", "BtoA"])
@pytest.mark.parametrize("form", ["A and B", "two given", "trainA"])
def test_two_folders_by_name(tmp_path, direction, form):
    raw = tmp_path / "shapes"
    names = {"A and B": ("A/train", "B/train"), "two given": ("A", "B"), "trainA": ("trainA", "trainB")}[form]
    suffix = ("_A", "_B") if form == "trainA" else ("", "")
    given, photo = (0, 1) if direction == "AtoB" else (1, 0)
    for number in range(3):
        write_picture(raw / names[given] / f"{number}{suffix[given]}.png", draw_sketch("circle", number))
        write_picture(raw / names[photo] / f"{number}{suffix[photo]}.jpg", draw_photo("circle", number))
    write_picture(raw / names[given] / "alone.png", draw_sketch("circle", 9))
    folders = (raw / "A", raw / "B") if form == "two given" else (raw,)
    prepare("pairs", "--raw", *folders, "--direction", direction, "--out", tmp_path / "out", "--size", 96)
    dataset = open_dataset(tmp_path / "out")
    assert sum(dataset.sizes.values()) == 3
    if form != "two given":
        assert dataset.sizes == {"train": 3}
    for split in dataset.sizes:
        for record in dataset.records(split):
            number = int(record.file.rpartition("/")[2][0])
            np.testing.assert_array_equal(decode(record.sketches[0], 1), draw_sketch("circle", number))
    (skipped,) = json.loads((tmp_path / "out" / "report.json").read_text())["skipped"]
    assert skipped["file"].endswith("alone.png") and skipped["reason"] == "no photo of its name"


def test_numbered_sketches_of_one_photo(tmp_path):
    for number in range(3):
        write_picture(tmp_path / "cup" / "photos" / f"{number:03d}.jpg", draw_photo("circle", number))
        for k in range(2):
            write_picture(tmp_path / "cup" / "sketches" / f"{number:03d}-{k}.png", draw_sketch("circle", number + k))
    prepare("pairs", "--raw", tmp_path / "cup", "--out", tmp_path / "out", *SMALL)
    dataset = open_dataset(tmp_path / "out")
    assert dataset.categories == ("cup",)
    assert [len(r.sketches) for r in dataset.records("train")] == [2, 2, 2]
    remarks = json.loads((tmp_path / "out" / "report.json").read_text())["remarks"]
    assert (
        "000-0.png and 5 more is a further sketch of 000.jpg, by the number: name it otherwise if it is not" in remarks
    )


def test_a_list_of_pairs(tmp_path, refused):
    raw = tmp_path / "set"
    rows = []
    for number in range(4):
        write_picture(raw / "p" / f"{number}.png", draw_photo("circle", number))
        for k in range(2):
            write_picture(raw / "s" / f"{number} {k} é.png", draw_sketch("circle", number + k))
            rows.append([f"s/{number} {k} é.png", f"p/{number}.png", "cup", "val" if number == 0 else "train", "CC0"])
    rows.append(["s/none.png", "p/1.png", "cup", "", ""])
    write_csv(raw / "pairs.csv", ["sketch", "photo", "category", "split", "licence"], rows)
    prepare("pairs", "--raw", raw, "--out", tmp_path / "out", *SMALL)
    dataset = open_dataset(tmp_path / "out")
    assert dataset.sizes == {"train": 3, "val": 1} and dataset.categories == ("cup",)
    assert dataset.sources() == {"set": "CC0"}
    (skipped,) = json.loads((tmp_path / "out" / "report.json").read_text())["skipped"]
    assert "none.png" in skipped["file"] and "No such file" in skipped["reason"]
    prepare("pairs", "--pairs", raw / "pairs.csv", "--out", tmp_path / "same", *SMALL)
    assert open_dataset(tmp_path / "same").sizes == dataset.sizes
    write_csv(raw / "bad.csv", ["left", "right"], [["a", "b"]])
    assert "has no columns sketch and photo" in refused("pairs", "--pairs", raw / "bad.csv", "--out", tmp_path / "o")


def test_bad_arguments(tmp_path, refused):
    out = ("--out", tmp_path / "out")
    assert "pairs needs --raw DIR" in refused("pairs", *out)
    assert "does not exist" in refused("pairs", "--raw", tmp_path / "no", *out)
    for name in "abc":
        (tmp_path / name).mkdir()
    assert "names 3 folders" in refused("pairs", "--raw", *(tmp_path / n for n in "abc"), *out)
    assert "invalid choice: 'AtoC'" in refused("pairs", "--raw", tmp_path, "--direction", "AtoC", *out)


def test_the_real_facades(real_data, tmp_path):
    raw = tmp_path / "facades"
    for split in ("train", "val"):
        (raw / split).mkdir(parents=True)
        for file in sorted((real_data / "facades" / split).iterdir())[:6]:
            (raw / split / file.name).symlink_to(file)
    prepare("pairs", "--raw", raw, "--direction", "BtoA", "--out", tmp_path / "out", *SMALL)
    dataset = open_dataset(tmp_path / "out")
    assert dataset.sizes == {"train": 6, "val": 6} and dataset.input_channels == 3
    record = dataset.record("train", 0)
    given, photo = decode(record.sketches[0], 3).astype(int), decode(record.photo, 3).astype(int)
    assert np.ptp(given, 2).mean() > 100 > 60 > np.ptp(photo, 2).mean(), "label maps are colourful, houses are not"
