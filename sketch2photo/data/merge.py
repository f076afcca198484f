"""Several datasets as one: categories united by name, splits kept."""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sketch2photo import images
from sketch2photo.data import reading
from sketch2photo.data.example import SPLITS, Example, decode, encode_photo, encode_sketch
from sketch2photo.errors import DataError


@dataclass(frozen=True)
class Record:
    """One example of a dataset, by number."""

    path: Path
    split: str
    number: int


@dataclass(frozen=True)
class Joined:
    """What there is to copy, and as what."""

    kind: str
    size: int
    records: list[Record]
    remarks: list[str]


def find(paths: list[Path]) -> Joined:
    """The examples of all datasets. Pairs together with drawings give drawings.

    Raises:
      DataError: fewer than two datasets, or something that is none.
    """
    if len(paths) < 2:
        raise DataError(f"merge takes at least two datasets, not {len(paths)}: name them one after the other")
    datasets = [_open(path) for path in paths]
    kinds = {dataset.kind for dataset in datasets}
    kind = "pairs" if kinds == {"pairs"} else "drawings"
    remarks = []
    if len(kinds) == 2:
        pairs = ", ".join(str(dataset.path) for dataset in datasets if dataset.kind == "pairs")
        remarks.append(f"the result holds drawings: of {pairs} only the sketches, not the photos")
    sizes = [dataset.size for dataset in datasets]
    if len(set(sizes)) > 1:
        remarks.append(f"pictures of {min(sizes)} to {max(sizes)} pixels were brought to {max(sizes)}")
    records = [
        Record(dataset.path, split, number)
        for dataset in datasets
        for split in SPLITS
        for number in range(dataset.sizes.get(split, 0))
    ]
    return Joined(kind, max(sizes), records, remarks)


@functools.lru_cache(maxsize=16)
def _open(path: Path) -> reading.Dataset:
    return reading.open_dataset(path)


def make_example(record: Record, *, kind: str, size: int) -> list[Example]:
    """A record as examples of the new dataset: one, or one for each sketch where pairs become drawings."""
    dataset = _open(record.path)
    old = dataset.record(record.split, record.number)
    shared: dict[str, Any] = {
        "category": dataset.categories[old.label],
        "group": old.group,
        "split": record.split,
        "source": old.source,
        "licence": old.licence,
        "file": old.file,
        "content": old.content,
    }
    sketches = [_at_size(data, 1, size) for data in old.sketches]
    if kind == "pairs":
        assert old.photo is not None
        photo = _at_size(old.photo, 3, size)
        return [Example(sketches=sketches, photo=photo, colour=old.colour, **shared)]
    if dataset.kind == "drawings":
        return [Example(sketches=sketches, strokes=old.strokes, **shared)]
    return [Example(sketches=[sketch], **shared) for sketch in sketches]


def _at_size(data: bytes, channels: int, size: int) -> bytes:
    """Encoded pictures of the right size are passed on as they are."""
    picture = decode(data, channels)
    if picture.shape[0] == size:
        return data
    return (
        encode_sketch(images.resize_sketch(picture, size))
        if channels == 1
        else encode_photo(images.resize(picture, size))
    )


def maker(joined: Joined) -> functools.partial:
    """`make_example` with its settings, picklable."""
    return functools.partial(make_example, kind=joined.kind, size=joined.size)
