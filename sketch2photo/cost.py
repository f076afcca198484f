"""What a preset costs, computed from its configuration, and how `--help` says it. Standard library only."""

import itertools
from typing import NamedTuple

from sketch2photo.classifier_config import ClassifierModelConfig
from sketch2photo.gan_config import GanConfig, GanModelConfig

_RATE = {"cpu": 200.0, "gpu": 100_000.0}
"""GFLOP a second that times are estimated with: four processor cores on narrow layers (twice that on wide ones), and an
H100 at a tenth of its bfloat16 peak."""
_LEAST = {"cpu": 0.02, "gpu": 0.01}
"""Seconds a step that are estimated however small it is."""

WHAT = {
    "vanilla": "pix2pix to the letter (Isola et al. 2017, section 6)",
    "studio": "the released model: told category and colour, feature losses, discriminators that know parts",
    "studio-lite": "the released model's recipe at 128 px and narrow, for a CPU",
    "debug": "every part of studio, small: to see that the line holds",
}
"""What each preset of the generator reproduces."""


class Layer(NamedTuple):
    """A convolution on one picture. Taps that fall on the margin are counted, as is usual."""

    products: int
    """Multiplications of one picture's forward pass."""
    side: int
    """Pixels a side of its smaller map."""


def generator_layers(model: GanModelConfig) -> list[Layer]:
    """The encoder's from the outside in, then the decoder's likewise."""
    g, size = model.generator, model.image_size
    widths = [g.width * min(2**i, g.widest) for i in range(size.bit_length() - 1)]
    sides = [size >> (i + 1) for i in range(len(widths))]
    # Resize-convolutions are computed as 4x4 ones (`ops.resize_kernel`).
    downs = zip([model.input_channels, *widths[:-1]], widths, sides, strict=True)
    ups = zip([*(2 * w for w in widths[:-1]), widths[-1]], [3, *widths[:-1]], sides, strict=True)
    return [Layer(16 * a * b * side**2, side) for a, b, side in (*downs, *ups)]


def discriminator_layers(model: GanModelConfig) -> list[list[Layer]]:
    """PatchGAN's from the pixels on, at each of its scales."""
    d = model.discriminator
    widths = [model.input_channels + 3, *(d.width << i for i in range(4)), 1]
    pairs = list(itertools.pairwise(widths))
    found = []
    for scale in range(d.scales):
        size = model.image_size >> scale
        sides = [size >> 1, size >> 2, size >> 3, (size >> 3) - 1, (size >> 3) - 2]
        found.append([Layer(16 * a * b * side**2, side) for (a, b), side in zip(pairs, sides, strict=True)])
    return found


def generator_gflop(model: GanModelConfig) -> float:
    """Of painting one picture: two for every product of the convolutions."""
    return 2e-9 * sum(layer.products for layer in generator_layers(model))


def discriminator_gflop(model: GanModelConfig) -> float:
    """Of PatchGAN's judging one picture, at all its scales."""
    return 2e-9 * sum(layer.products for scale in discriminator_layers(model) for layer in scale)


def classifier_gflop(model: ClassifierModelConfig) -> float:
    """Of naming one drawing by VGG16, whose three inputs are the same and summed into one."""
    multiples = ((1, 1), (2, 2), (4, 4, 4), (8, 8, 8), (8, 8, 8))
    products, inputs = 0, 1
    for i, block in enumerate(multiples):
        for multiple in block:
            products += 9 * inputs * model.width * multiple * (model.image_size >> i) ** 2
            inputs = model.width * multiple
    return 2e-9 * products


def step_passes(config: GanConfig) -> list[tuple[Layer, int]]:
    """Every layer, and how often a training step computes as many products as its forward pass has.

    Each convolution has a forward pass, a gradient in its kernel and one in its input. The generator takes all three.
    The discriminator judges two pictures and takes all three for its own loss on both, and once more the gradient in
    the input for the generator's loss. Gradients in pictures that nothing learns from are left out: in the sketch, and
    of the discriminator's own loss.
    """
    passes = [(layer, 3 if i else 2) for i, layer in enumerate(generator_layers(config.model))]
    for scale in discriminator_layers(config.model):
        passes += [(layer, 7 if i else 5) for i, layer in enumerate(scale)]
    return passes


def step_gflop(config: GanConfig) -> float:
    """Of training on one picture, two for every product of the convolutions (`step_passes`). Without the perceptual
    network and the heads on it, whose size depends on the file, and without R1."""
    return 2e-9 * sum(layer.products * times for layer, times in step_passes(config))


def describe(config: GanConfig) -> str:
    """How `train.py gan --preset NAME --help` opens."""
    name = config.preset
    says = "to paint, without the perceptual network"
    return (
        f"{name}: {WHAT.get(name, 'a configuration of its own')}.\n\n"
        f"{costs('an image', says, generator_gflop(config.model), step_gflop(config), config.steps, config.batch_size)}"
        f"\n\npython train.py gan --preset {name} --data datasets/studio --out runs/{name}"
    )


def costs(of: str, use: str, forward: float, training: float, steps: int, batch: int) -> str:
    """GFLOP of one and of training on one, computed, and the time for all, estimated."""
    cpu, gpu = (
        _words(steps * max(_LEAST[device], batch * training / _RATE[device]) / 3600) for device in ("cpu", "gpu")
    )
    return (
        f"Cost of {of} (computed): {forward:.2g} GFLOP {use}; {training:.2g} GFLOP to train on. "
        f"Time for {steps * batch:,}: {cpu} on four CPU cores, {gpu} on an H100 (both estimated)."
    )


def _words(hours: float) -> str:
    """As people say it."""
    return f"{hours:.0f} hours" if hours >= 2 else f"{max(2, round(60 * hours))} minutes"
