"""The model slot: one call at a time for all who wait, newest wins, a bounded line in order of first asking."""

import threading

import numpy as np
import pytest

from sketch2photo.errors import ConfigError
from sketch2photo.page import batch_queue as slots
from sketch2photo.page.batch_queue import Busy, ModelSlot, Order, Superseded


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


def test_all_who_wait_are_painted_in_one_call(studio, wait_until):
    slot = ModelSlot(studio)
    slot.prepare().join(10)
    assert studio.compiled == [1, 2, 4, 8, 16]
    studio.hold()
    futures = [slot.ask("first", order(0))]
    wait_until(lambda: studio.calls)
    futures += [slot.ask(f"p{i}", order(i)) for i in range(1, 12)]
    studio.release()
    answers = [future.result(10) for future in futures]
    assert list(studio.sizes) == [1, 11]
    assert levels(studio) == list(range(12))
    assert len({answer.milliseconds for answer in answers}) == 2
    assert studio.most_at_once == 1


def test_calls_are_no_larger_than_what_is_compiled(studio, wait_until):
    ready, go = threading.Event(), threading.Event()

    def compile_until_four(batch: int) -> None:
        if batch == 8:
            ready.set()
            assert go.wait(10)

    studio.compile = compile_until_four
    slot = ModelSlot(studio)
    slot.ask("a", order(0)).result(5)
    thread = slot.prepare()
    assert ready.wait(10)
    futures = slot.queue("b", [order(i) for i in range(9)])
    for future in futures:
        future.result(10)
    assert list(studio.sizes) == [1, 4, 4, 1]
    go.set()
    thread.join(10)
    for future in slot.queue("b", [order(i) for i in range(9)]):
        future.result(10)
    assert list(studio.sizes) == [1, 4, 4, 1, 9]


def test_failed_compilation_leaves_the_smaller_batches(studio, caplog):
    def fail(batch: int) -> None:
        if batch > 2:
            raise RuntimeError("out of memory")

    studio.compile = fail
    slot = ModelSlot(studio)
    slot.prepare().join(10)
    assert "could not be compiled for 4 drawings at once" in caplog.text
    for future in slot.queue("b", [order(i) for i in range(4)]):
        future.result(10)
    assert list(studio.sizes) == [2, 2]


def test_one_wrong_drawing_does_not_spoil_the_call_for_others(studio, wait_until):
    from sketch2photo.errors import ImageError

    slot = ModelSlot(studio)
    slot.prepare().join(10)
    studio.hold()
    slot.ask("first", order(0))
    wait_until(lambda: studio.calls)
    wrong = slot.ask("wrong", Order(np.zeros((2, 2), np.uint8)))
    right = slot.ask("right", order(1))
    studio.release()
    with pytest.raises(ImageError, match="16 to 4096 pixels a side"):
        wrong.result(10)
    assert right.result(10).prediction.photo is not None


def test_several_pictures_of_one_person_are_replaced_together(studio, wait_until):
    slot = ModelSlot(studio)
    slot.prepare().join(10)
    studio.hold()
    slot.ask("a", order(0), 1)
    wait_until(lambda: studio.calls)
    older = slot.ask_several("a/variations", [order(i) for i in (1, 2)], 1)
    newer = slot.ask_several("a/variations", [order(i) for i in (3, 4, 5)], 2)
    for future in older:
        with pytest.raises(Superseded):
            future.result(5)
    studio.release()
    for future in newer:
        future.result(5)
    assert levels(studio) == [0, 3, 4, 5] and list(studio.sizes) == [1, 3]


def test_two_models_are_painted_in_two_calls(studio, wait_until):
    other = type(studio)(("ship", "train"))
    slot = ModelSlot(studio)
    slot.prepare().join(10)
    slot.prepare(other).join(10)
    studio.hold()
    slot.ask("first", order(0))
    wait_until(lambda: studio.calls)
    sketch = order(1).sketch
    mine = [slot.ask(f"a{i}", Order(sketch, "car")) for i in range(2)]
    others = [slot.ask(f"b{i}", Order(sketch, "ship", painter=other)) for i in range(2)]
    with pytest.raises(ConfigError, match="unknown category 'car'"):
        slot.ask("c", Order(sketch, "car", painter=other))
    studio.release()
    assert [future.result(10).prediction.category for future in mine + others] == ["car", "car", "ship", "ship"]
    assert list(studio.sizes) == [1, 2] and list(other.sizes) == [2]


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


def test_close_turns_away_who_waits_and_ends_the_threads(studio, wait_until):
    slot = ModelSlot(studio)
    slot.prepare().join(10)
    studio.hold()
    running = slot.ask("a", order(0))
    wait_until(lambda: studio.calls)
    waiting = [slot.ask("b", order(1)), *slot.queue("c", [order(i) for i in range(3)])]
    threading.Timer(0.1, studio.release).start()
    assert slot.close()
    assert running.result(5).prediction.photo is not None
    for future in waiting:
        with pytest.raises(Busy):
            future.result(5)
    with pytest.raises(Busy):
        slot.ask("a", order(2), 2)
    assert levels(studio) == [0]


def test_close_says_when_something_still_compiles(studio):
    go = threading.Event()
    studio.compile = lambda batch: go.wait(10)
    slot = ModelSlot(studio)
    thread = slot.prepare()
    assert not slot.close()
    go.set()
    thread.join(10)
    assert slot.close() and len(studio.sizes) == 0
