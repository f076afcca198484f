"""Leaving together: an error of one process, told to the others, who may be waiting for it in their devices.

A process that waits in a collective operation cannot be woken, so a thread waits for the news and ends it.
"""

import atexit
import contextlib
import multiprocessing
import os
import re
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

from sketch2photo.errors import UserError

_KEY = "sketch2photo/stopped"
_WELL = "0 all is well"
_GRACE = 5.0
"""Seconds in which a process may find the same error by itself, before it is ended."""
_UNREACHED = re.compile("(UNKNOWN|UNAVAILABLE|INTERNAL|ABORTED|CANCELLED|DEADLINE_EXCEEDED|FAILED_PRECONDITION): ")
"""How the messages of jax begin where devices or hosts have lost each other; some come as a ValueError."""
_LEAVING = 20.0
"""Seconds that process 0, which the others speak through, waits for them to leave."""


class Watch:
    """Waits for the news that another process has failed, and tells them of this one.

    Args:
      client: of `jax.distributed`'s coordinator.
    """

    def __init__(self, client: Any, index: int, count: int):
        self._client, self._index, self._count = client, index, count
        self._leaving = threading.Event()
        self._heard = threading.Event()
        self._news = 0, ""
        self._thread = threading.Thread(target=self._listen, name="other processes", daemon=True)
        self._thread.start()

    def stop(self, error: BaseException) -> None:
        """Tell the others why this process ends, and let it end without waiting for them as jax would."""
        self._leaving.set()
        code = exit_code(error)
        reason = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}".splitlines()[0]
        with contextlib.suppress(Exception):  # another one was first, or the coordinator is gone
            self._client.key_value_set(_KEY, f"{code} process {self._index} stopped: {reason}")
        # Runs before what jax has registered, which is a wait for all processes.
        atexit.register(self._leave, code)

    def news(self, error: BaseException) -> tuple[int, str] | None:
        """With what exit code and for what reason another process has left, if that is why this one met an error."""
        return self._news if unreached(error) and self._heard.wait(_GRACE) else None

    def end(self) -> None:
        """All is well. To be called by all of them."""
        self._leaving.set()
        if self._index == 0:
            self._client.key_value_set(_KEY, _WELL)
        # Python ends a process badly while a thread of it waits outside of Python.
        self._thread.join(_LEAVING)

    def _listen(self) -> None:
        while True:
            try:
                news = self._client.blocking_key_value_get(_KEY, 3_600_000)
            except Exception as error:
                if "DEADLINE_EXCEEDED" in str(error):
                    continue
                return  # the coordinator has ended: so does the run, one way or the other
            if news == _WELL:
                return
            code, _, reason = news.partition(" ")
            self._news = int(code), reason
            self._heard.set()
            if not self._leaving.wait(2 * _GRACE):
                print(f"train.py: {reason}", file=sys.stderr)
                self._leave(int(code))
            return

    def _leave(self, code: int) -> None:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        for child in multiprocessing.active_children():
            child.terminate()
        with contextlib.suppress(Exception):
            if self._index:
                self._client.key_value_set(f"{_KEY}/{self._index}", "left")
            else:
                end = time.monotonic() + _LEAVING
                for other in range(1, self._count):
                    left = max(1, int(1000 * (end - time.monotonic())))
                    self._client.blocking_key_value_get(f"{_KEY}/{other}", left)
        os._exit(code)


@contextlib.contextmanager
def limited(seconds: float, missed: str) -> Iterator[None]:
    """End the process with this sentence and exit code 2 if what is inside, which nothing can wake, takes longer."""

    def leave() -> None:
        print(f"train.py: {missed}", file=sys.stderr, flush=True)
        os._exit(2)

    timer = threading.Timer(seconds, leave)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def unreached(error: BaseException) -> bool:
    """Whether this may be what jax says of others that are gone."""
    return isinstance(error, RuntimeError | ValueError) and bool(_UNREACHED.match(str(error)))


def exit_code(error: BaseException) -> int:
    """What a process that ends by this error leaves with; see `errors.exit_on_user_error`."""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    return 2 if isinstance(error, UserError) else 130 if isinstance(error, KeyboardInterrupt) else 1
