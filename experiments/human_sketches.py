"""The drawings by people that nothing was trained on: read from a list, chosen alike every time."""

import functools
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sketch2photo.data import raw_files, strokes
from sketch2photo.data.drawings import category_name
from sketch2photo.data.example import read_sketch
from sketch2photo.errors import DataError

SIDE = 256
NEAR_KIN = frozenset(
    ("truck", "pickup_truck", "police_car", "ambulance", "firetruck", "bus", "school_bus", "van", "tractor")
    + ("bicycle", "bench", "wheelchair", "bear", "panda", "flip_flops", "rollerskates")
    + ("sneaker", "couch", "armchair", "motorbike")
)
"""Other categories that are left out of "none of these": a person could call them by one of the twelve names."""


@dataclass(frozen=True)
class HumanSketch:
    """One line of the list."""

    category: str
    collection: str
    file: Path
    key: str
    """Of a line of an ndjson file: its `key_id`, or `line17`; "" for a picture."""

    @property
    def name(self) -> str:
        """What tells it from all others, on any machine."""
        return f"{self.collection}/{self.category}/{self.file.name}{':' + self.key if self.key else ''}"

    @property
    def has_strokes(self) -> bool:
        return self.file.suffix == ".ndjson"

    def points(self) -> np.ndarray:
        """The strokes, int16 (n, 3), as `strokes.render` takes them."""
        return strokes.from_quickdraw(_line(self.file, self.key))

    def sheet(self, fraction: float = 1.0) -> np.ndarray:
        """The sketch on a sheet of 256 pixels, uint8; of stroke drawings the first strokes only where asked."""
        if self.has_strokes:
            return strokes.render(self.points(), SIDE, strokes.LINE_WIDTH, fraction)
        return read_sketch(self.file, self.name, SIDE)


def read(table: Path) -> list[HumanSketch]:
    """All drawings that the list names, in an order of their own that does not depend on the list's.

    Raises:
      DataError: no such list.
    """
    rows = raw_files.read_csv(table, "--raw, human_val.csv", ("set", "category", "file"))
    found = [
        HumanSketch(category_name(row["category"]), row["set"], table.parent / row["file"], row.get("key_id", ""))
        for _, row in rows
    ]
    return sorted(found, key=lambda s: hashlib.sha256(s.name.encode()).hexdigest())


def balanced(
    sketches: Sequence[HumanSketch], categories: Sequence[str], per_category: int, *, with_strokes: bool = False
) -> list[HumanSketch]:
    """Up to so many of each category, in turn from the collections that have it, so that none outweighs the others.

    A smaller choice is the beginning of a larger one, category by category.
    """
    chosen = []
    for category in categories:
        pools: dict[str, list[HumanSketch]] = {}
        for sketch in sketches:
            if sketch.category == category and (sketch.has_strokes or not with_strokes):
                pools.setdefault(sketch.collection, []).append(sketch)
        turns = [pool[i] for i in range(per_category) for _, pool in sorted(pools.items()) if i < len(pool)]
        chosen += turns[:per_category]
    return chosen


def others(sketches: Sequence[HumanSketch], categories: Sequence[str], limit: int | None) -> list[HumanSketch]:
    """Drawings of other categories, near kin left out; up to `limit`, in turn from all of them."""
    seen: dict[str, int] = {}
    ranked = []
    for sketch in sketches:
        if sketch.category not in categories and sketch.category not in NEAR_KIN:
            ranked.append((seen.get(sketch.category, 0), sketch))
            seen[sketch.category] = seen.get(sketch.category, 0) + 1
    ranked.sort(key=lambda pair: pair[0])
    return [sketch for _, sketch in ranked[:limit]]


@functools.cache
def _lines(file: Path) -> dict[str, list]:
    """The drawings of an ndjson file by `key_id` and by `line17`."""
    found: dict[str, list] = {}
    try:
        for number, text in enumerate(file.read_text().splitlines(), 1):
            if text.strip():
                record = json.loads(text)
                found[f"line{number}"] = record["drawing"]
                if record.get("key_id"):
                    found[str(record["key_id"])] = record["drawing"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{str(file)!r} cannot be read as drawings ({error}): copy the real data anew") from None
    return found


def _line(file: Path, key: str) -> list:
    drawings = _lines(file)
    if key not in drawings:
        raise DataError(f"{str(file)!r} has no drawing {key!r}: it does not belong to this human_val.csv")
    return drawings[key]
