"""Measure a released model on a dataset: a table by category, a JSON file, and a picture of best, median and worst.

    python -m sketch2photo.evaluation --checkpoint checkpoints/studio --data datasets/studio \
        --features squeezenet_v1.1_notop.mat --out evaluation
"""

import argparse
import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sketch2photo import cli
from sketch2photo.errors import ConfigError, DataError
from sketch2photo.files import write_out

if TYPE_CHECKING:
    from sketch2photo.evaluation.run import Evaluation, Examples

TRAINING_PHOTOS = 300  # of a category, that the classifier and the search for copies know


def table(found: "Evaluation") -> str:
    """One row a category and one of all, with n; what each column says below it."""
    from sketch2photo.evaluation.run import METRICS

    columns = [name for name in METRICS if name in found.figures]
    rows = {**found.by_category, "all": found.figures}
    width = max(len(name) for name in rows)
    lines = [f"{'':{width}} {'n':>6} " + " ".join(f"{name:>17}" for name in columns)]
    for name, figures in rows.items():
        digits = {c: 3 if abs(figures[c]) < 1000 else 0 for c in columns if c in figures}
        cells = (f"{figures[c]:17.{digits[c]}f}" if c in figures else " " * 17 for c in columns)
        lines.append(f"{name:{width}} {figures['n']:6d} " + " ".join(cells))
    lines.append("")
    for name in columns:
        what, more = METRICS[name]
        spread = f"; standard deviation {found.figures['kid_sd']:.3f}" if name == "kid" else ""
        lines.append(f"{name:>17}  {what}; {'more' if more else 'less'} is better{spread}")
    return "\n".join(lines)


def write_extremes(path: Path, found: "Evaluation", examples: "Examples", categories: tuple[str, ...]) -> None:
    """A picture: a row a category; sketch, painted and true photo of the best, the median and the worst."""
    import numpy as np

    from sketch2photo.images import grid, write_picture

    rows, columns = [], (examples["sketch"], found.photos, examples["photo"])
    for label in range(len(categories)):
        numbers = np.flatnonzero(examples["label"] == label)
        if not len(numbers):
            continue
        ordered = numbers[np.argsort(found.distance[numbers], kind="stable")]
        chosen = [ordered[0], ordered[len(ordered) // 2], ordered[-1]]
        rows.append([column[i] for i in chosen for column in columns])
    write_picture(path, grid(rows))


def options(parser: argparse.ArgumentParser) -> None:
    """Those of `python -m sketch2photo.evaluation`."""
    add = parser.add_argument
    add("--checkpoint", type=Path, required=True, metavar="DIR", help="a released model, or a run of train.py gan")
    add("--data", type=Path, required=True, metavar="DIR", help="a dataset of pairs")
    add("--split", choices=("val", "test", "train"), default="val", help="default: %(default)s")
    add("--limit", type=int, metavar="N", help="at most so many photos of each category")
    features = "SqueezeNet 1.1's convolutions (.mat), for KID, feature distance, recognition and copies"
    add("--features", type=Path, metavar="FILE", help=features)
    out = "gets evaluation.json and pictures.png (default: nothing is written)"
    add("--out", type=Path, metavar="DIR", help=out)


def run(options: argparse.Namespace) -> None:
    """Measure, print and write. Raises `UserError`: the checkpoint, the dataset or the features cannot be used, or do
    not belong together."""
    if options.limit is not None and options.limit < 1:
        raise ConfigError(f"--limit is {options.limit}: give at least 1")
    if options.out is not None and options.out.exists() and not options.out.is_dir():
        raise ConfigError(f"--out {str(options.out)!r} is a file: choose a folder")
    from sketch2photo.data import loader
    from sketch2photo.evaluation.run import SIZE, evaluate, painter, reference
    from sketch2photo.release.weights import open_weights

    model = open_weights(options.checkpoint).model
    data = loader.open_dataset(options.data)
    _check(model, data, options)
    compare = None
    if options.features is not None:
        from sketch2photo.models.features import load_squeezenet, squeezenet_features

        features = squeezenet_features(load_squeezenet(options.features), SIZE)
        training = loader.pair_examples(data, "train", image_size=SIZE, per_category=TRAINING_PHOTOS)
        compare = reference(features, training, data.categories)
    else:
        print("no KID, feature distance, recognition or copies: name a file of SqueezeNet 1.1 by --features")
    examples = loader.pair_examples(
        data,
        options.split,
        image_size=model.gan.image_size,
        input_channels=model.gan.input_channels,
        per_category=options.limit or max(data.sizes.values()),
    )
    found = evaluate(painter(model, data.categories), examples, data.categories, compare)
    print(table(found))
    if options.out is not None:
        content: dict[str, Any] = {
            "checkpoint": str(options.checkpoint),
            "data": str(options.data),
            "split": options.split,
            "features": None if options.features is None else options.features.name,
            "figures": found.figures,
            "by_category": found.by_category,
        }
        write_out(options.out / "evaluation.json", json.dumps(content, indent=1) + "\n")
        write_extremes(options.out / "pictures.png", found, examples, data.categories)
        print(f"written to {options.out}: evaluation.json, pictures.png (best, median and worst of each category)")


def _check(model: Any, data: Any, options: argparse.Namespace) -> None:
    if data.kind != "pairs":
        raise DataError(f"--data {str(options.data)!r} holds sketches without photos: name a dataset of pairs")
    if not data.sizes.get(options.split):
        raise DataError(f"{str(options.data)!r} has no split {options.split!r}: it has {', '.join(data.sizes)}")
    if data.input_channels > model.gan.input_channels:
        raise DataError(f"{str(options.data)!r} has coloured inputs, {str(options.checkpoint)!r} takes line drawings")
    unknown = [name for name in data.categories if name not in model.categories]
    if unknown and model.gan.class_conditional:
        raise DataError(
            f"{str(options.checkpoint)!r} does not know {unknown[0]!r} of {str(options.data)!r}: "
            f"it paints {', '.join(model.categories)}"
        )
    missing = [name for label, name in enumerate(data.categories) if not (data.labels(options.split) == label).any()]
    if missing:
        print(f"split {options.split!r} has no {', '.join(missing)}: training photos take their place, and flatter it")


main = partial(cli.run, "evaluate", "python -m sketch2photo.evaluation")

if __name__ == "__main__":
    main()
