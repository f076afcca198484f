"""One of several processes that train the walk of test_loop.py, with a fault if it is asked for: see test_hosts.py.

python walking_host.py OUT INDEX PORT STEPS {new,resume} FAULT
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from sketch2photo.errors import DataError, exit_on_user_error
from sketch2photo.training import distributed, loop
from sketch2photo.training.devices import Devices
from tests.training.test_loop import Counting, Walk

out, index, port, steps, start, fault = sys.argv[1:]
distributed._SEEN, distributed._GRACE, distributed._LEAVING = 2.0, 1.0, 5.0  # nothing is far away here
FAULT_AT = 4
"""The step at which the fault happens, in process 1 unless it is named otherwise."""


class Rows(Counting):
    """This host's rows of a batch of four."""

    def __init__(self, shard):
        super().__init__()
        self.rows = np.arange(4, dtype=np.float32).reshape(shard[1], -1)[shard[0]]

    def __next__(self):
        self.position += 1
        if index == "1" and self.position == FAULT_AT:
            fail()
        return {"x": self.rows + self.position + (100 if fault == "other data" and index == "1" else 0)}


def fail():
    """What befalls process 1 in the middle of the run."""
    if fault == "error":
        raise DataError("a file cannot be read: copy it again")
    if fault == "bug":
        raise KeyError("no such thing")
    if fault == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if fault == "sigterm":
        os.kill(os.getpid(), signal.SIGTERM)


class Spread(Walk):
    def batches(self, shard=(0, 1)):
        return Rows(shard)

    def step(self, state, batch):
        moved, shown = super().step(state, {"x": batch["x"].mean()})
        if fault == "nan":
            shown["loss_walk"] = jnp.where(moved.step == FAULT_AT, jnp.nan, shown["loss_walk"])
        return moved, shown

    def sample(self, state, folder, step):
        if fault == "sigterm":
            time.sleep(0.1)  # or the run may end before the news of it comes
        return super().sample(state, folder, step)


with exit_on_user_error("train.py"):
    options = Devices("", True, f"127.0.0.1:{port}", 2, int(index), connect_timeout=60)
    with distributed.join(options) as together:
        layout = distributed.lay_out("", 4, together.say)
        task = Spread(steps=int(steps), save_every=2)
        if fault == "other settings" and index == "1":
            task = Spread(steps=int(steps), save_every=7)
        folder = Path(out) / index if fault == "other folder" else Path(out)
        loop.train(task, folder, resume=start == "resume", layout=layout, hosts=together)
        print(json.dumps({"finished": task.finished}))
