"""What each part of the recipe pays: `studio` with parts left out or put in, on a small budget, several seeds each.

    python -m experiments.ablation --data datasets/studio --raw DATA --cache CACHE --out runs/ablation

Every variant is trained from nothing at 64 px on the same number of images, then paints held-out photos' edges and
people's drawings (`human_val.csv`), on neither of which anything was trained. KID and the judge are those of
`experiments.studio_score`; the judge is a classifier of the same training photos. It may run for days: what is
finished stands in OUT/results.json, a run that was stopped goes on, and `--variants` and `--seeds` choose a part.
What `experiments/ablation.json` records of earlier runs is not run again, unless `--anew` is given.
`edges` needs the same photos with edge maps alone:  python prepare_data.py photos --styles canny silhouette ...
"""

import argparse
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from experiments import human_sketches, studio_judge
from sketch2photo import kernels
from sketch2photo.config import GanConfig
from sketch2photo.data.store import open_dataset
from sketch2photo.errors import ConfigError, exit_on_user_error
from sketch2photo.files import write_atomic
from sketch2photo.training import run_folder

kernels.prepare()

SIZE = 64
BATCH = 8
"""As `studio` has it; `vanilla` has 1."""
SKETCHES, PHOTOS = 20, 20
"""A category, at most: people's drawings and held-out photos that are painted."""
PERCEPTUAL = Path("pretrained/vgg19_distilled16x_to_relu5_1_hwio.npz")
"""In the folder of real data; the judge looks through another network."""
LITE = Path("pretrained/efficientnet_lite0.npz")
RESULTS = "results.json"
RECORDED = Path(__file__).with_name("ablation.json")
"""A copy of results.json, wherever that was made."""
FIGURES = ("kid", "edges_first", "sketches_first", "sketches_five_best")


@dataclass(frozen=True)
class Variant:
    """One change of the recipe."""

    options: tuple[str, ...]
    """Of train.py gan, after those of `studio`."""
    says: str
    preset: str = "studio"
    batch: int = BATCH
    edges: bool = False
    """Whether it is trained on the dataset of edge maps."""
    features: Path = PERCEPTUAL


MATCHING = ("--loss.feature-matching", "10")
"""The preset has none any more; the released weights had, and so has what variants are compared with."""

PLAIN = ("--loss.feature-matching", "0")
"""As the preset is; `no-matching` is what such variants are compared with."""
COVERAGE = ("--model.coverage", "--loss.coverage", "5")
MIXING = ("--loss.mixing",)

VARIANTS = {
    "studio": Variant((), "as released, at 64 px"),
    "vanilla": Variant((), "pix2pix as published", preset="vanilla", batch=1),
    "no-category": Variant(("--model.no-class-conditional",), "category not told"),
    "no-colour": Variant(("--model.no-colour-conditional",), "colour not told"),
    "no-perceptual": Variant(("--loss.perceptual", "0"), "no perceptual loss"),
    "no-projected": Variant(("--loss.projected", "0"), "no discriminators on features"),
    "no-matching": Variant(("--loss.feature-matching", "0"), "no feature matching"),
    "l1-0": Variant(("--loss.l1", "0"), "no L1"),
    "l1-100": Variant(("--loss.l1", "100"), "L1 of pix2pix"),
    "neither": Variant(("--loss.l1", "0", "--loss.perceptual", "0"), "neither L1 nor the perceptual loss"),
    "no-diffaugment": Variant(("--augment.no-diffaugment",), "no DiffAugment"),
    "spectral": Variant(("--model.discriminator.spectral-norm",), "spectral norm in the discriminator"),
    "lsgan": Variant(("--loss.adversarial", "lsgan"), "least squares instead of hinge"),
    "two-scales": Variant(("--model.discriminator.scales", "2"), "a second discriminator at half the size"),
    "coverage": Variant((*PLAIN, *COVERAGE), "no feature matching; coverage painted beside colour"),
    "lite": Variant(PLAIN, "no feature matching; EfficientNet-Lite's features", features=LITE),
    "lite-mixed": Variant((*PLAIN, *MIXING), "the same, mixed at random", features=LITE),
    "lite-mixed-coverage": Variant((*PLAIN, *MIXING, *COVERAGE), "the same, and coverage", features=LITE),
    "edges": Variant((), "edge maps and silhouettes, no lines as people draw them", edges=True),
}


def main(arguments: list[str]) -> None:
    """The command. User errors are one sentence and exit code 2."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the studio dataset (pairs)")
    parser.add_argument("--edges", type=Path, metavar="DIR", help="the same photos with edge maps alone")
    parser.add_argument("--raw", type=Path, required=True, metavar="DIR", help="the folder of real data")
    parser.add_argument("--cache", type=Path, required=True, metavar="DIR", help="for the judge")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="of runs and results.json")
    parser.add_argument("--images", type=int, default=10_000, help="seen by each run (default: %(default)s)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--anew", action="store_true", help="run also what experiments/ablation.json has")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    options = parser.parse_args(arguments)
    with exit_on_user_error("ablation"):
        if options.images < BATCH:
            raise ConfigError(f"--images is {options.images}: give at least {BATCH}, one batch")
        if options.edges is None and any(VARIANTS[name].edges for name in options.variants):
            if options.variants != list(VARIANTS):
                raise ConfigError("the variant edges needs --edges: the dataset of edge maps")
            options.variants.remove("edges")
        results = ({} if options.anew else _known(RECORDED)) | _known(options.out / RESULTS)
        options.out.mkdir(parents=True, exist_ok=True)
        for seed in options.seeds:
            for name in options.variants:
                key = f"{name}/{seed}/{options.images}"
                if key not in results:
                    _train(options, name, seed)
                    results[key] = _measure(options, _run(options, name, seed))
                    write_atomic(options.out / RESULTS, json.dumps(results, indent=1).encode() + b"\n")
                    print(f"{key}: {results[key]}", flush=True)
        print(table(results, options.images))


def _known(file: Path) -> dict[str, dict[str, float]]:
    try:
        return json.loads(file.read_text())
    except FileNotFoundError:
        return {}
    except ValueError:
        raise ConfigError(f"{str(file)!r} is broken: remove it, or choose another --out") from None


def _run(options: argparse.Namespace, name: str, seed: int) -> Path:
    return options.out / f"{name}-{seed}-{options.images}"


def _train(options: argparse.Namespace, name: str, seed: int) -> None:
    """Train a variant to its end, from where it was stopped."""
    run, variant = _run(options, name, seed), VARIANTS[name]
    steps = options.images // variant.batch
    command = [sys.executable, "train.py", "gan", "--out", str(run)]
    command += ["--data", str(options.edges if variant.edges else options.data)]
    if run_folder.saved_steps(run):
        command += ["--resume", "--steps", str(steps)]
    else:
        shutil.rmtree(run, ignore_errors=True)  # one that was stopped before it saved
        command += training_options(variant, steps, seed, options.raw)
    done = subprocess.run(command, cwd=Path(__file__).parents[1], stdout=subprocess.DEVNULL)
    if done.returncode:
        raise ConfigError(f"{name}: train.py ended with {done.returncode}, see above: mend it and start again")


def training_options(variant: Variant, steps: int, seed: int, raw: Path) -> list[str]:
    """What train.py gan is told of a variant besides data and folder; `raw` holds the perceptual networks."""
    options = ["--preset", variant.preset, "--model.image-size", str(SIZE), "--batch-size", str(variant.batch)]
    options += ["--steps", str(steps), "--seed", str(seed), "--save-every", "500", "--sample-every", str(steps)]
    if variant.preset == "studio":
        options += ["--loss.perceptual-features", str(raw / variant.features), *MATCHING]
    return [*options, *variant.options]


def _measure(options: argparse.Namespace, run: Path) -> dict[str, float]:
    """KID on held-out photos' edges, and how often the judge names what is painted of those and of drawings."""
    from experiments import studio_photos, studio_pictures
    from sketch2photo import Studio
    from sketch2photo.models.features import load_squeezenet, squeezenet_features
    from sketch2photo.release.weights import open_weights

    dataset = open_dataset(options.data)
    weights = load_squeezenet(studio_judge.features_file(options.raw))
    if not (options.cache / studio_judge.FILE).is_file():
        studio_judge.train(dataset, options.raw, options.cache)
    judge = studio_judge.load(options.cache / studio_judge.FILE)
    seen, compared = squeezenet_features(weights, studio_judge.SIZE), squeezenet_features(weights, studio_photos.SIZE)
    config = run_folder.read_run(run).config
    assert isinstance(config, GanConfig)
    studio = Studio(open_weights(run).model, run.name)
    drawings = human_sketches.read(options.raw / "human_val.csv")
    painted = studio_pictures.paint_all(studio, human_sketches.balanced(drawings, studio.categories, SKETCHES))
    of_sketches = seen(np.stack(painted.photos))
    real = studio_photos.held_out(dataset, PHOTOS)
    edges = seen(np.stack(studio_pictures.paint(studio, real.sheets, real.categories, real.colours)))
    distances = studio_photos.distances(studio, real, compared)
    last = json.loads((run / "stats.jsonl").read_text().splitlines()[-1])
    return {
        "kid": distances["kid"],
        "edges_first": float(judge.named(edges, real.categories).mean()),
        "sketches_first": float(judge.named(of_sketches, painted.categories).mean()),
        "sketches_five_best": float(judge.named(of_sketches, painted.categories, studio_pictures.BEST).mean()),
        "photos": len(real.photos),
        "sketches": len(painted.photos),
        "steps": int(last["step"]),
        "images": int(last["step"]) * config.batch_size,
    }


def table(results: dict[str, dict[str, float]], images: int) -> str:
    """Mean and spread (standard deviation over seeds, n - 1) of each variant, those of `images` alone, as Markdown."""
    titles = ("KID", "edges named first", "drawings named first", "drawings among five")
    rows = [f"| variant | what | seeds | {' | '.join(titles)} |", "| --- | --- | ---: |" + " ---: |" * len(titles)]
    for name, variant in VARIANTS.items():
        found = [
            value for key, value in results.items() if key.split("/")[0] == name and key.split("/")[2] == str(images)
        ]
        if found:
            cells = [_cell([one[figure] for one in found]) for figure in FIGURES]
            rows.append(f"| `{name}` | {variant.says} | {len(found)} | {' | '.join(cells)} |")
    return "\n".join(rows)


def _cell(values: list[Any]) -> str:
    spread = f" ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else ""
    return f"{np.mean(values):.3f}{spread}"


if __name__ == "__main__":
    main(sys.argv[1:])
