"""run.html: a finished run on one page that needs no other file."""

import base64
import html
import io
import json
import math
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sketch2photo.config import to_dict
from sketch2photo.training import run_folder
from sketch2photo.training.run_log import read_alarms

# ---------------------------------------------------------------- training.curves
#
# curves.png: every metric of stats.jsonl and evaluation.jsonl over the steps.

Curves = dict[str, tuple[np.ndarray, np.ndarray]]
"""Steps and values of each figure, by its name."""

POINTS = 400
"""Means that a long run's noisy steps are drawn by."""
_COLUMNS = 3


def read_curves(path: Path) -> Curves:
    """The figures of one .jsonl file. What is no number, and a line that was being written, is left out."""
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for line in path.read_text().splitlines() if path.is_file() else []:
        try:
            values = json.loads(line)
            step = float(values.pop("step"))
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
        for name, value in values.items():
            if isinstance(value, int | float) and math.isfinite(value):
                found[name].append((step, float(value)))
    return {name: (np.array([s for s, _ in pairs]), np.array([v for _, v in pairs])) for name, pairs in found.items()}


def smoothed(steps: np.ndarray, values: np.ndarray, points: int = POINTS) -> tuple[np.ndarray, np.ndarray]:
    """Means over runs of neighbours, at most `points` of them."""
    if len(steps) <= points:
        return steps, values
    edges = np.linspace(0, len(steps), points + 1).astype(int)[:-1]
    counts = np.diff(np.append(edges, len(steps)))
    return np.add.reduceat(steps, edges) / counts, np.add.reduceat(values, edges) / counts


def draw(out: Path) -> bytes:
    """The curves of the run in this folder as PNG; b"" where there is nothing to draw yet.

    Losses first, then what is looked at now and then (with points), then speed.

    Raises:
      ImportError: there is no matplotlib.
    """
    import io

    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    every, sometimes = read_curves(out / "stats.jsonl"), read_curves(out / "evaluation.jsonl")
    late = ("images_per_second", "data_wait")
    order = [name for name in every if name not in late]
    panels = [(name, every[name], False) for name in order]
    panels += [(name, curve, True) for name, curve in sometimes.items()]
    panels += [(name, every[name], False) for name in late if name in every]
    if not panels:
        return b""
    rows = -(-len(panels) // _COLUMNS)
    # Margins in inches: to let matplotlib find them took as long as to draw.
    width, height = 4.2 * _COLUMNS, 2.6 * rows + 0.3
    figure = Figure(figsize=(width, height), dpi=100)
    figure.subplots_adjust(
        left=0.7 / width, right=1 - 0.2 / width, bottom=0.6 / height, top=1 - 0.3 / height, wspace=0.2, hspace=0.3
    )
    FigureCanvasAgg(figure)
    for place, (name, (steps, values), marked) in enumerate(panels, 1):
        axes = figure.add_subplot(rows, _COLUMNS, place)
        if marked:
            axes.plot(steps, values, marker=".", linewidth=1)
        else:
            x, y = smoothed(steps, values)
            axes.plot(x, y, linewidth=1)
            low, high = np.percentile(values, [1, 99])  # a few wild steps would hide all others
            if high > low:
                axes.set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low))
        axes.set_title(name, fontsize=10)
        axes.tick_params(labelsize=8)
        axes.locator_params(nbins=6)
        axes.grid(alpha=0.3)
    figure.supxlabel("step", fontsize=9)
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


# ---------------------------------------------------------------- training.run_page

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
    run = run_folder.read_run(out)
    steps = run_folder.saved_steps(out)
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
