"""Drawings as strokes: rendering them, whole or only begun."""

import cv2
import numpy as np

from sketch2photo.images import PAPER

SPAN = 255
"""Coordinates of strokes run from 0 to this."""
MARGIN = 0.08
"""White rim of a rendered drawing, as a share of the side."""
_SHIFT = 4


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
    starts = np.flatnonzero(np.diff(strokes[:, 2], prepend=strokes[0, 2] - 1))
    lines = np.split(points, starts[1:])
    shown = max(1, round(fraction * len(lines)))
    thickness = max(1, round(width * size / 256))
    for line in lines[:shown]:
        cv2.polylines(sheet, [line.reshape(-1, 1, 2)], False, 0, thickness, cv2.LINE_AA, _SHIFT)
    return sheet
