"""From raw items to a finished dataset folder: nothing half-written, everything left out is accounted for."""

import csv
import functools
import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sketch2photo.data import beam, groups, reading, report, splits
from sketch2photo.data.example import SPLITS, Example, Skipped, decode, thumbnail
from sketch2photo.data.place import check_free, kept_draft, put_in_place, remove
from sketch2photo.data.progress import counted
from sketch2photo.data.spool import Spool
from sketch2photo.data.workers import in_order
from sketch2photo.errors import DataError

_FORM = 2
"""Counts up whenever the same settings would make other examples, so that no run goes on with those of an older one."""


@dataclass
class Plan:
    """What a dataset is to be made of."""

    kind: str
    """"pairs" or "drawings"."""
    size: int
    """Pixels a side."""
    items: list
    """What `make` turns into examples; picklable."""
    make: Callable[[Any], Any]
    """An item as an `Example`, a `Skipped` or a list of them; runs in worker processes."""
    skipped: list[Skipped] = field(default_factory=list)
    """What was left out before."""
    remarks: list[str] = field(default_factory=list)
    """What the report should say besides."""
    join_copies: bool = False
    """See `groups.find`."""
    input_channels: int = 1
    """3 where inputs are coloured."""


def build(
    out: Path,
    plan_in: Callable[[Path], Plan],
    *,
    settings: dict[str, Any],
    overwrite: bool = False,
    workers: int | None = None,
    through_beam: str | None = None,
    say: Callable[[str], None] = print,
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

    Raises:
      DataError: nothing usable in the items; the folder `out` is taken.
    """
    check_out(out, overwrite)
    if through_beam is not None:
        beam.check(through_beam)
    key = json.dumps({"form": _FORM, "settings": settings}, sort_keys=True)
    with kept_draft(out, key) as draft:
        plan = plan_in(draft)
        spool = _made(plan, draft, workers, through_beam, say)
        skipped, remarks = [*plan.skipped, *spool.skipped], list(plan.remarks)
        if not spool.light:
            reason = f"; the first: {skipped[0].file}: {skipped[0].reason}" if skipped else ""
            raise DataError(f"none of the {len(plan.items)} files could be used{reason}: check what --raw names")
        groups.find(spool.light, join_copies=plan.join_copies)
        if overwrite:
            _keep_splits(spool.light, out)
        remarks += splits.settle(spool.light)
        skipped += _without_too_near(spool)
        categories = tuple(sorted({example.category for example in spool.light}))
        content = draft / "dataset"
        remove(content)
        content.mkdir()

        from sketch2photo.data import dataset

        present = [name for name in SPLITS if any(example.split == name for example in spool.light)]
        readers: dict[str, Callable[[], Iterable[Example]]] = {
            name: functools.partial(spool.split, name) for name in present
        }
        dataset.write(
            content,
            kind=plan.kind,
            size=plan.size,
            input_channels=plan.input_channels,
            categories=categories,
            sources={example.source: example.licence for example in spool.light},
            splits=readers,
        )
        _write_manifest(content / "manifest.csv", spool.light)
        summary = report.write(content, plan.kind, spool, skipped, remarks, settings)
        _write_checksums(content)
        spool.close()
        put_in_place(content, out)
    return summary


def _made(plan: Plan, draft: Path, workers: int | None, through_beam: str | None, say: Callable[[str], None]) -> Spool:
    """All items made, those that a killed run had made taken over from it."""
    fingerprint = _fingerprint(plan)
    known = draft / "items"
    if not known.is_file() or known.read_text() != fingerprint:
        remove(draft / "spool")
        remove(draft / "beam")
        known.write_text(fingerprint)
    spool = Spool(draft / "spool")
    done, total = spool.items, len(plan.items)
    if done:
        say(f"going on after {done} of {total}, which an earlier run has made")
    if through_beam is None:
        results = in_order(plan.make, plan.items[done:], workers)
    else:
        say(f"making {total - done} through Apache Beam")
        results = beam.in_order(plan.make, plan.items, done, draft / "beam", through_beam)
    try:
        for made in counted(results, total, say, done=done):
            spool.add(made if isinstance(made, list) else [made])
    except (KeyboardInterrupt, SystemExit):
        say(f"stopped after {spool.items} of {total}: the same command goes on from there")
        raise
    return spool


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


def check_out(out: Path, overwrite: bool) -> None:
    """Raises `DataError` when `out` may not be written."""
    check_free(out, overwrite, is_ours=reading.is_ours)


def _without_too_near(spool: Spool) -> list[Skipped]:
    """Take out the training pictures that are nearly equal to one for validation or test, which must stay unseen."""
    near = groups.too_near(spool.light)
    left_out = []
    for number, other in near.items():
        example, like = spool[number], spool.light[other]
        picture = b"" if example.photo is None else thumbnail(decode(example.photo, 3))
        reason = f"nearly the same as {like.file}, which is in {like.split}"
        left_out.append(Skipped(example.file, reason, picture))
    spool.drop(set(near))
    return left_out


def _write_checksums(folder: Path) -> None:
    """checksums.sha256, as `sha256sum --check` reads it."""
    lines = []
    for path in sorted(folder.iterdir()):
        with path.open("rb") as file:
            lines.append(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {path.name}\n")
    (folder / "checksums.sha256").write_text("".join(lines), encoding="utf-8")


def _write_manifest(path: Path, examples: list[Example]) -> None:
    columns = ("file", "category", "group", "split", "source", "licence", "content", "mask_quality")
    with path.open("w", newline="", encoding="utf-8") as lines:
        table = csv.writer(lines)
        table.writerow(columns)
        table.writerows([getattr(example, column) for column in columns] for example in examples)


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
