"""A run that is killed while it saves, or whose disk is full: every checkpoint is whole or not there."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from sketch2photo.training import loop, run_folder
from tests.training.test_loop import Walk, losses

CHILD = """
import dataclasses, resource, sys, pathlib
import jax.numpy as jnp
from sketch2photo.errors import exit_on_user_error
from sketch2photo.training import loop
from tests.training.test_loop import Walk

class Large(Walk):
    "The same walk, with ballast that takes a while to write."

    full_at = None

    def initial_state(self, key):
        state = super().initial_state(key)
        return dataclasses.replace(state, optimiser={"m": state.optimiser["m"], "ballast": jnp.zeros(6_000_000)})

    def step(self, state, batch):
        moved, metrics = super().step(state, batch)
        ballast = state.optimiser["ballast"] + jnp.arange(6_000_000) * batch["x"]
        return dataclasses.replace(moved, optimiser={"m": moved.optimiser["m"], "ballast": ballast}), metrics

    def before_saving(self, state):
        if int(state.step) == self.full_at:
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
        return state

task = Large(steps=int(sys.argv[2]), save_every=1)
task.full_at = int(sys.argv[4])
with exit_on_user_error("train.py"):
    loop.train(task, pathlib.Path(sys.argv[1]), resume=sys.argv[3] == "resume")
"""


def start(root, out, steps, *, resume=False, full_at=0):
    arguments = [sys.executable, "-c", CHILD, out, steps, "resume" if resume else "new", full_at]
    return subprocess.Popen(
        [str(a) for a in arguments], cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def being_written(out):
    """Folders under a name of Orbax's for what is not whole yet."""
    return [p for p in (out / "state").glob("*") if not p.name.isdigit()] if (out / "state").is_dir() else []


def kill_while_saving(process, out, after):
    """SIGKILL as soon as a checkpoint beyond step `after` is being written. Whether it was caught in the act."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        if process.poll() is not None:
            pytest.fail(process.stderr.read())
        steps = run_folder.saved_steps(out)
        if steps and steps[-1] >= after and being_written(out):
            os.kill(process.pid, signal.SIGKILL)
            break
    assert process.wait(timeout=60) == -signal.SIGKILL
    return bool(being_written(out))


@pytest.mark.slow
def test_a_kill_during_a_save_leaves_whole_checkpoints_and_an_exact_resume(root, tmp_path):
    out = tmp_path / "run"
    caught = kill_while_saving(start(root, out, 300), out, after=2)
    for tries in range(2):
        steps = run_folder.saved_steps(out)
        assert steps
        for step in steps:
            state = run_folder.restore_state(out, step)
            assert int(state["step"]) == step and state["optimiser"]["ballast"].shape == (6_000_000,)
            expected = np.arange(6_000_000.0) * sum(np.float32(np.sin(i)) for i in range(1, step + 1))
            np.testing.assert_allclose(state["optimiser"]["ballast"], expected, rtol=1e-3, atol=1)
        if tries == 0:
            caught |= kill_while_saving(start(root, out, 300, resume=True), out, after=steps[-1] + 1)
    assert caught
    last = run_folder.saved_steps(out)[-1]
    process = start(root, out, last + 2, resume=True)
    assert process.wait(timeout=120) == 0, process.stderr.read()
    loop.train(Walk(steps=last + 2), tmp_path / "whole")
    assert losses(out) == losses(tmp_path / "whole")
    assert being_written(out) == []


def test_a_full_disk_is_one_sentence_and_the_last_checkpoint_stays(root, tmp_path):
    """Files may not grow over 100 kB, which fails where a full disk does."""
    out = tmp_path / "run"
    process = start(root, out, 9, full_at=3)
    _, error = process.communicate(timeout=120)
    assert process.returncode == 2, error
    said = [line for line in error.splitlines() if line.startswith("train.py: ")]
    assert len(said) == 1 and "Traceback" not in error
    assert "the checkpoint of step 3 could not be written" in said[0] and "make room" in said[0]
    assert run_folder.saved_steps(out) == [1, 2]
    assert int(run_folder.restore_state(out)["step"]) == 2
    process = start(root, out, 4, resume=True)
    _, error = process.communicate(timeout=120)
    assert process.returncode == 0, error
    assert [json.loads(line)["step"] for line in (out / "stats.jsonl").read_text().splitlines()] == [1, 2, 3, 4]
