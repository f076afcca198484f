"""The page for programs: `/predict`, `/predict_batch`, `/categories` and `/models`, through Gradio's queue.

They share the queue with the people at the page; every client waits as one person. docs/api.md says how to call them.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
import numpy as np

from sketch2photo import images
from sketch2photo.errors import ConfigError, ImageError, UserError
from sketch2photo.page.batch_queue import BatchQueue, Busy, PaintRequest
from sketch2photo.page.gradio_patches import refusal, sketch_input, sketches_input
from sketch2photo.page.limits import MAX_BATCH_CALLS, MAX_CALLS, MAX_SKETCHES, MAX_TEXT, check_picture, wish
from sketch2photo.page.model_pool import ModelPool

if TYPE_CHECKING:
    from sketch2photo.studio import Prediction

log = logging.getLogger(__name__)

BUSY = "many people are drawing right now: try again in a moment"


def add_endpoints(pool: ModelPool, queue: BatchQueue) -> None:
    """Add the endpoints to the Blocks that is being built; their components are not shown."""
    caller = _Caller(pool, queue)
    with gr.Row(visible=False):
        one, several = sketch_input(), sketches_input()
        hints = sketch_input("hints")
        category, colour = gr.Textbox("auto", label="category"), gr.Textbox("", label="colour")
        seed, model = gr.Number(0, label="seed"), gr.Textbox("", label="model")
        transparent = gr.Checkbox(False, label="transparent")
        categories, colours, seeds = (gr.JSON(None, label=name) for name in ("categories", "colours", "seeds"))
        photo, photos = gr.Image(label="photo", format="png"), gr.Gallery(label="photos", format="png")
        probabilities, results = gr.JSON(label="probabilities"), gr.JSON(label="results")
        button = gr.Button("predict")
    button.click(
        caller.predict,
        [one, category, colour, seed, model, transparent, hints],
        [photo, probabilities],
        api_name="predict",
        concurrency_limit=MAX_CALLS,
    )
    button.click(
        caller.predict_batch,
        [several, categories, colours, seeds, model, transparent],
        [photos, results],
        api_name="predict_batch",
        concurrency_limit=MAX_BATCH_CALLS,
    )
    gr.api(caller.categories, api_name="categories", concurrency_limit=None)
    gr.api(caller.models, api_name="models", concurrency_limit=None)


class _Caller:
    def __init__(self, pool: ModelPool, queue: BatchQueue) -> None:
        self._pool = pool
        self._queue = queue

    async def predict(
        self,
        sketch: str | None,
        category: str = "auto",
        colour: str = "",
        seed: float = 0,
        model: str = "",
        transparent: bool = False,
        hints: str | None = None,
        request: gr.Request | None = None,
    ) -> tuple[np.ndarray, dict[str, float]]:
        """Turn a sketch into a photo.

        Args:
          sketch: a picture of black lines on white, 16 to 4096 pixels a side.
          category: one of the model's categories, or "auto" for the likeliest.
          colour: the object's colour as "#rrggbb", or "" for the model's own choice.
          seed: a whole number; another one is another variation.
          model: one of /models, or "" for the one that the page was opened with.
          transparent: the object without a ground, in a PNG file with an alpha channel.
          hints: a picture with an alpha channel, as large as the sketch: where it is opaque, that colour is painted.

        Returns:
          The photo, and how likely each category is.
        """
        asked = {"category": category, "colour": colour, "seed": seed}
        (prediction,) = await self._paint([sketch], asked, model, request, hints)
        return _picture(prediction, transparent), prediction.probabilities

    async def predict_batch(
        self,
        sketches: list[str],
        categories: list[str] | str | None = None,
        colours: list[str] | str | None = None,
        seeds: list[int] | int | None = None,
        model: str = "",
        transparent: bool = False,
        request: gr.Request | None = None,
    ) -> tuple[list[tuple[np.ndarray, str]], list[dict[str, Any]]]:
        """Turn up to 16 sketches into photos, in one call of the model if nobody else draws.

        Args:
          sketches: pictures of black lines on white, 16 to 4096 pixels a side.
          categories: one for each sketch, or one for all; "auto" (or null) for the likeliest.
          colours: one for each sketch, or one for all; "" (or null) for the model's own choice.
          seeds: whole numbers, one for each sketch, or one for all; 0 (or null) is the default colour.
          model: one of /models, or "" for the one that the page was opened with.
          transparent: the objects without a ground, in PNG files with an alpha channel.

        Returns:
          The photos with their categories as captions, and for each its category, colour, status, probabilities and
          the word for what it looks like instead.
        """
        asked = {"categories": categories, "colours": colours, "seeds": seeds}
        predictions = await self._paint(sketches, asked, model, request)
        photos = [(_picture(prediction, transparent), prediction.category or "") for prediction in predictions]
        told = ("category", "colour", "status", "probabilities", "word")
        return photos, [{name: getattr(prediction, name) for name in told} for prediction in predictions]

    def categories(self, model: str = "") -> list[str]:
        """What a model can paint; "" is the model that the page was opened with."""
        try:
            return list(self._pool.about(str(model or ""))["categories"])
        except UserError as error:
            raise refusal(str(error)) from None

    def models(self) -> list[dict[str, Any]]:
        """The models to choose from, the first is the default: `about` each."""
        return [self._pool.about(name) for name in self._pool.names]

    async def _paint(
        self,
        sketches: list[str] | list[str | None],
        asked: dict[str, Any],
        model: str | None,
        request: gr.Request | None,
        hints: str | None = None,
    ) -> "list[Prediction]":
        """The predictions, none of an empty sheet; every error as a sentence."""

        def read() -> list[PaintRequest]:
            if not 1 <= len(sketches) <= MAX_SKETCHES:
                raise ConfigError(f"there are {len(sketches)} sketches: send 1 to {MAX_SKETCHES}")
            columns = [_for_each(name, value, len(sketches)) for name, value in asked.items()]
            wishes = [wish(*each) for each in zip(*columns, strict=True)]
            given = None if hints is None else _read(hints, images.decode_hints, "the picture of hints")
            return [
                PaintRequest(_read(path, images.decode_sketch, "the sketch"), *each, given)
                for path, each in zip(sketches, wishes, strict=True)
            ]

        try:
            requests = await asyncio.to_thread(read)
            chosen = await asyncio.wrap_future(self._pool.open(str(model or "").strip()[:MAX_TEXT]))
            requests = [replace(one, model=chosen) for one in requests]
            person = f"api/{getattr(request, 'session_hash', None) or ''}"
            answers = await asyncio.gather(*map(asyncio.wrap_future, self._queue.append(person, requests)))
        except Busy:
            raise refusal(BUSY) from None
        except UserError as error:
            raise refusal(str(error)) from None
        except Exception:
            log.exception("a call of the API failed")
            raise refusal("the model failed on this sketch: try another one") from None
        for number, answer in enumerate(answers, 1):
            if answer.prediction.photo is None:
                which = "the sketch" if len(answers) == 1 else f"sketch {number} of {len(answers)}"
                raise refusal(f"{which} is empty: draw dark lines on white")
        return [answer.prediction for answer in answers]


def _picture(prediction: "Prediction", transparent: bool) -> np.ndarray:
    picture = prediction.cutout if transparent else prediction.photo
    if picture is None:
        raise refusal("this model paints no coverage: leave out transparent")
    return picture


def _for_each(name: str, value: Any, count: int) -> list[Any]:
    """One value for each sketch."""
    if not isinstance(value, list):
        return [value] * count
    if len(value) != count:
        raise ConfigError(f"{name} has {len(value)} entries for {count} sketches: send one for each, or one for all")
    return value


def _read(path: str | None, decode: Callable[[Path, str], np.ndarray], name: str) -> np.ndarray:
    if path is None:
        raise ImageError("there is no sketch: send a picture of 16 to 4096 pixels a side")
    check_picture(Path(path))
    return decode(Path(path), name)
