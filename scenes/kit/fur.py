"""Fur: short hair on some parts of a model, combed along them."""

import random
from collections.abc import Callable

import numpy as np

from scenes.kit.meshes import Part, Points, Strands, noise

Coat = Callable[[Points, str], np.ndarray]
"""The colour of the fur at points (n, 3) of the part of that name: linear RGB, float (n, 3)."""


def grow(
    parts: list[Part],
    lengths: list[float],
    material: str,
    coat: Coat,
    rng: random.Random,
    *,
    count: int = 50_000,
    flow: tuple[float, float, float] = (0, 0.4, -1),
    lie: float = 0.7,
) -> Strands:
    """Hair on parts, evenly over their area.

    Args:
      lengths: of the hair on each part.
      count: of all hairs.
      flow: the direction it is combed in.
      lie: 0 stands on end, 1 lies flat.
    """
    numbers = np.random.default_rng(rng.getrandbits(32))
    surfaces = [_triangles(part) for part in parts]
    total = sum(float(areas.sum()) for _, areas, _ in surfaces)
    hairs, colours = [], []
    for part, long, (corners, areas, normals) in zip(parts, lengths, surfaces, strict=True):
        share = int(count * areas.sum() / total)
        chosen = numbers.choice(len(areas), share, p=areas / areas.sum())
        where = numbers.dirichlet((1, 1, 1), share)[..., None]
        roots = (corners[chosen] * where).sum(1)
        out = normals[chosen]
        along = np.asarray(flow, float) - out * (out @ np.asarray(flow, float))[:, None]
        along /= np.linalg.norm(along, axis=1, keepdims=True) + 0.15
        clumps = 0.28 * np.stack([noise(roots, 9.0, k) for k in (1, 2, 3)], 1) + numbers.normal(0, 0.13, (share, 3))
        size = long * numbers.uniform(0.6, 1.15, (share, 1))
        points = [
            roots
            + size * t * (out * (1 - 0.75 * lie) + along * lie * (0.5 + 0.5 * t) + (clumps - [0, 0, 0.12]) * 0.8 * t)
            for t in (0, 0.3, 0.65, 1)
        ]
        hairs.append(np.stack(points, 1))
        colours.append(coat(roots, part.name) * numbers.uniform(0.84, 1.24, (share, 1)))
    return Strands(material, np.concatenate(hairs), np.clip(np.concatenate(colours), 0, 1), radius=0.0016)


def _triangles(part: Part) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of a part that bulges outwards: corners (n, 3, 3), areas (n,) and outward normals (n, 3)."""
    numbers = np.array([(face[0], face[i], face[i + 1]) for face in part.faces for i in range(1, len(face) - 1)])
    corners = part.vertices[numbers]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    doubled = np.linalg.norm(cross, axis=1)
    normals = cross / np.maximum(doubled, 1e-12)[:, None]
    inward = (normals * (corners.mean(1) - part.vertices.mean(0)) * doubled[:, None]).sum() < 0
    return corners, doubled / 2 + 1e-15, -normals if inward else normals
