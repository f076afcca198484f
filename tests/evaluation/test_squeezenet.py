"""SqueezeNet's features: the file, the layout, and what they tell apart on real photos."""

import numpy as np
import pytest
import scipy.io

from sketch2photo import images
from sketch2photo.errors import ConfigError
from sketch2photo.models import features
from sketch2photo.models import features as network


def fake_file(path, deepest=256, without=()):
    """A file of random convolutions of the right shapes."""
    rng = np.random.default_rng(0)
    widths = {2: (16, 64), 3: (16, 64), 4: (32, 128), 5: (32, 128), 6: (48, 192), 7: (48, 192), 8: (64, 256)}
    widths[9] = (64, deepest)
    shapes, inputs = {"conv1": (3, 3, 3, 64)}, 64
    for i, (squeeze, expand) in widths.items():
        shapes[f"fire{i}/squeeze1x1"] = (1, 1, inputs, squeeze)
        shapes[f"fire{i}/expand1x1"] = (1, 1, squeeze, expand)
        shapes[f"fire{i}/expand3x3"] = (3, 3, squeeze, expand)
        inputs = 2 * expand
    content = {}
    for name, shape in shapes.items():
        if name not in without:
            pair = np.empty((1, 2), object)
            pair[0, 0] = rng.normal(0, (2 / np.prod(shape[:3])) ** 0.5, shape).astype(np.float32)
            pair[0, 1] = rng.normal(0, 0.1, (1, shape[-1])).astype(np.float32)
            content[name] = pair
    scipy.io.savemat(path, content)
    return path


def test_features_do_not_depend_on_what_else_is_in_the_batch(tmp_path):
    of = features.squeezenet_features(features.load_squeezenet(fake_file(tmp_path / "net.mat")), 64)
    photos = np.random.default_rng(0).integers(0, 256, (35, 80, 80, 3), dtype=np.uint8)
    together = of(photos)
    assert together.shape == (35, features.DEPTH) and together.dtype == np.float32
    np.testing.assert_allclose(together[33:], of(photos[33:]), rtol=1e-4, atol=1e-4)
    assert of(photos[:0]).shape == (0, features.DEPTH)
    assert (together >= 0).all() and together.std(0).max() > 0


def test_red_and_blue_are_not_mistaken_for_each_other(tmp_path):
    """The first convolution alone, by hand: it takes BGR with the mean taken off."""
    weights = features.load_squeezenet(fake_file(tmp_path / "net.mat"))
    x = np.array([10.0, 20.0, 30.0])[::-1] - [104.006, 116.669, 122.679]
    kernel, bias = weights["conv1"]
    expected = np.maximum(np.einsum("hwio,i->o", kernel, x) + bias, 0)
    photo = np.full((1, 32, 32, 3), (10, 20, 30), np.uint8)
    # A flat picture stays flat through convolutions without padding.
    import jax.numpy as jnp

    flat = jnp.asarray(photo, jnp.float32)[..., ::-1] - jnp.asarray(network.MEAN_BGR)
    found = network.convolve(flat, weights["conv1"], 2, "VALID")
    np.testing.assert_allclose(np.maximum(found[0, 3, 3], 0), expected, rtol=1e-4, atol=1e-3)


def test_other_files_are_refused_by_name(tmp_path):
    with pytest.raises(ConfigError, match=r"lack fire4/squeeze1x1: name a file of SqueezeNet"):
        features.load_squeezenet(fake_file(tmp_path / "part.mat", without=("fire4/squeeze1x1",)))
    with pytest.raises(ConfigError, match=r"end in 64 channels, not 512"):
        features.load_squeezenet(fake_file(tmp_path / "thin.mat", deepest=32))
    (tmp_path / "text.mat").write_text("no network")
    for name in ("text.mat", "none.mat"):
        with pytest.raises(ConfigError, match=r"cannot be read .*: name a \.mat file of SqueezeNet"):
            features.load_squeezenet(tmp_path / name)


def test_real_features_tell_categories_apart(real_data):
    """Nearest mean of five photos a category; the file's note says 0.98 of twelve categories at 227 px."""
    weights = features.load_squeezenet(real_data / "pretrained" / "squeezenet_v1.1_notop.mat")
    of = features.squeezenet_features(weights, 128)
    centres, rest = [], []
    for name in ("shoe", "car", "banana", "teddy_bear", "sofa"):
        paths = sorted((real_data / "studio" / "photos" / name).glob("*.jpg"))[:9]
        found = of(np.stack([images.decode_photo(path) for path in paths]))
        found /= np.linalg.norm(found, axis=1, keepdims=True)
        centres.append(found[:5].mean(0))
        rest.append(found[5:])
    answers = np.concatenate(rest) @ np.stack(centres).T
    assert (answers.argmax(1) == np.repeat(np.arange(5), 4)).mean() >= 0.9
