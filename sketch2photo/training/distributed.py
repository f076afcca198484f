"""Training on many devices and many hosts: the batch is split over them, the state whole on each or split as well.

A step is the program of one device, jit-compiled for all: its sums over the batch, batch norm's among them, are then
over the global batch, and its random numbers those of one device, for threefry counts elements of the global array
(`jax_threefry_partitionable`). So a run is the same on any number of devices, to the rounding of sums.

Every host runs one process or more; process 0 writes and speaks. What stops one stops all:

    SIGTERM or Ctrl-C on one             jax tells the others, and all save after the same step (`stop_signal`)
    settings, data, a loss that is NaN   all see it and say the same
    any other error, or a dead process   its connections break, and the others say that; where they do not break, jax
                                         ends the others after `HEARTBEAT` seconds
"""

import atexit
import contextlib
import dataclasses
import json
import math
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from sketch2photo.errors import CheckpointError, ConfigError, TrainingError, UserError, first_line
from sketch2photo.training.command import MESH_AXES, Devices, mesh_sizes

State = Any  # a frozen dataclass of trees of arrays, such as `gan.GanState`
Step = Callable[[State, dict[str, jax.Array]], tuple[State, dict[str, jax.Array]]]

# ---------------------------------------------------------------- devices

SMALL = 1024  # values; smaller arrays are whole on every device, for splitting them costs a message each


class Layout:
    """A mesh of devices, so many along each of `MESH_AXES`, and where on it states and batches lie. A host's devices
    stand side by side: each host then holds a block of rows of the batch."""

    def __init__(self, devices: list[Any], sizes: dict[str, int]):
        shape = [sizes[axis] for axis in MESH_AXES]
        self.sizes = sizes
        self.mesh = Mesh(np.array(devices).reshape(shape), MESH_AXES, axis_types=(AxisType.Auto,) * len(shape))
        self.whole = NamedSharding(self.mesh, PartitionSpec())
        self.rows = NamedSharding(self.mesh, PartitionSpec(MESH_AXES))

    def __str__(self) -> str:
        kinds = sorted({device.device_kind for device in self.mesh.devices.flat})
        axes = ",".join(f"{axis}={size}" for axis, size in self.sizes.items())
        several = f"{self.mesh.size} devices ({', '.join(kinds)}; {axes})"
        return several if self.mesh.size > 1 else f"one device ({kinds[0]})"

    def shardings(self, state: State) -> Any:
        """A sharding for each array of a state, or of an abstract one."""

        def sharding(x: Any) -> NamedSharding:
            split = self.sizes["fsdp"]
            axes = [i for i, side in enumerate(x.shape) if side % split == 0]
            if split == 1 or not axes or math.prod(x.shape) < SMALL:
                return self.whole
            largest = max(axes, key=lambda i: x.shape[i])
            return NamedSharding(self.mesh, PartitionSpec(*[None] * largest, "fsdp"))

        return jax.tree.map(sharding, state)

    def jit(self, step: Step, state: State) -> jax.stages.Wrapped:
        """A task's step for states like this one, which is donated."""

        def gathered(state: State, batch: dict[str, jax.Array]) -> tuple[State, dict[str, jax.Array]]:
            # Or XLA would rather split convolutions over the channels of their kernels.
            weights = {name: jax.lax.with_sharding_constraint(getattr(state, name), self.whole) for name in split}
            state, metrics = step(dataclasses.replace(state, **weights), batch)
            scalars = {name: value for name, value in metrics.items() if not value.ndim}
            return state, metrics | jax.lax.with_sharding_constraint(scalars, self.whole)

        split = state.weights if self.sizes["fsdp"] > 1 else ()
        places = self.shardings(state)
        return jax.jit(
            gathered,
            donate_argnums=0,
            in_shardings=(places, self.rows),
            out_shardings=(places, None),  # all values of a figure stay where they are made
        )

    def put(self, batch: dict[str, np.ndarray]) -> dict[str, jax.Array]:
        """A batch on the devices, of this host's rows of it."""
        return {name: jax.make_array_from_process_local_data(self.rows, rows) for name, rows in batch.items()}

    def place(self, state: State) -> State:
        """The state where a step takes it: one that every process has made alike, or one that is spread already."""
        return jax.tree.map(_placed, state, self.shardings(state))

    def abstract(self, state: State) -> State:
        """An abstract state that says where its arrays are to lie, for reading them there."""
        return jax.tree.map(lambda x, place: x.update(sharding=place), state, self.shardings(state))

    def local(self, tree: Any) -> Any:
        """The arrays whole on this process's first device. All processes call it together."""
        if not all(x.is_fully_replicated for x in jax.tree.leaves(tree)):
            tree = jax.jit(lambda tree: tree, out_shardings=self.whole)(tree)
        return jax.tree.map(lambda x: x.addressable_data(0), tree)


def _placed(x: Any, sharding: NamedSharding) -> Any:
    if jax.process_count() == 1 or not x.is_fully_addressable:
        return jax.device_put(x, sharding)
    if jax.dtypes.issubdtype(x.dtype, jax.dtypes.prng_key):
        return jax.random.wrap_key_data(_placed(jax.random.key_data(x), sharding), impl=jax.random.key_impl(x))
    # Not device_put, which compares all processes' values by sending them round.
    here = np.asarray(x)
    return jax.make_array_from_callback(here.shape, sharding, lambda index: here[index])


def one_device() -> Layout:
    """All on the first device."""
    return Layout(jax.devices()[:1], dict.fromkeys(MESH_AXES, 1))


def lay_out(mesh: str, batch_size: int) -> Layout:
    """The layout that --mesh asks for; without one all devices of all processes, in one process all accelerators, but
    no more than divide the batch, or one CPU. Raises `ConfigError`: there are fewer devices, they do not divide the
    batch, or some process would have none or fewer."""
    # A host's devices side by side, whatever the order of a TPU's topology is: fsdp then stays within a host.
    devices = sorted(jax.devices(), key=lambda device: (device.process_index, device.id))
    there, sizes = len(devices), mesh_sizes(mesh)
    if not sizes:
        usual = there
        if jax.process_count() == 1:
            usual = 1 if devices[0].platform == "cpu" else max(n for n in range(1, there + 1) if batch_size % n == 0)
        sizes = {"data": usual, "fsdp": 1}
    count = math.prod(sizes.values())
    if count > there:
        raise ConfigError(
            f"--mesh {mesh} takes {count} devices, but there {'is' if there == 1 else 'are'} {there} "
            f"({devices[0].device_kind}): make it smaller"
        )
    if jax.process_count() > 1:
        per_process = {len([d for d in devices if d.process_index == i]) for i in range(jax.process_count())}
        if len(per_process) > 1:
            raise ConfigError(
                f"the processes have {min(per_process)} to {max(per_process)} devices: start all of them with as many"
            )
        if count != there:
            raise ConfigError(f"--mesh {mesh} takes {count} of {there} devices: several processes use all of theirs")
    if batch_size % count:
        raise ConfigError(
            f"the batch size is {batch_size}, which {count} devices do not divide: use another --mesh or "
            f"--batch-size {max(count, round(batch_size / count) * count)}"
        )
    layout = Layout(devices[:count], sizes)
    idle = "" if count in (there, 1) and devices[0].platform == "cpu" else f"; {there - count} of {there} are idle"
    say(f"training on {layout}{idle if count < there else ''}")
    return layout


# ---------------------------------------------------------------- hosts

HEARTBEAT = 60  # seconds without a sign of life after which a process is taken for dead, and the others end
_LINGER = 5.0  # seconds that process 0, which the others speak through, leaves them to end by themselves
_SEEN = 20.0  # seconds that a shared file system may take to show one host what another wrote


def say(text: str) -> None:
    """One line for all processes."""
    if jax.process_index() == 0:
        print(text, flush=True)


@contextlib.contextmanager
def join(devices: Devices) -> Iterator[None]:
    """Find the other processes, if there are to be any, and end with them; before jax is asked for its devices.

    Raises:
      ConfigError: there are no others to be found, or they did not come.
      TrainingError: another process is gone.
    """
    if not devices.distributed:
        yield
        return
    _connect(devices)
    try:
        yield
        multihost_utils.sync_global_devices("end")
    except BaseException as error:
        if isinstance(error, jax.errors.JaxRuntimeError):
            error = TrainingError(
                f"process {jax.process_index()} cannot reach the others any more ({first_line(error)[:200]}): "
                "see what ended them, then start all again with --resume"
            )
        known = {UserError: 2, KeyboardInterrupt: 130}  # as `errors.exit_on_user_error` has it
        atexit.register(_leave, next((code for kind, code in known.items() if isinstance(error, kind)), 1))
        raise error from None
    jax.distributed.shutdown()


def _leave(code: int) -> None:
    """End this process once it has said why; before jax's own end, which is a wait for the others, who may be waiting
    for this one, and aborts with a stack trace when they do not come."""
    for child in multiprocessing.active_children():
        child.terminate()
    if jax.process_count() > 1 and jax.process_index() == 0:
        time.sleep(_LINGER)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _connect(devices: Devices) -> None:
    number, count = os.environ.get("JAX_PROCESS_ID", ""), os.environ.get("JAX_NUM_PROCESSES", "")
    for name, text in (("JAX_PROCESS_ID", number), ("JAX_NUM_PROCESSES", count)):
        if text and not text.isdigit():
            raise ConfigError(f"{name} is {text!r} in the environment: make it a number or unset it")
    address = devices.coordinator_address or os.environ.get("JAX_COORDINATOR_ADDRESS")
    where = address or "the address that was detected"

    def give_up() -> None:
        print(
            f"train.py: --distributed found not all processes at {where} within {devices.connect_timeout} seconds: "
            "start all of them, with the same address and each with its own --process-id, and let the network allow it",
            file=sys.stderr,
            flush=True,
        )
        os._exit(2)  # nothing can wake what waits, and jax's own time limit aborts with a stack trace

    timer = threading.Timer(devices.connect_timeout, give_up)
    timer.daemon = True
    timer.start()
    try:
        jax.distributed.initialize(
            coordinator_address=address or None,
            num_processes=devices.num_processes or (int(count) if count else None),
            process_id=devices.process_id if devices.process_id >= 0 else int(number) if number else None,
            initialization_timeout=2 * devices.connect_timeout + 60,
            heartbeat_timeout_seconds=HEARTBEAT,
        )
    except (ValueError, TypeError) as error:  # jax's words for what was neither given nor detected
        raise ConfigError(
            f"--distributed finds no other processes ({first_line(error)[:200].rstrip('.')}): start it under SLURM, "
            "Open MPI, GKE or on Cloud TPU, or add --coordinator-address HOST:PORT --num-processes N --process-id I"
        ) from None
    except (RuntimeError, OSError) as error:
        raise ConfigError(
            f"--distributed failed at {where} ({first_line(error)[:200]}): see that process 0 can listen there and "
            "the others reach it"
        ) from None
    finally:
        timer.cancel()


def gathered(value: Any) -> list[Any]:
    """A JSON value of each process, in order."""
    text = np.frombuffer(json.dumps(value, default=str).encode(), np.uint8)
    longest = int(multihost_utils.process_allgather(np.array(text.size)).max())
    padded = np.pad(text, (0, longest - text.size), constant_values=ord(" "))
    return [json.loads(row.tobytes()) for row in multihost_utils.process_allgather(padded)]


def agree(what: str, mine: dict[str, Any]) -> None:
    """That all processes have the same, JSON values by name. Raises `ConfigError`: one has something else than process
    0; in all of them."""
    first, *others = gathered(mine)
    for index, theirs in enumerate(others, 1):
        if different := [name for name in theirs if theirs[name] != first.get(name)]:
            name = different[0]
            raise ConfigError(
                f"process {index} has other {what} than process 0 ({name} is {theirs[name]!r} here and "
                f"{first.get(name)!r} there): start all with the same command on the same data"
            )


def check_shared(out: Path, mark: Path) -> None:
    """That all processes see the same folder, by a file in it that process 0 has written. Raises `CheckpointError`: one
    does not; in all of them."""
    content = gathered(mark.read_text() if jax.process_index() == 0 else "")[0]
    end = time.monotonic() + _SEEN
    while not (seen := mark.is_file() and mark.read_text() == content) and time.monotonic() < end:
        time.sleep(0.2)
    if False in (all_seen := gathered(seen)):
        raise CheckpointError(
            f"process {all_seen.index(False)} does not see the folder {str(out)!r} that process 0 writes: choose an "
            "--out on a file system that all hosts share"
        )


@contextlib.contextmanager
def stop_signal(
    step: int, last: int, lost: Callable[[], str], end: Callable[[], None]
) -> Iterator[Callable[[int], bool]]:
    """Whether to stop after a step, to be asked once after every step: SIGTERM, which schedulers send before they take
    a machine away, or Ctrl-C. Of several processes one that gets it stops all after the same step. A second Ctrl-C ends
    this process at once, which calls `end` and says what that loses (`lost`).

    `step` is made so far, of `last`: of a stop during the last one nothing is said, for it is saved as it is.
    """
    several = jax.process_count() > 1
    asked = multihost_utils.reached_preemption_sync_point if several else lambda step: received.is_set()
    received = threading.Event()
    stop = partial(os.kill, os.getpid(), signal.SIGTERM) if several else received.set
    if threading.current_thread() is not threading.main_thread():  # whose signals they are
        yield asked
        return

    def stopping(made: int) -> bool:
        nonlocal step
        step = made
        return asked(made)

    def watch() -> None:
        presses = 0
        for (number,) in iter(lambda: os.read(reading, 1), b""):
            if number == signal.SIGTERM:
                received.set()
            elif number == signal.SIGINT:
                presses += 1
                if presses > 1:
                    end()
                    print(f"stopped at once: {lost()}", file=sys.stderr)
                    _leave(130)
                if step + 1 < last:
                    print("stopping: this step is made and saved first; Ctrl-C again ends at once", flush=True)
                stop()

    # A handler in Python would wait for what jax is at, which may be a minute's compilation: a thread is told at once.
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    caught = (signal.SIGINT,) if several else (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda *_: None) for number in caught}
    told = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    try:
        yield stopping
    finally:
        signal.set_wakeup_fd(told)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(writing)
        watcher.join()
        os.close(reading)
