"""Pairs that are there already: side by side in one picture, in two folders by name, or listed in a CSV file.

    side by side   RAW/[train|val|test/][CATEGORY/]x.jpg     A on the left, B on the right, as pix2pix's own datasets
    two folders    RAW/A/..., RAW/B/... or two folders given; RAW/trainA, RAW/trainB; RAW/sketches, RAW/photos
    a list         RAW/pairs.csv with the columns sketch and photo, or A and B; category, group, split, source, licence

The direction AtoB makes A the input and B the photo. What is called sketch or photo is that, whatever the direction.
"""

import contextlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from sketch2photo import images
from sketch2photo.data import archives, raw_files
from sketch2photo.data.example import KNOWN, Example, Raw, Skipped, encode_sketch
from sketch2photo.data.raw_files import PICTURES, SPLIT_OF, SYSTEM, check_folder, composed, files_under, why_not
from sketch2photo.errors import DataError, ImageError, choose

LIST = "pairs.csv"
_SIDES = (("A", "B"), ("sketches", "photos"), ("sketch", "photo"), ("inputs", "photos"), ("edges", "photos"))
_COLUMNS = (("A", "B"), ("sketch", "photo"), ("input", "photo"))
_LOOKED_AT = 24  # inputs, to see whether they are coloured


@dataclass(frozen=True)
class RawPair(Raw):
    """A photo and the inputs that belong to it, or one picture with both halves."""

    photo: Path
    inputs: tuple[Path, ...]
    side: str = ""  # where the input is in a picture with both: "left" or "right"; "" where they are files of their own

    def named(self, path: Path) -> str:
        """What people know an input by."""
        return self.name if self.side else f"{path.parent.name}/{path.name}"


def find(
    raw: list[Path], direction: str, category: str = "", listed: Path | None = None
) -> tuple[list[RawPair], list[Skipped]]:
    """The pairs of a folder in any of the three forms, of the two folders A and B, or of the CSV file `listed`.

    Args:
      direction: "AtoB" or "BtoA".
      category: of all pairs; "" for the folders' names.

    Raises `DataError`: no such folder or file, or no pairs.
    """
    for folder in raw:
        check_folder(folder, "--raw")
    if listed is None and len(raw) == 1 and (raw[0] / LIST).is_file():
        listed = raw[0] / LIST
    if listed is not None:
        pairs, skipped = _from_list(listed, direction, category), []
    elif len(raw) == 2:
        one, other = raw if direction == "AtoB" else reversed(raw)
        pairs, skipped = _from_folders([("", one, other)], category or other.resolve().name)
    elif len(raw) > 2:
        raise DataError(f"--raw names {len(raw)} folders: give one folder, or the two folders A and B")
    elif sides := _two_sides(raw[0], direction):
        pairs, skipped = _from_folders(sides, category or composed(raw[0].resolve().name))
    else:
        pairs, skipped = _side_by_side(raw[0], direction, category)
    if len(raw) == 1:
        skipped += _unused(raw[0], pairs, skipped, listed)
    if not pairs:
        reason = f"; the first left out: {skipped[0].file}: {skipped[0].reason}" if skipped else ""
        where = str(raw[0] if raw else listed)
        raise DataError(f"--raw {where!r} holds no pairs{reason}: see docs/data.md for the forms")
    return pairs, skipped


def are_coloured(pairs: list[RawPair]) -> bool:
    """Whether inputs have colours that mean something, as label maps do; looks at some of them."""
    for pair in pairs[:: max(1, len(pairs) // _LOOKED_AT)]:
        with contextlib.suppress(ImageError, OSError):
            if (np.ptp(_input(pair, pair.inputs[0]), axis=2) > 40).mean() > 0.01:
                return True
    return False


def class_numbers(pairs: list[RawPair]) -> list[int]:
    """The levels of inputs that look like class numbers, being few and nearly black; looks at some of them."""
    levels: set[int] = set()
    for pair in pairs[:: max(1, len(pairs) // _LOOKED_AT)]:
        try:
            numbers = images.class_numbers(pair.inputs[0])
        except Exception:  # whatever Pillow stumbles over is told when the pair is made
            continue
        if numbers is None or numbers.max() >= 64:
            return []
        levels |= set(np.unique(numbers).tolist())
    return sorted(levels) if len(levels) > 1 else []


def _from_list(listed: Path, direction: str, category: str) -> list[RawPair]:
    rows = raw_files.read_csv(listed, "--pairs", ())
    columns = next((names for names in _COLUMNS if rows and set(names) <= rows[0][1].keys()), None)
    if columns is None:
        raise DataError(f"{str(listed)!r} has no columns sketch and photo, nor A and B: its first line must name them")
    rows = raw_files.read_csv(listed, "--pairs", columns)
    given, photo = columns if columns[0] != "A" or direction == "AtoB" else columns[::-1]
    by_photo: dict[str, list[dict[str, str]]] = {}
    for _, row in rows:
        by_photo.setdefault(row[photo], []).append(row)
    name = category or listed.resolve().parent.name
    return [
        RawPair(
            raw_files.named(listed.parent, file),
            tuple(raw_files.named(listed.parent, row[given]) for row in of_photo),
            name=file,
            category=composed(of_photo[0].get("category") or name),
            **{column: of_photo[0].get(column, "") for column in KNOWN},
        )
        for file, of_photo in by_photo.items()
    ]


def _unused(raw: Path, pairs: list[RawPair], skipped: list[Skipped], listed: Path | None) -> list[Skipped]:
    """What is below `raw` and neither in a pair nor among those that are skipped."""
    used = {path.resolve() for pair in pairs for path in (pair.photo, *pair.inputs)}
    found: list[Skipped] = []
    for path in files_under(raw, found, PICTURES, but=[listed] if listed else []):
        if path.resolve() not in used:
            found.append(Skipped(path.relative_to(raw).as_posix(), "in none of the pairs"))
    named = {one.file for one in skipped}
    return [one for one in found if one.file not in named]


def _two_sides(raw: Path, direction: str) -> list[tuple[str, Path, Path]]:
    """(split, folder of inputs, folder of photos) where `raw` holds folders for the two sides."""
    folders = {path.name.lower(): path for path in raw.iterdir() if path.is_dir()}
    for given, photo in _SIDES if direction == "AtoB" else (("B", "A"), *_SIDES[1:]):
        if given.lower() in folders and photo.lower() in folders:
            return [("", folders[given.lower()], folders[photo.lower()])]
    given, photo = "ab" if direction == "AtoB" else "ba"
    return [
        (split, folders[name + given], folders[name + photo])
        for name, split in SPLIT_OF.items()
        if name + given in folders and name + photo in folders
    ]


def _from_folders(sides: list[tuple[str, Path, Path]], category: str) -> tuple[list[RawPair], list[Skipped]]:
    pairs, skipped = [], []
    for split, inputs, photos in sides:
        by_key: dict[str, list[Path]] = {}
        for path in files_under(inputs, skipped, PICTURES, prefix=f"{inputs.name}/"):
            by_key.setdefault(_key(path, inputs), []).append(path)
        found: dict[str, Path] = {}
        for path in files_under(photos, skipped, PICTURES, prefix=f"{photos.name}/"):
            if (first := found.setdefault(_key(path, photos), path)) is not path:
                name = f"{photos.name}/{path.relative_to(photos).as_posix()}"
                skipped.append(Skipped(name, f"another photo of its name is used: {first.name}"))
        drawn: dict[str, list[Path]] = {}
        for key, paths in by_key.items():
            # Of one photo there may be several sketches, numbered: 001-2.png belongs to 001.jpg.
            photo = key if key in found else re.sub(r"[-_]\d+$", "", key)
            if photo in found:
                drawn.setdefault(photo, []).extend(paths)
            else:
                names = [f"{inputs.name}/{path.relative_to(inputs).as_posix()}" for path in paths]
                skipped += [Skipped(name, "no photo of its name") for name in names]
        for key, path in found.items():
            name = f"{photos.name}/{path.relative_to(photos).as_posix()}"
            if key in drawn:
                first = key.split("/")[0]
                own = split or (SPLIT_OF.get(first, "") if "/" in key else "")
                pairs.append(RawPair(path, tuple(drawn[key]), name=name, category=category, split=own))
            else:
                skipped.append(Skipped(name, "no input of its name"))
    return pairs, skipped


def numbered(pairs: list[RawPair]) -> list[tuple[str, str]]:
    """The inputs that belong to a photo by a number behind its name, such as 001-2.png to 001.jpg, each with it."""
    return [
        (path.name, pair.photo.name)
        for pair in pairs
        for path in pair.inputs
        if path.stem != pair.photo.stem and re.sub(r"[-_]\d+$", "", path.stem) == pair.photo.stem
    ]


def _key(path: Path, folder: Path) -> str:
    """What the two sides of a pair have in common: the path without suffix, and without CycleGAN's _A and _B."""
    return re.sub(r"_[AB]$", "", composed(path.relative_to(folder).with_suffix("").as_posix()))


def _side_by_side(raw: Path, direction: str, category: str) -> tuple[list[RawPair], list[Skipped]]:
    pairs, skipped = [], []
    side = "left" if direction == "AtoB" else "right"
    for path in files_under(raw, skipped, PICTURES):
        *folders, _ = path.relative_to(raw).parts
        split = SPLIT_OF.get(folders[0].lower(), "") if folders else ""
        inner = folders[1:] if split else folders
        own = composed(category or (inner[0] if inner else raw.resolve().name))
        pairs.append(RawPair(path, (path,), side, name=path.relative_to(raw).as_posix(), category=own, split=split))
    return pairs, skipped


# ---------------------------------------------------------------- the Sketchy Database (Sangkloy et al. 2016)
#
# 256x256/photo/<rendering>/<category>/<photo>.jpg and 256x256/sketch/<rendering>/<category>/<photo>-<k>.png, of 125
# categories. Sketch and photo are only loosely aligned; how far, the rendering says (README of the database).

RENDERINGS = (
    "tx_000000000000",  # the whole canvas, squeezed as the photo was: the object is anywhere
    "tx_000000000010",  # moved to the centre of the object's box
    "tx_000000000110",  # and scaled until its first side fits the box
    "tx_000000001010",  # and scaled until its second side fits, too
    "tx_000000001110",  # squeezed so that it fits the box: nearest to the photo, and the default where it is present
    "tx_000100000000",  # alone in the middle; belongs to the photos cut to the object, of the same name
)
_WHOLE, _FITTED, _ALONE = RENDERINGS[0], RENDERINGS[4], RENDERINGS[5]


def find_sketchy(
    raw: Path, categories: list[str], rename: dict[str, str], rendering: str = ""
) -> tuple[list[RawPair], list[Skipped]]:
    """The pairs of some categories of a Sketchy folder, all of them when `categories` is empty, with that rendering of
    the sketches, "" being the fitted one where it is present, else the first.

    Raises:
      DataError: no such folder, not in Sketchy's layout, or without that rendering.
      ConfigError: a category that is not there, or one to be renamed that was not asked for.
    """
    check_folder(raw, "--raw")
    photos, sketches = _sketchy_folders(raw, rendering)
    folders = [path for side in (photos, sketches) for path in side.iterdir() if path.is_dir()]
    known = sorted({path.name for path in folders if why_not(path.name, set()) != SYSTEM})
    wanted = [choose("category", category, known) for category in categories or known]
    for old in rename:
        choose("category in --rename", old, wanted)
    licence = archives.KNOWN["sketchy"].licence
    pairs, skipped, others = [], [], []
    inside: dict[Path, list[Path]] = {}
    for path in files_under(raw, skipped, PICTURES):
        if path.parent.parent in (photos, sketches) and path.parent.name in wanted:
            inside.setdefault(path.parent, []).append(path)
        else:
            others.append(path.relative_to(raw).as_posix())
    skipped += raw_files.not_asked_for(others)
    for category in wanted:
        by_photo: dict[str, list[Path]] = {}
        for path in inside.get(sketches / category, []):
            by_photo.setdefault(path.stem.rpartition("-")[0], []).append(path)
        for photo in inside.get(photos / category, []):
            name = f"{category}/{photo.name}"
            if drawn := by_photo.pop(photo.stem, []):
                said = {"category": composed(rename.get(category, category)), "group": name.removesuffix(photo.suffix)}
                pairs.append(RawPair(photo, tuple(drawn), name=name, source="sketchy", licence=licence, **said))
            else:
                skipped.append(Skipped(name, "photo without a sketch"))
        for drawn in by_photo.values():
            skipped.extend(Skipped(f"{category}/{path.name}", "sketch without its photo") for path in drawn)
    if not pairs:
        raise DataError(f"--raw {str(raw)!r} has no photo with sketches of {', '.join(wanted[:5])}: choose other ones")
    return pairs, skipped


def _sketchy_folders(raw: Path, rendering: str) -> tuple[Path, Path]:
    """The folders of photos and of sketches, whether `raw` is the database or its folder 256x256."""
    for base in (raw, raw / "256x256", raw / "rendered_256x256" / "256x256"):
        present = [path.name for path in (base / "sketch").glob("tx_*") if path.is_dir()]
        if not present or not (base / "photo").is_dir():
            continue
        chosen, of_photos = _choose_rendering(rendering, present)
        if not (base / "photo" / of_photos).is_dir():
            raise DataError(f"--raw {str(raw)!r} has no photos {of_photos}, to which {chosen} belongs")
        return base / "photo" / of_photos, base / "sketch" / chosen
    folders = f"256x256/photo/{_WHOLE} and 256x256/sketch/{_WHOLE}"
    raise DataError(f"--raw {str(raw)!r} is not laid out as the Sketchy Database: it must hold {folders}")


def _choose_rendering(wanted: str, present: Iterable[str]) -> tuple[str, str]:
    """The rendering that is meant, of those there are, and that of the photos which its sketches lie on."""
    present = sorted(present, key=[*RENDERINGS, *sorted(present)].index)
    if wanted and wanted not in present:
        raise DataError(f"there is no rendering {wanted}: choose one of {', '.join(present)}")
    chosen = wanted or (_FITTED if _FITTED in present else present[0])
    return chosen, _ALONE if chosen == _ALONE else _WHOLE


def sketchy_members(names: list[str], categories: list[str], rendering: str) -> list[str]:
    """Of an archive's files those that `find` will look at: one rendering of the sketches, and its photos."""
    places = [(name, re.search(r"(?:^|/)(photo|sketch)/(tx_\d+)/([^/]+)/[^/]+$", name)) for name in names]
    present = {match[2] for _, match in places if match and match[1] == "sketch"}
    if not present:
        return []
    wanted = set(zip(("sketch", "photo"), _choose_rendering(rendering, present), strict=True))
    # All categories when one of those asked for is not there, so that `find` can name what there is.
    there = {match[3] for _, match in places if match}
    some = set(categories) if categories and set(categories) <= there else there
    return [
        name
        for name, match in places
        if match and (match[1], match[2]) in wanted and match[3] in some and not why_not(name, PICTURES)
    ]


# ---------------------------------------------------------------- examples


def make_example(
    raw: RawPair, *, size: int, input_channels: int = 1, clean: bool = False, fit: str = "", labels: bool = False
) -> list[Example | Skipped]:
    """A pair at `size`; what of it cannot be used is told apart. Runs in a worker process.

    Args:
      clean: inputs are drawings, to be made dark on white.
      fit: what is done where input and photo have other shapes: "stretch" the input, "pad" both to squares, or neither
        is used.
      labels: inputs are class numbers, each of which gets a colour.
    """
    try:
        content = raw.photo.read_bytes()
        picture = images.decode_photo(raw.photo, raw.name)
        photo = _half(picture, raw, other=True) if raw.side else picture
    except (ImageError, OSError) as error:
        useless = [Skipped(raw.named(path), "its photo cannot be used") for path in raw.inputs if not raw.side]
        return [Skipped(raw.name, _reason(error, raw.name)), *useless]
    height, width = photo.shape[:2]
    made: list[Example | Skipped] = []
    encoded = []
    for path in raw.inputs:
        name = raw.named(path)
        try:
            given = _input(raw, path, input_channels, labels)
        except (ImageError, OSError) as error:
            made.append(Skipped(name, _reason(error, name)))
            continue
        high, wide = given.shape[:2]
        if fit != "pad" and abs(high * width - wide * height) > 0.02 * high * width:
            if fit != "stretch":
                reason = f"is {wide} x {high} pixels, its photo {width} x {height}: they cannot lie on each other"
                made.append(Skipped(name, f"{reason}; --fit stretch or --fit pad takes such pairs"))
                continue
            given = cv2.resize(given, (width, height), interpolation=cv2.INTER_NEAREST if labels else cv2.INTER_AREA)
        given = images.resize_sketch(images.clean_sheet(given) if clean else images.pad_to_square(given), size)
        if images.ink_box(given) is None if input_channels == 1 else int(given.max()) - int(given.min()) < 8:
            made.append(Skipped(name, "nothing is drawn on it"))
        else:
            encoded.append(encode_sketch(given))
    if not encoded:
        return made if raw.side else [*made, Skipped(raw.name, "none of its inputs can be used")]
    square = images.resize(images.pad_to_square(photo), size)
    return [*made, raw.photo_example(square, content, encoded)]


def _reason(error: Exception, name: str) -> str:
    return str(getattr(error, "strerror", "") or error).removeprefix(f"{name} ")


def _input(raw: RawPair, path: Path, channels: int = 3, labels: bool = False) -> np.ndarray:
    decode = images.decode_labels if labels else images.decode_photo if channels == 3 else images.decode_sketch
    picture = decode(path, raw.named(path))
    return _half(picture, raw) if raw.side else picture


def _half(picture: np.ndarray, raw: RawPair, other: bool = False) -> np.ndarray:
    height, width = picture.shape[:2]
    if not 1.5 * height <= width <= 3 * height:
        form = "two pictures side by side are about twice as wide as high"
        raise ImageError(f"{raw.name} is {width} x {height} pixels: {form}")
    left = (raw.side == "left") != other
    return picture[:, : width // 2] if left else picture[:, width - width // 2 :]
