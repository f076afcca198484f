"""From raw items to a finished dataset folder: nothing half-written, everything left out is accounted for."""

import csv
import dataclasses
import functools
import pickle
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from sketch2photo.data import groups, reading, report, splits
from sketch2photo.data.example import SPLITS, Example, Skipped
from sketch2photo.data.place import check_free, draft_beside, put_in_place
from sketch2photo.data.workers import in_order
from sketch2photo.errors import DataError

_HEAVY = ("sketches", "photo", "strokes")
"""What stays on disk while the splits are decided."""


class Spool:
    """Examples on disk, in the order they came, read back in any order."""

    def __init__(self, path: Path):
        self._file = path.open("w+b")
        self.light: list[Example] = []
        """The examples without pictures and strokes."""
        self._offsets: list[int] = []

    def add(self, example: Example) -> None:
        self._offsets.append(self._file.tell())
        pickle.dump({name: getattr(example, name) for name in _HEAVY}, self._file)
        self.light.append(dataclasses.replace(example, sketches=[], photo=None, strokes=None))

    def __getitem__(self, number: int) -> Example:
        self._file.seek(self._offsets[number])
        return dataclasses.replace(self.light[number], **pickle.load(self._file))

    def split(self, name: str) -> Iterator[Example]:
        """The examples of one split, complete."""
        return (self[i] for i, example in enumerate(self.light) if example.split == name)

    def close(self) -> None:
        self._file.close()


def build(
    out: Path,
    *,
    kind: str,
    size: int,
    items: list,
    make: Callable[[Any], Any],
    skipped: Iterable[Skipped] = (),
    remarks: Iterable[str] = (),
    settings: dict[str, Any],
    join_copies: bool = False,
    overwrite: bool = False,
    processes: int | None = None,
    say: Callable[[str], None] = print,
) -> report.Summary:
    """Make every item an example, decide groups and splits, and write the dataset `out` with its report.

    Args:
      kind: "pairs" or "drawings".
      items: what `make` turns into an `Example`, a `Skipped` or a list of them, on several processes; picklable.
      skipped: what was left out before; `remarks`: what the report should say besides.
      settings: how the dataset was made, for the report.
      join_copies: see `groups.find`.
      overwrite: replace an older dataset of ours; its pictures keep their split.

    Raises:
      DataError: nothing usable in the items; the folder `out` is taken.
    """
    skipped, remarks = list(skipped), list(remarks)
    check_out(out, overwrite)
    with draft_beside(out) as draft:
        spool = Spool(draft / "spool")
        for made in report.counted(in_order(make, items, processes), len(items), say):
            for one in made if isinstance(made, list) else [made]:
                skipped.append(one) if isinstance(one, Skipped) else spool.add(one)
        if not spool.light:
            reason = f"; the first: {skipped[0].file}: {skipped[0].reason}" if skipped else ""
            raise DataError(f"none of the {len(items)} files could be used{reason}: check what --raw names")
        groups.find(spool.light, join_copies=join_copies)
        if overwrite:
            _keep_splits(spool.light, out)
        remarks += splits.settle(spool.light)
        categories = tuple(sorted({example.category for example in spool.light}))
        content = draft / "dataset"
        content.mkdir()

        from sketch2photo.data import dataset

        present = [name for name in SPLITS if any(example.split == name for example in spool.light)]
        readers: dict[str, Callable[[], Iterable[Example]]] = {
            name: functools.partial(spool.split, name) for name in present
        }
        dataset.write(content, kind=kind, size=size, categories=categories, splits=readers)
        _write_manifest(content / "manifest.csv", spool.light)
        summary = report.write(content, kind, spool, skipped, remarks, settings)
        spool.close()
        put_in_place(content, out)
    return summary


def check_out(out: Path, overwrite: bool) -> None:
    """Raises `DataError` when `out` may not be written."""
    check_free(out, overwrite, is_ours=reading.is_ours)


def _write_manifest(path: Path, examples: list[Example]) -> None:
    columns = ("file", "category", "group", "split", "source", "licence", "content")
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
