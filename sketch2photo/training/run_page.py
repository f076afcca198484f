"""run.html: a finished run on one page that needs no other file."""

import base64
import html
import io
import json
from pathlib import Path
from typing import Any

from PIL import Image

from sketch2photo import checkpoints
from sketch2photo.config import to_dict
from sketch2photo.training.alarms import read_alarms
from sketch2photo.training.curves import read_curves

SHOWN = 6
"""Sample grids, from first to last."""
WIDEST = 1600
_SAMPLES = (
    "Sketch, generated and true photo of validation examples; below a grey line, where there are any, the same of "
    "sketches by people, and drawings by people beside what is painted of them."
)
_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 75rem; margin: 2rem auto; padding: 0 1rem; }
img { max-width: 100%; height: auto; background: #fff; }
table { border-collapse: collapse; } td, th { padding: .15rem .8rem .15rem 0; text-align: left; }
td:nth-child(n+2) { font-variant-numeric: tabular-nums; }
.alarm { border-left: .3rem solid #c33; padding-left: .8rem; }
figure { margin: 1rem 0; } .all { overflow-x: auto; }
"""


def page(out: Path, curves: bytes) -> str:
    """The page of the run in this folder.

    Args:
      curves: as `curves.draw` gives them.
    """
    run = checkpoints.read_run(out)
    steps = checkpoints.saved_steps(out)
    figures = {**read_curves(out / "stats.jsonl"), **read_curves(out / "evaluation.jsonl")}
    alarms = read_alarms(out / "alarms.jsonl")
    title = f"{out.resolve().name}: {run.kind}, preset {run.config.preset}"
    parts = [
        f"<h1>{_text(title)}</h1>",
        f"<p>{steps[-1] if steps else 0:,} of {run.config.steps:,} steps of {run.config.batch_size}, "
        f"{run.config.model.image_size} px; categories: {_text(', '.join(run.categories))}.</p>",
        *(f'<p class="alarm">Step {one["step"]:,}: {_text(one["alarm"])}</p>' for one in alarms),
    ]
    if curves:
        parts += ["<h2>Curves</h2>", _picture("image/png", curves, "every metric over the steps")]
    if figures:
        rows = [
            (name, _number(v[0]), _number(v[-1]), _number(v.min()), _number(v.max()))
            for name, (_, v) in figures.items()
        ]
        parts += ["<h2>Figures</h2>", _table(("", "first", "last", "least", "most"), rows)]
    pictures = sorted((out / "samples").glob("[0-9]*.png")) if (out / "samples").is_dir() else []
    if pictures:
        chosen = sorted({round(i * (len(pictures) - 1) / max(SHOWN - 1, 1)) for i in range(SHOWN)}, reverse=True)
        parts.append(f"<h2>Samples</h2><p>{_SAMPLES if run.kind == 'gan' else ''}</p>")
        for i in chosen:
            name = f"step {int(pictures[i].stem):,}"
            parts.append(f"<h3>{name}</h3>{_picture('image/jpeg', _shrunk(pictures[i]), name)}")
    if run.sources:
        parts += [
            "<h2>Trained on</h2>",
            _table(("source", "licence"), [(k, v or "not stated") for k, v in run.sources.items()]),
        ]
    parts += ["<h2>Settings</h2>", _table(("", ""), _flat(to_dict(run.config)))]
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{_text(title)}</title>'
    body = "".join(parts)
    return f'<!doctype html><html lang="en"><head>{head}<style>{_STYLE}</style></head><body>{body}</body></html>\n'


def _text(value: Any) -> str:
    return html.escape(str(value))


def _number(value: Any) -> str:
    return f"{float(value):.4g}"


def _table(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    lines = "".join(f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return (
        f"<div class='all'><table><tr>{''.join(f'<th>{_text(cell)}</th>' for cell in head)}</tr>{lines}</table></div>"
    )


def _flat(values: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    rows = []
    for name, value in values.items():
        rows += _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else [(prefix + name, json.dumps(value))]
    return rows


def _picture(kind: str, data: bytes, name: str) -> str:
    source = f"data:{kind};base64,{base64.b64encode(data).decode()}"
    return f'<figure><img alt="{_text(name)}" src="{source}"></figure>'


def _shrunk(path: Path) -> bytes:
    """A sample grid as a JPEG file that a page can carry several of."""
    with Image.open(path) as picture:
        picture = picture.convert("RGB")
        picture.thumbnail((WIDEST, 4 * WIDEST), Image.Resampling.BOX)
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=88)
    return file.getvalue()
