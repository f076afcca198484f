"""The networks of a released model as functions of their weights, the weights laid out for the machine at hand."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from sketch2photo.config import ClassifierConfig, GanConfig, GanModelConfig
from sketch2photo.errors import CheckpointError
from sketch2photo.models import layers, unet
from sketch2photo.models.unet import UNet
from sketch2photo.models.vgg import VGG16
from sketch2photo.release import format
from sketch2photo.release.format import BEST, BEST_FILE, CONFIG_FILE, Calibration, ReleasedModel, read
from sketch2photo.training import run_folder

# ---------------------------------------------------------------- serving

Paint = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""(sketch uint8 (n, s, s, c), label int32 (n,), colour uint8 (n, 3)) -> photo uint8 (n, s, s, 3)."""
Weights = Any
"""A nested dict of arrays."""


def generator(
    config: GanModelConfig, n_categories: int, weights: Weights, platform: str
) -> tuple[Callable[[Weights, Float[Array, "n s s c"], jax.Array | None], Float[Array, "n s s 3"]], Weights]:
    """The generator as (packed weights, sketch, style) -> photos in [-1, 1], and its packed weights.

    Args:
      weights: as they were trained; numpy or jax arrays.
      platform: what the function will run on, as `jax.default_backend` names it: on "cpu" the convolutions' kernels
        are packed (`packed`), elsewhere they stay.

    Raises:
      CheckpointError: the weights are not those of this config.
    """
    network = nnx.eval_shape(lambda: unet.UNet(config, n_categories, rngs=None))
    _check_weights("generator", weights, nnx.split(network)[1])
    if platform == "cpu":
        weights = unet.pack(network, weights, config.image_size)
    structure, _ = nnx.split(network)
    return lambda weights, sketch, style: nnx.merge(structure, _state(weights))(sketch, style), weights


def painter(model: format.ReleasedModel, platform: str) -> tuple[Callable[..., Any], Weights]:
    """(weights, sketch uint8 (n, s, s, c), label int32 (n,), colour uint8 (n, 3)) -> photo uint8 (n, s, s, 3), and
    the weights it takes. Raises as `generator`."""
    count = len(model.categories)
    generate, weights = generator(model.gan, count, model.generator, platform)

    def paint(weights: Weights, sketch: jax.Array, label: jax.Array, colour: jax.Array) -> jax.Array:
        style = layers.style_vector(model.gan, count, label, colour)
        return layers.to_photo(generate(weights, layers.to_model(sketch), style))

    return paint, weights


def classifier(model: format.ReleasedModel) -> tuple[Callable[..., Any], Weights]:
    """(weights, sketch uint8 (n, s, s, 1)) -> logits float32 (n, k + 1), the last "none of these"; and the weights.

    Raises:
      CheckpointError: the weights are not those of the model's config.
    """
    config = model.classifier_config
    assert config is not None and model.classifier is not None
    classes = len(model.categories) + 1
    structure, state = nnx.split(nnx.eval_shape(lambda: VGG16(config, classes, rngs=None)))
    _check_weights("classifier", model.classifier, state)

    def name(weights: Weights, sketch: jax.Array) -> jax.Array:
        return nnx.merge(structure, _state(weights))(layers.to_model(jnp.asarray(sketch)))

    return name, model.classifier


def _check_weights(network: str, weights: Weights, state: nnx.State) -> None:
    """`CheckpointError` when the weights are not those of a network of this config."""

    def shapes(tree: Any) -> dict[str, tuple[int, ...]]:
        leaves = jax.tree.leaves_with_path(tree)
        return {"/".join(str(getattr(part, "key", part)) for part in path): value.shape for path, value in leaves}

    expected, received = shapes(nnx.to_pure_dict(state)), shapes(weights)
    for name in sorted({*expected, *received}):
        if expected.get(name) != received.get(name):
            raise CheckpointError(
                f"the {network}'s weights do not fit its config ({name} is {received.get(name, 'missing')}, "
                f"expected {expected.get(name, 'nothing')}): release or download the model again"
            )


def _state(weights: Weights) -> nnx.State:
    return nnx.State(jax.tree.map(lambda value: nnx.Param(value), weights))


# ---------------------------------------------------------------- evaluation.painter
#
# A model's generator as a function of batches as datasets hold them, without the page's framing.


def open_model(path: Path) -> format.ReleasedModel:
    """A released model; or a run of train.py gan as it would be released now, without a classifier.

    Raises:
      CheckpointError: neither, or a broken one.
    """
    return assemble(path, None, False)[0] if run_folder.is_run(path) else format.read(path)


def painter_for(model: format.ReleasedModel, categories: tuple[str, ...]) -> Paint:
    """The generator told labels into `categories`, which may be in another order than the model's own."""
    count = len(model.categories)
    network, _ = nnx.split(nnx.eval_shape(lambda: UNet(model.gan, count, rngs=nnx.Rngs(0))))
    # A model that is not told the category takes any label.
    own = [model.categories.index(name) if name in model.categories else 0 for name in categories]
    places = np.array(own, np.int32)

    @jax.jit
    def generate(weights: Any, sketch: jax.Array, label: jax.Array, colour: jax.Array) -> jax.Array:
        state = nnx.State(jax.tree.map(lambda value: nnx.Param(value), weights))
        style = layers.style_vector(model.gan, count, label, colour)
        return layers.to_photo(nnx.merge(network, state)(layers.to_model(jnp.asarray(sketch)), style))

    weights = jax.device_put(model.generator)
    return lambda sketch, label, colour: np.asarray(generate(weights, sketch, places[label], colour))


# ---------------------------------------------------------------- release
#
# Make a released model of finished runs.
#
# python -m sketch2photo.release --gan RUN|RELEASE [--classifier RUN|RELEASE] --out DIR [--with-discriminator]

CALIBRATION_FILE = "calibration.json"
"""Written into a classifier's run at its end."""


def assemble(gan: Path, classifier: Path | None, with_discriminator: bool) -> tuple[ReleasedModel, dict[str, int]]:
    """The model of these runs, float32, and the steps each was trained.

    The generator's weights are the moving average where the run kept one.

    Raises:
      CheckpointError: a folder is not a run, is of the other kind or has saved nothing; category lists differ.
    """

    model, steps = _generator(gan, with_discriminator)
    if classifier is None:
        return model, steps
    theirs, named, trained = _named(classifier)
    if set(named) != set(model.categories):
        raise CheckpointError(
            f"the categories differ: {', '.join(model.categories)} in {str(gan)!r}, {', '.join(named)} in "
            f"{str(classifier)!r}: train both on the same list (train.py classifier --categories ...)"
        )
    order = [named.index(category) for category in model.categories]
    weights = _reordered(theirs["classifier"], order)
    return dataclasses.replace(model, **theirs | {"classifier": weights}), {**steps, **trained}


def _named(path: Path) -> tuple[dict[str, Any], tuple[str, ...], dict[str, int]]:
    """What a released model has of the classifier of this run or released model; its categories; the steps, if known.

    Raises:
      CheckpointError: the folder holds no classifier.
    """
    from sketch2photo.models import vgg
    from sketch2photo.training import run_folder

    if (path / CONFIG_FILE).is_file():
        model = read(path)
        if model.classifier is None:
            raise CheckpointError(
                f"--classifier {str(path)!r} was released without one: name a run of train.py classifier"
            )
        fields = ("classifier", "classifier_config", "calibration")
        return {field: getattr(model, field) for field in fields}, model.categories, {}
    named = run_folder.read_run(path)
    if not isinstance(named.config, ClassifierConfig):
        raise CheckpointError(f"--classifier {str(path)!r} is a {named.kind} run: name one of train.py classifier")
    state = run_folder.restore_state(path)
    parts = {
        "classifier": vgg.fold(state["params"]),
        "classifier_config": dataclasses.replace(named.config.model, norm="none"),
        "calibration": read_calibration(path),
    }
    return parts, named.categories, {"classifier": int(state["step"])}


def _generator(gan: Path, with_discriminator: bool) -> tuple[ReleasedModel, dict[str, int]]:
    """The latest generator of a run; or, where its folder `best` is named, the best; or a released model's own."""
    from sketch2photo.training import run_folder

    if (gan / CONFIG_FILE).is_file() and gan.name != BEST:
        model = dataclasses.replace(read(gan), classifier=None, classifier_config=None, calibration=Calibration())
        return (model if with_discriminator else dataclasses.replace(model, discriminator=None)), {}
    best = gan.name == BEST and not run_folder.is_run(gan) and run_folder.is_run(gan.parent)
    run = run_folder.read_run(gan.parent if best else gan)
    if not isinstance(run.config, GanConfig):
        raise CheckpointError(f"--gan {str(gan)!r} is a {run.kind} run: name one of train.py gan")
    if best:
        model = read(gan)
        step = _best_step(run.path)
        model = model if with_discriminator else dataclasses.replace(model, discriminator=None)
    else:
        state = run_folder.restore_state(gan)
        step = int(state["step"])
        model = ReleasedModel(
            gan=run.config.model,
            categories=run.categories,
            palette=run.palette,
            generator=state.get("ema") or state["generator"],
            discriminator=state["discriminator"] if with_discriminator else None,
        )
    return model, {"gan": step, "images": step * run.config.batch_size}


def _best_step(run: Path) -> int:
    try:
        return int(json.loads((run / BEST_FILE).read_text())["step"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{str(run / BEST_FILE)!r} cannot be read ({error}): release the run itself") from None


def read_calibration(run: Path) -> Calibration:
    """What the classifier's run found at its end.

    Raises:
      CheckpointError: it did not get to its end, or the file is broken.
    """
    try:
        return Calibration(**json.loads((run / CALIBRATION_FILE).read_text()))
    except FileNotFoundError:
        raise CheckpointError(
            f"{str(run)!r} has no {CALIBRATION_FILE}: it is written when training ends, go on with --resume"
        ) from None
    except (OSError, ValueError, TypeError) as error:
        raise CheckpointError(f"{str(run / CALIBRATION_FILE)!r} cannot be read ({error})") from None


def _reordered(classifier: dict[str, Any], order: list[int]) -> dict[str, Any]:
    """The head's outputs in the generator's order of categories; "none of these" stays last."""
    head = classifier["head"]
    rows = [*order, *range(len(order), head["bias"].shape[0])]
    return {**classifier, "head": {"kernel": head["kernel"][:, rows], "bias": head["bias"][rows]}}
