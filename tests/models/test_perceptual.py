"""Features for the perceptual loss: VGG16, SqueezeNet and our own classifier."""

import jax.numpy as jnp
import numpy as np

from sketch2photo.models import perceptual, squeezenet
from tests.evaluation.test_squeezenet import fake_file


def photos(n=2, size=64):
    return jnp.asarray(np.random.default_rng(0).uniform(-1, 1, (n, size, size, 3)), jnp.float32)


def test_squeezenet_has_maps_of_halved_sides(tmp_path):
    network = perceptual.load(fake_file(tmp_path / "net.mat"))
    maps = network(photos())
    assert [m.shape for m in maps] == [(2, 32, 32, 64), (2, 16, 16, 128), (2, 8, 8, 256), (2, 4, 4, 512)]
    assert network.widths == [64, 128, 256, 512]
    # The first map by hand: BGR from 0 to 255 with the mean taken off.
    bgr = (np.asarray(photos())[..., ::-1] + 1) * 127.5 - np.asarray(squeezenet.MEAN_BGR, np.float32)
    kernel, bias = network.weights["conv1"]
    expected = np.maximum(np.einsum("hwi,hwio->o", bgr[0, 10:13, 20:23], kernel) + bias, 0)
    np.testing.assert_allclose(maps[0][0, 5, 10], expected, rtol=1e-3, atol=1e-2)
