"""Soft bodies: ellipsoids that run into each other, as one smooth surface."""

from dataclasses import dataclass, field

import numpy as np

from scenes.kit.meshes import Mesh, Points, ellipsoid


@dataclass
class Body:
    """A union of ellipsoids, every point of which is seen from its middle."""

    middle: tuple[float, float, float]
    softness: float = 0.2
    """Over which length they run into each other."""
    pieces: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)

    def add(self, centre: tuple[float, float, float], half: tuple[float, float, float]) -> "Body":
        """One more ellipsoid, by its centre and half axes."""
        self.pieces.append((np.array(centre, float), np.array(half, float)))
        return self

    def distance(self, points: Points) -> np.ndarray:
        """About how far outside points (..., 3) are; negative inside. A smooth minimum over the pieces, which is the
        polynomial one of I. Quilez."""
        total = np.full(points.shape[:-1], np.inf)
        for centre, half in self.pieces:
            scaled = np.linalg.norm((points - centre) / half, axis=-1)
            slope = np.linalg.norm((points - centre) / half**2, axis=-1)
            one = scaled * (scaled - 1) / np.maximum(slope, 1e-6)
            near = np.maximum(self.softness - np.abs(one - np.where(np.isinf(total), 1e9, total)), 0)
            total = np.minimum(total, one) - near**2 / (4 * self.softness)
        return total

    def mesh(self, rows: int = 60, columns: int = 80) -> Mesh:
        ball = ellipsoid(1, 1, 1, rows, columns)
        outside = np.full((len(ball.vertices), 3), self.middle) + 4 * ball.vertices * self._reach()
        return Mesh(self._between(outside, np.broadcast_to(self.middle, outside.shape)), ball.faces)

    def front(self, x, z, lift: float = 0.0) -> Points:
        """The points of the surface at (x, z) that are seen from -y, `lift` in front of it."""
        x, z = np.broadcast_arrays(np.asarray(x, float), np.asarray(z, float))
        far = np.stack([x, np.full_like(x, self.middle[1] - 4 * self._reach()), z], -1)
        back = np.stack([x, np.full_like(x, self.middle[1]), z], -1)
        return self._between(far, back) - [0, lift, 0]

    def _reach(self) -> float:
        return max(float(np.linalg.norm(centre - self.middle) + half.max()) for centre, half in self.pieces)

    def _between(self, outside: Points, inside: Points) -> Points:
        """Where the surface is on the way between points, by bisection."""
        low, high = np.zeros(outside.shape[:-1] + (1,)), np.ones(outside.shape[:-1] + (1,))
        for _ in range(24):
            share = (low + high) / 2
            hit = self.distance(outside + (inside - outside) * share)[..., None] < 0
            low, high = np.where(hit, low, share), np.where(hit, share, high)
        return outside + (inside - outside) * high
