"""Pairs decoded at one size: each picture once, kept as uint8 where memory allows."""

import contextlib
from pathlib import Path

import numpy as np

from sketch2photo import images
from sketch2photo.data.batches import Batch
from sketch2photo.data.example import decode
from sketch2photo.data.reading import Dataset

MEMORY_SHARE = 0.25
"""Of the memory that is free when training starts; the rest is for the networks and for others."""


class DecodedPairs:
    """The pairs of one split at `size`, decoded when they are first asked for.

    Args:
      channels: of the sketches, 1 or 3.
      memory: bytes that decoded pictures may take; a share of what is free when None. When they would take more, none
        are kept, and every one is decoded each time.
    """

    def __init__(self, dataset: Dataset, split: str, size: int, channels: int, memory: int | None = None):
        self._dataset, self._split, self._size, self._channels = dataset, split, size, channels
        self._labels, self._colours = dataset.labels(split), dataset.colours(split)
        self._counts = dataset.sketch_counts(split)
        self._first = np.concatenate([[0], np.cumsum(self._counts)])
        self.bytes = size * size * (3 * len(self._labels) + channels * int(self._first[-1]))
        self._memory = int(MEMORY_SHARE * free_memory()) if memory is None else memory
        self.kept = self.bytes <= self._memory
        if self.kept:
            # The system gives pages of these when they are first written.
            self._photos = np.empty((len(self._labels), size, size, 3), np.uint8)
            self._sketches = np.empty((int(self._first[-1]), size, size, channels), np.uint8)
            self._photo_there = np.zeros(len(self._photos), bool)
            self._sketch_there = np.zeros(len(self._sketches), bool)
            # Of small drawings, which are looked at closer together with their photo.
            self._closer: dict[int, np.ndarray] = {}
            self._most_closer = (self._memory - self.bytes) // (3 * size * size)

    def __reduce__(self):
        """Another process begins with nothing decoded."""
        return DecodedPairs, (self._dataset, self._split, self._size, self._channels, self._memory)

    def pair(self, number: int, rng: np.random.Generator | None) -> Batch:
        """One photo with one of its sketches: by chance, or the first without `rng`."""
        return self.with_sketch(number, 0 if rng is None else int(rng.integers(self._counts[number])))

    def with_sketch(self, number: int, chosen: int) -> Batch:
        """One photo with the sketch of that number among its own."""
        sketch, photo = self._pictures(number, chosen)
        return {
            "sketch": sketch,
            "photo": photo,
            "label": np.int32(self._labels[number]),
            "colour": self._colours[number],
        }

    def _pictures(self, number: int, chosen: int) -> tuple[np.ndarray, np.ndarray]:
        place = int(self._first[number]) + chosen
        if self.kept and self._sketch_there[place]:
            closer = self._closer.get(place)
            return self._sketches[place], self._photos[number] if closer is None else closer
        record = self._dataset.record(self._split, number)
        assert record.photo is not None
        sketch, photo, whole = framed(
            decode(record.sketches[chosen], self._channels), decode(record.photo, 3), self._size
        )
        if self.kept:
            self._keep(number, place, sketch, photo, whole)
        return sketch, photo

    def _keep(self, number: int, place: int, sketch: np.ndarray, photo: np.ndarray, whole: bool) -> None:
        """First the pictures, then that they are there: threads may look at any time."""
        if whole and not self._photo_there[number]:
            self._photos[number] = photo
            self._photo_there[number] = True
        elif not whole:
            if len(self._closer) >= self._most_closer:
                return
            self._closer[place] = photo
        self._sketches[place] = sketch
        self._sketch_there[place] = True


def framed(sketch: np.ndarray, photo: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray, bool]:
    """A pair as the model sees it: (s, s, channels), (s, s, 3), and whether all of the sheet is seen.

    A drawing is seen as on the page (`images.frame_drawing`), and what moves the drawing moves the photo; a coloured
    input, (h, w, 3), is only resized.
    """
    if sketch.ndim == 3:
        return images.resize(sketch, size), images.resize(photo, size), True
    seen, frame = images.frame_drawing(sketch, size)
    return seen[..., None], frame.cut(photo, size), frame.side == frame.drawing


def free_memory() -> int:
    """Bytes that can be taken without taking them from others, as far as the system says; 2 GB where it does not."""
    free = [2 * 10**9]
    with contextlib.suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = [int(next(line for line in lines if line.startswith("MemAvailable:")).split()[1]) * 1024]
    with contextlib.suppress(OSError, ValueError):  # a container has a limit of its own
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
        free.append(int(limit) - int(Path("/sys/fs/cgroup/memory.current").read_text()))
    return max(min(free), 0)
