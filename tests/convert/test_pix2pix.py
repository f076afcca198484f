"""Generators of pytorch-CycleGAN-and-pix2pix paint here what they paint there (golden/, by make_golden.py)."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sketch2photo import Studio, images
from sketch2photo.convert.__main__ import main
from sketch2photo.convert.pix2pix import convert_generator
from sketch2photo.convert.torch_file import read_tensors
from sketch2photo.errors import CheckpointError
from sketch2photo.models import layers
from sketch2photo.models.serving import generator
from sketch2photo.release import format
from tests import tiny

GOLDEN = Path(__file__).resolve().parent / "golden"
STRIDE = 5


def pictures(size, channels=3):
    """As in make_golden.py."""
    return np.random.default_rng(0).integers(0, 256, (1, size, size, channels), np.uint8)


def painted(model, platform):
    """In [-1, 1], of the golden picture, by the function that is served."""
    config = model.gan
    generate, weights = generator(config, len(model.categories), model.generator, platform)
    sketch = layers.to_model(jnp.asarray(pictures(config.image_size, config.input_channels)))
    return np.asarray(jax.jit(generate)(weights, sketch, None))[:, ::STRIDE, ::STRIDE]


@pytest.mark.parametrize(
    ("name", "statistics", "size", "norm"),
    [
        ("unet_256_batch", "batch", 256, "batch"),
        ("unet_256_batch", "running", 256, "none"),
        ("unet_128_batch", "batch", 128, "batch"),
        ("unet_128_batch", "running", 128, "none"),
        ("unet_256_instance", "batch", 256, "instance"),
        ("unet_128_instance", "running", 128, "instance"),
        ("unet_128_grey", "batch", 128, "batch"),
    ],
)
def test_paints_what_pytorch_paints(name, statistics, size, norm):
    model = convert_generator(read_tensors(GOLDEN / f"{name}.pth"), name, ("shoe",), statistics)
    assert (model.gan.image_size, model.gan.generator.norm) == (size, norm)
    with np.load(GOLDEN / f"{name}.npz") as golden:
        expected, other = golden[statistics], golden["running" if statistics == "batch" else "batch"]
    assert np.ptp(expected) > 1  # the picture is none that anything would give
    if "instance" not in name:
        assert np.abs(expected - other).max() > 0.1  # and the statistics matter
    for platform in ("cpu", "elsewhere") if name == "unet_128_batch" else ("cpu",):
        np.testing.assert_allclose(painted(model, platform), expected, atol=1e-4)


def test_the_command_makes_a_released_model_that_studio_serves(tmp_path, capsys):
    out = tmp_path / "shoes"
    main(["pix2pix", str(GOLDEN / "unet_128_instance.pth"), "--out", str(out), "--category", "shoe"])
    assert "U-Net, 128 px, width 2, instance norm" in capsys.readouterr().out
    model = format.read(out)
    with np.load(GOLDEN / "unet_128_instance.npz") as golden:
        np.testing.assert_allclose(painted(model, "cpu"), golden["batch"], atol=1e-4)  # float32 on disk too
    studio = Studio.load(out)
    prediction = studio.predict(tiny.drawing(1))
    assert (prediction.category, prediction.probabilities, prediction.status) == ("shoe", {}, "ok")
    assert not studio.has_classifier
    sketch, frame = images.frame_drawing(tiny.drawing(1), 128)
    generate, weights = generator(model.gan, 1, model.generator, "elsewhere")
    white = jnp.asarray(np.repeat(sketch[None, ..., None], 3, -1).astype(np.float32) / 127.5 - 1)  # paper +1, as there
    photo = np.asarray(layers.to_photo(generate(weights, white, None)))[0]
    assert prediction.photo is not None
    assert np.ptp(photo) > 100
    np.testing.assert_allclose(prediction.photo.astype(int), frame.photo_on_drawing(photo, 128), atol=1)
    assert "U-Net, 128 px" in (out / "MODEL_CARD.md").read_text()


def test_int8_is_smaller(tmp_path):
    for name, options in (("whole", []), ("small", ["--int8"])):
        main(["pix2pix", str(GOLDEN / "unet_128_batch.pth"), "--out", str(tmp_path / name), *options])
    sizes = {name: (tmp_path / name / "weights.npz").stat().st_size for name in ("whole", "small")}
    assert sizes["small"] < sizes["whole"] / 2
    assert format.outline(tmp_path / "whole").memory == pytest.approx(
        format.outline(tmp_path / "small").memory, rel=0.2
    )


def plain(tensors):
    """The tensors of a generator trained with --norm none: no norms, and a bias in the last convolution alone."""
    tensors = {name.removeprefix("module."): value for name, value in tensors.items()}
    return {k: v for k, v in tensors.items() if v.ndim == 4 or k == "model.model.3.bias"}


def by_hand(tensors, x, place="model.model"):
    """What such a generator paints of x (n, c, h, w), by plain convolutions."""
    outer = place == "model.model"
    down, inside, up = (0, 1, 3) if outer else (1, 3, 5)
    innermost = f"{place}.{up}.weight" not in tensors
    up = 3 if innermost else up
    numbers = ("NCHW", "OIHW", "NCHW")
    kernel = tensors[f"{place}.{down}.weight"]
    skip = x if outer else jnp.where(x > 0, x, 0.2 * x)  # PyTorch's is made in its place, which the skip sees
    h = jax.lax.conv_general_dilated(skip, kernel, (2, 2), ((1, 1), (1, 1)), dimension_numbers=numbers)
    h = h if innermost else by_hand(tensors, h, f"{place}.{inside}.model")
    kernel = tensors[f"{place}.{up}.weight"].transpose(1, 0, 2, 3)[:, :, ::-1, ::-1]
    h = jax.lax.conv_general_dilated(
        jnp.maximum(h, 0), kernel, (1, 1), ((2, 2), (2, 2)), lhs_dilation=(2, 2), dimension_numbers=numbers
    )
    return jnp.tanh(h + tensors["model.model.3.bias"][:, None, None]) if outer else jnp.concatenate([skip, h], 1)


def test_a_generator_without_norm_is_told_by_its_biases_and_paints_as_it_should():
    tensors = plain(read_tensors(GOLDEN / "unet_128_batch.pth"))
    model = convert_generator(tensors, "net.pth", ("shoe",))
    assert model.gan.generator.norm == "none"
    given = jnp.asarray(pictures(128).transpose(0, 3, 1, 2) / np.float32(127.5) - 1)
    expected = np.asarray(by_hand(tensors, given)).transpose(0, 2, 3, 1)[:, ::STRIDE, ::STRIDE]
    assert np.ptp(expected) > 0.01
    np.testing.assert_allclose(painted(model, "cpu"), expected, atol=1e-4)


def test_norms_that_do_not_show_are_refused():
    tensors = plain(read_tensors(GOLDEN / "unet_128_batch.pth"))
    some = {**tensors, "model.model.1.model.1.bias": np.zeros(4, np.float32)}
    with pytest.raises(CheckpointError, match="does not show its norm, for some of its convolutions have a bias"):
        convert_generator(some, "net.pth", ("shoe",))
    norms = {k.removeprefix("module."): v for k, v in read_tensors(GOLDEN / "unet_128_batch.pth").items()}
    lost = {k: v for k, v in norms.items() if not k.startswith("model.model.1.model.2.")}
    with pytest.raises(CheckpointError, match="has a norm in some of its layers only"):
        convert_generator(lost, "net.pth", ("shoe",))


def test_running_statistics_are_never_left_out_in_silence():
    batch = {k.removeprefix("module."): v for k, v in read_tensors(GOLDEN / "unet_128_batch.pth").items()}
    for tensors, norm in ((read_tensors(GOLDEN / "unet_128_instance.pth"), "instance"), (plain(batch), "no")):
        said = []
        convert_generator(tensors, "net.pth", ("shoe",), "running", said.append)
        assert said == [f"--statistics running changes nothing: net.pth has {norm} norm, without averages"]
    # Instance norm of 2018 kept averages, without weights.
    kept = {k: v for k, v in batch.items() if not (v.ndim == 1 and k.endswith(".weight"))}
    kept = {k: v for k, v in kept.items() if not k.endswith(".bias") or k == "model.model.3.bias"}
    said = []
    assert convert_generator(kept, "net.pth", ("shoe",), "running", said.append).gan.generator.norm == "none"
    assert convert_generator(kept, "net.pth", ("shoe",), "batch", said.append).gan.generator.norm == "instance"
    assert said == []


@pytest.mark.parametrize("prefix", ["", "module.", "netD."])
def test_discriminators_are_named(prefix):
    widths = [6, 2, 4, 8, 16, 1]
    places = zip((0, 2, 5, 8, 11), widths[:-1], widths[1:], strict=True)
    tensors = {f"{prefix}model.{i}.weight": np.zeros((o, c, 4, 4), np.float32) for i, c, o in places}
    with pytest.raises(CheckpointError, match=r"is a discriminator, .*: take .* such as latest_net_G\.pth"):
        convert_generator(tensors, "net.pth", ("shoe",))
    pixel = {
        f"net.{i}.weight": np.zeros(s, np.float32) for i, s in ((0, (2, 6, 1, 1)), (2, (4, 2, 1, 1)), (5, (1, 4, 1, 1)))
    }
    with pytest.raises(CheckpointError, match="is a discriminator"):
        convert_generator(pixel, "net.pth", ("shoe",))


def test_other_networks_are_refused(tmp_path):
    tensors = dict(read_tensors(GOLDEN / "unet_128_batch.pth"))
    with pytest.raises(CheckpointError, match=r"'r\.pth' is a ResNet generator .*: choose one of --netG unet_256"):
        convert_generator({"model.1.weight": np.zeros((2, 3, 7, 7))}, "r.pth", ("shoe",))
    with pytest.raises(
        CheckpointError, match=r"'v\.pth' is not a U-Net generator \(it lacks model\.model\.0\.weight\)"
    ):
        convert_generator(read_tensors(GOLDEN / "vgg16.pth"), "v.pth", ("shoe",))
    shallow = {k: v for k, v in tensors.items() if ".3.model.3.model." not in k}
    with pytest.raises(CheckpointError, match="it lacks"):
        convert_generator(shallow, "s.pth", ("shoe",))
    wide = {k: np.repeat(v, 2, 1) if k == "module.model.model.0.weight" else v for k, v in tensors.items()}
    with pytest.raises(CheckpointError, match="paints 3 channels from 6"):
        convert_generator(wide, "w.pth", ("shoe",))


def test_layers_of_other_sizes_are_refused(tmp_path):
    tensors = read_tensors(GOLDEN / "unet_128_batch.pth")
    up = next(name for name in tensors if name.count(".model.") > 3 and name.endswith(".5.weight"))
    halved = {**tensors, up: tensors[up][:, : tensors[up].shape[1] // 2]}
    for statistics in ("batch", "running"):
        with pytest.raises(CheckpointError, match="of other sizes"):
            convert_generator(halved, "net.pth", ("shoe",), statistics)


def test_running_averages_that_are_not_there_are_said():
    tensors = read_tensors(GOLDEN / "unet_128_batch.pth")
    lost = {name: value for name, value in tensors.items() if not name.endswith("running_mean")}
    assert convert_generator(lost, "net.pth", ("shoe",), "batch").gan.generator.norm == "batch"
    with pytest.raises(CheckpointError, match="lacks running averages"):
        convert_generator(lost, "net.pth", ("shoe",), "running")


def test_mistakes_at_the_command_are_one_sentence(tmp_path, capsys):
    (tmp_path / "text.pth").write_text("no weights")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("")
    good = str(GOLDEN / "unet_128_batch.pth")
    for arguments, said in (
        (["pix2pix", str(tmp_path / "none.pth"), "--out", str(tmp_path / "a")], "cannot be read (No such file"),
        (["pix2pix", str(tmp_path / "text.pth"), "--out", str(tmp_path / "a")], "is no file of PyTorch weights"),
        (["pix2pix", good, "--out", str(tmp_path / "full")], "holds something that is no released model"),
        (["pix2pix", good, "--out", str(tmp_path / "a"), "--category", " "], "--category is empty"),
        (["vgg16", good, "--out", str(tmp_path / "a.npz")], "name the weights of torchvision's vgg16"),
        (["vgg16", str(GOLDEN / "vgg16.pth"), "--out", str(tmp_path / "a")], "name a .npz file"),
    ):
        with pytest.raises(SystemExit) as stopped:
            main(arguments)
        assert stopped.value.code == 2
        error = capsys.readouterr().err.strip()
        assert said in error and "\n" not in error and error.startswith("convert: ")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["full", "text.pth"]
