"""Photos by category, from folders or a manifest, with sketches rendered from them."""

import functools
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sketch2photo import images
from sketch2photo.data import cutout, groups, styles, tables
from sketch2photo.data.example import Example, Skipped, encode_photo, encode_sketch, read_photo, thumbnail
from sketch2photo.data.splits import check_split
from sketch2photo.errors import DataError, ImageError

PICTURES = {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".avif"}
_OPTIONAL = ("group", "split", "source", "licence")


@dataclass(frozen=True)
class RawPhoto:
    """A file that should be a photo, and what is known of it; "" where nothing is."""

    path: Path
    name: str
    category: str
    group: str = ""
    split: str = ""
    source: str = ""
    licence: str = ""


def from_folders(raw: Path) -> tuple[list[RawPhoto], list[Skipped]]:
    """The pictures of `raw/<category>/`, or one level deeper where a folder holds nothing but folders.

    Raises:
      DataError: no such folder, or no picture in a category folder.
    """
    check_folder(raw, "--raw")
    photos, skipped = [], []
    for folder in category_folders(raw):
        for path in files_under(folder, skipped):
            name = path.relative_to(raw).as_posix()
            if path.suffix.lower() in PICTURES:
                photos.append(RawPhoto(path, name, folder.name, source=raw.resolve().name))
            else:
                skipped.append(Skipped(name, f"not a picture ({path.suffix or 'no extension'})"))
    loose = [p for p in visible(raw) if not _is_folder(p)]
    skipped.extend(Skipped(p.name, "not in a category folder") for p in loose)
    loose = [p for p in loose if p.suffix.lower() in PICTURES]
    if not photos:
        found = f"{len(loose)} pictures outside of one" if loose else "none"
        raise DataError(f"{str(raw)!r} must hold a folder of pictures for each category, but has {found}: sort them so")
    return photos, skipped


def from_manifest(manifest: Path, raw: Path | None = None) -> list[RawPhoto]:
    """The photos a CSV file names; `file` is relative to its folder, or to `raw` where it lies there instead.

    Raises:
      DataError: no such file, a column missing, an empty cell where there must be none, an unknown split.
    """
    if raw is not None:
        check_folder(raw, "--raw")
    photos = []
    for number, row in tables.read(manifest, "--manifest", ("file", "category")):
        where = f"--manifest {str(manifest)!r}, line {number}"
        if not row["file"] or not row["category"]:
            raise DataError(f"{where}: file and category must not be empty")
        known = {column: row.get(column, "") for column in _OPTIONAL}
        if known["split"]:
            check_split(known["split"], where)
        path = manifest.parent / row["file"]
        if raw is not None and not path.is_file() and (raw / row["file"]).is_file():
            path = raw / row["file"]
        photos.append(RawPhoto(path, row["file"], row["category"], **known))
    if not photos:
        raise DataError(f"--manifest {str(manifest)!r} names no photos: add a line for each")
    return photos


def check_folder(folder: Path, option: str) -> None:
    """Raises `DataError` unless `folder` is one."""
    if not folder.is_dir():
        kind = "is a file" if folder.exists() else "does not exist"
        raise DataError(f"{option} {str(folder)!r} {kind}: give an existing folder")


def category_folders(raw: Path) -> list[Path]:
    """The folders named for categories: those in `raw`, or in its folders that hold nothing but folders."""
    found = []
    for folder in visible(raw):
        if not _is_folder(folder):
            continue
        try:
            inside = visible(folder)
        except OSError:
            inside = [folder]  # cannot be read, which `files_under` will tell
        if folder.resolve() == raw.resolve():
            found.append(folder)  # a link back, which `files_under` will tell
        elif inside and all(_is_folder(p) for p in inside):
            found.extend(inside)
        elif inside:
            found.append(folder)
    return found


def files_under(folder: Path, skipped: list[Skipped]) -> Iterator[Path]:
    """All visible files beneath `folder`, in order; what cannot be entered is added to `skipped`.

    A link to a folder that holds it would lead round for ever, so a folder is never entered from within itself.
    """
    yield from _files(folder, folder, tuple(path.resolve() for path in folder.absolute().parents), skipped)


def _files(folder: Path, top: Path, above: tuple[Path, ...], skipped: list[Skipped]) -> Iterator[Path]:
    name = folder.relative_to(top).as_posix()
    try:
        real = folder.resolve()
        inside = visible(folder)
    except OSError as error:
        skipped.append(Skipped(name, f"the folder cannot be read ({error.strerror})"))
        return
    if real in above:
        skipped.append(Skipped(name, "a link to a folder that it is in"))
        return
    for path in inside:
        if _is_folder(path):
            yield from _files(path, top, (*above, real), skipped)
        else:
            yield path


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a link to itself
        return False


def visible(folder: Path) -> list[Path]:
    """What is in `folder`, sorted, without what systems leave there unseen (.DS_Store, __MACOSX, Thumbs.db)."""
    return sorted(p for p in folder.iterdir() if p.name[0] not in "._" and p.name != "Thumbs.db")


def make_example(
    raw: RawPhoto, *, size: int, count: int, chosen: tuple[str, ...], cut: cutout.Cut
) -> Example | Skipped:
    """A photo at `size` with `count` renderings in the `chosen` styles, or why not. Runs in a worker process."""
    if not raw.path.is_file():
        return Skipped(raw.name, "no such file")
    try:
        content = raw.path.read_bytes()
        photo = read_photo(raw.path, raw.name, size)
    except (ImageError, OSError) as error:
        return Skipped(raw.name, str(error).removeprefix(f"{raw.name} "))
    mask = quality = None
    if cut.method != "none":
        found = cutout.cut_out(photo, cut.method)
        reason = cutout.doubtful(found.quality, cut.least)
        if reason:
            return Skipped(raw.name, reason, thumbnail(photo))
        photo, quality = found.photo, found.quality.score
        mask = encode_sketch(((found.mask > 127) * 255).astype("uint8"))
    drawn = styles.renderings(photo, styles.seed_of(content), count, chosen)
    # A blank sheet teaches a model to paint this photo from nothing.
    drawn = [(style, sketch) for style, sketch in drawn if images.ink_box(sketch) is not None]
    if not drawn:
        return Skipped(raw.name, "there is nothing in it to draw: no object on white and no edges", thumbnail(photo))
    return Example(
        file=raw.name,
        category=raw.category,
        sketches=[encode_sketch(sketch) for _, sketch in drawn],
        styles=[style for style, _ in drawn],
        photo=encode_photo(photo),
        mask=mask,
        mask_quality=quality,
        colour=images.dominant_colour(photo),
        group=raw.group,
        split=raw.split,
        source=raw.source,
        licence=raw.licence,
        content=hashlib.sha256(content).hexdigest(),
        fingerprint=groups.fingerprint(photo),
    )


def maker(
    size: int, count: int, chosen: tuple[str, ...] = styles.DEFAULT, cut: cutout.Cut = cutout.NO_CUT
) -> functools.partial:
    """`make_example` with its settings, picklable."""
    return functools.partial(make_example, size=size, count=count, chosen=chosen, cut=cut)
