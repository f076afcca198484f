"""What must not change from one commit to the next: photos of the released model, a training step, what is old.

tests/golden holds what commit 9d7d649 made of the same inputs, and the photos of the seventh release. Where a change is
meant, `python -m tests.test_golden` freezes anew; say in the commit why.
"""

import json
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

GOLDEN = Path(__file__).resolve().parent / "golden"
STUDIO = Path(__file__).resolve().parent.parent / "checkpoints" / "studio"
DRAWINGS = ("shoe", "teapot", "teddy_bear")
"""Of the drawings that the page starts from, as it sends them."""
SIZE, STEPS, CATEGORIES = 64, 2, 3


def sheet(name: str) -> np.ndarray:
    found = cv2.imread(str(GOLDEN / f"{name}.png"), cv2.IMREAD_GRAYSCALE)
    assert found is not None
    return found


def photo(name: str) -> np.ndarray:
    found = cv2.imread(str(GOLDEN / f"{name}.photo.png"))
    assert found is not None
    return found[..., ::-1]


def assert_same_photo(painted: np.ndarray | None, name: str) -> None:
    """To a grey level: compilers round in another order."""
    assert painted is not None
    difference = np.abs(painted.astype(int) - photo(name))
    assert difference.max() <= 1, f"{name}: {difference.max()} grey levels"


@pytest.fixture(scope="module")
def studio():
    from sketch2photo import Studio

    return Studio.load(STUDIO)


@pytest.mark.parametrize("name", DRAWINGS)
def test_the_released_model_paints_what_it_painted(studio, name: str):
    frozen = json.loads((GOLDEN / "predictions.json").read_text())[name]
    prediction = studio.predict(sheet(name), colour=frozen["colour"])
    assert (prediction.category, prediction.status, prediction.colour) == (name, "ok", frozen["colour"])
    assert prediction.probabilities == pytest.approx(frozen["probabilities"], abs=1e-4)
    assert_same_photo(prediction.photo, name)


def test_a_model_of_the_first_release_opens_and_paints_what_it_painted():
    """Its config.json has none of the fields that came later."""
    from sketch2photo import Studio

    old = Studio.load(GOLDEN / "released")
    assert old.categories == ("shoe", "car", "motorcycle")
    assert_same_photo(old.predict(sheet("shoe"), category="car", colour="#c01818").photo, "released")


# ---------------------------------------------------------------- two steps of training


def filled(tree: Any) -> Any:
    """The tree's shapes with numbers that depend on nothing but a leaf's place: small ones, scales about 1."""
    import jax

    def fill(path, leaf):
        name = jax.tree_util.keystr(path, simple=True, separator="/")
        rng = np.random.default_rng(zlib.crc32(name.encode()))
        values = rng.normal(0, 0.05, leaf.shape) + (name.endswith("scale"))
        return jax.numpy.asarray(values, leaf.dtype)

    return jax.tree_util.tree_map_with_path(fill, tree)


def batch() -> dict[str, np.ndarray]:
    """Discs of some colour, and circles."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    rng = np.random.default_rng(0)
    sketch, painted = (np.full((4, SIZE, SIZE, channels), 255, np.uint8) for channels in (1, 3))
    colour = rng.integers(0, 200, (4, 3)).astype(np.uint8)
    for i, radius in enumerate((13, 17, 21, 25)):
        distance = np.hypot(rows - SIZE / 2, columns - SIZE / 2)
        sketch[i, np.abs(distance - radius) < 1.2] = 0
        painted[i, distance < radius] = colour[i]
    return {"sketch": sketch, "photo": painted, "label": np.array([0, 1, 2, 0], np.int32), "colour": colour}


def metrics_of_steps(settings: dict[str, Any]) -> list[dict[str, float]]:
    """What the first steps of a training say, from given weights, with all augmentation."""
    import dataclasses

    import jax

    from sketch2photo.config import GanConfig, from_dict
    from sketch2photo.training import gan

    networks = gan.GanNetworks(from_dict(GanConfig, settings), CATEGORIES)
    shapes = jax.eval_shape(lambda key: gan.initial_state(networks, key), jax.random.key(0))
    rest = {f.name: getattr(shapes, f.name) for f in dataclasses.fields(shapes) if f.name != "key"}
    state = dataclasses.replace(
        shapes,
        **jax.tree.map(lambda leaf: jax.numpy.zeros(leaf.shape, leaf.dtype), rest),
        key=jax.random.key(7),
    )
    state = dataclasses.replace(
        state, **{name: filled(getattr(shapes, name)) for name in ("generator", "discriminator")}
    )
    state = dataclasses.replace(state, ema=state.generator)
    step = jax.jit(gan.make_step(networks))
    told = []
    for _ in range(STEPS):
        state, metrics = step(state, batch())
        told.append({name: float(value) for name, value in sorted(metrics.items()) if np.ndim(value) == 0})
    return told


def test_two_steps_of_training_say_what_they_said():
    frozen = json.loads((GOLDEN / "training.json").read_text())
    for now, then in zip(metrics_of_steps(frozen["config"]), frozen["metrics"], strict=True):
        assert now == pytest.approx(then, rel=1e-3)


def freeze() -> None:
    """Write tests/golden anew, from the sheets and the first release's config.json that are there."""
    from sketch2photo import Studio
    from sketch2photo.config import GAN_PRESETS, to_dict

    def write(name: str, painted: np.ndarray | None) -> None:
        assert painted is not None
        cv2.imwrite(str(GOLDEN / f"{name}.photo.png"), painted[..., ::-1])

    studio, predictions = Studio.load(STUDIO), {}
    for name in DRAWINGS:
        prediction = studio.predict(sheet(name))
        write(name, prediction.photo)
        predictions[name] = {"colour": prediction.colour, "probabilities": prediction.probabilities}
    (GOLDEN / "predictions.json").write_text(json.dumps(predictions, indent=1) + "\n")
    write("released", Studio.load(GOLDEN / "released").predict(sheet("shoe"), category="car", colour="#c01818").photo)
    settings = to_dict(GAN_PRESETS["debug"])
    settings["model"]["generator"]["width"] = settings["model"]["discriminator"]["width"] = 4
    frozen = {"config": settings, "metrics": metrics_of_steps(settings)}
    (GOLDEN / "training.json").write_text(json.dumps(frozen, indent=1) + "\n")


if __name__ == "__main__":
    freeze()
