"""A script in a process of its own, under an interpreter that may be another one, asked for one thing after the other.

One JSON object a line, in and out.
"""

import contextlib
import json
import subprocess
import threading
from pathlib import Path
from typing import Any, Self


class ChildError(Exception):
    """The process could not do what was asked; in its own words."""


class ChildProcess:
    """A context.

    Args:
      python: the interpreter.
      arguments: what the script is told.
      limit: seconds within which every answer must come; the process is ended when it does not.

    Raises:
      OSError: there is no such interpreter.
    """

    def __init__(self, python: str, script: Path, *arguments: str, limit: float = 600):
        self._limit = limit
        self._process = subprocess.Popen(
            [python, str(script), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def ask(self, what: str, **arguments: Any) -> dict[str, Any]:
        """The answer to one request.

        Raises:
          ChildError: there was none.
        """
        assert self._process.stdin is not None and self._process.stdout is not None
        timer = threading.Timer(self._limit, self._process.kill)
        timer.start()
        try:
            with contextlib.suppress(OSError):  # it has ended; what it said last stands in its output
                self._process.stdin.write(json.dumps({"ask": what, **arguments}) + "\n")
                self._process.stdin.flush()
            line = self._process.stdout.readline()
        finally:
            timer.cancel()
        try:
            answer = json.loads(line)
        except ValueError:
            said = f"said {line.strip()[:80]!r}" if line else "ended"
            raise ChildError(f"the process {said} when asked to {what}") from None
        if "error" in answer:
            raise ChildError(answer["error"])
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
