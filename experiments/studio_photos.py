"""How near the studio model's pictures come to photos, from held-out photos' edges: item 4 of the score."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from experiments.human_sketches import SIDE
from experiments.studio_pictures import flat_fill, paint
from sketch2photo import Studio, images
from sketch2photo.data.example import decode
from sketch2photo.data.store import Dataset
from sketch2photo.evaluation import metrics
from sketch2photo.evaluation.metrics import frechet_distance
from sketch2photo.models.features import Features

SIZE = 128
"""Pixels a side at which pictures are compared."""
SUBSET = 100


@dataclass(frozen=True)
class HeldOut:
    """Validation photos with the edges drawn of them."""

    photos: list[np.ndarray]
    sheets: list[np.ndarray]
    categories: list[str]
    colours: list[str]


def held_out(dataset: Dataset, per_category: int | None) -> HeldOut:
    """The first so many photos of each category in the validation split; all of them without a number."""
    found = HeldOut([], [], [], [])
    for label, category in enumerate(dataset.categories):
        for number in np.flatnonzero(dataset.labels("val") == label)[:per_category]:
            record = dataset.record("val", int(number))
            assert record.photo is not None and record.colour is not None
            found.photos.append(images.resize(decode(record.photo, 3), SIDE))
            found.sheets.append(images.resize_sketch(decode(record.sketches[0], 1), SIDE))
            found.categories.append(category)
            found.colours.append("#{:02x}{:02x}{:02x}".format(*record.colour))
    return found


def distances(studio: Studio, real: HeldOut, features: Features, vanilla: Studio | None = None) -> dict[str, Any]:
    """KID and Fréchet distance on SqueezeNet's features at 128 px, pooled; the latter by category too.

    KID is of features scaled to one length (`kernel.on_sphere`), as `kid_raw_features` also without.

    The model is told category and colour of the photo. `vanilla` is painted of the same sketches, to compare with.
    """
    of_real = features(np.stack(real.photos))
    painted = paint(studio, real.sheets, real.categories, real.colours)
    of_painted = features(np.stack(painted))
    found = _kid(of_painted, of_real)
    raw = metrics.subset_distance(of_painted, of_real, subset=SUBSET)
    flat = _kid(features(np.stack([flat_fill(s, c) for s, c in zip(real.sheets, real.colours, strict=True)])), of_real)
    names = np.array(real.categories)
    figures: dict[str, Any] = {
        "n": len(names),
        "kid": found.mean,
        "kid_sd": found.sd,
        "kid_subset": found.subset,
        "kid_of_flat_fills": flat.mean,
        "kid_raw_features": raw.mean,
        "kid_raw_features_sd": raw.sd,
        "fd": frechet_distance(of_painted, of_real),
        "pair_distance": float(np.mean(1 - _cosine(of_painted, of_real))),
        "fd_by_category": {
            name: {
                "n": int((names == name).sum()),
                "fd": frechet_distance(of_painted[names == name], of_real[names == name]),
            }
            for name in dict.fromkeys(real.categories)
            if (names == name).sum() > 1
        },
    }
    if vanilla is not None:
        other = features(np.stack(paint(vanilla, real.sheets, real.categories)))
        against = _kid(other, of_real)
        figures |= {
            "vanilla_kid": against.mean,
            "vanilla_kid_sd": against.sd,
            "kid_over_vanilla": found.mean / against.mean,
        }
    return figures


def _kid(a: np.ndarray, b: np.ndarray) -> metrics.KernelDistance:
    return metrics.subset_distance(metrics.on_sphere(a), metrics.on_sphere(b), subset=SUBSET)


def _cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a * b).sum(1) / np.maximum(np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1), 1e-12)


def repeats(
    photos: list[np.ndarray], real: HeldOut, dataset: Dataset, features: Features, cache: Path
) -> tuple[dict[str, Any], list[tuple[int, int]]]:
    """Whether painted photos are training photos, and the nearest pairs as (number of the painted, of the training)."""
    known = training_features(dataset, features, cache)
    distance, place = metrics.nearest(features(np.stack(photos)), known)
    of_real, _ = metrics.nearest(features(np.stack(real.photos)), known)
    order = np.argsort(distance)[:12]
    return {
        "n": len(photos),
        "training_photos": len(known),
        "nearest_median": float(np.median(distance)),
        "nearest_least": float(distance.min()),
        "held_out_median": float(np.median(of_real)),
        "held_out_least": float(of_real.min()),
        "suspicious": metrics.suspicious(distance, of_real),
    }, [(int(i), int(place[i])) for i in order]


def training_features(dataset: Dataset, features: Features, cache: Path) -> np.ndarray:
    """Of all training photos, (n, d); kept in the cache for the next time."""
    manifest = (dataset.path / "manifest.csv").read_bytes()
    file = cache / f"training_features_{SIZE}_{hashlib.sha256(manifest).hexdigest()[:12]}.npy"
    if file.is_file():
        return np.load(file)
    rows, waiting = [], []
    for record in dataset.records("train"):
        assert record.photo is not None
        waiting.append(images.resize(decode(record.photo, 3), SIZE))
        if len(waiting) == 512:
            rows.append(features(np.stack(waiting)))
            waiting = []
    rows += [features(np.stack(waiting))] if waiting else []
    cache.mkdir(parents=True, exist_ok=True)
    np.save(file, np.concatenate(rows))
    return np.concatenate(rows)
