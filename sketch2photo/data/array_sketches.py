"""The sketches of .npz files as something to train the classifier on, read with nothing but numpy.

They lie in the files as models see them, so they are only resized; whether lines are thin or thick is varied as for
datasets, in files of 128 px or more: below that a pixel more would be as wide as a line. How a drawing came about
stroke by stroke is not in the files, so none is shown unfinished.
"""

from typing import Any

import numpy as np

from sketch2photo.data.arrays import ArrayPairs, resize_sketch, thicken
from sketch2photo.data.batches import (
    Batch,
    Mix,
    PlainBatches,
    by_category,
    class_numbers,
    from_all_classes,
    stack_sketches,
)

_SHEET = 256
"""Pixels a side of the sheet on which lines get two or three pixels thicker."""


class ArraySketches:
    """A `source.SketchSource`."""

    def __init__(self, arrays: ArrayPairs):
        self._arrays = arrays
        self.categories = arrays.categories
        self.sources = arrays.sources

    def batches(
        self,
        split: str,
        *,
        batch_size: int,
        image_size: int,
        categories: tuple[str, ...],
        others: tuple[str, ...] = (),
        mix: Mix,
        prefix: float,
        shake: float = 0.0,
        seed: int,
        shard: tuple[int, int] = (0, 1),
    ) -> PlainBatches:
        """As `pipeline.sketch_batches`, but for `prefix` and `shake`: no strokes are known."""
        del prefix, shake
        labels, numbers = self._classes(split, categories, others)
        where = f"split {split!r} of {str(self._arrays.path)!r}"
        drawn = np.zeros(len(numbers), bool)
        order = by_category(numbers, drawn, len(categories), mix, batch_size * shard[1], seed, where)

        def load(number: int, rng: np.random.Generator) -> Batch:
            sketch = self._arrays.sketch(split, number, rng)
            if rng.random() < 0.5:
                sketch = _thicker(sketch, int(rng.integers(2, 4)))
            return {"sketch": resize_sketch(sketch, image_size), "label": labels[number]}

        return PlainBatches(order, load, batch_size, seed, shard)

    def examples(
        self,
        split: str,
        *,
        image_size: int,
        categories: tuple[str, ...],
        fraction: float = 1.0,
        limit: int | None = None,
        seed: int = 0,
    ) -> dict[str, Any]:
        """As `pipeline.sketch_examples`; with a `fraction` below 1 none, as no strokes are known."""
        labels, _ = self._classes(split, categories)
        pools = [np.flatnonzero(labels == label) for label in range(len(categories) + 1)]
        numbers = from_all_classes(pools, limit, seed) if fraction >= 1 else np.zeros(0, int)
        examples: list[Batch] = []
        for number in numbers:
            sketch = self._arrays.sketch(split, int(number), np.random.default_rng([seed, number]))
            examples.append({"sketch": resize_sketch(sketch, image_size), "label": labels[number]})
        return stack_sketches(examples, image_size)

    def _classes(
        self, split: str, categories: tuple[str, ...], others: tuple[str, ...] = ()
    ) -> tuple[np.ndarray, np.ndarray]:
        """See `batches.class_numbers`."""
        return class_numbers([self.categories[label] for label in self._arrays.labels(split)], categories, others)


def _thicker(sketch: np.ndarray, reach: int) -> np.ndarray:
    """Lines `reach` - 1 pixels thicker on a sheet of `_SHEET` pixels."""
    return thicken(sketch, max(1, round(reach * sketch.shape[0] / _SHEET)))
