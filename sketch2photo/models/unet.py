"""The U-Net generator of pix2pix (Isola et al. 2017, section 6.1.1), plain or told the category and colour."""

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from sketch2photo.config import GanModelConfig
from sketch2photo.models.layers import Conv, Norm, Rngs, Style, leaky_relu, relu, style_size


def layer_widths(config: GanModelConfig) -> list[int]:
    """The channels of the encoder's layers, from the outside in."""
    g = config.generator
    return [g.width * min(2**i, g.widest) for i in range(config.image_size.bit_length() - 1)]


class UNet(nnx.Module):
    """From a sketch to a photo of the same size.

    With width ngf, the encoder halves the picture down to one pixel through ngf, 2ngf, 4ngf, 8ngf, 8ngf, ... channels
    (8 being the config's `widest`); the decoder mirrors it, and is given each encoder layer of its own size. At 256 px,
    3 input channels and ngf 64 this is U-Net-256 with 54.4 M parameters. No norm on the outermost and innermost layers.
    """

    def __init__(self, config: GanModelConfig, n_categories: int, *, rngs: Rngs):
        g = config.generator
        widths = layer_widths(config)
        depth = len(widths)
        styles = style_size(config, n_categories)
        up = "resize" if g.upsample == "resize" else "up"
        self.dropout = g.dropout
        self.hints = 4 * config.hints
        self.style = Style(styles, g.style_width, rngs=rngs) if styles else None

        def norm(channels: int) -> Norm:
            return Norm(g.norm, channels, style_width=g.style_width, rngs=rngs)

        self.downs = nnx.List(
            Conv("down", inputs, outputs, bias=g.bias, rngs=rngs)
            for inputs, outputs in zip([config.input_channels + self.hints, *widths[:-1]], widths, strict=True)
        )
        self.down_norms = nnx.List(norm(width) for width in widths[1:-1])
        # Numbered from the outside in, as the downs are, so that weights fit a model of another image size. All
        # but the innermost are given the skip beside the layer below.
        self.ups = nnx.List(
            Conv(up, widths[i] * (1 if i == depth - 1 else 2), widths[i - 1], bias=g.bias, rngs=rngs)
            for i in range(1, depth)
        )
        self.up_norms = nnx.List(norm(widths[i - 1]) for i in range(1, depth))
        self.last = Conv(up, 2 * widths[0], 4 if config.coverage else 3, bias=True, rngs=rngs)

    def __call__(
        self,
        sketch: Float[Array, "n s s c"],
        style: Float[Array, "n k"] | None = None,
        hints: Float[Array, "n s s 4"] | None = None,
        *,
        train: bool = False,
        key: jax.Array | None = None,
    ) -> Float[Array, "n s s o"]:
        """Photos in [-1, 1]; with the config's `coverage` colours, and as a fourth channel the logit of coverage
        (`layers.composite`).

        Args:
          sketch: as `layers.to_model` gives it.
          style: as `layers.style_vector` gives it; None for an unconditional model.
          hints: as `layers.hints_to_model` gives them, for a model that takes them; None is no hint anywhere.
          train: batch norm over the batch instead of each image.
          key: dropout on the three layers above the innermost, for noise (section 3.1); None leaves it out.
        """
        styled = None
        if self.style is not None:
            assert style is not None, "a conditional generator needs the style"
            styled = self.style(style)
        skips = []
        x = sketch
        if self.hints:
            none = jnp.zeros((*sketch.shape[:-1], self.hints), sketch.dtype)
            x = jnp.concatenate([sketch, none if hints is None else hints], -1)
        for i, conv in enumerate(self.downs):
            x = conv(leaky_relu(x) if i else x)
            if 0 < i < len(self.downs) - 1:
                x = self.down_norms[i - 1](x, styled, train=train)
            skips.append(x)
        innermost = len(self.ups) - 1
        for i in range(innermost, -1, -1):
            x = self.up_norms[i](self.ups[i](relu(x)), styled, train=train)
            if key is not None and self.dropout and innermost - 3 <= i < innermost:
                kept = jax.random.bernoulli(jax.random.fold_in(key, i), 1 - self.dropout, x.shape)
                x = jnp.where(kept, x / (1 - self.dropout), 0.0)
            x = jnp.concatenate([skips[i], x], -1)
        output = self.last(relu(x)).astype(jnp.float32)
        return jnp.concatenate([jnp.tanh(output[..., :3]), output[..., 3:]], -1)
