"""In which order examples are drawn: endlessly, balanced between pools, known for any position without a history."""

import functools

import numpy as np

_ROUND = 8192
"""Positions after which the pools repeat their turns; each pool's share is exact to one in this many."""
_ENDLESS = 2**62


class Order:
    """A random-access sequence of example numbers; a pool is gone through in a new order each time.

    Args:
      pools: int arrays of example numbers, none empty.
      weights: how often each pool has its turn, relative to the others; positive.
      seed: the same seed gives the same sequence.
    """

    def __init__(self, pools: list[np.ndarray], weights: list[float], seed: int):
        self._pools, self._weights, self._seed = pools, weights, seed
        turns = _turns(np.asarray(weights, np.float64), max(_ROUND, 4 * len(pools)))
        self._turns = np.random.default_rng([seed, 0]).permutation(turns)
        self._per_round = np.bincount(self._turns, minlength=len(pools))
        # How often a pool has had its turn before a position of the round.
        self._before = np.zeros(len(turns), np.int64)
        for pool in range(len(pools)):
            mine = self._turns == pool
            self._before[mine] = np.arange(mine.sum())
        self._shuffled = functools.lru_cache(maxsize=2 * len(pools))(self._shuffle)

    def __len__(self) -> int:
        return _ENDLESS

    def __getitem__(self, position: int) -> int:
        rounds, at = divmod(int(position), len(self._turns))
        pool = int(self._turns[at])
        turn = rounds * int(self._per_round[pool]) + int(self._before[at])
        epoch, offset = divmod(turn, len(self._pools[pool]))
        return int(self._shuffled(pool, epoch)[offset])

    def __reduce__(self):
        return Order, (self._pools, self._weights, self._seed)

    def __repr__(self) -> str:
        return f"Order({len(self._pools)} pools, seed={self._seed})"

    def _shuffle(self, pool: int, epoch: int) -> np.ndarray:
        return np.random.default_rng([self._seed, 1, pool, epoch]).permutation(self._pools[pool])


class Share:
    """One host's places of a sequence: of every batch of all hosts a block, in the order of the hosts.

    So the batches of all hosts, laid side by side, are those of one host alone.

    Args:
      batch_size: examples a batch of this host.
      shard: number of this host and number of hosts.
    """

    def __init__(self, order: Order, batch_size: int, shard: tuple[int, int]):
        self._order, self._batch_size, self._shard = order, batch_size, shard

    def place(self, index: int) -> int:
        """The place in the whole sequence of this host's example `index`."""
        host, hosts = self._shard
        batch, row = divmod(int(index), self._batch_size)
        return (batch * hosts + host) * self._batch_size + row

    def __len__(self) -> int:
        return len(self._order) // self._shard[1]

    def __getitem__(self, index: int) -> int:
        return self._order[self.place(index)]

    def __repr__(self) -> str:
        return f"Share({self._order!r}, batch_size={self._batch_size}, shard={self._shard})"


def _turns(weights: np.ndarray, length: int) -> np.ndarray:
    """`length` pool numbers, as many of each as its weight asks for, at least one."""
    wanted = weights / weights.sum() * length
    counts = np.maximum(np.floor(wanted).astype(int), 1)
    missing = length - counts.sum()
    if missing > 0:
        counts[np.argsort(counts - wanted, kind="stable")[:missing]] += 1
    return np.repeat(np.arange(len(weights)), counts)
