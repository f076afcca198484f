"""The benchmark of the input: what it reads off a training run, and that what it times as kept is decoded before."""

import json

import pytest

from benchmarks import compare, data
from tests.data.raw_files import draw_raw_photos, prepare

pytestmark = pytest.mark.slow


def test_the_wait_is_that_of_the_steps_after_compiling():
    lines = [{"step": n, "images_per_second": 16.0, "data_wait": 9.0} for n in range(1, 4)]
    lines += [{"step": 4, "images_per_second": 32.0, "data_wait": 0.1}]  # half a second
    lines += [{"step": 5, "images_per_second": 8.0, "data_wait": 0.025}]  # two
    assert data.wait_share("\n".join(map(json.dumps, lines)), 16) == pytest.approx(0.125 / 2.5)


def test_a_call_is_many_batches():
    timing = data.a_batch(compare.Timing("input", ((64.0, 32.0), (16.0,))))
    assert timing.blocks == ((2.0, 1.0), (0.5,))


def test_both_ways_give_the_same_and_one_has_decoded_before(tmp_path, monkeypatch):
    from sketch2photo.data import store

    prepare("photos", "--raw", draw_raw_photos(tmp_path / "raw", 12), "--out", tmp_path / "out", "--size", 64)
    functions = data.inputs(store.open_dataset(tmp_path / "out"), 32, 4, 20)
    with monkeypatch.context() as patch:
        patch.setattr(store, "decode", lambda *_: pytest.fail("decoded while it is timed"))
        kept = functions[data.KEPT]()
    anew = functions[data.ANEW]()
    for one, other in zip(kept, anew, strict=True):
        assert one["photo"].shape == (4, 32, 32, 3)
        assert all((one[name] == other[name]).all() for name in one)
