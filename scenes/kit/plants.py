"""Petals and leaves."""

import math
from collections.abc import Callable

import numpy as np

from scenes.kit.meshes import Mesh, sheet

Width = Callable[[np.ndarray], np.ndarray]
"""How wide a blade is, 0 to 1, of the share of its length."""


def strap(u: np.ndarray) -> np.ndarray:
    """As a daisy's petal."""
    return np.clip(u / 0.12, 0.35, 1) ** 0.6 * np.clip((1 - u) / 0.22, 0, 1) ** 0.5 * (0.8 + 0.2 * np.sin(math.pi * u))


def pointed(u: np.ndarray) -> np.ndarray:
    """As most leaves."""
    return np.sin(math.pi * np.clip(0.12 + 0.88 * u, 0, 1) ** 0.85) ** 0.8


def round_tipped(u: np.ndarray) -> np.ndarray:
    """As a primrose's petal."""
    tip = np.sqrt(1 - np.clip((u - 0.62) / 0.38, 0, 1) ** 2)
    return (0.22 + 0.78 * np.sin(math.pi / 2 * np.clip(u / 0.62, 0, 1))) * tip


def blade(
    long: float, wide: float, width: Width, rise: tuple[float, float], *, cup: float = 0.0, notch: float = 0.0
) -> tuple[Mesh, np.ndarray]:
    """A petal or leaf along +x, and for each vertex the share of its length.

    Args:
      rise: degrees upwards at its root and its tip.
      cup: how far its edges stand up, in half widths.
      notch: depth of one in its tip, in lengths.
    """
    rows, columns = 22, 13

    def surface(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        angle = np.radians(rise[0] + (rise[1] - rise[0]) * u)
        step = long / (rows - 1)
        x, z = (np.cumsum(turned * step, 0) - turned * step for turned in (np.cos(angle), np.sin(angle)))
        half = wide / 2 * width(u)
        out = cup * half * v**2 - 0.02 * wide * np.exp(-((v / 0.15) ** 2))
        back = notch * long * u**6 * np.exp(-((v / 0.35) ** 2))
        return np.stack([x - np.sin(angle) * out - back, v * half, z + np.cos(angle) * out], -1)

    return sheet(surface, rows, columns), np.repeat(np.linspace(0, 1, rows), columns)


def lozenge(long: float, wide: float) -> Mesh:
    """A leaf of two faces that grows along z, to be scattered by thousands."""
    points = np.array([(0, 0, 0), (0, -0.12, 0.5), (0, 0, 1), (-0.5, 0.1, 0.45), (0.5, 0.1, 0.45)])
    return Mesh(points * [wide, long, long], [(0, 1, 2, 3), (0, 4, 2, 1)])
