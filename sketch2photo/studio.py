"""A released model at work: a sketch in, a photo and the category probabilities out."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from sketch2photo import images, kernels
from sketch2photo.errors import ConfigError, choose
from sketch2photo.images import parse_colour
from sketch2photo.release import format
from sketch2photo.release.calibration import none_probability, probabilities

kernels.prepare()

import jax  # noqa: E402  (after the process is prepared)

from sketch2photo.models import serving  # noqa: E402

Status = Literal["ok", "unsure", "none", "empty"]

BATCHES = (1, 2, 4, 6, 8, 12, 16)
"""The batch sizes that are compiled; others are filled up; a quarter of a call is idle at most."""
ENLARGED = 2
"""How many times larger a photo is shown than it is painted, where the model paints coverage."""
LEAST_INK = 4
"""A sheet with fewer dark pixels is empty: dust, or a pen that has only touched it."""


@dataclass(frozen=True)
class Prediction:
    """What the model makes of a sketch."""

    photo: np.ndarray | None
    """uint8 (size, size, 3), on white; None for an empty sheet."""
    probabilities: dict[str, float]
    """Of each of the model's categories, summing to 1; {} without a classifier."""
    category: str | None
    """What is painted: the asked or the likeliest category; None for an empty sheet."""
    status: Status
    """ok; unsure: no category is likely enough; none: not one of the model's categories; empty: nothing is drawn."""
    colour: str | None = None
    """The colour that is painted, "#rrggbb"; None where the model takes none."""
    cutout: np.ndarray | None = None
    """uint8 (size, size, 4) RGBA, not premultiplied: the object without its ground; None for an empty sheet, and from
    a model that paints no coverage."""
    word: str | None = None
    """What a drawing of none of the categories looks like, as far as the classifier has a name for it."""


class Studio:
    """A released model. `Studio.load("checkpoints/studio").predict(sketch)`; safe to use from several threads."""

    batches = BATCHES

    def __init__(self, model: format.ReleasedModel, name: str = "studio"):
        self.name = name
        self.categories = model.categories
        self.palette = model.palette
        self.image_size = model.gan.image_size
        self.photo_size = self.image_size * (ENLARGED if model.gan.coverage else 1)
        """Pixels a side of what is painted: with coverage, enlarged without a soft rim."""
        self.calibration = model.calibration
        self.paints_coverage = model.gan.coverage
        self.takes_hints = model.gan.hints
        self.has_classifier = model.classifier is not None and len(model.categories) > 1
        self.others = model.others
        """What else a drawing may be named as (`Prediction.word`); nothing of it can be painted."""
        self.takes_colour_inputs = model.gan.input_channels == 3
        self.device = jax.devices()[0].device_kind
        """What it paints on, as jax names it."""
        self._model = model
        count = len(model.categories)
        paint, generator = serving.painter(
            model.gan, count, model.generator, jax.default_backend(), cutout=model.gan.coverage
        )
        self._paint, self._generator = jax.jit(paint), jax.device_put(generator)
        self._logits, self._classifier = None, None
        if self.has_classifier and model.classifier_config is not None:
            classify, classifier = serving.classifier(model.classifier_config, count, model.classifier, apart=True)
            self._logits, self._classifier = jax.jit(classify), jax.device_put(classifier)
        self._lock = threading.Lock()

    @classmethod
    def load(cls, directory: str | Path) -> "Studio":
        """Open a released model's folder.

        Raises:
          CheckpointError: it is not one.
        """
        return cls(format.read(directory), Path(directory).resolve().name)

    def warm_up(self, batches: Sequence[int] = (1,)) -> None:
        """Compile for these batch sizes, so that the first person does not wait."""
        sheet = np.full((64, 64), images.PAPER, np.uint8)
        sheet[20:44, 20:44] = 0
        for n in batches:
            self.compile(n)
            self.predict_batch([sheet] * n)

    def compile(self, batch: int) -> None:
        """Compile for one of `batches`. Others may predict meanwhile, which they could not if a call compiled."""
        config = self._model.gan

        def array(*shape: int, kind: Any = np.uint8) -> jax.ShapeDtypeStruct:
            return jax.ShapeDtypeStruct((batch, *shape), kind)

        sketch = array(config.image_size, config.image_size, config.input_channels)
        hints = array(config.image_size, config.image_size, 4) if self.takes_hints else None
        self._paint.lower(self._generator, sketch, array(kind=np.int32), array(3), hints).compile()
        if self._logits is not None and self._model.classifier_config is not None:
            size = self._model.classifier_config.image_size
            self._logits.lower(self._classifier, array(size, size, 1)).compile()

    def predict(
        self,
        sketch: np.ndarray,
        category: str | None = None,
        colour: str | None = None,
        seed: int = 0,
        hints: np.ndarray | None = None,
    ) -> Prediction:
        """Paint a sketch.

        Args:
          sketch: uint8, (h, w), (h, w, 3) or (h, w, 4), 16 to 4096 pixels a side; lines of any width and place, also
            faint ones, chalk on a board or a photographed sheet of paper. A model that `takes_colour_inputs` gets a
            coloured picture, such as a label map, as it is.
          category: one of `categories`; None for the likeliest.
          colour: "#rrggbb" of the object; None for one of the category's own, chosen by the seed.
          seed: any integer; 0 is the category's default colour, which comes first.
          hints: uint8 (h, w, 4), RGBA as large as the sketch: where it is opaque, that colour is painted there (a model
            that `takes_hints`).

        Raises:
          ImageError: the array is no sketch, or the hints do not fit it.
          ConfigError: an unknown category, a colour that is not "#rrggbb", or hints for a model that takes none.
        """
        return self.predict_batch([sketch], [category], [colour], [seed], [hints])[0]

    def predict_batch(
        self,
        sketches: Sequence[np.ndarray],
        categories: Sequence[str | None] | None = None,
        colours: Sequence[str | None] | None = None,
        seeds: Sequence[int] | None = None,
        hints: Sequence[np.ndarray | None] | None = None,
    ) -> list[Prediction]:
        """`predict` for several sketches at once, in few calls of the model; the lists are as long as `sketches`."""
        n = len(sketches)
        categories = _as_long_as(n, "categories", categories, None)
        colours = _as_long_as(n, "colours", colours, None)
        seeds = _as_long_as(n, "seeds", seeds, 0)
        hints = _as_long_as(n, "hints", hints, None)
        if not self.takes_hints and any(one is not None for one in hints):
            raise ConfigError(f"the model {self.name} takes no hints: leave them out")
        for category in categories:
            if category is not None:
                choose("category", category, self.categories)
        asked = [None if colour is None else parse_colour(colour) for colour in colours]
        squares = [self._square(sketch) for sketch in sketches]
        given = [None if one is None else images.as_hints(one, s) for one, s in zip(hints, sketches, strict=True)]
        drawn = [i for i in range(n) if _is_drawn(squares[i])]
        empty = Prediction(None, self._even(), None, "empty")
        results = [empty] * n
        for first in range(0, len(drawn), BATCHES[-1]):
            chunk = drawn[first : first + BATCHES[-1]]
            predictions = self._predict_drawn(
                [squares[i] for i in chunk],
                [categories[i] for i in chunk],
                [asked[i] for i in chunk],
                [seeds[i] for i in chunk],
                [given[i] for i in chunk],
            )
            for i, prediction in zip(chunk, predictions, strict=True):
                results[i] = prediction
        return results

    def _predict_drawn(
        self,
        squares: list[np.ndarray],
        categories: list[str | None],
        colours: list[np.ndarray | None],
        seeds: list[int],
        hints: list[np.ndarray | None],
    ) -> list[Prediction]:
        seen = self._classify(squares)
        labels = [
            self.categories.index(category) if category is not None else int(np.argmax(probabilities))
            for category, (probabilities, *_) in zip(categories, seen, strict=True)
        ]
        painted = [
            self._own_colour(self.categories[label], seed) if colour is None else colour
            for label, colour, seed in zip(labels, colours, seeds, strict=True)
        ]
        framed = [_framed(square, self.image_size) for square in squares]
        photos = self._run(
            self._paint,
            self._generator,
            self._model_input([sketch for sketch, _ in framed]),
            np.array(labels, np.int32),
            np.stack(painted),
            *([self._cut_hints(hints, [frame for _, frame in framed])] if self.takes_hints else []),
        )
        takes_colour = self._model.gan.colour_conditional
        return [
            Prediction(
                **self._on_drawing(frame, photo),
                probabilities=dict(zip(self.categories, map(float, probabilities), strict=True))
                if self.has_classifier
                else {},
                category=self.categories[label],
                status=status,
                colour="#{:02x}{:02x}{:02x}".format(*colour) if takes_colour else None,
                word=word,
            )
            for (_, frame), photo, (probabilities, status, word), label, colour in zip(
                framed, photos, seen, labels, painted, strict=True
            )
        ]

    def _cut_hints(self, hints: list[np.ndarray | None], frames: list[images.Frame]) -> np.ndarray:
        """uint8 (n, s, s, 4), of every sketch's window; transparent where there are none."""
        none = np.zeros((self.image_size, self.image_size, 4), np.uint8)
        return np.stack(
            [
                none if one is None else frame.cut_hints(one, self.image_size)
                for one, frame in zip(hints, frames, strict=True)
            ]
        )

    def _on_drawing(self, frame: images.Frame, painted: np.ndarray) -> dict[str, Any]:
        """`photo` and `cutout` of what was painted of a window."""
        placed = frame.photo_on_drawing(painted, self.photo_size)
        if placed.shape[2] == 3:
            return {"photo": placed}
        enlarged = frame.side / frame.drawing * self.photo_size / self.image_size
        cutout = images.sharpened_cutout(placed, enlarged)
        return {"photo": images.on_white(cutout), "cutout": cutout}

    def _classify(self, squares: list[np.ndarray]) -> list[tuple[np.ndarray, Status, str | None]]:
        """Probabilities of the categories, the status and what else it looks like, of every sketch."""
        k = len(self.categories)
        if self._logits is None or self._model.classifier_config is None:
            return [(np.full(k, 1 / k), "ok", None)] * len(squares)
        size = self._model.classifier_config.image_size
        sheets = [sq if sq.ndim == 2 else images.clean_sheet(images.as_sketch(sq)) for sq in squares]
        framed = np.stack([images.frame_sheet(sheet, size)[0] for sheet in sheets])[..., None]
        logits = self._run(self._logits, self._classifier, framed).astype(np.float64)
        return [self._read_logits(row) for row in logits]

    def _read_logits(self, logits: np.ndarray) -> tuple[np.ndarray, Status, str | None]:
        k = len(self.categories)
        none = none_probability(np.append(logits[:k], np.logaddexp.reduce(logits[k:])), self.calibration.of_none)
        shown = probabilities(logits[:k], self.calibration.temperature)
        if none > self.calibration.none_above:
            return shown, "none", self.others[int(np.argmax(logits[k:]))] if self.others else None
        return shown, "unsure" if shown.max() < self.calibration.unsure_below else "ok", None

    def _square(self, sketch: np.ndarray) -> np.ndarray:
        """A clean sheet, (s, s), or a coloured input, (s, s, 3)."""
        coloured = images.as_colour_input(sketch) if self.takes_colour_inputs else None
        return images.clean_sheet(images.as_sketch(sketch)) if coloured is None else coloured

    def _model_input(self, sketches: list[np.ndarray]) -> np.ndarray:
        channels = self._model.gan.input_channels
        return np.stack([s if s.ndim == 3 else np.repeat(s[..., None], channels, -1) for s in sketches])

    def _own_colour(self, category: str, seed: int) -> np.ndarray:
        colours = self.palette.get(category)
        return parse_colour(colours[int(seed) % len(colours)]) if colours else np.full(3, 128, np.uint8)

    def _even(self) -> dict[str, float]:
        """What an empty sheet says of the categories: nothing."""
        return dict.fromkeys(self.categories, 1 / len(self.categories)) if self.has_classifier else {}

    def _run(self, function: Any, weights: Any, *arrays: np.ndarray) -> np.ndarray:
        """The function on the batch filled up to one of `BATCHES`."""
        n = len(arrays[0])
        size = next(size for size in BATCHES if size >= n)
        filled = [np.concatenate([a, np.repeat(a[-1:], size - n, 0)]) if size > n else a for a in arrays]
        with self._lock:  # two computations at once only slow each other down
            return np.asarray(function(weights, *filled))[:n]


def _is_drawn(square: np.ndarray) -> bool:
    return square.ndim == 3 or int(np.count_nonzero(square < images.INK_BELOW)) >= LEAST_INK


def _framed(square: np.ndarray, size: int) -> tuple[np.ndarray, images.Frame]:
    """What the model sees, and the window it is; a coloured input is seen whole, as in training."""
    if square.ndim == 3:
        return images.resize_sketch(square, size), images.whole_frame(square)
    return images.frame_sheet(square, size)


def _as_long_as(n: int, name: str, values: Sequence[Any] | None, default: Any) -> list[Any]:
    if values is None:
        return [default] * n
    if len(values) != n:
        raise ConfigError(f"{name} has {len(values)} entries for {n} sketches: give one for each")
    return list(values)
