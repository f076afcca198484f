"""Generator and discriminators as pure functions of their weights."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, Int, UInt8

from sketch2photo.config import GanConfig
from sketch2photo.models import draws, layers, perceptual
from sketch2photo.models.draws import Rngs
from sketch2photo.models.patchgan import PatchGAN
from sketch2photo.models.projected import ProjectedHeads, shrink
from sketch2photo.models.unet import UNet
from sketch2photo.training.state import Arrays


class Opinion(NamedTuple):
    """What the discriminators make of a photo."""

    logits: jax.Array
    """PatchGAN's, (n, p, p, 1)."""
    maps: list[jax.Array]
    """PatchGAN's layers, for feature matching; those of the second scale after the first's."""
    half: list[jax.Array]
    """The logits on the picture of half the size; [] with one scale."""
    heads: list[jax.Array]
    """The logits of the projected heads; [] without them."""
    features: list[jax.Array]
    """The perceptual network's maps; [] without one."""


_HEADS, _HALF = "projected", "half"
"""Where the weights of the heads and of the second scale lie among the discriminator's."""


class GanNetworks:
    """Generator and discriminators as pure functions of their weights, for one config and number of categories.

    Args:
      features: the perceptual network; None leaves out what needs it.
    """

    def __init__(self, config: GanConfig, n_categories: int, features: perceptual.Perceptual | None = None):
        self.config = config
        self.n_categories = n_categories
        self.features = features
        model = config.model
        self._heads = None
        if config.loss.projected and features is not None:
            self._heads = self._structure(lambda: self._new_heads(None))
        self._generator = self._structure(lambda: UNet(model, n_categories, rngs=None))
        self._discriminator = self._structure(lambda: PatchGAN(model, n_categories, rngs=None))

    def _structure(self, new: Callable[[], nnx.Module]) -> Any:
        network = nnx.eval_shape(new)
        layers.compute_in(network, self.config.precision)
        return nnx.split(network)[0]

    def init(self, key: jax.Array) -> tuple[Arrays, Arrays]:
        """Fresh weights of both."""
        of_generator, of_discriminator, of_half, of_heads = jax.random.split(key, 4)
        model = self.config.model
        generator = draws.made(lambda rngs: UNet(model, self.n_categories, rngs=rngs), of_generator)

        def patchgan(rngs: Rngs) -> PatchGAN:
            return PatchGAN(model, self.n_categories, rngs=rngs)

        discriminator = draws.made(patchgan, of_discriminator)
        judges = nnx.to_pure_dict(nnx.state(discriminator))
        if model.discriminator.scales == 2:
            half = draws.made(patchgan, of_half)
            judges = {**judges, _HALF: nnx.to_pure_dict(nnx.state(half))}
        if self._heads is not None:
            heads = draws.made(self._new_heads, of_heads)
            judges = {**judges, _HEADS: nnx.to_pure_dict(nnx.state(heads))}
        return nnx.to_pure_dict(nnx.state(generator)), judges

    def _new_heads(self, rngs: Rngs) -> ProjectedHeads:
        assert self.features is not None
        model = self.config.model
        styles = layers.style_size(model, self.n_categories)
        # The first map is nearly the pixels, which are PatchGAN's.
        spectral = model.discriminator.spectral_norm
        return ProjectedHeads(self.features.widths[1:], model.input_channels, styles, spectral=spectral, rngs=rngs)

    def style(self, label: Int[Array, " n"], colour: UInt8[Array, "n 3"]) -> jax.Array | None:
        return layers.style_vector(self.config.model, self.n_categories, label, colour)

    def generate(
        self, weights: Arrays, sketch: Float[Array, "n s s c"], style: jax.Array | None, **options: Any
    ) -> Float[Array, "n s s 3"]:
        return nnx.merge(self._generator, _state(weights), copy=True)(sketch, style, **options)

    def judge(
        self, weights: Arrays, sketch: Float[Array, "n s s c"], photo: Float[Array, "n s s 3"], style: jax.Array | None
    ) -> Opinion:
        """What PatchGAN makes of it, at one scale or two; without heads and features."""
        own = {name: value for name, value in weights.items() if name not in (_HEADS, _HALF)}
        logits, maps = nnx.merge(self._discriminator, _state(own), copy=True)(sketch, photo, style)
        if _HALF not in weights:
            return Opinion(logits, maps, [], [], [])
        smaller = (shrink(image, image.shape[1] // 2) for image in (sketch, photo))
        half, half_maps = nnx.merge(self._discriminator, _state(weights[_HALF]), copy=True)(*smaller, style)
        return Opinion(logits, [*maps, *half_maps], [half], [], [])

    def judge_both(
        self,
        weights: Arrays,
        sketch: Float[Array, "n s s c"],
        photo: Float[Array, "n s s 3"],
        fake: Float[Array, "n s s 3"],
        style: jax.Array | None,
    ) -> tuple[Opinion, Opinion]:
        """On the true and on the generated photo."""
        loss = self.config.loss
        real_maps: list[jax.Array] = []
        fake_maps: list[jax.Array] = []
        real_heads: list[jax.Array] = []
        fake_heads: list[jax.Array] = []
        if self.features is not None and (loss.perceptual or loss.projected):
            real_maps, fake_maps = (self.features(x, self.config.precision) for x in (photo, fake))
        if self._heads is not None:
            heads = nnx.merge(self._heads, _state(weights[_HEADS]), copy=True)
            # ImageNet maps differ in size by orders of magnitude: each is brought to a mean of 1.
            scales = [jax.lax.stop_gradient(1 / (m.astype(jnp.float32).mean() + 1e-6)) for m in real_maps]
            real_heads, fake_heads = (
                heads([m * scale.astype(m.dtype) for m, scale in zip(maps, scales, strict=True)][1:], sketch, style)
                for maps in (real_maps, fake_maps)
            )
        return (
            self.judge(weights, sketch, photo, style)._replace(heads=real_heads, features=real_maps),
            self.judge(weights, sketch, fake, style)._replace(heads=fake_heads, features=fake_maps),
        )


def _state(weights: Arrays) -> nnx.State:
    return nnx.State(jax.tree.map(lambda x: nnx.Param(x), weights))
