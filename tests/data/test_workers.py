"""Work on several processes: in order, bounded, errors passed on."""

import os

import pytest

from sketch2photo.data import build


def squared(number: int) -> tuple[int, int]:
    return number * number, os.getpid()


def fails_late(number: int) -> int:
    if number == 190:
        raise ValueError("number 190")
    return number


def test_results_come_in_order_from_several_processes():
    results = list(build.in_order(squared, list(range(300)), processes=2))
    assert [value for value, _ in results] == [n * n for n in range(300)]
    assert os.getpid() not in {process for _, process in results}


def test_few_items_are_done_here():
    assert {process for _, process in build.in_order(squared, [1, 2, 3], processes=2)} == {os.getpid()}


def test_nothing_to_do():
    assert list(build.in_order(squared, [])) == []


def test_an_error_is_passed_on():
    with pytest.raises(ValueError, match="number 190"):
        list(build.in_order(fails_late, list(range(300)), processes=1))
