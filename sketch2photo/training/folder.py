"""A run's folder: whether it may be trained in, by whom, and with which settings."""

import os
import socket
from pathlib import Path
from typing import IO, Any, Self

import jax

from sketch2photo import checkpoints
from sketch2photo.config import ClassifierConfig, GanConfig, to_dict
from sketch2photo.errors import CheckpointError, choose

LOCK_FILE = "lock"
FREE = ("preset", "steps", "save_every", "sample_every", "sample_drawings", "evaluation.")
"""Settings that a resumed run may change unasked: how long it trains and how often it looks. A name that ends in a dot
is of all in that group."""


def check_folder(out: Path, resume: bool) -> None:
    """Whether a run may start in the folder, or go on in it.

    Raises:
      CheckpointError: it holds a run and `resume` is not set, or holds none and it is; or it is a file.
    """
    if resume:
        checkpoints.read_run(out)
        if not checkpoints.saved_steps(out):
            raise CheckpointError(f"nothing is saved in {str(out)!r} yet: start it without --resume")
    elif checkpoints.is_run(out) and checkpoints.saved_steps(out):
        raise CheckpointError(f"{str(out)!r} already holds a training run: add --resume or choose another --out")
    elif out.exists() and not out.is_dir():
        raise CheckpointError(f"--out {str(out)!r} is a file: choose a folder")


def check_unchanged(
    out: Path,
    config: GanConfig | ClassifierConfig,
    categories: tuple[str, ...],
    allowed: tuple[str, ...] = (),
) -> None:
    """Whether a resumed run has the settings it was started with; those in `FREE` aside.

    Args:
      allowed: settings that may differ, such as "optimiser.generator_rate", or a group of them, "optimiser".

    Raises:
      CheckpointError: settings differ that are not allowed to, or the data have other categories.
      ConfigError: an allowed name is none of a setting.
    """
    run = checkpoints.read_run(out)
    before, now = flat(to_dict(run.config)), flat(to_dict(config))
    groups = {name.rpartition(".")[0] for name in now} - {""}
    for name in allowed:
        choose("setting to allow a change of", name, [*now, *sorted(groups)])
    if type(run.config) is not type(config):
        raise CheckpointError(f"{str(out)!r} is a {run.kind} run: choose another --out")
    if run.categories != categories:
        raise CheckpointError(
            f"{str(out)!r} was started on the categories {', '.join(run.categories)}, the data now have "
            f"{', '.join(categories)}: resume on the same data, or start another run with --init {out}"
        )
    free = tuple(name for name in (*FREE, *(f"{group}." for group in allowed if group in groups)) if name[-1] == ".")
    named = {*FREE, *allowed}
    changed = [name for name in now if before.get(name) != now[name] and name not in named]
    changed = [name for name in changed if not name.startswith(free)]
    if changed:
        told = "; ".join(f"{name} was {before.get(name)!r}, is now {now[name]!r}" for name in changed)
        raise CheckpointError(
            f"{str(out)!r} was started with other settings ({told}): leave them out, or say that you mean it by "
            f"--allow-change {' '.join(changed)}"
        )


def flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Settings by their names on the command line, such as "optimiser.generator_rate"."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            found |= flat(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = list(value) if isinstance(value, tuple) else value
    return found


def lasting(config: GanConfig | ClassifierConfig) -> dict[str, Any]:
    """Settings by name, without those in `FREE`."""
    return {name: value for name, value in flat(to_dict(config)).items() if not name.startswith(FREE)}


class RunLock:
    """Keeps a second process out of a run's folder. The system lets go of it with the process, however that ends, so
    a killed run leaves none. A context manager; entering takes it where a run is there already."""

    def __init__(self, out: Path):
        self._out = out
        self._file: IO[str] | None = None

    def __enter__(self) -> Self:
        if checkpoints.is_run(self._out) or (self._out / LOCK_FILE).is_file():
            self.take()
        return self

    def take(self) -> None:
        """Take it, making the folder if need be; again does nothing. On many hosts the first takes it for all.

        Raises:
          CheckpointError: another process has it, or the folder cannot be written to.
        """
        if self._file is not None or jax.process_index() != 0:
            return
        import fcntl  # where there is none (Windows) array_record, and so training, is missing too

        try:
            self._out.mkdir(parents=True, exist_ok=True)
            file = (self._out / LOCK_FILE).open("a+")
        except OSError as error:
            reason = error.strerror or error
            raise CheckpointError(f"{str(self._out)!r} cannot be written to ({reason}): choose another --out") from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            who = file.read().strip() or "another process"
            file.close()
            raise CheckpointError(
                f"{str(self._out)!r} is being trained by {who}: wait for it, end it, or choose another --out"
            ) from None
        except OSError:
            pass  # a file system without locks: nothing keeps the other out, but training works
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        self._file = file

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
