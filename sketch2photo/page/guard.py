"""What is refused before it is looked at: bodies that are too long, and pictures that claim to be huge."""

import json
import struct
import warnings
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from PIL import Image

from sketch2photo.errors import ImageError
from sketch2photo.images import MAX_SIDE, MIN_SIDE

MAX_BODY = 16 * 2**20
"""Bytes of any request; Gradio's own `max_file_size` does not count JSON."""

_PNG_START = b"\x89PNG\r\n\x1a\n"

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]


def lower_pixel_limit() -> None:
    """Let Pillow refuse bombs at twice the largest sketch we take: parts of Gradio open pictures without asking us."""
    Image.MAX_IMAGE_PIXELS = MAX_SIDE * MAX_SIDE
    # Between the limit and its double Pillow only warns, on the server's terminal; `check_picture` refuses these.
    warnings.simplefilter("ignore", Image.DecompressionBombWarning)


def check_picture(path: Path) -> None:
    """Refuse a picture file by the size in its header; one that Pillow cannot even open is left to the decoder.

    Raises:
      ImageError: a side outside 16 to 4096 pixels.
    """
    try:
        with Image.open(path) as picture:
            width, height = picture.size
    except Image.DecompressionBombError:
        pixels = 2 * MAX_SIDE * MAX_SIDE
        raise ImageError(f"the sketch has more than {pixels:,} pixels: send {MIN_SIDE} to {MAX_SIDE} a side") from None
    except (OSError, SyntaxError, ValueError):
        return
    _check_sides(width, height, MAX_SIDE)


def png_size(data: bytes) -> tuple[int, int]:
    """Width and height that a PNG file claims, without decoding it.

    Raises:
      ImageError: not a PNG file.
    """
    if len(data) < 33 or not data.startswith(_PNG_START) or data[12:16] != b"IHDR":
        raise ImageError("the sketch is not a PNG file: send one")
    width, height = struct.unpack(">II", data[16:24])
    return width, height


def check_png(data: bytes, largest: int) -> None:
    """Refuse a PNG that claims sides outside 16 to `largest` pixels: 20 KB can decode to gigabytes.

    Raises:
      ImageError: not a PNG file, or of another size.
    """
    _check_sides(*png_size(data), largest)


def _check_sides(width: int, height: int, largest: int) -> None:
    if min(width, height) < MIN_SIDE or max(width, height) > largest:
        raise ImageError(f"the sketch is {width} x {height} pixels: send {MIN_SIDE} to {largest} a side")


class BodyLimit:
    """ASGI middleware: a request whose body is longer than `limit` bytes is answered 413, however it is sent."""

    def __init__(self, app: Application, limit: int = MAX_BODY) -> None:
        self.app = app
        self.limit = limit

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if not declared.isdigit() or int(declared) > self.limit:
            await self._refuse(send)
            return
        # A chunked body declares no length, so the bytes are counted as they come.
        seen, refused, started = 0, False, False

        async def counted() -> Message:
            nonlocal seen, refused
            message = await receive()
            if message["type"] == "http.request":
                seen += len(message.get("body", b""))
                if seen > self.limit and not refused:
                    refused = True
                    if not started:
                        await self._refuse(send)
            return {"type": "http.disconnect"} if refused else message

        async def unless_refused(message: Message) -> None:
            nonlocal started
            started = True
            if not refused:
                await send(message)

        try:
            await self.app(scope, counted, unless_refused)
        except Exception:
            if not refused:
                raise

    async def _refuse(self, send: Send) -> None:
        reason = f"the request is longer than {self.limit // 2**20} MB: send a smaller picture"
        body = json.dumps({"error": reason}).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 413, "headers": headers + [(b"connection", b"close")]})
        await send({"type": "http.response.body", "body": body})
