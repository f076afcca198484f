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
