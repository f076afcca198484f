"""Renderings of parametric objects: a folder of photos with masks and with lines that the renderer knows exactly.

Each object is four files, `<category>/<number>_{photo,mask,lines,simple}`, and a line of the folder's manifest.csv. The
lines are silhouette, part borders, depth jumps and creases; `simple` draws thin parts as the one middle stroke that a
person would draw, which no sketch made from a photo alone can know.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2

from sketch2photo import images
from sketch2photo.data import raw_files, styles
from sketch2photo.data.example import Example, Raw, Skipped, encode_sketch, read_photo
from sketch2photo.errors import DataError, ImageError

EXACT = ("simple", "lines")
"""The styles of the sketches that are there, first those most like people's."""
MADE = ("hand", "mouse", "loose")
"""The styles of further sketches, made from the photo."""
_VALIDATION = 10
"""Every such number is for validation."""
_PHOTO_ENDINGS = (".webp", ".jpg", ".png")


@dataclass(frozen=True)
class RawRendering(Raw):
    """One rendered object."""

    stem: Path
    """What its files' names begin with."""


def find(folders: list[Path]) -> list[RawRendering]:
    """The objects that the folders' manifests name.

    Raises:
      DataError: no such folder or manifest, a column missing, or no objects in any.
    """
    found = [one for folder in folders for one in _listed(folder)]
    if not found:
        raise DataError(f"{', '.join(map(repr, map(str, folders)))} holds no renderings: its manifest.csv has no lines")
    return found


def _listed(folder: Path) -> Iterator[RawRendering]:
    raw_files.check_folder(folder, "--from")
    for number, row in raw_files.read_csv(folder / "manifest.csv", "the manifest", ("file", "category", "group")):
        name = row["file"]
        last = name.rsplit("/", 1)[-1]
        if not last.isdigit():
            where = f"{folder / 'manifest.csv'}, line {number}"
            raise DataError(f"{where}: {name!r} does not end in the object's number, as in cat/0100")
        split = "train" if int(last) % _VALIDATION else "val"
        known = {"group": row["group"], "source": row.get("source", ""), "licence": row.get("licence", "")}
        yield RawRendering(folder / name, name=name, category=row["category"], split=split, **known)


def make_example(raw: RawRendering, *, size: int, count: int) -> Example | Skipped:
    """An object at `size` with its own two sketches and made ones up to `count`, or why not."""
    files = {what: raw.stem.with_name(f"{raw.stem.name}_{what}.png") for what in ("mask", *EXACT)}
    photos = [raw.stem.with_name(f"{raw.stem.name}_photo{ending}") for ending in _PHOTO_ENDINGS]
    photo_file = next((path for path in photos if path.is_file()), photos[0])
    missing = [path.name for path in (photo_file, *files.values()) if not path.is_file()]
    if missing:
        return Skipped(raw.name, f"{' and '.join(missing)} not there: half-rendered, or taken out on purpose")
    try:
        content = photo_file.read_bytes()
        photo = read_photo(photo_file, raw.name, size)
        sketches = [images.resize_sketch(images.decode_sketch(files[style]), size) for style in EXACT][:count]
        mask = cv2.resize(images.decode_sketch(files["mask"]), (size, size), interpolation=cv2.INTER_AREA)
    except (ImageError, OSError) as error:
        return Skipped(raw.name, str(error).removeprefix(f"{raw.name} "))
    made = styles.renderings(photo, styles.seed_of(content), count - len(sketches), MADE) if count > 2 else []
    drawn = [*zip(EXACT, sketches, strict=False), *made]
    drawn = [(style, sketch) for style, sketch in drawn if images.ink_box(sketch) is not None]
    if not drawn or mask.max() < 128:
        return Skipped(raw.name, "the picture is empty: throw it out of the manifest")
    encoded = [encode_sketch(sketch) for _, sketch in drawn]
    named = [style for style, _ in drawn]
    return raw.photo_example(photo, content, encoded, styles=named, mask=encode_sketch(mask), mask_quality=1.0)
