"""Is a photo painted as fast as by what one would take instead? onnxruntime, OpenVINO and PyTorch on the same cores.

scripts/bench peers --peer-python peer-env/bin/python     (pip install torch onnx onnxruntime openvino numpy)

"unet" is U-Net-256 as published (ngf 64, batch norm of the picture itself), "released" the classifier and generator of
a released model, one after the other; "/N" is the batch. Everything computes in float32, with two threads, on the same
two cores; each peer is a process of its own, and short blocks take turns. A peer counts only if its outputs are ours.
What cannot be compared is a line in the table. `--busy` lets another process take half of the cores meanwhile.
`--where` asks something else: where the time of one live request goes (`live_request`).
"""

from sketch2photo import kernels

kernels.prepare()

import argparse  # noqa: E402  (after the process is prepared)
import contextlib  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable, Iterator, Mapping, Sequence  # noqa: E402
from dataclasses import dataclass  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import jax  # noqa: E402
import numpy as np  # noqa: E402

from benchmarks import compare  # noqa: E402
from benchmarks.child_process import ChildError, ChildProcess  # noqa: E402
from benchmarks.inference import initial  # noqa: E402
from sketch2photo.config import GanConfig, GanModelConfig, GeneratorConfig  # noqa: E402
from sketch2photo.errors import exit_on_user_error  # noqa: E402
from sketch2photo.kernels.conv import resize_kernel  # noqa: E402
from sketch2photo.models import layers, serving  # noqa: E402
from sketch2photo.release import format  # noqa: E402
from sketch2photo.training.gan import GanNetworks  # noqa: E402

SCRIPT = Path(__file__).with_name("peer_networks.py")
RELEASED = Path(__file__).resolve().parent.parent / "checkpoints" / "studio"
PEERS = ("onnxruntime", "openvino", "torch channels_last", "torch compile", "torch compile channels_last")
BATCHES = (1, 8)
CASES = tuple(f"{name}/{n}" for name in ("unet", "released") for n in BATCHES)
MOST = {1: 0.85, 8: 1.0}
"""Goal: of the time of the fastest peer, by batch; busy 1."""
TOLERANCE = 1e-3
THREADS = 2
_WARM_UP = 3
"""Calls that are not counted."""
_BURN = """
import os, numpy
a, parent = numpy.ones((512, 512), numpy.float32), os.getppid()
while os.getppid() == parent:
    a @ a
"""


@dataclass(frozen=True)
class Network:
    """One of the networks of a case: how we compute it, and what a peer needs to do the same."""

    kind: str
    """A key of `peer_networks.NETWORKS`."""
    call: Callable[[], jax.Array]
    """Ours; does not wait."""
    weights: dict[str, Any]
    """By their place, shaped as PyTorch has them."""
    inputs: tuple[np.ndarray, ...]
    """Float32; pictures (n, c, h, w)."""

    def write(self, path: Path) -> None:
        given: dict[str, Any] = {f"inputs/{i}": value for i, value in enumerate(self.inputs)}
        np.savez(path, **given, **self.weights, network=np.array(self.kind))

    def output(self) -> np.ndarray:
        """What a peer's must be."""
        value = np.asarray(self.call())
        return value[..., :3].transpose(0, 3, 1, 2) if value.ndim == 4 else value


def generator(config: GanModelConfig, categories: int, weights: Any, batch: int) -> Network:
    """A generator on noise of this batch, with random styles."""
    random = np.random.default_rng(0)
    sketch = random.uniform(-1, 1, (batch, config.image_size, config.image_size, config.input_channels))
    sketch = sketch.astype(np.float32)
    size = layers.style_size(config, categories)
    style = random.uniform(-1, 1, (batch, size)).astype(np.float32) if size else None
    generate, packed = serving.generator(config, categories, weights, jax.default_backend())
    generate, packed = jax.jit(generate), jax.device_put(packed)
    given: dict[str, np.ndarray] = {}
    for place, value in layers.by_place(weights).items():
        if config.generator.upsample == "resize" and value.ndim == 4 and value.shape[1] == 3:
            value = resize_kernel(value)
        given[place] = np.array(value, np.float32)
        if given[place].ndim == 4:
            given[place] = np.ascontiguousarray(given[place].transpose(0, 3, 1, 2))
        # Without hints, whose channels are then nothing, and without coverage: peers paint colour from ink.
        if place == "downs/0/kernel":
            given[place] = np.ascontiguousarray(given[place][:, : config.input_channels])
        if place.startswith("last/"):
            given[place] = np.ascontiguousarray(given[place][:, :3] if value.ndim == 4 else given[place][:3])
        if place.endswith("affine/bias"):  # ours adds 1 to the scale
            given[place][: len(value) // 2] += 1
    inputs = (np.ascontiguousarray(sketch.transpose(0, 3, 1, 2)), *([] if style is None else [style]))
    return Network("unet", lambda: generate(packed, sketch, style), given, inputs)


def classifier(model: format.ReleasedModel, batch: int) -> Network:
    """A classifier without batch norm on noise of this batch."""
    config = model.classifier_config
    assert config is not None
    sketch = np.random.default_rng(0).integers(0, 256, (batch, config.image_size, config.image_size, 1), np.uint8)
    classify, weights = serving.classifier(config, len(model.categories), model.classifier, apart=True)
    classify, weights = jax.jit(classify), jax.device_put(weights)
    given = {place: np.asarray(value, np.float32) for place, value in layers.by_place(model.classifier).items()}
    given["convs/0/kernel"] = given["convs/0/kernel"].sum(2, keepdims=True)  # a grey picture
    given = {
        place: np.ascontiguousarray(value.transpose(3, 2, 0, 1)) if value.ndim == 4 else value
        for place, value in given.items()
    }
    ink = 1 + np.asarray(layers.to_model(jax.numpy.asarray(sketch)))
    return Network("vgg", lambda: classify(weights, sketch), given, (ink.transpose(0, 3, 1, 2).copy(),))


def networks(case: str, checkpoint: Path, *, size: int = 256, width: int = 64) -> list[Network]:
    """What is computed in one of `CASES`, one after the other."""
    name, batch = case.split("/")
    if name == "unet":
        config = GanModelConfig(image_size=size, input_channels=3, generator=GeneratorConfig(width=width))
        return [generator(config, 0, initial(GanNetworks(GanConfig(model=config), 0)), int(batch))]
    model = format.read(checkpoint)
    found = [classifier(model, int(batch))] if model.classifier_config is not None else []
    return [*found, generator(model.gan, len(model.categories), model.generator, int(batch))]


def ours(case: Sequence[Network]) -> Callable[[float], list[float]]:
    """A block of ours, as a peer's: each network waits for the one before."""

    def block(seconds: float) -> list[float]:
        times: list[float] = []
        while not times or sum(times) < seconds:
            start = time.perf_counter()
            for network in case:
                jax.block_until_ready(network.call())
            times.append(time.perf_counter() - start)
        return times

    return block


class Peer(ChildProcess):
    """One of `PEERS`, ready to be timed. A context.

    Raises:
      ChildError: it is not there, does not compile, or computes something else; in a sentence.
    """

    def __init__(self, name: str, python: str, threads: int, case: Sequence[Network], *, script: Path = SCRIPT):
        try:
            super().__init__(python, script, name, limit=500)
        except OSError as error:
            raise ChildError(
                f"{python} does not start ({error.strerror}): name an interpreter by --peer-python"
            ) from None
        try:
            self.version = self.ask("about")["version"]
            self._check(case, threads)
        except BaseException:
            self.__exit__()
            raise

    def _check(self, case: Sequence[Network], threads: int) -> None:
        with tempfile.TemporaryDirectory() as folder:
            files = [Path(folder) / f"{i}.npz" for i in range(len(case))]
            for network, file in zip(case, files, strict=True):
                network.write(file)
            self.ask("make", files=[str(file) for file in files], threads=threads)
            outputs = Path(folder) / "outputs.npz"
            self.ask("outputs", file=str(outputs))
            with np.load(outputs) as found:
                for network, theirs in zip(case, found.values(), strict=True):
                    apart = float(np.abs(network.output() - theirs).max())
                    if not apart <= TOLERANCE:
                        raise ChildError(f"its {network.kind} differs from ours by {apart:.2g}")

    def block(self, seconds: float) -> list[float]:
        return self.ask("block", seconds=seconds)["seconds"]


@contextlib.contextmanager
def busy(count: int) -> Iterator[None]:
    """Processes that multiply matrices meanwhile, each on one core; they end with this one."""
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    burning = [subprocess.Popen([sys.executable, "-c", _BURN], env=environment) for _ in range(count)]
    try:
        yield
    finally:
        for process in burning:
            process.kill()
            process.wait()


def measure(
    blocks: Mapping[str, Callable[[float], Sequence[float]]], *, rounds: int, seconds: float
) -> tuple[dict[str, compare.Timing], dict[str, str]]:
    """The timings, "ours" among them, and why others have none: a peer that fails on its way is left out."""
    failed: dict[str, str] = {}

    def guarded(name: str) -> Callable[[float], Sequence[float]]:
        def block(seconds: float) -> Sequence[float]:
            try:
                return blocks[name](seconds) if name not in failed else [float("nan")]
            except ChildError as error:
                failed[name] = str(error)
                return [float("nan")]

        return block

    every = {name: guarded(name) for name in blocks}
    for block in every.values():
        for _ in range(_WARM_UP):
            block(0)
    timings = compare.in_turn(every, rounds=rounds, seconds=seconds)
    return {name: timing for name, timing in timings.items() if name not in failed}, failed


def compared(
    case: str, made: Sequence[Network], args: argparse.Namespace, threads: int, *, script: Path = SCRIPT
) -> dict[str, Any]:
    """Print the table of one case and its networks; the figures."""
    batch = int(case.partition("/")[2])
    left_out: dict[str, str] = {}
    with contextlib.ExitStack() as stack:
        blocks: dict[str, Callable[[float], Sequence[float]]] = {"ours": ours(made)}
        for name in args.peers:
            try:
                peer = stack.enter_context(Peer(name, args.peer_python, threads, made, script=script))
                blocks[f"{name} {peer.version}"] = peer.block
            except ChildError as error:
                left_out[name] = str(error)
        if args.busy:
            stack.enter_context(busy(max(1, threads // 2)))
        timings, failed = measure(blocks, rounds=args.rounds, seconds=args.seconds)
    print(f"\n{case}" + (", another process taking half of the cores" if args.busy else ""))
    print(compare.table(timings, images=batch))
    for name, reason in (left_out | failed).items():
        print(f"{name}: left out ({reason})")
    figures: dict[str, Any] = {
        "seconds": {name: timing.median for name, timing in timings.items()},
        "ratios": {name: compare.ratio(timings, "ours", name) for name in timings if name != "ours"},
        "left_out": left_out | failed,
    }
    if figures["ratios"]:
        fastest = max(figures["ratios"], key=figures["ratios"].__getitem__)
        ratio, goal = figures["ratios"][fastest], 1.0 if args.busy else MOST.get(batch, 1.0)
        verdict = "reached" if ratio <= goal else "MISSED"
        print(f"ours takes {ratio:.2f} of the time of {fastest}   (goal: at most {goal:g}, {verdict})")
        figures |= {"fastest": fastest, "ratio": ratio, "goal": goal}
    return figures


def take_cores(count: int) -> int:
    """Keep this process and its children on so many cores, before jax starts its threads; how many there are."""
    if not hasattr(os, "sched_getaffinity"):
        return min(count, os.cpu_count() or 1)
    cores = sorted(os.sched_getaffinity(0))[:count]
    os.sched_setaffinity(0, cores)
    return len(cores)


def options() -> argparse.ArgumentParser:
    parser = compare.options(__doc__ or "")
    parser.add_argument(
        "--peer-python", default=sys.executable, metavar="PYTHON", help="interpreter that has the peers (default: this)"
    )
    parser.add_argument("--peers", nargs="*", default=list(PEERS), choices=PEERS)
    parser.add_argument("--cases", nargs="*", default=list(CASES), choices=CASES, help="network/batch")
    parser.add_argument("--checkpoint", type=Path, default=RELEASED, help="a released model")
    parser.add_argument("--seconds", type=float, default=1.0, help="of each block of a round (default: %(default)s)")
    parser.add_argument("--busy", action="store_true", help="with a process that takes half of the cores")
    parser.add_argument("--where", action="store_true", help="where the time of one live request goes, instead")
    return parser


def main() -> None:
    args = options().parse_args()
    threads = take_cores(THREADS)
    with exit_on_user_error("benchmarks.peers"):
        figures: dict[str, Any] = {"machine": compare.machine(), "threads": threads, "busy": args.busy}
        print(", ".join(f"{key} {value}" for key, value in figures["machine"].items() if value is not None))
        if threads < THREADS:
            print(f"one core only: one thread each, not {THREADS}")
        if args.where:
            from benchmarks import live_request

            figures["where"] = live_request.measure(args.checkpoint, rounds=args.rounds, seconds=args.seconds)
        else:
            figures["cases"] = {
                case: compared(case, networks(case, args.checkpoint), args, threads) for case in args.cases
            }
        if args.json:
            args.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
