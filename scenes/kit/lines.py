"""Line drawings from what the renderer knows: silhouette, borders of parts, depth jumps, creases.

Widths in pixels are meant at a picture of 256 a side, its geometry at 768.
"""

from collections.abc import Callable

import cv2
import numpy as np

_CREASE = 35.0
"""Degrees between normals that make a line."""
_THIN = 30
"""Narrower parts, in pixels of the geometry, are drawn as one stroke."""


def edges(part: np.ndarray, normal: np.ndarray, depth: np.ndarray, size: float) -> np.ndarray:
    """Where a line is to be drawn, bool (h, w).

    Args:
      part, normal, depth: as of `studio.Geometry`.
      size: of the model, in the unit of `depth`.
    """
    outline = np.zeros(part.shape, bool)
    jump, crease = outline.copy(), outline.copy()
    for axis in (0, 1):
        next_part, next_depth = np.roll(part, -1, axis), np.roll(depth, -1, axis)
        outline |= part != next_part
        within = (part > 0) & (part == next_part)
        step = np.abs(next_depth - depth)
        before, after = np.roll(depth, 1, axis), np.roll(depth, -2, axis)
        surface = (np.roll(part, 1, axis) > 0) & (np.roll(part, -2, axis) > 0)
        slope = np.minimum(np.abs(depth - before), np.abs(after - next_depth))
        jump |= within & surface & (step > 0.02 * size) & (step - 1.5 * slope > 0.012 * size)
        bent = (normal * np.roll(normal, -1, axis)).sum(-1) < np.cos(np.radians(_CREASE))
        crease |= within & bent
    crease = keep_long(crease & ~_grown(outline | jump, 13), 18)
    lone = jump & ~_grown(outline, 5)
    return outline | (jump & ~lone) | keep_long(lone, 40) | crease


def soften(part: np.ndarray, mask: np.ndarray, soft: list[int], sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """Geometry whose soft parts end where their fur or leaves do: the row and column to take each pixel from.

    Args:
      part: as of `studio.Geometry`, int (h, w).
      mask: bool (h, w), what is seen in the photo, ragged.
      soft: numbers of soft parts.
      sigma: pixels over which the rag is smoothed.
    """
    rows, columns = np.mgrid[: mask.shape[0], : mask.shape[1]]
    of_soft = np.isin(part, soft)
    hard = (part > 0) & ~of_soft
    smooth = (cv2.GaussianBlur(mask.astype(np.float32), (0, 0), sigma) > 0.5) & ~hard
    kept = of_soft & smooth
    if not kept.any() or not (part == 0).any():
        return rows, columns
    gap = (~kept).astype(np.uint8)
    labels = cv2.distanceTransformWithLabels(gap, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)[1]
    nearest = np.asarray(labels, np.int64)
    place = np.zeros(int(nearest.max()) + 1, int)
    place[nearest[kept]] = np.flatnonzero(kept)
    rows[smooth], columns[smooth] = np.unravel_index(place[nearest[smooth]], mask.shape)
    beyond = of_soft & ~smooth
    rows[beyond], columns[beyond] = np.argwhere(part == 0)[0]
    return rows, columns


def keep_long(marks: np.ndarray, shortest: int) -> np.ndarray:
    """Without connected pieces of fewer pixels."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(marks.astype(np.uint8), connectivity=8)
    long = stats[:, cv2.CC_STAT_AREA] >= shortest
    long[0] = False
    return long[np.asarray(labels, np.int64)]


def stroke(marks: np.ndarray, width: int, side: int) -> np.ndarray:
    """Marks drawn with a pen of `width` pixels of theirs: uint8 (side, side), black on white."""
    drawn = _grown(marks, width).astype(np.uint8) * 255
    return 255 - cv2.resize(drawn, (side, side), interpolation=cv2.INTER_AREA)


def thin_parts(part: np.ndarray, paths: dict[int, np.ndarray]) -> set[int]:
    """The parts that look thin.

    Args:
      part: as of `studio.Geometry`.
      paths: of parts with a middle line, where that is seen: float (n, 2) from 0 to 1.
    """
    limit = _THIN * len(part) / 768
    thin = set()
    for number, path in paths.items():
        area = part == number
        inside = cv2.distanceTransform(np.pad(area, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
        x, y = _pixels(path, len(part)).T
        across = 2 * inside[y, x][area[y, x]]
        if area.any() and (not across.size or np.quantile(across, 0.8) < limit):
            thin.add(number)
    return thin


def middle_strokes(part: np.ndarray, paths: dict[int, np.ndarray]) -> np.ndarray:
    """The middle lines of parts, bool (h, w), where the part itself is seen; short gaps are bridged."""
    drawn = np.zeros(part.shape, np.uint8)
    for number, path in paths.items():
        pixels = _pixels(path, len(part))
        x, y = pixels.T
        seen = _grown(part == number, 7)[y, x]
        seen = cv2.morphologyEx(seen.astype(np.uint8)[:, None], cv2.MORPH_CLOSE, np.ones((9, 1), np.uint8))[:, 0] > 0
        for run in np.split(np.arange(len(seen)), np.flatnonzero(np.diff(seen)) + 1):
            if seen[run[0]] and len(run) >= 5:
                cv2.polylines(drawn, [pixels[run].astype(np.int32)], False, 1, 1)
    return drawn > 0


def centre_paths(centres: dict[int, np.ndarray], project: Callable[[np.ndarray], np.ndarray]) -> dict[int, np.ndarray]:
    """Middle lines (n, 3) where the camera sees them, with a point for every pixel: float (m, 2) from 0 to 1."""
    paths = {}
    for number, centre in centres.items():
        seen = project(centre)
        along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(seen, axis=0), axis=1))])
        where = np.linspace(0, along[-1], int(along[-1] * 768) + 2)
        paths[number] = np.stack([np.interp(where, along, seen[:, k]) for k in (0, 1)], 1)
    return paths


def _pixels(path: np.ndarray, side: int) -> np.ndarray:
    return np.clip(np.round(path * side), 0, side - 1).astype(int)


def _grown(marks: np.ndarray, width: int) -> np.ndarray:
    pen = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))
    return cv2.dilate(marks.astype(np.uint8), pen) > 0
