"""The training loop, the same for generator and classifier.

Order of a start:
  1. the folder: a new one, or with --resume one that holds a run
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

from sketch2photo import checkpoints
from sketch2photo.config import ClassifierConfig, GanConfig
from sketch2photo.errors import CheckpointError
from sketch2photo.training.report import Progress, Stats

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


def train(task: Task, out: Path, *, init: str = "", resume: bool = False) -> State:
    """Train up to `task.config.steps` and return the last state. SIGTERM saves and ends early.

    Raises:
      CheckpointError: the folder holds a run and `resume` is not set, or holds none and it is; a checkpoint could
        not be written or does not fit.
    """
    config = task.config
    _check_folder(out, resume)
    batches = task.batches()
    state = jax.jit(task.initial_state)(jax.random.key(config.seed))
    if init and not resume:
        state = task.initialise(state, init, print)  # may fail: the folder is not made before
    if not resume:
        checkpoints.write_run(out, task.kind, config, task.categories, task.palette, sources_of(task))
    with checkpoints.RunCheckpoints(out) as saved, _Interruption() as interruption:
        first = 0
        if resume:
            state, position = saved.restore(state)
            batches.set_state(position)
            first = int(state.step)
            checkpoints.write_run(out, task.kind, config, task.categories, task.palette, sources_of(task))
        progress = Progress(first, config.steps, config.batch_size)
        stats, evaluations = Stats(out / "stats.jsonl", first), Stats(out / "evaluation.jsonl", first)
        try:
            state = _steps(task, state, first, batches, out, saved, stats, evaluations, progress, interruption)
        finally:
            progress.close()
            stats.close()
            evaluations.close()
        if int(state.step) >= config.steps:
            task.finish(state, out, progress.say)
    return state


def sources_of(task: Task) -> dict[str, str]:
    """Where a task's data are from, each with its licence; nothing where it does not know."""
    return getattr(task, "sources", {})


def _check_folder(out: Path, resume: bool) -> None:
    if resume:
        checkpoints.read_run(out)
        if not checkpoints.saved_steps(out):
            raise CheckpointError(f"nothing is saved in {str(out)!r} yet: start it without --resume")
    elif checkpoints.is_run(out) and checkpoints.saved_steps(out):
        raise CheckpointError(f"{str(out)!r} already holds a training run: add --resume or choose another --out")
    elif out.exists() and not out.is_dir():
        raise CheckpointError(f"--out {str(out)!r} is a file: choose a folder")


def _steps(
    task: Task,
    state: State,
    first: int,
    batches: Batches,
    out: Path,
    saved: checkpoints.RunCheckpoints,
    stats: Stats,
    evaluations: Stats,
    progress: Progress,
    interruption: "_Interruption",
) -> State:
    config = task.config
    step_function = jax.jit(task.step, donate_argnums=0)
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
        values |= {"images_per_second": config.batch_size / (now - since), "data_wait": waited}
        since = now
        stats.write(step, values)
        progress.show(step, values)

    for step in range(first + 1, config.steps + 1):
        started = time.perf_counter()
        batch = next(batches)
        waited = time.perf_counter() - started
        state, metrics = step_function(state, jax.device_put(batch))
        settle()
        pending = (step, metrics, waited)
        last = step == config.steps or interruption.asked
        evaluating = task.evaluation_every and (step == config.steps or step % task.evaluation_every == 0)
        if last or evaluating or step % config.sample_every == 0:
            settle()
            figures = task.sample(state, out / "samples", step)
            if evaluating:
                figures |= task.evaluate(state, out, step)
            if figures:
                evaluations.write(step, figures)
                evaluations.flush()
                progress.say(f"step {step}: " + "  ".join(f"{name} {value:.3f}" for name, value in figures.items()))
        last = last or interruption.asked  # it may have been asked while sampling
        if last or step % config.save_every == 0:
            settle()
            stats.flush()
            state = task.before_saving(state)
            saved.save(step, state, batches.get_state())
        if last or evaluating or step % config.sample_every == 0 or step % config.save_every == 0:
            since = time.perf_counter()
        if interruption.asked:
            progress.say(f"stopped after step {step}, saved: go on with --resume")
            break
    return state


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
