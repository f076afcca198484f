"""The live path: a drawing comes in as JSON while the pen moves, a photo and probabilities go out.

Two server functions of the page. Each takes an object and answers with one:

    live_predict   {person, seq, png, model?, category?, colour?, seed?}
                   -> {seq, people, model, photo, probabilities, category, colour, status, ms}
    variations     the same, and {wishes?: [{category?, colour?, seed?}, ...]}, 1 to 8 of them; what a wish leaves out
                   is the request's, and without wishes four seeds from the request's on are painted
                   -> {seq, people, model, probabilities, category, status, ms,
                       variations: [{photo, category, colour, seed}, ...]}

`person` is 1 to 64 characters that the page makes up, `seq` a number that grows with every request of a person, `png`
a data URL; `model`, `category` and `colour` may be "" and `category` "auto". In the answer `people` says how many are
drawing, `photo` is a JPEG data URL or null for an empty sheet, `ms` the milliseconds of the model's call. In place of
a photo an answer may have `busy` (a sentence: ask again a little later), `stale` (a newer drawing took over: forget
this one) or `error` (a sentence: asking again will not help). What `models` of the component lists can be a `model`.

Gradio's server functions bypass its queue and limits, so everything is checked here before anything is decoded.
The server keeps nothing of a visitor's drawing between two requests.
"""

import asyncio
import base64
import binascii
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from sketch2photo import images
from sketch2photo.errors import ConfigError, ImageError, UserError
from sketch2photo.page.batch_queue import Answer, Busy, ModelSlot, Order, Painted, Superseded
from sketch2photo.page.limits import Visitors, check_png
from sketch2photo.page.model_pool import Shelf

# ---------------------------------------------------------------- page.requests
#
# What the page sends at every frame: fields checked, and only then the sketch decoded.

MAX_SKETCH_SIDE = 1024
MAX_SKETCH_CHARACTERS = 1_000_000
"""Of the data URL. The page sends 256 pixels a side, 2 to 20 thousand characters."""
MAX_SEED = 2**31 - 1
MAX_WISHES = 8
DEFAULT_WISHES = 4

_PREFIX = "data:image/png;base64,"


@dataclass(frozen=True)
class LiveRequest:
    """One frame of a drawing: whose, the how manieth, by which model, and what to paint, once or in variations."""

    person: str
    number: int
    model: str
    orders: tuple[Order, ...]

    @property
    def order(self) -> Order:
        """The first of what is to be painted."""
        return self.orders[0]


def read_request(request: Any, *, several: bool = False) -> LiveRequest:
    """A request of the page, checked and decoded. Unknown keys are ignored; `wishes` is read if there may be several.

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
    model = _text(request, "model", "", 64)
    wishes = _wishes(request) if several else [{}]
    asked = [_wish(request | wish) for wish in wishes]
    sketch = _sketch(request.get("png"))
    return LiveRequest(person, number, model, tuple(Order(sketch, *wish) for wish in asked))


def _wish(request: dict[str, Any]) -> tuple[str | None, str | None, int]:
    """Category, colour and seed."""
    seed = whole_number("seed", request.get("seed", 0), MAX_SEED)
    category = _text(request, "category", "auto", 64)
    colour = _text(request, "colour", "", 16)
    return None if category in ("auto", "") else category, colour or None, seed


def _wishes(request: dict[str, Any]) -> list[dict[str, Any]]:
    wishes = request.get("wishes")
    if wishes is None:
        first = whole_number("seed", request.get("seed", 0), MAX_SEED)
        return [{"seed": (first + i) % (MAX_SEED + 1)} for i in range(DEFAULT_WISHES)]
    if not isinstance(wishes, list) or not 1 <= len(wishes) <= MAX_WISHES:
        received = f"{len(wishes)} entries" if isinstance(wishes, list) else type(wishes).__name__
        raise ConfigError(f"wishes is {received}: send a list of 1 to {MAX_WISHES} objects")
    known = ("category", "colour", "seed")
    for wish in wishes:
        if not isinstance(wish, dict):
            raise ConfigError(f"a wish is of type {type(wish).__name__}: send an object with category, colour or seed")
    return [{name: wish[name] for name in known if name in wish} for wish in wishes]


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


# ---------------------------------------------------------------- page.live

log = logging.getLogger(__name__)

JPEG_QUALITY = 95
"""128 pixels are shown at 600 a side, where the blocks of a stronger compression are seen; 5 to 10 KB."""
BUSY = "more people are drawing than this computer can serve: retrying"


def encode_photo(photo: Any) -> str | None:
    """A photo as a JPEG data URL; None for the photo of an empty sheet."""
    if photo is None:
        return None
    return "data:image/jpeg;base64," + base64.b64encode(images.encode_jpeg(photo, JPEG_QUALITY)).decode()


def _seen(prediction: Painted, answer: Answer) -> dict[str, Any]:
    return {
        "probabilities": {name: round(float(share), 4) for name, share in prediction.probabilities.items()},
        "category": prediction.category,
        "status": prediction.status,
        "ms": round(answer.milliseconds, 1),
    }


def reply(answer: Answer) -> dict[str, Any]:
    """An answer as the page reads it."""
    prediction = answer.prediction
    return {"photo": encode_photo(prediction.photo), "colour": prediction.colour} | _seen(prediction, answer)


def reply_with_variations(asked: LiveRequest, answers: list[Answer]) -> dict[str, Any]:
    """Several answers to one drawing as the page reads them."""
    painted = [
        {
            "photo": encode_photo(answer.prediction.photo),
            "category": answer.prediction.category,
            "colour": answer.prediction.colour,
            "seed": order.seed,
        }
        for order, answer in zip(asked.orders, answers, strict=True)
    ]
    slowest = max(answers, key=lambda answer: answer.milliseconds)
    return {"variations": painted} | _seen(answers[0].prediction, slowest)


ServerFunction = Callable[..., Awaitable[dict[str, Any]]]


def server_functions(shelf: Shelf, slot: ModelSlot) -> list[ServerFunction]:
    """`live_predict` and `variations`. They never raise; what went wrong is in the answer."""
    visitors = Visitors()

    async def answer(req: Any, several: bool) -> dict[str, Any]:
        number = req.get("seq") if isinstance(req, dict) else None
        echo: dict[str, Any] = {"seq": number if isinstance(number, int) and abs(number) < 2**53 else None}
        try:
            # Decoding takes a millisecond or two, in which others' requests should not wait.
            asked = await asyncio.to_thread(read_request, req, several=several)
            echo["people"] = visitors.note(asked.person)
            painter = await asyncio.wrap_future(shelf.open(asked.model))
            echo["model"] = painter.name
            orders = [replace(order, painter=painter) for order in asked.orders]
            # The variations of a drawing and its photo do not take each other's place.
            person = f"{asked.person}/variations" if several else asked.person
            futures = slot.ask_several(person, orders, asked.number)
            answers = await asyncio.gather(*map(asyncio.wrap_future, futures))
            if several:
                return await asyncio.to_thread(reply_with_variations, asked, answers) | echo
            return await asyncio.to_thread(reply, answers[0]) | echo
        except Superseded:
            return {"stale": True} | echo
        except Busy:
            return {"busy": BUSY} | echo
        except UserError as error:
            return {"error": str(error)} | echo
        except Exception:
            log.exception("a live request failed")
            return {"error": "the model failed on this drawing: undo the last stroke and go on"} | echo

    async def live_predict(req: dict, request: gr.Request) -> dict[str, Any]:
        return await answer(req, several=False)

    async def variations(req: dict, request: gr.Request) -> dict[str, Any]:
        return await answer(req, several=True)

    return [live_predict, variations]
