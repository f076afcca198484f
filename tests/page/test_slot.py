"""The model slot: one call at a time, newest wins, a bounded line in order of first asking."""

import threading

import numpy as np
import pytest

from sketch2photo.errors import ConfigError
from sketch2photo.page import slot as slots
from sketch2photo.page.slot import Busy, ModelSlot, Order, Superseded


def order(level: int) -> Order:
    """Told apart by the number of black pixels."""
    sketch = np.full((32, 32), 255, np.uint8)
    sketch.flat[: level + 1] = 0
    return Order(sketch)


def levels(studio) -> list[int]:
    return [int((call["sketch"] == 0).sum()) - 1 for call in studio.calls]


def test_answer_is_the_prediction_and_its_time(studio):
    studio.milliseconds = 20
    answer = ModelSlot(studio).ask("a", Order(order(5).sketch, "car", "#102030", 3)).result(5)
    assert answer.prediction.category == "car"
    assert 20 <= answer.milliseconds < 2000
    call = studio.calls[0]
    assert (call["category"], call["colour"], call["seed"]) == ("car", "#102030", 3)


def test_newer_drawing_takes_the_place_of_the_older_one(studio, wait_until):
    slot = ModelSlot(studio)
    studio.hold()
    running = slot.ask("a", order(0), 1)
    wait_until(lambda: studio.calls)
    older, other, newer = slot.ask("a", order(1), 2), slot.ask("b", order(2), 1), slot.ask("a", order(3), 3)
    with pytest.raises(Superseded):
        older.result(5)
    studio.release()
    for future in (running, other, newer):
        assert future.result(5).prediction.photo is not None
    # The newer drawing stood where the older one had stood: before the other person's.
    assert levels(studio) == [0, 3, 2]


def test_older_drawing_never_replaces_a_newer_one(studio, wait_until):
    slot = ModelSlot(studio)
    studio.hold()
    slot.ask("a", order(0), 1)
    wait_until(lambda: studio.calls)
    newest = slot.ask("a", order(9), 9)
    with pytest.raises(Superseded):
        slot.ask("a", order(8), 8)
    studio.release()
    newest.result(5)
    assert levels(studio) == [0, 9]


def test_full_line_is_busy_but_those_in_it_may_renew(studio, wait_until):
    slot = ModelSlot(studio, places=2)
    studio.hold()
    slot.ask("running", order(0))
    wait_until(lambda: studio.calls)
    slot.ask("a", order(1), 1)
    slot.ask("b", order(2), 1)
    with pytest.raises(Busy):
        slot.ask("c", order(3), 1)
    renewed = slot.ask("a", order(4), 2)
    studio.release()
    renewed.result(5)
    wait_until(lambda: len(slot) == 0)
    slot.ask("c", order(3), 2).result(5)


def test_one_call_at_a_time(studio):
    studio.milliseconds = 5
    slot = ModelSlot(studio)
    futures = [slot.ask(f"p{i}", order(i)) for i in range(12)]
    for future in futures:
        future.result(10)
    assert studio.most_at_once == 1
    assert levels(studio) == list(range(12))


def test_errors_of_the_model_reach_who_asked_and_the_slot_goes_on(studio):
    slot = ModelSlot(studio)
    with pytest.raises(ConfigError, match="unknown category 'appel': did you mean 'apple'"):
        slot.ask("a", Order(order(1).sketch, category="appel")).result(5)
    slot.ask("a", order(1), 2).result(5)


def test_cancelled_drawing_is_not_painted(studio, wait_until):
    slot = ModelSlot(studio)
    studio.hold()
    slot.ask("a", order(0))
    wait_until(lambda: studio.calls)
    assert slot.ask("b", order(1)).cancel()
    last = slot.ask("c", order(2))
    studio.release()
    last.result(5)
    assert levels(studio) == [0, 2]


def test_idle_thread_ends_and_the_next_drawing_starts_another(studio, monkeypatch, wait_until):
    monkeypatch.setattr(slots, "_IDLE_SECONDS", 0.02)
    slot = ModelSlot(studio)

    def threads() -> int:
        return sum(thread.name == "model-slot" for thread in threading.enumerate())

    before = threads()
    slot.ask("a", order(0)).result(5)
    wait_until(lambda: threads() <= before)
    slot.ask("a", order(1), 2).result(5)
    assert levels(studio) == [0, 1]
