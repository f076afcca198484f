"""The figures of the studio model that count, how much each, and the one number of them all."""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Line:
    """One figure of the table."""

    place: str
    """Where it is in the report: item and name."""
    what: str
    hopeless: float
    aim: float
    weight: float
    goal: float | None = None
    """What is promised; reached at or beyond it in the direction of the aim."""

    def value(self, report: dict[str, Any]) -> float | None:
        item, name = self.place.split(".")
        found = report.get(item, {}).get(name)
        return None if found is None else float(found)

    def credit(self, value: float) -> float:
        """0 at the hopeless value and below, 1 at the aim and beyond."""
        return float(np.clip((value - self.hopeless) / (self.aim - self.hopeless), 0, 1))

    def reached(self, value: float) -> bool | None:
        if self.goal is None:
            return None
        return value >= self.goal if self.aim > self.hopeless else value <= self.goal


LINES = (
    Line("recognised.first", "2  named at once, category told", 0.33, 0.97, 11),
    Line("recognised.five_best", "2  named among five, category told", 0.6, 0.97, 11, 0.80),
    Line("recognised.worst_category", "2  ... the worst category", 0.2, 0.90, 6, 0.60),
    Line("recognised.five_best_own_category", "2  named among five, own category", 0.5, 0.92, 6, 0.75),
    Line("lines.outline_iou", "3  outline IoU, median", 0.6, 0.92, 5, 0.85),
    Line("lines.followed", "3  sketches with 60% of ink at an edge", 0.3, 0.95, 5, 0.90),
    Line("lines.inner_lift", "3  inner lines at an edge, over chance", 0.0, 0.5, 4),
    Line("lines.detail_likeness", "3  detail inside, as photos have", 0.2, 1.0, 6),
    Line("lines.variety", "3  variety in a category, as photos have", 0.3, 1.0, 5),
    Line("photos.kid_root", "4  KID-SqueezeNet, square root", 1.0, 0.15, 20),
    Line("photos.kid_over_vanilla", "4  KID over that of vanilla", 1.5, 0.3, 0, 0.70),
    Line("copies.suspicious", "4  nearer to training photos than new ones", 0.5, 0.02, 0),
    Line("colour.ciede2000", "5  asked colour, CIEDE2000", 35.0, 8.0, 6, 15.0),
    Line("colour.varied_by_seed", "5  colours of four seeds, CIEDE2000", 0.0, 10.0, 2),
    Line("live.change_outside", "6  change outside 32 px of a new stroke", 12.0, 2.0, 4, 4.0),
    Line("live.five_best_at_half", "6  named among five at half the strokes", 0.2, 0.90, 3),
    Line("names.accuracy", "7  sketches named, finished", 0.5, 0.96, 4, 0.92),
    Line("names.half_accuracy", "7  sketches named, half the strokes", 0.4, 0.85, 2, 0.75),
    Line("names.none_recall", "7  none of these, at 5% false rejection", 0.3, 0.90, 2, 0.80),
    Line("names.ece", "7  calibration error", 0.2, 0.03, 1, 0.05),
    Line("speed.over_matmul", "8  predict over a 2048^3 matmul", 6.0, 2.0, 3, 2.5),
)


def derive(report: dict[str, Any]) -> None:
    """What the table needs and the items do not say."""
    recognised, lines, photos = report["recognised"], report["lines"], report["photos"]
    recognised["worst_category"] = min(found["rate"] for found in recognised["by_category"].values())
    if lines["inner_lines"] is not None:
        lines["inner_lift"] = (lines["inner_lines"] - lines["inner_chance"]) / (1 - lines["inner_chance"])
    lines["detail_likeness"] = min(lines["detail"], 1 / max(lines["detail"], 1e-6))
    photos["kid_root"] = float(np.sqrt(max(photos["kid"], 0)))
    report["live"]["five_best_at_half"] = report["live"]["five_best_at"]["50%"]


def headline(report: dict[str, Any]) -> float:
    """0 to 100: the weighted mean credit of the figures that there are."""
    found = [(line.weight, line.credit(value)) for line in LINES if (value := line.value(report)) is not None]
    return 100 * sum(weight * credit for weight, credit in found) / sum(weight for weight, _ in found)


def table(report: dict[str, Any]) -> str:
    """The figures as text, with goals and n."""
    rows = []
    for line in LINES:
        value = line.value(report)
        if value is None:
            continue
        reached = line.reached(value)
        verdict = "" if reached is None else f"{line.goal:g} {'reached' if reached else 'MISSED'}"
        rows.append(f"{line.what:44} {value:9.3f}   {verdict:14} {100 * line.credit(value):5.0f}   {line.weight:g}")
    n = report["recognised"]["n"], report["lines"]["closed"], report["photos"]["n"], report["colour"]["n"]
    head = f"{report['checkpoint']}{' (quick)' if report['quick'] else ''}, {report['image_size']} px"
    judge = report["judge"]["held_out"]["five_best"]
    return "\n".join(
        [
            head,
            f"n: {n[0]} sketches ({n[1]} closed), {n[2]} held-out photos, {n[3]} colours; "
            f"the judge names {judge:.1%} of real photos among five of {report['judge']['classes']}",
            f"{'':44} {'value':>9}   {'goal':14} {'credit':>5}   weight",
            *rows,
            "named among five, by category: "
            + ", ".join(f"{name} {f['rate']:.2f}" for name, f in report["recognised"]["by_category"].items()),
            f"headline {report['headline']:.1f} of 100   "
            f"({report['seconds']:.0f} s, {report['processor_seconds']:.0f} s of the processor)",
        ]
    )
