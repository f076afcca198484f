"""Small networks with random weights that tell sketches, categories and colours clearly apart."""

import dataclasses

import jax
import numpy as np
from flax import nnx

from sketch2photo.config import GAN_PRESETS, ClassifierModelConfig, GanModelConfig
from sketch2photo.models.discriminators import PatchGAN
from sketch2photo.models.unet import UNet
from sketch2photo.models.vgg import VGG16
from sketch2photo.release.format import Arrays, Calibration, ReleasedModel

CATEGORIES = ("shoe", "car", "pear")
PALETTE = {
    "shoe": ("#202020", "#f0f0f0"),
    "car": ("#c01818", "#1830c0", "#e0e0e0"),
    "pear": ("#a0b830",),
}
GAN = dataclasses.replace(
    GAN_PRESETS["debug"].model,
    generator=dataclasses.replace(GAN_PRESETS["debug"].model.generator, width=8),
)
CLASSIFIER = ClassifierModelConfig(image_size=32, width=4, norm="none")


def generator(config: GanModelConfig = GAN, categories: int = len(CATEGORIES), seed: int = 0) -> Arrays:
    weights = _random(lambda: UNet(config, categories, rngs=nnx.Rngs(0)), seed)
    weights["last"]["kernel"] *= 30
    for norm in [*weights["down_norms"].values(), *weights["up_norms"].values()]:
        if "affine" in norm:
            norm["affine"]["kernel"] *= 100
    return weights


def discriminator(config: GanModelConfig = GAN, categories: int = len(CATEGORIES), seed: int = 0) -> Arrays:
    return _random(lambda: PatchGAN(config, categories, rngs=nnx.Rngs(0)), seed)


def classifier(config: ClassifierModelConfig = CLASSIFIER, categories: int = len(CATEGORIES), seed: int = 0) -> Arrays:
    weights = _random(lambda: VGG16(config, categories + 1, rngs=nnx.Rngs(0)), seed)
    for conv in weights["convs"].values():
        conv["kernel"] *= 50 * (2 / np.prod(conv["kernel"].shape[:3])) ** 0.5
    weights["head"]["kernel"] *= 50
    return weights


def model(**changes) -> ReleasedModel:
    """A released model of the three categories with all its parts."""
    given = ReleasedModel(
        gan=GAN,
        categories=CATEGORIES,
        palette=PALETTE,
        generator=generator(),
        classifier_config=CLASSIFIER,
        classifier=classifier(),
        calibration=Calibration(temperature=1.5, unsure_below=0.0, none_above=1.0),
    )
    return dataclasses.replace(given, **changes)


def drawing(seed: int = 0, size: int = 256) -> np.ndarray:
    """A wobbly closed line over most of the sheet, with one line inside."""
    import cv2

    rng = np.random.default_rng(seed)
    angle = np.linspace(0, 2 * np.pi, 60)
    radius = 0.3 + sum(rng.normal(0, 0.04 / k) * np.cos(k * angle + rng.uniform(0, 6)) for k in range(1, 5))
    outline = (0.5 + radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)) * size
    sheet = np.full((size, size), 255, np.uint8)
    width = max(1, size // 64)
    cv2.polylines(sheet, [outline.astype(np.int32)], True, (0,), width)
    inside = (rng.uniform(0.35, 0.65, (3, 2)) * size).astype(np.int32)
    cv2.polylines(sheet, [inside], False, (0,), width)
    return sheet


def _random(build, seed: int) -> Arrays:
    """Normal weights of deviation 0.02, scales about 1, averages 0 and 1; without compiling the network."""
    rng = np.random.default_rng(seed)

    def fill(path, leaf):
        name = path[-1].key
        if name == "variance":
            return np.ones(leaf.shape, np.float32)
        centre = 1.0 if name == "scale" else 0.0
        return (centre + rng.normal(0, 0.02, leaf.shape)).astype(np.float32)

    return jax.tree.map_with_path(fill, nnx.to_pure_dict(nnx.state(nnx.eval_shape(build))))
