"""The object of a photo, cut out of its background and put on white, with a score of how good the mask is.

`watershed` floods from sure ground and sure object (Meyer 1991); `grabcut` fits colour models to inside and outside of
a rectangle (Rother, Kolmogorov & Blake 2004); `auto` says first what the ground looks like along the picture's border,
and starts GrabCut from there.
"""

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from sketch2photo import images
from sketch2photo.data import edges
from sketch2photo.data.example import Example, Skipped, decode, encode_photo, encode_sketch, thumbnail
from sketch2photo.images import PAPER

METHODS = ("none", "watershed", "grabcut", "auto")

_WORK = 192  # side at which masks are found; borders are then brought to the photo's size
_MARGIN = 0.84  # share of the frame that an object's longer side takes after it was put on white


@dataclass(frozen=True)
class Quality:
    """How good a mask is, each from 0 (useless) to 1."""

    border: float
    """Falls with the share of the picture's border that the object touches: it may be cut off."""
    area: float
    """Falls where the object takes under 5 or over 70 % of the picture."""
    smooth: float
    """Falls with raggedness: how much longer the outline is than that of the smoothed mask, and with loose pieces."""

    @property
    def score(self) -> float:
        """The product of the three."""
        return self.border * self.area * self.smooth


def find_mask(photo: np.ndarray, method: str) -> np.ndarray:
    """Where the object of a photo, uint8 (h, w, 3) RGB, is by one of `METHODS`, uint8 (h, w): 255 there, 0 around; all
    255 for "none"."""
    height, width = photo.shape[:2]
    if method == "none":
        return np.full((height, width), 255, np.uint8)
    scale = min(1.0, _WORK / max(height, width))
    small = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else photo
    found = _tidy({"watershed": _watershed, "grabcut": _grabcut, "auto": _auto}[method](small))
    if scale < 1:
        found = cv2.resize(found, (width, height), interpolation=cv2.INTER_LINEAR)
        found = ((cv2.GaussianBlur(found, (0, 0), 0.5 / scale) > 127) * 255).astype(np.uint8)
    return found


def quality(mask: np.ndarray) -> Quality:
    """What can be said of a mask without knowing the true one."""
    inside = mask > 127
    share = float(inside.mean())
    if not share:
        return Quality(0.0, 0.0, 0.0)
    rim = np.concatenate([inside[0], inside[-1], inside[:, 0], inside[:, -1]])
    border = float(np.clip(1 - 2.5 * rim.mean(), 0, 1))
    area = float(np.clip(share / 0.05, 0, 1) * np.clip((0.95 - share) / 0.25, 0, 1))
    rounded = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), max(inside.shape) / 50) > 0.5
    length, calm = _outline_length(inside), _outline_length(rounded)
    pieces = cv2.connectedComponentsWithStats(inside.astype(np.uint8))[2][1:, cv2.CC_STAT_AREA]
    smooth = float(np.clip(1.6 - 0.6 * length / max(calm, 1.0), 0, 1) * pieces.max() / pieces.sum())
    return Quality(border, area, smooth)


def _outline_length(inside: np.ndarray) -> float:
    contours, _ = cv2.findContours(inside.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    return sum(cv2.arcLength(contour, True) for contour in contours)


@dataclass(frozen=True)
class Placement:
    """How photo, mask and sketches are moved alike, so that pairs stay aligned: the object large, in the middle."""

    matrix: np.ndarray
    """float64 (2, 3): a point of the picture as a point of the square, both in pixels."""
    size: int

    def apply(self, picture: np.ndarray) -> np.ndarray:
        """A photo, sketch or mask of the picture's size, moved; what comes in from outside is white (masks: 0)."""
        scale = self.matrix[0, 0]
        soft = cv2.GaussianBlur(picture, (0, 0), 0.4 / scale) if scale < 1 else picture
        ground = (PAPER,) * (3 if picture.ndim == 3 else 1)
        return cv2.warpAffine(soft, self.matrix, (self.size, self.size), flags=cv2.INTER_LINEAR, borderValue=ground)

    def apply_to_mask(self, mask: np.ndarray) -> np.ndarray:
        """As `apply`, with nothing of the object outside of the picture."""
        return PAPER - self.apply(PAPER - mask)


def placement(mask: np.ndarray, size: int) -> Placement:
    """The one transform that brings the object of `mask` to the middle, its longer side 84 % of the frame."""
    left, top, width, height = cv2.boundingRect((mask > 127).astype(np.uint8))
    if not width:
        left, top, (height, width) = 0, 0, mask.shape
    scale = _MARGIN * size / max(width, height)
    x, y = left + (width - 1) / 2, top + (height - 1) / 2
    middle = (size - 1) / 2
    return Placement(np.array([[scale, 0, middle - scale * x], [0, scale, middle - scale * y]]), size)


def on_white(photo: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The object on white ground, its edge soft over about a pixel."""
    alpha = cv2.GaussianBlur(mask, (0, 0), 0.7).astype(np.float32)[..., None] / 255
    return (photo * alpha + PAPER * (1 - alpha)).round().astype(np.uint8)


def _tidy(mask: np.ndarray) -> np.ndarray:
    """The largest piece and what is near its size, without pinholes and hairs."""
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3)))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    areas = stats[:, cv2.CC_STAT_AREA].astype(float)
    areas[0] = 0
    mask = np.where((areas > 0.25 * areas.max())[labels] & (labels > 0), 255, 0).astype(np.uint8)
    holes = cv2.connectedComponentsWithStats((mask == 0).astype(np.uint8), connectivity=4)
    small = holes[2][:, cv2.CC_STAT_AREA] < 0.004 * mask.size
    small[0] = False
    return np.where(small[holes[1]], 255, mask).astype(np.uint8)


def _watershed(photo: np.ndarray) -> np.ndarray:
    distance = _from_border(photo)
    limit = _otsu(distance)
    object_ = cv2.erode((distance > limit).astype(np.uint8), np.ones((3, 3), np.uint8), iterations=4)
    object_[_ring(photo.shape[:2], 0.06)] = 0
    markers = np.zeros(photo.shape[:2], np.int32)
    markers[_ring(photo.shape[:2], 0.02)] = 1
    markers[object_ > 0] = 2
    if not (object_ > 0).any():
        height, width = photo.shape[:2]
        y, x = np.mgrid[:height, :width]
        markers[(x / width - 0.5) ** 2 + (y / height - 0.5) ** 2 < 0.15**2] = 2
    flooded = cv2.watershed(np.ascontiguousarray(cv2.GaussianBlur(photo, (0, 0), 1.0)), markers)
    return np.where(flooded == 2, 255, 0).astype(np.uint8)


def _grabcut(photo: np.ndarray) -> np.ndarray:
    state = np.where(_ring(photo.shape[:2], 0.04), cv2.GC_BGD, cv2.GC_PR_FGD).astype(np.uint8)
    return _cut(photo, state, 5)


def _auto(photo: np.ndarray) -> np.ndarray:
    distance = _from_border(photo)
    ring = _ring(photo.shape[:2], 0.03)
    plain = float(np.quantile(distance[ring], 0.9))
    limit = float(np.clip(_otsu(distance), 2 * plain if plain < 8 else 0, 60))
    likely = distance > limit
    state = np.full(photo.shape[:2], cv2.GC_PR_BGD, np.uint8)
    if plain < 8:
        # A plain ground is known well; what differs from it clearly is the object, wherever it lies.
        state[likely] = cv2.GC_PR_FGD
        state[cv2.erode(likely.astype(np.uint8), np.ones((3, 3), np.uint8), iterations=3) > 0] = cv2.GC_FGD
        state[distance < 0.4 * limit] = cv2.GC_BGD
        return _cut(photo, state, 3)
    # On a busy ground the middle counts as well: what people photograph is there.
    height, width = photo.shape[:2]
    y, x = np.mgrid[:height, :width]
    middle = np.exp(-(((x / width - 0.5) / 0.33) ** 2 + ((y / height - 0.52) / 0.33) ** 2))
    evidence = middle * (0.35 + np.clip(distance / max(float(np.quantile(distance, 0.9)), 1.0), 0, 1))
    state[evidence > 0.42] = cv2.GC_PR_FGD
    state[evidence > 1.05] = cv2.GC_FGD
    state[ring | (evidence < 0.08)] = cv2.GC_BGD
    return _cut(photo, state, 6)


def _cut(photo: np.ndarray, state: np.ndarray, rounds: int) -> np.ndarray:
    known = np.isin(state, (cv2.GC_FGD, cv2.GC_PR_FGD))
    if known.sum() < 30 or (~known).sum() < 30:
        return np.where(known, 255, 0).astype(np.uint8)
    cv2.setRNGSeed(0)
    smooth = np.ascontiguousarray(cv2.bilateralFilter(photo, 5, 25, 3))
    inside, outside = np.zeros((2, 1, 65))
    state, *_ = cv2.grabCut(smooth, state, (0, 0, 0, 0), inside, outside, rounds, cv2.GC_INIT_WITH_MASK)
    return np.where(np.isin(state, (cv2.GC_FGD, cv2.GC_PR_FGD)), 255, 0).astype(np.uint8)


def _from_border(photo: np.ndarray) -> np.ndarray:
    """How unlike the picture's border each pixel is: CIELAB distance to the nearest of the border's colours, float32;
    light and shade count less than colour."""
    lab = cv2.cvtColor(cv2.GaussianBlur(photo, (0, 0), 1.0).astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    lab[..., 0] *= 0.8
    ring = lab[_ring(photo.shape[:2], 0.03)]
    count = min(5, len(ring))
    cv2.setRNGSeed(0)
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_MAX_ITER, 15, 0.5)
    _, labels, centres = cv2.kmeans(ring, count, None, stop, 1, cv2.KMEANS_PP_CENTERS)  # type: ignore[call-overload]
    # A colour of a small part of the border may be the object's, where it touches it.
    centres = centres[np.bincount(labels.ravel(), minlength=count) > 0.08 * len(ring)]
    return np.sqrt(((lab[:, :, None] - centres) ** 2).sum(-1)).min(-1)


def _otsu(values: np.ndarray) -> float:
    top = max(float(np.quantile(values, 0.99)), 1.0)
    grey = (values / top * 255).clip(0, 255).astype(np.uint8)
    return cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)[0] / 255 * top


def _ring(shape: tuple[int, ...], share: float) -> np.ndarray:
    inside = np.zeros(shape, bool)
    y, x = max(1, round(share * shape[0])), max(1, round(share * shape[1]))
    inside[y:-y, x:-x] = True
    return ~inside


# ---------------------------------------------------------------- examples with their object on white


@dataclass(frozen=True)
class Cut:
    """How objects are cut out, and which masks are good enough."""

    method: str = "none"  # one of `METHODS`
    least: float = 0.0  # masks of a lower quality score are left out


NO_CUT = Cut()


@dataclass(frozen=True)
class CutOut:
    """A photo on white, with what was done to it."""

    photo: np.ndarray
    mask: bytes  # a PNG file: 255 on the object
    placement: Placement
    score: float  # of the mask's `Quality`


def cut_out(photo: np.ndarray, cut: Cut, name: str) -> CutOut | Skipped:
    """The object of a square photo, on white and in the middle, or why its mask is not good enough; `auto` takes white
    ground for what it is."""
    outline = edges.find_outline(photo) if cut.method == "auto" else None
    mask = find_mask(photo, cut.method) if outline is None else outline.mask
    # Of the mask before it is moved: afterwards no object touches the border.
    found = quality(mask)
    if found.score < cut.least:
        whys = {"border": "it touches the border", "area": "it is very small or very large", "smooth": "it is ragged"}
        worst = min(whys, key=lambda part: getattr(found, part))
        reason = f"its mask is doubtful: quality {found.score:.2f}, {whys[worst]}"
        return Skipped(name, reason, thumbnail(photo))
    moved = placement(mask, photo.shape[0])
    placed = moved.apply_to_mask(mask)
    sharp = ((placed > 127) * 255).astype(np.uint8)
    return CutOut(on_white(moved.apply(photo), placed), encode_sketch(sharp), moved, found.score)


def maker(make: Callable[[Any], list], cut: Cut, channels: int = 1) -> Callable[[Any], list]:
    """`make` of pairs with sketches that are there, of 1 or 3 channels, its examples cut out; picklable."""
    return make if cut.method == "none" else functools.partial(_made, make, cut, channels)


def _made(make: Callable[[Any], list], cut: Cut, channels: int, raw: Any) -> list[Example | Skipped]:
    return [one if isinstance(one, Skipped) else example_cut_out(one, cut, channels) for one in make(raw)]


def example_cut_out(example: Example, cut: Cut, channels: int = 1) -> Example | Skipped:
    """A pair with its object on white; its sketches go where the photo goes."""
    assert example.photo is not None
    found = cut_out(decode(example.photo, 3), cut, example.file)
    if isinstance(found, Skipped):
        return found
    return dataclasses.replace(
        example,
        photo=encode_photo(found.photo),
        sketches=[encode_sketch(found.placement.apply(decode(data, channels))) for data in example.sketches],
        mask=found.mask,
        mask_quality=found.score,
        colour=images.dominant_colour(found.photo),
    )
