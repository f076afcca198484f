"""Pictures that follow lines, and some that do not."""

import cv2
import numpy as np
import pytest

from sketch2photo.evaluation import metrics

SIDE = 256


def ring(gap_degrees: int = 0, radius: int = 80) -> np.ndarray:
    sheet = np.full((SIDE, SIDE), 255, np.uint8)
    cv2.ellipse(sheet, (128, 128), (radius, radius), 0, gap_degrees, 360, (0,), 4, cv2.LINE_AA)
    return sheet


def disc(radius: int, at: tuple[int, int] = (128, 128), colour: tuple[int, int, int] = (180, 60, 40)) -> np.ndarray:
    photo = np.full((SIDE, SIDE, 3), 255, np.uint8)
    cv2.circle(photo, at, radius, colour, -1)
    return photo


def test_a_closed_outline_is_filled_and_an_open_one_is_not():
    inside = metrics.inside_of(ring())
    assert inside is not None
    assert inside.sum() == pytest.approx(np.pi * 82**2, rel=0.03)
    assert metrics.inside_of(ring(gap_degrees=3)) is not None  # four pixels: a person's outline hardly meets itself
    assert metrics.inside_of(ring(gap_degrees=40)) is None
    assert metrics.inside_of(np.full((SIDE, SIDE), 255, np.uint8)) is None


def test_a_drawing_up_to_the_rim_closes_too():
    sheet = np.full((SIDE, SIDE), 255, np.uint8)
    cv2.rectangle(sheet, (0, 0), (SIDE - 1, SIDE - 1), (0,), 3)
    inside = metrics.inside_of(sheet)
    assert inside is not None and inside.all()


def test_a_small_loop_on_an_open_drawing_does_not_close_it():
    sheet = ring(gap_degrees=40)
    cv2.circle(sheet, (128, 60), 10, (0,), 3)
    assert metrics.inside_of(sheet) is None


def test_overlap_in_closed_form():
    assert metrics.outline_iou(ring(), disc(82)) == pytest.approx(1, abs=0.03)
    assert metrics.outline_iou(ring(), disc(41)) == pytest.approx(0.25, abs=0.01)
    assert metrics.outline_iou(ring(), disc(10, (20, 20))) == 0
    assert metrics.outline_iou(ring(), np.full((SIDE, SIDE, 3), 255, np.uint8)) == 0
    assert metrics.outline_iou(ring(gap_degrees=40), disc(82)) is None


def test_a_highlight_inside_is_part_of_the_object():
    photo = disc(82)
    cv2.circle(photo, (110, 100), 20, (255, 255, 255), -1)
    assert metrics.outline_iou(ring(), photo) == pytest.approx(1, abs=0.03)


def test_ink_with_and_without_an_edge():
    assert metrics.ink_with_edge(ring(), disc(80)) == 1
    assert metrics.ink_with_edge(ring(), disc(80 - 12)) == 0
    assert metrics.ink_with_edge(ring(), np.full((SIDE, SIDE, 3), 255, np.uint8)) == 0
    assert metrics.ink_with_edge(np.full((SIDE, SIDE), 255, np.uint8), disc(80)) is None
    half = disc(80)
    half[:, 128:] = 255  # the right half of the outline has no edge
    assert metrics.ink_with_edge(ring(), half) == pytest.approx(0.5, abs=0.05)
