"""The live path: a drawing comes in as JSON while the pen moves, a photo and probabilities go out.

Three server functions of the page. Each takes an object and answers with one:

    live_predict   {person, seq, png, hints?, model?, category?, colour?, seed?, ground?}
                   -> {seq, people, model, photo, probabilities, category, colour, status, ms}
    variations     the same, and {wishes?: [{category?, colour?, seed?}, ...]}, 1 to 8 of them; what a wish leaves out
                   is the request's, and without wishes four seeds from the request's on are painted
                   -> {seq, people, model, probabilities, category, status, ms,
                       variations: [{photo, category, colour, seed}, ...]}
    clean_picture  {picture, strength?}: a JPEG data URL of 16 to 1024 pixels a side, and -1.5 to 1.5
                   -> {picture}, a PNG data URL of the sheet with the picture's lines; null where it has none

`person` is 1 to 64 characters that the page makes up, `seq` a number that grows with every request of a person, `png`
a data URL, `hints` a PNG of strokes of colour, as large and transparent where there are none; `model`, `category` and
`colour` may be "" and `category` "auto". `ground` is what the object is to stand on: "" for white, `transparent`,
`paper`, `floor` or "#rrggbb". In the answer `people` says how many are drawing, `photo` is a data URL (JPEG, PNG
where it is transparent) or null for an empty sheet, `ms` the milliseconds of the model's call. In place of a photo an
answer may have `busy` (a sentence: ask again a little later), `stale` (a newer drawing took over: forget this one) or
`error` (a sentence: asking again will not help). What `models` of the component lists can be a `model`.

Gradio's server functions bypass its queue and limits, so everything is checked here before anything is decoded. Nothing
of a visitor's drawing is kept between two requests.
"""

import asyncio
import base64
import binascii
import io
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import gradio as gr
import numpy as np

from sketch2photo import images
from sketch2photo.errors import ConfigError, ImageError, UserError
from sketch2photo.images import grounds
from sketch2photo.page import limits
from sketch2photo.page.batch_queue import Answer, BatchQueue, Busy, PaintRequest, Superseded
from sketch2photo.page.import_picture import MAX_STRENGTH, clean_lines
from sketch2photo.page.model_pool import ModelPool

if TYPE_CHECKING:
    from sketch2photo.studio import Prediction

log = logging.getLogger(__name__)

DEFAULT_VARIATIONS = 4
JPEG_QUALITY = 95
"""128 pixels are shown at 600 a side, where the blocks of a stronger compression are seen; 5 to 10 KB."""
BUSY = "more people are drawing than this computer can serve: retrying"

WISH = ("category", "colour", "seed")
_PNG, _JPEG = "data:image/png;base64,", "data:image/jpeg;base64,"


@dataclass(frozen=True)
class LiveRequest:
    """One frame of a drawing: whose, the how manieth, by which model, and what to paint, once or in variations."""

    person: str
    number: int
    model: str
    paint: tuple[PaintRequest, ...]
    ground: str = ""
    """As `grounds.check` gives it."""


def read_request(request: Any, *, several: bool = False) -> LiveRequest:
    """A request of the page, checked and decoded, or a `UserError`. Unknown keys are ignored; `wishes` is read if there
    may be several."""
    if not isinstance(request, dict):
        raise ConfigError(f"the request is a {type(request).__name__}: send an object with person, seq and png")
    person = limits.text("person", request.get("person"), limits.MAX_TEXT)
    if not person:
        raise ConfigError(f"person is empty: send an id of 1 to {limits.MAX_TEXT} characters")
    number = limits.whole_number("seq", request.get("seq"), 2**53)
    model = limits.text("model", request.get("model", ""), limits.MAX_TEXT)
    asked = [limits.wish(*(one.get(name, request.get(name)) for name in WISH)) for one in _wishes(request, several)]
    sketch = _picture(request.get("png"), "the sketch", images.decode_sketch)
    hints = _picture(request["hints"], "the picture of hints", images.decode_hints) if request.get("hints") else None
    ground = grounds.check(limits.text("ground", request.get("ground", ""), 16))
    return LiveRequest(person, number, model, tuple(PaintRequest(sketch, *each, hints) for each in asked), ground)


def _wishes(request: dict[str, Any], several: bool) -> list[dict[str, Any]]:
    if not several:
        return [{}]
    wishes = request.get("wishes")
    if wishes is None:
        first = limits.whole_number("seed", request.get("seed", 0), limits.MAX_SEED)
        return [{"seed": (first + i) % (limits.MAX_SEED + 1)} for i in range(DEFAULT_VARIATIONS)]
    if not isinstance(wishes, list) or not 1 <= len(wishes) <= limits.MAX_VARIATIONS:
        received = f"{len(wishes)} entries" if isinstance(wishes, list) else type(wishes).__name__
        raise ConfigError(f"wishes is {received}: send a list of 1 to {limits.MAX_VARIATIONS} objects")
    for one in wishes:
        if not isinstance(one, dict):
            raise ConfigError(f"a wish is of type {type(one).__name__}: send an object with category, colour or seed")
    return wishes


def _picture(url: Any, name: str, decode: Callable[[bytes, str], np.ndarray]) -> np.ndarray:
    data = _data(url, name, _PNG)
    limits.check_png(data, limits.MAX_SKETCH_SIDE, name)
    return decode(data, name)


def _data(url: Any, name: str, prefix: str) -> bytes:
    """What is in a data URL that begins with this prefix."""
    kind = "PNG" if prefix == _PNG else "JPEG"
    if not isinstance(url, str) or not url.startswith(prefix):
        raise ImageError(f"{name} is not a {kind} file: send a data URL that begins with {prefix}")
    if len(url) > limits.MAX_SKETCH_CHARACTERS:
        raise ImageError(f"{name} has {len(url)} characters: send at most {limits.MAX_SKETCH_CHARACTERS}")
    try:
        return base64.b64decode(url[len(prefix) :], validate=True)
    except (binascii.Error, ValueError):
        raise ImageError(f"{name} is not valid base64: send a {kind} file as a data URL") from None


def _photo(prediction: "Prediction", ground: str) -> str | None:
    """A photo on a ground as a JPEG data URL, of PNG where it has none; None for the photo of an empty sheet."""
    photo = prediction.photo
    if photo is not None and ground:
        if prediction.cutout is None:
            raise ConfigError("this model paints no coverage: leave out ground")
        photo = grounds.on_ground(prediction.cutout, ground)
    if photo is None:
        return None
    if photo.shape[2] == 4:
        return images.data_url("png", images.encode_png(photo))
    return images.data_url("jpeg", images.encode_jpeg(photo, JPEG_QUALITY))


def reply(asked: LiveRequest, answers: list[Answer], *, several: bool) -> dict[str, Any]:
    """The answers to one drawing as the page reads them: its photo, or its variations."""
    painted = [
        {"photo": _photo(one, asked.ground), "category": one.category, "colour": one.colour, "seed": request.seed}
        for request, one in zip(asked.paint, (answer.prediction for answer in answers), strict=True)
    ]
    first = answers[0].prediction
    return {
        **({"variations": painted} if several else {name: painted[0][name] for name in ("photo", "colour")}),
        "probabilities": {name: round(float(share), 4) for name, share in first.probabilities.items()},
        "category": first.category,
        "status": first.status,
        "word": first.word,
        "ms": round(max(answer.milliseconds for answer in answers), 1),
    }


def clean(request: Any) -> dict[str, Any]:
    """The answer to a picture that is to be cleaned, or a `UserError`."""
    if not isinstance(request, dict):
        raise ConfigError(f"the request is a {type(request).__name__}: send an object with picture and strength")
    most, strength = MAX_STRENGTH, request.get("strength", 0)
    if isinstance(strength, bool) or not isinstance(strength, (int, float)) or not abs(strength) <= most:
        raise ConfigError(f"strength is {str(strength)[:40]!r}: send a number from -{most} to {most}")
    data = _data(request.get("picture"), "the picture", _JPEG)
    limits.check_picture(io.BytesIO(data), limits.MAX_SKETCH_SIDE)
    lines = clean_lines(images.decode_sketch(data, "the picture"), float(strength))
    return {"picture": None if lines is None else images.data_url("png", images.encode_png(lines))}


def server_functions(pool: ModelPool, queue: BatchQueue) -> list[Callable[..., Awaitable[dict[str, Any]]]]:
    """`live_predict`, `variations` and `clean_picture`. They never raise; what went wrong is in the answer."""
    visitors = limits.Visitors()
    cleaning = asyncio.Lock()
    waiting = 0

    async def answer(req: Any, several: bool) -> dict[str, Any]:
        number = req.get("seq") if isinstance(req, dict) else None
        echo: dict[str, Any] = {"seq": number if isinstance(number, int) and abs(number) < 2**53 else None}
        try:
            # Decoding takes a millisecond or two, in which others' requests should not wait.
            asked = await asyncio.to_thread(read_request, req, several=several)
            echo["people"] = visitors.note(asked.person)
            model = await asyncio.wrap_future(pool.open(asked.model))
            echo["model"] = model.name
            requests = [replace(request, model=model) for request in asked.paint]
            # The variations of a drawing and its photo do not take each other's place.
            person = f"{asked.person}/variations" if several else asked.person
            futures = queue.replace(person, requests, asked.number)
            answers = await asyncio.gather(*map(asyncio.wrap_future, futures))
            return await asyncio.to_thread(reply, asked, answers, several=several) | echo
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

    async def clean_picture(req: dict, request: gr.Request) -> dict[str, Any]:
        nonlocal waiting
        if waiting >= limits.MAX_PICTURES:
            return {"error": "more pictures are sent than this computer can clean: try again in a moment"}
        waiting += 1
        try:
            async with cleaning:  # it takes a tenth of a second, in which drawings are painted too
                return await asyncio.to_thread(clean, req)
        except UserError as error:
            return {"error": str(error)}
        except Exception:
            log.exception("a picture could not be cleaned")
            return {"error": "this picture could not be cleaned: choose another one"}
        finally:
            waiting -= 1

    return [live_predict, variations, clean_picture]
