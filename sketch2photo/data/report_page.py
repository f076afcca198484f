"""report.html: what a dataset holds, to be looked at; one file that needs nothing besides."""

import base64
import html
from collections import defaultdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from sketch2photo.data.example import SPLITS, Example, Skipped, decode

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


def write(path: Path, content: dict[str, Any], spool: Any, skipped: list[Skipped]) -> None:
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
