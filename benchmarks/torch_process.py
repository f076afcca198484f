"""The other side of `torch_step`: PyTorch in a process of its own, under an interpreter that may be another one."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.child_process import ChildError, ChildProcess
from sketch2photo.errors import ConfigError

_STEPS = Path(__file__).with_name("torch_step.py")


class TorchProcess(ChildProcess):
    """Asks `torch_step.Steps` for one thing after the other. A context.

    Args:
      python: the interpreter; "" for this one.

    Raises:
      ConfigError: there is no such interpreter, or no PyTorch in it.
    """

    def __init__(self, python: str = ""):
        python = python or sys.executable
        try:
            super().__init__(python, _STEPS)
        except OSError as error:
            raise ConfigError(
                f"--torch-python is {python!r}, which does not start ({error.strerror}): name a Python interpreter"
            ) from None
        try:
            self.about = self.ask("about")
        except ChildError:
            self.__exit__()
            raise ConfigError(
                f"there is no PyTorch in {python!r}: pip install torch==2.13.0 in an environment of its own and "
                "name its interpreter by --torch-python"
            ) from None

    def make(self, ways: Sequence[str], **settings: Any) -> dict[str, dict[str, Any]]:
        """The steps of these kinds, as far as they work here: "compile" needs a compiler. Says what does not."""
        made = {}
        for way in ways:
            try:
                made[way] = self.ask("make", way=way, **settings)
            except ChildError as error:
                print(f"torch {way}: left out ({error})")
        return made
