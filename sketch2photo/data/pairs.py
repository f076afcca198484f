"""Pairs that are there already: side by side in one picture, in two folders by name, or listed in a CSV file.

    side by side   RAW/[train|val|test/][CATEGORY/]x.jpg     A on the left, B on the right, as pix2pix's own datasets
    two folders    RAW/A/..., RAW/B/... or two folders given; RAW/trainA, RAW/trainB; RAW/sketches, RAW/photos
    a list         RAW/pairs.csv with the columns sketch and photo, or A and B; category, group, split, source, licence

The direction AtoB makes A the input and B the photo. What is called sketch or photo is that, whatever the direction.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sketch2photo import images
from sketch2photo.data import raw_files
from sketch2photo.data.example import KNOWN, Example, Raw, Skipped, encode_sketch
from sketch2photo.data.raw_files import PICTURES, check_folder, files_under
from sketch2photo.errors import DataError, ImageError

LIST = "pairs.csv"
_SPLIT_OF = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
_SIDES = (("A", "B"), ("sketches", "photos"), ("sketch", "photo"), ("inputs", "photos"), ("edges", "photos"))
_COLUMNS = (("A", "B"), ("sketch", "photo"), ("input", "photo"))
_LOOKED_AT = 24
"""Inputs looked at to see whether they are coloured."""


@dataclass(frozen=True)
class RawPair(Raw):
    """A photo and the inputs that belong to it, or one picture with both halves."""

    photo: Path
    inputs: tuple[Path, ...]
    side: str = ""
    """Where the input is in a picture with both: "left" or "right"; "" where they are files of their own."""

    def named(self, number: int) -> str:
        """What people know an input by."""
        path = self.inputs[number]
        return self.name if self.side else f"{path.parent.name}/{path.name}"


def find(
    raw: list[Path], direction: str, category: str = "", listed: Path | None = None
) -> tuple[list[RawPair], list[Skipped]]:
    """The pairs of a folder in any of the three forms, or of the two folders A and B.

    Args:
      direction: "AtoB" or "BtoA".
      category: of all pairs; "" for the folders' names.
      listed: a CSV file that names the pairs.

    Raises:
      DataError: no such folder or file, or no pairs.
    """
    for folder in raw:
        check_folder(folder, "--raw")
    if listed is None and len(raw) == 1 and (raw[0] / LIST).is_file():
        listed = raw[0] / LIST
    if listed is not None:
        pairs, skipped = _from_list(listed, direction, category)
    elif len(raw) == 2:
        one, other = raw if direction == "AtoB" else reversed(raw)
        pairs, skipped = _from_folders([("", one, other)], category or other.resolve().name)
    elif len(raw) > 2:
        raise DataError(f"--raw names {len(raw)} folders: give one folder, or the two folders A and B")
    elif sides := _two_sides(raw[0], direction):
        pairs, skipped = _from_folders(sides, category or raw[0].resolve().name)
    else:
        pairs, skipped = _side_by_side(raw[0], direction, category)
    if not pairs:
        reason = f"; the first left out: {skipped[0].file}: {skipped[0].reason}" if skipped else ""
        raise DataError(
            f"--raw {str(raw[0] if raw else listed)!r} holds no pairs{reason}: see docs/data.md for the forms"
        )
    return pairs, skipped


def are_coloured(pairs: list[RawPair]) -> bool:
    """Whether inputs have colours that mean something, as label maps do; looks at some of them."""
    for pair in pairs[:: max(1, len(pairs) // _LOOKED_AT)]:
        try:
            picture = _input(pair, 0).astype(np.int16)
        except (ImageError, OSError):
            continue
        if ((picture.max(2) - picture.min(2)) > 40).mean() > 0.01:
            return True
    return False


def _from_list(listed: Path, direction: str, category: str) -> tuple[list[RawPair], list[Skipped]]:
    rows = raw_files.read_csv(listed, "--pairs", ())
    columns = next((names for names in _COLUMNS if rows and set(names) <= rows[0][1].keys()), None)
    if columns is None:
        raise DataError(f"{str(listed)!r} has no columns sketch and photo, nor A and B: its first line must name them")
    rows = raw_files.read_csv(listed, "--pairs", columns)
    given, photo = columns if columns[0] != "A" or direction == "AtoB" else columns[::-1]
    inputs: dict[str, list[Path]] = {}
    known: dict[str, dict[str, str]] = {}
    for _, row in rows:
        inputs.setdefault(row[photo], []).append(listed.parent / row[given])
        known.setdefault(row[photo], row)
    name = category or listed.resolve().parent.name
    return [
        RawPair(
            listed.parent / file,
            tuple(drawn),
            name=file,
            category=known[file].get("category") or name,
            **{column: known[file].get(column, "") for column in KNOWN},
        )
        for file, drawn in inputs.items()
    ], []


def _two_sides(raw: Path, direction: str) -> list[tuple[str, Path, Path]]:
    """(split, folder of inputs, folder of photos) where `raw` holds folders for the two sides."""
    folders = {path.name.lower(): path for path in raw.iterdir() if path.is_dir()}
    for given, photo in _SIDES:
        if given.lower() in folders and photo.lower() in folders:
            one, other = folders[given.lower()], folders[photo.lower()]
            return [("", other, one) if given == "A" and direction == "BtoA" else ("", one, other)]
    found = []
    for name, split in _SPLIT_OF.items():
        if f"{name}a" in folders and f"{name}b" in folders:
            one, other = folders[f"{name}a"], folders[f"{name}b"]
            found.append((split, one, other) if direction == "AtoB" else (split, other, one))
    return found


def _from_folders(sides: list[tuple[str, Path, Path]], category: str) -> tuple[list[RawPair], list[Skipped]]:
    pairs, skipped = [], []
    for split, inputs, photos in sides:
        by_key: dict[str, list[Path]] = {}
        for path in _pictures(inputs, skipped):
            by_key.setdefault(_key(path, inputs), []).append(path)
        found = {_key(path, photos): path for path in _pictures(photos, skipped)}
        drawn: dict[str, list[Path]] = {}
        for key, paths in by_key.items():
            # Of one photo there may be several sketches, numbered: 001-2.png belongs to 001.jpg.
            photo = key if key in found else re.sub(r"[-_]\d+$", "", key)
            if photo in found:
                drawn.setdefault(photo, []).extend(paths)
            else:
                skipped.extend(
                    Skipped(f"{inputs.name}/{p.relative_to(inputs).as_posix()}", "no photo of its name") for p in paths
                )
        for key, path in found.items():
            name = f"{photos.name}/{path.relative_to(photos).as_posix()}"
            if key in drawn:
                first = key.split("/")[0]
                own = split or (_SPLIT_OF.get(first, "") if "/" in key else "")
                pairs.append(RawPair(path, tuple(drawn[key]), name=name, category=category, split=own))
            else:
                skipped.append(Skipped(name, "no input of its name"))
    return pairs, skipped


def _key(path: Path, folder: Path) -> str:
    """What the two sides of a pair have in common: the path without suffix, and without CycleGAN's _A and _B."""
    return re.sub(r"_[AB]$", "", path.relative_to(folder).with_suffix("").as_posix())


def _side_by_side(raw: Path, direction: str, category: str) -> tuple[list[RawPair], list[Skipped]]:
    pairs: list[RawPair] = []
    skipped: list[Skipped] = []
    for path in _pictures(raw, skipped):
        *folders, _ = path.relative_to(raw).parts
        split = _SPLIT_OF.get(folders[0].lower(), "") if folders else ""
        inner = folders[1:] if split else folders
        pairs.append(
            RawPair(
                path,
                (path,),
                name=path.relative_to(raw).as_posix(),
                category=category or (inner[0] if inner else raw.resolve().name),
                side="left" if direction == "AtoB" else "right",
                split=split,
            )
        )
    return pairs, skipped


def _pictures(folder: Path, skipped: list[Skipped]) -> list[Path]:
    found = []
    for path in files_under(folder, skipped):
        if path.suffix.lower() in PICTURES:
            found.append(path)
        else:
            skipped.append(
                Skipped(path.relative_to(folder).as_posix(), f"not a picture ({path.suffix or 'no extension'})")
            )
    return found


def make_example(raw: RawPair, *, size: int, input_channels: int = 1, clean: bool = False) -> list[Example | Skipped]:
    """A pair at `size`; what of it cannot be used is told apart. Runs in a worker process.

    Args:
      clean: inputs are drawings, to be made dark on white.
    """
    made: list[Example | Skipped] = []
    try:
        content = raw.photo.read_bytes()
        photo = images.resize(images.pad_to_square(_photo(raw)), size)
    except (ImageError, OSError) as error:
        inputs = range(0 if raw.side else len(raw.inputs))
        return [
            Skipped(raw.name, _reason(error, raw.name)),
            *(Skipped(raw.named(number), "its photo cannot be used") for number in inputs),
        ]
    encoded = []
    for number in range(len(raw.inputs)):
        name = raw.named(number)
        try:
            given = _input(raw, number, input_channels)
        except (ImageError, OSError) as error:
            made.append(Skipped(name, _reason(error, name)))
            continue
        given = images.resize_sketch(images.clean_sheet(given) if clean else images.pad_to_square(given), size)
        if images.ink_box(given) is None if input_channels == 1 else int(given.max()) - int(given.min()) < 8:
            made.append(Skipped(name, "nothing is drawn on it"))
        else:
            encoded.append(encode_sketch(given))
    if not encoded:
        return made if raw.side else [*made, Skipped(raw.name, "none of its inputs can be used")]
    return [*made, raw.photo_example(photo, content, encoded)]


def _reason(error: Exception, name: str) -> str:
    return str(getattr(error, "strerror", "") or error).removeprefix(f"{name} ")


def _photo(raw: RawPair) -> np.ndarray:
    picture = images.decode_photo(raw.photo, raw.name)
    return _half(picture, raw, other=True) if raw.side else picture


def _input(raw: RawPair, number: int, channels: int = 3) -> np.ndarray:
    decode = images.decode_photo if channels == 3 else images.decode_sketch
    picture = decode(raw.inputs[number], raw.named(number))
    return _half(picture, raw) if raw.side else picture


def _half(picture: np.ndarray, raw: RawPair, other: bool = False) -> np.ndarray:
    height, width = picture.shape[:2]
    if not 1.5 * height <= width <= 3 * height:
        raise ImageError(
            f"{raw.name} is {width} x {height} pixels: two pictures side by side are about twice as wide as high"
        )
    left = (raw.side == "left") != other
    return picture[:, : width // 2] if left else picture[:, width - width // 2 :]
