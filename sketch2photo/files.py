"""Files that are whole or not there, whenever the process ends."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from sketch2photo.errors import DataError, UserError

# ---------------------------------------------------------------- whole


def write_whole(path: Path, data: bytes) -> None:
    """Write a file, its folders as needed; an older one stays until the new one is complete.

    Raises:
      OSError: it could not be written; nothing new is left.
    """
    draft = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(data)
        os.replace(draft, path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


# ---------------------------------------------------------------- data.place
#
# Folders that are whole or not there: written beside their place and moved into it at once.


def check_free(out: Path, overwrite: bool, *, is_ours: Callable[[Path], bool]) -> None:
    """Raises `DataError` when `out` may not be written.

    Args:
      is_ours: whether a folder that is not empty holds what `overwrite` may replace.
    """
    if out.is_file():
        raise DataError(f"--out {str(out)!r} is a file: name a folder")
    if not out.is_dir() or not any(out.iterdir()):
        return
    if not is_ours(out):
        raise DataError(f"--out {str(out)!r} holds other files: name a new or empty folder")
    if not overwrite:
        raise DataError(f"--out {str(out)!r} holds a dataset already: add --overwrite to replace it")


@contextlib.contextmanager
def draft_beside(out: Path) -> Iterator[Path]:
    """A folder beside `out`, so that its content can be moved there at once; it goes whatever happens."""
    with sentences(out):
        out.resolve().parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{out.resolve().name}-draft-", dir=out.resolve().parent))
    try:
        with sentences(out):
            yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


@contextlib.contextmanager
def kept_draft(out: Path, key: str) -> Iterator[Path]:
    """A folder beside `out` that a killed run leaves to the next one of the same `key`, and only to that.

    It goes when the work is done or cannot be; after Ctrl-C, SIGTERM, a kill or a defect of the program it stays.

    Raises:
      DataError: it cannot be made, or another process is at work in it.
    """
    draft = out.resolve().parent / f".{out.resolve().name}-draft"
    with sentences(out):
        draft.mkdir(parents=True, exist_ok=True)
        lock = (draft / "lock").open("a")
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise DataError(f"--out {str(out)!r} is being written by another process: wait for it") from None
        if (draft / "old").is_dir() and not out.exists():
            (draft / "old").rename(out.resolve())  # killed between the two moves of `put_in_place`
        with sentences(out):
            if not (draft / "key").is_file() or (draft / "key").read_text() != key:
                for path in draft.iterdir():
                    if path.name != "lock":
                        remove(path)
                (draft / "key").write_text(key)
        try:
            with sentences(out):
                yield draft
        except UserError:
            shutil.rmtree(draft, ignore_errors=True)
            raise
        shutil.rmtree(draft, ignore_errors=True)
    finally:
        lock.close()


@contextlib.contextmanager
def sentences(out: Path) -> Iterator[None]:
    """Makes a full or forbidden disk a `DataError`."""
    try:
        yield
    except OSError as error:
        raise DataError(
            f"--out {str(out)!r} could not be written ({error.strerror or error}): free space or name another folder"
        ) from None


def put_in_place(content: Path, out: Path) -> None:
    """Move the folder `content`, which lies in a draft beside `out`, to `out`; what was there stays in the draft."""
    out = out.resolve()
    if out.exists():
        shutil.rmtree(content.parent / "old", ignore_errors=True)
        out.rename(content.parent / "old")
    os.replace(content, out)


def remove(path: Path) -> None:
    """Take away a file, a link or a folder with all that is in it; nothing happens when there is none."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
