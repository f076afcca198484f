"""Sketches drawn from a photo: contour lines at two scales, the silhouette, and lines as a person might draw them.

A model trained on raw edge maps fails on a mouse drawing, so every photo is rendered several ways. All
lines pass through the same form, a `Path` of points, so that they can be smoothed, simplified, shaken and cut
before they are drawn.
"""

import hashlib
from dataclasses import dataclass

import cv2
import numpy as np

from sketch2photo.data import lines
from sketch2photo.data.lines import Path

NATIVE = 256
"""Lengths below are pixels of a picture this wide; other sizes scale them."""
WHITE_FROM = 250
"""A pixel whose channels are all at least this bright is ground; white soles and porcelain are just below."""


@dataclass(frozen=True)
class _Scale:
    """Which edges count."""

    blur: float
    """Standard deviation of the blur before Canny, in pixels."""
    low: int
    """Canny's lower threshold; the upper one is 2.5 times this."""


_FINE, _COARSE, _FAINT, _COARSEST = _Scale(1.2, 30), _Scale(2.2, 45), _Scale(2.2, 25), _Scale(3.2, 30)


@dataclass(frozen=True)
class Outline:
    """The object of a photo on white ground."""

    mask: np.ndarray
    """uint8 (s, s): 255 on the object."""
    paths: list[Path]
    """Its closed outer borders, longest first."""


def renderings(photo: np.ndarray, seed: int, count: int = 7) -> list[np.ndarray]:
    """`count` sketches of a square photo, uint8 (s, s): fine and coarse contours, silhouette, then human-like ones.

    Args:
      photo: uint8 (s, s, 3) RGB, the object on white; without a white ground the silhouette becomes the coarsest
        contours instead.
      seed: the same seed gives the same lines, see `seed_of`.
      count: at least 1.
    """
    subject = _Subject(photo)
    sketches = []
    for kind in range(count):
        if kind == 0:
            paths, width = subject.contours(_FINE), 3 * subject.unit
        elif kind == 1:
            paths, width = subject.contours(_COARSE), 3 * subject.unit
        elif kind == 2:
            paths, width = subject.silhouette(), 3 * subject.unit
        else:
            paths, width = _by_hand(subject, np.random.default_rng([seed, kind]))
        sketches.append(lines.draw(paths, subject.side, width))
    return sketches


def seed_of(content: bytes) -> int:
    """A seed that depends on a file's content alone, so that a photo keeps its lines when others come or go."""
    return int.from_bytes(hashlib.sha256(content).digest()[:8], "little")


def find_outline(photo: np.ndarray) -> Outline | None:
    """What stands on the white ground of `photo`; None when there is no such ground or nothing on it."""
    side = photo.shape[0]
    # A slight blur keeps the noise that JPEG leaves around an object from counting as object.
    soft = cv2.GaussianBlur(photo, (0, 0), max(0.8 * side / NATIVE, 0.5))
    mask = (soft.min(-1) < WHITE_FROM).astype(np.uint8) * 255
    border = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    if (border > 0).mean() > 0.5:
        return None
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5)))
    # So strict a limit on a blurred picture makes the object a pixel too wide all round.
    mask = cv2.erode(mask, cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3)), iterations=round(side / NATIVE))
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    contours = [c for c in contours if cv2.contourArea(c) > 0.002 * side * side]
    if not contours:
        return None
    # Holes (a chair's back, a teapot's handle) stay holes, specks of highlight are filled.
    filled = np.zeros_like(mask)
    cv2.drawContours(filled, contours, -1, 255, -1)
    holes = cv2.morphologyEx(cv2.subtract(filled, mask), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    found, _ = cv2.findContours(holes, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    found = [c for c in found if cv2.contourArea(c) > 0.004 * side * side]
    cv2.drawContours(filled, found, -1, 0, -1)
    return Outline(filled, _borders(filled))


def _borders(mask: np.ndarray) -> list[Path]:
    contours, _ = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    paths = [lines.close(c.reshape(-1, 2).astype(np.float32)) for c in contours if len(c) > 0.1 * mask.shape[0]]
    return sorted(paths, key=len, reverse=True)


class _Subject:
    """A photo with what its renderings share."""

    def __init__(self, photo: np.ndarray):
        self.side: int = photo.shape[0]
        self.unit = self.side / NATIVE
        self.outline = find_outline(photo)
        self._photo = photo
        self._edges: dict[_Scale, list[Path]] = {}

    def edges(self, scale: _Scale) -> list[Path]:
        """See `inner_edges`."""
        if scale not in self._edges:
            self._edges[scale] = inner_edges(self._photo, self.outline, scale)
        return self._edges[scale]

    def silhouette(self) -> list[Path]:
        if self.outline is None:
            return self.contours(_COARSEST)
        return [lines.smooth(path, 1.5 * self.unit) for path in self.outline.paths]

    def contours(self, scale: _Scale) -> list[Path]:
        """The outline and the clear inner edges, smoothed, without lines that crowd others."""
        inner = [lines.smooth(path, 2 * self.unit) for path in self.edges(scale)]
        outer = [] if self.outline is None else [lines.smooth(path, 1.2 * self.unit) for path in self.outline.paths]
        return outer + lines.thin_out(inner, outer, self.side, 5 * self.unit)


def inner_edges(photo: np.ndarray, outline: Outline | None, scale: _Scale) -> list[Path]:
    """Linked Canny edges of a square photo away from its outline, longest first."""
    unit = photo.shape[0] / NATIVE
    soft = cv2.GaussianBlur(photo, (0, 0), scale.blur * unit)
    edges = cv2.Canny(*_gradient(soft), scale.low, 2.5 * scale.low, L2gradient=True)
    if outline is not None:
        reach = 2 * round(3 * unit) + 1
        edges[cv2.erode(outline.mask, np.ones((reach, reach), np.uint8)) == 0] = 0
    return sorted(link(edges, shortest=round(18 * unit)), key=len, reverse=True)


def _gradient(photo: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Horizontal and vertical derivative of the channel that changes most: grey does not see red on green."""
    best_x = best_y = best = None
    for channel in range(3):
        dx = cv2.Sobel(photo[..., channel], cv2.CV_16S, 1, 0)
        dy = cv2.Sobel(photo[..., channel], cv2.CV_16S, 0, 1)
        strength = np.abs(dx) + np.abs(dy)
        if best_x is None or best_y is None or best is None:
            best_x, best_y, best = dx, dy, strength
        else:
            stronger = strength > best
            best_x, best_y = np.where(stronger, dx, best_x), np.where(stronger, dy, best_y)
            best = np.maximum(best, strength)
    assert best_x is not None and best_y is not None
    return best_x, best_y


def link(edges: np.ndarray, shortest: int = 1) -> list[Path]:
    """Chains of 8-connected pixels of a thin edge map, each pixel in one chain, going straight on at crossings.

    Args:
      edges: uint8 (h, w): above 0 on an edge.
      shortest: leave out chains of fewer pixels.
    """
    height, width = edges.shape
    stride = width + 2
    padded = np.zeros((height + 2, stride), np.uint8)
    padded[1:-1, 1:-1] = edges > 0
    free = set(np.flatnonzero(padded).tolist())
    around = (1, stride + 1, stride, stride - 1, -1, -stride - 1, -stride, -stride + 1)
    crowd = cv2.boxFilter(padded, -1, (3, 3), normalize=False, borderType=cv2.BORDER_CONSTANT) * padded
    ends = np.flatnonzero(crowd == 2).tolist()
    paths = []
    # From the loose ends first, so that an open line is one chain and not two halves; closed lines are left over.
    for start in [*ends, *sorted(free)]:
        if start in free:
            chain = _follow(start, free, around)
            if len(chain) >= shortest:
                y, x = np.divmod(np.asarray(chain), stride)
                paths.append(np.stack([x - 1, y - 1], 1).astype(np.float32))
    return paths


def _follow(start: int, free: set[int], around: tuple[int, ...]) -> list[int]:
    """The chain from `start`, taken out of `free`: along the direction that turns least."""
    chain = [start]
    free.discard(start)
    here, direction = start, None
    turns = (0, 1, -1, 2, -2, 3, -3, 4)
    while True:
        order = range(8) if direction is None else [(direction + turn) % 8 for turn in turns]
        for step in order:
            there = here + around[step]
            if there in free:
                free.discard(there)
                chain.append(there)
                here, direction = there, step
                break
        else:
            return chain


def _by_hand(subject: _Subject, rng: np.random.Generator) -> tuple[list[Path], float]:
    """Lines as a person might draw them, and their width: rounded, simplified, shaken, here and there open or
    running over.
    """
    side, unit, outline = subject.side, subject.unit, subject.outline
    outer = []
    if outline is not None:
        rounded = cv2.GaussianBlur(outline.mask, (0, 0), rng.choice([0.8, 1.5, 2.5]) * unit)
        outer = [lines.smooth(path, 2 * unit) for path in _borders((rounded > 127).astype(np.uint8))]
    width = rng.uniform(2, 5) * unit
    inner = []
    most = 40 if outline is None else rng.choice([0, 3, 6, 10, 16])
    if most:
        scale = (_FINE, _COARSE, _FAINT, _COARSEST)[rng.integers(4)]
        inner = [lines.smooth(path, 2.5 * unit) for path in subject.edges(scale)]
        inner = lines.thin_out(inner, outer, side, width + rng.choice([3, 6]) * unit)[:most]
    amplitude = rng.uniform(1, 5) * unit
    field = lines.wobble_field(side, amplitude, rng)
    coarseness = rng.choice([0.8, 1.6, 2.6]) * unit
    paths = []
    for path in outer + inner:
        path = lines.simplify(path, coarseness)
        path = lines.shake(path, field, 0.25 * amplitude, rng)
        paths.extend(lines.open_up(path, unit, rng))
    return paths, width
