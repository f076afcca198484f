"""The same run on one device, on four, and in two processes; where states lie; what ends all processes of a run."""

import json
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec

from sketch2photo import cli
from sketch2photo.errors import ConfigError
from sketch2photo.training import distributed, loop, run_folder
from sketch2photo.training.command import Devices, mesh_sizes
from sketch2photo.training.distributed import lay_out, one_device
from sketch2photo.training.gan_task import GanTask
from tests.training.processes import finish, metrics, start, together, write_pairs
from tests.training.test_run_log import events

# ---------------------------------------------------------------- what the command line says of devices and processes


def test_axes_that_are_not_named_have_one_device():
    assert mesh_sizes("") == {}
    assert mesh_sizes("data=4") == {"data": 4, "fsdp": 1}
    assert mesh_sizes("fsdp=2, data=3") == {"data": 3, "fsdp": 2}


@pytest.mark.parametrize(
    ("mesh", "told"),
    [
        ("model=2", "unknown axis of --mesh 'model': choose one of data, fsdp"),
        ("dat=2", "did you mean 'data'"),
        ("data", "--mesh is 'data': give a number of devices for each axis, such as data=4"),
        ("data=0", "give a number of devices"),
        ("data=-1", "give a number of devices"),
        ("data=two", "give a number of devices"),
        ("data=²", "give a number of devices"),
        ("data=2,data=2", "it names data twice"),
        (",", "unknown axis of --mesh ''"),
    ],
)
def test_a_mesh_that_is_none(mesh, told):
    with pytest.raises(ConfigError) as raised:
        Devices(mesh=mesh)
    assert told in str(raised.value)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"coordinator_address": "10.0.0.1:1"}, "--coordinator-address is given without --distributed: add it"),
        ({"process_id": 0}, "--process-id is given without --distributed"),
        ({"distributed": True, "coordinator_address": "10.0.0.1"}, "give HOST:PORT, such as 10.0.0.1:1234"),
        ({"distributed": True, "coordinator_address": ":12"}, "give HOST:PORT"),
        ({"distributed": True, "coordinator_address": "a:99999"}, "give HOST:PORT"),
        ({"distributed": True, "num_processes": 2, "process_id": 2}, "numbered from 0 to 1"),
        ({"distributed": True, "num_processes": -2}, "num_processes is -2: it must be at least 0"),
        ({"connect_timeout": 0}, "connect_timeout is 0: it must be at least 1"),
    ],
)
def test_processes_that_cannot_be(options, told):
    with pytest.raises(ConfigError) as raised:
        Devices(**options)
    assert told in str(raised.value)


def test_both_commands_take_them():
    for kind in ("gan", "classifier"):
        arguments = [kind, "--data", "d", "--out", "o", "--preset", "debug", "--mesh", "data=2,fsdp=2", "--distributed"]
        assert cli.parse("train", arguments).devices == Devices(mesh="data=2,fsdp=2", distributed=True)
        assert cli.parse("train", arguments[:-3]).devices == Devices()


# ---------------------------------------------------------------- layouts


def fakes(n, platform="gpu", processes=1):
    return [
        SimpleNamespace(id=i, process_index=i % processes, platform=platform, device_kind=platform) for i in range(n)
    ]


@pytest.mark.parametrize(
    ("devices", "processes", "mesh", "batch_size", "told"),
    [
        (fakes(1, "cpu"), 1, "data=8", 8, "--mesh data=8 takes 8 devices, but there is 1 (cpu): make it smaller"),
        (fakes(4), 1, "data=4,fsdp=2", 8, "takes 8 devices, but there are 4 (gpu)"),
        (fakes(4), 1, "data=4", 6, "the batch size is 6, which 4 devices do not divide: use another --mesh or"),
        (fakes(4), 1, "data=4", 1, "--batch-size 4"),
        (fakes(4, processes=2), 2, "", 6, "the batch size is 6, which 4 devices do not divide"),
        (fakes(4, processes=2), 2, "data=2", 8, "takes 2 of 4 devices: several processes use all of theirs"),
        (fakes(3, processes=2), 2, "", 6, "the processes have 1 to 2 devices: start all of them with as many"),
    ],
)
def test_meshes_that_do_not_fit_are_refused(monkeypatch, devices, processes, mesh, batch_size, told):
    monkeypatch.setattr(jax, "devices", lambda: devices)
    monkeypatch.setattr(jax, "process_count", lambda: processes)
    with pytest.raises(ConfigError) as raised:
        lay_out(mesh, batch_size)
    assert told in str(raised.value)


def test_without_a_mesh_all_accelerators_that_divide_the_batch_are_used(monkeypatch):
    monkeypatch.setattr(distributed, "Layout", lambda devices, sizes: (len(devices), sizes))
    for devices, batch_size, used in ((fakes(4), 8, 4), (fakes(4), 6, 3), (fakes(4), 1, 1), (fakes(4, "cpu"), 8, 1)):
        monkeypatch.setattr(jax, "devices", lambda devices=devices: devices)
        assert lay_out("", batch_size) == (used, {"data": used, "fsdp": 1})


def test_arrays_are_split_along_their_largest_side_that_can_be():
    layout = one_device()
    layout.sizes = {"data": 1, "fsdp": 4}  # the rule looks at no devices

    def spec(*shape):
        return layout.shardings(jax.ShapeDtypeStruct(shape, jnp.float32)).spec

    assert spec(16, 4, 4, 32) == PartitionSpec(None, None, None, "fsdp")
    assert spec(64, 4, 4, 30) == PartitionSpec("fsdp")
    assert spec(333, 4, 4, 9) == PartitionSpec(None, "fsdp")
    assert spec(333, 33) == PartitionSpec()
    assert spec(512) == spec() == PartitionSpec()


def test_one_device_is_named_and_copies_nothing(capsys):
    layout = lay_out("", 3)
    assert layout.mesh.size == 1 and capsys.readouterr().out == "training on one device (cpu)\n"
    tree = {"a": jnp.ones(3)}
    placed = layout.place(tree)["a"]
    assert placed.unsafe_buffer_pointer() == tree["a"].unsafe_buffer_pointer()
    assert placed.sharding == layout.abstract(jax.eval_shape(lambda: tree))["a"].sharding
    np.testing.assert_array_equal(layout.put({"x": np.arange(3)})["x"], np.arange(3))


# ---------------------------------------------------------------- the same run wherever it is trained

STEPS = "--steps 6"
# A tenth of the usual rates: Adam makes full steps of gradients that are nothing but rounding, and six of those at full
# rates make a thousandth of what was a millionth. A thirtieth for the classifier, whose biases before batch norm have
# no other gradients.
GAN = f"{STEPS} --model.generator.width 4 --model.discriminator.width 4 --batch-size 4"
SLOW = "--optimiser.generator-rate 2e-5 --optimiser.discriminator-rate 4e-5"
RUNS = [
    # Batch norm and dropout.
    ("vanilla", f"gan --preset vanilla --model.image-size 64 {GAN} {SLOW}".split(), "data=4"),
    # Conditional and instance norm, a moving average, DiffAugment, every random change of a sketch.
    ("studio", f"gan --preset debug {GAN} {SLOW} --augment.width 0.5".split(), "data=2,fsdp=2"),
    # Batch norm, dropout and a gradient's norm.
    ("classifier", f"classifier --preset debug {STEPS} --model.width 4 --learning-rate 1e-5".split(), "data=4"),
]
NAMES = [name for name, _, _ in RUNS]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    write_pairs(folder / "data.npz")
    (folder / "runs.json").write_text(json.dumps(RUNS))
    return folder


@pytest.fixture(scope="module")
def said(root, folder):
    """What a process of four devices printed that trained each run on one and on four."""
    ((code, said, errors),) = finish(start(root, "-m", "tests.training.host", "devices", folder, devices=4))
    assert code == 0, errors[-3000:]
    return said


@pytest.fixture(scope="module")
def two(root, folder, said):
    """What two processes of two devices printed that trained each run together."""
    ends = together(root, "-m", "tests.training.host", "alike", folder, devices=2)
    for code, _, errors in ends:
        assert code == 0, "\n---\n".join(errors[-3000:] for _, _, errors in ends)
    return [said for _, said, _ in ends]


def assert_same(one, other):
    expected, found = metrics(one), metrics(other)
    assert expected.keys() == found.keys() and any(name.startswith("loss") for name in expected)
    for name in expected:
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


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_four_devices_train_as_one(folder, said, name):
    assert "training on 4 devices (cpu; data=4,fsdp=1)" in said
    assert_same(folder / f"{name}-one", folder / f"{name}-four")


@pytest.mark.slow
def test_two_processes_train_as_one_with_batch_norm_over_both(folder, two):
    assert_same(folder / "vanilla-one", folder / "vanilla-two")
    first, second = two
    assert "step 6/6" in first and "training on 4 devices" in first
    assert "step" not in second and "training on" not in second
    out = folder / "vanilla-two"
    assert (out / "run.html").is_file() and (out / "samples" / "0000006.png").is_file()


@pytest.mark.slow
def test_histograms_are_of_the_whole_batch_wherever_it_is(folder, two):
    def histograms(out):
        found = [(step, tag, value) for step, tag, value in events(out / "tensorboard") if tag.startswith("logits_")]
        return {tag: (step, value) for step, tag, value in found}

    one = histograms(folder / "vanilla-one")
    for name in ("vanilla-four", "vanilla-two"):
        other = histograms(folder / name)
        assert one.keys() == other.keys() == {"logits_real", "logits_fake"}
        for tag, (step, expected) in one.items():
            again, found = other[tag]
            assert again == step == 6 and found.num == expected.num == 4 * 6 * 6
            for figure in ("min", "max", "sum", "sum_squares"):
                near = pytest.approx(getattr(expected, figure), rel=1e-2, abs=2e-2)
                assert getattr(found, figure) == near, (tag, figure)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vanilla-two", "studio-four"])
def test_a_run_of_many_devices_goes_on_in_one(folder, two, name):
    """The checkpoint of four devices, two of them another process's, is read by this process of one."""
    kind = name.partition("-")[0]
    out = folder / name
    arguments = [*RUNS[NAMES.index(kind)][1], "--data", str(folder / "data.npz"), "--out", str(out)]
    given = cli.parse("train", [*arguments, "--steps", "7", "--resume"])
    loop.train(GanTask(given.config, given.data), out, resume=True)
    assert int(run_folder.restore_state(out)["step"]) == len(metrics(out)["loss_l1"]) == 7


@pytest.mark.slow
def test_devices_work_on_their_own_rows_and_only_sums_are_exchanged(said):
    """No picture is sent from one device to another; with fsdp the weights are gathered, too."""
    lines = {
        line.rpartition("}")[0]: line.rpartition("}")[2].split() for line in said.splitlines() if "exchanges" in line
    }
    assert [lines[f"exchanges {{'data': {data}, 'fsdp': {fsdp}"] for data, fsdp in ((1, 1), (4, 1), (2, 2))] == [
        ["1"],
        ["1", "all-reduce"],
        ["2", "all-gather", "all-reduce"],
    ]


@pytest.mark.slow
def test_a_checkpoint_is_read_bit_for_bit_to_where_a_step_takes_it(said):
    assert said.count("read {") == 9


# ---------------------------------------------------------------- what ends all processes of a run


def sentences(errors):
    """What train.py said of them; not what jax and gloo log."""
    assert "Traceback" not in errors, errors
    return [line for line in errors.splitlines() if line.startswith("train.py: ")]


@pytest.fixture(scope="module")
def refused(root, tmp_path_factory):
    """The folder of two processes, and what each printed, that met errors alike and then one of them SIGTERM."""
    folder = tmp_path_factory.mktemp("refused")
    ends = together(root, "-m", "tests.training.host", "refused", folder)
    assert [code for code, _, _ in ends] == [0, 0], "\n".join(f"{said}\n{errors}" for _, said, errors in ends)
    return folder, [said for _, said, _ in ends]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("other data", "process 1 has other data than process 0 (first batch is '"),
        ("other settings", "process 1 has other settings than process 0 (save_every is 7 here and 2 there)"),
        ("other folder", "on a file system that all hosts share"),
        ("nan", "loss_walk became nan at step 4: the checkpoint of step 2 is from before"),
    ],
)
def test_what_all_see_is_said_by_all(refused, fault, told):
    for said in refused[1]:
        assert [told in line for line in said.splitlines() if line.startswith(f"{fault}: ")] == [True]


def test_sigterm_in_one_process_saves_in_both_and_the_run_goes_on_exactly(refused):
    from tests.training.host import Spread

    folder, (first, second) = refused
    (last,) = run_folder.saved_steps(folder / "sigterm")[-1:]
    assert 4 <= last < 400
    assert f"stopped after step {last}, saved" in first and "stopped" not in second
    loop.train(Spread(steps=last + 3, save_every=2), folder / "sigterm", resume=True)
    loop.train(Spread(steps=last + 3, save_every=2), folder / "whole")
    resumed, whole = (metrics(folder / name)["loss_walk"] for name in ("sigterm", "whole"))
    np.testing.assert_allclose(resumed, whole, rtol=1e-5)


def test_an_error_of_one_process_ends_the_other(root, tmp_path):
    (first, _, other), (second, _, own) = together(root, "-m", "tests.training.host", "error", tmp_path)
    assert (first, second) == (2, 2)
    assert sentences(own) == ["train.py: a file cannot be read: copy it again"]
    (line,) = sentences(other)
    assert "process 0 cannot reach the others any more" in line and "--resume" in line


def test_a_process_that_is_killed_does_not_keep_the_other_for_ever(root, tmp_path):
    (first, _, errors), (second, _, _) = together(root, "-m", "tests.training.host", "killed", tmp_path)
    assert second < 0 and first == 2
    (line,) = sentences(errors)
    assert "cannot reach the others any more" in line and "--resume" in line
    assert run_folder.saved_steps(tmp_path / "killed") == [2]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("--distributed", "--distributed finds no other processes"),
        (
            "--distributed --coordinator-address 127.0.0.1:9 --num-processes 2 --process-id 1 --connect-timeout 2",
            "found not all processes at 127.0.0.1:9 within 2 seconds",
        ),
    ],
)
def test_processes_that_are_not_found_are_missed_in_a_sentence(root, tmp_path, options, told):
    command = ["train.py", "gan", "--preset", "debug", "--data", "nowhere", "--out", tmp_path / "run"]
    ((code, _, errors),) = finish(start(root, *command, *options.split()))
    (line,) = sentences(errors)
    assert code == 2 and told in line
    assert not (tmp_path / "run").exists()
