"""Pairs as plain arrays in .npz files: what `prepare_data.py export --npz` writes, read with nothing but numpy.

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
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from sketch2photo.data.batches import Batch, PlainBatches, balanced, need_enough, stack
from sketch2photo.errors import DataError

FORMAT = 1
"""Of the files; a later one that older programs cannot read counts up."""
TEXTS = ("split", "group", "source", "licence", "name")


class ArrayPairs:
    """Pairs of sketches and photos in memory, of one or more .npz files.

    Raises:
      DataError: a file is missing, damaged, of another form, or of another size than the first.
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
                raise DataError(
                    f"{str(path)!r} holds sketches {part['sketch'].shape[1:]}, but {str(paths[0])!r} "
                    f"{first['sketch'].shape[1:]}: export them alike"
                )
        self.categories: tuple[str, ...] = tuple(sorted({str(c) for part in self._parts for c in part["categories"]}))
        number = {name: label for label, name in enumerate(self.categories)}
        self._rows: dict[str, list[tuple[int, int]]] = {}
        self._labels: dict[str, list[int]] = {}
        self.sources: dict[str, str] = {}
        for place, part in enumerate(self._parts):
            for row, split in enumerate(part["split"]):
                self._rows.setdefault(str(split), []).append((place, row))
                category = str(part["categories"][part["label"][row]])
                self._labels.setdefault(str(split), []).append(number[category])
            self.sources |= dict(zip(part["source"].tolist(), part["licence"].tolist(), strict=True))
        self.sizes = {split: len(rows) for split, rows in self._rows.items()}
        self._palette: dict[str, tuple[str, ...]] = {}
        for part in self._parts:
            self._palette |= part["palette"]

    def __repr__(self) -> str:
        return f"ArrayPairs({str(self.path)!r}, sizes={self.sizes})"

    def palette(self) -> dict[str, tuple[str, ...]]:
        """For each category colours "#rrggbb" of its training photos, the most frequent first; empty if unknown."""
        return self._palette

    def labels(self, split: str) -> np.ndarray:
        """The category number of every example, int32 (n,)."""
        return np.asarray(self._labels.get(split, []), np.int32)

    def batches(
        self,
        split: str,
        *,
        batch_size: int,
        image_size: int,
        input_channels: int = 1,
        balance: str = "none",
        seed: int,
        shard: tuple[int, int] = (0, 1),
    ) -> PlainBatches:
        """As `pipeline.pair_batches`, and the same batches as of the dataset that was exported at this size."""
        labels = self.labels(split)
        need_enough(len(labels), batch_size * shard[1], f"{str(self.path)!r} in split {split!r}")
        load = functools.partial(self._pair, split, size=image_size, channels=input_channels)
        return PlainBatches(balanced(labels, balance, seed), load, batch_size, seed, shard)

    def examples(self, split: str, *, image_size: int, input_channels: int = 1, per_category: int = 4) -> Batch:
        """As `pipeline.pair_examples`."""
        chosen = []
        for label in range(len(self.categories)):
            for name in (split, "train"):
                numbers = np.flatnonzero(self.labels(name) == label)[:per_category]
                if len(numbers):
                    chosen += [(name, int(number)) for number in numbers]
                    break
        return stack([self._pair(name, n, None, size=image_size, channels=input_channels) for name, n in chosen])

    def human_examples(self, split: str, **_: Any) -> Batch:
        """As `pipeline.human_examples`, but none: the files do not say who drew a sketch."""
        return {}

    def _pair(
        self, split: str, number: int, rng: np.random.Generator | None, *, size: int, channels: int
    ) -> dict[str, Any]:
        part, row, place = self._place(split, number, rng)
        return {
            "sketch": _with_channels(resize_sketch(part["sketch"][place], size), channels),
            "photo": _resize(part["photo"][part["photo_of"][place]], size),
            "label": np.int32(self._labels[split][number]),
            "colour": part["colour"][row],
        }

    def sketch(self, split: str, number: int, rng: np.random.Generator | None) -> np.ndarray:
        """One of an example's sketches, grey, uint8 (s, s, 1): by chance, or the first without `rng`."""
        part, _, place = self._place(split, number, rng)
        return _with_channels(part["sketch"][place], 1)

    def _place(self, split: str, number: int, rng: np.random.Generator | None) -> tuple[dict[str, Any], int, int]:
        """An example's part and row in it, and the place of one of its sketches."""
        place, row = self._rows[split][number]
        part = self._parts[place]
        first, last = part["first"][row], part["first"][row + 1]
        chosen = first if rng is None else first + int(rng.integers(last - first))
        return part, row, int(part["in_order"][chosen])


def is_arrays(path: Path) -> bool:
    """Whether a path is an .npz file or a folder of them."""
    return path.suffix.lower() == ".npz" or (path.is_dir() and bool(parts_in(path)))


def parts_in(folder: Path) -> list[Path]:
    """The .npz files of a folder, in order."""
    return sorted(folder.glob("*.npz"))


def open_arrays(paths: list[Path]) -> ArrayPairs:
    """The pairs of .npz files and folders of them. Raises `DataError`."""
    files = [file for path in paths for file in (parts_in(path) if path.is_dir() else [path])]
    return ArrayPairs(files)


def _read(path: Path) -> dict[str, Any]:
    """One part, complete: what is not in the file gets its default."""
    if not path.is_file():
        raise DataError(f"no file {str(path)!r}: give the .npz files that prepare_data.py export wrote")
    try:
        with np.load(path, allow_pickle=False) as file:
            found = {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, MemoryError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise DataError(f"{str(path)!r} cannot be read as .npz ({reason}): export it again") from None
    sketch = found.get("sketch", found.get("arr_0"))
    photo = found.get("photo", found.get("arr_1"))
    if sketch is None or photo is None:
        raise DataError(f"{str(path)!r} has no arrays sketch and photo, but {_names(found)}: export pairs of a dataset")
    sketch = sketch[..., None] if sketch.ndim == 3 else sketch
    for name, array, channels in (("sketch", sketch, (1, 3)), ("photo", photo, (3,))):
        if array.ndim != 4 or array.dtype != np.uint8 or array.shape[1] != array.shape[2]:
            received = f"{array.dtype} {array.shape}"
            raise DataError(f"{str(path)!r}: {name} must be uint8 (n, s, s, {channels[-1]}), not {received}")
        if array.shape[3] not in channels:
            raise DataError(f"{str(path)!r}: {name} must have {' or '.join(map(str, channels))} channels a pixel")
    n, m = len(found.get("label", photo)), len(sketch)
    part = _defaults(path, n, m) | {k: v for k, v in found.items() if k not in ("arr_0", "arr_1", "about")}
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


def _defaults(path: Path, n: int, m: int) -> dict[str, Any]:
    texts = {name: np.full(n, "", "<U1") for name in TEXTS}
    texts["split"] = np.full(n, "train")
    texts["source"] = np.full(n, path.stem)
    return texts | {
        "categories": np.array(["pairs"]),
        "label": np.zeros(n, np.int32),
        "colour": np.full((n, 3), 128, np.uint8),
        "example": np.arange(m, dtype=np.int32),
    }


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


def _names(found: dict[str, Any]) -> str:
    return ", ".join(sorted(found)[:8]) or "none"


def _with_channels(sketch: np.ndarray, channels: int) -> np.ndarray:
    if sketch.shape[2] == channels:
        return sketch
    if channels == 3:
        return np.repeat(sketch, 3, 2)
    return (sketch @ np.array([0.299, 0.587, 0.114]) + 0.5).astype(np.uint8)[..., None]


def resize_sketch(sketch: np.ndarray, size: int) -> np.ndarray:
    """As `images.resize_sketch`: thin lines are thickened before much shrinking; colours are not lines."""
    factor = sketch.shape[0] / size
    if factor > 2.5 and sketch.shape[2] == 1:
        sketch = thicken(sketch, round(factor * 0.7))
    return _resize(sketch, size)


def thicken(sketch: np.ndarray, reach: int) -> np.ndarray:
    """Lines `reach` - 1 pixels thicker; uint8 (s, s, 1)."""
    padded = np.pad(sketch[..., 0], ((reach // 2, reach - 1 - reach // 2),) * 2, constant_values=255)
    return np.lib.stride_tricks.sliding_window_view(padded, (reach, reach)).min((2, 3))[..., None]


def _resize(picture: np.ndarray, size: int) -> np.ndarray:
    if picture.shape[0] == size:
        return picture
    weights = _weights(picture.shape[0], size)
    rows = np.tensordot(weights, picture.astype(np.float32), (1, 0))
    both = np.moveaxis(np.tensordot(weights, rows, (1, 1)), 0, 1)
    return np.clip(both + 0.5, 0, 255).astype(np.uint8)


@functools.lru_cache(maxsize=8)
def _weights(old: int, new: int) -> np.ndarray:
    """float32 (new, old): the share of each old pixel in a new one, by area; cubic (Keys, a = -0.75) when enlarging."""
    if new <= old:
        edges = np.linspace(0, old, new + 1)
        low, high = np.arange(old), np.arange(old) + 1
        covered = np.clip(np.minimum(high, edges[1:, None]) - np.maximum(low, edges[:-1, None]), 0, None)
    else:
        covered = np.zeros((new, old))
        centres = (np.arange(new) + 0.5) * old / new - 0.5
        for tap in range(-1, 3):
            pixel = np.floor(centres).astype(int) + tap
            x = np.abs(centres - pixel)
            near, far = 1.25 * x**3 - 2.25 * x**2 + 1, -0.75 * (x**3 - 5 * x**2 + 8 * x - 4)
            np.add.at(covered, (np.arange(new), np.clip(pixel, 0, old - 1)), np.where(x <= 1, near, far))
    return (covered / covered.sum(1, keepdims=True)).astype(np.float32)
