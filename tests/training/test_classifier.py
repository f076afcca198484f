"""The classifier's step: pure, reproducible, right on an accelerator, and it learns."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export

from sketch2photo.config import CLASSIFIER_PRESETS, ClassifierConfig, ClassifierModelConfig
from sketch2photo.models import vgg
from sketch2photo.training import classifier

SMALL = ClassifierConfig(
    model=ClassifierModelConfig(image_size=32, width=4, dropout=0.1), batch_size=8, steps=60, learning_rate=3e-3
)
CATEGORIES = 2


def batch(n=8, size=32):
    """Discs, upright bars and blots: two categories and none of them."""
    rows, columns = np.mgrid[:size, :size]
    sketch = np.full((n, size, size, 1), 255, np.uint8)
    label = (np.arange(n) % 3).astype(np.int32)
    for i, kind in enumerate(label):
        distance = np.hypot(rows - size / 2, columns - size / 2)
        ring, bar = np.abs(distance - 9) < 1.5, np.abs(columns - size / 2) < 2
        blots = (rows // 4 + columns // 4 + i) % 3 == 0
        sketch[i, (ring, bar, blots)[kind]] = 0
    return {"sketch": sketch, "label": label}


def start(config, seed=0, near_kin=()):
    network = classifier.ClassifierNetwork(config, CATEGORIES, near_kin)
    state = jax.jit(lambda key: classifier.initial_state(network, key))(jax.random.key(seed))
    return network, state, jax.jit(classifier.make_step(network))


@pytest.fixture(scope="module")
def small():
    return start(SMALL)


def test_a_step_is_a_pure_function_of_state_and_batch(small):
    _, state, step = small
    after, metrics = step(state, batch())
    again, same = step(state, batch())
    assert int(after.step) == 1 and int(state.step) == 0
    assert set(metrics) == {"loss_cross_entropy", "accuracy"}
    for a, b in zip(jax.tree.leaves((after.params, metrics)), jax.tree.leaves((again.params, same)), strict=True):
        np.testing.assert_array_equal(a, b)


def test_randomness_follows_the_step(small):
    _, state, step = small
    _, first = step(state, batch())
    _, later = step(dataclasses.replace(state, step=state.step + 1), batch())
    assert float(first["loss_cross_entropy"]) != float(later["loss_cross_entropy"])


def test_every_weight_learns_and_averages_are_left_alone(small):
    _, state, step = small
    after = state
    for _ in range(3):  # the rate is 0 on the first step of the warm-up
        after, _ = step(after, batch())
    difference = jax.tree.map(lambda a, b: float(jnp.abs(a - b).max()), state.params, after.params)
    for path, moved in jax.tree.leaves_with_path(difference):
        name = jax.tree_util.keystr(path)
        if "mean" in name or "variance" in name:
            assert moved == 0, f"{name} was moved by the optimiser"
        else:
            assert moved > 0, f"{name} does not move"


def test_the_loss_of_an_undecided_network_is_that_of_a_guess(small):
    _, state, step = small
    params = jax.tree.map_with_path(lambda path, x: jnp.zeros_like(x) if path[0].key == "head" else x, state.params)
    _, metrics = step(dataclasses.replace(state, params=params), batch())
    assert float(metrics["loss_cross_entropy"]) == pytest.approx(np.log(CATEGORIES + 1), rel=1e-5)


def test_near_kin_teach_which_category_is_nearest_and_stay_none_of_these():
    """Blots are none of the two, and nearer to bars (1) than to discs (0), because they are said to be."""
    config = dataclasses.replace(SMALL, model=dataclasses.replace(SMALL.model, others=2))
    data, answers = batch(), {}
    for nearest in (0, 1):
        network, state, step = start(config, near_kin=[(2, nearest)])
        params = jax.tree.map_with_path(lambda path, x: jnp.zeros_like(x) if path[0].key == "head" else x, state.params)
        _, metrics = step(dataclasses.replace(state, params=params), data)
        # A quarter of the drawings are kin, and every category is as likely as the other.
        assert float(metrics["loss_near_kin"]) == pytest.approx(np.log(CATEGORIES) / 4, rel=1e-5)
        assert float(metrics["loss_cross_entropy"]) == pytest.approx(np.log(CATEGORIES + 2), rel=1e-5)
        for _ in range(SMALL.steps):
            state, metrics = step(state, data)
        sketch = classifier.layers.to_model(jnp.asarray(data["sketch"]))
        measured = jax.jit(vgg.measured)(state.params, sketch)
        answers[nearest] = np.asarray(jax.jit(network.logits)(measured, sketch))
        assert (answers[nearest].argmax(-1) == data["label"]).mean() > 0.95
    blots = data["label"] == 2
    for nearest, logits in answers.items():
        assert (logits[blots, :CATEGORIES].argmax(-1) == nearest).all(), nearest


def test_it_learns_in_either_precision(small):
    data, ends = batch(), {}
    for precision in ("float32", "bfloat16"):
        exact = precision == "float32"
        network, state, step = small if exact else start(dataclasses.replace(SMALL, precision=precision))
        course = []
        for _ in range(SMALL.steps):
            state, metrics = step(state, data)
            course.append(float(metrics["loss_cross_entropy"]))
        sketch = classifier.layers.to_model(jnp.asarray(data["sketch"]))
        logits = jax.jit(
            lambda params, sketch=sketch, network=network: network.logits(vgg.measured(params, sketch), sketch)
        )(state.params)
        assert (np.asarray(logits).argmax(-1) == data["label"]).mean() > 0.95, precision
        ends[precision] = np.mean(course[-20:])
        assert ends[precision] < 0.6 * course[0]
    assert ends["bfloat16"] == pytest.approx(ends["float32"], rel=0.15)


@pytest.mark.parametrize("preset", ["debug", "studio"])
def test_the_step_is_lowered_for_accelerators(preset):
    config = CLASSIFIER_PRESETS[preset]
    network = classifier.ClassifierNetwork(config, 12)
    size, n = config.model.image_size, config.batch_size

    def state_of(words):
        return classifier.initial_state(network, jax.random.wrap_key_data(words))

    def step(words, state, data):
        state = dataclasses.replace(state, key=jax.random.wrap_key_data(words))
        after, metrics = classifier.make_step(network)(state, data)
        return dataclasses.replace(after, key=words), metrics

    words = jax.ShapeDtypeStruct((2,), jnp.uint32)
    state = dataclasses.replace(jax.eval_shape(state_of, words), key=words)
    data = {
        "sketch": jax.ShapeDtypeStruct((n, size, size, 1), jnp.uint8),
        "label": jax.ShapeDtypeStruct((n,), jnp.int32),
    }
    # Optax's and our state are no types that an exported function can name: hand the leaves over.
    leaves, structure = jax.tree.flatten((words, state, data))
    exported = export.export(
        jax.jit(lambda *leaves: jax.tree.leaves(step(*jax.tree.unflatten(structure, leaves)))),
        platforms=["cuda", "tpu"],
    )(*leaves)
    assert exported.platforms == ("cuda", "tpu")
    assert "convolution" in exported.mlir_module()


@pytest.mark.parametrize(("frozen", "head_only", "still"), [(2, 0.0, 4), (5, 0.0, 13), (1, 0.1, 2)])
def test_frozen_blocks_stay_and_the_head_learns_first(frozen, head_only, still):
    config = dataclasses.replace(SMALL, frozen_blocks=frozen, head_only=head_only)
    _, state, step = start(config)

    def moved(before, after):
        convs = [
            i
            for i in before.params["convs"]
            if any(
                (a != b).any()
                for a, b in zip(*(jax.tree.leaves(s.params["convs"][i]) for s in (before, after)), strict=True)
            )
        ]
        return convs, bool((before.params["head"]["kernel"] != after.params["head"]["kernel"]).any())

    after = state
    for _ in range(6):  # a tenth of the steps
        after, _ = step(after, batch())
    head_first = list(range(13)) if head_only else list(range(still))
    assert moved(state, after) == ([i for i in range(13) if i not in head_first], True)
    if head_only:
        later = after
        for _ in range(2):
            later, _ = step(later, batch())
        assert moved(after, later) == (list(range(still, 13)), True)


def test_bfloat16_keeps_weights_and_loss_in_float32():
    _, state, step = start(dataclasses.replace(SMALL, precision="bfloat16"))
    after, metrics = step(state, batch())
    assert {leaf.dtype for leaf in jax.tree.leaves(after.params)} == {jnp.dtype("float32")}
    assert metrics["loss_cross_entropy"].dtype == jnp.float32
    exact = start(SMALL)[2](state, batch())[1]["loss_cross_entropy"]
    assert metrics["loss_cross_entropy"] != exact
    np.testing.assert_allclose(metrics["loss_cross_entropy"], exact, rtol=0.03)
