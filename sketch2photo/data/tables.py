"""CSV files that people hand us: manifests and lists of validation drawings."""

import csv
from pathlib import Path

from sketch2photo.errors import DataError


def read(path: Path, what: str, required: tuple[str, ...]) -> list[tuple[int, dict[str, str]]]:
    """The rows of a CSV file with their line numbers; cells are stripped, missing ones "".

    Args:
      what: how the user knows the file, for messages: "--manifest".
      required: columns without which it is of no use; others may come in any number and order.

    Raises:
      DataError: no such file, not CSV in UTF-8, or a required column is missing.
    """
    if not path.is_file():
        columns = ", ".join(required)
        raise DataError(f"no file {what} {str(path)!r}: give the path of a CSV file with the columns {columns}")
    try:
        with path.open(newline="", encoding="utf-8-sig") as lines:
            table = csv.DictReader(lines, strict=True)
            missing = [column for column in required if column not in (table.fieldnames or ())]
            if missing:
                raise DataError(f"{what} {str(path)!r} has no column {missing[0]!r}: its first line must name it")
            return [
                (table.line_num, {name: (cell or "").strip() for name, cell in row.items() if isinstance(name, str)})
                for row in table
            ]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{what} {str(path)!r} is not a CSV file in UTF-8 ({error}): export it again") from None
