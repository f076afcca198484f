"""What a dataset holds, for people: report.json, report.html, contact_sheet.png, a few printed lines."""

import base64
import html
import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from sketch2photo import images
from sketch2photo.data.example import SPLITS, Example, Skipped, decode, palette

# ---------------------------------------------------------------- data.report

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
    write_page(folder / "report.html", content, spool, skipped)
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


# ---------------------------------------------------------------- data.report_page
#
# report.html: what a dataset holds, to be looked at; one file that needs nothing besides.

_TILE = 112
_SHOWN = 6
"""Examples of each category."""
_REJECTS = 200
_TWINS = 24
_CATEGORIES = 60
"""More of them are counted, but not shown in pictures."""

_STYLE = """
body{font:15px/1.45 system-ui,sans-serif;margin:2em auto;max-width:1100px;padding:0 1em;color:#222;background:#fff}
h1{font-size:1.5em}h2{font-size:1.15em;margin:2em 0 .5em;border-bottom:1px solid #ddd}
h3{font-size:1em;margin:1.2em 0 .3em}
table{border-collapse:collapse}td,th{padding:.15em .8em .15em 0;text-align:left;vertical-align:middle}
td.n{text-align:right;font-variant-numeric:tabular-nums}.bar{height:.8em;background:#5b8def;display:inline-block}
.row{display:flex;flex-wrap:wrap;gap:4px;margin-bottom:6px}figure{margin:0;width:112px}figcaption{font-size:11px;
color:#666;overflow-wrap:anywhere}img{display:block;border:1px solid #ddd}.warn{color:#a33}
.strip img{width:100%;height:22px}
"""


def write_page(path: Path, content: dict[str, Any], spool: Any, skipped: list[Skipped]) -> None:
    """Write the page; `content` is what report.json holds, `spool` the examples with their splits settled."""
    numbers: dict[str, list[int]] = defaultdict(list)
    for number, example in enumerate(spool.light):
        numbers[example.category].append(number)
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>Dataset report</title><style>{_STYLE}</style>",
        f"<h1>{len(numbers)} categories, {len(spool.light)} examples</h1>",
        _notes(content),
        _balance(content),
        _sources(spool.light),
        *_examples(spool, numbers),
        _colours(spool.light),
        _rejects(skipped),
        _twins(spool),
        "<h2>Settings</h2><table>",
        *(f"<tr><th>{_text(k)}<td>{_text(v)}" for k, v in content["settings"].items()),
        "</table></html>\n",
    ]
    path.write_text("\n".join(parts), encoding="utf-8")


def _text(value: Any) -> str:
    return html.escape(str(value))


def _notes(content: dict[str, Any]) -> str:
    notes = [
        *(f"<li class=warn>{_text(w)}" for w in content["warnings"]),
        *(f"<li>{_text(r)}" for r in content["remarks"]),
    ]
    return f"<ul>{''.join(notes)}</ul>" if notes else "<p>Nothing to warn of.</p>"


def _balance(content: dict[str, Any]) -> str:
    """How many examples each category has in each split, and how even that is."""
    splits = list(content["examples"])
    counts = content["categories"]
    most = max(sum(row.values()) for row in counts.values())
    rows = [
        f"<tr><td>{_text(name)}{''.join(f'<td class=n>{row[s]}' for s in splits)}"
        f"<td><span class=bar style='width:{260 * sum(row.values()) / most:.0f}px'></span>"
        for name, row in counts.items()
    ]
    least = min(sum(row.values()) for row in counts.values())
    return (
        f"<h2>Class balance</h2><p>The largest has {most / max(least, 1):.1f} times as many as the smallest.</p>"
        f"<table><tr><th>category{''.join(f'<th>{s}' for s in splits)}<th>{''.join(rows)}</table>"
    )


def _sources(examples: list[Example]) -> str:
    counted: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: dict.fromkeys(SPLITS, 0))
    for example in examples:
        counted[example.source, example.licence][example.split] += 1
    rows = "".join(
        f"<tr><td>{_text(source or 'not stated')}<td>{_text(licence or 'not stated')}"
        + "".join(f"<td class=n>{row[split]}" for split in SPLITS)
        for (source, licence), row in sorted(counted.items())
    )
    return f"<h2>Sources and licences</h2><table><tr><th>source<th>licence<th>train<th>val<th>test{rows}</table>"


def _examples(spool: Any, numbers: dict[str, list[int]]) -> list[str]:
    parts = ["<h2>Examples</h2><p>Photo, the sketch laid over it in red (are they aligned?), then its sketches.</p>"]
    for category in sorted(numbers)[:_CATEGORIES]:
        mine = numbers[category]
        parts.append(f"<h3>{_text(category)}</h3>")
        shown = mine[:: max(1, len(mine) // _SHOWN)][:_SHOWN]
        drawings = []
        for example in (spool[number] for number in shown):
            if example.photo is None:
                drawings.append(_figure(_picture(example.sketches[0]), f"{example.file} ({example.split})"))
                continue
            photo = _picture(example.photo)
            tiles = [_figure(photo, f"{example.file} ({example.split})")]
            tiles.append(_figure(_overlay(photo, _picture(example.sketches[0])), "overlay"))
            styles = example.styles or [""] * len(example.sketches)
            tiles += [_figure(_picture(data), style) for data, style in zip(example.sketches[:7], styles, strict=False)]
            parts.append(f"<div class=row>{''.join(tiles)}</div>")
        if drawings:
            parts.append(f"<div class=row>{''.join(drawings)}</div>")
    if len(numbers) > _CATEGORIES:
        parts.append(f"<p>{len(numbers) - _CATEGORIES} more categories are not shown.</p>")
    return parts


def _colours(examples: list[Example]) -> str:
    """Each category's colours, one stripe an object, by hue and lightness."""
    coloured: dict[str, list[np.ndarray]] = defaultdict(list)
    for example in examples:
        if example.colour is not None:
            coloured[example.category].append(example.colour)
    rows = []
    for category in sorted(coloured)[:_CATEGORIES]:
        rgb = np.array(coloured[category], np.uint8)
        hls = cv2.cvtColor(rgb[None], cv2.COLOR_RGB2HLS)[0].astype(int)
        grey = hls[:, 2] < 40
        order = np.lexsort((hls[:, 1], np.where(grey, 0, hls[:, 0] // 12), ~grey))
        strip = cv2.resize(rgb[order][None], (600, 8), interpolation=cv2.INTER_NEAREST)
        rows.append(f"<tr><td>{_text(category)}<td class=strip style='width:600px'><img src='{_data(strip)}' alt=''>")
    return f"<h2>Colours</h2><table>{''.join(rows)}</table>" if rows else ""


def _rejects(skipped: list[Skipped]) -> str:
    if not skipped:
        return "<h2>Left out</h2><p>Nothing.</p>"
    rows = []
    for one in skipped[:_REJECTS]:
        picture = f"<img width=56 src='data:image/jpeg;base64,{base64.b64encode(one.thumbnail).decode()}' alt=''>"
        rows.append(f"<tr><td>{picture if one.thumbnail else ''}<td>{_text(one.file)}<td>{_text(one.reason)}")
    more = f"<p>{len(skipped) - _REJECTS} more in report.json.</p>" if len(skipped) > _REJECTS else ""
    return f"<h2>Left out: {len(skipped)}</h2><table>{''.join(rows)}</table>{more}"


def _twins(spool: Any) -> str:
    """Groups of several: pictures of the same thing, which stay in one split."""
    groups: dict[str, list[int]] = defaultdict(list)
    for number, example in enumerate(spool.light):
        groups[example.group].append(number)
    several = sorted((members for members in groups.values() if len(members) > 1), key=len, reverse=True)
    rows = []
    for members in several[:_TWINS]:
        tiles = []
        for example in (spool[number] for number in members[:8]):
            tiles.append(_figure(_picture(example.photo or example.sketches[0]), f"{example.file} ({example.split})"))
        rows.append(f"<div class=row>{''.join(tiles)}</div>")
    return f"<h2>Duplicates and groups: {len(several)} of several pictures</h2>{''.join(rows)}"


def _picture(data: bytes) -> np.ndarray:
    return cv2.resize(decode(data, 3), (_TILE, _TILE), interpolation=cv2.INTER_AREA)


def _overlay(photo: np.ndarray, sketch: np.ndarray) -> np.ndarray:
    ink = 1 - sketch.min(-1, keepdims=True) / 255
    pale = 255 - (255 - photo.astype(np.float32)) * 0.6
    return (pale * (1 - ink) + np.array([230, 20, 30]) * ink).astype(np.uint8)


def _figure(picture: np.ndarray, caption: str) -> str:
    return f"<figure><img src='{_data(picture)}' alt=''><figcaption>{_text(caption)}</figcaption></figure>"


def _data(picture: np.ndarray) -> str:
    jpeg = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes()
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
