"""Every change to Gradio's own behaviour, each for gradio 6.31; a test of each fails when Gradio no longer needs it."""

import logging
import re
import threading
from pathlib import Path
from typing import Any

import gradio as gr
from gradio import http_server, processing_utils
from gradio.data_classes import ImageData, ListFiles
from PIL import Image

from sketch2photo import files
from sketch2photo.page.limits import MAX_SKETCHES

log = logging.getLogger(__name__)


def refusal(reason: str) -> gr.Error:
    """A sentence for programs that is no failure of ours: Gradio's log does not get it."""
    return gr.Error(reason, print_exception=False)


def patch(blocks: gr.Blocks) -> None:
    """All that concerns what programs send to this app."""
    for block in blocks.blocks.values():
        refuse_addresses(block)
    fill_up(blocks)
    give_reasons(blocks)
    keep_answers_whole()


def keep_answers_whole() -> None:
    """Write pictures beside their place: 6.31 empties an answer that is being sent when an equal one comes."""
    one_by_one = threading.Lock()

    def save(img: Image.Image, cache_dir: str, name: str = "image", format: str = "webp") -> str:
        data = processing_utils.encode_pil_to_bytes(img, format)
        path = (Path(cache_dir) / processing_utils.hash_bytes(data) / f"{name}.{format}").resolve()
        with one_by_one:
            files.write_atomic(path, data)
        return str(path)

    processing_utils.save_pil_to_cache = save


def look_less_often(blocks: gr.Blocks) -> None:
    """Let an idle page rest, once `blocks.queue` was called: 6.31 looks for work and news a thousand times a second.

    That took 3% of a processor. An answer comes a fiftieth of a second later at most; drawing does not go through it.
    """
    blocks._queue.sleep_when_free = 0.02
    blocks._queue.progress_update_sleep_when_free = 0.1


def refuse_addresses(block: Any) -> None:
    """Let a block take uploaded files only: given an address, 6.31 fetches it, however long the answer."""
    take = getattr(block, "async_move_resource_to_block_cache", None)
    if take is None:
        return

    async def unless_address(path: str | Path | None) -> str | None:
        if re.match(r"[a-zA-Z][a-zA-Z0-9+.-]+:", str(path)):
            raise refusal("addresses are not fetched: upload the sketch")
        return await take(path)

    block.async_move_resource_to_block_cache = unless_address


def fill_up(blocks: gr.Blocks) -> None:
    """Let programs leave out the last arguments of a call, as gradio_client does: 6.31 fails without a word."""

    def validate_inputs(block_fn: Any, inputs: list[Any]) -> None:
        inputs.extend(component.value for component in block_fn.inputs[len(inputs) :])

    blocks.validate_inputs = validate_inputs


def give_reasons(blocks: gr.Blocks) -> None:
    """Let the answer say that an argument was refused: 6.31 tells programs of its own errors only, others are null."""
    preprocess = blocks.preprocess_data

    async def preprocess_data(*arguments: Any, **options: Any) -> Any:
        try:
            return await preprocess(*arguments, **options)
        except gr.Error:
            raise
        except Exception as error:
            log.info("arguments of a call were refused: %r", error)
            raise refusal("an argument is not what this call takes: see docs/api.md") from None

    blocks.preprocess_data = preprocess_data


class SketchData(ImageData):
    """A picture sent by a program; what is no file at all is refused in a sentence, not with a validation report."""

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> "SketchData":
        if not isinstance(obj, dict | ImageData):
            raise refusal("the sketch is not a file: send one, with gradio_client as handle_file(path)")
        return super().model_validate(obj, **options)


class SketchesData(ListFiles):
    """Several of them."""  # programs read names and texts of both classes in the API's description

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> "SketchesData":
        if not isinstance(obj, list) or not all(isinstance(each, dict) for each in obj):
            raise refusal(f"the sketches are not a list of files: send 1 to {MAX_SKETCHES}")
        return super().model_validate(obj, **options)


def sketch_input(label: str = "sketch") -> gr.Image:
    """A picture that is handed on as a path: 6.31 decodes it before we have seen how large it is, and answers what is
    no file at all with a validation report. No subclass: Gradio writes a .pyi file beside any module that has one.
    """
    picture = gr.Image(label=label)
    picture.data_model = SketchData
    picture.preprocess = lambda payload: payload.path if payload else None
    return picture


def sketches_input() -> gr.File:
    """As `sketch_input`, for several: 6.31 hands on strings of a class of its own, and null where there are none."""

    def paths(payload: Any) -> list[str]:
        return [file.path for file in payload.root] if payload else []

    files = gr.File(label="sketches", file_count="multiple")
    files.data_model = SketchesData
    files.preprocess = paths
    return files


def watch_no_space() -> None:
    """Start on Hugging Face Spaces as anywhere: 6.31 watches the main module for a changed `demo`, which ours lacks."""
    http_server.get_space = lambda: None
