"""The order in which examples are drawn: shares, fairness, independence of history."""

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sketch2photo.data.order import Order


def pools(*sizes: int) -> list[np.ndarray]:
    starts = np.cumsum([0, *sizes])
    return [np.arange(a, b) for a, b in itertools.pairwise(starts)]


def test_one_pool_is_a_new_permutation_each_time():
    order = Order(pools(10), [1.0], seed=3)
    epochs = [[order[10 * e + i] for i in range(10)] for e in range(50)]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 45


@pytest.mark.parametrize("weights", [[1.0, 1.0, 1.0], [1.0, 2.0, 5.0]])
def test_pools_have_their_share(weights):
    order = Order(pools(3, 50, 400), weights, seed=1)
    drawn = np.array([order[i] for i in range(8192)])
    counts = np.histogram(drawn, [0, 3, 53, 453])[0]
    assert np.abs(counts - 8192 * np.array(weights) / sum(weights)).max() <= 1
    for low, high in ((0, 3), (3, 53), (53, 453)):
        times = list(Counter(drawn[(drawn >= low) & (drawn < high)].tolist()).values())
        assert max(times) - min(times) <= 1, "every example of a pool has its turn before one has two"


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=6), st.integers(0, 2**31), st.integers(0, 2**40))
def test_a_position_does_not_depend_on_what_was_read_before(sizes, seed, position):
    weights = [float(size) for size in sizes]
    fresh = Order(pools(*sizes), weights, seed)[position]
    used = Order(pools(*sizes), weights, seed)
    for other in (0, position + 1, 7 * position % 1000):
        used[other]
    assert used[position] == fresh
    assert 0 <= fresh < sum(sizes)


def test_seeds_differ():
    first, second = (Order(pools(100), [1.0], seed) for seed in (0, 1))
    assert [first[i] for i in range(20)] != [second[i] for i in range(20)]


def test_more_pools_than_a_round_has_turns():
    order = Order(pools(*[1] * 5000), [1.0] * 4999 + [1e6], seed=0)
    assert len({order[i] for i in range(25000)}) == 5000
