"""Renderings of a photo: clean black lines on white, where the object is, the same each time."""

import cv2
import numpy as np
import pytest

from sketch2photo import images
from sketch2photo.data import edges, lines
from tests.data.raw_files import draw_photo


@pytest.mark.parametrize("size", [64, 128, 256, 512])
def test_lines_are_clean_and_clear_at_every_size(size):
    for sketch in edges.renderings(draw_photo("circle", 4, size), seed=1):
        assert sketch.shape == (size, size) and sketch.dtype == np.uint8
        assert (sketch < 30).mean() > 0.002, "there is black"
        assert (sketch > 250).mean() > 0.7, "on much white"
        assert (images.resize_sketch(sketch, size // 2) < 128).mean() > 0.002, "that survives half the size"


@pytest.mark.parametrize("count", [1, 2, 3, 5, 9])
def test_the_number_of_renderings(count):
    assert len(edges.renderings(draw_photo("square", 1, 128), seed=1, count=count)) == count


def test_human_like_lines_differ_from_each_other_and_by_seed_only():
    photo = draw_photo("square", 2, 256)
    one, same, other = (edges.renderings(photo, seed) for seed in (1, 1, 2))
    for a, b in zip(one, same, strict=True):
        np.testing.assert_array_equal(a, b)
    assert len({sketch.tobytes() for sketch in one}) == 7
    for k in range(3):
        np.testing.assert_array_equal(one[k], other[k])
    assert all((one[k] != other[k]).any() for k in range(3, 7))


def test_the_silhouette_follows_the_outline():
    photo = np.full((256, 256, 3), 255, np.uint8)
    cv2.circle(photo, (128, 128), 80, (30, 90, 200), -1)
    silhouette = edges.renderings(photo, seed=0, count=3)[2]
    y, x = np.nonzero(silhouette < 128)
    distance = np.hypot(x - 128, y - 128)
    assert distance.min() > 76.5 and distance.max() < 83.5
    angles = np.unique((np.degrees(np.arctan2(y - 128, x - 128)) // 5).astype(int) % 72)
    assert len(angles) == 72, "all the way round"


def test_human_like_lines_stay_near_the_object():
    photo = np.full((256, 256, 3), 255, np.uint8)
    cv2.circle(photo, (128, 128), 80, (30, 90, 200), -1)
    for seed in range(5):
        for sketch in edges.renderings(photo, seed)[3:]:
            y, x = np.nonzero(sketch < 128)
            distance = np.hypot(x - 128, y - 128)
            assert distance.min() > 65 and distance.max() < 95


def test_holes_belong_to_the_outline():
    photo = np.full((256, 256, 3), 255, np.uint8)
    cv2.circle(photo, (128, 128), 80, (30, 90, 200), 30)
    outline = edges.find_outline(photo)
    assert outline is not None and len(outline.paths) == 2
    assert outline.mask[128, 128] == 0 and outline.mask[128, 128 + 80] == 255


def test_without_white_ground_there_is_no_outline_but_lines():
    photo = np.full((256, 256, 3), (60, 120, 60), np.uint8)
    cv2.rectangle(photo, (60, 60), (190, 190), (200, 40, 40), -1)
    assert edges.find_outline(photo) is None
    for sketch in edges.renderings(photo, seed=3):
        box = images.ink_box(sketch)
        assert box is not None
        assert np.abs(np.array(box) - [60, 60, 190, 190]).max() <= 12


def test_an_empty_photo_gives_empty_sheets():
    for sketch in edges.renderings(np.full((128, 128, 3), 255, np.uint8), seed=0):
        assert sketch.min() == 255


def test_red_on_green_of_the_same_brightness_is_an_edge():
    photo = np.full((256, 256, 3), (0, 130, 0), np.uint8)
    photo[:, 128:] = (254, 0, 0)
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    assert abs(int(grey[0, 0]) - int(grey[0, -1])) <= 2
    assert images.ink_box(edges.renderings(photo, seed=0, count=1)[0]) is not None


def test_link_takes_each_pixel_once_and_goes_straight_on():
    picture = np.zeros((40, 40), np.uint8)
    picture[20, 2:38] = 255
    picture[2:38, 20] = 255
    paths = edges.link(picture)
    points = np.concatenate(paths)
    assert len(points) == (picture > 0).sum() == len(np.unique(points, axis=0))
    assert max(len(path) for path in paths) == 36, "straight over the crossing"
    for path in paths:
        assert np.abs(np.diff(path, axis=0)).max() <= 1


def test_link_finds_closed_lines():
    picture = np.zeros((60, 60), np.uint8)
    cv2.rectangle(picture, (10, 10), (40, 40), 255, 1)
    paths = edges.link(picture, shortest=10)
    assert sum(len(path) for path in paths) == 120


def test_smoothing_keeps_ends_and_closure():
    line = np.stack([np.arange(50.0), np.random.default_rng(0).normal(0, 2, 50)], 1).astype(np.float32)
    smoothed = lines.smooth(line, 3.0)
    assert smoothed.shape == line.shape
    np.testing.assert_allclose(smoothed[[0, -1]], line[[0, -1]], atol=1e-4)
    assert np.abs(np.diff(smoothed[:, 1])).mean() < 0.3 * np.abs(np.diff(line[:, 1])).mean()
    turn = np.linspace(0, 2 * np.pi, 101)
    ring = lines.smooth(np.stack([50 * np.cos(turn), 50 * np.sin(turn)], 1).astype(np.float32), 2.0)
    np.testing.assert_array_equal(ring[0], ring[-1])
    assert np.abs(np.hypot(*ring.T) - 50).max() < 0.5
