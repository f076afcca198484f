"""Datasets as they lie on the disk."""

import shutil

import numpy as np
import pytest
import tensorflow_datasets as tfds
from tensorflow_datasets.core import shuffle

from sketch2photo import images
from sketch2photo.data import store
from sketch2photo.data.example import decode
from sketch2photo.data.store import open_dataset
from sketch2photo.errors import DataError
from tests.data.raw_files import draw_raw_photos, prepare


def test_more_records_than_fit_in_memory_give_the_same_files(tmp_path, monkeypatch):
    """And without TensorFlow, whose file functions TensorFlow Datasets takes for that."""
    monkeypatch.setattr(shuffle, "tf", None)  # where it is installed it would hide that we need it
    options = ("--raw", draw_raw_photos(tmp_path / "raw"), "--size", 64, "--renderings", 2)
    prepare("photos", "--out", tmp_path / "small", *options)
    assert shuffle._Bucket.__module__ == store.__name__
    monkeypatch.setattr(shuffle, "MAX_MEM_BUFFER_SIZE", 10_000)
    prepare("photos", "--out", tmp_path / "large", *options)
    names = sorted(p.name for p in (tmp_path / "small").glob("*.array_record*"))
    assert names == sorted(p.name for p in (tmp_path / "large").glob("*.array_record*")) and names
    assert sum((tmp_path / "large" / name).stat().st_size for name in names) > 10 * 10_000
    one, other = open_dataset(tmp_path / "small"), open_dataset(tmp_path / "large")
    assert one.sizes == other.sizes
    for number in range(one.sizes["train"]):
        assert one.record("train", number).photo == other.record("train", number).photo
    assert not list((tmp_path / "large").glob("**/bucket*")), "nothing is left of the way there"


def test_other_errors_of_the_writer_are_not_taken_for_a_full_disk(tmp_path, monkeypatch):
    def wrong(*_, **__):
        raise RuntimeError("something of ours is wrong")

    monkeypatch.setattr(tfds.core.GeneratorBasedBuilder, "download_and_prepare", wrong)
    with pytest.raises(RuntimeError, match="something of ours is wrong"):
        store.write(tmp_path, kind="drawings", size=32, categories=("a",), splits={"train": list})


def test_what_a_dataset_says_of_itself(pairs, pairs_folder):
    assert pairs.kind == "pairs" and pairs.path == pairs_folder and pairs.size == 64
    assert pairs.categories == ("circle", "square")
    labels = pairs.labels("train")
    assert labels.dtype == np.int32 and labels.shape == (pairs.sizes["train"],)
    colours = pairs.colours("train")
    assert colours.dtype == np.uint8 and colours.shape == (pairs.sizes["train"], 3)
    assert pairs.labels("test").shape == (0,)
    palette = pairs.palette(3)
    assert set(palette) == {"circle", "square"}
    for category in palette.values():
        assert 1 <= len(category) <= 3
        assert all(len(c) == 7 and c[0] == "#" and int(c[1:], 16) >= 0 for c in category)


def test_colours_are_the_photos_own(pairs):
    for number, colour in enumerate(pairs.colours("train")[:10]):
        photo = decode(pairs.record("train", number).photo, 3)
        # The stored photo went through JPEG, the colour is the raw one's.
        assert np.abs(images.dominant_colour(photo).astype(int) - colour).max() <= 6


def test_no_dataset(tmp_path, pairs_folder):
    with pytest.raises(DataError, match=r"does not exist: give a folder that prepare_data\.py made"):
        store.open_dataset(tmp_path / "no")
    with pytest.raises(DataError, match=r"is not a dataset: make one .* prepare_data\.py photos"):
        store.open_dataset(tmp_path)
    with pytest.raises(DataError, match="is a file"):
        store.open_dataset(pairs_folder / "report.json")


@pytest.mark.parametrize("how", ["features", "info", "records"])
def test_a_damaged_dataset(pairs_folder, tmp_path, how):
    broken = shutil.copytree(pairs_folder, tmp_path / "broken")
    if how == "features":
        (broken / "features.json").write_text("{")
    elif how == "info":
        (broken / "dataset_info.json").write_text("nonsense")
    else:
        for file in broken.glob("*array_record*"):
            file.unlink()
    with pytest.raises(DataError, match=r"is a damaged dataset .* make it again by prepare_data\.py"):
        store.open_dataset(broken).labels("train")


def test_truncated_records(pairs_folder, tmp_path):
    broken = shutil.copytree(pairs_folder, tmp_path / "broken")
    for file in broken.glob("*array_record*"):
        file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(DataError, match=r"is a damaged dataset"):
        store.open_dataset(broken).labels("train")
