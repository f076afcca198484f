"""Photos by category, from folders or a manifest, with sketches rendered from them."""

from dataclasses import dataclass
from pathlib import Path

from sketch2photo.data import raw_files, segment, styles
from sketch2photo.data.example import KNOWN, Example, Raw, Skipped, read_photo, thumbnail
from sketch2photo.data.raw_files import PICTURES, category_and_split, check_folder, composed, files_under
from sketch2photo.errors import DataError, ImageError


@dataclass(frozen=True)
class RawPhoto(Raw):
    """A file that should be a photo."""

    path: Path


def from_folders(raw: Path) -> tuple[list[RawPhoto], list[Skipped]]:
    """The pictures of `raw/<category>/`, or one level deeper where a folder has no pictures of its own.

    Folders train, val and test above those of the categories set the split.

    Raises `DataError`: no such folder, or no picture in a category folder.
    """
    check_folder(raw, "--raw")
    photos, skipped = [], []
    pictures = list(files_under(raw, skipped, PICTURES))
    with_own = {path.parent for path in pictures}
    for path in pictures:
        name = path.relative_to(raw).as_posix()
        category, split = category_and_split(path, raw, with_own)
        if category:
            photos.append(RawPhoto(path, name=name, category=category, split=split, source=raw.resolve().name))
        else:
            skipped.append(Skipped(name, "not in a category folder"))
    if not photos:
        found = f"{len(pictures)} pictures outside of one" if pictures else "none"
        raise DataError(f"{str(raw)!r} must hold a folder of pictures for each category, but has {found}: sort them so")
    return photos, skipped


def from_manifest(manifest: Path, raw: Path | None = None) -> tuple[list[RawPhoto], list[Skipped]]:
    """The photos a CSV file names; `file` is relative to its folder, or to `raw` where it lies there instead.

    Raises `DataError` as `raw_files.read_csv` does, or where it names none.
    """
    if raw is not None:
        check_folder(raw, "--raw")
    photos, skipped = [], []
    for _, row in raw_files.read_csv(manifest, "--manifest", ("file", "category")):
        known = {column: row.get(column, "") for column in KNOWN}
        path = raw_files.named(manifest.parent, row["file"])
        if raw is not None and not path.is_file() and (there := raw_files.named(raw, row["file"])).is_file():
            path = there
        photos.append(RawPhoto(path, name=row["file"], category=composed(row["category"]), **known))
    if not photos:
        raise DataError(f"--manifest {str(manifest)!r} names no photos: add a line for each")
    if raw is not None:
        used = {photo.path.resolve() for photo in photos}
        others = [path for path in files_under(raw, skipped, PICTURES, but=[manifest]) if path.resolve() not in used]
        skipped += [Skipped(path.relative_to(raw).as_posix(), "not named in the manifest") for path in others]
    return photos, skipped


def make_example(
    raw: RawPhoto, *, size: int, count: int, chosen: tuple[str, ...] = styles.DEFAULT, cut: segment.Cut = segment.NO_CUT
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
        found = segment.cut_out(photo, cut, raw.name)
        if isinstance(found, Skipped):
            return found
        photo, mask, quality = found.photo, found.mask, found.score
    sketches, named = styles.encoded(styles.renderings(photo, styles.seed_of(content), count, chosen))
    if not sketches:
        return Skipped(raw.name, "there is nothing in it to draw: no object on white and no edges", thumbnail(photo))
    return raw.photo_example(photo, content, sketches, styles=named, mask=mask, mask_quality=quality)
