"""Examples made through Apache Beam, on as many machines as its runner has: the same as `workers.in_order` gives.

Items lie in a folder in lots. A lot is made wherever the runner likes, and its result appears whole under a name that
follows from the lot alone: what a runner does twice, or a killed run had done, is there once.
"""

import argparse
import contextlib
import io
import logging
import os
import pickle
import shlex
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sketch2photo.errors import ConfigError, DataError, UserError

LOT = 32  # items; a lot is made by one worker


def in_order(make: Callable[[Any], Any], items: list, done: int, folder: Path, options: str) -> Iterator[Any]:
    """`map(make, items[done:])`, made by a pipeline.

    Args:
      make: picklable, as the items are; may raise a `UserError`.
      folder: where lots lie; every worker sees it, and what the items name, under the same paths. Results that an
        earlier run of the same items left there are taken.
      options: see `options_of`.

    Raises `DataError` where the pipeline failed.
    """
    beam, settings = options_of(options)
    folder = folder.resolve()
    folder.mkdir(exist_ok=True)
    lots = range(done // LOT * LOT, len(items), LOT)
    missing = [lot for lot in lots if not _file(folder, lot, "made").is_file()]
    for lot in missing:
        _write(_file(folder, lot, "items"), items[lot : lot + LOT])
    if missing:
        try:
            with beam.Pipeline(options=settings) as pipeline:
                numbers = pipeline | "lots" >> beam.Create(missing) | "to all workers" >> beam.Reshuffle()
                _ = numbers | "make examples" >> beam.Map(make_lot, str(folder), make)
        except (Exception, SystemExit) as error:  # runners raise whatever they meet, and leave on bad options
            reason = ([line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__])[-1]
            needed = "sketch2photo, and the raw files and the folder of --out under the same paths as here"
            raise DataError(
                f"Apache Beam with --beam {options!r} failed ({reason}): its workers need {needed}"
            ) from None
    for lot in lots:
        result = _file(folder, lot, "made")
        if not result.is_file():
            remedy = "its workers need a shared disk"
            raise DataError(f"Apache Beam with --beam {options!r} left no {str(result)!r}: {remedy}")
        made = pickle.loads(result.read_bytes())
        if isinstance(made, UserError):
            raise made
        yield from made[max(done - lot, 0) :]
        # Only now all of it is with the caller.
        result.unlink()
        _file(folder, lot, "items").unlink(missing_ok=True)


def make_lot(lot: int, folder: str, make: Callable[[Any], Any]) -> None:
    """Make one lot; runs in a worker."""
    result = _file(Path(folder), lot, "made")
    if result.is_file():
        return
    try:
        made: Any = [make(item) for item in pickle.loads(_file(Path(folder), lot, "items").read_bytes())]
    except UserError as error:  # a sentence for the person, which no runner passes on as it is
        made = error
    _write(result, made)


def _file(folder: Path, lot: int, what: str) -> Path:
    return folder / f"{lot:09d}.{what}"


def _write(path: Path, content: Any) -> None:
    draft = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
    draft.write_bytes(pickle.dumps(content, protocol=5))
    os.replace(draft, path)


def options_of(options: str) -> tuple[Any, Any]:
    """Apache Beam's module and its `PipelineOptions` of a command line. Raises `ConfigError`: missing, or refused."""
    try:
        logging.disable(logging.WARNING)  # it tells at once which clouds it could not be used with
        import apache_beam  # pyright: ignore[reportMissingImports]
        from apache_beam.options.pipeline_options import PipelineOptions  # pyright: ignore[reportMissingImports]
        from apache_beam.runners import create_runner  # pyright: ignore[reportMissingImports]
    except ImportError:
        remedy = 'in an environment of its own, pip install ".[beam]"'
        raise ConfigError(f"--beam needs Apache Beam, which is not installed: {remedy}") from None
    finally:
        logging.disable(logging.NOTSET)
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            settings = PipelineOptions(shlex.split(options))
            create_runner(settings.get_all_options()["runner"] or "DirectRunner")
    except (ValueError, SystemExit, argparse.ArgumentError, ImportError) as error:
        reason = said.getvalue().strip().rpartition("\n")[2] or str(error)
        remedy = "see Apache Beam's pipeline options"
        raise ConfigError(f"--beam {options!r} is not understood ({reason}): {remedy}") from None
    return apache_beam, settings
