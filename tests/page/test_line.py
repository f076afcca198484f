"""Who comes next: everybody in turn, the newest drawing of each, and nobody shut out."""

import numpy as np
import pytest

from sketch2photo.page.batch_queue import Busy, Job, Line, Order, Superseded

SHEET = np.full((16, 16), 255, np.uint8)


def job(seed: int = 0, number: int = 0, painter: object = None) -> Job:
    return Job(Order(SHEET, seed=seed, painter=painter), number)  # type: ignore[arg-type]


def seeds(jobs: list[Job]) -> list[int]:
    return [each.order.seed for each in jobs]


def test_all_who_wait_are_taken_at_once_in_the_order_of_first_asking():
    line = Line(8)
    for i in range(5):
        line.replace(f"p{i}", [job(i)])
    assert line.first.order.seed == 0 and len(line) == 5
    assert seeds(line.take(16)) == [0, 1, 2, 3, 4]
    assert len(line) == 0 and line.take(16) == []


def test_newer_drawing_takes_the_place_of_the_older_one():
    line = Line(8)
    first, newer = job(1, number=1), job(3, number=3)
    line.replace("a", [first])
    line.replace("b", [job(2)])
    assert line.replace("a", [newer]) == ([first], [])
    with pytest.raises(Superseded):
        line.replace("a", [job(4, number=2)])
    assert seeds(line.take(16)) == [3, 2]


def test_who_asks_for_much_is_served_with_the_others_in_turn():
    line = Line(8)
    line.append("greedy", [job(i) for i in range(100, 140)])
    for i in range(3):
        line.replace(f"p{i}", [job(i)])
    assert seeds(line.take(4)) == [100, 0, 1, 2]
    line.replace("p0", [job(0)])
    line.replace("p1", [job(1)])
    # Nobody else waits for the rest of this call, so it is the greedy one's.
    assert seeds(line.take(8)) == [101, 0, 1, 102, 103, 104, 105, 106]
    line.replace("p2", [job(2)])
    assert seeds(line.take(2)) == [107, 2]


def test_rest_of_a_lane_waits_behind_those_who_came_meanwhile():
    line = Line(8)
    line.append("greedy", [job(100), job(101)])
    assert seeds(line.take(1)) == [100]
    line.replace("a", [job(1)])
    assert seeds(line.take(1)) == [101]
    line.append("greedy", [job(102), job(103)])
    assert seeds(line.take(1)) == [1]
    assert seeds(line.take(1)) == [102]
    line.replace("a", [job(2)])
    assert seeds(line.take(2)) == [103, 2]


def test_one_call_is_for_one_model():
    line = Line(8)
    one, other = object(), object()
    for i, painter in enumerate((one, other, one, other)):
        line.replace(f"p{i}", [job(i, painter=painter)])
    assert seeds(line.take(16)) == [0, 2]
    assert seeds(line.take(16)) == [1, 3]


def test_full_line_is_busy_but_those_in_it_may_renew_and_programs_are_not_counted():
    line = Line(2)
    line.replace("a", [job(1)])
    line.replace("b", [job(2)])
    with pytest.raises(Busy):
        line.replace("c", [job(3)])
    line.append("program", [job(9)])
    line.replace("a", [job(4, number=1)])
    assert seeds(line.take(16)) == [4, 2, 9]
    line.replace("c", [job(3)])


def test_whoever_was_refused_goes_before_whoever_was_served_since():
    line = Line(1)
    line.replace("a", [job(1)])
    with pytest.raises(Busy):
        line.replace("b", [job(2)])
    assert seeds(line.take(16)) == [1]
    again = job(1)
    line.replace("a", [again])
    assert line.replace("b", [job(2)]) == ([], [again])
    with pytest.raises(Busy):
        line.replace("a", [job(1)])
    assert seeds(line.take(16)) == [2]


def test_more_people_than_places_all_get_about_the_same():
    line, served = Line(4), dict.fromkeys(range(20), 0)
    for _ in range(400):
        for i in served:
            try:
                line.replace(f"p{i}", [job(i, number=sum(served.values()))])
            except (Busy, Superseded):
                continue
        for taken in line.take(2):
            served[taken.order.seed] += 1
    assert sum(served.values()) == 800
    assert min(served.values()) >= 0.8 * max(served.values())


def test_made_up_ids_do_not_push_out_those_who_wait():
    line = Line(2)
    line.replace("a", [job(1)])
    line.replace("b", [job(2)])
    for i in range(10_000):
        with pytest.raises(Busy):
            line.replace(f"made up {i}", [job(3)])
    assert len(line._last_turn) < 5000
    assert seeds(line.take(16)) == [1, 2]
