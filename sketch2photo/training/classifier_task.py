"""What a classifier's run reads, trains and shows."""

import dataclasses
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from pathlib import Path

import jax
import numpy as np

from sketch2photo.config import ClassifierConfig
from sketch2photo.convert.vgg_weights import Convolution
from sketch2photo.data import loader
from sketch2photo.data.loader import Mix
from sketch2photo.errors import ConfigError, DataError
from sketch2photo.images import grid, write_picture
from sketch2photo.models import layers, vgg
from sketch2photo.models.layers import Arrays
from sketch2photo.release.calibration import Calibration, calibrate, none_probability, none_threshold, write_calibration
from sketch2photo.release.weights import open_weights
from sketch2photo.training import classifier
from sketch2photo.training.classifier import ClassifierState
from sketch2photo.training.init_weights import fitting_convolutions, initialise_classifier, with_convolutions
from sketch2photo.training.loop import Batches, Task

EVALUATED = 1500  # validation drawings an evaluation looks at, at most; the last one looks at all
MEASURED = 256  # training sketches that batch norm's averages are of
_CHUNK = 32


class ClassifierTask(Task):
    """The classifier; see `training.loop.Task`."""

    config: ClassifierConfig

    def __init__(self, config: ClassifierConfig, data: list[Path], say: Callable[[str], None] = print):
        self._data = loader.open_sketches(data)
        present = tuple(dict.fromkeys(name for dataset in self._data for name in dataset.categories))
        if missing := [category for category in config.categories if category not in present]:
            raise DataError(f"no dataset given has the category {missing[0]!r}: it has {', '.join(present[:20])}")
        self.categories = tuple(config.categories) or tuple(present)
        others = [category for category in present if category not in self.categories] if config.others_apart else []
        self._others = tuple(sorted(others))
        model = dataclasses.replace(config.model, others=max(1, len(others)))
        self.config = dataclasses.replace(config, categories=self.categories, others=self._others, model=model)
        self.palette = {}
        self.sources = {name: licence for dataset in self._data for name, licence in dataset.sources().items()}
        self._near_kin = self._nearest(present, say)
        self._network = classifier.ClassifierNetwork(self.config, len(self.categories), self._near_kin)
        self.step = classifier.make_step(self._network)
        self._given: dict[int, Convolution] = {}
        if config.init_convolutions:
            self._given = fitting_convolutions(config.init_convolutions, config.model.width, say)
        self._logits = jax.jit(lambda params, sketch: self._network.logits(params, layers.to_model(sketch)))

    def _nearest(self, present: Sequence[str], say: Callable[[str], None]) -> tuple[tuple[int, int], ...]:
        """Classes of other categories, each with the category it is near to, as `near_kin` names them; `say` is told
        which the data do not have. Raises `ConfigError`: not OTHER=CATEGORY, a category that is told apart in the place
        of another or the other way round, one given twice, or others are not told apart."""
        pairs: dict[str, str] = {}
        for pair in self.config.near_kin:
            kin, equals, nearest = pair.partition("=")
            if not equals or not kin or kin in pairs or kin in self.categories or nearest not in self.categories:
                raise ConfigError(
                    f"--near-kin {pair!r}: give each other category once and one of {', '.join(self.categories)}, "
                    "as bicycle=motorcycle"
                )
            pairs[kin] = nearest
        if pairs and not self.config.others_apart:
            raise ConfigError("--near-kin needs the other categories told apart: leave out --no-others-apart")
        if missing := [kin for kin in pairs if kin not in present]:
            say(f"--near-kin: the data do not have {', '.join(missing)}")
        classes = {name: len(self.categories) + i for i, name in enumerate(self._others)}
        return tuple((classes[kin], self.categories.index(nearest)) for kin, nearest in pairs.items() if kin in classes)

    def batches(self, shard: tuple[int, int] = (0, 1)) -> Batches:
        config = self.config
        return loader.sketch_batches(
            self._data,
            "train",
            batch_size=config.batch_size // shard[1],
            image_size=config.model.image_size,
            categories=self.categories,
            others=self._others,
            mix=Mix(config.balance, config.drawn_share, config.none_share, self._near_kin, config.near_kin_share),
            prefix=config.prefix,
            shake=config.shake,
            seed=config.seed,
            shard=shard,
        )

    def initial_state(self, key: jax.Array) -> ClassifierState:
        state = classifier.initial_state(self._network, key)
        if not self._given:
            return state
        return dataclasses.replace(state, params=with_convolutions(state.params, self._given, self._some_sketches()))

    def initialise(self, state: ClassifierState, source: str, say: Callable[[str], None]) -> ClassifierState:
        """As the source has it; the mean of it and what the config averages it with."""
        sketches, found = self._some_sketches(), []
        for path, option in [(source, "--init"), *((path, "--average-with") for path in self.config.average_with)]:
            given = open_weights(path, option)
            named, names = (given.categories, given.others), (self.categories, self._others)
            found.append(initialise_classifier(state.params, given.classifier, named, names, sketches, say))
        return dataclasses.replace(state, params=jax.tree.map(lambda *each: sum(each) / len(each), *found))

    def before_saving(self, state: ClassifierState) -> ClassifierState:
        """With batch norm's averages measured on training sketches as they are; training does not use them."""
        if self.config.model.norm == "none":
            return state
        return dataclasses.replace(state, params=self._measured(params=state.params))

    def sample(self, state: ClassifierState, out: Path, step: int) -> dict[str, float]:
        """A grid of validation drawings in the order of their answers, and the accuracy, finished and half drawn.

        val_none_recall is the share of other categories' finished drawings that are recognised as none of these,
        where 5% of the known categories' are.
        """
        figures: dict[str, float] = {}
        grid_file = out / "samples" / f"{step:07d}.png"
        state = self.before_saving(state)
        for name, fraction in (("val_accuracy", 1.0), ("val_accuracy_half_drawn", 0.5)):
            examples = self._examples(fraction, EVALUATED)
            known = examples["label"] < len(self.categories)
            if not known.any():
                if fraction == 1.0:  # nothing to measure on, but still something to look at
                    seen = self._examples(1.0, _CHUNK * 4, "train")["sketch"]
                    answers = self._all_logits(state, seen)[:, : len(self.categories)].argmax(-1)
                    write_picture(grid_file, self._answers_grid(seen, answers))
                continue
            logits = self._all_logits(state, examples["sketch"])
            answers = logits[:, : len(self.categories)].argmax(-1)
            figures[name] = float((answers == examples["label"])[known].mean())
            if fraction == 1.0:
                write_picture(grid_file, self._answers_grid(examples["sketch"], answers))
                if not known.all():
                    none = none_probability(logits, 1.0)
                    figures["val_none_recall"] = float((none[~known] > none_threshold(none[known])).mean())
        return figures

    def finish(self, state: ClassifierState, out: Path, say: Callable[[str], None]) -> None:
        """Calibrate on the validation drawings, finished and (where strokes are known) half drawn alike, and write
        calibration.json."""
        state = self.before_saving(state)
        parts = [self._examples(fraction, None) for fraction in (1.0, 0.5)]
        label = np.concatenate([part["label"] for part in parts])
        if not (label < len(self.categories)).any():
            say("no validation drawings: probabilities stay uncalibrated")
            found = Calibration()
        else:
            logits = self._all_logits(state, np.concatenate([part["sketch"] for part in parts]))
            found, figures = calibrate(logits, label, len(self.categories))
            say(
                f"accuracy {figures.accuracy:.3f} over {figures.drawings} "
                f"{'finished and half-drawn' if len(parts[1]['label']) else 'finished'} drawings, "
                f"calibration error {figures.ece_before:.3f} -> {figures.ece_after:.3f}"
            )
        write_calibration(out, found)

    @cached_property
    def _measured(self) -> Callable[..., Arrays]:
        measured = jax.jit(lambda params, sketch: vgg.measured(params, layers.to_model(sketch)))
        return partial(measured, sketch=self._some_sketches())

    def _some_sketches(self) -> np.ndarray:
        """Training sketches of all classes, for the averages of batch norm."""
        return self._examples(1.0, MEASURED, "train")["sketch"]

    def _examples(self, fraction: float, limit: int | None, split: str = "val") -> dict[str, np.ndarray]:
        return loader.sketch_examples(
            self._data,
            split,
            image_size=self.config.model.image_size,
            categories=self.categories,
            fraction=fraction,
            limit=limit,
        )

    def _all_logits(self, state: ClassifierState, sketches: np.ndarray) -> np.ndarray:
        return layers.in_chunks(partial(self._logits, state.params), _CHUNK, sketches)

    def _answers_grid(self, sketches: np.ndarray, answers: np.ndarray, across: int = 16) -> np.ndarray:
        """One row a category: drawings that were given its name."""
        blank = np.full_like(sketches[0], 255)
        rows = []
        for category in range(min(len(self.categories), 40)):
            named = list(sketches[answers == category][:across])
            rows.append(named + [blank] * (across - len(named)))
        return grid(rows)
