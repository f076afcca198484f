"""What a generator's run reads, trains and shows."""

import functools
import itertools
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

from sketch2photo.config import GanConfig
from sketch2photo.data import loader
from sketch2photo.errors import DataError
from sketch2photo.images import grid, stacked, write_picture
from sketch2photo.models import layers
from sketch2photo.models.layers import Arrays
from sketch2photo.release.weights import open_features, open_weights
from sketch2photo.training import gan
from sketch2photo.training.gan import GanState
from sketch2photo.training.init_weights import initialise_gan
from sketch2photo.training.loop import Batches, Task

SHOWN = 4  # examples of each category in a sample grid, and examples a row
DRAWN = 6  # of `sample_drawings`: they have no photo, so that a row has room for more

Evaluator = Callable[[Arrays, Arrays, Any, Path, int], dict[str, float]]
"""(weights, discriminator, paint, out, step) -> figures by name, each after "val_": measures a generator while it
trains, and keeps the best weights, the discriminator's too, so that training can go on from there. The weights are the
generator's as they would be released; paint is (sketch, label, colour) -> photo with them."""


class GanTask(Task):
    """The generator and its discriminators; see `training.loop.Task`. `evaluator`: makes what measures the generator on
    the config's `evaluation` settings; nothing is measured without."""

    config: GanConfig

    def __init__(
        self,
        config: GanConfig,
        data: list[Path],
        say: Callable[[str], None] = print,
        evaluator: Callable[[GanConfig, loader.Data], Evaluator] | None = None,
    ):
        self.config = config
        self._data = loader.open_pairs(data)
        model = config.model
        self._shape = {"image_size": model.image_size, "input_channels": model.input_channels}
        if self._data.input_channels > config.model.input_channels:
            raise DataError("the inputs of this dataset are coloured: add --model.input-channels 3")
        self.categories = self._data.categories
        self.palette = self._data.palette()
        self.sources = self._data.sources()
        features = None
        if config.loss.perceptual or config.loss.projected:
            if config.loss.perceptual_features:
                features = open_features(config.loss.perceptual_features)
            else:
                say("no perceptual loss: name a file of VGG or SqueezeNet by --loss.perceptual-features")
        self._networks = gan.GanNetworks(config, len(self.categories), features)
        self.step = gan.make_step(self._networks)
        self._measured = "val" if self._data.sizes.get("val") else "train"
        """The split that examples are of, and what their figures are called after."""
        if self._measured == "train":
            say("no validation photos: samples and figures (train_l1) are of training photos")
        self._examples: dict[str, np.ndarray] | None = None
        self._human: dict[str, np.ndarray] = {}
        self._drawings = self._read_drawings(say) if config.sample_drawings else None
        self._evaluate = None if evaluator is None else evaluator(config, self._data)

        def generate(weights: Arrays, sketch: jax.Array, label: jax.Array, colour: jax.Array) -> jax.Array:
            style = self._networks.style(label, colour)
            return layers.to_photo(self._networks.generate(weights, layers.to_model(sketch), style))

        self._generate = jax.jit(generate)

    def batches(self, shard: tuple[int, int] = (0, 1)) -> Batches:
        return loader.pair_batches(
            self._data,
            "train",
            batch_size=self.config.batch_size // shard[1],
            **self._shape,
            balance=self.config.balance,
            masks=self.config.model.coverage,
            seed=self.config.seed,
            shard=shard,
        )

    def initial_state(self, key: jax.Array) -> GanState:
        return gan.initial_state(self._networks, key)

    def initialise(self, state: GanState, source: str, say: Callable[[str], None]) -> GanState:
        return initialise_gan(state, open_weights(source, "--init"), self.config.model, self.categories, say)

    def is_due(self, step: int) -> bool:
        return super().is_due(step) or self._evaluation_is_due(step)

    def _evaluation_is_due(self, step: int) -> bool:
        return self._evaluate is not None and step % self.config.evaluation.every == 0

    def sample(self, state: GanState, out: Path, step: int) -> dict[str, float]:
        """A grid, and at every `evaluation.every` steps and the last KID, feature distance, recognition and lines on
        validation photos; the best weights go to RUN/best."""
        weights = state.generator if state.ema is None else state.ema
        figures = self._write_grid(weights, out / "samples" / f"{step:07d}.png")
        if self._evaluate is not None and (self._evaluation_is_due(step) or step == self.config.steps):
            paint = functools.partial(self._generate, weights)
            figures |= self._evaluate(weights, state.discriminator, paint, out, step)
        return figures

    def _write_grid(self, weights: Arrays, path: Path) -> dict[str, float]:
        """Sketch, generated and true photo of fixed validation examples (of training, where there are none), and the
        mean L1 over them.

        Below them the same of validation sketches that people drew, if the data hold any, and then drawing and
        generated photo of `sample_drawings`, a row a category. No figure is taken of those.
        """
        if self._examples is None:
            self._examples = loader.pair_examples(self._data, "val", **self._shape, per_category=SHOWN)
            self._human = loader.human_examples(self._data, "val", **self._shape, per_category=SHOWN)
        examples = self._examples
        photos = self._paint(weights, examples)
        grids = [_trios(examples, photos)]
        if self._human:
            grids.append(_trios(self._human, self._paint(weights, self._human)))
        if self._drawings:
            grids.append(_by_category(self._drawings, self._paint(weights, self._drawings)))
        write_picture(path, stacked(grids))
        difference = np.abs(photos.astype(np.float32) - examples["photo"].astype(np.float32))
        figures = {"l1": float(difference.mean() / 127.5), **_spread(photos, examples["photo"])}
        return {f"{self._measured}_{name}": value for name, value in figures.items()}

    def _paint(self, weights: Arrays, examples: dict[str, np.ndarray]) -> np.ndarray:
        """uint8 (n, s, s, 3), one after the other, so that it takes no more memory than training."""
        given = [examples[name] for name in ("sketch", "label", "colour")]
        return layers.in_chunks(functools.partial(self._generate, weights), 1, *given)

    def _read_drawings(self, say: Callable[[str], None]) -> dict[str, np.ndarray]:
        # Imported here: where there are none, training needs no OpenCV.
        from sketch2photo import images
        from sketch2photo.data.drawings import read_samples

        folder = Path(self.config.sample_drawings)
        found = read_samples(folder, self.categories, **self._shape, per_category=DRAWN, say=say)
        # In the colour that the page takes where none was chosen.
        own = [(self.palette.get(name) or ("#808080",))[0] for name in self.categories]
        return {**found, "colour": np.stack([images.parse_colour(own[label]) for label in found["label"]])}

    def finish(self, state: GanState, out: Path, say: Callable[[str], None]) -> None:
        say(f"done: release it by  python -m sketch2photo.release --gan {shlex.quote(str(out))} --out checkpoints/NAME")


def _trios(examples: dict[str, np.ndarray], photos: np.ndarray) -> np.ndarray:
    """A grid of sketch, generated and true photo."""
    trios = [*itertools.chain.from_iterable(zip(examples["sketch"], photos, examples["photo"], strict=True))]
    width = 3 * SHOWN
    return grid([trios[i : i + width] for i in range(0, len(trios), width)])


def _by_category(drawings: dict[str, np.ndarray], photos: np.ndarray) -> np.ndarray:
    """A grid of drawing and generated photo."""
    rows: dict[int, list[np.ndarray]] = {}
    for drawing, label, photo in zip(drawings["sketch"], drawings["label"], photos, strict=True):
        rows.setdefault(int(label), []).extend((drawing, photo))
    return grid(list(rows.values()))


def _spread(photos: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """How much the generated photos differ from each other, as a share of how much the true ones do; 0 when the
    generator has collapsed to one picture."""
    if len(photos) < 2:
        return {}
    ours, theirs = (float(x.astype(np.float32).std(0).mean()) for x in (photos, true))
    return {"spread": ours / theirs} if theirs > 0 else {}
