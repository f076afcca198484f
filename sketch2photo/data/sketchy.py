"""The Sketchy Database in its own layout: photos with the sketches people drew of them (Sangkloy et al. 2016).

`256x256/photo/tx_000000000000/<category>/<photo>.jpg` and
`256x256/sketch/tx_000000000000/<category>/<photo>-<k>.png`. Sketch and photo are only loosely aligned.
"""

import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path

from sketch2photo import images
from sketch2photo.data.example import Example, Skipped, encode_photo, encode_sketch, read_photo, read_sketch
from sketch2photo.data.photos import PICTURES, check_folder, visible
from sketch2photo.errors import DataError, ImageError, choose

_VERSION = "tx_000000000000"
LICENCE = "none stated (Sketchy Database, photos of ImageNet): research use only"


@dataclass(frozen=True)
class RawPair:
    """A photo and its sketches."""

    photo: Path
    sketches: tuple[Path, ...]
    name: str
    category: str
    group: str


def find(raw: Path, categories: list[str], rename: dict[str, str]) -> tuple[list[RawPair], list[Skipped]]:
    """The pairs of some categories of a Sketchy folder; "all" of them when `categories` is empty.

    Raises:
      DataError: no such folder, or not in Sketchy's layout.
      ConfigError: a category that is not there, or one to be renamed that was not asked for.
    """
    check_folder(raw, "--raw")
    photos, sketches = _folders(raw)
    known = sorted({p.name for folder in (photos, sketches) for p in visible(folder) if p.is_dir()})
    wanted = [choose("category", category, known) for category in categories or known]
    for old in rename:
        choose("category in --rename", old, wanted)
    pairs, skipped = [], []
    for category in wanted:
        by_photo: dict[str, list[Path]] = {}
        for path in _pictures(sketches / category):
            by_photo.setdefault(path.stem.rpartition("-")[0], []).append(path)
        for photo in _pictures(photos / category):
            name = f"{category}/{photo.name}"
            drawn = by_photo.pop(photo.stem, [])
            if drawn:
                new = rename.get(category, category)
                pairs.append(RawPair(photo, tuple(drawn), name, new, f"{category}/{photo.stem}"))
            else:
                skipped.append(Skipped(name, "photo without a sketch"))
        for drawn in by_photo.values():
            skipped.extend(Skipped(f"{category}/{path.name}", "sketch without its photo") for path in drawn)
    if not pairs:
        raise DataError(f"--raw {str(raw)!r} has no photo with sketches of {', '.join(wanted[:5])}: choose other ones")
    return pairs, skipped


def _folders(raw: Path) -> tuple[Path, Path]:
    """The folders of photos and of sketches, whether `raw` is the database or its folder 256x256."""
    for base in (raw, raw / "256x256"):
        photos, sketches = base / "photo" / _VERSION, base / "sketch" / _VERSION
        if photos.is_dir() and sketches.is_dir():
            return photos, sketches
    raise DataError(
        f"--raw {str(raw)!r} is not laid out as the Sketchy Database: it must hold 256x256/photo/{_VERSION} "
        f"and 256x256/sketch/{_VERSION}"
    )


def _pictures(folder: Path) -> list[Path]:
    return [p for p in visible(folder) if p.suffix.lower() in PICTURES] if folder.is_dir() else []


def make_example(raw: RawPair, *, size: int) -> list[Example | Skipped]:
    """A pair at `size`; what of it cannot be read is told apart. Runs in a worker process."""
    made: list[Example | Skipped] = []
    try:
        content = raw.photo.read_bytes()
        photo = read_photo(raw.photo, raw.name, size)
    except (ImageError, OSError) as error:
        made.append(Skipped(raw.name, str(error).removeprefix(f"{raw.name} ")))
        made.extend(Skipped(_name(raw, path), "its photo cannot be read") for path in raw.sketches)
        return made
    encoded = []
    for path in raw.sketches:
        name = _name(raw, path)
        try:
            sketch = read_sketch(path, name, size)
        except (ImageError, OSError) as error:
            made.append(Skipped(name, str(error).removeprefix(f"{name} ")))
            continue
        if images.ink_box(sketch) is None:
            made.append(Skipped(name, "nothing is drawn on it"))
        else:
            encoded.append(encode_sketch(sketch))
    if not encoded:
        return [*made, Skipped(raw.name, "none of its sketches can be used")]
    example = Example(
        file=raw.name,
        category=raw.category,
        sketches=encoded,
        photo=encode_photo(photo),
        colour=images.dominant_colour(photo),
        group=raw.group,
        source="sketchy",
        licence=LICENCE,
        content=hashlib.sha256(content).hexdigest(),
    )
    return [*made, example]


def _name(raw: RawPair, path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def maker(size: int) -> functools.partial:
    """`make_example` with its settings, picklable."""
    return functools.partial(make_example, size=size)
