"""Studio: what goes in, what comes out, and what it refuses."""

import dataclasses
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from sketch2photo import Prediction, Studio, images
from sketch2photo.config import GeneratorConfig
from sketch2photo.errors import CheckpointError, ConfigError, ImageError
from sketch2photo.images import cleanup
from sketch2photo.models.serving import painter
from sketch2photo.release import format
from tests import tiny

WHITE = np.full((80, 80), 255, np.uint8)


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoints") / "tiny"
    format.write(tiny.model(), folder, "card")
    return Studio.load(folder)


def studio_that_says(logits, calibration=format.Calibration()):  # noqa: B008 (frozen)
    """A studio whose classifier answers the same to every sketch."""
    weights = tiny.classifier()
    weights["head"]["kernel"] = np.zeros_like(weights["head"]["kernel"])
    weights["head"]["bias"] = np.array(logits, np.float32)
    return Studio(tiny.model(classifier=weights, calibration=calibration))


def difference(a: Prediction, b: Prediction) -> float:
    assert a.photo is not None and b.photo is not None
    return float(np.abs(a.photo.astype(int) - b.photo).mean())


# ---------------------------------------------------------------- what comes out


def test_what_a_studio_says_of_itself(studio):
    assert studio.name == "tiny"
    assert studio.categories == ("shoe", "car", "pear")
    assert studio.image_size == 64
    assert studio.palette == tiny.PALETTE
    assert studio.has_classifier


def test_a_prediction(studio):
    prediction = studio.predict(tiny.drawing())
    assert prediction.photo.shape == (64, 64, 3) and prediction.photo.dtype == np.uint8
    assert list(prediction.probabilities) == list(tiny.CATEGORIES)
    assert sum(prediction.probabilities.values()) == pytest.approx(1)
    assert all(type(p) is float for p in prediction.probabilities.values())
    assert prediction.category == max(prediction.probabilities, key=prediction.probabilities.get)
    assert prediction.status == "ok"
    assert prediction.colour == tiny.PALETTE[prediction.category][0]


def test_two_drawings_give_two_pictures_and_answers(studio):
    a, b = studio.predict(tiny.drawing(1), "car"), studio.predict(tiny.drawing(2), "car")
    assert difference(a, b) > 3
    assert a.probabilities != b.probabilities


def test_the_asked_category_is_painted_and_the_answers_stay(studio):
    predictions = [studio.predict(tiny.drawing(), category, "#808080") for category in tiny.CATEGORIES]
    assert [p.category for p in predictions] == list(tiny.CATEGORIES)
    assert difference(predictions[0], predictions[1]) > 0.5
    assert predictions[0].probabilities == predictions[1].probabilities == predictions[2].probabilities


def test_the_asked_colour_is_painted(studio):
    red, blue = studio.predict(tiny.drawing(), "car", "#FF0000"), studio.predict(tiny.drawing(), "car", "#0000ff")
    assert (red.colour, blue.colour) == ("#ff0000", "#0000ff")
    assert difference(red, blue) > 1


def test_without_a_colour_the_seed_chooses_one_of_the_category(studio):
    predictions = [studio.predict(tiny.drawing(), "car", seed=seed) for seed in range(4)]
    assert [p.colour for p in predictions] == [*tiny.PALETTE["car"], tiny.PALETTE["car"][0]]
    assert difference(predictions[0], predictions[1]) > 0.5
    np.testing.assert_array_equal(predictions[0].photo, predictions[3].photo)
    asked = studio.predict(tiny.drawing(), "car", tiny.PALETTE["car"][1])
    np.testing.assert_array_equal(predictions[1].photo, asked.photo)
    assert studio.predict(tiny.drawing(), "car", seed=-1).colour == tiny.PALETTE["car"][2]


def test_probabilities_are_the_softmax_of_the_categories_at_the_temperature():
    logits = [1.0, 3.0, 0.0, 2.0]
    prediction = studio_that_says(logits, format.Calibration(2.0, 0.0, 1.0)).predict(tiny.drawing())
    powers = np.exp(np.array(logits[:3]) / 2)
    np.testing.assert_allclose(list(prediction.probabilities.values()), powers / powers.sum(), rtol=1e-6)
    assert prediction.category == "car"


@pytest.mark.parametrize(
    ("logits", "status"),
    [
        ([4.0, 0.0, 0.0, 0.0], "ok"),
        ([1.0, 0.9, 0.8, 0.0], "unsure"),
        ([1.0, 0.9, 0.8, 4.0], "none"),
        ([4.0, 0.0, 0.0, 3.9], "ok"),  # none at 0.47 is not over 0.5; without it the shoe is nearly certain
        ([4.0, 0.0, 0.0, 4.2], "none"),
    ],
)
def test_status(logits, status):
    prediction = studio_that_says(logits, format.Calibration(1.0, 0.5, 0.5)).predict(tiny.drawing())
    assert prediction.status == status
    assert prediction.category == "shoe" and prediction.photo is not None


def test_none_has_a_temperature_of_its_own():
    logits = [4.0, 4.0, 4.0, 4.6]
    alike, sharp = (
        studio_that_says(logits, format.Calibration(1.0, 0.0, 0.5, of_none)).predict(tiny.drawing())
        for of_none in (None, 0.1)
    )
    assert (alike.status, sharp.status) == ("ok", "none")
    assert alike.probabilities == sharp.probabilities


@pytest.mark.parametrize("ink", [0, 3])
def test_an_empty_sheet_is_not_painted(studio, ink):
    sheet = WHITE.copy()
    sheet.flat[1000 : 1000 + ink] = 0
    prediction = studio.predict(sheet, "car", "#ff0000")
    assert (prediction.photo, prediction.category, prediction.status, prediction.colour) == (None, None, "empty", None)
    assert prediction.probabilities == dict.fromkeys(tiny.CATEGORIES, 1 / 3)


def test_a_short_line_is_painted(studio):
    sheet = WHITE.copy()
    sheet[40, 20:30] = 0
    assert studio.predict(sheet).photo is not None


def test_a_small_drawing_is_painted_where_it_is(studio):
    sheet = np.full((256, 256), 255, np.uint8)
    sheet[:64, 192:] = images.resize_sketch(tiny.drawing(), 64)
    photo = studio.predict(sheet, "car").photo
    assert (photo[40:, :] == 255).all() and (photo[:, :24] == 255).all()
    assert photo[2:20, 44:62].std() > 10


def test_a_batch_is_its_drawings_one_by_one(studio):
    sketches = [tiny.drawing(0), WHITE, tiny.drawing(1)[:200], np.stack([tiny.drawing(2)] * 3, -1), tiny.drawing(3)]
    categories, colours, seeds = (
        ["car", "car", None, "pear", None],
        [None, None, "#123456", None, None],
        [1, 0, 0, 0, 2],
    )
    together = studio.predict_batch(sketches, categories, colours, seeds)
    for prediction, *alone in zip(together, sketches, categories, colours, seeds, strict=True):
        single = studio.predict(*alone)
        assert (prediction.category, prediction.status, prediction.colour) == (
            single.category,
            single.status,
            single.colour,
        )
        assert prediction.probabilities == pytest.approx(single.probabilities, abs=1e-4)
        if single.photo is None:
            assert prediction.photo is None
        else:  # a batch may be computed in another order: one grey level here and there
            assert np.abs(prediction.photo.astype(int) - single.photo).max() <= 2
            assert difference(prediction, single) < 0.1


def test_batches_of_any_length(studio):
    assert studio.predict_batch([]) == []
    many = studio.predict_batch([tiny.drawing(i % 2) for i in range(19)])
    assert len(many) == 19
    np.testing.assert_array_equal(many[0].photo, many[2].photo)
    assert difference(many[0], many[18]) < 0.1 and difference(many[0], many[17]) > 3


def test_many_threads_get_the_same_pictures(studio):
    expected = [studio.predict(tiny.drawing(i), "car") for i in range(4)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda i: studio.predict(tiny.drawing(i % 4), "car"), range(16)))
    for i, prediction in enumerate(found):
        np.testing.assert_array_equal(prediction.photo, expected[i % 4].photo)


def test_what_was_compiled_is_not_compiled_again_by_the_first_call():
    import jax.monitoring

    compiled = []

    def note(event: str, duration_secs: float, **_: str | int) -> None:
        if event.endswith("backend_compile_duration"):
            compiled.append(duration_secs)

    jax.monitoring.register_event_duration_secs_listener(note)
    studio = Studio(tiny.model())
    assert 4 in studio.batches
    studio.compile(4)
    before = len(compiled)
    assert before >= 2  # the generator and the classifier
    assert all(prediction.photo is not None for prediction in studio.predict_batch([tiny.drawing()] * 4))
    assert len(compiled) == before
    studio.predict(tiny.drawing())
    assert len(compiled) > before


# ---------------------------------------------------------------- what goes in


@pytest.mark.parametrize("shape", [(16, 16), (16, 4096), (4096, 4096), (37, 300), (300, 37), (64, 64)])
def test_any_shape_is_taken(studio, shape):
    sheet = np.full(shape, 255, np.uint8)
    sheet[shape[0] // 4 : shape[0] // 2 + 2, shape[1] // 4 : shape[1] // 2 + 2] = 0
    assert studio.predict(sheet).photo.shape == (64, 64, 3)


def test_grey_colour_transparent_and_boolean_are_the_same_drawing(studio):
    grey = tiny.drawing()
    alpha = np.zeros((*grey.shape, 4), np.uint8)
    alpha[..., 3] = 255 - grey  # black ink on nothing
    variants = [grey[..., None], np.stack([grey] * 3, -1), alpha, grey > 127]
    expected = studio.predict(grey, "car").photo
    for variant in variants:
        np.testing.assert_array_equal(studio.predict(variant, "car").photo, expected)


def test_a_drawing_is_cleaned_once(studio, monkeypatch):
    """And not again for the classifier and the generator, which both get their frame of the clean sheet."""
    cleaned = []
    clean = cleanup.clean
    monkeypatch.setattr(cleanup, "clean", lambda sketch: cleaned.append(sketch) or clean(sketch))
    studio.predict_batch([tiny.drawing(), 255 - tiny.drawing()])
    assert len(cleaned) == 2


def test_other_shapes_are_padded_to_a_square_on_white(studio):
    tall = np.full((200, 100), 255, np.uint8)
    tall[10:190, 10:90] = images.resize_sketch(tiny.drawing(), 256)[:180, :80]
    square = np.full((200, 200), 255, np.uint8)
    square[:, 50:150] = tall
    np.testing.assert_array_equal(studio.predict(tall).photo, studio.predict(square).photo)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (WHITE.astype(np.float32), "a sketch must be a numpy array of uint8 .* not float32 array"),
        ([[0, 255]], "not list"),
        (np.zeros((20, 20, 2), np.uint8), r"must have shape .*, not \(20, 20, 2\)"),
        (np.zeros((20,), np.uint8), r"not \(20,\)"),
        (np.zeros((15, 100), np.uint8), "16 to 4096 pixels a side, not 100 x 15"),
        (np.zeros((16, 4097), np.uint8), "16 to 4096 pixels a side, not 4097 x 16"),
    ],
)
def test_arrays_that_are_no_sketch_are_refused(studio, array, message):
    with pytest.raises(ImageError, match=message):
        studio.predict(array)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"category": "shoes"}, "unknown category 'shoes': did you mean 'shoe'"),
        ({"category": ""}, "unknown category ''"),
        ({"colour": "red"}, "the colour must be like '#c83020', not 'red'"),
        ({"colour": "#f00"}, "not '#f00'"),
        ({"colour": "#12345g"}, "not '#12345g'"),
        ({"colour": "#1234567"}, "not '#1234567'"),
        ({"colour": (255, 0, 0)}, r"not \(255, 0, 0\)"),
    ],
)
@pytest.mark.parametrize("sheet", [tiny.drawing(), WHITE], ids=["drawn", "empty"])
def test_unknown_categories_and_colours_are_refused(studio, arguments, message, sheet):
    with pytest.raises(ConfigError, match=message):
        studio.predict(sheet, **arguments)


def test_lists_of_another_length_are_refused(studio):
    with pytest.raises(ConfigError, match=r"categories has 1 entries for 2 sketches: give one for each"):
        studio.predict_batch([WHITE, WHITE], ["car"])


# ---------------------------------------------------------------- models of other kinds


def test_without_a_classifier_there_are_no_probabilities():
    studio = Studio(tiny.model(classifier=None, classifier_config=None))
    assert not studio.has_classifier
    prediction = studio.predict(tiny.drawing())
    assert (prediction.probabilities, prediction.category, prediction.status) == ({}, "shoe", "ok")
    assert studio.predict(WHITE).probabilities == {}
    assert studio.predict(tiny.drawing(), "pear").category == "pear"


def test_one_category_is_not_classified():
    one = tiny.model(
        categories=("car",),
        palette={"car": tiny.PALETTE["car"]},
        generator=tiny.generator(categories=1),
        classifier=tiny.classifier(categories=1),
    )
    studio = Studio(one)
    assert not studio.has_classifier
    assert studio.predict(tiny.drawing()).probabilities == {}
    assert studio.predict(tiny.drawing()).category == "car"


def test_an_unconditional_model_takes_no_colour():
    config = dataclasses.replace(
        tiny.GAN,
        class_conditional=False,
        colour_conditional=False,
        input_channels=3,
        generator=GeneratorConfig(width=8, norm="instance"),
    )
    studio = Studio(tiny.model(gan=config, generator=tiny.generator(config), palette={}, classifier=None))
    prediction = studio.predict(tiny.drawing(), "car", "#ff0000")
    assert prediction.colour is None
    assert prediction.photo.std() > 1
    np.testing.assert_array_equal(prediction.photo, studio.predict(tiny.drawing(), "car").photo)


def test_weights_of_another_config_are_refused():
    wider = dataclasses.replace(tiny.GAN, generator=dataclasses.replace(tiny.GAN.generator, width=4))
    with pytest.raises(
        CheckpointError,
        match=r"generator's weights do not fit its config \(down_norms/0/affine/bias is \(32,\), expected \(16,\)\)",
    ):
        Studio(tiny.model(gan=wider))
    with pytest.raises(CheckpointError, match=r"the classifier's weights do not fit .*: release or download"):
        Studio(tiny.model(classifier=tiny.classifier(categories=4)))


def test_what_is_imported_when():
    code = """
import sys, sketch2photo
assert sketch2photo.__version__ and "jax" not in sys.modules and "numpy" not in sys.modules
import sketch2photo.release.format
assert "jax" not in sys.modules
from sketch2photo import Studio, Prediction
assert "jax" in sys.modules
for name in ("orbax", "gradio", "grain", "tensorflow_datasets"):
    assert not any(m == name or m.startswith(name + ".") for m in sys.modules), name
try:
    sketch2photo.Studios
except AttributeError as error:
    assert "no attribute 'Studios'" in str(error)
else:
    raise SystemExit("an attribute that is not there was found")
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


@pytest.fixture(scope="module")
def coloured():
    """A model of coloured inputs without a classifier, as `train.py gan` makes on label maps."""
    config = dataclasses.replace(tiny.GAN, input_channels=3)
    return Studio(tiny.model(gan=config, generator=tiny.generator(config), classifier=None, classifier_config=None))


def label_map(*, walls=(0, 0, 220), height=96, width=96):
    picture = np.full((height, width, 3), walls, np.uint8)
    picture[20:50, 30:60] = 0, 120, 255
    return picture


def test_a_coloured_input_is_seen_as_it_is_in_training(coloured):
    size = coloured.image_size
    shown = images.resize_sketch(images.pad_to_square(label_map(height=64)), size)
    model = coloured._model
    expected = painter(model.gan, len(model.categories), model.generator, "cpu")
    photo = np.asarray(expected[0](expected[1], shown[None], np.array([0]), np.array([[128] * 3], np.uint8)))[0]
    prediction = coloured.predict(label_map(height=64), coloured.categories[0], "#808080")
    assert prediction.status == "ok" and prediction.probabilities == {}
    assert np.abs(prediction.photo.astype(int) - photo).max() <= 1


def test_the_colours_of_an_input_count_only_for_models_of_colours(coloured, studio):
    blue, red = label_map(), label_map(walls=(220, 0, 0))
    assert np.abs(coloured.predict(blue).photo.astype(int) - coloured.predict(red).photo).max() > 8
    assert coloured.takes_colour_inputs
    grey = np.repeat(tiny.drawing()[..., None], 3, -1)
    np.testing.assert_array_equal(coloured.predict(grey).photo, coloured.predict(tiny.drawing()).photo)
    assert not studio.takes_colour_inputs
    as_grey = images.as_sketch(blue)
    np.testing.assert_array_equal(studio.predict(blue, "car").photo, studio.predict(as_grey, "car").photo)


def test_coloured_inputs_and_drawings_mix_in_a_batch(coloured):
    given = [label_map(), tiny.drawing(), np.full((64, 64), 255, np.uint8)]
    together = coloured.predict_batch(given)
    assert [one.status for one in together] == ["ok", "ok", "empty"]
    for one, sketch in zip(together[:2], given, strict=False):
        assert np.abs(one.photo.astype(int) - coloured.predict(sketch).photo).max() <= 1


# ---------------------------------------------------------------- models that paint coverage


@pytest.fixture(scope="module")
def covering():
    gan = dataclasses.replace(tiny.GAN, coverage=True)
    return Studio(tiny.model(gan=gan, generator=tiny.generator(gan)))


def test_a_cutout_is_the_photo_without_its_ground(covering):
    seen = covering.predict(tiny.drawing())
    size = covering.photo_size
    assert size == 2 * covering.image_size
    assert seen.photo.shape == (size, size, 3) and seen.cutout.shape == (size, size, 4)
    assert seen.cutout.dtype == np.uint8 and 0 < seen.cutout[..., 3].mean() < 255
    coverage = seen.cutout[..., 3:] / 255
    np.testing.assert_allclose(seen.photo, 255 + (seen.cutout[..., :3] - 255.0) * coverage, atol=1)


def test_a_small_drawings_cutout_is_transparent_around_its_window(covering):
    sheet = np.full((512, 512), 255, np.uint8)
    sheet[100:140, 100:103] = sheet[100:103, 100:140] = 0
    seen = covering.predict(sheet)
    assert (seen.cutout[400:, :, 3] == 0).all() and (seen.photo[400:] == 255).all()


def test_an_empty_sheet_has_no_cutout_nor_has_a_model_without_coverage(covering, studio):
    assert covering.predict(np.full((64, 64), 255, np.uint8)).cutout is None
    assert studio.predict(tiny.drawing()).cutout is None and studio.photo_size == studio.image_size


# ---------------------------------------------------------------- hints of colour


@pytest.fixture(scope="module")
def hinted():
    gan = dataclasses.replace(tiny.GAN, hints=True)
    return Studio(tiny.model(gan=gan, generator=tiny.generator(gan)))


def dab(sheet: np.ndarray) -> np.ndarray:
    hints = np.zeros((*sheet.shape[:2], 4), np.uint8)
    hints[100:140, 100:140] = (200, 30, 30, 255)
    return hints


def test_hints_change_the_photo_and_none_is_as_before(hinted):
    sheet = tiny.drawing()
    plain = hinted.predict(sheet)
    assert (hinted.predict(sheet, hints=dab(sheet)).photo != plain.photo).any()
    np.testing.assert_array_equal(hinted.predict(sheet, hints=np.zeros_like(dab(sheet))).photo, plain.photo)
    seen = hinted.predict_batch([sheet, sheet], hints=[None, dab(sheet)])
    np.testing.assert_allclose(seen[0].photo, plain.photo, atol=1)
    assert (seen[1].photo != plain.photo).any()


def test_hints_are_framed_as_the_sketch_is(hinted):
    """A small drawing is looked at closer, and so are its hints."""
    sheet = np.full((512, 300), 255, np.uint8)
    sheet[100:160, 100:103] = sheet[100:103, 100:160] = 0
    hints = np.zeros((512, 300, 4), np.uint8)
    hints[110:150, 110:150] = (0, 200, 0, 255)
    larger = [np.kron(one, np.ones((2, 2, 1)[: one.ndim], np.uint8)) for one in (sheet, hints)]
    one, other = hinted.predict(sheet, hints=hints), hinted.predict(larger[0], hints=larger[1])
    assert np.abs(one.photo.astype(int) - other.photo).mean() < 6


@pytest.mark.parametrize(
    ("hints", "sentence"),
    [
        (np.zeros((10, 10, 4), np.uint8), "hints are uint8 (10, 10, 4): give uint8 (256, 256, 4)"),
        (np.zeros((256, 256, 3), np.uint8), "RGBA"),
        (np.zeros((256, 256, 4)), "hints are float64"),
        ("red", "hints are str"),
    ],
)
def test_hints_that_do_not_fit_are_refused(hinted, hints, sentence):
    with pytest.raises(ImageError, match=re.escape(sentence)):
        hinted.predict(tiny.drawing(), hints=hints)


def test_a_model_without_hints_says_so(studio):
    with pytest.raises(ConfigError, match="takes no hints: leave them out"):
        studio.predict(tiny.drawing(), hints=dab(tiny.drawing()))
