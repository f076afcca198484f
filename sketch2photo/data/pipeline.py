"""Batches for training: decoded, resized and balanced on the CPU, with exact resume (Grain).

Everything random on a single picture that the accelerator can do as well (mirror, zoom, warp) is not done here.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from sketch2photo import images
from sketch2photo.data.order import Order
from sketch2photo.data.reading import Dataset, decode, open_dataset
from sketch2photo.errors import DataError

__all__ = [
    "Batches",
    "Dataset",
    "open_dataset",
    "pair_batches",
    "pair_examples",
]

Batch = dict[str, np.ndarray]

_THREADS = 2
_AHEAD = 4
"""Batches prepared before they are asked for."""
_BALANCE = {"none": 1.0, "sqrt": 0.5, "equal": 0.0}
"""A category of n examples is drawn in proportion to n to this power."""


class Batches:
    """An endless iterator of batches that can be put back to any position exactly."""

    def __init__(self, order: Order, load: Callable[[int, np.random.Generator], Batch], batch_size: int, seed: int):

        import grain

        reading = grain.ReadOptions(num_threads=_THREADS, prefetch_buffer_size=_AHEAD * batch_size)
        examples = grain.MapDataset.source(order).seed(seed % 2**31).random_map(load)
        self._batches = iter(examples.to_iter_dataset(reading).batch(batch_size, drop_remainder=True))

    def __iter__(self) -> "Batches":
        return self

    def __next__(self) -> Batch:
        return next(self._batches)

    def get_state(self) -> dict[str, Any]:
        """The position, as JSON values."""
        return self._batches.get_state()

    def set_state(self, state: dict[str, Any]) -> None:
        """Go to a position: the following batches are those that followed there, to the bit."""
        self._batches.set_state(state)


def pair_batches(
    dataset: Dataset,
    split: str,
    *,
    batch_size: int,
    image_size: int,
    input_channels: int = 1,
    balance: str = "none",
    seed: int,
) -> Batches:
    """Photos, each with one of its sketches drawn at random.

    Args:
      balance: how often categories are drawn: "none" by their size, "sqrt" by its square root, "equal" alike.

    Returns:
      Batches {"sketch": uint8 (n, s, s, input_channels), "photo": uint8 (n, s, s, 3), "label": int32 (n,),
      "colour": uint8 (n, 3)}.

    Raises:
      DataError: a dataset of drawings, or fewer examples in the split than one batch has.
    """
    _need_pairs(dataset)
    labels = dataset.labels(split)
    _need_enough(len(labels), batch_size, f"{str(dataset.path)!r} in split {split!r}")
    if balance == "none":
        pools, weights = [np.arange(len(labels))], [1.0]
    else:
        pools = [np.flatnonzero(labels == label) for label in np.unique(labels)]
        weights = [len(pool) ** _BALANCE[balance] for pool in pools]

    def load(number: int, rng: np.random.Generator) -> Batch:
        return _pair(dataset, split, number, image_size, input_channels, rng)

    return Batches(Order(pools, weights, seed), load, batch_size, seed)


def pair_examples(
    dataset: Dataset, split: str, *, image_size: int, input_channels: int = 1, per_category: int = 4
) -> Batch:
    """The same few photos of each category whenever it is asked, each with its first sketch; from train when the
    split has none of that category.
    """
    _need_pairs(dataset)
    chosen = []
    for label in range(len(dataset.categories)):
        for name in (split, "train"):
            numbers = np.flatnonzero(dataset.labels(name) == label)[:per_category]
            if len(numbers):
                chosen += [(name, int(number)) for number in numbers]
                break
    return _stack([_pair(dataset, name, number, image_size, input_channels, None) for name, number in chosen])


def _pair(
    dataset: Dataset, split: str, number: int, size: int, channels: int, rng: np.random.Generator | None
) -> Batch:
    record = dataset.record(split, number)
    assert record.photo is not None and record.colour is not None
    chosen = 0 if rng is None else int(rng.integers(len(record.sketches)))
    sketch = images.resize_sketch(decode(record.sketches[chosen], channels), size)
    return {
        "sketch": sketch.reshape(size, size, channels),
        "photo": images.resize(decode(record.photo, 3), size),
        "label": np.int32(record.label),
        "colour": record.colour,
    }


def _stack(examples: list[Batch]) -> Batch:
    return {name: np.stack([example[name] for example in examples]) for name in examples[0]}


def _need_pairs(dataset: Dataset) -> None:
    if dataset.kind != "pairs":
        raise DataError(f"{str(dataset.path)!r} holds sketches without photos: give a dataset of pairs")


def _need_enough(have: int, batch_size: int, where: str) -> None:
    if have < batch_size:
        raise DataError(f"the batch size is {batch_size}, but {where} has {have} examples: make the batch smaller")
