"""Drawings by people that a training run's sample grids are painted from; nothing is trained on them."""

import functools
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from sketch2photo import images
from sketch2photo.data import drawings, tables
from sketch2photo.data.batches import Batch, stack
from sketch2photo.data.example import Skipped, decode
from sketch2photo.data.photos import PICTURES
from sketch2photo.errors import DataError, ImageError

OPTION = "--sample-drawings"


def read(
    path: Path,
    categories: Sequence[str],
    *,
    image_size: int,
    input_channels: int = 1,
    per_category: int,
    say: Callable[[str], None] = print,
) -> Batch:
    """Up to so many drawings of each category, always the same ones, framed as the page frames them.

    What is of another category, or cannot be read, is left out and told in a sentence.

    Args:
      path: a folder of drawings with a sub-folder for each category, or of Quick, Draw! files; or a CSV file with the
        columns `file` (beside it), `category` and perhaps `key_id` (of a line of an ndjson file, or `line17`).
      categories: the model's.

    Returns:
      {"sketch": uint8 (n, s, s, input_channels), "label": int32 (n,)}, n at least 1, in the order of the categories.

    Raises:
      DataError: nothing there, not such a folder or file, or no readable drawing of a category of the model.
    """
    if not path.exists():
        raise DataError(
            f"there is no {OPTION} {str(path)!r}: give a folder of drawings with a sub-folder for each category, or a "
            "CSV file with the columns category and file"
        )
    found = _listed(path) if path.is_file() else drawings.find([str(path)], {}, OPTION).drawings
    others = sorted({one.category for one in found} - set(categories))
    # By a hash, so that which are taken depends on no order, and a few more files change few of them.
    found.sort(key=lambda one: hashlib.sha256(f"{one.name}:{one.key or one.line}".encode()).hexdigest())
    chosen: list[Batch] = []
    broken: list[str] = []
    for label, category in enumerate(categories):
        wanted = len(chosen) + per_category
        for raw in found:
            if raw.category == category and len(chosen) < wanted:
                try:
                    chosen.append(_framed(raw, label, image_size, input_channels))
                except DataError as error:
                    broken.append(str(error))
    if not chosen:
        there = f"it has {_some(others)}" if others else f"none can be read ({broken[0]})" if broken else "it is empty"
        raise DataError(
            f"{OPTION} {str(path)!r} holds no drawing of {_some(categories)}: {there}; name its folders, or the column "
            "category, as the model's categories"
        )
    if others:
        say(f"{OPTION}: drawings of {_some(others)} are left out, for the model has no such category")
    if broken:
        say(f"{OPTION}: {len(broken)} drawings are left out, the first because {broken[0]}")
    return stack(chosen)


def _framed(raw: drawings.RawDrawing, label: int, size: int, channels: int) -> Batch:
    if raw.path.suffix.lower() in PICTURES:
        try:
            sheet = images.decode_sketch(raw.path, raw.name)
        except ImageError as error:
            raise DataError(str(error)) from None
    else:
        example = drawings.make_example(_line(raw) if raw.key and not raw.line else raw, size=images.SHEET)
        if isinstance(example, Skipped):
            raise DataError(f"{example.file}: {example.reason}")
        sheet = decode(example.sketches[0], 1)
    sketch, _ = images.frame_drawing(sheet, size)
    if images.ink_box(sketch) is None:
        raise DataError(f"nothing is drawn on {raw.name}")
    return {"sketch": np.repeat(sketch[..., None], channels, -1), "label": np.int32(label)}


def _listed(table: Path) -> list[drawings.RawDrawing]:
    """What the CSV file names; lines of ndjson files are looked for when they are needed."""
    found = []
    for number, row in tables.read(table, OPTION, ("category", "file")):
        path = table.parent / row["file"]
        kind = path.suffix.lower()
        key = row.get("key_id", "") if kind == ".ndjson" else ""
        if kind not in PICTURES | {".svg"} and not key:
            raise DataError(
                f"{OPTION} {str(table)!r}, line {number}: {row['file']!r} must be a picture, an SVG file, or an "
                ".ndjson file with a key_id"
            )
        found.append(drawings.RawDrawing(path, row["file"], drawings.category_name(row["category"]), key=key))
    return found


def _line(raw: drawings.RawDrawing) -> drawings.RawDrawing:
    there = _lines(raw.path)
    if raw.key not in there:
        raise DataError(f"{raw.name} has no drawing {raw.key!r}")
    return there[raw.key]


@functools.lru_cache(maxsize=64)
def _lines(path: Path) -> dict[str, drawings.RawDrawing]:
    """The drawings of an ndjson file by `key_id` and by `line17`."""
    if not path.is_file():
        raise DataError(f"{path.name} is not there")
    found = drawings.Found([], [], [])
    drawings.add_lines(found, path, path.name, "", "")
    named = {one.key: one for one in found.drawings if one.key}
    return named | {f"line{one.line}": one for one in found.drawings}


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
