"""EfficientNet-Lite: the depthwise convolution against XLA's, the maps' shapes, what a file must hold."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from sketch2photo.errors import ConfigError
from sketch2photo.models import efficientnet, features

SPEC = [(3, 1, 1, 8, 4, 0), (3, 2, 2, 4, 6, 0), (5, 2, 2, 6, 6, 0), (3, 1, 2, 6, 6, 1), (5, 2, 2, 6, 10, 0)]
TAPS = (1, 2, 3, 4)


def arrays(*, deep: bool = False) -> dict[str, np.ndarray]:
    """A file's content, small; `deep` halves the picture before every map, as the published one does."""
    rng = np.random.default_rng(0)
    spec = [(kernel, stride if i == 0 else 2, *rest) for i, (kernel, stride, *rest) in enumerate(SPEC)]
    spec = [(*row[:5], 0) for row in spec] if deep else SPEC
    content: dict[str, np.ndarray] = {"spec": np.array(spec), "taps": np.array(TAPS)}

    def layer(name: str, *shape: int) -> None:
        content[f"{name}_w"] = rng.normal(0, np.prod(shape[:3]) ** -0.5, shape).astype(np.float16)
        content[f"{name}_b"] = rng.normal(0, 0.1, shape[-1]).astype(np.float32)

    layer("stem", 3, 3, 3, spec[0][3])
    for i, (kernel, _, expansion, inputs, outputs, _) in enumerate(spec):
        if expansion > 1:
            layer(f"b{i:02d}_expand", 1, 1, inputs, inputs * expansion)
        layer(f"b{i:02d}_dw", kernel, kernel, 1, inputs * expansion)
        layer(f"b{i:02d}_proj", 1, 1, inputs * expansion, outputs)
    return content


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("side", [8, 7])
def test_depthwise_and_its_gradient_are_xlas(kernel, stride, side):
    rng = np.random.default_rng(kernel)
    x = jnp.asarray(rng.normal(size=(2, side, side + 2, 4)), jnp.float32)
    w = jnp.asarray(rng.normal(size=(kernel, kernel, 1, 4)), jnp.float32)

    def plain(x):
        numbers = ("NHWC", "HWIO", "NHWC")
        return lax.conv_general_dilated(
            x, w, (stride, stride), "SAME", dimension_numbers=numbers, feature_group_count=4
        )

    expected, pullback = jax.vjp(plain, x)
    found, ours = jax.vjp(lambda x: efficientnet.depthwise(x, w, stride), x)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    along = jnp.asarray(rng.normal(size=expected.shape), jnp.float32)
    np.testing.assert_allclose(ours(along)[0], pullback(along)[0], atol=1e-4)


def test_a_file_is_read_as_features(tmp_path):
    np.savez(tmp_path / "lite.npz", **arrays())
    perceptual = features.load(tmp_path / "lite.npz")
    assert perceptual.widths == [6, 6, 6, 10]
    photo = jnp.asarray(np.random.default_rng(0).uniform(-1, 1, (2, 64, 64, 3)), jnp.float32)
    maps = perceptual(photo)
    # Of this small one: two maps of one size, the skip between them.
    assert [m.shape for m in maps] == [(2, 16, 16, 6), (2, 8, 8, 6), (2, 8, 8, 6), (2, 4, 4, 10)]
    assert all(np.isfinite(m).all() for m in maps) and float(maps[-1].min()) < 0 < float(maps[-1].max())
    gradient = jax.grad(lambda photo: perceptual(photo)[-1].sum())(photo)
    assert np.isfinite(gradient).all() and float(jnp.abs(gradient).max()) > 0


def test_a_file_that_lacks_a_layer_is_refused(tmp_path):
    content = arrays()
    del content["b02_dw_b"]
    np.savez(tmp_path / "lite.npz", **content)
    with pytest.raises(ConfigError, match="b02_dw is missing"):
        features.load(tmp_path / "lite.npz")


def test_the_real_file_is_read_where_it_is(real_data):
    path = real_data / "pretrained" / "efficientnet_lite0.npz"
    if not path.is_file():
        pytest.skip("no efficientnet_lite0.npz")
    perceptual = features.load(path)
    assert perceptual.widths == [24, 40, 112, 320]
    maps = perceptual(jnp.zeros((1, 128, 128, 3)))
    assert [m.shape[1] for m in maps] == [32, 16, 8, 4]
