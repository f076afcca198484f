"""What is trained on, opened by its path: dataset folders, or .npz files where little is installed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from sketch2photo.data import arrays
from sketch2photo.data.array_sketches import ArraySketches
from sketch2photo.errors import DataError


class Batches(Protocol):
    """An endless iterator of batches that knows its position."""

    def __next__(self) -> dict[str, Any]: ...
    def get_state(self) -> dict[str, Any]: ...
    def set_state(self, state: dict[str, Any]) -> None: ...


class PairSource(Protocol):
    """Pairs of sketches and photos, by split."""

    categories: tuple[str, ...]
    input_channels: int
    """3 where inputs are coloured."""

    @property
    def sources(self) -> dict[str, str]:
        """Where the pictures are from, each with its licence."""
        ...

    def palette(self) -> dict[str, tuple[str, ...]]: ...

    @property
    def batches(self) -> Callable[..., Batches]:
        """(split, ...): see `pipeline.pair_batches`."""
        ...

    @property
    def examples(self) -> Callable[..., dict[str, np.ndarray]]:
        """(split, ...): see `pipeline.pair_examples`."""
        ...

    @property
    def human_examples(self) -> Callable[..., dict[str, np.ndarray]]:
        """(split, ...): see `pipeline.human_examples`."""
        ...


class DatasetPairs:
    """A dataset folder as a `PairSource`."""

    def __init__(self, path: Path):
        from sketch2photo.data import pipeline

        self._pipeline = pipeline
        self._dataset = pipeline.open_dataset(path)
        if self._dataset.kind != "pairs":
            raise DataError(f"{str(path)!r} holds sketches without photos: train the generator on pairs")
        self.categories = self._dataset.categories
        self.input_channels = self._dataset.input_channels
        self.palette = self._dataset.palette

    @property
    def sources(self) -> dict[str, str]:
        return self._dataset.sources()

    def batches(self, split: str, **settings: Any) -> Batches:
        return self._pipeline.pair_batches(self._dataset, split, **settings)

    def examples(self, split: str, **settings: Any) -> dict[str, np.ndarray]:
        return self._pipeline.pair_examples(self._dataset, split, **settings)

    def human_examples(self, split: str, **settings: Any) -> dict[str, np.ndarray]:
        return self._pipeline.human_examples(self._dataset, split, **settings)


class SketchSource(Protocol):
    """Sketches by split, for the classifier."""

    categories: tuple[str, ...]
    """Of all there are, in the order they were first met."""
    sources: dict[str, str]
    """Where they are from, each with its licence."""

    @property
    def batches(self) -> Callable[..., Batches]:
        """(split, ...): see `pipeline.sketch_batches`."""
        ...

    @property
    def examples(self) -> Callable[..., dict[str, np.ndarray]]:
        """(split, ...): see `pipeline.sketch_examples`."""
        ...


class DatasetSketches:
    """Dataset folders as a `SketchSource`."""

    def __init__(self, paths: list[Path]):
        from sketch2photo.data import pipeline

        self._pipeline = pipeline
        self._datasets = [pipeline.open_dataset(path) for path in paths]
        self.categories = tuple(dict.fromkeys(name for dataset in self._datasets for name in dataset.categories))
        self.sources = {name: licence for dataset in self._datasets for name, licence in dataset.sources().items()}

    def batches(self, split: str, **settings: Any) -> Batches:
        return self._pipeline.sketch_batches(self._datasets, split, **settings)

    def examples(self, split: str, **settings: Any) -> dict[str, np.ndarray]:
        return self._pipeline.sketch_examples(self._datasets, split, **settings)


def open_sketches(paths: list[Path]) -> SketchSource:
    """Any number of dataset folders, or of .npz files and folders of them.

    Raises:
      DataError: a mixture of both, or something that is neither.
    """
    return ArraySketches(arrays.open_arrays(paths)) if _are_arrays(paths) else DatasetSketches(paths)


def _are_arrays(paths: list[Path]) -> bool:
    plain = [arrays.is_arrays(path) for path in paths]
    if any(plain) and not all(plain):
        raise DataError("--data mixes .npz files and dataset folders: give either")
    return all(plain)


def open_pairs(paths: list[Path]) -> PairSource:
    """One dataset folder, or any number of .npz files and folders of them.

    Raises:
      DataError: several datasets, a mixture, or something that is none.
    """
    if _are_arrays(paths):
        return arrays.open_arrays(paths)
    if len(paths) != 1:
        raise DataError(f"train.py gan takes one dataset, not {len(paths)}: join them by prepare_data.py merge")
    return DatasetPairs(paths[0])
