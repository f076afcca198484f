"""The 4x4 convolutions of pix2pix and its normalisation: one definition, fast on a CPU, plain lax elsewhere.

Every kernel is kept as (o, 4, 4, c), o channels on the small side and c on the large one. With

    S(x, W)   strided convolution, large to small        T(y, W)   its adjoint, small to large

each other's transposes, `down` is S forward and T backward, `up` is T forward and S backward, and both weight gradients
are one matrix product of the small side's values with patches of the large side's. So XLA:CPU never meets a dilated
convolution or a weight-gradient convolution, both of which it runs naively (up to 11 times slower for a whole training
step). Large layers take Winograd's tiles (`winograd`), all three products. Which form is compiled follows the platform
lowered for (`jax.lax.platform_dependent`), not the machine that traces; tests hold both to each other.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from sketch2photo.kernels import winograd

NHWC = ("NHWC", "HWIO", "NHWC")  # how every convolution's input, kernel and output lie


def pad(x: Float[Array, "n h w c"], by: int = 1) -> Float[Array, "n H W c"]:
    """A margin of zeros."""
    return jnp.pad(x, ((0, 0), (by, by), (by, by), (0, 0)))


Product = Callable[[jax.Array, jax.Array], jax.Array]
Forms = tuple[Product, Product]  # a product as it is fast on a CPU, and as plain lax


def closed(convolve: Forms, adjoint: Forms, kernel_gradient: Forms) -> tuple[Product, Product, Product]:
    """A convolution's three products with their gradients: convolve(x, kernel), adjoint(g, kernel) and
    kernel_gradient(g, x).

    sum(g * convolve(x, kernel)) is linear in all three, so each one's gradient is one of the others: of whatever order.
    """

    def product(forms: Forms) -> Any:
        cpu, default = forms
        return jax.custom_vjp(lambda a, b: lax.platform_dependent(a, b, cpu=cpu, default=default))

    def forward(product: Product) -> Callable[..., Any]:
        return lambda a, b: (product(a, b), (a, b))

    of_x, of_g, of_kernel = product(convolve), product(adjoint), product(kernel_gradient)
    of_x.defvjp(forward(of_x), lambda kept, g: (of_g(g, kept[1]), of_kernel(g, kept[0])))
    of_g.defvjp(forward(of_g), lambda kept, x: (of_x(x, kept[1]), of_kernel(kept[0], x)))
    of_kernel.defvjp(forward(of_kernel), lambda kept, kernel: (of_x(kept[1], kernel), of_g(kept[0], kernel)))
    return of_x, of_g, of_kernel


# ---------------------------------------------------------------- stride 1: PatchGAN's last layers (4x4), VGG16's (3x3)
#
# Large ones take Winograd's tiles on a CPU, all three products; the weight gradient of the others is one product of
# windows, because XLA:CPU runs that of a 4x4 convolution naively.

LARGE_FLAT = 2**12  # pairs of channels from which tiles pay
FEW = 100  # fewer tiles than this and the transform of the kernel costs more than it saves


def tile(n: int, side: int, r: int, o: int, c: int, dtype: Any = jnp.float32) -> int:
    """The outputs a side of Winograd's tiles for outputs of so many pixels a side; 0 where plainer forms are faster, or
    where fewer digits than float32's would not survive the transforms."""
    if dtype != jnp.float32:
        return 0
    m = 3 if r == 4 else 4 if side >= 8 else 2
    large = o * c >= LARGE_FLAT and min(o, c) >= 16
    return m if large and n * (-(-side // m)) ** 2 >= FEW else 0


def _lax(x: jax.Array, kernel: jax.Array, *, margin: int) -> jax.Array:
    return lax.conv_general_dilated(
        x, kernel.transpose(0, 1, 3, 2), (1, 1), ((margin, margin), (margin, margin)), dimension_numbers=NHWC
    )


def _flat_cpu(x: jax.Array, kernel: jax.Array, *, margin: int) -> jax.Array:
    r, _, o, c = kernel.shape
    n, h, w = x.shape[0], *(side + 2 * margin - r + 1 for side in x.shape[1:3])
    if m := tile(n, h, r, o, c, x.dtype):
        return winograd.convolve(pad(x, margin), winograd.pack(kernel, m), m)
    if r == 3 and h <= DEEP:
        # One product of all windows: of VGG16's innermost layers in a quarter of XLA:CPU's time.
        return (_windows(pad(x, margin), r) @ kernel.transpose(0, 1, 3, 2).reshape(-1, o)).reshape(n, h, w, o)
    return _lax(x, kernel, margin=margin)


def _adjoint_flat_lax(g: jax.Array, kernel: jax.Array, *, margin: int) -> jax.Array:
    rest = kernel.shape[0] - 1 - margin
    return lax.conv_general_dilated(g, kernel[::-1, ::-1], (1, 1), ((rest, rest), (rest, rest)), dimension_numbers=NHWC)


def _adjoint_flat_cpu(g: jax.Array, kernel: jax.Array, *, margin: int) -> jax.Array:
    r, _, o, c = kernel.shape
    n, h, _, _ = g.shape
    if m := tile(n, h, r, o, c, g.dtype):
        x = winograd.adjoint(g, winograd.pack(kernel, m), m)
        return x[:, margin : x.shape[1] - margin, margin : x.shape[2] - margin]
    return _adjoint_flat_lax(g, kernel, margin=margin)


def _kernel_gradient_lax(g: jax.Array, x: jax.Array, *, margin: int) -> jax.Array:
    r = x.shape[1] + 2 * margin - g.shape[1] + 1
    kernel = jnp.zeros((r, r, g.shape[-1], x.shape[-1]), x.dtype)
    return jax.vjp(lambda k: _lax(x, k, margin=margin), kernel)[1](g)[0]


def _kernel_gradient_cpu(g: jax.Array, x: jax.Array, *, margin: int) -> jax.Array:
    r = x.shape[1] + 2 * margin - g.shape[1] + 1
    n, h, _, o = g.shape
    c = x.shape[-1]
    if m := tile(n, h, r, o, c, g.dtype):
        return winograd.kernel_gradient(g, pad(x, margin), m)
    # One product with the windows of the narrower of the two.
    if o < c:
        product = lax.dot_general(_windows(pad(g, r - 1 - margin), r), x.reshape(-1, c), (((0,), (0,)), ((), ())))
        return product.reshape(r, r, o, c)[::-1, ::-1]
    product = lax.dot_general(g.reshape(-1, o), _windows(pad(x, margin), r), (((0,), (0,)), ((), ())))
    return product.reshape(o, r, r, c).transpose(1, 2, 0, 3)


def _windows(x: jax.Array, r: int) -> jax.Array:
    """The r x r windows, (n*h*w, r*r*c), places row by row."""
    n, height, width, c = x.shape
    h, w = height - r + 1, width - r + 1
    pieces = [x[:, k : k + h, v : v + w] for k in range(r) for v in range(r)]
    return jnp.concatenate(pieces, -1).reshape(n * h * w, r * r * c)


@cache
def _flat(margin: int) -> Product:
    """The convolution of stride 1 with this margin."""
    cpu = (partial(form, margin=margin) for form in (_flat_cpu, _adjoint_flat_cpu, _kernel_gradient_cpu))
    plain = (partial(form, margin=margin) for form in (_lax, _adjoint_flat_lax, _kernel_gradient_lax))
    return closed(*zip(cpu, plain, strict=True))[0]


def convolve(x: Float[Array, "n h w c"], kernel: Float[Array, "r r o c"], margin: int) -> Float[Array, "n ho wo o"]:
    """The convolution of x with a margin of zeros, ho = h + 2 margin - r + 1."""
    n, h, _, c = x.shape
    r, _, o, _ = kernel.shape
    side = h + 2 * margin - r + 1
    if r == 3 and side > DEEP and not tile(n, side, r, o, c, x.dtype):
        return _lax(x, kernel, margin=margin)  # whose gradients XLA:CPU runs as fast
    return _flat(margin)(x, kernel)


# ---------------------------------------------------------------- stride 2: the convolution S and its adjoint T

DEEP = 8  # small sides up to this many pixels are faster as matrix products of patches than as convolutions (CPU)
NARROW = 8
"""Fewer channels than this on the large side and tiles do not pay, and T from many channels is faster as a product and
shifted sums (CPU)."""
LARGE = 2**14  # pairs of channels, of the form with stride 1, from which Winograd's tiles pay (CPU)

_Kernel = Float[Array, "o 4 4 c"]


def patches(x: jax.Array) -> jax.Array:
    """The 4x4 windows at stride 2 of x (n, 2h, 2w, c) with a margin of 1: (n*h*w, 16*c), taps row by row."""
    n, height, width, c = x.shape
    h, w = height // 2, width // 2
    # Neighbouring columns are joined first: a window is then 4 x 2 pieces of 2c values, half as many copies.
    pairs = pad(x).reshape(n, height + 2, w + 1, 2 * c)
    pieces = [pairs[:, k : k + 2 * h : 2, v : v + w, :] for k in range(4) for v in range(2)]
    return jnp.concatenate(pieces, -1).reshape(n * h * w, 16 * c)


def cells(x: Float[Array, "n h w c"]) -> Float[Array, "n h/2 w/2 4*c"]:
    """Every 2x2 square as one pixel of four times the channels."""
    n, h, w, c = x.shape
    return x.reshape(n, h // 2, 2, w // 2, 2, c).transpose(0, 1, 3, 2, 4, 5).reshape(n, h // 2, w // 2, 4 * c)


def cell_kernel(kernel: _Kernel) -> Float[Array, "2 2 o 4*c"]:
    """The kernel of S as a 2x2 one of stride 1 over `cells`."""
    o, _, _, c = kernel.shape
    return kernel.reshape(o, 2, 2, 2, 2, c).transpose(1, 3, 0, 2, 4, 5).reshape(2, 2, o, 4 * c)


_Pair = Literal["strided", "adjoint", "gradient"]


def _tile(product: _Pair, n: int, small_side: int, o: int, c: int, dtype: Any = jnp.float32) -> int:
    """As `tile`, for a layer of the pair."""
    if dtype != jnp.float32:
        return 0
    if small_side >= 16:
        m, few = 4, 64
    elif small_side == 8 and product != "strided":
        m, few = 2, 128
    else:
        return 0
    enough = n * (small_side // m) ** 2 >= few and c >= NARROW
    return m if enough and (4 * c * o >= LARGE or (product == "gradient" and small_side >= 16)) else 0


def _strided_lax(x: jax.Array, kernel: jax.Array) -> jax.Array:
    weights = kernel.transpose(1, 2, 3, 0)
    return lax.conv_general_dilated(x, weights, (2, 2), ((1, 1), (1, 1)), dimension_numbers=NHWC)


def _strided_cpu(x: jax.Array, kernel: jax.Array) -> jax.Array:
    n, height, width, c = x.shape
    o = kernel.shape[0]
    if m := _tile("strided", n, height // 2, o, c, x.dtype):
        return winograd.convolve(cells(pad(x)), winograd.pack(cell_kernel(kernel), m), m)
    if height // 2 > DEEP:
        return _strided_lax(x, kernel)
    if height == width == 2:  # only the four centre taps meet the picture
        return (x.reshape(n, -1) @ kernel[:, 1:3, 1:3].reshape(o, -1).T).reshape(n, 1, 1, o)
    product = lax.dot_general(patches(x), kernel.reshape(o, -1), (((1,), (1,)), ((), ())))
    return product.reshape(n, height // 2, width // 2, o)


def _adjoint_lax(y: jax.Array, kernel: jax.Array) -> jax.Array:
    weights = kernel[:, ::-1, ::-1].transpose(1, 2, 0, 3)
    return lax.conv_general_dilated(y, weights, (1, 1), ((2, 2), (2, 2)), lhs_dilation=(2, 2), dimension_numbers=NHWC)


def _adjoint_cpu(y: jax.Array, kernel: jax.Array) -> jax.Array:
    n, h, w, o = y.shape
    c = kernel.shape[3]
    if h == w == 1:
        return (y.reshape(n, o) @ kernel[:, 1:3, 1:3].reshape(o, -1)).reshape(n, 2, 2, c)
    if m := _tile("adjoint", n, h, o, c, y.dtype):
        return interleave(winograd.adjoint(y, winograd.pack(cell_kernel(kernel), m), m))
    if h <= DEEP or (c < NARROW and o >= 64):
        return fold((y.reshape(-1, o) @ kernel.reshape(o, -1)).reshape(n, h, w, 4, 4, c))
    return interleave(lax.conv_general_dilated(pad(y), phase_kernel(kernel), (1, 1), "VALID", dimension_numbers=NHWC))


def fold(taps: jax.Array) -> jax.Array:
    """Sum overlapping 4x4 windows at stride 2, margin cut off: (n, h, w, 4, 4, c) -> (n, 2h, 2w, c)."""
    n, h, w, _, _, c = taps.shape
    # Row 2m is tap 1 of window m and tap 3 of window m-1; row 2m+1 is tap 2 of m and tap 0 of m+1.
    rows = jnp.pad(taps, ((0, 0), (1, 1), (0, 0), (0, 0), (0, 0), (0, 0)))
    even, odd = rows[:, 1:-1, :, 1] + rows[:, :-2, :, 3], rows[:, 1:-1, :, 2] + rows[:, 2:, :, 0]
    columns = jnp.pad(jnp.stack([even, odd], 2), ((0, 0), (0, 0), (0, 0), (1, 1), (0, 0), (0, 0)))
    left = columns[:, :, :, 1:-1, 1] + columns[:, :, :, :-2, 3]
    right = columns[:, :, :, 1:-1, 2] + columns[:, :, :, 2:, 0]
    return jnp.stack([left, right], 4).reshape(n, 2 * h, 2 * w, c)


def phase_kernel(kernel: _Kernel) -> Float[Array, "2 2 o k"]:
    """The kernel of T as a 2x2 one to k = 4c channels, one quarter for each parity of row and column."""
    o, _, _, c = kernel.shape
    # Rows 2p-1 and 2p are met by taps 2 and 3 of y[p-1] and by taps 0 and 1 of y[p]; columns likewise.
    cells = kernel.reshape(o, 2, 2, 2, 2, c)[:, ::-1, :, ::-1]
    return cells.transpose(1, 3, 0, 2, 4, 5).reshape(2, 2, o, 4 * c)


def interleave(phases: Float[Array, "n h+1 w+1 k"]) -> Float[Array, "n 2*h 2*w c"]:
    """The four phases, or the `cells` of a padded picture, as one picture without its margin; c = k / 4."""
    n, h, w, k = phases.shape
    whole = phases.reshape(n, h, w, 2, 2, k // 4).transpose(0, 1, 3, 2, 4, 5).reshape(n, 2 * h, 2 * w, k // 4)
    return whole[:, 1:-1, 1:-1]  # rows and columns -1 and 2h lie outside


def _pair_gradient_cpu(small: jax.Array, large: jax.Array) -> jax.Array:
    n, h, _, o = small.shape
    c = large.shape[-1]
    if m := _tile("gradient", n, h, o, c, small.dtype):
        of_cells = winograd.kernel_gradient(small, cells(pad(large)), m)
        return of_cells.reshape(2, 2, o, 2, 2, c).transpose(2, 0, 3, 1, 4, 5).reshape(o, 4, 4, c)
    # This order of operands runs at twice the speed of the other one.
    return lax.dot_general(small.reshape(-1, o), patches(large), (((0,), (0,)), ((), ()))).reshape(o, 4, 4, c)


def _pair_gradient_lax(small: jax.Array, large: jax.Array) -> jax.Array:
    kernel = jnp.zeros((small.shape[-1], 4, 4, large.shape[-1]), small.dtype)
    return jax.vjp(lambda k: _strided_lax(large, k), kernel)[1](small)[0]


down, up, _ = closed(
    (_strided_cpu, _strided_lax),
    (_adjoint_cpu, _adjoint_lax),
    (_pair_gradient_cpu, _pair_gradient_lax),
)
"""`down(x, kernel)`: 4x4 convolution, stride 2, margin 1, of x (n, H, W, c) to (n, h, w, o): halves the sides (both
even). `up(y, kernel)`, its adjoint, the transposed convolution: of y (n, h, w, o) to (n, H, W, c)."""


def resize_kernel(kernel: Float[Array, "o 3 3 c"]) -> _Kernel:
    """The kernel with which `up` doubles by nearest neighbours, then convolves by this 3x3 one (margin 1).

    Every value stands in a square of 2x2, so taps that meet the same one are summed: the same result (Odena et al.
    2016, "Deconvolution and checkerboard artifacts") in 4/9 of the products, and by the pair's fast forms.
    """
    for axis in (1, 2):
        tap = jnp.split(kernel, 3, axis)
        kernel = jnp.concatenate([tap[2], tap[1] + tap[2], tap[0] + tap[1], tap[0]], axis)
    return kernel


def flat(x: Float[Array, "n h w c"], kernel: _Kernel) -> Float[Array, "n h-1 w-1 o"]:
    """4x4 convolution, stride 1, margin 1: one pixel a side smaller."""
    return convolve(x, kernel.transpose(1, 2, 0, 3), 1)


# ---------------------------------------------------------------- normalisation

EPSILON = 1e-5


def _sums(x: jax.Array) -> jax.Array:
    """Sums over the middle axis, (g, m, c) -> (g, c), as a matrix product: faster than a reduction on a CPU."""
    ones = jnp.ones((x.shape[0], 1, x.shape[1]), x.dtype)
    return lax.dot_general(ones, x, (((2,), (1,)), ((0,), (0,))))[:, 0]


@jax.custom_vjp
def normalise(
    x: Float[Array, "g m c"], scale: Float[Array, "g c"], shift: Float[Array, "g c"]
) -> tuple[Float[Array, "g m c"], Float[Array, "g c"], Float[Array, "g c"]]:
    """Zero mean and unit variance over the middle axis, then scale and shift.

    Batch norm (Ioffe & Szegedy 2015, algorithm 1) is one group g of all pixels of a batch, instance norm (Ulyanov
    et al. 2016) one group an image. Returns the result, the means and the (biased) variances; no gradient flows
    through the last two.
    """
    return _normalise_forward(x, scale, shift)[0]


def _normalise_forward(x: jax.Array, scale: jax.Array, shift: jax.Array) -> tuple[Any, Any]:
    count = x.shape[1]
    mean = _sums(x) / count
    centred = x - mean[:, None]
    variance = _sums(centred * centred) / count
    rate = lax.rsqrt(variance + EPSILON)
    y = centred * (rate * scale)[:, None] + shift[:, None]
    return (y, mean, variance), (x, mean, rate, scale)


def _normalise_backward(kept: tuple[jax.Array, ...], gradients: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
    x, mean, rate, scale = kept
    g, count = gradients[0], x.shape[1]
    normal = (x - mean[:, None]) * rate[:, None]
    dshift, dscale = _sums(g), _sums(g * normal)
    dx = (scale * rate)[:, None] * (g - (dshift / count)[:, None] - normal * (dscale / count)[:, None])
    return dx, dscale, dshift


normalise.defvjp(_normalise_forward, _normalise_backward)
