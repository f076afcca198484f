"""Batches for training: decoded, resized and balanced on the CPU, with exact resume (Grain).

Everything random on a single picture that the accelerator can do as well (mirror, zoom, warp) is not done here.
"""

import functools
import os
from collections.abc import Callable
from typing import Any, cast

import cv2
import numpy as np

from sketch2photo import images
from sketch2photo.data import strokes
from sketch2photo.data.batches import (
    Batch,
    Mix,
    balanced,
    by_category,
    chance,
    class_numbers,
    from_all_classes,
    need_enough,
    stack_sketches,
)
from sketch2photo.data.decoded import DecodedPairs
from sketch2photo.data.example import decode
from sketch2photo.data.order import Order, Share
from sketch2photo.data.pair_examples import human_examples, need_pairs, pair_examples
from sketch2photo.data.reading import Dataset, open_dataset

__all__ = [
    "Batches",
    "Dataset",
    "human_examples",
    "open_dataset",
    "pair_batches",
    "pair_examples",
    "sketch_batches",
    "sketch_examples",
]

_THREADS = min(8, max(2, (os.cpu_count() or 2) // 2))
_AHEAD = 4
"""Batches prepared before they are asked for."""
_MANY = 2_000
"""Sketches that are worth starting processes for."""
_SHEET = 256
"""Side at which strokes are drawn before they are framed."""
_LINE_WIDTHS = (2.0, 7.0)


class Batches:
    """An endless iterator of batches that can be put back to any position exactly.

    Threads make batches ahead; with `workers` so many processes do, which never start a JAX backend. The batches are
    the same however they are made.
    """

    def __init__(
        self,
        order: Order,
        load: Callable[[int, np.random.Generator], Batch],
        batch_size: int,
        seed: int,
        shard: tuple[int, int] = (0, 1),
        workers: int = 0,
    ):
        import grain

        share = Share(order, batch_size, shard)
        example = functools.partial(_example, load, seed, share)
        self._all = (
            grain.MapDataset.source(cast(Any, share)).map_with_index(example).batch(batch_size, drop_remainder=True)
        )
        self._batch_size, self._workers = batch_size, workers
        self._go_to(0)

    def _go_to(self, position: int) -> None:
        import grain

        reading = grain.ReadOptions(num_threads=_THREADS, prefetch_buffer_size=max(_AHEAD, _THREADS))
        batches = self._all[position:].to_iter_dataset(reading)
        if self._workers:
            from absl import flags

            if not flags.FLAGS.is_parsed():
                flags.FLAGS.mark_as_parsed()  # Grain reads flags of its own, which only absl's programs parse
            batches = batches.mp_prefetch(grain.MultiprocessingOptions(num_workers=self._workers))
        self._batches = iter(batches)
        self._position = position

    def __iter__(self) -> "Batches":
        return self

    def __next__(self) -> Batch:
        batch = next(self._batches)
        self._position += 1
        return batch

    def get_state(self) -> dict[str, Any]:
        """The position, as JSON values."""
        return {"batches": self._position}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go to a position: the following batches are those that followed there, to the bit."""
        # Runs of before counted examples.
        self._go_to(int(state["batches"]) if "batches" in state else int(state["next_index"]) // self._batch_size)


def _example(
    load: Callable[[int, np.random.Generator], Batch], seed: int, share: Share, index: int, number: int
) -> Batch:
    return load(number, chance(seed, share.place(index)))


def _worker_count(light: bool) -> int:
    """Processes that make examples: none where threads do, as in light work, or where no core is to spare for them."""
    cores = os.cpu_count() or 1
    return 0 if light or cores < 4 else min(8, cores // 2)


def pair_batches(
    dataset: Dataset,
    split: str,
    *,
    batch_size: int,
    image_size: int,
    input_channels: int = 1,
    balance: str = "none",
    seed: int,
    shard: tuple[int, int] = (0, 1),
    memory: int | None = None,
    workers: int | None = None,
) -> Batches:
    """Photos, each with one of its sketches drawn at random.

    Args:
      balance: how often categories are drawn: "none" by their size, "sqrt" by its square root, "equal" alike.
      batch_size: examples a batch of this host.
      shard: number of this host and number of hosts; each has its block of every batch of all.
      memory: bytes that pictures may take that are kept once they are decoded; a share of what is free when None.
      workers: processes that decode; as many as pay when None.

    Returns:
      Batches {"sketch": uint8 (n, s, s, input_channels), "photo": uint8 (n, s, s, 3), "label": int32 (n,),
      "colour": uint8 (n, 3)}.

    Raises:
      DataError: a dataset of drawings, or fewer examples in the split than one batch has.
    """
    need_pairs(dataset)
    labels = dataset.labels(split)
    need_enough(len(labels), batch_size * shard[1], f"{str(dataset.path)!r} in split {split!r}")

    pairs = DecodedPairs(dataset, split, image_size, input_channels, memory)
    count = _worker_count(pairs.kept) if workers is None else workers
    return Batches(balanced(labels, balance, seed), pairs.pair, batch_size, seed, shard, count)


def sketch_batches(
    datasets: list[Dataset],
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
    workers: int | None = None,
) -> Batches:
    """Sketches of pairs and drawings together, framed as the page frames them.

    Of a photo's sketches one at random; stroke drawings are drawn anew with a line of random width, other ones of
    thin lines thickened at random.

    Args:
      categories: the classes; whatever else the datasets hold is class len(categories), "none of these".
      others: what of that is told apart nevertheless: the classes from len(categories) on.
      mix: how often what is drawn.
      prefix: share of the stroke drawings of which only the first 30 to 100 % of the strokes are shown.
      shake: share of the stroke drawings whose strokes are moved one by one (`strokes.shaken`).
      workers: processes that draw (strokes keep Python busy, whose threads share a core); as many as pay when None.

    Returns:
      Batches {"sketch": uint8 (n, s, s, 1), "label": int32 (n,)}.

    Raises:
      DataError: fewer examples of the categories in the split than one batch has.
    """
    sketches = _Sketches(datasets, split, categories, others)
    where = f"split {split!r} of {', '.join(repr(str(d.path)) for d in datasets)}"
    order = by_category(sketches.numbers, sketches.drawn, len(categories), mix, batch_size * shard[1], seed, where)

    load = functools.partial(sketches.load, size=image_size, prefix=prefix, shake=shake, vary_lines=True)
    count = _worker_count(len(sketches.numbers) < _MANY) if workers is None else workers
    return Batches(order, load, batch_size, seed, shard, count)


def sketch_examples(
    datasets: list[Dataset],
    split: str,
    *,
    image_size: int,
    categories: tuple[str, ...],
    fraction: float = 1.0,
    limit: int | None = None,
    seed: int = 0,
) -> Batch:
    """The sketches of a split, each once, the same whenever it is asked: {"sketch", "label"} as in `sketch_batches`.

    Args:
      fraction: below 1 only the first strokes, and only drawings whose strokes are known.
      limit: at most this many, as evenly from all classes as there are.
    """
    sketches = _Sketches(datasets, split, categories)
    pools = [sketches.of_class(label, fraction < 1) for label in range(len(categories) + 1)]
    examples = [
        sketches.load(int(n), np.random.default_rng([seed, n]), size=image_size, fraction=fraction)
        for n in from_all_classes(pools, limit, seed)
    ]
    return stack_sketches(examples, image_size)


class _Sketches:
    """The sketches of several datasets, numbered through."""

    def __init__(self, datasets: list[Dataset], split: str, categories: tuple[str, ...], others: tuple[str, ...] = ()):
        self._datasets, self._split = datasets, split
        self._starts = np.cumsum([0, *(dataset.sizes.get(split, 0) for dataset in datasets)])
        names = [d.categories[label] for d in datasets for label in d.labels(split)]
        self.labels, self.numbers = class_numbers(names, categories, others)
        self.drawn = np.concatenate(
            [np.zeros(0, bool), *(np.full(len(d.labels(split)), d.kind == "drawings") for d in datasets)]
        )
        self._with_strokes = np.concatenate([np.zeros(0, bool), *(d.has_strokes(split) for d in datasets)])

    def of_class(self, label: int, strokes_only: bool = False) -> np.ndarray:
        wanted = self.labels == label
        return np.flatnonzero(wanted & self._with_strokes if strokes_only else wanted)

    def load(
        self,
        number: int,
        rng: np.random.Generator,
        *,
        size: int,
        fraction: float = 1.0,
        prefix: float = 0.0,
        shake: float = 0.0,
        vary_lines: bool = False,
    ) -> Batch:
        which = int(np.searchsorted(self._starts, number, "right")) - 1
        record = self._datasets[which].record(self._split, number - int(self._starts[which]))
        if record.strokes is not None and len(record.strokes):
            width = rng.uniform(*_LINE_WIDTHS) if vary_lines else strokes.LINE_WIDTH
            if rng.random() < prefix:
                fraction = rng.uniform(0.3, 1.0)
            drawing = strokes.shaken(record.strokes, rng) if rng.random() < shake else record.strokes
            sketch = strokes.render(drawing, _SHEET, width, fraction)
        else:
            sketch = decode(record.sketches[int(rng.integers(len(record.sketches)))], 1)
            if vary_lines and rng.random() < 0.5:
                reach = int(rng.integers(2, 4))
                sketch = cv2.erode(sketch, np.ones((reach, reach), np.uint8))
        framed, _ = images.frame_drawing(sketch, size)
        return {"sketch": framed[..., None], "label": np.int32(self.labels[number])}
