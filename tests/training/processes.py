"""Processes that train on this machine, every wait limited, and the data they train on."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np

LIMIT = 800
"""Seconds any of them may take on a busy machine; usually a tenth."""


def start(root: Path, *command: object, devices: int = 1) -> subprocess.Popen[str]:
    """A python process that sees so many CPU devices; compiled quickly rather than well."""
    flags = f"--xla_force_host_platform_device_count={devices} --xla_backend_optimization_level=0"
    flags += " --xla_cpu_use_fusion_emitters=false"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("JAX_", "SLURM_"))}
    environment |= {name: value for name, value in os.environ.items() if name.startswith(("JAX_COMP", "JAX_PERS"))}
    environment |= {"XLA_FLAGS": flags, "PYTHONPATH": str(root), "COLUMNS": "200"}
    arguments = [sys.executable, *map(str, command)]
    return subprocess.Popen(
        arguments, cwd=root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish(*processes: subprocess.Popen[str]) -> list[tuple[int, str, str]]:
    """Exit code, output and errors of each; none outlives the limit."""
    try:
        return [(process.wait(LIMIT), *process.communicate()) for process in processes]
    finally:
        for process in processes:
            if process.poll() is None:
                os.kill(process.pid, signal.SIGKILL)
                process.communicate()


def together(root: Path, *command: object, devices: int = 1) -> list[tuple[int, str, str]]:
    """Exit code, output and errors of two processes of one command, which takes its number and a port as well."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return finish(*(start(root, *command, index, port, devices=devices) for index in range(2)))


def write_pairs(path: Path, n: int = 24) -> Path:
    """Squares of two categories, as prepare_data.py exports them."""
    rng = np.random.default_rng(0)
    sketch, photo = np.full((n, 64, 64, 1), 255, np.uint8), np.full((n, 64, 64, 3), 255, np.uint8)
    colour = rng.integers(0, 200, (n, 3)).astype(np.uint8)
    for i in range(n):
        low, high = int(rng.integers(6, 20)), int(rng.integers(40, 58))
        photo[i, low:high, low:high] = colour[i]
        sketch[i, low:high, [low, high]] = 0
        sketch[i, [low, high], low:high] = 0
    np.savez(
        path,
        sketch=sketch,
        photo=photo,
        colour=colour,
        label=(np.arange(n) % 2).astype(np.int32),
        categories=np.array(["box", "tile"]),
        example=np.arange(n, dtype=np.int32),
        split=np.array(["train"] * (n - 4) + ["val"] * 4),
    )
    return path


def metrics(out: Path) -> dict[str, np.ndarray]:
    """Every loss and figure of a run's steps by name; all steps are there, in order."""
    lines = [json.loads(line) for line in (out / "stats.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, len(lines) + 1))
    names = set(lines[0]) - {"step", "images_per_second", "data_wait"}
    return {name: np.array([line[name] for line in lines]) for name in names}
