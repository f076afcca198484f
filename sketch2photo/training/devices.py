"""On which devices and hosts a run is trained, as the command line says it. Standard library only."""

import dataclasses
from dataclasses import dataclass
from typing import Annotated

from sketch2photo.config import Checked, Count, Range
from sketch2photo.errors import ConfigError, choose

AXES = ("data", "fsdp")
"""Of a mesh: the batch is split over both, weights and moments over the second."""


@dataclass(frozen=True)
class Devices(Checked):
    """Where to train: on which devices, and with which other processes. Changes nothing of what is trained."""

    mesh: str = ""
    """Devices by axis: data=4, or data=2,fsdp=2. The batch is split over all of them; over fsdp the weights, their
    moving average and the optimiser's moments are, too. Without it: all GPUs or TPU cores, or the one CPU."""
    distributed: bool = False
    """One of several processes that train together, on one host or many; under SLURM, Open MPI, GKE and on Cloud TPU
    they find each other."""
    coordinator_address: str = ""
    """With --distributed elsewhere: HOST:PORT at which process 0 waits for the others (JAX_COORDINATOR_ADDRESS)."""
    num_processes: Annotated[int, Range(0)] = 0
    """How many processes there are (JAX_NUM_PROCESSES); 0 as detected."""
    process_id: Annotated[int, Range(-1)] = -1
    """Number of this one, from 0 (JAX_PROCESS_ID); -1 as detected. 0 writes and speaks for all."""
    connect_timeout: Count = 300
    """Seconds to wait for the other processes at the start."""

    def __post_init__(self) -> None:
        super().__post_init__()
        sizes(self.mesh)
        given = [f.name for f in dataclasses.fields(self) if f.name in _NEEDED and getattr(self, f.name) != f.default]
        if given and not self.distributed:
            raise ConfigError(f"--{given[0].replace('_', '-')} is given without --distributed: add it")
        host, _, port = self.coordinator_address.rpartition(":")
        if self.coordinator_address and not (host and port.isdigit() and 0 < int(port) < 2**16):
            raise ConfigError(
                f"--coordinator-address is {self.coordinator_address!r}: give HOST:PORT, such as 10.0.0.1:1234"
            )
        if self.num_processes and self.process_id >= self.num_processes:
            raise ConfigError(
                f"--process-id is {self.process_id} of {self.num_processes} processes: they are numbered from 0 to "
                f"{self.num_processes - 1}"
            )


_NEEDED = ("coordinator_address", "num_processes", "process_id")


def sizes(mesh: str) -> dict[str, int]:
    """The devices along each axis, 1 along one that is not named; {} of "".

    Raises:
      ConfigError: an unknown axis, one named twice, or no number of devices.
    """
    if not mesh:
        return {}
    found: dict[str, int] = {}
    for part in mesh.split(","):
        axis, equals, number = (text.strip() for text in part.partition("="))
        choose("axis of --mesh", axis, AXES)
        if not equals or not (number.isascii() and number.isdigit()) or int(number) < 1:
            raise ConfigError(f"--mesh is {mesh!r}: give a number of devices for each axis, such as data=4")
        if axis in found:
            raise ConfigError(f"--mesh is {mesh!r}: it names {axis} twice")
        found[axis] = int(number)
    return {axis: found.get(axis, 1) for axis in AXES}
