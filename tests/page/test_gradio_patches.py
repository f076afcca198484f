"""Each patch of Gradio: what Gradio does without it, so that a test fails when the patch can go, and what it does."""

import asyncio
import http.server
import importlib
import os
import threading
from collections.abc import Iterator

import gradio as gr
import numpy as np
import pytest
from fastapi import FastAPI
from gradio import http_server, networking, processing_utils
from gradio.data_classes import FileData, ImageData
from PIL import Image
from pydantic import ValidationError

from sketch2photo.page import gradio_patches, server


@pytest.fixture
def blocks() -> gr.Blocks:
    """An app with one function of two texts."""
    with gr.Blocks(analytics_enabled=False) as blocks:
        first, last = gr.Textbox("a"), gr.Textbox("b")
        gr.Button().click(lambda *texts: "".join(texts), [first, last], first, api_name="join")
    return blocks


def preprocess(blocks: gr.Blocks, inputs: list) -> list:
    return asyncio.run(blocks.preprocess_data(blocks.fns[0], inputs, None))


def test_an_idle_page_looks_for_work_fifty_times_a_second(blocks):
    blocks.queue()
    assert blocks._queue.sleep_when_free < 0.02, "no longer needed"
    gradio_patches.look_less_often(blocks)
    assert (blocks._queue.sleep_when_free, blocks._queue.progress_update_sleep_when_free) == (0.02, 0.1)


def test_addresses_are_fetched_by_gradio(monkeypatch):
    fetched = []

    async def download(url: str, cache_dir: str) -> str:
        fetched.append(url)
        return "file"

    monkeypatch.setattr(processing_utils, "async_ssrf_protected_download", download)
    picture = gr.Image()
    asyncio.run(picture.async_move_resource_to_block_cache("http://example.org/x.png"))
    assert fetched == ["http://example.org/x.png"], "Gradio fetches none: `refuse_addresses` can go"
    gradio_patches.refuse_addresses(picture)
    for address in ("http://example.org/x.png", "https://example.org/x.png", "file:///etc/passwd"):
        with pytest.raises(gr.Error, match="addresses are not fetched: upload the sketch"):
            asyncio.run(picture.async_move_resource_to_block_cache(address))
    assert len(fetched) == 1
    gradio_patches.refuse_addresses(gr.Row())  # takes no files


def test_missing_arguments_are_not_filled_up_by_gradio(blocks):
    with pytest.raises(ValueError, match="didn't receive enough input values"):
        preprocess(blocks, ["x"])
    gradio_patches.fill_up(blocks)
    assert preprocess(blocks, ["x"]) == ["x", "b"]


def test_refused_arguments_are_no_error_with_words_in_gradio(monkeypatch, blocks):
    monkeypatch.setattr(blocks.blocks[blocks.fns[0].inputs[0]._id], "preprocess", lambda value: value.nothing)
    with pytest.raises(Exception) as stock:
        preprocess(blocks, ["x", "y"])
    assert not isinstance(stock.value, gr.Error), "Gradio gives a reason: `give_reasons` can go"
    gradio_patches.give_reasons(blocks)
    with pytest.raises(gr.Error, match=r"an argument is not what this call takes: see docs/api\.md"):
        preprocess(blocks, ["x", "y"])


def test_an_answer_is_emptied_by_gradio_when_it_comes_again(monkeypatch, tmp_path):
    monkeypatch.setattr(processing_utils, "save_pil_to_cache", processing_utils.save_pil_to_cache)

    def opened_stays() -> bool:
        """Whether who has opened an answer still reads it when an equal one is written."""
        picture = np.zeros((20, 30, 3), np.uint8)
        path = processing_utils.save_img_array_to_cache(picture, str(tmp_path))
        with open(path, "rb") as sent:
            before = os.stat(path).st_ino
            assert processing_utils.save_img_array_to_cache(picture, str(tmp_path)) == path
            assert np.array_equal(Image.open(sent), picture)
            return os.stat(path).st_ino != before

    assert not opened_stays(), "Gradio writes beside the place: `keep_answers_whole` can go"
    gradio_patches.keep_answers_whole()
    assert opened_stays()
    assert not list(tmp_path.rglob("*.part"))


def test_pictures_are_decoded_by_gradio(tmp_path):
    path = tmp_path / "sketch.png"
    Image.fromarray(np.zeros((20, 30), np.uint8)).save(path)
    sent = ImageData(path=str(path))
    assert isinstance(gr.Image().preprocess(sent), np.ndarray), "Gradio hands on a path: `sketch_input` can be simpler"
    picture = gradio_patches.sketch_input()
    assert picture.preprocess(sent) == str(path) and picture.preprocess(None) is None


@pytest.mark.parametrize(("stock", "ours"), [(gr.Image, "sketch_input"), (gr.File, "sketches_input")])
def test_what_is_no_file_is_a_validation_report_in_gradio(stock, ours):
    stock = stock() if stock is gr.Image else stock(file_count="multiple")
    with pytest.raises(ValidationError):
        stock.data_model.model_validate("x.png")
    with pytest.raises(gr.Error, match=r"(is not a file|are not a list of files): send"):
        getattr(gradio_patches, ours)().data_model.model_validate("x.png")


def test_files_are_strings_of_a_class_of_gradios_own(tmp_path):
    (tmp_path / "x.png").write_bytes(b"x")
    files = gradio_patches.sketches_input()
    sent = files.data_model.model_validate([{"path": str(tmp_path / "x.png"), "meta": {"_type": "gradio.FileData"}}])
    stock = gr.File(file_count="multiple")
    assert stock.preprocess(None) is None and type(stock.preprocess(sent)[0]) is not str
    assert isinstance(sent.root[0], FileData)
    assert files.preprocess(sent) == [str(tmp_path / "x.png")] and files.preprocess(None) == []


def test_subclass_of_a_component_writes_a_file(tmp_path, monkeypatch):
    """Why the inputs are no subclasses."""
    (tmp_path / "subclass_of_image.py").write_text("import gradio as gr\nclass Sketch(gr.Image):\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("subclass_of_image")
    assert (tmp_path / "subclass_of_image.pyi").is_file(), "Gradio writes none: the inputs can be subclasses"


def test_main_module_is_watched_on_spaces(monkeypatch, free_port):
    class Watched(Exception):
        pass

    def reloader(**options: object) -> None:
        raise Watched

    monkeypatch.setenv("SYSTEM", "spaces")
    monkeypatch.setenv("SPACE_ID", "ada/sketch2photo")
    monkeypatch.setattr(http_server, "get_space", http_server.get_space)  # put back afterwards
    monkeypatch.setattr(http_server, "SpacesReloader", reloader)
    with pytest.raises(Watched):
        http_server.start_server(FastAPI(), "127.0.0.1", free_port)
    gradio_patches.watch_no_space()
    *_, server = http_server.start_server(FastAPI(), "127.0.0.1", free_port)
    server.close()


@pytest.fixture
def answering() -> Iterator[str]:
    """The address of a server that answers."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


def test_own_page_is_asked_through_a_proxy(monkeypatch, answering):
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "example.org")
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert not networking.url_ok(answering), "Gradio asks no proxy: `prepare_proxies` need not name this page"
    server.prepare_proxies("127.0.0.1")
    assert networking.url_ok(answering)
    assert os.environ["NO_PROXY"] == "example.org,127.0.0.1,localhost"
