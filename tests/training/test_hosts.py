"""Processes that train together: what stops one of them stops all, in a sentence; the rest is in test_spread.py."""

import pytest

from sketch2photo.training import run_folder
from tests.training.processes import finish, free_port, start
from tests.training.test_loop import losses


def walk(root, out, steps, fault="none", resume=False):
    """Exit code, output and errors of the two processes."""
    child, port = root / "tests" / "training" / "walking_host.py", free_port()
    how = "resume" if resume else "new"
    return finish(*(start(root, child, out, index, port, steps, how, fault) for index in range(2)))


def assert_well(ends):
    assert [code for code, _, _ in ends] == [0, 0], "\n".join(f"{said}\n{errors}" for _, said, errors in ends)


def sentences(errors):
    """What train.py said of them; not what jax and gloo log."""
    assert "Traceback" not in errors, errors
    return [line for line in errors.splitlines() if line.startswith("train.py: ")]


def test_sigterm_in_one_process_saves_in_both_and_the_run_goes_on_exactly(root, tmp_path):
    ends = walk(root, tmp_path / "run", 400, "sigterm")
    assert_well(ends)
    (last,) = run_folder.saved_steps(tmp_path / "run")[-1:]
    assert 4 <= last < 400
    assert f"stopped after step {last}, saved" in ends[0][1] and "stopped" not in ends[1][1]
    assert_well(walk(root, tmp_path / "run", last + 3, resume=True))
    assert_well(walk(root, tmp_path / "whole", last + 3))
    assert losses(tmp_path / "run") == losses(tmp_path / "whole")


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("error", "a file cannot be read: copy it again"),
        ("other data", "process 1 has other data than process 0"),
        ("other settings", "process 1 has other settings than process 0 (save_every is 7 here and 2 there)"),
        ("other folder", "on a file system that all hosts share"),
        ("nan", "loss_walk became nan at step 4: the checkpoint of step 2 is from before"),
    ],
)
def test_an_error_of_one_process_ends_both_in_a_sentence(root, tmp_path, fault, told):
    for code, _, errors in walk(root, tmp_path / "run", 50, fault):
        assert code == 2, errors
        assert [told in line for line in sentences(errors)] == [True]


def test_a_bug_in_one_process_ends_the_other(root, tmp_path):
    (first, _, told), (second, _, traceback) = walk(root, tmp_path / "run", 50, "bug")
    assert second == 1 and "KeyError" in traceback
    assert first == 1 and "process 1 stopped: KeyError" in told


def test_a_process_that_is_killed_does_not_keep_the_other_for_ever(root, tmp_path):
    (first, _, errors), (second, _, _) = walk(root, tmp_path / "run", 50, "killed")
    assert second < 0 and first == 2
    (line,) = sentences(errors)
    assert "cannot reach the others any more" in line and "--resume" in line
    assert run_folder.saved_steps(tmp_path / "run") == [2]
