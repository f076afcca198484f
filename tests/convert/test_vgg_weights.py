"""Weights from elsewhere give in our network what they gave in theirs."""

import zipfile
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from sketch2photo.config import ClassifierModelConfig
from sketch2photo.convert.__main__ import main
from sketch2photo.convert.vgg_weights import import_vgg16, read_vgg
from sketch2photo.errors import CheckpointError, ConfigError
from sketch2photo.models import features, layers
from sketch2photo.models.vgg import VGG16
from sketch2photo.training.init_weights import fitting_convolutions

GOLDEN = Path(__file__).resolve().parent / "golden"


def vgg_file(path, rng):
    """Caffe's input: BGR in 0..255 less a mean."""
    scale = np.zeros((1, 1, 3, 3), np.float32)
    scale[0, 0, [0, 1, 2], [2, 1, 0]] = 255
    arrays = {"conv0_w": scale, "conv0_b": np.array([-104, -117, -124], np.float32)}
    for name, c, o in (("1_1", 3, 4), ("1_2", 4, 4)):
        arrays[f"conv{name}_w"] = rng.normal(0, 0.01, (3, 3, c, o)).astype(np.float32)
        arrays[f"conv{name}_b"] = rng.normal(0, 0.5, o).astype(np.float32)
    np.savez(path, **arrays)
    return arrays


def test_the_first_features_are_those_of_the_white_picture(tmp_path):
    rng = np.random.default_rng(0)
    arrays = vgg_file(tmp_path / "vgg.npz", rng)
    sketch = rng.choice(np.array([0, 90, 255], np.uint8), (1, 12, 12, 1), p=[0.2, 0.1, 0.7])
    # Theirs: RGB in [0, 1] on more paper, conv0, conv1_1.
    rgb = np.pad(np.repeat(sketch, 3, -1), ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=255) / np.float32(255)
    bgr = rgb @ arrays["conv0_w"][0, 0] + arrays["conv0_b"]
    windows = np.lib.stride_tricks.sliding_window_view(bgr, (3, 3), (1, 2))  # n, h, w, c, 3, 3
    theirs = np.einsum("nhwcij,ijco->nhwo", windows, arrays["conv1_1_w"]) + arrays["conv1_1_b"]

    kernel, bias = read_vgg(tmp_path / "vgg.npz")["1_1"]
    model = VGG16(ClassifierModelConfig(image_size=32, width=4, norm="none"), 2, rngs=nnx.Rngs(0))
    model.convs[0].kernel[...], model.convs[0].bias[...] = jnp.asarray(kernel), jnp.asarray(bias)
    ours = model.convs[0](layers.to_model(jnp.asarray(sketch)) + 1.0)
    np.testing.assert_allclose(ours, jax.nn.relu(theirs), atol=2e-4)


def test_the_other_convolutions_are_untouched(tmp_path):
    arrays = vgg_file(tmp_path / "vgg.npz", np.random.default_rng(0))
    found = read_vgg(tmp_path / "vgg.npz")
    assert set(found) == {"1_1", "1_2"}
    np.testing.assert_array_equal(found["1_2"][0], arrays["conv1_2_w"])
    np.testing.assert_array_equal(found["1_2"][1], arrays["conv1_2_b"])


def test_files_that_are_no_vgg_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"'.*nowhere.npz' cannot be read .*: name a .npz file"):
        read_vgg(tmp_path / "nowhere.npz")
    (tmp_path / "text.npz").write_text("no weights")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_vgg(tmp_path / "text.npz")
    np.savez(tmp_path / "other.npz", conv0_w=np.zeros((1, 1, 3, 3)))
    with pytest.raises(ConfigError, match=r"lack conv0_b: it must hold VGG from conv0 and conv1_1 on"):
        read_vgg(tmp_path / "other.npz")


@pytest.mark.parametrize("read", [read_vgg, features.load])
def test_a_file_that_was_cut_off_or_changed_is_refused(tmp_path, read):
    path = tmp_path / "vgg.npz"
    vgg_file(path, np.random.default_rng(0))
    whole = path.read_bytes()
    changed = bytearray(whole)
    changed[whole.index(b"NUMPY") + 200] ^= 255
    for content in (whole[: len(whole) // 2], bytes(changed)):
        path.write_bytes(content)
        with pytest.raises(ConfigError, match="cannot be read"):
            read(path)


def test_the_real_convolutions_fit(real_data):
    found = read_vgg(real_data / "pretrained" / "vgg19_normalised_to_conv3_1_hwio.npz")
    shapes = {name: kernel.shape for name, (kernel, _) in found.items()}
    assert shapes == {
        "1_1": (3, 3, 3, 64),
        "1_2": (3, 3, 64, 64),
        "2_1": (3, 3, 64, 128),
        "2_2": (3, 3, 128, 128),
        "3_1": (3, 3, 128, 256),
    }


# ---------------------------------------------------------------- VGG16 of torchvision and Keras (golden/)

FILES = {"vgg16.pth": "torchvision", "vgg16.safetensors": "torchvision", "vgg16_notop.h5": "keras"}


def pictures(channels, seed):
    """As in make_golden.py."""
    return np.random.default_rng(seed).integers(0, 256, (1, 32, 32, channels), np.uint8)


@pytest.mark.parametrize("name", FILES)
def test_the_classifiers_convolutions_give_what_theirs_give_on_the_drawing(name, tmp_path):
    main(["vgg16", str(GOLDEN / name), "--out", str(tmp_path / "vgg16.npz")])
    said = []
    given = fitting_convolutions(str(tmp_path / "vgg16.npz"), 2, said.append)
    assert len(given) == 13 and said[0].startswith("13 of 13 convolutions")
    model = VGG16(ClassifierModelConfig(image_size=32, width=2, norm="none", dropout=0.0), 16, rngs=nnx.Rngs(0))
    for i, (kernel, bias) in given.items():
        model.convs[i].kernel[...], model.convs[i].bias[...] = jnp.asarray(kernel), jnp.asarray(bias)
    model.head.kernel[...], model.head.bias[...] = jnp.eye(16), jnp.zeros(16)  # the mean of the last maps as it is
    with np.load(GOLDEN / "vgg16.npz") as golden:
        expected = golden[f"{FILES[name]}_sketch"]
    assert np.count_nonzero(expected) > 3
    ours = model(layers.to_model(jnp.asarray(pictures(1, 1))))
    np.testing.assert_allclose(ours, expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("name", FILES)
def test_the_perceptual_loss_sees_what_theirs_see_in_the_photo(name, tmp_path):
    main(["vgg16", str(GOLDEN / name), "--out", str(tmp_path / "vgg16.npz")])
    network = features.load(tmp_path / "vgg16.npz")
    assert network.widths == [2, 4, 8, 16]
    maps = network(layers.to_model(jnp.asarray(pictures(3, 0))))
    with np.load(GOLDEN / "vgg16.npz") as golden:
        for ours, place in zip(maps, ("relu1_1", "relu2_1", "relu3_1", "relu4_1"), strict=True):
            expected = golden[f"{FILES[name]}_{place}"]
            assert np.count_nonzero(expected) > expected.size / 10
            np.testing.assert_allclose(ours, expected, atol=1e-4 * np.abs(expected).max())


def test_other_networks_are_not_taken_for_vgg16(tmp_path):
    import h5py

    with pytest.raises(CheckpointError, match=r"has 0 layers named features\.N, not VGG16's 13"):
        import_vgg16(GOLDEN / "unet_128_batch.pth")
    (tmp_path / "text.h5").write_text("no weights")
    with pytest.raises(CheckpointError, match=r"cannot be read as HDF5 .*: name a Keras \.h5 file"):
        import_vgg16(tmp_path / "text.h5")
    with h5py.File(tmp_path / "few.h5", "w") as file:
        file["block1_conv1/block1_conv1_W_1:0"] = np.zeros((3, 3, 3, 2))
        file["block1_conv1/block1_conv1_b_1:0"] = np.zeros(2)
    with pytest.raises(CheckpointError, match="lacks VGG16's conv1_2"):
        import_vgg16(tmp_path / "few.h5")
    with h5py.File(GOLDEN / "vgg16_notop.h5") as whole, h5py.File(tmp_path / "vgg19.h5", "w") as file:
        for key in whole:
            whole.copy(key, file)
        whole.copy("block3_conv3", file, name="block3_conv4")
    with pytest.raises(CheckpointError, match="has conv3_4, which VGG16 has not"):
        import_vgg16(tmp_path / "vgg19.h5")


@pytest.mark.parametrize(
    ("places", "told"),
    [
        (("layers/conv2d/vars/0", "layers/conv2d/vars/1"), r"is in the layout of Keras 3 \(\.weights\.h5\)"),
        (("layer_1/param_0", "layer_1/param_1"), "is in a layout of Keras before 2"),
        (
            ("convolution2d_1/convolution2d_1_W", "convolution2d_1/convolution2d_1_b"),
            "is in a layout of Keras before 2",
        ),
    ],
)
def test_other_layouts_of_keras_are_named_with_the_remedy(tmp_path, places, told):
    import h5py

    path = tmp_path / "vgg16.weights.h5"
    with h5py.File(path, "w") as file:
        for place, shape in zip(places, ((3, 3, 3, 2), (2,)), strict=True):
            file[place] = np.zeros(shape)
    with pytest.raises(CheckpointError, match=rf"{told}, which is not read: take .*, or .* model\.save\('vgg16\.h5'\)"):
        import_vgg16(path)


def test_archives_of_keras_and_kernels_in_theanos_order_are_named(tmp_path):
    import h5py

    with zipfile.ZipFile(tmp_path / "vgg16.keras", "w") as file:
        file.writestr("config.json", "{}")
    with pytest.raises(CheckpointError, match=r"is an archive of Keras 3 \(\.keras\), which is not read: take"):
        import_vgg16(tmp_path / "vgg16.keras")
    with h5py.File(GOLDEN / "vgg16_notop.h5") as whole, h5py.File(tmp_path / "th.h5", "w") as file:

        def turn(place: str, item: object) -> None:
            if isinstance(item, h5py.Dataset):
                file[place] = item[...].T

        whole.visititems(turn)
    with pytest.raises(CheckpointError, match=r"has its kernels in Theano's order .*: take vgg16_weights_tf_dim"):
        import_vgg16(tmp_path / "th.h5")
