"""Renderings of a photo: clean black lines on white, where the object is, the same each time."""

import cv2
import numpy as np
import pytest

from sketch2photo import images
from sketch2photo.data import edges, styles
from sketch2photo.errors import ConfigError
from tests.data.raw_files import draw_photo


def drawn(photo: np.ndarray, seed: int = 0, **settings) -> list[np.ndarray]:
    return [sketch for _, sketch in styles.renderings(photo, seed, **settings)]


@pytest.mark.parametrize("size", [64, 128, 256, 512])
def test_lines_are_clean_and_clear_at_every_size(size):
    for style, sketch in styles.renderings(draw_photo("circle", 4, size), seed=1):
        assert sketch.shape == (size, size) and sketch.dtype == np.uint8
        assert (sketch < 90).mean() > 0.002, f"{style}: there is black"
        assert (sketch > 250).mean() > 0.6, f"{style}: on much white"


@pytest.mark.parametrize("count", [1, 2, 7, 9])
def test_the_number_of_renderings_and_their_styles(count):
    names = [style for style, _ in styles.renderings(draw_photo("square", 1, 128), seed=1, count=count)]
    assert names == (list(styles.DEFAULT) * 2)[:count]
    chosen = styles.renderings(draw_photo("square", 1, 128), 1, count, ("hand", "xdog"))
    assert [style for style, _ in chosen] == (["hand", "xdog"] * 5)[:count]


def test_an_unknown_style_is_refused():
    assert styles.check(["hand", "canny"]) == ("hand", "canny")
    with pytest.raises(ConfigError, match="style in --styles"):
        styles.check(["hand", "crayon"])


def test_renderings_depend_on_the_seed_alone_and_more_leave_the_first_ones():
    photo = draw_photo("square", 2, 256)
    one, more, other = drawn(photo, 1), drawn(photo, 1, count=15), drawn(photo, 2)
    for a, b in zip(one, more, strict=False):
        np.testing.assert_array_equal(a, b)
    assert len({sketch.tobytes() for sketch in more}) >= 13
    by_hand = [number for number, style in enumerate(styles.DEFAULT) if style in ("contour", "hand", "mouse", "loose")]
    assert all((one[k] != other[k]).any() for k in by_hand)


def test_the_silhouette_follows_the_outline():
    photo = np.full((256, 256, 3), 255, np.uint8)
    cv2.circle(photo, (128, 128), 80, (30, 90, 200), -1)
    [silhouette] = drawn(photo, count=1, styles=("silhouette",))
    y, x = np.nonzero(silhouette < 128)
    distance = np.hypot(x - 128, y - 128)
    assert distance.min() > 76 and distance.max() < 84
    angles = np.unique((np.degrees(np.arctan2(y - 128, x - 128)) // 5).astype(int) % 72)
    assert len(angles) == 72, "all the way round"


@pytest.mark.parametrize(("style", "reach"), [("contour", 8), ("hand", 14), ("mouse", 18), ("loose", 26)])
def test_lines_by_hand_stay_near_the_object(style, reach):
    photo = np.full((256, 256, 3), 255, np.uint8)
    cv2.circle(photo, (128, 128), 80, (30, 90, 200), -1)
    for sketch in drawn(photo, count=8, styles=(style,)):
        y, x = np.nonzero(sketch < 128)
        distance = np.hypot(x - 128, y - 128)
        assert np.abs(distance - 80).max() < reach
        angles = np.unique((np.degrees(np.arctan2(y - 128, x - 128)) // 10).astype(int) % 36)
        assert len(angles) >= 30, "nearly all the way round"


def test_without_white_ground_there_is_no_outline_but_lines():
    photo = np.full((256, 256, 3), (60, 120, 60), np.uint8)
    cv2.rectangle(photo, (60, 60), (190, 190), (200, 40, 40), -1)
    assert edges.find_outline(photo) is None
    assert images.ink_box(drawn(photo, count=1, styles=("xdog",))[0]) is None, "as dark as what is around"
    for style, sketch in styles.renderings(photo, seed=3, count=6):
        box = images.ink_box(sketch)
        assert box is not None, style
        assert np.abs(np.array(box) - [60, 60, 190, 190]).max() <= 25, style


def test_an_empty_photo_gives_empty_sheets():
    for sketch in drawn(np.full((128, 128, 3), 255, np.uint8)):
        assert sketch.min() == 255


def test_red_on_green_of_the_same_brightness_is_an_edge():
    photo = np.full((256, 256, 3), (0, 130, 0), np.uint8)
    photo[:, 128:] = (254, 0, 0)
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    assert abs(int(grey[0, 0]) - int(grey[0, -1])) <= 2
    assert images.ink_box(drawn(photo, count=1)[0]) is not None
