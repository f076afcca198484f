"""Starting from other weights: what fits is taken, what does not is named."""

import dataclasses
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sketch2photo.config import GAN_PRESETS
from sketch2photo.errors import CheckpointError
from sketch2photo.release import format
from sketch2photo.release.weights import open_weights
from sketch2photo.training import run_folder
from sketch2photo.training.gan import GanState
from sketch2photo.training.init_weights import initialise_gan
from tests import tiny

DEBUG = GAN_PRESETS["debug"]


def fresh(config, categories, seed):
    """A state with weights of its own; nothing is compiled."""
    generator, discriminator = (
        jax.tree.map(jnp.asarray, new(config.model, len(categories), seed))
        for new in (tiny.generator, tiny.discriminator)
    )
    return GanState(jnp.int32(0), generator, discriminator, None, None, generator, jax.random.key(seed))


@pytest.fixture
def release(tmp_path):
    state = fresh(DEBUG, ("car", "pear"), 1)
    model = format.ReleasedModel(DEBUG.model, ("car", "pear"), {}, state.generator, state.discriminator)
    format.write(model, tmp_path / "model", "card")
    return tmp_path / "model", state


def test_a_release_of_the_same_shape_fits_whole(release):
    path, original = release
    said = []
    state = initialise_gan(
        fresh(DEBUG, ("car", "pear"), 2), open_weights(path), DEBUG.model, ("car", "pear"), said.append
    )
    assert [line.split(":")[1].split()[0] for line in said] == ["all", "all"]
    for a, b in zip(jax.tree.leaves(state.generator), jax.tree.leaves(original.generator), strict=True):
        np.testing.assert_allclose(a, b, atol=float(np.abs(b).max()) / 100 + 1e-7)
    np.testing.assert_array_equal(state.ema["last"]["kernel"], state.generator["last"]["kernel"])


def test_a_larger_picture_keeps_the_outer_layers(release):
    path, original = release
    larger = dataclasses.replace(DEBUG, model=dataclasses.replace(DEBUG.model, image_size=128))
    said = []
    state = initialise_gan(
        fresh(larger, ("car", "pear"), 2), open_weights(path), larger.model, ("car", "pear"), said.append
    )
    for name, level in (("downs", 0), ("downs", 4), ("ups", 0)):
        np.testing.assert_allclose(
            state.generator[name][level]["kernel"], original.generator[name][level]["kernel"], atol=2e-3
        )
    assert "downs/6/kernel" in said[0] and "downs/0" not in said[0]
    assert "all" in said[1], "the discriminator does not depend on the size"


def test_categories_are_matched_by_name(release):
    path, original = release
    said = []
    names = ("apple", "pear", "car")
    state = initialise_gan(fresh(DEBUG, names, 2), open_weights(path), DEBUG.model, names, said.append)
    here, there = (np.asarray(s.generator["style"]["first"]["kernel"]) for s in (state, original))
    np.testing.assert_array_equal(here[[2, 1]], there[[0, 1]])
    np.testing.assert_array_equal(here[3:], there[2:])
    assert "style/first/kernel (1 of 6 rows)" in said[0]


def test_colours_are_kept_where_coverage_is_new(release):
    path, original = release
    covering = dataclasses.replace(DEBUG, model=dataclasses.replace(DEBUG.model, coverage=True))
    said = []
    state = initialise_gan(
        fresh(covering, ("car", "pear"), 2), open_weights(path), covering.model, ("car", "pear"), said.append
    )
    assert "last/kernel (1 of 4 rows)" in said[0]
    kernel = np.asarray(state.generator["last"]["kernel"])
    assert kernel.shape[-1] == 4
    theirs = np.asarray(original.generator["last"]["kernel"])
    np.testing.assert_allclose(kernel[..., :3], theirs, atol=float(np.abs(theirs).max()) / 100)
    # At first everything is covered: the photo is the source's.
    np.testing.assert_array_equal(kernel[..., 3], 0)
    assert jax.nn.sigmoid(state.generator["last"]["bias"][3]) > 0.98


def test_a_sketchs_weights_are_kept_where_hints_are_new(release):
    path, original = release
    hinted = dataclasses.replace(DEBUG, model=dataclasses.replace(DEBUG.model, hints=True))
    said = []
    state = initialise_gan(
        fresh(hinted, ("car", "pear"), 2), open_weights(path), hinted.model, ("car", "pear"), said.append
    )
    assert "downs/0/kernel (4 of 5 rows)" in said[0]
    theirs = np.asarray(original.generator["downs"][0]["kernel"])
    atol = float(np.abs(theirs).max()) / 100
    np.testing.assert_allclose(state.generator["downs"][0]["kernel"][..., :1], theirs, atol=atol)


def test_the_heads_rows_of_categories_are_matched_too():
    heads = {"0": {"embed": {"kernel": jnp.arange(10.0).reshape(5, 2)}}}
    old = GanState(jnp.int32(0), {}, {"projected": {"heads": heads}}, None, None, None, jax.random.key(0))
    source = types.SimpleNamespace(
        generator={"downs": {}, "down_norms": {}, "ups": {}, "up_norms": {}},
        discriminator=old.discriminator,
        gan=DEBUG.model,
        categories=("car", "pear"),
    )
    mine = {"projected": {"heads": {"0": {"embed": {"kernel": jnp.zeros((6, 2))}}}}}
    state = initialise_gan(
        dataclasses.replace(old, discriminator=mine), source, DEBUG.model, ("apple", "pear", "car"), lambda text: None
    )
    kernel = np.asarray(state.discriminator["projected"]["heads"]["0"]["embed"]["kernel"])
    np.testing.assert_array_equal(kernel[[2, 1, 3, 4, 5]], np.arange(10.0).reshape(5, 2))
    np.testing.assert_array_equal(kernel[0], 0)


def test_neither_run_nor_release(tmp_path):
    with pytest.raises(CheckpointError, match="there is no folder"):
        open_weights(tmp_path / "nothing")
    tmp_path.joinpath("x").mkdir()
    with pytest.raises(CheckpointError, match="is not a released model"):
        open_weights(tmp_path / "x")
    run_folder.write_run(tmp_path / "run", DEBUG, ("a",))
    with pytest.raises(CheckpointError, match="nothing is saved"):
        _ = open_weights(tmp_path / "run").generator


def test_a_model_grows_around_another(release):
    path, original = release
    generator = dataclasses.replace(DEBUG.model.generator, width=4, widest=16)
    larger = dataclasses.replace(DEBUG, model=dataclasses.replace(DEBUG.model, image_size=128, generator=generator))
    said = []
    state = initialise_gan(
        fresh(larger, ("car", "pear"), 2), open_weights(path), larger.model, ("car", "pear"), said.append
    )
    for name, there in (("downs", 1), ("downs", 5), ("ups", 0), ("ups", 4)):
        np.testing.assert_allclose(
            state.generator[name][there + 1]["kernel"], original.generator[name][there]["kernel"], atol=2e-3
        )
    assert "downs/0/kernel" in said[0] and "downs/1/kernel (8, 4, 4, 1)" in said[0] and "downs/6" not in said[0]
