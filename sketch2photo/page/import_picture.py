"""A picture that a visitor imports, such as a photo of a drawing on paper, as clean lines in the middle of a sheet."""

import cv2
import numpy as np

from sketch2photo import images
from sketch2photo.images import PAPER, cleanup

SIDE = 1024
"""Pixels a side of the page's sheet."""
FILLED = 0.82
"""Longer side of the drawing, as a share of the sheet."""
NARROWEST = 0.008
"""Narrower lines, as shares of the sheet, vanish when the model looks at it."""
MAX_STRENGTH = 1.5

_BLOCKS = 24
"""Along the longer side, in which the brightness of paper and table is compared."""
_STEP = 0.8
"""From one block to the next paper changes by less than this, even at a shadow's edge."""
_SPECK = 1 / 60_000
"""Dots smaller than this share of the paper are dirt."""
_SMALLEST_PAPER = 0.15
"""What is less of the picture is no sheet of paper, and all of the picture is looked at."""


def clean_lines(picture: np.ndarray, strength: float = 0.0) -> np.ndarray | None:
    """The drawing on a picture, uint8 (h, w), as dark lines on a white sheet of `SIDE`; None where there are no lines.

    `images.clean_sheet` does the cleaning; here the table around the paper goes, and the drawing is moved to the
    middle of the sheet, which it fills.

    Args:
      picture: grey, light on dark or dark on light.
      strength: -1.5 for the darkest lines only, 0 as measured, 1.5 for the faintest too.
    """
    sheet = images.clean_sheet(picture)
    paper = images.pad_to_square(np.where(_paper(picture), 0, PAPER).astype(np.uint8)) == 0
    # How dark ink begins, 0 paper to 1 black: Otsu's threshold (1979), within reason, moved by the strength.
    dark, _ = cv2.threshold(PAPER - sheet, 0, PAPER, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    measured = min(max(0.8 * dark / PAPER, 0.1), 0.5)
    start = min(measured * 2.0**-strength, 0.8)
    sheet = _without_surroundings(sheet, paper, round(PAPER * (1 - 0.7 * start)))
    box = images.ink_box(np.where(sheet < PAPER * (1 - start), 0, PAPER))
    if box is None:
        return None
    left, top, right, bottom = box
    side = max(right - left, bottom - top) / FILLED
    frame = images.Frame((left + right - side) / 2, (top + bottom - side) / 2, side, sheet.shape[0])
    dark = 1 - frame.cut(sheet, SIDE) / PAPER
    share = ((dark - 0.7 * start) / (0.6 * start)).clip(0, 1)
    lines = (PAPER * (1 - share * share * (3 - 2 * share))).round().astype(np.uint8)
    return cleanup.with_width(lines, NARROWEST * SIDE, SIDE, SIDE)


def _paper(picture: np.ndarray) -> np.ndarray:
    """Which pixels lie on the sheet of paper: the largest patch without a step in brightness, and what it encloses.

    A shadow comes gradually; a table begins at an edge.
    """
    if np.quantile(picture, 0.9) < 100:  # chalk on a board
        picture = 255 - picture
    height, width = picture.shape
    rows, columns = (max(1, round(_BLOCKS * side / max(height, width))) for side in (height, width))
    fine = cv2.resize(picture, (8 * columns, 8 * rows), interpolation=cv2.INTER_AREA)
    # What most of a block is, if lines are thin; of a block on an edge one side, not the mean of both.
    blocks = np.quantile(fine.reshape(rows, 8, columns, 8), 0.8, axis=(1, 3), method="nearest").astype(np.float32)
    light = np.log(np.maximum(blocks, 1))
    step = -float(np.log(_STEP))
    taken = np.zeros((rows + 2, columns + 2), np.uint8)
    best, shine = np.ones((rows, columns), bool), 0.0
    for row, column in np.ndindex(rows, columns):
        if taken[row + 1, column + 1]:
            continue
        before = taken.copy()
        cv2.floodFill(light, taken, (column, row), 0, step, step, 8 | cv2.FLOODFILL_MASK_ONLY | (1 << 8))
        patch = (taken != before)[1:-1, 1:-1]
        if blocks[patch].sum() > shine:
            best, shine = patch, float(blocks[patch].sum())
    if best.mean() < _SMALLEST_PAPER:
        return np.ones((height, width), bool)
    # Dark areas of the drawing lie within the sheet, which has no dents.
    found = cv2.resize(best.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
    outlines, _ = cv2.findContours(found, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    hull = cv2.convexHull(np.concatenate(list(outlines)))
    return cv2.fillConvexPoly(np.zeros((height, width), np.uint8), hull, (1,)) > 0


def _without_surroundings(sheet: np.ndarray, paper: np.ndarray, below: int) -> np.ndarray:
    """A clean sheet, its ink darker than `below`, without specks, what lies beside the paper, and what hangs together
    with its rim."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats((sheet < below).astype(np.uint8), connectivity=8)
    area = stats[:, cv2.CC_STAT_AREA]
    within = cv2.erode(paper.astype(np.uint8), np.ones((5, 5), np.uint8), borderValue=0) > 0
    outside = np.bincount(labels[~paper], minlength=count)
    rim = np.bincount(labels[paper & ~within], minlength=count) / 2
    # A drawing that was cut off touches the rim with the ends of its lines, a table along its whole side.
    longer = np.maximum(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT])
    along = (longer > 0.25 * max(sheet.shape)) & (rim > 0.25 * longer)
    scrap = (rim > 0.2 * np.sqrt(area)) & (area < 0.6 * area[1:].sum())
    foreign = (outside > 0.5 * area) | along | scrap | (area < max(4, _SPECK * paper.sum()))
    foreign[0] = False
    return np.where(foreign[labels], PAPER, sheet).astype(np.uint8)
