"""The README's pictures, of a page with the fake model."""

import argparse

import pytest
from PIL import Image

from experiments import page_pictures
from sketch2photo.errors import ConfigError

pytestmark = pytest.mark.browser


def options(out, **changed):
    asked = {"drawing": "teapot", "number": 1, "ground": "floor", "colour_scheme": "dark", "out": out}
    return argparse.Namespace(**asked | changed)


@pytest.mark.slow
def test_the_page_makes_its_own_pictures(fake_page, tmp_path):
    page_pictures.take(fake_page, options(tmp_path))
    page, replay = (Image.open(tmp_path / name) for name in ("page.png", "replay.gif"))
    assert page.size == (1280, 800) and page.convert("L").getpixel((5, 400)) < 80
    assert replay.n_frames >= 36 and replay.size == (601, 336)


def test_a_drawing_that_there_is_not(fake_page, tmp_path):
    with pytest.raises(ConfigError, match="the page has 0 drawings of 'castle'"):
        page_pictures.take(fake_page, options(tmp_path, drawing="castle"))
