"""The page with a fake model: in this process for the live path, in a child process for clients."""

import asyncio
import base64
import contextlib
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest

from tests.page.fake_studio import FakeStudio


def png(sketch: np.ndarray) -> bytes:
    return cv2.imencode(".png", sketch)[1].tobytes()


def data_url(data: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode()


def circle(size: int = 256, x: float = 0.5) -> np.ndarray:
    sheet = np.full((size, size), 255, np.uint8)
    cv2.circle(sheet, (int(size * x), size // 2), size // 6, 0, max(2, size // 64))
    return sheet


@pytest.fixture(name="png")
def png_fixture() -> Callable[[np.ndarray], bytes]:
    return png


@pytest.fixture(name="data_url")
def data_url_fixture() -> Callable[[bytes], str]:
    return data_url


@pytest.fixture(name="circle")
def circle_fixture() -> Callable[..., np.ndarray]:
    return circle


@pytest.fixture(scope="session")
def bomb() -> bytes:
    """A PNG of 13000 x 13000 pixels, 169 million, in some 20 KB."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    side = 13000
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    rows = zlib.compress(b"\x00" * ((side // 8 + 2) * side), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.fixture
def studio() -> FakeStudio:
    return FakeStudio()


class LivePage:
    """The live path in this process, without Gradio's route to it; `ask` is what the browser does at every frame."""

    def __init__(self, studio: FakeStudio, pool: Any = None) -> None:
        from sketch2photo.page.batch_queue import BatchQueue
        from sketch2photo.page.live import server_functions
        from sketch2photo.page.model_pool import ModelPool

        self.studio = studio
        self.queue = BatchQueue(studio)
        self.queue.prepare().join(10)
        functions = server_functions(pool or ModelPool(studio), self.queue)
        self.functions: dict[str, Any] = {function.__name__: function for function in functions}

    def send(self, data: Any, function: str = "live_predict") -> dict[str, Any]:
        return json.loads(json.dumps(asyncio.run(self.functions[function](data, None))))

    def ask(self, function: str = "live_predict", **fields: Any) -> dict[str, Any]:
        request = {"person": "p", "seq": 1, "png": data_url(png(circle()))} | fields
        return self.send({name: value for name, value in request.items() if value is not ...}, function)

    def ask_aside(self, answers: list[dict[str, Any]], **fields: Any) -> threading.Thread:
        """Ask in a thread; the reply is appended to `answers`."""
        thread = threading.Thread(target=lambda: answers.append(self.ask(**fields)), daemon=True)
        thread.start()
        return thread


@pytest.fixture
def live_page(studio: FakeStudio) -> Iterator[LivePage]:
    yield LivePage(studio)
    studio.release()


@pytest.fixture
def live_page_of() -> type[LivePage]:
    """A page with models of the test's own."""
    return LivePage


class Site:
    """A page as it is served: Gradio's own routes to it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = httpx.Client(base_url=url, timeout=60, trust_env=False)
        self.component = next(part for part in self.http.get("config").json()["components"] if part["type"] == "html")

    def body(self, data: Any, function: str = "live_predict") -> dict[str, Any]:
        return {"data": data, "component_id": self.component["id"], "fn_name": function, "session_hash": "x"}

    def draw(self, person: str = "visitor", seq: int = 1, **fields: Any) -> dict[str, Any]:
        """One frame of a person at the page."""
        request = {"person": person, "seq": seq, "png": data_url(png(circle()))} | fields
        return self.http.post("gradio_api/component_server/", json=self.body(request)).json()

    def upload(self, name: str, data: bytes) -> str:
        return self.http.post("gradio_api/upload", files={"files": (name, data)}).json()[0]

    def call(self, name: str, *arguments: Any) -> str:
        """The last answer of an endpoint."""
        event = self.http.post(f"gradio_api/call/{name}", json={"data": arguments}).json()["event_id"]
        return self.http.get(f"gradio_api/call/{name}/{event}").text


@pytest.fixture(scope="session")
def site(served_page: str) -> Site:
    """The page with the fake model, in a child process."""
    return Site(served_page)


def wait_until(true: Callable[[], Any], seconds: float = 10.0) -> None:
    limit = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < limit, "it did not come true in time"
        time.sleep(0.005)


@pytest.fixture(name="wait_until")
def wait_until_fixture() -> Callable[..., None]:
    return wait_until


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(name="free_port")
def free_port_fixture() -> int:
    return free_port()


@contextlib.contextmanager
def served(command: list[str], url: str, root: Path, environment: dict[str, str] | None = None) -> Iterator[str]:
    """A server in a child process, once it answers; ended afterwards."""
    process = subprocess.Popen(
        command, cwd=root, env=os.environ | (environment or {}), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        limit = time.monotonic() + 120
        while True:
            assert process.poll() is None, f"the server ended: {process.stdout.read().decode()}"
            assert time.monotonic() < limit, "the server did not answer within 120 s"
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(url, timeout=2, trust_env=False).status_code == 200:
                    break
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


@pytest.fixture(scope="session")
def files_of_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where `served_page` keeps uploaded and returned pictures."""
    return tmp_path_factory.mktemp("gradio")


@pytest.fixture(scope="session")
def served_page(root: Path, files_of_page: Path) -> Iterator[str]:
    """The address of the page with the fake model, in a child process."""
    port = free_port()
    command = [sys.executable, "-m", "tests.page.fake_studio", "--port", str(port)]
    with served(command, f"http://127.0.0.1:{port}/", root, {"GRADIO_TEMP_DIR": str(files_of_page)}) as url:
        yield url
