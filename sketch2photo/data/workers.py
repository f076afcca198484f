"""Work on many raw files at once, in order, with a bounded number of results waiting."""

import itertools
import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

import cv2

from sketch2photo.errors import DataError

Given = TypeVar("Given")
Made = TypeVar("Made")

_CHUNK = 8
_FEW = 200
"""Fewer items than this are not worth starting processes for."""


def in_order(function: Callable[[Given], Made], items: list[Given], processes: int | None = None) -> Iterator[Made]:
    """`map(function, items)` on several processes; `function` and the items must be picklable.

    Args:
      processes: one a CPU core when None.

    Raises:
      DataError: a process was killed, as a system does that runs out of memory.
    """
    processes = processes or os.cpu_count() or 1
    if len(items) < _FEW or processes == 1:
        yield from map(function, items)
        return
    # Spawned, not forked: the parent has threads of its own (OpenCV, protobuf) that a fork would leave behind.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_one_thread) as pool:
        chunks = (items[i : i + _CHUNK] for i in range(0, len(items), _CHUNK))
        waiting: deque[Future[list[Made]]] = deque()
        for chunk in itertools.chain(chunks, itertools.repeat(None)):
            if chunk is not None:
                waiting.append(pool.submit(_each, function, chunk))
            if not waiting:
                return
            if chunk is None or len(waiting) > 4 * processes:
                try:
                    made = waiting.popleft().result()
                except BrokenProcessPool:
                    raise DataError("a worker process was killed (out of memory?): take fewer --workers") from None
                yield from made


def _one_thread() -> None:
    cv2.setNumThreads(1)


def _each(function: Callable[[Given], Made], chunk: Iterable[Given]) -> list[Made]:
    return [function(item) for item in chunk]
