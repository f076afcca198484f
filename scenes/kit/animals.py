"""What animals have: limbs, ears, eyes, whiskers. Left is -1, right is 1; a head of radius 1 looks along -y."""

import random

import numpy as np
from numpy.typing import ArrayLike

from scenes.kit.meshes import Mesh, Part, curve, ellipsoid, sheet, sweep
from scenes.kit.soft import Body

SIDES = ((-1, "left"), (1, "right"))


def limb(points: ArrayLike, radii: list[float]) -> Mesh:
    """A leg or a tail through points, with round ends."""
    t = np.linspace(0, 1, 30)
    radius = np.interp(t, np.linspace(0, 1, len(radii)), radii)
    ends = np.sqrt(np.maximum(1 - np.abs(2 * t - 1) ** 10, 0.02))
    return sweep(curve(points, 30), radius * ends, up=(0, 1, 0)).bare()


def eyes(head: Body, apart: float, high: float, size: float, pupil: float) -> list[Part]:
    """Dark lids, irises, pupils: of the materials "dark", "iris" and "pupil".

    Args:
      apart, high: where they are on the head, to both sides and upwards.
      size: radius of the iris.
      pupil: how wide the pupil is, in irises.
    """
    parts = []
    for side, name in SIDES:
        middle = head.front(side * apart, high) + [0, 0.03, 0]
        discs = (("dark", 1.2, 1.12, -0.02), ("iris", 1, 0.94, 0.015), ("pupil", pupil, 0.82, 0.055))
        for kind, wide, tall, out in discs:
            disc = ellipsoid(wide * size, 0.42 * tall * size, tall * size, 24, 32).moved(y=-out)
            joined = f"dark eye {name}" if kind == "iris" else ""
            parts.append(disc.turned("z", side * 22).moved(*middle).part(f"{kind} eye {name}", kind, joined=joined))
    return parts


def ears(wide: float, high: float, place: tuple[float, float, float], lean: float = 20.0) -> list[Part]:
    """Pointed bowls: outside of "fur", inside of "skin".

    Args:
      place: of the right one's root.
      lean: degrees outwards.
    """

    def bowl(depth: float, share: float) -> Mesh:
        def surface(u: np.ndarray, v: np.ndarray) -> np.ndarray:
            x = v * wide * share * np.maximum(1 - u**1.6, 0) ** 0.7
            y = 0.2 * (1 - v**2) * (1 - 0.6 * u) + depth * (1 - v**4)
            return np.stack([x, y, u * high * (0.4 + 0.6 * share)], -1)

        return sheet(surface, 24, 17)

    parts = []
    for side, name in SIDES:
        for kind, mesh, material in (
            ("ear", bowl(0.08, 1.0), "fur"),
            ("ear rim", bowl(0.0, 1.0), "fur"),
            ("inner ear", bowl(-0.03, 0.8), "skin"),
        ):
            turned = mesh.turned("y", side * lean).turned("z", side * 18).moved(side * place[0], place[1], place[2])
            joined = f"ear {name}" if kind == "ear rim" else ""
            parts.append(turned.part(f"{kind} {name}", material, joined=joined))
    return parts


def whiskers(head: Body, rng: random.Random, apart: float = 0.24, high: float = -0.36) -> list[Part]:
    """Three to each side, of "whisker"."""
    parts = []
    for side, name in SIDES:
        for k in range(3):
            root = head.front(side * apart, high - 0.07 * (k - 1))
            end = root + [side * rng.uniform(0.8, 1.1), 0.1, 0.28 * (1 - k) + rng.uniform(-0.06, 0.06)]
            path = curve([root, (root + end) / 2 + [0, -0.08, 0.06], end], 16)
            hair = sweep(path, np.linspace(0.011, 0.004, 16), segments=6)
            parts.append(hair.part(f"whisker {name} {k}", "whisker"))
    return parts


def nose_and_mouth(head: Body, high: float = -0.2) -> list[Part]:
    """A nose of "nose" and a mouth of "lip"."""
    wedge = ellipsoid(0.13, 0.07, 0.085, 20, 24)
    wedge = wedge.mapped(lambda p: np.stack([p[:, 0] * (0.65 + 4 * p[:, 2]), p[:, 1], p[:, 2]], 1))
    parts = [wedge.moved(*(head.front(0, high) - [0, 0.02, 0])).part("nose", "nose")]
    for side, name in SIDES:
        lip = [(0, -0.08), (0, -0.23), (side * 0.1, -0.32), (side * 0.21, -0.29), (side * 0.26, -0.23)]
        x, z = curve(lip, 24).T
        parts.append(sweep(head.front(x, z + high, lift=0.03), 0.016, segments=8).part(f"mouth {name}", "lip"))
    return parts


def paw(ankle: ArrayLike) -> Mesh:
    """On the ground, for a cat of length 1."""
    x, y, _ = np.asarray(ankle, float)
    return ellipsoid(0.05, 0.07, 0.035, 20, 24).moved(x, y - 0.03, 0.035)


def bead_eyes(size: float, x: float, y: float, z: float) -> list[Part]:
    """Round eyes on the sides of a head that looks along +x, as fish have: of "white" and "black"."""
    parts = []
    for side, name in SIDES:
        ball = ellipsoid(size, size * 0.45, size, 20, 28).turned("z", side * 18).moved(x, side * y, z)
        pupil = ellipsoid(size * 0.55, size * 0.3, size * 0.55, 16, 24).turned("z", side * 18)
        pupil = pupil.moved(x + 0.004, side * (y + 0.28 * size), z)
        parts += [ball.part(f"eye {name}", "white"), pupil.part(f"pupil {name}", "black")]
    return parts
