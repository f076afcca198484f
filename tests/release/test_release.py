"""Releasing runs: what is written, what it says, what it refuses, and that nothing is ever half-written."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sketch2photo import Studio
from sketch2photo.config import ClassifierConfig, GanConfig
from sketch2photo.errors import CheckpointError
from sketch2photo.models import vgg
from sketch2photo.release import __main__ as release
from sketch2photo.release import format
from sketch2photo.release.__main__ import loss_of_packing
from sketch2photo.release.weights import open_weights
from sketch2photo.training import classifier, run_folder
from sketch2photo.training.classifier import ClassifierState
from sketch2photo.training.gan import GanState
from tests import tiny

TRAINED = dataclasses.replace(tiny.CLASSIFIER, norm="batch")
SWAPPED = ("pear", "shoe", "car")
CALIBRATION = format.Calibration(temperature=1.25, unsure_below=0.4, none_above=0.9)


def save(path, kind, config, categories, state, palette=None):
    run_folder.write_run(path, config, categories, palette)
    with run_folder.RunCheckpoints(path) as saved:
        saved.save(int(state.step), jax.tree.map(jnp.asarray, state), {})
    return path


def gan_run(path, *, ema=True, categories=tiny.CATEGORIES):
    last, average = tiny.generator(seed=1), tiny.generator(seed=2)
    state = GanState(
        step=np.int32(700),
        generator=last,
        discriminator=tiny.discriminator(),
        generator_optimiser={"m": np.zeros(1)},
        discriminator_optimiser={"m": np.zeros(1)},
        ema=average if ema else None,
        key=jax.random.key(0),
    )
    return save(path, "gan", GanConfig(model=tiny.GAN, batch_size=4), categories, state, tiny.PALETTE)


def classifier_weights():
    weights = tiny.classifier(TRAINED)
    sketch = np.stack([tiny.drawing(i, 32) for i in range(8)])[..., None]
    return jax.tree.map(np.asarray, vgg.measured(weights, classifier.layers.to_model(sketch)))


def classifier_run(path, *, categories=SWAPPED, calibrated=True):
    state = ClassifierState(np.int32(90), classifier_weights(), {"m": np.zeros(1)}, jax.random.key(0))
    save(path, "classifier", ClassifierConfig(model=TRAINED), categories, state)
    if calibrated:
        (path / "calibration.json").write_text(json.dumps(dataclasses.asdict(CALIBRATION)))
    return path


@pytest.fixture(autouse=True)
def no_packing_loss(monkeypatch):
    """What a release costs is measured in a test of its own: two models are compiled for it."""
    monkeypatch.setattr(release, "loss_of_packing", lambda model: (0.5, 0.01))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    return gan_run(folder / "gan"), classifier_run(folder / "classifier")


def command(*arguments):
    release.main([str(argument) for argument in arguments])


def refused(capsys, *arguments):
    """What a refused command says; one line, exit code 2."""
    with pytest.raises(SystemExit) as stopped:
        command(*arguments)
    assert stopped.value.code == 2
    said = capsys.readouterr().err.strip()
    assert "\n" not in said and said.startswith("release: ")
    return said


# ---------------------------------------------------------------- what is released


def test_both_runs_become_one_model(runs, tmp_path, capsys):
    gan, named = runs
    command("--gan", gan, "--classifier", named, "--out", tmp_path / "checkpoints" / "mine")
    folder = tmp_path / "checkpoints" / "mine"
    assert sorted(p.name for p in folder.iterdir()) == ["MODEL_CARD.md", "config.json", "weights.npz"]
    assert [p.name for p in (tmp_path / "checkpoints").iterdir()] == ["mine"]
    said = capsys.readouterr().out
    assert f"{sum(p.stat().st_size for p in folder.iterdir()) / 1e6:.1f} MB" in said
    assert "grey levels in the mean" in said

    model = format.read(folder)
    assert (model.categories, model.palette) == (tiny.CATEGORIES, tiny.PALETTE)
    assert (model.gan, model.classifier_config) == (tiny.GAN, tiny.CLASSIFIER)
    assert model.calibration == CALIBRATION
    assert model.discriminator is None
    card = (folder / "MODEL_CARD.md").read_text()
    assert "700 steps, 2,800 images seen" in card and "shoe, car, pear" in card


def test_the_classifier_keeps_its_answers_in_the_generators_order(runs, tmp_path):
    gan, named = runs
    command("--gan", gan, "--classifier", named, "--out", tmp_path / "mine")
    prediction = Studio.load(tmp_path / "mine").predict(tiny.drawing(3))
    network = classifier.ClassifierNetwork(ClassifierConfig(model=TRAINED), 3)
    from sketch2photo import images

    sketch, _ = images.frame_drawing(tiny.drawing(3), 32)
    logits = network.logits(classifier_weights(), classifier.layers.to_model(sketch[None, ..., None]))
    powers = np.exp((np.asarray(logits)[0, :3] - float(np.max(logits))) / CALIBRATION.temperature)
    expected = dict(zip(SWAPPED, powers / powers.sum(), strict=True))
    assert np.ptp(list(expected.values())) > 0.3
    assert prediction.probabilities == pytest.approx(expected, abs=0.1)  # int8 weights of a tiny network
    assert list(prediction.probabilities) == list(tiny.CATEGORIES)


def test_a_released_models_classifier_can_be_kept(runs, tmp_path, capsys):
    gan, named = runs
    command("--gan", gan, "--classifier", named, "--out", tmp_path / "first")
    command("--gan", gan, "--classifier", tmp_path / "first", "--out", tmp_path / "second")
    first, second = (Studio.load(tmp_path / name) for name in ("first", "second"))
    drawing = tiny.drawing(3)
    assert second.predict(drawing).probabilities == pytest.approx(first.predict(drawing).probabilities, abs=1e-4)
    assert second.calibration == CALIBRATION
    assert "as released before" in (tmp_path / "second" / "MODEL_CARD.md").read_text()
    command("--gan", gan, "--out", tmp_path / "silent")
    said = refused(capsys, "--gan", gan, "--classifier", tmp_path / "silent", "--out", tmp_path / "third")
    assert "was released without one" in said


def test_a_released_models_generator_can_be_kept(runs, tmp_path):
    gan, named = runs
    command("--gan", gan, "--out", tmp_path / "first", "--with-discriminator")
    command("--gan", tmp_path / "first", "--classifier", named, "--out", tmp_path / "second", "--with-discriminator")
    command("--gan", tmp_path / "second", "--out", tmp_path / "third")
    first, second, third = (format.read(tmp_path / name) for name in ("first", "second", "third"))
    for part in ("generator", "discriminator"):
        one, other = jax.tree.leaves(getattr(first, part)), jax.tree.leaves(getattr(second, part))
        assert len(one) == len(other) > 0
        for a, b in zip(one, other, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)
    assert second.calibration == CALIBRATION and second.classifier is not None
    assert third.classifier is None and third.discriminator is None
    assert "as released before" in (tmp_path / "second" / "MODEL_CARD.md").read_text()


@pytest.mark.parametrize("ema", [True, False])
def test_the_moving_average_is_released_where_there_is_one(tmp_path, ema):
    command("--gan", gan_run(tmp_path / "run", ema=ema), "--out", tmp_path / "mine")
    expected = tiny.generator(seed=2 if ema else 1)["downs"][2]["kernel"]
    found = format.read(tmp_path / "mine").generator["downs"][2]["kernel"]
    np.testing.assert_allclose(found, expected, atol=np.abs(expected).max() / 100)


def test_without_a_classifier_nothing_is_named(runs, tmp_path):
    command("--gan", runs[0], "--out", tmp_path / "mine")
    studio = Studio.load(tmp_path / "mine")
    assert not studio.has_classifier and studio.predict(tiny.drawing()).probabilities == {}


def test_the_discriminator_comes_along_if_asked(runs, tmp_path):
    command("--gan", runs[0], "--out", tmp_path / "mine", "--with-discriminator")
    found = format.read(tmp_path / "mine").discriminator
    expected = tiny.discriminator()
    assert jax.tree.map(np.shape, found) == jax.tree.map(np.shape, expected)
    assert "Discriminator included: yes" in (tmp_path / "mine" / "MODEL_CARD.md").read_text()


def test_a_card_and_what_lies_beside_it_are_kept(runs, tmp_path):
    command("--gan", runs[0], "--out", tmp_path / "mine")
    (tmp_path / "mine" / "MODEL_CARD.md").write_text("# written by a person")
    (tmp_path / "mine" / "grid.png").write_bytes(b"picture")
    command("--gan", runs[0], "--classifier", runs[1], "--out", tmp_path / "mine")
    assert (tmp_path / "mine" / "MODEL_CARD.md").read_text() == "# written by a person"
    assert (tmp_path / "mine" / "grid.png").read_bytes() == b"picture"
    assert format.read(tmp_path / "mine").classifier is not None
    assert [p.name for p in tmp_path.iterdir()] == ["mine"]


# ---------------------------------------------------------------- opening weights


def test_runs_and_releases_are_opened_alike(runs, tmp_path):
    gan, classifier = map(open_weights, runs)
    assert gan.steps == {"gan": 700, "images": 2800} and classifier.steps == {"classifier": 90}
    assert (gan.categories, gan.gan, gan.palette) == (tiny.CATEGORIES, tiny.GAN, tiny.PALETTE)
    assert (classifier.categories, classifier.classifier_config) == (SWAPPED, tiny.CLASSIFIER)
    assert classifier.calibration == CALIBRATION and "scale" in classifier.classifier["convs"][0]
    np.testing.assert_array_equal(gan.generator["last"]["kernel"], tiny.generator(seed=2)["last"]["kernel"])
    format.write(tiny.model(), tmp_path / "mine", "card")
    released = open_weights(tmp_path / "mine")
    assert released.steps == {} and released.discriminator is None and released.model is released.released
    np.testing.assert_array_equal(released.classifier["head"]["kernel"], tiny.classifier()["head"]["kernel"])


def test_what_a_folder_has_not_is_said_with_the_option(runs):
    gan, classifier = runs
    for ask, said in (
        (
            lambda: open_weights(classifier).generator,
            f"{str(classifier)!r} is a classifier run: name one of train.py gan",
        ),
        (lambda: open_weights(classifier).model, "name one of train.py gan"),
        (lambda: open_weights(classifier, "--init").discriminator, "--init .* is a classifier run"),
        (
            lambda: open_weights(gan, "--average-with").classifier,
            "--average-with .* is a gan run: name one of train.py",
        ),
        (lambda: open_weights(gan / "none", "--init"), "--init: there is no folder"),
    ):
        with pytest.raises(CheckpointError, match=said):
            ask()


# ---------------------------------------------------------------- int8


@pytest.mark.parametrize("axis", [0, 3])
def test_int8_is_within_half_a_step_of_the_channel(axis):
    rng = np.random.default_rng(0)
    spread = np.geomspace(0.001, 10, 6).reshape([6 if a == axis else 1 for a in range(4)])
    value = (rng.normal(0, 1, [6 if a == axis else 5 for a in range(4)]) * spread).astype(np.float32)
    (found,) = format.quantised({"kernel": value}).values()
    others = tuple(a for a in range(4) if a != axis)
    step = np.abs(value).max(others, keepdims=True) / 127
    assert (np.abs(found - value) <= step * 0.5001).all()
    assert not np.array_equal(found, value)


def test_small_arrays_and_silent_channels_are_exact():
    weights = {"a": {"bias": np.float32([0.1, 1e-6]), "kernel": np.zeros((3, 3, 2, 2), np.float32)}, 0: np.float32([7])}
    found = format.quantised(weights)
    np.testing.assert_array_equal(found["a"]["bias"], weights["a"]["bias"])
    np.testing.assert_array_equal(found["a"]["kernel"], 0)
    assert found[0] == 7


def test_int8_costs_little():
    photo, probability = loss_of_packing(tiny.model(), count=4)
    assert 0 < photo < 4
    assert 0 < probability < 0.05


def test_an_int8_file_is_a_quarter_of_float32(tmp_path):
    size = format.write(tiny.model(), tmp_path / "mine", "card")
    kernels = sum(
        leaf.size for tree in (tiny.generator(), tiny.classifier()) for leaf in jax.tree.leaves(tree) if leaf.ndim == 4
    )
    assert size < 1.6 * kernels


# ---------------------------------------------------------------- what is refused


def test_runs_that_do_not_belong_together_are_refused(runs, tmp_path, capsys):
    gan, named = runs
    other = classifier_run(tmp_path / "other", categories=("shoe", "car", "apple"))
    out = tmp_path / "mine"
    said = refused(capsys, "--gan", gan, "--classifier", other, "--out", out)
    assert "the categories differ: shoe, car, pear in" in said and "shoe, car, apple in" in said
    assert "is a classifier run: name one of train.py gan" in refused(capsys, "--gan", named, "--out", out)
    said = refused(capsys, "--gan", gan, "--classifier", gan, "--out", out)
    assert "is a gan run: name one of train.py classifier" in said
    assert not out.exists()


def test_folders_that_are_no_finished_run_are_refused(runs, tmp_path, capsys):
    out = tmp_path / "mine"
    said = refused(capsys, "--gan", tmp_path / "nowhere", "--out", out)
    assert "nowhere' is not a training run" in said
    run_folder.write_run(tmp_path / "new", GanConfig(model=tiny.GAN), tiny.CATEGORIES)
    assert "nothing is saved in" in refused(capsys, "--gan", tmp_path / "new", "--out", out)
    unfinished = classifier_run(tmp_path / "unfinished", calibrated=False)
    said = refused(capsys, "--gan", runs[0], "--classifier", unfinished, "--out", out)
    assert "has no calibration.json: it is written when training ends, go on with --resume" in said
    (unfinished / "calibration.json").write_text('{"temperature": ')
    said = refused(capsys, "--gan", runs[0], "--classifier", unfinished, "--out", out)
    assert "calibration.json' cannot be read" in said
    assert not out.exists()


def test_other_folders_and_files_are_not_replaced(runs, tmp_path, capsys):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_bytes(b"dear to someone")
    said = refused(capsys, "--gan", runs[0], "--out", tmp_path / "photos")
    assert "photos' holds something that is no released model: choose a new folder" in said
    assert (tmp_path / "photos" / "cat.jpg").read_bytes() == b"dear to someone"
    (tmp_path / "file").write_text("text")
    assert "file' is a file: choose a folder" in refused(capsys, "--gan", runs[0], "--out", tmp_path / "file")
    assert (tmp_path / "file").read_text() == "text"


def test_a_full_disk_leaves_the_old_model(tmp_path, monkeypatch):
    format.write(tiny.model(), tmp_path / "mine", "old card")

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(format.np, "savez_compressed", full)
    for name in ("mine", "new"):
        with pytest.raises(CheckpointError, match=r"could not be written .*No space left.*: make room"):
            format.write(tiny.model(palette={}), tmp_path / name, "card")
    assert [p.name for p in tmp_path.iterdir()] == ["mine"]
    assert format.read(tmp_path / "mine").palette == tiny.PALETTE


def test_folders_that_are_no_released_model_are_refused(tmp_path):
    with pytest.raises(CheckpointError, match=r"there is no folder .*nowhere': name a released model"):
        Studio.load(tmp_path / "nowhere")
    with pytest.raises(
        CheckpointError, match=r"is not a released model .*: make one by  python -m sketch2photo.release"
    ):
        Studio.load(tmp_path)
    format.write(tiny.model(), tmp_path / "mine", "card")
    whole = (tmp_path / "mine" / "weights.npz").read_bytes()
    for broken in (whole[:100], whole[: len(whole) // 2], b"", b"no zip at all"):
        (tmp_path / "mine" / "weights.npz").write_bytes(broken)
        with pytest.raises(CheckpointError, match=r"mine' is broken .*: release or download it again"):
            Studio.load(tmp_path / "mine")
    (tmp_path / "mine" / "weights.npz").write_bytes(whole)
    config = (tmp_path / "mine" / "config.json").read_text()
    for text, message in (
        (config.replace('"format": 1', '"format": 2'), "has format 2, this version reads 1: update sketch2photo"),
        (config[:50], "is broken"),
        ("{}", "is broken"),
        ("[]", "is broken"),
    ):
        (tmp_path / "mine" / "config.json").write_text(text)
        with pytest.raises(CheckpointError, match=message):
            Studio.load(tmp_path / "mine")
