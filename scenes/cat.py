"""Cats with fur: a face, sitting, or standing. Lengths are those of a cat of 1."""

import random
from collections.abc import Callable

import numpy as np

from scenes.kit import fur, materials
from scenes.kit.animals import SIDES, ears, eyes, limb, nose_and_mouth, paw, whiskers
from scenes.kit.materials import blend, linear
from scenes.kit.meshes import Model, Part, Points, ellipsoid, noise, smoothstep, turn
from scenes.kit.soft import Body

COATS = {
    "tabby": ("#8d7558", "#2f241b", 0.95),
    "grey tabby": ("#8f8a82", "#35322f", 0.9),
    "ginger": ("#c98145", "#9a5526", 0.75),
    "cream": ("#dcbf95", "#c39c69", 0.4),
    "black": ("#1d1c20", "#121114", 0.0),
    "white": ("#f6f3ee", "#efebe4", 0.0),
    "grey": ("#70767e", "#5a5f67", 0.0),
}
"""Colour, colour of the stripes, strength of the stripes."""
EYES = ("#a3a55a", "#b9a23a", "#c9902e", "#8a9a5c", "#6fa0cf")
PALE = "#efe8dc"


def make(rng: random.Random) -> Model:
    pose = rng.choices(["face", "sitting", "standing"], [40, 35, 25])[0]
    coat = rng.choice(list(COATS))
    size = 0.42 if pose == "face" else rng.uniform(0.16, 0.19)
    turned = {"face": rng.uniform(-25, 25), "sitting": rng.uniform(-40, 40), "standing": rng.choice([-1, 1]) * 72}[pose]
    if pose == "face":
        at, parts, look = np.array([0, 0, 0.45]), [], 0.0
    elif pose == "sitting":
        at, parts, look = np.array([0, -0.1, 0.75]), _sitting(rng), 0.5 * turned
    else:
        at, parts, look = np.array([0, -0.44, 0.56]), _standing(rng), 0.6 * turned
    parts += [part.mapped(lambda points: turn(points * size, "z", look) + at) for part in _head(rng)]
    paint = _coat(rng, coat, at, size)
    furry = [part for part in parts if part.material == "fur"]
    for part in furry:
        part.colours = paint(part.vertices, part.name)
    long, share = 0.034 if pose == "face" else 0.02, {"head": 0.6, "tail": 1.4, "ear": 0.5, "leg": 0.5, "paw": 0.5}
    lengths = [long * share.get(part.name.split()[0], 1.0) for part in furry]
    hair = fur.grow(furry, lengths, "fur", paint, rng, flow=(0, 0.5, -0.9), lie=rng.uniform(0.6, 0.8))
    return Model(
        parts,
        _materials(rng, coat),
        style=f"{pose}/{coat}",
        azimuth=turned + rng.uniform(-8, 8),
        elevation=rng.uniform(1, 12),
        field_of_view=rng.uniform(10, 24),
        floating=pose == "face",
        strands=[hair],
    )


def _head(rng: random.Random) -> list[Part]:
    """About the origin, with a radius of 1."""
    cheek, muzzle, tall = rng.uniform(0.9, 1.12), rng.uniform(0.9, 1.1), rng.uniform(0.8, 0.9)
    body = Body((0, 0, 0), 0.3).add((0, 0, 0.1), (0.98, 0.86, 0.86 * tall))
    for side in (-1, 1):
        body.add((side * 0.46, -0.2, -0.26), (0.52 * cheek, 0.5, 0.36 * cheek))
        body.add((side * 0.16, -0.78, -0.4), (0.24 * muzzle, 0.22, 0.19 * muzzle))
    body.add((0, -0.6, -0.08), (0.22, 0.32, 0.3)).add((0, -0.7, -0.56), (0.2, 0.18, 0.14))
    parts = [body.mesh(70, 90).part("head", "fur", sharp=180)]

    size, pupil = rng.uniform(0.17, 0.21), rng.choice([0.3, 0.36, 0.6])
    parts += eyes(body, rng.uniform(0.38, 0.44), rng.uniform(0.04, 0.16), size, pupil)
    parts += ears(rng.uniform(0.36, 0.42), rng.uniform(0.68, 0.85), (0.55, 0.05, 0.78 * tall - 0.12))
    return parts + whiskers(body, rng) + nose_and_mouth(body)


def _sitting(rng: random.Random) -> list[Part]:
    fat = rng.uniform(0.9, 1.15)
    body = Body((0, 0.08, 0.32), 0.14)
    body.add((0, -0.02, 0.42), (0.15 * fat, 0.15 * fat, 0.26)).add((0, 0.13, 0.2), (0.21 * fat, 0.22 * fat, 0.2))
    body.add((0, -0.05, 0.62), (0.11, 0.11, 0.13))
    parts = [body.mesh().part("body", "fur", sharp=180)]
    for side, name in SIDES:
        down = [(side * 0.075, -0.1, 0.4), (side * 0.075, -0.15, 0.2), (side * 0.07, -0.17, 0.02)]
        parts.append(limb(down, [0.07, 0.052, 0.045]).part(f"leg {name}", "fur"))
        parts.append(paw(down[-1]).part(f"paw {name}", "fur", joined=f"leg {name}"))
        thigh = ellipsoid(0.09, 0.17, 0.15).turned("x", 15).moved(side * 0.15 * fat, 0.08, 0.16)
        parts.append(thigh.part(f"thigh {name}", "fur"))
        parts.append(paw((side * 0.16 * fat, -0.08, 0)).part(f"paw hind {name}", "fur"))
    if rng.random() < 0.6:  # around the feet
        path = [(0, 0.3, 0.06), (0.2, 0.32, 0.045), (0.3, 0.1, 0.042), (0.24, -0.16, 0.042), (0.1, -0.27, 0.042)]
    else:
        path = [(0.08, 0.27, 0.06), (0.28, 0.25, 0.07), (0.37, 0.2, 0.22), (0.34, 0.2, 0.42)]
    path = np.array(path) * [rng.choice([-1, 1]), 1, 1]
    return [*parts, limb(path, [0.045, 0.042, 0.036]).part("tail", "fur")]


def _standing(rng: random.Random) -> list[Part]:
    fat, z = rng.uniform(0.9, 1.12), 0.42
    body = Body((0, 0, z), 0.12)
    body.add((0, 0.04, z - 0.02), (0.13 * fat, 0.3, 0.135 * fat)).add((0, 0.22, z), (0.125 * fat, 0.16, 0.14 * fat))
    body.add((0, -0.24, z + 0.02), (0.115, 0.16, 0.14)).add((0, -0.34, z + 0.1), (0.09, 0.1, 0.1))
    parts = [body.mesh().part("body", "fur", sharp=180)]
    for side, name in SIDES:
        step = rng.uniform(-0.09, 0.09)
        front = [(side * 0.07, -0.24, z), (side * 0.065, -0.24 + step / 2, 0.2), (side * 0.06, -0.24 + step, 0.02)]
        hind = [(side * 0.075, 0.27, z), (side * 0.08, 0.22 - step / 2, 0.24), (side * 0.078, 0.32 - step, 0.13)]
        hind.append((side * 0.075, 0.28 - step, 0.02))
        for kind, path, radii in (("front", front, [0.075, 0.052, 0.042]), ("hind", hind, [0.11, 0.075, 0.045, 0.04])):
            leg = f"leg {kind} {name}"
            parts.append(limb(path, radii).part(leg, "fur"))
            parts.append(paw(path[-1]).part(f"paw {kind} {name}", "fur", joined=leg))
    up = [(0, 0.36, z + 0.04), (0, 0.48, z + 0.1), (0, 0.55, z + 0.24), (0.03, 0.58, z + 0.44)]
    down = [(0, 0.36, z + 0.04), (0, 0.5, z), (0, 0.6, z - 0.12), (0.03, 0.76, z - 0.18)]
    return [*parts, limb(rng.choice([up, down]), [0.042, 0.038, 0.032]).part("tail", "fur")]


def _coat(rng: random.Random, kind: str, at: np.ndarray, size: float) -> Callable[[Points, str], np.ndarray]:
    """The colours of the fur: stripes across the body and up the forehead, pale muzzle and paws now and then."""
    base, dark, strength = COATS[kind]
    seed, often = rng.randrange(9999), rng.uniform(6, 8)
    pale = rng.choice([0.0, 0.7, 1.0])

    def colours(points: Points, name: str) -> np.ndarray:
        local, wave = (points - at) / size, noise(points, 1.2, seed)
        stripes, white = np.full(len(points), -1.0), np.zeros(len(points))
        if name == "head":
            stripes = np.sin(2 * np.pi * (2.6 * np.abs(local[:, 0]) + 0.15 * wave)) * (local[:, 2] > 0.25)
            muzzle = np.hypot(local[:, 0], local[:, 2] + 0.5) + 0.05 * wave
            white = (1 - smoothstep(muzzle, 0.3, 0.45)) * (local[:, 1] < 0)
        elif not name.startswith("ear"):
            stripes = np.sin(2 * np.pi * ((0.7 * points[:, 1] + 0.6 * points[:, 2]) * often + 0.35 * wave))
        if name.startswith(("leg", "paw")):
            white = 1 - smoothstep(points[:, 2] + 0.02 * wave, 0.06, 0.1)
        made = blend(linear(base), linear(dark), strength * smoothstep(stripes, 0.15, 0.75) * 0.85)
        return blend(made * (1 + 0.1 * wave)[:, None], linear(PALE), white * pale)

    return colours


def _materials(rng: random.Random, coat: str) -> dict[str, materials.Material]:
    light = coat in ("ginger", "cream", "white")
    return {
        "fur": materials.Material("#ffffff", roughness=0.65, sheen=0.1, painted=True, variation=0.0),
        "skin": materials.Material("#d9a59c" if coat != "black" else "#5a4644", roughness=0.7),
        "dark": materials.plastic(rng, "#1a1210"),
        "iris": materials.Material(rng.choice(EYES), roughness=0.06, coat=1.0),
        "pupil": materials.Material("#060606", roughness=0.06, coat=1.0),
        "nose": materials.plastic(rng, rng.choice(["#d98c8a", "#c9787a"]) if light else "#4a302c"),
        "lip": materials.plastic(rng, "#2a1a18" if coat != "white" else "#5a4340"),
        "whisker": materials.plastic(rng, "#efefef" if coat in ("black", "grey") else "#8a857e"),
    }
