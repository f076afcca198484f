"""Drawings as strokes: rendering them, whole or only begun."""

import cv2
import numpy as np

from sketch2photo.images import PAPER

SPAN = 255
"""Coordinates of strokes run from 0 to this."""
MARGIN = 0.08
"""White rim of a rendered drawing, as a share of the side."""
LINE_WIDTH = 4.0
"""Of a stored drawing, in pixels of a 256 px sheet."""
_SHIFT = 4
# How a drawing is shaken: largest share of strokes left out; deviations of radians, log stretch and places.
_LEFT_OUT, _TURN, _STRETCH, _MOVE = 0.2, 0.06, 0.06, 4.0


def render(strokes: np.ndarray, size: int, width: float, fraction: float = 1.0) -> np.ndarray:
    """Strokes as a sketch, uint8 (size, size), at their place on the whole sheet.

    Args:
      strokes: int16 (n, 3): x and y in 0..255 and the number of the stroke, in drawing order.
      width: of the lines, in pixels of a 256 px sheet.
      fraction: how many of the strokes are shown, from the first on; at least one is.
    """
    sheet = np.full((size, size), PAPER, np.uint8)
    if not len(strokes):
        return sheet
    scale = size * (1 - 2 * MARGIN) / SPAN
    points = np.round((strokes[:, :2] * scale + MARGIN * size) * 2**_SHIFT).astype(np.int32)
    lines = np.split(points, _starts(strokes))
    shown = max(1, round(fraction * len(lines)))
    thickness = max(1, round(width * size / 256))
    for line in lines[:shown]:
        # A dot is a stroke of one point, which OpenCV would not draw.
        closed = line if len(line) > 1 else np.concatenate([line, line])
        cv2.polylines(sheet, [closed.reshape(-1, 1, 2)], False, 0, thickness, cv2.LINE_AA, _SHIFT)
    return sheet


def _starts(strokes: np.ndarray) -> np.ndarray:
    """Where the second stroke begins, and all that follow."""
    return np.flatnonzero(np.diff(strokes[:, 2])) + 1


def shaken(strokes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A copy of a drawing as if by another hand: every stroke moved, turned and stretched a little, some left out.

    After Sketch-a-Net's stroke removal and deformation (Yu et al. 2017, section 3.3). The longest stroke stays.
    """
    if not len(strokes):
        return strokes
    lines = np.split(strokes, _starts(strokes))
    left_out = rng.random(len(lines)) < rng.uniform(0, _LEFT_OUT)
    left_out[np.argmax([np.abs(np.diff(line[:, :2].astype(int), axis=0)).sum() for line in lines])] = False
    result = []
    for line in (line for line, out in zip(lines, left_out, strict=True) if not out):
        points = line[:, :2].astype(np.float64)
        middle = points.mean(0)
        turn, stretch = rng.normal(0, _TURN), np.exp(rng.normal(0, _STRETCH, 2))
        cosine, sine = np.cos(turn), np.sin(turn)
        moved = (points - middle) * stretch @ np.array([[cosine, sine], [-sine, cosine]])
        moved += middle + rng.normal(0, _MOVE, 2)
        result.append(np.column_stack([np.round(moved), line[:, 2]]).astype(np.int16))
    return np.concatenate(result)


def from_quickdraw(drawing: list) -> np.ndarray:
    """A drawing in Quick, Draw! form, a list of strokes [[x, ...], [y, ...], ...], on any canvas, in its order.

    Returns:
      int16 (n, 3) as `render` takes it: the longer side of the drawing from 0 to 255, the shorter one centred.

    Raises `ValueError`, `TypeError` or `IndexError` where it is not of this form.
    """
    lines = []
    for stroke in drawing:
        line = np.array([stroke[0], stroke[1]], np.float64)  # raises ValueError where they are not equally long
        if line.ndim != 2 or not np.isfinite(line).all():
            raise ValueError("a stroke must be two lists of numbers")
        lines += [line.T] if line.size else []
    if not lines:
        return np.zeros((0, 3), np.int16)
    points = np.concatenate(lines)
    low, high = points.min(0), points.max(0)
    longer = max(float((high - low).max()), 1e-6)
    offset = (SPAN - (high - low) * SPAN / longer) / 2
    numbers = np.repeat(np.arange(len(lines)), [len(line) for line in lines])
    placed = np.column_stack([np.round((points - low) * SPAN / longer + offset), numbers]).astype(np.int16)
    moved = (np.diff(placed, axis=0) != 0).any(1)
    return placed[np.concatenate([[True], moved])]
