"""Sailboats: a hull with its bow towards +x, a mast, a mainsail, mostly a jib."""

import math
import random

import numpy as np

from scenes.kit import materials
from scenes.kit.meshes import Mesh, Model, Part, grid, rounded_box, sheet, sweep

HULLS = ("#f4f3ef", "#1f3557", "#274b7a", "#a8282a", "#2f5f4f", "#7fa8b8", "#d9a22b", "#e8e2d2", "#5a2a33", "#c9542f")
WOODS = ("#8a4f28", "#a5652f", "#6f3b1f", "#b98048", "#c9975a")
SAILS = ("#f6f4ee", "#f6f4ee", "#f1e9d6", "#e6d7b4", "#a5502f", "#b8322c", "#2f5a8f", "#e0b64a", "#3f6f5f")


def make(rng: random.Random) -> Model:
    kind = rng.choices(["sloop", "cat", "toy"], [55, 20, 25])[0]
    hull = _Hull(rng, kind)
    parts = hull.parts()
    foot = {"sloop": rng.uniform(0.02, 0.12), "cat": rng.uniform(0.18, 0.26), "toy": rng.uniform(-0.06, 0.06)}[kind]
    tall, thick = rng.uniform(0.95, 1.4), rng.uniform(0.012, 0.022)
    low = hull.deck(foot) - 0.01
    mast = sweep(np.linspace((foot, 0, low), (foot - 0.02, 0, low + tall), 30), np.linspace(thick, thick * 0.6, 30))
    parts.append(mast.part("mast", "mast"))

    swing = rng.choice([-1, 1]) * math.radians(rng.uniform(3, 22))
    long = (foot + 0.5) * rng.uniform(0.85, 1.02)
    tack = np.array([foot - 0.012, 0, low + rng.uniform(0.1, 0.16)])
    clew = tack + [-long * math.cos(swing), long * math.sin(swing), rng.uniform(0, 0.05)]
    head = np.array([foot - 0.03, 0, low + tall * rng.uniform(0.92, 0.98)])
    boom = sweep(np.linspace(tack - [0, 0, 0.01], clew + (clew - tack) * 0.03 - [0, 0, 0.01], 12), thick * 0.75)
    parts.append(boom.part("boom", "mast"))
    roach, belly = 0.0 if kind == "toy" else rng.uniform(0.01, 0.07), math.copysign(rng.uniform(0.04, 0.1), swing)
    parts.append(_sail(tack, clew, head, roach, belly).part("mainsail", "sail", sharp=60))
    if kind != "cat":
        bow = np.array([hull.bow, 0, hull.sheer(1.0) + 0.01])
        peak = np.array([foot - 0.01, 0, low + tall * rng.choice([0.78, 0.95])])
        parts.append(sweep(np.linspace(bow, peak, 20), 0.003, segments=8).part("stay", "wire"))
        sheet_corner = np.array([foot + rng.uniform(-0.05, 0.06), math.copysign(0.05, swing), tack[2] - 0.01])
        jib = _sail(bow * 0.96 + peak * 0.04, sheet_corner, bow * 0.06 + peak * 0.94, 0.0, belly * 0.8)
        parts.append(jib.part("jib", "jib", sharp=60))
    return Model(
        parts,
        _materials(rng, hull),
        style=kind,
        azimuth=rng.choice([0, 180]) + rng.choice([rng.uniform(-14, 14), rng.uniform(-48, 48)]),
        elevation=rng.uniform(1, 14),
        field_of_view=rng.uniform(10, 24),
        floating=rng.random() < 0.4,
    )


class _Hull:
    """By the share t of its length, from 0 at the stern to 1 at the bow."""

    def __init__(self, rng: random.Random, kind: str):
        toy = kind == "toy"
        self.depth = rng.uniform(0.2, 0.32) if toy else rng.uniform(0.16, 0.24)
        self.beam = rng.uniform(0.15, 0.22) if toy else rng.uniform(0.13, 0.18)
        self.rise, self.rock = rng.uniform(0.02, 0.12), rng.uniform(0.3, 0.9)
        self.stern, self.rake = rng.uniform(0.5, 0.75), rng.uniform(0.04, 0.2)
        self.bow, self.square = 0.5 + self.rake, rng.uniform(1.8, 2.8)
        self.rng = rng

    def half(self, t):
        ahead = np.clip(1 - (np.maximum(t - 0.42, 0) / 0.58) ** 2, 0, 1) ** 0.68
        behind = 1 - (1 - self.stern) * (np.maximum(0.42 - t, 0) / 0.42) ** 2
        return self.beam * ahead * behind

    def sheer(self, t):
        return self.depth + self.rise * np.clip((t - 0.3) / 0.7, 0, 1) ** 2

    def keel(self, t):
        ahead, behind = np.clip((t - 0.5) / 0.5, 0, 1), np.clip((0.5 - t) / 0.5, 0, 1)
        return self.depth * self.rock * (ahead**3 + 0.5 * behind**2.2)

    def skin(self, t, around):
        """Points at t and from 0 at the keel to 1 at the rail, y > 0."""
        t, around = np.broadcast_arrays(t, around)
        angle = around * math.pi / 2
        z = self.keel(t) + (self.sheer(t) - self.keel(t)) * (1 - np.cos(angle) ** (2 / self.square))
        x = t - 0.5 + self.rake * z / (self.depth + self.rise) * t**3
        return np.stack([x, self.half(t) * np.sin(angle) ** (2 / self.square), z], -1)

    def deck(self, x: float) -> float:
        """How high it is there."""
        return float(self.sheer(np.array(x + 0.5))) - 0.012

    def parts(self) -> list[Part]:
        t = np.concatenate([np.linspace(0, 0.9, 50), 0.9 + 0.1 * np.sin(np.linspace(0.05, 1, 22) * math.pi / 2)])
        right = self.skin(t[:, None], np.linspace(0, 1, 20)[None])
        skin = np.concatenate([(right * [1, -1, 1])[:, ::-1], right[:, 1:]], 1)
        count = skin.shape[1]
        transom = Mesh(skin[0], [tuple(range(count))])
        across = np.linspace(0, 1, 9)[None, :, None]
        deck = skin[:, :1] * (1 - across) + skin[:, -1:] * across - [0, 0, 0.012]
        parts = [grid(skin).part("hull", "hull", sharp=50), transom.part("transom", "hull")]
        parts.append(grid(deck * [1, 0.97, 1]).part("deck", "deck"))
        for k, side in ((0, "starboard"), (-1, "port")):
            rail = sweep(skin[:, k] + [0, 0, 0.003], 0.008, 0.009, segments=10)
            parts.append(rail.part(f"rail {side}", "trim", shown="photo"))
        if self.rng.random() < 0.55:
            x, z = self.rng.uniform(-0.16, -0.05), self.deck(-0.1)
            half = self.beam * 0.55
            parts.append(rounded_box(0.13, half, 0.035, 0.02).moved(x, 0, z + 0.03).part("cabin", "cabin"))
            for side in (-1, 1):
                port = rounded_box(0.1, 0.003, 0.012, 0.003).moved(x, side * half, z + 0.036)
                parts.append(port.part(f"port {side}", "glass"))
        rudder = rounded_box(0.03, 0.006, self.depth * 0.45, 0.005).moved(-0.525, 0, self.depth * 0.55)
        return [*parts, rudder.part("rudder", "trim")]


def _sail(tack: np.ndarray, clew: np.ndarray, head: np.ndarray, roach: float, belly: float) -> Mesh:
    """A triangle of cloth filled with wind, its aft edge curved out by `roach`."""

    def surface(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        across = (v + 1) / 2
        fore = tack * (1 - u[..., None]) + head * u[..., None]
        aft = clew * (1 - u[..., None]) + (head - [0.012, 0, 0]) * u[..., None]
        width = np.linalg.norm(aft - fore, axis=-1, keepdims=True)
        aft = aft + (aft - fore) / np.maximum(width, 1e-9) * (roach * np.sin(math.pi * u))[..., None]
        points = fore + (aft - fore) * across[..., None]
        points[..., 1] += belly * width[..., 0] * 4 * across * (1 - across) * (0.4 + np.sin(math.pi * (0.8 * u + 0.1)))
        return points

    return sheet(surface, 34, 25)


def _materials(rng: random.Random, hull: _Hull) -> dict[str, materials.Material]:
    wooden = rng.random() < 0.4
    if wooden:
        side = materials.Material(rng.choice(WOODS), roughness=0.25, coat=0.6, pattern="planks", scale=35.0)
    else:
        look = {"pattern": "dip", "second": rng.choice(HULLS), "amount": hull.depth * rng.choice([0.0, 0.4])}
        side = materials.glaze(rng, rng.choice(HULLS), **look)
    cloth = rng.choice(SAILS)
    sail = {"translucent": 0.3, "bump": 0.1}
    if rng.random() < 0.2:
        sail |= {"pattern": "stripes", "second": rng.choice(SAILS), "scale": rng.uniform(3, 7), "amount": 0.4}
    return {
        "hull": side,
        "deck": materials.wood(rng, rng.choice(["#c9a06a", "#b98a55", "#d8b888"]), "x"),
        "trim": materials.wood(rng, rng.choice(WOODS), "x"),
        "cabin": materials.paint(rng, "#f2f0ea"),
        "glass": materials.glaze(rng, "#141a20"),
        "mast": materials.wood(rng, "#b98a55") if wooden else materials.metal(rng, "#d0d3d6"),
        "wire": materials.metal(rng, "#8d9094"),
        "sail": materials.fabric(rng, cloth, **sail),
        "jib": materials.fabric(rng, rng.choice([cloth, cloth, rng.choice(SAILS)]), **sail),
    }
