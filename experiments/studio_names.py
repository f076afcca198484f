"""How well the studio model names what people draw: item 7 of the score."""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from flax import nnx

from experiments.human_sketches import HumanSketch
from sketch2photo import images
from sketch2photo.models import layers
from sketch2photo.models.vgg import VGG16
from sketch2photo.release import calibration, format

SKETCHY_FOUR = ("car", "strawberry", "teapot", "teddy_bear")
"""The categories of the project that this one grew from."""
_CHUNK = 32


def logits_of(model: format.ReleasedModel, sheets: Sequence[np.ndarray]) -> np.ndarray:
    """The classifier's answers to sketches framed as the page frames them, (n, k + 1)."""
    config = model.classifier_config
    assert config is not None and model.classifier is not None
    classes = len(model.categories) + 1
    network, _ = nnx.split(nnx.eval_shape(lambda: VGG16(config, classes, rngs=nnx.Rngs(0))))

    def answer(weights: Any, sketch: jax.Array) -> jax.Array:
        state = nnx.State(jax.tree.map(lambda value: nnx.Param(value), weights))
        return nnx.merge(network, state)(layers.to_model(sketch))

    compiled = jax.jit(answer)
    rows = []
    for first in range(0, len(sheets), _CHUNK):
        framed = [images.frame_drawing(sheet, config.image_size)[0] for sheet in sheets[first : first + _CHUNK]]
        n = len(framed)
        filled = np.stack(framed + framed[-1:] * (_CHUNK - n))[..., None]
        rows.append(np.asarray(compiled(model.classifier, filled))[:n])
    return np.concatenate(rows).astype(np.float64)


def figures(
    model: format.ReleasedModel, finished: list[HumanSketch], half: list[HumanSketch], others: list[HumanSketch]
) -> dict[str, Any]:
    """Accuracy finished and at half the strokes, calibration error, and recall of "none of these".

    Args:
      finished: drawings of the model's categories.
      half: some of them, with strokes.
      others: drawings of other categories.
    """
    k = len(model.categories)
    temperature = model.calibration.temperature

    def place(sketches: list[HumanSketch]) -> np.ndarray:
        return np.array([model.categories.index(sketch.category) for sketch in sketches])

    known, labels = logits_of(model, [sketch.sheet() for sketch in finished]), place(finished)
    begun, begun_labels = logits_of(model, [sketch.sheet(0.5) for sketch in half]), place(half)
    foreign = logits_of(model, [sketch.sheet() for sketch in others])
    right = known[:, :k].argmax(1) == labels
    probability = calibration.probabilities(known[:, :k], temperature)
    none = calibration.none_probability(known, model.calibration.of_none)
    none_of_others = calibration.none_probability(foreign, model.calibration.of_none)
    of_sketchy = np.array([s.collection == "sketchy" and s.category in SKETCHY_FOUR for s in finished])
    names = np.array([sketch.category for sketch in finished])
    return {
        "n": len(labels),
        "accuracy": float(right.mean()),
        "accuracy_mean_of_categories": float(np.mean([right[names == name].mean() for name in dict.fromkeys(names)])),
        "by_category": {
            str(name): {"n": int((names == name).sum()), "accuracy": float(right[names == name].mean())}
            for name in dict.fromkeys(names)
        },
        "half_n": len(half),
        "half_accuracy": float((begun[:, :k].argmax(1) == begun_labels).mean()),
        "ece": calibration.expected_calibration_error(probability, labels),
        "others_n": len(others),
        "none_recall": float((none_of_others > calibration.none_threshold(none)).mean()),
        "none_recall_as_released": float((none_of_others > model.calibration.none_above).mean()),
        "false_rejections_as_released": float((none > model.calibration.none_above).mean()),
        "sketchy_four_n": int(of_sketchy.sum()),
        "sketchy_four_accuracy": float(right[of_sketchy].mean()) if of_sketchy.any() else None,
    }
