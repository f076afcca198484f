"""What a run shows while it trains: stats.jsonl (the truth), a progress bar and grids of pictures."""

import json
import math
import os
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from sketch2photo.errors import DataError


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
        draft = path.with_suffix(".part")
        draft.write_text("".join(line + "\n" for line in lines))
        os.replace(draft, path)
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


def grid(rows: Sequence[Sequence[np.ndarray]], gap: int = 4) -> np.ndarray:
    """Pictures of one size, uint8 (h, w), (h, w, 1) or (h, w, 3), as one RGB picture; short rows end in white."""
    width = max(len(row) for row in rows)
    size = rows[0][0].shape[0]
    sheet = np.full((len(rows) * (size + gap) + gap, width * (size + gap) + gap, 3), 255, np.uint8)
    for i, row in enumerate(rows):
        for j, picture in enumerate(row):
            top, left = gap + i * (size + gap), gap + j * (size + gap)
            sheet[top : top + size, left : left + size] = picture if picture.ndim == 3 else picture[..., None]
    return sheet


def stacked(grids: Sequence[np.ndarray], line: int = 2) -> np.ndarray:
    """RGB pictures one below the other with a grey line between them, narrower ones on white."""
    width = max(one.shape[1] for one in grids)
    sheets = [np.pad(one, ((0, 0), (0, width - one.shape[1]), (0, 0)), constant_values=255) for one in grids]
    between = np.full((line, width, 3), 128, np.uint8)
    return np.concatenate([part for sheet in sheets for part in (between, sheet)][1:])


def write_picture(path: Path, picture: np.ndarray) -> None:
    """An RGB picture as PNG; whole or not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.stem + ".part.png")
    try:
        Image.fromarray(picture).save(draft)
    except OSError as error:
        reason = error.strerror or error
        raise DataError(f"{str(path)!r} could not be written ({reason}): make room or choose another --out") from None
    os.replace(draft, path)
