"""From the options of prepare_data.py to a finished dataset folder.

A plan says what is made of which raw items; processes make them; a journal on disk keeps what they made, so that a
killed run goes on there. Then groups and splits are settled, and the dataset is written beside its place and moved
there. Nothing is half-written, and everything left out is accounted for.
"""

import argparse
import csv
import dataclasses
import functools
import hashlib
import json
import multiprocessing
import os
import pickle
import struct
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import cv2

from sketch2photo.data import archives, beam, drawings, merge, near_duplicates, pairs, photos, rendered, report, store
from sketch2photo.data.archives import Choose, Say
from sketch2photo.data.example import SPLITS, Example, Skipped, decode, settle, thumbnail
from sketch2photo.data.segment import Cut, maker
from sketch2photo.data.styles import check as check_styles
from sketch2photo.errors import ConfigError, DataError, choose
from sketch2photo.files import check_free, draft_beside, put_in_place, remove, sentences

Given = TypeVar("Given")
Made = TypeVar("Made")

# ---------------------------------------------------------------- many raw files at once

_CHUNK = 8
_FEW = 200  # fewer items are not worth starting processes for
_INTERVAL = 15.0  # seconds between lines of progress where there is no terminal


def in_order(function: Callable[[Given], Made], items: list[Given], processes: int | None = None) -> Iterator[Made]:
    """`map(function, items)` on several processes, one a CPU core when None; `function` and the items are picklable.

    Raises `DataError` where a process was killed, as a system does that runs out of memory.
    """
    processes = processes or os.cpu_count() or 1
    if len(items) < _FEW or processes == 1:
        yield from map(function, items)
        return
    # Spawned, not forked: the parent has threads of its own (OpenCV, protobuf) that a fork would leave behind.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context, initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        try:
            yield from pool.map(function, items, chunksize=_CHUNK)
        except BrokenProcessPool:
            raise DataError("a worker process was killed (out of memory?): take fewer --workers") from None


def counted(things: Iterable[Made], total: int, say: Say, *, done: int = 0) -> Iterator[Made]:
    """Pass things on and show how many of `total` there have been, with those `done` before: a bar on a terminal, a
    line now and then elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("preparing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=total, completed=done)
        started = last = time.monotonic()
        for number, thing in enumerate(things, 1):
            yield thing
            bar.advance(task)
            now = time.monotonic()
            if bar.disable and now - last > _INTERVAL:
                last = now
                left = (now - started) / number * (total - done - number)
                say(f"{done + number} of {total}, {number / (now - started):.2g} a second, {left / 60:.0f} min left")


# ---------------------------------------------------------------- the journal: what has been made so far, on disk
#
# One record for each raw item, in their order: its number, length and checksum, and a pickle of the `Example`s and
# `Skipped`s it became. What follows the last whole record, because a kill cut it short, is cut off.

_HEAD = struct.Struct("<QQI")
# What stays on disk while the splits are decided.
_HEAVY: dict = {"sketches": [], "photo": None, "strokes": None, "mask": None}


class Journal:
    """Examples on disk, in the order they came, read back in any order: pictures need no memory."""

    def __init__(self, path: Path):
        self.light: list[Example] = []  # without pictures and strokes
        self.skipped: list[Skipped] = []
        self.items = 0  # raw items whose records are whole
        self._places: list[tuple[int, int]] = []  # for each example where its record begins, and its place in it
        self._file = path.open("r+b" if path.exists() else "w+b")
        self._end = 0
        while (made := self._read(self._end, self.items)) is not None:
            self._know(made)
        self._file.truncate(self._end)

    def add(self, made: list[Example | Skipped]) -> None:
        """Append what the next raw item became."""
        content = pickle.dumps(made, protocol=5)
        self._file.seek(self._end)
        self._file.write(_HEAD.pack(self.items, len(content), zlib.crc32(content)) + content)
        self._file.flush()
        self._know(made)

    def _know(self, made: list[Example | Skipped]) -> None:
        """Of the record between `_end` and the place in the file."""
        self.items += 1
        for place, one in enumerate(made):
            if isinstance(one, Skipped):
                self.skipped.append(one)
            else:
                self._places.append((self._end, place))
                self.light.append(dataclasses.replace(one, **_HEAVY))
        self._end = self._file.tell()

    def _read(self, offset: int, item: int | None = None) -> list[Example | Skipped] | None:
        """The record at a place in the file; None where there is no whole one, or it is not that of `item`."""
        self._file.seek(offset)
        head = self._file.read(_HEAD.size)
        if len(head) < _HEAD.size:
            return None
        number, length, checksum = _HEAD.unpack(head)
        content = self._file.read(length) if item in (None, number) else b""
        return pickle.loads(content) if content and zlib.crc32(content) == checksum else None

    def drop(self, numbers: set[int]) -> None:
        """Leave examples out; the others are numbered anew."""
        kept = [number for number in range(len(self.light)) if number not in numbers]
        self.light = [self.light[number] for number in kept]
        self._places = [self._places[number] for number in kept]

    def __getitem__(self, number: int) -> Example:
        offset, place = self._places[number]
        made = self._read(offset)
        assert made is not None
        whole = made[place]
        assert isinstance(whole, Example)
        return dataclasses.replace(self.light[number], **{name: getattr(whole, name) for name in _HEAVY})

    def split(self, name: str) -> Iterator[Example]:
        """The examples of one split, complete."""
        return (self[i] for i, example in enumerate(self.light) if example.split == name)

    def close(self) -> None:
        self._file.close()


# ---------------------------------------------------------------- building

_FORM = 2
"""Counts up whenever the same settings would make other examples, so that no run goes on with those of an older one."""


@dataclass
class Plan:
    """What a dataset is to be made of."""

    kind: str  # "pairs" or "drawings"
    size: int  # pixels a side
    items: list  # what `make` turns into examples; picklable
    make: Callable[[Any], Any]  # an item as an `Example`, a `Skipped` or a list of them; runs in worker processes
    skipped: list[Skipped] = field(default_factory=list)  # what was left out before
    remarks: list[str] = field(default_factory=list)  # what the report should say besides
    join_copies: bool = False  # see `near_duplicates.find`
    input_channels: int = 1  # 3 where inputs are coloured


def build(
    out: Path,
    plan_in: Callable[[Path], Plan],
    *,
    settings: dict[str, Any],
    overwrite: bool = False,
    workers: int | None = None,
    through_beam: str | None = None,
    say: Say = print,
) -> report.Summary:
    """Make every item an example, decide groups and splits, and write the dataset `out` with its report.

    A run that was killed leaves a folder beside `out`; the next one with the same settings and raw files goes on from
    there, and makes what the first would have made.

    Args:
      plan_in: what is to be made, given the folder where raw files may be unpacked.
      settings: how the dataset is made, for the report.
      overwrite: replace an older dataset of ours; its pictures keep their split.
      workers: processes; one a CPU core when None.
      through_beam: Apache Beam's pipeline options, where it makes the examples instead of processes of ours.

    Raises `DataError`: nothing usable in the items; the folder `out` is taken.
    """
    check_free(out, overwrite, is_ours=store.is_ours)
    if through_beam is not None:
        beam.options_of(through_beam)
    key = json.dumps({"form": _FORM, "settings": settings}, sort_keys=True)
    with sentences(out), draft_beside(out, key) as draft:
        plan = plan_in(draft)
        notes = archives.notes(draft / "raw")
        journal = _made(plan, draft, workers, through_beam, say)
        skipped, remarks = notes.skipped + plan.skipped + journal.skipped, notes.remarks + plan.remarks
        if not journal.light:
            reason = f"; the first: {skipped[0].file}: {skipped[0].reason}" if skipped else ""
            raise DataError(f"none of the {len(plan.items)} files could be used{reason}: check what --raw names")
        near_duplicates.find(journal.light, join_copies=plan.join_copies)
        remarks += near_duplicates.in_two_categories(journal.light)
        if overwrite:
            _keep_splits(journal.light, out)
        remarks += settle(journal.light)
        skipped += _without_too_near(journal)
        content = draft / "dataset"
        remove(content)
        content.mkdir()
        present = [name for name in SPLITS if any(example.split == name for example in journal.light)]
        store.write(
            content,
            kind=plan.kind,
            size=plan.size,
            input_channels=plan.input_channels,
            categories=tuple(sorted({example.category for example in journal.light})),
            sources={example.source: example.licence for example in journal.light},
            splits={name: functools.partial(journal.split, name) for name in present},
        )
        columns = ("file", "category", "group", "split", "source", "licence", "content", "mask_quality")
        with (content / "manifest.csv").open("w", newline="", encoding="utf-8") as lines:
            rows = ([getattr(example, column) for column in columns] for example in journal.light)
            csv.writer(lines).writerows([columns, *rows])
        summary = report.write(content, plan.kind, journal, skipped, remarks, settings)
        _write_checksums(content)
        journal.close()
        put_in_place(content, out)
    return summary


def _made(plan: Plan, draft: Path, workers: int | None, through_beam: str | None, say: Say) -> Journal:
    """All items made, those that a killed run had made taken over from it."""
    fingerprint = _fingerprint(plan)
    known = draft / "items"
    if not known.is_file() or known.read_text() != fingerprint:
        remove(draft / "journal")
        remove(draft / "beam")
        known.write_text(fingerprint)
    journal = Journal(draft / "journal")
    done, total = journal.items, len(plan.items)
    if done:
        say(f"going on after {done} of {total}, which an earlier run has made")
    if through_beam is None:
        results = in_order(plan.make, plan.items[done:], workers)
    else:
        say(f"making {total - done} through Apache Beam")
        results = beam.in_order(plan.make, plan.items, done, draft / "beam", through_beam)
    try:
        for made in counted(results, total, say, done=done):
            journal.add(made if isinstance(made, list) else [made])
    except (KeyboardInterrupt, SystemExit):
        say(f"stopped after {journal.items} of {total}: the same command goes on from there")
        raise
    return journal


def _fingerprint(plan: Plan) -> str:
    """A hash of what is to be made: other or changed files, other settings give another one."""
    found = hashlib.sha256(repr((plan.kind, plan.size, plan.input_channels)).encode())
    for item in plan.items:
        found.update(repr(item).encode())
        for value in vars(item).values():
            for path in value if isinstance(value, tuple) else (value,):
                if isinstance(path, Path) and path.is_file():
                    state = path.stat()
                    found.update(f"{state.st_size} {state.st_mtime_ns}".encode())
    return found.hexdigest()


def _without_too_near(journal: Journal) -> list[Skipped]:
    """Take out the training pictures that are nearly equal to one for validation or test, which must stay unseen."""
    near = near_duplicates.too_near(journal.light)
    left_out = []
    for number, other in near.items():
        example, like = journal[number], journal.light[other]
        assert example.photo is not None  # only photos are compared
        reason = f"nearly the same as {like.file}, which is in {like.split}"
        left_out.append(Skipped(example.file, reason, thumbnail(decode(example.photo, 3))))
    journal.drop(set(near))
    return left_out


def _write_checksums(folder: Path) -> None:
    """checksums.sha256, as `sha256sum --check` reads it."""
    lines = []
    for path in sorted(folder.iterdir()):
        with path.open("rb") as file:
            lines.append(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {path.name}\n")
    (folder / "checksums.sha256").write_text("".join(lines), encoding="utf-8")


def _keep_splits(examples: list[Example], old: Path) -> None:
    """Give what was in the dataset `old` the split it had there, unless it is given; groups follow their members."""
    manifest = old / "manifest.csv"
    if not manifest.is_file():
        return
    with manifest.open(newline="", encoding="utf-8") as lines:
        known = {row["content"]: row["split"] for row in csv.DictReader(lines) if row.get("content")}
    given = {example.group for example in examples if example.split}
    for example in examples:
        if example.group not in given and example.content in known:
            example.split = known[example.content]


# ---------------------------------------------------------------- what each subcommand makes a dataset of


def _photos(options: argparse.Namespace, draft: Path, say: Say) -> Plan:
    raw = _downloaded(options, say) or options.raw
    folder = raw and _folder(raw, draft, archives.pictures_and_lists, say)
    if options.manifest is not None:
        (items, skipped), origin = photos.from_manifest(options.manifest, folder), ""
    elif folder is not None:
        (items, skipped), origin = photos.from_folders(folder), _origin(raw)
    else:
        raise ConfigError("photos needs --raw DIR or --manifest CSV: say where the photos are")
    items = _with_names(items, options, origin)
    settings = {"size": options.size, "count": options.renderings, "cut": _cut(options)}
    make = functools.partial(photos.make_example, chosen=check_styles(options.styles), **settings)
    return Plan("pairs", options.size, items, make, skipped)


def _cut(options: argparse.Namespace) -> Cut:
    if options.min_mask_quality and options.segment == "none":
        raise ConfigError("--min-mask-quality judges what --segment cuts out: give --segment auto as well")
    return Cut(options.segment, options.min_mask_quality)


def _sketchy(options: argparse.Namespace, draft: Path, say: Say) -> Plan:
    raw = _downloaded(options, say) or options.raw
    if raw is None:
        raise ConfigError("sketchy needs --raw DIR or --download sketchy: say where the database is")
    choose = functools.partial(pairs.sketchy_members, categories=options.categories, rendering=options.rendering)
    folder = _folder(raw, draft, choose, say, inner=False)
    items, skipped = pairs.find_sketchy(folder, options.categories, drawings.renames(options.rename), options.rendering)
    make = functools.partial(pairs.make_example, size=options.size, clean=True, fit="pad")
    return Plan("pairs", options.size, items, maker(make, _cut(options)), skipped)


def _pairs(options: argparse.Namespace, draft: Path, say: Say) -> Plan:
    fetched = _downloaded(options, say)
    raw = [fetched] if fetched else options.raw
    if not raw and options.pairs is None:
        raise ConfigError("pairs needs --raw DIR, --pairs CSV or --download NAME: say where the pairs are")
    known = archives.known(options.download, "pairs") if options.download else None
    direction = options.direction or (known.direction if known else "AtoB")
    folders = [_folder(one, draft, archives.pictures_and_lists, say) for one in raw]
    items, skipped = pairs.find(folders, direction, options.category, options.pairs)
    items = _with_names(items, options, _origin(raw[0] if raw else options.pairs.resolve().parent))
    labels = options.label_colours
    channels = 3 if labels else options.input_channels or (3 if pairs.are_coloured(items) else 1)
    settings = {"size": options.size, "input_channels": channels, "fit": options.fit or "", "labels": labels}
    make = maker(functools.partial(pairs.make_example, **settings), _cut(options), channels)
    remarks = ["the inputs are coloured: train with --model.input-channels 3"] if channels == 3 else []
    if channels == 1 and (levels := pairs.class_numbers(items)):
        some = ", ".join(map(str, levels[:8]))
        remedy = "--label-colours gives each a colour of its own"
        remarks.append(f"the inputs have {len(levels)} levels of black ({some}), as class numbers do: {remedy}")
    if options.pairs is None and (numbered := pairs.numbered(items)):
        (first, photo), more = numbered[0], f" and {len(numbered) - 1} more" if len(numbered) > 1 else ""
        remedy = "name it otherwise if it is not"
        remarks.append(f"{first}{more} is a further sketch of {photo}, by the number: {remedy}")
    return Plan("pairs", options.size, items, make, skipped, remarks, input_channels=channels)


def _drawings(options: argparse.Namespace, draft: Path, say: Say) -> Plan:
    fetched = _downloaded(options, say)
    raw = [(fetched, "")] if fetched else [drawings.folder_and_category(text) for text in options.raw]
    if not raw:
        raise ConfigError("drawings needs --raw DIR or --download URL: say where the drawings are")
    folders = [(_folder(folder, draft, archives.pictures_and_lists, say), category) for folder, category in raw]
    found = drawings.find(folders, drawings.renames(options.rename), but=[options.val] if options.val else [])
    drawings.select(found, options.val, options.keep_unrecognised, options.limit_per_category)
    items = _with_names(found.drawings, options, "")
    make = functools.partial(drawings.make_example, size=options.size)
    return Plan("drawings", options.size, items, make, found.skipped, found.remarks, join_copies=True)


def _rendered(options: argparse.Namespace, draft: Path, say: Say) -> Plan:
    folders = list(options.folders)
    if options.scenes is not None:
        side = max(options.size, 256)
        job = rendered.Job(options.scenes, options.categories, options.count, options.seed, side, options.samples)
        work = job.folder_in(draft)
        made = job.render(work, options.blender_python, options.device, options.workers or os.cpu_count() or 1)
        for _ in counted(made, len(job.chosen()) * job.count, say, done=job.done_in(work)):
            pass
        folders.append(work)
    elif not folders:
        raise ConfigError("rendered needs --scenes DIR or --from DIR: say what to render, or where renderings are")
    make = functools.partial(rendered.make_example, size=options.size, count=options.renderings)
    found = rendered.find(folders)
    there = sorted({one.category for one in found})
    wanted = [choose("category in --categories", name, there) for name in options.categories] or there
    return Plan("pairs", options.size, [one for one in found if one.category in wanted], make)


def _merge(options: argparse.Namespace, draft: Path, say: Say) -> Plan:
    (kind, size, channels), records, remarks = merge.find(options.datasets)
    make = functools.partial(merge.make_example, kind=kind, size=size, input_channels=channels)
    return Plan(kind, size, records, make, remarks=remarks, join_copies=True, input_channels=channels)


PLANS = {"photos": _photos, "sketchy": _sketchy, "pairs": _pairs, "drawings": _drawings}
PLANS |= {"rendered": _rendered, "merge": _merge}
"""The plan of the options of `command.options`, given where raw files may be unpacked; each raises `UserError`."""


def _downloaded(options: argparse.Namespace, say: Say) -> Path | None:
    """The archive that --download asks for, fetched unless it is there; None without that option."""
    if not options.download:
        if options.sha256:
            raise ConfigError("--sha256 is the hash of a download: give --download as well")
        return None
    if options.raw:
        raise ConfigError("--raw and --download both say where the raw files are: give one of them")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sketch2photo"
    known = archives.known(options.download, options.source)
    options.licence = options.licence or (known.licence if known else "")
    return archives.fetch(
        options.download, options.downloads or cache, source=options.source, sha256=options.sha256, say=say
    )


def _folder(raw: Path, draft: Path, choose: Choose, say: Say, inner: bool = True) -> Path:
    """The raw folder itself, or what an archive was unpacked to."""
    if raw.is_dir() or not archives.is_archive(raw):
        return raw
    return archives.unpack(raw, draft / "raw", choose, say, inner=inner)


def _origin(raw: Path) -> str:
    """What raw files are called as a source: their folder's or archive's name."""
    return archives.stem(raw) if archives.is_archive(raw) else raw.resolve().name


def _with_names(items: Iterable[Any], options: argparse.Namespace, origin: str) -> list[Any]:
    """The items with source and licence where they lack one, --origin over what readers guess from names."""
    origin, licence = options.origin or origin, options.licence
    return [dataclasses.replace(i, source=origin or i.source, licence=i.licence or licence) for i in items]
