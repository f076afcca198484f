"""Fetching raw data, from a server on the loopback that breaks off, changes and refuses."""

import hashlib
import io
import json
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sketch2photo.data import archives
from sketch2photo.data.store import open_dataset
from sketch2photo.errors import ConfigError, DataError
from tests.data.raw_files import draw_raw_photos, prepare


class Server(ThreadingHTTPServer):
    """Serves one file; says what it was asked for."""

    def __init__(self, content: bytes):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.etag = content, '"one"'
        self.break_after: list[int] = []
        """For the next requests: the bytes after which the connection breaks."""
        self.ranges: list[str | None] = []
        self.status = 200
        self.kind = "application/zip"

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/sets/my%20shapes.zip"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self):
        server = self.server
        asked = self.headers.get("Range")
        server.ranges.append(asked)
        if server.status != 200:
            self.send_error(server.status)
            return
        start = 0
        if asked and self.headers.get("If-Range") == server.etag:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
        if start >= len(server.content) and start:
            self.send_error(416)
            return
        body = server.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Type", server.kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", server.etag)
        self.end_headers()
        if server.break_after:
            body = body[: server.break_after.pop(0)]
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(tmp_path):
    raw = draw_raw_photos(tmp_path / "raw", 4)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for file in sorted(raw.rglob("*.png")):
            archive.write(file, file.relative_to(raw).as_posix())
    with Server(packed.getvalue()) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join(10)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(archives.time, "sleep", lambda _: None)


def test_photos_from_an_address(server, tmp_path, capsys):
    options = ("--downloads", tmp_path / "kept", "--out", tmp_path / "out", "--size", 32, "--licence", "CC0")
    prepare("photos", "--download", server.url, *options)
    dataset = open_dataset(tmp_path / "out")
    assert sum(dataset.sizes.values()) == 8 and dataset.sources() == {"my shapes": "CC0"}
    actual = hashlib.sha256(server.content).hexdigest()
    assert (tmp_path / "kept" / "my shapes.zip.sha256").read_text() == f"{actual}  my shapes.zip\n"
    assert sorted(p.name for p in (tmp_path / "kept").iterdir()) == ["my shapes.zip", "my shapes.zip.sha256"]
    assert f"sha256 {actual} recorded" in capsys.readouterr().err
    prepare("photos", "--download", server.url, *options, "--overwrite")
    assert len(server.ranges) == 1, "the second time it is there"


def test_a_broken_connection_is_gone_on_with(server, tmp_path):
    server.break_after = [1000, 2000]
    said: list[str] = []
    path = archives.fetch(server.url, tmp_path / "kept", say=said.append)
    assert path.read_bytes() == server.content
    assert server.ranges == [None, "bytes=1000-", "bytes=3000-"]
    assert any("going on at byte 1,000" in text for text in said)


def test_a_stopped_download_is_gone_on_with(server, tmp_path):
    server.break_after = [1000, *[0] * 20]
    with pytest.raises(DataError, match=r"cannot be reached .* the 1,000 bytes that came are kept for the next try"):
        archives.fetch(server.url, tmp_path / "kept", say=lambda _: None)
    server.break_after, server.ranges = [], []
    assert archives.fetch(server.url, tmp_path / "kept", say=lambda _: None).read_bytes() == server.content
    assert server.ranges == ["bytes=1000-"]


def test_a_file_that_changed_meanwhile_is_fetched_whole(server, tmp_path):
    server.break_after = [1000, *[0] * 20]
    with pytest.raises(DataError):
        archives.fetch(server.url, tmp_path / "kept", say=lambda _: None)
    server.break_after, server.etag = [], '"two"'
    server.content = server.content[::-1]
    assert archives.fetch(server.url, tmp_path / "kept", say=lambda _: None).read_bytes() == server.content


def test_a_part_longer_than_the_file_begins_anew(server, tmp_path):
    (tmp_path / "my shapes.zip.part").write_bytes(bytes(len(server.content) + 5))
    (tmp_path / "my shapes.zip.part.json").write_text(json.dumps({"url": server.url, "version": server.etag}))
    assert archives.fetch(server.url, tmp_path, say=lambda _: None).read_bytes() == server.content


def test_hashes(server, tmp_path):
    right, wrong = hashlib.sha256(server.content).hexdigest(), "0" * 64
    with pytest.raises(DataError, match=f"has the sha256 {right}, but --sha256 says {wrong}: remove the file"):
        archives.fetch(server.url, tmp_path, sha256=wrong, say=lambda _: None)
    archives.fetch(server.url, tmp_path, sha256=right.upper(), say=lambda _: None)
    path = tmp_path / "my shapes.zip"
    path.write_bytes(b"another file")
    with pytest.raises(DataError, match="recorded at first use"):
        archives.fetch(server.url, tmp_path, say=lambda _: None)
    path.unlink()
    with pytest.raises(ConfigError, match="give its 64 hexadecimal digits"):
        archives.fetch(server.url, tmp_path, sha256="abc", say=lambda _: None)


def test_refusals(server, tmp_path):
    server.status = 404
    with pytest.raises(DataError, match="answers 404 Not Found: check the address"):
        archives.fetch(server.url, tmp_path, say=lambda _: None)
    server.status = 503
    with pytest.raises(DataError, match="cannot be reached"):
        archives.fetch(server.url, tmp_path, say=lambda _: None)
    server.status, server.kind = 200, "text/html"
    with pytest.raises(DataError, match="answers with a web page"):
        archives.fetch(server.url, tmp_path, say=lambda _: None)
    assert not (tmp_path / "my shapes.zip").exists()


def test_no_network(tmp_path, refused, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    said = refused(
        *("photos", "--download", "http://127.0.0.1:9/photos.zip", "--downloads", tmp_path / "kept"),
        *("--out", tmp_path / "out"),
    )
    assert "127.0.0.1 cannot be reached (" in said and "check the network, or fetch" in said
    assert not (tmp_path / "out").exists()


def test_what_is_no_address(tmp_path, refused):
    out = ("--out", tmp_path / "out", "--downloads", tmp_path)
    assert "did you mean 'facades'?" in refused("pairs", "--download", "facade", *out)
    assert "is read by: prepare_data.py pairs" in refused("photos", "--download", "facades", *out)
    assert "does not name an archive" in refused("photos", "--download", "http://example.org/index.html", *out)
    assert "is not an address" in refused("photos", "--download", "file:///etc/passwd.zip", *out)
    assert "give one of them" in refused("photos", "--raw", tmp_path, "--download", "http://a.org/a.zip", *out)
    assert "give --download as well" in refused("photos", "--raw", tmp_path, "--sha256", "0" * 64, *out)


def test_known_sets_name_archives_and_readers():
    for name, known in archives.KNOWN.items():
        assert known.url.startswith("http") and archives.is_archive(archives.Path(known.file)), name
        assert known.source in ("pairs", "sketchy") and known.licence
    assert archives.KNOWN["facades"].direction == "BtoA"
