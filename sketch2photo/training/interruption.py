"""SIGTERM, which schedulers send before they take a machine away, as a wish to stop after the step under way."""

import signal
from typing import Any, Self

from sketch2photo.training.hosts import Hosts


class Interruption:
    """Listens to SIGTERM. A context manager. On several hosts jax does: one that gets it stops all after the same step
    (`Hosts.stopping`)."""

    def __init__(self, hosts: Hosts) -> None:
        self._hosts = hosts
        self._asked = False
        self._before: Any = None

    def __enter__(self) -> Self:
        if self._hosts.count == 1:
            try:
                self._before = signal.signal(signal.SIGTERM, self._ask)
            except ValueError:  # not in the main thread: leave the signal alone
                self._before = None
        return self

    def asked(self, step: int) -> bool:
        """Whether to stop after this step."""
        return self._asked or self._hosts.stopping(step)

    def _ask(self, *_: object) -> None:
        self._asked = True

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGTERM, self._before)
