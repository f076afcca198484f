"""A generator's run by its task: what it shows beside the losses."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sketch2photo import checkpoints
from sketch2photo.config import GAN_PRESETS, AugmentConfig
from sketch2photo.models import layers
from sketch2photo.training import gan, loop
from sketch2photo.training.gan_task import GanTask
from sketch2photo.training.networks import Opinion
from tests.training.processes import metrics, write_pairs
from tests.training.test_recipe import changed
from tests.training.test_watched import events

DEBUG = dataclasses.replace(GAN_PRESETS["debug"], augment=AugmentConfig(flip=False))
TWO_SCALES = changed(DEBUG, model__discriminator__scales=2, steps=2, save_every=1, sample_every=2)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A task and the folder of its two steps, the second with a grid."""
    home = tmp_path_factory.mktemp("task")
    task = GanTask(TWO_SCALES, [write_pairs(home / "data.npz")], lambda text: None)
    loop.train(task, home / "run")
    return task, home / "run"


def test_histograms_hold_the_logits_that_the_loss_saw(run):
    task, out = run
    state = checkpoints.restore_state(out, 1)
    batches = task.batches()
    batch = [next(batches), next(batches)][1]
    networks = gan.GanNetworks(TWO_SCALES, 2)

    @jax.jit
    def judged(state, batch):
        sketch, photo = layers.to_model(batch["sketch"]), layers.to_model(batch["photo"])
        style = networks.style(batch["label"], batch["colour"])
        fake = networks.generate(state["generator"], sketch, style, train=True)
        return networks.judge_both(state["discriminator"], sketch, photo, fake, style)

    real, fake = judged(state, {name: jnp.asarray(rows) for name, rows in batch.items()})
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
    named = gan._named("logits_fake", Opinion(a, [], [b], [c, d], []))
    assert {name: float(value.mean()) for name, value in named.items()} == {
        "logits_fake": 0, "logits_fake_half": 1, "logits_fake_head1": 2, "logits_fake_head2": 3
    }  # fmt: skip
