"""First weights from one draw."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from sketch2photo.config import GAN_PRESETS
from sketch2photo.models import layers
from sketch2photo.models.unet import UNet
from sketch2photo.training.gan import GanNetworks, initial_state

DEBUG = GAN_PRESETS["debug"]


def unet(rngs):
    return UNet(DEBUG.model, 3, rngs=rngs)


def weights(network):
    return nnx.to_pure_dict(nnx.state(network))


def test_a_network_has_the_shapes_and_deviations_of_one_drawn_array_by_array():
    ours, theirs = weights(layers.initialised(unet, jax.random.key(1))), weights(unet(nnx.Rngs(0)))
    assert jax.tree.structure(ours) == jax.tree.structure(theirs)
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        assert a.shape == b.shape
        assert a.dtype == jnp.float32
        if a.size > 500:
            assert float(a.std()) == pytest.approx(float(b.std()), rel=0.15)
            assert float(a.mean()) == pytest.approx(float(b.mean()), abs=0.2 * float(b.std()) + 1e-9)


def test_no_number_is_used_twice():
    kernels = [x for x in jax.tree.leaves(weights(layers.initialised(unet, jax.random.key(1)))) if x.ndim == 4]
    pairs = np.concatenate([np.ravel(x)[: x.size // 2 * 2] for x in kernels]).reshape(-1, 2)
    assert len(np.unique(pairs, axis=0)) == len(pairs)  # single floats are alike by chance


def test_the_key_decides():
    first, again, other = (weights(layers.initialised(unet, jax.random.key(key))) for key in (1, 1, 2))
    for a, b, c in zip(*map(jax.tree.leaves, (first, again, other)), strict=True):
        np.testing.assert_array_equal(a, b)
        assert not a.any() or (a == 1).all() or not np.array_equal(a, c)


def test_more_than_a_chunk_is_standard_normal():
    drawn = layers.initialised(lambda rngs: layers.standard_normal(rngs, (3, layers._CHUNK)), jax.random.key(0))
    assert drawn.shape == (3, layers._CHUNK)
    assert float(jnp.abs(drawn.mean(1)).max()) < 0.02
    assert float(jnp.abs(drawn.std(1) - 1).max()) < 0.02
    assert float(jnp.abs(jnp.corrcoef(drawn) - jnp.eye(3)).max()) < 0.02


def test_the_program_of_a_run_s_first_weights_draws_once():
    """Sixty draws took as long to compile as the training step."""
    networks = GanNetworks(DEBUG, 3)
    text = jax.jit(lambda key: initial_state(networks, key)).lower(jax.random.key(0)).as_text()
    assert text.count("erf_inv") == 1
