"""Trees: a trunk with boughs under a crown of leaves, or a fir. In lines the crown is the cloud that people draw."""

import math
import random

import numpy as np

from scenes.kit import materials
from scenes.kit.materials import blend, linear
from scenes.kit.meshes import Mesh, Model, Part, curve, ellipsoid, grid, lathe, noise, scatter, sweep
from scenes.kit.plants import lozenge

GREENS = (("#2f5a1e", "#6f9a3a"), ("#3a6a28", "#86a848"), ("#24502a", "#5a8a48"), ("#4a6a1c", "#a0b048"))
AUTUMN = (("#8a3a10", "#d88a20"), ("#8a1c14", "#d0502a"), ("#a8741a", "#e8c040"))
BLOSSOM = (("#d890a8", "#f8d8e0"),)


def make(rng: random.Random) -> Model:
    kind = rng.choices(["round", "wide", "tall", "fir"], [36, 22, 16, 26])[0]
    if kind == "fir":
        parts = _fir(rng)
        dark, light = rng.choice(GREENS[:3])
    else:
        parts = _broadleaf(rng, kind)
        dark, light = rng.choice(GREENS * 3 + AUTUMN + BLOSSOM)
    seed = rng.randrange(9999)
    for part in parts:
        if part.material == "leaves":
            share = 0.5 + 0.5 * noise(part.vertices, 1.4, seed)
            low, high = part.vertices[:, 2].min(), part.vertices[:, 2].max()
            sunny = 0.6 * share + 0.4 * (part.vertices[:, 2] - low) / (high - low)
            part.colours = blend(linear(dark)[None], linear(light)[None], np.clip(sunny, 0, 1))
    bark = rng.choice(["#6a4a30", "#5a4436", "#80654a", "#4a3a30"])
    return Model(
        parts,
        {
            "leaves": materials.Material("#ffffff", roughness=0.6, translucent=0.25, painted=True, variation=0.0),
            "bark": materials.Material(bark, roughness=0.9, variation=0.3, bump=0.8, bump_scale=25.0),
        },
        style=kind,
        azimuth=rng.uniform(-180, 180),
        elevation=rng.uniform(1, 10),
        field_of_view=rng.uniform(8, 20),
        softness=2.5,
    )


def _clump(rng: random.Random, centre: np.ndarray, half: np.ndarray, count: int) -> Mesh:
    """Leaves in the shell of an ellipsoid."""
    numbers = np.random.default_rng(rng.getrandbits(32))
    out = numbers.normal(size=(count, 3))
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    depth = numbers.uniform(0.72, 1.04, (count, 1))
    places = centre + out * depth * half * (1 + 0.1 * noise(out, 1.0, rng.randrange(9999)))[:, None]
    towards = out + numbers.normal(0, 0.7, (count, 3)) + [0, 0, 0.2]
    return scatter(lozenge(0.055, 0.04), places, towards, numbers.uniform(0.7, 1.35, count), rng)


def _broadleaf(rng: random.Random, kind: str) -> list[Part]:
    bare, thick = rng.uniform(0.3, 0.5), rng.uniform(0.05, 0.085)
    wide, high = {"round": (0.45, 0.42), "wide": (0.6, 0.34), "tall": (0.3, 0.58)}[kind]
    wide, high = wide * rng.uniform(0.9, 1.1), high * rng.uniform(0.9, 1.1)
    middle = np.array([0, 0, bare + high * 0.85])
    lean = rng.uniform(-0.08, 0.08)
    path = curve([(0, 0, 0), (lean, 0.02, bare * 0.5), (0, 0, bare), (0, 0, bare + high)], 40)
    along = np.linspace(0, 1, 40)
    trunk = sweep(path, thick * (1.1 - 0.85 * along + 0.9 * np.exp(-along / 0.05)), segments=28).bare()
    rough = trunk.mapped(lambda p: p * (1 + 0.08 * noise(p * [1, 1, 0.2], 4.0, 5)[:, None] * [1, 1, 0]))
    parts = [rough.part("trunk", "bark")]
    clumps = [(middle, np.array([wide, wide, high]) * 0.72)]
    count = rng.randint(7, 11)
    plain = rng.random() < 0.6  # no lines within the crown
    for k in range(count):
        angle, up = 2 * math.pi * (k + rng.uniform(-0.2, 0.2)) / count, rng.uniform(-0.55, 0.75)
        flat = math.sqrt(1 - up * up)
        place = middle + np.array([math.cos(angle) * flat * wide, math.sin(angle) * flat * wide, up * high]) * 0.62
        clumps.append((place, np.array([1, 1, 0.85]) * rng.uniform(0.2, 0.3) * (wide + high)))
        if k % 2 == 0:
            root = path[int(len(path) * rng.uniform(0.35, 0.6))]
            bough = curve([root, (root + place) / 2 - [0, 0, 0.03], place], 14)
            bough = sweep(bough, np.linspace(thick * 0.4, thick * 0.12, 14), segments=10).bare()
            parts.append(bough.part(f"bough {k}", "bark", shown="photo" if plain else "both"))
    for k, (place, half) in enumerate(clumps):
        amount = int(5200 * float(np.mean(half)) ** 2 / 0.1 * 0.45)
        parts.append(_clump(rng, place, half, amount).part(f"leaves {k}", "leaves", shown="photo"))
        if k and plain:
            continue
        cloud = ellipsoid(*half, rows=24, columns=32).moved(*place)
        parts.append(cloud.part(f"cloud {k}", "leaves", shown="lines", joined="cloud 0", sharp=180))
    return parts


def _fir(rng: random.Random) -> list[Part]:
    tall, wide, bare = rng.uniform(1.1, 1.5), rng.uniform(0.34, 0.46), rng.uniform(0.16, 0.26)
    trunk = lathe(curve([(0.06, 0), (0.045, 0.04), (0.035, bare), (0.004, tall)], 20), 32)
    parts = [trunk.part("trunk", "bark")]
    tiers = rng.randint(5, 8)
    needles = lozenge(0.06, 0.022)
    for k in range(tiers):
        low = bare + (tall - bare) * k / tiers * 0.93
        top = bare + (tall - bare) * min((k + 1.9) / tiers, 1.0)
        reach = wide * (1 - k / tiers) ** 0.85
        angle = np.linspace(0, 2 * math.pi, 97)[:-1]
        ragged = 1 + 0.07 * reach / wide * np.sin(rng.choice([9, 11, 13]) * angle + rng.uniform(0, 6))
        share = np.linspace(0, 1, 20)[:, None]
        radius = reach * (1 + (ragged - 1) * (1 - share)) * (1 - share) ** 1.15
        z = low + (top - low) * share - 0.05 * (1 - share) ** 4 * ragged
        cone = grid(np.stack([radius * np.cos(angle), radius * np.sin(angle), z + 0 * radius], -1), around=True)
        numbers = np.random.default_rng(rng.getrandbits(32))
        count = int(2600 * reach / wide) + 200
        chosen = numbers.choice(
            len(cone.vertices), count, p=np.repeat((1.02 - share[:, 0]) / (1.02 - share).sum(), 96) / 96
        )
        places = cone.vertices[chosen] + numbers.normal(0, 0.012, (count, 3))
        outward = places * [1, 1, 0] / np.maximum(np.linalg.norm(places[:, :2], axis=1), 1e-3)[:, None]
        towards = outward + numbers.normal(0, 0.3, (count, 3)) - [0, 0, 0.3]
        leaves = scatter(needles, places, towards, numbers.uniform(0.7, 1.3, count), rng)
        parts.append(leaves.part(f"needles {k}", "leaves", shown="photo"))
        parts.append(cone.part(f"core {k}", "leaves", shown="photo"))
        parts.append(cone.scaled(1.18, 1.18).part(f"tier {k}", "leaves", shown="lines"))
    return parts
