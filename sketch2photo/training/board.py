"""The same figures and sample grids for TensorBoard, and histograms, in RUN/tensorboard (written by tensorboardX)."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


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
