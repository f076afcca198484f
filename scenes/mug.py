"""Mugs: a hollow body, a handle, sometimes a drink."""

import random

import numpy as np

from scenes.kit import materials
from scenes.kit.meshes import Model, bezier, curve, lathe, sweep

COLOURS = ("#f4f2ec", "#ece2cc", "#2f4f7f", "#1f6f78", "#e0b03a", "#b5322b", "#232326", "#e7b7b7", "#3f6f4c", "#d0703a")
DRINKS = ("#1d0f08", "#7a4a26", "#c9a06a", "#6a2a0c")
BODIES = {
    "straight": (0.42, 0.95, [(1, 0.04), (1, 0.5), (1, 1)]),
    "taper": (0.44, 0.95, [(0.8, 0.04), (0.9, 0.5), (1, 1)]),
    "barrel": (0.46, 0.88, [(0.82, 0.04), (1, 0.5), (0.88, 1)]),
    "tulip": (0.46, 0.9, [(0.72, 0.04), (0.96, 0.3), (0.82, 0.68), (1, 1)]),
    "belly": (0.46, 0.85, [(0.7, 0.04), (1, 0.36), (0.84, 0.75), (0.9, 1)]),
    "teacup": (0.52, 0.58, [(0.45, 0.04), (0.68, 0.2), (0.88, 0.55), (1.04, 1)]),
    "bowl": (0.55, 0.62, [(0.5, 0.04), (0.82, 0.28), (0.97, 0.65), (1, 1)]),
}
"""Radius, height, and the outline in shares of them."""


def make(rng: random.Random) -> Model:
    kind = rng.choices(list(BODIES), [28, 14, 10, 8, 9, 14, 8])[0]
    radius, height, outline = BODIES[kind]
    height *= rng.uniform(0.9, 1.12)
    outside = curve([(r * radius, z * height) for r, z in outline], 70)
    wall = rng.uniform(0.022, 0.045)
    lip_radius, top = outside[-1]
    angle = np.linspace(0, np.pi, 9)
    lip = np.stack([lip_radius - wall / 2 * (1 - np.cos(angle)), top + wall / 2 * np.sin(angle)], 1)
    inside = np.stack([outside[::-1, 0] - wall, outside[::-1, 1]], 1)
    floor = rng.uniform(0.05, 0.09)
    inside = inside[inside[:, 1] > floor]
    foot = outside[0]
    body = lathe(np.vstack([[(0, 0.004), (foot[0] - 0.02, 0.004)], outside, lip[1:5]]), 128, capped=False)
    hollow = lathe(np.vstack([lip[4:], inside, [(inside[-1, 0] * 0.9, floor), (0, floor)]]), 128, capped=False)
    parts = [body.part("body", "body"), hollow.part("inside", "inside", sharp=50)]
    parts.append(_handle(rng, outside, height, wall, kind).part("handle", "handle", sharp=50))

    colour = rng.choice(COLOURS)
    other = rng.choice([one for one in COLOURS if one != colour])
    pattern = rng.choices(["plain", "spots", "dip", "stripes"], [60, 14, 14, 12])[0]
    look = {"pattern": pattern, "second": other}
    if pattern == "spots":
        look |= {"scale": rng.choice([7, 38]), "amount": 0.25}
    elif pattern == "dip":
        look |= {"amount": height * rng.uniform(0.3, 0.6)}
    elif pattern == "stripes":
        look |= {"scale": rng.uniform(3, 8), "amount": rng.uniform(0.2, 0.5)}
    used = {
        "body": materials.glaze(rng, colour, **look),
        "inside": materials.glaze(rng, rng.choice([colour, "#f4f1ea", other])),
        "handle": materials.glaze(rng, colour),
    }
    if rng.random() < 0.45:
        level = height * rng.uniform(0.72, 0.9)
        reach = float(np.interp(level, inside[::-1, 1], inside[::-1, 0])) + 0.006
        drink = lathe([(0, level - 0.01), (reach, level - 0.004), (reach, level + 0.004), (0, level)], 128)
        parts.append(drink.part("drink", "drink"))
        used["drink"] = materials.Material(rng.choice(DRINKS), roughness=0.05, coat=1.0)
    if kind in ("teacup", "bowl") and rng.random() < 0.6:
        wide = radius * rng.uniform(1.45, 1.8)
        under = curve([(0.2, -0.01), (0.8 * wide, 0.05), (wide, 0.1)], 30)
        over = under[::-1] + [-0.004, 0.02]
        saucer = lathe(np.vstack([[(0, -0.02), (0.19, -0.02)], under, over, [(0, 0.008)]]), 128)
        parts.append(saucer.moved(z=-0.016).part("saucer", "handle"))
    return Model(
        parts,
        used,
        style=f"{kind}/{pattern}",
        azimuth=rng.choice([0, 0, 180]) + rng.uniform(-32, 32),
        elevation=rng.choice([rng.uniform(3, 14), rng.uniform(8, 30)]),
        field_of_view=rng.uniform(10, 26),
    )


def _handle(rng: random.Random, outside: np.ndarray, height: float, wall: float, kind: str):
    """A tube from the wall out towards +x and back."""
    low = kind in ("teacup", "bowl")
    top = height * (rng.uniform(0.8, 0.9) if low else rng.uniform(0.76, 0.88))
    bottom = height * (rng.uniform(0.32, 0.42) if low else rng.uniform(0.16, 0.34))
    at_top, at_bottom = (float(np.interp(z, outside[:, 1], outside[:, 0])) - wall * 0.6 for z in (top, bottom))
    out = rng.uniform(0.22, 0.38)
    if low or rng.random() < 0.4:  # an ear
        bends = [
            (at_top + out * 0.7, 0, top + 0.14),
            (at_top + out * 1.6, 0, top - 0.02),
            (at_bottom + out * 0.9, 0, bottom - 0.02),
        ]
    else:
        bends = [(at_top + out * 1.35, 0, top + 0.06), (at_top + out * 1.35, 0, bottom - 0.04)]
    path = bezier([(at_top, 0, top), *bends, (at_bottom, 0, bottom)], 60)
    along = np.linspace(0, 1, 60)
    thick = rng.uniform(0.026, 0.045) * (0.8 if low else 1) * (1 + 0.35 * np.abs(2 * along - 1) ** 5 - 0.15 * along)
    power = rng.choice([2.0, 2.0, 3.0])
    return sweep(path, thick * rng.uniform(0.9, 1.8), thick, segments=24, up=(0, 1, 0), power=power)
