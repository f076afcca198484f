"""Leaving together: an error of one process, told to the others, who may be waiting for it in their devices.

A process that waits in a collective operation cannot be woken, so a thread waits for the news and ends it.
"""

import atexit
import contextlib
import multiprocessing
import os
import sys
import threading
import time
from typing import Any

from sketch2photo.errors import UserError

_KEY = "sketch2photo/stopped"
_GRACE = 5.0
"""Seconds in which a process may find the same error by itself, before it is ended."""
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
        threading.Thread(target=self._listen, name="other processes", daemon=True).start()

    def stop(self, error: BaseException) -> None:
        """Tell the others why this process ends, and let it end without waiting for them as jax would."""
        self._leaving.set()
        code = exit_code(error)
        reason = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}".splitlines()[0]
        with contextlib.suppress(Exception):  # another one was first, or the coordinator is gone
            self._client.key_value_set(_KEY, f"{code} process {self._index} stopped: {reason}")
        # Runs before what jax has registered, which is a wait for all processes.
        atexit.register(self._leave, code)

    def end(self) -> None:
        """All is well."""
        self._leaving.set()

    def _listen(self) -> None:
        while not self._leaving.is_set():
            try:
                news = self._client.blocking_key_value_get(_KEY, 3_600_000)
            except Exception as error:
                if "DEADLINE_EXCEEDED" in str(error):
                    continue
                return  # the coordinator has ended: so does the run, one way or the other
            if self._leaving.wait(_GRACE):
                return
            code, _, reason = news.partition(" ")
            print(f"train.py: {reason}", file=sys.stderr)
            self._leave(int(code))

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


def exit_code(error: BaseException) -> int:
    """What a process that ends by this error leaves with; see `errors.exit_on_user_error`."""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    return 2 if isinstance(error, UserError) else 130 if isinstance(error, KeyboardInterrupt) else 1
