"""Who may train in a run's folder, and with which settings."""

import dataclasses
import json
import subprocess
import sys

import pytest

from sketch2photo.config import GAN_PRESETS
from sketch2photo.errors import CheckpointError, ConfigError
from sketch2photo.training import loop, run_folder
from sketch2photo.training.run_folder import check_unchanged, locked
from tests.training.test_loop import Walk

HOLD = """
import sys, pathlib
from sketch2photo.training.run_folder import locked
with locked(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(root, tmp_path):
    """Another process that holds the lock of tmp_path / "run"."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / "run")]
    process = subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait(timeout=30)


def test_a_run_in_use_is_refused_and_a_killed_one_leaves_no_lock(holder, tmp_path):
    out = tmp_path / "run"
    with pytest.raises(CheckpointError, match=rf"'.*run' is being trained by process {holder.pid} on .*: wait for it"):
        loop.train(Walk(), out)
    assert not run_folder.is_run(out)
    holder.kill()
    holder.wait(timeout=30)
    assert (out / "lock").is_file()  # stale, and in nobody's way
    loop.train(Walk(steps=2), out)
    assert int(loop.train(Walk(steps=4), out, resume=True).step) == 4


def test_a_lock_is_let_go_of(tmp_path):
    with locked(tmp_path), pytest.raises(CheckpointError, match="is being trained by process"), locked(tmp_path):
        pass
    with locked(tmp_path):
        pass


def test_a_folder_that_is_nobodys_run_is_left_as_it_is(tmp_path):
    (tmp_path / "run").mkdir()

    class Failing(Walk):
        def initialise(self, state, source, say):
            raise CheckpointError("no such weights")

    with pytest.raises(CheckpointError, match="no such weights"):
        loop.train(Failing(), tmp_path / "run", init="x")
    assert list((tmp_path / "run").iterdir()) == []


# ---------------------------------------------------------------- settings of a resumed run


@pytest.fixture
def run(tmp_path):
    config = GAN_PRESETS["debug"]
    run_folder.write_run(tmp_path, config, ("a", "b"))
    return tmp_path, config


def changed(config, **fields):
    return dataclasses.replace(config, **fields)


def test_how_long_and_how_often_may_change(run):
    out, config = run
    evaluation = dataclasses.replace(config.evaluation, every=7, per_category=2)
    other = changed(config, steps=99, save_every=1, sample_every=3, evaluation=evaluation)
    check_unchanged(out, config, ("a", "b"))
    check_unchanged(out, other, ("a", "b"))


def test_changes_are_named_with_both_values_and_refused(run):
    out, config = run
    optimiser = dataclasses.replace(config.optimiser, generator_rate=0.5)
    other = changed(config, batch_size=64, optimiser=optimiser)
    with pytest.raises(CheckpointError) as error:
        check_unchanged(out, other, ("a", "b"))
    said = str(error.value)
    assert f"batch_size was {config.batch_size}, is now 64" in said
    assert "optimiser.generator_rate was 0.0002, is now 0.5" in said
    assert said.endswith("--allow-change optimiser.generator_rate batch_size") and "seed" not in said


def test_changes_are_allowed_by_name(run):
    out, config = run
    optimiser = dataclasses.replace(config.optimiser, generator_rate=0.5, beta1=0.1)
    other = changed(config, optimiser=optimiser)
    with pytest.raises(CheckpointError, match=r"--allow-change optimiser\.beta1"):
        check_unchanged(out, other, ("a", "b"), ("optimiser.generator_rate",))
    check_unchanged(out, other, ("a", "b"), ("optimiser.generator_rate", "optimiser.beta1"))
    check_unchanged(out, other, ("a", "b"), ("optimiser",))
    with pytest.raises(ConfigError, match="did you mean 'optimiser'"):
        check_unchanged(out, other, ("a", "b"), ("optimizer",))


def test_other_categories_are_refused(run):
    out, config = run
    with pytest.raises(CheckpointError, match="was started on the categories a, b, the data now have a, c"):
        check_unchanged(out, config, ("a", "c"))


def test_the_loop_asks(tmp_path):
    class Other(Walk):
        def __init__(self, **fields):
            super().__init__(steps=4)
            self.config = dataclasses.replace(self.config, **fields)

    loop.train(Walk(steps=2), tmp_path / "run")
    with pytest.raises(CheckpointError, match=r"learning_rate was 0\.0003, is now 0\.1"):
        loop.train(Other(learning_rate=0.1), tmp_path / "run", resume=True)
    assert run_folder.read_run(tmp_path / "run").config.learning_rate == 0.0003
    loop.train(Other(learning_rate=0.1), tmp_path / "run", resume=True, allow_change=("learning_rate",))
    assert run_folder.read_run(tmp_path / "run").config.learning_rate == 0.1


def test_a_run_that_had_its_examples_in_another_order_opens_and_does_not_go_on(tmp_path):
    out = tmp_path / "run"
    loop.train(Walk(steps=2), out)
    content = json.loads((out / "run.json").read_text())
    assert content.pop("format") == run_folder.FORMAT == 2
    (out / "run.json").write_text(json.dumps(content))
    with pytest.raises(
        CheckpointError, match=rf"'.*run' was started when .*another order .*another run with --init {out}$"
    ):
        loop.train(Walk(steps=4), out, resume=True)
    assert (run_folder.read_run(out).format, run_folder.read_run(out).kind) == (1, "classifier")
    assert int(run_folder.restore_state(out)["step"]) == 2
