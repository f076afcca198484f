"""How long does `--help` take? Goal: `python train.py --help` under 0.5 s, which it can only be without jax."""

import subprocess
import sys
from pathlib import Path

from benchmarks import compare

REPOSITORY = Path(__file__).resolve().parent.parent
GOAL = 0.5
"""Seconds, median."""

COMMANDS = {
    "python": ["-c", "pass"],
    "train.py": ["train.py", "--help"],
    "train.py gan": ["train.py", "gan", "--help"],
    "train.py classifier": ["train.py", "classifier", "--help"],
    "prepare_data.py": ["prepare_data.py", "--help"],
    "app.py": ["app.py", "--help"],
}


def run(arguments: list[str]) -> None:
    """One start of Python to its end; fails when the command does."""
    subprocess.run([sys.executable, *arguments], cwd=REPOSITORY, check=True, stdout=subprocess.DEVNULL, timeout=60)


def main() -> None:
    args = compare.options(__doc__ or "").parse_args()
    timings = compare.interleave(
        {name: lambda arguments=arguments: run(arguments) for name, arguments in COMMANDS.items()},
        rounds=args.rounds,
        seconds=0.0,
        warm_up=1,
    )
    compare.report("--help", timings, to=args.json)
    for name, timing in timings.items():
        if name != "python":
            print(f"{name}: {timing.median:.2f} s (goal: {GOAL} s, {'reached' if timing.median < GOAL else 'MISSED'})")


if __name__ == "__main__":
    main()
