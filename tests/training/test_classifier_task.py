"""The classifier's run: what it reads, starts from, shows and leaves behind."""

import dataclasses
import json
import shutil
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sketch2photo import cli
from sketch2photo.config import GAN_PRESETS, ClassifierConfig, ClassifierModelConfig
from sketch2photo.data import loader
from sketch2photo.data.loader import Mix
from sketch2photo.errors import CheckpointError, ConfigError, DataError
from sketch2photo.models import layers, vgg
from sketch2photo.release import format
from sketch2photo.release.weights import open_weights
from sketch2photo.training import classifier, classifier_task, init_weights, loop, run_folder

SMALL = ClassifierConfig(
    model=ClassifierModelConfig(image_size=32, width=4, dropout=0.0),
    batch_size=4,
    steps=3,
    save_every=2,
    sample_every=2,
)


class Drawings:
    kind = "drawings"

    def __init__(self, categories):
        self.categories = categories

    def sources(self):
        return {"ours": "none"}


def examples(n, classes, size=32, seed=0):
    """Class k is k + 1 bars."""
    label = (np.arange(n) % classes).astype(np.int32)
    sketch = np.full((n, size, size, 1), 255, np.uint8)
    for i, k in enumerate(label):
        for bar in range(k + 1):
            sketch[i, 6:26, 4 + 8 * bar + (i + seed) % 3] = 0
    return {"sketch": sketch, "label": label}


class Endless:
    def __init__(self, n, classes):
        self.n, self.classes, self.position = n, classes, 0

    def __next__(self):
        self.position += 1
        return examples(self.n, self.classes, seed=self.position)

    def get_state(self):
        return {"position": self.position}

    def set_state(self, state):
        self.position = state["position"]


@pytest.fixture
def pipeline(monkeypatch):
    """Drawings made up here in the place of datasets; what was asked of them is kept."""
    asked = []

    def batches(datasets, split, **options):
        asked.append((split, options))
        return Endless(options["batch_size"], len(options["categories"]) + 1)

    def some(datasets, split, *, categories, fraction=1.0, limit=None, **options):
        asked.append((split, {"fraction": fraction, "limit": limit, **options}))
        return examples(min(limit or 24, 24), len(categories) + 1)

    known = {"animals": ("cat", "dog"), "things": ("shoe", "car", "dog")}
    monkeypatch.setattr(loader, "open_dataset", lambda path: Drawings(known[str(path)]))
    monkeypatch.setattr(loader, "sketch_batches", batches)
    monkeypatch.setattr(loader, "sketch_examples", some)
    return asked


def task(config=SMALL, categories=("cat", "dog"), say=lambda text: None):
    return classifier_task.ClassifierTask(
        dataclasses.replace(config, categories=categories), [Path("animals"), Path("things")], say
    )


def fresh(config=SMALL, categories=2, seed=0):
    network = classifier.ClassifierNetwork(config, categories)
    return jax.jit(lambda key: classifier.initial_state(network, key))(jax.random.key(seed)), network


def as_run(folder, state, categories=("cat", "dog")):
    """A run's folder with this state as its only checkpoint."""
    run_folder.write_run(folder, SMALL, categories)
    with run_folder.RunCheckpoints(folder) as saved:
        saved.save(1, state, {})


def test_without_a_list_all_categories_are_told_apart(pipeline):
    assert task(categories=()).categories == ("cat", "dog", "shoe", "car")
    assert task(categories=("car", "cat")).categories == ("car", "cat")


def test_an_unknown_category_is_refused(pipeline):
    with pytest.raises(DataError, match=r"no dataset given has the category 'cow': it has cat, dog, shoe, car"):
        task(categories=("cat", "cow"))


def test_near_kin_are_classes_with_the_category_they_are_near_to(pipeline):
    said = []
    made = task(dataclasses.replace(SMALL, near_kin=("shoe=dog", "cow=cat"), near_kin_share=0.25), say=said.append)
    made.batches()
    split, options = pipeline[-1]
    assert split == "train" and options["others"] == ("car", "shoe")
    assert options["mix"].near_kin == ((3, 1),) and options["mix"].near_kin_share == 0.25
    assert said == ["--near-kin: the data do not have cow"]


@pytest.mark.parametrize(
    ("wrong", "apart", "message"),
    [
        (("shoe",), True, r"--near-kin 'shoe': give each other category once and one of cat, dog, as bicycle="),
        (("=dog",), True, r"--near-kin '=dog': give"),
        (("shoe=cow",), True, r"--near-kin 'shoe=cow': give"),
        (("cat=dog",), True, r"--near-kin 'cat=dog': give"),
        (("shoe=dog", "shoe=cat"), True, r"--near-kin 'shoe=cat': give"),
        (("shoe=dog",), False, r"--near-kin needs the other categories told apart: leave out --no-others-apart"),
    ],
)
def test_near_kin_of_nothing_are_refused(pipeline, wrong, apart, message):
    with pytest.raises(ConfigError, match=message):
        task(dataclasses.replace(SMALL, near_kin=wrong, others_apart=apart))


def test_a_run_from_start_to_calibration(pipeline, tmp_path, capsys):
    state = loop.train(task(), tmp_path / "run")
    assert int(state.step) == 3
    lines = [json.loads(line) for line in (tmp_path / "run" / "stats.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3]
    assert {"loss_cross_entropy", "accuracy", "images_per_second", "data_wait"} <= set(lines[0])
    evaluations = [json.loads(line) for line in (tmp_path / "run" / "evaluation.jsonl").read_text().splitlines()]
    averages = run_folder.restore_state(tmp_path / "run")["params"]["convs"][0]
    assert float(np.abs(averages["mean"]).min()) > 0, "batch norm's averages were not measured before saving"
    assert set(evaluations[-1]) == {"step", "val_accuracy", "val_accuracy_half_drawn", "val_none_recall"}
    assert sorted(p.name for p in (tmp_path / "run" / "samples").iterdir()) == ["0000002.png", "0000003.png"]
    found = format.Calibration(**json.loads((tmp_path / "run" / "calibration.json").read_text()))
    assert 0.05 <= found.temperature <= 20 and 0 <= found.unsure_below <= 0.9 and 0 < found.none_above < 1
    info = run_folder.read_run(tmp_path / "run")
    assert info.kind == "classifier" and info.categories == ("cat", "dog")
    assert "calibration error" in capsys.readouterr().out
    train = next(options for split, options in pipeline if split == "train")
    assert train["prefix"] == SMALL.prefix and train["shake"] == SMALL.shake
    assert train["mix"] == Mix(SMALL.balance, SMALL.drawn_share, SMALL.none_share, (), SMALL.near_kin_share)
    assert train["others"] == ("car", "shoe") and info.config.model.others == 2


@pytest.mark.slow
def test_a_resumed_run_is_the_run_not_stopped(pipeline, tmp_path):
    whole = loop.train(task(), tmp_path / "whole")
    first = task(dataclasses.replace(SMALL, steps=3))
    loop.train(task(dataclasses.replace(SMALL, save_every=1)), tmp_path / "a")
    shutil.rmtree(tmp_path / "a" / "state" / "3")
    resumed = loop.train(first, tmp_path / "a", resume=True)
    for a, b in zip(jax.tree.leaves(whole.params), jax.tree.leaves(resumed.params), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow
@pytest.mark.parametrize(("head_only", "saved"), [(5 / 6, 4), (0.5, 4)], ids=["in the warm-up", "after it"])
def test_a_resumed_run_with_head_warm_up_and_frozen_blocks_is_the_run_not_stopped(pipeline, tmp_path, head_only, saved):
    model = dataclasses.replace(SMALL.model, dropout=0.3)
    config = dataclasses.replace(
        SMALL, model=model, steps=6, save_every=saved, head_only=head_only, frozen_blocks=1, learning_rate=3e-3
    )
    whole = loop.train(task(config), tmp_path / "run")
    stats = [json.loads(line) for line in (tmp_path / "run" / "stats.jsonl").read_text().splitlines()]
    at_saved = run_folder.restore_state(tmp_path / "run", saved)["params"]["convs"]
    shutil.rmtree(tmp_path / "run" / "state" / "6")
    resumed = loop.train(task(config), tmp_path / "run", resume=True)
    for (path, a), b in zip(jax.tree.leaves_with_path(whole), jax.tree.leaves(resumed), strict=True):
        if not jax.dtypes.issubdtype(a.dtype, jax.dtypes.prng_key):
            np.testing.assert_array_equal(a, b, err_msg=jax.tree_util.keystr(path))
    again = [json.loads(line) for line in (tmp_path / "run" / "stats.jsonl").read_text().splitlines()]
    assert [line["loss_cross_entropy"] for line in again] == [line["loss_cross_entropy"] for line in stats]
    # In the warm-up nothing but the head has moved yet; after it all but the frozen block has.
    fresh_state = jax.jit(task(config).initial_state)(jax.random.key(config.seed)).params["convs"]
    moved = lambda a, b: [i for i in a if not np.array_equal(a[i]["kernel"], b[i]["kernel"])]  # noqa: E731
    assert moved(fresh_state, at_saved) == ([] if head_only > 0.6 else list(range(2, 13)))
    assert moved(fresh_state, resumed.params["convs"]) == list(range(2, 13))


# ---------------------------------------------------------------- starting from other weights


def test_a_run_of_other_categories_and_size_fits_by_name(pipeline, tmp_path):
    trained, _ = fresh(categories=3, seed=7)
    as_run(tmp_path / "first", trained, ("shoe", "dog", "car"))
    larger = dataclasses.replace(SMALL, model=dataclasses.replace(SMALL.model, image_size=64))
    said = []
    state, _ = fresh(larger)
    source = open_weights(tmp_path / "first")
    params = init_weights.initialise_classifier(
        state.params,
        source.classifier,
        (source.categories, ()),
        (("cat", "dog"), ()),
        examples(4, 3, 64)["sketch"],
        said.append,
    )
    np.testing.assert_array_equal(params["convs"][5]["kernel"], trained.params["convs"][5]["kernel"])
    np.testing.assert_array_equal(params["convs"][5]["variance"], trained.params["convs"][5]["variance"])
    there = np.asarray(trained.params["head"]["kernel"])
    np.testing.assert_array_equal(params["head"]["kernel"][:, 1], there[:, 1])  # dog
    np.testing.assert_array_equal(params["head"]["kernel"][:, 2], there[:, 3])  # none of these
    # cat is new: at all features less likely than the others are on average
    np.testing.assert_allclose(params["head"]["kernel"][:, 0], there.mean(-1), atol=1e-6)
    given = np.asarray(trained.params["head"]["bias"])
    np.testing.assert_allclose(params["head"]["bias"][0], given.mean() - 3, atol=1e-6)
    assert said == ["classifier: 65 of 67 arrays fit; fresh: head/bias (1 of 3 outputs), head/kernel (1 of 3 outputs)"]


def test_what_was_an_other_category_becomes_one_of_the_categories():
    wide = dataclasses.replace(SMALL, model=dataclasses.replace(SMALL.model, others=3))
    trained, _ = fresh(wide, seed=7)
    grown = dataclasses.replace(SMALL, model=dataclasses.replace(SMALL.model, others=2))
    state, _ = fresh(grown, categories=3)
    theirs, ours, said = (("cat", "dog"), ("bat", "car", "owl")), (("cat", "owl", "dog"), ("bat", "car")), []
    params = init_weights.initialise_classifier(
        state.params, trained.params, theirs, ours, examples(4, 3)["sketch"], said.append
    )
    np.testing.assert_array_equal(params["head"]["bias"], np.asarray(trained.params["head"]["bias"])[[0, 4, 1, 2, 3]])
    assert said[0].endswith("arrays fit")


def test_a_released_classifier_goes_on_where_it_was(pipeline, tmp_path):
    state, network = fresh(seed=3)
    gan = GAN_PRESETS["debug"].model
    model = format.ReleasedModel(
        gan,
        ("cat", "dog"),
        {},
        {"w": np.zeros(2, np.float32)},
        classifier_config=dataclasses.replace(SMALL.model, norm="none"),
        classifier=jax.tree.map(np.asarray, vgg.fold(state.params)),
    )
    format.write(model, tmp_path / "model", "card")
    sketch = examples(12, 3)["sketch"]
    said = []
    other, _ = fresh(seed=4)
    params = init_weights.initialise_classifier(
        other.params,
        open_weights(tmp_path / "model").classifier,
        (("cat", "dog"), ()),
        (("cat", "dog"), ()),
        sketch,
        said.append,
    )
    assert said[0].endswith("arrays fit")
    x = layers.to_model(jnp.asarray(sketch))
    expected = np.asarray(network.logits(state.params, x))
    np.testing.assert_allclose(network.logits(params, x), expected, atol=0.05 * np.ptp(expected) + 1e-6)


def test_the_mean_of_two_runs_is_a_run_of_its_own(pipeline, tmp_path):
    """To the bit what it was, if nothing is learned; batch norm's averages are measured, not the mean of theirs."""
    both = []
    for name, seed in (("one", 3), ("two", 4)):
        trained, _ = fresh(dataclasses.replace(SMALL, model=dataclasses.replace(SMALL.model, others=2)), seed=seed)
        as_run(tmp_path / name, trained)
        both.append(trained.params)
    config = dataclasses.replace(SMALL, average_with=(str(tmp_path / "two"),), steps=1, learning_rate=0.0)
    made = task(config)
    state = loop.train(made, tmp_path / "mean", init=str(tmp_path / "one"))
    expected = jax.tree.map(lambda a, b: (a + b) / 2, *both)
    written = run_folder.restore_state(tmp_path / "mean")["params"]
    for got in (state.params, written):
        np.testing.assert_array_equal(got["convs"][5]["kernel"], expected["convs"][5]["kernel"])
        np.testing.assert_array_equal(got["head"]["kernel"], expected["head"]["kernel"])
    sketch = layers.to_model(jnp.asarray(examples(classifier_task.MEASURED, 3)["sketch"][:24]))
    measured = vgg.measured(expected, sketch)["convs"]
    np.testing.assert_allclose(written["convs"][5]["variance"], measured[5]["variance"], rtol=1e-4)
    assert (tmp_path / "mean" / "calibration.json").exists()


def test_what_cannot_be_averaged_is_refused(pipeline, tmp_path):
    with pytest.raises(ConfigError, match=r"--average-with 'there' needs --init: name what to average it with"):
        cli.parse("train", ["classifier", "--data", "x", "--out", "y", "--average-with", "there"])
    parsed = cli.parse("train", ["classifier", "--data", "x", "--out", "y", "--init", "a", "--average-with", "b", "c"])
    assert parsed.init == "a" and parsed.config.average_with == ("b", "c")
    trained, _ = fresh(seed=3)
    as_run(tmp_path / "one", trained)
    config = dataclasses.replace(SMALL, average_with=(str(tmp_path / "nothing"),))
    with pytest.raises(CheckpointError, match=r"--average-with: .*nothing"):
        loop.train(task(config), tmp_path / "mean", init=str(tmp_path / "one"))
    assert not (tmp_path / "mean").exists()


def test_one_output_of_none_becomes_many_that_say_the_same():
    state, network = fresh(seed=3)
    many = dataclasses.replace(SMALL, model=dataclasses.replace(SMALL.model, others=7))
    wide, wide_network = fresh(many, seed=4)
    sketch, said = examples(12, 3)["sketch"], []
    params = init_weights.initialise_classifier(
        wide.params, state.params, (("cat", "dog"), ()), (("cat", "dog"), ()), sketch, said.append
    )
    assert params["head"]["bias"].shape == (9,) and said[0].endswith("arrays fit")
    x = layers.to_model(jnp.asarray(sketch))
    np.testing.assert_allclose(wide_network.logits(params, x), network.logits(state.params, x), rtol=1e-4, atol=1e-4)
    # Back again nothing fits, for seven outputs are no sum.
    init_weights.initialise_classifier(
        state.params, params, (("cat", "dog"), ()), (("cat", "dog"), ()), sketch, said.append
    )
    assert said[1] == "classifier: 65 of 67 arrays fit; fresh: head/bias (1 of 3 outputs), head/kernel (1 of 3 outputs)"


def test_runs_and_releases_without_a_classifier_are_refused(tmp_path):
    run_folder.write_run(tmp_path / "gan", GAN_PRESETS["debug"], ("cat",))
    with pytest.raises(CheckpointError, match=r"is a gan run: name one of train.py classifier"):
        _ = open_weights(tmp_path / "gan").classifier
    model = format.ReleasedModel(GAN_PRESETS["debug"].model, ("cat",), {}, {"w": np.zeros(2, np.float32)})
    format.write(model, tmp_path / "model", "card")
    with pytest.raises(CheckpointError, match="has no classifier: name one that has"):
        _ = open_weights(tmp_path / "model").classifier


def convolutions_file(path, shapes):
    rng = np.random.default_rng(0)
    arrays = {"conv0_w": np.eye(3, dtype=np.float32)[None, None], "conv0_b": np.zeros(3, np.float32)}
    for name, shape in shapes.items():
        arrays[f"conv{name}_w"] = rng.normal(0, 0.3, shape).astype(np.float32)
        arrays[f"conv{name}_b"] = rng.normal(0, 0.3, shape[-1]).astype(np.float32)
    np.savez(path, **arrays)
    return arrays


@pytest.mark.parametrize("norm", ["none", "batch"])
def test_convolutions_of_a_file_are_what_the_network_starts_from(pipeline, tmp_path, norm):
    arrays = convolutions_file(
        tmp_path / "vgg.npz", {"1_1": (3, 3, 3, 4), "1_2": (3, 3, 4, 4), "2_1": (3, 3, 9, 8), "3_4": (3, 3, 16, 16)}
    )
    config = dataclasses.replace(
        SMALL, init_convolutions=str(tmp_path / "vgg.npz"), model=dataclasses.replace(SMALL.model, norm=norm)
    )
    said = []
    started = task(config, say=said.append)
    params = jax.jit(started.initial_state)(jax.random.key(0)).params
    np.testing.assert_allclose(params["convs"][1]["kernel"], arrays["conv1_2_w"])
    # Batch norm, where there is any, gives back the file's own bias on the sketches it was set by.
    sketch = layers.to_model(jnp.asarray(examples(24, 3)["sketch"]))
    bias = vgg.fold(params)["convs"][1]["bias"]
    np.testing.assert_allclose(bias, arrays["conv1_2_b"], atol=1e-4)
    assert said[0].startswith("2 of 13 convolutions from ")
    assert "do not fit: conv2_1 (3, 3, 9, 8), conv3_4; fresh: conv2_1, conv2_2" in said[0]
    plain, _ = fresh(config)
    np.testing.assert_array_equal(params["convs"][2]["kernel"], plain.params["convs"][2]["kernel"])
    assert np.isfinite(np.asarray(started._network.logits(params, sketch))).all()


def test_frozen_blocks_keep_the_files_weights_to_the_bit(pipeline, tmp_path):
    """Transfer learning as a whole: VGG's first blocks from a file, the head first, then the rest."""
    shapes = {"1_1": (3, 3, 3, 4), "1_2": (3, 3, 4, 4), "2_1": (3, 3, 4, 8), "2_2": (3, 3, 8, 8), "3_1": (3, 3, 8, 16)}
    arrays = convolutions_file(tmp_path / "vgg.npz", shapes)
    config = dataclasses.replace(
        SMALL, init_convolutions=str(tmp_path / "vgg.npz"), frozen_blocks=2, head_only=0.5, steps=6, weight_decay=0.1
    )
    config = dataclasses.replace(config, model=dataclasses.replace(config.model, norm="none"))
    loop.train(task(config), tmp_path / "run")
    convs = run_folder.restore_state(tmp_path / "run")["params"]["convs"]
    for i, name in enumerate(("1_2", "2_1", "2_2"), 1):
        np.testing.assert_array_equal(convs[i]["kernel"], arrays[f"conv{name}_w"])
        np.testing.assert_array_equal(convs[i]["bias"], arrays[f"conv{name}_b"])
    assert not np.array_equal(convs[4]["kernel"], arrays["conv3_1_w"])


def test_a_file_of_convolutions_that_is_none_is_refused(pipeline, tmp_path):
    with pytest.raises(ConfigError, match=r"VGG convolutions .* cannot be read"):
        task(dataclasses.replace(SMALL, init_convolutions=str(tmp_path / "none.npz")))
