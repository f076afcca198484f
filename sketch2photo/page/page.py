"""The page as a Gradio app: the live canvas for people, the API for programs, one model slot for both.

build(studio).launch(theme=theme())     opens it; `serve.serve` does the same, guarded
"""

import logging
import os
import re
from pathlib import Path
from typing import Any

# Read when Gradio is imported: no calls home, nothing kept of what visitors do, and no summary of the queue after
# every event.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["GRADIO_RUN_HISTORY"] = "False"
os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", "1000")

import gradio as gr

from sketch2photo.page import api, script
from sketch2photo.page.guard import lower_pixel_limit
from sketch2photo.page.live import ServerFunction, server_functions
from sketch2photo.page.share import share_function
from sketch2photo.page.shelf import Shelf
from sketch2photo.page.slot import ModelSlot, Painter

log = logging.getLogger(__name__)

HERE = Path(__file__).parent
STYLES = ("canvas.css", "photo.css", "bring.css", "keep.css")
ICON = HERE / "icon.png"
KEPT_SECONDS = 600
"""How long files sent to the API and its photos are kept, so that a client can fetch them."""


def _canvas(shelf: Shelf, slot: ModelSlot, share: ServerFunction) -> gr.HTML:
    """The canvas, the photo and the bars: `canvas.html`, `canvas.css` and the parts in `js/`."""
    return gr.HTML(
        value=None,
        html_template=script.template(HERE / "canvas.html"),
        css_template=script.styles(STYLES, HERE),
        js_on_load=script.join("main") + "modules.main.start(element, props, server);",
        apply_default_css=False,
        server_functions=[*server_functions(shelf, slot), share],
        model=shelf.about(),
        models=[shelf.about(name) for name in shelf.names],
    )


def theme() -> gr.themes.Base:
    """System fonts, so that nothing is fetched, and the desk's colour behind the page while it loads."""
    base = gr.themes.Base(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])
    return base.set(body_background_fill="#f0ece3", body_background_fill_dark="#1c1a17")


def build(models: Shelf | Painter, slot: ModelSlot | None = None, network_address: str | None = None) -> gr.Blocks:
    """The page for these models. Launch it with `theme=theme()`; `serve.serve` does that and guards it.

    Without a slot of the caller's it gets one of its own, which compiles for many people in the background.
    `network_address` is shown to visitors who want to pass the page on, unless there is a share link.
    """
    lower_pixel_limit()
    shelf = models if isinstance(models, Shelf) else Shelf(models)
    if slot is None:
        slot = ModelSlot(shelf.first)
        slot.prepare()
    with gr.Blocks(title="sketch2photo", analytics_enabled=False, delete_cache=(60, KEPT_SECONDS)) as blocks:
        _canvas(shelf, slot, share_function(lambda: blocks.share_url, network_address))
        api.add_endpoints(shelf, slot)
    for block in blocks.blocks.values():
        _refuse_addresses(block)
    blocks.validate_inputs = _fill_up
    blocks.preprocess_data = _with_a_reason(blocks.preprocess_data)
    blocks.queue(max_size=64, status_update_rate=10, default_concurrency_limit=1)
    return blocks


def _refuse_addresses(block: Any) -> None:
    """Let a block of Gradio take uploaded files only. Given an address it would fetch it, however long the answer."""
    take = getattr(block, "async_move_resource_to_block_cache", None)
    if take is None:
        return

    async def unless_address(path: str | Path | None) -> str | None:
        if re.match(r"[a-zA-Z][a-zA-Z0-9+.-]+:", str(path)):
            raise gr.Error("addresses are not fetched: upload the sketch", print_exception=False)
        return await take(path)

    block.async_move_resource_to_block_cache = unless_address


def _fill_up(block_fn: Any, inputs: list[Any]) -> None:
    """Let programs leave out the last arguments of a call, as gradio_client does; Gradio would fail without a word."""
    inputs.extend(component.value for component in block_fn.inputs[len(inputs) :])


def _with_a_reason(preprocess: Any) -> Any:
    """Let Gradio say why it refuses what a program sent; as a rule it answers with an error without a word."""

    async def explained(*arguments: Any, **options: Any) -> Any:
        try:
            return await preprocess(*arguments, **options)
        except gr.Error:
            raise
        except Exception as error:
            log.info("arguments of a call were refused: %r", error)
            reason = "an argument is not what this call takes: see docs/api.md"
            raise gr.Error(reason, print_exception=False) from None

    return explained
