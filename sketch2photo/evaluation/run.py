"""How good a generator's pictures of held-out sketches are: every measure, over all and by category.

The same for a released model (`python -m sketch2photo.evaluation`) and in the training loop: whatever paints is a
function. Every figure has one name, in logs, tables and JSON; `METRICS` says what it is.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import jax
import numpy as np

from sketch2photo import images
from sketch2photo.config import GanConfig
from sketch2photo.data import loader
from sketch2photo.evaluation import metrics
from sketch2photo.files import write_atomic
from sketch2photo.models import serving
from sketch2photo.models.features import Features, load_squeezenet, squeezenet_features
from sketch2photo.models.layers import Arrays, in_chunks
from sketch2photo.release import format
from sketch2photo.release.format import BEST, BEST_FILE, ReleasedModel

Paint = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""(sketch uint8 (n, s, s, c), label int32 (n,), colour uint8 (n, 3)) -> photo uint8 (n, s, s, 3)."""
Examples = Mapping[str, np.ndarray]  # sketch, photo, label and colour, as `loader.pair_examples` gives them

SIZE = 128  # pixels a side at which features are taken
_SIDE = 256  # pixels a side at which lines are compared; their distances are meant for it
_CHUNK = 8

METRICS: dict[str, tuple[str, bool]] = {
    "l1": ("mean difference from the photo, of 2", False),
    "kid": ("kernel distance on SqueezeNet's features, rows of one length (KID-SqueezeNet)", False),
    "feature_distance": ("Fréchet distance on SqueezeNet's features (FD-SqueezeNet)", False),
    "pair_distance": ("1 - cosine of the features of a picture and its photo", False),
    "recognition": ("share that a classifier of the training photos names rightly", True),
    "outline_iou": ("overlap of the object with the inside of closed outlines, median", True),
    "ink_with_edge": ("share of the ink with an edge within 4 pixels of 256, mean", True),
    "colour_difference": ("CIEDE2000 between the colour asked for and the object's median", False),
    "nearest": ("1 - cosine to the nearest training photo, median", True),
    "suspicious": ("share nearer to a training photo than 99% of the held-out photos are", False),
}
"""Each figure: what it says, and whether more is better."""


@dataclass(frozen=True)
class Reference:
    """What painted pictures are held against."""

    features: Features
    training: np.ndarray  # features of training photos, (n, d)
    classifier: metrics.PhotoClassifier | None  # None where the data has one category only


def reference(features: Features, training: Examples, categories: tuple[str, ...]) -> Reference:
    """Features of some training photos and a classifier of them. `training`: some of the training split's examples, of
    every category."""
    rows = features(training["photo"])
    several = len(categories) > 1
    classifier = metrics.fit_photo_classifier(rows, training["label"], categories, decay=1e-3) if several else None
    return Reference(features, rows, classifier)


@dataclass(frozen=True)
class Evaluation:
    """The figures by name over all pictures and by category, and the pictures."""

    figures: dict[str, float]
    by_category: dict[str, dict[str, float]]
    """With "n", the number of pictures. Of the distances between sets only `feature_distance` is there."""
    photos: np.ndarray  # what was painted, uint8 (n, s, s, 3)
    distance: np.ndarray  # how far each is from its photo: `pair_distance`, or `l1` without features


def evaluate(
    paint: Paint, examples: Examples, categories: tuple[str, ...], compare: Reference | None = None
) -> Evaluation:
    """Paint the examples' sketches, told their photos' categories and colours, and measure."""
    photos = in_chunks(paint, _CHUNK, *(examples[name] for name in ("sketch", "label", "colour")))
    differences = (np.abs(a.astype(np.float32) - b) for a, b in zip(photos, examples["photo"], strict=True))
    each = {
        "l1": np.array([difference.mean() / 127.5 for difference in differences]),
        "colour_difference": np.array([*map(_colour_difference, photos, examples["colour"])]),
    }
    if examples["sketch"].shape[-1] == 1:  # a coloured input has no lines
        sketches = (images.resize_sketch(sketch[..., 0], _SIDE) for sketch in examples["sketch"])
        pairs = [*zip(sketches, (images.resize(photo, _SIDE) for photo in photos), strict=True)]
        measures = {"outline_iou": metrics.outline_iou, "ink_with_edge": metrics.ink_with_edge}  # None becomes NaN
        each |= {name: np.array([measure(*pair) for pair in pairs], float) for name, measure in measures.items()}
    figures: dict[str, float] = {}
    painted = real = None
    if compare is not None:
        painted, real = compare.features(photos), compare.features(examples["photo"])
        lengths = np.linalg.norm(painted, axis=1) * np.linalg.norm(real, axis=1)
        each["pair_distance"] = 1 - (painted * real).sum(1) / np.maximum(lengths, 1e-12)
        if compare.classifier is not None:
            names = [categories[label] for label in examples["label"]]
            each["recognition"] = compare.classifier.named(painted, names).astype(float)
        each["nearest"], _ = metrics.nearest(painted, compare.training)
        of_real, _ = metrics.nearest(real, compare.training)
        figures["suspicious"] = metrics.suspicious(each["nearest"], of_real)
        if len(painted) > 1:
            found = metrics.subset_distance(metrics.on_sphere(painted), metrics.on_sphere(real))
            figures |= {"kid": found.mean, "kid_sd": found.sd}
            figures["feature_distance"] = metrics.frechet_distance(painted, real)
    by_category: dict[str, dict[str, float]] = {}
    for label, name in enumerate(categories):
        chosen = examples["label"] == label
        if not chosen.any():
            continue
        by_category[name] = {"n": int(chosen.sum()), **_summary(each, chosen)}
        if painted is not None and real is not None and chosen.sum() > 1:
            by_category[name]["feature_distance"] = metrics.frechet_distance(painted[chosen], real[chosen])
    figures |= {"n": len(photos), **_summary(each, np.ones(len(photos), bool))}
    return Evaluation(_sorted(figures), by_category, photos, each.get("pair_distance", each["l1"]))


def painter(model: ReleasedModel, categories: tuple[str, ...]) -> Paint:
    """The generator told labels into `categories`, which may be in another order than the model's own."""
    paint, weights = serving.painter(model.gan, len(model.categories), model.generator, "any")
    # A model that is not told the category takes any label.
    own = [model.categories.index(name) if name in model.categories else 0 for name in categories]
    compiled, weights, places = jax.jit(paint), jax.device_put(weights), np.array(own, np.int32)
    return lambda sketch, label, colour: np.asarray(compiled(weights, sketch, places[label], colour))


def better(metric: str, value: float, than: float | None) -> bool:
    """Whether a value of a metric is better than an earlier one; any number is better than none."""
    if than is None:
        return not np.isnan(value)
    return value > than if METRICS[metric][1] else value < than


def _colour_difference(photo: np.ndarray, asked: np.ndarray) -> float:
    found = metrics.median_lab(photo)
    white = np.array([100.0, 0, 0])  # nothing painted is as wrong as that
    return float(metrics.ciede2000(metrics.to_lab(asked), white if found is None else found))


def _summary(each: dict[str, np.ndarray], chosen: np.ndarray) -> dict[str, float]:
    """Medians of what is named so, means of the rest; what is known of none is left out."""
    found = {}
    for name, values in each.items():
        known = values[chosen & ~np.isnan(values)]
        if len(known):
            found[name] = float(np.median(known) if name in ("outline_iou", "nearest") else known.mean())
    return _sorted(found)


def _sorted(figures: dict[str, float]) -> dict[str, float]:
    order = ["n", *METRICS]
    return dict(sorted(figures.items(), key=lambda pair: order.index(pair[0].removesuffix("_sd"))))


# ---------------------------------------------------------------- while a generator trains

_TRAINING_PHOTOS = 100  # of each category, for the classifier and the search for copies


class Evaluating:
    """Measures a generator on the validation split by `evaluation.run`, always on the same photos."""

    def __init__(self, config: GanConfig, data: loader.Data):
        self._config, self._data = config, data
        # At the start, so that a wrong file is noticed now and not in an hour.
        self._features = squeezenet_features(load_squeezenet(config.evaluation.features), SIZE)

    def __call__(self, weights: Arrays, discriminator: Arrays, paint: Any, out: Path, step: int) -> dict[str, float]:
        """As `training.gan_task.Evaluator`: keeps the weights where the named figure is the best so far."""
        found = evaluate(paint, self._examples, self._data.categories, self._reference)
        metric = self._config.evaluation.best
        value = found.figures.get(metric)
        if value is not None and better(metric, round(value, 6), best_value(out, metric)):
            model = ReleasedModel(
                gan=self._config.model,
                categories=self._data.categories,
                palette=self._data.palette(),
                generator=jax.tree.map(np.asarray, weights),
                discriminator=jax.tree.map(np.asarray, discriminator),
            )
            format.write(model, out / BEST, f"# The best of {out.name}\n\nBy {metric}: see {BEST_FILE} beside it.\n")
            write_atomic(out / BEST_FILE, json.dumps({"step": step, "metric": metric, "value": value}) + "\n")
        # n is the same every time; val_l1 is a sample's figure, of fewer photos.
        return {f"val_{name}": value for name, value in found.figures.items() if name not in ("n", "l1")}

    @cached_property
    def _examples(self) -> Examples:
        size, channels = self._config.model.image_size, self._config.model.input_channels
        count = self._config.evaluation.per_category
        return loader.pair_examples(self._data, "val", image_size=size, input_channels=channels, per_category=count)

    @cached_property
    def _reference(self) -> Reference:
        channels = self._config.model.input_channels
        training = loader.pair_examples(
            self._data, "train", image_size=SIZE, input_channels=channels, per_category=_TRAINING_PHOTOS
        )
        return reference(self._features, training, self._data.categories)


def best_value(out: Path, metric: str) -> float | None:
    """The best value of a metric in the run's evaluation.jsonl; None where there is none.

    That file ends where a resumed run goes on: what a killed run found later does not count, and will be found again.
    """
    best, file = None, out / "evaluation.jsonl"
    for line in file.read_text().splitlines() if file.is_file() else []:
        value = json.loads(line).get(f"val_{metric}")
        if value is not None and better(metric, value, best):
            best = value
    return best
