"""curves.png: every metric of stats.jsonl and evaluation.jsonl over the steps."""

import json
import math
from collections import defaultdict
from pathlib import Path

import numpy as np

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
    figure = Figure(figsize=(4.2 * _COLUMNS, 2.6 * rows), dpi=100, layout="constrained")
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
        axes.grid(alpha=0.3)
    figure.supxlabel("step", fontsize=9)
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()
