"""Everything a run shows and keeps of its figures: progress, stats, evaluations, alarms, curves and its page."""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sketch2photo import checkpoints
from sketch2photo.config import ClassifierConfig, GanConfig
from sketch2photo.errors import CheckpointError, TrainingError
from sketch2photo.training.alarms import Alarms, check_finite
from sketch2photo.training.board import Board
from sketch2photo.training.report import Progress, Stats
from sketch2photo.whole import write_whole


class Watched:
    """The figures of one run, from the first step after `first` on."""

    def __init__(self, out: Path, first: int, config: GanConfig | ClassifierConfig):
        self._out = out
        self._told = False
        try:
            self._stats, self._evaluations = Stats(out / "stats.jsonl", first), Stats(out / "evaluation.jsonl", first)
            self._alarms = Alarms(out / "alarms.jsonl", first)
            self._board = Board(out / "tensorboard", first)
        except OSError as error:
            raise _no_room(out, error) from None
        self.progress = Progress(first, config.steps, config.batch_size)

    def step(self, step: int, values: dict[str, float], timing: dict[str, float]) -> None:
        """A step's metrics.

        Raises:
          TrainingError: one is no number.
          CheckpointError: they could not be written.
        """
        try:
            self._stats.write(step, values | timing)
            self._board.scalars(step, values | timing)
            self.progress.show(step, values | timing)
            for alarm in self._alarms.step(step, values):
                self.say(alarm)
        except TrainingError as error:
            self.flush()
            raise TrainingError(f"{error}{advice(self._out)}") from None
        except OSError as error:
            raise _no_room(self._out, error) from None

    def distributions(self, step: int, values: Mapping[str, Any]) -> None:
        """Arrays of a step's metrics, such as all logits. Raises as `step`."""
        try:
            for name, array in values.items():
                self._board.histogram(step, name, np.asarray(array))
        except OSError as error:
            raise _no_room(self._out, error) from None

    def sample(self, step: int, figures: dict[str, float]) -> None:
        """Figures of a sample grid or an evaluation. Raises as `step`."""
        try:
            if figures:
                self._evaluations.write(step, figures)
                self._evaluations.flush()
            alarms = self._alarms.sample(step, figures)
            self._board.scalars(step, figures)
            self._board.picture(step, self._out / "samples" / f"{step:07d}.png")
            self._stats.flush()
            self._draw()
        except OSError as error:
            raise _no_room(self._out, error) from None
        told = [f"step {step}: " + "  ".join(f"{name} {v:.3f}" for name, v in figures.items())] if figures else []
        for text in (*told, *alarms):
            self.say(text)

    def say(self, text: str) -> None:
        """A line for whoever looks on."""
        self.progress.say(text)

    def finish(self) -> None:
        """The page of the run. Raises as `step`."""
        from sketch2photo.training.run_page import page

        try:
            write_whole(self._out / "run.html", page(self._out, self._draw()).encode())
        except OSError as error:
            raise _no_room(self._out, error) from None

    def _draw(self) -> bytes:
        """curves.png, and what it holds."""
        from sketch2photo.training import curves

        try:
            picture = curves.draw(self._out)
        except ImportError:
            if not self._told:
                self._told = True
                self.say("no curves.png: there is no matplotlib (pip install matplotlib)")
            return b""
        if picture:
            write_whole(self._out / "curves.png", picture)
        return picture

    def flush(self) -> None:
        """Before a checkpoint: no step is in it that is not on disk. Raises as `step`."""
        try:
            self._stats.flush()
        except OSError as error:
            raise _no_room(self._out, error) from None

    def close(self) -> None:
        """Never fails: it is also called where something else has."""
        self.progress.close()
        for stats in (self._stats, self._evaluations, self._board):
            with contextlib.suppress(OSError):
                stats.close()


class Silent:
    """What the other hosts of a run have in its place: they only notice that figures are none any more."""

    def __init__(self, out: Path):
        self._out = out

    def step(self, step: int, values: dict[str, float], timing: dict[str, float]) -> None:
        """Raises `TrainingError` as `Watched.step` does on the first host."""
        try:
            check_finite(step, values)
        except TrainingError as error:
            raise TrainingError(f"{error}{advice(self._out)}") from None

    def distributions(self, step: int, values: Mapping[str, Any]) -> None: ...
    def sample(self, step: int, figures: dict[str, float]) -> None: ...
    def say(self, text: str) -> None: ...
    def finish(self) -> None: ...
    def flush(self) -> None: ...
    def close(self) -> None: ...


def advice(out: Path) -> str:
    """What to do about a run that cannot go on."""
    lower = "with a lower learning rate (and --allow-change optimiser or learning_rate) or smaller loss weights"
    steps = checkpoints.saved_steps(out)
    if not steps:
        return f": nothing had been saved; start again {lower}"
    return f": the checkpoint of step {steps[-1]} is from before; go on from it by --resume {lower}"


def _no_room(out: Path, error: OSError) -> CheckpointError:
    kept = checkpoints.saved_steps(out)
    untouched = f"the checkpoint of step {kept[-1]} is untouched" if kept else "nothing had been saved"
    return CheckpointError(
        f"figures could not be written to {str(out)!r} ({error.strerror or error}): make room; {untouched}"
    )
