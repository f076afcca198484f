"""The processes that train together: finding each other, agreeing, stopping together.

Devices speak to each other in the training step; here hosts do, through the coordinator of `jax.distributed`, which
process 0 runs. Three things can stop a run:

    SIGTERM on one host          jax tells the others, and all save after the same step
    an error on one host         it is told to the others (`_Watch`), who leave with the same exit code
    a host that is gone          its devices' messages fail at once, or its heartbeats after `HEARTBEAT` seconds
"""

import contextlib
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
from jax._src import distributed  # its key-value store has no public name; Orbax takes it from here as well

from sketch2photo.errors import CheckpointError, ConfigError, TrainingError
from sketch2photo.training.devices import Devices
from sketch2photo.training.stopping import Watch, limited, unreached

HEARTBEAT = 60
"""Seconds without a sign of life after which a process is taken for dead, and the others end."""
_LONG = 7 * 24 * 3600
"""Seconds to wait for the others where one of them may be at work; should it die, the wait ends anyway."""
_SEEN = 20.0
"""Seconds that a shared file system may take to show one host what another wrote."""


class Hosts:
    """All the processes of a run; without `--distributed` there is one."""

    def __init__(self, index: int = 0, count: int = 1):
        self.index, self.count = index, count
        self.first = index == 0
        """Whether this one writes and speaks."""
        self._waits = 0
        self._reached = (-1, False)

    @property
    def shard(self) -> tuple[int, int]:
        """The share of the data that is this host's."""
        return self.index, self.count

    def say(self, text: str) -> None:
        """One line for all of them."""
        if self.first:
            print(text, flush=True)

    def wait(self) -> None:
        """Until all processes have come here."""
        if self.count > 1:
            self._waits += 1
            _client().wait_at_barrier(f"sketch2photo/{self._waits}", _LONG * 1000)

    def stopping(self, step: int) -> bool:
        """Whether all are to stop after this step, for one of them has received SIGTERM; to be asked every step."""
        if self.count == 1:
            return False
        if self._reached[0] != step:
            from jax.experimental import multihost_utils

            self._reached = step, multihost_utils.reached_preemption_sync_point(step)
        return self._reached[1]

    def agree(self, what: str, mine: dict[str, Any]) -> None:
        """That all processes have the same.

        Args:
          mine: JSON values by name.

        Raises:
          ConfigError: this one has something else than process 0; the others are told.
        """
        if self.count == 1:
            return
        text = json.dumps(mine, default=str)
        key = f"sketch2photo/{what}"
        if self.first:
            _client().key_value_set(key, text)
        theirs = json.loads(_client().blocking_key_value_get(key, _LONG * 1000))
        different = [name for name, value in json.loads(text).items() if theirs.get(name) != value]
        if different:
            name = different[0]
            told = f"{name} is {mine[name]!r} here and {theirs.get(name)!r} there"
            raise ConfigError(
                f"process {self.index} has other {what} than process 0 ({told}): start all with the same command on "
                "the same data"
            )

    def share_folder(self, out: Path, mark: Path) -> None:
        """That all processes see the same folder, by a file in it of process 0's alone.

        Raises:
          CheckpointError: this one does not.
        """
        if self.count == 1:
            return
        key = "sketch2photo/folder"
        if self.first:
            _client().key_value_set(key, mark.read_text())
        theirs = _client().blocking_key_value_get(key, _LONG * 1000)
        end = time.monotonic() + _SEEN
        while not (mark.is_file() and mark.read_text() == theirs):
            if time.monotonic() > end:
                raise CheckpointError(
                    f"process {self.index} does not see the folder {str(out)!r} that process 0 writes: choose an --out "
                    "on a file system that all hosts share"
                )
            time.sleep(0.2)
        self.wait()


ALONE = Hosts()


@contextlib.contextmanager
def join(devices: Devices) -> Iterator[Hosts]:
    """Find the other processes, if there are to be any, and stop with them.

    To be entered before jax is asked for its devices.

    Raises:
      ConfigError: there are no others to be found, or they did not come.
      TrainingError: another process is gone.
    """
    if not devices.distributed:
        yield ALONE
        return
    _connect(devices)
    hosts = Hosts(jax.process_index(), jax.process_count())
    watch = Watch(_client(), hosts.index, hosts.count)
    try:
        yield hosts
        hosts.wait()
    except BaseException as error:
        if told := watch.news(error):
            code, reason = told
            print(f"train.py: {reason}", file=sys.stderr)
            watch.stop(SystemExit(code))
            raise SystemExit(code) from None
        if unreached(error):
            error = TrainingError(
                f"process {hosts.index} cannot reach the others any more ({_first_line(error)}): see what ended them, "
                "then start all again with --resume"
            )
        watch.stop(error)
        raise error from None
    watch.end()
    jax.distributed.shutdown()


def _connect(devices: Devices) -> None:
    number, count = os.environ.get("JAX_PROCESS_ID", ""), os.environ.get("JAX_NUM_PROCESSES", "")
    for name, text in (("JAX_PROCESS_ID", number), ("JAX_NUM_PROCESSES", count)):
        if text and not text.isdigit():
            raise ConfigError(f"{name} is {text!r} in the environment: make it a number or unset it")
    address = devices.coordinator_address or os.environ.get("JAX_COORDINATOR_ADDRESS")
    missed = (
        f"--distributed found not all processes at {address or 'the address that was detected'} within "
        f"{devices.connect_timeout} seconds: start all of them, with the same address and each with its own "
        "--process-id, and let the network allow it"
    )
    try:
        with limited(devices.connect_timeout, missed):
            jax.distributed.initialize(
                coordinator_address=address or None,
                num_processes=devices.num_processes or (int(count) if count else None),
                process_id=devices.process_id if devices.process_id >= 0 else int(number) if number else None,
                initialization_timeout=2 * devices.connect_timeout + 60,  # at which jax would abort the process
                heartbeat_timeout_seconds=HEARTBEAT,
            )
    except (ValueError, TypeError) as error:  # jax's words for what was neither given nor detected
        raise ConfigError(
            f"--distributed finds no other processes ({_first_line(error).rstrip('.')}): start it under SLURM, Open "
            "MPI, GKE or on Cloud TPU, or add --coordinator-address HOST:PORT --num-processes N --process-id I"
        ) from None
    except (RuntimeError, OSError) as error:
        raise ConfigError(
            f"--distributed failed at {address or 'the address that was detected'} ({_first_line(error)}): see that "
            "process 0 can listen there and the others reach it"
        ) from None


def _client() -> Any:
    return distributed.global_state.client


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
