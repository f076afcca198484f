"""Objects drawn by rule."""

import numpy as np
import pytest

from sketch2photo.data import demo
from sketch2photo.data.store import open_dataset
from tests.data.raw_files import prepare


@pytest.mark.parametrize("category", list(demo.OBJECTS))
def test_an_object_whole_on_white(category):
    for number in range(6):
        photo = demo.draw(category, number)
        assert photo.shape == (256, 256, 3) and photo.dtype == np.uint8
        border = np.concatenate([photo[0], photo[-1], photo[:, 0], photo[:, -1]])
        assert border.min() == 255, "it stands free"
        object_part = photo.min(2) < 250
        assert 0.04 < object_part.mean() < 0.6
        assert photo[object_part].std(0).mean() > 12, "it is shaded"
    assert not np.array_equal(demo.draw(category, 0), demo.draw(category, 1))
    assert not np.array_equal(demo.draw(category, 0), demo.draw(category, 0, seed=1))
    np.testing.assert_array_equal(demo.draw(category, 3), demo.draw(category, 3))


def test_the_parts_of_an_object_hold_together():
    import cv2

    for category in demo.OBJECTS:
        for number in range(8):
            drawn = (demo.draw(category, number).min(2) < 250).astype(np.uint8)
            assert cv2.connectedComponents(drawn)[0] == 2, (category, number)


def test_the_command(tmp_path):
    prepare("demo", "--out", tmp_path / "out", "--count", 4, "--size", 64, "--renderings", 3)
    dataset = open_dataset(tmp_path / "out")
    assert dataset.categories == tuple(sorted(demo.OBJECTS)) and sum(dataset.sizes.values()) == 24
    assert dataset.sources() == {"demo": demo.LICENCE}
    record = dataset.record("train", 0)
    assert len(record.sketches) == 3
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
