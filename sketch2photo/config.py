"""What a model is and how it is trained: one frozen tree of dataclasses, and the presets.

Standard library only, so that `--help` answers at once. Every field's docstring is its help.
"""

import dataclasses
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from sketch2photo.errors import ConfigError
from sketch2photo.fields import Amount, BelowOne, Checked, Count, Seed, Share, Zoom, from_dict, to_dict

__all__ = [
    "CLASSIFIER_PRESETS",
    "GAN_PRESETS",
    "IMAGE_SIZES",
    "AugmentConfig",
    "ClassifierConfig",
    "ClassifierModelConfig",
    "DiscriminatorConfig",
    "EvaluationConfig",
    "GanConfig",
    "GanLossConfig",
    "GanModelConfig",
    "GanOptimiserConfig",
    "GeneratorConfig",
    "from_dict",
    "to_dict",
]

IMAGE_SIZES = (64, 128, 256, 512)


@dataclass(frozen=True)
class GeneratorConfig(Checked):
    """The U-Net generator (Isola et al. 2017, section 6.1.1) and its conditions."""

    place: ClassVar[str] = "generator."
    width: Count = 64
    """Channels of the outermost layer (ngf)."""
    widest: Count = 8
    """Every layer inward has twice as many channels, up to this multiple of the outermost's."""
    norm: Literal["batch", "instance", "conditional", "none"] = "batch"
    """Batch norm as published, instance norm, instance norm with scale and shift from the style, or none."""
    bias: bool = False
    """A bias in every convolution, also before a norm: for weights from elsewhere (`convert.pix2pix`)."""
    dropout: BelowOne = 0.5
    """Dropout rate of the three inner up layers below the innermost; training only."""
    style_width: Count = 64
    """Width of the hidden layer that turns category and colour into a style."""


@dataclass(frozen=True)
class DiscriminatorConfig(Checked):
    """The 70x70 PatchGAN discriminator (Isola et al. 2017, section 6.1.2)."""

    place: ClassVar[str] = "discriminator."
    width: Count = 64
    """Channels of the first layer (ndf)."""
    norm: Literal["batch", "instance"] = "batch"
    """Batch norm as published, or instance norm."""


@dataclass(frozen=True)
class GanModelConfig(Checked):
    """What is saved with a released model: enough to rebuild both networks."""

    image_size: int = 256
    """Pixels a side: 64, 128, 256 or 512."""
    input_channels: int = 1
    """1 for line drawings, 3 for colour inputs such as label maps."""
    class_conditional: bool = False
    """Tell generator and discriminator the category."""
    colour_conditional: bool = False
    """Tell generator and discriminator the object's dominant colour."""
    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    discriminator: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, allowed in (("image_size", IMAGE_SIZES), ("input_channels", (1, 3))):
            if getattr(self, name) not in allowed:
                raise ConfigError(f"{name} is {getattr(self, name)}: choose one of {', '.join(map(str, allowed))}")
        if (self.class_conditional or self.colour_conditional) and self.generator.norm != "conditional":
            norm = f"generator.norm is {self.generator.norm!r} but the model is class or colour conditional"
            raise ConfigError(f"{norm}: set generator.norm to 'conditional'")


@dataclass(frozen=True)
class GanLossConfig(Checked):
    """The weights of the training objective; 0 leaves a term out."""

    adversarial: Literal["bce", "lsgan", "hinge"] = "bce"
    """Binary cross-entropy (Goodfellow 2014), least squares (Mao 2017) or hinge (Lim & Ye 2017)."""
    l1: Amount = 100.0
    """Mean absolute difference between generated and true photo (pix2pix, eq. 3)."""
    feature_matching: Amount = 0.0
    """L1 between discriminator features of generated and true photo (pix2pixHD, eq. 4)."""
    perceptual: Amount = 0.0
    """L1 between VGG-19 features of generated and true photo, each map's over its mean (Johnson et al. 2016)."""
    projected: Amount = 0.0
    """Weight of the discriminators on features of the perceptual network (Projected GAN, Sauer et al. 2021)."""
    perceptual_features: str = ""
    """Weights of the perceptual network (.npz); without it both terms are left out, and training says so."""


@dataclass(frozen=True)
class AugmentConfig(Checked):
    """Random changes made on the device, alike to sketch and photo unless said otherwise."""

    jitter: Share = 0.0
    """Largest zoom of the pix2pix jitter: enlarge by up to this share and crop back (section 6.2 uses 30/256)."""
    flip: bool = True
    """Mirror left to right."""
    scale: tuple[Zoom, Zoom] = (1.0, 1.0)
    """Range of random zoom on white ground."""
    shift: Share = 0.0
    """Largest shift, as a share of the side."""
    warp: Share = 0.0
    """Largest elastic displacement of the sketch against the photo, as a share of the side."""
    erase: Share = 0.0
    """Chance that a patch of the sketch's lines is rubbed out (sketch only)."""
    width: Share = 0.0
    """How much thicker or thinner lines become at random, up to a pixel on each side at 1 (line drawings only)."""
    unfinished: Share = 0.0
    """Chance that all of the sketch on one side of a random line is missing, as before it was drawn (sketch only)."""
    diffaugment: bool = False
    """Translation and cutout before the discriminator (Zhao et al. 2020), alike for sketch and photo."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.scale[0] > self.scale[1]:
            raise ConfigError(f"scale is {self.scale}: give the smaller zoom first")


@dataclass(frozen=True)
class GanOptimiserConfig(Checked):
    """Adam for both networks."""

    generator_rate: Amount = 2e-4
    """Learning rate of the generator."""
    discriminator_rate: Amount = 2e-4
    """Learning rate of the discriminator (TTUR, Heusel et al. 2017, when larger)."""
    beta1: BelowOne = 0.5
    beta2: BelowOne = 0.999
    decay_from: Share = 1.0
    """Share of the steps after which both rates fall linearly to a tenth; 1 keeps them constant."""
    ema: Share = 0.0
    """Decay of the moving average of the generator's weights (0.999 is usual); 0 keeps the last weights."""


@dataclass(frozen=True)
class EvaluationConfig(Checked):
    """Measures on the validation split while training, and which weights are kept as RUN/best."""

    place: ClassVar[str] = "evaluation."
    every: Count = 2000
    """Steps between evaluations."""
    features: str = ""
    """SqueezeNet 1.1's convolutions (.mat); without it nothing is evaluated but val_l1, and no best kept."""
    best: Literal["kid", "feature_distance", "pair_distance", "recognition", "ink_with_edge"] = "kid"
    """The figure whose best value so far decides what RUN/best holds; see sketch2photo/evaluation/run.py."""
    per_category: Count = 16
    """Validation photos of each category, at most."""


@dataclass(frozen=True)
class GanConfig(Checked):
    """Train a generator from sketches to photos."""

    preset: str = "studio"
    """Where the defaults come from: vanilla, studio or debug."""
    model: GanModelConfig = field(default_factory=GanModelConfig)
    loss: GanLossConfig = field(default_factory=GanLossConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    optimiser: GanOptimiserConfig = field(default_factory=GanOptimiserConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    batch_size: Count = 1
    """Pairs a step."""
    steps: Count = 100_000
    """Steps in all; a resumed run goes on to this number."""
    save_every: Count = 500
    """Steps between checkpoints; at most this many are lost when a run is killed."""
    sample_every: Count = 500
    """Steps between sample grids."""
    balance: Literal["none", "sqrt", "equal"] = "none"
    """How often categories are drawn: by size, by the square root of size, or alike."""
    seed: Seed = 0
    """Of weights, data order and augmentation."""


@dataclass(frozen=True)
class ClassifierModelConfig(Checked):
    """VGG16 (Simonyan & Zisserman 2015, configuration D) with a global average pooling head."""

    image_size: int = 128
    """Pixels a side, at least 32."""
    width: Count = 64
    """Channels of the first block; 64 is VGG16 as published."""
    norm: Literal["none", "batch"] = "batch"
    """Batch norm after every convolution, taken into the convolutions when released; or none, as published."""
    dropout: BelowOne = 0.3
    """Before the last layer."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.image_size < 32 or self.image_size % 32:
            raise ConfigError(f"classifier image_size is {self.image_size}: choose a multiple of 32")


@dataclass(frozen=True)
class ClassifierConfig(Checked):
    """Train the classifier that names what is drawn."""

    preset: str = "studio"
    """Where the defaults come from: studio or debug."""
    model: ClassifierModelConfig = field(default_factory=ClassifierModelConfig)
    categories: tuple[str, ...] = ()
    """The categories to tell apart, in order; what else is in the data is "none of these". Empty: all."""
    none_share: Share = 0.2
    """Share of the examples drawn from other categories, when there are any."""
    init_convolutions: str = ""
    """VGG convolutions to start from (.npz of conv1_1 ...); what is missing starts at random."""
    batch_size: Count = 32
    """Sketches a step."""
    steps: Count = 4000
    """Steps in all; a resumed run goes on to this number."""
    learning_rate: Amount = 3e-4
    """Peak rate of AdamW, after a warm-up of 5% and followed by a cosine fall to 1%."""
    weight_decay: Amount = 1e-2
    label_smoothing: Share = 0.05
    save_every: Count = 200
    """Steps between checkpoints."""
    sample_every: Count = 500
    """Steps between evaluations on the validation split, each with a grid of sketches and answers."""
    prefix: Share = 0.4
    """Share of the stroke drawings that are shown unfinished (30 to 100% of the strokes, in order)."""
    seed: Seed = 0
    """Of weights, data order and augmentation."""


_STUDIO_MODEL = GanModelConfig(
    image_size=256,
    class_conditional=True,
    colour_conditional=True,
    # Half the usual width outside, where a layer costs most and knows least: 1.5 GFLOP an image forward.
    generator=GeneratorConfig(width=20, widest=16, norm="conditional", dropout=0.0),
    discriminator=DiscriminatorConfig(width=24, norm="instance"),
)

GAN_PRESETS: dict[str, GanConfig] = {
    # pix2pix to the letter (Isola et al. 2017, section 6): 12.1 GFLOP an image forward, 87 a step.
    # python train.py gan --preset vanilla --data datasets/studio --out runs/vanilla
    "vanilla": GanConfig(preset="vanilla", augment=AugmentConfig(jitter=30 / 256)),
    # The released model: category and colour conditions, features instead of plain L1.
    # python train.py gan --preset studio --data datasets/studio --out runs/studio
    "studio": GanConfig(
        preset="studio",
        model=_STUDIO_MODEL,
        loss=GanLossConfig(adversarial="hinge", l1=10.0, feature_matching=10.0, perceptual=5.0, projected=1.0),
        augment=AugmentConfig(scale=(0.6, 1.08), shift=0.08, warp=0.012, erase=0.25, diffaugment=True),
        optimiser=GanOptimiserConfig(discriminator_rate=4e-4, ema=0.999),
        batch_size=8,
        steps=120_000,
        balance="sqrt",
    ),
    # Every part of `studio`, small: under a minute on two cores, to see that the line holds.
    # python train.py gan --preset debug --data datasets/studio --out runs/debug
    "debug": GanConfig(
        preset="debug",
        model=dataclasses.replace(
            _STUDIO_MODEL,
            image_size=64,
            generator=GeneratorConfig(width=8, norm="conditional", dropout=0.0, style_width=16),
            discriminator=DiscriminatorConfig(width=8, norm="instance"),
        ),
        loss=GanLossConfig(adversarial="hinge", l1=10.0, feature_matching=10.0),
        augment=AugmentConfig(scale=(0.6, 1.08), shift=0.08, warp=0.012, erase=0.25, diffaugment=True),
        optimiser=GanOptimiserConfig(discriminator_rate=4e-4, ema=0.99),
        batch_size=4,
        steps=40,
        save_every=20,
        sample_every=20,
        balance="sqrt",
    ),
}

CLASSIFIER_PRESETS: dict[str, ClassifierConfig] = {
    # The released classifier. python train.py classifier --data datasets/drawings --out runs/classifier
    "studio": ClassifierConfig(preset="studio", model=ClassifierModelConfig(image_size=64)),
    # Under a minute on two cores. python train.py classifier --preset debug --data D --out runs/debug-classifier
    "debug": ClassifierConfig(
        preset="debug",
        model=ClassifierModelConfig(image_size=32, width=8),
        batch_size=8,
        steps=30,
        save_every=15,
        sample_every=15,
    ),
}
