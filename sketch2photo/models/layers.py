"""The layers that all networks are made of: how they start, what they compute, and what goes in and comes out."""

import math
from collections.abc import Callable
from typing import Any, Literal, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import lax
from jaxtyping import Array, Float, Int, UInt8

from sketch2photo.config import GanModelConfig
from sketch2photo.kernels import conv, inference

Arrays = Any  # a nested dict of arrays, as `nnx.to_pure_dict` gives it
Kind = Literal["down", "up", "flat", "resize"]
Made = TypeVar("Made")


def structure(new: Callable[..., nnx.Module], dtype: str) -> Any:
    """A network without its weights, for `with_weights`; `new` is told `rngs`. Its convolutions cast their input and
    their kernel to this type (Micikevicius et al. 2018, section 3.1); weights and norms stay float32."""
    network = nnx.eval_shape(lambda: new(rngs=None))
    for _, module in nnx.iter_modules(network):
        if hasattr(module, "dtype"):
            setattr(module, "dtype", dtype)  # noqa: B010  (convolutions of several classes)
    return nnx.split(network)[0]


def with_weights(structure: Any, weights: Arrays) -> Any:
    """The network of this structure with these weights."""
    return nnx.merge(structure, nnx.State(jax.tree.map(nnx.Param, weights)))


def by_place(weights: Arrays) -> dict[str, Any]:
    """The arrays by their place, such as "downs/0/kernel"."""
    return {jax.tree_util.keystr(path, simple=True, separator="/"): v for path, v in jax.tree.leaves_with_path(weights)}


def to_model(image: UInt8[Array, "n h w c"]) -> Float[Array, "n h w c"]:
    """Bytes as the networks take them. Line drawings (one channel): ink 0 -> +1, paper 255 -> -1; so that a blank
    sheet's padding and the ground look alike. Colour (three channels): 0 -> -1, 255 -> +1."""
    scaled = image.astype(jnp.float32) * (1 / 127.5) - 1.0
    return -scaled if image.shape[-1] == 1 else scaled


def hints_to_model(hints: UInt8[Array, "n h w 4"]) -> Float[Array, "n h w 4"]:
    """RGBA strokes of colour as the generator takes them: 1 where a colour is given (alpha of half and more), then that
    colour in [-1, 1]; all 0 elsewhere."""
    given = (hints[..., 3:] >= 128).astype(jnp.float32)
    return jnp.concatenate([given, given * (hints[..., :3].astype(jnp.float32) * (1 / 127.5) - 1.0)], -1)


def composite(output: Float[Array, "n h w o"]) -> Float[Array, "n h w 3"]:
    """A generator's output as photos in [-1, 1]: where it has coverage, its colour over white (Porter & Duff 1984)."""
    colour, logit = output[..., :3], output[..., 3:]
    return over_white(colour, jax.nn.sigmoid(logit)) if logit.shape[-1] else colour


def over_white(colour: Float[Array, "n h w 3"], coverage: Float[Array, "n h w 1"]) -> Float[Array, "n h w 3"]:
    """Colours in [-1, 1] on white where coverage, in [0, 1], leaves it to be seen."""
    return 1.0 + coverage * (colour - 1.0)


def to_photo(output: Float[Array, "n h w o"]) -> UInt8[Array, "n h w 3"]:
    """A generator's output as bytes, on white."""
    return _to_bytes(composite(output))


def to_cutout(output: Float[Array, "n h w 4"]) -> UInt8[Array, "n h w 4"]:
    """A generator's colour and coverage as RGBA, not premultiplied."""
    return jnp.concatenate([_to_bytes(output[..., :3]), _to_bytes(2 * jax.nn.sigmoid(output[..., 3:]) - 1)], -1)


def shrink(image: jax.Array, side: int) -> jax.Array:
    """The mean over squares of pixels; sides divide."""
    n, size, _, c = image.shape
    step = size // side
    return image if step == 1 else image.reshape(n, side, step, side, step, c).mean((2, 4))


def _to_bytes(values: Float[Array, "n h w c"]) -> UInt8[Array, "n h w c"]:
    return jnp.clip(jnp.round((values + 1.0) * 127.5), 0, 255).astype(jnp.uint8)


def style_vector(
    config: GanModelConfig, n_categories: int, label: Int[Array, " n"], colour: UInt8[Array, "n 3"]
) -> Float[Array, "n k"] | None:
    """What the networks are told beside the sketch: the category one-hot, the RGB colour in [-1, 1]; or None."""
    parts = []
    if config.class_conditional:
        parts.append(jax.nn.one_hot(label, n_categories, dtype=jnp.float32))
    if config.colour_conditional:
        parts.append(colour.astype(jnp.float32) * (1 / 127.5) - 1.0)
    return jnp.concatenate(parts, -1) if parts else None


def style_size(config: GanModelConfig, n_categories: int) -> int:
    """The length of `style_vector`."""
    return config.class_conditional * n_categories + config.colour_conditional * 3


def in_chunks(function: Callable[..., Any], size: int, *arrays: np.ndarray) -> np.ndarray:
    """What a compiled function gives for the rows of these arrays, of one at least, `size` at a time; the last ones are
    filled up, so that one shape is compiled."""
    n = len(arrays[0])
    chunks = [np.minimum(np.arange(first, first + size), n - 1) for first in range(0, n, size)]
    return np.concatenate([np.asarray(function(*(array[rows] for array in arrays))) for rows in chunks])[:n]


# ---------------------------------------------------------------- initial weights
# One draw of random numbers for a whole network. XLA makes a program of its own of every draw, and long ones: a U-Net
# and its discriminator, from sixty draws, take as long to compile as their training step.

_CHUNK = 2**16  # numbers made at once


class Draws:
    """Standard normal numbers for one network, in the order in which it asks; those of a key, or zeros without."""

    def __init__(self, key: jax.Array | None = None, count: int = 0):
        self.taken = 0
        self._numbers = None
        if key is not None:  # in chunks, or the words that the numbers are made of would need as much memory again
            keys = jax.random.split(key, max(1, -(-count // _CHUNK)))
            self._numbers = jax.lax.map(lambda one: jax.random.normal(one, (_CHUNK,), jnp.float32), keys).reshape(-1)

    def normal(self, shape: tuple[int, ...]) -> jax.Array:
        start, self.taken = self.taken, self.taken + math.prod(shape)
        if self._numbers is None:
            return jnp.zeros(shape, jnp.float32)
        assert self.taken <= self._numbers.size, "the network asks for more than when it was counted"
        return self._numbers[start : self.taken].reshape(shape)


Rngs = nnx.Rngs | Draws | None
"""Where a network has its first weights from. None: they are 0, for those who want its structure and have weights; even
tracing random numbers takes long."""


def standard_normal(rngs: Rngs, shape: tuple[int, ...]) -> jax.Array:
    """float32 from N(0, 1)."""
    if rngs is None:
        return jnp.zeros(shape, jnp.float32)
    return rngs.normal(shape) if isinstance(rngs, Draws) else jax.random.normal(rngs.params(), shape, jnp.float32)


def initialised(new: Callable[..., Made], key: jax.Array) -> Made:
    """A network whose numbers are one draw of the key's; `new` is told `rngs`."""
    counted = Draws()
    nnx.eval_shape(lambda: new(rngs=counted))
    return new(rngs=Draws(key, counted.taken))


def normal(rngs: Rngs, shape: tuple[int, ...], deviation: float = 0.02) -> jax.Array:
    """Weights from N(0, 0.02), as pix2pix initialises every convolution (section 6.2)."""
    return deviation * standard_normal(rngs, shape)


# ---------------------------------------------------------------- spectral normalisation
# A kernel divided by its largest singular value (Miyato et al. 2018), which is found by power iteration, one round a
# training step, from the left singular vector of the step before. That vector has no gradient, yet lies among the
# weights (`singular` beside `kernel`): so a checkpoint holds it and a resumed run goes on with the same numbers.


def initial_singular(rngs: Rngs, rows: int) -> Float[Array, " r"]:
    """A random vector of length 1 (algorithm 1, initialisation); 0 without `rngs`."""
    return jnp.zeros(rows, jnp.float32) if rngs is None else _unit(standard_normal(rngs, (rows,)))


def spectral_norm(kernel: Float[Array, "r ..."], singular: Float[Array, " r"]) -> Float[Array, "r ..."]:
    """W / (u' W v) (eq. 8), W being the kernel's rows; u and v are constants to the gradient (eq. 11)."""
    matrix = kernel.reshape(kernel.shape[0], -1)
    u = lax.stop_gradient(singular)
    v = _unit(lax.stop_gradient(u @ matrix))
    return kernel / (u @ matrix @ v)


def power_iteration(weights: Any) -> Any:
    """The weights with every singular vector one round of power iteration further (algorithm 1, steps 1 and 2).
    `weights`: a nested dict, `nnx.to_pure_dict` of a network's state; perhaps without any."""
    if not isinstance(weights, dict):
        return weights
    if "singular" in weights:
        matrix = weights["kernel"].reshape(weights["kernel"].shape[0], -1)
        v = _unit(weights["singular"] @ matrix)
        return {**weights, "singular": _unit(matrix @ v)}
    return {name: power_iteration(value) for name, value in weights.items()}


def _unit(vector: jax.Array) -> jax.Array:
    return vector / (jnp.linalg.norm(vector) + 1e-12)


# ---------------------------------------------------------------- layers


class Conv(nnx.Module):
    """One of the 4x4 convolutions of `kernels.conv`: down (stride 2), up (transposed, stride 2) or flat (stride 1); or
    resize, which doubles by nearest neighbours before a 3x3 one."""

    def __init__(
        self, kind: Kind, inputs: int, outputs: int, *, bias: bool = False, spectral: bool = False, rngs: Rngs
    ):
        small, large = (inputs, outputs) if kind in ("up", "resize") else (outputs, inputs)
        side = 3 if kind == "resize" else 4
        self.kind: Kind = kind
        self.dtype = "float32"  # what it computes in (`structure`)
        self.kernel = nnx.Param(normal(rngs, (small, side, side, large)))
        self.singular = nnx.Param(initial_singular(rngs, small)) if spectral else None
        self.bias = nnx.Param(jnp.zeros(outputs, jnp.float32)) if bias else None
        self.form: inference.Form | None = None
        """How the kernel is packed, if it is (`inference.pack`); for serving only."""

    def __call__(self, x: Float[Array, "n h w c"]) -> Float[Array, "n ho wo o"]:
        kernel = self.kernel[...]
        if self.form is not None:
            y = inference.apply(x, kernel, self.form)
        else:
            if self.singular is not None:
                kernel = spectral_norm(kernel, self.singular[...])
            if self.kind == "resize":
                kernel = conv.resize_kernel(kernel)
            convolve = {"down": conv.down, "up": conv.up, "flat": conv.flat, "resize": conv.up}[self.kind]
            y = convolve(x.astype(self.dtype), kernel.astype(self.dtype))
        return y if self.bias is None else y + self.bias[...].astype(y.dtype)


class Linear(nnx.Module):
    """y = x W + b, W of the given deviation."""

    def __init__(self, inputs: int, outputs: int, *, deviation: float, spectral: bool = False, rngs: Rngs):
        self.kernel = nnx.Param(normal(rngs, (inputs, outputs), deviation))
        self.singular = nnx.Param(initial_singular(rngs, inputs)) if spectral else None
        self.bias = nnx.Param(jnp.zeros(outputs, jnp.float32))

    def __call__(self, x: Float[Array, "... c"]) -> Float[Array, "... o"]:
        kernel = self.kernel[...]
        if self.singular is not None:
            kernel = spectral_norm(kernel, self.singular[...])
        return x @ kernel + self.bias[...]


class Style(nnx.Module):
    """Category and colour as one vector for all conditional norms: linear, ReLU, linear, ReLU."""

    def __init__(self, inputs: int, width: int, *, rngs: Rngs):
        self.first = Linear(inputs, width, deviation=inputs**-0.5, rngs=rngs)
        self.second = Linear(width, width, deviation=(2 / width) ** 0.5, rngs=rngs)

    def __call__(self, style: Float[Array, "n k"]) -> Float[Array, "n w"]:
        return relu(self.second(relu(self.first(style))))


class Norm(nnx.Module):
    """Batch norm, instance norm, instance norm with scale and shift from a style (AdaIN, Huang & Belongie 2017), or
    none, which leaves everything as it is.

    Batch norm uses the statistics of the batch in training and of each image alone otherwise, as pix2pix does
    (section 3.3: "using the statistics of the test batch"; at its batch size 1 that is instance norm), so there
    are no running averages to go wrong. Under `jit` over many devices the batch is the global one.
    """

    def __init__(
        self,
        kind: Literal["batch", "instance", "conditional", "none"],
        channels: int,
        *,
        style_width: int = 0,
        rngs: Rngs,
    ):
        self.kind = kind
        self.channels = channels
        if kind == "conditional":
            self.affine = Linear(style_width, 2 * channels, deviation=0.02, rngs=rngs)
        elif kind != "none":
            self.scale = nnx.Param(1.0 + normal(rngs, (channels,)))
            self.shift = nnx.Param(jnp.zeros(channels, jnp.float32))

    def __call__(
        self, x: Float[Array, "n h w c"], style: Float[Array, "n s"] | None = None, *, train: bool = False
    ) -> Float[Array, "n h w c"]:
        if self.kind == "none":
            return x
        groups = 1 if self.kind == "batch" and train else x.shape[0]
        if self.kind == "conditional":
            assert style is not None, "a conditional norm needs the style"
            scale, shift = jnp.split(self.affine(style), 2, -1)
            scale = 1.0 + scale
        else:
            scale, shift = (jnp.broadcast_to(x[...], (groups, self.channels)) for x in (self.scale, self.shift))
        # Statistics are float32 whatever the layers compute in: a sum of a thousand bfloat16 numbers is none.
        y, _, _ = conv.normalise(x.astype(jnp.float32).reshape(groups, -1, self.channels), scale, shift)
        return y.reshape(x.shape).astype(x.dtype)


# Both slopes are told by the sign of the result, which the next layer keeps for its gradient; jax would keep x too.


@jax.custom_vjp
def relu(x: jax.Array) -> jax.Array:
    """max(x, 0), with slope 0 at 0."""
    return jnp.maximum(x, 0)


relu.defvjp(lambda x: (y := relu(x), y), lambda y, g: (jnp.where(y > 0, g, 0),))


@jax.custom_vjp
def leaky_relu(x: jax.Array) -> jax.Array:
    """Slope 0.2 below zero (pix2pix, section 6.1)."""
    return jnp.where(x >= 0, x, 0.2 * x)


leaky_relu.defvjp(lambda x: (y := leaky_relu(x), y), lambda y, g: (jnp.where(y >= 0, g, 0.2 * g),))
