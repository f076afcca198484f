"""Discriminators on the features of an ImageNet network (Projected GAN, Sauer et al. 2021)."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from sketch2photo.models.draws import Rngs
from sketch2photo.models.layers import Conv, Linear, Norm, leaky_relu

Map = Float[Array, "n h w c"]

WIDTH = 64
"""Channels of a head's first convolution; the second has twice as many."""


class ProjectedHeads(nnx.Module):
    """One small discriminator for each map of a frozen network; they learn what parts belong where long before a
    discriminator does that has to find out first what a part is (Sauer et al. 2021, section 3.2).

    Unlike there, maps are not mixed by random projections, and every head is given the sketch, shrunk to its map's
    size, and a projection of category and colour as `PatchGAN` is.
    """

    def __init__(
        self,
        map_widths: Sequence[int],
        sketch_channels: int,
        styles: int,
        *,
        spectral: bool = False,
        rngs: Rngs,
    ):
        self.heads = nnx.List(
            _Head(width + sketch_channels, styles, spectral=spectral, rngs=rngs) for width in map_widths
        )

    def __call__(
        self, maps: Sequence[Map], sketch: Float[Array, "n s s k"], style: Float[Array, "n t"] | None
    ) -> list[Float[Array, "n p p 1"]]:
        """The logits of every head; p is a quarter of its map's side. Sides are powers of two, at least 4."""
        return [
            head(jnp.concatenate([x, shrink(sketch, x.shape[1]).astype(x.dtype)], -1), style)
            for head, x in zip(self.heads, maps, strict=True)
        ]


class _Head(nnx.Module):
    def __init__(self, inputs: int, styles: int, *, spectral: bool, rngs: Rngs):
        self.first = Conv("down", inputs, WIDTH, bias=True, spectral=spectral, rngs=rngs)
        self.second = Conv("down", WIDTH, 2 * WIDTH, spectral=spectral, rngs=rngs)
        self.norm = Norm("instance", 2 * WIDTH, rngs=rngs)
        self.last = Linear(2 * WIDTH, 1, deviation=0.02, spectral=spectral, rngs=rngs)
        self.embed = Linear(styles, 2 * WIDTH, deviation=0.02, spectral=spectral, rngs=rngs) if styles else None

    def __call__(self, x: Map, style: jax.Array | None) -> jax.Array:
        x = leaky_relu(self.first(x))
        x = leaky_relu(self.norm(self.second(x), train=True)).astype(jnp.float32)
        logits = self.last(x)
        if self.embed is not None:
            assert style is not None, "conditional heads need the style"
            logits = logits + x.shape[-1] ** -0.5 * jnp.einsum("nhwf,nf->nhw", x, self.embed(style))[..., None]
        return logits


def shrink(image: jax.Array, side: int) -> jax.Array:
    """The mean over squares of pixels; sides divide."""
    n, size, _, c = image.shape
    step = size // side
    return image if step == 1 else image.reshape(n, side, step, side, step, c).mean((2, 4))
