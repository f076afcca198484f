"""Paint a folder of sketches.

    python -m sketch2photo.predict drawings/ --checkpoint checkpoints/studio --out photos

Every photo is a PNG of its sketch's name and place; `predictions.json` and `predictions.csv` say for each what was
seen in it, and which files could not be read.
"""

import argparse
import csv
import io
import json
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sketch2photo import cli
from sketch2photo.errors import ConfigError, DataError, ImageError
from sketch2photo.files import write_out

if TYPE_CHECKING:
    import numpy as np

    from sketch2photo.studio import Studio

JSON_FILE, CSV_FILE = "predictions.json", "predictions.csv"
CHUNK = 16
"""Sketches that are decoded and painted at a time, so that memory does not grow with the folder."""

Given = tuple[Path, str, str]
"""A file, its name below the folder that was given, and the name of its photo."""


def options(parser: argparse.ArgumentParser) -> None:
    """Those of `python -m sketch2photo.predict`."""
    add = parser.add_argument
    add("sketches", type=Path, nargs="+", metavar="DIR|FILE", help="folders (with those in them), files")
    cli.add_checkpoint(parser, "a released model, or a run of train.py gan")
    add("--out", type=Path, required=True, metavar="DIR", help="gets the photos and predictions.json")
    add("--category", metavar="NAME", help="paint all as this (default: each as what it looks like)")
    add("--colour", metavar="#RRGGBB", help="of the objects (default: one of the category's own)")
    add("--transparent", action="store_true", help="objects without a ground (a model that paints coverage)")
    add("--seed", type=int, default=0, help="which of the category's colours (default: %(default)s)")


def run(options: argparse.Namespace) -> None:
    """Paint, write and print; what was painted before a `UserError` (of an option, the model, no room) stays."""
    out: Path = options.out
    skipped: list[tuple[str, str]] = []
    given = find(options.sketches, out, skipped)
    from sketch2photo.release.weights import open_weights
    from sketch2photo.studio import Studio

    studio = Studio(open_weights(options.checkpoint).model)
    if options.transparent and not studio.paints_coverage:
        name = str(options.checkpoint)
        raise ConfigError(f"--transparent: {name!r} paints no coverage: leave it out, or name another")
    rows: list[dict[str, Any]] = []
    for first in range(0, len(given), CHUNK):
        rows += _paint(studio, given[first : first + CHUNK], options, skipped)
        if sys.stdout.isatty():  # a line that the next one clears
            print(f"\x1b[2K{min(first + CHUNK, len(given))}/{len(given)}", end="\r", flush=True)
    if not rows:
        name, reason = skipped[0]
        raise DataError(f"none of the {len(skipped)} files could be painted; the first: {name}: {reason}")
    content = {
        "checkpoint": str(options.checkpoint),
        "categories": list(studio.categories),
        "asked": {"category": options.category, "colour": options.colour, "seed": options.seed},
        "predictions": rows,
        "left_out": [{"file": name, "reason": reason} for name, reason in skipped],
    }
    write_out(out / JSON_FILE, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    write_out(out / CSV_FILE, _table(rows, studio.categories if studio.has_classifier else ()))
    for name, reason in skipped:
        print(f"left out: {name}: {reason}", file=sys.stderr)
    painted = sum(row["photo"] is not None for row in rows)
    empty = f", {len(rows) - painted} empty" if painted < len(rows) else ""
    clear = "\x1b[2K" if sys.stdout.isatty() else ""
    print(f"{clear}{painted} painted{empty}, {len(skipped)} left out: {out / JSON_FILE}")


def find(paths: Sequence[Path], out: Path, skipped: list[tuple[str, str]]) -> list[Given]:
    """The files to paint, each once; what is in folders but no picture is added to `skipped`. `DataError` where a path
    is not there, there is nothing to paint, or `out` is where the sketches are."""
    if out.exists() and not out.is_dir():
        raise DataError(f"--out {str(out)!r} is a file: choose a folder")
    named: dict[Path, tuple[Path, str]] = {}
    for path in paths:
        if not path.exists():
            raise DataError(f"there is no {str(path)!r}: name folders of sketches, or files")
        if path.is_dir() and path.resolve() == out.resolve():
            raise DataError(f"--out {str(out)!r} is the folder of the sketches: choose another, they would be lost")
        for file, name in _inside(path, out, skipped) if path.is_dir() else [(path, path.name)]:
            named.setdefault(file.resolve(), (file, name))
    if not named:
        places = ", ".join(repr(str(path)) for path in paths)
        raise DataError(f"no pictures in {places}: sketches are PNG, JPEG, SVG and other usual kinds of file")
    targets = _targets([name for _, name in named.values()])
    given = [(*one, target) for one, target in zip(named.values(), targets, strict=True)]
    for file, _, target in given:
        if (out / target).resolve() in named:
            raise DataError(f"--out {str(out)!r} would replace the sketch {str(file)!r}: choose another folder")
    return given


def _inside(folder: Path, out: Path, skipped: list[tuple[str, str]]) -> Iterator[tuple[Path, str]]:
    from sketch2photo.data.raw_files import DRAWN, SYSTEM, files_under

    unread, painted = [], out.resolve()
    for path in files_under(folder, unread, DRAWN):
        if painted not in path.resolve().parents:
            yield path, path.relative_to(folder).as_posix()
    new = [one for one in unread if one.reason != SYSTEM and painted not in (folder / one.file).resolve().parents]
    skipped += [(one.file, one.reason) for one in new]


def _targets(names: list[str]) -> list[str]:
    """Where the photo of each goes: the name with .png, after its whole name or a number where two would be one."""
    taken: set[str] = set()
    targets = []
    for name in names:
        stem = name[: len(name) - len(Path(name).suffix)]
        candidates = (stem, name, *(f"{name}-{n}" for n in range(2, len(names) + 2)))
        # Some disks take A.png and a.png for one.
        candidate = next(one for one in candidates if one.lower() not in taken)
        taken.add(candidate.lower())
        targets.append(candidate + ".png")
    return targets


def _paint(
    studio: "Studio", chunk: list[Given], options: argparse.Namespace, skipped: list[tuple[str, str]]
) -> list[dict[str, Any]]:
    from sketch2photo.images import encode_png

    sketches, kept = [], []
    for path, name, target in chunk:
        try:
            sketches.append(_read(path, name, studio.takes_colour_inputs))
            kept.append((name, target))
        except (ImageError, OSError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error).removeprefix(f"{name} ")
            skipped.append((name, reason or str(error)))
    n = len(sketches)
    found = studio.predict_batch(sketches, [options.category] * n, [options.colour] * n, [options.seed] * n)
    for (_, target), one in zip(kept, found, strict=True):
        picture = one.cutout if options.transparent else one.photo
        if picture is not None:
            write_out(options.out / target, encode_png(picture))
    return [
        {
            "sketch": name,
            "photo": None if one.photo is None else target,
            "status": one.status,
            "category": one.category,
            "colour": one.colour,
            "probabilities": {category: round(p, 6) for category, p in one.probabilities.items()},
        }
        for (name, target), one in zip(kept, found, strict=True)
    ]


def _read(path: Path, name: str, colours: bool) -> "np.ndarray":
    """A sketch, or where the model takes them a coloured input, of a size that Studio takes."""
    import cv2

    from sketch2photo import images

    sketch = images.decode_photo(path, name) if colours else images.decode_sketch(path, name)
    height, width = sketch.shape[:2]
    scale = images.MAX_SIDE / max(height, width)
    if scale >= 1:
        return sketch
    if min(height, width) * scale < images.MIN_SIDE:
        raise ImageError(f"{name} is {width} x {height} pixels: it is too narrow, cut it to what is drawn")
    return cv2.resize(sketch, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)


def _table(rows: list[dict[str, Any]], categories: Sequence[str]) -> str:
    text = io.StringIO()
    fields = ("sketch", "photo", "status", "category", "colour")
    lines = [[*(row[field] for field in fields), *(row["probabilities"].get(c) for c in categories)] for row in rows]
    csv.writer(text, lineterminator="\n").writerows([[*fields, *(f"p_{c}" for c in categories)], *lines])
    return text.getvalue()


main = partial(cli.run, "predict", "python -m sketch2photo.predict")

if __name__ == "__main__":
    main()
