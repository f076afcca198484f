"""Photos of drawings on paper, made here: shadow, tint, grain, a table around the sheet; only the lines may stay."""

import cv2
import numpy as np
import pytest

from sketch2photo import images
from sketch2photo.images import cleanup
from sketch2photo.page.import_picture import FILLED, SIDE, clean_lines

WIDTH, HEIGHT = 1000, 750
ROWS, COLUMNS = np.mgrid[0:HEIGHT, 0:WIDTH]
RADIUS = np.hypot(COLUMNS - WIDTH / 2, ROWS - HEIGHT / 2)
DRAWN = (abs(RADIUS - 175) < 6) | (RADIUS < 10)
"""A ring and a dot in its middle."""
WHITE = np.full((HEIGHT, WIDTH, 3), 255.0)


def photo(paint, ground=WHITE, grain: float = 0, drawn: np.ndarray = DRAWN) -> np.ndarray:
    """The drawing on a ground, with grain, as the page sends it: a JPEG, in greys."""
    random = np.random.default_rng(3)
    picture = np.where(drawn[..., None], paint, ground) + random.uniform(-grain, grain, (HEIGHT, WIDTH, 1))
    data = cv2.imencode(".jpg", picture[..., ::-1].clip(0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 85])[1]
    return images.decode_sketch(data.tobytes())


def paper(colour, left=0, top=0, right=WIDTH, bottom=HEIGHT, table=(0, 0, 0)) -> np.ndarray:
    """A sheet of paper that lies a little askew on a table."""
    on = (left + 0.06 * ROWS * bool(left) <= COLUMNS) & (right > COLUMNS) & (top <= ROWS) & (bottom > ROWS)
    return np.where(on[..., None], np.array(colour, float), np.array(table, float))


LIGHT = (1 - 0.5 * COLUMNS / WIDTH - 0.1 * ROWS / HEIGHT)[..., None]
GROUNDS = {
    "black on white": ((0, 0, 0), WHITE, 0),
    "pencil, a shadow, grain": (np.array((130, 125, 115)) * LIGHT, paper((235, 220, 185)) * LIGHT, 7),
    "blue ballpoint": ((50, 70, 190), paper((240, 238, 230)), 5),
    "red ballpoint": ((200, 60, 60), paper((240, 238, 230)), 5),
    "yellow pencil": ((230, 200, 60), paper((240, 238, 230)), 5),
    "chalk on a board": ((230, 230, 225), paper((40, 60, 50)), 6),
    "soft pencil": ((205, 205, 205), paper((245, 245, 245)), 4),
    "dark table": ((60, 60, 65), paper((235, 232, 225), 110, 60, 880, 710, (60, 45, 35)), 5),
    "wooden table": ((60, 60, 65), paper((235, 232, 225), 110, 60, 880, 710, (150, 110, 75)), 5),
    "small sheet on a dark table": ((60, 60, 65), paper((235, 232, 225), 250, 150, 790, 620, (60, 45, 35)), 3),
    "strip of a table": ((60, 60, 65), paper((235, 232, 225), 15, table=(150, 110, 75)), 3),
}


@pytest.mark.parametrize(("paint", "ground", "grain"), GROUNDS.values(), ids=GROUNDS)
def test_only_the_lines_stay_and_fill_the_sheet(paint, ground, grain):
    sheet = clean_lines(photo(paint, ground, grain))
    assert sheet.dtype == np.uint8 and sheet.shape == (SIDE, SIDE)
    edge = SIDE * (1 - FILLED) / 2
    assert np.allclose(images.ink_box(sheet), [edge, edge, SIDE - edge, SIDE - edge], atol=10)
    radius = np.hypot(*(np.mgrid[0:SIDE, 0:SIDE] - (SIDE - 1) / 2)) * 181 / (FILLED * SIDE / 2)
    lines = sheet < 128
    assert lines[(abs(radius - 175) < 4) | (radius < 7)].mean() > 0.97
    assert lines[(abs(radius - 175) > 12) & (radius > 16)].mean() < 0.001


def test_specks_go_and_dots_of_the_drawing_stay():
    dirty = DRAWN | (np.random.default_rng(5).random(DRAWN.shape) < 1e-4)
    sheet = clean_lines(photo((30, 30, 30), paper((255, 255, 255)), drawn=dirty))
    assert cv2.connectedComponents((sheet < 128).astype(np.uint8))[0] == 3
    assert sheet[SIDE // 2, SIDE // 2] < 50


def test_faint_lines_go_with_less_strength():
    faint = (abs(ROWS - 700) < 5) & (abs(COLUMNS - 500) < 350)
    picture = photo((0, 0, 0), np.where(faint[..., None], 215.0, 250.0))
    boxes = [images.ink_box(clean_lines(picture, strength)) for strength in (-1.5, -1, 0, 1.5)]
    for left, top, right, bottom in boxes[:2]:  # the ring alone
        assert abs((right - left) - (bottom - top)) < 20
    for left, top, right, bottom in boxes[2:]:
        assert right - left > 1.3 * (bottom - top)


def test_hair_lines_grow_until_they_are_seen():
    hair = np.full((800, 800), 255, np.uint8)
    cv2.circle(hair, (400, 400), 380, 0, 1)
    assert cleanup.line_width(clean_lines(hair)) > 6


@pytest.mark.parametrize("paint", [(228, 226, 220), (255, 255, 255), (20, 20, 20)])
def test_empty_sheet_has_no_lines(paint):
    assert clean_lines(photo(paint, paper(paint), 6)) is None


def test_large_black_shapes_stay_filled():
    sheet = clean_lines(photo((10, 10, 10), paper((250, 250, 250)), drawn=RADIUS < 180))
    assert (sheet < 128).mean() == pytest.approx(np.pi / 4 * FILLED**2, rel=0.03)


@pytest.mark.parametrize("shape", [(16, 16), (16, 1024), (1024, 16)])
def test_small_and_narrow_pictures(shape):
    assert clean_lines(np.full(shape, 255, np.uint8)) is None
    picture = np.full(shape, 255, np.uint8)
    picture[6:10, 6:10] = 0
    assert clean_lines(picture).shape == (SIDE, SIDE)
