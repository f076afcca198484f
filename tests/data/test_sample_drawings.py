"""Drawings that sample grids are painted from: which, how they are seen, and what is refused."""

import json

import cv2
import numpy as np
import pytest

from sketch2photo import images
from sketch2photo.data import drawings, strokes
from sketch2photo.errors import DataError
from tests import tiny

SQUARE = [[[20, 230, 230, 20, 20], [20, 20, 230, 230, 20]]]


def write(path, sheet):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), sheet)


@pytest.fixture
def folder(tmp_path):
    """Five shoes, two cars, one tree, a file that is no picture, and a pear of strokes."""
    for i in range(5):
        write(tmp_path / "d" / "shoe" / f"{i}.png", tiny.drawing(i, 120))
    for i in range(2):
        write(tmp_path / "d" / "car" / f"{i}.png", 255 - tiny.drawing(10 + i, 300))
    write(tmp_path / "d" / "tree" / "0.png", tiny.drawing(20))
    (tmp_path / "d" / "car" / "broken.png").write_bytes(b"no picture")
    lines = [{"word": "pear", "key_id": "7", "drawing": SQUARE}, {"word": "pear", "key_id": "8", "drawing": []}]
    (tmp_path / "d" / "pear.ndjson").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return tmp_path / "d"


def read(path, said=None, **settings):
    settings = {"image_size": 64, "per_category": 3, **settings}
    say = (said if said is not None else []).append
    return drawings.read_samples(path, tiny.CATEGORIES, say=say, **settings)


def test_a_folder_gives_a_few_of_each_category_framed_as_the_page_does(folder):
    said = []
    found = read(folder, said)
    assert list(found["label"]) == [0, 0, 0, 1, 1, 2]
    assert found["sketch"].shape == (6, 64, 64, 1) and found["sketch"].dtype == np.uint8
    cars = [images.frame_drawing(tiny.drawing(10 + i, 300), 64)[0] for i in range(2)]
    for car in found["sketch"][3:5, ..., 0]:  # drawn light on dark, seen dark on white
        assert min(np.abs(car.astype(int) - one).mean() for one in cars) < 2
    pear = strokes.render(strokes.from_quickdraw(SQUARE), 256, strokes.LINE_WIDTH)
    np.testing.assert_array_equal(found["sketch"][5, ..., 0], images.frame_drawing(pear, 64)[0])
    assert any("drawings of tree are left out, for the model has no such category" in text for text in said)
    (broken,) = [text for text in said if "the first because" in text]
    assert "--sample-drawings: 2 drawings are left out" in broken and "\n" not in broken


def test_they_are_the_same_ones_whenever_asked_and_more_begin_with_fewer(folder):
    first, again, more = read(folder), read(folder), read(folder, per_category=5, input_channels=3)
    np.testing.assert_array_equal(first["sketch"], again["sketch"])
    assert more["sketch"].shape == (8, 64, 64, 3)
    np.testing.assert_array_equal(more["sketch"][:3, ..., :1], first["sketch"][:3])


def test_a_list_names_pictures_and_lines(folder, tmp_path):
    table = tmp_path / "human.csv"
    table.write_text("set,category,file,key_id\na,shoe,d/shoe/1.png,\na,pear,d/pear.ndjson,7\na,tree,d/tree/0.png,\n")
    found = read(table)
    assert list(found["label"]) == [0, 2]
    np.testing.assert_array_equal(found["sketch"][0, ..., 0], images.frame_drawing(tiny.drawing(1, 120), 64)[0])
    np.testing.assert_array_equal(found["sketch"][1], read(folder)["sketch"][5])
    table.write_text("category,file,key_id\npear,d/pear.ndjson,line1\n")
    np.testing.assert_array_equal(read(table)["sketch"][0], found["sketch"][1])


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (None, "there is no --sample-drawings '.*list.csv': give a folder of drawings with a sub-folder for each"),
        ("file\nd/shoe/1.png\n", "has no column 'category'"),
        ("category,file\n", "holds no drawing of shoe, car, pear: it is empty; name its folders"),
        ("category,file\ntree,d/tree/0.png\n", "holds no drawing of shoe, car, pear: it has tree; name its folders"),
        ("category,file\ncar,d/car/broken.png\n", r"none can be read \(d/car/broken.png "),
        ("category,file\ncar,gone.png\n", r"none can be read \(gone.png "),
        ("category,file,key_id\npear,d/pear.ndjson,9\n", r"none can be read \(d/pear.ndjson has no drawing '9'\)"),
        ("category,file\npear,d/pear.ndjson\n", r"line 2: 'd/pear.ndjson' must be a picture, an SVG file, or an .ndj"),
        ("category,file\nshoe,d\n", r"line 2: 'd' must be a picture"),
    ],
)
def test_what_it_refuses(folder, tmp_path, rows, told):
    table = tmp_path / "list.csv"
    if rows is not None:
        table.write_text(rows)
    with pytest.raises(DataError, match=told) as error:
        read(table)
    assert "\n" not in str(error.value)


def test_a_folder_without_drawings_is_refused_by_its_own_option(tmp_path):
    with pytest.raises(DataError, match=r"--sample-drawings .* holds no drawings"):
        read(tmp_path)
