"""What a model is and how it is trained: one frozen tree of dataclasses, and the presets.

Standard library only, so that `--help` answers at once; every field is an option of train.py, its docstring the help.
The types of fields are bool, int, float, str, a Literal of them, a tuple of one of them, another config, or one of the
ranges below. The resolved tree is saved beside the weights, and read back from there: `to_dict`, `from_dict`.
"""

import dataclasses
import math
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, TypeVar, get_args, get_origin

from sketch2photo.errors import ConfigError

# ---------------------------------------------------------------- what a field may hold

T = TypeVar("T")


class Range(NamedTuple):
    """What a number may be, both ends included."""

    least: float
    most: float = math.inf

    def __str__(self) -> str:
        return f"at least {self.least:g}" if self.most == math.inf else f"{self.least:g} to {self.most:.10g}"


Count = Annotated[int, Range(1)]
Steps = Annotated[int, Range(0)]
Blocks = Annotated[int, Range(0, 5)]
Share = Annotated[float, Range(0, 1)]
BelowOne = Annotated[float, Range(0, 0.99999)]
Amount = Annotated[float, Range(0)]
Zoom = Annotated[float, Range(0.1, 10)]
Seed = Annotated[int, Range(0, 2**32 - 1)]


class Checked:
    """Holds every field to its type and range, so that a typo is a sentence now and not a NaN an hour later."""

    place: ClassVar[str] = ""
    """What goes before the name of a field where a message names it: "generator."."""

    def __post_init__(self) -> None:
        for f in dataclasses.fields(self):  # type: ignore[arg-type]
            _check(self.place + f.name, f.type, getattr(self, f.name))


def _check(name: str, annotation: Any, value: Any) -> None:
    kind, *ranges = get_args(annotation) if get_origin(annotation) is Annotated else [annotation]
    inside = get_args(kind)
    if get_origin(kind) is Literal:
        if value not in inside:
            raise ConfigError(f"{name} is {value!r}: choose one of {', '.join(map(str, inside))}")
    elif get_origin(kind) is tuple:
        fixed = inside[-1] is not ...
        if not isinstance(value, tuple) or (fixed and len(value) != len(inside)):
            raise ConfigError(f"{name} is {value!r}: give {len(inside) if fixed else 'a list of'} values")
        for one in value:
            _check(name, inside[0], one)
    # Python takes a bool for an int, and would not take an int for a float.
    elif not isinstance(value, (int, float) if kind is float else kind) or isinstance(value, bool) != (kind is bool):
        raise ConfigError(f"{name} is {value!r}: it must be of type {kind.__name__}")
    for allowed in ranges:
        if not allowed.least <= value <= allowed.most:  # nor NaN
            raise ConfigError(f"{name} is {value}: it must be {allowed}")


to_dict = dataclasses.asdict
"""A config tree as plain JSON values."""


def from_dict(kind: type[T], values: dict[str, Any]) -> T:
    """The config tree that `to_dict` wrote, perhaps by way of JSON; fields that are not there take their defaults, and
    unknown ones (of another version) or values that a field cannot hold are a `ConfigError`.

    A config whose fields once meant something else has a classmethod `upgraded(values)`, which reads an old file's.
    """
    if not isinstance(values, dict):
        raise ConfigError(f"{kind.__name__} is {values!r}: it must be an object of named fields")
    known = {f.name: f for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    if upgraded := getattr(kind, "upgraded", None):
        values = upgraded(values)
    if unknown := sorted(set(values) - set(known)):
        raise ConfigError(f"{kind.__name__} has no field {unknown[0]!r}: the file was written by another version")
    arguments = {}
    for name, value in values.items():
        if dataclasses.is_dataclass(known[name].type):
            value = from_dict(known[name].type, value)  # type: ignore[arg-type]
        elif isinstance(value, list):
            value = tuple(value)
        arguments[name] = value
    return kind(**arguments)


# ---------------------------------------------------------------- classifier


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
    """Share of the features left out before the last layer (Srivastava et al. 2014); training only."""
    others: Count = 1
    """Outputs that together are "none of these"; training sets it (others_apart)."""

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
    others: tuple[str, ...] = ()
    """The other categories that are told apart, in the order of their outputs; training sets it."""
    none_share: Share = 0.3
    """Share of the examples drawn from other categories, when there are any."""
    others_apart: bool = True
    """Tell the other categories from one another, too; "none of these" is then the sum of their probabilities."""
    near_kin: tuple[str, ...] = ()
    """Other categories and which of the categories comes nearest to them, as bicycle=motorcycle truck=car: where one
    of the categories must be named, their drawings teach that one. Needs others_apart."""
    near_kin_share: Share = 0.2
    """Share of near kin in the examples of other categories, the categories they are near to alike often."""
    balance: Literal["none", "sqrt", "equal"] = "equal"
    """How often categories are drawn: by size, by the square root of size, or alike; other categories likewise."""
    drawn_share: Share = 0.6
    """Share of people's drawings among the sketches of a category that has both those and sketches of photos."""
    init_convolutions: str = ""
    """VGG convolutions to start from (.npz of conv1_1 ...); what is missing starts at random."""
    average_with: tuple[str, ...] = ()
    """Further classifier runs or released models, relatives of --init's: the weights to start from are the mean of all
    (model soups, Wortsman et al. 2022). --steps 1 --learning-rate 0 makes a run of the mean itself."""
    frozen_blocks: Blocks = 0
    """VGG's blocks, from the first, that are not trained; 5 leaves the head alone (Yosinski et al. 2014)."""
    head_only: BelowOne = 0.0
    """Share of the steps, the first ones, that train the head alone (head warm-up, Kumar et al. 2022)."""
    batch_size: Count = 32
    """Sketches a step."""
    steps: Count = 4000
    """Steps in all; a resumed run goes on to this number."""
    learning_rate: Amount = 3e-4
    """Peak rate of AdamW, after a warm-up of 5% and followed by a cosine fall to 1%."""
    weight_decay: Amount = 1e-2
    """Of AdamW (Loshchilov & Hutter 2019, algorithm 2)."""
    clip: Amount = 1.0
    """Largest norm of the gradient (Pascanu et al. 2013, algorithm 1); 0 for no limit."""
    label_smoothing: Share = 0.05
    """Share of the label spread over all classes (Szegedy et al. 2016, section 7)."""
    save_every: Count = 200
    """Steps between checkpoints."""
    sample_every: Count = 500
    """Steps between evaluations on the validation split, each with a grid of sketches and answers."""
    prefix: Share = 0.4
    """Share of the stroke drawings that are shown unfinished (30 to 100% of the strokes, in order)."""
    shake: Share = 0.6
    """Share of the stroke drawings whose strokes are moved, turned and left out one by one (Yu et al. 2017)."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Of convolutions; weights, batch norm and loss are float32 (Micikevicius et al. 2018)."""
    seed: Seed = 0
    """Of weights, data order and augmentation."""


# ---------------------------------------------------------------- generator and discriminators

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
    """Tell generator (by its norms) and discriminator (projection, Miyato & Koyama 2018, eq. 3) the category."""
    colour_conditional: bool = False
    """Tell both the object's dominant colour, by the same ways as the category."""
    coverage: bool = False
    """Paint which share of a pixel the object covers, too, and the photo over white by it (Porter & Duff 1984)."""
    hints: bool = False
    """Take strokes that say what is what colour there (Sangkloy et al. 2017; Zhang et al. 2017, section 3.2)."""
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
    """L1 between ImageNet features of generated and true photo, each map's over its mean (Johnson et al. 2016)."""
    projected: Amount = 0.0
    """Weight of the discriminators on features of the perceptual network (Projected GAN, Sauer et al. 2021)."""
    mixing: bool = False
    """Mix the maps that the projected heads see across channels and scales (Sauer et al. 2021, section 3.2)."""
    perceptual_features: str = ""
    """The perceptual network: VGG-19, VGG16 or EfficientNet-Lite (.npz), SqueezeNet 1.1 (.mat), or a release or run of
    our classifier. Without one both terms are left out, and training says so."""
    coverage: Amount = 0.0
    """Cross-entropy and Dice (Milletari et al. 2016, section 3) between painted coverage and the object's mask."""
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
    bend: Share = 0.0
    """Largest elastic displacement of both together, as people's proportions are off; as a share of the side."""
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
    warm_up: Steps = 0
    """Steps in which both rates rise from nothing (Goyal et al. 2017, section 2.2): weights to train on from are
    soon spoilt while Adam has no moments yet."""
    clip: Amount = 0.0
    """Largest norm of each network's gradient (Pascanu et al. 2013, algorithm 1); 0 for no limit."""
    ema: Share = 0.0
    """Decay of the moving average of the generator's weights (Yazici et al. 2019; 0.999 is usual), at step t at most
    (1 + t) / (10 + t), so that the first weights are soon forgotten; 0 keeps the last weights."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.schedule == "constant" and self.decay_from:
            remedy = "set schedule to 'linear' or 'cosine'"
            raise ConfigError(f"decay_from is {self.decay_from} but schedule is 'constant': {remedy}")

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

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.loss.coverage and not self.model.coverage:
            raise ConfigError(f"loss.coverage is {self.loss.coverage} but nothing is covered: add --model.coverage")
        if self.loss.mixing and not self.loss.projected:
            raise ConfigError("loss.mixing is for the projected heads: add --loss.projected 1")


# ---------------------------------------------------------------- presets; --help says how to train with each

# The released model: category and colour conditions, features instead of plain L1. Its weights were trained with
# feature matching (10) as well, which did not pay (experiments/README.md, ablation).
_STUDIO = GanConfig(
    preset="studio",
    model=GanModelConfig(
        class_conditional=True,
        colour_conditional=True,
        # Half the usual width outside, where a layer costs most and knows least: 1.5 GFLOP an image forward.
        generator=GeneratorConfig(width=20, widest=16, norm="conditional", dropout=0.0),
        discriminator=DiscriminatorConfig(width=24, norm="instance"),
    ),
    loss=GanLossConfig(adversarial="hinge", l1=10.0, perceptual=5.0, projected=1.0),
    augment=AugmentConfig(scale=(0.6, 1.08), shift=0.08, warp=0.012, erase=0.25, diffaugment=True),
    optimiser=GanOptimiserConfig(discriminator_rate=4e-4, ema=0.999),
    batch_size=8,
    steps=120_000,
    balance="sqrt",
)

GAN_PRESETS: dict[str, GanConfig] = {
    # pix2pix to the letter (Isola et al. 2017, section 6): 12.1 GFLOP an image forward, 87 a step.
    "vanilla": GanConfig(preset="vanilla", augment=AugmentConfig(jitter=30 / 256)),
    "studio": _STUDIO,
    # `studio` at 128 px and narrow: what a CPU trains in a day and paints at once.
    "studio-lite": replace(
        _STUDIO,
        preset="studio-lite",
        model=replace(
            _STUDIO.model,
            image_size=128,
            generator=GeneratorConfig(width=24, norm="conditional", dropout=0.0),
            discriminator=DiscriminatorConfig(width=16, norm="instance"),
        ),
        loss=replace(_STUDIO.loss, feature_matching=10.0, projected=0.0),
        batch_size=16,
        steps=40_000,
    ),
    # Every part of `studio`, small: under a minute on two cores, to see that the line holds.
    "debug": replace(
        _STUDIO,
        preset="debug",
        model=replace(
            _STUDIO.model,
            image_size=64,
            generator=GeneratorConfig(width=8, norm="conditional", dropout=0.0, style_width=16),
            discriminator=DiscriminatorConfig(width=8, norm="instance"),
        ),
        loss=replace(_STUDIO.loss, feature_matching=10.0, perceptual=0.0, projected=0.0),
        optimiser=replace(_STUDIO.optimiser, ema=0.99),
        batch_size=4,
        steps=40,
        save_every=20,
        sample_every=20,
    ),
}

CLASSIFIER_PRESETS: dict[str, ClassifierConfig] = {
    # The released classifier.
    "studio": ClassifierConfig(
        preset="studio", model=ClassifierModelConfig(image_size=64), none_share=0.35, prefix=0.5
    ),
    # Under a minute on two cores.
    "debug": ClassifierConfig(
        preset="debug",
        model=ClassifierModelConfig(image_size=32, width=8),
        batch_size=8,
        steps=30,
        save_every=15,
        sample_every=15,
    ),
}
