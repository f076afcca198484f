"""The other side of `torch_step`: PyTorch in a process of its own, under an interpreter that may be another one."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from sketch2photo.errors import ConfigError

_STEPS = Path(__file__).with_name("torch_step.py")


class TorchError(Exception):
    """PyTorch could not do what was asked; in its own words."""


class TorchProcess:
    """Asks `torch_step.Steps` for one thing after the other. A context.

    Args:
      python: the interpreter; "" for this one.

    Raises:
      ConfigError: there is no such interpreter, or no PyTorch in it.
    """

    def __init__(self, python: str = ""):
        self._python = python or sys.executable
        try:
            self._process = subprocess.Popen(
                [self._python, str(_STEPS)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        except OSError as error:
            raise ConfigError(
                f"--torch-python is {self._python!r}, which does not start ({error.strerror}): "
                "name a Python interpreter"
            ) from None
        try:
            self.about = self.ask("about")
        except TorchError:
            self._process.kill()
            self._process.wait()
            raise ConfigError(
                f"there is no PyTorch in {self._python!r}: pip install torch==2.13.0 in an environment of its own and "
                "name its interpreter by --torch-python"
            ) from None

    def ask(self, what: str, **arguments: Any) -> dict[str, Any]:
        """The answer to one request.

        Raises:
          TorchError: there was none.
        """
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps({"ask": what, **arguments}) + "\n")
            self._process.stdin.flush()
        except OSError:  # it has ended; what it said last stands in its output
            pass
        line = self._process.stdout.readline()
        try:
            answer = json.loads(line)
        except ValueError:
            raise TorchError(f"PyTorch's process ended or said {line.strip()[:80]!r} when asked to {what}") from None
        if "error" in answer:
            raise TorchError(answer["error"])
        return answer

    def make(self, ways: Sequence[str], **settings: Any) -> dict[str, dict[str, Any]]:
        """The steps of these kinds, as far as they work here: "compile" needs a compiler. Says what does not."""
        made = {}
        for way in ways:
            try:
                made[way] = self.ask("make", way=way, **settings)
            except TorchError as error:
                print(f"torch {way}: left out ({error})")
        return made

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
