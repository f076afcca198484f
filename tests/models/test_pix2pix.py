"""U-Net and PatchGAN: the published sizes, the receptive field, and what each is told."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from sketch2photo.config import GAN_PRESETS, DiscriminatorConfig, GanModelConfig, GeneratorConfig
from sketch2photo.models import layers
from sketch2photo.models.discriminators import PatchGAN
from sketch2photo.models.unet import UNet

SMALL = GanModelConfig(
    image_size=64,
    generator=GeneratorConfig(width=4, norm="instance"),
    discriminator=DiscriminatorConfig(width=4, norm="instance"),
)
CONDITIONAL = dataclasses.replace(
    SMALL,
    class_conditional=True,
    colour_conditional=True,
    generator=GeneratorConfig(width=4, norm="conditional", style_width=8),
)


def count(module):
    return sum(leaf.size for leaf in jax.tree.leaves(nnx.state(module, nnx.Param)))


def abstract(network, config, categories=0):
    return nnx.eval_shape(lambda: network(config, categories, rngs=nnx.Rngs(0)))


def test_parameter_counts_are_the_published_ones():
    published = GanModelConfig(image_size=256, input_channels=3)
    assert count(abstract(UNet, published)) == pytest.approx(54.4e6, rel=0.002)
    assert count(abstract(PatchGAN, published)) == pytest.approx(2.77e6, rel=0.002)
    assert GAN_PRESETS["vanilla"].model == GanModelConfig()


@pytest.mark.parametrize("size", [64, 128, 256, 512])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_size_and_input(size, channels):
    config = dataclasses.replace(SMALL, image_size=size, input_channels=channels)
    photo = jax.eval_shape(
        lambda: UNet(config, 0, rngs=nnx.Rngs(0))(jnp.zeros((2, size, size, channels)), None, train=True)
    )
    assert photo.shape == (2, size, size, 3) and photo.dtype == jnp.float32


def test_a_patch_is_70_pixels_wide():
    # Without norms (they look at the whole picture) one logit depends on exactly 70 x 70 pixels.
    config = dataclasses.replace(SMALL, image_size=128)
    network = PatchGAN(config, 0, rngs=nnx.Rngs(1))

    def centre(photo):
        x = jnp.concatenate([jnp.zeros((1, 128, 128, 1)), photo], -1)
        for conv in network.convs:
            x = jax.nn.softplus(conv(x) * 10)
        return network.last(x)[0, 7, 7, 0]

    seen = np.abs(jax.grad(centre)(jnp.ones((1, 128, 128, 3)))).sum((0, 3)) > 0
    rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    assert rows[-1] - rows[0] + 1 == columns[-1] - columns[0] + 1 == 70
    assert network(jnp.zeros((1, 128, 128, 1)), jnp.zeros((1, 128, 128, 3)))[0].shape == (1, 14, 14, 1)


@pytest.mark.parametrize("change", ["label", "colour"])
def test_conditions_change_photo_and_judgement(change):
    label, colour = jnp.array([0]), jnp.array([[10, 200, 30]], jnp.uint8)
    other_label, other_colour = (
        (jnp.array([2]), colour) if change == "label" else (label, jnp.array([[200, 0, 9]], jnp.uint8))
    )
    here = layers.style_vector(CONDITIONAL, 3, label, colour)
    there = layers.style_vector(CONDITIONAL, 3, other_label, other_colour)
    assert here.shape == (1, layers.style_size(CONDITIONAL, 3))
    sketch = jax.random.normal(jax.random.key(0), (1, 64, 64, 1))
    generator, judge = UNet(CONDITIONAL, 3, rngs=nnx.Rngs(0)), PatchGAN(CONDITIONAL, 3, rngs=nnx.Rngs(1))
    photo = generator(sketch, here)
    assert jnp.abs(photo - generator(sketch, there)).max() > 1e-4
    assert jnp.abs(judge(sketch, photo, here)[0] - judge(sketch, photo, there)[0]).max() > 1e-5


def test_an_unconditional_model_is_told_nothing():
    assert layers.style_vector(SMALL, 5, jnp.array([1]), jnp.zeros((1, 3), jnp.uint8)) is None
    assert UNet(SMALL, 5, rngs=nnx.Rngs(0)).style is None


def test_batch_norm_looks_at_the_batch_only_in_training():
    config = dataclasses.replace(SMALL, generator=GeneratorConfig(width=4, norm="batch"))
    network = UNet(config, 0, rngs=nnx.Rngs(0))
    sketches = jax.random.normal(jax.random.key(0), (2, 64, 64, 1)) * jnp.array([1.0, 3.0])[:, None, None, None]
    alone = jnp.concatenate([network(sketches[:1]), network(sketches[1:])])
    np.testing.assert_allclose(network(sketches), alone, atol=1e-5)
    assert jnp.abs(network(sketches, train=True) - alone).max() > 1e-3


@pytest.mark.parametrize("kind", ["batch", "instance", "conditional", "none"])
def test_norms_in_closed_form(kind):
    x = np.random.default_rng(0).normal(3, 2, (3, 4, 4, 5)).astype(np.float32)
    style = np.random.default_rng(1).normal(size=(3, 2)).astype(np.float32)
    norm = layers.Norm(kind, 5, style_width=2, rngs=nnx.Rngs(0))
    found = norm(jnp.asarray(x), jnp.asarray(style), train=True)
    if kind == "none":
        np.testing.assert_array_equal(found, x)
        return
    axes = (0, 1, 2) if kind == "batch" else (1, 2)
    plain = (x - x.mean(axes, keepdims=True)) / x.std(axes, keepdims=True)
    if kind == "conditional":
        affine = style @ norm.affine.kernel[...] + norm.affine.bias[...]
        scale, shift = (half[:, None, None, :] for half in np.split(affine, 2, -1))
        scale = 1 + scale
    else:
        scale, shift = norm.scale[...], norm.shift[...]
    np.testing.assert_allclose(found, plain * scale + shift, atol=1e-3)


def test_dropout_needs_a_key():
    config = dataclasses.replace(SMALL, generator=GeneratorConfig(width=4, norm="instance", dropout=0.5))
    network, sketch = UNet(config, 0, rngs=nnx.Rngs(0)), jnp.zeros((1, 64, 64, 1)).at[:, 20:40, 30].set(1.0)
    np.testing.assert_array_equal(network(sketch), network(sketch))
    assert jnp.abs(network(sketch, key=jax.random.key(0)) - network(sketch, key=jax.random.key(1))).max() > 1e-4


def test_bytes_to_model_and_back():
    line = jnp.array([[[[0], [255]]]], jnp.uint8)
    np.testing.assert_array_equal(layers.to_model(line)[0, 0, :, 0], [1.0, -1.0])
    photo = jnp.arange(256, dtype=jnp.uint8).repeat(3).reshape(1, 16, 16, 3)
    np.testing.assert_array_equal(layers.to_photo(layers.to_model(photo)), photo)
