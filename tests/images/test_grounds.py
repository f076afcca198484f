"""What an object stands on."""

import numpy as np
import pytest

from sketch2photo.errors import ConfigError
from sketch2photo.images import grounds


@pytest.fixture
def cutout():
    """A red box, half of its rim covered."""
    picture = np.zeros((128, 128, 4), np.uint8)
    picture[..., :3] = (10, 200, 10)  # what lies under nothing must not be seen
    picture[40:100, 30:100] = (200, 30, 30, 255)
    picture[39, 30:100] = (200, 30, 30, 128)
    return picture


def test_white_and_a_colour_are_what_is_not_covered(cutout):
    white, blue = (grounds.on_ground(cutout, ground) for ground in ("", "#3060c0"))
    assert white.shape == (128, 128, 3) and white.dtype == np.uint8
    assert (white[0, 0] == 255).all() and tuple(blue[0, 0]) == (0x30, 0x60, 0xC0)
    assert tuple(white[70, 60]) == tuple(blue[70, 60]) == (200, 30, 30)
    np.testing.assert_allclose(blue[39, 60], (124, 63, 111), atol=2)


@pytest.mark.parametrize("ground", ["paper", "floor"])
def test_an_object_throws_its_shadow_below_itself(cutout, ground):
    photo, empty = grounds.on_ground(cutout, ground), grounds.on_ground(np.zeros_like(cutout), ground)
    assert tuple(photo[70, 60]) == (200, 30, 30)
    darker = empty.astype(int).sum(-1) - photo.astype(int).sum(-1)
    assert darker[103, 65] > 60 and abs(darker[5, 65]) < 3 and abs(darker[103, 3]) < 20
    assert 190 < empty.mean() < 250, "a light ground"
    np.testing.assert_array_equal(grounds.on_ground(cutout, ground), photo)


def test_a_speck_below_moves_no_shadow(cutout):
    specked = cutout.copy()
    specked[-4:-2, 20:22, 3] = 255
    difference = np.abs(grounds.on_ground(specked, "floor").astype(int) - grounds.on_ground(cutout, "floor"))
    assert difference[:-5].max() == 0


def test_without_a_ground_it_stays_transparent(cutout):
    np.testing.assert_array_equal(grounds.on_ground(cutout, "transparent"), cutout)


@pytest.mark.parametrize("ground", ["grass", "#12", "#12345g", " paper"])
def test_another_ground_is_refused_with_those_that_there_are(ground):
    with pytest.raises(ConfigError, match="choose transparent, paper, floor, a colour"):
        grounds.check(ground)


def test_a_ground_in_capitals_is_one():
    assert grounds.check("Paper") == "paper" and grounds.check("#AABBCC") == "#aabbcc"
