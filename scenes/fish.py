"""Fish seen from the side, head towards +x: a body in scales, rayed fins, an eye, a gill."""

import math
import random

import numpy as np

from scenes.kit import materials
from scenes.kit.animals import bead_eyes
from scenes.kit.materials import blend, linear
from scenes.kit.meshes import Mesh, Model, Part, Points, curve, grid, noise, sheet, smoothstep, sweep

KINDS = {
    "goldfish": (0.2, 0.24, ("#e8701c", "#f0b050", "#f6e2c0")),
    "clownfish": (0.17, 0.18, ("#e8641c", "#f08030", "#f4f0ea")),
    "perch": (0.15, 0.16, ("#5a6a40", "#a8a878", "#e8e4d4")),
    "angelfish": (0.3, 0.3, ("#3a5a8a", "#e0c050", "#f0ead8")),
    "tetra": (0.12, 0.13, ("#2a6a9a", "#b8c8d0", "#e8e8e4")),
    "carp": (0.15, 0.17, ("#7a5a30", "#c09a58", "#ecdcb8")),
    "red": (0.17, 0.17, ("#a8281c", "#d85a3a", "#f0c8b0")),
}
"""Half heights above and below, colours of back, flank and belly."""
OUTLINE = [(-0.42, 0.2, 0.2), (-0.3, 0.35, 0.32), (0, 0.9, 0.9), (0.2, 1, 1), (0.36, 0.8, 0.78), (0.5, 0.1, 0.15)]
"""From the tail to the mouth: x, and shares of the half heights."""


def make(rng: random.Random) -> Model:
    kind = rng.choice(list(KINDS))
    above, below, tones = KINDS[kind]
    above, below = (half * rng.uniform(0.85, 1.15) for half in (above, below))
    shape = curve(np.array(OUTLINE) * [1, above, below], 90)
    thick = rng.uniform(0.35, 0.5)
    colours = _colours(rng, kind, tones, above, below)
    gill = 0.5 - rng.uniform(0.2, 0.25)
    parts = []
    for name, chosen in (("body", shape[:, 0] <= gill + 0.02), ("head", shape[:, 0] >= gill)):
        parts.append(_hull(shape[chosen], thick, gill).part(name, "skin", sharp=180))
    parts += _fins(rng, kind, shape, thick)
    for part in parts:
        part.colours = colours(part.vertices, part.name)
    x, z, size = 0.385, 0.22 * above, rng.uniform(0.026, 0.036)
    up, down = (float(np.interp(x, shape[:, 0], shape[:, k])) for k in (1, 2))
    y = (up + down) / 2 * thick * (0.55 + 2.2 * (0.5 - x)) * math.sqrt(max(1 - (z / up) ** 2, 0)) - 0.25 * size
    parts += bead_eyes(size, x, y, z)
    smile = curve([(0.44, -0.055, -0.035), (0.47, -0.03, -0.03), (0.497, 0, -0.01), (0.47, 0.03, -0.03)], 24)
    parts.append(sweep(smile, 0.006, segments=8).part("mouth", "dark"))
    bend = rng.uniform(-0.25, 0.25)

    def swim(points: Points) -> Points:
        return points + np.minimum(points[:, :1], 0) ** 2 * [0, bend, 0]

    painted = {"painted": True, "variation": 0.05}
    return Model(
        [part.mapped(swim) for part in parts],
        {
            "skin": materials.glaze(rng, "#ffffff", bump=0.12, bump_scale=55.0, **painted),
            "fin": materials.plastic(rng, "#ffffff", translucent=0.35, painted=True),
            "white": materials.glaze(rng, rng.choice(["#f0e6c0", "#f2f2ee", "#e8c060"])),
            "black": materials.glaze(rng, "#0a0a0c"),
            "dark": materials.plastic(rng, "#3a2420"),
        },
        style=kind,
        azimuth=rng.choice([0, 180]) + rng.uniform(-22, 22),
        elevation=rng.uniform(1, 10),
        field_of_view=rng.uniform(9, 20),
        floating=rng.random() < 0.7,
    )


def _hull(shape: np.ndarray, thick: float, gill: float) -> Mesh:
    """The part of the body with these (x, half height above, below); at the gill its end bends backwards."""
    angle = np.linspace(0, 2 * math.pi, 72, endpoint=False)
    c, s = np.cos(angle), np.sin(angle)
    rings = []
    for x, up, down in shape:
        near = math.exp(-(((x - gill) / 0.08) ** 2))
        narrow = min(1.0, 0.55 + 2.2 * max(0.5 - x, 0.0)) * (0.25 + 0.75 * smoothstep(np.array(x), -0.45, 0))
        flat = (up + down) / 2 * thick * narrow
        along = x - 0.07 * near * c**2
        rings.append(np.stack([along, flat * c, np.where(s > 0, up, down) * s], 1))
    return grid(np.stack(rings), around=True)


def _fins(rng: random.Random, kind: str, shape: np.ndarray, thick: float) -> list[Part]:
    def height(x: np.ndarray, k: int) -> np.ndarray:
        return np.interp(x, shape[:, 0], shape[:, k])

    def along_back(front: float, back: float, high: float, rake: float, below: bool) -> Mesh:
        """On the upper or lower edge, between two x."""

        def surface(u: np.ndarray, v: np.ndarray) -> np.ndarray:
            x, share = back + (front - back) * u, (v + 1) / 2
            spines = 1 - 0.06 * np.abs(np.sin(11 * u))
            tall = spines * high * np.sin(math.pi * np.clip(1.05 * u**rake, 0.04, 1)) ** 0.7
            z = height(x, 2 if below else 1) - 0.015 + tall * share
            return np.stack([x - 0.5 * tall * share, 0.004 * np.sin(40 * u) * share, -z if below else z], -1)

        return sheet(surface, 40, 9)

    long = {"angelfish": 0.3, "goldfish": 0.17}.get(kind, rng.uniform(0.09, 0.14))
    parts = [
        along_back(0.2, -0.24, long, rng.uniform(0.6, 1.6), below=False).part("dorsal", "fin"),
        along_back(-0.02, -0.28, long * rng.uniform(0.6, 1), 1.0, below=True).part("anal", "fin"),
    ]
    spread, fork, size = rng.uniform(0.15, 0.22), rng.uniform(0.3, 0.8), 0.35 if kind == "goldfish" else 0.26

    def tail(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        reach = size * u * (1 - fork * 0.55 * (1 - np.abs(v) ** 1.3) * u) * (1 - 0.15 * np.abs(v) ** 6)
        return np.stack([-0.4 - reach, 0.002 * np.sin(24 * v) * u, v * (0.03 + spread * u**1.2)], -1)

    parts.append(sheet(tail, 26, 41).part("tail", "fin"))
    drop, long = rng.uniform(15, 45), rng.uniform(0.1, 0.15)

    def side_fin(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        return np.stack([-long * u, 0 * u, v * 0.055 * np.sin(math.pi * (0.15 + 0.8 * u))], -1)

    for side in (-1, 1):
        root = (0.17, side * thick * float(height(np.array(0.17), 1)) * 0.85, -0.06)
        fin = sheet(side_fin, 16, 15).turned("z", -side * 35).turned("y", -drop).moved(*root)
        belly = (0.08, side * 0.03, 0.02 - float(height(np.array(0.08), 2)))
        small = sheet(side_fin, 16, 15).turned("y", -60).turned("x", side * 15).moved(*belly)
        parts += [fin.part(f"pectoral {side}", "fin"), small.part(f"pelvic {side}", "fin")]
    return parts


def _colours(rng: random.Random, kind: str, tones: tuple[str, ...], above: float, below: float):
    """Of back, flank and belly, with bars or blotches over them, scales, and rays in the fins."""
    back, flank, belly = (linear(tone) * rng.uniform(0.85, 1.15) for tone in tones)
    seed = rng.randrange(9999)
    bars = {"clownfish": 3.1, "angelfish": 3.6, "perch": 6.5}.get(kind, rng.choice([0, 0, 5]))
    dark = linear({"clownfish": "#f4f2ee", "angelfish": "#1c2a40"}.get(kind, "#2c3024"))

    def colours(points: Points, name: str) -> np.ndarray:
        x, z = points[:, 0], points[:, 2]
        if name not in ("body", "head"):
            rays = 0.85 + 0.25 * np.sin(np.arctan2(z, x + 0.3) * 60)
            return np.clip((back + flank) / 2 * rays[:, None], 0, 1)
        share, wave = np.where(z > 0, z / above, z / below), noise(points, 2.0, seed)
        made = blend(flank, back, smoothstep(share + 0.1 * wave, 0.1, 0.85))
        made = blend(made, belly, smoothstep(-share, 0.2, 0.9))
        if bars:
            bar = smoothstep(np.sin(2 * math.pi * (x * bars / 2 + 0.12 + 0.02 * wave)), 0.45, 0.7)
            made = blend(made, dark, bar * (0.95 if kind == "clownfish" else 0.7))
        elif kind in ("goldfish", "carp"):
            made = blend(made, linear("#f6f0e8"), smoothstep(wave, 0.2, 0.3))
        scales = np.sin(70 * (x + 0.5 * z)) * np.sin(70 * (x - 0.5 * z)) * (name == "body")
        return np.clip(made * (1 + 0.1 * scales)[:, None], 0, 1)

    return colours
