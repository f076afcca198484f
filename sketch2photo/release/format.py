"""A released model on disk: plain files that open fast, without Orbax and without jax.

    config.json     both networks' configs, categories, image size, palette, calibration
    weights.npz     convolutions as int8 with float32 scales per channel, or float32; the rest as float32
    MODEL_CARD.md   data, training, figures, terms

Arrays are named by their place, `generator/downs/0/kernel`; a convolution's scales lie beside it under the same
name and `:scale`, shaped so that values = int8 * scale.
"""

import contextlib
import dataclasses
import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from sketch2photo.config import ClassifierModelConfig, GanModelConfig, from_dict, to_dict
from sketch2photo.errors import CheckpointError, ConfigError
from sketch2photo.files import draft_beside, put_in_place
from sketch2photo.release.calibration import Calibration

FORMAT = 1
CONFIG_FILE, WEIGHTS_FILE, CARD_FILE = "config.json", "weights.npz", "MODEL_CARD.md"
BEST, BEST_FILE = "best", "best.json"
"""In a training run: the released model of its best weights so far, and which step and figure they are of."""
_SCALE = ":scale"

Arrays = dict[Any, Any]
"""Nested dicts of numpy arrays; the keys of lists are integers."""


@dataclasses.dataclass(frozen=True)
class ReleasedModel:
    """Everything in a released model's folder; weights as float32."""

    gan: GanModelConfig
    categories: tuple[str, ...]
    palette: dict[str, tuple[str, ...]]
    generator: Arrays
    discriminator: Arrays | None = None
    classifier_config: ClassifierModelConfig | None = None
    classifier: Arrays | None = None
    calibration: Calibration = Calibration()  # noqa: RUF009 (frozen)
    others: tuple[str, ...] = ()
    """What else the classifier tells apart, in the order of its last outputs; () where it is not known."""


def read(path: str | Path) -> ReleasedModel:
    """A released model; `CheckpointError` where the folder is none, holds a broken file or has a newer format."""
    path, content = Path(path), _content(Path(path))
    with _sound(path):
        with np.load(path / WEIGHTS_FILE) as file:
            arrays = nest(_unpacked({name: file[name] for name in file}))
        classifier, others = content["classifier"], tuple(map(str, content.get("others", ())))
        if others and len(others) != (classifier or {}).get("others", 1):
            raise ValueError(f"it names {len(others)} other categories, and its classifier has another number of them")
        return ReleasedModel(
            gan=from_dict(GanModelConfig, content["gan"]),
            categories=tuple(content["categories"]),
            palette={name: tuple(colours) for name, colours in content["palette"].items()},
            generator=arrays["generator"],
            discriminator=arrays.get("discriminator"),
            classifier_config=None if classifier is None else from_dict(ClassifierModelConfig, classifier),
            classifier=arrays.get("classifier"),
            calibration=Calibration(**content["calibration"]),
            others=others,
        )


@dataclasses.dataclass(frozen=True)
class Outline:
    """What can be said of a released model without reading its weights."""

    path: Path
    categories: tuple[str, ...]
    palette: dict[str, tuple[str, ...]]
    has_classifier: bool
    takes_hints: bool
    paints_coverage: bool
    memory: int
    """Bytes that it takes once it is open, about: its weights as float32, and half as much again to work with."""


def outline(path: str | Path) -> Outline:
    """Look at a released model without reading its weights; errors as of `read`, as far as they can be seen."""
    path, content = Path(path), _content(Path(path))
    with _sound(path):
        with zipfile.ZipFile(path / WEIGHTS_FILE) as file:
            sizes = {entry.filename.removesuffix(".npy"): entry.file_size for entry in file.infolist()}
        # An array with a scale beside it is int8, and will be four times as large.
        memory = sum(size * (4 if name + _SCALE in sizes else 1) for name, size in sizes.items()) * 3 // 2
        categories = tuple(map(str, content["categories"]))
        palette = {str(name): tuple(map(str, colours)) for name, colours in content["palette"].items()}
        has_classifier = content["classifier"] is not None and len(categories) > 1
        hints, coverage = (content["gan"].get(name, False) for name in ("hints", "coverage"))
        return Outline(path, categories, palette, has_classifier, hints, coverage, memory)


@contextlib.contextmanager
def _sound(path: Path) -> Iterator[None]:
    """Makes of whatever a broken file raises a `CheckpointError`."""
    kinds = (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile, ConfigError)
    try:
        yield
    except kinds as error:
        raise CheckpointError(f"{str(path)!r} is broken ({error}): release or download it again") from None


def _is_released(path: Path) -> bool:
    return (path / CONFIG_FILE).is_file() and (path / WEIGHTS_FILE).is_file()


def _content(path: Path) -> dict[str, Any]:
    """The model's config.json."""
    if not path.is_dir():
        raise CheckpointError(f"there is no folder {str(path)!r}: name a released model such as checkpoints/studio")
    if not _is_released(path):
        lacking = f"it has no {CONFIG_FILE} and {WEIGHTS_FILE}"
        remedy = "make one by  python -m sketch2photo.release"
        raise CheckpointError(f"{str(path)!r} is not a released model ({lacking}): {remedy}")
    with _sound(path):
        content = json.loads((path / CONFIG_FILE).read_text())
        version = content["format"]
    if version != FORMAT:
        raise CheckpointError(f"{str(path)!r} has format {version}, this version reads {FORMAT}: update sketch2photo")
    return content


def write(model: ReleasedModel, path: Path, card: str, *, packed: bool = True) -> int:
    """Write a released model's folder, whole or not at all, and say how many bytes it has.

    `packed` rounds convolutions to int8; otherwise they stay float32, four times as large. A released model that is
    there is replaced; its MODEL_CARD.md and whatever else lies beside it are kept. Anything else there is not touched:
    a `CheckpointError`, as where there is no room.
    """
    path = path.absolute()
    if path.exists() and not path.is_dir():
        raise CheckpointError(f"{str(path)!r} is a file: choose a folder")
    if path.is_dir() and any(path.iterdir()) and not _is_released(path):
        remedy = "choose a new folder, or empty it"
        raise CheckpointError(f"{str(path)!r} holds something that is no released model: {remedy}")
    try:
        with draft_beside(path) as draft:
            content = draft / "model"
            if path.exists():
                shutil.copytree(path, content, ignore=shutil.ignore_patterns(CONFIG_FILE, WEIGHTS_FILE))
            content.mkdir(exist_ok=True)
            (content / CONFIG_FILE).write_text(json.dumps(settings(model), indent=2) + "\n")
            flat = weights_by_place(model)
            arrays: dict[str, Any] = _packed(flat) if packed else flat
            np.savez_compressed(content / WEIGHTS_FILE, **arrays)
            if not (content / CARD_FILE).is_file():
                (content / CARD_FILE).write_text(card)
            put_in_place(content, path)
    except OSError as error:
        raise CheckpointError(f"{str(path)!r} could not be written ({error}): make room or choose another") from None
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def settings(model: ReleasedModel) -> dict[str, Any]:
    """What config.json says of a model: plain JSON values."""
    return {
        "format": FORMAT,
        "image_size": model.gan.image_size,
        "categories": list(model.categories),
        "palette": {name: list(colours) for name, colours in model.palette.items()},
        "others": list(model.others),
        "calibration": dataclasses.asdict(model.calibration),
        "gan": to_dict(model.gan),
        "classifier": None if model.classifier_config is None else to_dict(model.classifier_config),
    }


def weights_by_place(model: ReleasedModel) -> dict[str, np.ndarray]:
    """All of a model's arrays, float32, as they are named in weights.npz."""
    networks = {"generator": model.generator, "discriminator": model.discriminator, "classifier": model.classifier}
    flat = flatten({name: weights for name, weights in networks.items() if weights is not None})
    return {name: np.asarray(value, np.float32, order="C") for name, value in flat.items()}


def quantised(weights: Arrays) -> Arrays:
    """The weights as they come back from a released model."""
    return nest(_unpacked(_packed(flatten(weights))))


def _packed(flat: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    packed = {}
    for name, value in flat.items():
        packed[name] = value = np.asarray(value, np.float32)
        if value.ndim == 4:  # of the channel axes, the first and the last, that which loses less
            candidates = [_to_int8(value, within) for within in ((1, 2, 3), (0, 1, 2))]
            losses = [np.square(rounded * scale - value).mean() for rounded, scale in candidates]
            packed[name], packed[name + _SCALE] = candidates[int(np.argmin(losses))]
    return packed


def _to_int8(value: np.ndarray, within: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Symmetric int8, and its scale, one along these axes."""
    scale = np.abs(value).max(within, keepdims=True) / 127
    scale = np.where(scale == 0, np.float32(1), scale)
    return np.clip(np.round(value / scale), -127, 127).astype(np.int8), scale


def _unpacked(packed: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {
        name: value.astype(np.float32) * packed[name + _SCALE] if name + _SCALE in packed else value
        for name, value in packed.items()
        if not name.endswith(_SCALE)
    }


def flatten(tree: Arrays, prefix: str = "") -> dict[str, np.ndarray]:
    """The arrays by their place, as they are named in weights.npz."""
    flat = {}
    for key, value in tree.items():
        name = f"{prefix}{key}"
        flat |= flatten(value, name + "/") if isinstance(value, dict) else {name: np.asarray(value)}
    return flat


def nest(flat: dict[str, np.ndarray]) -> Arrays:
    tree: Arrays = {}
    for name, value in flat.items():
        *path, last = (int(part) if part.isdigit() else part for part in name.split("/"))
        place = tree
        for part in path:
            place = place.setdefault(part, {})
        place[last] = value
    return tree
