"""A dataset as plain arrays: pairs in .npz parts that a machine with nothing but numpy can read (`data.arrays`)."""

import json
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sketch2photo.data import arrays, reading
from sketch2photo.data.decoded import framed
from sketch2photo.data.example import SPLITS, decode
from sketch2photo.errors import DataError
from sketch2photo.files import check_free, draft_beside, put_in_place, sentences

MAX_BYTES = 30 * 2**20
"""Of one part."""
_TARGET = int(0.96 * MAX_BYTES)
"""What parts are filled to: arrays compress together about as well as one by one, but not to the byte."""


@dataclass
class _Part:
    """What the next file will hold."""

    photos: list[np.ndarray] = field(default_factory=list)
    sketches: list[np.ndarray] = field(default_factory=list)
    photo_of: list[int] = field(default_factory=list)
    example: list[int] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    colours: list[np.ndarray] = field(default_factory=list)
    texts: list[tuple[str, ...]] = field(default_factory=list)
    bytes: int = 0

    def add(self, split: str, record: reading.Record, pictures: "_Pictures", size: int) -> None:
        assert record.colour is not None
        self.example += [len(self.labels)] * len(pictures.sketches)
        self.photo_of += [len(self.photos) + number for number in pictures.photo_of]
        self.photos += pictures.photos
        self.sketches += pictures.sketches
        self.labels.append(record.label)
        self.colours.append(record.colour)
        self.texts.append((split, record.group, record.source, record.licence, record.file))
        self.bytes += size

    def write(self, path: Path, categories: tuple[str, ...], about: str) -> None:
        texts: dict[str, Any] = {
            name: np.array(column) for name, column in zip(arrays.TEXTS, zip(*self.texts, strict=True), strict=True)
        }
        np.savez_compressed(
            path,
            photo=np.stack(self.photos),
            sketch=np.stack(self.sketches),
            photo_of=np.array(self.photo_of, np.int32),
            example=np.array(self.example, np.int32),
            label=np.array(self.labels, np.int32),
            colour=np.stack(self.colours),
            categories=np.array(categories),
            about=np.array(about),
            **texts,
        )
        if path.stat().st_size > MAX_BYTES:
            raise DataError(f"{path.name} came out at {path.stat().st_size} bytes: export at a smaller --size")


def export(
    source: Path,
    out: Path,
    *,
    size: int | None = None,
    splits: tuple[str, ...] = SPLITS,
    sketches: int | None = None,
    limit: int | None = None,
    overwrite: bool = False,
    say: Callable[[str], None] = print,
) -> list[Path]:
    """Write the pairs of a dataset into the folder `out`, in files of at most 30 MiB; returns them.

    Args:
      size: pixels a side; the dataset's own when None.
      splits: which splits.
      sketches: at most so many of each photo, the first ones; all when None.
      limit: at most so many photos of each category and split; all when None.

    Raises:
      DataError: not a dataset of pairs, nothing to write in it, or `out` may not be written.
    """
    dataset = reading.open_dataset(source)
    if dataset.kind != "pairs":
        raise DataError(f"{str(source)!r} holds sketches without photos: export a dataset of pairs")
    check_free(out, overwrite, is_ours=is_export)
    size = size or dataset.size
    about = json.dumps({"format": arrays.FORMAT, "palette": dataset.palette(), "sources": dataset.sources()})
    with sentences(out), draft_beside(out) as draft:
        content = draft / "arrays"
        content.mkdir()
        count = 0
        for part in _parts(dataset, size, splits, sketches, limit):
            part.write(content / f"{source.resolve().name}-{count:04d}.npz", dataset.categories, about)
            count += 1
            say(f"part {count}: {len(part.labels)} photos, {len(part.sketches)} sketches")
        if not count:
            raise DataError(f"{str(source)!r} has no pairs in {', '.join(splits)}: choose other splits")
        put_in_place(content, out)
    return arrays.parts_in(out)


def is_export(folder: Path) -> bool:
    """Whether a folder holds nothing but .npz files."""
    return all(path.suffix == ".npz" for path in folder.iterdir())


def _parts(
    dataset: reading.Dataset, size: int, splits: tuple[str, ...], most: int | None, limit: int | None
) -> Iterator[_Part]:
    part = _Part()
    channels = dataset.input_channels
    for split in SPLITS:
        taken: Counter[int] = Counter()
        for record in dataset.records(split) if split in splits else ():
            taken[record.label] += 1
            if limit is not None and taken[record.label] > limit:
                continue
            pictures = _pictures(record, size, channels, most)
            weight = sum(len(zlib.compress(a.tobytes(), 6)) for a in [*pictures.photos, *pictures.sketches]) + 4096
            if part.photos and part.bytes + weight > _TARGET:
                yield part
                part = _Part()
            part.add(split, record, pictures, weight)
    if part.photos:
        yield part


@dataclass
class _Pictures:
    """What one example looks like; small drawings have a photo of their own, which is looked at closer with them."""

    photos: list[np.ndarray]
    sketches: list[np.ndarray]
    photo_of: list[int]
    """For each sketch the number of its photo."""


def _pictures(record: reading.Record, size: int, channels: int, most: int | None) -> _Pictures:
    assert record.photo is not None
    whole_photo = decode(record.photo, 3)
    found = _Pictures([], [], [])
    shared: int | None = None
    for data in record.sketches[:most]:
        sketch, photo, whole = framed(decode(data, channels), whole_photo, size)
        if not whole or shared is None:
            found.photos.append(photo)
            shared = len(found.photos) - 1 if whole else shared
        found.photo_of.append(shared if whole and shared is not None else len(found.photos) - 1)
        found.sketches.append(sketch)
    return found
