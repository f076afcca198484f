"""Between two generators: what both have is mixed, what only the new one has is its own."""

import dataclasses

import numpy as np
import pytest

from experiments.mean_generator import mean_generator
from sketch2photo.errors import ConfigError
from tests import tiny


def test_categories_are_mixed_by_name_and_new_channels_stay():
    before = tiny.model()
    first, second = before.categories[:2]
    generator = {**before.generator, "last": {name: value * 3 for name, value in before.generator["last"].items()}}
    kernel = np.asarray(before.generator["style"]["first"]["kernel"])
    k = len(before.categories)
    style = {**generator["style"], "first": {**generator["style"]["first"]}}
    style["first"]["kernel"] = np.concatenate([kernel[[1, 0]] + 1, kernel[:1] * 0 + 7, kernel[k:]])
    model = dataclasses.replace(before, categories=(second, first, "new"), generator={**generator, "style": style})
    mean = mean_generator(model, before, 0.5)
    np.testing.assert_allclose(mean["last"]["bias"], 2 * np.asarray(before.generator["last"]["bias"]), rtol=1e-6)
    mixed = mean["style"]["first"]["kernel"]
    np.testing.assert_allclose(mixed[:2], kernel[[1, 0]] + 0.5, rtol=1e-5)
    np.testing.assert_array_equal(mixed[2], 7)
    np.testing.assert_allclose(mixed[3:], kernel[k:], rtol=1e-6)


def test_other_networks_are_refused():
    model = tiny.model()
    last = {name: value[..., :1] if value.ndim == 1 else value[:1] for name, value in model.generator["last"].items()}
    with pytest.raises(ConfigError, match="last/kernel"):
        mean_generator(model, dataclasses.replace(model, generator={**model.generator, "last": last}), 0.5)
