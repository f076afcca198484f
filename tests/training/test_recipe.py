"""The parts of the recipe that presets may leave out, each switched on in `debug`."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sketch2photo.config import AugmentConfig
from sketch2photo.kernels.conv import NHWC, _adjoint_lax, _strided_lax, down, flat, resize_kernel, up
from sketch2photo.models import layers
from sketch2photo.training import gan
from tests.training.test_gan import CATEGORIES, DEBUG, SIZE, batch, lowered, start


def changed(config: Any, **changes: Any) -> Any:
    """The config with fields of its parts replaced, `part__field=value`."""
    for name, value in changes.items():
        part, _, rest = name.partition("__")
        value = changed(getattr(config, part), **{rest: value}) if rest else value
        config = dataclasses.replace(config, **{part: value})
    return config


ALL = changed(
    DEBUG,
    model__discriminator__spectral_norm=True,
    model__discriminator__scales=2,
    model__generator__upsample="resize",
    loss__r1=10.0,
    loss__r1_every=2,
    optimiser__schedule="linear",
    optimiser__clip=1.0,
    precision="bfloat16",
)


@pytest.fixture(scope="module")
def two_steps():
    """The state at the start and after each of two steps of `ALL`, and what they said."""
    state, step = start(ALL)
    first, said = step(state, batch())
    second, again = step(first, batch())
    return (state, first, second), (said, again)


def test_two_steps_of_debug_with_all_parts_switched_on(two_steps):
    (state, first, _), said = two_steps
    assert all(np.isfinite(value).all() for metrics in said for value in metrics.values())
    for network in ("generator", "discriminator"):
        before, after = getattr(state, network), getattr(first, network)
        moved = jax.tree.map(lambda a, b: float(jnp.abs(a - b).max()), before, after)
        still = [jax.tree_util.keystr(path) for path, by in jax.tree.leaves_with_path(moved) if by == 0]
        # The hinge loss pulls the last bias up for photos and down for pictures by exactly the same at first.
        # And a singular vector of one number is 1 or -1: it may be right from the start.
        still = [path for path in still if not path.endswith(("['last']['bias']", "['last']['singular']"))]
        assert still == [], "these do not move"
        assert {leaf.dtype for leaf in jax.tree.leaves(after)} == {jnp.dtype("float32")}
    assert {value.dtype for metrics in said for value in metrics.values()} == {jnp.dtype("float32")}


def test_r1_is_measured_every_so_many_steps(two_steps):
    _, (said, again) = two_steps
    assert float(said["loss_r1"]) > 0 and float(again["loss_r1"]) == 0


def pictures(n=2, size=SIZE):
    rng = np.random.default_rng(3)
    draw = lambda *shape: jnp.asarray(rng.uniform(-1, 1, shape), jnp.float32)  # noqa: E731
    return draw(n, size, size, 1), draw(n, size, size, 3), draw(n, CATEGORIES + 3)


def discriminators(config):
    networks = gan.GanNetworks(config, CATEGORIES)
    return networks, networks.init(jax.random.key(0))[1]


@pytest.mark.parametrize("scales", [1, 2])
def test_r1_is_half_the_squared_slope(scales):
    networks, weights = discriminators(changed(DEBUG, model__discriminator__scales=scales))
    weights = jax.tree.map(lambda w: w * 5 if w.ndim == 4 else w, weights)  # so that there is something to see
    sketch, photo, style = pictures()

    @jax.jit
    def mean_logit(photo):
        output = networks.discriminate(weights, sketch, photo, style)
        return sum(logits.mean((1, 2, 3)) for logits in [output.logits, *output.half])

    penalty = jax.jit(lambda weights: gan.r1(networks, weights, sketch, photo, style))
    # Along its own gradient the mean logit of each picture grows by the gradient's length.
    gradient = jax.grad(lambda p: mean_logit(p).sum())(photo)
    length = jnp.sqrt(jnp.square(gradient).sum((1, 2, 3)))
    way = gradient / length[:, None, None, None]
    e = 0.01
    slope = (mean_logit(photo + e * way) - mean_logit(photo - e * way)) / (2 * e)
    np.testing.assert_allclose(slope, length, rtol=0.02)
    np.testing.assert_allclose(penalty(weights), 0.5 * jnp.square(slope).mean(), rtol=0.04)


@pytest.mark.parametrize("kind", ["down", "up", "flat"])
def test_gradients_of_gradients_are_those_of_plain_convolutions(kind):
    """What R1 needs: the gradient of a gradient's length, through our own rules."""
    ours = {"down": down, "up": up, "flat": flat}[kind]
    plain = {
        "down": _strided_lax,
        "up": _adjoint_lax,
        "flat": lambda x, k: jax.lax.conv_general_dilated(
            x, k.transpose(1, 2, 3, 0), (1, 1), ((1, 1), (1, 1)), dimension_numbers=NHWC
        ),
    }[kind]
    rng = np.random.default_rng(5)
    draw = lambda *shape: jnp.asarray(rng.normal(size=shape), jnp.float32)  # noqa: E731
    x, kernel = draw(2, 8, 8, 3 if kind != "up" else 5), draw(5, 4, 4, 3)

    def penalty(convolve, x, kernel):
        of_x, of_kernel = jax.grad(lambda x, k: jnp.tanh(0.1 * convolve(x, k)).sum(), argnums=(0, 1))(x, kernel)
        return jnp.square(of_x).sum() + 0.1 * jnp.square(of_kernel).sum()

    found = jax.jit(jax.grad(lambda x, k: penalty(ours, x, k), argnums=(0, 1)))(x, kernel)
    expected = jax.jit(jax.grad(lambda x, k: penalty(plain, x, k), argnums=(0, 1)))(x, kernel)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4 * float(jnp.abs(b).max()))


def test_the_step_adds_the_weighted_penalty_to_the_discriminators_gradient():
    config = changed(DEBUG, loss__r1=10.0, augment__diffaugment=False, optimiser__discriminator_rate=1e-3)
    networks = gan.GanNetworks(config, CATEGORIES)
    due = jnp.asarray(True)
    weights = networks.init(jax.random.key(0))[1]
    sketch, photo, style = pictures()
    value, found = jax.jit(lambda d, w: gan._r1_gradient(networks, d, w, sketch, photo, style))(due, weights)
    plain = jax.jit(jax.value_and_grad(lambda w: gan.r1(networks, w, sketch, photo, style)))(weights)
    np.testing.assert_allclose(value, plain[0], rtol=1e-5)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(plain[1]), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    value, none = jax.jit(lambda d, w: gan._r1_gradient(networks, d, w, sketch, photo, style))(~due, weights)
    assert float(value) == 0 and all((leaf == 0).all() for leaf in jax.tree.leaves(none))


def test_the_second_scale_judges_the_halved_picture_and_both_count():
    networks, weights = discriminators(changed(DEBUG, model__discriminator__scales=2))
    sketch, photo, style = pictures()
    output = jax.jit(networks.discriminate)(weights, sketch, photo, style)
    assert output.logits.shape == (2, 6, 6, 1) and [logits.shape for logits in output.half] == [(2, 2, 2, 1)]
    assert len(output.maps) == 8
    one = gan.GanNetworks(DEBUG, CATEGORIES)
    halved = [x.reshape(2, SIZE // 2, 2, SIZE // 2, 2, -1).mean((2, 4)) for x in (sketch, photo)]
    alone = jax.jit(one.discriminate)(weights["half"], *halved, style)
    np.testing.assert_allclose(output.half[0], alone.logits, rtol=1e-5, atol=1e-6)
    # Sums over scales (pix2pixHD, eq. 5): the same output twice counts twice.
    once = alone._replace(half=[])
    twice = alone._replace(maps=[*alone.maps, *alone.maps], half=[alone.logits])
    fake = jnp.zeros_like(photo)
    shifted = lambda o: jax.tree.map(lambda x: x + 0.1, o)  # noqa: E731
    for config in (DEBUG, changed(DEBUG, loss__adversarial="lsgan")):
        np.testing.assert_allclose(
            gan.discriminator_objective(config, (twice, shifted(twice))),
            2 * gan.discriminator_objective(config, (once, shifted(once))),
            rtol=1e-5,
        )
        terms = [gan.generator_objective(config, (o, shifted(o)), fake, photo)[1] for o in (once, twice)]
        for name in ("loss_adversarial", "loss_feature_matching"):
            np.testing.assert_allclose(terms[1][name], 2 * terms[0][name], rtol=1e-5)


def test_every_kernel_of_a_spectrally_normalised_discriminator_is_and_the_vectors_move_on():
    networks, weights = discriminators(
        changed(DEBUG, model__discriminator__spectral_norm=True, model__discriminator__scales=2)
    )
    normed = [
        jax.tree_util.keystr(path[:-1]) for path, _ in jax.tree.leaves_with_path(weights) if path[-1].key == "singular"
    ]
    kernels = [
        jax.tree_util.keystr(path[:-1]) for path, _ in jax.tree.leaves_with_path(weights) if path[-1].key == "kernel"
    ]
    assert normed == kernels and len(kernels) == 12
    for _ in range(200):
        weights = layers.power_iteration(weights)
    sketch, photo, style = pictures()
    discriminate = jax.jit(networks.discriminate)
    logits = discriminate(weights, sketch, photo, style).logits
    larger = jax.tree.map_with_path(lambda path, w: w * 7 if path[-1].key == "kernel" else w, weights)
    np.testing.assert_allclose(logits, discriminate(larger, sketch, photo, style).logits, rtol=1e-3, atol=1e-4)


def test_diffaugment_changes_sketch_true_and_generated_photo_alike(monkeypatch):
    """The step with DiffAugment replaced by a mirror is one whose discriminator looks into a mirror."""
    widths = []

    def mirror(key, image):
        widths.append(image.shape[-1])
        return image[:, :, ::-1]

    monkeypatch.setattr(gan, "diffaugment", mirror)
    config = dataclasses.replace(DEBUG, augment=AugmentConfig(flip=False, diffaugment=True))
    state, step = start(config)
    data = {name: jnp.asarray(rows) for name, rows in batch().items()}
    said = step(state, data)[1]
    assert widths == [1 + 3 + 3]
    networks = gan.GanNetworks(config, CATEGORIES)
    sketch, photo = layers.to_model(data["sketch"]), layers.to_model(data["photo"])
    style = networks.style(data["label"], data["colour"])

    @jax.jit
    def outputs(generator, discriminator):
        fake = networks.generate(generator, sketch, style, train=True)
        mirrored = (image[:, :, ::-1] for image in (sketch, photo, fake))
        return [output.logits for output in networks.discriminate_both(discriminator, *mirrored, style)]

    real, fake = outputs(state.generator, state.discriminator)
    np.testing.assert_allclose(said["logits_real"], real, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(said["logits_fake"], fake, rtol=1e-3, atol=1e-4)


def test_the_generators_loss_is_the_weighted_sum_of_its_terms():
    config = changed(DEBUG, loss__l1=3.0, loss__feature_matching=5.0, loss__perceptual=7.0, loss__projected=11.0)
    rng = np.random.default_rng(0)
    draw = lambda *shape: jnp.asarray(rng.normal(size=shape), jnp.float32)  # noqa: E731

    def output():
        maps, features = ([jnp.abs(draw(2, 4, 4, 3)), jnp.abs(draw(2, 2, 2, 6))] for _ in range(2))
        return gan.DiscriminatorOutput(draw(2, 6, 6, 1), maps, [draw(2, 2, 2, 1)], [draw(2, 2, 2, 1)], features)

    total, terms = gan.generator_objective(config, (output(), output()), draw(2, 8, 8, 3), draw(2, 8, 8, 3))
    weights = {"adversarial": 1, "l1": 3, "feature_matching": 5, "perceptual": 7, "projected": 11}
    assert {f"loss_{name}" for name in weights} | {"loss_generator"} == terms.keys()
    np.testing.assert_allclose(total, sum(w * terms[f"loss_{name}"] for name, w in weights.items()), rtol=1e-5)
    assert all(abs(float(terms[f"loss_{name}"])) > 1e-3 for name in weights)


def test_bfloat16_stays_near_float32_and_norms_stay_in_float32():
    exact, rough = gan.GanNetworks(DEBUG, CATEGORIES), gan.GanNetworks(changed(DEBUG, precision="bfloat16"), CATEGORIES)
    generator, discriminator = exact.init(jax.random.key(0))
    sketch, photo, style = pictures()

    def of(networks, precise):
        def loss(weights):
            fake = networks.generate(weights, sketch, style, train=True)
            outputs = networks.discriminate_both(discriminator, sketch, photo, fake, style)
            return gan.generator_objective(DEBUG, outputs, fake, photo)[0]

        return jax.jit(jax.value_and_grad(loss))(generator)

    (a, exact_gradient), (b, rough_gradient) = of(exact, True), of(rough, False)
    assert a != b and b.dtype == jnp.float32
    np.testing.assert_allclose(a, b, rtol=0.02)
    x, y = (np.concatenate([np.ravel(g) for g in jax.tree.leaves(t)]) for t in (exact_gradient, rough_gradient))
    assert y.dtype == np.float32
    assert x @ y / np.linalg.norm(x) / np.linalg.norm(y) > 0.97

    text = str(jax.make_jaxpr(lambda w: rough.generate(w, sketch, style, train=True))(generator))
    assert ":bf16[" in text
    roots = [line for line in text.splitlines() if " rsqrt " in line or " tanh " in line]
    assert roots and all(":f32[" in line for line in roots)
    assert "bf16" not in str(jax.make_jaxpr(lambda w: exact.generate(w, sketch, style, train=True))(generator))


def test_resize_and_convolution_is_nearest_neighbours_and_3x3():
    from flax import nnx

    conv = layers.Conv("resize", 5, 7, rngs=nnx.Rngs(0))
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, 8, 8, 5)), jnp.float32)
    wide = jnp.repeat(jnp.repeat(x, 2, 1), 2, 2)
    plain = lambda kernel: jax.lax.conv_general_dilated(  # noqa: E731
        wide, kernel.transpose(1, 2, 0, 3), (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    kernel = conv.kernel[...]
    assert kernel.shape == (5, 3, 3, 7)
    np.testing.assert_allclose(conv(x), plain(kernel), rtol=1e-4, atol=1e-5)
    g = jnp.asarray(np.random.default_rng(1).normal(size=(2, 16, 16, 7)), jnp.float32)

    def ours(kernel):
        conv.kernel[...] = kernel
        return (conv(x) * g).sum()

    expected = jax.grad(lambda k: (plain(k) * g).sum())(kernel)
    found = jax.vjp(lambda k: up(x, resize_kernel(k)), kernel)[1](g)[0]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-3)


def test_the_step_is_lowered_for_cuda_and_tpu():
    text = lowered(ALL)
    assert text.count("stablehlo.convolution") > 20 and "xbf16>" in text
