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
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import gradio as gr

from sketch2photo import images
from sketch2photo.errors import UserError
from sketch2photo.page.line import Busy, Superseded
from sketch2photo.page.requests import LiveRequest, read_request
from sketch2photo.page.shelf import Shelf
from sketch2photo.page.slot import Answer, ModelSlot, Painted
from sketch2photo.page.visitors import Visitors

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
