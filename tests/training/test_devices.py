"""What the command line says of devices and processes."""

import pytest

from sketch2photo import cli
from sketch2photo.errors import ConfigError
from sketch2photo.training.devices import Devices, sizes


def test_axes_that_are_not_named_have_one_device():
    assert sizes("") == {}
    assert sizes("data=4") == {"data": 4, "fsdp": 1}
    assert sizes("fsdp=2, data=3") == {"data": 3, "fsdp": 2}


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
