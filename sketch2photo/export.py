"""Hand a released model on to other programs.

    python -m sketch2photo.export --checkpoint checkpoints/studio --format stablehlo --out studio.stablehlo

`stablehlo` writes generator and classifier as one function with its weights, for CPU, CUDA and TPU in one file, which
needs nothing but jax to be run; `safetensors` writes the weights. Beside the first lies a .json that says what goes in
and comes out; the second has its settings within.
"""

import argparse
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sketch2photo import cli
from sketch2photo.errors import ConfigError
from sketch2photo.files import write_out

if TYPE_CHECKING:
    from sketch2photo.release.format import ReleasedModel

PLATFORMS = ("cpu", "cuda", "tpu")
NO_ONNX = (
    "--format onnx is left out: jax2onnx 0.17, the one converter that keeps up with jax, requires an Orbax older than "
    "ours and refuses functions that differ by platform; choose stablehlo or safetensors"
)


def options(parser: argparse.ArgumentParser) -> None:
    """Those of `python -m sketch2photo.export`."""
    cli.add_checkpoint(parser, "a released model, or a run of train.py gan")
    add = parser.add_argument
    forms = "stablehlo: a function, for cpu, cuda and tpu; safetensors: the weights; onnx: says why not"
    add("--format", choices=("stablehlo", "safetensors", "onnx"), required=True, help=forms)
    add("--out", type=Path, required=True, metavar="FILE")
    add("--batch", type=int, default=1, metavar="N", help="sketches that the function takes (default: %(default)s)")


def run(options: argparse.Namespace) -> None:
    """Write the model in that form; `UserError` where an option or the model cannot be used, or without room."""
    if options.format == "onnx":
        raise ConfigError(NO_ONNX)
    if not 1 <= options.batch <= 1024:
        raise ConfigError(f"--batch is {options.batch}: give 1 to 1024")
    if options.out.is_dir():
        raise ConfigError(f"--out {str(options.out)!r} is a folder: name a file")
    from sketch2photo.release.weights import open_weights

    model = open_weights(options.checkpoint).model
    if options.format == "safetensors":
        files = {options.out: safetensors(model)}
    else:
        told = json.dumps(interface(model, options.batch), indent=1).encode()
        beside = options.out.with_name(options.out.name + ".json")
        files = {options.out: stablehlo(model, options.batch), beside: told}
    for path, data in files.items():
        write_out(path, data)
        print(f"{path}: {len(data) / 1e6:.1f} MB")


def stablehlo(model: "ReleasedModel", batch: int) -> bytes:
    """`one_function` as `jax.export.deserialize` reads it, for all of `PLATFORMS`; errors as of `serving.generator`."""
    import jax
    from jax import export

    inputs = interface(model, batch)["inputs"].values()
    shapes = [jax.ShapeDtypeStruct(tuple(one["shape"]), one["dtype"]) for one in inputs]
    return bytes(export.export(jax.jit(one_function(model)), platforms=PLATFORMS)(*shapes).serialize())


def one_function(model: "ReleasedModel") -> Callable[..., Any]:
    """Generator and classifier as one function of drawings; `interface` says of what.

    The classifier names what is painted where no category is asked for. Its probabilities are calibrated as Studio's
    (Guo et al. 2017, section 4.2). The plain form of the convolutions is taken, which every platform knows.
    """
    import jax
    import jax.numpy as jnp

    from sketch2photo.models import serving

    count = len(model.categories)
    paint, generator = serving.painter(model.gan, count, model.generator, "any")
    if model.classifier is None or model.classifier_config is None:
        return lambda sketch, label, colour: (paint(generator, sketch, label, colour),)
    classify, classifier = serving.classifier(model.classifier_config, count, model.classifier)

    def run(sketch: jax.Array, sheet: jax.Array, label: jax.Array, colour: jax.Array) -> tuple[jax.Array, ...]:
        raw = classify(classifier, sheet)
        logits = raw / model.calibration.temperature
        likeliest = jnp.argmax(logits[:, :count], -1).astype(jnp.int32)
        photo = paint(generator, sketch, jnp.where(label < 0, likeliest, label), colour)
        return photo, jax.nn.softmax(logits[:, :count]), jax.nn.softmax(raw / model.calibration.of_none)[:, count]

    return run


def interface(model: "ReleasedModel", batch: int) -> dict[str, Any]:
    """What the function takes and gives, in order, and what the numbers mean; plain JSON values."""
    from sketch2photo.release.format import settings

    size, channels = model.gan.image_size, model.gan.input_channels
    framed = "the drawing as sketch2photo.images.frame_drawing(drawing, {}) gives it: 0 ink, 255 paper"

    def array(dtype: str, *shape: int, meaning: str) -> dict[str, Any]:
        return {"dtype": dtype, "shape": [batch, *shape], "meaning": meaning}

    inputs = {"sketch": array("uint8", size, size, channels, meaning=framed.format(size))}
    outputs = {"photo": array("uint8", size, size, 3, meaning="RGB")}
    choice = "the place of a category in the list"
    if model.classifier_config is not None:
        side = model.classifier_config.image_size
        inputs["sheet"] = array("uint8", side, side, 1, meaning=framed.format(side))
        outputs["probabilities"] = array("float32", len(model.categories), meaning="of the categories, summing to 1")
        outputs["none"] = array("float32", meaning="the probability of none of these")
        choice += "; -1 for the likeliest"
    inputs["label"] = array("int32", meaning=choice)
    inputs["colour"] = array("uint8", 3, meaning="of the object, RGB")
    return {"platforms": PLATFORMS, "inputs": inputs, "outputs": outputs, "model": settings(model)}


def safetensors(model: "ReleasedModel") -> bytes:
    """The networks' weights as float32, named as in weights.npz; the metadata's `config` is the model's config.json."""
    from safetensors.numpy import save

    from sketch2photo.release.format import settings, weights_by_place

    return save(weights_by_place(model), {"format": "sketch2photo", "config": json.dumps(settings(model))})


main = partial(cli.run, "export", "python -m sketch2photo.export")

if __name__ == "__main__":
    main()
