"""Flowers on a stem: daisies, sunflowers, simple blooms, tulips, roses."""

import math
import random

import numpy as np

from scenes.kit import materials
from scenes.kit.materials import blend, linear
from scenes.kit.meshes import Mesh, Model, Part, Points, bezier, curve, ellipsoid, lathe, scatter, sheet, sweep
from scenes.kit.plants import blade, pointed, round_tipped, strap

PETALS = {
    "daisy": ["#f4f2ea #fbfaf6", "#f4f2ea #fbfaf6", "#f6d9e6 #f0a9c8", "#c81a4a #e8406e"],
    "sunflower": ["#d88a06 #f4b812", "#e09a08 #f8cc20", "#c8600c #f0a818"],
    "simple": ["#d0206a #f0609a", "#f4c020 #fbdc4c", "#6a48b8 #9a7cdc", "#d8281c #f0503a", "#f4c0d0 #fbe0e8"],
    "tulip": ["#e8c840 #d81c20", "#c01020 #d82830", "#f0c010 #f8d030", "#d85a90 #f0a0c0", "#5a1850 #8a3478"],
    "rose": ["#8a0a18 #b81424", "#e890a0 #f8c4c8", "#f4ecd8 #fbf8ee", "#f0b818 #f8d84c"],
}
"""Colours of the petals at their root and tip."""
GREENS = ("#4f7a2c", "#3f6a2a", "#5c8a38", "#3a5f34")


def make(rng: random.Random) -> Model:
    kind = rng.choices(["daisy", "sunflower", "simple", "tulip", "rose"], [24, 20, 24, 18, 14])[0]
    root, tip = (linear(colour) for colour in rng.choice(PETALS[kind]).split())
    cup = kind in ("tulip", "rose")
    head = _cup(rng, kind, root, tip) if cup else _disc(rng, kind, root, tip)
    tilt = rng.uniform(0, 14) if kind == "tulip" else rng.uniform(15, 40) if kind == "rose" else rng.uniform(55, 88)
    aside, long = rng.uniform(-12, 12), rng.uniform(1.5, 3.0)
    green = linear(rng.choice(GREENS))

    def nod(points: Points) -> Points:
        return Mesh(points, []).turned("x", tilt).turned("z", aside).moved(z=long).vertices

    parts = [part.mapped(nod) for part in head]
    below = nod(np.array([[0, 0, -0.1], [0, 0, -0.45]]))
    bend = rng.uniform(-0.4, 0.4)
    path = bezier([(bend, 0.2, 0), (bend * 0.5, 0.2, long * 0.4), below[1] - [0, 0, 0.2], below[0]], 60)
    thick = rng.uniform(0.03, 0.045) * (1.4 if kind in ("sunflower", "tulip") else 1)
    stem = sweep(path, thick * np.linspace(1.1, 0.9, 60), segments=14)
    parts.append(stem.part("stem", "leaf", colours=np.tile(green, (len(stem.vertices), 1))))
    parts += _leaves(rng, kind, path, green, long)
    used = {
        "petal": materials.Material(
            "#ffffff", roughness=0.55, translucent=0.2, sheen=0.15, painted=True, variation=0.05
        ),
        "leaf": materials.Material(
            "#ffffff", roughness=0.45, translucent=0.15, painted=True, bump=0.1, bump_scale=25.0
        ),
        "disc": materials.Material("#ffffff", roughness=0.85, painted=True, variation=0.1),
    }
    model = Model(parts, used, style=kind, floating=True, azimuth=rng.uniform(-28, 28), elevation=rng.uniform(1, 14))
    model.field_of_view = rng.uniform(9, 20)
    return model


def _disc(rng: random.Random, kind: str, root: np.ndarray, tip: np.ndarray) -> list[Part]:
    """Petals around a disc of radius 0.1 to 0.5, the bloom of radius 1 looking upwards."""
    count, disc, width = {
        "daisy": (rng.randint(14, 24), rng.uniform(0.2, 0.3), strap),
        "sunflower": (rng.randint(16, 24), rng.uniform(0.36, 0.5), pointed),
        "simple": (rng.choice([5, 5, 6, 8]), rng.uniform(0.13, 0.24), rng.choice([round_tipped, pointed])),
    }[kind]
    broad = 2 * math.pi * 0.62 / count * {"daisy": 0.95, "sunflower": 1.2, "simple": rng.uniform(0.85, 1.15)}[kind]
    rise, notch = rng.uniform(-8, 18), rng.choice([0.0, 0.0, 0.1]) if width is round_tipped else 0.0
    parts = []
    for layer in range(2 if kind == "sunflower" else 1):
        for k in range(count):
            bend = (rise + 12 * layer + rng.uniform(-5, 5), rise - rng.uniform(5, 25))
            long = (1.05 - disc) * rng.uniform(0.93, 1.05) * (1 - 0.15 * layer)
            cup = rng.uniform(0, 0.3)
            petal, share = blade(long, broad * rng.uniform(0.9, 1.08), width, bend, cup=cup, notch=notch)
            turn = 360 * (k + 0.5 * layer + rng.uniform(-0.12, 0.12)) / count
            petal = petal.moved(disc * 0.8, 0, 0.012 * (k % 2) + 0.03 * layer).turned("z", turn)
            colours = blend(root[None], tip[None], share**0.8) * rng.uniform(0.93, 1.07)
            parts.append(petal.part(f"petal {layer} {k}", "petal", colours=colours))
    middle = {"daisy": "#e8a808", "sunflower": "#3a2010"}.get(kind) or rng.choice(["#f4c81c", "#8a5a14", "#5a7a20"])
    number = np.arange(300) + 0.5
    radius, angle = np.sqrt(number / 300), number * math.radians(137.508)  # as a sunflower sets its seeds
    places = disc * np.stack([radius * np.cos(angle), radius * np.sin(angle), 0.35 * (1 - radius**2.2)], 1)
    towards = places * [1, 1, 0] + [0, 0, disc]
    florets = scatter(ellipsoid(1, 1, 1.3, 7, 8), places, towards, np.full(300, disc * 0.06), rng)
    tone = linear(middle) * (0.6 + 0.6 * np.repeat(np.random.default_rng(1).uniform(0, 1, 300), 56))[:, None]
    dome = lathe([(0, -0.05), (disc, -0.02), (disc, 0.03), (disc * 0.6, disc * 0.28), (0, disc * 0.36)], 40)
    parts.append(florets.moved(z=0.03).part("florets", "disc", colours=tone, shown="photo"))
    parts.append(dome.part("disc", "disc", colours=np.tile(linear(middle) * 0.6, (len(dome.vertices), 1)), sharp=180))
    return parts + _calyx(disc * 0.8 + 0.03)


def _calyx(radius: float) -> list[Part]:
    shape = lathe(curve([(0, -0.15), (0.06, -0.14), (radius, -0.03), (radius * 0.9, 0), (0, 0)], 18), 30)
    return [shape.part("calyx", "leaf", colours=np.tile(linear("#4a6a2c"), (len(shape.vertices), 1)))]


def _cup(rng: random.Random, kind: str, root: np.ndarray, tip: np.ndarray) -> list[Part]:
    """Petals that stand around the axis, about 1.2 high."""
    tulip = kind == "tulip"
    count, high = (6, rng.uniform(1.05, 1.4)) if tulip else (18, rng.uniform(0.8, 1.0))
    opening = rng.uniform(0, 0.25) if tulip else rng.uniform(0.35, 0.6)
    parts = []
    for k in range(count):
        share = k / (count - 1)
        angle = 120 * k + 60 * (k >= 3) if tulip else 137.508 * k
        radius = 0.5 + 0.03 * (k >= 3) if tulip else 0.09 + 0.5 * share**0.8
        flare = opening * (0.5 if k < 3 else 1) if tulip else opening * share**2
        spread, tall = (0.95, high) if tulip else (1.3 - 0.5 * share, high * (1 - 0.3 * share**1.5))

        def surface(u, v, radius=radius, flare=flare, spread=spread, tall=tall):
            if tulip:
                width = np.sin(math.pi * np.clip(0.16 + 0.84 * u, 0, 1) ** 1.05) ** 0.75
            else:
                width = np.clip(0.35 + 2.2 * u, 0, 1) * np.sqrt(1 - np.clip((u - 0.55) / 0.45, 0, 1) ** 2.6)
            belly = np.sin(math.pi / 2 * np.clip(u / 0.42, 0, 1)) ** 0.8
            close = 1 - (0.4 * (1 - opening) if tulip else 0.1) * np.clip((u - 0.35) / 0.65, 0, 1) ** 1.6
            reach = radius * belly * close + flare * u**3
            z = tall * u**0.92 * (1 if tulip else 1 - 0.14 * v**2) - (0 if tulip else 0.6 * flare * u**5)
            around = spread * v * width
            return np.stack([reach * np.cos(around), reach * np.sin(around), z], -1)

        petal = sheet(surface, 28, 21).turned("z", angle + rng.uniform(-6, 6))
        along = np.repeat(np.linspace(0, 1, 28), 21)
        colours = blend(root[None], tip[None], along**1.2) * (0.75 + 0.35 * along)[:, None]
        parts.append(petal.part(f"petal {k}", "petal", colours=np.clip(colours, 0, 1)))
    return parts + _calyx(0.14)


def _leaves(rng: random.Random, kind: str, path: np.ndarray, green: np.ndarray, long: float) -> list[Part]:
    parts = []
    tulip = kind == "tulip"
    for k in range(rng.choice([1, 2, 2]) if tulip else rng.choice([0, 1, 2, 2, 3])):
        side = 1 if k % 2 else -1
        if tulip:
            share, size, broad = rng.uniform(0.02, 0.1), long * rng.uniform(0.55, 0.8), 0.32
            rise = (rng.uniform(68, 80), rng.uniform(30, 60))
        else:
            share, size, broad = rng.uniform(0.15, 0.6), rng.uniform(0.6, 1.0), rng.uniform(0.25, 0.4)
            rise = (rng.uniform(20, 50), rng.uniform(-30, 10))
        leaf, along = blade(size, broad, pointed, rise, cup=rng.uniform(0.2, 0.5))
        leaf = leaf.turned("x", side * rng.uniform(20, 60)).turned("z", (0 if side > 0 else 180) + rng.uniform(-25, 25))
        colours = green * (0.8 + 0.3 * along)[:, None]
        parts.append(leaf.moved(*path[int(share * 59)]).part(f"leaf {k}", "leaf", colours=colours))
    return parts
