"""The few pairs of a dataset that are shown and measured, always the same ones."""

import numpy as np

from sketch2photo.data.batches import Batch, stack
from sketch2photo.data.decoded import DecodedPairs
from sketch2photo.data.reading import Dataset
from sketch2photo.errors import DataError


def pair_examples(
    dataset: Dataset, split: str, *, image_size: int, input_channels: int = 1, per_category: int = 4
) -> Batch:
    """The same few photos of each category whenever it is asked, each with its first sketch; from train when the
    split has none of that category.
    """
    need_pairs(dataset)
    by_split = {name: DecodedPairs(dataset, name, image_size, input_channels, 0) for name in (split, "train")}
    chosen = []
    for label in range(len(dataset.categories)):
        for name, pairs in by_split.items():
            numbers = np.flatnonzero(dataset.labels(name) == label)[:per_category]
            if len(numbers):
                chosen += [pairs.pair(int(number), None) for number in numbers]
                break
    return stack(chosen)


def human_examples(
    dataset: Dataset, split: str, *, image_size: int, input_channels: int = 1, per_category: int = 4
) -> Batch:
    """Photos of each category with a sketch that a person drew, always the same few, as `pair_examples`; perhaps none.

    Those that `pair_examples` gives of this split count, and are not given again.
    """
    need_pairs(dataset)
    pairs = DecodedPairs(dataset, split, image_size, input_channels, 0)
    labels, human = dataset.labels(split), dataset.human_sketches(split)
    chosen = []
    for label in range(len(dataset.categories)):
        numbers = np.flatnonzero(labels == label)
        shown = [n for n in numbers[:per_category] if human[n] == 0]
        more = [n for n in numbers if human[n] >= 0 and n not in shown]
        chosen += [pairs.with_sketch(int(n), int(human[n])) for n in more[: per_category - len(shown)]]
    return stack(chosen) if chosen else {}


def need_pairs(dataset: Dataset) -> None:
    """Raises `DataError` for a dataset of drawings."""
    if dataset.kind != "pairs":
        raise DataError(f"{str(dataset.path)!r} holds sketches without photos: give a dataset of pairs")
