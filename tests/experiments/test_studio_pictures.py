"""Fog, specks and inner lines: what counts as one, and what does not."""

import cv2
import numpy as np

from experiments import studio_pictures


def disc(colour=(120, 60, 40)):
    photo = np.full((256, 256, 3), 255, np.uint8)
    return cv2.circle(photo, (128, 128), 60, colour, -1, cv2.LINE_AA)


def circle():
    return cv2.circle(np.full((256, 256), 255, np.uint8), (128, 128), 60, 0, 2)


def test_an_object_with_a_soft_rim_has_no_fog():
    assert studio_pictures.fog(cv2.GaussianBlur(disc(), (0, 0), 0.8)) < 0.01
    assert studio_pictures.fog(disc((225, 225, 215))) < 0.01, "pale, but all there"
    assert studio_pictures.fog(cv2.circle(disc(), (120, 120), 25, (225, 225, 225), -1)) < 0.01, "a highlight"


def test_paint_that_runs_out_is_fog():
    photo = disc().astype(np.float32)
    away = np.clip((np.arange(256) - 128) / 60, 0, 1)[None, :, None]
    assert studio_pictures.fog((photo + (255 - photo) * away).astype(np.uint8)) > 0.3


def test_specks_lie_far_from_the_ink():
    assert studio_pictures.specks(circle(), disc()) == 0
    spotted = disc()
    spotted[20:24, 20:24] = 90
    assert studio_pictures.specks(circle(), spotted) == 16
    near = disc()
    near[128, 128 + 61 : 128 + 70] = 90
    assert studio_pictures.specks(circle(), near) == 0
    assert studio_pictures.specks(np.full((256, 256), 255, np.uint8), np.full((256, 256, 3), 255, np.uint8)) == 0


def test_inner_lines_count_apart_from_the_outline():
    sheet = cv2.circle(np.full((256, 256), 255, np.uint8), (128, 128), 80, 0, 4, cv2.LINE_AA)
    photo = cv2.circle(np.full((256, 256, 3), 255, np.uint8), (128, 128), 82, (180, 60, 40), -1)
    assert studio_pictures.inner_lines(sheet, photo) is None
    cv2.line(sheet, (100, 128), (156, 128), (0,), 3)
    found = studio_pictures.inner_lines(sheet, photo)
    assert found is not None and found[0] == 0
    photo[128:] = np.minimum(photo[128:].astype(int) + 60, 255).astype(np.uint8)  # a seam where the line is
    with_edge, chance = studio_pictures.inner_lines(sheet, photo) or (0, 1)
    assert with_edge == 1
    assert 0 < chance < 0.15
