"""The Sketchy Database in its own layout: photos with the sketches people drew of them (Sangkloy et al. 2016).

`256x256/photo/<rendering>/<category>/<photo>.jpg` and `256x256/sketch/<rendering>/<category>/<photo>-<k>.png`, 125
categories. Sketch and photo are only loosely aligned; how far, the rendering says (README of the database):

    tx_000000000000   the whole canvas, squeezed as the photo was: the object is anywhere
    tx_000000000010   moved to the centre of the object's box
    tx_000000000110   and scaled until its first side fits the box
    tx_000000001010   and scaled until its second side fits, too
    tx_000000001110   squeezed so that it fits the box: nearest to the photo, and the default where it is present
    tx_000100000000   alone in the middle of the canvas; belongs to the photos cut to the object, of the same name
"""

import re
from collections.abc import Iterable
from pathlib import Path

from sketch2photo.data.example import Skipped
from sketch2photo.data.pairs import RawPair
from sketch2photo.data.raw_files import PICTURES, check_folder, visible
from sketch2photo.errors import DataError, choose

RENDERINGS = (
    "tx_000000000000",
    "tx_000000000010",
    "tx_000000000110",
    "tx_000000001010",
    "tx_000000001110",
    "tx_000100000000",
)
_WHOLE, _FITTED, _ALONE = RENDERINGS[0], RENDERINGS[4], RENDERINGS[5]
LICENCE = "none stated (Sketchy Database, photos of ImageNet): research use only"


def find(
    raw: Path, categories: list[str], rename: dict[str, str], rendering: str = ""
) -> tuple[list[RawPair], list[Skipped]]:
    """The pairs of some categories of a Sketchy folder; "all" of them when `categories` is empty.

    Args:
      rendering: which one of the sketches; "" for the fitted one where it is present, else the first.

    Raises:
      DataError: no such folder, not in Sketchy's layout, or without that rendering.
      ConfigError: a category that is not there, or one to be renamed that was not asked for.
    """
    check_folder(raw, "--raw")
    photos, sketches = _folders(raw, rendering)
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
                known = {
                    "name": name,
                    "category": rename.get(category, category),
                    "group": name.removesuffix(photo.suffix),
                }
                pairs.append(RawPair(photo, tuple(drawn), **known, source="sketchy", licence=LICENCE))
            else:
                skipped.append(Skipped(name, "photo without a sketch"))
        for drawn in by_photo.values():
            skipped.extend(Skipped(f"{category}/{path.name}", "sketch without its photo") for path in drawn)
    if not pairs:
        raise DataError(f"--raw {str(raw)!r} has no photo with sketches of {', '.join(wanted[:5])}: choose other ones")
    return pairs, skipped


def _folders(raw: Path, rendering: str) -> tuple[Path, Path]:
    """The folders of photos and of sketches, whether `raw` is the database or its folder 256x256."""
    for base in (raw, raw / "256x256", raw / "rendered_256x256" / "256x256"):
        if not (base / "sketch").is_dir() or not (base / "photo").is_dir():
            continue
        present = [p.name for p in visible(base / "sketch") if p.is_dir() and p.name.startswith("tx_")]
        if not present:
            continue
        chosen, of_photos = _choose_rendering(rendering, present)
        if not (base / "photo" / of_photos).is_dir():
            raise DataError(f"--raw {str(raw)!r} has no photos {of_photos}, to which {chosen} belongs")
        return base / "photo" / of_photos, base / "sketch" / chosen
    raise DataError(
        f"--raw {str(raw)!r} is not laid out as the Sketchy Database: it must hold 256x256/photo/{_WHOLE} "
        f"and 256x256/sketch/{_WHOLE}"
    )


def _choose_rendering(wanted: str, present: Iterable[str]) -> tuple[str, str]:
    """The rendering that is meant, of those there are, and that of the photos which its sketches lie on.

    Raises:
      DataError: it is not there.
    """
    known = [*RENDERINGS, *sorted(present)]
    present = sorted(present, key=known.index)
    if wanted and wanted not in present:
        raise DataError(f"there is no rendering {wanted}: choose one of {', '.join(present)}")
    chosen = wanted or (_FITTED if _FITTED in present else present[0])
    return chosen, _ALONE if chosen == _ALONE else _WHOLE


def members(names: list[str], categories: list[str], rendering: str) -> list[str]:
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
        if match and (match[1], match[2]) in wanted and match[3] in some and match[3][0] not in "._"
    ]


def _pictures(folder: Path) -> list[Path]:
    return [p for p in visible(folder) if p.suffix.lower() in PICTURES] if folder.is_dir() else []
