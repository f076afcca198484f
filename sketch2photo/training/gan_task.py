"""What a generator's run reads, trains and shows."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from sketch2photo.config import GanConfig
from sketch2photo.data.source import open_pairs
from sketch2photo.errors import DataError
from sketch2photo.models import layers
from sketch2photo.training import gan
from sketch2photo.training.feature_source import load_features
from sketch2photo.training.initialise import initialise_gan, read_source
from sketch2photo.training.loop import Batches, Metrics
from sketch2photo.training.report import grid, write_picture
from sketch2photo.training.state import GanState

SHOWN = 4
"""Examples of each category in a sample grid, and examples a row."""


class GanTask:
    """See `training.loop.Task`."""

    kind = "gan"

    def __init__(self, config: GanConfig, data: list[Path], say: Callable[[str], None] = print):
        self.config = config
        self._data = open_pairs(data)
        if self._data.input_channels > config.model.input_channels:
            raise DataError("the inputs of this dataset are coloured: add --model.input-channels 3")
        self.categories = self._data.categories
        self.palette = self._data.palette()
        self.sources = self._data.sources
        features = None
        if config.loss.perceptual or config.loss.projected:
            if config.loss.perceptual_features:
                features = load_features(config.loss.perceptual_features)
            else:
                say("no perceptual loss: name a file of VGG or SqueezeNet by --loss.perceptual-features")
        self._networks = gan.GanNetworks(config, len(self.categories), features)
        self._step = gan.make_step(self._networks)
        self._examples: dict[str, np.ndarray] | None = None
        self._evaluation = None
        if config.evaluation.features:
            # Imported here: where nothing is evaluated, training needs neither OpenCV nor SciPy.
            from sketch2photo.training.evaluating import Evaluating

            self._evaluation = Evaluating(config, self._data)
        self.evaluation_every = config.evaluation.every if self._evaluation else 0
        self._generate = jax.jit(self._generate_photos)

    def batches(self, shard: tuple[int, int] = (0, 1)) -> Batches:
        return self._data.batches(
            "train",
            batch_size=self.config.batch_size // shard[1],
            image_size=self.config.model.image_size,
            input_channels=self.config.model.input_channels,
            balance=self.config.balance,
            seed=self.config.seed,
            shard=shard,
        )

    def initial_state(self, key: jax.Array) -> GanState:
        return gan.initial_state(self._networks, key)

    def step(self, state: GanState, batch: dict[str, jax.Array]) -> tuple[GanState, Metrics]:
        return self._step(state, batch)

    def initialise(self, state: GanState, source: str, say: Callable[[str], None]) -> GanState:
        return initialise_gan(state, read_source(source), self.config.model, self.categories, say)

    def before_saving(self, state: GanState) -> GanState:
        return state

    def sample(self, state: GanState, folder: Path, step: int) -> dict[str, float]:
        """Sketch, generated and true photo of fixed validation examples, and the mean L1 over them."""
        if self._examples is None:
            self._examples = self._data.examples(
                "val",
                image_size=self.config.model.image_size,
                input_channels=self.config.model.input_channels,
                per_category=SHOWN,
            )
        examples = self._examples
        weights = state.generator if state.ema is None else state.ema
        photos = np.concatenate(
            [
                np.asarray(self._generate(weights, *(examples[n][i : i + 1] for n in ("sketch", "label", "colour"))))
                for i in range(len(examples["label"]))
            ]
        )
        trios = [
            picture
            for sketch, photo, true in zip(examples["sketch"], photos, examples["photo"], strict=True)
            for picture in (sketch, photo, true)
        ]
        width = 3 * SHOWN
        rows = [trios[i : i + width] for i in range(0, len(trios), width)]
        write_picture(folder / f"{step:07d}.png", grid(rows))
        difference = np.abs(photos.astype(np.float32) - examples["photo"].astype(np.float32))
        return {"val_l1": float(difference.mean() / 127.5), **_spread(photos, examples["photo"])}

    def evaluate(self, state: GanState, out: Path, step: int) -> dict[str, float]:
        """KID, feature distance, recognition and lines on validation photos; the best weights go to RUN/best."""
        if self._evaluation is None:
            return {}
        weights = state.generator if state.ema is None else state.ema
        return self._evaluation(weights, state.discriminator, functools.partial(self._generate, weights), out, step)

    def finish(self, state: GanState, out: Path, say: Callable[[str], None]) -> None:
        say(f"done: release it by  python -m sketch2photo.release --gan {out} --out checkpoints/NAME")

    def _generate_photos(self, weights: Any, sketch: jax.Array, label: jax.Array, colour: jax.Array) -> jax.Array:
        style = self._networks.style(label, colour)
        return layers.to_photo(self._networks.generate(weights, layers.to_model(jnp.asarray(sketch)), style))


def _spread(photos: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """How much the generated photos differ from each other, as a share of how much the true ones do; 0 when the
    generator has collapsed to one picture."""
    if len(photos) < 2:
        return {}
    ours, theirs = (float(x.astype(np.float32).std(0).mean()) for x in (photos, true))
    return {"val_spread": ours / theirs} if theirs > 0 else {}
