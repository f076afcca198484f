"""Measure functions against each other in one run: short blocks in turn, medians, ratios.

Times of one machine do not carry over to another, and not even to a later hour of the same one; ratios of blocks
that alternate do, because what else the machine does falls on all of them alike.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Timing:
    """Seconds of every call of one function, by block."""

    name: str
    blocks: tuple[tuple[float, ...], ...]

    @property
    def median(self) -> float:
        """Seconds: the median of the blocks' medians, so that a block with more calls has no more say."""
        return statistics.median(statistics.median(block) for block in self.blocks)

    @property
    def spread(self) -> tuple[float, float]:
        """The smallest and the largest of the blocks' medians, seconds."""
        medians = [statistics.median(block) for block in self.blocks]
        return min(medians), max(medians)


@dataclass(frozen=True)
class Goal:
    """That `slow` takes at least `ratio` times as long as `fast`."""

    fast: str
    slow: str
    ratio: float


def interleave(
    functions: Mapping[str, Callable[[], object]], *, rounds: int = 7, seconds: float = 0.5, warm_up: int = 2
) -> dict[str, Timing]:
    """Time every function in `rounds` blocks of about `seconds` (at least one call), block by block in turn.

    A function has to wait for its own result (`jax.block_until_ready`). Its first `warm_up` calls are not counted;
    compilation is in them. The order turns round from one round to the next.
    """
    for function in functions.values():
        for _ in range(warm_up):
            function()
    return in_turn({name: partial(_block, f) for name, f in functions.items()}, rounds=rounds, seconds=seconds)


def in_turn(
    blocks: Mapping[str, Callable[[float], Sequence[float]]], *, rounds: int, seconds: float
) -> dict[str, Timing]:
    """`interleave` for functions that measure themselves: the seconds of each call in a block of about so many."""
    found: dict[str, list[tuple[float, ...]]] = {name: [] for name in blocks}
    for i in range(rounds):
        names = list(blocks)
        for name in names if i % 2 == 0 else reversed(names):
            found[name].append(tuple(blocks[name](seconds)))
    return {name: Timing(name, tuple(b)) for name, b in found.items()}


def _block(function: Callable[[], object], seconds: float) -> tuple[float, ...]:
    times: list[float] = []
    while not times or sum(times) < seconds:
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return tuple(times)


def ratio(timings: Mapping[str, Timing], slow: str, fast: str) -> float:
    """How many times as long `slow` takes: the median over rounds of the ratio of the two blocks of a round."""
    pairs = zip(timings[slow].blocks, timings[fast].blocks, strict=True)
    return statistics.median(statistics.median(a) / statistics.median(b) for a, b in pairs)


def table(timings: Mapping[str, Timing], *, images: int | None = None) -> str:
    """The timings as text; with `images`, how many one call handles, also images a second."""
    width = max(len(name) for name in timings)
    lines = [f"{'':{width}}      median        from          to" + ("      images/s" if images else "")]
    for timing in timings.values():
        low, high = timing.spread
        line = f"{timing.name:{width}}  {_ms(timing.median)}  {_ms(low)}  {_ms(high)}"
        lines.append(line + (f"  {images / timing.median:12.1f}" if images else ""))
    return "\n".join(lines)


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:7.1f} ms"


def machine() -> dict[str, Any]:
    """What the figures depend on: processor, cores, versions, commit."""
    packages = {}
    for name in ("jax", "jaxlib", "flax"):
        try:
            packages[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            packages[name] = None
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        **packages,
        "commit": _commit(),
    }


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _commit() -> str | None:
    try:
        found = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.strip() or None


def options(description: str) -> argparse.ArgumentParser:
    """The options every benchmark has."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="blocks of each function (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    return parser


def report(
    question: str,
    timings: Mapping[str, Timing],
    *,
    goals: Sequence[Goal] = (),
    images: int | None = None,
    to: Path | None = None,
) -> None:
    """Print table and ratios, and write them as JSON when asked."""
    about = machine()
    print(question)
    print(", ".join(f"{key} {value}" for key, value in about.items() if value is not None))
    print(table(timings, images=images))
    reached = []
    for goal in goals:
        value = ratio(timings, goal.slow, goal.fast)
        reached.append({"fast": goal.fast, "slow": goal.slow, "ratio": round(value, 3), "goal": goal.ratio})
        verdict = "reached" if value >= goal.ratio else "MISSED"
        print(f"{goal.slow} / {goal.fast} = {value:.2f}   (goal: at least {goal.ratio:g}, {verdict})")
    if to is not None:
        content = {
            "question": question,
            "machine": about,
            "seconds": {t.name: {"median": t.median, "from": t.spread[0], "to": t.spread[1]} for t in timings.values()},
            "ratios": reached,
        }
        if images:
            content["images_per_second"] = {t.name: images / t.median for t in timings.values()}
        to.write_text(json.dumps(content, indent=1) + "\n")
