"""The compiled step that is kept: loaded without tracing, the same to the bit, and never one of other making."""

import dataclasses
import os

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental.compilation_cache import compilation_cache

from sketch2photo.config import CLASSIFIER_PRESETS, GAN_PRESETS, AugmentConfig
from sketch2photo.training import kept_step
from sketch2photo.training.distributed import Layout
from sketch2photo.training.gan_task import GanTask
from tests.training.processes import write_pairs
from tests.training.test_recipe import changed

TINY = changed(
    dataclasses.replace(GAN_PRESETS["debug"], augment=AugmentConfig(flip=False), batch_size=1),
    model__image_size=64,
    model__generator__width=2,
    model__discriminator__width=2,
)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache of jax's, with ours in it."""
    monkeypatch.setattr(kept_step, "_source", lambda: kept_step._SOURCE)  # somebody may be editing the package
    before = jax.config.values["jax_compilation_cache_dir"]
    folder = tmp_path / "cache"
    folder.mkdir()
    jax.config.update("jax_compilation_cache_dir", str(folder))
    compilation_cache.reset_cache()
    yield folder
    jax.config.update("jax_compilation_cache_dir", before)
    compilation_cache.reset_cache()


class Small:
    """A task of a moment, taken for one of the package's."""

    __module__ = "sketch2photo.small"
    config = TINY
    categories = ("a", "b")

    def initial_state(self, key):
        return {"w": jax.random.normal(key, (40,)), "key": key}

    def batches(self):
        return iter([{"x": np.arange(40, dtype=np.float32)}])

    def step(self, state, batch):
        noise = jax.random.normal(state["key"], (40,))
        return state | {"w": jnp.sin(state["w"] * batch["x"]) + noise}, {"loss_l1": jnp.abs(state["w"]).mean()}


@pytest.fixture
def task():
    return Small()


def one():
    return Layout(jax.devices()[:1], {"data": 1, "fsdp": 1})


def made(task):
    """A state that is nobody else's, and a batch."""
    state = jax.jit(task.initial_state)(jax.random.key(0))
    return state, one().put(next(task.batches()))


def stepped(task):
    """What a step that is got anew makes of it."""
    state, batch = made(task)
    return kept_step.KeptStep(task, one()).get(state, batch)(state, batch)


def kept(cache):
    folder = cache / "steps"
    return sorted(file.name for file in folder.iterdir()) if folder.is_dir() else []


def refuse(*_):
    raise AssertionError("the step is traced")


def numbers(tree):
    return [
        np.asarray(jax.random.key_data(x) if x.dtype == jax.random.key(0).dtype else x) for x in jax.tree.leaves(tree)
    ]


def test_is_loaded_instead_of_traced_and_makes_the_same_to_the_bit(cache, tmp_path, monkeypatch):
    task = GanTask(TINY, [write_pairs(tmp_path / "data.npz")], lambda text: None)
    compiled = stepped(task)
    assert len(kept(cache)) == 1
    monkeypatch.setattr(Layout, "step", refuse)
    loaded = stepped(task)
    for ours, theirs in zip(numbers(loaded), numbers(compiled), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_takes_over_the_state_it_is_given(cache, task):
    stepped(task)
    state, batch = made(task)
    kept_step.KeptStep(task, one()).get(state, batch)(state, batch)
    assert state["w"].is_deleted()


def test_half_a_file_is_not_run_but_written_again(cache, task):
    stepped(task)
    file = cache / "steps" / kept(cache)[0]
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    compilation_cache.reset_cache()
    for entry in cache.glob("*-cache"):  # or jax would have it
        entry.unlink()
    stepped(task)
    assert len(file.read_bytes()) > 0.9 * len(whole)


def test_what_jax_had_is_not_kept(cache, task):
    """Of an executable that XLA has loaded it gives away a part that loads, and fails when it is run."""
    stepped(task)
    (cache / "steps" / kept(cache)[0]).unlink()
    stepped(task)
    assert kept(cache) == []


def test_a_state_that_was_read_takes_the_program_of_a_fresh_one(cache, task):
    """Or the first restart of a run would compile for as long as its first start."""
    stepped(task)
    (cache / "steps" / kept(cache)[0]).unlink()
    state, batch = made(task)
    state = jax.device_put(state, jax.sharding.SingleDeviceSharding(jax.devices()[0]))
    kept_step.KeptStep(task, one()).get(state, batch)
    assert kept(cache) == [], "another program was compiled"


def test_nothing_is_kept_where_jax_keeps_nothing(cache, task):
    jax.config.update("jax_enable_compilation_cache", False)
    try:
        stepped(task)
    finally:
        jax.config.update("jax_enable_compilation_cache", True)
    assert kept(cache) == []


def test_a_step_from_elsewhere_is_neither_kept_nor_mistaken(cache, task):
    class Other(Small):
        __module__ = __name__

        def step(self, state, batch):
            return state, {"mine": batch["x"][0] + 7}

    stepped(task)
    assert float(stepped(Other())[1]["mine"]) == 7
    assert len(kept(cache)) == 1


def test_the_last_used_stay(cache, task, monkeypatch):
    folder = cache / "steps"
    folder.mkdir()
    for i in range(kept_step.KEPT):
        (folder / str(i)).write_bytes(b"")
        os.utime(folder / str(i), (i + 1, i + 1))
    stepped(task)
    assert len(kept(cache)) == kept_step.KEPT
    assert "0" not in kept(cache)
    assert "1" in kept(cache)


def test_a_folder_that_cannot_be_written_ends_no_run(cache, task):
    (cache / "steps").write_text("a file")
    assert float(stepped(task)[1]["loss_l1"]) > 0


def file_of(config, n_categories=2):
    return kept_step.Early(config, n_categories, one()).file


def test_other_settings_source_or_libraries_are_another_step(cache, tmp_path, monkeypatch):
    cosine = changed(TINY, optimiser__schedule="cosine")
    features = tmp_path / "features.npz"
    features.write_bytes(b"one")
    perceptual = changed(TINY, loss__perceptual_features=str(features))
    found = [
        file_of(TINY),
        file_of(TINY, 3),
        file_of(changed(TINY, loss__l1=3.0)),
        file_of(changed(TINY, precision="bfloat16")),
        file_of(cosine),
        file_of(dataclasses.replace(cosine, steps=cosine.steps + 1)),
        file_of(CLASSIFIER_PRESETS["debug"]),
        file_of(dataclasses.replace(CLASSIFIER_PRESETS["debug"], steps=77)),
        file_of(perceptual),
    ]
    status = features.stat()
    features.write_bytes(b"two")
    os.utime(features, ns=(status.st_atime_ns, status.st_mtime_ns))
    found.append(file_of(perceptual))
    monkeypatch.setenv("XLA_FLAGS", os.environ.get("XLA_FLAGS", "") + " ")
    found.append(file_of(TINY))
    monkeypatch.setattr(kept_step, "_SOURCE", "edited")
    found.append(file_of(TINY))
    monkeypatch.setenv("LIBTPU_INIT_ARGS", "--some")
    found.append(file_of(TINY))
    monkeypatch.setattr(kept_step, "_processor", lambda: "another machine")
    found.append(file_of(TINY))
    assert None not in found
    assert len(set(found)) == len(found)


def test_how_long_a_run_goes_on_and_how_often_it_looks_is_no_other_step(cache):
    longer = dataclasses.replace(TINY, steps=TINY.steps + 5, save_every=3, sample_every=2)
    assert file_of(longer) == file_of(TINY)


def test_what_it_is_given_is_no_other_step(cache):
    assert file_of(dataclasses.replace(TINY, seed=3, balance="equal")) == file_of(TINY)
    classifier = CLASSIFIER_PRESETS["debug"]
    other = dataclasses.replace(classifier, none_share=0.1, drawn_share=0.1, prefix=0.1, shake=0.1, seed=4)
    other = dataclasses.replace(other, near_kin_share=0.4, average_with=("elsewhere",))
    assert file_of(other) == file_of(classifier)


def test_a_step_that_depends_on_the_categories_of_the_data_is_not_kept(cache):
    classifier = CLASSIFIER_PRESETS["debug"]
    assert file_of(classifier) is not None
    assert file_of(dataclasses.replace(classifier, near_kin=("bicycle=motorcycle",))) is None


def test_source_that_changed_while_the_program_ran_keeps_nothing(cache, task, monkeypatch):
    monkeypatch.setattr(kept_step, "_source", lambda: "edited")
    stepped(task)
    assert kept(cache) == []


def test_the_folder_of_a_classifier_as_features_keeps_nothing(cache, tmp_path):
    assert file_of(changed(TINY, loss__perceptual_features=str(tmp_path))) is None
