"""Pairs as plain arrays: what the files hold, that training sees the same in them, and what is refused."""

import json
import subprocess
import sys

import numpy as np
import pytest

from sketch2photo import images
from sketch2photo.data import arrays
from sketch2photo.data.example import decode, frame_pair
from sketch2photo.data.loader import (
    Mix,
    open_pairs,
    open_sketches,
    pair_batches,
    pair_examples,
    sketch_batches,
    sketch_examples,
)
from sketch2photo.errors import DataError
from tests.data.raw_files import prepare
from tests.data.test_loader import assert_equal, assert_resumes_exactly, take

SETTINGS = {"batch_size": 4, "image_size": 64, "balance": "sqrt", "seed": 3}


@pytest.fixture(scope="module")
def exported(pairs_folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("exports") / "pairs"
    prepare("export", pairs_folder, "--npz", "--out", out)
    return out


def test_a_part_holds_what_the_dataset_does(exported, pairs):
    (file,) = sorted(exported.iterdir())
    part = np.load(file, allow_pickle=False)
    count = sum(pairs.sizes.values())
    assert part["label"].shape == (count,) and part["photo"].shape[0] >= count
    assert part["photo"].shape[1:] == (64, 64, 3) and part["photo"].dtype == np.uint8
    assert part["sketch"].shape == (7 * count, 64, 64, 1) and part["sketch"].dtype == np.uint8
    assert part["categories"].tolist() == ["circle", "square"]
    assert {name: int((part["split"] == name).sum()) for name in pairs.sizes} == pairs.sizes
    record = pairs.record("train", 5)
    place = np.flatnonzero(part["example"] == 5)[2]
    sketch, photo, _ = frame_pair(decode(record.sketches[2], 1), decode(record.photo, 3), 64)
    np.testing.assert_array_equal(part["sketch"][place], sketch)
    np.testing.assert_array_equal(part["photo"][part["photo_of"][place]], photo)
    assert part["categories"][part["label"][5]] == record.category and part["name"][5] == record.file
    assert json.loads(str(part["about"]))["palette"].keys() == {"circle", "square"}


def test_the_same_batches_as_of_the_dataset(exported, pairs, pairs_folder):
    plain, whole = open_pairs([exported]), open_pairs([pairs_folder])
    assert plain.categories == whole.categories and plain.sources() == whole.sources()
    assert plain.palette() == {name: tuple(colours) for name, colours in whole.palette().items()}
    assert_equal(take(pair_batches(plain, "train", **SETTINGS), 5), take(pair_batches(whole, "train", **SETTINGS), 5))
    shown = {"image_size": 64, "per_category": 2}
    assert_equal([pair_examples(plain, "val", **shown)], [pair_examples(whole, "val", **shown)])


def test_arrays_resume_exactly(exported):
    assert_resumes_exactly(lambda: pair_batches(open_pairs([exported]), "train", **SETTINGS))


def test_the_hosts_batches_side_by_side_are_those_of_one_host(exported, pairs_folder):
    for path in (exported, pairs_folder):
        source = open_pairs([path])
        alone = take(pair_batches(source, "train", **SETTINGS | {"batch_size": 8}), 4)
        hosts = [take(pair_batches(source, "train", **SETTINGS, shard=(host, 2)), 4) for host in range(2)]
        for whole, first, second in zip(alone, *hosts, strict=True):
            for name in whole:
                np.testing.assert_array_equal(whole[name], np.concatenate([first[name], second[name]]))


def test_parts_stay_small(pairs_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(arrays, "MAX_BYTES", 100_000)
    monkeypatch.setattr(arrays, "_TARGET", 95_000)
    files = arrays.export(pairs_folder, tmp_path / "out", say=lambda _: None)
    assert len(files) > 2
    assert all(file.stat().st_size <= 100_000 for file in files)
    source = open_pairs(files)
    whole = open_pairs([pairs_folder])
    assert_equal(take(pair_batches(source, "train", **SETTINGS), 3), take(pair_batches(whole, "train", **SETTINGS), 3))


def test_a_part_that_would_be_too_large_is_refused(pairs_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(arrays, "MAX_BYTES", 1000)
    with pytest.raises(DataError, match=r"came out at \d+ bytes: export at a smaller --size"):
        arrays.export(pairs_folder, tmp_path / "out", say=lambda _: None)
    assert list(tmp_path.iterdir()) == []


def test_choosing_what_is_exported(pairs_folder, tmp_path):
    options = ("--size", 32, "--splits", "train", "--sketches", 2, "--limit-per-category", 3)
    prepare("export", pairs_folder, "--out", tmp_path / "out", *options)
    (file,) = (tmp_path / "out").iterdir()
    part = np.load(file)
    assert part["label"].shape == (6,) and part["sketch"].shape == (12, 32, 32, 1)
    assert part["split"].tolist() == ["train"] * 6 and sorted(part["label"].tolist()) == [0] * 3 + [1] * 3


def test_other_sizes_are_close_to_what_opencv_makes(exported, pairs):
    source = open_pairs([exported])
    for size in (32, 64, 128):
        one = pair_examples(source, "train", image_size=size, per_category=3)
        other = pair_examples(pairs, "train", image_size=size, per_category=3)
        for name in ("photo", "sketch"):
            difference = np.abs(one[name].astype(int) - other[name]).mean()
            # Lines are brought to their width at another size.
            assert difference < (10 if name == "sketch" else 1.2), (size, name)


def test_thin_lines_survive_shrinking(tmp_path):
    sketch = np.full((1, 256, 256), 255, np.uint8)
    sketch[0, 100:102, 20:230] = 0
    np.savez(tmp_path / "a.npz", sketch=sketch, photo=np.full((1, 256, 256, 3), 200, np.uint8))
    small = pair_examples(open_pairs([tmp_path / "a.npz"]), "train", image_size=64)["sketch"][0, ..., 0]
    expected = images.resize_sketch(sketch[0], 64)
    assert small.min() < 100 and np.abs(small.astype(int) - expected).mean() < 2


def test_files_of_others(tmp_path):
    rng = np.random.default_rng(0)
    inputs, photos = rng.integers(0, 256, (2, 5, 32, 32, 3), dtype=np.uint8)
    np.savez(tmp_path / "maps_256.npz", inputs, photos)
    source = open_pairs([tmp_path / "maps_256.npz"])
    assert source.categories == ("pairs",) and source.input_channels == 3 and source.sources() == {"maps_256": ""}
    batch = next(pair_batches(source, "train", batch_size=2, image_size=32, input_channels=3, seed=0))
    row = next(i for i in range(5) if np.array_equal(photos[i], batch["photo"][0]))
    np.testing.assert_array_equal(batch["sketch"][0], inputs[row])
    grey = next(pair_batches(source, "train", batch_size=2, image_size=32, seed=0))["sketch"]
    assert grey.shape == (2, 32, 32, 1)


def test_categories_of_several_exports_are_united(tmp_path):
    for name, category in (("a", "pear"), ("b", "apple")):
        pictures = np.full((2, 16, 16, 3), 200, np.uint8)
        np.savez(tmp_path / f"{name}.npz", sketch=pictures[..., :1], photo=pictures, categories=np.array([category]))
    source = open_pairs([tmp_path])
    assert source.categories == ("apple", "pear")
    assert sorted(pair_examples(source, "train", image_size=16)["label"].tolist()) == [0, 0, 1, 1]


def test_the_classifier_trains_on_the_sketches(exported, pairs):
    plain, folder = open_sketches([exported]), open_sketches([pairs.path])
    settings = {"image_size": 32, "categories": ("square",)}
    assert plain[0].categories == folder[0].categories == ("circle", "square")
    assert plain[0].sources() == folder[0].sources()
    mine, theirs = (sketch_examples(one, "train", **settings) for one in (plain, folder))
    np.testing.assert_array_equal(mine["label"], theirs["label"])
    assert set(mine["label"].tolist()) == {0, 1}, "circles are none of these"
    assert np.abs(mine["sketch"].astype(int) - theirs["sketch"]).mean() < 8, "as models see them"
    assert len(sketch_examples(plain, "train", **settings, limit=5)["label"]) == 5
    assert sketch_examples(plain, "train", **settings, fraction=0.5)["sketch"].shape == (0, 32, 32, 1)
    options = {"batch_size": 8, "mix": Mix(none_share=0.25), "prefix": 0.5, "seed": 3}
    batches = [next(sketch_batches(one, "train", **settings, **options)) for one in (plain, folder)]
    np.testing.assert_array_equal(batches[0]["label"], batches[1]["label"])
    assert batches[0]["sketch"].shape == (8, 32, 32, 1) and batches[0]["sketch"].dtype == np.uint8
    assert (batches[0]["sketch"].reshape(8, -1).min(1) < 128).all()
    assert_resumes_exactly(lambda: sketch_batches(plain, "train", **settings, **options))
    with pytest.raises(DataError, match=r"the batch size is 999, but split 'train' of .* has"):
        sketch_batches(plain, "train", **settings, **options | {"batch_size": 999})
    with pytest.raises(DataError, match="give either"):
        open_sketches([exported, pairs.path])


@pytest.mark.parametrize(("side", "expected"), [(64, {2}), (128, {2, 3}), (256, {2, 3, 4})])
def test_lines_get_thicker_as_on_a_large_sheet(tmp_path, side, expected):
    """Half of them by one or two pixels of 256, which are none or one in a smaller picture."""
    sketch = np.full((4, side, side), 255, np.uint8)
    sketch[:, side // 2 : side // 2 + 2] = 0
    np.savez(tmp_path / "a.npz", sketch=sketch, photo=np.zeros((4, side, side, 3), np.uint8))
    settings = {"image_size": side, "categories": ("pairs",), "mix": Mix(), "prefix": 0.0, "seed": 0}
    batch = next(sketch_batches(open_sketches([tmp_path / "a.npz"]), "train", batch_size=4, **settings))
    more = next(sketch_batches(open_sketches([tmp_path / "a.npz"]), "train", batch_size=4, **settings | {"seed": 1}))
    seen = np.concatenate([batch["sketch"], more["sketch"]])
    assert set((seen == 0)[:, :, 0, 0].sum(1).tolist()) == expected


def test_what_is_no_pairs_file(tmp_path, pairs_folder, exported):
    pictures = np.zeros((2, 16, 16, 3), np.uint8)

    def refused(**content):
        path = tmp_path / "x.npz"
        np.savez(path, **content)
        with pytest.raises(DataError) as error:
            arrays.open_arrays([path])
        return str(error.value)

    assert "has no arrays sketch and photo, but other" in refused(other=pictures)
    assert "photo must be uint8 (n, s, s, 3), not float64" in refused(sketch=pictures, photo=pictures / 255)
    assert "sketch must have 1 or 3 channels" in refused(sketch=pictures[..., :2], photo=pictures)
    assert "do not belong to 2 examples" in refused(sketch=pictures[:1], photo=pictures)
    assert "colour has 2 entries for 1 examples" in refused(
        sketch=pictures[:1], photo=pictures, label=np.zeros(1, int), colour=np.zeros((2, 3), np.uint8)
    )
    assert "not the number of a category" in refused(sketch=pictures, photo=pictures, label=np.array([0, 1]))
    assert "is of format 9, newer than this program" in refused(
        sketch=pictures, photo=pictures, about=np.array('{"format": 9}')
    )
    assert "cannot be read as .npz" in refused(sketch=np.array([None]), photo=pictures)
    (tmp_path / "text.npz").write_text("no arrays")
    with pytest.raises(DataError, match=r"cannot be read as \.npz"):
        arrays.open_arrays([tmp_path / "text.npz"])
    (file,) = exported.iterdir()
    (tmp_path / "half.npz").write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(DataError, match=r"cannot be read as \.npz .*: export it again"):
        arrays.open_arrays([tmp_path / "half.npz"])
    with pytest.raises(DataError, match="no file"):
        arrays.open_arrays([tmp_path / "none.npz"])
    with pytest.raises(DataError, match="give either"):
        open_pairs([file, pairs_folder])
    with pytest.raises(DataError, match="join them by"):
        open_pairs([pairs_folder, pairs_folder])


def test_sizes_must_agree(tmp_path):
    for side in (16, 32):
        pictures = np.zeros((1, side, side, 3), np.uint8)
        np.savez(tmp_path / f"{side}.npz", sketch=pictures, photo=pictures)
    with pytest.raises(DataError, match="export them alike"):
        open_pairs([tmp_path])


def test_what_cannot_be_exported(tmp_path, drawings_folder, pairs_folder, exported, refused):
    assert "export a dataset of pairs" in refused("export", drawings_folder, "--npz", "--out", tmp_path / "o")
    assert "has no pairs in test" in refused("export", pairs_folder, "--out", tmp_path / "o", "--splits", "test")
    assert "add --overwrite" in refused("export", pairs_folder, "--out", exported)
    assert "holds other files" in refused("export", pairs_folder, "--out", pairs_folder)
    assert not (tmp_path / "o").exists()


BARE = """
import sys
for name in ("tensorflow_datasets", "tensorflow"):
    sys.modules[name] = None
from pathlib import Path
from sketch2photo.config import CLASSIFIER_PRESETS, GAN_PRESETS
from sketch2photo.data import loader
from sketch2photo.training.classifier_task import ClassifierTask
from sketch2photo.training.gan_task import GanTask
paths = [Path(path) for path in sys.argv[1:]]
for task in (GanTask(GAN_PRESETS["debug"], paths), ClassifierTask(CLASSIFIER_PRESETS["debug"], paths)):
    batches = task.batches()
    print(type(task).__name__, *sorted(next(batches)), len(task.categories))
    batches.set_state({"batches": 7})
    print(next(batches)["sketch"].shape)
print(len(loader.pair_examples(loader.open_pairs(paths), "val", image_size=32)["photo"]))
print(len(loader.sketch_examples(loader.open_sketches(paths), "val", image_size=32, categories=("circle",))["label"]))
"""


def test_training_from_arrays_needs_no_tfds(exported, root, pairs):
    """What the tasks read; the steps themselves run on .npz files in all tests of `training`."""
    command = [sys.executable, "-c", BARE, *(str(file) for file in exported.iterdir())]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    *said, shown, all_of_val = [line for line in done.stdout.splitlines() if not line.startswith("no perceptual")]
    assert said[0] == "GanTask colour label photo sketch 2" and said[2] == "ClassifierTask label sketch 2"
    assert int(shown) > 0 and int(all_of_val) == pairs.sizes["val"]
