"""How many people are drawing: those who asked for a photo a moment ago, by the ids that their pages made."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

SECONDS = 10.0
"""After this long without a new line somebody no longer counts as drawing."""
_MOST = 10_000
"""Ids kept; a program that invents them shall not fill the memory."""


class Visitors:
    """The people who are drawing; safe to use from several threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def note(self, person: str) -> int:
        """This person is drawing. Returns how many are, this one included."""
        with self._lock:
            now = self._clock()
            self._seen[person] = now
            self._seen.move_to_end(person)
            while len(self._seen) > _MOST or next(iter(self._seen.values())) < now - SECONDS:
                self._seen.popitem(last=False)
            return len(self._seen)
