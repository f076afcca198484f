"""Sketches without photos: picture and SVG files by category, and Quick, Draw! files of strokes.

They become datasets of drawings, and the few that a training run's sample grids are painted from.
"""

import difflib
import functools
import hashlib
import itertools
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from sketch2photo import images
from sketch2photo.data import raw_files, strokes
from sketch2photo.data.example import Example, Raw, Skipped, decode, encode_sketch, read_sketch
from sketch2photo.data.raw_files import DRAWN, SPLIT_OF, SYSTEM, check_folder, files_under
from sketch2photo.errors import DataError, ImageError, choose
from sketch2photo.images import cleanup, svg

_SKETCHY_NAME = re.compile(r"(n\d+_\d+)-\d+")
"""Of a sketch of the Sketchy Database: all those of one photo belong together."""


@dataclass(frozen=True)
class RawDrawing(Raw):
    """A picture file, or one line of an ndjson file."""

    path: Path
    line: int = 0  # counted from 1; 0 for a picture file
    offset: int = 0  # where the line begins, in bytes
    key: str = ""  # the drawing's `key_id`, where it has one
    recognised: bool = True


@dataclass
class Found:
    """What the raw folders hold."""

    drawings: list[RawDrawing] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def category_name(text: str) -> str:
    """A category as we write it: "hot-air balloon" is "hot_air_balloon"."""
    return re.sub(r"[\s-]+", "_", raw_files.composed(text.strip()))


def renames(pairs: list[str]) -> dict[str, str]:
    """The table that `--rename OLD=NEW ...` asks for. Raises `DataError`: a pair without "=" or with an empty side."""
    table = {}
    for pair in pairs:
        old, _, new = pair.rpartition("=")
        if not old.strip() or not new.strip():
            raise DataError(f"--rename {pair!r} is not of the form OLD=NEW: write it so, as in couch=sofa")
        table[category_name(old)] = category_name(new)
    return table


def find(raw: list[tuple[Path, str]], rename: dict[str, str], option: str = "--raw", but: Sequence[Path] = ()) -> Found:
    """All drawings beneath the folders `raw`, each with the category of all of them, "" where it is to be found.

    The category of a picture is its folder's name, that of a stroke drawing its `word` or else the file's name.

    Args:
      option: how the user knows the folders, for messages.
      but: files in them that are known already.

    Raises:
      DataError: no such folder, or nothing in it.
      ConfigError: a category to be renamed that is not there, but one much like it is.
    """
    found = Found()
    for folder, category in raw:
        check_folder(folder, option)
        source = "/".join(folder.resolve().parts[-2:])
        before = len(found.drawings)
        prefix = f"{source}/" if len(raw) > 1 else ""  # of several folders many have a 0001.png
        for path in files_under(folder, found.skipped, DRAWN | {".ndjson"}, prefix=prefix, but=but):
            above = path.relative_to(folder).parts[:-1]
            is_picture = path.suffix.lower() in DRAWN
            # The folder of a picture is its category, unless that is known.
            levels = above[:-1] if is_picture and not category else above
            split = next((SPLIT_OF[part.lower()] for part in levels if part.lower() in SPLIT_OF), "")
            name = prefix + path.relative_to(folder).as_posix()
            said: dict[str, Any] = {"name": name, "split": split, "source": source}
            if is_picture:
                of_photo = _SKETCHY_NAME.fullmatch(path.stem)
                said["group"] = of_photo[1] if of_photo else ""
                found.drawings.append(RawDrawing(path, category=category or category_name(path.parent.name), **said))
            else:
                add_lines(found, path, category, **said)
        if len(found.drawings) == before:
            first = next((f"; {one.file}: {one.reason}" for one in found.skipped if one.reason != SYSTEM), "")
            remedy = "give a folder of pictures, SVG or .ndjson files"
            raise DataError(f"{option} {str(folder)!r} holds no drawings{first}: {remedy}")
    known = sorted({drawing.category for drawing in found.drawings})
    for old in rename:
        if old not in known and not difflib.get_close_matches(old, known, n=1):
            found.remarks.append(f"--rename {old}={rename[old]}: there is no {old} here")  # one list for many folders
        else:
            choose("category in --rename", old, known)
    found.drawings = [replace(d, category=rename.get(d.category, d.category)) for d in found.drawings]
    return found


def folder_and_category(text: str) -> tuple[Path, str]:
    """What "DIR" or "DIR=CATEGORY" names, the category as we write it, or ""."""
    folder, _, category = text.rpartition("=")
    if folder and category and not Path(text).exists():
        return Path(folder), category_name(category)
    return Path(text), ""


def add_lines(found: Found, path: Path, category: str, name: str, **known: str) -> None:
    """The drawings of an ndjson file; without `category` each is of its `word`, or else of the file's name."""
    with path.open("rb") as lines:
        offset = 0
        for number, line in enumerate(lines, 1):
            where, offset = offset, offset + len(line)
            if not line.strip():
                continue
            try:
                record = json.loads(line)
                drawing = record["drawing"]
                if not isinstance(drawing, list):
                    raise TypeError
            except (ValueError, TypeError, KeyError):
                found.skipped.append(Skipped(f"{name}, line {number}", "not a drawing in Quick, Draw! form"))
                continue
            found.drawings.append(
                RawDrawing(
                    path,
                    name=name,
                    category=category or category_name(str(record.get("word") or path.stem)),
                    line=number,
                    offset=where,
                    key=str(record.get("key_id") or ""),
                    recognised=record.get("recognized") is not False,
                    group=hashlib.sha256(json.dumps(drawing).encode()).hexdigest()[:16],
                    **known,
                )
            )


def select(found: Found, val: Path | None, keep_unrecognised: bool, limit: int | None) -> None:
    """Mark the validation drawings of the file `val`, and leave out what is not wanted. Raises `DataError`: `val` is no
    such file, or names none of the drawings."""
    if val is not None:
        _mark_val(found, val)
    if not keep_unrecognised:
        kept = [d for d in found.drawings if d.recognised or d.split == "val"]
        remark = "left out {} drawings that Quick, Draw! did not recognise"
        _keep(found, kept, "holds none but drawings that Quick, Draw! did not recognise", remark)
    if limit is not None:
        taken: dict[str, Iterator[int]] = defaultdict(itertools.count)
        kept = [drawing for drawing in found.drawings if next(taken[drawing.category]) < limit]
        _keep(found, kept, "beyond --limit-per-category", f"kept {limit} drawings a category, left out {{}}")


def _keep(found: Found, kept: list[RawDrawing], why: str, remark: str) -> None:
    """Leave out all but some drawings; files of which none is left are named, and the remark says how many."""
    if number := len(found.drawings) - len(kept):
        found.remarks.append(remark.format(number))
    left = {one.name for one in kept}
    gone = dict.fromkeys(one.name for one in found.drawings if one.name not in left)
    found.skipped += [Skipped(name, why) for name in gone]
    found.drawings = kept


def _mark_val(found: Found, val: Path) -> None:
    """What the file names is val, everything else train; copies and namesakes follow through their group."""
    files: set[tuple[Path, int]] = set()  # with the number of a line, or 0 for all
    keys: set[str] = set()
    for _, row in raw_files.read_csv(val, "--val", ("file",)):
        key = row.get("key_id", "")
        line = re.fullmatch(r"line(\d+)", key)
        if key and not line:
            keys.add(key)
        else:
            files.add((raw_files.named(val.parent, row["file"]).resolve(), int(line[1]) if line else 0))
    resolved = functools.cache(Path.resolve)
    for place, drawing in enumerate(found.drawings):
        path = resolved(drawing.path)
        is_val = (path, 0) in files or (path, drawing.line) in files or drawing.key in keys
        found.drawings[place] = replace(drawing, split="val" if is_val else "train")
    if all(drawing.split == "train" for drawing in found.drawings):
        remedy = "its files must be relative to its own folder"
        raise DataError(f"--val {str(val)!r} names none of the drawings in --raw: {remedy}")


def make_example(raw: RawDrawing, *, size: int) -> list[Example | Skipped]:
    """A drawing at `size`, or why not, and what of it is not shown. Runs in a worker process."""
    name = f"{raw.name}, line {raw.line}" if raw.line else raw.name
    points, left_out = None, []
    if raw.line:
        try:
            with raw.path.open("rb") as file:
                file.seek(raw.offset)
                points = strokes.from_quickdraw(json.loads(file.readline())["drawing"])
        except (ValueError, TypeError, IndexError, OverflowError):
            return [Skipped(name, "its strokes are not lists of numbers")]
        sketch = strokes.render(points, size, strokes.LINE_WIDTH)
        content = raw.group
    else:
        try:
            data = raw.path.read_bytes()
            if svg.is_svg(data):
                sketch, points = _of_svg(data, raw.name, size)
                reason = "shows {!r}, which is no part of the file: left blank"
                left_out = [Skipped(name, reason.format(address)) for address in svg.elsewhere(data, raw.name)]
            else:
                sketch = read_sketch(raw.path, raw.name, size)
            content = hashlib.sha256(data).hexdigest()
        except (ImageError, OSError) as error:
            return [Skipped(name, str(error).removeprefix(f"{raw.name} "))]
    if images.ink_box(sketch) is None:
        return [Skipped(name, "nothing is drawn on it")]
    return [replace(raw, name=name).example([encode_sketch(sketch)], strokes=points, content=content), *left_out]


def _of_svg(data: bytes, name: str, size: int) -> tuple[np.ndarray, np.ndarray | None]:
    """An SVG file as a sketch at `size`, and its strokes where it is nothing but lines; both lie as strokes do."""
    seen = cleanup.clean(images.decode_sketch(data, name))
    if lines := svg.lines(data, name, seen < images.INK_BELOW):
        points = strokes.from_quickdraw(lines)
        return strokes.render(points, size, strokes.LINE_WIDTH), points
    sheet = images.pad_to_square(seen)
    left, top, right, bottom = images.ink_box(sheet) or (0, 0, *sheet.shape)
    side = (max(right - left, bottom - top) - cleanup.line_width(sheet)) / (1 - 2 * strokes.MARGIN)
    frame = images.Frame((left + right - side) / 2, (top + bottom - side) / 2, side, sheet.shape[0])
    unit = size / images.SHEET
    width = strokes.LINE_WIDTH * unit
    return cleanup.with_width(frame.cut(sheet, size), width, width, images.WIDEST_LINE * unit), None


# ---------------------------------------------------------------- drawings of a run's sample grids

OPTION = "--sample-drawings"


def read_samples(
    path: Path,
    categories: Sequence[str],
    *,
    image_size: int,
    input_channels: int = 1,
    per_category: int,
    say: Callable[[str], None] = print,
) -> dict[str, np.ndarray]:
    """Up to so many drawings of each category, always the same ones, framed as the page frames them.

    What is of another category, or cannot be read, is left out and told in a sentence.

    Args:
      path: a folder of drawings with a sub-folder for each category, or of Quick, Draw! files; or a CSV file with the
        columns `file` (beside it), `category` and perhaps `key_id` (of a line of an ndjson file, or `line17`).
      categories: the model's.

    Returns:
      {"sketch": uint8 (n, s, s, input_channels), "label": int32 (n,)}, n at least 1, in the order of the categories.

    Raises `DataError`: nothing there, not such a folder or file, or no readable drawing of a category of the model.
    """
    if not path.exists():
        folder = "a folder of drawings with a sub-folder for each category"
        table = "a CSV file with the columns category and file"
        raise DataError(f"there is no {OPTION} {str(path)!r}: give {folder}, or {table}")
    found = _listed(path) if path.is_file() else find([(path, "")], {}, OPTION).drawings
    others = sorted({one.category for one in found} - set(categories))
    # By a hash, so that which are taken depends on no order, and a few more files change few of them.
    found.sort(key=lambda one: hashlib.sha256(f"{one.name}:{one.key or one.line}".encode()).hexdigest())
    chosen: list[tuple[np.ndarray, int]] = []
    broken: list[str] = []
    for label, category in enumerate(categories):
        wanted = len(chosen) + per_category
        for raw in found:
            if raw.category == category and len(chosen) < wanted:
                try:
                    chosen.append((_framed(raw, image_size, input_channels), label))
                except DataError as error:
                    broken.append(str(error))
    if not chosen:
        there = f"it has {_some(others)}" if others else f"none can be read ({broken[0]})" if broken else "it is empty"
        remedy = "name its folders, or the column category, as the model's categories"
        raise DataError(f"{OPTION} {str(path)!r} holds no drawing of {_some(categories)}: {there}; {remedy}")
    if others:
        say(f"{OPTION}: drawings of {_some(others)} are left out, for the model has no such category")
    if broken:
        say(f"{OPTION}: {len(broken)} drawings are left out, the first because {broken[0]}")
    sketches, labels = zip(*chosen, strict=True)
    return {"sketch": np.stack(sketches), "label": np.array(labels, np.int32)}


def _framed(raw: RawDrawing, size: int, channels: int) -> np.ndarray:
    if raw.path.suffix.lower() in DRAWN:
        try:
            sheet = images.decode_sketch(raw.path, raw.name)
        except ImageError as error:
            raise DataError(str(error)) from None
    else:
        if raw.key and not raw.line:
            if raw.key not in (there := _lines(raw.path)):
                raise DataError(f"{raw.name} has no drawing {raw.key!r}")
            raw = there[raw.key]
        example, *_ = make_example(raw, size=images.SHEET)
        if isinstance(example, Skipped):
            raise DataError(f"{example.file}: {example.reason}")
        sheet = decode(example.sketches[0], 1)
    sketch, _ = images.frame_drawing(sheet, size)
    if images.ink_box(sketch) is None:
        raise DataError(f"nothing is drawn on {raw.name}")
    return np.repeat(sketch[..., None], channels, -1)


def _listed(table: Path) -> list[RawDrawing]:
    """What the CSV file names; lines of ndjson files are looked for when they are needed."""
    found = []
    for number, row in raw_files.read_csv(table, OPTION, ("category", "file")):
        path = raw_files.named(table.parent, row["file"])
        kind = path.suffix.lower()
        key = row.get("key_id", "") if kind == ".ndjson" else ""
        if kind not in DRAWN and not key:
            kinds = "a picture, an SVG file, or an .ndjson file with a key_id"
            raise DataError(f"{OPTION} {str(table)!r}, line {number}: {row['file']!r} must be {kinds}")
        found.append(RawDrawing(path, name=row["file"], category=category_name(row["category"]), key=key))
    return found


@functools.lru_cache(maxsize=64)
def _lines(path: Path) -> dict[str, RawDrawing]:
    """The drawings of an ndjson file by `key_id` and by `line17`."""
    if not path.is_file():
        raise DataError(f"{path.name} is not there")
    found = Found()
    add_lines(found, path, "", path.name)
    return {f"line{one.line}": one for one in found.drawings} | {one.key: one for one in found.drawings if one.key}


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
