"""Batches for training: shapes, balance, exact resume, and what is refused."""

import itertools
import json
import threading

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sketch2photo import images
from sketch2photo.data import loader, store
from sketch2photo.data.example import decode
from sketch2photo.data.loader import Mix, by_category, class_numbers, sample
from sketch2photo.errors import DataError
from tests.data.raw_files import draw_photo, prepare, write_csv, write_picture
from tests.data.test_pairs import side_by_side

MIX = Mix(balance="sqrt", drawn_share=0.75, none_share=0.25)
SKETCHES = {"image_size": 32, "categories": ("star", "circle"), "mix": MIX, "prefix": 0.5, "seed": 7}


def take(batches, count):
    return [next(batches) for _ in range(count)]


def assert_equal(one, other):
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        assert a.keys() == b.keys()
        for name in a:
            assert a[name].dtype == b[name].dtype
            np.testing.assert_array_equal(a[name], b[name])


def assert_resumes_exactly(make):
    batches = make()
    take(batches, 5)
    state = json.loads(json.dumps(batches.get_state()))
    expected = take(batches, 4)
    fresh = make()
    fresh.set_state(state)
    assert_equal(take(fresh, 4), expected)
    batches.set_state(state)
    assert_equal(take(batches, 4), expected)
    assert_equal(take(make(), 2), take(make(), 2))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [32, 64, 128])
def test_a_batch_of_pairs(pairs, channels, size):
    batches = loader.pair_batches(
        pairs, "train", batch_size=4, image_size=size, input_channels=channels, balance="sqrt", seed=0
    )
    batch = next(iter(batches))
    shapes = {name: (value.shape, value.dtype) for name, value in batch.items()}
    assert shapes == {
        "sketch": ((4, size, size, channels), np.uint8),
        "photo": ((4, size, size, 3), np.uint8),
        "label": ((4,), np.int32),
        "colour": ((4, 3), np.uint8),
    }
    ink = (batch["sketch"] < 128).reshape(4, -1).mean(1)
    assert (ink > 0.002).all() and (ink < 0.5).all()


def test_sketch_and_photo_belong_together(pairs):
    batch = next(loader.pair_batches(pairs, "train", batch_size=16, image_size=64, seed=3))
    for sketch, photo in zip(batch["sketch"][..., 0], batch["photo"], strict=True):
        drawn, thing = images.ink_box(sketch), images.ink_box(photo.min(-1))
        assert drawn is not None and thing is not None
        assert max(abs(a - b) for a, b in zip(drawn, thing, strict=True)) <= 8


def test_a_small_drawing_is_framed_with_its_photo(tmp_path):
    """What the page will do with it: in training, too, photo and drawing are looked at closer, together."""
    for number in range(4):
        small = cv2.resize(draw_photo("square", number), (32, 32), interpolation=cv2.INTER_AREA)
        photo = np.full((96, 96, 3), 255, np.uint8)
        photo[60:92, 4:36] = small
        write_picture(tmp_path / "raw" / "square" / f"{number}.png", photo)
    prepare("photos", "--raw", tmp_path / "raw", "--out", tmp_path / "small", "--size", 96)
    batch = next(
        loader.pair_batches(store.open_dataset(tmp_path / "small"), "train", batch_size=4, image_size=64, seed=0)
    )
    for sketch, photo in zip(batch["sketch"][..., 0], batch["photo"], strict=True):
        drawn, thing = images.ink_box(sketch), images.ink_box(photo.min(-1))
        assert drawn is not None and thing is not None
        assert max(abs(a - b) for a, b in zip(drawn, thing, strict=True)) <= 8
        assert drawn[2] - drawn[0] > 0.5 * 64
        assert abs(drawn[0] + drawn[2] - 64) < 8, "in the middle"


def test_all_renderings_are_shown(pairs):
    batches = loader.pair_batches(pairs, "train", batch_size=8, image_size=64, seed=3)
    seen: dict[bytes, set] = {}
    for batch in take(batches, 60):
        for sketch, colour in zip(batch["sketch"], batch["colour"], strict=True):
            seen.setdefault(colour.tobytes(), set()).add(sketch.tobytes())
    assert np.median([len(sketches) for sketches in seen.values()]) >= 4


@pytest.mark.parametrize(("balance", "power"), [("none", 1.0), ("sqrt", 0.5), ("equal", 0.0)])
def test_balance(pairs, balance, power):
    sizes = np.bincount(pairs.labels("train"))
    batches = loader.pair_batches(pairs, "train", batch_size=16, image_size=32, balance=balance, seed=0)
    counts = np.bincount(np.concatenate([b["label"] for b in take(batches, 60)]), minlength=2)
    expected = sizes**power / (sizes**power).sum()
    assert np.abs(counts / counts.sum() - expected).max() < 0.05


def test_pairs_resume_exactly(pairs):
    assert_resumes_exactly(
        lambda: loader.pair_batches(pairs, "train", batch_size=4, image_size=32, balance="sqrt", seed=5)
    )


def test_seeds_give_other_batches(pairs):
    one, other = (next(loader.pair_batches(pairs, "train", batch_size=8, image_size=32, seed=seed)) for seed in (0, 1))
    assert not np.array_equal(one["photo"], other["photo"])


def test_examples_are_fixed_and_balanced(pairs):
    one, other = (loader.pair_examples(pairs, "val", image_size=32, per_category=2) for _ in range(2))
    assert_equal([one], [other])
    counts = np.bincount(one["label"], minlength=2)
    assert (counts >= 1).all() and (counts <= 2).all()


def test_examples_come_from_train_where_the_split_is_empty(pairs):
    examples = loader.pair_examples(pairs, "test", image_size=32, per_category=3)
    assert examples["label"].tolist() == [0, 0, 0, 1, 1, 1]
    first = decode(pairs.record("train", int(np.flatnonzero(pairs.labels("train") == 1)[0])).sketches[0], 1)
    np.testing.assert_array_equal(examples["sketch"][3, ..., 0], images.frame_drawing(first, 32)[0])


def test_validation_sketches_by_people_are_found(pairs, pairs_folder, tmp_path):
    assert loader.human_examples(pairs, "val", image_size=32) == {}
    side_by_side(tmp_path / "circle", count=5)
    prepare("pairs", "--raw", tmp_path / "circle", "--out", tmp_path / "human", "--size", 64)
    human = store.open_dataset(tmp_path / "human")
    # All five are by people, and two are shown as any others are.
    assert loader.human_examples(human, "val", image_size=32, per_category=2) == {}
    prepare("merge", pairs_folder, tmp_path / "human", "--out", tmp_path / "both")
    both = store.open_dataset(tmp_path / "both")
    found = loader.human_examples(both, "val", image_size=32, per_category=3)
    shown = [record.styles[0] for record in both.records("val") if record.category == "circle"][:3]
    assert len(found["label"]) == 3 - shown.count("human") > 0
    assert {both.categories[label] for label in found["label"]} == {"circle"}
    drawn = [images.frame_drawing(decode(r.sketches[0], 1), 32)[0] for r in both.records("val") if "human" in r.styles]
    for sketch in found["sketch"][..., 0]:
        assert any(np.array_equal(sketch, one) for one in drawn)


def test_a_batch_of_sketches(pairs, drawings):
    batches = loader.sketch_batches([drawings, pairs], "train", batch_size=16, **SKETCHES)
    got = take(batches, 40)
    assert got[0]["sketch"].shape == (16, 32, 32, 1) and got[0]["sketch"].dtype == np.uint8
    assert got[0]["label"].shape == (16,) and got[0]["label"].dtype == np.int32
    counts = np.bincount(np.concatenate([b["label"] for b in got]), minlength=3) / 640
    assert counts[2] == pytest.approx(0.25, abs=0.03), "zigzags and squares are none of these"
    stars = (drawings.labels("train") == drawings.categories.index("star")).sum()
    circles = (drawings.labels("train") == 0).sum() + (pairs.labels("train") == 0).sum()
    assert counts[0] / counts[1] == pytest.approx(np.sqrt(stars / circles), rel=0.2)


def test_categories_alike_and_drawings_at_their_share(pairs, drawings):
    settings = SKETCHES | {
        "mix": Mix(balance="equal", drawn_share=0.75, none_share=0.25),
        "others": ("square", "zigzag"),
    }
    got = np.concatenate(
        [b["label"] for b in take(loader.sketch_batches([drawings, pairs], "train", batch_size=16, **settings), 80)]
    )
    shares = np.bincount(got, minlength=4) / len(got)
    assert shares == pytest.approx([0.375, 0.375, 0.125, 0.125], abs=0.04), "star, circle, and the others one by one"


def test_what_is_drawn_has_its_share():
    numbers = np.repeat([0, 0, 1, 2], [30, 300, 40, 10])
    drawn = np.repeat([True, False, False, True], [30, 300, 40, 10])
    order = by_category(numbers, drawn, 2, Mix("equal", 0.75, 0.2), 4, 0, "here")
    got = np.array([order[i] for i in range(16384)])
    assert np.bincount(numbers[got]) / 16384 == pytest.approx([0.4, 0.4, 0.2], abs=0.002)
    assert drawn[got][numbers[got] == 0].mean() == pytest.approx(0.75, abs=0.002)
    never = by_category(numbers, drawn, 2, Mix("none", 0.0, 0.0), 4, 0, "here")
    got = np.array([never[i] for i in range(16384)])
    assert not drawn[got].any() and (numbers[got] == 0).mean() == pytest.approx(330 / 370, abs=0.002)


def test_near_kin_have_their_share():
    numbers = np.repeat([0, 1, 2, 3, 4, 5], [30, 40, 10, 20, 30, 40])
    drawn = np.ones(len(numbers), bool)
    mix = Mix("equal", 0.75, 0.5, near_kin=((3, 1), (4, 1), (5, 0), (9, 0)), near_kin_share=0.4)
    order = by_category(numbers, drawn, 2, mix, 4, 0, "here")
    shares = np.bincount(numbers[[order[i] for i in range(16384)]]) / 16384
    assert shares == pytest.approx([0.25, 0.25, 0.3, 0.05, 0.05, 0.1], abs=0.002)
    kin_alone = by_category(numbers[numbers != 2], drawn[numbers != 2], 2, mix, 4, 0, "here")
    shares = np.bincount(numbers[numbers != 2][[kin_alone[i] for i in range(16384)]]) / 16384
    assert shares == pytest.approx([0.25, 0.25, 0] + [0.5 / 3] * 3, abs=0.002), "no other is left to have the rest"


def test_classes_of_names():
    classes, numbers = class_numbers(["b", "x", "a", "y", "x"], ["a", "b"], ["y"])
    assert classes.tolist() == [1, 2, 0, 2, 2] and numbers.tolist() == [1, 3, 0, 2, 3]


def test_sketches_resume_exactly(pairs, drawings):
    assert_resumes_exactly(
        lambda: loader.sketch_batches([pairs, drawings], "train", batch_size=6, **SKETCHES, shake=0.5)
    )


def test_without_others_there_is_no_none(drawings):
    settings = SKETCHES | {"categories": drawings.categories}
    got = take(loader.sketch_batches([drawings], "train", batch_size=8, **settings), 10)
    assert max(batch["label"].max() for batch in got) == 2


def test_prefixes_have_fewer_strokes(drawings):
    def ink(prefix):
        settings = SKETCHES | {"categories": ("star",), "mix": Mix(none_share=0.0), "prefix": prefix, "image_size": 128}
        batches = loader.sketch_batches([drawings], "train", batch_size=16, **settings)
        return np.mean([(b["sketch"] < 128).mean() for b in take(batches, 8)])

    assert ink(1.0) < 0.85 * ink(0.0)


def test_sketch_examples_are_all_of_a_split(pairs, drawings):
    settings = {"image_size": 32, "categories": ("star", "circle")}
    one, other = (loader.sketch_examples([drawings, pairs], "train", **settings) for _ in range(2))
    assert_equal([one], [other])
    assert len(one["label"]) == drawings.sizes["train"] + pairs.sizes["train"]
    counts = np.bincount(one["label"], minlength=3)
    assert counts[1] == (drawings.labels("train") == 0).sum() + (pairs.labels("train") == 0).sum()
    assert counts[2] == (drawings.labels("train") == 2).sum() + (pairs.labels("train") == 1).sum()


def test_half_drawn_examples_have_strokes(pairs, drawings):
    settings = {"image_size": 64, "categories": ("star", "circle")}
    half = loader.sketch_examples([drawings, pairs], "train", fraction=0.5, **settings)
    assert len(half["label"]) == drawings.has_strokes("train").sum()
    assert 1 not in half["label"], "the circles are pictures"
    whole = loader.sketch_examples([drawings], "train", **settings)
    stars = whole["label"] == 0
    assert (half["sketch"][half["label"] == 0] < 128).mean() < (whole["sketch"][stars] < 128).mean()


def test_a_limit_takes_from_all_classes(pairs, drawings):
    settings = {"image_size": 32, "categories": ("star", "circle")}
    few = loader.sketch_examples([drawings, pairs], "train", limit=9, **settings)
    assert np.bincount(few["label"]).tolist() == [3, 3, 3]
    none = loader.sketch_examples([pairs], "test", **settings)
    assert none["sketch"].shape == (0, 32, 32, 1) and none["label"].shape == (0,)


def test_small_drawings_are_framed_as_on_the_page(tmp_path):
    for number in range(3):
        sheet = np.full((256, 256), 255, np.uint8)
        sheet[20:40, 200:230] = 0
        sheet[28 + number, 205:225] = 255
        write_picture(tmp_path / "raw" / "dot" / f"{number}.png", sheet)
    prepare("drawings", "--raw", tmp_path / "raw", "--out", tmp_path / "out")
    examples = loader.sketch_examples(
        [store.open_dataset(tmp_path / "out")], "train", image_size=64, categories=("dot",)
    )
    assert (examples["sketch"] < 128).mean() > 0.1, "a picture of 1 % ink is looked at closer"


def test_a_batch_larger_than_the_data(pairs, drawings):
    have = pairs.sizes["train"]
    with pytest.raises(DataError, match=rf"the batch size is 1000, but .* has {have} examples: make the batch smaller"):
        loader.pair_batches(pairs, "train", batch_size=1000, image_size=32, seed=0)
    with pytest.raises(DataError, match=r"the batch size is 1, but .* in split 'test' has 0 examples"):
        loader.pair_batches(pairs, "test", batch_size=1, image_size=32, seed=0)
    with pytest.raises(DataError, match="the batch size is 900"):
        loader.sketch_batches([drawings], "train", batch_size=900, **SKETCHES)


def test_drawings_are_no_pairs(drawings):
    with pytest.raises(DataError, match="holds sketches without photos: give a dataset of pairs"):
        loader.pair_batches(drawings, "train", batch_size=2, image_size=32, seed=0)
    with pytest.raises(DataError, match="there are no colours in it"):
        drawings.colours("train")


def test_a_manifest_with_one_split_only(tmp_path):
    rows = []
    for number in range(3):
        write_picture(tmp_path / f"{number}.png", draw_photo("circle", number))
        rows.append([f"{number}.png", "ball", "val"])
    manifest = write_csv(tmp_path / "m.csv", ["file", "category", "split"], rows)
    prepare("photos", "--manifest", manifest, "--out", tmp_path / "out", "--size", 64)
    dataset = store.open_dataset(tmp_path / "out")
    assert dataset.sizes == {"val": 3}
    assert dataset.palette() == {}
    with pytest.raises(DataError, match="has 0 examples"):
        loader.pair_batches(dataset, "train", batch_size=1, image_size=32, seed=0)


def test_decoded_once_or_each_time_gives_the_same(pairs):
    settings = {"batch_size": 4, "image_size": 32, "balance": "sqrt", "seed": 5}
    kept, not_kept = (loader.pair_batches(pairs, "train", memory=m, workers=0, **settings) for m in (10**9, 0))
    assert_equal(take(kept, 30), take(not_kept, 30))


def test_pictures_are_decoded_once(pairs, monkeypatch):
    calls, here = [], threading.get_ident()

    def counted(data, channels):
        if threading.get_ident() == here:  # batches of earlier tests are still being read ahead
            calls.append(1)
        return decode(data, channels)

    monkeypatch.setattr(store, "decode", counted)
    all_pairs = loader.PairCache(pairs, "train", 32, 1, 10**9)
    first = all_pairs.pair(3, None)
    assert len(calls) == 2
    assert_equal([all_pairs.pair(3, None)], [first])
    assert len(calls) == 2
    small = loader.PairCache(pairs, "train", 32, 1, all_pairs.bytes - 1)
    assert all_pairs.kept and not small.kept
    small.pair(3, None)
    assert_equal([small.pair(3, None)], [first])
    assert len(calls) == 6


def test_free_memory_is_what_the_system_says():
    assert 10**7 < loader.free_memory() < 10**13


def count_backends(number, rng):
    """How many JAX backends the process that makes the example has started, and which process that is."""
    import os
    import sys

    bridge = sys.modules.get("jax._src.xla_bridge")
    return {"backends": np.int32(len(bridge._backends) if bridge else 0), "process": np.int64(os.getpid())}


@pytest.mark.slow
def test_worker_processes_start_no_backend_and_give_the_same(pairs):
    import os

    import jax

    assert jax.devices()
    batches = loader.Batches(sample([np.arange(8)], [1.0], 0), count_backends, 4, 0, workers=2)
    got = take(batches, 6)
    assert all((batch["backends"] == 0).all() for batch in got)
    processes = {int(process) for batch in got for process in batch["process"]}
    assert len(processes) == 2 and os.getpid() not in processes
    settings = {"batch_size": 4, "image_size": 32, "seed": 5}
    by_threads = loader.pair_batches(pairs, "train", workers=0, **settings)
    by_processes = loader.pair_batches(pairs, "train", workers=2, memory=0, **settings)
    assert_equal(take(by_processes, 5), take(by_threads, 5))
    state = json.loads(json.dumps(by_processes.get_state()))
    by_processes.set_state({"batches": 2})
    by_threads.set_state({"batches": 2})
    assert_equal(take(by_processes, 3), take(by_threads, 3))
    by_threads.set_state(state)
    assert_equal(take(by_threads, 2), take(by_processes, 2))


@pytest.mark.slow
def test_worker_processes_draw_the_same_sketches(pairs, drawings):
    settings = SKETCHES | {"batch_size": 8, "prefix": 0.5, "shake": 0.5, "seed": 3}
    by_threads, by_processes = (
        loader.sketch_batches([drawings, pairs], "train", workers=workers, **settings) for workers in (0, 2)
    )
    assert_equal(take(by_processes, 4), take(by_threads, 4))
    by_processes.set_state({"batches": 1})
    by_threads.set_state({"batches": 1})
    assert_equal(take(by_processes, 3), take(by_threads, 3))


def test_processes_are_started_where_they_pay(monkeypatch):
    monkeypatch.setattr(loader.os, "cpu_count", lambda: 16)
    assert (loader._worker_count(True), loader._worker_count(False)) == (0, 8)
    monkeypatch.setattr(loader.os, "cpu_count", lambda: 2)
    assert loader._worker_count(False) == 0


# ---------------------------------------------------------------- the sampler


def pools(*sizes):
    starts = np.cumsum([0, *sizes])
    return [np.arange(a, b) for a, b in itertools.pairwise(starts)]


@pytest.mark.parametrize("size", [1, 10, 700, 20_000])
def test_one_pool_is_shuffled_round_after_round(size):
    rounds = -(-(2**14) // size)
    numbers = sample(pools(size), [1.0], seed=3)
    first, second = ([numbers[i + start] for i in range(rounds * size)] for start in (0, rounds * size))
    assert np.bincount(first).tolist() == np.bincount(second).tolist() == [rounds] * size
    assert size == 1 or first != second
    assert size < 700 or np.abs(np.corrcoef(first, np.arange(len(first)))[0, 1]) < 0.05


@pytest.mark.parametrize("weights", [[1.0, 1.0, 1.0], [1.0, 2.0, 5.0]])
def test_pools_have_their_share(weights):
    numbers = sample(pools(3, 50, 400), weights, seed=1)
    drawn = np.array([numbers[i] for i in range(2**14)])
    counts = np.histogram(drawn, [0, 3, 53, 453])[0]
    assert np.abs(counts - 2**14 * np.array(weights) / sum(weights)).max() <= 1
    for low, high in ((0, 3), (3, 53), (53, 453)):
        mine = (drawn >= low) & (drawn < high)
        times = np.bincount(drawn[mine] - low)
        assert times.min() > 0 and times.std() < 1.2 * times.mean() ** 0.5, "every example has its turn"
        # In no order that a batch could be of one kind by.
        assert np.abs(mine[:8192].mean() - mine[8192:].mean()) < 0.03
        assert np.abs(mine[::2].mean() - mine[1::2].mean()) < 0.03


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=6), st.integers(0, 2**31), st.integers(0, 2**40))
def test_a_position_does_not_depend_on_what_was_read_before(sizes, seed, position):
    weights = [float(size) for size in sizes]
    fresh = sample(pools(*sizes), weights, seed)[position]
    used = sample(pools(*sizes), weights, seed)
    for other in (0, position + 1, 7 * position % 1000):
        used[other]
    assert used[position] == fresh
    assert 0 <= fresh < sum(sizes)


def test_seeds_differ():
    first, second = (sample(pools(100), [1.0], seed) for seed in (0, 1))
    assert [first[i] for i in range(20)] != [second[i] for i in range(20)]


def test_a_heavy_pool_among_many_light_ones():
    numbers = sample(pools(*[1] * 1000), [1.0] * 999 + [1e4], seed=0)
    drawn = [int(numbers[10**6 + i]) for i in range(300)]
    assert drawn.count(999) == pytest.approx(300 * 1e4 / 10_999, abs=30) and len(set(drawn)) > 10
