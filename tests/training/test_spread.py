"""The same run on one device, on four, and in two processes: the same losses, and one's checkpoint is the other's."""

import json

import jax
import numpy as np
import pytest

from sketch2photo.training import run_folder
from tests.training.processes import metrics, train, train_together, write_pairs
from tests.training.test_watched import events

SMALL = ["--model.image-size", 64, "--model.generator.width", 8, "--model.discriminator.width", 8]
# A tenth of the usual rates: Adam makes full steps of gradients that are nothing but rounding, and ten of those at full
# rates make a thousandth of what was a millionth. A thirtieth for the classifier, whose biases before batch norm have
# no other gradients.
SLOW = ["--optimiser.generator-rate", 2e-5, "--optimiser.discriminator-rate", 4e-5]
COMMANDS: dict[str, list[object]] = {
    # Conditional and instance norm, a moving average, DiffAugment, every random change of a sketch.
    "studio": ["gan", "--preset", "debug", *SLOW, "--augment.width", 0.5, "--steps", 10],
    # Batch norm and dropout.
    "vanilla": ["gan", "--preset", "vanilla", *SMALL, *SLOW, "--batch-size", 4, "--steps", 10],
    # Batch norm, dropout and a gradient's norm.
    "classifier": [
        "classifier",
        "--preset",
        "debug",
        "--model.image-size",
        64,
        "--model.width",
        4,
        "--learning-rate",
        1e-5,
        "--steps",
        10,
    ],
}
STOP = 6


@pytest.fixture(scope="module")
def runs(root, tmp_path_factory):
    """A folder with `data.npz`, and a run of each on one device and on four, as two by two with fsdp."""
    folder = tmp_path_factory.mktemp("spread")
    commands = [
        [*command, "--data", write_pairs(folder / "data.npz"), "--out", folder / f"{name}-{layout}", *mesh]
        for name, command in COMMANDS.items()
        for layout, mesh in (("one", []), ("four", ["--mesh", "data=4" if name == "vanilla" else "data=2,fsdp=2"]))
    ]
    said = train(root, *commands, devices=4)
    assert "training on 4 devices (cpu; data=4,fsdp=1)" in said
    return folder


def assert_same(one, other, steps=10):
    expected, found = metrics(one), metrics(other)
    assert expected.keys() == found.keys() and any(name.startswith("loss") for name in expected)
    for name in expected:
        assert len(found[name]) == len(expected[name]) == steps
        # Means of logits, of both signs, may be nearly nothing.
        tolerance = {"rtol": 2e-4, "atol": 1e-6} if name.startswith("loss") else {"rtol": 1e-3, "atol": 2e-3}
        np.testing.assert_allclose(found[name], expected[name], **tolerance, err_msg=name)
    one, other = (run_folder.restore_state(folder) for folder in (one, other))
    shapes = [jax.tree.map(lambda x: (x.shape, x.dtype), state) for state in (one, other)]
    assert shapes[0] == shapes[1]
    # Adam's steps are the same for gradients of another size; its moments are not.
    for name in one:
        sizes = [np.linalg.norm([np.linalg.norm(x) for x in jax.tree.leaves(state[name])]) for state in (one, other)]
        assert sizes[1] == pytest.approx(sizes[0], rel=0.05), name


@pytest.mark.parametrize("name", COMMANDS)
def test_four_devices_train_as_one(runs, name):
    assert_same(runs / f"{name}-one", runs / f"{name}-four")


def histograms(out):
    found = [(step, tag, value) for step, tag, value in events(out / "tensorboard") if tag.startswith("logits_")]
    return {tag: (step, value) for step, tag, value in found}


def test_histograms_are_of_the_whole_batch_on_any_number_of_devices(runs):
    one, four = histograms(runs / "studio-one"), histograms(runs / "studio-four")
    assert one.keys() == four.keys() == {"logits_real", "logits_fake"}
    for name, (step, expected) in one.items():
        again, found = four[name]
        assert again == step == 10 and found.num == expected.num == 4 * 6 * 6
        for figure in ("min", "max", "sum", "sum_squares"):
            near = pytest.approx(getattr(expected, figure), rel=1e-2, abs=2e-2)
            assert getattr(found, figure) == near, (name, figure)


def test_two_processes_train_as_one_with_batch_norm_over_both(root, runs):
    out = runs / "vanilla-two"
    first, second = train_together(root, [*COMMANDS["vanilla"], "--data", runs / "data.npz", "--out", out])
    assert_same(runs / "vanilla-one", out)
    assert "step 10/10" in first and "training on 2 devices" in first
    assert "step" not in second and "training on" not in second
    one, two = histograms(runs / "vanilla-one"), histograms(out)
    assert two["logits_fake"][1].num == one["logits_fake"][1].num == 4 * 6 * 6
    assert (out / "run.html").is_file() and (out / "samples" / "0000010.png").is_file()


def test_a_run_of_two_processes_goes_on_in_one(root, runs):
    out = runs / "studio-two"
    command = [*COMMANDS["studio"], "--data", runs / "data.npz", "--out", out]
    train_together(root, [*command, "--steps", STOP, "--mesh", "data=2,fsdp=2"], devices=2)
    assert run_folder.saved_steps(out) == [STOP]
    train(root, [*command, "--resume"])
    assert_same(runs / "studio-one", out)


def test_a_run_of_one_process_goes_on_in_two(root, runs):
    out, again = runs / "classifier-two", runs / "classifier-again"
    command = [*COMMANDS["classifier"], "--data", runs / "data.npz", "--out"]
    # Compared with a run that was stopped at the same step: the course of the rate depends on the number of steps.
    stopped = [[*command, folder, "--steps", STOP] for folder in (out, again)]
    train(root, *stopped, [*command, again, "--resume"])
    train_together(root, [*command, out, "--resume", "--mesh", "fsdp=2"])
    assert_same(again, out)
    assert json.loads((out / "calibration.json").read_text())["temperature"] > 0
