"""Minimal filtering: convolutions of stride 1, their adjoints and weight gradients in a quarter to 4/9 of the products.

Lavin & Gray 2016, section 4: a tile of m x m outputs of an r x r convolution takes t^2 products for t = m + r - 1, not
(m r)^2, between transforms that only add:

    y = A^T [(G w G^T) * (B^T x B)] A

Seen as linear maps there are three of them and their adjoints, and with them all that training needs:

    convolve          lower(gather(x) . pack(w))           gather  x -> B^T x B, tile by tile      spread  its adjoint
    adjoint           spread(lift(y) . pack(w))            lift    y -> A y A^T                    lower   its adjoint
    kernel_gradient   unpack(lift(y) . gather(x))          pack    w -> G w G^T                    unpack  its adjoint

The dots are matrix products over tiles or channels, one for each of the t^2 places of a tile. On a CPU it pays from
some thousands of pairs of channels on; the larger the tile, the fewer the products, and the larger the rounding errors:
F(4, 2), F(4, 3) and F(3, 4) stay within 2e-5 of the largest value in float32, and tests hold them to that.
"""

import math
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

_POINTS = {2: (0.0, -1.0), 3: (0.0, 1.0, -1.0), 4: (0.0, 1.0, -1.0, 2.0), 5: (0.0, 1.0, -1.0, 2.0, -2.0)}
"""Where the polynomials are evaluated, beside infinity, by how many are needed: m + r - 2."""


@cache
def _transforms(m: int, r: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """B^T (t, t), G (t, r) and A^T (m, t) of F(m, r).

    Toom and Cook multiply polynomials of m and r coefficients by their values at m + r - 2 points and infinity; the
    transpose of that algorithm is the filter (Winograd 1980, chapter IV).
    """
    t = m + r - 1

    def evaluate(coefficients: int) -> np.ndarray:
        rows = [[point**power for power in range(coefficients)] for point in _POINTS[t - 1]]
        return np.array([*rows, [0.0] * (coefficients - 1) + [1.0]])

    return np.linalg.inv(evaluate(t)).T, evaluate(r), evaluate(m).T


def pack(kernel: Float[Array, "r r o c"], m: int) -> Float[Array, "k o c"]:
    """The kernel's transform for tiles of m outputs a side, k = t^2."""
    return _both_ways(_transforms(m, kernel.shape[0])[1], kernel)


def convolve(
    x: Float[Array, "n H W c"], packed: Float[Array, "k o c"], m: int, *, weights_first: bool = False
) -> Float[Array, "n h w o"]:
    """The convolution without margin, h = H - r + 1, by a kernel as `pack` gives it for the same m. Sides that are no
    multiple of m cost the tiles they reach into. `weights_first` is faster for few tiles and many channels."""
    n, height, width, _ = x.shape
    r = _kernel_side(packed, m)
    tiles = _gather(x, m, r)
    if weights_first:
        products = lax.dot_general(packed, tiles, (((2,), (2,)), ((0,), (0,))))
        products = lax.optimization_barrier(products).transpose(0, 2, 1)  # or XLA turns the product round again
    else:
        products = lax.dot_general(tiles, packed, (((2,), (2,)), ((0,), (0,))))
    return _lower(products, m, r, (n, height - r + 1, width - r + 1))


def adjoint(y: Float[Array, "n h w o"], packed: Float[Array, "k o c"], m: int) -> Float[Array, "n H W c"]:
    """The adjoint of `convolve` in x: its gradient, or the transposed convolution."""
    n, height, width, _ = y.shape
    r = _kernel_side(packed, m)
    products = lax.dot_general(_lift(y, m, r), packed, (((2,), (1,)), ((0,), (0,))))
    return _spread(products, m, r, (n, height + r - 1, width + r - 1))


def kernel_gradient(y: Float[Array, "n h w o"], x: Float[Array, "n H W c"], m: int) -> Float[Array, "r r o c"]:
    """The gradient of sum(y * convolution of x) in the kernel."""
    r = x.shape[1] - y.shape[1] + 1
    products = lax.dot_general(_lift(y, m, r), _gather(x, m, r), (((1,), (1,)), ((0,), (0,))))
    grid = products.reshape(m + r - 1, m + r - 1, *products.shape[1:])
    return _both_ways(_transforms(m, r)[1].T, grid).reshape(r, r, *products.shape[1:])


def _kernel_side(packed: jax.Array, m: int) -> int:
    return math.isqrt(packed.shape[0]) - m + 1


# ---------------------------------------------------------------- tiles: those of x overlap, those of y do not


def _gather(x: jax.Array, m: int, r: int) -> Float[Array, "k tiles c"]:
    n, height, width, c = x.shape
    t, down, across = m + r - 1, -(-(height - r + 1) // m), -(-(width - r + 1) // m)
    x = jnp.pad(x, ((0, 0), (0, down * m + r - 1 - height), (0, across * m + r - 1 - width), (0, 0)))
    b = _transforms(m, r)[0]
    rows = _combine(b, [x[:, i : i + m * (down - 1) + 1 : m] for i in range(t)])
    tiles = _combine(b, [rows[:, :, :, j : j + m * (across - 1) + 1 : m] for j in range(t)], axis=1)
    return tiles.reshape(t * t, n * down * across, c)


def _spread(tiles: Float[Array, "k tiles c"], m: int, r: int, shape: tuple[int, int, int]) -> Float[Array, "n H W c"]:
    n, height, width = shape
    t, down, across = m + r - 1, -(-(height - r + 1) // m), -(-(width - r + 1) // m)
    c = tiles.shape[-1]
    b = _transforms(m, r)[0].T
    tiles = tiles.reshape(t, t, n, down, across, c)
    columns = _combine(b, [tiles[:, j] for j in range(t)])  # t, t, n, down, across, c
    columns = _overlap(list(columns), 3, m)  # t, n, down, across', m, c
    rows = _combine(b, list(columns.reshape(t, n, down, -1, c)))
    return _overlap(list(rows), 1, m).reshape(n, -1, columns.shape[3] * m, c)[:, :height, :width]


def _overlap(places: list[jax.Array], axis: int, m: int) -> jax.Array:
    """Lay tiles over one another m apart: place q of tile i on place i m + q. Tiles stand along `axis` of every place;
    the result has whole blocks of m there, and the place in a block behind it."""
    reach = -(-len(places) // m)

    def shifted(place: jax.Array, by: int) -> jax.Array:
        return jnp.pad(place, [(by, reach - 1 - by) if i == axis else (0, 0) for i in range(place.ndim)])

    blocks = [[shifted(places[q], q // m) for q in range(start, len(places), m)] for start in range(m)]
    return jnp.stack([sum(terms[1:], terms[0]) for terms in blocks], axis + 1)


def _lift(y: jax.Array, m: int, r: int) -> Float[Array, "k tiles o"]:
    n, h, w, o = y.shape
    t, down, across = m + r - 1, -(-h // m), -(-w // m)
    y = jnp.pad(y, ((0, 0), (0, down * m - h), (0, across * m - w), (0, 0)))
    a = _transforms(m, r)[2].T
    rows = _combine(a, [y[:, i::m] for i in range(m)])
    return _combine(a, [rows[:, :, :, j::m] for j in range(m)], axis=1).reshape(t * t, n * down * across, o)


def _lower(tiles: Float[Array, "k tiles o"], m: int, r: int, shape: tuple[int, int, int]) -> Float[Array, "n h w o"]:
    n, h, w = shape
    t, down, across = m + r - 1, -(-h // m), -(-w // m)
    y = _both_ways(_transforms(m, r)[2], tiles.reshape(t, t, n, down, across, -1))
    y = y.reshape(m, m, n, down, across, -1).transpose(2, 3, 0, 4, 1, 5)
    return y.reshape(n, down * m, across * m, -1)[:, :h, :w]


def _both_ways(matrix: np.ndarray, grid: Float[Array, "a a ..."]) -> Float[Array, "k ..."]:
    """The matrix applied to rows and columns of a grid; its places one after the other."""
    rows = _combine(matrix, list(grid))
    columns = _combine(matrix, [rows[:, j] for j in range(grid.shape[1])], axis=1)
    return columns.reshape(-1, *columns.shape[2:])


def _combine(matrix: np.ndarray, parts: list[jax.Array], axis: int = 0) -> jax.Array:
    """The matrix times the parts, as sums: most of its entries are 0, 1 or -1."""
    results = []
    for row in matrix:
        terms = [part if c == 1 else part * np.float32(c) for c, part in zip(row, parts, strict=True) if abs(c) > 1e-12]
        results.append(sum(terms[1:], terms[0]))
    return jnp.stack(results, axis)
