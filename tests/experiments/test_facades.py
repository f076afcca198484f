"""The label maps that `experiments.facades` paints: whole, in known colours, with every part that was asked for."""

import numpy as np
import pytest

from experiments import facades
from sketch2photo import images


@pytest.mark.parametrize("parts", facades.HOUSES)
def test_a_map_shows_every_part_in_its_colour(parts):
    picture = facades.label_map(parts)
    assert picture.shape == (256, 256, 3)
    shown = {tuple(colour) for colour in picture.reshape(-1, 3).tolist()}
    assert shown == {facades.COLOURS[name] for name in {"ground", *(part[0] for part in parts)}}
    for _, left, top, right, bottom in parts:
        assert 22 <= left < right <= 234 and 16 <= top < bottom <= 250, "a part sticks out of its wall"


def test_houses_have_the_windows_they_are_asked_for():
    parts = facades.house(2, 4, shutters=True)
    names = [part[0] for part in parts]
    assert names.count("window") == 3 * 4 - 1 and names.count("door") == 1
    assert names.count("shutter") == 2 * names.count("window")
    assert "shop" in {part[0] for part in facades.house(1, 3, shop=True)}


def test_maps_count_as_coloured_inputs():
    for parts in facades.HOUSES:
        given = images.as_colour_input(facades.label_map(parts))
        assert given is not None
        np.testing.assert_array_equal(given, facades.label_map(parts))
