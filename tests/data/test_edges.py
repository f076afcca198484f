"""Where the lines of a photo are found: outline, edges, parts."""

import cv2
import numpy as np

from sketch2photo.data import edges, polylines


def test_holes_belong_to_the_outline():
    photo = np.full((256, 256, 3), 255, np.uint8)
    cv2.circle(photo, (128, 128), 80, (30, 90, 200), 30)
    outline = edges.find_outline(photo)
    assert outline is not None and len(outline.paths) == 2
    assert outline.mask[128, 128] == 0 and outline.mask[128, 128 + 80] == 255


def test_parts_are_the_borders_of_areas_and_not_of_shade():
    photo = np.full((256, 256, 3), 255, np.uint8)
    cv2.circle(photo, (128, 128), 100, (200, 60, 40), -1)
    cv2.circle(photo, (128, 128), 40, (40, 60, 200), -1)
    outline = edges.find_outline(photo)
    assert outline is not None
    found = edges.parts(photo, outline, 3)
    assert found
    assert np.abs(np.hypot(*(found[0] - 128).T) - 40).max() < 5
    shaded = photo.copy()
    cv2.circle(shaded, (128, 128), 100, (200, 60, 40), -1)
    light = np.linspace(0.5, 1.2, 256)[None, :, None]
    inside = outline.mask > 0
    shaded[inside] = (shaded * light).clip(0, 255).astype(np.uint8)[inside]
    assert edges.parts(shaded, outline, 3) == []


def test_difference_of_gaussians_draws_dark_lines_and_no_specks():
    photo = np.full((256, 256, 3), 255, np.uint8)
    cv2.rectangle(photo, (50, 50), (200, 200), (200, 160, 60), -1)
    cv2.line(photo, (80, 120), (170, 120), (40, 20, 10), 3)
    photo[150, 100] = 0
    sketch = edges.difference_of_gaussians(photo, edges.find_outline(photo))
    assert sketch[120, 125] < 60 and sketch[150, 100] > 200
    assert (sketch[135:145, 60:190] > 250).all()


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
    smoothed = polylines.smooth(line, 3.0)
    assert smoothed.shape == line.shape
    np.testing.assert_allclose(smoothed[[0, -1]], line[[0, -1]], atol=1e-4)
    assert np.abs(np.diff(smoothed[:, 1])).mean() < 0.3 * np.abs(np.diff(line[:, 1])).mean()
    turn = np.linspace(0, 2 * np.pi, 101)
    ring = polylines.smooth(np.stack([50 * np.cos(turn), 50 * np.sin(turn)], 1).astype(np.float32), 2.0)
    np.testing.assert_array_equal(ring[0], ring[-1])
    assert np.abs(np.hypot(*ring.T) - 50).max() < 0.5


def test_a_wheel_is_an_ellipse_and_a_square_is_none():
    turn = np.linspace(0, 2 * np.pi, 80)
    noise = np.random.default_rng(0).normal(0, 0.5, (80, 2))
    wheel = np.stack([60 + 30 * np.cos(turn), 50 + 20 * np.sin(turn)], 1) + noise
    wheel[-1] = wheel[0]
    found = polylines.as_ellipse(wheel.astype(np.float32))
    assert found is not None
    assert np.abs(np.hypot((found[:, 0] - 60) / 30, (found[:, 1] - 50) / 20) - 1).max() < 0.1
    square = polylines.simplify(np.array([[0, 0], [40, 0], [40, 40], [0, 40], [0, 0]], np.float32), 0.1)
    assert polylines.as_ellipse(square) is None
    assert polylines.as_ellipse(wheel[:40].astype(np.float32)) is None, "an arc"


def test_strokes_begin_at_corners_and_leave_nothing_out():
    square = polylines.polygon(np.array([[0, 0], [80, 0], [80, 80], [0, 80], [0, 0]], np.float32), 1.0)
    strokes = polylines.into_strokes(square, 4, np.random.default_rng(1))
    assert len(strokes) == 4
    for stroke in strokes:
        corner = np.abs(stroke[0][None] - np.array([[0, 0], [80, 0], [80, 80], [0, 80]])).max(1).min()
        assert corner <= 8
    points = {tuple(point) for stroke in strokes for point in stroke.round(3).tolist()}
    assert points >= {tuple(point) for point in square.round(3).tolist()}


def test_lines_have_the_width_they_are_asked_to_have():
    path = np.array([[20, 64], [108, 64]], np.float32)
    for width in (1.5, 2.0, 3.0, 4.5):
        across = (255 - polylines.draw([path], 128, width)[:, 64].astype(float)).sum() / 255
        assert abs(across - width) < 0.8, width
