"""What a preset costs, computed from its configuration, and how `--help` says it. Standard library only."""

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


def generator_gflop(model: GanModelConfig) -> float:
    """Of painting one picture: two for every product of the convolutions."""
    g, size = model.generator, model.image_size
    widths = [g.width * min(2**i, g.widest) for i in range(size.bit_length() - 1)]
    # Resize-convolutions are computed as 4x4 ones (`ops.resize_kernel`).
    downs = zip([model.input_channels, *widths[:-1]], widths, strict=True)
    products = sum(16 * a * b * (size >> (i + 1)) ** 2 for i, (a, b) in enumerate(downs))
    outputs = [3, *widths[:-1]]
    for i, (width, out) in enumerate(zip(widths, outputs, strict=True)):
        products += 16 * width * (1 if i == len(widths) - 1 else 2) * out * (size >> (i + 1)) ** 2
    return 2e-9 * products


def discriminator_gflop(model: GanModelConfig) -> float:
    """Of PatchGAN's judging one picture, at all its scales."""
    d = model.discriminator
    total = 0
    for scale in range(d.scales):
        size, inputs = model.image_size >> scale, model.input_channels + 3
        for i in range(3):
            total += 16 * inputs * (d.width << i) * (size >> (i + 1)) ** 2
            inputs = d.width << i
        total += 16 * inputs * 8 * d.width * (size // 8 - 1) ** 2 + 16 * 8 * d.width * (size // 8 - 2) ** 2
    return 2e-9 * total


def classifier_gflop(model: ClassifierModelConfig) -> float:
    """Of naming one drawing by VGG16, whose three inputs are the same and summed into one."""
    multiples = ((1, 1), (2, 2), (4, 4, 4), (8, 8, 8), (8, 8, 8))
    products, inputs = 0, 1
    for i, block in enumerate(multiples):
        for multiple in block:
            products += 9 * inputs * model.width * multiple * (model.image_size >> i) ** 2
            inputs = model.width * multiple
    return 2e-9 * products


def step_gflop(config: GanConfig) -> float:
    """Of training on one picture: generator forward and twice backward; the discriminator likewise on two pictures, and
    once more backward to the generated one. Without the perceptual network, whose size depends on the file."""
    return 3 * generator_gflop(config.model) + 7 * discriminator_gflop(config.model)


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
