"""Colour differences against the published test pairs, and the colour of an object on white."""

import numpy as np
import pytest

from sketch2photo.evaluation import metrics

# Sharma, Wu & Dalal 2005, table 1: pairs 1, 2, 3, 4, 7, 9, 10, 11, 13, 15, 16, 17, 19, 20, 21, 25, 28, 32, 34.
PUBLISHED = [
    ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
    ((50, 3.1571, -77.2803), (50, 0, -82.7485), 2.8615),
    ((50, 2.8361, -74.0200), (50, 0, -82.7485), 3.4412),
    ((50, -1.3802, -84.2814), (50, 0, -82.7485), 1.0000),
    ((50, 0, 0), (50, -1, 2), 2.3669),
    ((50, 2.4900, -0.0010), (50, -2.4900, 0.0009), 7.1792),
    ((50, 2.4900, -0.0010), (50, -2.4900, 0.0010), 7.1792),
    ((50, 2.4900, -0.0010), (50, -2.4900, 0.0011), 7.2195),
    ((50, -0.0010, 2.4900), (50, 0.0009, -2.4900), 4.8045),
    ((50, -0.0010, 2.4900), (50, 0.0011, -2.4900), 4.7461),
    ((50, 2.5, 0), (50, 0, -2.5), 4.3065),
    ((50, 2.5, 0), (73, 25, -18), 27.1492),
    ((50, 2.5, 0), (56, -27, -3), 31.9030),
    ((50, 2.5, 0), (58, 24, 15), 19.4535),
    ((50, 2.5, 0), (50, 3.1736, 0.5854), 1.0000),
    ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ((35.0831, -44.1164, 3.7933), (35.0232, -40.0716, 1.5901), 1.8645),
    ((6.7747, -0.2908, -2.4247), (5.8714, -0.0985, -2.2286), 0.6377),
    ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
]


def test_published_pairs_to_four_places():
    first, second = np.array([p[0] for p in PUBLISHED]), np.array([p[1] for p in PUBLISHED])
    expected = [p[2] for p in PUBLISHED]
    np.testing.assert_allclose(metrics.ciede2000(first, second), expected, atol=6e-5)
    np.testing.assert_allclose(metrics.ciede2000(second, first), expected, atol=6e-5)


def test_lab_of_known_colours():
    rgb = np.array([[255, 255, 255], [0, 0, 0], [255, 0, 0], [0, 0, 255]], np.uint8)
    np.testing.assert_allclose(
        metrics.to_lab(rgb), [[100, 0, 0], [0, 0, 0], [53.24, 80.09, 67.20], [32.30, 79.19, -107.86]], atol=0.15
    )
    assert metrics.to_lab(np.zeros((4, 5, 3), np.uint8)).shape == (4, 5, 3)


def test_the_median_is_of_the_object_alone():
    photo = np.full((64, 64, 3), 255, np.uint8)
    assert metrics.median_lab(photo) is None
    photo[10:40, 10:40] = (200, 30, 30)
    photo[10:15, 10:40] = (0, 0, 0)  # a shadow does not move a median
    found = metrics.median_lab(photo)
    assert found is not None
    assert metrics.ciede2000(found, metrics.to_lab(np.array([200, 30, 30], np.uint8))) == pytest.approx(0, abs=0.1)
    assert metrics.object_mask(photo).sum() == 900
