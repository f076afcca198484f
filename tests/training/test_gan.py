"""The GAN step: pure, reproducible, right on an accelerator, and it learns."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sketch2photo.config import GAN_PRESETS, GanLossConfig, GanOptimiserConfig
from sketch2photo.models import layers
from sketch2photo.training import gan


def narrow(config, width=4):
    """The config at 64 px with networks that compile quickly."""
    model = config.model
    generator = dataclasses.replace(model.generator, width=width)
    discriminator = dataclasses.replace(model.discriminator, width=width)
    model = dataclasses.replace(model, image_size=64, generator=generator, discriminator=discriminator)
    return dataclasses.replace(config, model=model)


DEBUG = narrow(GAN_PRESETS["debug"])
SIZE, CATEGORIES = DEBUG.model.image_size, 3


def batch(n=4, channels=1):
    """Discs of the asked colour on white, drawn as circles."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    rng = np.random.default_rng(0)
    sketch = np.full((n, SIZE, SIZE, channels), 255, np.uint8)
    photo = np.full((n, SIZE, SIZE, 3), 255, np.uint8)
    colour = rng.integers(0, 200, (n, 3)).astype(np.uint8)
    for i, radius in enumerate(rng.integers(12, 26, n)):
        distance = np.hypot(rows - SIZE / 2, columns - SIZE / 2)
        sketch[i, np.abs(distance - radius) < 1.2] = 0
        photo[i, distance < radius] = colour[i]
    return {
        "sketch": sketch,
        "photo": photo,
        "label": (np.arange(n) % CATEGORIES).astype(np.int32),
        "colour": colour,
    }


def start(config, seed=0):
    networks = gan.GanNetworks(config, CATEGORIES)
    state = jax.jit(lambda key: gan.initial_state(networks, key))(jax.random.key(seed))
    return state, jax.jit(gan.make_step(networks))


@pytest.fixture(scope="module")
def debug():
    return start(DEBUG)


def test_a_step_is_a_pure_function_of_state_and_batch(debug):
    state, step = debug
    after, metrics = step(state, batch())
    again, same = step(state, batch())
    assert int(after.step) == 1 and int(state.step) == 0
    for a, b in zip(jax.tree.leaves(metrics), jax.tree.leaves(same), strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(jax.tree.leaves(after.generator), jax.tree.leaves(again.generator), strict=True):
        np.testing.assert_array_equal(a, b)
    assert {"loss_adversarial", "loss_l1", "loss_feature_matching", "loss_generator", "loss_discriminator"} <= set(
        metrics
    )


def test_every_weight_of_both_networks_learns(debug):
    state, step = debug
    after, _ = step(state, batch())
    for name in ("generator", "discriminator"):
        for path, moved in jax.tree.leaves_with_path(
            jax.tree.map(lambda a, b: float(jnp.abs(a - b).max()), getattr(state, name), getattr(after, name))
        ):
            # The hinge loss pulls it up for photos and down for pictures by exactly the same at first.
            if (name, jax.tree_util.keystr(path)) != ("discriminator", "['last']['bias']"):
                assert moved > 0, f"{name}{jax.tree_util.keystr(path)} does not move"


@pytest.mark.slow
def test_the_gradients_of_the_shared_pass_are_those_of_two_separate_ones():
    # One pass of the discriminator serves both losses; the textbook takes one for each.
    config = dataclasses.replace(DEBUG, augment=dataclasses.replace(DEBUG.augment, diffaugment=False))
    networks = gan.GanNetworks(config, CATEGORIES)
    generator, discriminator = networks.init(jax.random.key(1))
    data = {name: jnp.asarray(value) for name, value in batch().items()}
    sketch, photo = layers.to_model(data["sketch"]), layers.to_model(data["photo"])
    style = networks.style(data["label"], data["colour"])

    def textbook(weights):
        fake = networks.generate(weights, sketch, style, train=True)
        outputs = networks.discriminate_both(discriminator, sketch, photo, fake, style)
        return gan.generator_objective(config, outputs, fake, photo)[0]

    fake, pullback = jax.vjp(lambda w: networks.generate(w, sketch, style, train=True), generator)
    outputs, discriminator_pullback = jax.vjp(
        lambda w, f: networks.discriminate_both(w, sketch, photo, f, style), discriminator, fake
    )
    from_outputs, from_fake = jax.grad(lambda j, f: gan.generator_objective(config, j, f, photo)[0], argnums=(0, 1))(
        outputs, fake
    )
    ours = pullback(discriminator_pullback(from_outputs)[1] + from_fake)[0]
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(jax.grad(textbook)(generator)), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4 * float(jnp.abs(b).max()) + 1e-6)


def test_coverage_is_learned_from_the_mask_and_the_photo_stands_on_white():
    # White discs: by colour alone nothing tells them from their ground.
    config = dataclasses.replace(
        DEBUG,
        model=dataclasses.replace(DEBUG.model, coverage=True),
        loss=GanLossConfig(adversarial="hinge", l1=10.0, coverage=5.0),
        optimiser=GanOptimiserConfig(generator_rate=2e-3, discriminator_rate=1e-3),
        augment=dataclasses.replace(DEBUG.augment, scale=(1.0, 1.0), shift=0.0, warp=0.0, erase=0.0),
    )
    data = batch()
    ground = np.where(data["photo"].min(-1, keepdims=True) < 255, np.uint8(0), np.uint8(255))
    data = {**data, "photo": np.concatenate([np.full_like(data["photo"], 255), ground], -1)}
    state, step = start(config)
    course = []
    for _ in range(60):
        state, metrics = step(state, data)
        course.append(float(metrics["loss_coverage"]))
    assert course[-1] < 0.25 * course[0]
    networks = gan.GanNetworks(config, CATEGORIES)
    style = networks.style(jnp.asarray(data["label"]), jnp.asarray(data["colour"]))
    output = networks.generate(state.generator, layers.to_model(jnp.asarray(data["sketch"])), style)
    assert output.shape[-1] == 4
    cutout, photo = np.asarray(layers.to_cutout(output)), np.asarray(layers.to_photo(output))
    alpha = cutout[..., 3:] / 255
    np.testing.assert_allclose(photo, 255 + alpha * (cutout[..., :3] - 255.0), atol=1.5)
    inside, outside = alpha[ground == 0].mean(), alpha[ground == 255].mean()
    assert inside > 0.8 and outside < 0.2


@pytest.mark.slow
def test_it_learns_discs_of_the_asked_colour_in_either_precision():
    config = dataclasses.replace(
        DEBUG,
        loss=GanLossConfig(adversarial="hinge", l1=10.0, feature_matching=0.0),
        optimiser=GanOptimiserConfig(generator_rate=2e-3, discriminator_rate=1e-3, ema=0.9),
        augment=dataclasses.replace(DEBUG.augment, scale=(1.0, 1.0), shift=0.0, warp=0.0, erase=0.0),
    )
    data, means = batch(), {}
    for precision in ("float32", "bfloat16"):
        state, step = start(dataclasses.replace(config, precision=precision))
        course = []
        for _ in range(60):
            state, metrics = step(state, data)
            course.append(float(metrics["loss_l1"]))
        means[precision] = np.mean(course)
        assert course[-1] < 0.35 * course[0], precision
        assert {x.dtype for x in jax.tree.leaves((state.generator, metrics))} == {jnp.dtype("float32")}
    # Of the whole course: two GANs that differ by a rounding are elsewhere after sixty steps.
    assert means["bfloat16"] == pytest.approx(means["float32"], rel=0.05)
    assert means["bfloat16"] != means["float32"]


def test_moving_average_warms_up_and_can_be_left_out(debug):
    state, step = debug
    after, _ = step(state, batch())
    # step 0: decay min(0.99, 1/10), so nine tenths of the way to the new weights
    kernel = lambda weights: np.asarray(weights["last"]["kernel"])  # noqa: E731
    expected = kernel(state.generator) + 0.9 * (kernel(after.generator) - kernel(state.generator))
    np.testing.assert_allclose(kernel(after.ema), expected, rtol=1e-5)
    plain, _ = start(dataclasses.replace(DEBUG, optimiser=GanOptimiserConfig(ema=0.0)))
    assert plain.ema is None


def lowered(config):
    """The step as it is compiled elsewhere."""
    networks = gan.GanNetworks(config, CATEGORIES)

    # Keys are typed; exported programs take raw words.
    def step(words, data):
        return gan.make_step(networks)(gan.initial_state(networks, jax.random.wrap_key_data(words)), data)[1]

    words = jax.random.key_data(jax.random.key(0))
    exported = jax.export.export(jax.jit(step), platforms=["cuda", "tpu"])(words, batch())
    assert exported.platforms == ("cuda", "tpu")
    return exported.mlir_module()


@pytest.mark.parametrize("preset", ["vanilla", "studio"])
def test_the_step_is_lowered_for_cuda_and_tpu(preset):
    assert lowered(narrow(GAN_PRESETS[preset])).count("stablehlo.convolution") > 20


def test_a_model_that_takes_hints_learns_to_paint_their_colours(monkeypatch):
    """Nothing but hints all over the discs tells of what colour they are."""
    monkeypatch.setattr(
        gan, "with_hints", lambda key, photo, inside: (photo, jnp.concatenate([inside, inside * photo], -1))
    )
    config = dataclasses.replace(
        DEBUG,
        model=dataclasses.replace(DEBUG.model, hints=True, colour_conditional=False),
        loss=GanLossConfig(adversarial="hinge", l1=100.0),
        optimiser=GanOptimiserConfig(generator_rate=2e-3, discriminator_rate=1e-4),
        augment=dataclasses.replace(DEBUG.augment, scale=(1.0, 1.0), shift=0.0, warp=0.0, erase=0.0),
    )
    rng, data = np.random.default_rng(0), batch()
    inside = data["photo"].min(-1, keepdims=True) < 255
    state, step = start(config)
    either = np.array([(190, 20, 20), (20, 20, 190)], np.uint8)
    for _ in range(100):
        colours = either[rng.integers(0, 2, len(inside)), None, None]
        state, _ = step(state, {**data, "photo": np.where(inside, colours, np.uint8(255))})
    networks = gan.GanNetworks(config, CATEGORIES)
    style = networks.style(jnp.asarray(data["label"]), jnp.asarray(data["colour"]))
    sketch = layers.to_model(jnp.asarray(data["sketch"]))

    def painted(colour: np.ndarray) -> np.ndarray:
        hints = np.where(inside, np.append(colour, np.uint8(255)), np.uint8(0))
        output = networks.generate(state.generator, sketch, style, hints=layers.hints_to_model(jnp.asarray(hints)))
        return np.asarray(layers.to_photo(output))[inside[..., 0]].mean(0)

    red, blue = map(painted, either)
    assert red[0] - blue[0] > 60 and blue[2] - red[2] > 60
