"""app.py and opening the page: what goes wrong is one sentence and exit code 2; what goes well is quiet."""

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

from sketch2photo import cli
from sketch2photo.errors import ServeError
from sketch2photo.page.server import check_address, has_screen, parse_auth, parse_port
from tests.commands import answer

SECONDS = 120


def run(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(root / "app.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)


@pytest.fixture(autouse=True)
def no_address_in_the_environment(monkeypatch):
    for name in ("GRADIO_SERVER_NAME", "GRADIO_SERVER_PORT"):
        monkeypatch.delenv(name, raising=False)


def refusal(*arguments: str) -> str:
    """What app.py says to arguments that it refuses."""
    said = answer("app.py", *arguments).sentence
    assert said.startswith("app.py: ")
    return said.removeprefix("app.py: ")


def test_folder_that_is_no_checkpoint(tmp_path, free_port):
    missing = refusal("--checkpoint", str(tmp_path / "none"), "--port", str(free_port))
    assert "there is no folder" in missing and "none" in missing
    assert "is not a released model" in refusal("--checkpoint", str(tmp_path), "--port", str(free_port))


def test_port_in_use(root):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        result = run(root, "--port", str(port))
    sentence = f"app.py: port {port} is in use: close the program that has it, or choose another with --port\n"
    assert (result.returncode, result.stdout, result.stderr) == (2, "", sentence)


@pytest.mark.parametrize("port", ["0", "65536", "-1", "7860.5", "http", ""])
def test_bad_port(port):
    assert f"port {port!r} is not a port: choose a whole number" in refusal(f"--port={port}")


def test_bad_port_of_the_environment(monkeypatch):
    monkeypatch.setenv("GRADIO_SERVER_PORT", "abc")
    assert "port 'abc' is not a port" in refusal()


def test_bad_host(free_port):
    unknown = refusal("--host", "no.such.host.invalid", "--port", str(free_port))
    assert "host 'no.such.host.invalid' is not known" in unknown
    assert "names a network card" in refusal("--host", "fe80::1%eth0", "--port", str(free_port))
    other = refusal("--host", "192.0.2.1", "--port", str(free_port))
    assert f"192.0.2.1:{free_port} cannot be opened" in other


@pytest.mark.parametrize("auth", ["secret", ":secret", "user:", ":", ""])
def test_malformed_auth_is_refused_and_not_repeated(auth):
    assert refusal(f"--auth={auth}") == "--auth must be USER:PASSWORD, with something on either side of the colon"


def test_unknown_option():
    assert "--prot" in refusal("--prot", "80")


def test_auth_keeps_colons_of_the_password():
    assert parse_auth("me:a:b") == ("me", "a:b")
    assert parse_auth(None) is None


def test_defaults_come_from_gradios_environment(monkeypatch):
    def asked() -> tuple[str, int]:
        options = cli.parse("app", [])
        return options.host, parse_port(options.port)

    monkeypatch.delenv("GRADIO_SERVER_NAME", raising=False)
    monkeypatch.delenv("GRADIO_SERVER_PORT", raising=False)
    assert asked() == ("127.0.0.1", 7860)
    monkeypatch.setenv("GRADIO_SERVER_NAME", "0.0.0.0")
    monkeypatch.setenv("GRADIO_SERVER_PORT", "7001")
    assert asked() == ("0.0.0.0", 7001)


def test_free_address_passes_and_is_left_free(free_port):
    check_address("127.0.0.1", free_port)
    check_address("127.0.0.1", free_port)


def test_port_of_the_system_is_explained(monkeypatch):
    def refuse(self, address):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(ServeError, match="port 80 needs special rights: choose one from 1024"):
        check_address("127.0.0.1", 80)


def test_tab_is_opened_only_where_someone_would_see_it(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert has_screen()
    monkeypatch.setattr(sys.stdout, "isatty", lambda: False, raising=False)
    assert not has_screen()
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.delenv("DISPLAY")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert not has_screen()


# What is started in the background of a shell inherits that Ctrl-C is ignored, and would wait for ever.
SERVE = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from tests.page.fake_studio import FakeStudio
from sketch2photo.page.server import serve
from sketch2photo.errors import exit_on_user_error
class Slow(FakeStudio):
    def warm_up(self):
        print("warming up", flush=True)
        super().warm_up()
with exit_on_user_error("test"):
    serve(Slow(), port=int(sys.argv[1]), **eval(sys.argv[2]))
"""


class Server:
    """`serve` in a child process, and the lines it prints."""

    def __init__(self, root: Path, port: int, options: str = "{}", **environment: str) -> None:
        self.url = f"http://127.0.0.1:{port}/"
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(port), options],
            cwd=root,
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        # A server that hangs would otherwise hang readline().
        self.limit = threading.Timer(SECONDS, self.process.kill)
        self.limit.start()

    def line(self) -> str:
        return self.process.stdout.readline().rstrip("\n")

    def end(self, number: signal.Signals) -> tuple[int, str, str]:
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=30)
        self.limit.cancel()
        return self.process.returncode, out, err


def test_start_on_hugging_face_spaces(root, free_port, tmp_path, png, circle):
    """As Spaces starts app.py: no arguments, the address in the environment; SIGTERM at the end, which is quiet."""
    space = {"SYSTEM": "spaces", "SPACE_ID": "ada/sketch2photo", "GRADIO_SERVER_NAME": "0.0.0.0"}
    server = Server(root, free_port, "{'host': '0.0.0.0'}", TMPDIR=str(tmp_path), **space)
    # The model is warm before the address is printed.
    assert [server.line(), server.line()] == ["warming up", f"sketch2photo is at http://localhost:{free_port}/"]
    with httpx.Client(base_url=server.url, trust_env=False, timeout=30) as http:
        assert http.get("").status_code == 200
        sent = http.post("gradio_api/upload", files={"files": ("sketch.png", png(circle()), "image/png")})
    path = Path(sent.json()[0])
    assert path.is_relative_to(tmp_path) and path.is_file()
    assert server.end(signal.SIGTERM) == (0, "", "")
    # Files of a run are gone at its end.
    assert not path.exists() and not list(tmp_path.glob("sketch2photo-*"))


@pytest.mark.slow
@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_start_at_an_ipv6_address(root, free_port, host):
    try:
        check_address(host, free_port)
    except ServeError:
        pytest.skip("needs IPv6")
    server = Server(root, free_port, f"{{'host': '{host}'}}", http_proxy="http://127.0.0.1:9")
    assert [server.line(), server.line()] == ["warming up", f"sketch2photo is at http://[::1]:{free_port}/"]
    assert httpx.get(f"http://[::1]:{free_port}/", trust_env=False, timeout=30).status_code == 200
    assert server.end(signal.SIGINT) == (0, "", "")


@pytest.mark.slow
def test_start_with_proxies_that_cannot_be_used_and_what_a_killed_page_left(root, free_port, tmp_path, png, circle):
    odd = {
        "ALL_PROXY": "socks4://127.0.0.1:9",
        "all_proxy": "socks5://me:secret@127.0.0.1:9",
        "HTTPS_PROXY": "127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:port",
        "NO_PROXY": "[::1],example.org",
    }
    environment = odd | {"GRADIO_TEMP_DIR": str(tmp_path)}
    (tmp_path / "notes.txt").touch()
    killed = Server(root, free_port, **environment)
    assert [killed.line(), killed.line()] == ["warming up", f"sketch2photo is at {killed.url}"]
    with httpx.Client(base_url=killed.url, trust_env=False, timeout=30) as http:
        sent = http.post("gradio_api/upload", files={"files": ("sketch.png", png(circle()), "image/png")})
    path = Path(sent.json()[0])
    assert path.is_relative_to(tmp_path) and path.is_file()
    code, _, said = killed.end(signal.SIGKILL)
    assert code == -signal.SIGKILL and "secret" not in said
    assert [line for line in said.splitlines() if "proxy" in line] == [
        f"{name} is not used: it is no address of an http:// or https:// proxy"
        for name in ("ALL_PROXY", "all_proxy", "http_proxy")
    ]
    assert path.is_file()
    server = Server(root, free_port, **environment)
    assert [server.line(), server.line()] == ["warming up", f"sketch2photo is at {server.url}"]
    assert not path.exists() and len(list(tmp_path.iterdir())) == 2
    server.end(signal.SIGTERM)
    assert [left.name for left in tmp_path.iterdir()] == ["notes.txt"]


def test_folder_for_files_that_cannot_be_used_is_a_sentence(root, free_port, tmp_path):
    (tmp_path / "file").touch()
    server = Server(root, free_port, GRADIO_TEMP_DIR=str(tmp_path / "file"))
    out, err = server.process.communicate(timeout=60)
    server.limit.cancel()
    assert (server.process.returncode, out) == (2, "")
    assert err.startswith("test: GRADIO_TEMP_DIR (") and err.count("\n") == 1


def test_start_behind_a_proxy_without_network(root, free_port):
    """The page opens all the same, asks for the password and says that there is no share link; Ctrl-C ends it."""
    proxies = dict.fromkeys(
        ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"), "http://127.0.0.1:9"
    )
    server = Server(root, free_port, "{'share': True, 'auth': ('me', 'a:b')}", **proxies)
    assert [server.line() for _ in range(3)] == [
        "warming up",
        f"sketch2photo is at {server.url}",
        "no share link could be made (is there a network?): the page goes on at the address above",
    ]
    with httpx.Client(base_url=server.url, trust_env=False, timeout=30) as http:
        body = {"data": {}, "component_id": 1, "fn_name": "live_predict", "session_hash": "x"}
        assert http.get("config").status_code == 401
        assert http.post("gradio_api/component_server/", json=body).status_code == 401
        assert http.post("login", data={"username": "me", "password": "wrong"}).status_code == 400
        assert http.post("login", data={"username": "me", "password": "a:b"}).status_code == 200
        assert http.get("config").status_code == 200
    assert server.end(signal.SIGINT) == (0, "", "")
