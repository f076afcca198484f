"""What one of several processes does in test_distributed.py: `python host.py WHAT FOLDER [INDEX PORT]`.

WHAT is `devices` (one process of four devices: trainings on one and on four), `alike` (two of two devices: the first of
these trainings, over both), `refused` (two that meet the same errors, then SIGTERM), `error` or `killed` (what befalls
process 1 in a run).
"""

import json
import os
import re
import signal
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from sketch2photo import cli
from sketch2photo.errors import DataError, UserError, exit_on_user_error
from sketch2photo.training import command, distributed, loop, run_folder
from sketch2photo.training.classifier import ClassifierState
from sketch2photo.training.classifier_task import ClassifierTask
from sketch2photo.training.distributed import Layout, lay_out
from sketch2photo.training.gan_task import GanTask
from tests.training.test_loop import Counting, Walk

distributed._SEEN, distributed._LINGER = 2.0, 1.0  # nothing is far away here
FAULT_AT = 4
"""The step at which process 1 fails."""


def train(arguments, folder, name, mesh="", **start):
    """A run as train.py makes it."""
    given = cli.parse("train", [*arguments, "--data", str(folder / "data.npz"), "--out", str(folder / name)])
    layout = lay_out(mesh, given.config.batch_size)
    made = (GanTask if given.kind == "gan" else ClassifierTask)(given.config, given.data)
    loop.train(made, given.out, layout=layout, **start)


# ---------------------------------------------------------------- four devices


def tell_exchanges(jit):
    """`Layout.jit`, printing also what devices tell each other in a step, and how small a share of weights each has."""

    def jit_and_tell(self, step, state):
        def compiled(state, batch):
            nonlocal program
            if program is None:
                program = jit(self, step, state).lower(state, batch).compile()
                pattern = r" (all-[a-z]+|collective-permute|reduce-scatter)(?:-start)?[(]"
                largest = max(jax.tree.leaves(state), key=lambda x: x.size)
                share = largest.size // largest.addressable_data(0).size
                print("exchanges", self.sizes, share, *sorted(set(re.findall(pattern, program.as_text()))))
            return program(state, batch)

        program = None
        return compiled

    return jit_and_tell


def read_anywhere(folder):
    """Checkpoints written on one layout and read on another."""

    def make(key):
        params = {"kernel": jax.random.normal(key, (16, 4, 4, 32)), "bias": jnp.arange(5.0)}
        return ClassifierState(jnp.full((), 7, jnp.int32), params, {"moment": jnp.ones((64, 33))}, key)

    def words(x):
        return np.asarray(jax.random.key_data(x) if jnp.issubdtype(x.dtype, jax.dtypes.prng_key) else x)

    state = jax.jit(make)(jax.random.key(3))
    layouts: list[Layout] = [distributed.one_device(), lay_out("data=4", 4), lay_out("data=2,fsdp=2", 4)]
    for i, before in enumerate(layouts):
        out = folder / "read" / str(i)
        with run_folder.RunCheckpoints(out) as checkpoints:
            checkpoints.save(7, before.place(state), {"position": 5})
        for after in layouts:
            with run_folder.RunCheckpoints(out) as checkpoints:
                read, position = checkpoints.restore(after.abstract(jax.eval_shape(make, jax.random.key(0))))
            assert position == {"position": 5}
            for x, expected in zip(jax.tree.leaves(read), jax.tree.leaves(after.place(state)), strict=True):
                assert words(x).tobytes() == words(expected).tobytes(), (before.sizes, after.sizes)
                assert x.sharding.is_equivalent_to(expected.sharding, x.ndim), (before.sizes, after.sizes)
            print("read", before.sizes, after.sizes)


# ---------------------------------------------------------------- two processes with a fault


class Rows(Counting):
    """This host's rows of a batch of four."""

    def __init__(self, shard, fault):
        super().__init__()
        self.fault = fault
        self.rows = np.arange(4, dtype=np.float32).reshape(shard[1], -1)[shard[0]]

    def __next__(self):
        self.position += 1
        other = jax.process_index() == 1
        if other and self.position == FAULT_AT:
            if self.fault == "error":
                raise DataError("a file cannot be read: copy it again")
            if self.fault == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            if self.fault == "sigterm":
                os.kill(os.getpid(), signal.SIGTERM)
        return {"x": self.rows + self.position + (100 if self.fault == "other data" and other else 0)}


class Spread(Walk):
    """The walk of test_loop.py by the mean of what is spread over the processes."""

    def __init__(self, fault="none", **fields):
        super().__init__(**fields)
        self.fault = fault

    def batches(self, shard=(0, 1)):
        return Rows(shard, self.fault)

    def step(self, state, batch):
        moved, shown = super().step(state, {"x": batch["x"].mean()})
        if self.fault == "nan":
            shown["loss_walk"] = jnp.where(moved.step == FAULT_AT, jnp.nan, shown["loss_walk"])
        return moved, shown

    def sample(self, state, out, step):
        if self.fault == "sigterm":
            time.sleep(0.1)  # or the run may end before the news of it comes
        return super().sample(state, out, step)


def walk(folder, fault, steps):
    other = jax.process_index() == 1
    save_every = 7 if fault == "other settings" and other else 2
    out = folder / f"elsewhere-{jax.process_index()}" if fault == "other folder" else folder / fault
    task = Spread(fault, steps=steps, save_every=save_every)
    loop.train(task, out, layout=lay_out("", 4))


def main(what, folder, index="0", port="0"):
    devices = command.Devices()
    if what != "devices":
        devices = command.Devices("", True, f"127.0.0.1:{port}", 2, int(index), connect_timeout=200)
    with exit_on_user_error("train.py"), distributed.join(devices):
        if what == "devices":
            Layout.jit = tell_exchanges(Layout.jit)
            read_anywhere(folder)
            for name, arguments, mesh in json.loads((folder / "runs.json").read_text()):
                train(arguments, folder, f"{name}-one")
                train(arguments, folder, f"{name}-four", mesh)
        elif what == "alike":
            name, arguments, mesh = json.loads((folder / "runs.json").read_text())[0]
            train(arguments, folder, f"{name}-two", mesh)
        elif what == "refused":
            for fault in ("other data", "other settings", "other folder", "nan"):
                try:
                    walk(folder, fault, 50)
                except UserError as error:
                    print(f"{fault}: {error}")
            walk(folder, "sigterm", 400)
        else:
            walk(folder, what, 50)
    print("the end")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
