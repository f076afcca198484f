"""What a generator and its discriminators are and how they are trained: the GAN's tree of configs.

Standard library only; every field's docstring is its help. Read it by way of `sketch2photo.config`.
"""

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from sketch2photo.errors import ConfigError
from sketch2photo.fields import Amount, BelowOne, Checked, Count, Seed, Share, Zoom

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
    """Batch norm as published (Ioffe & Szegedy 2015), instance norm (Ulyanov et al. 2016), instance norm with scale and
    shift from the style (AdaIN, Huang & Belongie 2017, eq. 8), or none."""
    bias: bool = False
    """A bias in every convolution, also before a norm: for weights from elsewhere (`convert.pix2pix`)."""
    dropout: BelowOne = 0.5
    """Dropout rate of the three inner up layers below the innermost (pix2pix, section 6.1.1, CD); training only."""
    style_width: Count = 64
    """Width of the hidden layer that turns category and colour into a style."""
    upsample: Literal["transposed", "resize"] = "transposed"
    """Up layers: 4x4 transposed convolutions as published, or nearest neighbours and 3x3 (Odena et al. 2016)."""


@dataclass(frozen=True)
class DiscriminatorConfig(Checked):
    """The 70x70 PatchGAN discriminator (Isola et al. 2017, section 6.1.2)."""

    place: ClassVar[str] = "discriminator."
    width: Count = 64
    """Channels of the first layer (ndf)."""
    norm: Literal["batch", "instance"] = "batch"
    """Batch norm as published, or instance norm (Ulyanov et al. 2016)."""
    spectral_norm: bool = False
    """Divide every kernel by its largest singular value (Miyato et al. 2018, eq. 8 and algorithm 1)."""
    scales: Literal[1, 2] = 1
    """2 adds a discriminator on the picture of half the size (pix2pixHD, Wang et al. 2018, section 3.2)."""


@dataclass(frozen=True)
class GanModelConfig(Checked):
    """What is saved with a released model: enough to rebuild both networks."""

    image_size: int = 256
    """Pixels a side: 64, 128, 256 or 512."""
    input_channels: int = 1
    """1 for line drawings, 3 for colour inputs such as label maps."""
    class_conditional: bool = False
    """Tell the category to the generator (by its norms) and the discriminator (projection, Miyato & Koyama 2018,
    eq. 3)."""
    colour_conditional: bool = False
    """Tell both the object's dominant colour, by the same ways as the category."""
    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    discriminator: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, allowed in (("image_size", IMAGE_SIZES), ("input_channels", (1, 3))):
            if getattr(self, name) not in allowed:
                raise ConfigError(f"{name} is {getattr(self, name)}: choose one of {', '.join(map(str, allowed))}")
        conditional = self.class_conditional or self.colour_conditional
        if conditional and self.generator.norm != "conditional":
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
    """L1 between ImageNet features of generated and true photo, each map's over its mean (Johnson et al. 2016)."""
    projected: Amount = 0.0
    """Weight of the discriminators on features of the perceptual network (Projected GAN, Sauer et al. 2021)."""
    perceptual_features: str = ""
    """The perceptual network: VGG-19 or VGG16 (.npz), SqueezeNet 1.1 (.mat), or a release or run of our classifier.
    Without one both terms are left out, and training says so."""
    r1: Amount = 0.0
    """Weight gamma of the gradient penalty on true photos (Mescheder et al. 2018, eq. 9); D(x) is the mean logit."""
    r1_every: Count = 16
    """Steps between penalties, each weighted by so many (lazy regularisation, StyleGAN2, Karras et al. 2020)."""


@dataclass(frozen=True)
class AugmentConfig(Checked):
    """Random changes made on the device, alike to sketch and photo unless said otherwise."""

    jitter: Share = 0.0
    """Largest zoom of the pix2pix jitter: enlarge by up to this share and crop back (section 6.2 uses 30/256)."""
    flip: bool = True
    """Mirror left to right (pix2pix, section 6.2)."""
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
    """Of the mean of gradients (Kingma & Ba 2015, algorithm 1; 0.5 as in pix2pix, section 3.3)."""
    beta2: BelowOne = 0.999
    """Of the mean of their squares."""
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    """How both rates go on: as they are, or falling in a line (pix2pix's code) or half a cosine (Loshchilov 2017)."""
    decay_from: Share = 0.0
    """Share of the steps after which they fall."""
    decay_to: Share = 0.1
    """What is left of them at the last step, as a share."""
    clip: Amount = 0.0
    """Largest norm of each network's gradient (Pascanu et al. 2013, algorithm 1); 0 for no limit."""
    ema: Share = 0.0
    """Decay of the moving average of the generator's weights (Yazici et al. 2019; 0.999 is usual), at step t at most
    (1 + t) / (10 + t), so that the first weights are soon forgotten; 0 keeps the last weights."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.schedule == "constant" and self.decay_from:
            raise ConfigError(
                f"decay_from is {self.decay_from} but schedule is 'constant': set schedule to 'linear' or 'cosine'"
            )

    @classmethod
    def upgraded(cls, values: dict[str, Any]) -> dict[str, Any]:
        """The fields of a file from before `schedule`: rates fell in a line after decay_from, 1 meant never."""
        if "schedule" in values or "decay_from" not in values:
            return values
        if values["decay_from"] == 1:
            return {name: value for name, value in values.items() if name != "decay_from"}
        return {**values, "schedule": "linear"}


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
    """Where the defaults come from: vanilla, studio, studio-lite or debug."""
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
    sample_drawings: str = ""
    """Drawings by people that the grids show painted, too, and that are never trained on: a folder with a sub-folder
    for each category, or a CSV file (category, file, perhaps key_id)."""
    balance: Literal["none", "sqrt", "equal"] = "none"
    """How often categories are drawn: by size, by the square root of size, or alike."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Of convolutions and what lies between them; weights, norms and losses are float32 (Micikevicius et al. 2018)."""
    seed: Seed = 0
    """Of weights, data order and augmentation."""
