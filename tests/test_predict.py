"""`python -m sketch2photo.predict`: what it paints, what it leaves out, what it refuses."""

import csv
import dataclasses
import json

import cv2
import numpy as np
import pytest

from sketch2photo import Studio, images, predict
from sketch2photo.release import format
from tests import tiny


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoints") / "tiny"
    format.write(tiny.model(), folder, "card")
    return folder


@pytest.fixture
def sketches(tmp_path):
    """Good, empty, broken and no pictures, in a folder and one below."""
    folder = tmp_path / "sketches"
    (folder / "more").mkdir(parents=True)
    for name, seed in (("one.png", 1), ("more/one.png", 2), ("more/two words.png", 3)):
        (folder / name).write_bytes(images.encode_png(tiny.drawing(seed)))
    (folder / "one.jpg").write_bytes(images.encode_jpeg(np.repeat(tiny.drawing(4)[..., None], 3, -1)))
    (folder / "blank.png").write_bytes(images.encode_png(np.full((64, 64), 255, np.uint8)))
    (folder / "broken.png").write_bytes(images.encode_png(tiny.drawing(5))[:200])
    (folder / "tiny.png").write_bytes(images.encode_png(np.zeros((4, 4), np.uint8)))
    (folder / "notes.txt").write_text("no sketch")
    (folder / "more" / "round").symlink_to(folder)
    (folder / "line.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="M1 1 L8 2 L7 8 Z" stroke="black"/></svg>'
    )
    return folder


def command(*arguments):
    predict.main([str(argument) for argument in arguments])


def refused(capsys, *arguments):
    with pytest.raises(SystemExit) as stopped:
        command(*arguments)
    assert stopped.value.code == 2
    said = capsys.readouterr().err.strip()
    assert "\n" not in said and said.startswith("predict: ")
    return said


def photo(path):
    return images.decode_photo(path)


def test_a_folder_is_painted_as_studio_paints_and_bad_files_are_listed(checkpoint, sketches, tmp_path, capsys):
    out = tmp_path / "out"
    command(sketches, "--checkpoint", checkpoint, "--out", out)
    content = json.loads((out / "predictions.json").read_text())
    rows = {row["sketch"]: row for row in content["predictions"]}
    assert sorted(rows) == ["blank.png", "line.svg", "more/one.png", "more/two words.png", "one.jpg", "one.png"]
    studio = Studio.load(checkpoint)
    for name, seed in (("one.png", 1), ("more/one.png", 2), ("more/two words.png", 3)):
        expected = studio.predict(tiny.drawing(seed))
        row = rows[name]
        np.testing.assert_allclose(photo(out / row["photo"]).astype(int), expected.photo, atol=1)
        assert (row["category"], row["status"], row["colour"]) == (expected.category, "ok", expected.colour)
        assert row["probabilities"] == pytest.approx(expected.probabilities, abs=1e-4)
    assert rows["more/one.png"]["photo"] == "more/one.png"
    assert len({rows["one.png"]["photo"], rows["one.jpg"]["photo"]}) == 2  # neither overwrote the other
    assert (rows["blank.png"]["status"], rows["blank.png"]["photo"]) == ("empty", None)
    left_out = {one["file"]: one["reason"] for one in content["left_out"]}
    assert sorted(left_out) == ["broken.png", "more/round", "notes.txt", "tiny.png"]
    assert "cannot be read" in left_out["broken.png"] and "at least 16 a side" in left_out["tiny.png"]
    painted = {p.relative_to(out).as_posix() for p in out.rglob("*.png")}
    assert painted == {row["photo"] for row in rows.values() if row["photo"]}
    said = capsys.readouterr()
    assert "5 painted, 1 empty, 4 left out" in said.out
    assert "left out: broken.png: " in said.err


def test_the_table_holds_the_same(checkpoint, sketches, tmp_path):
    command(sketches, "--checkpoint", checkpoint, "--out", tmp_path / "out")
    rows = json.loads((tmp_path / "out" / "predictions.json").read_text())["predictions"]
    with (tmp_path / "out" / "predictions.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [line["sketch"] for line in table] == [row["sketch"] for row in rows]
    assert [float(line["p_car"]) for line in table] == [row["probabilities"]["car"] for row in rows]


def test_category_colour_and_seed_are_obeyed(checkpoint, sketches, tmp_path):
    def painted(*options):
        out = tmp_path / "_".join(["out", *options]).replace("#", "")
        command(sketches / "one.png", "--checkpoint", checkpoint, "--out", out, *options)
        return photo(out / "one.png"), json.loads((out / "predictions.json").read_text())["predictions"][0]

    studio, sketch = Studio.load(checkpoint), tiny.drawing(1)
    shown, row = painted("--category", "car", "--colour", "#1830c0")
    assert (row["category"], row["colour"]) == ("car", "#1830c0")
    np.testing.assert_allclose(shown.astype(int), studio.predict(sketch, "car", "#1830c0").photo, atol=1)
    _, row = painted("--category", "car", "--seed", "2")
    assert row["colour"] == tiny.PALETTE["car"][2]


def test_painting_again_into_the_sketches_folder_is_no_sketch(checkpoint, sketches):
    for _ in range(2):
        command(sketches, "--checkpoint", checkpoint, "--out", sketches / "photos")
    content = json.loads((sketches / "photos" / "predictions.json").read_text())
    assert len(content["predictions"]) == 6


def test_without_classifier_there_are_no_probabilities(sketches, tmp_path):
    format.write(tiny.model(classifier=None, classifier_config=None), tmp_path / "plain", "card")
    command(sketches / "one.png", "--checkpoint", tmp_path / "plain", "--out", tmp_path / "out", "--category", "pear")
    row = json.loads((tmp_path / "out" / "predictions.json").read_text())["predictions"][0]
    assert (row["category"], row["probabilities"]) == ("pear", {})
    assert "p_" not in (tmp_path / "out" / "predictions.csv").read_text()


def test_transparent_photos_have_coverage_where_the_model_paints_it(checkpoint, sketches, tmp_path, capsys):
    gan = dataclasses.replace(tiny.GAN, coverage=True)
    format.write(tiny.model(gan=gan, generator=tiny.generator(gan)), tmp_path / "covering", "card")
    command(sketches / "one.png", "--checkpoint", tmp_path / "covering", "--out", tmp_path / "out", "--transparent")
    painted = cv2.imread(str(tmp_path / "out" / "one.png"), cv2.IMREAD_UNCHANGED)
    seen = Studio.load(tmp_path / "covering").predict(tiny.drawing(1))
    np.testing.assert_array_equal(cv2.cvtColor(painted, cv2.COLOR_BGRA2RGBA), seen.cutout)
    asked = ("--checkpoint", checkpoint, "--out", tmp_path / "none", "--transparent")
    assert "paints no coverage" in refused(capsys, sketches / "one.png", *asked)
    assert not (tmp_path / "none").exists()


def test_what_it_refuses(checkpoint, sketches, tmp_path, capsys):
    out = tmp_path / "out"
    with_model = ("--checkpoint", checkpoint, "--out", out)
    assert "there is no" in refused(capsys, tmp_path / "nowhere", *with_model)
    (tmp_path / "nothing").mkdir()
    assert "no pictures in" in refused(capsys, tmp_path / "nothing", *with_model)
    assert "is the folder of the sketches" in refused(capsys, sketches, "--checkpoint", checkpoint, "--out", sketches)
    asked = ("--checkpoint", checkpoint, "--out", sketches)
    assert "would replace the sketch" in refused(capsys, sketches / "one.png", *asked)
    (tmp_path / "file").write_text("")
    assert "is a file" in refused(capsys, sketches, "--checkpoint", checkpoint, "--out", tmp_path / "file")
    assert "did you mean 'shoe'" in refused(capsys, sketches, *with_model, "--category", "shoo")
    assert "the colour must be like" in refused(capsys, sketches, *with_model, "--colour", "red")
    assert "there is no folder" in refused(capsys, sketches, "--checkpoint", tmp_path / "none", "--out", out)
    assert "none of the 2 files could be painted; the first: broken.png" in refused(
        capsys, sketches / "broken.png", sketches / "tiny.png", *with_model
    )
    assert not out.exists()


def test_label_maps_keep_their_colours_where_the_model_takes_them(tmp_path):
    config = dataclasses.replace(tiny.GAN, input_channels=3)
    model = tiny.model(gan=config, generator=tiny.generator(config), classifier=None, classifier_config=None)
    format.write(model, tmp_path / "facades", "card")
    picture = np.full((300, 200, 3), (0, 0, 220), np.uint8)
    picture[40:90, 50:120] = 0, 120, 255
    (tmp_path / "map.png").write_bytes(images.encode_png(picture))
    command(tmp_path / "map.png", "--checkpoint", tmp_path / "facades", "--out", tmp_path / "out")
    studio = Studio.load(tmp_path / "facades")
    np.testing.assert_array_equal(photo(tmp_path / "out" / "map.png"), studio.predict(picture).photo)
    assert np.abs(studio.predict(picture).photo.astype(int) - studio.predict(images.as_sketch(picture)).photo).max() > 8
