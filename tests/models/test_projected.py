"""Discriminators on ImageNet features: their shapes, what they are told, and that they teach the generator."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sketch2photo.config import GAN_PRESETS
from sketch2photo.models.discriminators import RandomMixing
from sketch2photo.models.features import load
from sketch2photo.training import gan
from tests.models import test_efficientnet

DEBUG = GAN_PRESETS["debug"]
PROJECTED = dataclasses.replace(
    DEBUG, loss=dataclasses.replace(DEBUG.loss, l1=0.0, feature_matching=0.0, perceptual=0.0, projected=1.0)
)


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    """A random network in the form of a VGG-19, up to conv4_1."""
    rng = np.random.default_rng(0)
    arrays = {"conv0_w": np.eye(3, dtype=np.float32)[None, None], "conv0_b": np.zeros(3, np.float32)}
    c = 3
    for block, width in (("11 12", 4), ("21 22", 6), ("31 32 33 34", 8), ("41", 10)):
        for name in block.split():
            arrays[f"conv{name}_w"] = rng.normal(0, (2 / 9 / c) ** 0.5, (3, 3, c, width)).astype(np.float32)
            arrays[f"conv{name}_b"] = np.zeros(width, np.float32)
            c = width
    path = tmp_path_factory.mktemp("features") / "vgg.npz"
    np.savez(path, **arrays)
    return load(path)


def pictures(n=4, size=64):
    rng = np.random.default_rng(1)
    draw = lambda *shape: jnp.asarray(rng.uniform(-1, 1, shape), jnp.float32)  # noqa: E731
    return draw(n, size, size, 1), draw(n, size, size, 3), draw(n, size, size, 3), draw(n, 6)


def judged(features, config=PROJECTED):
    networks = gan.GanNetworks(config, 3, features)
    _, weights = networks.init(jax.random.key(0))
    return networks, weights


def test_a_head_for_every_map_but_the_first(features):
    networks, weights = judged(features)
    discriminate = jax.jit(networks.discriminate_both)
    assert features.widths == [4, 6, 8, 10]
    sketch, photo, fake, style = pictures()
    real, other = discriminate(weights, sketch, photo, fake, style)
    assert [logits.shape for logits in real.heads] == [(4, 8, 8, 1), (4, 4, 4, 1), (4, 2, 2, 1)]
    assert all(jnp.abs(a - b).max() > 0 for a, b in zip(real.heads, other.heads, strict=True))
    again, _ = discriminate(weights, -sketch, photo, fake, style)
    styled, _ = discriminate(weights, sketch, photo, fake, -style)
    for a, b, c in zip(real.heads, again.heads, styled.heads, strict=True):
        assert jnp.abs(a - b).max() > 1e-6, "a head does not see the sketch"
        assert jnp.abs(a - c).max() > 1e-6, "a head does not know category and colour"


def test_large_photos_are_judged_small(features):
    photo = pictures(1, 256)[1]
    shrunk = photo.reshape(1, 128, 2, 128, 2, 3).mean((2, 4))
    for a, b in zip(features(photo), features(shrunk), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_without_features_there_are_no_heads():
    networks, weights = judged(None)
    assert "projected" not in weights and networks.features is None


def test_the_heads_learn_and_teach_the_generator(features):
    networks, weights = judged(features)
    sketch, photo, fake, style = pictures()

    @jax.jit
    def gradients(weights, fake):
        def both(weights, fake):
            return networks.discriminate_both(weights, sketch, photo, fake, style)

        heads = jax.grad(lambda w: gan.discriminator_objective(PROJECTED, both(w, fake)))(weights)["projected"]
        term = jax.grad(lambda f: gan.generator_objective(PROJECTED, both(weights, f), f, f)[1]["loss_projected"])
        return heads, term(fake)

    heads, through = gradients(weights, fake)
    for path, gradient in jax.tree.leaves_with_path(heads):
        if "kernel" in jax.tree_util.keystr(path):  # a first bias is pulled alike by true and generated photos
            assert jnp.abs(gradient).max() > 0, f"{jax.tree_util.keystr(path)} does not learn"
    assert jnp.abs(through).max() > 0, "no gradient reaches the photo"


# ---------------------------------------------------------------- mixing


def test_mixed_maps_hold_what_smaller_ones_show_and_not_the_other_way_round():
    mix = RandomMixing([6, 8, 10])
    rng = np.random.default_rng(0)
    maps = [
        jnp.asarray(rng.normal(size=(1, side, side, width)), jnp.float32) for side, width in ((16, 6), (8, 8), (4, 10))
    ]
    mixed = mix(maps)
    assert [m.shape for m in mixed] == [(1, side, side, RandomMixing.width) for side in (16, 8, 4)]
    for changed in range(3):
        others = mix([m + (i == changed) for i, m in enumerate(maps)])
        moved = [float(jnp.abs(a - b).max()) > 1e-3 for a, b in zip(mixed, others, strict=True)]
        assert moved == [i <= changed for i in range(3)]
    # Random, but for all runs and devices the same: it is no weight, and nobody saves it.
    for a, b in zip(mixed, RandomMixing([6, 8, 10])(maps), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow
def test_heads_on_mixed_maps_teach_the_generator_too(features):
    mixing = dataclasses.replace(PROJECTED, loss=dataclasses.replace(PROJECTED.loss, mixing=True))
    networks, weights = judged(features, mixing)
    sketch, photo, fake, style = pictures()
    real, _ = networks.discriminate_both(weights, sketch, photo, fake, style)
    assert [logits.shape for logits in real.heads] == [(4, 8, 8, 1), (4, 4, 4, 1), (4, 2, 2, 1)]
    first = weights["projected"]["heads"][0]["first"]["kernel"]
    assert first.shape[-1] == RandomMixing.width + 1  # the sketch
    gradient = jax.grad(lambda f: networks.discriminate_both(weights, sketch, photo, f, style)[1].heads[0].sum())(fake)
    assert float(jnp.abs(gradient).max()) > 0


def test_maps_too_small_for_a_head_have_none(tmp_path):
    """EfficientNet-Lite's last map is a thirty-second of the side: two pixels of 64."""
    np.savez(tmp_path / "lite.npz", **test_efficientnet.arrays(deep=True))
    lite = load(tmp_path / "lite.npz")
    sketch, photo, fake, style = pictures()
    assert [m.shape[1] for m in lite(photo)] == [16, 8, 4, 2]
    for mixing in (False, True):
        networks, weights = judged(
            lite, dataclasses.replace(PROJECTED, loss=dataclasses.replace(PROJECTED.loss, mixing=mixing))
        )
        real, _ = networks.discriminate_both(weights, sketch, photo, fake, style)
        assert [logits.shape for logits in real.heads] == [(4, 2, 2, 1), (4, 1, 1, 1)]
