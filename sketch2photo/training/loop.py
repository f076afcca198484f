"""The training loop, the same for generator and classifier.

Order of a start:
  1. the folder: a new one, or with --resume one that holds a run of the same settings; nobody else's (lock)
  2. the input; fails here when the data is too small
  3. the state: fresh weights, by a jitted function, so that the arrays may be donated
  4. --init: weights of another run or release over the fresh ones, where they fit
  5. --resume: the latest checkpoint over everything, and the input set to its position
"""

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, Self

import jax
import jax.numpy as jnp

from sketch2photo import checkpoints
from sketch2photo.config import ClassifierConfig, GanConfig
from sketch2photo.errors import TrainingError
from sketch2photo.training.folder import RunLock, check_folder, check_unchanged
from sketch2photo.training.watched import Watched, advice

State = Any
Metrics = dict[str, jax.Array]


class Batches(Protocol):
    """An endless iterator of batches (dicts of numpy arrays) that knows its position."""

    def __next__(self) -> dict[str, Any]: ...
    def get_state(self) -> dict[str, Any]: ...
    def set_state(self, state: dict[str, Any]) -> None: ...


class Task(Protocol):
    """What the loop needs to know of what it trains."""

    kind: str
    """"gan" or "classifier"."""
    categories: tuple[str, ...]
    palette: dict[str, tuple[str, ...]]

    evaluation_every: int
    """Steps between calls of `evaluate`; 0 for never."""

    @property
    def config(self) -> GanConfig | ClassifierConfig: ...

    def batches(self) -> Batches: ...

    def initial_state(self, key: jax.Array) -> State:
        """Fresh weights; is jitted."""
        ...

    def step(self, state: State, batch: dict[str, jax.Array]) -> tuple[State, Metrics]:
        """One step, pure; is jitted with the state donated."""
        ...

    def initialise(self, state: State, source: str, say: Callable[[str], None]) -> State:
        """The state with the weights of another run or release where they fit; says what did not."""
        ...

    def before_saving(self, state: State) -> State:
        """The state with what only others than the step use brought up to date."""
        ...

    def sample(self, state: State, folder: Path, step: int) -> dict[str, float]:
        """Write a grid of pictures to the folder; figures of an evaluation, if any, for evaluation.jsonl."""
        ...

    def evaluate(self, state: State, out: Path, step: int) -> dict[str, float]:
        """Figures for evaluation.jsonl that take longer than a sample; may keep the best weights in `out`."""
        ...

    def finish(self, state: State, out: Path, say: Callable[[str], None]) -> None:
        """Last words, written to the run's folder."""
        ...


def train(task: Task, out: Path, *, init: str = "", resume: bool = False, allow_change: tuple[str, ...] = ()) -> State:
    """Train up to `task.config.steps` and return the last state. SIGTERM saves and ends early.

    Raises:
      CheckpointError: the folder holds a run and `resume` is not set, or holds none and it is; another process trains
        in it; the run was started with other settings that `allow_change` does not name; something could not be
        written, or does not fit. The last checkpoint stays as it is.
      TrainingError: a loss or a weight is no number any more. The last checkpoint is from before.
    """
    config = task.config
    check_folder(out, resume)
    with RunLock(out) as lock:
        if resume:
            check_unchanged(out, config, task.categories, allow_change)
        batches = task.batches()
        state = jax.jit(task.initial_state)(jax.random.key(config.seed))
        if init and not resume:
            state = task.initialise(state, init, print)  # may fail: the folder is not made before
        lock.take()
        check_folder(out, resume)  # another run may have come and gone meanwhile
        if not resume:
            checkpoints.write_run(out, task.kind, config, task.categories, task.palette, sources_of(task))
        with checkpoints.RunCheckpoints(out) as saved, _Interruption() as interruption:
            first = 0
            if resume:
                state, position = saved.restore(state)
                batches.set_state(position)
                first = int(state.step)
                checkpoints.write_run(out, task.kind, config, task.categories, task.palette, sources_of(task))
            watched = Watched(out, first, config)
            try:
                state = _steps(task, state, first, batches, out, saved, watched, interruption)
                watched.finish()
            finally:
                watched.close()
            if int(state.step) >= config.steps:
                task.finish(state, out, watched.progress.say)
    return state


def sources_of(task: Task) -> dict[str, str]:
    """Where a task's data are from, each with its licence; nothing where it does not know."""
    return getattr(task, "sources", {})


def _steps(
    task: Task,
    state: State,
    first: int,
    batches: Batches,
    out: Path,
    saved: checkpoints.RunCheckpoints,
    watched: Watched,
    interruption: "_Interruption",
) -> State:
    config = task.config
    step_function = jax.jit(task.step, donate_argnums=0)
    all_finite = jax.jit(_all_finite)
    pending: tuple[int, Metrics, float] | None = None
    since = time.perf_counter()

    def settle() -> None:
        """Wait for the step under way and report it; one step late, so that the device never waits for us."""
        nonlocal pending, since
        if pending is None:
            return
        step, metrics, waited = pending
        pending = None
        values = {name: float(value) for name, value in metrics.items()}
        now = time.perf_counter()
        timing = {"images_per_second": config.batch_size / (now - since), "data_wait": waited}
        since = now
        watched.step(step, values, timing)

    for step in range(first + 1, config.steps + 1):
        started = time.perf_counter()
        batch = next(batches)
        waited = time.perf_counter() - started
        state, metrics = step_function(state, jax.device_put(batch))
        settle()
        pending = (step, metrics, waited)
        last = step == config.steps or interruption.asked
        evaluating = task.evaluation_every and (step == config.steps or step % task.evaluation_every == 0)
        sampling = last or evaluating or step % config.sample_every == 0
        if sampling:
            settle()
            figures = task.sample(state, out / "samples", step)
            if evaluating:
                figures |= task.evaluate(state, out, step)
            watched.sample(step, figures)
        last = last or interruption.asked  # it may have been asked while sampling
        saving = last or step % config.save_every == 0
        if saving:
            settle()
            watched.flush()
            if not all_finite(state):
                # Metrics are of before the step: without this the checkpoint could hold what they show only after it.
                raise TrainingError(f"a weight became no number at step {step}{advice(out)}")
            state = task.before_saving(state)
            saved.save(step, state, batches.get_state())
        if sampling or saving:
            since = time.perf_counter()
        if interruption.asked:
            watched.progress.say(f"stopped after step {step}, saved: go on with --resume")
            break
    return state


def _all_finite(state: State) -> jax.Array:
    """Whether every float of a state is a number."""
    numbers = [x for x in jax.tree.leaves(state) if jnp.issubdtype(x.dtype, jnp.floating)]
    return jnp.all(jnp.stack([jnp.isfinite(x).all() for x in numbers]))


class _Interruption:
    """Turns SIGTERM (preemption) into a wish to stop after the step under way."""

    def __init__(self) -> None:
        self.asked = False
        self._before: Any = None

    def __enter__(self) -> Self:
        try:
            self._before = signal.signal(signal.SIGTERM, self._ask)
        except ValueError:  # not in the main thread: leave the signal alone
            self._before = None
        return self

    def _ask(self, *_: object) -> None:
        self.asked = True

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGTERM, self._before)
