"""`train.py` that says when its first step was made and what came before: for `train_step`, in a process of its own."""

import contextlib
import json
import os
import sys
import time
from collections import defaultdict
from pathlib import Path

from sketch2photo.kernels import runtime

runtime.prepare(training=True)


def since_start() -> float:
    """Seconds this process has lived."""
    started = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started


def main() -> None:
    marks = {"python and the command": since_start()}
    import jax
    from jax import monitoring

    marks["importing jax"] = since_start()
    spent: defaultdict[str, float] = defaultdict(float)
    names = {
        "/jax/core/compile/jaxpr_trace_duration": "of which tracing",
        "/jax/core/compile/jaxpr_to_mlir_module_duration": "of which lowering",
        "/jax/core/compile/backend_compile_duration": "of which compiling, or loading from the cache",
    }

    def listen(event: str, duration_secs: float, **_: object) -> None:
        if event in names:
            spent[names[event]] += duration_secs

    monitoring.register_event_duration_secs_listener(listen)
    from sketch2photo.training import loop, run_folder, run_log

    marks["importing the rest"] = since_start()
    restore, steps = run_folder.RunCheckpoints.restore, loop._Run.steps

    def timed_restore(self, state):
        marks["data opened, state made"] = since_start()
        restored = restore(self, state)
        jax.block_until_ready(restored[0])
        marks["checkpoint read"] = since_start()
        return restored

    def timed_steps(*args):
        marks["made ready"] = since_start()
        return steps(*args)

    class Done(BaseException):
        """The first step is made: nothing else is asked."""

    def step(*_: object) -> None:
        marks["the step"] = since_start()
        raise Done

    setattr(run_folder.RunCheckpoints, "restore", timed_restore)  # noqa: B010 (of other signatures)
    setattr(loop._Run, "steps", timed_steps)  # noqa: B010
    setattr(run_log.Watched, "step", step)  # noqa: B010 (called with the first losses, waited for)
    import train

    with contextlib.suppress(Done):
        train.main(sys.argv[1:])
    values = list(marks.values())
    parts = {name: end - start for (name, end), start in zip(marks.items(), [0.0, *values], strict=False)}
    print(json.dumps({**parts, **spent, "total": values[-1]}), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
