"""How a run lies on its devices: the batch split over them, the state whole on each or split as well (fsdp).

A step is the program of one device, jit-compiled for all: its sums over the batch, batch norm's among them, are then
over the global batch, and its random numbers those of one device, for threefry counts elements of the global array
(`jax_threefry_partitionable`). So a run is the same on any number of devices, to the rounding of sums.
"""

import atexit
import contextlib
import dataclasses
import hashlib
import json
import math
import multiprocessing
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import jax
import numpy as np
from jax._src import distributed  # its key-value store has no public name; Orbax takes it from here as well
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec, SingleDeviceSharding

from sketch2photo.config import to_dict
from sketch2photo.errors import CheckpointError, ConfigError, TrainingError, UserError
from sketch2photo.training import devices
from sketch2photo.training.devices import Devices
from sketch2photo.training.run_folder import flat

# ---------------------------------------------------------------- training.stopping
#
# Leaving together: an error of one process, told to the others, who may be waiting for it in their devices.
#
# A process that waits in a collective operation cannot be woken, so a thread waits for the news and ends it.

_KEY = "sketch2photo/stopped"
_WELL = "0 all is well"
_GRACE = 5.0
"""Seconds in which a process may find the same error by itself, before it is ended."""
_UNREACHED = re.compile("(UNKNOWN|UNAVAILABLE|INTERNAL|ABORTED|CANCELLED|DEADLINE_EXCEEDED|FAILED_PRECONDITION): ")
"""How the messages of jax begin where devices or hosts have lost each other; some come as a ValueError."""
_LEAVING = 20.0
"""Seconds that process 0, which the others speak through, waits for them to leave."""


class Watch:
    """Waits for the news that another process has failed, and tells them of this one.

    Args:
      client: of `jax.distributed`'s coordinator.
    """

    def __init__(self, client: Any, index: int, count: int):
        self._client, self._index, self._count = client, index, count
        self._leaving = threading.Event()
        self._heard = threading.Event()
        self._news = 0, ""
        self._thread = threading.Thread(target=self._listen, name="other processes", daemon=True)
        self._thread.start()

    def stop(self, error: BaseException) -> None:
        """Tell the others why this process ends, and let it end without waiting for them as jax would."""
        self._leaving.set()
        code = exit_code(error)
        reason = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}".splitlines()[0]
        with contextlib.suppress(Exception):  # another one was first, or the coordinator is gone
            self._client.key_value_set(_KEY, f"{code} process {self._index} stopped: {reason}")
        # Runs before what jax has registered, which is a wait for all processes.
        atexit.register(self._leave, code)

    def news(self, error: BaseException) -> tuple[int, str] | None:
        """With what exit code and for what reason another process has left, if that is why this one met an error."""
        return self._news if unreached(error) and self._heard.wait(_GRACE) else None

    def end(self) -> None:
        """All is well. To be called by all of them."""
        self._leaving.set()
        if self._index == 0:
            self._client.key_value_set(_KEY, _WELL)
        # Python ends a process badly while a thread of it waits outside of Python.
        self._thread.join(_LEAVING)

    def _listen(self) -> None:
        while True:
            try:
                news = self._client.blocking_key_value_get(_KEY, 3_600_000)
            except Exception as error:
                if "DEADLINE_EXCEEDED" in str(error):
                    continue
                return  # the coordinator has ended: so does the run, one way or the other
            if news == _WELL:
                return
            code, _, reason = news.partition(" ")
            self._news = int(code), reason
            self._heard.set()
            if not self._leaving.wait(2 * _GRACE):
                print(f"train.py: {reason}", file=sys.stderr)
                self._leave(int(code))
            return

    def _leave(self, code: int) -> None:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        for child in multiprocessing.active_children():
            child.terminate()
        with contextlib.suppress(Exception):
            if self._index:
                self._client.key_value_set(f"{_KEY}/{self._index}", "left")
            else:
                end = time.monotonic() + _LEAVING
                for other in range(1, self._count):
                    left = max(1, int(1000 * (end - time.monotonic())))
                    self._client.blocking_key_value_get(f"{_KEY}/{other}", left)
        os._exit(code)


@contextlib.contextmanager
def limited(seconds: float, missed: str) -> Iterator[None]:
    """End the process with this sentence and exit code 2 if what is inside, which nothing can wake, takes longer."""

    def leave() -> None:
        print(f"train.py: {missed}", file=sys.stderr, flush=True)
        os._exit(2)

    timer = threading.Timer(seconds, leave)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def unreached(error: BaseException) -> bool:
    """Whether this may be what jax says of others that are gone."""
    return isinstance(error, RuntimeError | ValueError) and bool(_UNREACHED.match(str(error)))


def exit_code(error: BaseException) -> int:
    """What a process that ends by this error leaves with; see `errors.exit_on_user_error`."""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    return 2 if isinstance(error, UserError) else 130 if isinstance(error, KeyboardInterrupt) else 1


# ---------------------------------------------------------------- training.hosts
#
# The processes that train together: finding each other, agreeing, stopping together.
#
# Devices speak to each other in the training step; here hosts do, through the coordinator of `jax.distributed`, which
# process 0 runs. Three things can stop a run:
#
#     SIGTERM on one host          jax tells the others, and all save after the same step
#     an error on one host         it is told to the others (`_Watch`), who leave with the same exit code
#     a host that is gone          its devices' messages fail at once, or its heartbeats after `HEARTBEAT` seconds

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


# ---------------------------------------------------------------- training.agreement
#
# That all hosts of a run have the same settings and the same data.


def check_hosts(hosts: Hosts, task: Any, options: dict[str, Any]) -> None:
    """Refuse to train what would be a mixture. On one host there is nothing to check.

    Of the data the first batch of all hosts is compared: which examples are in it depends on how many there are of
    every category, and on the seed.

    Args:
      task: a `loop.Task`.
      options: what else of the command line changes the run.

    Raises:
      ConfigError: this host has something else than the first.
    """
    if hosts.count == 1:
        return
    hosts.agree("settings", {**flat(to_dict(task.config)), **options})
    hosts.agree("data", {"categories": list(task.categories), "first batch": fingerprint(next(task.batches()))})
    hosts.wait()


def fingerprint(batch: dict[str, np.ndarray]) -> str:
    """Of all values of a batch, short enough to be read aloud."""
    digest = hashlib.sha256()
    for name in sorted(batch):
        digest.update(name.encode() + np.ascontiguousarray(batch[name]).tobytes())
    return digest.hexdigest()[:12]


# ---------------------------------------------------------------- training.interruption
#
# SIGTERM, which schedulers send before they take a machine away, as a wish to stop after the step under way.


class Interruption:
    """Listens to SIGTERM. A context manager. On several hosts jax does: one that gets it stops all after the same step
    (`Hosts.stopping`)."""

    def __init__(self, hosts: Hosts) -> None:
        self._hosts = hosts
        self._asked = False
        self._before: Any = None

    def __enter__(self) -> Self:
        if self._hosts.count == 1:
            try:
                self._before = signal.signal(signal.SIGTERM, self._ask)
            except ValueError:  # not in the main thread: leave the signal alone
                self._before = None
        return self

    def asked(self, step: int) -> bool:
        """Whether to stop after this step."""
        return self._asked or self._hosts.stopping(step)

    def _ask(self, *_: object) -> None:
        self._asked = True

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGTERM, self._before)


# ---------------------------------------------------------------- training.parallel

State = Any
Batch = dict[str, Any]
Step = Callable[[State, dict[str, jax.Array]], tuple[State, dict[str, jax.Array]]]

SMALL = 1024
"""Arrays of fewer values are whole on every device: splitting them saves nothing and costs a message each."""


class Layout:
    """A mesh of devices, and where on it states and batches lie.

    Args:
      given: the devices, those of a host side by side: each host then holds a block of rows of the batch.
      sizes: how many along each of `devices.AXES`.
    """

    def __init__(self, given: list[Any], sizes: dict[str, int]):
        shape = [sizes[axis] for axis in devices.AXES]
        self.sizes = sizes
        self.one = len(given) == 1
        self.on_cpu = given[0].platform == "cpu"
        self.mesh = Mesh(np.array(given).reshape(shape), devices.AXES, axis_types=(AxisType.Auto,) * len(shape))
        self.whole = NamedSharding(self.mesh, PartitionSpec())
        self.rows = NamedSharding(self.mesh, PartitionSpec(devices.AXES))

    def __str__(self) -> str:
        kinds = sorted({device.device_kind for device in self.mesh.devices.flat})
        axes = ",".join(f"{axis}={size}" for axis, size in self.sizes.items())
        return f"{self.mesh.size} devices ({', '.join(kinds)}; {axes})"

    def of_state(self, state: State) -> Any:
        """A sharding for each array of a state, or of one that is abstract."""

        def sharding(x: Any) -> NamedSharding:
            split = self.sizes["fsdp"]
            axes = [i for i, side in enumerate(x.shape) if side % split == 0]
            if split == 1 or not axes or math.prod(x.shape) < SMALL:
                return self.whole
            largest = max(axes, key=lambda i: x.shape[i])
            return NamedSharding(self.mesh, PartitionSpec(*[None] * largest, "fsdp"))

        return jax.tree.map(sharding, state)

    def step(self, step: Step, state: State) -> jax.stages.Wrapped:
        """A task's step, jitted for states like this one, which is donated."""
        if self.one:
            return jax.jit(step, donate_argnums=0)

        def gathered(state: State, batch: dict[str, jax.Array]) -> tuple[State, dict[str, jax.Array]]:
            # Or XLA would rather split convolutions over the channels of their kernels.
            weights = {name: jax.lax.with_sharding_constraint(getattr(state, name), self.whole) for name in split}
            state, metrics = step(dataclasses.replace(state, **weights), batch)
            scalars = {name: value for name, value in metrics.items() if not value.ndim}
            return state, metrics | jax.lax.with_sharding_constraint(scalars, self.whole)

        split = state.weights if self.sizes["fsdp"] > 1 else ()
        places = self.of_state(state)
        return jax.jit(
            gathered,
            donate_argnums=0,
            in_shardings=(places, self.rows),
            out_shardings=(places, None),  # all values of a figure stay where they are made
        )

    def put(self, batch: Batch) -> dict[str, jax.Array]:
        """A batch on the devices, of this host's rows of it."""
        if self.one:
            return jax.device_put(batch)
        return {name: jax.make_array_from_process_local_data(self.rows, rows) for name, rows in batch.items()}

    def place(self, state: State) -> State:
        """The state where a step takes it: one that every process has made alike, or one that is spread already."""
        # Committed to the device, as what a checkpoint gives is: else jax would compile the step once more for that.
        if self.one:
            return jax.device_put(state, self.mesh.devices.item())
        return jax.tree.map(_placed, state, self.of_state(state))

    def abstract(self, state: State) -> State:
        """An abstract state that says where its arrays are to lie, for reading them there."""
        places = self.of_state(state)
        if self.one:
            places = jax.tree.map(lambda _: SingleDeviceSharding(self.mesh.devices.item()), state)
        return jax.tree.map(lambda x, place: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=place), state, places)

    def local(self, tree: Any) -> Any:
        """The arrays whole on this process's first device. All hosts call it together."""
        if self.one:
            return tree
        if not all(x.is_fully_replicated for x in jax.tree.leaves(tree)):
            tree = jax.jit(lambda tree: tree, out_shardings=self.whole)(tree)
        return jax.tree.map(lambda x: x.addressable_data(0), tree)


def _placed(x: Any, sharding: NamedSharding) -> Any:
    if not x.is_fully_addressable or x.sharding == sharding:
        return jax.device_put(x, sharding)
    if jax.dtypes.issubdtype(x.dtype, jax.dtypes.prng_key):
        return jax.random.wrap_key_data(_placed(jax.random.key_data(x), sharding), impl=jax.random.key_impl(x))
    # Not device_put, which compares all processes' values by sending them round.
    here = np.asarray(x)
    return jax.make_array_from_callback(here.shape, sharding, lambda index: here[index])


def lay_out(mesh: str, batch_size: int, say: Callable[[str], None] = print) -> Layout:
    """The layout that --mesh asks for.

    Without one: all devices of all processes; in one process all accelerators, but no more than divide the batch, or
    one CPU.

    Raises:
      ConfigError: there are fewer devices, they do not divide the batch, or some process would have none or fewer.
    """
    # A host's devices side by side, whatever the order of a TPU's topology is: fsdp then stays within a host.
    all_devices = sorted(jax.devices(), key=lambda device: (device.process_index, device.id))
    sizes = devices.sizes(mesh) or _default(all_devices, batch_size)
    count, there = math.prod(sizes.values()), len(all_devices)
    if count > there:
        raise ConfigError(
            f"--mesh {mesh} takes {count} devices, but there {'is' if there == 1 else 'are'} {there} "
            f"({all_devices[0].device_kind}): make it smaller"
        )
    if jax.process_count() > 1:
        per_process = {len([d for d in all_devices if d.process_index == i]) for i in range(jax.process_count())}
        if len(per_process) > 1:
            raise ConfigError(
                f"the processes have {min(per_process)} to {max(per_process)} devices: start all of them with as many"
            )
        if count != there:
            raise ConfigError(f"--mesh {mesh} takes {count} of {there} devices: several processes use all of theirs")
    if batch_size % count:
        near = max(count, round(batch_size / count) * count)
        raise ConfigError(
            f"the batch size is {batch_size}, which {count} devices do not divide: use another --mesh or "
            f"--batch-size {near}"
        )
    layout = Layout(all_devices[:count], sizes)
    if there > 1 and (count > 1 or all_devices[0].platform != "cpu"):
        idle = "" if count == there else f"; {there - count} of {there} are idle"
        say(f"training on {layout}{idle}" if count > 1 else f"training on one device{idle}")
    return layout


def _default(all_devices: list[Any], batch_size: int) -> dict[str, int]:
    count = len(all_devices)
    if jax.process_count() == 1:
        count = 1 if all_devices[0].platform == "cpu" else max(n for n in range(1, count + 1) if batch_size % n == 0)
    return {"data": count, "fsdp": 1}
