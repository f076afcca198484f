"""The commands as they are typed, run in this process: what they print and how they end, without a start of Python."""

import contextlib
import io
import os
import runpy
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """Of a refusal: exit code 2 and one line on stderr."""
        said = self.err.strip()
        assert self.code == 2, self.out + self.err
        assert len(said.splitlines()) == 1 and "Traceback" not in said, self.err
        return said


def answer(*words: object, columns: int = 200) -> Answer:
    """What `python WORDS` says: `answer("train.py", "--help")`, `answer("-m", "sketch2photo.release")`."""
    name, *arguments = map(str, words)
    module = name == "-m"
    if module:
        name, *arguments = arguments
    out, err = io.StringIO(), io.StringIO()
    code: object = 0
    with (
        mock.patch.object(sys, "argv", [name, *arguments]),
        mock.patch.dict(os.environ, {"COLUMNS": str(columns)}),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        warnings.catch_warnings(),
    ):
        # That a command's module was imported before, by another test, does no harm.
        warnings.filterwarnings("ignore", "'.*' found in sys.modules", RuntimeWarning, "runpy")
        try:
            if module:
                runpy.run_module(name, run_name="__main__", alter_sys=True)
            else:
                runpy.run_path(str(ROOT / name), run_name="__main__")
        except SystemExit as end:
            code = end.code
    return Answer(code if isinstance(code, int) else 0 if code is None else 1, out.getvalue(), err.getvalue())


def succeed(*words: object) -> str:
    done = answer(*words)
    assert done.code == 0, done.out[-2000:] + done.err[-2000:]
    return done.out
