"""What is refused before it is looked at: long bodies, huge pictures, too many files; how many people are drawing."""

import asyncio
import os
import struct
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from sketch2photo.errors import ImageError, ServeError
from sketch2photo.page import limits

LIMIT = 2**20

# ---------------------------------------------------------------- bodies


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


# ---------------------------------------------------------------- pictures


def header(width: int, height: int) -> bytes:
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I4sIIBBBBB", 13, b"IHDR", width, height, 8, 0, 0, 0, 0)
        + b"crc!"
        + b"\0" * 9
    )


@pytest.mark.parametrize(
    "data", [b"", b"\x89PNG\r\n\x1a\n", b"GIF89a" + b"\0" * 60, header(20, 20).replace(b"IHDR", b"IDAT")]
)
def test_what_is_no_png_is_refused(data):
    with pytest.raises(ImageError, match="not a PNG file"):
        limits.check_png(data, 1024)


@pytest.mark.parametrize("size", [(15, 64), (64, 15), (1025, 64), (64, 2**31)])
def test_png_of_another_size_is_refused(size, png):
    with pytest.raises(ImageError, match=f"the sketch is {size[0]} x {size[1]} pixels: send 16 to 1024 a side"):
        limits.check_png(header(*size), 1024)
    limits.check_png(header(16, 1024), 1024)
    limits.check_png(png(np.zeros((20, 30), np.uint8)), 30)


def test_picture_file_over_4096_is_refused_by_its_header(tmp_path):
    huge = tmp_path / "huge.png"
    Image.new("1", (5000, 16)).save(huge)
    with pytest.raises(ImageError, match="5000 x 16 pixels: send 16 to 4096 a side"):
        limits.check_picture(huge)
    text = tmp_path / "text.png"
    text.write_text("no picture")
    limits.check_picture(text)  # the decoder says what is wrong with it


# ---------------------------------------------------------------- people


def test_everybody_counts_once_and_while_they_draw():
    now = 0.0
    people = limits.Visitors(lambda: now)
    assert [people.note(person) for person in ("a", "b", "a", "c")] == [1, 2, 2, 3]
    now = 0.9
    assert people.note("a") == 3
    now = 1.2
    assert people.note("d") == 2
    now = 100.0
    assert people.note("b") == 1


def test_made_up_ids_do_not_fill_the_memory():
    people = limits.Visitors(lambda: 0.0)
    for i in range(12_000):
        people.note(str(i))
    assert people.note("last") == 10_000


# ---------------------------------------------------------------- kept files


def test_folder_is_of_this_run_and_gone_at_its_end(monkeypatch):
    monkeypatch.delenv("GRADIO_TEMP_DIR", raising=False)
    with limits.own_folder() as folder:
        assert os.environ["GRADIO_TEMP_DIR"] == str(folder) and folder.is_dir()
        (folder / "sketch.png").write_bytes(b"x")
    assert not folder.exists() and "GRADIO_TEMP_DIR" not in os.environ


def test_folder_that_was_named_gets_one_of_the_page_and_keeps_its_own(monkeypatch, tmp_path):
    named = tmp_path / "deep" / "files"
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(named))
    with limits.own_folder() as folder:
        assert folder.parent == named and os.environ["GRADIO_TEMP_DIR"] == str(folder)
        (folder / "sketch.png").write_bytes(b"x")
        (named / "notes.txt").write_bytes(b"x")
    assert [path.name for path in named.iterdir()] == ["notes.txt"] and os.environ["GRADIO_TEMP_DIR"] == str(named)


def test_place_for_files_that_cannot_be_used_is_refused_in_a_sentence(monkeypatch, tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    refused = [tmp_path / "file", tmp_path / "file" / "below", Path("/proc/none"), Path("/dev/null")]
    for named in refused:
        monkeypatch.setenv("GRADIO_TEMP_DIR", str(named))
        with pytest.raises(ServeError, match=r"GRADIO_TEMP_DIR .* cannot hold the page's files"), limits.own_folder():
            pass
        assert os.environ["GRADIO_TEMP_DIR"] == str(named)


def test_files_of_others_do_not_count(monkeypatch, tmp_path, caplog):
    with (tmp_path / "film").open("wb") as film:
        film.truncate(limits.MAX_FILES + 1)  # takes no room
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    with limits.own_folder() as folder:
        assert limits.size(folder) == 0
    assert "has more than 1 GB of files that are not this page's: they stay" in caplog.text


def test_what_killed_pages_left_is_swept_and_nothing_else(monkeypatch, tmp_path):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    dead, foreign = tmp_path / "sketch2photo-dead", tmp_path / "sketch2photo-notes"
    for folder in (dead, foreign):
        folder.mkdir()
        (folder / "sketch.png").write_bytes(b"x")
    (dead / ".sketch2photo.lock").touch()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / ".sketch2photo.lock").touch()
    (tmp_path / "sketch2photo-link").symlink_to(tmp_path / "elsewhere")
    with limits.own_folder() as first:
        monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
        with limits.own_folder() as second:
            assert first.is_dir() and second.is_dir() and not dead.exists()
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"sketch2photo-notes", "elsewhere", "sketch2photo-link"}
    assert (foreign / "sketch.png").is_file() and (tmp_path / "elsewhere" / ".sketch2photo.lock").is_file()


def test_no_uploads_while_there_is_no_room(tmp_path, monkeypatch):
    async def takes(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    monkeypatch.setattr(limits, "_MEASURED_SECONDS", -1.0)
    limit = limits.UploadLimit(takes, tmp_path, most=1000)

    def post(path: str) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app=limit)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                return await client.post(path)

        return asyncio.run(send())

    assert post("/gradio_api/upload").status_code == 200
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "sketch.png").write_bytes(b"x" * 1001)
    assert limits.size(tmp_path) == 1001
    refused = post("/gradio_api/upload")
    assert refused.status_code == 503
    assert refused.json()["error"] == "there is no room for more files right now: try again in some minutes"
    assert post("/gradio_api/component_server/").status_code == 200
    (tmp_path / "deep" / "sketch.png").unlink()
    assert post("/gradio_api/upload").status_code == 200


def test_limits_are_what_the_documents_say(root):
    text = (root / "docs" / "api.md").read_text(encoding="utf-8")
    bodies = f"Files over {limits.MAX_UPLOAD >> 20} MB, other requests over {limits.MAX_BODY >> 20} MB"
    assert bodies in text and f"more than {limits.MAX_SECONDS:g} seconds to arrive" in text
