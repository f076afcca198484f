"""The harness of the benchmarks, on clocks that are known."""

import json

import pytest

from benchmarks import compare
from benchmarks.compare import Timing


def test_median_of_medians_and_ratio():
    slow = Timing("slow", ((4.0, 6.0, 5.0), (10.0,), (7.0, 9.0)))
    fast = Timing("fast", ((1.0,), (5.0,), (2.0,)))
    assert slow.median == 8.0
    assert slow.spread == (5.0, 10.0)
    # 5/1, 10/5, 8/2: a machine that is slow for a while spoils one round, not the result.
    assert compare.ratio({"slow": slow, "fast": fast}, "slow", "fast") == 4.0


def test_blocks_alternate_and_turn_round(monkeypatch: pytest.MonkeyPatch):
    now = 0.0
    calls: list[str] = []

    def clock() -> float:
        return now

    def function(name: str, seconds: float):
        def call() -> None:
            nonlocal now
            now += seconds
            calls.append(name)

        return call

    monkeypatch.setattr(compare.time, "perf_counter", clock)
    timings = compare.interleave({"a": function("a", 1.0), "b": function("b", 3.0)}, rounds=2, seconds=2.0, warm_up=1)
    assert "".join(calls) == "ab" + "aab" + "baa"
    assert timings["a"].blocks == ((1.0, 1.0), (1.0, 1.0))
    assert timings["b"].blocks == ((3.0,), (3.0,))


def test_report_prints_goals_and_writes_json(tmp_path, capsys: pytest.CaptureFixture[str]):
    timings = {"a": Timing("a", ((0.5,),)), "b": Timing("b", ((2.0,),))}
    goals = [compare.Goal("a", "b", 3.0), compare.Goal("a", "b", 5.0)]
    compare.report("who?", timings, goals=goals, images=4, to=tmp_path / "r.json")
    printed = capsys.readouterr().out
    assert "b / a = 4.00   (goal: at least 3, reached)" in printed
    assert "b / a = 4.00   (goal: at least 5, MISSED)" in printed
    written = json.loads((tmp_path / "r.json").read_text())
    assert written["seconds"]["a"]["median"] == 0.5
    assert written["images_per_second"] == {"a": 8.0, "b": 2.0}
    assert [r["ratio"] for r in written["ratios"]] == [4.0, 4.0]
    assert written["machine"]["cores"] >= 1
