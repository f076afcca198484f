"""Where states and batches lie; that the numbers are the same wherever they do is in test_spread.py."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec

from sketch2photo.errors import ConfigError
from sketch2photo.training import distributed
from sketch2photo.training.distributed import Layout, lay_out
from tests.training.processes import finish, start

PROBE = """
import jax, jax.numpy as jnp, re
from sketch2photo.training import gan, parallel
from sketch2photo.config import GAN_PRESETS
from tests.training.test_gan import CATEGORIES, DEBUG, batch
networks = gan.GanNetworks(DEBUG, CATEGORIES)
fresh = jax.jit(lambda key: gan.initial_state(networks, key))(jax.random.key(0))
for mesh in ("data=4", "data=2,fsdp=2"):
    layout = parallel.lay_out(mesh, 4)
    state = layout.place(fresh)
    kernel = state.ema["downs"][4]["kernel"]
    moment = state.generator_optimiser[0].nu["downs"][4]["kernel"]
    print(mesh, *(x.size // x.addressable_data(0).size for x in (kernel, moment)))
    whole = layout.local(state)
    assert all(len(x.devices()) == 1 for x in jax.tree.leaves(whole))
    program = layout.step(gan.make_step(networks), state).lower(state, layout.put(batch())).compile().as_text()
    print(mesh, *sorted(set(re.findall(r" (all-[a-z]+|collective-permute|reduce-scatter)(?:-start)?[(]", program))))
"""

READ = """
import pathlib, sys, jax, jax.numpy as jnp, numpy as np
from sketch2photo import checkpoints
from sketch2photo.training.distributed import Layout, lay_out
from sketch2photo.training.loop import ClassifierState

def make(key):
    params = {"kernel": jax.random.normal(key, (16, 4, 4, 32)), "bias": jnp.arange(5.0)}
    return ClassifierState(jnp.full((), 7, jnp.int32), params, {"moment": jnp.ones((64, 33))}, key)

def seen(state):
    key = jax.dtypes.prng_key
    plain = [jax.random.key_data(x) if jnp.issubdtype(x.dtype, key) else x for x in jax.tree.leaves(state)]
    return [(np.asarray(x).tobytes(), x.sharding) for x in plain]

state = jax.jit(make)(jax.random.key(3))
layouts = Layout(jax.devices()[:1], {"data": 1, "fsdp": 1}), lay_out("data=4", 4), lay_out("data=2,fsdp=2", 4)
for i, before in enumerate(layouts):
    out = pathlib.Path(sys.argv[1]) / str(i)
    with checkpoints.RunCheckpoints(out) as saved:
        saved.save(7, before.place(state), {"position": 5})
    for after in layouts:
        with checkpoints.RunCheckpoints(out) as saved:
            read, position = saved.restore(after.abstract(jax.eval_shape(make, jax.random.key(0))))
        assert position == {"position": 5}
        assert seen(read) == seen(after.place(state)), (before.sizes, after.sizes)
        print("read", before.sizes, after.sizes)
"""


def fakes(n, platform="gpu", processes=1):
    return [
        SimpleNamespace(id=i, process_index=i % processes, platform=platform, device_kind=platform) for i in range(n)
    ]


def refused(monkeypatch, devices, processes, mesh, batch_size):
    monkeypatch.setattr(jax, "devices", lambda: devices)
    monkeypatch.setattr(jax, "process_count", lambda: processes)
    with pytest.raises(ConfigError) as raised:
        lay_out(mesh, batch_size)
    return str(raised.value)


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
    assert told in refused(monkeypatch, devices, processes, mesh, batch_size)


def test_without_a_mesh_all_accelerators_that_divide_the_batch_are_used():
    assert distributed._default(fakes(4), 8) == {"data": 4, "fsdp": 1}
    assert distributed._default(fakes(4), 6) == {"data": 3, "fsdp": 1}
    assert distributed._default(fakes(4), 1) == {"data": 1, "fsdp": 1}
    assert distributed._default(fakes(4, "cpu"), 8) == {"data": 1, "fsdp": 1}


def test_arrays_are_split_along_their_largest_side_that_can_be():
    layout = Layout([jax.devices()[0]], {"data": 1, "fsdp": 1})
    layout.sizes = {"data": 1, "fsdp": 4}  # the rule looks at no devices

    def spec(*shape):
        return layout.of_state(jax.ShapeDtypeStruct(shape, jnp.float32)).spec

    assert spec(16, 4, 4, 32) == PartitionSpec(None, None, None, "fsdp")
    assert spec(64, 4, 4, 30) == PartitionSpec("fsdp")
    assert spec(333, 4, 4, 9) == PartitionSpec(None, "fsdp")
    assert spec(333, 33) == PartitionSpec()
    assert spec(512) == spec() == PartitionSpec()


def test_one_device_is_left_as_it_was():
    said = []
    layout = lay_out("", 3, said.append)
    assert layout.one and said == []
    tree = {"a": jnp.ones(3)}
    assert layout.local(tree) is tree and layout.place(tree) is tree
    assert layout.abstract(jax.eval_shape(lambda: tree))["a"].sharding == tree["a"].sharding
    np.testing.assert_array_equal(layout.put({"x": np.arange(3)})["x"], np.arange(3))


def test_devices_work_on_their_own_rows_and_only_sums_are_exchanged(root):
    """No picture is sent from one device to another; with fsdp the weights are gathered, too."""
    ((code, said, errors),) = finish(start(root, "-c", PROBE, devices=4))
    assert code == 0, errors[-3000:]
    lines = [line for line in said.splitlines() if line.startswith("data=")]
    assert lines == ["data=4 1 1", "data=4 all-reduce", "data=2,fsdp=2 2 2", "data=2,fsdp=2 all-gather all-reduce"]


def test_a_checkpoint_is_read_bit_for_bit_to_where_a_step_takes_it(root, tmp_path):
    ((code, said, errors),) = finish(start(root, "-c", READ, tmp_path, devices=4))
    assert code == 0, errors[-3000:]
    assert said.count("read") == 9


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--mesh", "data=3"], "--mesh data=3 takes 3 devices, but there are 2"),
        (["--mesh", "data=2", "--batch-size", 3], "the batch size is 3, which 2 devices do not divide"),
        (["--mesh", "rows=2"], "unknown axis of --mesh 'rows'"),
        (["--distributed"], "--distributed finds no other processes"),
        (
            ["--distributed", "--coordinator-address", "127.0.0.1:9", "--num-processes", 2, "--process-id", 1]
            + ["--connect-timeout", 2],
            "found not all processes at 127.0.0.1:9 within 2 seconds",
        ),
    ],
)
def test_the_command_refuses_in_a_sentence(root, tmp_path, options, told):
    command = ["train.py", "gan", "--preset", "debug", "--data", "nowhere", "--out", tmp_path / "run", *options]
    ((code, _, errors),) = finish(start(root, *command, devices=2))
    said = [line for line in errors.splitlines() if line.startswith("train.py: ")]
    assert code == 2 and len(said) == 1 and told in said[0] and "Traceback" not in errors, errors
    assert not (tmp_path / "run").exists()
