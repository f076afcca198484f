"""app.py in a child process, and a drawing to send to it."""

import contextlib
import math
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parent.parent


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def app(checkpoint: Path, **environment: str) -> Iterator[tuple[str, subprocess.Popen]]:
    """app.py on a free port, once it answers: its address and its process."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    command = [sys.executable, "app.py", "--no-open", "--port", str(port), "--checkpoint", str(checkpoint)]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, env=dict(os.environ) | environment)
    try:
        wait_until_it_answers(url, server)
        yield url, server
    finally:
        server.terminate()
        server.wait(20)


def wait_until_it_answers(url: str, server: subprocess.Popen) -> None:
    """Until the page is served; `SystemExit` if the server ends or takes ten minutes."""
    limit = time.monotonic() + 600
    while time.monotonic() < limit:
        if server.poll() is not None:
            raise SystemExit("app.py ended before it answered (see above)")
        # A bare connection: a request every few milliseconds would slow down what is being started.
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", httpx.URL(url).port), timeout=2):
            if httpx.get(url, timeout=60, trust_env=False).status_code == 200:
                return
        time.sleep(0.02)
    raise SystemExit("app.py did not answer within ten minutes")


def wheel(x: float, y: float, radius: float) -> list[tuple[float, float]]:
    """A circle as points."""
    turns = [i / 24 * math.tau for i in range(25)]
    return [(x + radius * math.cos(turn), y + radius * math.sin(turn)) for turn in turns]


CAR = [
    [(0.12, 0.62), (0.14, 0.52), (0.28, 0.48), (0.38, 0.34), (0.62, 0.34), (0.74, 0.48), (0.88, 0.52), (0.9, 0.62)],
    [(0.12, 0.62), (0.2, 0.63)],
    [(0.4, 0.63), (0.6, 0.63)],
    [(0.36, 0.48), (0.42, 0.39), (0.5, 0.39), (0.5, 0.48), (0.36, 0.48)],
    [(0.54, 0.48), (0.54, 0.39), (0.61, 0.39), (0.67, 0.48), (0.54, 0.48)],
    wheel(0.29, 0.63, 0.08),
    wheel(0.71, 0.63, 0.08),
]
"""A car, stroke by stroke: points on a sheet of 1 x 1."""
