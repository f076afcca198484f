"""Cats with fur: a face, sitting, or standing. Lengths are those of a cat of 1."""

import random
from collections.abc import Callable

import numpy as np

from scenes.kit import fur, materials
from scenes.kit.materials import blend, linear
from scenes.kit.meshes import Mesh, Model, Part, Points, curve, ellipsoid, noise, sheet, smoothstep, sweep
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
    head = _head(rng, coat)
    place = lambda points: Mesh(points * size, []).turned("z", look).vertices + at  # noqa: E731
    parts += [part.mapped(place) for part in head]

    paint = _coat(rng, coat, place(np.zeros((1, 3)))[0], size)
    furry = [part for part in parts if part.material == "fur"]
    for part in furry:
        part.colours = paint(part.vertices, part.name)
    long = 0.034 if pose == "face" else 0.02

    def length(name: str) -> float:
        return long * {"head": 0.6, "tail": 1.4}.get(name, 0.5 if name.startswith(("ear", "leg", "paw")) else 1.0)

    hair = fur.grow(furry, "fur", paint, length, rng, flow=(0, 0.5, -0.9), lie=rng.uniform(0.6, 0.8))
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


def _head(rng: random.Random, coat: str) -> list[Part]:
    """About the origin, with a radius of 1."""
    cheek, muzzle, tall = rng.uniform(0.9, 1.12), rng.uniform(0.9, 1.1), rng.uniform(0.8, 0.9)
    body = Body((0, 0, 0), 0.3).add((0, 0, 0.1), (0.98, 0.86, 0.86 * tall))
    for side in (-1, 1):
        body.add((side * 0.46, -0.2, -0.26), (0.52 * cheek, 0.5, 0.36 * cheek))
        body.add((side * 0.16, -0.78, -0.4), (0.24 * muzzle, 0.22, 0.19 * muzzle))
    body.add((0, -0.6, -0.08), (0.22, 0.32, 0.3)).add((0, -0.7, -0.56), (0.2, 0.18, 0.14))
    parts = [body.mesh(70, 90).part("head", "fur", sharp=180)]

    apart, high, size = rng.uniform(0.38, 0.44), rng.uniform(0.04, 0.16), rng.uniform(0.17, 0.21)
    narrow = rng.choice([0.3, 0.36, 0.6])
    for side, name in ((-1, "left"), (1, "right")):
        middle = body.front(side * apart, high)[None][0]

        def disc(x: float, z: float, out: float, middle=middle, side=side) -> Mesh:
            flat = ellipsoid(x, 0.42 * z, z, 24, 32).moved(y=-out)
            return flat.turned("z", side * 22).moved(*(middle + [0, 0.03, 0]))

        parts.append(disc(1.2 * size, 1.12 * size, -0.02).part(f"lid {name}", "dark"))
        parts.append(disc(size, 0.94 * size, 0.015).part(f"iris {name}", "iris", joined=f"lid {name}"))
        parts.append(disc(narrow * size, 0.82 * size, 0.055).part(f"pupil {name}", "pupil"))
        parts += _ear(rng, side, name, tall)
        lip = curve([(0, -0.28), (0, -0.43), (side * 0.1, -0.52), (side * 0.21, -0.49), (side * 0.26, -0.43)], 24)
        parts.append(sweep(body.front(*lip.T, lift=0.03), 0.016, segments=8).part(f"mouth {name}", "lip"))
        for k in range(3):
            root = body.front(side * 0.24, -0.36 - 0.07 * (k - 1))
            end = root + [side * rng.uniform(0.8, 1.1), 0.1, 0.28 * (1 - k) + rng.uniform(-0.06, 0.06)]
            path = curve([root, (root + end) / 2 + [0, -0.08, 0.06], end], 16)
            hair = sweep(path, np.linspace(0.011, 0.004, 16), segments=6)
            parts.append(hair.part(f"whisker {name} {k}", "whisker"))
    nose = ellipsoid(0.13, 0.07, 0.085, 20, 24)
    nose = nose.mapped(lambda p: p * np.stack([0.65 + 4 * np.clip(p[:, 2], -0.085, 0.085), *np.ones((2, len(p)))], 1))
    return [*parts, nose.moved(*(body.front(0, -0.2) - [0, 0.02, 0])).part("nose", "nose")]


def _ear(rng: random.Random, side: int, name: str, tall: float) -> list[Part]:
    wide, high = rng.uniform(0.36, 0.42), rng.uniform(0.68, 0.85)

    def shell(depth: float, share: float) -> Mesh:
        def surface(u: np.ndarray, v: np.ndarray) -> np.ndarray:
            x = v * wide * share * np.maximum(1 - u**1.6, 0) ** 0.7
            y = 0.2 * (1 - v**2) * (1 - 0.6 * u) + depth * (1 - v**4)
            return np.stack([x, y, u * high * (0.4 + 0.6 * share)], -1)

        return sheet(surface, 24, 17)

    def place(points: Points) -> Points:
        mesh = Mesh(points, []).turned("y", side * 20).turned("z", side * 18)
        return mesh.moved(side * 0.55, 0.05, 0.78 * tall - 0.12).vertices

    outer = shell(0.08, 1.0)
    inner = shell(-0.01, 0.8)
    return [
        outer.mapped(place).part(f"ear {name}", "fur"),
        shell(0.0, 1.0).mapped(place).part(f"ear rim {name}", "fur", joined=f"ear {name}"),
        inner.mapped(place).moved(y=-0.02).part(f"inner ear {name}", "skin"),
    ]


def _limb(points: list, radii: list) -> Mesh:
    """A tube with round ends."""
    t = np.linspace(0, 1, 30)
    path = curve(points, 30)
    radius = np.interp(t, np.linspace(0, 1, len(radii)), radii)
    return sweep(path, radius * np.sqrt(np.maximum(1 - np.abs(2 * t - 1) ** 10, 0.02)), up=(0, 1, 0)).bare()


def _sitting(rng: random.Random) -> list[Part]:
    fat = rng.uniform(0.9, 1.15)
    body = Body((0, 0.08, 0.32), 0.14)
    body.add((0, -0.02, 0.42), (0.15 * fat, 0.15 * fat, 0.26)).add((0, 0.13, 0.2), (0.21 * fat, 0.22 * fat, 0.2))
    body.add((0, -0.05, 0.62), (0.11, 0.11, 0.13))
    parts = [body.mesh().part("body", "fur", sharp=180)]
    for side, name in ((-1, "left"), (1, "right")):
        leg = _limb(
            [(side * 0.075, -0.1, 0.4), (side * 0.075, -0.15, 0.2), (side * 0.07, -0.17, 0.02)], [0.07, 0.052, 0.045]
        )
        parts.append(leg.part(f"leg {name}", "fur"))
        paw = ellipsoid(0.054, 0.075, 0.038, 20, 24).moved(side * 0.07, -0.2, 0.036)
        parts.append(paw.part(f"paw {name}", "fur", joined=f"leg {name}"))
        thigh = ellipsoid(0.09, 0.17, 0.15).turned("x", 15).moved(side * 0.15 * fat, 0.08, 0.16)
        parts.append(thigh.part(f"thigh {name}", "fur"))
        foot = ellipsoid(0.052, 0.1, 0.036, 20, 24).moved(side * 0.16 * fat, -0.1, 0.036)
        parts.append(foot.part(f"paw hind {name}", "fur"))
    side = rng.choice([-1, 1])
    if rng.random() < 0.6:  # around the feet
        path = [
            (0, 0.3, 0.06),
            (side * 0.2, 0.32, 0.045),
            (side * 0.3, 0.1, 0.042),
            (side * 0.24, -0.16, 0.042),
            (side * 0.1, -0.27, 0.042),
        ]
    else:
        path = [
            (side * 0.08, 0.27, 0.06),
            (side * 0.28, 0.25, 0.07),
            (side * 0.37, 0.2, 0.22),
            (side * 0.34, 0.2, 0.42),
        ]
    return [*parts, _limb(path, [0.045, 0.042, 0.036]).part("tail", "fur")]


def _standing(rng: random.Random) -> list[Part]:
    fat, z = rng.uniform(0.9, 1.12), 0.42
    body = Body((0, 0, z), 0.12)
    body.add((0, 0.04, z - 0.02), (0.13 * fat, 0.3, 0.135 * fat)).add((0, 0.22, z), (0.125 * fat, 0.16, 0.14 * fat))
    body.add((0, -0.24, z + 0.02), (0.115, 0.16, 0.14)).add((0, -0.34, z + 0.1), (0.09, 0.1, 0.1))
    parts = [body.mesh().part("body", "fur", sharp=180)]
    for side, name in ((-1, "left"), (1, "right")):
        step = rng.uniform(-0.09, 0.09)
        front = [(side * 0.07, -0.24, z), (side * 0.065, -0.24 + step / 2, 0.2), (side * 0.06, -0.24 + step, 0.02)]
        hind = [(side * 0.075, 0.27, z), (side * 0.08, 0.22 - step / 2, 0.24), (side * 0.078, 0.32 - step, 0.13)]
        hind.append((side * 0.075, 0.28 - step, 0.02))
        for kind, path, radii in (("front", front, [0.075, 0.052, 0.042]), ("hind", hind, [0.11, 0.075, 0.045, 0.04])):
            leg = f"leg {kind} {name}"
            parts.append(_limb(path, radii).part(leg, "fur"))
            paw = ellipsoid(0.048, 0.068, 0.034, 20, 24).moved(path[-1][0], path[-1][1] - 0.03, 0.034)
            parts.append(paw.part(f"paw {kind} {name}", "fur", joined=leg))
    up = [(0, 0.36, z + 0.04), (0, 0.48, z + 0.1), (0, 0.55, z + 0.24), (0.03, 0.58, z + 0.44)]
    down = [(0, 0.36, z + 0.04), (0, 0.5, z), (0, 0.6, z - 0.12), (0.03, 0.76, z - 0.18)]
    return [*parts, _limb(rng.choice([up, down]), [0.042, 0.038, 0.032]).part("tail", "fur")]


def _coat(rng: random.Random, kind: str, at: np.ndarray, size: float) -> Callable[[Points, str], np.ndarray]:
    """The colours of the fur: stripes across the body and up the forehead, pale muzzle and paws now and then."""
    base, dark, strength = COATS[kind]
    seed, often = rng.randrange(9999), rng.uniform(6, 8)
    pale = rng.choice([0.0, 0.7, 1.0]) if kind not in ("white",) else 0.0

    def colours(points: Points, name: str) -> np.ndarray:
        local = (points - at) / size
        wave = noise(points, 1.2, seed)
        if name == "head":
            stripes = np.sin(2 * np.pi * (2.6 * np.abs(local[:, 0]) + 0.15 * wave)) * (local[:, 2] > 0.25)
        elif name.startswith(("ear", "inner")):
            stripes = np.full(len(points), -1.0)
        else:
            stripes = np.sin(2 * np.pi * ((0.7 * points[:, 1] + 0.6 * points[:, 2]) * often + 0.35 * wave))
        made = blend(linear(base), linear(dark), strength * smoothstep(stripes, 0.15, 0.75) * 0.85)
        made = made * (1 + 0.1 * wave)[:, None]
        white = np.zeros(len(points))
        if name == "head":
            white = 1 - smoothstep(np.hypot(local[:, 0], local[:, 2] + 0.5) + 0.05 * wave, 0.3, 0.45)
            white *= local[:, 1] < 0
        elif name.startswith(("leg", "paw")):
            white = 1 - smoothstep(points[:, 2] + 0.02 * wave, 0.06, 0.1)
        return blend(made, linear(PALE), white * pale)

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
