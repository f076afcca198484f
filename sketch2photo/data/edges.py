"""Sketches drawn from a photo: contour lines at two scales, the silhouette, and lines as a person might draw them.

A model trained on raw edge maps fails on a mouse drawing, so every photo is rendered several ways. All
lines pass through the same form, a `Path` of points, so that they can be smoothed, simplified, shaken and cut
before they are drawn.
"""

import hashlib
from dataclasses import dataclass

import cv2
import numpy as np

from sketch2photo.images import PAPER

Path = np.ndarray
"""float32 (n, 2): x, y of successive points, in pixels."""

NATIVE = 256
"""Lengths below are pixels of a picture this wide; other sizes scale them."""
WHITE_FROM = 250
"""A pixel whose channels are all at least this bright is ground; white soles and porcelain are just below."""
_SHIFT = 4
"""Fractional bits of OpenCV's line coordinates."""


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
        sketches.append(_draw(paths, subject.side, width))
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
    paths = [_close(c.reshape(-1, 2).astype(np.float32)) for c in contours if len(c) > 0.1 * mask.shape[0]]
    return sorted(paths, key=len, reverse=True)


def _close(path: Path) -> Path:
    return np.concatenate([path, path[:1]])


def _is_closed(path: Path) -> bool:
    return bool(len(path) > 3 and np.abs(path[0] - path[-1]).max() < 1.5)


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
        return [smooth(path, 1.5 * self.unit) for path in self.outline.paths]

    def contours(self, scale: _Scale) -> list[Path]:
        """The outline and the clear inner edges, smoothed, without lines that crowd others."""
        inner = [smooth(path, 2 * self.unit) for path in self.edges(scale)]
        outer = [] if self.outline is None else [smooth(path, 1.2 * self.unit) for path in self.outline.paths]
        return outer + _thin_out(inner, outer, self.side, 5 * self.unit)


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


def smooth(path: Path, sigma: float) -> Path:
    """Gaussian smoothing along the path; ends stay, closed paths stay closed."""
    if len(path) < 5 or sigma <= 0:
        return path
    reach = min(int(3 * sigma) + 1, len(path) - 2)
    kernel = cv2.getGaussianKernel(2 * reach + 1, sigma).astype(np.float32)
    if _is_closed(path):
        ring = path[:-1]
        padded = np.concatenate([ring[-reach:], ring, ring[:reach]])
        return _close(cv2.filter2D(padded, -1, kernel, borderType=cv2.BORDER_REPLICATE)[reach:-reach])
    head = 2 * path[0] - path[reach:0:-1]
    tail = 2 * path[-1] - path[-2 : -reach - 2 : -1]
    padded = np.concatenate([head, path, tail])
    return cv2.filter2D(padded, -1, kernel, borderType=cv2.BORDER_REPLICATE)[reach:-reach]


def _thin_out(paths: list[Path], drawn: list[Path], side: int, gap: float) -> list[Path]:
    """Those of `paths` that mostly keep `gap` pixels from what is drawn before them: no blots, no double lines."""
    taken = np.zeros((side, side), np.uint8)
    thickness = max(1, round(2 * gap))

    def take(path: Path) -> None:
        cv2.polylines(taken, [path.round().astype(np.int32)], False, 1, thickness)

    for path in drawn:
        take(path)
    kept = []
    for path in paths:
        x, y = path.round().astype(int).clip(0, side - 1).T
        if taken[y, x].mean() < 0.4:
            kept.append(path)
            take(path)
    return kept


def _by_hand(subject: _Subject, rng: np.random.Generator) -> tuple[list[Path], float]:
    """Lines as a person might draw them, and their width: rounded, simplified, shaken, here and there open or
    running over.
    """
    side, unit, outline = subject.side, subject.unit, subject.outline
    outer = []
    if outline is not None:
        rounded = cv2.GaussianBlur(outline.mask, (0, 0), rng.choice([0.8, 1.5, 2.5]) * unit)
        outer = [smooth(path, 2 * unit) for path in _borders((rounded > 127).astype(np.uint8))]
    width = rng.uniform(2, 5) * unit
    inner = []
    most = 40 if outline is None else rng.choice([0, 3, 6, 10, 16])
    if most:
        scale = (_FINE, _COARSE, _FAINT, _COARSEST)[rng.integers(4)]
        inner = [smooth(path, 2.5 * unit) for path in subject.edges(scale)]
        inner = _thin_out(inner, outer, side, width + rng.choice([3, 6]) * unit)[:most]
    amplitude = rng.uniform(1, 5) * unit
    field = _wobble_field(side, amplitude, rng)
    coarseness = rng.choice([0.8, 1.6, 2.6]) * unit
    paths = []
    for path in outer + inner:
        path = _simplify(path, coarseness)
        path = _shake(path, field, 0.25 * amplitude, rng)
        paths.extend(_open_up(path, unit, rng))
    return paths, width


def _simplify(path: Path, tolerance: float) -> Path:
    """Fewer corners, then evenly spaced points again, rounded a little: strokes of a hand, not of a ruler."""
    if _is_closed(path):
        corners = _close(cv2.approxPolyDP(path[:-1].reshape(-1, 1, 2), tolerance, True).reshape(-1, 2))
    else:
        corners = cv2.approxPolyDP(path.reshape(-1, 1, 2), tolerance, False).reshape(-1, 2)
    return smooth(_resample(corners, 2.0), tolerance)


def _resample(path: Path, spacing: float) -> Path:
    lengths = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
    if lengths[-1] < spacing:
        return path
    at = np.linspace(0, lengths[-1], max(2, round(lengths[-1] / spacing)))
    return np.stack([np.interp(at, lengths, path[:, k]) for k in range(2)], 1).astype(np.float32)


def _wobble_field(side: int, amplitude: float, rng: np.random.Generator) -> np.ndarray:
    """A smooth displacement, float32 (s, s, 2), at most about `amplitude`: lines that meet go on meeting."""
    coarse = rng.uniform(-1, 1, (6, 6, 2)).astype(np.float32)
    return cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC) * amplitude


def _shake(path: Path, field: np.ndarray, tremor: float, rng: np.random.Generator) -> Path:
    x, y = path.round().astype(int).clip(0, field.shape[0] - 1).T
    moved = path + field[y, x]
    knots = max(2, len(path) // 12)
    noise = rng.uniform(-tremor, tremor, (knots, 1, 2)).astype(np.float32)
    if _is_closed(path):
        noise[-1] = noise[0]
    return moved + cv2.resize(noise, (1, len(path)), interpolation=cv2.INTER_LINEAR).reshape(-1, 2)


def _open_up(path: Path, unit: float, rng: np.random.Generator) -> list[Path]:
    """Now and then a gap, or an end that runs on past where it should stop."""
    if len(path) < 12:
        return [path]
    if _is_closed(path) and rng.random() < 0.5:
        path = np.roll(path[:-1], -rng.integers(len(path)), 0)
        path = path[: len(path) - int(rng.integers(0, min(10, len(path) // 2)))]
    elif len(path) > 40 and rng.random() < 0.3:
        at, width = rng.integers(8, len(path) - 14), rng.integers(2, 6)
        return [path[:at], path[at + width :]]
    if rng.random() < 0.3 and not _is_closed(path):
        tangent = path[-1] - path[-4]
        tangent /= max(float(np.hypot(*tangent)), 1e-3)
        path = np.concatenate([path, path[-1:] + tangent * rng.uniform(2, 8) * unit])
    return [path]


def _draw(paths: list[Path], side: int, width: float) -> np.ndarray:
    sheet = np.full((side, side), PAPER, np.uint8)
    for path in paths:
        fixed = np.round(path * 2**_SHIFT).astype(np.int32).reshape(-1, 1, 2)
        cv2.polylines(sheet, [fixed], False, 0, max(1, round(width)), cv2.LINE_AA, _SHIFT)
    return sheet
