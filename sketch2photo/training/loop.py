"""The training loop, the same for generator and classifier.

Order of a start:
  1. the folder: a new one, or with --resume one that holds a run of the same settings; nobody else's (lock)
  2. the input; fails here when the data is too small, or other hosts have other data
  3. the state: fresh weights, by a jitted function, so that the arrays may be donated
  4. --init: weights of another run or release over the fresh ones, where they fit
  5. --resume: instead of both the latest checkpoint, and the input set to its position

On several hosts all do the same, and the first alone writes and speaks; checkpoints are written and read by all.
"""

import abc
import contextlib
import dataclasses
import time
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils

from sketch2photo.config import ClassifierConfig, GanConfig, to_dict
from sketch2photo.errors import TrainingError
from sketch2photo.training import distributed, run_folder
from sketch2photo.training.distributed import Layout, State
from sketch2photo.training.run_log import RunLog, advice, check_finite

Metrics = dict[str, jax.Array]


class Batches(Protocol):
    """An endless iterator of batches (dicts of numpy arrays) that knows its position."""

    def __next__(self) -> dict[str, Any]: ...
    def get_state(self) -> dict[str, Any]: ...
    def set_state(self, state: dict[str, Any]) -> None: ...


class Task(abc.ABC):
    """What is trained, as the loop sees it."""

    config: GanConfig | ClassifierConfig
    categories: tuple[str, ...]
    palette: dict[str, tuple[str, ...]]  # colours of each category, for a generator that is told one
    sources: dict[str, str]  # where the data are from, each with its licence
    step: Callable[[State, dict[str, jax.Array]], tuple[State, Metrics]]
    """One step, pure; is jitted with the state donated. Metrics are scalars; an array among them is all values of a
    figure, which are looked at where a grid is made."""

    @abc.abstractmethod
    def batches(self, shard: tuple[int, int] = (0, 1)) -> Batches:
        """A host's share, by its number and the number of hosts, of batches of `config.batch_size` in all."""

    @abc.abstractmethod
    def initial_state(self, key: jax.Array) -> State:
        """Fresh weights; is jitted."""

    @abc.abstractmethod
    def initialise(self, state: State, source: str, say: Callable[[str], None]) -> State:
        """The state with the weights of another run or release where they fit; says what did not."""

    def is_due(self, step: int) -> bool:
        """Whether to look at the state after this step; it is looked at after the last one in any case."""
        return step % self.config.sample_every == 0

    @abc.abstractmethod
    def sample(self, state: State, out: Path, step: int) -> dict[str, float]:
        """Write a grid of pictures to `out`/samples; figures for evaluation.jsonl, if any."""

    def before_saving(self, state: State) -> State:
        """The state with what only others than the step use brought up to date."""
        return state

    @abc.abstractmethod
    def finish(self, state: State, out: Path, say: Callable[[str], None]) -> None:
        """Last words, written to the run's folder."""


def train(
    task: Task,
    out: Path,
    *,
    init: str = "",
    resume: bool = False,
    allow_change: tuple[str, ...] = (),
    layout: Layout | None = None,
) -> State:
    """Train up to `task.config.steps` and return the last state; on one device without `layout`. SIGTERM and Ctrl-C
    save and end early.

    Raises:
      CheckpointError: the folder holds a run and `resume` is not set, or holds none and it is; another process trains
        in it; the run was started with other settings that `allow_change` does not name; something could not be
        written, is damaged or does not fit; not all hosts see the folder. The last whole checkpoint stays as it is.
      ConfigError: the hosts have other settings or data.
      TrainingError: a loss or a weight is no number any more. The last checkpoint is from before.
    """
    layout = layout or distributed.one_device()
    writes = jax.process_index() == 0
    write_run = partial(run_folder.write_run, out, task.config, task.categories, task.palette, task.sources)
    if writes:
        run_folder.check_folder(out, resume)
    with contextlib.ExitStack() as held:
        there = run_folder.is_run(out) or (out / run_folder.LOCK_FILE).is_file()
        if there:
            held.enter_context(run_folder.locked(out))
        if resume and writes:
            run_folder.check_unchanged(out, task.config, task.categories, allow_change)
        _check_processes(task, {"--init": init, "--resume": resume, "--mesh": layout.sizes})
        batches = task.batches((jax.process_index(), jax.process_count()))
        key, state = jax.random.key(task.config.seed), None
        if not resume:  # may fail: the folder is not made before
            state = jax.jit(task.initial_state)(key)
            state = layout.place(task.initialise(state, init, distributed.say) if init else state)
        if not there:
            held.enter_context(run_folder.locked(out))
        if writes:
            run_folder.check_folder(out, resume)  # another run may have come and gone meanwhile
            if resume:
                run_folder.set_damaged_aside(out, distributed.say)
            else:
                write_run()
        distributed.check_shared(out, out / run_folder.LOCK_FILE)
        with run_folder.RunCheckpoints(out) as checkpoints:
            if state is None:
                state, position = checkpoints.restore(layout.abstract(jax.eval_shape(task.initial_state, key)))
                batches.set_state(position)
                if writes:
                    write_run()
            log = RunLog(out, int(state.step), task.config) if writes else None
            close = log.close if log else lambda: None
            lost = partial(run_folder.lost, out)
            with distributed.stop_signal(int(state.step), task.config.steps, lost, close) as stopping:
                try:
                    state = _steps(task, out, state, batches, layout, checkpoints, log, stopping)
                    if log:
                        log.finish()
                finally:
                    close()
                if int(state.step) >= task.config.steps:
                    seen = layout.local(without_optimisers(state))
                    if log:
                        task.finish(seen, out, log.say)
    return state


def _check_processes(task: Task, options: dict[str, Any]) -> None:
    """Refuse to train what would be a mixture of runs; `options` is what else of the command line changes a run. Of the
    data the first batch is compared: what is in it depends on the seed and on how many examples each category has."""
    if jax.process_count() > 1:
        distributed.agree("settings", {**run_folder.flat(to_dict(task.config)), **options})
        first = b"".join(np.ascontiguousarray(rows).tobytes() for _, rows in sorted(next(task.batches()).items()))
        distributed.agree("data", {"categories": list(task.categories), "first batch": f"{zlib.crc32(first):08x}"})


def _steps(
    task: Task,
    out: Path,
    state: State,
    batches: Batches,
    layout: Layout,
    checkpoints: run_folder.RunCheckpoints,
    log: RunLog | None,
    stopping: Callable[[int], bool],
) -> State:
    """From the state's step to the last, or until it is to stop."""
    config = task.config
    make_step = layout.jit(task.step, state)
    pending: tuple[int, Metrics, float] | None = None
    since = time.perf_counter()
    for step in range(int(state.step) + 1, config.steps + 1):
        started = time.perf_counter()
        rows = next(batches)
        data_wait = time.perf_counter() - started
        batch = layout.put(rows)
        try:
            state, metrics = make_step(state, batch)
        except ValueError as error:  # so jax calls it where the step before, still under way, has failed
            raise jax.errors.JaxRuntimeError(str(error)) from error
        if pending:  # one step late, so that an accelerator never waits for us
            since = _report(*pending, since, config.batch_size, out, log)
        pending = (step, metrics, data_wait)
        last = stopping(step) or step == config.steps
        sampling = last or task.is_due(step)
        saving = last or step % config.save_every == 0
        if sampling or saving:
            _report(*pending, since, config.batch_size, out, log)
            pending = None
            if sampling:
                _sample(task, out, state, metrics, layout, log)
            if saving:
                if not _all_finite(state):
                    # Metrics are of before the step: without this the checkpoint could hold what they show only after.
                    raise TrainingError(f"a weight became no number at step {step}{advice(out)}")
                state = layout.place(task.before_saving(state))
                checkpoints.save(step, state, batches.get_state())
            since = time.perf_counter()
        if last:
            if log and step < config.steps:
                log.say(f"stopped after step {step}, saved: go on with --resume")
            break
    return state


def _report(
    step: int, metrics: Metrics, data_wait: float, since: float, batch_size: int, out: Path, log: RunLog | None
) -> float:
    """Wait for a step and log it; the time at which it was done. `since`: the time at which the one before was."""
    values = {name: float(value) for name, value in metrics.items() if not value.ndim}
    now = time.perf_counter()
    if log:
        log.step(step, values, {"images_per_second": batch_size / (now - since), "data_wait": data_wait})
    check_finite(step, values, out)
    return now


def _sample(task: Task, out: Path, state: State, metrics: Metrics, layout: Layout, log: RunLog | None) -> None:
    arrays = layout.local({name: value for name, value in metrics.items() if value.ndim})
    seen = layout.local(without_optimisers(state))
    if log:
        step = int(seen.step)
        log.distributions(step, arrays)
        log.sample(step, task.sample(seen, out, step))
    # Here rather than in the next step: devices that wait for others keep busy, and some give up.
    multihost_utils.sync_global_devices("sampled")


@jax.jit
def _all_finite(state: State) -> jax.Array:
    """Whether every float of a state is a number."""
    numbers = [x for x in jax.tree.leaves(state) if jnp.issubdtype(x.dtype, jnp.floating)]
    return jnp.all(jnp.stack([jnp.isfinite(x).all() for x in numbers]))


def without_optimisers(state: Any) -> Any:
    """The state for those who only look at weights."""
    optimisers = [f.name for f in dataclasses.fields(state) if f.name.endswith("optimiser")]
    return dataclasses.replace(state, **dict.fromkeys(optimisers))
