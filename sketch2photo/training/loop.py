"""The training loop, the same for generator and classifier.

Order of a start:
  1. the folder: a new one, or with --resume one that holds a run of the same settings; nobody else's (lock)
  2. the input; fails here when the data is too small, or other hosts have other data
  3. the state: fresh weights, by a jitted function, so that the arrays may be donated
  4. --init: weights of another run or release over the fresh ones, where they fit
  5. --resume: instead of both the latest checkpoint, and the input set to its position

On several hosts all do the same, and the first alone writes and speaks; checkpoints are written and read by all.
"""

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import jax
import jax.numpy as jnp

from sketch2photo import runtime
from sketch2photo.config import ClassifierConfig, GanConfig
from sketch2photo.errors import TrainingError
from sketch2photo.training import run_folder
from sketch2photo.training.distributed import ALONE, Hosts, Interruption, Layout, check_hosts
from sketch2photo.training.run_folder import LOCK_FILE, RunLock, check_folder, check_unchanged
from sketch2photo.training.run_log import Silent, Watched, advice

# ---------------------------------------------------------------- training.state
#
# The training states: frozen dataclasses of plain arrays, so that a step is a pure function and a state one tree.


def without_optimisers(state: Any) -> Any:
    """The state for those who only look at weights."""
    optimisers = [f.name for f in dataclasses.fields(state) if f.name.endswith("optimiser")]
    return dataclasses.replace(state, **dict.fromkeys(optimisers))


# ---------------------------------------------------------------- training.loop

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

    def batches(self, shard: tuple[int, int] = (0, 1)) -> Batches:
        """A host's share, by its number and the number of hosts, of batches of `config.batch_size` in all."""
        ...

    def initial_state(self, key: jax.Array) -> State:
        """Fresh weights; is jitted."""
        ...

    def step(self, state: State, batch: dict[str, jax.Array]) -> tuple[State, Metrics]:
        """One step, pure; is jitted with the state donated. Metrics are scalars; an array among them is all values of
        a figure, which are looked at where a grid is made."""
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


def train(
    task: Task,
    out: Path,
    *,
    init: str = "",
    resume: bool = False,
    allow_change: tuple[str, ...] = (),
    layout: Layout | None = None,
    hosts: Hosts = ALONE,
) -> State:
    """Train up to `task.config.steps` and return the last state. SIGTERM saves and ends early.

    Args:
      layout: on which devices; one when None.
      hosts: who trains together.

    Raises:
      CheckpointError: the folder holds a run and `resume` is not set, or holds none and it is; another process trains
        in it; the run was started with other settings that `allow_change` does not name; something could not be
        written, or does not fit; not all hosts see the folder. The last checkpoint stays as it is.
      ConfigError: the hosts have other settings or data.
      TrainingError: a loss or a weight is no number any more. The last checkpoint is from before.
    """
    config = task.config
    layout = layout or Layout(jax.devices()[:1], {"data": 1, "fsdp": 1})
    if hosts.first:
        check_folder(out, resume)
    with RunLock(out) as lock:
        if resume and hosts.first:
            check_unchanged(out, config, task.categories, allow_change)
        check_hosts(hosts, task, {"--init": init, "--resume": resume, "--mesh": layout.sizes})
        batches = task.batches(hosts.shard)
        state = None if resume else _fresh(task, init, layout, hosts)  # may fail: the folder is not made before
        lock.take()
        if hosts.first:
            check_folder(out, resume)  # another run may have come and gone meanwhile
            if not resume:
                run_folder.write_run(out, task.kind, config, task.categories, task.palette, sources_of(task))
        hosts.share_folder(out, out / LOCK_FILE)
        with run_folder.RunCheckpoints(out) as saved, Interruption(hosts) as interruption:
            first = 0
            if resume:
                abstract = layout.abstract(jax.eval_shape(task.initial_state, jax.random.key(config.seed)))
                state, position = saved.restore(abstract)
                batches.set_state(position)
                first = int(state.step)
                if hosts.first:
                    run_folder.write_run(out, task.kind, config, task.categories, task.palette, sources_of(task))
            watched = Watched(out, first, config) if hosts.first else Silent(out)
            try:
                state = _Run(task, out, layout, hosts, batches, saved, watched, interruption).steps(state, first)
                watched.finish()
            finally:
                watched.close()
            if int(state.step) >= config.steps:
                seen = layout.local(without_optimisers(state))
                if hosts.first:
                    task.finish(seen, out, watched.say)
    return state


def _fresh(task: Task, init: str, layout: Layout, hosts: Hosts) -> State:
    """The state a run starts from, where a step takes it."""
    state = jax.jit(task.initial_state)(jax.random.key(task.config.seed))
    if init:
        state = task.initialise(state, init, hosts.say)
    return layout.place(state)


def sources_of(task: Task) -> dict[str, str]:
    """Where a task's data are from, each with its licence; nothing where it does not know."""
    return getattr(task, "sources", {})


@dataclass
class _Run:
    """One run on its way."""

    task: Task
    out: Path
    layout: Layout
    hosts: Hosts
    batches: Batches
    saved: run_folder.RunCheckpoints
    watched: Watched | Silent
    interruption: Interruption

    def steps(self, state: State, first: int) -> State:
        """From after step `first` to the last, or until it is interrupted."""
        task, config, watched = self.task, self.task.config, self.watched
        step_function: Callable[..., tuple[State, Metrics]] | None = None
        pending: tuple[int, Metrics, float] | None = None
        since = time.perf_counter()

        def settle(sampled: bool = False) -> None:
            """Wait for the step under way and report it; one step late, so that an accelerator never waits for us."""
            nonlocal pending, since
            if pending is None:
                return
            step, metrics, waited = pending
            pending = None
            scalars = {name: float(value) for name, value in metrics.items() if not value.ndim}
            now = time.perf_counter()
            timing = {"images_per_second": config.batch_size / (now - since), "data_wait": waited}
            since = now
            watched.step(step, scalars, timing)
            if sampled:
                values = self.layout.local({name: value for name, value in metrics.items() if value.ndim})
                watched.distributions(step, values)

        for step in range(first + 1, config.steps + 1):
            started = time.perf_counter()
            rows = next(self.batches)
            waited = time.perf_counter() - started
            batch = self.layout.put(rows)
            if step_function is None:
                step_function = self.layout.step(task.step, state).lower(state, batch).compile()
                jax.block_until_ready(state)
                runtime.give_memory_back()
            if self.layout.on_cpu:
                settle()
            state, metrics = step_function(state, batch)
            settle()
            pending = (step, metrics, waited)
            last = step == config.steps or self.interruption.asked(step)
            evaluating = task.evaluation_every and (step == config.steps or step % task.evaluation_every == 0)
            sampling = bool(last or evaluating or step % config.sample_every == 0)
            if sampling:
                settle(sampled=True)
                self._sample(state, step, bool(evaluating))
            last = last or self.interruption.asked(step)  # it may have been asked while sampling
            saving = last or step % config.save_every == 0
            if saving:
                settle()
                state = self._save(state, step)
            if sampling or saving:
                since = time.perf_counter()
            if self.interruption.asked(step):
                watched.say(f"stopped after step {step}, saved: go on with --resume")
                break
        return state

    def _sample(self, state: State, step: int, evaluating: bool) -> None:
        seen = self.layout.local(without_optimisers(state))
        if self.hosts.first:
            figures = self.task.sample(seen, self.out / "samples", step)
            if evaluating:
                figures |= self.task.evaluate(seen, self.out, step)
            self.watched.sample(step, figures)
        # Here rather than in the next step: devices that wait for others keep busy, and some give up.
        self.hosts.wait()

    def _save(self, state: State, step: int) -> State:
        self.watched.flush()
        if not _all_finite(state):
            # Metrics are of before the step: without this the checkpoint could hold what they show only after it.
            raise TrainingError(f"a weight became no number at step {step}{advice(self.out)}")
        state = self.layout.place(self.task.before_saving(state))
        self.saved.save(step, state, self.batches.get_state())
        return state


@jax.jit
def _all_finite(state: State) -> jax.Array:
    """Whether every float of a state is a number."""
    numbers = [x for x in jax.tree.leaves(state) if jnp.issubdtype(x.dtype, jnp.floating)]
    return jnp.all(jnp.stack([jnp.isfinite(x).all() for x in numbers]))
