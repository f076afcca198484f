"""Discriminators: pix2pix's on patches of the photo, and Projected GAN's on the features of an ImageNet network."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import lax
from jaxtyping import Array, Float

from sketch2photo.config import GanModelConfig
from sketch2photo.kernels.conv import NHWC
from sketch2photo.models.layers import Conv, Linear, Norm, Rngs, leaky_relu, shrink, style_size

Map = Float[Array, "n h w c"]

WIDTH = 64  # channels of the first convolution of a projected head; the second has twice as many
LEAST_SIDE = 4  # of a map that a projected head can judge, which halves it twice


class PatchGAN(nnx.Module):
    """Judges every 70x70 patch of a photo, given the sketch: real (large) or generated (small) (Isola et al. 2017,
    section 6.1.2).

    Convolutions of ndf, 2ndf, 4ndf (stride 2), 8ndf and 1 channels (stride 1): 2.77 M parameters at ndf 64 and 3
    input channels. A conditional model adds a projection: the inner product of each patch's features with an
    embedding of category and colour (Miyato & Koyama 2018, eq. 3).
    """

    def __init__(self, config: GanModelConfig, n_categories: int, *, rngs: Rngs):
        d = config.discriminator
        widths = [d.width, 2 * d.width, 4 * d.width, 8 * d.width]
        kinds = ("down", "down", "down", "flat")
        inputs = [config.input_channels + 3, *widths[:-1]]
        self.convs = nnx.List(
            Conv(kind, c, o, bias=i == 0, spectral=d.spectral_norm, rngs=rngs)
            for i, (kind, c, o) in enumerate(zip(kinds, inputs, widths, strict=True))
        )
        self.norms = nnx.List(Norm(d.norm, width, rngs=rngs) for width in widths[1:])
        self.last = Conv("flat", widths[-1], 1, bias=True, spectral=d.spectral_norm, rngs=rngs)
        styles = style_size(config, n_categories)
        self.embed = Linear(styles, widths[-1], deviation=0.02, spectral=d.spectral_norm, rngs=rngs) if styles else None

    def __call__(
        self, sketch: Float[Array, "n s s c"], photo: Float[Array, "n s s 3"], style: Float[Array, "n k"] | None = None
    ) -> tuple[Float[Array, "n p p 1"], list[Float[Array, "n h w f"]]]:
        """Logits of the patches (p = s/8 - 2), and the features of the four layers before, for feature matching."""
        x = jnp.concatenate([sketch, photo], -1)
        features = []
        for i, conv in enumerate(self.convs):
            x = conv(x)
            x = leaky_relu(self.norms[i - 1](x, train=True) if i else x)
            features.append(x)
        logits = self.last(x).astype(jnp.float32)
        if self.embed is not None:
            assert style is not None, "a conditional discriminator needs the style"
            x = x.astype(jnp.float32)
            # The last convolution is one pixel smaller than its input: every patch is judged by the mean of the
            # four feature pixels at its centre.
            centre = (x[:, :-1, :-1] + x[:, 1:, :-1] + x[:, :-1, 1:] + x[:, 1:, 1:]) * 0.25
            logits = logits + x.shape[-1] ** -0.5 * jnp.einsum("nhwf,nf->nhw", centre, self.embed(style))[..., None]
        return logits, features


class ProjectedHeads(nnx.Module):
    """One small discriminator for each map of a frozen network; they learn what parts belong where long before a
    discriminator does that has to find out first what a part is (Sauer et al. 2021, section 3.2).

    Unlike there, every head is given the sketch, shrunk to its map's size, and a projection of category and colour as
    `PatchGAN` is; and maps are mixed (`RandomMixing`) only where that is asked for.
    """

    def __init__(
        self, map_widths: Sequence[int], sketch_channels: int, styles: int, *, spectral: bool = False, rngs: Rngs
    ):
        self.heads = nnx.List(
            _Head(width + sketch_channels, styles, spectral=spectral, rngs=rngs) for width in map_widths
        )

    def __call__(
        self, maps: Sequence[Map], sketch: Float[Array, "n s s k"], style: Float[Array, "n t"] | None
    ) -> list[Float[Array, "n p p 1"]]:
        """The logits of every head; p is a quarter of its map's side, a power of two of at least `LEAST_SIDE`."""
        return [
            head(jnp.concatenate([x, shrink(sketch, x.shape[1]).astype(x.dtype)], -1), style)
            for head, x in zip(self.heads, maps, strict=True)
        ]


class RandomMixing:
    """Maps mixed across channels and scales by random convolutions that stay as they are, so that a discriminator
    cannot rest on a few prominent channels (Sauer et al. 2021, section 3.2; figure 2). `map_widths`: channels of the
    maps, from the largest map to the smallest; each map half the size of the one before."""

    width = 64  # channels of every mixed map

    def __init__(self, map_widths: Sequence[int], seed: int = 0):
        draw = np.random.default_rng(seed)

        def kernel(side: int, inputs: int) -> jax.Array:
            # Kaiming's normal numbers, as there.
            deviation = (2 / (side * side * inputs)) ** 0.5
            return jnp.asarray(draw.normal(0, deviation, (side, side, inputs, self.width)), jnp.float32)

        self._across_channels = [kernel(1, width) for width in map_widths]
        self._across_scales = [kernel(3, self.width) for _ in map_widths]

    def __call__(self, maps: Sequence[Map]) -> list[Map]:
        """As many maps of the same sizes: each also holds what the smaller ones show."""
        mixed: list[Map] = []
        below = None
        for x, across_channels, across_scales in zip(
            reversed(maps), reversed(self._across_channels), reversed(self._across_scales), strict=True
        ):
            x = x @ across_channels[0, 0].astype(x.dtype)
            if below is not None:
                x = x + jax.image.resize(below, x.shape, "bilinear")
            below = lax.conv_general_dilated(x, across_scales.astype(x.dtype), (1, 1), "SAME", dimension_numbers=NHWC)
            mixed.append(below)
        return mixed[::-1]


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
