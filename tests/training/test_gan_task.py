"""A generator's run by its task: what it shows beside the losses."""

import dataclasses
import json
import shlex

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from sketch2photo import images
from sketch2photo.config import GAN_PRESETS, AugmentConfig
from sketch2photo.data import loader
from sketch2photo.errors import DataError
from sketch2photo.models import layers
from sketch2photo.training import gan, loop, run_folder
from sketch2photo.training.gan import DiscriminatorOutput
from sketch2photo.training.gan_task import GanTask
from sketch2photo.training.run_log import RunLog
from tests import tiny
from tests.training.processes import metrics, write_pairs
from tests.training.test_gan import narrow
from tests.training.test_recipe import changed
from tests.training.test_run_log import events

DEBUG = dataclasses.replace(narrow(GAN_PRESETS["debug"]), augment=AugmentConfig(flip=False))
TWO_SCALES = changed(DEBUG, model__discriminator__scales=2, steps=2, save_every=1, sample_every=2)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A task and the folder of its two steps, the second with a grid; three drawings of tiles are shown painted."""
    home = tmp_path_factory.mktemp("task")
    for i in range(3):
        (home / "drawn" / "tile").mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(home / "drawn" / "tile" / f"{i}.png"), tiny.drawing(i))
    config = dataclasses.replace(TWO_SCALES, sample_drawings=str(home / "drawn"))
    task = GanTask(config, [write_pairs(home / "data.npz")], lambda text: None)
    loop.train(task, home / "run")
    return task, home / "run"


def test_histograms_hold_the_logits_that_the_loss_saw(run):
    task, out = run
    state = run_folder.restore_state(out, 1)
    batches = task.batches()
    batch = [next(batches), next(batches)][1]
    networks = gan.GanNetworks(TWO_SCALES, 2)

    @jax.jit
    def outputs(state, batch):
        sketch, photo = layers.to_model(batch["sketch"]), layers.to_model(batch["photo"])
        style = networks.style(batch["label"], batch["colour"])
        fake = networks.generate(state["generator"], sketch, style, train=True)
        return networks.discriminate_both(state["discriminator"], sketch, photo, fake, style)

    real, fake = outputs(state, {name: jnp.asarray(rows) for name, rows in batch.items()})
    expected = {
        "logits_real": real.logits,
        "logits_fake": fake.logits,
        "logits_real_half": real.half[0],
        "logits_fake_half": fake.half[0],
    }
    found = {tag: (step, value) for step, tag, value in events(out / "tensorboard") if tag.startswith("logits")}
    assert found.keys() == expected.keys()
    for name, logits in expected.items():
        step, histogram = found[name]
        values = np.sort(np.ravel(logits))
        assert step == 2 and histogram.num == values.size == {6: 144, 2: 16}[logits.shape[1]]
        assert [histogram.min, histogram.max] == pytest.approx(values[[0, -1]], rel=1e-3, abs=1e-4), name
        assert histogram.sum == pytest.approx(values.sum(dtype=float), rel=1e-3, abs=1e-2), name
        below = np.cumsum(histogram.bucket)
        # As many below each limit, but for those that rounding moves over it.
        least, most = (np.searchsorted(values, np.array(histogram.bucket_limit) + e) for e in (-1e-4, 1e-4))
        assert ((least <= below) & (below <= most)).all() and below[-1] == values.size, name
        assert len(histogram.bucket) > 5
    means = metrics(out)["logit_real"][1], metrics(out)["logit_fake"][1]
    for name, mean in zip(("logits_real", "logits_fake"), means, strict=True):
        assert found[name][1].sum / found[name][1].num == pytest.approx(mean, rel=1e-4, abs=1e-5)


def test_stats_hold_single_figures_only(run):
    line = json.loads((run[1] / "stats.jsonl").read_text().splitlines()[0])
    assert not [name for name in line if name.startswith("logits")] and "logit_real" in line


def test_every_discriminators_logits_have_a_name():
    a, b, c, d = (jnp.full((1, 2, 2, 1), float(i)) for i in range(4))
    named = gan._named("logits_fake", DiscriminatorOutput(a, [], [b], [c, d], []))
    assert {name: float(value.mean()) for name, value in named.items()} == {
        "logits_fake": 0, "logits_fake_half": 1, "logits_fake_head1": 2, "logits_fake_head2": 3
    }  # fmt: skip


def cells(picture, left=4, top=4, side=64, gap=4):
    """The pictures of a grid, row by row, from a corner on."""
    rows = range(top, picture.shape[0] - side, side + gap)
    return [[picture[y : y + side, x : x + side] for x in range(left, picture.shape[1], side + gap)] for y in rows]


def test_drawings_are_shown_with_what_is_painted_of_them(run):
    out = run[1]
    with Image.open(out / "samples" / "0000002.png") as file:
        sheet = np.asarray(file)
    # Two examples of two categories, sketch, generated and true photo; then a line, and drawings with their photos.
    assert sheet.shape[:2] == ((64 + 4) * 1 + 4 + 2 + (64 + 4) * 1 + 4, (64 + 4) * 12 + 4)
    assert (sheet[72:74] == 128).all()
    row = cells(sheet, top=78)[0]
    drawn = [images.frame_drawing(tiny.drawing(i), 64)[0] for i in range(3)]
    shown = row[0:6:2]
    for one in drawn:
        assert sum(np.array_equal(one, cell[..., 0]) for cell in shown) == 1
    state = run_folder.restore_state(out, 2)
    networks = gan.GanNetworks(TWO_SCALES, 2)
    colour = images.dominant_colour(np.full((64, 64, 3), 128, np.uint8))
    for cell, photo in zip(shown, row[1:6:2], strict=True):
        sketch = jnp.asarray(cell[None, ..., :1])
        style = networks.style(jnp.array([1]), jnp.asarray(colour[None]))
        expected = layers.to_photo(networks.generate(state["ema"], layers.to_model(sketch), style))[0]
        assert np.abs(np.asarray(expected, int) - photo).max() <= 1
    assert (np.concatenate(row[6:]) == 255).all()
    picture = next(value for _, tag, value in events(out / "tensorboard") if tag == "samples")
    np.testing.assert_array_equal(cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR_RGB), sheet)
    assert (out / "run.html").read_text().count("data:image/jpeg") == 1


def test_figures_are_of_the_photos_alone(run, tmp_path):
    task, out = run
    plain = GanTask(TWO_SCALES, [out.parent / "data.npz"], lambda text: None)
    state = dataclasses.replace(
        jax.eval_shape(task.initial_state, jax.random.key(0)), **run_folder.restore_state(out, 2)
    )
    assert plain.sample(state, tmp_path, 2) == task.sample(state, tmp_path / "with", 2)


def test_a_resumed_run_shows_the_same_ones_and_may_be_given_others(run, tmp_path):
    task, out = run
    again = GanTask(run_folder.read_run(out).config, [out.parent / "data.npz"], lambda text: None)
    np.testing.assert_array_equal(again._drawings["sketch"], task._drawings["sketch"])
    run_folder.check_unchanged(out, dataclasses.replace(task.config, sample_drawings=""), task.categories)
    gone = dataclasses.replace(task.config, sample_drawings=str(tmp_path / "gone"))
    with pytest.raises(DataError, match="there is no --sample-drawings"):
        GanTask(gone, [out.parent / "data.npz"], lambda text: None)


def test_validation_sketches_by_people_are_shown_below_the_others(run, tmp_path, monkeypatch):
    task, out = run
    human = {name: value[:1] for name, value in loader.pair_examples(task._data, "train", image_size=64).items()}
    monkeypatch.setattr(loader, "human_examples", lambda data, split, **settings: human)
    other = GanTask(TWO_SCALES, [out.parent / "data.npz"], lambda text: None)
    other._data = task._data
    state = dataclasses.replace(
        jax.eval_shape(task.initial_state, jax.random.key(0)), **run_folder.restore_state(out, 2)
    )
    other.sample(state, tmp_path, 2)
    with Image.open(tmp_path / "samples" / "0000002.png") as file:
        row = cells(np.asarray(file), top=78)[0]
    np.testing.assert_array_equal(row[0][..., 0], human["sketch"][0, ..., 0])
    np.testing.assert_array_equal(row[2], human["photo"][0])
    assert not np.array_equal(row[1], row[2])


def test_without_a_validation_split_figures_are_called_after_training(run, tmp_path):
    task, out = run
    with np.load(out.parent / "data.npz") as whole:
        np.savez(tmp_path / "data.npz", **{**whole, "split": np.array(["train"] * len(whole["split"]))})
    told = []
    plain = GanTask(TWO_SCALES, [tmp_path / "data.npz"], told.append)
    assert "no validation photos: samples and figures (train_l1) are of training photos" in told
    state = dataclasses.replace(
        jax.eval_shape(task.initial_state, jax.random.key(0)), **run_folder.restore_state(out, 2)
    )
    assert set(plain.sample(state, tmp_path, 2)) == {"train_l1", "train_spread"}


def test_the_command_to_release_is_whole_and_may_be_pasted(run, tmp_path, capsys):
    task, _ = run
    out = tmp_path / ("a long name " * 10) / "it's mine"
    log = RunLog(tmp_path / "run", 0, task.config)
    task.finish(None, out, log.say)
    log.close()
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("done: ")]
    words = shlex.split(line.partition("by  ")[2])
    assert words[:5] == ["python", "-m", "sketch2photo.release", "--gan", str(out)] and words[5] == "--out"
