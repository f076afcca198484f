"""Whether a photo follows the lines it was painted from.

Sketches are uint8 (s, s), photos uint8 (s, s, 3); distances are meant for 256 pixels a side.
"""

import cv2
import numpy as np

from sketch2photo.evaluation.colour import object_mask
from sketch2photo.images import INK_BELOW

REACH = 4
"""Pixels of 256 within which an edge answers to a line."""
GAP = 3
"""Openings of an outline up to about twice this are closed before it is filled."""
CLOSED_SHARE = 0.5
"""An outline closes when it encloses at least this share of its convex hull; open ones enclose next to nothing."""
RIM = 10
"""Ink farther than this inside the outline is an inner line."""
_CANNY = (40, 100)


def inside_of(sketch: np.ndarray) -> np.ndarray | None:
    """What a sketch's outline encloses, ink included: bool (s, s); None where it does not close."""
    ink = sketch < INK_BELOW
    if not ink.any():
        return None
    reach = np.ones((2 * GAP + 1, 2 * GAP + 1), np.uint8)
    bridged = cv2.morphologyEx(np.pad(ink.astype(np.uint8), 2 * GAP), cv2.MORPH_CLOSE, reach)
    crop = slice(2 * GAP, -2 * GAP)
    filled = ink | filled_holes(bridged > 0)[crop, crop]
    hull = cv2.fillConvexPoly(np.zeros_like(sketch), cv2.convexHull(cv2.findNonZero(ink.astype(np.uint8))), 1)
    enclosed = filled & ~ink
    return filled if enclosed.sum() >= CLOSED_SHARE * max(1, (hull.astype(bool) & ~ink).sum()) else None


def filled_holes(mask: np.ndarray) -> np.ndarray:
    """The mask and all that it encloses, bool (h, w)."""
    padded = np.pad(mask.astype(np.uint8), 1)
    cv2.floodFill(padded, None, (0, 0), (2,))
    return padded[1:-1, 1:-1] != 2


def outline_iou(sketch: np.ndarray, photo: np.ndarray) -> float | None:
    """Overlap of the painted object with the inside of the outline, 0 to 1; None where the outline does not close."""
    inside = inside_of(sketch)
    if inside is None:
        return None
    painted = filled_holes(object_mask(photo))
    return float((inside & painted).sum() / (inside | painted).sum())


def edges_of(photo: np.ndarray) -> np.ndarray:
    """The edges of a photo (Canny 1986, after a light blur), bool (s, s)."""
    grey = cv2.GaussianBlur(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), (0, 0), 1.0)
    return cv2.Canny(grey, *_CANNY, L2gradient=True) > 0


def ink_with_edge(sketch: np.ndarray, photo: np.ndarray) -> float | None:
    """Share of the ink within `REACH` of an edge of the photo; None on an empty sheet."""
    ink = sketch < INK_BELOW
    return float(_near_edge(photo)[ink].mean()) if ink.any() else None


def inner_lines(sketch: np.ndarray, photo: np.ndarray) -> tuple[float, float] | None:
    """Share of the inner lines that have an edge, and the share of the whole inside that has one: what chance gives.

    None where the outline does not close or there is next to no ink inside.
    """
    inside = inside_of(sketch)
    if inside is None:
        return None
    deep = cv2.distanceTransform(np.pad(inside.astype(np.uint8), 1), cv2.DIST_L2, 5)[1:-1, 1:-1] > RIM
    ink = (sketch < INK_BELOW) & deep
    if ink.sum() < 40:
        return None
    near = _near_edge(photo)
    return float(near[ink].mean()), float(near[deep].mean())


def _near_edge(photo: np.ndarray) -> np.ndarray:
    edges = edges_of(photo)
    if not edges.any():
        return edges
    return cv2.distanceTransform((~edges).astype(np.uint8), cv2.DIST_L2, 5) <= REACH
