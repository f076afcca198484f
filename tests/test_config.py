"""The configuration tree: presets, ranges, and the way to disk and back."""

import dataclasses
import json
import math
import typing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sketch2photo import config
from sketch2photo.config import (
    CLASSIFIER_PRESETS,
    GAN_PRESETS,
    IMAGE_SIZES,
    AugmentConfig,
    ClassifierConfig,
    ClassifierModelConfig,
    DiscriminatorConfig,
    GanConfig,
    GanLossConfig,
    GanModelConfig,
    GanOptimiserConfig,
    GeneratorConfig,
    Range,
    from_dict,
    to_dict,
)
from sketch2photo.errors import ConfigError

PRESETS = [*GAN_PRESETS.values(), *CLASSIFIER_PRESETS.values()]
TREE = [kind for kind in vars(config).values() if dataclasses.is_dataclass(kind) and isinstance(kind, type)]


def test_presets_are_named_as_they_are_listed():
    assert {"vanilla", "studio", "debug"} <= set(GAN_PRESETS)
    assert {"studio", "debug"} <= set(CLASSIFIER_PRESETS)
    for presets in (GAN_PRESETS, CLASSIFIER_PRESETS):
        assert all(name == preset.preset for name, preset in presets.items())


def test_vanilla_is_pix2pix_as_published():
    """Isola et al. 2017, sections 3.3 and 6.2."""
    vanilla = GAN_PRESETS["vanilla"]
    assert vanilla.model.image_size == 256
    assert (vanilla.model.generator.width, vanilla.model.generator.norm, vanilla.model.generator.dropout) == (
        64,
        "batch",
        0.5,
    )
    assert (vanilla.model.discriminator.width, vanilla.model.discriminator.norm) == (64, "batch")
    assert not vanilla.model.class_conditional and not vanilla.model.colour_conditional
    assert (vanilla.loss.adversarial, vanilla.loss.l1) == ("bce", 100.0)
    assert vanilla.loss.feature_matching == vanilla.loss.perceptual == 0
    o = vanilla.optimiser
    assert (o.generator_rate, o.discriminator_rate, o.beta1, o.beta2) == (2e-4, 2e-4, 0.5, 0.999)
    assert vanilla.batch_size == 1
    assert vanilla.augment.flip and vanilla.augment.jitter == 30 / 256  # resized to 286, cropped to 256


def test_defaults_are_vanilla():
    model = GanModelConfig()
    assert model == GAN_PRESETS["vanilla"].model


@pytest.mark.parametrize("preset", PRESETS, ids=lambda p: f"{type(p).__name__}-{p.preset}")
def test_presets_come_back_from_json(preset):
    assert from_dict(type(preset), json.loads(json.dumps(to_dict(preset)))) == preset


@settings(max_examples=60, deadline=None)
@given(
    size=st.sampled_from(IMAGE_SIZES),
    channels=st.sampled_from([1, 3]),
    width=st.integers(1, 128),
    conditional=st.booleans(),
    low=st.floats(0.1, 1),
    erase=st.floats(0, 1),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_valid_config_comes_back_from_json(size, channels, width, conditional, low, erase, seed):
    original = GanConfig(
        model=GanModelConfig(
            image_size=size,
            input_channels=channels,
            class_conditional=conditional,
            generator=GeneratorConfig(width=width, norm="conditional"),
        ),
        augment=AugmentConfig(scale=(low, 1.0), erase=erase),
        seed=seed,
    )
    assert from_dict(GanConfig, json.loads(json.dumps(to_dict(original)))) == original


def test_fields_that_are_missing_take_their_defaults():
    assert from_dict(GanConfig, {"model": {"image_size": 64}}) == GanConfig(model=GanModelConfig(image_size=64))
    assert from_dict(ClassifierConfig, {}) == ClassifierConfig()


REFUSED = [
    (lambda: GanModelConfig(image_size=100), "image_size is 100: choose one of 64, 128, 256, 512"),
    (lambda: GanModelConfig(input_channels=2), "input_channels is 2: choose one of 1, 3"),
    (lambda: GeneratorConfig(width=0), "generator.width is 0: it must be at least 1"),
    (lambda: DiscriminatorConfig(width=-3), "discriminator.width is -3: it must be at least 1"),
    (lambda: GeneratorConfig(dropout=1.0), "generator.dropout is 1.0: it must be 0 to 0.99999"),
    (
        lambda: GeneratorConfig(norm="layer"),  # type: ignore[arg-type]
        "generator.norm is 'layer': choose one of batch, instance, conditional, none",
    ),
    (
        lambda: GanModelConfig(class_conditional=True),
        "generator.norm is 'batch' but the model is class or colour conditional: set generator.norm to 'conditional'",
    ),
    (lambda: GanLossConfig(l1=-1.0), "l1 is -1.0: it must be at least 0"),
    (lambda: GanLossConfig(l1=math.nan), "l1 is nan: it must be at least 0"),
    (lambda: GanOptimiserConfig(ema=1.5), "ema is 1.5: it must be 0 to 1"),
    (lambda: GanOptimiserConfig(beta1=1.0), "beta1 is 1.0: it must be 0 to 0.99999"),
    (lambda: AugmentConfig(scale=(1.2, 0.8)), "scale is (1.2, 0.8): give the smaller zoom first"),
    (lambda: AugmentConfig(scale=(0.0, 1.0)), "scale is 0.0: it must be 0.1 to 10"),
    (lambda: AugmentConfig(scale=(1.0,)), "scale is (1.0,): give 2 values"),  # type: ignore[arg-type]
    (lambda: GanConfig(batch_size=0), "batch_size is 0: it must be at least 1"),
    (lambda: GanConfig(steps=0), "steps is 0: it must be at least 1"),
    (lambda: GanConfig(save_every=-1), "save_every is -1: it must be at least 1"),
    (lambda: GanConfig(seed=-1), "seed is -1: it must be 0 to 4294967295"),
    (lambda: GanConfig(steps=1.5), "steps is 1.5: it must be of type int"),  # type: ignore[arg-type]
    (lambda: GanConfig(steps=True), "steps is True: it must be of type int"),
    (
        lambda: GanConfig(balance="even"),  # type: ignore[arg-type]
        "balance is 'even': choose one of none, sqrt, equal",
    ),
    (lambda: ClassifierModelConfig(image_size=100), "classifier image_size is 100: choose a multiple of 32"),
    (lambda: ClassifierConfig(none_share=1.1), "none_share is 1.1: it must be 0 to 1"),
    (
        lambda: ClassifierConfig(categories="shoe"),  # type: ignore[arg-type]
        "categories is 'shoe': give a list of values",
    ),
]


@pytest.mark.parametrize(("make", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_values_out_of_range_are_named_with_a_remedy(make, message: str):
    with pytest.raises(ConfigError) as error:
        make()
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"colour": 1}, "GanConfig has no field 'colour': the file was written by another version"),
        ({"model": {"depth": 1}}, "GanModelConfig has no field 'depth': the file was written by another version"),
        ({"model": 3}, "GanModelConfig is 3: it must be an object of named fields"),
        ({"batch_size": "16"}, "batch_size is '16': it must be of type int"),
        ({"loss": {"l1": None}}, "l1 is None: it must be of type float"),
        ({"augment": {"scale": [1, "2"]}}, "scale is '2': it must be of type float"),
        ({"model": {"image_size": 32}}, "image_size is 32: choose one of 64, 128, 256, 512"),
        ([], "GanConfig is []: it must be an object of named fields"),
    ],
)
def test_files_of_another_version_or_hand_are_refused(values, message: str):
    with pytest.raises(ConfigError) as error:
        from_dict(GanConfig, values)
    assert str(error.value) == message


def test_integers_will_do_for_floats():
    assert from_dict(GanConfig, {"loss": {"l1": 10}}).loss.l1 == 10


def test_configs_are_frozen():
    for kind in TREE:
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(kind(), dataclasses.fields(kind)[0].name, 1)


def test_every_number_has_a_range_and_its_default_lies_inside():
    """A number without a range would be a typo away from a NaN. The side of a picture is checked by name."""
    assert len(TREE) >= 9
    for kind in TREE:
        for field in dataclasses.fields(kind):
            if field.type in (int, float):
                assert field.name in ("image_size", "input_channels"), f"{kind.__name__}.{field.name}"
            for part in typing.get_args(field.type):
                if isinstance(part, Range):
                    assert part.least <= getattr(kind(), field.name) <= part.most


@pytest.mark.parametrize(
    ("loss", "says"),
    [
        (GanLossConfig(coverage=5.0), "nothing is covered: add --model.coverage"),
        (GanLossConfig(mixing=True), "is for the projected heads: add --loss.projected"),
    ],
)
def test_a_term_that_would_change_nothing_is_refused(loss, says):
    with pytest.raises(ConfigError, match=says):
        GanConfig(loss=loss)
