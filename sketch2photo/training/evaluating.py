"""Evaluation while a generator trains, and the best weights so far."""

import json
import os
from pathlib import Path
from typing import Any

import jax
import numpy as np

from sketch2photo import released
from sketch2photo.config import GanConfig
from sketch2photo.data.source import PairSource
from sketch2photo.evaluation import run, squeezenet
from sketch2photo.released import BEST, BEST_FILE
from sketch2photo.training.state import Arrays

_TRAINING_PHOTOS = 100
"""Of each category, for the classifier and the search for copies."""


class Evaluating:
    """Measures a generator on the validation split by `evaluation.run`, always on the same photos."""

    def __init__(self, config: GanConfig, data: PairSource):
        self._config, self._data = config, data
        # At the start, so that a wrong file is noticed now and not in an hour.
        self._features = squeezenet.features(squeezenet.load(config.evaluation.features), run.SIZE)
        self._examples: dict[str, np.ndarray] | None = None
        self._reference: run.Reference | None = None

    def __call__(self, weights: Arrays, discriminator: Arrays, paint: Any, out: Path, step: int) -> dict[str, float]:
        """The figures by name, each after "val_"; keeps the weights when the named one is the best so far.

        Args:
          weights: the generator's, as they would be released.
          discriminator: its weights, kept so that training can go on from there.
          paint: (sketch, label, colour) -> photo, with these weights.
        """
        if self._examples is None or self._reference is None:
            self._prepare()
        assert self._examples is not None and self._reference is not None
        found = run.evaluate(
            lambda *batch: np.asarray(paint(*batch)), self._examples, self._data.categories, self._reference
        )
        metric = self._config.evaluation.best
        value = found.figures.get(metric)
        if value is not None and run.better(metric, round(value, 6), best_value(out, metric)):
            self._keep(weights, discriminator, out, step, value)
        # n is the same every time; val_l1 is a sample's figure, of fewer photos.
        return {f"val_{name}": value for name, value in found.figures.items() if name not in ("n", "l1")}

    def _prepare(self) -> None:
        model = self._config.model
        self._examples = self._data.examples(
            "val",
            image_size=model.image_size,
            input_channels=model.input_channels,
            per_category=self._config.evaluation.per_category,
        )
        training = self._data.examples(
            "train",
            image_size=run.SIZE,
            input_channels=model.input_channels,
            per_category=_TRAINING_PHOTOS,
        )
        self._reference = run.reference(self._features, training, self._data.categories)

    def _keep(self, weights: Arrays, discriminator: Arrays, out: Path, step: int, value: float) -> None:
        metric = self._config.evaluation.best
        model = released.ReleasedModel(
            gan=self._config.model,
            categories=self._data.categories,
            palette=self._data.palette(),
            generator=jax.tree.map(np.asarray, weights),
            discriminator=jax.tree.map(np.asarray, discriminator),
        )
        released.write(model, out / BEST, f"# The best of {out.name}\n\nBy {metric}: see {BEST_FILE} beside it.\n")
        draft = out / (BEST_FILE + ".part")
        draft.write_text(json.dumps({"step": step, "metric": metric, "value": value}) + "\n")
        os.replace(draft, out / BEST_FILE)


def best_value(out: Path, metric: str) -> float | None:
    """The best value of a metric in the run's evaluation.jsonl; None where there is none.

    That file ends where a resumed run goes on, so what a killed run found later does not count; it will be found
    again.
    """
    best = None
    try:
        lines = (out / "evaluation.jsonl").read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        value = json.loads(line).get(f"val_{metric}")
        if value is not None and run.better(metric, value, best):
            best = value
    return best
