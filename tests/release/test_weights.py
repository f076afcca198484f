"""A release of some of a model's categories paints and names them as the whole model does."""

import dataclasses

import numpy as np
import pytest

from sketch2photo.errors import CheckpointError, ConfigError
from sketch2photo.release import format
from sketch2photo.release.weights import restricted, with_first_colours
from sketch2photo.studio import Studio
from tests import tiny


def drawing():
    sheet = np.full((64, 64), 255, np.uint8)
    sheet[12:50, 16:19] = sheet[12:15, 16:44] = sheet[40:44, 16:48] = 0
    return sheet


def with_others():
    """The three categories, and two others that are told apart."""
    config = dataclasses.replace(tiny.CLASSIFIER, others=2)
    return tiny.model(classifier_config=config, classifier=tiny.classifier(config), others=("cat", "castle"))


def test_what_is_kept_is_painted_alike_and_what_is_left_is_an_other():
    whole = with_others()
    part = restricted(whole, ("pear", "shoe"))
    assert part.categories == ("pear", "shoe") and part.others == ("car", "cat", "castle")
    assert set(part.palette) == {"pear", "shoe"} and part.classifier_config.others == 3
    a, b = (Studio(model).predict(drawing(), category="pear") for model in (whole, part))
    np.testing.assert_allclose(a.photo.astype(int), b.photo.astype(int), atol=1)
    assert a.probabilities["pear"] / a.probabilities["shoe"] == pytest.approx(
        b.probabilities["pear"] / b.probabilities["shoe"], rel=1e-4
    )


def test_it_is_written_and_read_with_the_names_of_the_others(tmp_path):
    part = restricted(with_others(), ("car",))
    format.write(part, tmp_path / "model", "card")
    assert format.read(tmp_path / "model").others == ("shoe", "pear", "cat", "castle")


@pytest.mark.parametrize("names", [("cart",), ("car", "car")])
def test_unknown_and_repeated_names_are_refused(names):
    with pytest.raises(ConfigError, match="--categories"):
        restricted(with_others(), names)


def test_a_drawing_of_something_else_gets_a_word():
    model = with_others()
    always = dataclasses.replace(model.calibration, none_above=-1.0)
    seen = Studio(dataclasses.replace(model, calibration=always)).predict(drawing())
    assert seen.status == "none" and seen.word in ("cat", "castle")
    never = dataclasses.replace(model.calibration, none_above=1.0)
    assert Studio(dataclasses.replace(model, calibration=never)).predict(drawing()).word is None
    nameless = dataclasses.replace(model, others=(), calibration=always)
    assert Studio(nameless).predict(drawing()).word is None


def test_the_colour_that_pleases_comes_first_and_none_is_lost():
    model = with_first_colours(tiny.model(), ["car=#2030d0", "shoe=#ffffff"])
    assert model.palette["car"] == ("#1830c0", "#c01818", "#e0e0e0")
    assert model.palette["shoe"] == ("#f0f0f0", "#202020") and model.palette["pear"] == ("#a0b830",)
    assert Studio(model).predict(drawing(), category="car").colour == "#1830c0"


@pytest.mark.parametrize(
    ("wanted", "reason"), [("car", "give CATEGORY=#rrggbb"), ("cart=#102030", "unknown"), ("car=red", "must be like")]
)
def test_first_colours_that_are_none_are_refused(wanted, reason):
    with pytest.raises(ConfigError, match=reason):
        with_first_colours(tiny.model(), [wanted])


def test_names_that_are_not_as_many_as_the_outputs_are_a_broken_model(tmp_path):
    format.write(dataclasses.replace(with_others(), others=("cat",)), tmp_path / "model", "card")
    with pytest.raises(CheckpointError, match="names 1 other categories"):
        format.read(tmp_path / "model")
