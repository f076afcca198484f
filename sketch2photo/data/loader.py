"""Batches for training, without end: sampled, decoded and framed on the CPU, the same again from any position (Grain).

What is sampled and what is random about an example depend on seed and position alone, never on what was read before:
so a run goes on exactly where it was, and hosts share a sequence by slicing it. Everything random on a single picture
that the accelerator can do as well (mirror, zoom, warp) is not done here.
"""

import contextlib
import functools
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import grain
import numpy as np

from sketch2photo import images
from sketch2photo.data import arrays, strokes
from sketch2photo.data.arrays import ArrayPairs
from sketch2photo.data.store import Dataset, open_dataset
from sketch2photo.errors import DataError

Batch = dict[str, np.ndarray]
"""Arrays by name, a row an example."""
Data = Dataset | ArrayPairs
"""What is trained on."""

_THREADS = min(8, max(2, (os.cpu_count() or 2) // 2))
_AHEAD = 4  # batches prepared before they are asked for
_MANY = 2_000  # sketches that are worth starting processes for
_SHEET = 256  # side at which strokes are drawn before they are framed
_LINE_WIDTHS = (2.0, 7.0)
MEMORY_SHARE = 0.25
"""For pictures, of the memory that is free when training starts; the rest is for the networks and for others."""


# ---------------------------------------------------------------- what there is


def open_pairs(paths: list[Path]) -> Data:
    """One dataset folder, or any number of .npz files and folders of them.

    Raises `DataError`: several datasets, a mixture, one of drawings, or something that is none.
    """
    dataset, *more = open_sketches(paths)
    if more:
        raise DataError(f"train.py gan takes one dataset, not {len(paths)}: join them by prepare_data.py merge")
    if dataset.kind != "pairs":
        raise DataError(f"{str(paths[0])!r} holds sketches without photos: train the generator on pairs")
    return dataset


def open_sketches(paths: list[Path]) -> list[Data]:
    """Any number of dataset folders, or of .npz files and folders of them.

    Raises `DataError`: a mixture of both, or something that is neither.
    """
    plain = [path.suffix.lower() == ".npz" or bool(arrays.parts_in(path)) for path in paths]
    if any(plain) and not all(plain):
        raise DataError("--data mixes .npz files and dataset folders: give either")
    return [arrays.open_arrays(paths)] if all(plain) else [open_dataset(path) for path in paths]


def need_pairs(dataset: Data) -> None:
    """Raises `DataError` for a dataset of drawings."""
    if dataset.kind != "pairs":
        raise DataError(f"{str(dataset.path)!r} holds sketches without photos: give a dataset of pairs")


def _need_enough(have: int, batch_size: int, where: str) -> None:
    if have < batch_size:
        raise DataError(f"the batch size is {batch_size}, but {where} has {have} examples: make the batch smaller")


# ---------------------------------------------------------------- which examples

_BALANCE = {"none": 1.0, "sqrt": 0.5, "equal": 0.0}  # a category of n examples is drawn as often as n to this power
_SPAN = 2**14  # Grain shuffles n numbers in 65,536 / n steps each, so a small pool is shuffled several rounds at once


def sample(pools: Sequence[np.ndarray], weights: Sequence[float], seed: int) -> grain.MapDataset:
    """Numbers out of pools (int arrays, none empty) by random access, without end.

    Pools have their exact share, by their positive weights, of every 16,384 numbers, in a random order; the numbers of
    a pool come equally often, shuffled anew round after round.
    """
    # Of 31 bits: Grain counts up from them.
    own_seed, *seeds = np.random.SeedSequence(seed).generate_state(len(pools) + 1) >> 1
    ends = np.cumsum([len(pool) for pool in pools])
    endless = [
        grain.MapDataset.range(int(end) - len(pool), int(end)).repeat(-(-_SPAN // len(pool))).shuffle(int(own)).repeat()
        for pool, end, own in zip(pools, ends, seeds, strict=True)
    ]
    places = endless[0]
    if len(pools) > 1:
        mixed = grain.MapDataset.mix(endless, weights)
        places = grain.experimental.WindowShuffleMapDataset(mixed, window_size=_SPAN, seed=int(own_seed))
    return places.map(np.concatenate(pools).__getitem__)


def balanced(labels: np.ndarray, balance: str, seed: int) -> grain.MapDataset:
    """Numbers of examples, their categories (`labels`) drawn "none" by size, "sqrt" by its root, "equal" alike."""
    if balance == "none":
        return sample([np.arange(len(labels))], [1.0], seed)
    pools = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    return sample(pools, [len(pool) ** _BALANCE[balance] for pool in pools], seed)


@dataclass(frozen=True)
class Mix:
    """How often sketches for the classifier are drawn."""

    balance: str = "equal"  # of the categories as in `balanced`, of other categories among themselves too
    drawn_share: float = 0.6  # share of people's drawings in a category that has both those and sketches of photos
    none_share: float = 0.3  # share of other categories, when there are any
    near_kin: tuple[tuple[int, int], ...] = ()  # other categories by number, each with the category it is near to
    near_kin_share: float = 0.0
    """Share of those among the other categories; each category that has near kin gets as much of it."""


def by_category(
    numbers: np.ndarray, drawn: np.ndarray, categories: int, mix: Mix, batch_size: int, seed: int, where: str
) -> grain.MapDataset:
    """Numbers of sketches in which categories, people's drawings and "none of these" have the shares of `mix`.

    Args:
      numbers: int (n,): the category of each sketch; from `categories` on they are "none of these".
      drawn: bool (n,): whether a person drew it, in a dataset of drawings.
      where: what they are from, for the error.

    Raises `DataError`: fewer sketches of the categories than one batch has.
    """
    _need_enough(int((numbers < categories).sum()), batch_size, where)
    pools, weights = [], []
    others = numbers >= categories
    none_share = mix.none_share if others.any() else 0.0
    for group, share in ((numbers[~others], 1 - none_share), (numbers[others], none_share)):
        present, sizes = np.unique(group, return_counts=True)
        shares = sizes ** _BALANCE[mix.balance] if share > 0 else np.zeros(len(sizes))
        shares = _with_near_kin(present, shares / max(shares.sum(), 1e-9), mix)
        for number, weight in zip(present, share * shares, strict=True):
            mine = numbers == number
            parts = [np.flatnonzero(mine & drawn), np.flatnonzero(mine & ~drawn)]
            alone = not len(parts[0]) or not len(parts[1])
            for part, split in zip(parts, (mix.drawn_share, 1 - mix.drawn_share), strict=True):
                if len(part) and (own := weight * (1.0 if alone else split)) > 0:
                    pools.append(part)
                    weights.append(float(own))
    return sample(pools, weights, seed)


def _with_near_kin(numbers: np.ndarray, shares: np.ndarray, mix: Mix) -> np.ndarray:
    """The shares of the category numbers, near kin among them having what `mix` wants for them."""
    near = [(where, nearest) for kin, nearest in mix.near_kin for where in np.flatnonzero(numbers == kin)]
    if not near or len(near) == len(numbers) or not shares.any():
        return shares
    places, nearest = np.array(near).T
    kinds, kind, sizes = np.unique(nearest, return_inverse=True, return_counts=True)
    shares = shares.copy()
    shares[places] = 0.0
    shares *= (1 - mix.near_kin_share) / shares.sum()
    shares[places] = mix.near_kin_share / len(kinds) / sizes[kind]
    return shares


def class_numbers(
    names: Sequence[str], categories: Sequence[str], others: Sequence[str] = ()
) -> tuple[np.ndarray, np.ndarray]:
    """For each name the class it is trained as, and its number among all: int32 (n,) each.

    Classes are the categories in order, then the `others` in order, each for itself; what is in neither is class
    len(categories). Numbers are the same, but all names have their own.
    """
    known = {name: label for label, name in enumerate([*categories, *others])}
    classes = [known.get(name, len(categories)) for name in names]
    rest = (name for name in dict.fromkeys(names) if name not in known)
    numbers = known | {name: number for number, name in enumerate(rest, len(known))}
    return np.array(classes, np.int32), np.array([numbers[name] for name in names], np.int32)


# ---------------------------------------------------------------- batches of them


class Batches(Iterator[Batch]):
    """An endless iterator of batches that can be put back to any position exactly.

    Threads make batches ahead; with `workers` so many processes do, which never start a JAX backend. The batches are
    the same however they are made.

    Args:
      numbers: of examples, without end.
      load: an example by number; its generator is all the chance there is in it.
      batch_size: examples a batch of this host.
      shard: number of this host and number of hosts. Each has its block of every batch of all: laid side by side, they
        are the batches of one host alone.
    """

    def __init__(
        self,
        numbers: grain.MapDataset,
        load: Callable[[int, np.random.Generator], Batch],
        batch_size: int,
        seed: int,
        shard: tuple[int, int] = (0, 1),
        workers: int = 0,
    ):
        host, hosts = shard
        batches = numbers.random_map(load, seed=seed % 2**32).batch(batch_size, drop_remainder=True)
        self._all, self._workers = batches[host::hosts], workers
        self.set_state({"batches": 0})

    def __next__(self) -> Batch:
        batch = next(self._batches)
        self._position += 1
        return batch

    def get_state(self) -> dict[str, Any]:
        """The position, as JSON values."""
        return {"batches": self._position}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go to a position: the following batches are those that followed there, to the bit."""
        self._position = int(state["batches"])
        reading = grain.ReadOptions(num_threads=_THREADS, prefetch_buffer_size=max(_AHEAD, _THREADS))
        batches = self._all[self._position :].to_iter_dataset(reading)
        if self._workers:
            from absl import flags

            if not flags.FLAGS.is_parsed():
                flags.FLAGS.mark_as_parsed()  # Grain reads flags of its own, which only absl's programs parse
            batches = batches.mp_prefetch(grain.MultiprocessingOptions(num_workers=self._workers), _leave_interrupts)
        self._batches = iter(batches)


def _leave_interrupts(*_: int) -> None:
    """A terminal sends Ctrl-C to the workers, too: when they end is for their parent to say, which saves first."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _worker_count(light: bool) -> int:
    """Processes that make examples: none where threads do, as in light work, or where no core is to spare for them."""
    cores = os.cpu_count() or 1
    return 0 if light or cores < 4 else min(8, cores // 2)


def stack(examples: list[Batch]) -> Batch:
    """Examples as one batch."""
    return {name: np.stack([example[name] for example in examples]) for name in examples[0]}


# ---------------------------------------------------------------- pairs


def pair_batches(
    dataset: Data,
    split: str,
    *,
    batch_size: int,
    image_size: int,
    input_channels: int = 1,
    balance: str = "none",
    seed: int,
    shard: tuple[int, int] = (0, 1),
    masks: bool = False,
    memory: int | None = None,
    workers: int | None = None,
) -> Batches:
    """Photos, each with one of its sketches drawn at random.

    Args:
      balance: see `balanced`.
      batch_size, shard: see `Batches`.
      masks: give photos a fourth channel, 255 where their ground is.
      memory: bytes that pictures may take that are kept once they are decoded; a share of what is free when None.
      workers: processes that decode; as many as pay when None.

    Returns:
      Batches {"sketch": uint8 (n, s, s, input_channels), "photo": uint8 (n, s, s, 3 or 4), "label": int32 (n,),
      "colour": uint8 (n, 3)}.

    Raises `DataError`: a dataset of drawings, or fewer examples in the split than one batch has.
    """
    need_pairs(dataset)
    labels = dataset.labels(split)
    _need_enough(len(labels), batch_size * shard[1], f"{str(dataset.path)!r} in split {split!r}")
    pairs = PairCache(dataset, split, image_size, input_channels, memory, masks)
    count = _worker_count(pairs.kept or isinstance(dataset, ArrayPairs)) if workers is None else workers
    return Batches(balanced(labels, balance, seed), pairs.pair, batch_size, seed, shard, count)


def pair_examples(
    dataset: Data, split: str, *, image_size: int, input_channels: int = 1, per_category: int = 4
) -> Batch:
    """The same few photos of each category whenever it is asked, each with its first sketch; of train where the split
    has none."""
    need_pairs(dataset)
    chosen = []
    for label in range(len(dataset.categories)):
        own = split if label in dataset.labels(split) else "train"
        pairs = PairCache(dataset, own, image_size, input_channels, 0)
        numbers = np.flatnonzero(dataset.labels(own) == label)[:per_category]
        chosen += [pairs.pair(int(number), None) for number in numbers]
    return stack(chosen)


def human_examples(
    dataset: Data, split: str, *, image_size: int, input_channels: int = 1, per_category: int = 4
) -> Batch:
    """Photos of each category with a sketch that a person drew, always the same few, as `pair_examples`; perhaps none.

    Those that `pair_examples` gives of this split count, and are not given again.
    """
    need_pairs(dataset)
    pairs = PairCache(dataset, split, image_size, input_channels, 0)
    labels, human = dataset.labels(split), dataset.human_sketches(split)
    chosen = []
    for label in range(len(dataset.categories)):
        numbers = np.flatnonzero(labels == label)
        shown = [n for n in numbers[:per_category] if human[n] == 0]
        more = [n for n in numbers if human[n] >= 0 and n not in shown]
        chosen += [pairs.with_sketch(int(n), int(human[n])) for n in more[: per_category - len(shown)]]
    return stack(chosen) if chosen else {}


class PairCache:
    """The pairs of one split at `size`, each picture decoded once: when it is first asked for.

    Args:
      channels: of the sketches, 1 or 3.
      memory: bytes that decoded pictures may take; a share of what is free when None. When they would take more, none
        are kept, and every one is decoded each time.
    """

    def __init__(
        self, dataset: Data, split: str, size: int, channels: int, memory: int | None = None, masks: bool = False
    ):
        self._dataset, self._split, self._size, self._channels, self._masks = dataset, split, size, channels, masks
        self._labels, self._colours = dataset.labels(split), dataset.colours(split)
        self._counts = dataset.sketch_counts(split)
        self._first = np.concatenate([[0], np.cumsum(self._counts)])
        of_photo = 4 if masks else 3
        self.bytes = size * size * (of_photo * len(self._labels) + channels * int(self._first[-1]))
        self._memory = int(MEMORY_SHARE * free_memory()) if memory is None else memory
        in_memory = isinstance(dataset, ArrayPairs) and dataset.size == size and not masks
        self.kept = self.bytes <= self._memory and not in_memory
        if self.kept:
            # The system gives pages of these when they are first written.
            self._photos = np.empty((len(self._labels), size, size, of_photo), np.uint8)
            self._sketches = np.empty((int(self._first[-1]), size, size, channels), np.uint8)
            self._sketch_there = np.zeros(len(self._sketches), bool)
            # Of small drawings, which are looked at closer together with their photo.
            self._closer: dict[int, np.ndarray] = {}
            self._most_closer = (self._memory - self.bytes) // (of_photo * size * size)

    def __reduce__(self):
        """Another process begins with nothing decoded."""
        return PairCache, (self._dataset, self._split, self._size, self._channels, self._memory, self._masks)

    def pair(self, number: int, rng: np.random.Generator | None) -> Batch:
        """One photo with one of its sketches: by chance, or the first without `rng`."""
        return self.with_sketch(number, 0 if rng is None else int(rng.integers(self._counts[number])))

    def with_sketch(self, number: int, chosen: int) -> Batch:
        """One photo with the sketch of that number among its own."""
        place = int(self._first[number]) + chosen
        if self.kept and self._sketch_there[place]:
            sketch = self._sketches[place]
            photo = self._closer[place] if place in self._closer else self._photos[number]
        else:
            seen = (self._size, self._channels, self._masks)
            sketch, photo, whole = self._dataset.pair(self._split, number, chosen, *seen)
            if self.kept:
                self._keep(number, place, sketch, photo, whole)
        return {"sketch": sketch, "photo": photo, "label": self._labels[number], "colour": self._colours[number]}

    def _keep(self, number: int, place: int, sketch: np.ndarray, photo: np.ndarray, whole: bool) -> None:
        """First the pictures, then that they are there: threads may look at any time."""
        if whole:
            self._photos[number] = photo  # the same of each of its sketches
        elif len(self._closer) < self._most_closer:
            self._closer[place] = photo
        else:
            return
        self._sketches[place] = sketch
        self._sketch_there[place] = True


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


# ---------------------------------------------------------------- sketches, for the classifier


def sketch_batches(
    datasets: Sequence[Data],
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
      batch_size, shard: see `Batches`.
      workers: processes that draw (strokes keep Python busy, whose threads share a core); as many as pay when None.

    Returns:
      Batches {"sketch": uint8 (n, s, s, 1), "label": int32 (n,)}.

    Raises `DataError`: fewer examples of the categories in the split than one batch has.
    """
    sketches = _Sketches(datasets, split, categories, others)
    where = f"split {split!r} of {', '.join(repr(str(d.path)) for d in datasets)}"
    chosen = by_category(sketches.numbers, sketches.drawn, len(categories), mix, batch_size * shard[1], seed, where)
    load = functools.partial(sketches.load, size=image_size, prefix=prefix, shake=shake, vary_lines=True)
    light = len(sketches.numbers) < _MANY or all(isinstance(dataset, ArrayPairs) for dataset in datasets)
    return Batches(chosen, load, batch_size, seed, shard, _worker_count(light) if workers is None else workers)


def sketch_examples(
    datasets: Sequence[Data],
    split: str,
    *,
    image_size: int,
    categories: tuple[str, ...],
    fraction: float = 1.0,
    limit: int | None = None,
    seed: int = 0,
) -> Batch:
    """The sketches of a split, each once, the same whenever it is asked: {"sketch", "label"} as in `sketch_batches`.

    A `fraction` below 1 gives only the first strokes, and only drawings whose strokes are known; a `limit` at most so
    many sketches, as evenly from all classes as there are.
    """
    sketches = _Sketches(datasets, split, categories)
    rng = np.random.default_rng(seed)
    wanted = sketches.has_strokes | (fraction >= 1)
    pools = [rng.permutation(np.flatnonzero(wanted & (sketches.labels == n))) for n in range(len(categories) + 1)]
    chosen = np.concatenate(pools)
    if limit is not None:
        turns = np.concatenate([np.arange(len(pool)) for pool in pools])
        chosen = chosen[np.argsort(turns, kind="stable")[:limit]]
    load = functools.partial(sketches.load, size=image_size, fraction=fraction)
    none = {"sketch": np.zeros((0, image_size, image_size, 1), np.uint8), "label": np.zeros(0, np.int32)}
    return stack([load(int(n), np.random.default_rng([seed, n])) for n in chosen]) if len(chosen) else none


class _Sketches:
    """The sketches of several datasets, numbered through."""

    def __init__(self, datasets: Sequence[Data], split: str, categories: tuple[str, ...], others: tuple[str, ...] = ()):
        self._datasets, self._split = datasets, split
        sizes = [dataset.sizes.get(split, 0) for dataset in datasets]
        self._starts = np.cumsum([0, *sizes])
        self._counts = np.concatenate([d.sketch_counts(split) for d in datasets])
        names = [d.categories[label] for d in datasets for label in d.labels(split)]
        self.labels, self.numbers = class_numbers(names, categories, others)
        self.drawn = np.repeat([d.kind == "drawings" for d in datasets], sizes)
        self.has_strokes = np.concatenate([d.has_strokes(split) for d in datasets])

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
        dataset, own = self._datasets[which], number - int(self._starts[which])
        if self.has_strokes[number] and isinstance(dataset, Dataset):
            drawing = dataset.strokes(self._split, own)
            width = rng.uniform(*_LINE_WIDTHS) if vary_lines else strokes.LINE_WIDTH
            if rng.random() < prefix:
                fraction = rng.uniform(0.3, 1.0)
            if rng.random() < shake:
                drawing = strokes.shaken(drawing, rng)
            sketch = strokes.render(drawing, _SHEET, width, fraction)
        else:
            sketch = dataset.sketch(self._split, own, int(rng.integers(self._counts[number])))
            if vary_lines and rng.random() < 0.5:
                # Two or three pixels of a large sheet: in a small picture a pixel more would be as wide as a line.
                reach = max(1, round(int(rng.integers(2, 4)) * len(sketch) / _SHEET))
                sketch = cv2.erode(sketch, np.ones((reach, reach), np.uint8))
        if isinstance(dataset, ArrayPairs):  # they lie in their files as models see them
            seen = images.resize_sketch(sketch, size)
        else:
            seen, _ = images.frame_drawing(sketch, size)
        return {"sketch": seen[..., None], "label": self.labels[number]}
