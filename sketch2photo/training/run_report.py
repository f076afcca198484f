"""A finished run to look at: curves.png, and run.html, one page that needs no other file."""

import io
import json
import math
from collections import defaultdict
from pathlib import Path

import jinja2
import numpy as np
from PIL import Image

from sketch2photo.config import to_dict
from sketch2photo.images import data_url
from sketch2photo.training import run_folder

# ---------------------------------------------------------------- curves: every metric over the steps

Curves = dict[str, tuple[np.ndarray, np.ndarray]]  # steps and values of each figure, by its name

POINTS = 400  # means that a long run's noisy steps are drawn by
_COLUMNS = 3


def read_curves(path: Path) -> Curves:
    """The figures of one .jsonl file. What is no number, and a line that was being written, is left out."""
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for line in run_folder.read_json_lines(path):
        step = line.pop("step")
        for name, value in line.items():
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


def draw_curves(out: Path) -> bytes:
    """The curves of the run in this folder as PNG: losses, then what is looked at now and then (with points), then
    speed; b"" where there is nothing to draw yet. Raises `ImportError`: there is no matplotlib."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    every, sometimes = read_curves(out / "stats.jsonl"), read_curves(out / "evaluation.jsonl")
    late = ("images_per_second", "data_wait")
    panels = [(name, curve, False) for name, curve in every.items() if name not in late]
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


# ---------------------------------------------------------------- the page

SHOWN = 6  # sample grids, from first to last
WIDEST = 1600  # pixels


def page(out: Path, curves: bytes) -> str:
    """The page of the run in this folder. `curves`: as `draw_curves` gives them."""
    run = run_folder.read_run(out)
    figures = {**read_curves(out / "stats.jsonl"), **read_curves(out / "evaluation.jsonl")}
    pictures = sorted((out / "samples").glob("[0-9]*.png"))
    chosen = sorted({round(i * (len(pictures) - 1) / max(SHOWN - 1, 1)) for i in range(SHOWN)}, reverse=True)
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("sketch2photo.training", ""), autoescape=True, trim_blocks=True
    )
    return environment.get_template("run.html.jinja").render(
        name=out.resolve().name,
        run=run,
        step=max(run_folder.saved_steps(out), default=0),
        alarms=run_folder.read_json_lines(out / "alarms.jsonl"),
        curves=data_url("png", curves) if curves else "",
        figures=[(name, v[0], v[-1], v.min(), v.max()) for name, (_, v) in figures.items()],
        samples={int(pictures[i].stem): data_url("jpeg", _shrunk(pictures[i])) for i in chosen if pictures},
        sources=[(source, licence or "not stated") for source, licence in run.sources.items()],
        settings=[(name, json.dumps(value)) for name, value in run_folder.flat(to_dict(run.config)).items()],
    )


def _shrunk(path: Path) -> bytes:
    """A sample grid as a JPEG file that a page can carry several of."""
    with Image.open(path) as picture:
        picture = picture.convert("RGB")
        picture.thumbnail((WIDEST, 4 * WIDEST), Image.Resampling.BOX)
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=88)
    return file.getvalue()
