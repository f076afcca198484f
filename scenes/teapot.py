"""Teapots: a turned body with lid and knob, a spout towards +x, a handle behind or above."""

import random

import numpy as np

from scenes.kit import materials
from scenes.kit.meshes import Mesh, Model, bezier, circle, curve, lathe, sweep

COLOURS = ("#f2efe6", "#c9d6c3", "#2f4f7f", "#1f6f78", "#d9a233", "#b5322b", "#232326", "#e7b7b7", "#3f5f3c", "#c8703a")
CLAYS = ("#5a2f22", "#7a3b28", "#8a4a30", "#a55b38", "#b98a5a", "#4b3a30")
BODIES = {
    "globe": (0.8, [(0.3, 0), (0.44, 0.2), (0.5, 0.48), (0.43, 0.78), (0.25, 1)]),
    "squat": (0.58, [(0.33, 0), (0.46, 0.2), (0.5, 0.42), (0.42, 0.75), (0.26, 1)]),
    "pear": (0.9, [(0.33, 0), (0.49, 0.2), (0.5, 0.36), (0.36, 0.7), (0.24, 1)]),
    "drum": (0.75, [(0.42, 0), (0.46, 0.06), (0.48, 0.5), (0.47, 0.88), (0.42, 0.96), (0.27, 1)]),
    "cone": (0.8, [(0.5, 0), (0.5, 0.05), (0.44, 0.4), (0.34, 0.8), (0.25, 1)]),
    "tall": (1.1, [(0.36, 0), (0.42, 0.1), (0.42, 0.4), (0.34, 0.7), (0.23, 1)]),
    "urn": (0.85, [(0.24, 0), (0.3, 0.12), (0.47, 0.5), (0.5, 0.72), (0.36, 0.93), (0.26, 1)]),
}
"""Height, and the outline as (radius, share of the height)."""
KNOBS = {
    "ball": [(0.4, -0.1), (0.38, 0.2), (0.75, 0.55), (1, 1.1), (0.8, 1.7), (0.35, 2), (0, 2.05)],
    "button": [(0.5, -0.1), (0.5, 0.5), (1.15, 0.75), (1.2, 1), (0.9, 1.15), (0, 1.2)],
    "cone": [(0.6, -0.1), (0.4, 0.3), (0.9, 0.8), (0.6, 1.6), (0.2, 2.4), (0, 2.5)],
}


def make(rng: random.Random) -> Model:
    kind = rng.choice(list(BODIES))
    height, outline = BODIES[kind]
    height *= rng.uniform(0.9, 1.12)
    foot = rng.choice([0.0, rng.uniform(0.015, 0.05)])
    wall = curve([(r * rng.uniform(0.96, 1.04), foot + z * height) for r, z in outline], 56)
    opening, top = wall[-1]
    ribs = rng.choice([0, 0, 0, 0, 6, 8, 12])
    ripple = (lambda angle, _: 1 + 0.04 * np.abs(np.cos(angle * ribs / 2)) - 0.02) if ribs else None
    body = lathe(np.vstack([[(0, foot)], wall, [(opening * 0.9, top + 0.01), (0, top - 0.02)]]), 96, ripple)
    parts = [body.part("body", "body")]
    if foot:
        ring = lathe([(0, 0), (wall[0, 0] * 0.95, 0), (wall[0, 0] * 0.92, foot + 0.01), (0, foot + 0.01)])
        parts.append(ring.part("foot", "plain", sharp=30))

    wide, high = opening * rng.uniform(0.97, 1.12), rng.choice([rng.uniform(0.03, 0.07), rng.uniform(0.08, 0.2)])
    dome = curve([(wide, 0), (0.98 * wide, 0.02), (0.75 * wide, 0.75 * high), (0.35 * wide, high), (0, high)], 36)
    parts.append(lathe(np.vstack([[(0, -0.004)], dome])).moved(z=top + 0.004).part("lid", "lid"))
    size = rng.uniform(0.045, 0.085)
    knob = lathe(curve(rng.choice(list(KNOBS.values())), 30) * size, 40) if rng.random() < 0.85 else _ring(size)
    parts.append(knob.moved(z=top + high).part("knob", "knob"))

    def radius(z: float) -> float:
        return float(np.interp(z, wall[:, 1], wall[:, 0]))

    parts.append(_spout(rng, radius, foot, height, top).part("spout", "plain", sharp=50))
    bail = rng.random() < 0.28
    parts.append((_bail if bail else _ear)(rng, radius, foot, height, top).part("handle", "handle", sharp=50))
    return Model(
        parts,
        _materials(rng, height, bail),
        style=f"{kind}/{'bail' if bail else 'ear'}",
        azimuth=rng.choice([0, 180]) + rng.uniform(-38, 38),
        elevation=rng.uniform(4, 28),
        field_of_view=rng.uniform(10, 26),
    )


def _ring(size: float) -> Mesh:
    return sweep(circle(size, 40), size * 0.28, closed=True).turned("x", 90).moved(z=size * 1.05)


def _spout(rng: random.Random, radius, foot: float, height: float, top: float) -> Mesh:
    low, tip = foot + height * rng.uniform(0.22, 0.45), top * rng.uniform(0.88, 1.06)
    start = radius(low) - 0.09
    end = radius(low) + rng.uniform(0.3, 0.48)
    if rng.random() < 0.55:  # like an S
        bends = [(start + 0.3, 0, low - 0.02), (end - 0.17, 0, tip - 0.3), (end - 0.12, 0, tip - 0.06)]
    else:
        bends = [(start + (end - start) * 0.5, 0, low + (tip - low) * rng.uniform(0.25, 0.45))]
    path = bezier([(start, 0, low), *bends, (end, 0, tip)], 44)
    narrow, wide = rng.uniform(0.03, 0.05), rng.uniform(0.085, 0.14)
    thick = narrow + (wide - narrow) * (1 - np.linspace(0, 1, 44)) ** rng.uniform(1.1, 2)
    thick[-3:] *= [1.02, 1.08, 1.12]  # the lip
    return sweep(path, thick, segments=28, up=(0, 1, 0)).bare()


def _ear(rng: random.Random, radius, foot: float, height: float, top: float) -> Mesh:
    high, low = foot + height * rng.uniform(0.74, 0.88), foot + height * rng.uniform(0.18, 0.36)
    a, b, out = 0.03 - radius(high), 0.03 - radius(low), rng.uniform(0.28, 0.42)
    if rng.random() < 0.6:
        bends = [(a - out * 0.7, 0, high + 0.22), (a - out * 1.55, 0, high - 0.05), (b - out * 0.9, 0, low - 0.04)]
    else:
        bends = [(a - out * 1.3, 0, high + 0.12), (b - out * 1.3, 0, low - 0.12)]
    along = np.linspace(0, 1, 60)
    thick = rng.uniform(0.026, 0.045) * (1 + 0.35 * np.abs(2 * along - 1) ** 3 - 0.25 * along)
    path = bezier([(a, 0, high), *bends, (b, 0, low)], 60)
    return sweep(path, thick * rng.uniform(0.9, 1.5), thick, up=(0, 1, 0))


def _bail(rng: random.Random, radius, foot: float, height: float, top: float) -> Mesh:
    """A handle that arches over the lid."""
    low = foot + height * 0.84
    wide, arch = radius(low) * 0.95, rng.uniform(0.36, 0.6)
    side = [(wide, low), (wide * 1.25, low + arch * 0.9), (wide * 0.5, top + arch * 1.25)]
    path = bezier([(-x, 0, z) for x, z in side] + [(x, 0, z) for x, z in reversed(side)], 70)
    thick = rng.uniform(0.026, 0.042)
    return sweep(path, thick, thick * 0.8, up=(0, 1, 0))


def _materials(rng: random.Random, height: float, bail: bool) -> dict[str, materials.Material]:
    colour = rng.choice(COLOURS)
    other = rng.choice([one for one in COLOURS if one != colour])
    kind = rng.choices(["glaze", "clay", "metal"], [68, 18, 14])[0]
    if kind == "glaze":
        plain = materials.glaze(rng, colour)
        spots = {"pattern": "spots", "scale": rng.choice([6, 30]), "amount": 0.25}
        look = rng.choice([{}, {}, spots, {"pattern": "dip", "amount": height * rng.uniform(0.3, 0.6)}])
        body = materials.glaze(rng, colour, second=other, **look)
        accent = materials.glaze(rng, other) if rng.random() < 0.25 else plain
    elif kind == "clay":
        clay = {"roughness": rng.uniform(0.4, 0.65), "coat": 0, "bump": 0.2, "bump_scale": 80.0}
        body = plain = accent = materials.glaze(rng, rng.choice(CLAYS), **clay)
    else:
        body = plain = materials.metal(rng, rng.choice(["#d4d4d4", "#d8b98a", "#c98a6a"]))
        accent = materials.plastic(rng, "#1c1c1c") if rng.random() < 0.4 else plain
    handle = materials.wood(rng, "#a9773f", "x") if bail and rng.random() < 0.5 else rng.choice([plain, accent])
    return {"body": body, "plain": plain, "lid": rng.choice([plain, accent]), "knob": accent, "handle": handle}
