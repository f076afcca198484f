"""An evaluation for people: the table, and the best, the median and the worst picture of each category."""

from pathlib import Path

import numpy as np

from sketch2photo.evaluation.run import METRICS, Evaluation, Examples
from sketch2photo.training.report import grid, write_picture


def table(found: Evaluation) -> str:
    """One row a category and one of all, with n; what each column says below it."""
    columns = [name for name in METRICS if name in found.figures]
    rows = {**found.by_category, "all": found.figures}
    width = max(len(name) for name in rows)
    lines = [f"{'':{width}} {'n':>6} " + " ".join(f"{name:>17}" for name in columns)]
    for name, figures in rows.items():
        cells = (f"{_number(figures[c]):>17}" if c in figures else f"{'':>17}" for c in columns)
        lines.append(f"{name:{width}} {figures['n']:6d} " + " ".join(cells))
    lines.append("")
    for name in columns:
        what, more = METRICS[name]
        spread = f"; standard deviation {found.figures['kid_sd']:.3f}" if name == "kid" else ""
        lines.append(f"{name:>17}  {what}; {'more' if more else 'less'} is better{spread}")
    return "\n".join(lines)


def _number(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 1000 else f"{value:.0f}"


def write_extremes(path: Path, found: Evaluation, examples: Examples, categories: tuple[str, ...]) -> None:
    """A picture: a row a category; sketch, painted and true photo of the best, the median and the worst."""
    rows = []
    for label in range(len(categories)):
        numbers = np.flatnonzero(examples["label"] == label)
        if not len(numbers):
            continue
        ordered = numbers[np.argsort(found.distance[numbers], kind="stable")]
        chosen = [ordered[0], ordered[len(ordered) // 2], ordered[-1]]
        rows.append(
            [picture for i in chosen for picture in (examples["sketch"][i], found.photos[i], examples["photo"][i])]
        )
    write_picture(path, grid(rows))
