"""Does the input keep up? Pictures a second of the input against those of the training step, and the wait in training.

scripts/bench data --data datasets/studio

Input and steps take turns on the same cores. The input is timed twice: once every picture is decoded and kept, as it is
after the first rounds of training where memory allows, and with every picture decoded anew, as it is where it does not.
The wait is that of a training run of its own, from its stats.jsonl. Without --data a small set is drawn.
"""

from sketch2photo import kernels

kernels.prepare(training=True)

import contextlib  # noqa: E402  (after the process is prepared)
import dataclasses  # noqa: E402
import json  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
from collections.abc import Callable  # noqa: E402
from pathlib import Path  # noqa: E402

import cv2  # noqa: E402
import numpy as np  # noqa: E402

from benchmarks import compare  # noqa: E402
from sketch2photo.config import GAN_PRESETS, GanConfig  # noqa: E402
from sketch2photo.errors import exit_on_user_error  # noqa: E402

TIMES_AS_MANY = 5.0
"""Pictures of the input for one of the step, at least."""
WAIT = 0.05
"""Share of the time of training, at most."""
KEPT, ANEW = "input, kept decoded", "input, decoded anew"
_A_CALL = 32
"""Batches taken in one call: they come in bursts, as they are made ahead."""
_COMPILING = 3
"""Steps of a run that are not counted."""
_ROOT = Path(__file__).resolve().parent.parent


def studio(size: int) -> GanConfig:
    """The preset, at another size."""
    preset = GAN_PRESETS["studio"]
    return dataclasses.replace(preset, model=dataclasses.replace(preset.model, image_size=size))


def inputs(dataset, size: int, batch_size: int, photos: int) -> dict[str, Callable[[], object]]:
    """Both ways of the input, each call `_A_CALL` batches; the one that keeps pictures has decoded all of them."""
    from sketch2photo.data.loader import Batches, PairCache, balanced

    # The records are stored in a random order, so the first of them are like all.
    labels = dataset.labels("train")[:photos]
    counts = dataset.sketch_counts("train")

    def calls(memory: int) -> Callable[[], object]:
        pairs = PairCache(dataset, "train", size, dataset.input_channels, memory)
        if pairs.kept:
            for number in range(len(labels)):
                for chosen in range(int(counts[number])):
                    pairs.with_sketch(number, chosen)
        batches = Batches(balanced(labels, GAN_PRESETS["studio"].balance, 0), pairs.pair, batch_size, 0)
        return lambda: [next(batches) for _ in range(_A_CALL)]

    return {KEPT: calls(2**62), ANEW: calls(0)}


def steps(dataset, size: int, batch_size: int, features: str) -> dict[str, Callable[[], object]]:
    """The step of `gan_step`, and that of the preset `studio`, on a batch of noise."""
    from benchmarks.gan_step import Stepper, config, random_batch
    from sketch2photo.models.features import load
    from sketch2photo.training.gan import GanNetworks

    batch = random_batch(size, batch_size)
    grey = batch | {"sketch": batch["sketch"][..., :1]}
    networks = GanNetworks(studio(size), len(dataset.categories), load(features) if features else None)
    return {
        "step, pix2pix of width 48": Stepper(GanNetworks(config(size, 48), 0), batch),
        "step, studio": Stepper(networks, grey),
    }


def a_batch(timing: compare.Timing) -> compare.Timing:
    """Seconds of one batch, from those of a call."""
    return dataclasses.replace(timing, blocks=tuple(tuple(t / _A_CALL for t in block) for block in timing.blocks))


def waited(data: Path, size: int, batch_size: int, count: int, features: str) -> float:
    """The share of the time of `count` steps of training that went by waiting for batches."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "train.py", "gan", "--preset", "studio", "--data", data, "--out", f"{folder}/run"]
        command += ["--model.image-size", size, "--batch-size", batch_size, "--steps", count + _COMPILING]
        command += ["--loss.perceptual-features", features] if features else []
        subprocess.run([str(part) for part in command], cwd=_ROOT, check=True, stdout=subprocess.DEVNULL)
        return wait_share((Path(folder) / "run" / "stats.jsonl").read_text(), batch_size)


def wait_share(stats: str, batch_size: int) -> float:
    """The same of a stats.jsonl, but for the first steps, in which the networks are compiled."""
    lines = [json.loads(line) for line in stats.splitlines()][_COMPILING:]
    return sum(line["data_wait"] for line in lines) / sum(batch_size / line["images_per_second"] for line in lines)


def drawn(folder: Path) -> Path:
    """A small dataset of discs, boxes and spikes with spots."""
    raw, out = folder / "raw", folder / "drawn"
    for corners, category in ((40, "disc"), (4, "box"), (3, "spike")):
        (raw / category).mkdir(parents=True)
        for number in range(40):
            rng = np.random.default_rng([corners, number])
            photo = np.full((256, 256, 3), 255, np.uint8)
            angle = np.linspace(0, 2 * np.pi, corners + 1)[:-1] + rng.uniform(0, 6)
            ring = 128 + rng.uniform(60, 110) * np.stack([np.cos(angle), np.sin(angle)], 1)
            cv2.fillPoly(photo, [ring.astype(np.int32)], rng.integers(20, 200, 3).tolist())
            for x, y in rng.integers(80, 176, (12, 2)).tolist():
                cv2.circle(photo, (x, y), int(rng.integers(3, 16)), rng.integers(0, 255, 3).tolist(), -1)
            cv2.imwrite(str(raw / category / f"{number:03d}.png"), photo)
    command = [sys.executable, "prepare_data.py", "photos", "--raw", str(raw), "--out", str(out)]
    subprocess.run(command, cwd=_ROOT, check=True, stdout=subprocess.DEVNULL)
    return out


def main() -> None:
    parser = compare.options(__doc__ or "")
    parser.add_argument("--data", type=Path, metavar="DIR", help="a dataset of pairs (default: a drawn set)")
    parser.add_argument("--size", type=int, default=128, help="pixels a side (default: %(default)s)")
    parser.add_argument("--batch-size", type=int, default=16, help="pairs a batch (default: %(default)s)")
    parser.add_argument("--photos", type=int, default=1000, help="of the dataset, at most (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=40, help="of the training run (default: %(default)s)")
    parser.add_argument("--features", default="", metavar="NPZ", help="perceptual network of the preset studio")
    args = parser.parse_args()
    with exit_on_user_error("benchmarks.data"), contextlib.ExitStack() as stack:
        from sketch2photo.data import store

        data = args.data or drawn(Path(stack.enter_context(tempfile.TemporaryDirectory())))
        dataset = store.open_dataset(data)
        functions = inputs(dataset, args.size, args.batch_size, args.photos)
        networks = steps(dataset, args.size, args.batch_size, args.features)
        timings = compare.interleave(functions | networks, rounds=args.rounds, seconds=2.0)
        timings |= {name: a_batch(timings[name]) for name in functions}
        compare.report(
            f"input against training step, {args.size} px, batch {args.batch_size}",
            timings,
            goals=[compare.Goal(way, step, TIMES_AS_MANY) for way in functions for step in networks],
            images=args.batch_size,
            to=args.json,
        )
        share = waited(data, args.size, args.batch_size, args.steps, args.features)
        verdict = "reached" if share < WAIT else "MISSED"
        print(f"training waits for data {share:.2%} of the time   (goal: under {WAIT:.0%}, {verdict})")
        if args.json:
            args.json.write_text(json.dumps(json.loads(args.json.read_text()) | {"wait": share}, indent=1) + "\n")


if __name__ == "__main__":
    main()
