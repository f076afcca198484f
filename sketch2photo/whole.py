"""Files that are whole or not there, whenever the process ends."""

import os
from pathlib import Path


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
