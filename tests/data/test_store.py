"""Datasets as they lie on the disk."""

from tensorflow_datasets.core import shuffle

from sketch2photo.data import store
from sketch2photo.data.store import open_dataset
from tests.data.raw_files import prepare


def test_more_records_than_fit_in_memory_give_the_same_files(tmp_path, monkeypatch):
    """And without TensorFlow, whose file functions TensorFlow Datasets takes for that."""
    monkeypatch.setattr(shuffle, "tf", None)  # where it is installed it would hide that we need it
    options = ("--count", 9, "--size", 64, "--renderings", 2)
    prepare("demo", "--out", tmp_path / "small", *options)
    assert shuffle._Bucket.__module__ == store.__name__
    monkeypatch.setattr(shuffle, "MAX_MEM_BUFFER_SIZE", 20_000)
    prepare("demo", "--out", tmp_path / "large", *options)
    names = sorted(p.name for p in (tmp_path / "small").glob("*.array_record*"))
    assert names == sorted(p.name for p in (tmp_path / "large").glob("*.array_record*")) and names
    assert sum((tmp_path / "large" / name).stat().st_size for name in names) > 10 * 20_000
    one, other = open_dataset(tmp_path / "small"), open_dataset(tmp_path / "large")
    assert one.sizes == other.sizes
    for number in range(one.sizes["train"]):
        assert one.record("train", number).photo == other.record("train", number).photo
    assert not list((tmp_path / "large").glob("**/bucket*")), "nothing is left of the way there"
