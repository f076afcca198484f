"""How good is the studio model? One score of its pictures of people's drawings, its photos, its names and its speed.

    python -m experiments.studio_score --data datasets/studio --raw DATA --cache DIR [--quick] [--grid FILE.png]

DATA is the folder of real data with `human_val.csv`, on which nothing was trained; the judge is trained by
`experiments.studio_judge` on the first call and kept in the cache. The headline is a weighted mean of what each
figure reaches between a hopeless value (0) and the aim (100). It orders models; whether a goal is reached says the
table.
"""

import argparse
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import compare
from experiments import human_sketches, studio_headline, studio_judge
from sketch2photo import kernels
from sketch2photo.data.store import open_dataset
from sketch2photo.errors import UserError, exit_on_user_error

kernels.prepare()


@dataclass(frozen=True)
class Amounts:
    """How much is looked at."""

    recognised: int
    """Sketches a category; likewise the next two."""
    live: int
    names: int
    photos: int | None
    """Held-out photos a category."""
    others: int | None
    colours: int


FULL = Amounts(recognised=60, live=8, names=10_000, photos=None, others=None, colours=8)
QUICK = Amounts(recognised=8, live=2, names=12, photos=16, others=150, colours=2)
COLOUR_SKETCHES = GRID_SKETCHES = 4
"""A category: 48 in all."""


def main(arguments: list[str]) -> None:
    """The command. User errors are one sentence and exit code 2."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, default=Path("checkpoints/studio"), metavar="DIR",
                        help="a released model, or a run of train.py gan (default: %(default)s)")  # fmt: skip
    parser.add_argument("--classifier", type=Path, metavar="DIR",
                        help="where --checkpoint is a run: the released model whose classifier it gets")  # fmt: skip
    parser.add_argument("--vanilla", type=Path, metavar="DIR", help="the model to compare the KID with")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the studio dataset (pairs)")
    parser.add_argument("--raw", type=Path, required=True, metavar="DIR", help="the folder of real data")
    parser.add_argument("--cache", type=Path, required=True, metavar="DIR", help="for the judge and features")
    parser.add_argument("--quick", action="store_true", help="a fixed part of everything, within three minutes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write score.json there")
    parser.add_argument("--grid", type=Path, metavar="PNG", help="48 sketches with their photos; not in a repository")
    options = parser.parse_args(arguments)
    with exit_on_user_error("studio_score"):
        report = score(options)
        print(studio_headline.table(report))
        if options.json is not None:
            options.json.write_text(json.dumps(report, indent=1) + "\n")


def score(options: argparse.Namespace) -> dict[str, Any]:
    """All figures by item, and the headline."""
    from experiments import studio_names, studio_photos, studio_pictures
    from sketch2photo import Studio
    from sketch2photo.models import features

    started = time.perf_counter()
    amounts = QUICK if options.quick else FULL
    dataset = open_dataset(options.data)
    weights = features.load_squeezenet(studio_judge.features_file(options.raw))
    if not (options.cache / studio_judge.FILE).is_file():
        print("training the judge ...", flush=True)
        studio_judge.train(dataset, options.raw, options.cache)
    judge = studio_judge.load(options.cache / studio_judge.FILE)
    seen, compared = (
        features.squeezenet_features(weights, studio_judge.SIZE),
        features.squeezenet_features(weights, studio_photos.SIZE),
    )
    model = _model(options.checkpoint, options.classifier)
    studio = Studio(model, options.checkpoint.name)
    everything = human_sketches.read(options.raw / "human_val.csv")
    known = [sketch for sketch in everything if sketch.category in studio.categories]

    def chosen(per_category: int, **which: bool) -> list[human_sketches.HumanSketch]:
        return human_sketches.balanced(known, studio.categories, per_category, **which)

    report: dict[str, Any] = {
        "checkpoint": str(options.checkpoint),
        "quick": options.quick,
        "machine": compare.machine(),
        "image_size": studio.image_size,
        "judge": json.loads((options.cache / "judge.json").read_text()),
    }
    report["speed"] = _speed(studio, 3 if options.quick else 7)
    _say("speed", started)
    painted = studio_pictures.paint_all(studio, chosen(amounts.recognised))
    own = painted.categories
    if studio.has_classifier:
        answers = studio_names.logits_of(model, painted.sheets)[:, : len(studio.categories)].argmax(1)
        own = [studio.categories[answer] for answer in answers]
    report["recognised"] = studio_pictures.recognised(studio, painted, own, judge, seen)
    if not studio.has_classifier:
        del report["recognised"]["five_best_own_category"]
    _say("recognised", started)
    real = studio_photos.held_out(dataset, amounts.photos)
    of_category = {
        name: [photo for photo, other in zip(real.photos, real.categories, strict=True) if other == name][:30]
        for name in studio.categories
    }
    report["lines"] = studio_pictures.follows_lines(painted, of_category, compared)
    _say("lines", started)
    vanilla = None if options.vanilla is None else Studio(_model(options.vanilla, None), options.vanilla.name)
    report["photos"] = studio_photos.distances(studio, real, compared, vanilla)
    _say("photos", started)
    if not options.quick:
        report["copies"] = studio_photos.repeats(painted.photos, real, dataset, compared, options.cache)[0]
        _say("copies", started)
    report["colour"] = studio_pictures.obeys_colour(studio, chosen(COLOUR_SKETCHES), amounts.colours)
    _say("colour", started)
    report["live"] = studio_pictures.live(studio, chosen(amounts.live, with_strokes=True), judge, seen)
    _say("live", started)
    if studio.has_classifier:
        report["names"] = studio_names.figures(
            model,
            chosen(amounts.names),
            chosen(amounts.names, with_strokes=True),
            human_sketches.others(everything, studio.categories, amounts.others),
        )
    if options.grid is not None:
        _grid(studio, chosen(GRID_SKETCHES), options.grid)
    studio_headline.derive(report)
    report["headline"] = studio_headline.headline(report)
    report["seconds"], report["processor_seconds"] = time.perf_counter() - started, time.process_time()
    return report


def _say(what: str, started: float) -> None:
    print(f"{time.perf_counter() - started:6.0f} s  {what}", file=sys.stderr, flush=True)


def _model(path: Path, classifier: Path | None) -> Any:
    """A released model; or a run's weights as they would be released, with the classifier of a release."""
    import dataclasses

    from sketch2photo.release import format
    from sketch2photo.release.weights import open_weights

    weights = open_weights(path)
    if weights.released is not None:
        return weights.released
    model = dataclasses.replace(weights.model, generator=format.quantised(weights.generator))
    if classifier is None:
        return model
    other = format.read(classifier)
    if other.categories != model.categories:
        raise UserError(f"--classifier {str(classifier)!r} has other categories than {str(path)!r}: name another")
    return dataclasses.replace(
        model,
        classifier=other.classifier,
        classifier_config=other.classifier_config,
        calibration=other.calibration,
    )


def _speed(studio: Any, rounds: int) -> dict[str, float]:
    """One picture against a product of two 2048 x 2048 matrices, in turn."""
    import jax

    matrix = jax.random.normal(jax.random.key(0), (2048, 2048))
    product = jax.jit(lambda a: a @ a)
    sheet = np.full((256, 256), 255, np.uint8)
    sheet[60:190, 60:66] = sheet[60:190, 190:196] = sheet[60:66, 60:196] = sheet[184:190, 60:196] = 0
    timings = compare.interleave(
        {"matmul": lambda: jax.block_until_ready(product(matrix)), "predict": lambda: studio.predict(sheet)},
        rounds=rounds,
    )
    return {
        "over_matmul": compare.ratio(timings, "predict", "matmul"),
        "predict_ms": 1000 * timings["predict"].median,
        "matmul_ms": 1000 * timings["matmul"].median,
    }


def _grid(studio: Any, sketches: list[human_sketches.HumanSketch], path: Path) -> None:
    """Sketch beside photo, the category's name above; six pairs a row."""
    import cv2

    from experiments import studio_pictures
    from sketch2photo.images import grid, write_picture

    painted = studio_pictures.paint_all(studio, sketches)
    pictures = []
    for name, sheet, photo in zip(painted.categories, painted.sheets, painted.photos, strict=True):
        sheet = np.repeat(sheet[..., None], 3, -1)
        cv2.putText(sheet, name, (6, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (40, 80, 160), 1, cv2.LINE_AA)
        pictures += [sheet, photo]
    write_picture(path, grid([pictures[i : i + 12] for i in range(0, len(pictures), 12)]))


if __name__ == "__main__":
    main(sys.argv[1:])
