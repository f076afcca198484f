"""What a model is and how it is trained: one frozen tree of dataclasses, and the presets.

Standard library only, so that `--help` answers at once. Every field's docstring is its help.
The resolved tree is saved beside the weights, and read back from there: `to_dict`, `from_dict`.
"""

from sketch2photo.classifier_config import ClassifierConfig, ClassifierModelConfig
from sketch2photo.fields import from_dict, to_dict
from sketch2photo.gan_config import (
    IMAGE_SIZES,
    AugmentConfig,
    DiscriminatorConfig,
    EvaluationConfig,
    GanConfig,
    GanLossConfig,
    GanModelConfig,
    GanOptimiserConfig,
    GeneratorConfig,
)
from sketch2photo.presets import CLASSIFIER_PRESETS, GAN_PRESETS

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
