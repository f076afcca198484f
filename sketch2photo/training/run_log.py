"""What a run tells while it trains: a progress bar, stats.jsonl, evaluation.jsonl, alarms.jsonl and TensorBoard."""

import contextlib
import json
import math
import time
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image

from sketch2photo.config import ClassifierConfig, GanConfig
from sketch2photo.errors import CheckpointError, TrainingError
from sketch2photo.files import write_atomic
from sketch2photo.training import run_folder, run_report
from sketch2photo.training.run_folder import read_json_lines


class RunLog:
    """The figures of one run, from the first step after `first` on; every method but `close` raises `CheckpointError`
    when they could not be written."""

    def __init__(self, out: Path, first: int, config: GanConfig | ClassifierConfig):
        self._out = out
        self._told = False
        with self._writing():
            self._stats = JsonLines(out / "stats.jsonl", first)
            self._evaluations = JsonLines(out / "evaluation.jsonl", first)
            self._alarms = Alarms(out / "alarms.jsonl", first)
            self._tensorboard = TensorBoard(out / "tensorboard", first)
        self._progress = ProgressBar(first, config.steps, config.batch_size)

    def step(self, step: int, metrics: dict[str, float], timing: dict[str, float]) -> None:
        """A step's metrics."""
        with self._writing():
            self._stats.write(step, metrics | timing)
            self._tensorboard.scalars(step, metrics | timing)
            self._progress.show(step, metrics | timing)
            for alarm in self._alarms.step(step, metrics):
                self.say(alarm)

    def distributions(self, step: int, arrays: Mapping[str, Any]) -> None:
        """Arrays of a step's metrics, such as all logits."""
        with self._writing():
            for name, array in arrays.items():
                self._tensorboard.histogram(step, name, np.asarray(array))

    def sample(self, step: int, figures: dict[str, float]) -> None:
        """Figures of a sample grid or an evaluation."""
        with self._writing():
            if figures:
                self._evaluations.write(step, figures)
            alarms = self._alarms.sample(step, figures)
            self._tensorboard.scalars(step, figures)
            self._tensorboard.picture(step, self._out / "samples" / f"{step:07d}.png")
            self._draw_curves()
        told = [f"step {step}: " + "  ".join(f"{name} {v:.3f}" for name, v in figures.items())] if figures else []
        for text in (*told, *alarms):
            self.say(text)

    def say(self, text: str) -> None:
        """A line for whoever looks on."""
        self._progress.say(text)

    def finish(self) -> None:
        """The page of the run."""
        with self._writing():
            write_atomic(self._out / "run.html", run_report.page(self._out, self._draw_curves()))

    def _draw_curves(self) -> bytes:
        """curves.png, and what it holds."""
        try:
            picture = run_report.draw_curves(self._out)
        except ImportError:
            if not self._told:
                self._told = True
                self.say("no curves.png: there is no matplotlib (pip install matplotlib)")
            return b""
        if picture:
            write_atomic(self._out / "curves.png", picture)
        return picture

    def close(self) -> None:
        """Never fails: it is also called where something else has."""
        self._progress.close()
        for writer in (self._stats, self._evaluations, self._alarms, self._tensorboard):
            with contextlib.suppress(OSError):
                writer.close()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            kept = run_folder.saved_steps(self._out)
            untouched = f"the checkpoint of step {kept[-1]} is untouched" if kept else "nothing had been saved"
            raise CheckpointError(
                f"figures could not be written to {str(self._out)!r} ({error.strerror or error}): make room; "
                f"{untouched}"
            ) from None


class JsonLines:
    """A .jsonl file: one JSON object a step, with `step` and values by name; made when there is a first one.

    A resumed run goes on after the step it was resumed from: later lines of the killed run are cut off, so no step
    is in the file twice.
    """

    def __init__(self, path: Path, from_step: int):
        self._path = path
        self._file: IO[str] | None = None
        if path.is_file():
            kept = [line for line in read_json_lines(path) if line["step"] <= from_step]
            write_atomic(path, "".join(json.dumps(line) + "\n" for line in kept))

    def write(self, step: int, values: Mapping[str, float | str]) -> None:
        """Append one line. Values that are no numbers (NaN, infinite) are written as null."""
        if self._file is None:
            self._file = self._path.open("a", buffering=1)  # by lines: no step is in a checkpoint that is not here
        numbers = {name: value for name, value in values.items() if not isinstance(value, str)}
        written = {name: round(value, 6) if math.isfinite(value) else None for name, value in numbers.items()}
        self._file.write(json.dumps({"step": step, **values, **written}) + "\n")

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


class ProgressBar:
    """A bar with losses, images a second and time left on a terminal; a line now and then elsewhere."""

    def __init__(self, first: int, steps: int, batch_size: int, interval: float = 15.0):
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._steps, self._batch_size, self._interval = steps, batch_size, interval
        self._console = Console()
        self._last = 0.0
        self._compiled = False
        self._bar = Progress(
            *(TextColumn("training"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()),
            TextColumn("{task.fields[text]}"),
            console=self._console,
            disable=not self._console.is_terminal,
            speed_estimate_period=120,
        )
        self._task = self._bar.add_task("", total=steps, completed=first, text="compiling ...")
        self._bar.start()

    def show(self, step: int, values: dict[str, float]) -> None:
        first, self._compiled = not self._compiled, True
        # The time of the first step is that of its compilation, and says nothing of those to come.
        rate = 0.0 if first else values.get("images_per_second", 0.0)
        if first:
            self._bar.reset(self._task, total=self._steps, completed=step)
        losses = "  ".join(f"{n.removeprefix('loss_')} {v:.3f}" for n, v in values.items() if n.startswith("loss_"))
        speed = f"{rate:.1f} img/s  " if rate else ""
        self._bar.update(self._task, completed=step, text=f"{speed}{losses}")
        now = time.monotonic()
        if not self._console.is_terminal and (now - self._last > self._interval or step == self._steps):
            self._last = now
            left = f"{(self._steps - step) * self._batch_size / rate / 60:.0f} min left  " if rate else ""
            print(f"step {step}/{self._steps}  {speed}{left}{losses}", flush=True)

    def say(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)  # commands stay whole

    def close(self) -> None:
        self._bar.stop()


class TensorBoard:
    """RUN/tensorboard, by tensorboardX; writes nothing where that is not installed."""

    def __init__(self, folder: Path, first: int):
        try:
            from tensorboardX import SummaryWriter
        except ImportError:
            self._writer: Any = None
            return
        # What a killed run wrote after its last checkpoint is not shown. Files are named by the second they begin in:
        # the suffix keeps a run that is resumed at once from writing over its own.
        self._writer = SummaryWriter(str(folder), purge_step=first + 1, flush_secs=30, filename_suffix=f".{first}")

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


# ---------------------------------------------------------------- alarms: what goes wrong while a GAN trains

WINDOW = 1000  # steps that a discriminator must have won for: it is often far ahead at first, and caught up with
WON = 0.02
"""A mean discriminator loss below this over the window: it tells every photo, and its gradient says nothing more."""
DIVERGED_WINDOW = 200
DIVERGED = 20.0
"""A mean discriminator loss above this over that window: one that only guesses has at most 2 for each of its parts."""
COLLAPSED = 0.05  # spread of the generated photos of different sketches, as a share of that of the true ones


class Alarms:
    """Watches the figures of a run. An alarm is kept in alarms.jsonl; said again only after `WINDOW` steps without."""

    def __init__(self, path: Path, first: int):
        self._recent: deque[float] = deque(maxlen=WINDOW)
        self._raised: dict[str, int] = {}
        """What was said, with the last step at which it was true: losses that diverge swing about any threshold."""
        self._file = JsonLines(path, first)

    def step(self, step: int, values: dict[str, float]) -> list[str]:
        """New alarms by a step's metrics."""
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
        if (spread := figures.get("val_spread", figures.get("train_spread"))) is None:
            return []
        return self._say(
            step,
            "collapse",
            spread < COLLAPSED,
            f"the generator has collapsed: it paints nearly the same for every sketch (spread {spread:.3f} of the "
            "photos' own); go back to an earlier checkpoint, raise --loss.l1 or --loss.feature-matching, or lower "
            "--optimiser.generator-rate",
        )

    def close(self) -> None:
        self._file.close()

    def _say(self, step: int, kind: str, wrong: bool, text: str) -> list[str]:
        raised = self._raised.get(kind)
        if not wrong:
            if raised is not None and step - raised >= WINDOW:
                del self._raised[kind]
            return []
        self._raised[kind] = step
        if raised is not None:
            return []
        self._file.write(step, {"alarm": text})
        return [f"ALARM at step {step}: {text}"]


def check_finite(step: int, metrics: dict[str, float], out: Path) -> None:
    """Raises `TrainingError` when a metric of this step is no number."""
    if lost := [name for name, value in metrics.items() if not math.isfinite(value)]:
        raise TrainingError(f"{' and '.join(lost)} became {metrics[lost[0]]} at step {step}{advice(out)}")


def advice(out: Path) -> str:
    """What to do about a run that cannot go on."""
    lower = "with a lower learning rate (and --allow-change optimiser or learning_rate) or smaller loss weights"
    if steps := run_folder.saved_steps(out):
        return f": the checkpoint of step {steps[-1]} is from before; go on from it by --resume {lower}"
    return f": nothing had been saved; start again {lower}"
