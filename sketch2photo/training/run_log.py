"""Everything a run shows and keeps of its figures: progress, stats, evaluations, alarms, curves and its page."""

import contextlib
import json
import math
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sketch2photo.config import ClassifierConfig, GanConfig
from sketch2photo.errors import CheckpointError, TrainingError
from sketch2photo.files import write_atomic
from sketch2photo.training import run_folder

# ---------------------------------------------------------------- training.report
#
# What a run shows while it trains: stats.jsonl (the truth), a progress bar and grids of pictures.


class Stats:
    """stats.jsonl: one JSON object a step with `step`, every metric by name, `images_per_second`, `data_wait`.

    A resumed run goes on after the step it was resumed from: later lines of the killed run are cut off, so no step
    is in the file twice.
    """

    def __init__(self, path: Path, from_step: int):
        lines = []
        if path.is_file():
            for line in path.read_text().splitlines():
                try:
                    if json.loads(line)["step"] <= from_step:
                        lines.append(line)
                except (ValueError, KeyError, TypeError):
                    break  # the line that was being written when the run was killed
        write_atomic(path, "".join(line + "\n" for line in lines))
        self._file = path.open("a")

    def write(self, step: int, values: dict[str, float]) -> None:
        """Append one line. Values that are no numbers (NaN, infinite) are written as null."""
        clean = {name: round(v, 6) if math.isfinite(v) else None for name, v in values.items()}
        self._file.write(json.dumps({"step": step, **clean}) + "\n")

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self._file.close()


class Progress:
    """A bar with losses, images a second and time left on a terminal; a line now and then elsewhere."""

    def __init__(self, first: int, steps: int, batch_size: int, interval: float = 15.0):
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        self._steps, self._batch_size, self._interval = steps, batch_size, interval
        self._console = Console()
        self._last = 0.0
        self._bar = Bar(
            TextColumn("training"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[text]}"),
            console=self._console,
            disable=not self._console.is_terminal,
            speed_estimate_period=120,
        )
        self._task = self._bar.add_task("", total=steps, completed=first, text="compiling ...")
        self._bar.start()

    def show(self, step: int, values: dict[str, float]) -> None:
        rate = values.get("images_per_second", 0.0)
        losses = "  ".join(f"{n.removeprefix('loss_')} {v:.3f}" for n, v in values.items() if n.startswith("loss_"))
        self._bar.update(self._task, completed=step, text=f"{rate:.1f} img/s  {losses}")
        now = time.monotonic()
        if not self._console.is_terminal and (now - self._last > self._interval or step == self._steps):
            self._last = now
            left = (self._steps - step) * self._batch_size / rate / 60 if rate else math.nan
            print(f"step {step}/{self._steps}  {rate:.1f} img/s  {left:.0f} min left  {losses}", flush=True)

    def say(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False)

    def close(self) -> None:
        self._bar.stop()


# ---------------------------------------------------------------- training.alarms
#
# What goes wrong while a GAN trains, noticed early and said with what to do about it.

WINDOW = 1000
"""Steps that a discriminator must have won for: it is often far ahead at first, and caught up with."""
WON = 0.02
"""A mean discriminator loss below this over the window: it tells every photo, and its gradient says nothing more."""
DIVERGED_WINDOW = 200
DIVERGED = 20.0
"""A mean discriminator loss above this over that window: one that only guesses has at most 2 for each of its parts."""
COLLAPSED = 0.05
"""Spread of the generated photos of different sketches, as a share of that of the true ones."""


class Alarms:
    """Watches the figures of a run. An alarm is kept in alarms.jsonl; said again only after `WINDOW` steps without."""

    def __init__(self, path: Path, first: int):
        self._path = path
        self._recent: deque[float] = deque(maxlen=WINDOW)
        self._raised: dict[str, int] = {}
        """What was said, with the last step at which it was true: losses that diverge swing about any threshold."""
        self.said = [one for one in read_alarms(path) if one["step"] <= first]
        if path.is_file():
            path.write_text("".join(json.dumps(one) + "\n" for one in self.said))

    def step(self, step: int, values: dict[str, float]) -> list[str]:
        """New alarms by a step's metrics.

        Raises:
          TrainingError: a loss is no number any more.
        """
        check_finite(step, values)
        if "loss_discriminator" not in values:
            return []
        self._recent.append(values["loss_discriminator"])
        mean = sum(self._recent) / len(self._recent)
        won = self._say(
            step,
            "discriminator",
            len(self._recent) == WINDOW and mean < WON,
            f"the discriminator has won: its loss was {mean:.3f} over the last {WINDOW} steps, and the generator "
            "learns nothing from it any more; lower --optimiser.discriminator-rate, add --augment.diffaugment or more "
            "photos",
        )
        latest = list(self._recent)[-DIVERGED_WINDOW:]
        mean = sum(latest) / DIVERGED_WINDOW
        diverged = self._say(
            step,
            "diverged",
            len(latest) == DIVERGED_WINDOW and mean > DIVERGED,
            f"training has diverged: the discriminator's loss was {mean:.0f} over the last {DIVERGED_WINDOW} steps; go "
            "back to an earlier checkpoint, lower both --optimiser.generator-rate and --optimiser.discriminator-rate, "
            "or add --optimiser.clip 1",
        )
        return won + diverged

    def sample(self, step: int, figures: dict[str, float]) -> list[str]:
        """New alarms by the figures of a sample grid."""
        if "val_spread" not in figures:
            return []
        return self._say(
            step,
            "collapse",
            figures["val_spread"] < COLLAPSED,
            "the generator has collapsed: it paints nearly the same for every sketch (spread "
            f"{figures['val_spread']:.3f} of the photos' own); go back to an earlier checkpoint, raise --loss.l1 or "
            "--loss.feature-matching, or "
            "lower --optimiser.generator-rate",
        )

    def _say(self, step: int, kind: str, wrong: bool, text: str) -> list[str]:
        raised = self._raised.get(kind)
        if not wrong:
            if raised is not None and step - raised >= WINDOW:
                del self._raised[kind]
            return []
        self._raised[kind] = step
        if raised is not None:
            return []
        self.said.append({"step": step, "alarm": text})
        with self._path.open("a") as file:
            file.write(json.dumps(self.said[-1]) + "\n")
        return [f"ALARM at step {step}: {text}"]


def check_finite(step: int, values: dict[str, float]) -> None:
    """Raises `TrainingError` when a metric of this step is no number."""
    lost = [name for name, value in values.items() if not math.isfinite(value)]
    if lost:
        raise TrainingError(f"{' and '.join(lost)} became {values[lost[0]]} at step {step}")


def read_alarms(path: Path) -> list[dict]:
    """The alarms of a run so far; lines that were not finished are left out."""
    found = []
    for line in path.read_text().splitlines() if path.is_file() else []:
        try:
            one = json.loads(line)
            found.append({"step": int(one["step"]), "alarm": str(one["alarm"])})
        except (ValueError, KeyError, TypeError):
            continue
    return found


# ---------------------------------------------------------------- training.board
#
# The same figures and sample grids for TensorBoard, and histograms, in RUN/tensorboard (written by tensorboardX).


class Board:
    """Writes nothing where tensorboardX is not installed."""

    def __init__(self, folder: Path, first: int):
        try:
            from tensorboardX import SummaryWriter
        except ImportError:
            self._writer: Any = None
            return
        # What a killed run wrote after its last checkpoint is not shown.
        self._writer = SummaryWriter(str(folder), purge_step=first + 1, flush_secs=30)

    def scalars(self, step: int, values: dict[str, float]) -> None:
        if self._writer is not None:
            for name, value in values.items():
                self._writer.add_scalar(name, value, step)

    def histogram(self, step: int, name: str, values: np.ndarray) -> None:
        """How the values are distributed, in TensorBoard's own bins, which grow by a tenth from one to the next."""
        finite = values[np.isfinite(values)]
        if self._writer is not None and finite.size:
            self._writer.add_histogram(name, finite, step)

    def picture(self, step: int, path: Path) -> None:
        """A sample grid, if it was made."""
        if self._writer is not None and path.is_file():
            with Image.open(path) as picture:
                self._writer.add_image("samples", np.asarray(picture.convert("RGB")), step, dataformats="HWC")
            self._writer.flush()

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


# ---------------------------------------------------------------- training.watched


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
        from sketch2photo.training.run_report import page

        try:
            write_atomic(self._out / "run.html", page(self._out, self._draw()).encode())
        except OSError as error:
            raise _no_room(self._out, error) from None

    def _draw(self) -> bytes:
        """curves.png, and what it holds."""
        from sketch2photo.training import run_report

        try:
            picture = run_report.draw(self._out)
        except ImportError:
            if not self._told:
                self._told = True
                self.say("no curves.png: there is no matplotlib (pip install matplotlib)")
            return b""
        if picture:
            write_atomic(self._out / "curves.png", picture)
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
    steps = run_folder.saved_steps(out)
    if not steps:
        return f": nothing had been saved; start again {lower}"
    return f": the checkpoint of step {steps[-1]} is from before; go on from it by --resume {lower}"


def _no_room(out: Path, error: OSError) -> CheckpointError:
    kept = run_folder.saved_steps(out)
    untouched = f"the checkpoint of step {kept[-1]} is untouched" if kept else "nothing had been saved"
    return CheckpointError(
        f"figures could not be written to {str(out)!r} ({error.strerror or error}): make room; {untouched}"
    )
