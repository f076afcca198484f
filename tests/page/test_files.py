"""Files of visitors: a folder of the run's own, limited, gone at the end."""

import asyncio
import os

import httpx

from sketch2photo.page import limits


def test_folder_is_of_this_run_and_gone_at_its_end(monkeypatch):
    monkeypatch.delenv("GRADIO_TEMP_DIR", raising=False)
    with limits.own_folder() as folder:
        assert os.environ["GRADIO_TEMP_DIR"] == str(folder) and folder.is_dir()
        (folder / "sketch.png").write_bytes(b"x")
    assert not folder.exists() and "GRADIO_TEMP_DIR" not in os.environ


def test_folder_that_was_named_is_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    with limits.own_folder() as folder:
        assert folder == tmp_path
    assert tmp_path.is_dir() and os.environ["GRADIO_TEMP_DIR"] == str(tmp_path)


def test_no_uploads_while_there_is_no_room(tmp_path, monkeypatch):
    async def takes(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    monkeypatch.setattr(limits, "_SECONDS", -1.0)
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
