"""Chairs: of wood with slats or spindles, upholstered, a shell on thin legs, a stool's cousin with a round seat."""

import random

import numpy as np

from scenes.kit import materials
from scenes.kit.meshes import Mesh, Model, Part, curve, lathe, loft, rounded_box, sheet, smoothstep, sweep

WOODS = ("#8a5a32", "#6b4426", "#c79c5e", "#a9773f", "#4a2f1c", "#d8b888", "#b5763f")
PAINTS = ("#f2f0ea", "#1f2226", "#8fb09b", "#b5322b", "#2f4f7f", "#e0b03a", "#e7b7b7", "#3f6f4c")
CLOTHS = ("#8a8f96", "#c9b79a", "#2f4f5f", "#a5502f", "#5f6f4a", "#b9485a", "#e6dccb", "#3a3d42", "#d2a04c")


def make(rng: random.Random) -> Model:
    kind = rng.choices(["slats", "ladder", "spindles", "upholstered", "shell"], [24, 20, 18, 18, 20])[0]
    wide, deep, high = rng.uniform(0.42, 0.5), rng.uniform(0.4, 0.47), rng.uniform(0.43, 0.48)
    if kind == "shell":
        parts = _shell(rng, wide, deep, high)
    else:
        parts = _seat(rng, kind, wide, deep, high) + _legs(rng, kind, wide, deep, high)
        parts += _back(rng, kind, wide, deep, high)
    armrests = kind != "shell" and rng.random() < 0.25
    if armrests:
        parts += _arms(wide, deep, high)
    painted = rng.random() < 0.3
    colour = rng.choice(PAINTS if painted else WOODS)
    frame = materials.paint(rng, colour) if painted else materials.wood(rng, colour)
    cushion = materials.fabric(rng, rng.choice(CLOTHS), **rng.choice([{}, {}, {"pattern": "check", "scale": 9.0}]))
    seat = frame
    if kind == "upholstered" or (kind in ("slats", "ladder") and rng.random() < 0.35):
        seat = cushion
    legs = frame
    if kind == "shell":
        seat = rng.choice([materials.plastic(rng, rng.choice(PAINTS)), materials.fabric(rng, rng.choice(CLOTHS))])
        legs = rng.choice([materials.metal(rng, "#b8babd"), materials.plastic(rng, "#1c1c1e"), frame])
    used = {"frame": legs, "seat": seat, "back": seat if kind == "upholstered" else frame}
    return Model(
        parts,
        used,
        style=kind + ("/arms" if armrests else ""),
        azimuth=rng.choice([-1, 1]) * rng.choice([rng.uniform(0, 12), rng.uniform(18, 55)]),
        elevation=rng.uniform(4, 24),
        field_of_view=rng.uniform(12, 28),
    )


def _seat(rng: random.Random, kind: str, wide: float, deep: float, high: float) -> list[Part]:
    thick = rng.uniform(0.016, 0.024) if kind != "upholstered" else rng.uniform(0.04, 0.06)
    soft = 0.35 if kind == "upholstered" else 0.0
    if kind == "spindles":
        disc = lathe([(0, -thick), (0.9, -thick), (1, 0), (0.97, thick), (0, 0.6 * thick)], 72)
        return [disc.scaled(wide / 2, deep / 2, 1).moved(z=high).part("seat", "seat")]
    slab = rounded_box(wide / 2, deep / 2, thick, min(0.018, thick * 0.9), soft)
    narrow = rng.uniform(0.82, 1.0)  # towards the back
    slab = slab.mapped(
        lambda p: p * np.stack([1 - (1 - narrow) * (p[:, 1] / deep + 0.5), 0 * p[:, 0] + 1, 0 * p[:, 0] + 1], 1)
    )
    parts = [slab.moved(z=high).part("seat", "seat")]
    if kind != "upholstered" or rng.random() < 0.5:
        for name, x, y, along in (("front", 0, -1, 0), ("rear", 0, 1, 0), ("left", -1, 0, 1), ("right", 1, 0, 1)):
            half = (wide / 2 - 0.03, 0.012, 0.028) if not along else (0.012, deep / 2 - 0.03, 0.028)
            rail = rounded_box(*half, 0.004).moved(
                x * (wide / 2 - 0.03) * narrow, y * (deep / 2 - 0.03), high - thick - 0.028
            )
            parts.append(rail.part(f"rail {name}", "frame"))
    return parts


def _legs(rng: random.Random, kind: str, wide: float, deep: float, high: float) -> list[Part]:
    parts = []
    thick = rng.uniform(0.015, 0.021)
    splay = 0.06 if kind == "spindles" else rng.choice([0.0, 0.0, 0.03])
    inset = 0.06 if kind == "spindles" else 0.025
    power = 2.0 if kind == "spindles" else rng.choice([2.0, 5.0, 5.0])
    feet = {}
    for x in (-1, 1):
        for y in (-1, 1):
            top = np.array([x * (wide / 2 - inset), y * (deep / 2 - inset), high - 0.005])
            foot = top + [x * splay, y * splay, -high + 0.005]
            feet[x, y] = (top, foot)
            taper = np.linspace(1, rng.choice([0.65, 0.8, 1]), 24)
            if kind == "spindles":  # turned
                taper = taper * (1 + 0.25 * np.sin(np.linspace(0, 9, 24)) ** 2)
            leg = sweep(np.linspace(top, foot, 24), thick * taper, power=power, up=(0, 1, 0))
            parts.append(leg.part(f"leg {x} {y}", "frame"))
    if rng.random() < 0.6:  # stretchers
        for x in (-1, 1):
            ends = [feet[x, y][0] * 0.35 + feet[x, y][1] * 0.65 for y in (-1, 1)]
            parts.append(sweep(np.linspace(*ends, 8), thick * 0.6).part(f"stretcher {x}", "frame"))
        middles = [
            (feet[x, -1][0] + feet[x, 1][0]) / 2 * 0.35 + (feet[x, -1][1] + feet[x, 1][1]) / 2 * 0.65 for x in (-1, 1)
        ]
        parts.append(sweep(np.linspace(*middles, 8), thick * 0.6).part("stretcher", "frame"))
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
        pad = pad.mapped(
            lambda p: (
                p
                + np.stack([0 * p[:, 0], rear + lean * (p[:, 2] / tall + 0.5), 0 * p[:, 0] + high + tall / 2 + 0.04], 1)
            )
        )
        return [pad.part("back", "back")]
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


def _arms(wide: float, deep: float, high: float) -> list[Part]:
    parts = []
    for x in (-1, 1):
        side = x * (wide / 2)
        path = curve(
            [
                (side, deep / 2, high + 0.22),
                (side * 1.06, 0, high + 0.23),
                (side * 1.04, -deep / 2 + 0.06, high + 0.21),
            ],
            20,
        )
        post = np.linspace((side * 1.04, -deep / 2 + 0.08, high + 0.21), (side * 0.97, -deep / 2 + 0.1, high - 0.02), 8)
        parts.append(sweep(path, 0.018, 0.012, power=3.0).part(f"arm {x}", "frame"))
        parts.append(sweep(post, 0.012).part(f"arm post {x}", "frame"))
    return parts


def _shell(rng: random.Random, wide: float, deep: float, high: float) -> list[Part]:
    """Seat and back in one bent surface, on four thin legs."""
    tall, bend = rng.uniform(0.34, 0.42), rng.uniform(0.05, 0.1)
    side = curve(
        [
            (-deep / 2, high - 0.02),
            (-deep / 2 + 0.06, high),
            (deep * 0.3, high - 0.02),
            (deep * 0.45, high + 0.06),
            (deep * 0.55, high + tall),
        ],
        50,
    )

    def surface(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        k = np.clip((u * 49).round().astype(int), 0, 49)
        y, z = side[k, 0], side[k, 1]
        half = wide / 2 * (1 - 0.12 * u) * np.sqrt(1 - np.clip((u - 0.86) / 0.16, 0, 1) ** 2 * 0.6)
        cup = bend * v**2 * np.sin(np.pi * np.clip(u, 0.1, 0.9))
        back = smoothstep(u, 0.5, 0.72)
        return np.stack([v * half, y - 0.8 * cup * back, z + cup * (1 - back)], -1)

    inner = sheet(surface, 50, 25)
    parts = [inner.part("shell", "seat"), inner.moved(y=0.008, z=-0.008).part("underside", "seat", joined="shell")]
    for x in (-1, 1):
        for y in (-1, 1):
            top = np.array([x * wide * 0.2, y * deep * 0.22, high - 0.03])
            foot = np.array([x * wide * 0.46, y * deep * 0.46, 0.0])
            parts.append(sweep(np.linspace(top, foot, 10), np.linspace(0.014, 0.009, 10)).part(f"leg {x} {y}", "frame"))
    return parts
