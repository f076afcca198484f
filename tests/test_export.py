"""Exported models give what Studio gives, without our code."""

import json
import subprocess
import sys

import numpy as np
import pytest
from safetensors import safe_open

from sketch2photo import Studio, export, images
from sketch2photo.release import format
from tests import tiny

ALONE = """
import sys
import jax, numpy as np
from jax import export

with open(sys.argv[1], "rb") as file:
    exported = export.deserialize(bytearray(file.read()))
with np.load(sys.argv[2]) as file:
    given = [file[name] for name in sorted(file)]
assert "sketch2photo" not in sys.modules
results = exported.call(*given)
np.savez(sys.argv[3], *results, platforms=np.array(exported.platforms))
"""


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoints") / "tiny"
    format.write(tiny.model(), folder, "card")
    return folder


def command(*arguments):
    export.main([str(argument) for argument in arguments])


def run_alone(file, tmp_path, *given):
    """What the function gives in a process that knows jax and nothing of ours."""
    np.savez(tmp_path / "given.npz", **{f"{i}": value for i, value in enumerate(given)})
    arguments = [file, tmp_path / "given.npz", tmp_path / "results.npz"]
    subprocess.run([sys.executable, "-c", ALONE, *map(str, arguments)], check=True, timeout=240, cwd=tmp_path)
    with np.load(tmp_path / "results.npz") as results:
        assert list(results["platforms"]) == ["cpu", "cuda", "tpu"]
        return [results[name] for name in sorted(results) if name.startswith("arr_")]


def test_stablehlo_gives_what_studio_gives(checkpoint, tmp_path, capsys):
    out = tmp_path / "made" / "tiny.stablehlo"
    command("--checkpoint", checkpoint, "--format", "stablehlo", "--out", out, "--batch", 3)
    assert sorted(p.name for p in out.parent.iterdir()) == ["tiny.stablehlo", "tiny.stablehlo.json"]
    told = json.loads((tmp_path / "made" / "tiny.stablehlo.json").read_text())
    assert list(told["inputs"]) == ["sketch", "sheet", "label", "colour"]
    assert told["inputs"]["sketch"]["shape"] == [3, 64, 64, 1] and told["outputs"]["photo"]["shape"] == [3, 64, 64, 3]
    assert told["model"]["categories"] == list(tiny.CATEGORIES)

    drawings = [tiny.drawing(i) for i in range(3)]
    sketch = np.stack([images.frame_drawing(d, 64)[0] for d in drawings])[..., None]
    sheet = np.stack([images.frame_drawing(d, 32)[0] for d in drawings])[..., None]
    label = np.array([-1, 2, -1], np.int32)
    colour = np.array([[200, 30, 30], [30, 200, 30], [30, 30, 200]], np.uint8)
    photos, probabilities, none = run_alone(out, tmp_path, sketch, sheet, label, colour)

    asked = ["#{:02x}{:02x}{:02x}".format(*c) for c in colour]
    expected = Studio.load(checkpoint).predict_batch(drawings, [None, "pear", None], asked)
    for i, one in enumerate(expected):
        photo = images.frame_drawing(drawings[i], 64)[1].photo_on_drawing(photos[i], 64)
        assert one.photo is not None
        assert np.ptp(photo) > 50
        np.testing.assert_allclose(photo.astype(int), one.photo, atol=1)
        assert list(probabilities[i]) == pytest.approx(list(one.probabilities.values()), abs=1e-4)
    assert ((none > 0) & (none < 1)).all()


def test_a_model_without_classifier_is_told_the_category(tmp_path):
    format.write(tiny.model(classifier=None, classifier_config=None), tmp_path / "plain", "card")
    command("--checkpoint", tmp_path / "plain", "--format", "stablehlo", "--out", tmp_path / "plain.stablehlo")
    told = json.loads((tmp_path / "plain.stablehlo.json").read_text())
    assert list(told["inputs"]) == ["sketch", "label", "colour"] and list(told["outputs"]) == ["photo"]
    sketch, frame = images.frame_drawing(tiny.drawing(1), 64)
    given = sketch[None, ..., None], np.array([1], np.int32), np.array([[192, 24, 24]], np.uint8)
    (photo,) = run_alone(tmp_path / "plain.stablehlo", tmp_path, *given)
    expected = Studio.load(tmp_path / "plain").predict(tiny.drawing(1), "car", "#c01818").photo
    np.testing.assert_allclose(frame.photo_on_drawing(photo[0], 64).astype(int), expected, atol=1)


def test_safetensors_hold_the_weights_and_the_config(checkpoint, tmp_path):
    command("--checkpoint", checkpoint, "--format", "safetensors", "--out", tmp_path / "tiny.safetensors")
    model = format.read(checkpoint)
    expected = format.flatten({"generator": model.generator, "classifier": model.classifier})
    with safe_open(tmp_path / "tiny.safetensors", framework="numpy") as file:
        names = list(file.keys())
        assert sorted(names) == sorted(expected)
        for name in names:
            np.testing.assert_array_equal(file.get_tensor(name), expected[name])
        assert json.loads(file.metadata()["config"]) == json.loads((checkpoint / "config.json").read_text())


def test_what_it_refuses(checkpoint, tmp_path, capsys):
    (tmp_path / "folder").mkdir()
    for arguments, said in (
        (("--format", "onnx", "--out", tmp_path / "a"), "--format onnx is left out: jax2onnx"),
        (("--format", "stablehlo", "--out", tmp_path / "folder"), "is a folder: name a file"),
        (("--format", "stablehlo", "--out", tmp_path / "a", "--batch", 0), "--batch is 0: give 1 to 1024"),
        (("--format", "stablehlo", "--out", tmp_path / "a", "--checkpoint", tmp_path / "none"), "there is no folder"),
    ):
        with pytest.raises(SystemExit) as stopped:
            command("--checkpoint", checkpoint, *arguments)
        assert stopped.value.code == 2
        error = capsys.readouterr().err.strip()
        assert said in error and "\n" not in error and error.startswith("export: ")
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]
