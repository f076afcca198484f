"""The released model on small drawings: one in a corner, at a third of the size, gets as good a photo as a large one.

The drawings are those the page offers to start from, so that nothing but the repository is needed.
"""

import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import svgelements

from sketch2photo import Prediction, Studio, images

SIDE = 512
PEN = 8
"""Pixels of the sheet; the same pen for small drawings, and a third of it for those that are the large one shrunk."""
LARGE, THIRD = 0.92, 0.92 / 3
SEEN = 96
"""Pixels a side at which photos are compared; a small one has about as many."""


def starters(root: Path) -> list[tuple[str, list[np.ndarray]]]:
    """Each starter's category and strokes, float (n, 2), read from the page's script."""
    source = (root / "sketch2photo/page/js/example_drawings.js").read_text()
    table = re.sub(r"//.*", "", source[source.index("DRAWN = {") + len("DRAWN = ") : source.rindex("}") + 1])
    table = re.sub(r",(\s*[\]}])", r"\1", re.sub(r"^(\s*)(\w+):", r'\1"\2":', table, flags=re.MULTILINE))
    return [
        (category, [_points(path) for path in drawing])
        for category, drawings in json.loads(table).items()
        for drawing in drawings
    ]


def _points(path: str) -> np.ndarray:
    if path.startswith("O"):  # an ellipse: centre and radii
        x, y, across, down = map(float, path[1:].split())
        turn = np.linspace(0, 2 * np.pi, 60)
        return np.stack([x + across * np.cos(turn), y + down * np.sin(turn)], 1)
    points = []
    for piece in svgelements.Path(path):
        shares = (1.0,) if isinstance(piece, (svgelements.Move, svgelements.Line)) else np.linspace(0, 1, 16)[1:]
        points += [piece.end if isinstance(piece, svgelements.Move) else piece.point(share) for share in shares]
    return np.array([[point.x, point.y] for point in points])


def sheet_of(strokes: list[np.ndarray], left: float, top: float, reach: float, pen: int) -> np.ndarray:
    """A drawing with its longer side `reach` of the sheet, from a place on, in shares of the sheet."""
    points = np.concatenate(strokes)
    low, extent = points.min(0), np.ptp(points, 0).max()
    sheet = np.full((SIDE, SIDE), images.PAPER, np.uint8)
    for stroke in strokes:
        placed = ((stroke - low) / extent * reach + [left, top]) * SIDE
        cv2.polylines(sheet, [np.round(placed * 16).astype(np.int32)], False, (0,), pen, cv2.LINE_AA, 4)
    return sheet


def object_of(prediction: Prediction, sheet: np.ndarray) -> np.ndarray:
    """What was painted where something is drawn, as large for a small drawing as for a large one."""
    assert prediction.photo is not None
    box = images.ink_box(sheet)
    assert box is not None
    left, top, right, bottom = np.array(box) * prediction.photo.shape[0] / SIDE
    side = 1.06 * max(right - left, bottom - top)
    frame = images.Frame((left + right - side) / 2, (top + bottom - side) / 2, side, drawing=prediction.photo.shape[0])
    return frame.cut(prediction.photo, SEEN).astype(np.float32)


@pytest.fixture(scope="module")
def painted(root: Path) -> dict[str, list[tuple[str, Prediction, np.ndarray]]]:
    """Every starter, also mirrored, large in the middle, and small in the four corners in turn by both pens; the model
    is told what to paint.
    """
    studio = Studio.load(root / "checkpoints/studio")
    drawings = [drawing for drawing in starters(root) if drawing[0] in studio.categories]
    drawings += [(category, [stroke * [-1, 1] for stroke in strokes]) for category, strokes in drawings]
    corners = [(x, y) for x in (0.02, 0.98 - THIRD) for y in (0.02, 0.98 - THIRD)]
    sheets = {
        "large": [sheet_of(strokes, *middle_of(strokes), LARGE, PEN) for _, strokes in drawings],
        "small": [
            sheet_of(strokes, *corners[i % 4], THIRD, (PEN, round(PEN / 3))[i // 4 % 2])
            for i, (_, strokes) in enumerate(drawings)
        ],
    }
    categories = [category for category, _ in drawings]
    assert set(categories) == set(studio.categories)
    return {
        size: list(zip(categories, studio.predict_batch(drawn, categories), drawn, strict=True))
        for size, drawn in sheets.items()
    }


def middle_of(strokes: list[np.ndarray]) -> np.ndarray:
    """Where a large drawing begins that is in the middle of the sheet."""
    extent = np.ptp(np.concatenate(strokes), 0)
    return (1 - LARGE * extent / extent.max()) / 2


@pytest.mark.slow
def test_is_recognised_as_often(painted):
    def recognised(size: str) -> float:
        names = [(category, max(p.probabilities, key=p.probabilities.__getitem__)) for category, p, _ in painted[size]]
        return float(np.mean([category == name for category, name in names]))

    assert recognised("large") > 0.9
    assert abs(recognised("large") - recognised("small")) <= 0.03


@pytest.mark.slow
def test_gets_the_same_photo(painted):
    """By difference to the photos of all large drawings, a small one's photo is recognised as that of its category."""
    large = [(category, object_of(p, sheet)) for category, p, sheet in painted["large"]]
    right = 0
    for number, (category, prediction, sheet) in enumerate(painted["small"]):
        photo = object_of(prediction, sheet)
        differences = [float(np.abs(photo - other).mean()) for _, other in large]
        assert differences[number] < 25, f"{category}, grey levels"
        right += large[int(np.argmin(differences))][0] == category
    assert right >= 0.97 * len(large)


@pytest.mark.slow
def test_the_photo_is_where_the_drawing_is(painted):
    for category, prediction, sheet in painted["small"]:
        photo = prediction.photo
        box = np.array(images.ink_box(sheet)) * photo.shape[0] / SIDE
        rows, columns = np.nonzero(photo.min(-1) < 200)
        found = [columns.min(), rows.min(), columns.max(), rows.max()]
        assert np.abs(found - box).max() < 0.04 * photo.shape[0], category
