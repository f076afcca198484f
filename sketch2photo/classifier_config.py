"""What a classifier is and how it is trained.

Standard library only; every field's docstring is its help. Read it by way of `sketch2photo.config`.
"""

from dataclasses import dataclass, field
from typing import Literal

from sketch2photo.errors import ConfigError
from sketch2photo.fields import Amount, BelowOne, Blocks, Checked, Count, Seed, Share


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
