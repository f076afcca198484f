"""How does the page hold up? app.py with 1, 10 and 50 simultaneous drawers, each as fast as the page lets a pen be.

Every drawer does what the page does while somebody draws: one request at a time, the next at once but no sooner than
60 ms after the last, twice the wait after "busy", another sketch every time, an id of their own. They run in a child
process, on the same processors as the server, so the figures are lower than a server's alone would be. `--soak 300`
goes on for five minutes with ten drawers and watches the server's memory (resident set) after a warm-up minute.
Goals: photos a second grow with the drawers; slowest / fastest visitor at least 0.5; no errors; memory grows under 5%.
"""

import argparse
import asyncio
import base64
import json
import multiprocessing
import random
import statistics
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np

from benchmarks import compare
from benchmarks.served import CAR, ROOT, app

GAP = 0.060
"""Seconds between two requests of a drawer, as in the page's live.js."""
FIRST_WAIT, LONGEST_WAIT = 0.25, 4.0
FAIR = 0.5
FLAT = 1.05


def frames() -> list[str]:
    """A car as it is drawn, point by point: PNG data URLs, 256 pixels a side."""
    points = [(stroke, i) for stroke in range(len(CAR)) for i in range(2, len(CAR[stroke]) + 1)]
    pictures = []
    for last, upto in points:
        sheet = np.full((256, 256), 255, np.uint8)
        for stroke in CAR[:last] + [CAR[last][:upto]]:
            cv2.polylines(sheet, [(np.array(stroke) * 256).astype(np.int32)], False, 0, 3, cv2.LINE_AA)
        data = cv2.imencode(".png", sheet)[1].tobytes()
        pictures.append("data:image/png;base64," + base64.b64encode(data).decode())
    return pictures


async def draw(client: httpx.AsyncClient, url: str, component: int, person: int, until: float) -> dict[str, Any]:
    """One drawer until the time is over: seconds of every photo, and how often it was busy or went wrong."""
    sketches = frames()
    waits: list[float] = []
    busy = errors = seq = 0
    pause = 0.0
    rng = random.Random(person)
    await asyncio.sleep(rng.random() * GAP)
    while time.perf_counter() < until:
        seq += 1
        request = {"person": f"drawer {person}", "seq": seq, "png": sketches[(seq + 7 * person) % len(sketches)]}
        body = {"data": request, "component_id": component, "fn_name": "live_predict", "session_hash": str(person)}
        started = time.perf_counter()
        try:
            answer = (await client.post(url, json=body)).json()
        except (httpx.HTTPError, ValueError):
            answer = {"error": "no answer"}
        spent = time.perf_counter() - started
        if answer.get("photo"):
            waits.append(spent)
            pause = 0.0
        elif answer.get("busy"):
            busy += 1
            pause = min(LONGEST_WAIT, (pause or FIRST_WAIT) * 2)
        else:
            errors += 1
            pause = FIRST_WAIT
        await asyncio.sleep(max(0.0, GAP - spent, pause))
    return {"waits": waits, "busy": busy, "errors": errors}


def drawers(address: str, count: int, seconds: float, answers: Any) -> None:
    """`count` drawers for `seconds`; what they saw is put on the queue. Runs in a process of its own."""

    async def all_of_them() -> list[dict[str, Any]]:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
        async with httpx.AsyncClient(timeout=60, trust_env=False, limits=limits) as client:
            config = (await client.get(f"{address}config")).json()
            component = next(part["id"] for part in config["components"] if part["type"] == "html")
            url = f"{address}gradio_api/component_server/"
            until = time.perf_counter() + seconds
            return await asyncio.gather(*(draw(client, url, component, i, until) for i in range(count)))

    answers.put(asyncio.run(all_of_them()))


def crowd(address: str, count: int, seconds: float) -> dict[str, Any]:
    """Figures of `count` drawers."""
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    process = context.Process(target=drawers, args=(address, count, seconds, answers))
    process.start()
    people = answers.get(timeout=seconds + 300)
    process.join(30)
    waits = sorted(wait for person in people for wait in person["waits"])
    photos = [len(person["waits"]) for person in people]
    return {
        "drawers": count,
        "photos_per_second": len(waits) / seconds,
        "p50": statistics.median(waits) if waits else None,
        "p95": waits[int(0.95 * (len(waits) - 1))] if waits else None,
        "fairness": min(photos) / max(photos) if max(photos) else 0.0,
        "busy": sum(person["busy"] for person in people),
        "errors": sum(person["errors"] for person in people),
    }


def memory(server: subprocess.Popen) -> int:
    """The server's resident set, bytes (Linux)."""
    status = Path(f"/proc/{server.pid}/status").read_text()
    return 1024 * next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))


@contextmanager
def watched(server: subprocess.Popen, samples: list[int]) -> Iterator[None]:
    """Take the server's memory every five seconds in the block, by a thread."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(5.0):
            samples.append(memory(server))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    yield
    over.set()
    thread.join(10)


def soak(address: str, server: subprocess.Popen, seconds: float) -> dict[str, Any]:
    """Ten drawers for long; memory at the end against memory after the warm-up minute."""
    crowd(address, 10, min(60.0, seconds))
    samples = [memory(server)]
    with watched(server, samples):
        figures = crowd(address, 10, seconds)
    third = max(1, len(samples) // 3)
    growth = statistics.median(samples[-third:]) / statistics.median(samples[:third])
    return figures | {"seconds": seconds, "megabytes": [sample >> 20 for sample in samples], "growth": growth}


def line(figures: dict[str, Any]) -> str:
    """One row of the table."""
    p50, p95 = (f"{figures[name] * 1e3:8.0f}" if figures[name] is not None else "       -" for name in ("p50", "p95"))
    return (
        f"{figures['drawers']:7d}  {figures['photos_per_second']:8.1f}  {p50}  {p95}  {figures['fairness']:14.2f}"
        f"  {figures['busy']:5d}  {figures['errors']:6d}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, default=ROOT / "checkpoints" / "studio", help="a released model")
    parser.add_argument("--drawers", type=int, nargs="+", default=[1, 10, 50], help="how many at once")
    parser.add_argument("--seconds", type=float, default=20.0, help="for each of them (default: %(default)g)")
    parser.add_argument("--soak", type=float, default=0.0, metavar="SECONDS", help="also ten drawers for so long")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    args = parser.parse_args()
    about = compare.machine()
    print(", ".join(f"{key} {value}" for key, value in about.items() if value is not None))
    with app(args.checkpoint) as (address, server):
        crowd(address, 16, 12.0)  # until the larger batches are compiled
        print("drawers  photos/s  p50 (ms)  p95 (ms)  slowest/fastest   busy  errors")
        rows = []
        for count in args.drawers:
            rows.append(crowd(address, count, args.seconds))
            print(line(rows[-1]), flush=True)
        grown = None
        if args.soak:
            grown = soak(address, server, args.soak)
            print(line(grown))
            verdict = "reached" if grown["growth"] < FLAT else "MISSED"
            print(f"memory after {args.soak:g} s of ten drawers: {grown['growth']:.3f} times (goal: {FLAT}, {verdict})")
    if args.json is not None:
        content = {"question": "how the page holds up", "machine": about, "crowds": rows, "soak": grown}
        args.json.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
