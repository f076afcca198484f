"""The live path: a drawing comes in as JSON while the pen moves, a photo and probabilities go out.

Gradio's server functions bypass its queue and limits, so everything is checked here before anything is decoded.
The server keeps nothing of a visitor between two requests.
"""

import asyncio
import base64
import binascii
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from sketch2photo import images
from sketch2photo.errors import ConfigError, ImageError, UserError
from sketch2photo.page.guard import check_png
from sketch2photo.page.slot import Answer, Busy, ModelSlot, Order, Superseded

log = logging.getLogger(__name__)

MAX_SKETCH_SIDE = 1024
MAX_SKETCH_CHARACTERS = 1_000_000
"""Of the data URL. The page sends 256 pixels a side, 2 to 20 thousand characters."""
MAX_SEED = 2**31 - 1
JPEG_QUALITY = 95
"""128 pixels are shown at 600 a side, where the blocks of a stronger compression are seen; 5 to 10 KB."""
BUSY = "many people are drawing right now: retrying"

_PREFIX = "data:image/png;base64,"


@dataclass(frozen=True)
class LiveRequest:
    """One frame of a drawing: whose, the how manieth, and what to paint."""

    person: str
    number: int
    order: Order


def read_request(request: Any) -> LiveRequest:
    """A request of the page, checked and decoded. Unknown keys are ignored.

    Keys: `person` (1 to 64 characters), `seq` (whole number), `png` (data URL), `category` ("auto" or a category),
    `colour` ("" or "#rrggbb"), `seed` (0 to 2147483647); the last three may be missing.

    Raises:
      ConfigError: a field is missing, of the wrong type or out of range.
      ImageError: the sketch is not a PNG of 16 to 1024 pixels a side, or cannot be decoded.
    """
    if not isinstance(request, dict):
        raise ConfigError(f"the request is a {type(request).__name__}: send an object with person, seq and png")
    person = _text(request, "person", None, 64)
    if not person:
        raise ConfigError("person is empty: send an id of 1 to 64 characters")
    number = whole_number("seq", request.get("seq"), 2**53)
    seed = whole_number("seed", request.get("seed", 0), MAX_SEED)
    category = _text(request, "category", "auto", 64)
    colour = _text(request, "colour", "", 16)
    sketch = _sketch(request.get("png"))
    return LiveRequest(person, number, Order(sketch, None if category == "auto" else category, colour or None, seed))


def whole_number(name: str, value: Any, largest: int) -> int:
    """`value` as an int from 0 to `largest`.

    Raises:
      ConfigError: it is not.
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= largest:
        raise ConfigError(f"{name} is {str(value)[:40]!r}: send a whole number from 0 to {largest}")
    return value


def _text(request: dict[str, Any], name: str, default: str | None, longest: int) -> str:
    value = request.get(name, default)
    if not isinstance(value, str):
        raise ConfigError(f"{name} is of type {type(value).__name__}: send a text")
    if len(value) > longest:
        raise ConfigError(f"{name} has {len(value)} characters: send at most {longest}")
    return value


def _sketch(url: Any) -> Any:
    if not isinstance(url, str) or not url.startswith(_PREFIX):
        raise ImageError(f"the sketch is not a PNG file: send a data URL that begins with {_PREFIX}")
    if len(url) > MAX_SKETCH_CHARACTERS:
        raise ImageError(f"the sketch has {len(url)} characters: send at most {MAX_SKETCH_CHARACTERS}")
    try:
        data = base64.b64decode(url[len(_PREFIX) :], validate=True)
    except (binascii.Error, ValueError):
        raise ImageError("the sketch is not valid base64: send a PNG file as a data URL") from None
    check_png(data, MAX_SKETCH_SIDE)
    return images.decode_sketch(data, "the sketch")


def reply(answer: Answer) -> dict[str, Any]:
    """An answer as the page reads it; `photo` is a JPEG data URL, or None for an empty sheet."""
    prediction = answer.prediction
    photo = None
    if prediction.photo is not None:
        data = images.encode_jpeg(prediction.photo, JPEG_QUALITY)
        photo = "data:image/jpeg;base64," + base64.b64encode(data).decode()
    return {
        "photo": photo,
        "probabilities": {name: round(float(share), 4) for name, share in prediction.probabilities.items()},
        "category": prediction.category,
        "colour": prediction.colour,
        "status": prediction.status,
        "ms": round(answer.milliseconds, 1),
    }


def live_function(slot: ModelSlot) -> Callable[[dict, gr.Request], Awaitable[dict[str, Any]]]:
    """The server function of the page. It never raises; what went wrong is in the reply.

    A reply has `seq` of its request, and what `reply` makes, or `busy` (a sentence: ask again a little later), `stale`
    (a newer drawing took over: forget this one) or `error` (a sentence: asking again will not help).
    """

    async def live_predict(req: dict, request: gr.Request) -> dict[str, Any]:
        number = req.get("seq") if isinstance(req, dict) else None
        echo = {"seq": number if isinstance(number, int) and abs(number) < 2**53 else None}
        try:
            # Decoding takes a millisecond or two, in which others' requests should not wait.
            asked = await asyncio.to_thread(read_request, req)
            answer = await asyncio.wrap_future(slot.ask(asked.person, asked.order, asked.number))
            return await asyncio.to_thread(reply, answer) | echo
        except Superseded:
            return {"stale": True} | echo
        except Busy:
            return {"busy": BUSY} | echo
        except UserError as error:
            return {"error": str(error)} | echo
        except Exception:
            log.exception("a live request failed")
            return {"error": "the model failed on this drawing: undo the last stroke and go on"} | echo

    return live_predict
