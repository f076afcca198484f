"""NaN stops a run with the last good checkpoint; a discriminator that wins and a collapse are told once."""

import dataclasses
import json
import math

import jax.numpy as jnp
import numpy as np
import pytest

from sketch2photo.config import AugmentConfig, GanOptimiserConfig
from sketch2photo.errors import TrainingError
from sketch2photo.training import loop, run_folder
from sketch2photo.training.gan_task import _spread
from sketch2photo.training.run_folder import read_json_lines
from sketch2photo.training.run_log import WINDOW, Alarms
from tests.training.test_gan import DEBUG, batch, start
from tests.training.test_loop import Walk


class Diverging(Walk):
    """Its loss is NaN at a step; or only its weights are, which the loss does not show yet."""

    def __init__(self, at, silently=False, **fields):
        super().__init__(**fields)
        self.at, self.silently = at, silently

    def step(self, state, batch):
        moved, metrics = super().step(state, batch)
        bad = moved.step == self.at
        if self.silently:
            return dataclasses.replace(moved, params={"w": jnp.where(bad, jnp.nan, moved.params["w"])}), {
                "loss_walk": jnp.zeros(())
            }
        return moved, {"loss_walk": jnp.where(bad, jnp.nan, metrics["loss_walk"])}


def test_nan_stops_with_the_last_good_checkpoint(tmp_path):
    with pytest.raises(TrainingError) as error:
        loop.train(Diverging(at=5, steps=8, save_every=2), tmp_path / "run")
    said = str(error.value)
    assert "loss_walk became nan at step 5: the checkpoint of step 4 is from before" in said
    assert "--resume with a lower learning rate" in said and "\n" not in said
    assert run_folder.saved_steps(tmp_path / "run") == [2, 4]
    assert np.isfinite(run_folder.restore_state(tmp_path / "run")["params"]["w"]).all()
    lines = [json.loads(line) for line in (tmp_path / "run" / "stats.jsonl").read_text().splitlines()]
    assert lines[-1]["step"] == 5 and lines[-1]["loss_walk"] is None
    assert int(loop.train(Walk(steps=8), tmp_path / "run", resume=True).step) == 8


def test_weights_that_are_no_numbers_are_never_saved(tmp_path):
    with pytest.raises(TrainingError, match=r"a weight became no number at step 4: the checkpoint of step 2 is from"):
        loop.train(Diverging(at=4, silently=True, steps=8, save_every=2), tmp_path / "run")
    assert run_folder.saved_steps(tmp_path / "run") == [2]


def test_nan_before_anything_is_saved_says_so(tmp_path):
    with pytest.raises(TrainingError, match="at step 1: nothing had been saved; start again with a lower"):
        loop.train(Diverging(at=1, steps=8, save_every=4), tmp_path / "run")


def test_a_discriminator_that_wins_is_told_once_until_it_loses(tmp_path):
    alarms = Alarms(tmp_path / "alarms.jsonl", 0)

    def losses(first, n, loss):
        return [alarm for i in range(n) for alarm in alarms.step(first + i, {"loss_discriminator": loss})]

    assert losses(1, WINDOW, 0.5) == []
    assert losses(1000, WINDOW // 2, 0.0) == []
    told = losses(2000, 2 * WINDOW, 0.0)
    assert len(told) == 1 and "the discriminator has won" in told[0] and "--optimiser.discriminator-rate" in told[0]
    assert losses(3000, WINDOW, 0.7) == []
    assert len(losses(4000, 2 * WINDOW, 0.0)) == 1
    kept = [json.loads(line) for line in (tmp_path / "alarms.jsonl").read_text().splitlines()]
    assert len(kept) == 2 and kept[0]["alarm"] in told[0]
    Alarms(tmp_path / "alarms.jsonl", kept[0]["step"])
    assert read_json_lines(tmp_path / "alarms.jsonl") == kept[:1]


def test_losses_of_no_sane_size_are_told(tmp_path):
    alarms = Alarms(tmp_path / "alarms.jsonl", 0)
    told = [alarm for i in range(WINDOW) for alarm in alarms.step(i, {"loss_discriminator": 800.0 * (i % 20 == 0)})]
    assert len(told) == 1 and "training has diverged" in told[0] and "--optimiser.clip" in told[0]
    # One that swings about the threshold is said once; after a window of good steps it would be news.
    swings = [
        alarm
        for i in range(2 * WINDOW)
        for alarm in alarms.step(WINDOW + i, {"loss_discriminator": 50.0 * (i % 500 < 250)})
    ]
    assert swings == []
    assert [alarm for i in range(WINDOW) for alarm in alarms.step(3 * WINDOW + i, {"loss_discriminator": 1.0})] == []
    assert alarms.step(4 * WINDOW, {"loss_discriminator": 1e5}) != []
    # Eight is a hinge loss that guesses at two scales and two heads.
    alarms = Alarms(tmp_path / "others.jsonl", 0)
    assert [alarm for i in range(2 * WINDOW) for alarm in alarms.step(i, {"loss_discriminator": 8.0})] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rates", "told"),
    [((2e-3, 1e-3), ""), ((0.0, 1e-3), "the discriminator has won"), ((10.0, 10.0), "training has diverged")],
    ids=["healthy", "the generator stands still", "absurd rates"],
)
def test_alarms_of_real_training(tmp_path, rates, told):
    optimiser = GanOptimiserConfig(generator_rate=rates[0], discriminator_rate=rates[1])
    augment = AugmentConfig(flip=False, diffaugment=True)
    state, step = start(dataclasses.replace(DEBUG, optimiser=optimiser, augment=augment))
    alarms, found, data = Alarms(tmp_path / "alarms.jsonl", 0), [], batch()
    for i in range(1, WINDOW + 101):
        state, metrics = step(state, data)
        found += alarms.step(i, {"loss_discriminator": float(metrics["loss_discriminator"])})
    assert len(found) == (1 if told else 0) and all(told in text for text in found)


def test_a_collapse_is_told(tmp_path):
    alarms = Alarms(tmp_path / "alarms.jsonl", 0)
    assert alarms.sample(1, {"val_spread": 0.6}) == [] and alarms.sample(2, {"val_l1": 0.1}) == []
    (told,) = alarms.sample(3, {"val_spread": 0.01})
    assert "ALARM at step 3: the generator has collapsed" in told and "--loss.l1" in told
    assert alarms.sample(4, {"val_spread": 0.01}) == []
    assert Alarms(tmp_path / "of_training.jsonl", 0).sample(3, {"train_spread": 0.01})


def test_spread_is_zero_for_one_picture_and_one_for_the_true_ones():
    rng = np.random.default_rng(0)
    true = rng.integers(0, 256, (6, 8, 8, 3), np.uint8)
    assert _spread(true, true)["spread"] == pytest.approx(1)
    assert _spread(np.repeat(true[:1], 6, 0), true)["spread"] == 0
    half = (128 + (true.astype(int) - 128) // 2).astype(np.uint8)
    assert _spread(half, true)["spread"] == pytest.approx(0.5, abs=0.01)
    assert _spread(true[:1], true[:1]) == {}
    assert math.isfinite(_spread(true, true)["spread"])
