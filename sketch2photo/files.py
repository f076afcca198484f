"""Files and folders that are whole or not there, whenever the process ends: written beside their place, then moved."""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from sketch2photo.errors import DataError, StoppedError, UserError


def write_atomic(path: Path, data: bytes | str) -> None:
    """Write a file, its folders as needed; an older one stays until the new one is complete, and where that fails."""
    draft = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(data.encode() if isinstance(data, str) else data)
        os.replace(draft, path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def write_out(path: Path, data: bytes | str) -> None:
    """`write_atomic` of a file that the command's --out names, or that lies there; `DataError` where it fails."""
    try:
        write_atomic(path, data)
    except OSError as error:
        reason = error.strerror or error
        raise DataError(f"{str(path)!r} could not be written ({reason}): make room or choose another --out") from None


@contextlib.contextmanager
def draft_beside(out: Path, key: str = "") -> Iterator[Path]:
    """A folder beside `out`, to prepare what `put_in_place` moves there; one process at a time.

    It goes when the work is done or fails. One with a key stays after Ctrl-C, SIGTERM, a kill, a `StoppedError` or a
    defect of the program, for the next of the same key to go on in, and only for that. `BlockingIOError` where another
    process is at work in it.
    """
    out = out.resolve()
    draft = out.parent / f".{out.name}-draft"
    draft.mkdir(parents=True, exist_ok=True)
    with (draft / "lock").open("a") as held:
        lock(held)
        if (draft / "old").is_dir() and not out.exists():
            (draft / "old").rename(out)  # killed between the two moves of `put_in_place`
        if not key or not (draft / "key").is_file() or (draft / "key").read_text() != key:
            for path in draft.iterdir():
                if path.name != "lock":
                    remove(path)
            (draft / "key").write_text(key)
        try:
            yield draft
        except BaseException as error:
            if not key or (isinstance(error, (UserError, OSError)) and not isinstance(error, StoppedError)):
                shutil.rmtree(draft, ignore_errors=True)
            raise
        shutil.rmtree(draft, ignore_errors=True)


def put_in_place(content: Path, out: Path) -> None:
    """Move the folder `content`, which lies in a draft beside `out`, to `out`; what was there stays in the draft."""
    out, old = out.resolve(), content.parent / "old"
    if not out.exists():
        content.rename(out)
        return
    shutil.rmtree(old, ignore_errors=True)
    out.rename(old)
    try:
        content.rename(out)
    except OSError:
        old.rename(out)
        raise


def lock(file: IO[str]) -> None:
    """Lock an open file until it is closed or the process ends; `BlockingIOError` where another process has done so."""
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except (ImportError, OSError):
        pass  # Windows, or a file system without locks


def remove(path: Path) -> None:
    """Take away a file, a link or a folder with all that is in it; nothing happens when there is none."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def check_free(out: Path, overwrite: bool, *, is_ours: Callable[[Path], bool]) -> None:
    """Raises `DataError` when a dataset may not be written to `out`: only a folder that `is_ours` is replaced."""
    if out.is_file():
        raise DataError(f"--out {str(out)!r} is a file: name a folder")
    if not out.is_dir() or not any(out.iterdir()):
        return
    if not is_ours(out):
        raise DataError(f"--out {str(out)!r} holds other files: name a new or empty folder")
    if not overwrite:
        raise DataError(f"--out {str(out)!r} holds a dataset already: add --overwrite to replace it")


@contextlib.contextmanager
def sentences(out: Path) -> Iterator[None]:
    """Makes a full or forbidden disk, or another process at work in a dataset's draft, a `DataError`."""
    try:
        yield
    except BlockingIOError:
        raise DataError(f"--out {str(out)!r} is being written by another process: wait for it") from None
    except OSError as error:
        remedy = "free space or name another folder"
        raise DataError(f"--out {str(out)!r} could not be written ({error.strerror or error}): {remedy}") from None
