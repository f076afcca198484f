"""Make a released model of finished runs.

python -m sketch2photo.release --gan RUN|RELEASE [--classifier RUN|RELEASE] --out DIR [--with-discriminator]
"""

import argparse
import dataclasses
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sketch2photo import cli

if TYPE_CHECKING:
    import numpy as np

    from sketch2photo.release.format import ReleasedModel


def options(parser: argparse.ArgumentParser) -> None:
    """Those of `python -m sketch2photo.release`."""
    add = parser.add_argument
    gan = "a run of train.py gan, or its folder `best`; or a released model that keeps its generator"
    add("--gan", type=Path, required=True, metavar="RUN|RELEASE", help=gan)
    classifier = "a run of train.py classifier, or a released model that keeps its own"
    add("--classifier", type=Path, metavar="RUN|RELEASE", help=classifier)
    add("--out", type=Path, required=True, metavar="DIR", help="such as checkpoints/NAME")
    discriminator = "so that others can go on training (train.py gan --init)"
    add("--categories", nargs="+", metavar="NAME", help="release these alone, in this order (default: all)")
    first = "what is painted where no colour is chosen: the nearest of the category's colours (default: the commonest)"
    add("--first-colours", nargs="+", default=[], metavar="CATEGORY=#RRGGBB", help=first)
    add("--with-discriminator", action="store_true", help=discriminator)


def run(options: argparse.Namespace) -> None:
    """Release, and say what packing costs; `UserError` of runs that are missing or do not fit, or without room."""
    from sketch2photo.release.format import write
    from sketch2photo.release.weights import assemble, restricted, with_first_colours

    model, steps = assemble(options.gan, options.classifier, options.with_discriminator)
    if options.categories:
        model = restricted(model, options.categories)
    model = with_first_colours(model, options.first_colours)
    card = model_card(options.out.name, model, steps, sources(options.gan, options.classifier))
    size = write(model, options.out, card)
    print(f"{options.out}: {size / 1e6:.1f} MB")
    photo, probability = loss_of_packing(model)
    photos = f"photos differ by {photo:.2f} grey levels in the mean"
    print(f"against float32: {photos}, probabilities by {probability:.4f} at most")


def loss_of_packing(model: "ReleasedModel", count: int = 12) -> tuple[float, float]:
    """What int8 costs, on drawings made up here: mean difference of photos in grey levels, largest of a probability."""
    import numpy as np

    from sketch2photo.release.format import quantised
    from sketch2photo.studio import Studio

    packed = dataclasses.replace(
        model,
        generator=quantised(model.generator),
        classifier=None if model.classifier is None else quantised(model.classifier),
    )
    drawings = [_doodle(i) for i in range(count)]
    categories = [model.categories[i % len(model.categories)] for i in range(count)]
    exact, rounded = (Studio(m).predict_batch(drawings, categories) for m in (model, packed))
    photo = probability = 0.0
    for a, b in zip(exact, rounded, strict=True):
        assert a.photo is not None and b.photo is not None
        photo += float(np.abs(a.photo.astype(np.float32) - b.photo).mean()) / count
        probability = max([probability, *(abs(a.probabilities[c] - b.probabilities[c]) for c in a.probabilities)])
    return photo, probability


def _doodle(seed: int) -> "np.ndarray":
    """A closed wobbly outline with a few lines inside."""
    import cv2
    import numpy as np

    rng = np.random.default_rng(seed)
    sheet = np.full((256, 256), 255, np.uint8)
    angle = np.linspace(0, 2 * np.pi, 90)
    waves = [rng.normal(0, 14 / k) * np.cos(k * angle + rng.uniform(0, 6)) for k in range(1, 6)]
    outline = np.stack([np.cos(angle) * rng.uniform(0.8, 1.4), np.sin(angle)], 1)
    lines = [128 + (70 + np.sum(waves, 0))[:, None] * outline, *rng.integers(80, 176, (4, 3, 2))]
    for line in lines:
        cv2.polylines(sheet, [line.astype(np.int32)], False, (0,), 3, cv2.LINE_AA)
    return sheet


def sources(gan: Path, classifier: Path | None) -> dict[str, str]:
    """Where the data of these runs are from, each with its licence."""
    from sketch2photo.training import run_folder

    # A run's folder `best` is none itself, nor is a released model that gives its classifier.
    folders = [gan if run_folder.is_run(gan) else gan.parent, classifier]
    runs = [run_folder.read_run(path) for path in folders if path is not None and run_folder.is_run(path)]
    return {name: licence for run in runs for name, licence in run.sources.items()}


def model_card(name: str, model: "ReleasedModel", steps: dict[str, int], sources: dict[str, str] | None = None) -> str:
    """The facts a card starts with; what only people know (data, figures, terms) is theirs to add."""
    before = "as released before"
    trained = f"{steps['gan']:,} steps, {steps['images']:,} images seen" if "gan" in steps else before
    lines = [
        f"# {name}\n",
        f"- Generator: U-Net, {model.gan.image_size} px, width {model.gan.generator.width}, {trained}",
    ]
    if model.classifier_config is not None:
        trained = f"{steps['classifier']:,} steps" if "classifier" in steps else before
        lines.append(f"- Classifier: VGG16, {model.classifier_config.image_size} px, {trained}")
    lines.append(f"- Categories: {', '.join(model.categories)}")
    lines.append(f"- Discriminator included: {'no' if model.discriminator is None else 'yes'}")
    if sources:
        lines.append("\n| trained on | licence |\n| --- | --- |")
        lines += [f"| {source} | {licence or 'not stated'} |" for source, licence in sorted(sources.items())]
    lines.append("\nSay here what it was trained on, under which terms it may be used, and what was measured.\n")
    return "\n".join(lines)


main = partial(cli.run, "release", "python -m sketch2photo.release")

if __name__ == "__main__":
    main()
