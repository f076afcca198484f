"""Features for the perceptual loss: VGG16, SqueezeNet and our own classifier."""

import jax.numpy as jnp
import numpy as np
import pytest

from sketch2photo.config import ClassifierModelConfig
from sketch2photo.errors import CheckpointError
from sketch2photo.models import features
from sketch2photo.release.weights import open_features
from tests import tiny
from tests.evaluation.test_squeezenet import fake_file


def photos(n=2, size=64):
    return jnp.asarray(np.random.default_rng(0).uniform(-1, 1, (n, size, size, 3)), jnp.float32)


def test_squeezenet_has_maps_of_halved_sides(tmp_path):
    network = features.load(fake_file(tmp_path / "net.mat"))
    maps = network(photos())
    assert [m.shape for m in maps] == [(2, 32, 32, 64), (2, 16, 16, 128), (2, 8, 8, 256), (2, 4, 4, 512)]
    assert network.widths == [64, 128, 256, 512]
    # The first map by hand: BGR from 0 to 255 with the mean taken off.
    bgr = (np.asarray(photos())[..., ::-1] + 1) * 127.5 - np.asarray(features.MEAN_BGR, np.float32)
    kernel, bias = network.weights["conv1"]
    expected = np.maximum(np.einsum("hwi,hwio->o", bgr[0, 10:13, 20:23], kernel) + bias, 0)
    np.testing.assert_allclose(maps[0][0, 5, 10], expected, rtol=1e-3, atol=1e-2)


def test_our_own_classifier_sees_white_as_paper():
    config = ClassifierModelConfig(image_size=32, width=4)
    network = features.of_classifier(tiny.classifier(config))
    maps = network(photos())
    assert [m.shape[1:] for m in maps] == [(64, 64, 4), (32, 32, 8), (16, 16, 16), (8, 8, 32)]
    assert network.widths == [4, 8, 16, 32]
    blank = network(jnp.ones((1, 64, 64, 3)))[0]
    weights = network.weights["convs"][0]
    np.testing.assert_allclose(blank, np.broadcast_to(np.maximum(weights["bias"], 0), blank.shape), atol=1e-6)


def test_a_folder_that_is_no_model_is_refused_by_the_options_name(tmp_path):
    with pytest.raises(CheckpointError, match="perceptual-features"):
        open_features(str(tmp_path))
