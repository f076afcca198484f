"""Payloads made to harm, against the page as it is served: refused with a short reason, memory and others unharmed."""

import base64
import concurrent.futures
import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.page.conftest import Site, circle, data_url, png

SECONDS = 60
MEGABYTE = 2**20
SVG = b"""<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="64" height="64">
<script>fetch("http://127.0.0.1:1/")</script><image xlink:href="file:///etc/passwd" width="9" height="9"/></svg>"""


@pytest.fixture(scope="module")
def target(site: Site) -> Site:
    """The page, after its first calls: its memory is what it will be."""
    for number in range(20):
        assert site.draw(seq=number)["photo"]
    assert "event: complete" in predict(site, site.upload("a.png", png(circle())))
    return site


def predict(site: Site, path: str, *arguments: Any) -> str:
    return site.call("predict", {"path": path, "meta": {"_type": "gradio.FileData"}}, *arguments)


def memory(site: Site) -> int:
    """Bytes that the server has in memory."""
    port = httpx.URL(site.url).port
    for status in Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError):
            command = (status.parent / "cmdline").read_bytes().split(b"\0")
            if b"tests.page.fake_studio" in command and str(port).encode() in command:
                text = status.read_text()
                return 1024 * next(int(line.split()[1]) for line in text.splitlines() if line.startswith("VmRSS"))
    pytest.skip("needs /proc to see the server's memory")


@pytest.fixture
def unharmed(target: Site) -> Iterator[None]:
    """Memory is about what it was, and the page still paints."""
    before = memory(target)
    yield
    assert target.draw("somebody else")["photo"]
    assert memory(target) - before < 60 * MEGABYTE


def error(answer: str) -> str:
    assert "event: error" in answer, answer
    return json.loads(answer.split("data: ", 1)[1].splitlines()[0])["error"]


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize("way", ["live, length declared", "live, in chunks", "upload", "call"])
def test_body_of_150_megabytes(target, way):
    size = 150 * MEGABYTE

    def body() -> Iterator[bytes]:
        yield b'{"data": "'
        for _ in range(size // 2**16):
            yield b"A" * 2**16

    place = {"upload": "upload", "call": "call/predict"}.get(way, "component_server/")
    headers = {"content-type": "application/json"}
    if way == "upload":
        headers["content-type"] = "multipart/form-data; boundary=x"
    if way != "live, in chunks":
        headers["content-length"] = str(size + 10)
    started = time.monotonic()
    with contextlib.suppress(httpx.WriteError, httpx.ReadError):  # the server may hang up while we still send
        response = target.http.post(f"gradio_api/{place}", content=body(), headers=headers)
        assert response.status_code == 413 and "MB: send a smaller picture" in response.json()["error"]
    assert time.monotonic() - started < 30


@pytest.mark.usefixtures("unharmed")
def test_small_file_of_169_megapixels(target, bomb):
    assert "13000 x 13000 pixels: send 16 to 1024" in target.draw(png=data_url(bomb))["error"]
    path = target.upload("bomb.png", bomb)
    assert "send 16 to 4096 a side" in error(predict(target, path))
    file = {"path": path, "meta": {"_type": "gradio.FileData"}}
    assert "send 16 to 4096 a side" in error(target.call("predict_batch", [file] * 16))


@pytest.mark.usefixtures("unharmed")
def test_svg_with_script_and_references(target):
    url = "data:image/svg+xml;base64," + base64.b64encode(SVG).decode()
    assert "the sketch is not a PNG file" in target.draw(png=url)["error"]
    assert "the sketch is not a PNG file" in target.draw(png=data_url(SVG))["error"]
    path = target.upload("drawing.svg", SVG)
    assert "holds no lines" in error(predict(target, path))
    # What was sent comes back as a download, not as a page that runs.
    answer = target.http.get(f"gradio_api/file={path}")
    assert answer.status_code in (403, 404) or "attachment" in answer.headers.get("content-disposition", "")


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize("path", ["http://127.0.0.1:1/sketch.png", "https://example.org/s.png", "file:///etc/passwd"])
def test_addresses_are_not_fetched(target, path):
    reasons = ("addresses are not fetched: upload the sketch", "an argument is not what this call takes")
    assert error(predict(target, path)).startswith(reasons)


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize("path", ["/etc/passwd", "../../../../etc/passwd", "/proc/self/environ", "\0", ""])
def test_files_of_the_server_are_not_read(target, path):
    reason = error(predict(target, path))
    assert reason and "root:" not in reason and len(reason) < 200


FIELDS = {
    "not a number": ({"seed": "NaN"}, "seed is 'NaN'"),
    "unknown category": ({"category": "unicorn"}, "unknown category 'unicorn'"),
    "no picture": ({"png": None}, "the sketch is not a PNG file"),
    "no person": ({"person": None}, "person is of type NoneType"),
    "no number": ({"seq": None}, "seq is 'None'"),
    "no PNG": ({"png": data_url(b"GIF89a" + b"\0" * 100)}, "the sketch is not a PNG file"),
    "endless text": ({"category": "x" * 100_000}, "category has 100000 characters: send at most 64"),
    "long person": ({"person": "x" * 100_000}, "person has 100000 characters: send at most 64"),
}


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize(("fields", "sentence"), FIELDS.values(), ids=FIELDS)
def test_wrong_fields(target, fields, sentence):
    reason = target.draw(**fields)["error"]
    assert sentence in reason and len(reason) < 250


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400", "9" * 4000])
def test_numbers_that_are_none(target, number):
    """JSON that Python reads although it is none."""
    text = json.dumps(target.body({"person": "p", "seq": 1, "png": data_url(png(circle())), "seed": 0}))
    text = text.replace('"seed": 0', f'"seed": {number}')
    headers = {"content-type": "application/json"}
    response = target.http.post("gradio_api/component_server/", content=text, headers=headers)
    assert response.status_code in (200, 400)
    if response.status_code == 200:
        assert "send a whole number from 0 to" in response.json()["error"]
    path = target.upload("a.png", png(circle()))
    text = json.dumps({"data": [{"path": path, "meta": {"_type": "gradio.FileData"}}, "auto", "", 0]})
    response = target.http.post("gradio_api/call/predict", content=f"{text[:-3]}{number}]}}", headers=headers)
    if response.status_code == 200:
        answer = target.http.get(f"gradio_api/call/predict/{response.json()['event_id']}").text
        assert "event: error" in answer
    else:
        assert response.status_code in (400, 422)


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100_000, '{"data": 1}', '{"data": {}, "fn_name": "x"}'])
def test_bodies_that_are_no_request(target, text):
    headers = {"content-type": "application/json"}
    response = target.http.post("gradio_api/component_server/", content=text, headers=headers)
    assert 400 <= response.status_code < 500 and len(response.text) < 300


@pytest.mark.usefixtures("unharmed")
def test_unknown_components_and_functions_are_refused(target):
    for change in ({"component_id": 10**6}, {"component_id": "x"}, {"fn_name": "__init__"}, {"fn_name": "nothing"}):
        response = target.http.post("gradio_api/component_server/", json=target.body({}) | change)
        assert 400 <= response.status_code < 600 and len(response.text) < 300


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize("kind", ["headers", "body"])
def test_hundred_slow_clients(target, kind):
    """They hold a connection and send a byte now and then; somebody who draws does not notice."""
    address = ("127.0.0.1", httpx.URL(target.url).port)
    start = b"POST /gradio_api/component_server/ HTTP/1.1\r\nHost: x\r\n"
    if kind == "body":
        start += b"Content-Type: application/json\r\nContent-Length: 1000000\r\n\r\n" + b"{" * 200_000
    alone = seconds_to_draw(target)
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(socket.create_connection(address, timeout=SECONDS)) for _ in range(100)]
        for connection in slow:
            connection.sendall(start)
        over = threading.Event()

        def drip() -> None:
            while not over.wait(0.2):
                for connection in slow:
                    with contextlib.suppress(OSError):
                        connection.send(b"x")

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        among = seconds_to_draw(target)
        over.set()
        thread.join(10)
    assert among < 5 * alone + 1.0  # the machine may be busy with other work


def seconds_to_draw(target: Site) -> float:
    """The median of twenty photos."""
    waits = []
    for number in range(20):
        started = time.perf_counter()
        assert target.draw("quick", 100 + number)["photo"]
        waits.append(time.perf_counter() - started)
    return sorted(waits)[10]


@pytest.mark.usefixtures("unharmed")
def test_flood_of_one_person_leaves_the_others_their_turn(target):
    over = threading.Event()

    def flood(number: int) -> int:
        sent = 0
        with httpx.Client(base_url=target.url, timeout=SECONDS, trust_env=False) as http:
            while not over.is_set():
                request = {"person": "greedy", "seq": sent, "png": data_url(png(circle()))}
                http.post("gradio_api/component_server/", json=target.body(request))
                sent += 1
        return sent

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        floods = [pool.submit(flood, i) for i in range(8)]
        waits = seconds_to_draw(target)
        over.set()
        assert sum(each.result(SECONDS) for each in floods) > 0
    assert waits < 5.0
