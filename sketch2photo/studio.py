"""A released model at work: a sketch in, a photo and the category probabilities out."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

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


class _Wish(NamedTuple):
    """A sketch that was checked, and what is to be made of it."""

    square: np.ndarray
    """A clean sheet, (s, s), or a coloured input, (s, s, 3)."""
    category: str | None
    colour: np.ndarray | None
    seed: int
    hints: np.ndarray | None

    @property
    def is_drawn(self) -> bool:
        return self.square.ndim == 3 or int(np.count_nonzero(self.square < images.INK_BELOW)) >= LEAST_INK


class Studio:
    """A released model. `Studio.load("checkpoints/studio").predict(sketch)`; safe to use from several threads."""

    batches = (1, 2, 4, 6, 8, 12, 16)
    """The sizes that are compiled; others are filled up; a quarter of a call is idle at most."""

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
        self._even = np.full(count, 1 / count)
        """The probabilities where nothing is known: of an empty sheet, and without a classifier."""
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
        """Open a released model's folder; `CheckpointError` where it is none."""
        return cls(format.read(directory), Path(directory).resolve().name)

    def warm_up(self, batches: Sequence[int] = (1,)) -> None:
        """Compile for these batch sizes, so that the first person does not wait."""
        sheet = np.full((64, 64), images.PAPER, np.uint8)
        sheet[20:44, 20:44] = 0
        for n in batches:
            self.predict_batch([sheet] * n)

    def compile(self, batch: int) -> None:
        """Compile for one of `batches`. Others may predict meanwhile, which they could not if a call compiled."""

        def array(*shape: int, kind: Any = np.uint8) -> jax.ShapeDtypeStruct:
            return jax.ShapeDtypeStruct((batch, *shape), kind)

        side = self.image_size
        sketch = array(side, side, self._model.gan.input_channels)
        hints = [array(side, side, 4)] if self.takes_hints else []
        self._paint.lower(self._generator, sketch, array(kind=np.int32), array(3), *hints).compile()
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
        given: dict[str, Any] = {"categories": categories, "colours": colours, "seeds": seeds, "hints": hints}
        for name, values in given.items():
            if values is None:
                given[name] = [None] * len(sketches)
            elif len(values) != len(sketches):
                raise ConfigError(f"{name} has {len(values)} entries for {len(sketches)} sketches: give one for each")
        wishes = [self._wish(*each) for each in zip(sketches, *given.values(), strict=True)]
        drawn = [i for i, wish in enumerate(wishes) if wish.is_drawn]
        results = [Prediction(None, self._named(self._even), None, "empty")] * len(sketches)
        for first in range(0, len(drawn), self.batches[-1]):
            chunk = drawn[first : first + self.batches[-1]]
            for i, prediction in zip(chunk, self._predict_drawn([wishes[i] for i in chunk]), strict=True):
                results[i] = prediction
        return results

    def _wish(
        self, sketch: np.ndarray, category: str | None, colour: str | None, seed: int | None, hints: np.ndarray | None
    ) -> _Wish:
        if hints is not None and not self.takes_hints:
            raise ConfigError(f"the model {self.name} takes no hints: leave them out")
        coloured = images.as_colour_input(sketch) if self.takes_colour_inputs else None
        return _Wish(
            category=None if category is None else choose("category", category, self.categories),
            colour=None if colour is None else parse_colour(colour),
            seed=seed or 0,
            square=images.clean_sheet(images.as_sketch(sketch)) if coloured is None else coloured,
            hints=None if hints is None else images.as_hints(hints, sketch),
        )

    def _predict_drawn(self, wishes: list[_Wish]) -> list[Prediction]:
        seen = self._classify([wish.square for wish in wishes])
        painted = [
            wish.category or self.categories[int(np.argmax(probabilities))]
            for wish, (probabilities, *_) in zip(wishes, seen, strict=True)
        ]
        colours = [
            self._own_colour(category, wish.seed) if wish.colour is None else wish.colour
            for wish, category in zip(wishes, painted, strict=True)
        ]
        sketches, frames = zip(*(self._framed(wish.square) for wish in wishes), strict=True)
        photos = self._run(
            self._paint,
            self._generator,
            np.stack(sketches),
            np.array([self.categories.index(category) for category in painted], np.int32),
            np.stack(colours),
            *([self._cut_hints(wishes, frames)] if self.takes_hints else []),
        )
        return [
            Prediction(
                **self._on_drawing(frame, photo),
                probabilities=self._named(probabilities),
                category=category,
                status=status,
                colour="#{:02x}{:02x}{:02x}".format(*colour) if self._model.gan.colour_conditional else None,
                word=word,
            )
            for frame, photo, (probabilities, status, word), category, colour in zip(
                frames, photos, seen, painted, colours, strict=True
            )
        ]

    def _framed(self, square: np.ndarray) -> tuple[np.ndarray, images.Frame]:
        """What the model sees, (s, s, c), and the window it is; a coloured input is seen whole, as in training."""
        if square.ndim == 3:
            return images.resize_sketch(square, self.image_size), images.whole_frame(square)
        sketch, frame = images.frame_sheet(square, self.image_size)
        return np.repeat(sketch[..., None], self._model.gan.input_channels, -1), frame

    def _cut_hints(self, wishes: list[_Wish], frames: Sequence[images.Frame]) -> np.ndarray:
        """uint8 (n, s, s, 4), of every sketch's window; transparent where there are none."""
        cut = np.zeros((len(wishes), self.image_size, self.image_size, 4), np.uint8)
        for i, (wish, frame) in enumerate(zip(wishes, frames, strict=True)):
            if wish.hints is not None:
                cut[i] = frame.cut_hints(wish.hints, self.image_size)
        return cut

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
        if self._logits is None or self._model.classifier_config is None:
            return [(self._even, "ok", None)] * len(squares)
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

    def _own_colour(self, category: str, seed: int) -> np.ndarray:
        colours = self.palette.get(category)
        return parse_colour(colours[int(seed) % len(colours)]) if colours else np.full(3, 128, np.uint8)

    def _named(self, probabilities: np.ndarray) -> dict[str, float]:
        return dict(zip(self.categories, map(float, probabilities), strict=True)) if self.has_classifier else {}

    def _run(self, function: Any, weights: Any, *arrays: np.ndarray) -> np.ndarray:
        """The function on the batch filled up to one of `batches`."""
        n = len(arrays[0])
        size = next(size for size in self.batches if size >= n)
        filled = [np.concatenate([a, np.repeat(a[-1:], size - n, 0)]) if size > n else a for a in arrays]
        with self._lock:  # two computations at once only slow each other down
            return np.asarray(function(weights, *filled))[:n]
