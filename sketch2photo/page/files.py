"""Where Gradio keeps files sent to the API and its photos: a folder of this run's own, limited, gone at the end."""

import asyncio
import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from sketch2photo.page.guard import Application, Message, Receive, Send, refuse

MAX_FILES = 2**30
"""Bytes. Files are deleted after some minutes; until then somebody could fill the disk."""
_SECONDS = 1.0
"""How long a size that was measured is believed."""


@contextlib.contextmanager
def own_folder() -> Iterator[Path]:
    """A folder for Gradio's files, which it reads from GRADIO_TEMP_DIR; one that is named there already is kept."""
    named = os.environ.get("GRADIO_TEMP_DIR")
    if named:
        yield Path(named)
        return
    folder = Path(tempfile.mkdtemp(prefix="sketch2photo-"))
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    try:
        yield folder
    finally:
        del os.environ["GRADIO_TEMP_DIR"]
        shutil.rmtree(folder, ignore_errors=True)


def size(folder: Path) -> int:
    """Bytes of all files under the folder; files that vanish meanwhile do not matter."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.stat(os.path.join(place, name)).st_size
    return total


class UploadLimit:
    """ASGI middleware: takes no uploads while the folder has more than `most` bytes."""

    def __init__(self, app: Application, folder: Path, most: int = MAX_FILES) -> None:
        self.app = app
        self.folder = folder
        self.most = most
        self._size = 0
        self._measured = float("-inf")

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].rstrip("/").endswith("/upload") and await self._full():
            await refuse(send, 503, "there is no room for more files right now: try again in some minutes")
            return
        await self.app(scope, receive, send)

    async def _full(self) -> bool:
        if time.monotonic() - self._measured > _SECONDS:
            self._measured = time.monotonic()
            self._size = await asyncio.to_thread(size, self.folder)
        return self._size > self.most
