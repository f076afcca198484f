"""What the studio model paints of people's drawings: recognised, true to the lines, in the asked colour, calm.

Items 2, 3, 5 and 6 of the score. All pictures are 256 pixels a side, however many the model has.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from experiments.human_sketches import SIDE, HumanSketch
from sketch2photo import Studio, images
from sketch2photo.evaluation import metrics
from sketch2photo.evaluation.metrics import PhotoClassifier
from sketch2photo.models.features import Features
from sketch2photo.studio import parse_colour

BEST = 5
INK_GOAL = 0.6
"""A sketch is followed when this share of its ink has an edge of the photo near by."""
BAND = 32
"""Pixels around a new stroke in which the picture may change."""
FOG = (0.1, 0.9)
"""Covered more than the first and less than the second, paint is fog."""
SOFT = 7
"""Pixels across; so near to what is covered, half-covered pixels are its rim."""
STRAY = 12
"""Pixels from the ink and its hull; what is painted farther out is a speck, from `SPECK` pixels on."""
SPECK = 4
FRACTIONS = (0.25, 0.5, 0.75, 1.0)
_CHUNK = 16


@dataclass(frozen=True)
class Painted:
    """Drawings and what became of them, when the model is told the category."""

    sketches: list[HumanSketch]
    sheets: list[np.ndarray]
    photos: list[np.ndarray]

    @property
    def categories(self) -> list[str]:
        return [sketch.category for sketch in self.sketches]


def paint(
    studio: Studio,
    sheets: Sequence[np.ndarray],
    categories: Sequence[str],
    colours: Sequence[str | None] | None = None,
    seeds: Sequence[int] | None = None,
) -> list[np.ndarray]:
    """The photos, uint8 (256, 256, 3); white for an empty sheet."""
    photos = []
    for first in range(0, len(sheets), _CHUNK):
        part = slice(first, first + _CHUNK)
        predictions = studio.predict_batch(
            sheets[part],
            categories[part],
            None if colours is None else colours[part],
            None if seeds is None else seeds[part],
        )
        for prediction in predictions:
            photo = np.full((SIDE, SIDE, 3), images.PAPER, np.uint8) if prediction.photo is None else prediction.photo
            photos.append(images.resize(photo, SIDE))
    return photos


def paint_all(studio: Studio, sketches: list[HumanSketch]) -> Painted:
    """Every drawing in its category's colours, one after the other of them."""
    sheets = [sketch.sheet() for sketch in sketches]
    # The seed chooses among the category's own colours; the position in the category, so that all are seen.
    seeds = [sum(other.category == s.category for other in sketches[:i]) for i, s in enumerate(sketches)]
    return Painted(sketches, sheets, paint(studio, sheets, [s.category for s in sketches], seeds=seeds))


def flat_fill(sheet: np.ndarray, code: str) -> np.ndarray:
    """What must not pass for a photo: the inside of the outline, or else the hull of the ink, in one colour."""
    inside = metrics.inside_of(sheet)
    if inside is None:
        inside = _hull(sheet) > 0
    photo = np.full((*sheet.shape, 3), images.PAPER, np.uint8)
    photo[inside] = parse_colour(code)
    return photo


def _hull(sheet: np.ndarray) -> np.ndarray:
    """The hull of the ink, uint8 (s, s): 1 inside."""
    points = cv2.findNonZero((sheet < images.INK_BELOW).astype(np.uint8))
    hull = np.zeros_like(sheet)
    return hull if points is None else cv2.fillConvexPoly(hull, cv2.convexHull(points), (1,))


def recognised(
    studio: Studio, painted: Painted, own_category: Sequence[str], judge: PhotoClassifier, features: Features
) -> dict[str, Any]:
    """Item 2: whether the judge has the right name among its five best; with the category told, and without.

    Args:
      own_category: what the model's classifier says of each sketch.
    """
    seen = features(np.stack(painted.photos))
    told, first = (judge.named(seen, painted.categories, best) for best in (BEST, 1))
    # How lenient the judge is: the same sketches filled with one of the category's colours.
    flat = features(
        np.stack(
            [
                flat_fill(sheet, studio.palette.get(name, ("#808080",))[0])
                for sheet, name in zip(painted.sheets, painted.categories, strict=True)
            ]
        )
    )
    # Painted again only where the model, left to itself, takes another category.
    other = [i for i, own in enumerate(own_category) if own != painted.categories[i]]
    again = paint(studio, [painted.sheets[i] for i in other], [own_category[i] for i in other])
    unaided = seen.copy()
    if other:
        unaided[other] = features(np.stack(again))
    untold = judge.named(unaided, painted.categories, BEST)
    return {
        "n": len(told),
        "first": float(first.mean()),
        "five_best": float(told.mean()),
        "five_best_own_category": float(untold.mean()),
        "flat_fills_first": float(judge.named(flat, painted.categories).mean()),
        "flat_fills_five_best": float(judge.named(flat, painted.categories, BEST).mean()),
        "by_category": _by_category(painted.categories, told),
    }


RIM = 10
"""Ink farther than this inside the outline is an inner line, in pixels of 256."""


def inner_lines(sketch: np.ndarray, photo: np.ndarray) -> tuple[float, float] | None:
    """Share of the inner lines that have an edge, and the share of the whole inside that has one: what chance gives.

    None where the outline does not close or there is next to no ink inside.
    """
    inside = metrics.inside_of(sketch)
    if inside is None:
        return None
    deep = cv2.distanceTransform(np.pad(inside.astype(np.uint8), 1), cv2.DIST_L2, 5)[1:-1, 1:-1] > RIM
    ink = (sketch < images.INK_BELOW) & deep
    if ink.sum() < 40:
        return None
    near = metrics.near_edge(photo)
    return float(near[ink].mean()), float(near[deep].mean())


def follows_lines(painted: Painted, reals: dict[str, list[np.ndarray]], features: Features) -> dict[str, Any]:
    """Item 3. `reals`: some real photos of each category, for how detailed and how various photos are."""
    pairs = list(zip(painted.sheets, painted.photos, strict=True))
    iou = [metrics.outline_iou(sheet, photo) for sheet, photo in pairs]
    ink = [metrics.ink_with_edge(sheet, photo) for sheet, photo in pairs]
    inner = [found for sheet, photo in pairs if (found := inner_lines(sheet, photo))]
    closed = np.array([value for value in iou if value is not None])
    open_drawings = [photo for photo, value in zip(painted.photos, iou, strict=True) if value is None]
    detail, variety = [], []
    for category, photos in reals.items():
        own = [photo for photo, name in zip(painted.photos, painted.categories, strict=True) if name == category]
        if len(own) > 1 and len(photos) > 1:
            detail.append(np.median([_detail(p) for p in own]) / np.median([_detail(p) for p in photos]))
            variety.append(_spread(features(np.stack(own))) / _spread(features(np.stack(photos))))
    return {
        "n": len(ink),
        "closed": len(closed),
        "outline_iou": float(np.median(closed)),
        "followed": float(np.mean([value >= INK_GOAL for value in ink if value is not None])),
        "ink_with_edge": float(np.mean([value for value in ink if value is not None])),
        "open_n": len(open_drawings),
        "fog_on_open": float(np.mean([fog(photo) for photo in open_drawings])) if open_drawings else None,
        "without_specks": float(np.mean([specks(sheet, photo) < SPECK for sheet, photo in pairs])),
        "inner_n": len(inner),
        "inner_lines": float(np.mean([with_edge for with_edge, _ in inner])) if inner else None,
        "inner_chance": float(np.mean([chance for _, chance in inner])) if inner else None,
        "detail": float(np.mean(detail)),
        "variety": float(np.mean(variety)),
        "outline_iou_by_category": _medians(painted.categories, iou),
        "ink_with_edge_by_category": _medians(painted.categories, ink),
    }


def covered(photo: np.ndarray) -> np.ndarray:
    """How much of each pixel of a photo on white, uint8 (s, s, 3), is paint, 0 to 1: its distance from white over that
    of the object's middle pixel. The same for models that paint coverage and those that do not."""
    from_white = images.PAPER - photo.min(-1).astype(np.float32)
    inside = metrics.object_mask(photo)
    if not inside.any():
        return np.zeros_like(from_white)
    return np.clip(from_white / float(np.median(from_white[inside])), 0, 1)


def fog(photo: np.ndarray) -> float:
    """Share of what is painted that is neither there nor not: a tenth to nine tenths covered, away from the rim and
    from what paint encloses, which is highlights and white parts."""
    coverage = covered(photo)
    solid = (coverage > FOG[1]).astype(np.uint8)
    rim = cv2.dilate(solid, np.ones((SOFT, SOFT), np.uint8)) > 0
    between = (coverage > FOG[0]) & (coverage < FOG[1]) & ~metrics.filled_holes(rim)
    return float(between.sum() / max(1, between.sum() + solid.sum()))


def specks(sheet: np.ndarray, photo: np.ndarray) -> int:
    """Pixels painted farther than `STRAY` from the ink and its hull."""
    far = cv2.distanceTransform(1 - _hull(sheet), cv2.DIST_L2, 5) > STRAY
    return int((far & (covered(photo) > FOG[0])).sum())


def _detail(photo: np.ndarray) -> float:
    """Mean strength of the Laplacian inside the object: nothing for a flat fill."""
    mask = cv2.erode(metrics.filled_holes(metrics.object_mask(photo)).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    grey = cv2.GaussianBlur(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 1.0)
    return float(np.abs(cv2.Laplacian(grey, cv2.CV_32F))[mask].mean()) if mask.sum() > 100 else 0.0


def _spread(features: np.ndarray) -> float:
    """Root of the mean squared distance from the mean."""
    return float(np.sqrt(np.square(features - features.mean(0)).sum(1).mean() * len(features) / (len(features) - 1)))


def obeys_colour(studio: Studio, sketches: list[HumanSketch], colours: int) -> dict[str, Any]:
    """Item 5: each drawing in `colours` of its category's palette, and with no colour asked for four seeds."""
    sheets = [sketch.sheet() for sketch in sketches]
    asked = [
        (sheet, sketch.category, code)
        for sheet, sketch in zip(sheets, sketches, strict=True)
        for code in studio.palette.get(sketch.category, ())[:colours]
    ]
    photos = paint(studio, [a[0] for a in asked], [a[1] for a in asked], [a[2] for a in asked])
    difference, missing = [], 0
    for (_, category, code), photo in zip(asked, photos, strict=True):
        lab = metrics.median_lab(photo)
        missing += lab is None
        wanted = metrics.to_lab(parse_colour(code))
        # Nothing painted is as wrong as white.
        difference.append((category, float(metrics.ciede2000(wanted, np.array([100.0, 0, 0]) if lab is None else lab))))
    values = np.array([value for _, value in difference])
    few = sheets[::4]
    names = [sketch.category for sketch in sketches[::4]]
    seeds = range(4)
    by_seed = [paint(studio, few, names, seeds=[seed] * len(few)) for seed in seeds]
    varied = []
    for same in zip(*by_seed, strict=True):
        labs = [lab for photo in same if (lab := metrics.median_lab(photo)) is not None]
        varied += [float(metrics.ciede2000(a, b)) for i, a in enumerate(labs) for b in labs[:i]]
    return {
        "n": len(values),
        "ciede2000": float(values.mean()),
        "within_15": float((values <= 15).mean()),
        "nothing_painted": missing,
        "varied_by_seed": float(np.mean(varied)) if varied else None,
        "by_category": {
            c: float(np.mean([v for k, v in difference if k == c])) for c in studio.categories if c in names
        },
    }


def live(studio: Studio, sketches: list[HumanSketch], judge: PhotoClassifier, features: Features) -> dict[str, Any]:
    """Item 6: a quarter, half, three quarters and all of the strokes; and one short stroke more."""
    names = [sketch.category for sketch in sketches]
    stages = [[sketch.sheet(fraction) for sketch in sketches] for fraction in FRACTIONS]
    painted = [paint(studio, sheets, names) for sheets in stages]
    named = {
        f"{round(100 * fraction)}%": float(judge.named(features(np.stack(photos)), names, BEST).mean())
        for fraction, photos in zip(FRACTIONS, painted, strict=True)
    }
    steps = [
        _difference(a, b) for before, after in itertools.pairwise(painted) for a, b in zip(before, after, strict=True)
    ]
    # As far as the last picture is from the first: a path of small steps is about as long as the way.
    way = [_difference(a, b) for a, b in zip(painted[0], painted[-1], strict=True)]
    rng = np.random.default_rng(0)
    more, bands = zip(*(_one_more_stroke(sheet, rng) for sheet in stages[-1]), strict=True)
    after = paint(studio, more, names)
    outside = [
        float(np.abs(a.astype(np.int16) - b).mean(-1)[~band].mean())
        for a, b, band in zip(painted[-1], after, bands, strict=True)
    ]
    return {
        "n": len(names),
        "five_best_at": named,
        "step": float(np.mean(steps)),
        "largest_step": float(np.quantile(steps, 0.95)),
        "path_over_way": float(np.sum(steps) / max(np.sum(way), 1e-9)),
        "change_outside": float(np.mean(outside)),
        "change_outside_largest": float(np.max(outside)),
        "outside_at_most_4": float((np.array(outside) <= 4).mean()),
    }


def _difference(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(np.int16) - b).mean())


def _one_more_stroke(sheet: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The sheet with a line of 20 to 40 pixels more somewhere in the middle of the drawing, and the band around it."""
    box = images.ink_box(sheet) or (0, 0, SIDE, SIDE)
    low, high = np.array(box[:2], float), np.array(box[2:], float)
    start = low + (high - low) * rng.uniform(0.25, 0.75, 2)
    angle, length = rng.uniform(0, 2 * np.pi), rng.uniform(20, 40)
    # Inside the drawing's box, so that the frame stays.
    end = np.clip(start + length * np.array([np.cos(angle), np.sin(angle)]), low + 2, np.maximum(high - 3, low + 2))
    points = np.round([start, end]).astype(np.int32)
    more, mark = sheet.copy(), np.zeros_like(sheet)
    cv2.polylines(more, [points], False, (0,), 4, cv2.LINE_AA)
    cv2.polylines(mark, [points], False, (1,), 4)
    return more, cv2.distanceTransform(1 - mark, cv2.DIST_L2, 5) <= BAND


def _by_category(categories: Sequence[str], hits: np.ndarray) -> dict[str, dict[str, float]]:
    names = np.array(categories)
    return {
        name: {"n": int((names == name).sum()), "rate": float(hits[names == name].mean())}
        for name in dict.fromkeys(categories)
    }


def _medians(categories: Sequence[str], values: Sequence[float | None]) -> dict[str, float]:
    found: dict[str, list[float]] = {}
    for name, value in zip(categories, values, strict=True):
        if value is not None:
            found.setdefault(name, []).append(value)
    return {name: float(np.median(of)) for name, of in found.items()}
