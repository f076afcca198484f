"""What a dataset holds, for people: report.json, report.html, contact_sheet.png, a few printed lines."""

import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from sketch2photo import images
from sketch2photo.data.example import SPLITS, Example, Skipped, decode, palette
from sketch2photo.data.raw_files import NOT_ASKED_FOR, SYSTEM
from sketch2photo.images import data_url

_MANY = 40  # with more categories than this the contact sheet shows less of each, in several columns
_SHOWN_SKIPPED, _SHOWN_WARNINGS = 5, 20
FEW = 50
"""A category of fewer examples is warned of."""
_TILE = 112  # pixels a side of a picture on the page, which shows at most this of everything:
_EXAMPLES, _CATEGORIES, _REJECTS, _TWINS = 6, 60, 200, 24


@dataclass(frozen=True)
class Summary:
    """What report.json says, and the lines to print."""

    content: dict[str, Any]
    lines: list[str]


def write(folder: Path, kind: str, journal: Any, skipped: list[Skipped], remarks: list[str], settings: dict) -> Summary:
    """Write report.json, report.html and contact_sheet.png into `folder`; `journal` with its splits settled."""
    passed_over = [one for one in skipped if one.reason in (SYSTEM, NOT_ASKED_FOR)]
    skipped = [one for one in skipped if one.reason not in (SYSTEM, NOT_ASKED_FOR)]
    examples = journal.light
    categories = sorted({e.category for e in examples})
    counts = {c: dict(Counter(e.split for e in examples if e.category == c)) for c in categories}
    totals = Counter(e.split for e in examples)
    things = "photos" if kind == "pairs" else "drawings"
    content = {
        "kind": kind,
        "examples": {name: totals[name] for name in SPLITS if totals[name]},
        "categories": {c: {name: counts[c].get(name, 0) for name in SPLITS if totals[name]} for c in categories},
        "groups": len({e.group for e in examples}),
        "sources": dict(sorted(Counter(e.source for e in examples).items())),
        "warnings": [
            f"{category} has only {sum(splits.values())} {things}: fewer than {FEW} rarely make a good category"
            for category, splits in counts.items()
            if sum(splits.values()) < FEW
        ],
        "skipped": [{"file": s.file, "reason": s.reason} for s in skipped],
        "passed_over": [{"file": s.file, "reason": s.reason} for s in passed_over],
        "remarks": remarks,
        "settings": settings,
    }
    if kind == "pairs":
        train = [e for e in examples if e.split == "train"]
        content["palette"] = palette([e.category for e in train], np.array([e.colour for e in train]))
    (folder / "report.json").write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    # Not by OpenCV, which says nothing of a full disk.
    (folder / "contact_sheet.png").write_bytes(images.encode_png(contact_sheet(kind, journal, categories)))
    (folder / "report.html").write_text(_page(content, journal, skipped), encoding="utf-8")
    return Summary(content, _lines(content))


def _lines(content: dict[str, Any]) -> list[str]:
    sizes = ", ".join(f"{n} {name}" for name, n in content["examples"].items())
    lines = [f"{len(content['categories'])} categories, {sizes}, {content['groups']} groups"]
    if len(content["categories"]) <= 20:
        width = max(len(c) for c in content["categories"])
        for category, counts in content["categories"].items():
            lines.append(f"  {category:{width}}  " + "  ".join(f"{name} {n}" for name, n in counts.items()))
    if skipped := content["skipped"]:
        lines.append(f"left out {len(skipped)} (all in report.json):")
        lines += [f"  {s['file']}: {s['reason']}" for s in skipped[:_SHOWN_SKIPPED]]
    if over := content["passed_over"]:
        names = ", ".join(one["file"] for one in over[:_SHOWN_SKIPPED])
        lines.append(f"passed over {len(over)}, {SYSTEM} or {NOT_ASKED_FOR} (all in report.json): {names}")
    lines += [f"warning: {text}" for text in content["warnings"][:_SHOWN_WARNINGS]]
    if len(content["warnings"]) > _SHOWN_WARNINGS:
        lines.append(f"warning: {len(content['warnings']) - _SHOWN_WARNINGS} more categories are as small")
    lines += content["remarks"][:_SHOWN_SKIPPED]
    return lines


def contact_sheet(kind: str, journal: Any, categories: list[str]) -> np.ndarray:
    """For each category some of its examples in a row, photos before their sketches; uint8 (h, w, 3) RGB."""
    many = len(categories) > _MANY
    tile = 48 if many else 96
    shown = {"pairs": 1 if many else 2, "drawings": 5 if many else 12}[kind]
    numbers = _numbers(journal.light, "category")
    rows = []
    for category in categories:
        caption = np.full((tile, 140, 3), 255, np.uint8)
        scale = 0.45 * min(1.0, 130 / (9 * len(category)))
        cv2.putText(caption, category, (4, tile // 2 + 4), cv2.FONT_HERSHEY_SIMPLEX, scale, (0, 0, 0), 1, cv2.LINE_AA)
        tiles = [caption]
        for example in _some(journal, numbers[category], shown):
            pictures = [] if example.photo is None else [example.photo]
            tiles += [_picture(data, tile) for data in pictures + example.sketches]
        rows.append(np.concatenate(tiles, 1))
    columns = -(-len(rows) // 60)
    length = -(-len(rows) // columns)
    width = max(row.shape[1] for row in rows)
    rows = [np.pad(r, ((1, 1), (0, width + 8 - r.shape[1]), (0, 0)), constant_values=255) for r in rows]
    rows += [np.full_like(rows[0], 255)] * (columns * length - len(rows))
    return np.concatenate([np.concatenate(rows[i : i + length], 0) for i in range(0, len(rows), length)], 1)


def _numbers(examples: list[Example], field: str) -> dict[str, list[int]]:
    """The numbers of the examples by what a field of theirs says."""
    numbers = defaultdict(list)
    for number, example in enumerate(examples):
        numbers[getattr(example, field)].append(number)
    return numbers


def _some(journal: Any, numbers: list[int], most: int) -> list[Example]:
    """At most so many of the examples, from all over them."""
    return [journal[number] for number in numbers[:: max(1, len(numbers) // most)][:most]]


# ---------------------------------------------------------------- report.html


def _page(content: dict[str, Any], journal: Any, skipped: list[Skipped]) -> str:
    """The page of what report.json holds, with pictures of it in it: it needs no other file."""
    import jinja2  # here, as worker processes import this module, too

    examples, numbers = journal.light, _numbers(journal.light, "category")
    groups = _numbers(examples, "group").values()
    several = sorted((members for members in groups if len(members) > 1), key=len, reverse=True)
    by_source = Counter((example.source, example.licence, example.split) for example in examples)
    counts = [sum(row.values()) for row in content["categories"].values()]
    templates = jinja2.PackageLoader("sketch2photo.data", "")
    pages = jinja2.Environment(loader=templates, autoescape=True, undefined=jinja2.StrictUndefined)
    return pages.get_template("report.html.jinja").render(
        content=content,
        count=len(examples),
        largest=max(counts),
        smallest=min(counts),
        sources=[(key, [by_source[*key, split] for split in SPLITS]) for key in sorted({k[:2] for k in by_source})],
        examples=[(category, _rows(journal, numbers[category])) for category in sorted(numbers)[:_CATEGORIES]],
        not_shown=max(0, len(numbers) - _CATEGORIES),
        stripes=_stripes(examples, numbers) if content["kind"] == "pairs" else [],
        left_out=[(s.thumbnail and data_url("jpeg", s.thumbnail), s.file, s.reason) for s in skipped[:_REJECTS]],
        groups=len(several),
        twins=[[_tile(journal[number]) for number in members[:8]] for members in several[:_TWINS]],
    )


def _rows(journal: Any, numbers: list[int]) -> list[list[tuple[str, str]]]:
    """Some examples of a category, pictures with captions: a row each, or one row of drawings."""
    rows, drawings = [], []
    for example in _some(journal, numbers, _EXAMPLES):
        if example.photo is None:
            drawings.append(_tile(example))
            continue
        styles = example.styles or [""] * len(example.sketches)
        overlay = _overlay(_picture(example.photo), _picture(example.sketches[0]))
        sketches = [(_jpeg(_picture(data)), style) for data, style in zip(example.sketches[:7], styles, strict=False)]
        rows.append([_tile(example), (_jpeg(overlay), "overlay"), *sketches])
    return [*rows, drawings] if drawings else rows


def _tile(example: Example) -> tuple[str, str]:
    return _jpeg(_picture(example.photo or example.sketches[0])), f"{example.file} ({example.split})"


def _stripes(examples: list[Example], numbers: dict[str, list[int]]) -> list[tuple[str, str]]:
    """Each category's colours, one stripe a photo's object, by hue and lightness."""
    found = []
    for category in sorted(numbers)[:_CATEGORIES]:
        rgb = np.array([examples[number].colour for number in numbers[category]], np.uint8)
        hls = cv2.cvtColor(rgb[None], cv2.COLOR_RGB2HLS)[0].astype(int)
        grey = hls[:, 2] < 40
        order = np.lexsort((hls[:, 1], np.where(grey, 0, hls[:, 0] // 12), ~grey))
        found.append((category, _jpeg(cv2.resize(rgb[order][None], (600, 8), interpolation=cv2.INTER_NEAREST))))
    return found


def _picture(data: bytes, side: int = _TILE) -> np.ndarray:
    return cv2.resize(decode(data, 3), (side, side), interpolation=cv2.INTER_AREA)


def _overlay(photo: np.ndarray, sketch: np.ndarray) -> np.ndarray:
    ink = 1 - sketch.min(-1, keepdims=True) / 255
    pale = 255 - (255 - photo.astype(np.float32)) * 0.6
    return (pale * (1 - ink) + np.array([230, 20, 30]) * ink).astype(np.uint8)


def _jpeg(picture: np.ndarray) -> str:
    return data_url("jpeg", images.encode_jpeg(picture, 80))
