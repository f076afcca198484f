"""The limits of the page, and what holds them: how long requests, how large pictures, how many people and files.

All of it is refused before it is looked at. Two ASGI middlewares hold the limits on bodies and kept files; pictures are
refused by the size that their header claims.
"""

import asyncio
import contextlib
import logging
import math
import os
import shutil
import struct
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sketch2photo.errors import ConfigError, ImageError, ServeError
from sketch2photo.files import lock
from sketch2photo.images import MAX_SIDE, MIN_SIDE

MAX_UPLOAD = 16 * 2**20
"""Bytes of a file sent to the API, and of what comes with it."""
MAX_BODY = 2 * 2**20
"""Bytes of any other request; Gradio's own `max_file_size` does not count JSON."""
MAX_TOGETHER = 128 * 2**20
"""Bytes of all requests on their way in: many slow senders shall not fill the memory."""
MAX_SECONDS = 30.0
"""For a request to arrive."""
MAX_FILES = 2**30
"""Bytes of the files kept for the API. They are deleted after some minutes; until then somebody could fill the disk."""
KEPT_SECONDS = 600
"""How long files sent to the API and its photos are kept, so that a client can fetch them."""

MAX_SKETCH_SIDE = 1024
"""Pixels a side of a drawing at the page; `images.MAX_SIDE` is the API's."""
MAX_SKETCH_CHARACTERS = 1_000_000
"""Of its data URL. The page sends 256 pixels a side, 2 to 20 thousand characters."""
MAX_TEXT = 64
"""Characters of a category, a model or the id of a person."""
MAX_SEED = 2**31 - 1
MAX_VARIATIONS = 8
"""Of a drawing in one request of the page."""
MAX_SKETCHES = 16
"""In one call of `/predict_batch`."""

MAX_WAITING = 64
"""People at the page who wait for a photo at the same time."""
MAX_PICTURES = 16
"""Pictures to be cleaned at the same time, one of them at work."""
MAX_QUEUED = 64
"""Calls of the API in Gradio's queue."""
MAX_CALLS, MAX_BATCH_CALLS = 8, 2
"""Calls of `/predict` and `/predict_batch` that wait for the model at the same time; Gradio's queue holds the rest."""

log = logging.getLogger(__name__)

# ---------------------------------------------------------------- fields and pictures


def whole_number(name: str, value: Any, largest: int) -> int:
    """`value` as an int, if it is from 0 to `largest`; else a `ConfigError`."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= largest:
        raise ConfigError(f"{name} is {str(value)[:40]!r}: send a whole number from 0 to {largest}")
    return value


def text(name: str, value: Any, longest: int) -> str:
    """`value`, if it is a text of at most `longest` characters; else a `ConfigError`."""
    if not isinstance(value, str):
        raise ConfigError(f"{name} is of type {type(value).__name__}: send a text")
    if len(value) > longest:
        raise ConfigError(f"{name} has {len(value)} characters: send at most {longest}")
    return value


def wish(category: Any, colour: Any, seed: Any) -> tuple[str | None, str | None, int]:
    """Category, colour and seed, checked, as a `PaintRequest` has them; None, "" and "auto" leave them to the model."""
    number = whole_number("seed", 0 if seed is None else seed, MAX_SEED)
    asked = text("category", "" if category is None else category, MAX_TEXT).strip()
    wished = text("colour", "" if colour is None else colour, MAX_TEXT).strip()
    return None if asked in ("", "auto") else asked, wished or None, number


def lower_pixel_limit() -> None:
    """Let Pillow refuse bombs at twice the largest sketch we take: parts of Gradio open pictures without asking us."""
    Image.MAX_IMAGE_PIXELS = MAX_SIDE * MAX_SIDE


def check_picture(source: Path | BinaryIO, largest: int = MAX_SIDE) -> None:
    """Refuse a picture file with a side outside 16 to `largest` pixels, by its header, with an `ImageError`; one that
    Pillow cannot even open is left to the decoder."""
    try:
        with Image.open(source) as picture:
            width, height = picture.size
    except Image.DecompressionBombError:
        pixels = 2 * MAX_SIDE * MAX_SIDE
        raise ImageError(f"the sketch has more than {pixels:,} pixels: send {MIN_SIDE} to {MAX_SIDE} a side") from None
    except (OSError, SyntaxError, ValueError):
        return
    _check_sides(width, height, largest)


def check_png(data: bytes, largest: int, name: str = "the sketch") -> None:
    """Refuse what is no PNG, or claims sides outside 16 to `largest` pixels, with an `ImageError`, undecoded: 20 KB can
    decode to gigabytes."""
    if len(data) < 33 or not data.startswith(b"\x89PNG\r\n\x1a\n") or data[12:16] != b"IHDR":
        raise ImageError(f"{name} is not a PNG file: send one")
    _check_sides(*struct.unpack(">II", data[16:24]), largest)


def _check_sides(width: int, height: int, largest: int) -> None:
    if min(width, height) < MIN_SIDE or max(width, height) > largest:
        raise ImageError(f"the sketch is {width} x {height} pixels: send {MIN_SIDE} to {largest} a side")


# ---------------------------------------------------------------- requests on their way in


@dataclass(eq=False)
class BodyLimit:
    """ASGI middleware: refuses a request whose body is too long, takes too long, or comes with too many others.

    Declared lengths are refused unread; chunked bodies declare none, so bytes are counted as they come. The application
    is asked once all have come.
    """

    app: ASGIApp
    limit: int = MAX_BODY
    uploads: int = MAX_UPLOAD
    together: int = MAX_TOGETHER
    seconds: float = MAX_SECONDS
    held: int = field(default=0, init=False)
    """Bytes of the bodies that are being received now."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            body: bytes | None = await self._receive(scope, receive)
        except HTTPException as refused:
            await refusal(refused.status_code, refused.detail)(scope, receive, send)
            return
        answering = False

        async def received() -> Message:
            nonlocal body
            if body is None:
                return await receive()  # waits for the client to go away
            message, body = {"type": "http.request", "body": body}, None
            return message

        async def noted(message: Message) -> None:
            nonlocal answering
            answering = True
            await send(message)

        try:
            await self.app(scope, received, noted)
        except Exception as error:
            if answering:
                raise
            # An id or a field that Gradio stumbles over.
            log.error("%s %s failed: %s", scope["method"], scope["path"], repr(error)[:200])
            log.debug("the failure", exc_info=error)
            await refusal(500, "this request could not be understood: see docs/api.md")(scope, receive, send)

    async def _receive(self, scope: Scope, receive: Receive) -> bytes:
        """All of a request's body, or an `HTTPException` with a sentence."""
        limit = self.uploads if scope["path"].rstrip("/").endswith("/upload") else self.limit
        too_long = HTTPException(413, f"the request is longer than {limit / 2**20:g} MB: send a smaller picture")
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if not declared.isdigit() or int(declared) > limit:
            raise too_long
        body, more = bytearray(), True
        try:
            async with asyncio.timeout(self.seconds):
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise HTTPException(400, "the connection was closed before the request had arrived")
                    part, more = message.get("body", b""), message.get("more_body", False)
                    body += part
                    self.held += len(part)
                    if len(body) > limit:
                        raise too_long
                    if self.held > self.together:
                        raise HTTPException(503, "too many large requests at the same time: try again in a moment")
        except TimeoutError:
            raise HTTPException(408, f"the request took longer than {self.seconds:g} seconds to arrive") from None
        finally:
            self.held -= len(body)
        return bytes(body)


def refusal(status: int, reason: str) -> JSONResponse:
    """An answer of a status and a sentence, which closes the connection."""
    return JSONResponse({"error": reason}, status, {"connection": "close"})


# ---------------------------------------------------------------- people

_DRAWING_SECONDS = 1.0
"""After this long without a new line somebody no longer counts as drawing."""
_MOST_PEOPLE = 10_000
"""Ids kept; a program that invents them shall not fill the memory."""


class Visitors:
    """Who asked for a photo a moment ago, by the ids that their pages made. Safe to use from several threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def note(self, person: str) -> int:
        """This person is drawing. Returns how many are, this one included."""
        with self._lock:
            now = self._clock()
            self._seen[person] = now
            self._seen.move_to_end(person)
            while len(self._seen) > _MOST_PEOPLE or next(iter(self._seen.values())) < now - _DRAWING_SECONDS:
                self._seen.popitem(last=False)
            return len(self._seen)


# ---------------------------------------------------------------- kept files

_FOLDER, _LOCK = "sketch2photo-", ".sketch2photo.lock"
"""How the name of a page's folder begins, and the file in it that the page holds locked."""
_MEASURED_SECONDS = 1.0
"""How long a size that was measured is believed."""


@contextlib.contextmanager
def own_folder() -> Iterator[Path]:
    """A folder for Gradio's files, within the one that GRADIO_TEMP_DIR names, else among the temporary ones, or a
    `ServeError`. Gradio reads its path from GRADIO_TEMP_DIR. Of what lies there only what pages that were killed left
    goes.
    """
    named = os.environ.get("GRADIO_TEMP_DIR")
    with contextlib.ExitStack() as held:
        try:
            above = Path(named or tempfile.gettempdir()).resolve()
            above.mkdir(parents=True, exist_ok=True)
            _sweep(above)
            made = tempfile.TemporaryDirectory(prefix=_FOLDER, dir=above, ignore_cleanup_errors=True)
            folder = Path(held.enter_context(made))
            lock(held.enter_context((folder / _LOCK).open("a")))
        except OSError as error:
            place = f"GRADIO_TEMP_DIR ({named!r})" if named else "the folder for temporary files"
            remedy = "name a folder that can be written to in GRADIO_TEMP_DIR"
            raise ServeError(f"{place} cannot hold the page's files ({error.strerror or error}): {remedy}") from None
        if named and size(above) > MAX_FILES:
            log.warning("GRADIO_TEMP_DIR (%r) has more than 1 GB of files that are not this page's: they stay", named)
        os.environ["GRADIO_TEMP_DIR"] = str(folder)
        try:
            yield folder
        finally:
            os.environ.pop("GRADIO_TEMP_DIR")
            if named:
                os.environ["GRADIO_TEMP_DIR"] = named


def _sweep(above: Path) -> None:
    """Delete the folders of pages that run no more: those whose lock nobody holds."""
    for path in above.glob(f"{_FOLDER}*/{_LOCK}"):
        with contextlib.suppress(OSError):  # at work, or another person's
            if path.is_file() and not path.parent.is_symlink():
                with path.open("a") as held:
                    lock(held)
                    shutil.rmtree(path.parent, ignore_errors=True)


def size(folder: Path) -> int:
    """Bytes of all files under the folder; files that vanish meanwhile do not matter."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.stat(os.path.join(place, name)).st_size
    return total


@dataclass(eq=False)
class UploadLimit:
    """ASGI middleware: takes no uploads while the folder has more than `most` bytes."""

    app: ASGIApp
    folder: Path
    most: int = MAX_FILES
    _size: int = field(default=0, init=False)
    _measured: float = field(default=-math.inf, init=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = self.app
        if scope["type"] == "http" and scope["path"].rstrip("/").endswith("/upload") and await self._full():
            answer = refusal(503, "there is no room for more files right now: try again in some minutes")
        await answer(scope, receive, send)

    async def _full(self) -> bool:
        if time.monotonic() - self._measured > _MEASURED_SECONDS:
            self._measured = time.monotonic()
            self._size = await asyncio.to_thread(size, self.folder)
        return self._size > self.most
