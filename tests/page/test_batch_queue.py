"""Who comes next, and one call at a time for all who wait: everybody in turn, the newest drawing of each."""

import threading
from concurrent.futures import Future

import numpy as np
import pytest

from sketch2photo.errors import ConfigError, ImageError
from sketch2photo.page.batch_queue import Answer, BatchQueue, Busy, FairQueue, Job, PaintRequest, Superseded

SHEET = np.full((16, 16), 255, np.uint8)

# ---------------------------------------------------------------- whose turn it is


def job(seed: int = 0, number: int = 0, model: object = None) -> Job:
    return Job(PaintRequest(SHEET, seed=seed), model, number)  # type: ignore[arg-type]


def seeds(jobs: list[Job]) -> list[int]:
    return [each.request.seed for each in jobs]


def test_all_who_wait_are_taken_at_once_in_the_order_of_first_asking():
    queue = FairQueue(8)
    for i in range(5):
        queue.replace(f"p{i}", [job(i)])
    assert queue.first.request.seed == 0 and len(queue) == 5
    assert seeds(queue.take(16)) == [0, 1, 2, 3, 4]
    assert len(queue) == 0 and queue.take(16) == []


def test_newer_drawing_takes_the_place_of_the_older_one():
    queue = FairQueue(8)
    first, newer = job(1, number=1), job(3, number=3)
    queue.replace("a", [first])
    queue.replace("b", [job(2)])
    assert queue.replace("a", [newer]) == ([first], [])
    with pytest.raises(Superseded):
        queue.replace("a", [job(4, number=2)])
    assert seeds(queue.take(16)) == [3, 2]


def test_who_asks_for_much_is_served_with_the_others_in_turn():
    queue = FairQueue(8)
    queue.append("greedy", [job(i) for i in range(100, 140)])
    for i in range(3):
        queue.replace(f"p{i}", [job(i)])
    assert seeds(queue.take(4)) == [100, 0, 1, 2]
    queue.replace("p0", [job(0)])
    queue.replace("p1", [job(1)])
    # Nobody else waits for the rest of this call, so it is the greedy one's.
    assert seeds(queue.take(8)) == [101, 0, 1, 102, 103, 104, 105, 106]
    queue.replace("p2", [job(2)])
    assert seeds(queue.take(2)) == [107, 2]


def test_rest_of_what_one_asked_for_waits_behind_those_who_came_meanwhile():
    queue = FairQueue(8)
    queue.append("greedy", [job(100), job(101)])
    assert seeds(queue.take(1)) == [100]
    queue.replace("a", [job(1)])
    assert seeds(queue.take(1)) == [101]
    queue.append("greedy", [job(102), job(103)])
    assert seeds(queue.take(1)) == [1]
    assert seeds(queue.take(1)) == [102]
    queue.replace("a", [job(2)])
    assert seeds(queue.take(2)) == [103, 2]


def test_one_call_is_for_one_model():
    queue = FairQueue(8)
    one, other = object(), object()
    for i, model in enumerate((one, other, one, other)):
        queue.replace(f"p{i}", [job(i, model=model)])
    assert seeds(queue.take(16)) == [0, 2]
    assert seeds(queue.take(16)) == [1, 3]


def test_full_queue_is_busy_but_those_in_it_may_renew_and_programs_are_not_counted():
    queue = FairQueue(2)
    queue.replace("a", [job(1)])
    queue.replace("b", [job(2)])
    with pytest.raises(Busy):
        queue.replace("c", [job(3)])
    queue.append("program", [job(9)])
    queue.replace("a", [job(4, number=1)])
    assert seeds(queue.take(16)) == [4, 2, 9]
    queue.replace("c", [job(3)])


def test_whoever_was_refused_goes_before_whoever_was_served_since():
    queue = FairQueue(1)
    queue.replace("a", [job(1)])
    with pytest.raises(Busy):
        queue.replace("b", [job(2)])
    assert seeds(queue.take(16)) == [1]
    again = job(1)
    queue.replace("a", [again])
    assert queue.replace("b", [job(2)]) == ([], [again])
    with pytest.raises(Busy):
        queue.replace("a", [job(1)])
    assert seeds(queue.take(16)) == [2]


def test_more_people_than_places_all_get_about_the_same():
    queue, served = FairQueue(4), dict.fromkeys(range(20), 0)
    for _ in range(400):
        for i in served:
            try:
                queue.replace(f"p{i}", [job(i, number=sum(served.values()))])
            except (Busy, Superseded):
                continue
        for taken in queue.take(2):
            served[taken.request.seed] += 1
    assert sum(served.values()) == 800
    assert min(served.values()) >= 0.8 * max(served.values())


def test_made_up_ids_do_not_push_out_those_who_wait():
    queue = FairQueue(2)
    queue.replace("a", [job(1)])
    queue.replace("b", [job(2)])
    for i in range(10_000):
        with pytest.raises(Busy):
            queue.replace(f"made up {i}", [job(3)])
    assert len(queue._last_turn) < 5000
    assert seeds(queue.take(16)) == [1, 2]


# ---------------------------------------------------------------- painting


def ask(queue: BatchQueue, person: str, request: PaintRequest, number: int = 0) -> Future[Answer]:
    return queue.replace(person, [request], number)[0]


def request(level: int) -> PaintRequest:
    """Told apart by the number of black pixels."""
    sketch = np.full((32, 32), 255, np.uint8)
    sketch.flat[: level + 1] = 0
    return PaintRequest(sketch)


def levels(studio) -> list[int]:
    return [int((call["sketch"] == 0).sum()) - 1 for call in studio.calls]


def test_answer_is_the_prediction_and_its_time(studio):
    studio.milliseconds = 20
    answer = ask(BatchQueue(studio), "a", PaintRequest(request(5).sketch, "car", "#102030", 3)).result(5)
    assert answer.prediction.category == "car"
    assert 20 <= answer.milliseconds < 2000
    call = studio.calls[0]
    assert (call["category"], call["colour"], call["seed"]) == ("car", "#102030", 3)


def test_newer_drawing_is_painted_in_the_place_of_the_older_one(studio, wait_until):
    queue = BatchQueue(studio)
    studio.hold()
    running = ask(queue, "a", request(0), 1)
    wait_until(lambda: studio.calls)
    older, other, newer = ask(queue, "a", request(1), 2), ask(queue, "b", request(2), 1), ask(queue, "a", request(3), 3)
    with pytest.raises(Superseded):
        older.result(5)
    studio.release()
    for future in (running, other, newer):
        assert future.result(5).prediction.photo is not None
    # The newer drawing stood where the older one had stood: before the other person's.
    assert levels(studio) == [0, 3, 2]


def test_older_drawing_never_replaces_a_newer_one(studio, wait_until):
    queue = BatchQueue(studio)
    studio.hold()
    ask(queue, "a", request(0), 1)
    wait_until(lambda: studio.calls)
    newest = ask(queue, "a", request(9), 9)
    with pytest.raises(Superseded):
        ask(queue, "a", request(8), 8)
    studio.release()
    newest.result(5)
    assert levels(studio) == [0, 9]


def test_full_queue_is_busy_until_it_is_painted(studio, wait_until):
    queue = BatchQueue(studio, places=2)
    studio.hold()
    ask(queue, "running", request(0))
    wait_until(lambda: studio.calls)
    ask(queue, "a", request(1), 1)
    ask(queue, "b", request(2), 1)
    with pytest.raises(Busy):
        ask(queue, "c", request(3), 1)
    renewed = ask(queue, "a", request(4), 2)
    studio.release()
    renewed.result(5)
    wait_until(lambda: len(queue) == 0)
    ask(queue, "c", request(3), 2).result(5)


def test_one_call_at_a_time(studio):
    studio.milliseconds = 5
    queue = BatchQueue(studio)
    futures = [ask(queue, f"p{i}", request(i)) for i in range(12)]
    for future in futures:
        future.result(10)
    assert studio.most_at_once == 1
    assert levels(studio) == list(range(12))


def test_all_who_wait_are_painted_in_one_call(studio, wait_until):
    queue = BatchQueue(studio)
    queue.prepare().join(10)
    assert studio.compiled == [1, 2, 4, 8, 16]
    studio.hold()
    futures = [ask(queue, "first", request(0))]
    wait_until(lambda: studio.calls)
    futures += [ask(queue, f"p{i}", request(i)) for i in range(1, 12)]
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
    queue = BatchQueue(studio)
    ask(queue, "a", request(0)).result(5)
    thread = queue.prepare()
    assert ready.wait(10)
    futures = queue.append("b", [request(i) for i in range(9)])
    for future in futures:
        future.result(10)
    assert list(studio.sizes) == [1, 4, 4, 1]
    go.set()
    thread.join(10)
    for future in queue.append("b", [request(i) for i in range(9)]):
        future.result(10)
    assert list(studio.sizes) == [1, 4, 4, 1, 9]


def test_failed_compilation_leaves_the_smaller_batches(studio, caplog):
    def fail(batch: int) -> None:
        if batch > 2:
            raise RuntimeError("out of memory")

    studio.compile = fail
    queue = BatchQueue(studio)
    queue.prepare().join(10)
    assert "could not be compiled for 4 drawings at once" in caplog.text
    for future in queue.append("b", [request(i) for i in range(4)]):
        future.result(10)
    assert list(studio.sizes) == [2, 2]


def test_one_wrong_drawing_does_not_spoil_the_call_for_others(studio, wait_until):
    queue = BatchQueue(studio)
    queue.prepare().join(10)
    studio.hold()
    ask(queue, "first", request(0))
    wait_until(lambda: studio.calls)
    wrong = ask(queue, "wrong", PaintRequest(np.zeros((2, 2), np.uint8)))
    right = ask(queue, "right", request(1))
    studio.release()
    with pytest.raises(ImageError, match="16 to 4096 pixels a side"):
        wrong.result(10)
    assert right.result(10).prediction.photo is not None


def test_several_pictures_of_one_person_are_replaced_together(studio, wait_until):
    queue = BatchQueue(studio)
    queue.prepare().join(10)
    studio.hold()
    ask(queue, "a", request(0), 1)
    wait_until(lambda: studio.calls)
    older = queue.replace("a/variations", [request(i) for i in (1, 2)], 1)
    newer = queue.replace("a/variations", [request(i) for i in (3, 4, 5)], 2)
    for future in older:
        with pytest.raises(Superseded):
            future.result(5)
    studio.release()
    for future in newer:
        future.result(5)
    assert levels(studio) == [0, 3, 4, 5] and list(studio.sizes) == [1, 3]


def test_two_models_are_painted_in_two_calls(studio, wait_until):
    other = type(studio)(("ship", "train"))
    queue = BatchQueue(studio)
    queue.prepare().join(10)
    queue.prepare(other).join(10)
    studio.hold()
    ask(queue, "first", request(0))
    wait_until(lambda: studio.calls)
    sketch = request(1).sketch
    mine = [ask(queue, f"a{i}", PaintRequest(sketch, "car")) for i in range(2)]
    others = [ask(queue, f"b{i}", PaintRequest(sketch, "ship", model=other)) for i in range(2)]
    with pytest.raises(ConfigError, match="unknown category 'car'"):
        ask(queue, "c", PaintRequest(sketch, "car", model=other))
    studio.release()
    assert [future.result(10).prediction.category for future in mine + others] == ["car", "car", "ship", "ship"]
    assert list(studio.sizes) == [1, 2] and list(other.sizes) == [2]


def test_errors_of_the_model_reach_who_asked_and_the_queue_goes_on(studio):
    queue = BatchQueue(studio)
    with pytest.raises(ConfigError, match="unknown category 'appel': did you mean 'apple'"):
        ask(queue, "a", PaintRequest(request(1).sketch, category="appel")).result(5)
    ask(queue, "a", request(1), 2).result(5)


def test_cancelled_drawing_is_not_painted(studio, wait_until):
    queue = BatchQueue(studio)
    studio.hold()
    ask(queue, "a", request(0))
    wait_until(lambda: studio.calls)
    assert ask(queue, "b", request(1)).cancel()
    last = ask(queue, "c", request(2))
    studio.release()
    last.result(5)
    assert levels(studio) == [0, 2]


def test_close_turns_away_who_waits_and_ends_the_threads(studio, wait_until):
    queue = BatchQueue(studio)
    queue.prepare().join(10)
    studio.hold()
    running = ask(queue, "a", request(0))
    wait_until(lambda: studio.calls)
    waiting = [ask(queue, "b", request(1)), *queue.append("c", [request(i) for i in range(3)])]
    threading.Timer(0.1, studio.release).start()
    assert queue.close()
    assert running.result(5).prediction.photo is not None
    for future in waiting:
        with pytest.raises(Busy):
            future.result(5)
    with pytest.raises(Busy):
        ask(queue, "a", request(2), 2)
    assert levels(studio) == [0]


def test_close_says_when_something_still_compiles(studio):
    go = threading.Event()
    studio.compile = lambda batch: go.wait(10)
    queue = BatchQueue(studio)
    thread = queue.prepare()
    assert not queue.close()
    go.set()
    thread.join(10)
    assert queue.close() and len(studio.sizes) == 0
