"""Minimal filtering for 2x2 kernels: fewer multiplications for the wide layers of a served model.

Lavin & Gray 2016, section 4: a tile of m x m outputs of a 2x2 convolution takes (m + 1)^2 products, not 4 m^2, between
transforms that only add: y = A^T [(G g G^T) * (B^T d B)] A. The products of all tiles are one matrix product for each
place of a tile. On a CPU it pays from some ten thousand pairs of channels on; the larger the tile, the fewer products
and the more additions.
"""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

_POINTS = {2: (0.0, -1.0), 3: (0.0, 1.0, -1.0), 4: (0.0, 1.0, -1.0, 2.0)}
"""Where the polynomials are evaluated, beside infinity, for tiles of m outputs."""


@cache
def _transforms(m: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """B^T (m+1, m+1), G (m+1, 2) and A^T (m, m+1) of F(m, 2).

    Toom and Cook multiply polynomials of m and 2 coefficients by their values at m points and infinity; the
    transpose of that algorithm is the filter (Winograd 1980, chapter IV).
    """

    def evaluate(coefficients: int) -> np.ndarray:
        rows = [[point**power for power in range(coefficients)] for point in _POINTS[m]]
        return np.array([*rows, [0.0] * (coefficients - 1) + [1.0]])

    return np.linalg.inv(evaluate(m + 1)).T, evaluate(2), evaluate(m).T


def pack(kernel: Float[Array, "2 2 c o"], m: int) -> Float[Array, "k c o"]:
    """The kernel's transform for tiles of m outputs a side, k = (m + 1)^2."""
    g = jnp.asarray(_transforms(m)[1], kernel.dtype)
    return jnp.einsum("pi,qj,ijco->pqco", g, g, kernel).reshape((m + 1) ** 2, *kernel.shape[2:])


def convolve(
    x: Float[Array, "n h w c"], packed: Float[Array, "k ..."], m: int, *, weights_first: bool = False
) -> Float[Array, "n h-1 w-1 o"]:
    """The 2x2 convolution without margin; output sides that are no multiple of m cost the tiles they reach into.

    Args:
      packed: as `pack` gives it, (k, c, o); with `weights_first` its last two axes the other way round, which is
        faster for few tiles and many channels.
    """
    n, height, width, _ = x.shape
    h, w, o = height - 1, width - 1, packed.shape[1 if weights_first else 2]
    down, across = -(-h // m), -(-w // m)
    x = jnp.pad(x, ((0, 0), (0, down * m - h), (0, across * m - w), (0, 0)))
    b, _, a = _transforms(m)
    rows = _combine(b, [x[:, i : i + m * (down - 1) + 1 : m] for i in range(m + 1)])
    tiles = _combine(b, [rows[:, :, :, j : j + m * (across - 1) + 1 : m] for j in range(m + 1)], axis=1)
    tiles = tiles.reshape((m + 1) ** 2, n * down * across, -1)
    if weights_first:
        products = lax.dot_general(packed, tiles, (((2,), (2,)), ((0,), (0,))))
        products = lax.optimization_barrier(products).transpose(0, 2, 1)  # or XLA turns the product round again
    else:
        products = lax.dot_general(tiles, packed, (((2,), (1,)), ((0,), (0,))))
    products = products.reshape(m + 1, m + 1, n, down, across, o)
    rows = _combine(a, list(products))
    y = _combine(a, [rows[:, j] for j in range(m + 1)], axis=1)  # m, m, n, down, across, o
    return y.transpose(2, 3, 0, 4, 1, 5).reshape(n, down * m, across * m, o)[:, :h, :w]


def _combine(matrix: np.ndarray, parts: list[jax.Array], axis: int = 0) -> jax.Array:
    """The matrix times the parts, as sums: most of its entries are 0, 1 or -1."""
    results = []
    for row in matrix:
        terms = [part if c == 1 else part * np.float32(c) for c, part in zip(row, parts, strict=True) if abs(c) > 1e-12]
        results.append(sum(terms[1:], terms[0]))
    return jnp.stack(results, axis)
