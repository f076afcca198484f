"""Long bodies and huge pictures are refused before they are read."""

import asyncio
import json
import struct

import httpx
import numpy as np
import pytest
from PIL import Image

from sketch2photo.errors import ImageError
from sketch2photo.page import limits

LIMIT = 2**20


def call(app, chunks: list[bytes], headers: dict[str, str] | None = None) -> tuple[httpx.Response, int]:
    """The response to a body sent in chunks, and how many of them were asked for."""
    taken = 0

    async def body():
        nonlocal taken
        for chunk in chunks:
            taken += 1
            yield chunk

    async def post() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.post("/", content=body(), headers=headers)

    return asyncio.run(post()), taken


async def length_of_body(scope, receive, send) -> None:
    """An application that answers with the number of bytes it received."""
    seen, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RuntimeError("the client went away")
        seen += len(message.get("body", b""))
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(seen).encode()})


APP = limits.BodyLimit(length_of_body, limit=LIMIT)


def test_body_up_to_the_limit_passes():
    response, _ = call(APP, [b"x" * (LIMIT // 4)] * 4)
    assert (response.status_code, response.text) == (200, str(LIMIT))


def test_declared_length_over_the_limit_is_refused_unread():
    response, taken = call(APP, [b"x"] * 3, {"content-length": str(LIMIT + 1)})
    assert response.status_code == 413 and taken == 0
    assert response.json()["error"] == "the request is longer than 1 MB: send a smaller picture"


def test_chunks_are_counted_where_no_length_is_declared():
    response, taken = call(APP, [b"x" * (LIMIT // 2)] * 50)
    assert response.status_code == 413
    assert taken <= 4


@pytest.mark.parametrize("length", ["-1", "abc", "1e3", ""])
def test_length_that_is_no_number_is_refused(length):
    assert call(APP, [b"x"], {"content-length": length})[0].status_code == 413


def test_failure_of_the_application_is_a_sentence(caplog):
    async def fails(scope, receive, send):
        raise KeyError("of its own")

    response, _ = call(limits.BodyLimit(fails, limit=LIMIT), [b"x"])
    assert response.status_code == 500
    assert response.json()["error"] == "this request could not be understood: see docs/api.md"
    assert "POST / failed: KeyError('of its own')" in caplog.text


def test_failure_after_the_answer_began_comes_through():
    async def fails(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("of its own")

    with pytest.raises(RuntimeError, match="of its own"):
        call(limits.BodyLimit(fails, limit=LIMIT), [b"x"])


def test_other_kinds_of_connection_pass():
    seen = []

    async def app(scope, receive, send):
        seen.append(scope["type"])

    asyncio.run(limits.BodyLimit(app)({"type": "websocket"}, None, None))
    assert seen == ["websocket"]


def test_uploads_may_be_longer():
    async def put(path: str) -> int:
        transport = httpx.ASGITransport(app=limits.BodyLimit(length_of_body, limit=10, uploads=LIMIT))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return (await client.post(path, content=b"x" * 1000)).status_code

    assert asyncio.run(put("/gradio_api/upload")) == 200
    assert asyncio.run(put("/gradio_api/component_server/")) == 413


def test_slow_body_is_refused_after_its_time():
    async def slow():
        for _ in range(1000):
            yield b"x"
            await asyncio.sleep(0.05)

    async def post() -> httpx.Response:
        transport = httpx.ASGITransport(app=limits.BodyLimit(length_of_body, seconds=0.2))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.post("/", content=slow())

    response = asyncio.run(post())
    assert response.status_code == 408
    assert response.json()["error"] == "the request took longer than 0.2 seconds to arrive"


def test_bodies_on_their_way_are_limited_together_and_let_go():
    limit = limits.BodyLimit(length_of_body, limit=1000, together=2500)

    async def rest(go: asyncio.Event):
        yield b"x" * 900
        await go.wait()
        yield b"x"

    async def many() -> tuple[list[int], int, int]:
        go = asyncio.Event()
        transport = httpx.ASGITransport(app=limit)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            slow = [asyncio.create_task(client.post("/", content=rest(go))) for _ in range(2)]
            while limit.held < 1800:
                await asyncio.sleep(0.01)
            refused = await client.post("/", content=b"x" * 900)
            go.set()
            codes = [(await task).status_code for task in slow]
            return codes, refused.status_code, (await client.post("/", content=b"x" * 900)).status_code

    assert asyncio.run(asyncio.wait_for(many(), 30)) == ([200, 200], 503, 200)
    assert limit.held == 0


def header(width: int, height: int) -> bytes:
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I4sIIBBBBB", 13, b"IHDR", width, height, 8, 0, 0, 0, 0)
        + b"crc!"
        + b"\0" * 9
    )


def test_png_size_is_read_from_the_header(png):
    assert limits.png_size(png(np.zeros((20, 30), np.uint8))) == (30, 20)
    assert limits.png_size(header(70000, 2)) == (70000, 2)


@pytest.mark.parametrize(
    "data", [b"", b"\x89PNG\r\n\x1a\n", b"GIF89a" + b"\0" * 60, header(20, 20).replace(b"IHDR", b"IDAT")]
)
def test_what_is_no_png_is_refused(data):
    with pytest.raises(ImageError, match="not a PNG file"):
        limits.png_size(data)


@pytest.mark.parametrize("size", [(15, 64), (64, 15), (1025, 64), (64, 2**31)])
def test_png_of_another_size_is_refused(size):
    with pytest.raises(ImageError, match=f"the sketch is {size[0]} x {size[1]} pixels: send 16 to 1024 a side"):
        limits.check_png(header(*size), 1024)
    limits.check_png(header(16, 1024), 1024)


def test_picture_file_over_4096_is_refused_by_its_header(tmp_path):
    huge = tmp_path / "huge.png"
    Image.new("1", (5000, 16)).save(huge)
    with pytest.raises(ImageError, match="5000 x 16 pixels: send 16 to 4096 a side"):
        limits.check_picture(huge)
    text = tmp_path / "text.png"
    text.write_text("no picture")
    limits.check_picture(text)  # the decoder says what is wrong with it


def test_long_bodies_are_refused_by_the_page_as_served(served_page):
    """Through Gradio and uvicorn: JSON to the live path, which Gradio's own limit does not cover."""
    url = f"{served_page}gradio_api/component_server/"
    body = json.dumps({"data": {"png": "A" * (150 * 2**20)}}).encode()
    parts = (body[i : i + 2**16] for i in range(0, len(body), 2**16))
    for content in (body, parts):
        with httpx.Client(trust_env=False, timeout=30) as client:
            response = client.post(url, content=content, headers={"content-type": "application/json"})
        assert response.status_code == 413
        assert "longer than 2 MB" in response.json()["error"]
