"""How much memory does preparing many photos take, all processes together, and how many a second are prepared?

scripts/bench prepare_memory --count 20000
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from benchmarks import compare

GOAL = 1e9
"""Bytes."""


def draw(folder: Path, count: int) -> None:
    """Photos of 256 px that have nothing in common: blobs of random outline and colours on white, ten categories."""
    for number in range(count):
        rng = np.random.default_rng(number)
        photo = np.full((256, 256, 3), 255, np.uint8)
        angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
        reach = rng.uniform(50, 90) * (1 + sum(rng.normal(0, 0.3 / k) * np.cos(k * angle + k) for k in range(1, 6)) / 2)
        outline = 128 + np.stack([reach * np.cos(angle), reach * np.sin(angle)], 1)
        cv2.fillPoly(photo, [outline.astype(np.int32)], rng.integers(20, 220, 3).tolist())
        for _ in range(3):
            place = rng.integers(100, 156, 2).tolist()
            cv2.circle(photo, place, int(rng.integers(6, 26)), rng.integers(20, 220, 3).tolist(), -1)
        path = folder / f"category_{number % 10}" / f"{number:06d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), photo)


def children(parent: int) -> list[int]:
    """All processes beneath one, itself included (Linux)."""
    found = [parent]
    for pid in found:
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            try:
                found += [int(child) for child in task.read_text().split()]
            except OSError:
                continue  # gone meanwhile
    return found


def proportional(pid: int) -> int:
    """Bytes a process holds, pages it shares counted by share (PSS)."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def main() -> None:
    parser = compare.options(__doc__ or "")
    parser.add_argument("--count", type=int, default=20_000, help="photos (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="(default: %(default)s)")
    parser.add_argument("--renderings", type=int, default=7, help="sketches a photo (default: %(default)s)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        raw, out = Path(folder) / "raw", Path(folder) / "out"
        draw(raw, args.count)
        command = [sys.executable, "prepare_data.py", "photos", "--raw", raw, "--out", out]
        command += ["--workers", str(args.workers), "--renderings", str(args.renderings)]
        root = Path(__file__).resolve().parent.parent
        started = time.monotonic()
        run = subprocess.Popen([str(part) for part in command], cwd=root, stdout=subprocess.DEVNULL)
        peak = alone = 0
        while run.poll() is None:
            sizes = [proportional(pid) for pid in children(run.pid)]
            peak, alone = max(peak, sum(sizes)), max(alone, sizes[0])
            time.sleep(0.2)
        seconds = time.monotonic() - started
        if run.returncode:
            raise SystemExit(f"prepare_data.py left with {run.returncode}")
    print(f"{args.count} photos, {args.renderings} sketches each, {args.workers} workers")
    print(
        f"peak memory, all processes    {peak / 1e6:7.0f} MB  (goal: under {GOAL / 1e6:.0f} MB, "
        f"{'reached' if peak < GOAL else 'MISSED'})"
    )
    print(f"peak memory, the first alone  {alone / 1e6:7.0f} MB")
    print(f"photos a second               {args.count / seconds:7.1f}")
    if args.json:
        figures = {"count": args.count, "peak_bytes": peak, "first_process_bytes": alone, "seconds": seconds}
        args.json.write_text(json.dumps({"machine": compare.machine(), **figures}, indent=1) + "\n")


if __name__ == "__main__":
    main()
