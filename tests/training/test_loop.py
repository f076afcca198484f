"""The loop: what it writes, exact resume, early stop, and what it refuses."""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sketch2photo.config import GAN_PRESETS, ClassifierConfig
from sketch2photo.errors import CheckpointError
from sketch2photo.images import grid, write_picture
from sketch2photo.training import loop, run_folder
from sketch2photo.training.classifier import ClassifierState
from sketch2photo.training.run_log import JsonLines


class Counting:
    """Batches that say their position."""

    def __init__(self):
        self.position = 0

    def __next__(self):
        self.position += 1
        return {"x": np.sin([self.position], dtype=np.float32)}

    def get_state(self):
        return {"position": self.position}

    def set_state(self, state):
        self.position = state["position"]


class Walk(loop.Task):
    """A task small enough to follow by hand: params move by the batch, plus noise from key and step."""

    categories = ("a", "b")
    palette: dict[str, tuple[str, ...]] = {}  # noqa: RUF012
    sources: dict[str, str] = {}  # noqa: RUF012

    def __init__(self, steps=6, save_every=2, stop_at=None, by=signal.SIGTERM):
        self.config = ClassifierConfig(steps=steps, save_every=save_every, sample_every=3, batch_size=4)
        self.stop_at, self.by = stop_at, by
        self.finished = False

    def batches(self, shard=(0, 1)):
        return Counting()

    def initial_state(self, key):
        return ClassifierState(jnp.zeros((), jnp.int32), {"w": jnp.zeros(3)}, {"m": jnp.ones(3)}, key)

    def step(self, state, batch):
        noise = jax.random.normal(jax.random.fold_in(state.key, state.step), (3,))
        params = {"w": state.params["w"] * 0.9 + batch["x"] + noise}
        moved = dataclasses.replace(
            state, step=state.step + 1, params=params, optimiser={"m": state.optimiser["m"] * 2}
        )
        return moved, {"loss_walk": params["w"].sum()}

    def initialise(self, state, source, say):
        return dataclasses.replace(state, params={"w": jnp.full(3, float(source))})

    def sample(self, state, out, step):
        write_picture(out / "samples" / f"{step:07d}.png", np.zeros((8, 8, 3), np.uint8))
        if step == self.stop_at:
            os.kill(os.getpid(), self.by)
        return {"val_size": float(jnp.abs(state.params["w"]).sum())}

    def finish(self, state, out, say):
        self.finished = True


def losses(out):
    lines = [json.loads(line) for line in (out / "stats.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, len(lines) + 1))
    return [line["loss_walk"] for line in lines]


def test_a_run_leaves_stats_samples_checkpoints_and_its_settings(tmp_path):
    task = Walk()
    state = loop.train(task, tmp_path / "run")
    assert int(state.step) == 6 and task.finished
    lines = [json.loads(line) for line in (tmp_path / "run" / "stats.jsonl").read_text().splitlines()]
    assert len(lines) == 6
    assert all({"step", "loss_walk", "images_per_second", "data_wait"} <= set(line) for line in lines)
    assert sorted(p.name for p in (tmp_path / "run" / "samples").iterdir()) == ["0000003.png", "0000006.png"]
    assert run_folder.saved_steps(tmp_path / "run") == [4, 6]
    run = run_folder.read_run(tmp_path / "run")
    assert run.config == task.config and run.categories == ("a", "b")
    evaluations = (tmp_path / "run" / "evaluation.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in evaluations] == [3, 6]


def test_resume_continues_bit_for_bit(tmp_path):
    loop.train(Walk(steps=8), tmp_path / "whole")
    loop.train(Walk(steps=4), tmp_path / "parts")
    state = loop.train(Walk(steps=8), tmp_path / "parts", resume=True)
    assert losses(tmp_path / "parts") == losses(tmp_path / "whole")
    assert float(state.optimiser["m"][0]) == 2.0**8


def test_resume_makes_no_weights_and_puts_those_it_reads_where_the_step_takes_them(tmp_path, monkeypatch):
    class Watched(Walk):
        abstract = True

        def initial_state(self, key):
            made = super().initial_state(key)
            jax.debug.callback(lambda: setattr(self, "abstract", False))
            return made

        def step(self, state, batch):
            traced.append(jax.tree.map(lambda x: (x.shape, x.dtype), state))
            return super().step(state, batch)

    traced = []
    fresh = Watched(steps=2)
    loop.train(fresh, tmp_path / "run")
    jax.effects_barrier()
    assert not fresh.abstract
    read = []
    restore = run_folder.RunCheckpoints.restore
    monkeypatch.setattr(run_folder.RunCheckpoints, "restore", lambda *args: read.append(restore(*args)) or read[-1])
    resumed = Watched(steps=4)
    loop.train(resumed, tmp_path / "run", resume=True)
    jax.effects_barrier()
    assert resumed.abstract and traced[0] == traced[1]
    assert all(x.sharding.device_set == {jax.devices()[0]} for x in jax.tree.leaves(read[0][0]))


def test_a_killed_run_loses_no_more_than_save_every_and_repeats_no_step(tmp_path):
    out = tmp_path / "run"
    loop.train(Walk(steps=6, save_every=4), out)
    # As if killed at step 5 after writing half of a line: the checkpoint of step 6 never came to be.
    shutil.rmtree(out / "state" / "6")
    with (out / "stats.jsonl").open("a") as file:
        file.write('{"step": 7, "loss_w')
    loop.train(Walk(steps=8, save_every=4), out, resume=True)
    loop.train(Walk(steps=8, save_every=4), tmp_path / "whole")
    assert losses(out) == losses(tmp_path / "whole")


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_saves_and_ends_early(tmp_path, capfd, by):
    before = signal.getsignal(by)
    task = Walk(steps=9, stop_at=3, by=by)
    state = loop.train(task, tmp_path / "run")
    assert int(state.step) in (3, 4) and not task.finished
    assert run_folder.saved_steps(tmp_path / "run")[-1] == int(state.step)
    said = capfd.readouterr().out
    assert ("stopping: this step is made and saved first" in said) == (by == signal.SIGINT)
    assert f"stopped after step {int(state.step)}, saved: go on with --resume" in said
    assert int(loop.train(Walk(steps=9), tmp_path / "run", resume=True).step) == 9
    assert signal.getsignal(by) is before


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_during_the_last_step_says_one_thing(tmp_path, capfd, by):
    task = Walk(steps=3, stop_at=3, by=by)
    task.finish = lambda state, out, say: say("done")
    loop.train(task, tmp_path / "run")
    said = capfd.readouterr().out
    assert "stop" not in said and said.count("done") == 1


PRESSED = """
import pathlib, sys, time
from sketch2photo.errors import exit_on_user_error
from sketch2photo.training import loop
from tests.training.test_loop import Walk

class Slow(Walk):
    def before_saving(self, state):
        if int(state.step) == 4:
            print("at step 4", flush=True)
            time.sleep(100)
        return state

with exit_on_user_error("train.py"):
    loop.train(Slow(steps=99), pathlib.Path(sys.argv[1]))
"""


@pytest.mark.timeout(180)
def test_a_second_ctrl_c_ends_at_once_and_says_what_is_lost(root, tmp_path):
    command = [sys.executable, "-c", PRESSED, str(tmp_path / "run")]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stderr
        lines = iter(process.stdout.readline, "")
        assert any("at step 4" in line for line in lines)
        process.send_signal(signal.SIGINT)
        assert any("Ctrl-C again ends at once" in line for line in lines)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 130
        said = process.stderr.read()
    assert "stopped at once: what came after step 2 is lost, go on from there with --resume" in said
    assert "Traceback" not in said and run_folder.saved_steps(tmp_path / "run") == [2]


def test_init_is_for_new_runs(tmp_path):
    state = loop.train(Walk(steps=1), tmp_path / "a", init="100")
    assert float(state.params["w"].min()) > 80


def test_what_it_refuses(tmp_path):
    with pytest.raises(CheckpointError, match=r"is not a training run .*run\.json"):
        loop.train(Walk(), tmp_path / "none", resume=True)
    assert not (tmp_path / "none").exists()
    loop.train(Walk(steps=1), tmp_path / "run")
    with pytest.raises(CheckpointError, match="already holds a training run: add --resume"):
        loop.train(Walk(), tmp_path / "run")
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match="is a file: choose a folder"):
        loop.train(Walk(), tmp_path / "file")


def test_resume_with_another_model_says_so(tmp_path):
    class Wider(Walk):
        def initial_state(self, key):
            return ClassifierState(jnp.zeros((), jnp.int32), {"v": jnp.zeros(5)}, {"m": jnp.ones(3)}, key)

    loop.train(Walk(steps=1), tmp_path / "run")
    with pytest.raises(CheckpointError, match="does not fit this model"):
        loop.train(Wider(steps=2), tmp_path / "run", resume=True)


def largest(folder):
    return max((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)


def changed(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


DAMAGES = {
    "a bit is wrong": (lambda folder: changed(largest(folder)), "is not as it was written"),
    "cut off": (lambda folder: os.truncate(largest(folder), 100), "is not as it was written"),
    "no metadata": (lambda folder: (folder / "_CHECKPOINT_METADATA").unlink(), "_CHECKPOINT_METADATA is missing"),
    "empty": (lambda folder: (shutil.rmtree(folder), folder.mkdir()), "is missing"),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", DAMAGES)
@pytest.mark.parametrize("older", [False, True], ids=["", "without checksums"])
def test_of_a_damaged_checkpoint_the_one_before_is_taken(tmp_path, capsys, kind, older):
    if older and kind == "a bit is wrong":
        pytest.skip("nobody can tell")
    do, reason = DAMAGES[kind]
    out = tmp_path / "run"
    loop.train(Walk(steps=4), out)
    do(out / "state" / "4")
    if older:
        (out / "checksums.json").unlink()
        reason = ""
    with pytest.raises(CheckpointError, match=rf"4' is damaged \(.*{reason}\): move it away, and that of step 2 is"):
        run_folder.restore_state(out)
    loop.train(Walk(steps=8), out, resume=True)
    said = capsys.readouterr().out
    assert "the checkpoint of step 4 is damaged (" in said and f"{reason}): going on from step 2" in said
    assert (out / "damaged" / "4").is_dir()
    loop.train(Walk(steps=8), tmp_path / "whole")
    assert losses(out) == losses(tmp_path / "whole")
    assert run_folder.saved_steps(out) == [6, 8] and not any(run_folder.damage(out, step) for step in (6, 8))


def test_where_no_checkpoint_is_whole_a_run_is_left_as_it_is(tmp_path):
    out = tmp_path / "run"
    loop.train(Walk(steps=4), out)
    for step in (2, 4):
        changed(largest(out / "state" / str(step)))
    with pytest.raises(CheckpointError, match=r"step 4 in .* is damaged \(.*\), and no other is whole"):
        loop.train(Walk(steps=8), out, resume=True)
    with pytest.raises(CheckpointError, match="restore it from a copy"):
        run_folder.restore_state(out)
    assert run_folder.saved_steps(out) == [2, 4]


def test_checkpoints_say_what_is_wrong(tmp_path):
    with pytest.raises(CheckpointError, match="is not a training run"):
        run_folder.restore_state(tmp_path)
    run_folder.write_run(tmp_path / "run", GAN_PRESETS["debug"], ("a",), {"a": ("#112233",)})
    with pytest.raises(CheckpointError, match="nothing is saved"):
        run_folder.restore_state(tmp_path / "run")
    (tmp_path / "run" / "run.json").write_text("{")
    with pytest.raises(CheckpointError, match="cannot be read"):
        run_folder.read_run(tmp_path / "run")


def test_numbers_that_are_none_are_null(tmp_path):
    stats = JsonLines(tmp_path / "stats.jsonl", 0)
    stats.write(1, {"loss": float("nan"), "rate": 1.5})
    stats.close()
    assert json.loads((tmp_path / "stats.jsonl").read_text()) == {"step": 1, "loss": None, "rate": 1.5}


def test_grid_places_pictures_on_white():
    sheet = grid(
        [[np.zeros((4, 4), np.uint8), np.full((4, 4, 3), 9, np.uint8)], [np.zeros((4, 4, 1), np.uint8)]], gap=2
    )
    assert sheet.shape == (14, 14, 3)
    assert sheet[2, 2, 0] == 0 and sheet[2, 8, 0] == 9 and sheet[8, 2, 0] == 0 and sheet[9, 9, 0] == 255
