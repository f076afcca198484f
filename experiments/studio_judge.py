"""The independent judge of the studio model's pictures: names a photo among many classes. Trains it.

    python -m experiments.studio_judge --data datasets/studio --raw DATA --cache DIR

SqueezeNet 1.1's ImageNet features (the generator's losses know VGG-19 only) with a linear layer trained on real
photos: those of the studio dataset's training split, of Sketchy's 125 categories and of facades. DATA is the folder
of real data: `sketchy/256x256`, `facades/train`, `pretrained/squeezenet_v1.1_notop.mat`, `human_val.csv`.

The ground must not give the twelve away: theirs is white, the others' is not. So the twelve are shown on pieces of
other photos as well, and the others cut out on white as well, where a person's sketch tells what the object is.
"""

import argparse
import dataclasses
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from sketch2photo import images, kernels
from sketch2photo.data import raw_files
from sketch2photo.data.example import decode
from sketch2photo.data.store import Dataset, open_dataset
from sketch2photo.errors import ConfigError, DataError, exit_on_user_error
from sketch2photo.evaluation import metrics
from sketch2photo.evaluation.metrics import filled_holes, object_mask

SIZE = 176
"""Pixels a side at which the judge looks."""
BEST = 5
PER_CATEGORY = 250
"""Training photos of one of the dataset's categories, at most."""
FILE = "judge.npz"
_SIDE = 256
_AT_ONCE = 512
"""Views held before their features are taken."""
_SAME = {"car_(sedan)": "car", "couch": "sofa"}
_FACADE = "building"
_FEATURES = ("pretrained", "squeezenet_v1.1_notop.mat")


def features_file(raw: Path) -> Path:
    """Where the folder of real data has SqueezeNet's weights."""
    return raw.joinpath(*_FEATURES)


def main(arguments: list[str]) -> None:
    """The command. User errors are one sentence and exit code 2."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the studio dataset (pairs)")
    parser.add_argument("--raw", type=Path, required=True, help="the folder of real photos and sketches")
    parser.add_argument("--cache", type=Path, required=True, help="judge.npz and judge.json are written here")
    parser.add_argument("--look", type=Path, metavar="PNG", help="a sample of the training views, to be looked at")
    options = parser.parse_args(arguments)
    with exit_on_user_error("studio_judge"):
        train(open_dataset(options.data), options.raw, options.cache, options.look)


def save(judge: metrics.PhotoClassifier, path: Path) -> None:
    """As a .npz file."""
    np.savez(path, **dataclasses.asdict(judge))


def load(path: Path) -> metrics.PhotoClassifier:
    """A judge that `save` wrote.

    Raises:
      ConfigError: no such file, or another one.
    """
    try:
        with np.load(path) as file:
            arrays = {name: file[name] for name in ("mean", "deviation", "kernel", "bias")}
            return metrics.PhotoClassifier(tuple(map(str, file["classes"])), **arrays)
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(f"the photo classifier {str(path)!r} cannot be read ({error}): train it again") from None


def train(dataset: Dataset, raw: Path, cache: Path, look: Path | None = None) -> metrics.PhotoClassifier:
    """Train the judge, measure it on held-out photos, and write both to the cache."""
    kernels.prepare()
    from sketch2photo.models.features import load_squeezenet, squeezenet_features

    features = squeezenet_features(load_squeezenet(features_file(raw)), SIZE)
    grounds = _grounds(raw, dataset.categories)
    rows: list[np.ndarray] = []
    names: list[str] = []
    shown: list[np.ndarray] = []
    waiting: list[np.ndarray] = []
    rng = np.random.default_rng(0)
    for name, views in _training_views(dataset, raw, grounds, rng):
        if rng.random() < 0.08:
            shown.append(views[rng.integers(len(views))])
        waiting += [images.resize(view, SIZE) for view in views]
        names += [name] * len(views)
        if len(waiting) >= _AT_ONCE:
            rows.append(features(np.stack(waiting)))
            waiting = []
            print(f"{len(names)} views", flush=True)
    if waiting:
        rows.append(features(np.stack(waiting)))
    classes = (*dataset.categories, *sorted(set(names) - set(dataset.categories)))
    labels = np.array([classes.index(name) for name in names])
    judge = metrics.fit_photo_classifier(np.concatenate(rows), labels, classes, decay=1e-3)
    figures = {"classes": len(classes), "training_views": len(names), **_measure(judge, dataset, raw, features)}
    cache.mkdir(parents=True, exist_ok=True)
    save(judge, cache / FILE)
    (cache / "judge.json").write_text(json.dumps(figures, indent=1) + "\n")
    print(json.dumps(figures, indent=1))
    if look is not None:
        from sketch2photo.images import grid, write_picture

        write_picture(
            look, grid([[images.resize(v, 128) for v in shown[i : i + 20]] for i in range(0, len(shown), 20)])
        )
    return judge


def _training_views(
    dataset: Dataset, raw: Path, grounds: list[np.ndarray], rng: np.random.Generator
) -> Iterator[tuple[str, list[np.ndarray]]]:
    for label, category in enumerate(dataset.categories):
        numbers = np.flatnonzero(dataset.labels("train") == label)
        for number in rng.permutation(numbers)[:PER_CATEGORY]:
            photo = decode(_photo_of(dataset, "train", int(number)), 3)
            views = [_moved(photo, rng), _soft(_moved(photo, rng), rng), _on(_moved(photo, rng), grounds, rng)]
            yield category, views
    kept_back = _kept_back(raw)
    for category, path in _sketchy_photos(raw):
        if path.stem in kept_back:
            continue
        photo = images.decode_photo(path)
        views = [_cropped(photo, rng) for _ in range(4)]
        cut = _cut_out(photo, path)
        if cut is not None:
            views += [
                _moved(cut, rng),
                _soft(_moved(cut, rng), rng),
                _moved(cut, rng),
                _on(_moved(cut, rng), grounds, rng),
            ]
        yield category, views
    for path in sorted((raw / "facades" / "train").glob("*.jpg"))[:200]:
        facade = _facade(path)
        yield _FACADE, [_cropped(facade, rng), _soft(_moved(_small_on_white(facade, rng), rng), rng)]


def _photo_of(dataset: Dataset, split: str, number: int) -> bytes:
    photo = dataset.record(split, number).photo
    if photo is None:
        raise DataError(f"{str(dataset.path)!r} holds sketches without photos: name a dataset of pairs")
    return photo


def _measure(judge: metrics.PhotoClassifier, dataset: Dataset, raw: Path, features) -> dict[str, object]:
    """The judge's rate on photos that it has not seen, by category and as the mean of the categories."""
    figures: dict[str, object] = {}
    rng = np.random.default_rng(1)
    for what in ("held_out", "held_out_at_128"):
        rates: dict[str, dict[str, float]] = {}
        for label, category in enumerate(dataset.categories):
            numbers = np.flatnonzero(dataset.labels("val") == label)[:60]
            photos = [decode(_photo_of(dataset, "val", int(number)), 3) for number in numbers]
            if what != "held_out":
                photos = [images.resize(images.resize(photo, 128), _SIDE) for photo in photos]
            if photos:
                found = features(np.stack(photos))
                rates[category] = {
                    "n": len(photos),
                    "first": float(judge.named(found, [category] * len(photos)).mean()),
                    "five_best": float(judge.named(found, [category] * len(photos), BEST).mean()),
                }
        figures[what] = {
            "first": float(np.mean([r["first"] for r in rates.values()])),
            "five_best": float(np.mean([r["five_best"] for r in rates.values()])),
            "by_category": rates,
        }
    kept_back = _kept_back(raw)
    others = [(name, path) for name, path in _sketchy_photos(raw) if path.stem in kept_back]
    others = [(name, path) for name, path in others if name in judge.classes]
    if others:
        found = features(np.stack([_cropped(images.decode_photo(path), rng) for _, path in others]))
        names = [name for name, _ in others]
        figures["other_photos"] = {
            "n": len(names),
            "first": float(judge.named(found, names).mean()),
            "five_best": float(judge.named(found, names, BEST).mean()),
        }
    return figures


def _kept_back(raw: Path) -> set[str]:
    """Names of the Sketchy photos whose sketches nothing may train on."""
    rows = raw_files.read_csv(raw / "human_val.csv", "--raw, human_val.csv", ("set", "file"))
    matches = (re.fullmatch(r"(n\d+_\d+)-\d+", Path(row["file"]).stem) for _, row in rows if row["set"] == "sketchy")
    return {match[1] for match in matches if match}


def _sketchy_photos(raw: Path) -> list[tuple[str, Path]]:
    paths = sorted((raw / "sketchy" / "256x256" / "photo").glob("*/*/*.jpg"))
    return [(_SAME.get(path.parent.name, path.parent.name), path) for path in paths]


def _grounds(raw: Path, categories: tuple[str, ...]) -> list[np.ndarray]:
    """Photos to put the twelve on: facades, and scenes of other things."""
    facades = [_facade(path) for path in sorted((raw / "facades" / "train").glob("*.jpg"))[200:300]]
    scenes = [path for name, path in _sketchy_photos(raw) if name not in categories]
    return facades + [images.decode_photo(path) for path in scenes[::2]]


def _facade(path: Path) -> np.ndarray:
    pair = images.decode_photo(path)
    return np.ascontiguousarray(pair[:, : pair.shape[1] // 2])


def _moved(photo: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Mirrored, smaller or larger, and elsewhere on white."""
    scale = rng.uniform(0.55, 1.1)
    shift = rng.uniform(-0.08, 0.08, 2) * _SIDE + _SIDE / 2 * (1 - scale)
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    if rng.random() < 0.5:
        photo = photo[:, ::-1]
    return cv2.warpAffine(
        np.ascontiguousarray(photo), matrix, (_SIDE, _SIDE), flags=cv2.INTER_AREA, borderValue=(images.PAPER,) * 3
    )


def _soft(photo: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """As it looks after a model of fewer pixels, so that softness alone condemns no picture."""
    return images.resize(images.resize(photo, int(rng.integers(96, 200))), _SIDE)


def _on(photo: np.ndarray, grounds: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    ground = _cropped(grounds[rng.integers(len(grounds))], rng)
    mask = cv2.GaussianBlur(filled_holes(object_mask(photo)).astype(np.float32), (0, 0), 0.8)[..., None]
    return (photo * mask + ground * (1 - mask)).astype(np.uint8)


def _cropped(photo: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    height, width = photo.shape[:2]
    side = int(min(height, width) * rng.uniform(0.75, 1.0))
    top, left = rng.integers(0, height - side + 1), rng.integers(0, width - side + 1)
    piece = photo[top : top + side, left : left + side]
    return images.resize(np.ascontiguousarray(piece[:, ::-1] if rng.random() < 0.5 else piece), _SIDE)


def _small_on_white(photo: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    side = int(rng.integers(150, 220))
    sheet = np.full((_SIDE, _SIDE, 3), images.PAPER, np.uint8)
    first = (_SIDE - side) // 2
    sheet[first : first + side, first : first + side] = images.resize(images.resize(photo, _SIDE), side)
    return sheet


def _cut_out(photo: np.ndarray, path: Path) -> np.ndarray | None:
    """The object on white, by GrabCut (Rother et al. 2004) started from the people's sketches of it; None without."""
    folder = path.parents[2].parent / "sketch" / path.parent.parent.name / path.parent.name
    inside = np.zeros(photo.shape[:2], np.float32)
    sketches = sorted(folder.glob(f"{path.stem}-*.png"))
    for sketch in sketches:
        ink = (images.decode_sketch(sketch) < images.INK_BELOW).astype(np.uint8)
        points = cv2.findNonZero(ink)
        if points is not None:
            inside += cv2.fillConvexPoly(np.zeros(photo.shape[:2], np.uint8), cv2.convexHull(points), (1,))
    if not sketches or not 0.03 < (inside > 0).mean() < 0.95:
        return None
    share = inside / len(sketches)
    marks = np.full(photo.shape[:2], cv2.GC_BGD, np.uint8)
    marks[cv2.dilate((share > 0).astype(np.uint8), np.ones((25, 25), np.uint8)) > 0] = cv2.GC_PR_BGD
    marks[share > 0.5] = cv2.GC_PR_FGD
    cv2.grabCut(
        photo[..., ::-1].copy(), marks, (0, 0, 1, 1), np.zeros((1, 65)), np.zeros((1, 65)), 4, cv2.GC_INIT_WITH_MASK
    )
    kept = (marks == cv2.GC_FGD) | (marks == cv2.GC_PR_FGD)
    if not 0.03 < kept.mean() < 0.9:
        return None
    mask = cv2.GaussianBlur(kept.astype(np.float32), (0, 0), 0.8)[..., None]
    return (photo * mask + images.PAPER * (1 - mask)).astype(np.uint8)


if __name__ == "__main__":
    main(sys.argv[1:])
