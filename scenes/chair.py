"""Chairs: a seat on four legs, its back of slats, boards or spindles, or upholstered."""

import math
import random

import numpy as np

from scenes.kit import materials
from scenes.kit.meshes import Mesh, Model, Part, lathe, loft, rounded_box, sweep

WOODS = ("#8a5a32", "#6b4426", "#c79c5e", "#a9773f", "#4a2f1c", "#d8b888", "#b5763f")
PAINTS = ("#f2f0ea", "#1f2226", "#8fb09b", "#b5322b", "#2f4f7f", "#e0b03a", "#e7b7b7", "#3f6f4c")
CLOTHS = ("#8a8f96", "#c9b79a", "#2f4f5f", "#a5502f", "#5f6f4a", "#b9485a", "#e6dccb", "#3a3d42", "#d2a04c")


def make(rng: random.Random) -> Model:
    kind = rng.choices(["slats", "ladder", "spindles", "upholstered"], [30, 22, 25, 23])[0]
    wide, deep, high = rng.uniform(0.42, 0.5), rng.uniform(0.4, 0.47), rng.uniform(0.43, 0.48)
    parts = [_seat(rng, kind, wide, deep).moved(z=high).part("seat", "seat")]
    parts += _legs(rng, kind == "spindles", wide, deep, high) + _back(rng, kind, wide, deep, high)
    painted = rng.random() < 0.35
    frame = materials.paint(rng, rng.choice(PAINTS)) if painted else materials.wood(rng, rng.choice(WOODS))
    check = {"pattern": "check", "scale": 9.0}
    cushion = materials.fabric(rng, rng.choice(CLOTHS), **rng.choice([{}, {}, check]))
    soft = kind == "upholstered" or (kind != "spindles" and rng.random() < 0.35)
    return Model(
        parts,
        {"frame": frame, "seat": cushion if soft else frame, "back": cushion if kind == "upholstered" else frame},
        style=f"{kind}/{'painted' if painted else 'wood'}",
        azimuth=rng.choice([-1, 1]) * rng.choice([rng.uniform(0, 12), rng.uniform(18, 55)]),
        elevation=rng.uniform(4, 24),
        field_of_view=rng.uniform(12, 28),
    )


def _seat(rng: random.Random, kind: str, wide: float, deep: float) -> Mesh:
    if kind == "spindles":
        return lathe([(0, -0.02), (0.9, -0.02), (1, 0), (0.97, 0.02), (0, 0.012)], 72).scaled(wide / 2, deep / 2)
    thick, puff = (0.05, 0.35) if kind == "upholstered" else (rng.uniform(0.016, 0.024), 0.0)
    slab, narrow = rounded_box(wide / 2, deep / 2, thick, min(0.018, thick * 0.9), puff), rng.uniform(0.82, 1.0)

    def taper(points: np.ndarray) -> np.ndarray:
        """Towards the back."""
        share = points[:, 1] / deep + 0.5
        return np.stack([points[:, 0] * (1 - (1 - narrow) * share), points[:, 1], points[:, 2]], 1)

    return slab.mapped(taper)


def _legs(rng: random.Random, turned: bool, wide: float, deep: float, high: float) -> list[Part]:
    """Straight, or turned on a lathe and splayed, mostly with stretchers between them."""
    parts, feet = [], {}
    thick, power = rng.uniform(0.015, 0.021), 2.0 if turned else rng.choice([2.0, 5.0, 5.0])
    splay, inset = (0.06, 0.06) if turned else (rng.choice([0.0, 0.0, 0.03]), 0.025)
    taper = np.linspace(1, rng.choice([0.65, 0.8, 1]), 24)
    if turned:
        taper = taper * (1 + 0.25 * np.sin(np.linspace(0, 9, 24)) ** 2)
    for x in (-1, 1):
        for y in (-1, 1):
            top = np.array([x * (wide / 2 - inset), y * (deep / 2 - inset), high - 0.005])
            foot = top * [1, 1, 0] + [x * splay, y * splay, 0]
            feet[x, y] = top * 0.35 + foot * 0.65
            leg = sweep(np.linspace(top, foot, 24), thick * taper, power=power, up=(0, 1, 0))
            parts.append(leg.part(f"leg {x} {y}", "frame"))
    if rng.random() < 0.6:
        sides = [(feet[x, -1], feet[x, 1]) for x in (-1, 1)]
        middle = ((sides[0][0] + sides[0][1]) / 2, (sides[1][0] + sides[1][1]) / 2)
        for k, (start, end) in enumerate([*sides, middle]):
            parts.append(sweep(np.linspace(start, end, 8), thick * 0.6).part(f"stretcher {k}", "frame"))
    return parts


def _back(rng: random.Random, kind: str, wide: float, deep: float, high: float) -> list[Part]:
    """Two posts, or a bow, and what is between them."""
    tall, lean = rng.uniform(0.4, 0.56), rng.uniform(0.05, 0.12)
    rear = deep / 2 - 0.03

    def at(x: float, share: float) -> np.ndarray:
        """On the back, x from -1 to 1, at a share of its height."""
        return np.array([x * (wide / 2 - 0.03), rear + lean * max(share, 0) ** 1.4, high + tall * share])

    if kind == "upholstered":
        pad = rounded_box(wide / 2 - 0.01, 0.03, tall / 2, 0.028, 0.3)
        pad = pad.turned("x", -math.degrees(math.atan(lean / tall)))
        return [pad.moved(0, rear + lean / 2, high + tall / 2 + 0.04).part("back", "back")]
    if kind == "spindles":
        angle = np.linspace(0, np.pi, 60)
        bow = np.stack([at(0.95 * np.cos(a), np.sin(a) ** 0.75) for a in angle])
        parts = [sweep(bow, 0.014).part("bow", "frame")]
        count = rng.choice([5, 6, 7, 8])
        for k, x in enumerate(np.linspace(-0.7, 0.7, count)):
            reach = np.sqrt(1 - (x / 0.95) ** 2) ** 0.75
            spindle = sweep(np.stack([at(x, s) for s in np.linspace(0, reach, 10)]), 0.0075, segments=12)
            parts.append(spindle.part(f"spindle {k}", "frame"))
        return parts
    parts = []
    for x in (-1, 1):
        post = np.stack([at(x, s) for s in np.linspace(-0.05, 1.02, 20)])
        parts.append(sweep(post, 0.017, power=4.0, up=(0, 1, 0)).part(f"post {x}", "frame"))

    def board(low: float, up: float) -> Mesh:
        """From post to post, bowed backwards."""
        sections = []
        for x in np.linspace(-1, 1, 17):
            bow = np.array([0, 0.03 * (1 - x * x), 0])
            front = [at(0.97 * x, low) + bow, at(0.97 * x, up) + bow]
            sections.append(np.array([*front, *(point + [0, 0.014, 0] for point in reversed(front))]))
        return loft(sections)

    if kind == "ladder":
        for k, low in enumerate(np.linspace(0.2, 0.84, rng.choice([2, 3, 4]))):
            parts.append(board(low, low + 0.13).part(f"board {k}", "back"))
    else:
        parts.append(board(0.84, 1.0).part("top", "back"))
        parts.append(board(0.14, 0.22).part("bottom", "back"))
        for k, x in enumerate(np.linspace(-0.62, 0.62, rng.choice([3, 4, 5]))):
            slat = np.stack([at(x, s) + [0, 0.03 * (1 - x * x), 0] for s in np.linspace(0.18, 0.9, 10)])
            parts.append(
                sweep(slat, rng.uniform(0.013, 0.02), 0.006, power=5.0, up=(0, 1, 0)).part(f"slat {k}", "frame")
            )
    return parts
