"""Doughnuts: a ring of dough, glazed or sugared or under icing with sprinkles; flat, or standing up."""

import math
import random

import numpy as np

from scenes.kit import materials
from scenes.kit.meshes import Mesh, Model, grid, noise, scatter, sweep, turn

DOUGHS = ("#c2853f", "#cf9450", "#b87636", "#d9a561", "#a9672c", "#4a2818")
ICINGS = ("#f28ab0", "#f28ab0", "#3f2012", "#3f2012", "#fbf3e6", "#9cd0e4", "#b79ad6", "#f6d65a", "#8fcf9f", "#d8434c")
SPRINKLES = ("#d8323c", "#f2a02c", "#f6df4a", "#4fa64c", "#3c8fcf", "#8e56b5", "#f8f4ec")


def make(rng: random.Random) -> Model:
    thick = rng.uniform(0.145, 0.2)
    ring = _Ring(0.5 - thick, thick, thick * rng.uniform(0.68, 0.98), rng.uniform(0, 0.05), rng.randrange(9999))
    kind = rng.choices(["iced", "glazed", "sugared"], [70, 15, 15])[0]
    around, section = np.linspace(0, 2 * math.pi, 200)[:-1], np.linspace(0, 2 * math.pi, 81)[:-1]
    dough = grid(ring.points(around[:, None], section[None]), around=True, along=True)
    parts = [dough.part("dough", "dough")]
    used = {"dough": _dough(rng, kind)}
    if kind == "iced":
        icing = _icing(rng, ring)
        colour = rng.choice(ICINGS)
        parts.append(icing.part("icing", "icing", sharp=70))
        used["icing"] = materials.Material(colour, roughness=rng.uniform(0.14, 0.3), coat=0.5, subsurface=0.15)
        topping = rng.choice(["sprinkles", "sprinkles", "sprinkles", "drizzle", "nothing"])
        if topping == "sprinkles":
            colours = [one for one in rng.sample(SPRINKLES, rng.choice([1, 3, 5])) if one != colour] or ["#f8f4ec"]
            parts += _sprinkles(rng, ring, colours)
            used |= {f"sprinkle{i}": materials.plastic(rng, one) for i, one in enumerate(colours)}
        elif topping == "drizzle":
            parts.append(_drizzle(rng, ring).part("drizzle", "drizzle", sharp=70))
            used["drizzle"] = materials.plastic(rng, rng.choice([one for one in ICINGS if one != colour]))
        kind = f"iced/{topping}"

    standing = rng.random() < 0.2
    spin, lean, yaw = rng.uniform(0, 360), rng.uniform(-2, 15), rng.uniform(-40, 40)

    def pose(points: np.ndarray) -> np.ndarray:
        points = turn(points, "z", spin)
        return turn(turn(points, "x", 90 - lean), "z", yaw) if standing else points

    high = rng.choice([rng.uniform(66, 88), rng.uniform(26, 60)])
    return Model(
        [part.mapped(pose) for part in parts],
        used,
        style=f"{kind}/{'standing' if standing else 'flat'}",
        elevation=rng.uniform(2, 16) if standing else high,
        field_of_view=rng.uniform(8, 22),
    )


class _Ring:
    """The surface of the dough, by the angle around the hole and the angle in its section (radians, 0 outside)."""

    def __init__(self, radius: float, thick: float, high: float, wobble: float, seed: int):
        self.radius, self.thick, self.high, self.wobble, self.seed = radius, thick, high, wobble, seed

    def points(self, around: np.ndarray, section: np.ndarray, lift: float | np.ndarray = 0.0) -> np.ndarray:
        """(..., 3), `lift` above the surface."""
        c, s = np.cos(section), np.sin(section)
        full = (np.abs(c) ** 2.3 + np.abs(s) ** 2.3) ** (-1 / 2.3)  # rounder than an ellipse
        flat = np.where(s < 0, 0.8, 1.0)  # it has lain on its underside
        out = self.radius + (self.thick * full + lift) * c
        x, y = out * np.cos(around), out * np.sin(around)
        z = (self.high * full * flat + lift) * s
        uneven = 1 + self.wobble * np.sin(2 * around + self.seed)
        points = np.stack(np.broadcast_arrays(x * uneven, y * uneven, z), -1)
        return points * (1 + 0.02 * noise(points, 1.6, self.seed))[..., None]


def _icing(rng: random.Random, ring: _Ring) -> Mesh:
    """A coat over the upper side, its rims in drips."""
    around = np.linspace(0, 2 * math.pi, 300)[:-1]
    drips, phase = rng.choice([5, 7, 9]), rng.uniform(0, 6)
    long = rng.choice([0.05, 0.15, 0.3])
    wave = np.sin(drips * around + phase) + 0.5 * np.sin((2 * drips - 3) * around)
    outer = 0.3 - long * np.maximum(0, wave) ** 1.5 + 0.05 * np.sin(3 * around)
    inner = math.pi + 0.1 + 0.15 * np.sin((drips - 2) * around + phase)
    share = np.linspace(0, 1, 61)
    section = outer[:, None] + (inner - outer)[:, None] * share
    thick = rng.uniform(0.016, 0.028)
    edge = np.minimum(share, 1 - share) / 0.06
    lift = thick * np.sqrt(1 - np.clip(1 - edge, 0, 1) ** 2) - 0.003
    points = ring.points(around[:, None] + 0 * section, section, lift[None])
    return grid(points.swapaxes(0, 1), around=True)


def _sprinkles(rng: random.Random, ring: _Ring, colours: list[str]) -> list:
    capsule = _capsule(rng.uniform(0.045, 0.07), rng.uniform(0.009, 0.012))
    count = rng.choice([20, 35, 60])
    around = np.array([rng.uniform(0, 2 * math.pi) for _ in range(count)])
    section = np.array([math.pi / 2 + rng.uniform(-0.9, 0.9) for _ in range(count)])
    places = ring.points(around, section, 0.028)
    ahead = ring.points(around + 0.05, section, 0.028) - places
    across = ring.points(around, section + 0.1, 0.028) - places
    turn = np.array([rng.uniform(0, math.pi) for _ in range(count)])[:, None]
    ahead, across = (one / np.linalg.norm(one, axis=1, keepdims=True) for one in (ahead, across))
    towards = ahead * np.cos(turn) + across * np.sin(turn)
    parts = []
    for k in range(len(colours)):
        chosen = slice(k, None, len(colours))
        some = scatter(capsule, places[chosen], towards[chosen], np.ones(len(places[chosen])), rng)
        parts.append(some.part(f"sprinkles{k}", f"sprinkle{k}"))
    return parts


def _capsule(length: float, radius: float) -> Mesh:
    along = np.linspace(-1, 1, 9)
    path = np.stack([0 * along, 0 * along, along * length / 2], 1)
    return sweep(path, radius * np.sqrt(np.maximum(0.02, 1 - along**6)), segments=8).bare()


def _drizzle(rng: random.Random, ring: _Ring) -> Mesh:
    """A zigzag of another icing."""
    around = np.linspace(0, 2 * math.pi, 500)[:-1]
    section = math.pi / 2 + rng.uniform(0.6, 0.9) * np.arcsin(0.98 * np.sin(around * rng.choice([9, 12, 15]))) / 1.4
    return sweep(ring.points(around, section, 0.026), rng.uniform(0.01, 0.016), segments=10, closed=True)


def _dough(rng: random.Random, kind: str) -> materials.Material:
    colour = rng.choice(DOUGHS)
    if kind == "glazed":
        return materials.Material(colour, roughness=0.25, coat=1.0, variation=0.35, subsurface=0.1)
    if kind == "sugared":
        sugar = {"pattern": "spots", "second": "#fffdf8", "scale": 90.0, "amount": rng.uniform(0.3, 0.45)}
        return materials.Material(colour, roughness=0.8, bump=0.5, bump_scale=90.0, **sugar)
    return materials.Material(colour, roughness=0.75, variation=0.3, bump=0.25, bump_scale=70.0)
