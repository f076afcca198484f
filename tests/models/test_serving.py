"""A released model's networks as functions: the same photos from packed weights as from plain ones."""

import dataclasses

import jax
import numpy as np
import pytest
from flax import nnx

from sketch2photo.config import GanModelConfig, GeneratorConfig
from sketch2photo.errors import CheckpointError
from sketch2photo.models.serving import generator
from sketch2photo.models.unet import UNet

CONFIG = GanModelConfig(image_size=64, generator=GeneratorConfig(width=6, norm="instance"))


@pytest.fixture(scope="module")
def weights():
    return jax.tree.map(np.asarray, nnx.to_pure_dict(nnx.state(UNet(CONFIG, 0, rngs=nnx.Rngs(0)))))


def test_packed_and_plain_weights_paint_the_same(weights):
    sketch = np.random.default_rng(0).uniform(-1, 1, (2, 64, 64, 1)).astype(np.float32)
    photos = []
    for platform in ("cpu", "cuda"):
        generate, its = generator(CONFIG, 0, weights, platform)
        photos.append(np.asarray(jax.jit(generate)(its, sketch, None)))
        layout = its["downs"][2]["kernel"].shape
        assert (layout == weights["downs"][2]["kernel"].shape) == (platform != "cpu")
    np.testing.assert_allclose(*photos, atol=1e-4)


def test_weights_of_another_config_are_refused(weights):
    other = dataclasses.replace(CONFIG, input_channels=3)
    with pytest.raises(CheckpointError, match=r"generator's weights do not fit its config \(downs/0/kernel"):
        generator(other, 0, weights, "cpu")
