"""The page as a Gradio app: the live canvas for people, `/predict` for programs, one model slot for both.

build(studio).launch(theme=theme())     opens it; `serve.serve` does the same, guarded
"""

import asyncio
import logging
import os
import uuid
from pathlib import Path
from typing import Any

# Read when Gradio is imported: no calls home, nothing kept of what visitors do, and no summary of the queue after
# every event.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["GRADIO_RUN_HISTORY"] = "False"
os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", "1000")

import gradio as gr
import numpy as np
from gradio.data_classes import ImageData

from sketch2photo import images
from sketch2photo.errors import ImageError, UserError
from sketch2photo.page import script
from sketch2photo.page.guard import check_picture, lower_pixel_limit
from sketch2photo.page.live import BUSY, MAX_SEED, live_function, whole_number
from sketch2photo.page.slot import Busy, ModelSlot, Order, Painter

log = logging.getLogger(__name__)

HERE = Path(__file__).parent
STYLES = ("canvas.css", "keep.css")
ICON = HERE / "icon.png"
LONGEST_TEXT = 64


def _canvas(studio: Painter, slot: ModelSlot) -> gr.HTML:
    """The canvas, the photo and the bars: `canvas.html`, `canvas.css` and the parts in `js/`."""
    return gr.HTML(
        value=None,
        html_template=(HERE / "canvas.html").read_text(encoding="utf-8"),
        css_template="".join((HERE / name).read_text(encoding="utf-8") for name in STYLES),
        js_on_load=script.join("main") + "modules.main.start(element, props.model, server);",
        apply_default_css=False,
        server_functions=[live_function(slot)],
        model={
            "categories": list(studio.categories),
            "palette": {name: list(colours) for name, colours in studio.palette.items()},
            "has_classifier": bool(studio.has_classifier),
        },
    )


class SketchData(ImageData):
    """A picture sent by a program; what is no file at all is refused in a sentence, not with a validation report."""

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> "SketchData":
        if not isinstance(obj, dict | ImageData):
            reason = "the sketch is not a file: send one, with gradio_client as handle_file(path)"
            raise gr.Error(reason, print_exception=False)
        return super().model_validate(obj, **options)


def _sketch_input() -> gr.Image:
    """A picture that is handed on as a path: Gradio would decode it before we have seen how large it is.

    No subclass: Gradio writes a .pyi file beside any module that has one.
    """
    picture = gr.Image(label="sketch")
    picture.data_model = SketchData
    picture.preprocess = lambda payload: payload.path if payload else None
    return picture


def theme() -> gr.themes.Base:
    """System fonts, so that nothing is fetched, and the desk's colour behind the page while it loads."""
    base = gr.themes.Base(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])
    return base.set(body_background_fill="#f0ece3", body_background_fill_dark="#1c1a17")


def build(studio: Painter) -> gr.Blocks:
    """The page for this model. Launch it with `theme=theme()`; `serve.serve` does that and guards it."""
    lower_pixel_limit()
    slot = ModelSlot(studio)
    predict = _predict_function(studio, slot)
    with gr.Blocks(title="sketch2photo", analytics_enabled=False, delete_cache=(600, 3600)) as blocks:
        _canvas(studio, slot)
        with gr.Row(visible=False):
            sketch = _sketch_input()
            category = gr.Textbox("auto", label="category")
            colour = gr.Textbox("", label="colour")
            seed = gr.Number(0, label="seed")
            photo = gr.Image(label="photo", format="png")
            probabilities = gr.JSON(label="probabilities")
            button = gr.Button("predict")
        button.click(predict, [sketch, category, colour, seed], [photo, probabilities], api_name="predict")
    blocks.queue(max_size=64, status_update_rate=10, default_concurrency_limit=1)
    return blocks


def _predict_function(studio: Painter, slot: ModelSlot) -> Any:
    async def predict(
        sketch: str | None, category: str = "auto", colour: str = "", seed: float = 0
    ) -> tuple[np.ndarray, dict[str, float]]:
        """Turn a sketch into a photo.

        Args:
          sketch: a picture of black lines on white, 16 to 4096 pixels a side.
          category: one of the model's categories, or "auto" for the likeliest.
          colour: the object's colour as "#rrggbb", or "" for the model's own choice.
          seed: a whole number; another one is another variation.

        Returns:
          The photo, and how likely each category is.
        """
        try:
            order = await asyncio.to_thread(_order, sketch, category, colour, seed)
            answer = await asyncio.wrap_future(slot.ask(f"api-{uuid.uuid4().hex}", order))
        except Busy:
            raise gr.Error(BUSY.replace("retrying", "try again in a moment"), print_exception=False) from None
        except UserError as error:
            raise gr.Error(str(error), print_exception=False) from None
        except Exception:
            log.exception("a call of /predict failed")
            raise gr.Error("the model failed on this sketch: try another one", print_exception=False) from None
        prediction = answer.prediction
        if prediction.photo is None:
            raise gr.Error("the sketch is empty: draw dark lines on white", print_exception=False)
        return prediction.photo, {name: float(share) for name, share in prediction.probabilities.items()}

    return predict


def _order(sketch: str | None, category: str | None, colour: str | None, seed: float | None) -> Order:
    if sketch is None:
        raise ImageError("there is no sketch: send a picture of 16 to 4096 pixels a side")
    number = whole_number("seed", seed if seed is not None else 0, MAX_SEED)
    asked, wished = (str(text or "").strip()[:LONGEST_TEXT] for text in (category, colour))
    check_picture(Path(sketch))
    picture = images.decode_sketch(Path(sketch), "the sketch")
    return Order(picture, None if asked in ("", "auto") else asked, wished or None, number)
