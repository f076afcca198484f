"""Every error a user can meet.

A `UserError` is anything that a person can put right, and never a bug of ours: `ConfigError`, `ImageError`, `DataError`
and the `StoppedError` within it, `CheckpointError`, `TrainingError`, `ServeError`. A message names what was wrong, what
was received and what to do. Commands print it as one sentence on stderr and leave with exit code 2; the page shows it
where the photo would be.
"""

import contextlib
import sys
from collections.abc import Collection, Iterator


class UserError(Exception):
    """Something the person at the keyboard can put right."""


class ConfigError(UserError):
    """An unknown preset, a field out of range, or options that contradict each other."""


class ImageError(UserError):
    """A picture that cannot be read, or whose size or shape we do not take."""


class DataError(UserError):
    """Raw data or a dataset that is missing, empty or broken."""


class StoppedError(DataError):
    """Work that stopped half-way; what is made stays, and the same command goes on with it."""


class CheckpointError(UserError):
    """A training run or released model that is missing, broken or does not fit."""


class TrainingError(UserError):
    """Training cannot go on: a loss is no number any more."""


class ServeError(UserError):
    """The page cannot be opened: port in use, bad credentials."""


def first_line(error: BaseException) -> str:
    """The first line of what an error says, for a sentence of ours; its type where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


@contextlib.contextmanager
def exit_on_user_error(command: str) -> Iterator[None]:
    """Turn a `UserError` into one sentence on stderr and exit code 2; Ctrl-C into exit code 130."""
    try:
        yield
    except UserError as error:
        print(f"{command}: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        print(f"{command}: stopped", file=sys.stderr)
        raise SystemExit(130) from None


def choose(what: str, received: str, known: Collection[str]) -> str:
    """`received` if it is one of `known`, else a `ConfigError` that names the nearest."""
    if received in known:
        return received
    import difflib

    near = difflib.get_close_matches(received, known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    listed = ", ".join([*known][:20]) + (", ..." if len(known) > 20 else "")
    raise ConfigError(f"unknown {what} {received!r}: {hint}choose one of {listed}")
