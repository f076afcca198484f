"""The score of the studio model: which sketches it takes, what it measures of them, and how it adds up."""

import csv
import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from experiments import human_sketches, studio_headline, studio_judge, studio_pictures, studio_score
from sketch2photo import Studio, images
from sketch2photo.errors import ConfigError, DataError
from sketch2photo.evaluation import metrics
from tests import tiny
from tests.data.raw_files import draw_raw_photos, prepare


@pytest.fixture(scope="module")
def raw(tmp_path_factory) -> Path:
    """A list of drawings as the real one: pictures of two collections and strokes by key and by line."""
    folder = tmp_path_factory.mktemp("raw")
    rows = []
    for collection, category, count in (("a", "shoe", 6), ("b", "shoe", 3), ("a", "pear", 2), ("a", "boat", 4)):
        for i in range(count):
            path = folder / collection / category / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(images.encode_png(tiny.drawing(i, 128)))
            rows.append((collection, category, path.relative_to(folder).as_posix(), ""))
    square = [[[0, 100, 100, 0, 0], [0, 0, 100, 100, 0]], [[20, 80], [50, 50]]]
    lines = [{"word": "car", "key_id": "77", "drawing": square}, {"word": "car", "drawing": square[:1]}]
    (folder / "car.ndjson").write_text("".join(json.dumps(line) + "\n" for line in lines))
    rows += [("q", "car", "car.ndjson", "77"), ("q", "car", "car.ndjson", "line2")]
    rows += [("q", "pickup truck", "car.ndjson", "77")]
    with (folder / "human_val.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("set", "category", "file", "key_id"), *rows])
    return folder


def test_every_line_is_read_and_drawn(raw):
    found = human_sketches.read(raw / "human_val.csv")
    assert len({sketch.name for sketch in found}) == len(found) == 18
    for sketch in found:
        sheet = sketch.sheet()
        assert sheet.shape == (256, 256) and (sheet < images.INK_BELOW).sum() > 100
    whole = next(s for s in found if s.key == "77" and s.category == "car")
    assert (whole.sheet(0.5) < 200).sum() < (whole.sheet() < 200).sum()
    lost = human_sketches.HumanSketch("car", "q", raw / "car.ndjson", "78")
    with pytest.raises(DataError, match="has no drawing '78'"):
        lost.sheet()


def test_a_balanced_choice_takes_turns_and_grows(raw):
    found = human_sketches.read(raw / "human_val.csv")
    names = ("shoe", "pear", "car")
    four = human_sketches.balanced(found, names, 4)
    assert [s.category for s in four] == ["shoe"] * 4 + ["pear"] * 2 + ["car"] * 2
    assert [s.collection for s in four[:4]] == ["a", "b", "a", "b"]
    six = human_sketches.balanced(found, names, 6)
    assert six[:4] == four[:4]
    assert {s.category for s in human_sketches.balanced(found, names, 6, with_strokes=True)} == {"car"}


def test_others_leave_near_kin_out(raw):
    found = human_sketches.read(raw / "human_val.csv")
    assert {s.category for s in human_sketches.others(found, ("shoe", "pear", "car"), None)} == {"boat"}
    assert len(human_sketches.others(found, ("shoe", "pear", "car"), 2)) == 2


def brightness(photos: np.ndarray) -> np.ndarray:
    """Features that a test can foresee: the mean of each quarter of the picture, in three colours."""
    n, s = photos.shape[:2]
    return photos.reshape(n, 2, s // 2, 2, s // 2, 3).mean((2, 4)).reshape(n, -1).astype(np.float32)


def test_lines_are_followed_by_flat_fills_but_without_detail(raw):
    sketches = human_sketches.balanced(human_sketches.read(raw / "human_val.csv"), ("shoe", "pear"), 4)
    sheets = [sketch.sheet() for sketch in sketches]
    flat = [studio_pictures.flat_fill(sheet, "#a03020") for sheet in sheets]
    rng = np.random.default_rng(0)
    real = [np.where(p < 255, rng.integers(0, 200, p.shape), p).astype(np.uint8) for p in flat]
    painted = studio_pictures.Painted(sketches, sheets, flat)
    found = studio_pictures.follows_lines(painted, {"shoe": real[:4], "pear": real[4:]}, brightness)
    assert found["n"] == found["closed"] == 6
    assert found["outline_iou"] > 0.95
    assert found["inner_lines"] < 0.5  # a flat fill has no inner edges
    assert found["detail"] < 0.05
    noisy = studio_pictures.Painted(sketches, sheets, real)
    again = studio_pictures.follows_lines(noisy, {"shoe": real[:4], "pear": real[4:]}, brightness)
    assert again["detail"] == pytest.approx(1)
    assert again["variety"] == pytest.approx(1)


def test_a_flat_fill_of_an_open_drawing_is_its_hull():
    sheet = np.full((256, 256), 255, np.uint8)
    cv2.polylines(sheet, [np.array([[50, 50], [50, 200], [200, 200]], np.int32)], False, (0,), 3)
    photo = studio_pictures.flat_fill(sheet, "#102030")
    assert (photo[150, 100] == (0x10, 0x20, 0x30)).all()
    assert (photo[60, 190] == 255).all()


def test_one_more_stroke_adds_ink_inside_its_band_and_keeps_the_frame():
    sheet = tiny.drawing(3)
    for seed in range(20):
        more, band = studio_pictures._one_more_stroke(sheet, np.random.default_rng(seed))
        changed = more != sheet
        assert not (changed & ~band).any()
        assert images.ink_box(more) == images.ink_box(sheet)
        assert 0 < band.mean() < 0.3


def test_colours_and_strokes_of_a_model(raw):
    """The tiny model tells colours and sketches apart; the figures are those of its pictures."""
    studio = Studio(tiny.model())
    everything = human_sketches.read(raw / "human_val.csv")
    sketches = human_sketches.balanced(everything, tiny.CATEGORIES, 2)
    found = studio_pictures.obeys_colour(studio, sketches, 2)
    assert found["n"] == 2 * 2 + 2 * 2 + 2 * 1  # shoe and car have two colours at least, pear one
    assert 0 < found["ciede2000"] < 120
    rng = np.random.default_rng(0)
    judge = metrics.fit_photo_classifier(rng.normal(size=(30, 12)), np.arange(30) % 3, tiny.CATEGORIES)
    drawn = human_sketches.balanced(everything, tiny.CATEGORIES, 2, with_strokes=True)
    figures = studio_pictures.live(studio, drawn, judge, brightness)
    assert figures["n"] == 2
    assert figures["five_best_at"]["100%"] == 1  # of three classes
    assert figures["step"] > 0 and figures["change_outside"] > 0


def test_credit_runs_from_hopeless_to_the_aim_in_either_direction():
    up = studio_headline.Line("a.x", "", 0.2, 0.8, 1, goal=0.5)
    assert [up.credit(v) for v in (0.0, 0.2, 0.5, 0.8, 1.0)] == pytest.approx([0, 0, 0.5, 1, 1])
    assert up.reached(0.5) and not up.reached(0.49)
    down = studio_headline.Line("a.x", "", 20, 10, 1, goal=15)
    assert [down.credit(v) for v in (25.0, 20, 15, 10, 0)] == pytest.approx([0, 0, 0.5, 1, 1])
    assert down.reached(15) and not down.reached(15.1)
    assert studio_headline.Line("a.x", "", 0, 1, 1).reached(1) is None


def test_the_headline_is_the_weighted_mean_of_what_is_there():
    lines = {line.place: line for line in studio_headline.LINES}
    colour, iou = lines["colour.ciede2000"], lines["lines.outline_iou"]
    report = {"colour": {"ciede2000": colour.aim}, "lines": {"outline_iou": iou.hopeless}}
    expected = 100 * colour.weight / (colour.weight + iou.weight)
    assert studio_headline.headline(report) == pytest.approx(expected)
    assert len(lines) == len(studio_headline.LINES)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory) -> Path:
    """A dataset of a few circles."""
    folder = tmp_path_factory.mktemp("photos")
    draw_raw_photos(folder / "raw", 4, ("circle",))
    prepare("photos", "--raw", folder / "raw", "--out", folder / "pairs", "--size", 64)
    return folder / "pairs"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"--data": "none"}, r"the dataset '\S*none' does not exist"),
        ({"--raw": "none"}, r"features '\S*squeezenet_v1.1_notop.mat' cannot be read"),
    ],
)
def test_bad_input_is_one_sentence(tmp_path, capsys, pairs, changed, message):
    options = {"--data": str(pairs), "--raw": str(tmp_path), "--cache": str(tmp_path / "cache")}
    options |= {name: str(tmp_path / value) for name, value in changed.items()}
    capsys.readouterr()
    with pytest.raises(SystemExit) as end:
        studio_score.main([word for pair in options.items() for word in pair])
    assert end.value.code == 2
    text = capsys.readouterr().err
    assert re.search(message, text), text
    assert text.count("\n") == 1


def test_a_saved_classifier_answers_alike(tmp_path):
    features = np.random.default_rng(0).normal(size=(30, 12))
    classifier = metrics.fit_photo_classifier(features, np.arange(30) % 3, tiny.CATEGORIES)
    studio_judge.save(classifier, tmp_path / "judge.npz")
    again = studio_judge.load(tmp_path / "judge.npz")
    assert again.classes == tiny.CATEGORIES
    np.testing.assert_array_equal(again.logits(features), classifier.logits(features))
    (tmp_path / "broken.npz").write_bytes(b"PK nothing")
    for name in ("broken.npz", "none.npz"):
        with pytest.raises(ConfigError, match=r"the photo classifier .* cannot be read .*: train it again"):
            studio_judge.load(tmp_path / name)
