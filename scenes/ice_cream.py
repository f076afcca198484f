"""Ice cream: scoops or a soft swirl in a cone."""

import math
import random

import numpy as np

from scenes.kit import materials
from scenes.kit.meshes import Mesh, Model, Part, ellipsoid, grid, join, lathe, noise, scatter, sweep

FLAVOURS = (
    "#f6ecd2",
    "#f6ecd2",
    "#f2b6c4",
    "#6a3b22",
    "#a9d8bf",
    "#f0cf7a",
    "#e08a9a",
    "#b48ac0",
    "#8fcbe0",
    "#c98a4e",
)
SAUCES = ("#3a1d10", "#b3202c", "#c47a2a")
WAFFLES = ("#d19a52", "#c58a43", "#b87838", "#5a3018")


def make(rng: random.Random) -> Model:
    wide, deep = rng.uniform(0.27, 0.33), rng.uniform(0.85, 1.2)
    parts, used = _cone(rng, wide, deep)
    kind = rng.choices(["one scoop", "two scoops", "three scoops", "soft"], [40, 25, 10, 25])[0]
    if kind == "soft":
        parts.append(_swirl(rng, wide).part("swirl", "flavour0", sharp=60))
        used["flavour0"] = _cream(rng, rng.choice(FLAVOURS), smooth=True)
        top = 0.62
    else:
        scoops, top = _scoops(rng, wide, ["one scoop", "two scoops", "three scoops"].index(kind) + 1)
        parts += scoops
        used |= {f"flavour{i}": _cream(rng, rng.choice(FLAVOURS)) for i in range(len(scoops))}
    if kind != "soft" and rng.random() < 0.35:
        parts.append(_sauce(rng, wide * 1.02, top).part("sauce", "sauce", sharp=70))
        used["sauce"] = materials.Material(rng.choice(SAUCES), roughness=0.1, coat=1.0)
    if kind != "soft" and rng.random() < 0.35:
        cherry = ellipsoid(0.075, 0.075, 0.07).moved(z=top + 0.04)
        stalk = sweep([(0, 0, top + 0.1), (0.02, 0, top + 0.18), (0.06, 0, top + 0.26)], 0.007, segments=8)
        parts += [cherry.part("cherry", "cherry"), stalk.part("stalk", "stalk")]
        used |= {"cherry": materials.glaze(rng, "#a8101c"), "stalk": materials.plastic(rng, "#4a5a20")}
    elif kind != "soft" and rng.random() < 0.3:
        chips = _chips(rng, wide, top)
        parts.append(chips.part("chips", "chips"))
        used["chips"] = materials.plastic(rng, rng.choice(["#3a1d10", "#d8323c", "#4fa64c"]))
    return Model(
        parts,
        used,
        style=kind,
        azimuth=rng.uniform(-40, 40),
        elevation=rng.uniform(1, 16),
        field_of_view=rng.uniform(8, 20),
        floating=True,
    )


def _cone(rng: random.Random, wide: float, deep: float) -> tuple[list[Part], dict]:
    """Down to z = -deep, its rim at 0."""
    waffle = materials.Material(rng.choice(WAFFLES), roughness=0.7, variation=0.25, bump=0.2, bump_scale=60.0)
    if rng.random() < 0.25:  # a cup with a flat foot
        low = wide * 0.62
        profile = [(0, -0.75), (low, -0.75), (low * 1.08, -0.3), (wide * 0.95, -0.26), (wide, 0), (wide * 0.9, 0)]
        ribs = lathe(profile, 160, lambda angle, share: 1 + 0.02 * np.sign(np.cos(24 * angle)) * (share < 0.55))
        return [ribs.part("cone", "waffle", sharp=25)], {"waffle": waffle}
    surface = lathe([(0.012, -deep), (0.03, -deep + 0.01), (wide * 0.97, 0), (wide * 0.9, 0.01)], 96)
    lattice = []
    turns, many = rng.uniform(0.3, 0.5), rng.choice([6, 7, 8])
    shown = rng.choice(["both", "photo"])
    t = np.linspace(0.06, 0.99, 40)
    for way in (-1, 1):
        for k in range(many):
            angle = 2 * math.pi * (k / many + way * turns * t)
            reach = 0.03 + (0.97 * wide - 0.03) * t
            path = np.stack([reach * np.cos(angle), reach * np.sin(angle), deep * (t - 1)], 1)
            rib = sweep(path, 0.011, 0.009, segments=6)
            lattice.append(rib.part(f"rib {way} {k}", "waffle", shown=shown))
    return [surface.part("cone", "waffle"), *lattice], {"waffle": waffle}


def _scoops(rng: random.Random, wide: float, count: int) -> tuple[list[Part], float]:
    """Balls on each other, and where the last one ends."""
    parts, z = [], 0.0
    for k in range(count):
        size = wide * rng.uniform(1.05, 1.2) * (1 - 0.1 * k)
        z += size * (0.42 if k == 0 else 1.2)
        seed = rng.randrange(9999)
        ball = ellipsoid(1, 1, 0.93, 70, 110)
        points = ball.vertices
        skirt = np.exp(-(((points[:, 2] + 0.55) / 0.16) ** 2))  # where the scoop was pressed on
        frill = 0.75 + 0.6 * noise(points * [1, 1, 0.3], 1.2, seed + 1)
        rough = 1 + 0.025 * noise(points, 1.2, seed) + 0.012 * noise(points, 4, seed + 2) + 0.13 * skirt * frill
        scoop = ball.mapped(lambda points, rough=rough, size=size: points * rough[:, None] * size)
        parts.append(scoop.moved(rng.uniform(-0.04, 0.04), 0, z).part(f"scoop{k}", f"flavour{k}", sharp=70))
    return parts, z + size * 0.9


def _swirl(rng: random.Random, wide: float) -> Mesh:
    """A star-shaped strand wound up to a tip."""
    turns = rng.uniform(2.6, 3.6)
    t = np.linspace(0, 1, 260)
    angle = t * turns * 2 * math.pi
    reach = wide * 0.72 * (1 - t) ** 0.8
    path = np.stack([reach * np.cos(angle), reach * np.sin(angle), 0.02 + 0.6 * t**0.9], 1)
    thick = wide * (0.44 - 0.3 * t) * np.minimum(1, ((1 - t) / 0.1) ** 0.6 + 0.08) * np.minimum(1, t / 0.1 + 0.1)
    tube = sweep(path, thick, thick * 0.9, segments=48)
    rings = tube.vertices.reshape(len(t), 48, 3)
    groove = 1 + rng.uniform(0.04, 0.1) * np.cos(np.linspace(0, 2 * math.pi, 48, endpoint=False) * 7)
    rings = path[:, None] + (rings - path[:, None]) * groove[None, :, None]
    core = lathe([(0, -0.05), (wide * 0.9, -0.05), (wide * 0.85, 0.08), (wide * 0.4, 0.35), (0, 0.5)], 48)
    return join([Mesh(rings.reshape(-1, 3), tube.faces), core])


def _sauce(rng: random.Random, radius: float, top: float) -> Mesh:
    """A cap with tongues that run down."""
    around = np.linspace(0, 2 * math.pi, 200)[:-1]
    tongues, phase = rng.choice([5, 6, 7]), rng.uniform(0, 6)
    low = 0.75 + 0.18 * np.sin(tongues * around + phase) + 0.1 * np.sin((tongues + 2) * around)
    share = np.linspace(0, 1, 40)[:, None]
    angle = low[None] * share
    thick = radius * (1.06 + 0.03 * np.sqrt(np.clip((1 - share) / 0.1, 0, 1)))
    x, y = np.cos(around) * np.sin(angle) * thick, np.sin(around) * np.sin(angle) * thick
    return grid(np.stack([x, y, np.cos(angle) * thick + top - radius], -1), around=True)


def _chips(rng: random.Random, wide: float, top: float) -> Mesh:
    chip = ellipsoid(0.03, 0.018, 0.018, 8, 10)
    directions = np.array([(rng.gauss(0, 1), rng.gauss(0, 1), abs(rng.gauss(0, 1)) + 0.2) for _ in range(40)])
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    places = directions * wide * 1.03 + [0, 0, top - wide * 0.95]
    return scatter(chip, places, directions, np.array([rng.uniform(0.7, 1.3) for _ in places]), rng)


def _cream(rng: random.Random, colour: str, smooth: bool = False) -> materials.Material:
    bump, scale = (0.05, 20.0) if smooth else (0.35, rng.uniform(25, 45))
    return materials.Material(colour, roughness=0.5, subsurface=0.3, variation=0.08, bump=bump, bump_scale=scale)
