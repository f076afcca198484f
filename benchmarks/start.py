"""How long from `python app.py` to an answering page and to the first photo? Beside the bare imports it needs.

Each start is a process of its own; the kinds take turns. "cold" starts have an empty compilation cache, "warm" ones
the cache that an earlier start left. Goals, warm: the socket answers at most 2 s after the imports would be done;
`Studio.load` and the first `predict` take at most 1.5 s once everything is imported.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx

from benchmarks import compare
from benchmarks.page_load import frames
from benchmarks.served import ROOT, app

IMPORTS = "import sketch2photo.studio, gradio"
PREDICT = """
import sys, time
import cv2, numpy as np
from sketch2photo import Studio
sheet = np.full((256, 256), 255, np.uint8)
cv2.circle(sheet, (128, 128), 70, 0, 4)
started = time.perf_counter()
Studio.load(sys.argv[1]).predict(sheet)
print(time.perf_counter() - started)
"""
MORE, PREDICTED = 2.0, 1.5
"""Seconds: the goals."""


def python(code: str, *arguments: str, cache: Path) -> str:
    """Run a program to its end; what it printed."""
    command = [sys.executable, "-c", code, *arguments]
    environment = os.environ | {"JAX_COMPILATION_CACHE_DIR": str(cache), "GRADIO_ANALYTICS_ENABLED": "False"}
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=True)
    return result.stdout


def start(checkpoint: Path, cache: Path) -> tuple[float, float]:
    """Seconds from the start of app.py until the page is served, and until the first photo is there."""
    started = time.perf_counter()
    with app(checkpoint, JAX_COMPILATION_CACHE_DIR=str(cache)) as (address, _):
        answered = time.perf_counter() - started
        with httpx.Client(timeout=60, trust_env=False) as client:
            config = client.get(f"{address}config").json()
            component = next(part["id"] for part in config["components"] if part["type"] == "html")
            request = {"person": "first", "seq": 1, "png": frames()[-1]}
            body = {"data": request, "component_id": component, "fn_name": "live_predict", "session_hash": "first"}
            answer = client.post(f"{address}gradio_api/component_server/", json=body).json()
            assert answer["photo"], answer
        return answered, time.perf_counter() - started


def main() -> None:
    parser = compare.options(__doc__ or "")
    parser.add_argument("--checkpoint", type=Path, default=ROOT / "checkpoints" / "studio", help="a released model")
    args = parser.parse_args()
    names = ["imports", "warm: socket answers", "warm: first photo", "warm: Studio.load and predict"]
    names += ["cold: socket answers", "cold: first photo", "cold: Studio.load and predict"]
    seconds: dict[str, list[tuple[float, ...]]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as folder:
        warm, cold = Path(folder, "warm"), Path(folder, "cold")
        start(args.checkpoint, warm)
        for _ in range(args.rounds):
            started = time.perf_counter()
            python(IMPORTS, cache=warm)
            found = [time.perf_counter() - started]
            for cache in (warm, cold):
                shutil.rmtree(cold, ignore_errors=True)
                found += start(args.checkpoint, cache)
                shutil.rmtree(cold, ignore_errors=True)
                found.append(float(python(PREDICT, str(args.checkpoint.absolute()), cache=cache)))
            for name, value in zip(names, found, strict=True):
                seconds[name].append((value,))
    timings = {name: compare.Timing(name, tuple(values)) for name, values in seconds.items()}
    compare.report("from the start to the first photo", timings, to=args.json)
    after = timings["warm: socket answers"].median - timings["imports"].median
    predicted = timings["warm: Studio.load and predict"].median
    print(f"socket answers {after:.2f} s after the imports (goal: {MORE:g} s, {_verdict(after, MORE)})")
    print(f"Studio.load and predict {predicted:.2f} s (goal: {PREDICTED:g} s, {_verdict(predicted, PREDICTED)})")


def _verdict(value: float, goal: float) -> str:
    return "reached" if value <= goal else "MISSED"


if __name__ == "__main__":
    main()
