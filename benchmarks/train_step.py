"""Is a training step as fast as PyTorch's, and does it need little more memory?

scripts/bench train_step --torch-python torch-env/bin/python

The step is that of pix2pix (`--preset vanilla`'s networks and losses); PyTorch's is in `torch_step`, in the way its
authors' code goes and, as "shared", in the way ours does, each contiguous and channels_last (`--compile` tries
torch.compile too). Both take turns; the fastest of PyTorch's counts. Memory is the peak of a process that only trains,
at 256 px, width 64, batch 8.
"""

from sketch2photo import kernels

kernels.prepare(training=True)

import json  # noqa: E402  (after the process is prepared)
import subprocess  # noqa: E402
import sys  # noqa: E402
from dataclasses import dataclass  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

from benchmarks import compare  # noqa: E402
from benchmarks.child_process import ChildError  # noqa: E402
from benchmarks.torch_process import TorchProcess  # noqa: E402
from sketch2photo.errors import ConfigError, exit_on_user_error  # noqa: E402


@dataclass(frozen=True)
class Case:
    """A size that is timed, and how many times as fast as PyTorch ours should be."""

    size: int
    width: int
    batch: int
    ratio: float
    aim: float

    @property
    def name(self) -> str:
        return f"{self.size}/{self.width}/{self.batch}"


CASES = {
    case.name: case for case in (Case(256, 64, 8, 1.0, 1.2), Case(128, 48, 16, 0.95, 1.1), Case(256, 64, 1, 1.1, 1.1))
}
MEMORY = CASES["256/64/8"]
WAYS = ("contiguous", "channels_last", "contiguous shared", "channels_last shared")
MOST_MEMORY = 1.3
"""Of PyTorch's."""
_ROOT = Path(__file__).resolve().parent.parent
_STEPS = 3
"""Until memory has reached its peak."""


def times(case: Case, torch: TorchProcess, ways: tuple[str, ...], rounds: int, seconds: float) -> dict[str, Any]:
    """Print the table of one case; its figures."""
    from benchmarks.gan_step import Stepper, config, random_batch
    from sketch2photo.training.gan import GanNetworks

    ours = Stepper(GanNetworks(config(case.size, case.width), 0), random_batch(case.size, case.batch))
    theirs = torch.make(ways, size=case.size, width=case.width, batch=case.batch)
    if not theirs:
        raise ConfigError(f"PyTorch {torch.about['version']} makes none of these steps: see above")
    check_parameters(ours.parameters, {way: made["parameters"] for way, made in theirs.items()})

    def step(way: str) -> Any:
        return lambda: torch.ask("step", way=way)

    timings = compare.interleave(
        {"ours": ours} | {f"torch {way}": step(way) for way in theirs}, rounds=rounds, seconds=seconds
    )
    torch.ask("forget")
    print(f"\nGAN step, {case.size} px, width {case.width}, batch {case.batch}")
    print(compare.table(timings, images=case.batch))
    fastest = min((name for name in timings if name != "ours"), key=lambda name: timings[name].median)
    ratio = compare.ratio(timings, fastest, "ours")
    verdict = "MISSED" if ratio < case.ratio else "reached" if ratio < case.aim else "reached, and the aim"
    print(f"ours is {ratio:.2f} times as fast as {fastest}   (goal {case.ratio:g}, aim {case.aim:g}: {verdict})")
    return {
        "images_per_second": {name: case.batch / timing.median for name, timing in timings.items()},
        "ratios": {name: compare.ratio(timings, name, "ours") for name in timings if name != "ours"},
        "fastest": fastest,
        "ratio": ratio,
        "goal": case.ratio,
        "aim": case.aim,
    }


def check_parameters(ours: list[int], theirs: dict[str, list[int]]) -> None:
    """That the networks are of the same size: else the comparison would mean nothing."""
    for way, counts in theirs.items():
        if counts != ours:
            raise AssertionError(f"torch {way} has {counts} parameters, ours {ours}")


def our_peak(case: Case) -> int:
    """Bytes of a process that makes some of our steps and nothing else."""
    command = [sys.executable, "-m", "benchmarks.train_step", "--peak", case.name]
    done = subprocess.run(command, cwd=_ROOT, check=True, capture_output=True, text=True, timeout=500)
    return int(done.stdout.split()[-1])


def _peak(case: Case) -> None:
    """In the process of `our_peak`."""
    from benchmarks.gan_step import Stepper, config, random_batch
    from sketch2photo.training.gan import GanNetworks

    step = Stepper(GanNetworks(config(case.size, case.width), 0), random_batch(case.size, case.batch))
    for _ in range(_STEPS):
        step()
    status = Path("/proc/self/status").read_text().splitlines()
    print(1024 * int(next(line for line in status if line.startswith("VmHWM")).split()[1]))


def memory(case: Case, python: str, ways: tuple[str, ...]) -> dict[str, Any]:
    """Print the peaks, each of a process of its own; bytes."""
    peaks = {}
    # Once for the compilation cache, which a run that goes on for hours has too.
    peaks["ours, compiling"], peaks["ours"] = our_peak(case), our_peak(case)
    for way in ways:
        with TorchProcess(python) as torch:
            try:
                torch.ask("make", size=case.size, width=case.width, batch=case.batch, way=way)
                for _ in range(_STEPS - 1):
                    torch.ask("step", way=way)
                peaks[f"torch {way}"] = torch.ask("peak")["bytes"]
            except ChildError as error:
                print(f"torch {way}: left out ({error})")
    print(f"\nPeak memory, {case.size} px, width {case.width}, batch {case.batch}")
    for name, peak in peaks.items():
        print(f"{name:{max(map(len, peaks))}}  {peak / 2**30:6.2f} GiB")
    least = min((name for name in peaks if name.startswith("torch")), key=peaks.__getitem__)
    ratio = peaks["ours"] / peaks[least]
    verdict = "reached" if ratio <= MOST_MEMORY else "MISSED"
    print(f"ours is {ratio:.2f} of {least}   (goal: at most {MOST_MEMORY:g}, {verdict})")
    return {"bytes": peaks, "least": least, "ratio": ratio, "goal": MOST_MEMORY}


def main() -> None:
    parser = compare.options(__doc__ or "")
    parser.add_argument(
        "--torch-python", default="", metavar="PYTHON", help="interpreter that has torch (default: this)"
    )
    parser.add_argument("--cases", nargs="*", default=list(CASES), choices=list(CASES), help="size/width/batch")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each block of a round (default: %(default)s)")
    parser.add_argument("--compile", action="store_true", help="torch.compile too (takes minutes)")
    parser.add_argument("--only", choices=("times", "memory"), help="one of the two questions")
    parser.add_argument("--peak", choices=list(CASES), help="print the peak memory of this process after some steps")
    args = parser.parse_args()
    with exit_on_user_error("benchmarks.train_step"):
        if args.peak:
            return _peak(CASES[args.peak])
        ways = (*WAYS, *(f"{way} compile" for way in WAYS)) if args.compile else WAYS
        figures: dict[str, Any] = {"machine": compare.machine()}
        print(", ".join(f"{key} {value}" for key, value in figures["machine"].items() if value is not None))
        with TorchProcess(args.torch_python) as torch:
            figures["torch"] = torch.about
            print(f"torch {torch.about['version']}, {torch.about['threads']} threads, {torch.about['device']}")
            if args.only != "memory":
                figures["times"] = {
                    name: times(CASES[name], torch, ways, args.rounds, args.seconds) for name in args.cases
                }
        if args.only != "times":
            figures["memory"] = memory(MEMORY, args.torch_python, WAYS)
        if args.json:
            args.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
