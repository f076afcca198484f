"""Sketches drawn from a photo, in several styles: edge maps, outlines, and lines as people draw them.

A model trained on raw edge maps fails on a mouse drawing, so every photo is rendered several ways. What people draw
differs from edges in what is drawn (parts, not texture), in its shape (few corners, or rounded) and in how the pen goes
(strokes taken up anew, that miss each other or run on); each of the styles by hand does that in its own measure.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

import cv2
import numpy as np

from sketch2photo import images
from sketch2photo.data import edges, polylines
from sketch2photo.data.example import encode_sketch
from sketch2photo.data.polylines import Path
from sketch2photo.errors import choose

Rng = np.random.Generator


def seed_of(content: bytes) -> int:
    """A seed that depends on a file's content alone, so that a photo keeps its lines when others come or go."""
    return int.from_bytes(hashlib.sha256(content).digest()[:8], "little")


class _Subject:
    """A photo with what its renderings share."""

    def __init__(self, photo: np.ndarray, mask: np.ndarray | None = None):
        self.photo = photo
        self.side: int = photo.shape[0]
        self.unit = self.side / edges.NATIVE
        self.outline = edges.find_outline(photo) if mask is None else edges.outline_of(mask)
        self.inner_edges = cache(partial(edges.inner_edges, photo, self.outline))
        self.parts = cache(self._parts)

    def _parts(self, count: int) -> list[Path]:
        """See `edges.parts`; of a photo without an outline its coarsest edges."""
        if self.outline is None:
            return self.inner_edges(edges.COARSEST)
        return edges.parts(self.photo, self.outline, count)

    def contours(self, scale: edges.Scale) -> list[Path]:
        """The outline and the clear inner edges, smoothed, without lines that crowd others."""
        inner = [polylines.smooth(path, 2 * self.unit) for path in self.inner_edges(scale)]
        outer = [] if self.outline is None else [polylines.smooth(path, 1.2 * self.unit) for path in self.outline.paths]
        return outer + polylines.thin_out(inner, outer, self.side, 5 * self.unit)


def _canny(subject: _Subject, rng: Rng) -> np.ndarray:
    scale = edges.SCALES[rng.choice(4, p=(0.4, 0.3, 0.15, 0.15))]
    return polylines.draw(subject.contours(scale), subject.side, rng.uniform(2.5, 5) * subject.unit)


def _xdog(subject: _Subject, rng: Rng) -> np.ndarray:
    return edges.difference_of_gaussians(subject.photo, subject.outline, rng.uniform(12, 24))


def _silhouette(subject: _Subject, rng: Rng) -> np.ndarray:
    if subject.outline is None:
        paths = subject.contours(edges.COARSEST)
    else:
        paths = [polylines.smooth(path, 1.5 * subject.unit) for path in subject.outline.paths]
    return polylines.draw(paths, subject.side, rng.uniform(2.5, 5) * subject.unit)


@dataclass(frozen=True)
class _Manner:
    """How a person draws; lengths in pixels of a 256 px picture, each a range of which every drawing takes one."""

    rounding: tuple[float, float]  # of the outline, before anything else
    tolerance: tuple[float, float]  # how far a line may be from the photo's where it is simplified
    angular: float  # chance that lines are straight pieces between corners and not rounded
    wobble: tuple[float, float]  # by which the whole drawing is distorted
    strokes: tuple[int, int]  # into how many strokes a long line falls
    miss: tuple[float, float]  # by which strokes are misplaced, and their ends stop short or run on
    details: tuple[int, ...]  # how many inner lines are drawn
    again: float = 0.0  # chance that a stroke is gone over twice
    width: tuple[float, float] = (2.2, 5.5)


_CONTOUR = _Manner((0.8, 1.5), (0.8, 1.6), 0.0, (0.3, 1.5), (1, 2), (0.0, 1.0), (2, 4, 8, 12, 16))
_HAND = _Manner((1.0, 2.5), (1.2, 2.6), 0.15, (1.0, 4.0), (1, 4), (0.5, 2.5), (0, 2, 4, 6, 9))
_MOUSE = _Manner((1.0, 3.0), (2.5, 5.0), 0.8, (1.0, 5.0), (1, 3), (0.5, 3.0), (0, 2, 4, 7))
_LOOSE = _Manner((2.0, 5.0), (2.0, 4.5), 0.3, (2.0, 6.0), (2, 7), (2.0, 5.0), (0, 2, 3, 5), again=0.15)


def _by_hand(manner: _Manner, subject: _Subject, rng: Rng) -> np.ndarray:
    """Lines as a person might draw them: the outline and some inner lines, simplified, in strokes, misplaced."""
    side, unit = subject.side, subject.unit
    width = rng.uniform(*manner.width) * unit
    tolerance = rng.uniform(*manner.tolerance) * unit
    miss = rng.uniform(*manner.miss) * unit
    rounding = rng.uniform(*manner.rounding) * unit
    outer: list[Path] = []
    if subject.outline is not None:
        rounded = (cv2.GaussianBlur(subject.outline.mask, (0, 0), rounding) > 127).astype(np.uint8)
        outer = [polylines.smooth(path, 2 * unit) for path in edges.borders(rounded)]
    inner = _inner(subject, outer, rng.choice(manner.details), width + rng.choice([3, 6]) * unit, rng)
    wobble = rng.uniform(*manner.wobble) * unit
    field = polylines.wobble_field(side, wobble, rng)
    simplify = polylines.polygon if rng.random() < manner.angular else polylines.simplify
    most = int(rng.integers(manner.strokes[0], manner.strokes[1] + 1))
    drawn = []
    for number, path in enumerate(outer + inner):
        ellipse = polylines.as_ellipse(path) if number >= len(outer) else None
        path = simplify(path, tolerance) if ellipse is None else ellipse
        path = polylines.shake(path, field, 0.15 * wobble, rng)
        for stroke in polylines.into_strokes(path, most if len(path) * 2 > 0.4 * side else 1, rng):
            stroke = polylines.misplace(stroke, miss, rng)
            drawn.append(polylines.run_on(stroke, 2 * miss, rng))
            if rng.random() < manner.again:
                drawn.append(polylines.misplace(stroke, miss, rng))
    return polylines.draw(drawn, side, width)


def _inner(subject: _Subject, outer: list[Path], most: int, gap: float, rng: Rng) -> list[Path]:
    """`most` inner lines: the borders of parts, then edges; many of a photo without an outline."""
    if subject.outline is None:
        most = 40
    if not most:
        return []
    parts = subject.parts(int(rng.integers(3, 6))) if rng.random() < 0.8 else []
    scale = edges.SCALES[rng.integers(4)]
    both = parts + [path for path in subject.inner_edges(scale) if len(path) > 26 * subject.unit]
    smooth = [polylines.smooth(path, 3 * subject.unit) for path in both]
    return polylines.thin_out(smooth, outer, subject.side, gap)[:most]


STYLES: dict[str, Callable[[_Subject, Rng], np.ndarray]] = {
    "canny": _canny,
    "silhouette": _silhouette,
    "contour": partial(_by_hand, _CONTOUR),
    "hand": partial(_by_hand, _HAND),
    "mouse": partial(_by_hand, _MOUSE),
    "loose": partial(_by_hand, _LOOSE),
    "xdog": _xdog,
}
"""Canny's edges at one of four scales; the outline alone; outline and inner edges drawn carefully, by hand, by mouse,
loosely; and dark lines by difference of Gaussians."""
DEFAULT = tuple(STYLES)


def check(styles: list[str] | None) -> tuple[str, ...]:
    """The styles if they are known, all without any. Raises `ConfigError`."""
    return tuple(choose("style in --styles", style, DEFAULT) for style in styles or DEFAULT)


def renderings(
    photo: np.ndarray,
    seed: int,
    count: int = len(DEFAULT),
    styles: tuple[str, ...] = DEFAULT,
    mask: np.ndarray | None = None,
) -> list[tuple[str, np.ndarray]]:
    """`count` sketches of a square photo, each with the name of its style, uint8 (s, s): the styles in turn.

    Args:
      photo: uint8 (s, s, 3) RGB, the object on white; without a white ground the silhouette becomes the coarsest
        contours instead.
      mask: uint8 (s, s), 255 on the object, where it is known better than by the photo's white, which ends at shadows.
      seed: the same seed gives the same lines, see `seed_of`; more renderings leave the first ones as they are.
    """
    subject = _Subject(photo, mask)
    drawn = []
    for number in range(count):
        style = styles[number % len(styles)]
        rng = np.random.default_rng([seed, list(STYLES).index(style), number // len(styles)])
        drawn.append((style, STYLES[style](subject, rng)))
    return drawn


def encoded(drawn: list[tuple[str, np.ndarray]]) -> tuple[list[bytes], list[str]]:
    """Sketches and their styles without blank sheets, which teach a model to paint a photo from nothing."""
    drawn = [(style, sketch) for style, sketch in drawn if images.ink_box(sketch) is not None]
    return [encode_sketch(sketch) for _, sketch in drawn], [style for style, _ in drawn]
