"""The layers' own gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sketch2photo.models import layers


@pytest.mark.parametrize("function", [layers.relu, layers.leaky_relu], ids=["relu", "leaky"])
def test_slopes_are_those_of_the_function(function):
    slope = 0.0 if function is layers.relu else 0.2
    x = jnp.array([-2.0, -0.5, 0.5, 3.0])
    np.testing.assert_allclose(function(x), [-2 * slope, -0.5 * slope, 0.5, 3], rtol=1e-6)
    np.testing.assert_allclose(jax.vmap(jax.grad(function))(x), [slope, slope, 1, 1], rtol=1e-6)
    # The gradient of a gradient, which R1 takes.
    twice = jax.grad(lambda x: jnp.sum(jax.grad(lambda x: jnp.sum(function(x) ** 3))(x)))(x)
    np.testing.assert_allclose(twice, 6 * np.array([-2, -0.5, 0.5, 3]) * [slope**3, slope**3, 1, 1], rtol=1e-5)
