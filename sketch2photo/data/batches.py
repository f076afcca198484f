"""Batches made of examples by number, with exact resume, of nothing but numpy; `pipeline` does it with Grain.

What follows a position depends on seed and position alone, so both give the same batches of the same examples.
"""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from sketch2photo.data.order import Order, Share
from sketch2photo.errors import DataError

Batch = dict[str, Any]
"""Arrays by name."""

_AHEAD = 4
"""Batches prepared before they are asked for."""
_BALANCE = {"none": 1.0, "sqrt": 0.5, "equal": 0.0}
"""A category of n examples is drawn in proportion to n to this power."""


class PlainBatches:
    """An endless iterator of batches, made by a thread while the device works, that can be put back exactly.

    Args:
      order: the numbers of examples.
      load: an example by number; its generator is all the chance there is in it.
      batch_size: examples a batch of this host.
      shard: number of this host and number of hosts; each makes its block of every batch of all (`Share`).
    """

    def __init__(
        self,
        order: Order,
        load: Callable[[int, np.random.Generator], Batch],
        batch_size: int,
        seed: int,
        shard: tuple[int, int] = (0, 1),
    ):
        self._share, self._load, self._batch_size, self._seed = Share(order, batch_size, shard), load, batch_size, seed
        self._position = 0
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="batches")
        self._made: deque[Future[Batch]] = deque()

    def __iter__(self) -> "PlainBatches":
        return self

    def __next__(self) -> Batch:
        while len(self._made) <= _AHEAD:
            self._made.append(self._threads.submit(self._make, self._position + len(self._made)))
        batch = self._made.popleft().result()
        self._position += 1
        return batch

    def get_state(self) -> dict[str, Any]:
        """The position, as JSON values."""
        return {"batches": self._position}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go to a position: the following batches are those that followed there, to the bit."""
        self._made.clear()
        self._position = int(state["batches"])

    def _make(self, number: int) -> Batch:
        numbers = range(number * self._batch_size, (number + 1) * self._batch_size)
        return stack([self._load(self._share[n], chance(self._seed, self._share.place(n))) for n in numbers])


def chance(seed: int, place: int) -> np.random.Generator:
    """What is random about the example at a place of the order, the same on however many hosts."""
    return np.random.default_rng([seed, 2, place])


def stack(examples: list[Batch]) -> Batch:
    """Examples as one batch."""
    return {name: np.stack([example[name] for example in examples]) for name in examples[0]}


def balanced(labels: np.ndarray, balance: str, seed: int) -> Order:
    """The order of examples in which categories are drawn "none" by their size, "sqrt" by its root, "equal" alike.

    Args:
      labels: int (n,): the category number of each example.
    """
    if balance == "none":
        return Order([np.arange(len(labels))], [1.0], seed)
    pools = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    return Order(pools, [len(pool) ** _BALANCE[balance] for pool in pools], seed)


@dataclass(frozen=True)
class Mix:
    """How often sketches for the classifier are drawn."""

    balance: str = "equal"
    """Categories "none" by their size, "sqrt" by its root, "equal" alike; other categories among themselves too."""
    drawn_share: float = 0.6
    """Share of people's drawings in a category that has both those and sketches of photos."""
    none_share: float = 0.3
    """Share of other categories, when there are any."""
    near_kin: tuple[tuple[int, int], ...] = ()
    """Other categories by number, each with the category it is near to."""
    near_kin_share: float = 0.0
    """Share of those among the other categories; each category that has near kin gets as much of it."""


def class_numbers(
    names: Sequence[str], categories: Sequence[str], others: Sequence[str] = ()
) -> tuple[np.ndarray, np.ndarray]:
    """For each name the class it is trained as, and its number among all: int32 (n,) each.

    Classes are the categories in order, then the `others` in order, each for itself; what is in neither is class
    len(categories). Numbers are the same, but all names have their own.
    """
    known = {name: label for label, name in enumerate([*categories, *others])}
    classes = [known.get(name, len(categories)) for name in names]
    rest = {name: len(known) + i for i, name in enumerate(n for n in dict.fromkeys(names) if n not in known)}
    return np.array(classes, np.int32), np.array([(known | rest)[name] for name in names], np.int32)


def by_category(
    numbers: np.ndarray, drawn: np.ndarray, categories: int, mix: Mix, batch_size: int, seed: int, where: str
) -> Order:
    """The order of sketches in which categories, people's drawings and "none of these" have the shares of `mix`.

    Args:
      numbers: int (n,): the category of each sketch; from `categories` on they are "none of these".
      drawn: bool (n,): whether a person drew it, in a dataset of drawings.
      where: what they are from, for the error.

    Raises:
      DataError: fewer sketches of the categories than one batch has.
    """
    need_enough(int((numbers < categories).sum()), batch_size, where)
    pools: list[np.ndarray] = []
    weights: list[float] = []
    others = numbers >= categories
    none_share = mix.none_share if others.any() else 0.0
    for group, share in ((numbers[~others], 1 - none_share), (numbers[others], none_share)):
        present, sizes = np.unique(group, return_counts=True)
        shares = sizes ** _BALANCE[mix.balance] if share > 0 else np.zeros(len(sizes))
        shares = _with_near_kin(present, shares / max(shares.sum(), 1e-9), mix)
        for number, weight in zip(present, share * shares, strict=True):
            mine = numbers == number
            parts = [np.flatnonzero(mine & drawn), np.flatnonzero(mine & ~drawn)]
            both = len(parts[0]) > 0 and len(parts[1]) > 0
            for part, split in zip(parts, (mix.drawn_share, 1 - mix.drawn_share), strict=True):
                if len(part) and (own := weight * (split if both else 1.0)) > 0:
                    pools.append(part)
                    weights.append(float(own))
    return Order(pools, weights, seed)


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


def from_all_classes(pools: list[np.ndarray], limit: int | None, seed: int) -> np.ndarray:
    """Of each pool's numbers all, or as evenly as there are up to a limit; the same whenever it is asked."""
    rng = np.random.default_rng(seed)
    pools = [rng.permutation(pool) for pool in pools]
    if limit is None:
        return np.concatenate(pools)
    turns = [(turn, label) for label, pool in enumerate(pools) for turn in range(len(pool))]
    return np.array([pools[label][turn] for turn, label in sorted(turns)[:limit]], int)


def stack_sketches(examples: list[Batch], size: int) -> Batch:
    """{"sketch", "label"}, also of none."""
    if examples:
        return stack(examples)
    return {"sketch": np.zeros((0, size, size, 1), np.uint8), "label": np.zeros(0, np.int32)}


def need_enough(have: int, batch_size: int, where: str) -> None:
    """Raises `DataError` when there are fewer examples than one batch has."""
    if have < batch_size:
        raise DataError(f"the batch size is {batch_size}, but {where} has {have} examples: make the batch smaller")
