"""How a run lies on its devices: the batch split over them, the state whole on each or split as well (fsdp).

A step is the program of one device, jit-compiled for all: its sums over the batch, batch norm's among them, are then
over the global batch, and its random numbers those of one device, for threefry counts elements of the global array
(`jax_threefry_partitionable`). So a run is the same on any number of devices, to the rounding of sums.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec, SingleDeviceSharding

from sketch2photo.errors import ConfigError
from sketch2photo.training import devices

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
        return state if self.one else jax.tree.map(_placed, state, self.of_state(state))

    def abstract(self, state: State) -> State:
        """An abstract state that says where its arrays are to lie, for reading them there."""
        places = self.of_state(state)
        if self.one:
            places = jax.tree.map(lambda _: SingleDeviceSharding(self.mesh.devices.item()), state)
        return jax.tree.map(lambda x, place: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=place), state, places)

    def abstract_batch(self, batch: dict[str, jax.Array]) -> dict[str, jax.ShapeDtypeStruct]:
        """The batch without its values."""
        return {name: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding) for name, x in batch.items()}

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
