"""Our networks as one would first write them in Flax: `nnx.Conv`, `nnx.ConvTranspose`, `nnx.BatchNorm`.

The same functions of the same weights (a test holds them to ours), only the layers are Flax's own; so what a
benchmark shows between the two is the formulation of the layers and nothing else.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from sketch2photo.config import GanConfig, GanModelConfig
from sketch2photo.models.layers import Arrays
from sketch2photo.training.gan import DiscriminatorOutput, GanNetworks

MARGIN = ((1, 1), (1, 1))


def _conv(inputs: int, outputs: int, stride: int, *, bias: bool = False, rngs: nnx.Rngs) -> nnx.Conv:
    return nnx.Conv(inputs, outputs, (4, 4), strides=stride, padding=MARGIN, use_bias=bias, rngs=rngs)


def _up(inputs: int, outputs: int, *, bias: bool = False, rngs: nnx.Rngs) -> nnx.ConvTranspose:
    return nnx.ConvTranspose(inputs, outputs, (4, 4), strides=(2, 2), padding="SAME", use_bias=bias, rngs=rngs)


class NaiveUNet(nnx.Module):
    """The U-Net of pix2pix (Isola et al. 2017, section 6.1.1), batch norm, no conditions."""

    def __init__(self, config: GanModelConfig, *, running: bool = False, rngs: nnx.Rngs):
        width = config.generator.width
        depth = config.image_size.bit_length() - 1
        widths = [width * min(2**i, 8) for i in range(depth)]

        def norm(channels: int) -> nnx.BatchNorm:
            return nnx.BatchNorm(channels, use_running_average=running, rngs=rngs)

        self.downs = nnx.List(
            _conv(c, o, 2, rngs=rngs) for c, o in zip([config.input_channels, *widths[:-1]], widths, strict=True)
        )
        self.down_norms = nnx.List(norm(w) for w in widths[1:-1])
        self.ups = nnx.List(
            _up(widths[i] * (1 if i == depth - 1 else 2), widths[i - 1], rngs=rngs) for i in range(1, depth)
        )
        self.up_norms = nnx.List(norm(widths[i - 1]) for i in range(1, depth))
        self.last = _up(2 * widths[0], 3, bias=True, rngs=rngs)
        self.dropout = nnx.Dropout(config.generator.dropout)

    def __call__(self, sketch: jax.Array, *, key: jax.Array | None = None) -> jax.Array:
        rngs = None if key is None else nnx.Rngs(dropout=key)
        skips = []
        x = sketch
        for i, conv in enumerate(self.downs):
            x = conv(nnx.leaky_relu(x, 0.2) if i else x)
            if 0 < i < len(self.downs) - 1:
                x = self.down_norms[i - 1](x)
            skips.append(x)
        innermost = len(self.ups) - 1
        for i in range(innermost, -1, -1):
            x = self.up_norms[i](self.ups[i](nnx.relu(x)))
            if rngs is not None and innermost - 3 <= i < innermost:
                x = self.dropout(x, deterministic=False, rngs=rngs)
            x = jnp.concatenate([skips[i], x], -1)
        return jnp.tanh(self.last(nnx.relu(x)))


class NaivePatchGAN(nnx.Module):
    """The 70x70 PatchGAN of pix2pix (Isola et al. 2017, section 6.1.2), batch norm, no conditions."""

    def __init__(self, config: GanModelConfig, *, rngs: nnx.Rngs):
        width = config.discriminator.width
        widths = [width, 2 * width, 4 * width, 8 * width]
        inputs = [config.input_channels + 3, *widths[:-1]]
        self.convs = nnx.List(
            _conv(c, o, stride, bias=i == 0, rngs=rngs)
            for i, (c, o, stride) in enumerate(zip(inputs, widths, (2, 2, 2, 1), strict=True))
        )
        self.norms = nnx.List(nnx.BatchNorm(w, use_running_average=False, rngs=rngs) for w in widths[1:])
        self.last = _conv(widths[-1], 1, 1, bias=True, rngs=rngs)

    def __call__(self, sketch: jax.Array, photo: jax.Array) -> tuple[jax.Array, list[jax.Array]]:
        x = jnp.concatenate([sketch, photo], -1)
        features = []
        for i, conv in enumerate(self.convs):
            x = conv(x)
            x = nnx.leaky_relu(self.norms[i - 1](x) if i else x, 0.2)
            features.append(x)
        return self.last(x), features


class NaiveNetworks(GanNetworks):
    """In the place of `GanNetworks`, so that `training.gan.make_step` makes the same step of the naive layers.

    Weights are the parameters only. Training and pix2pix's inference use the statistics of the batch; with
    `running` the generator uses running averages instead (those of a fresh network: the work is the same).
    """

    def __init__(self, config: GanConfig, *, running: bool = False):
        self.config = config
        self.n_categories = 0
        self.features = self._heads = None
        self._generator, self._generator_averages = self._parts(
            lambda: NaiveUNet(config.model, running=running, rngs=nnx.Rngs(0))
        )
        self._discriminator, self._discriminator_averages = self._parts(
            lambda: NaivePatchGAN(config.model, rngs=nnx.Rngs(0))
        )

    @staticmethod
    def _parts(make: Any) -> tuple[Any, Any]:
        """The network's structure, and its running averages as `nnx.BatchNorm` starts them: means 0, variances 1."""
        structure, _, averages = nnx.split(nnx.eval_shape(make), nnx.Param, ...)
        start = {"mean": np.zeros, "var": np.ones}
        filled = jax.tree.map_with_path(lambda path, x: start[_key(path)](x.shape, np.float32), averages)
        return structure, filled

    def init(self, key: jax.Array) -> tuple[Arrays, Arrays]:
        """Fresh weights of both."""
        model, (g, d) = self.config.model, jax.random.split(key)
        networks = (NaiveUNet(model, rngs=nnx.Rngs(params=g)), NaivePatchGAN(model, rngs=nnx.Rngs(params=d)))
        generator, discriminator = (nnx.to_pure_dict(nnx.state(network, nnx.Param)) for network in networks)
        return generator, discriminator

    def generate(
        self, weights: Arrays, sketch: jax.Array, style: jax.Array | None, *, key: Any = None, **others: Any
    ) -> jax.Array:
        """Photos in [-1, 1]. `train` changes nothing: see the class; there are no `hints`."""
        return self._network(self._generator, weights, self._generator_averages)(sketch, key=key)

    def discriminate(
        self, weights: Arrays, sketch: jax.Array, photo: jax.Array, style: jax.Array | None
    ) -> DiscriminatorOutput:
        logits, maps = self._network(self._discriminator, weights, self._discriminator_averages)(sketch, photo)
        return DiscriminatorOutput(logits, maps, [], [], [])

    @staticmethod
    def _network(structure: Any, weights: Arrays, averages: Any) -> Any:
        params = nnx.State(jax.tree.map(lambda x: nnx.Param(x), weights))
        # As jax arrays: a fresh network writes its averages anew at every call.
        return nnx.merge(structure, params, jax.tree.map(jnp.asarray, averages), copy=True)


def _key(path: Any) -> str:
    """The last name of a path, above the variable's own `value`."""
    names = [str(getattr(part, "key", getattr(part, "name", part))) for part in path]
    return next(name for name in reversed(names) if name in ("mean", "var"))


def naive_weights(ours: Arrays) -> Arrays:
    """Weights of our generator or discriminator (batch norm, no conditions) in the order of Flax's layers."""

    def translate(path: Any, value: Any) -> Any:
        value = np.asarray(value)
        if value.ndim != 4:
            return value
        names = [getattr(part, "key", None) for part in path]
        transposed = "ups" in names or (names[0] == "last" and "ups" in ours)
        return value[:, ::-1, ::-1].transpose(1, 2, 0, 3) if transposed else value.transpose(1, 2, 3, 0)

    return _renamed(jax.tree.map_with_path(translate, ours))


def _renamed(tree: Any) -> Any:
    """Our norms call `shift` what Flax calls `bias`."""
    if not isinstance(tree, dict):
        return tree
    return {"bias" if key == "shift" else key: _renamed(value) for key, value in tree.items()}
