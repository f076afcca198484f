"""app.py and opening the page: what goes wrong is one sentence and exit code 2; what goes well is quiet."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from sketch2photo.errors import ServeError
from sketch2photo.page.server import check_address, default_host, default_port, has_screen, parse_auth, parse_port

SECONDS = 120


def run(root: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(root / "app.py"), *arguments]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GRADIO_SERVER")}
    return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, env=clean | environment)


def refusal(result: subprocess.CompletedProcess[str]) -> str:
    assert result.returncode == 2, result.stderr
    assert result.stdout == ""
    assert result.stderr.startswith("app.py: ") and result.stderr.count("\n") == 1, result.stderr
    return result.stderr.removeprefix("app.py: ").strip()


def test_help_lists_the_options(root):
    text = run(root, "--help").stdout
    options = re.findall(r"^  (-.+?)(?:  |$)", text, re.MULTILINE)
    assert options == [
        "-h, --help",
        "--checkpoint DIR",
        "--host HOST",
        "--port PORT",
        "--share",
        "--auth USER:PASSWORD",
        "--open, --no-open",
    ]


def test_help_imports_nothing_slow(root):
    code = (
        "import sys, app\n"
        "try: app.parse(['--help'])\n"
        "except SystemExit: pass\n"
        "slow = {'jax', 'gradio', 'numpy', 'cv2'} & set(sys.modules)\n"
        "assert not slow, slow\n"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=SECONDS)
    assert result.returncode == 0, result.stderr


def test_help_answers_at_once(root):
    def seconds() -> float:
        started = time.perf_counter()
        run(root, "--help")
        return time.perf_counter() - started

    # The best of five: other work on the machine makes single starts slow.
    assert min(seconds() for _ in range(5)) < 0.5


def test_missing_checkpoint(root, tmp_path, free_port):
    sentence = refusal(run(root, "--checkpoint", str(tmp_path / "none"), "--port", str(free_port)))
    assert "there is no folder" in sentence and "none" in sentence


def test_folder_that_is_no_checkpoint(root, tmp_path, free_port):
    assert "is not a released model" in refusal(run(root, "--checkpoint", str(tmp_path), "--port", str(free_port)))


def test_port_in_use(root):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        sentence = refusal(run(root, "--port", str(port)))
    assert sentence == f"port {port} is in use: close the program that has it, or choose another with --port"


@pytest.mark.parametrize("port", ["0", "65536", "-1", "7860.5", "http", ""])
def test_bad_port(root, port):
    assert f"port {port!r} is not a port: choose a whole number" in refusal(run(root, f"--port={port}"))


def test_bad_port_of_the_environment(root):
    assert "port 'abc' is not a port" in refusal(run(root, GRADIO_SERVER_PORT="abc"))


def test_bad_host(root, free_port):
    sentence = refusal(run(root, "--host", "no.such.host.invalid", "--port", str(free_port)))
    assert "host 'no.such.host.invalid' is not known" in sentence
    sentence = refusal(run(root, "--host", "192.0.2.1", "--port", str(free_port)))
    assert f"192.0.2.1:{free_port} cannot be opened" in sentence


@pytest.mark.parametrize("auth", ["secret", ":secret", "user:", ":", ""])
def test_malformed_auth_is_refused_and_not_repeated(root, auth):
    sentence = refusal(run(root, f"--auth={auth}"))
    assert sentence == "--auth must be USER:PASSWORD, with something on either side of the colon"


def test_unknown_option(root):
    assert "--prot" in refusal(run(root, "--prot", "80"))


def test_auth_keeps_colons_of_the_password():
    assert parse_auth("me:a:b") == ("me", "a:b")
    assert parse_auth(None) is None


def test_defaults_come_from_gradios_environment(monkeypatch):
    monkeypatch.delenv("GRADIO_SERVER_NAME", raising=False)
    monkeypatch.delenv("GRADIO_SERVER_PORT", raising=False)
    assert (default_host(), parse_port(default_port())) == ("127.0.0.1", 7860)
    monkeypatch.setenv("GRADIO_SERVER_NAME", "0.0.0.0")
    monkeypatch.setenv("GRADIO_SERVER_PORT", "7001")
    assert (default_host(), parse_port(default_port())) == ("0.0.0.0", 7001)


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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_model_is_warm_before_the_address_is_printed_and_the_end_is_quiet(root, free_port, number):
    server = Server(root, free_port)
    assert server.line() == "warming up"
    assert server.line() == f"sketch2photo is at {server.url}"
    import httpx

    assert httpx.get(server.url, trust_env=False, timeout=30).status_code == 200
    assert server.end(number) == (0, "", "")


def test_share_without_network_is_one_sentence_and_the_page_goes_on(root, free_port):
    nowhere = "http://127.0.0.1:9"
    server = Server(root, free_port, "{'share': True}", HTTPS_PROXY=nowhere, https_proxy=nowhere, ALL_PROXY=nowhere)
    assert [server.line() for _ in range(3)] == [
        "warming up",
        f"sketch2photo is at {server.url}",
        "no share link could be made (is there a network?): the page goes on at the address above",
    ]
    import httpx

    assert httpx.get(server.url, trust_env=False, timeout=30).status_code == 200
    assert server.end(signal.SIGINT) == (0, "", "")


def test_start_on_hugging_face_spaces(root, free_port):
    """As Spaces starts app.py: no arguments, the address in the environment."""
    space = {"SYSTEM": "spaces", "SPACE_ID": "ada/sketch2photo", "GRADIO_SERVER_NAME": "0.0.0.0"}
    server = Server(root, free_port, "{'host': '0.0.0.0'}", **space)
    assert [server.line(), server.line()] == ["warming up", f"sketch2photo is at http://localhost:{free_port}/"]
    import httpx

    assert httpx.get(server.url, trust_env=False, timeout=30).status_code == 200
    assert server.end(signal.SIGTERM) == (0, "", "")


def test_files_of_a_run_are_gone_at_its_end(root, free_port, tmp_path, png, circle):
    server = Server(root, free_port, TMPDIR=str(tmp_path))
    assert [server.line(), server.line()][1] == f"sketch2photo is at {server.url}"
    import httpx

    sent = {"files": ("sketch.png", png(circle()), "image/png")}
    answer = httpx.post(f"{server.url}gradio_api/upload", files=sent, trust_env=False, timeout=30)
    path = Path(answer.json()[0])
    assert path.is_relative_to(tmp_path) and path.is_file()
    assert server.end(signal.SIGTERM) == (0, "", "")
    assert not path.exists() and not list(tmp_path.glob("sketch2photo-*"))


def test_page_opens_behind_a_proxy_setting_and_asks_for_the_password(root, free_port):
    nowhere = "http://127.0.0.1:9"
    proxies = dict.fromkeys(("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"), nowhere)
    server = Server(root, free_port, "{'auth': ('me', 'a:b')}", **proxies)
    assert [server.line(), server.line()][1] == f"sketch2photo is at {server.url}"
    import httpx

    with httpx.Client(base_url=server.url, trust_env=False, timeout=30) as http:
        body = {"data": {}, "component_id": 1, "fn_name": "live_predict", "session_hash": "x"}
        assert http.get("config").status_code == 401
        assert http.post("gradio_api/component_server/", json=body).status_code == 401
        assert http.post("login", data={"username": "me", "password": "wrong"}).status_code == 400
        assert http.post("login", data={"username": "me", "password": "a:b"}).status_code == 200
        assert http.get("config").status_code == 200
    assert server.end(signal.SIGINT)[0] == 0
