"""A resumed run is the run not stopped, to the bit, with every part of the recipe that keeps something of its own."""

import json
import shutil

import jax
import numpy as np
import pytest

from sketch2photo.training import loop, run_folder
from sketch2photo.training.gan_task import GanTask
from tests.training.processes import write_pairs
from tests.training.test_gan import DEBUG
from tests.training.test_recipe import changed

# All random changes, DiffAugment and the moving average are on in `debug`.
EVERYTHING = changed(
    DEBUG,
    model__discriminator__spectral_norm=True,
    model__discriminator__scales=2,
    model__generator__dropout=0.5,
    loss__r1=10.0,
    loss__r1_every=2,
    optimiser__schedule="linear",
    optimiser__clip=1.0,
    augment__width=0.5,
    augment__unfinished=0.5,
    steps=6,
    save_every=3,
    sample_every=100,
)


def figures(out):
    """What the steps said, without how long they took."""
    lines = [json.loads(line) for line in (out / "stats.jsonl").read_text().splitlines()]
    timing = ("images_per_second", "data_wait")
    return [{name: value for name, value in line.items() if name not in timing} for line in lines]


@pytest.mark.slow
def test_a_gan_goes_on_bit_for_bit_with_everything_on(tmp_path):
    data = write_pairs(tmp_path / "data.npz")
    task = GanTask(EVERYTHING, [data])
    loop.train(task, tmp_path / "whole")
    # As if it had been killed before the checkpoint of step 6 was whole.
    shutil.copytree(tmp_path / "whole", tmp_path / "killed")
    shutil.rmtree(tmp_path / "killed" / "state" / "6")
    loop.train(GanTask(EVERYTHING, [data]), tmp_path / "killed", resume=True)

    assert figures(tmp_path / "killed") == figures(tmp_path / "whole")
    penalties = [line["loss_r1"] for line in figures(tmp_path / "whole")]
    assert [penalty > 0 for penalty in penalties] == [True, False] * 3
    whole, resumed = (run_folder.restore_state(tmp_path / name, 6) for name in ("whole", "killed"))
    assert jax.tree.structure(whole) == jax.tree.structure(resumed)
    for (path, a), b in zip(jax.tree.leaves_with_path(whole), jax.tree.leaves(resumed), strict=True):
        np.testing.assert_array_equal(a, b, err_msg=jax.tree_util.keystr(path))

    # What the checkpoint of step 3 had to hold for that: nothing of it is as at the start.
    before = jax.jit(task.initial_state)(jax.random.key(EVERYTHING.seed)).discriminator
    middle = run_folder.restore_state(tmp_path / "killed", 3)
    for network in (before, before["half"]):
        assert any("singular" in conv for conv in network["convs"].values())
    moved = [
        jax.tree_util.keystr(path)
        for path, (a, b) in jax.tree.leaves_with_path(
            jax.tree.map(lambda a, b: (a, b), before, middle["discriminator"]),
            is_leaf=lambda x: isinstance(x, tuple),
        )
        if path[-1].key == "singular" and not np.array_equal(a, b)
    ]
    moved = [name for name in moved if "last" not in name]  # of one number, 1 or -1: it may be right from the start
    assert len(moved) == 10  # five of each scale
    assert not all(
        np.array_equal(a, b)
        for a, b in zip(jax.tree.leaves(middle["ema"]), jax.tree.leaves(middle["generator"]), strict=True)
    )
