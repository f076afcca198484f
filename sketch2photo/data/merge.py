"""Several datasets as one: categories united by name, splits kept."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from sketch2photo import images
from sketch2photo.data import near_duplicates, store
from sketch2photo.data.example import HUMAN, SPLITS, Example, decode, encode_photo, encode_sketch
from sketch2photo.errors import DataError


@dataclass(frozen=True)
class Record:
    """One example of a dataset, by number."""

    path: Path
    split: str
    number: int


_open = functools.lru_cache(maxsize=16)(store.open_dataset)


def find(paths: list[Path]) -> tuple[tuple[str, int, int], list[Record], list[str]]:
    """The kind, size and input channels of all datasets together, their examples, and remarks for the report.

    Pairs together with drawings give drawings.

    Raises `DataError` for fewer than two datasets, or something that is none.
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
    channels = {dataset.input_channels for dataset in datasets if dataset.kind == "pairs"}
    if kind == "pairs" and len(channels) > 1:
        remarks.append("grey sketches were given three channels, as the coloured inputs beside them have")
    return (kind, max(sizes), max(channels) if kind == "pairs" else 1), records, remarks


def make_example(record: Record, *, kind: str, size: int, input_channels: int) -> list[Example]:
    """A record as examples of the new dataset: one, or one for each sketch where pairs become drawings."""
    dataset = _open(record.path)
    old = dataset.record(record.split, record.number)
    had = dataset.input_channels
    sketches = [_at(d, size, input_channels, had, images.resize_sketch, encode_sketch) for d in old.sketches]
    unknown = "unknown" if dataset.kind == "pairs" else HUMAN  # datasets of version 1.0.0 do not say
    styles = old.styles or [unknown] * len(sketches)
    if kind == "pairs":
        assert old.photo is not None
        photo = _at(old.photo, size, 3, 3, images.resize, encode_photo)
        mask = None if old.mask is None else _at(old.mask, size, 1, 1, _resize_mask, encode_sketch)
        seen = near_duplicates.fingerprint(decode(photo, 3))
        return [replace(old, sketches=sketches, styles=styles, photo=photo, mask=mask, fingerprint=seen)]
    if dataset.kind == "drawings":
        return [replace(old, sketches=sketches, styles=styles)]
    drawing = replace(old, photo=None, mask=None, colour=None)
    return [replace(drawing, sketches=[one], styles=[style]) for one, style in zip(sketches, styles, strict=True)]


def _at(data: bytes, size: int, channels: int, had: int, resize: Callable, encode: Callable[[Any], bytes]) -> bytes:
    """An encoded picture, which had so many channels, as the new dataset has it; as it is where nothing changes."""
    picture = decode(data, channels)
    return data if picture.shape[0] == size and had == channels else encode(resize(picture, size))


def _resize_mask(mask: np.ndarray, size: int) -> np.ndarray:
    return ((images.resize(mask, size) > 127) * 255).astype(np.uint8)
