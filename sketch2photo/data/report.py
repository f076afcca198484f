"""What a dataset holds, for people: report.json, contact_sheet.png, a few printed lines."""

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np

from sketch2photo.data.colours import palette
from sketch2photo.data.example import SPLITS, Skipped, decode

T = TypeVar("T")

_TILE = 96
_COLUMNS = {"pairs": 2, "drawings": 12}
"""Examples a row of the contact sheet."""
_SHOWN_SKIPPED = 5


@dataclass(frozen=True)
class Summary:
    """What report.json says, and the lines to print."""

    content: dict[str, Any]
    lines: list[str]


def write(folder: Path, kind: str, spool: Any, skipped: list[Skipped], remarks: list[str], settings: dict) -> Summary:
    """Write report.json and contact_sheet.png into `folder`; `spool` is `build.Spool`, its splits settled."""
    examples = spool.light
    categories = sorted({e.category for e in examples})
    counts = {c: dict(Counter(e.split for e in examples if e.category == c)) for c in categories}
    totals = Counter(e.split for e in examples)
    content = {
        "kind": kind,
        "examples": {name: totals[name] for name in SPLITS if totals[name]},
        "categories": {c: {name: counts[c].get(name, 0) for name in SPLITS if totals[name]} for c in categories},
        "groups": len({e.group for e in examples}),
        "sources": dict(sorted(Counter(e.source for e in examples).items())),
        "skipped": [{"file": s.file, "reason": s.reason} for s in skipped],
        "remarks": remarks,
        "settings": settings,
    }
    if kind == "pairs":
        train = [e for e in examples if e.split == "train"]
        content["palette"] = palette([e.category for e in train], np.array([e.colour for e in train]))
    (folder / "report.json").write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    cv2.imwrite(str(folder / "contact_sheet.png"), contact_sheet(kind, spool, categories)[..., ::-1])
    return Summary(content, _lines(content))


def _lines(content: dict[str, Any]) -> list[str]:
    sizes = ", ".join(f"{n} {name}" for name, n in content["examples"].items())
    lines = [f"{len(content['categories'])} categories, {sizes}, {content['groups']} groups"]
    if len(content["categories"]) <= 20:
        width = max(len(c) for c in content["categories"])
        for category, counts in content["categories"].items():
            lines.append(f"  {category:{width}}  " + "  ".join(f"{name} {n}" for name, n in counts.items()))
    skipped = content["skipped"]
    if skipped:
        lines.append(f"left out {len(skipped)} (all in report.json):")
        lines += [f"  {s['file']}: {s['reason']}" for s in skipped[:_SHOWN_SKIPPED]]
    lines += content["remarks"][:_SHOWN_SKIPPED]
    return lines


def contact_sheet(kind: str, spool: Any, categories: list[str]) -> np.ndarray:
    """A row for each category: its first examples, photos before their sketches; uint8 (h, w, 3) RGB."""
    rows = []
    for category in categories:
        numbers = [i for i, e in enumerate(spool.light) if e.category == category]
        chosen = numbers[:: max(1, len(numbers) // _COLUMNS[kind])][: _COLUMNS[kind]]
        tiles = []
        for example in (spool[i] for i in chosen):
            pictures = [] if example.photo is None else [example.photo]
            for data in pictures + example.sketches:
                tiles.append(cv2.resize(decode(data, 3), (_TILE, _TILE), interpolation=cv2.INTER_AREA))
        rows.append(np.concatenate([_caption(category), *tiles], 1))
    width = max(row.shape[1] for row in rows)
    padded = [np.pad(r, ((1, 1), (0, width - r.shape[1]), (0, 0)), constant_values=255) for r in rows]
    return np.concatenate(padded, 0)


def _caption(text: str) -> np.ndarray:
    tile = np.full((_TILE, 140, 3), 255, np.uint8)
    scale = min(0.45, 0.45 * 130 / max(8 * len(text), 1))
    cv2.putText(tile, text, (4, _TILE // 2), cv2.FONT_HERSHEY_SIMPLEX, scale, (0, 0, 0), 1, cv2.LINE_AA)
    return tile


def counted(things: Iterable[T], total: int, say: Callable[[str], None]) -> Iterator[T]:
    """Pass things on and say every tenth of the way how far it is; in silence for less than 1,000."""
    step = max(total // 10, 1)
    for number, thing in enumerate(things, 1):
        yield thing
        if total >= 1000 and number % step == 0 and sys.stderr is not None:
            say(f"{number} of {total}")
