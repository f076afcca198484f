"""Pairs as plain arrays in .npz files: written by `prepare_data.py export --npz`, read with nothing but numpy.

A part, one file, holds n examples with m sketches and p photos, framed as the model sees them:

    sketch   uint8 (m, s, s, 1 or 3), 0 ink, 255 paper
    photo    uint8 (p, s, s, 3) RGB; `photo[photo_of]` are those of the sketches
    photo_of, example   int32 (m,): which photo and which example a sketch belongs to
    label    int32 (n,) into `categories`, which are texts (c,)
    colour   uint8 (n, 3)
    split, group, source, licence, name   texts (n,)
    about    a JSON text with `palette` and `format`

Other people's files are read, too: `photo` and `sketch` of one length, or the `arr_0` (input) and `arr_1` (photo) of
`np.savez(file, inputs, photos)`, are all of one category and for training.
"""

import functools
import itertools
import json
import zipfile
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from sketch2photo import images
from sketch2photo.data import store
from sketch2photo.data.edges import object_mask, with_ground
from sketch2photo.data.example import SPLITS, Example, Pair, decode, frame_pair
from sketch2photo.errors import DataError, first_line
from sketch2photo.files import check_free, draft_beside, put_in_place, sentences

FORMAT = 1
"""Of the files; a later one that older programs cannot read counts up."""
TEXTS = ("split", "group", "source", "licence", "name")
MAX_BYTES = 30 * 2**20
"""Of one part."""
_TARGET = int(0.96 * MAX_BYTES)
"""What parts are filled to: arrays compress together about as well as one by one, but not to the byte."""


# ---------------------------------------------------------------- reading


class ArrayPairs(store.Columns):
    """Pairs of sketches and photos in memory, of one or more .npz files.

    Raises `DataError` where a file is missing, damaged, of another form, or of another size than the first.
    """

    kind = "pairs"

    def __init__(self, paths: list[Path]):
        self._parts = [_read(path) for path in paths]
        first = self._parts[0]
        self.path = paths[0] if len(paths) == 1 else paths[0].parent
        self.size: int = first["photo"].shape[1]
        self.input_channels: int = first["sketch"].shape[3]
        for path, part in zip(paths, self._parts, strict=True):
            if part["sketch"].shape[1:] != first["sketch"].shape[1:] or part["photo"].shape[1] != self.size:
                shapes = f"{part['sketch'].shape[1:]}, but {str(paths[0])!r} {first['sketch'].shape[1:]}"
                raise DataError(f"{str(path)!r} holds sketches {shapes}: export them alike")
        self.categories: tuple[str, ...] = tuple(sorted({str(c) for part in self._parts for c in part["categories"]}))
        self._rows: dict[str, list[tuple[dict[str, Any], int]]] = {}
        for part in self._parts:
            for row, split in enumerate(part["split"]):
                self._rows.setdefault(str(split), []).append((part, row))
        self.sizes = {split: len(rows) for split, rows in self._rows.items()}

    def __repr__(self) -> str:
        return f"ArrayPairs({str(self.path)!r}, sizes={self.sizes})"

    def pair(self, split: str, number: int, chosen: int, size: int, channels: int, mask: bool = False) -> Pair:
        """As of a `store.Dataset`; whether all of the sheet is seen is whether it is the photo of the first sketch."""
        part, place = self._place(split, number, chosen)
        sketch = images.resize_sketch(part["sketch"][place].squeeze(), size)
        photo = images.resize(part["photo"][part["photo_of"][place]], size)
        if mask:
            photo = with_ground(photo, object_mask(photo))
        first = self._place(split, number, 0)[1]
        return _with_channels(sketch, channels), photo, bool(part["photo_of"][place] == part["photo_of"][first])

    def sketch(self, split: str, number: int, chosen: int) -> np.ndarray:
        """One of an example's sketches, by number, grey, uint8 (s, s)."""
        part, place = self._place(split, number, chosen)
        return _with_channels(part["sketch"][place], 1)[..., 0]

    @functools.cache  # noqa: B019 (pairs live as long as the program)
    def _table(self, split: str) -> dict[str, Any]:
        rows = self._rows.get(split, [])
        names = [str(part["categories"][part["label"][row]]) for part, row in rows]
        return {
            "labels": np.array([self.categories.index(name) for name in names], np.int32),
            "colours": np.array([part["colour"][row] for part, row in rows], np.uint8).reshape(-1, 3),
            "sketch_counts": np.array([part["first"][row + 1] - part["first"][row] for part, row in rows], int),
            "human": np.full(len(rows), -1),  # the files do not say who drew a sketch, nor how
            "has_strokes": np.zeros(len(rows), bool),
        }

    def sources(self) -> dict[str, str]:
        """Where the examples are from, each with its licence, "" where none is known."""
        both = (zip(part["source"].tolist(), part["licence"].tolist(), strict=True) for part in self._parts)
        return dict(itertools.chain.from_iterable(both))

    def palette(self) -> dict[str, tuple[str, ...]]:
        """For each category colours "#rrggbb" of its training photos, the most frequent first; empty if unknown."""
        return {name: colours for part in self._parts for name, colours in part["palette"].items()}

    def _place(self, split: str, number: int, chosen: int) -> tuple[dict[str, Any], int]:
        """An example's part, and the place in it of one of its sketches."""
        part, row = self._rows[split][number]
        return part, int(part["in_order"][part["first"][row] + chosen])


def parts_in(folder: Path) -> list[Path]:
    """The .npz files of a folder, in order."""
    return sorted(folder.glob("*.npz"))


def open_arrays(paths: list[Path]) -> ArrayPairs:
    """The pairs of .npz files and folders of them. Raises `DataError`."""
    return ArrayPairs([file for path in paths for file in (parts_in(path) if path.is_dir() else [path])])


def _read(path: Path) -> dict[str, Any]:
    """One part, complete: what is not in the file gets its default."""
    if not path.is_file():
        raise DataError(f"no file {str(path)!r}: give the .npz files that prepare_data.py export wrote")
    try:
        with np.load(path, allow_pickle=False) as file:
            found = {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, MemoryError) as error:
        raise DataError(f"{str(path)!r} cannot be read as .npz ({first_line(error)}): export it again") from None
    sketch = found.get("sketch", found.get("arr_0"))
    photo = found.get("photo", found.get("arr_1"))
    if sketch is None or photo is None:
        names = ", ".join(sorted(found)[:8]) or "none"
        raise DataError(f"{str(path)!r} has no arrays sketch and photo, but {names}: export pairs of a dataset")
    sketch = sketch[..., None] if sketch.ndim == 3 else sketch
    for name, array, channels in (("sketch", sketch, (1, 3)), ("photo", photo, (3,))):
        if array.ndim != 4 or array.dtype != np.uint8 or array.shape[1] != array.shape[2]:
            received = f"{array.dtype} {array.shape}"
            raise DataError(f"{str(path)!r}: {name} must be uint8 (n, s, s, {channels[-1]}), not {received}")
        if array.shape[3] not in channels:
            raise DataError(f"{str(path)!r}: {name} must have {' or '.join(map(str, channels))} channels a pixel")
    n, m = len(found.get("label", photo)), len(sketch)
    said = {"split": "train", "source": path.stem}
    part: dict[str, Any] = {name: np.full(n, said.get(name, "")) for name in TEXTS}
    part |= {"categories": np.array(["pairs"]), "label": np.zeros(n, np.int32)}
    part |= {"colour": np.full((n, 3), 128, np.uint8), "example": np.arange(m, dtype=np.int32)}
    part |= {name: array for name, array in found.items() if name not in ("arr_0", "arr_1", "about")}
    part |= {"sketch": sketch, "photo": photo}
    part.setdefault("photo_of", part["example"])
    _check(path, part, n, m)
    about = json.loads(str(found["about"])) if "about" in found else {}
    if about.get("format", FORMAT) > FORMAT:
        raise DataError(f"{str(path)!r} is of format {about['format']}, newer than this program: update sketch2photo")
    part["palette"] = {name: tuple(colours) for name, colours in about.get("palette", {}).items()}
    part["in_order"] = np.argsort(part["example"], kind="stable")
    part["first"] = np.searchsorted(part["example"][part["in_order"]], np.arange(n + 1))
    return part


def _check(path: Path, part: dict[str, Any], n: int, m: int) -> None:
    for name in (*TEXTS, "label", "colour"):
        if len(part[name]) != n:
            raise DataError(f"{str(path)!r}: {name} has {len(part[name])} entries for {n} examples: export it again")
    example, label = part["example"], part["label"]
    if len(example) != m or example.dtype.kind != "i" or not np.array_equal(np.unique(example), np.arange(n)):
        raise DataError(f"{str(path)!r}: {m} sketches do not belong to {n} examples one and all: export it again")
    of = part["photo_of"]
    if len(of) != m or of.dtype.kind != "i" or not 0 <= of.min() <= of.max() < len(part["photo"]):
        raise DataError(f"{str(path)!r}: not every sketch has a photo: export it again")
    if label.dtype.kind != "i" or (n and not 0 <= label.min() <= label.max() < len(part["categories"])):
        raise DataError(f"{str(path)!r}: a label is not the number of a category: export it again")


def _with_channels(sketch: np.ndarray, channels: int) -> np.ndarray:
    """A sketch, (s, s) or of 1 or 3 channels, as (s, s, channels)."""
    sketch = sketch if sketch.ndim == 3 else sketch[..., None]
    if sketch.shape[2] == channels:
        return sketch
    return np.repeat(sketch, 3, 2) if channels == 3 else cv2.cvtColor(sketch, cv2.COLOR_RGB2GRAY)[..., None]


# ---------------------------------------------------------------- writing


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
      sketches: at most so many of each photo, the first ones; all when None.
      limit: at most so many photos of each category and split; all when None.

    Raises `DataError`: not a dataset of pairs, nothing to write in it, or `out` may not be written.
    """
    dataset = store.open_dataset(source)
    if dataset.kind != "pairs":
        raise DataError(f"{str(source)!r} holds sketches without photos: export a dataset of pairs")
    check_free(out, overwrite, is_ours=lambda folder: all(path.suffix == ".npz" for path in folder.iterdir()))
    size = size or dataset.size
    about = json.dumps({"format": FORMAT, "palette": dataset.palette(), "sources": dataset.sources()})
    with sentences(out), draft_beside(out) as draft:
        content = draft / "arrays"
        content.mkdir()
        count = 0
        for count, part in enumerate(_parts(dataset, size, splits, sketches, limit), 1):
            _write(content / f"{source.resolve().name}-{count - 1:04d}.npz", part, dataset.categories, about)
            say(f"part {count}: {len(part)} photos, {sum(len(drawn) for _, _, drawn, _ in part)} sketches")
        if not count:
            raise DataError(f"{str(source)!r} has no pairs in {', '.join(splits)}: choose other splits")
        put_in_place(content, out)
    return parts_in(out)


_Seen = tuple[Example, list[np.ndarray], list[np.ndarray], list[int]]
"""An example, its photos, its sketches, and for each sketch the number of its photo."""


def _write(path: Path, part: list[_Seen], categories: tuple[str, ...], about: str) -> None:
    columns: dict[str, list] = defaultdict(list)
    for row, (record, photos, sketches, photo_of) in enumerate(part):
        columns["example"] += [row] * len(sketches)
        columns["photo_of"] += [len(columns["photo"]) + number for number in photo_of]
        columns["photo"] += photos
        columns["sketch"] += sketches
        columns["label"].append(categories.index(record.category))
        columns["colour"].append(record.colour)
        for name in TEXTS:
            columns[name].append(record.file if name == "name" else getattr(record, name))
    arrays: dict[str, Any] = {name: np.array(values) for name, values in columns.items()}
    arrays |= {name: arrays[name].astype(np.int32) for name in ("photo_of", "example", "label")}
    np.savez_compressed(path, categories=np.array(categories), about=np.array(about), **arrays)
    if path.stat().st_size > MAX_BYTES:
        raise DataError(f"{path.name} came out at {path.stat().st_size} bytes: export at a smaller --size")


def _parts(
    dataset: store.Dataset, size: int, splits: tuple[str, ...], most: int | None, limit: int | None
) -> Iterator[list[_Seen]]:
    part: list[_Seen] = []
    filled = 0
    for split in SPLITS:
        taken: Counter[str] = Counter()
        for record in dataset.records(split) if split in splits else ():
            taken[record.category] += 1
            if limit is not None and taken[record.category] > limit:
                continue
            seen = _seen(record, size, dataset.input_channels, most)
            weight = sum(len(zlib.compress(picture.tobytes(), 6)) for picture in seen[1] + seen[2]) + 4096
            if part and filled + weight > _TARGET:
                yield part
                part, filled = [], 0
            part.append(seen)
            filled += weight
    if part:
        yield part


def _seen(record: Example, size: int, channels: int, most: int | None) -> _Seen:
    """Small drawings have a photo of their own, which is looked at closer with them."""
    assert record.photo is not None
    whole_photo = decode(record.photo, 3)
    photos, sketches, photo_of = [], [], []
    shared: int | None = None
    for data in record.sketches[:most]:
        sketch, photo, whole = frame_pair(decode(data, channels), whole_photo, size)
        if not whole or shared is None:
            photos.append(photo)
            shared = len(photos) - 1 if whole else shared
        photo_of.append(shared if whole and shared is not None else len(photos) - 1)
        sketches.append(sketch)
    return record, photos, sketches, photo_of
