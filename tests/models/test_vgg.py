"""VGG16: the published shapes, what its input means, and batch norm taken into the convolutions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from sketch2photo.config import ClassifierModelConfig
from sketch2photo.errors import ConfigError
from sketch2photo.models import vgg
from sketch2photo.models.vgg import VGG16

SMALL = ClassifierModelConfig(image_size=32, width=4)
PLAIN = ClassifierModelConfig(image_size=32, width=4, norm="none")


def weights_of(model):
    return nnx.to_pure_dict(nnx.state(model))


def sketches(n=3, size=32, seed=0):
    """In [-1, 1], mostly paper."""
    ink = jax.random.uniform(jax.random.key(seed), (n, size, size, 1))
    return jnp.where(ink > 0.8, 1.0, -1.0)


@pytest.mark.parametrize("norm", ["none", "batch"])
def test_the_convolutions_have_the_published_shapes(norm):
    config = ClassifierModelConfig(norm=norm)
    weights = weights_of(nnx.eval_shape(lambda: VGG16(config, 13, rngs=nnx.Rngs(0))))
    shapes = [weights["convs"][i]["kernel"].shape for i in range(13)]
    widths = [64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512]
    assert shapes == [(3, 3, c, o) for c, o in zip([3, *widths[:-1]], widths, strict=True)]
    convolutions = [weights["convs"][i][part] for i in range(13) for part in ("kernel", "bias")]
    assert sum(part.size for part in convolutions) == 14_714_688
    assert weights["head"]["kernel"].shape == (512, 13)


def test_logits_of_a_hand_made_network():
    # Every kernel passes its first channel on (centre tap 1), so the first feature is the darkest ink anywhere in
    # each of the pooled cells, averaged over the cells: one dot in a 32 px sketch makes one cell of 2.
    model = VGG16(PLAIN, 2, rngs=nnx.Rngs(0))
    weights = weights_of(model)
    for conv in weights["convs"].values():
        conv["kernel"] = jnp.zeros_like(conv["kernel"]).at[1, 1, 0, 0].set(1.0)
    weights["head"]["kernel"] = jnp.zeros_like(weights["head"]["kernel"]).at[0, 1].set(3.0)
    weights["head"]["bias"] = jnp.array([0.5, -1.0])
    nnx.update(model, weights)
    blank = jnp.full((1, 64, 64, 1), -1.0)
    dot = blank.at[0, 40, 10, 0].set(1.0)
    np.testing.assert_allclose(model(blank), [[0.5, -1.0]])
    np.testing.assert_allclose(model(dot), [[0.5, 3.0 * 2.0 / 4 - 1.0]], rtol=1e-6)


def test_a_grey_sketch_is_seen_by_all_three_input_channels():
    model = VGG16(PLAIN, 5, rngs=nnx.Rngs(0))
    grey = sketches()
    np.testing.assert_allclose(model(grey), model(jnp.repeat(grey, 3, -1)), rtol=2e-4, atol=1e-6)


def test_paper_around_the_sheet_is_like_paper_on_it():
    # Padding counts as paper: the first features of a blank sheet are the same everywhere.
    conv = VGG16(PLAIN, 5, rngs=nnx.Rngs(0)).convs[0]
    features = np.asarray(conv(jnp.full((1, 8, 8, 1), -1.0) + 1.0))
    np.testing.assert_allclose(features, features[:, :1, :1].repeat(8, 1).repeat(8, 2))


def test_batch_norm_in_training_is_over_the_batch():
    model = VGG16(SMALL, 5, rngs=nnx.Rngs(0))
    conv = model.convs[0]
    x = sketches()
    y = np.asarray(vgg._convolve(x, conv.kernel[...].sum(2, keepdims=True)))
    normal = (y - y.mean((0, 1, 2))) / np.sqrt(y.var((0, 1, 2)) + 1e-5)
    conv.scale[...], conv.bias[...] = jnp.array([1.0, 2.0, 0.5, -1.0]), jnp.array([0.0, 1.0, -0.5, 0.2])
    expected = np.maximum(normal * np.array([1.0, 2.0, 0.5, -1.0]) + np.array([0.0, 1.0, -0.5, 0.2]), 0)
    np.testing.assert_allclose(conv(x, train=True), expected, rtol=1e-3, atol=1e-4)


def test_measured_on_a_batch_it_says_what_it_says_in_training():
    model = VGG16(SMALL, 5, rngs=nnx.Rngs(0))
    x = sketches(n=4)
    in_training = model(x, train=True)
    assert not np.allclose(model(x), in_training, atol=1e-3)
    nnx.update(model, vgg.measured(weights_of(model), x))
    np.testing.assert_allclose(model(x), in_training, rtol=1e-3, atol=1e-5)


def test_served_without_batch_norm_it_says_the_same():
    model = VGG16(SMALL, 5, rngs=nnx.Rngs(0))
    weights = vgg.measured(weights_of(model), sketches(seed=3))
    rng = np.random.default_rng(0)
    for conv in weights["convs"].values():
        conv["scale"] = jnp.asarray(rng.uniform(0.5, 1.5, conv["scale"].shape).astype(np.float32))
        conv["bias"] = jnp.asarray(rng.normal(0, 0.3, conv["bias"].shape).astype(np.float32))
    nnx.update(model, weights)
    folded = vgg.fold(weights)
    plain = VGG16(PLAIN, 5, rngs=nnx.Rngs(1))
    assert jax.tree.map(jnp.shape, folded) == jax.tree.map(jnp.shape, weights_of(plain))
    nnx.update(plain, folded)
    x = sketches(seed=9)
    np.testing.assert_allclose(plain(x), model(x), rtol=1e-4, atol=1e-5)
    assert np.ptp(np.asarray(model(x))) > 1e-3
    np.testing.assert_array_equal(vgg.fold(folded)["convs"][3]["kernel"], folded["convs"][3]["kernel"])


def test_batch_norm_put_into_a_plain_network_changes_nothing():
    plain = VGG16(PLAIN, 5, rngs=nnx.Rngs(0))
    model = VGG16(SMALL, 5, rngs=nnx.Rngs(1))
    weights = weights_of(plain)
    for i, conv in weights["convs"].items():
        conv["bias"] = 0.1 * jax.random.normal(jax.random.key(i), conv["bias"].shape)
    nnx.update(plain, weights)
    x = sketches(n=4)
    unfolded = vgg.unfold(weights, x)
    assert jax.tree.map(jnp.shape, unfolded) == jax.tree.map(jnp.shape, weights_of(model))
    nnx.update(model, unfolded)
    expected = plain(x)
    np.testing.assert_allclose(model(x), expected, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(model(x, train=True), expected, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(vgg.fold(unfolded)["convs"][7]["bias"], weights["convs"][7]["bias"], atol=1e-5)


def test_other_categories_together_are_none_of_these():
    config = ClassifierModelConfig(image_size=32, width=4, norm="none", others=5)
    model = VGG16(config, 4, rngs=nnx.Rngs(0))
    apart = np.asarray(model(sketches(), apart=True), np.float64)
    logits = np.asarray(model(sketches()))
    assert apart.shape == (3, 8) and logits.shape == (3, 4)
    np.testing.assert_array_equal(logits[:, :3], apart[:, :3].astype(np.float32))
    np.testing.assert_allclose(logits[:, 3], np.log(np.exp(apart[:, 3:]).sum(-1)), rtol=1e-6, atol=1e-6)


def test_dropout_only_with_a_key():
    model = VGG16(PLAIN, 5, rngs=nnx.Rngs(0))
    x = sketches()
    np.testing.assert_array_equal(model(x), model(x, train=True))
    dropped = [model(x, key=jax.random.key(i)) for i in range(2)]
    assert not np.allclose(dropped[0], dropped[1])


@pytest.mark.parametrize("size", [16, 48, 100])
def test_sizes_that_do_not_halve_five_times_are_refused(size):
    with pytest.raises(ConfigError, match=f"image_size is {size}: choose a multiple of 32"):
        ClassifierModelConfig(image_size=size)
