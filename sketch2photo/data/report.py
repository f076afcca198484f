"""What a dataset holds, for people: report.json, report.html, contact_sheet.png, a few printed lines."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from sketch2photo import images
from sketch2photo.data import report_page
from sketch2photo.data.colours import palette
from sketch2photo.data.example import SPLITS, Skipped, decode

_MANY = 40
"""With more categories than this the contact sheet shows less of each, in several columns."""
_SHOWN_SKIPPED = 5
_SHOWN_WARNINGS = 20
FEW = 50
"""A category of fewer examples is warned of."""


@dataclass(frozen=True)
class Summary:
    """What report.json says, and the lines to print."""

    content: dict[str, Any]
    lines: list[str]


def write(folder: Path, kind: str, spool: Any, skipped: list[Skipped], remarks: list[str], settings: dict) -> Summary:
    """Write report.json, report.html and contact_sheet.png into `folder`; `spool` with its splits settled."""
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
        "warnings": _warnings(kind, counts),
        "skipped": [{"file": s.file, "reason": s.reason} for s in skipped],
        "remarks": remarks,
        "settings": settings,
    }
    if kind == "pairs":
        train = [e for e in examples if e.split == "train"]
        content["palette"] = palette([e.category for e in train], np.array([e.colour for e in train]))
    (folder / "report.json").write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    # Not by OpenCV, which says nothing of a full disk.
    (folder / "contact_sheet.png").write_bytes(images.encode_png(contact_sheet(kind, spool, categories)))
    report_page.write(folder / "report.html", content, spool, skipped)
    return Summary(content, _lines(content))


def _warnings(kind: str, counts: dict[str, dict[str, int]]) -> list[str]:
    """What may make a model bad, a sentence for each category."""
    things = "photos" if kind == "pairs" else "drawings"
    return [
        f"{category} has only {sum(splits.values())} {things}: fewer than {FEW} rarely make a good category"
        for category, splits in counts.items()
        if sum(splits.values()) < FEW
    ]


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
    lines += [f"warning: {text}" for text in content["warnings"][:_SHOWN_WARNINGS]]
    if len(content["warnings"]) > _SHOWN_WARNINGS:
        lines.append(f"warning: {len(content['warnings']) - _SHOWN_WARNINGS} more categories are as small")
    lines += content["remarks"][:_SHOWN_SKIPPED]
    return lines


def contact_sheet(kind: str, spool: Any, categories: list[str]) -> np.ndarray:
    """For each category some of its examples in a row, photos before their sketches; uint8 (h, w, 3) RGB."""
    many = len(categories) > _MANY
    tile = 48 if many else 96
    shown = {"pairs": 1 if many else 2, "drawings": 5 if many else 12}[kind]
    numbers: dict[str, list[int]] = {category: [] for category in categories}
    for number, example in enumerate(spool.light):
        numbers[example.category].append(number)
    rows = []
    for category in categories:
        mine = numbers[category]
        tiles = [_caption(category, tile)]
        for example in (spool[i] for i in mine[:: max(1, len(mine) // shown)][:shown]):
            pictures = [] if example.photo is None else [example.photo]
            for data in pictures + example.sketches:
                tiles.append(cv2.resize(decode(data, 3), (tile, tile), interpolation=cv2.INTER_AREA))
        rows.append(np.concatenate(tiles, 1))
    columns = -(-len(rows) // 60)
    length = -(-len(rows) // columns)
    width = max(row.shape[1] for row in rows)
    rows = [np.pad(r, ((1, 1), (0, width + 8 - r.shape[1]), (0, 0)), constant_values=255) for r in rows]
    rows += [np.full_like(rows[0], 255)] * (columns * length - len(rows))
    return np.concatenate([np.concatenate(rows[i : i + length], 0) for i in range(0, len(rows), length)], 1)


def _caption(text: str, height: int) -> np.ndarray:
    picture = np.full((height, 140, 3), 255, np.uint8)
    scale = 0.45 * min(1.0, 130 / (9 * len(text)))
    cv2.putText(picture, text, (4, height // 2 + 4), cv2.FONT_HERSHEY_SIMPLEX, scale, (0, 0, 0), 1, cv2.LINE_AA)
    return picture
