"""What each subcommand of prepare_data.py makes a dataset of: from its options to a plan, archives unpacked."""

import argparse
import dataclasses
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from sketch2photo.data import archives, cutout, demo, download, drawings, merge, pairs, photos, sketchy, styles
from sketch2photo.data.build import Plan
from sketch2photo.errors import ConfigError

Say = Callable[[str], None]


def plan(options: argparse.Namespace, draft: Path, say: Say) -> Plan:
    """The plan of the options of `command.parser`, `draft` being where raw files may be unpacked.

    Raises:
      UserError: anything wrong with the options or the raw files.
    """
    return _PLANS[options.source](options, draft, say)


def _photos(options: argparse.Namespace, draft: Path, say: Say) -> Plan:
    skipped: list = []
    raw = _downloaded(options, say) or options.raw
    origin = "" if raw is None else _origin(raw)
    if raw is not None:
        raw = _folder(raw, draft, archives.pictures_and_lists, say)
    if options.manifest is not None:
        items = photos.from_manifest(options.manifest, raw)
    elif raw is not None:
        items, skipped = photos.from_folders(raw)
    else:
        raise ConfigError("photos needs --raw DIR or --manifest CSV: say where the photos are")
    items = _named(items, options, origin if options.manifest is None else "")
    return Plan("pairs", options.size, items, _photo_maker(options), skipped)


def _photo_maker(options: argparse.Namespace) -> Callable[[Any], Any]:
    chosen = styles.check(options.styles) if options.styles else styles.DEFAULT
    return photos.maker(options.size, options.renderings, chosen, _cut(options))


def _cut(options: argparse.Namespace) -> cutout.Cut:
    if options.min_mask_quality and options.segment == "none":
        raise ConfigError("--min-mask-quality judges what --segment cuts out: give --segment auto as well")
    return cutout.Cut(options.segment, options.min_mask_quality)


def _sketchy(options: argparse.Namespace, draft: Path, say: Say) -> Plan:
    raw = _downloaded(options, say) or options.raw
    if raw is None:
        raise ConfigError("sketchy needs --raw DIR or --download sketchy: say where the database is")

    def choose(names: list[str]) -> list[str]:
        return sketchy.members(names, options.categories, options.rendering)

    folder = _folder(raw, draft, choose, say, inner=False)
    items, skipped = sketchy.find(folder, options.categories, drawings.renames(options.rename), options.rendering)
    return Plan("pairs", options.size, items, cutout.maker(sketchy.maker(options.size), _cut(options)), skipped)


def _pairs(options: argparse.Namespace, draft: Path, say: Say) -> Plan:
    fetched = _downloaded(options, say)
    raw = [fetched] if fetched else options.raw
    if not raw and options.pairs is None:
        raise ConfigError("pairs needs --raw DIR, --pairs CSV or --download NAME: say where the pairs are")
    known = download.known(options.download, "pairs") if options.download else None
    direction = options.direction or (known.direction if known else "AtoB")
    folders = [_folder(one, draft, archives.pictures_and_lists, say) for one in raw]
    items, skipped = pairs.find(folders, direction, options.category, options.pairs)
    items = _named(items, options, _origin(raw[0] if raw else options.pairs.resolve().parent))
    channels = options.input_channels or (3 if pairs.are_coloured(items) else 1)
    make = cutout.maker(pairs.maker(options.size, channels), _cut(options), channels)
    remarks = ["the inputs are coloured: train with --model.input-channels 3"] if channels == 3 else []
    return Plan("pairs", options.size, items, make, skipped, remarks, input_channels=channels)


def _drawings(options: argparse.Namespace, draft: Path, say: Say) -> Plan:
    fetched = _downloaded(options, say)
    raw = [str(fetched)] if fetched else options.raw
    if not raw:
        raise ConfigError("drawings needs --raw DIR or --download URL: say where the drawings are")
    folders = []
    for text in raw:
        path, equals, category = text.rpartition("=")
        if not path or Path(text).exists():
            path, equals, category = text, "", ""
        folder = _folder(Path(path), draft, archives.pictures_and_lists, say)
        folders.append(f"{folder}{equals}{category}")
    found = drawings.find(folders, drawings.renames(options.rename))
    drawings.select(
        found, val=options.val, keep_unrecognised=options.keep_unrecognised, limit=options.limit_per_category
    )
    items = _named(found.drawings, options, "")
    make = drawings.maker(options.size)
    return Plan("drawings", options.size, items, make, found.skipped, found.remarks, join_copies=True)


def _demo(options: argparse.Namespace, draft: Path, say: Say) -> Plan:
    raw = draft / "demo"
    say(f"drawing {options.count} objects of each of {', '.join(demo.OBJECTS)}")
    demo.write(raw, options.count, options.seed)
    items, skipped = photos.from_folders(raw)
    items = [dataclasses.replace(item, source="demo", licence=demo.LICENCE) for item in items]
    return Plan("pairs", options.size, items, _photo_maker(options), skipped)


def _merge(options: argparse.Namespace, draft: Path, say: Say) -> Plan:
    joined = merge.find(options.datasets)
    return Plan(
        joined.kind,
        joined.size,
        joined.records,
        merge.maker(joined),
        remarks=joined.remarks,
        join_copies=True,
        input_channels=joined.input_channels,
    )


_PLANS: dict[str, Callable[[argparse.Namespace, Path, Say], Plan]] = {
    "photos": _photos,
    "sketchy": _sketchy,
    "pairs": _pairs,
    "drawings": _drawings,
    "demo": _demo,
    "merge": _merge,
}


def _downloaded(options: argparse.Namespace, say: Say) -> Path | None:
    """The archive that --download asks for, fetched unless it is there; None without that option."""
    if not options.download:
        if options.sha256:
            raise ConfigError("--sha256 is the hash of a download: give --download as well")
        return None
    if options.raw:
        raise ConfigError("--raw and --download both say where the raw files are: give one of them")
    folder = options.downloads or download.default_folder()
    known = download.known(options.download, options.source)
    options.licence = options.licence or (known.licence if known else "")
    return download.fetch(options.download, folder, source=options.source, sha256=options.sha256, say=say)


def _folder(raw: Path, draft: Path, choose: Callable[[list[str]], list[str]], say: Say, inner: bool = True) -> Path:
    """The raw folder itself, or what an archive was unpacked to."""
    if raw.is_dir() or not archives.is_archive(raw):
        return raw
    return archives.unpack(raw, draft / "raw", choose, say, inner=inner)


def _origin(raw: Path) -> str:
    """What raw files are called as a source: their folder's or archive's name."""
    return archives.stem(raw) if archives.is_archive(raw) else raw.resolve().name


def _named(items: Iterable[Any], options: argparse.Namespace, origin: str) -> list[Any]:
    """The items with source and licence where they lack one, --origin over what readers guess from names."""
    return [
        dataclasses.replace(
            item,
            source=options.origin or origin or item.source,
            licence=item.licence or options.licence,
        )
        for item in items
    ]
