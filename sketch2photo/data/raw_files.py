"""Raw files as they lie: in folders, and in tables that name them."""

import csv
import os
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

from sketch2photo.data.example import SPLITS, Skipped
from sketch2photo.errors import DataError

# ---------------------------------------------------------------- tables: manifests, lists of validation drawings


def read_csv(path: Path, what: str, required: tuple[str, ...]) -> list[tuple[int, dict[str, str]]]:
    """The rows of a CSV file with their line numbers; cells are stripped, missing ones "".

    Args:
      what: how the user knows the file, for messages: "--manifest".
      required: columns without which it is of no use, and whose cells are not empty; others may come in any order.

    Raises `DataError`: no such file, not CSV in UTF-8, a required column or cell is missing, or an unknown split.
    """
    if not path.is_file():
        remedy = f"give the path of a CSV file with the columns {', '.join(required)}"
        raise DataError(f"no file {what} {str(path)!r}: {remedy}")
    try:
        with path.open(newline="", encoding="utf-8-sig") as lines:
            table = csv.DictReader(lines, strict=True)
            missing = [column for column in required if column not in (table.fieldnames or ())]
            if missing:
                raise DataError(f"{what} {str(path)!r} has no column {missing[0]!r}: its first line must name it")
            rows = []
            for row in table:
                cells = {name: (cell or "").strip() for name, cell in row.items() if isinstance(name, str)}
                where = f"{what} {str(path)!r}, line {table.line_num}"
                if not all(cells[column] for column in required):
                    raise DataError(f"{where}: {' and '.join(required)} must not be empty")
                if (split := cells.get("split", "")) not in ("", *SPLITS):
                    raise DataError(f"{where}: the split is {split!r}, but must be one of train, val, test")
                rows.append((table.line_num, cells))
            return rows
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{what} {str(path)!r} is not a CSV file in UTF-8 ({error}): export it again") from None


# ---------------------------------------------------------------- folders

PICTURES = {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm"}
PICTURES |= {".avif", ".jp2", ".heic", ".heif"}
DRAWN = PICTURES | {".svg", ".svgz"}
KINDS = DRAWN | {".ndjson", ".csv"}


def check_folder(folder: Path, option: str) -> None:
    """Raises `DataError` unless `folder` is one."""
    if not folder.is_dir():
        kind = "is a file" if folder.exists() else "does not exist"
        raise DataError(f"{option} {str(folder)!r} {kind}: give an existing folder")


SPLIT_OF = {"train": "train", "training": "train", "test": "test", "testing": "test"}
SPLIT_OF |= dict.fromkeys(("val", "valid", "validation"), "val")
"""Names of folders above those of categories."""
SYSTEM, NOT_ASKED_FOR = "left there by the system", "not asked for"
"""Reasons that are no news to anybody."""
_SYSTEM = {"__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "$recycle.bin", "@eadir", "lost+found"}
_QUICK_DRAW = {".npy", ".bin", ".csv"}  # its forms other than the one that is read


def why_not(name: str, kinds: set[str]) -> str:
    """Why a file is none of those that are wanted, by its path below --raw; "" where it is."""
    if any(part[:1] == "." or part.lower() in _SYSTEM for part in name.split("/")):
        return SYSTEM
    suffix = Path(name).suffix.lower()
    if suffix in kinds:
        return ""
    drawings = ".ndjson" in kinds
    what = "neither a picture nor SVG nor ndjson" if drawings else "not a picture"
    hint = ": of Quick, Draw! get the simplified drawings, .ndjson" if drawings and suffix in _QUICK_DRAW else ""
    return f"{what} ({suffix or 'no extension'}){hint}"


def files_under(
    folder: Path, skipped: list[Skipped], kinds: set[str], *, prefix: str = "", but: Iterable[Path] = ()
) -> Iterator[Path]:
    """All files of these kinds beneath `folder`, in order; all others, and what cannot be entered, go to `skipped`,
    `prefix` before their names, except for files that are known already (`but`).

    A link to a folder that holds it would lead round for ever, so a folder is never entered from within itself.
    """
    known = {path.absolute() for path in but}
    for path in _files(folder, folder, tuple(path.resolve() for path in folder.absolute().parents), skipped):
        name = path.relative_to(folder).as_posix()
        if reason := why_not(name, kinds):
            if path.absolute() not in known:
                skipped.append(Skipped(prefix + name, reason))
        else:
            yield path


def _files(folder: Path, top: Path, above: tuple[Path, ...], skipped: list[Skipped]) -> Iterator[Path]:
    name = folder.relative_to(top).as_posix()
    try:
        real = folder.resolve()
        inside = sorted(folder.iterdir())
    except OSError as error:
        skipped.append(Skipped(name, f"the folder cannot be read ({error.strerror})"))
        return
    if real in above:
        skipped.append(Skipped(name, "a link to a folder that it is in"))
        return
    for path in inside:
        if os.path.isdir(path):  # unlike Path's, it takes what cannot be told for none
            yield from _files(path, top, (*above, real), skipped)
        else:
            yield path


def category_and_split(path: Path, top: Path, with_own: set[Path]) -> tuple[str, str]:
    """The category and split that the folders of a picture say, "" where they say none.

    Folders that hold no pictures themselves (`with_own` do) are passed over: one, and those that name a split.
    """
    parts = path.relative_to(top).parts
    levels = [top.joinpath(*parts[:number]) for number in range(1, len(parts))]
    split, passed = "", False
    while len(levels) > 1 and levels[0] not in with_own:
        known = SPLIT_OF.get(levels[0].name.lower(), "")
        if not known and passed:
            break
        split, passed = split or known, passed or not known
        levels = levels[1:]
    return composed(levels[0].name) if levels else "", split


def composed(name: str) -> str:
    """A name as most systems write it: macOS takes letters apart (é is e and an accent, 신 three letters)."""
    return unicodedata.normalize("NFC", name)


def named(folder: Path, name: str) -> Path:
    """The file of that name in a folder, however its letters are composed; perhaps there is none."""
    if (folder / name).exists() or name.isascii():
        return folder / name
    found = [folder]
    for part in Path(name).parts:
        inside = [one for place in found if os.path.isdir(place) for one in place.iterdir()]
        found = [one for one in inside if composed(one.name) == composed(part)]
    return found[0] if found else folder / name


def not_asked_for(names: Iterable[str]) -> list[Skipped]:
    """Pictures of categories and renderings that were not asked for, by folder: there may be hundreds of thousands."""
    return [Skipped(f"{folder}/", NOT_ASKED_FOR) for folder in sorted({name.rpartition("/")[0] for name in names})]
