"""The presets: complete configurations, each with its field's defaults changed.

Standard library only. Read it by way of `sketch2photo.config`.
"""

import dataclasses

from sketch2photo.classifier_config import ClassifierConfig, ClassifierModelConfig
from sketch2photo.gan_config import (
    AugmentConfig,
    DiscriminatorConfig,
    GanConfig,
    GanLossConfig,
    GanModelConfig,
    GanOptimiserConfig,
    GeneratorConfig,
)

_STUDIO_MODEL = GanModelConfig(
    image_size=256,
    class_conditional=True,
    colour_conditional=True,
    # Half the usual width outside, where a layer costs most and knows least: 1.5 GFLOP an image forward.
    generator=GeneratorConfig(width=20, widest=16, norm="conditional", dropout=0.0),
    discriminator=DiscriminatorConfig(width=24, norm="instance"),
)

_STUDIO_AUGMENT = AugmentConfig(scale=(0.6, 1.08), shift=0.08, warp=0.012, erase=0.25, diffaugment=True)

GAN_PRESETS: dict[str, GanConfig] = {
    # pix2pix to the letter (Isola et al. 2017, section 6): 12.1 GFLOP an image forward, 87 a step.
    # python train.py gan --preset vanilla --data datasets/studio --out runs/vanilla
    "vanilla": GanConfig(preset="vanilla", augment=AugmentConfig(jitter=30 / 256)),
    # The released model: category and colour conditions, features instead of plain L1. Its weights were trained with
    # feature matching (10) as well, which did not pay (benchmarks/README.md, ablation).
    # python train.py gan --preset studio --data datasets/studio --out runs/studio
    "studio": GanConfig(
        preset="studio",
        model=_STUDIO_MODEL,
        loss=GanLossConfig(adversarial="hinge", l1=10.0, perceptual=5.0, projected=1.0),
        augment=_STUDIO_AUGMENT,
        optimiser=GanOptimiserConfig(discriminator_rate=4e-4, ema=0.999),
        batch_size=8,
        steps=120_000,
        balance="sqrt",
    ),
    # `studio` at 128 px and narrow: what a CPU trains in a day and paints at once.
    # python train.py gan --preset studio-lite --data datasets/studio --out runs/studio-lite
    "studio-lite": GanConfig(
        preset="studio-lite",
        model=dataclasses.replace(
            _STUDIO_MODEL,
            image_size=128,
            generator=GeneratorConfig(width=24, norm="conditional", dropout=0.0),
            discriminator=DiscriminatorConfig(width=16, norm="instance"),
        ),
        loss=GanLossConfig(adversarial="hinge", l1=10.0, feature_matching=10.0, perceptual=5.0),
        augment=_STUDIO_AUGMENT,
        optimiser=GanOptimiserConfig(discriminator_rate=4e-4, ema=0.999),
        batch_size=16,
        steps=40_000,
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
        augment=_STUDIO_AUGMENT,
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
    "studio": ClassifierConfig(
        preset="studio", model=ClassifierModelConfig(image_size=64), none_share=0.35, prefix=0.5
    ),
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
