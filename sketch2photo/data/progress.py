"""How far a long preparation is: a bar on a terminal, a line now and then elsewhere."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

_INTERVAL = 15.0
"""Seconds between lines where there is no terminal."""


def counted(things: Iterable[T], total: int, say: Callable[[str], None], *, done: int = 0) -> Iterator[T]:
    """Pass things on and show how many of `total` there have been, with those `done` before."""
    if sys.stderr.isatty():
        yield from _bar(things, total, done)
        return
    started = last = time.monotonic()
    for number, thing in enumerate(things, 1):
        yield thing
        now = time.monotonic()
        if now - last > _INTERVAL:
            last = now
            left = (now - started) / number * (total - done - number)
            say(f"{done + number} of {total}, {number / (now - started):.0f} a second, {left / 60:.0f} min left")


def _bar(things: Iterable[T], total: int, done: int) -> Iterator[T]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("preparing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total, completed=done)
        for thing in things:
            yield thing
            bar.advance(task)
