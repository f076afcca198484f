"""Opens the weights of any run or released model, one way for all who start from them, look at them or release them."""

import dataclasses
import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from sketch2photo.config import ClassifierModelConfig, GanModelConfig
from sketch2photo.errors import CheckpointError, ConfigError, choose
from sketch2photo.images import parse_colour
from sketch2photo.models import features, vgg
from sketch2photo.models.layers import Arrays
from sketch2photo.release import format
from sketch2photo.release.calibration import Calibration, read_calibration
from sketch2photo.release.format import BEST, BEST_FILE, CONFIG_FILE, ReleasedModel
from sketch2photo.training import run_folder
from sketch2photo.training.run_folder import RunInfo


@dataclasses.dataclass(frozen=True)
class Weights:
    """What a run, its folder `best` or a released model holds, read when it is asked for.

    Asking for what it has not, a generator or a classifier, raises `CheckpointError`. Arrays are nested dicts of
    numpy arrays, float32.
    """

    path: Path
    option: str
    """Whose value the path is, for messages; "" where it is no option's."""
    categories: tuple[str, ...]
    run: RunInfo | None
    """None for a released model."""
    released: ReleasedModel | None
    """None for a run. A run's folder `best` is a released model of that run."""

    @property
    def gan(self) -> GanModelConfig:
        """The generator's config."""
        return self.released.gan if self.released else self._run_of("gan").config.model

    @property
    def palette(self) -> dict[str, tuple[str, ...]]:
        return (self.released or self._run_of("gan")).palette

    @property
    def generator(self) -> Arrays:
        """The moving average where the run kept one."""
        if self.released:
            return self.released.generator
        state = self._state_of("gan")
        return state["generator"] if state.get("ema") is None else state["ema"]

    @property
    def discriminator(self) -> Arrays | None:
        """None where it was not released."""
        return self.released.discriminator if self.released else self._state_of("gan")["discriminator"]

    @property
    def classifier(self) -> Arrays:
        """With batch norm if it is a run's, folded if it was released (`vgg.fold`); its outputs are `categories`, then
        others."""
        if self.released is None:
            return self._state_of("classifier")["params"]
        if self.released.classifier is None:
            raise CheckpointError(f"{self} has no classifier: name one that has (this was released without one)")
        return self.released.classifier

    @property
    def others(self) -> tuple[str, ...]:
        """What else the classifier tells apart, in the order of its outputs; () where it is not known."""
        return self.released.others if self.released else self._run_of("classifier").config.others

    @property
    def classifier_config(self) -> ClassifierModelConfig:
        """Of the classifier as it is released, without batch norm."""
        if self.released and self.released.classifier_config:
            return self.released.classifier_config
        return dataclasses.replace(self._run_of("classifier").config.model, norm="none")

    @property
    def calibration(self) -> Calibration:
        """As the classifier's run found it at its end."""
        return self.released.calibration if self.released else read_calibration(self.path)

    @property
    def steps(self) -> dict[str, int]:
        """By "gan" and "images" or "classifier", how long it was trained; {} for a released model."""
        if self.run is None:
            return {}
        step = int(self._state["step"]) if self.released is None else _best_step(self.run.path)
        seen = {"images": step * self.run.config.batch_size} if self.run.kind == "gan" else {}
        return {self.run.kind: step, **seen}

    @property
    def model(self) -> ReleasedModel:
        """As it was released; or, of a run, as its generator would be, without discriminator."""
        return self.released or ReleasedModel(self.gan, self.categories, self.palette, self.generator)

    @cached_property
    def _state(self) -> dict[str, Any]:
        return run_folder.restore_state(self.path)

    def _run_of(self, kind: str) -> Any:
        assert self.run is not None
        if self.run.kind != kind:
            raise CheckpointError(f"{self} is a {self.run.kind} run: name one of train.py {kind}")
        return self.run

    def _state_of(self, kind: str) -> dict[str, Any]:
        self._run_of(kind)  # says of which kind the run is
        return self._state

    def __str__(self) -> str:
        return f"{self.option} {str(self.path)!r}".lstrip()


def open_weights(path: str | Path, option: str = "") -> Weights:
    """Open a run, its folder `best` or a released model; a `CheckpointError` names the option whose value it is."""
    path = Path(path)
    if run_folder.is_run(path):
        run = run_folder.read_run(path)
        return Weights(path, option, run.categories, run, None)
    try:
        model = format.read(path)
    except CheckpointError as error:
        raise CheckpointError(f"{option}: {error}" if option else str(error)) from None
    best = path.name == BEST and run_folder.is_run(path.parent)
    return Weights(path, option, model.categories, run_folder.read_run(path.parent) if best else None, model)


def _best_step(run: Path) -> int:
    try:
        return int(json.loads((run / BEST_FILE).read_text())["step"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{str(run / BEST_FILE)!r} cannot be read ({error}): release the run itself") from None


def assemble(gan: Path, classifier: Path | None, with_discriminator: bool) -> tuple[ReleasedModel, dict[str, int]]:
    """The released model of these runs or released models, float32, and the steps each was trained, where known;
    `CheckpointError` where a folder is neither, of the other kind or without weights, or category lists differ."""
    painting = _to_release(gan, "--gan")
    discriminator = painting.discriminator if with_discriminator else None
    model = ReleasedModel(painting.gan, painting.categories, painting.palette, painting.generator, discriminator)
    if classifier is None:
        return model, painting.steps
    naming = _to_release(classifier, "--classifier")
    weights = vgg.fold(naming.classifier)
    if set(naming.categories) != set(model.categories):
        raise CheckpointError(
            f"the categories differ: {', '.join(model.categories)} in {str(gan)!r}, {', '.join(naming.categories)} in "
            f"{str(classifier)!r}: train both on the same list (train.py classifier --categories ...)"
        )
    # The outputs in the generator's order; those of "none of these" stay last.
    order = [naming.categories.index(category) for category in model.categories]
    model = dataclasses.replace(
        model,
        classifier=_reordered(weights, order),
        classifier_config=naming.classifier_config,
        others=naming.others,
        calibration=naming.calibration,
    )
    return model, painting.steps | naming.steps


def _reordered(classifier: Arrays, order: list[int]) -> Arrays:
    """With these outputs first; those behind them stay."""
    head = classifier["head"]
    outputs = [*order, *range(len(order), head["bias"].shape[0])]
    return {**classifier, "head": {name: np.asarray(value)[..., outputs] for name, value in head.items()}}


def restricted(model: ReleasedModel, categories: Sequence[str]) -> ReleasedModel:
    """The model with these of its categories alone, each named once; to the classifier what is left out are others."""
    for name in categories:
        choose("category in --categories", name, model.categories)
    if len(set(categories)) < len(categories):
        raise ConfigError(f"--categories {' '.join(categories)}: name each category once")
    kept = [model.categories.index(name) for name in categories]
    left = [i for i, name in enumerate(model.categories) if name not in categories]
    count = len(model.categories)

    def told(weights: Arrays | None) -> Arrays | None:
        """With the rows of the conditions that stand for what is kept, and those of the colour."""
        if weights is None or not model.gan.class_conditional:
            return weights
        flat = format.flatten(weights)
        for name in flat:
            if name.endswith(("style/first/kernel", "embed/kernel")):
                flat[name] = np.concatenate([flat[name][kept], flat[name][count:]])
        return format.nest(flat)

    classifier, config, others = model.classifier, model.classifier_config, model.others
    if classifier is not None and config is not None:
        classifier = _reordered(classifier, kept + left)
        config = dataclasses.replace(config, others=config.others + len(left))
        others = (*(model.categories[i] for i in left), *others) if others else ()
    return dataclasses.replace(
        model,
        categories=tuple(categories),
        palette={name: model.palette[name] for name in categories if name in model.palette},
        generator=told(model.generator),
        discriminator=told(model.discriminator),
        classifier=classifier,
        classifier_config=config,
        others=others,
    )


def with_first_colours(model: ReleasedModel, wanted: Sequence[str]) -> ReleasedModel:
    """The model with palettes that begin with the colours that please, as the commonest ones are often the dullest: for
    each "CATEGORY=#rrggbb", or a `ConfigError`, the nearest of the category's colours."""
    palette = dict(model.palette)
    for one in wanted:
        category, equals, code = one.partition("=")
        if not equals:
            raise ConfigError(f"--first-colours {one!r}: give CATEGORY=#rrggbb, as car=#a14948")
        choose("category in --first-colours", category, model.categories)
        colour = parse_colour(code).astype(int)
        nearest = min(palette.get(category, ()), key=lambda own: np.abs(parse_colour(own) - colour).sum(), default=None)
        if nearest is not None:
            palette[category] = (nearest, *(own for own in palette[category] if own != nearest))
    return dataclasses.replace(model, palette=palette)


def _to_release(path: Path, option: str) -> Weights:
    if not (path / CONFIG_FILE).is_file():
        run_folder.read_run(path)  # says what a run is, where the folder is nothing at all
    return open_weights(path, option)


def open_features(path: str, option: str = "--loss.perceptual-features") -> features.Perceptual:
    """The frozen network that a generator's losses compare pictures by: of a file, as `features.load`, or of our
    classifier, in the folder of a run or a release, else a `CheckpointError`."""
    if Path(path).is_dir():
        return features.of_classifier(open_weights(path, option).classifier)
    return features.load(path)
