"""Objects drawn and shaded by rule, so that anyone can train something with nothing downloaded.

Every object is a few parts; a part is a shape blown up like a cushion, or turned as on a lathe, and lit from the upper
left. No two are alike: proportions, colours and patterns follow from category, number and seed.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from sketch2photo import images
from sketch2photo.files import write_atomic

SIDE = 256
LICENCE = "CC0: drawn by sketch2photo"
_FINE = 2
"""Pictures are drawn so many times larger, then reduced."""
_LIGHT = np.array([-0.45, -0.6, 0.66], np.float32)


class _Sheet:
    """A photo in the making; coordinates are shares of the side, from the centre, y downwards."""

    def __init__(self, rng: np.random.Generator):
        self.rng = rng
        self.side = SIDE * _FINE
        self.photo = np.full((self.side, self.side, 3), 255, np.float32)

    def polygon(self, points: list[tuple[float, float]], colour: np.ndarray, **look: Any) -> None:
        mask = np.zeros((self.side, self.side), np.uint8)
        cv2.fillPoly(mask, [self._pixels(points)], (255,))
        self._paint(mask, colour, **look)

    def ellipse(self, x: float, y: float, a: float, b: float, colour: np.ndarray, turn: float = 0.0, **look) -> None:
        t = np.linspace(0, 2 * np.pi, 120)
        u, v = a * np.cos(t), b * np.sin(t)
        c, s = np.cos(turn), np.sin(turn)
        self.polygon(list(zip(x + u * c - v * s, y + u * s + v * c, strict=True)), colour, **look)

    def ring(self, x: float, y: float, a: float, b: float, width: float, colour: np.ndarray) -> None:
        mask = np.zeros((self.side, self.side), np.uint8)
        (centre,) = self._pixels([(x, y)])
        axes = (round(a * self.side), round(b * self.side))
        cv2.ellipse(mask, centre.tolist(), axes, 0, 0, 360, 255, round(width * self.side))
        self._paint(mask, colour)

    def _pixels(self, points: list[tuple[float, float]]) -> np.ndarray:
        return np.round((np.array(points) + 0.5) * self.side).astype(np.int32)

    def _paint(
        self, mask: np.ndarray, colour: np.ndarray, flat: float = 0.0, gloss: float = 0.35, turned: bool = False
    ) -> None:
        """A part over what is there: a cushion, with `flat` 1 a board, `turned` as on a lathe about an upright axis."""
        left, top, width, height = cv2.boundingRect(mask)
        rim = 8 * _FINE
        box = (slice(max(top - rim, 0), top + height + rim), slice(max(left - rim, 0), left + width + rim))
        mask = np.ascontiguousarray(mask[box])
        relief = _lathe(mask) if turned else _cushion(mask) * (1 - 0.85 * flat)
        slope_y, slope_x = np.gradient(cv2.GaussianBlur(relief, (0, 0), 2.0 * _FINE))
        normal = np.dstack([-slope_x, -slope_y, np.ones_like(relief)])
        normal /= np.linalg.norm(normal, axis=2, keepdims=True)
        lit = normal @ (_LIGHT / np.linalg.norm(_LIGHT))
        shine = np.clip(2 * lit * normal[..., 2] - _LIGHT[2], 0, 1) ** 24 * gloss
        shaded = colour[None, None] * (0.42 + 0.62 * np.clip(lit, 0, 1))[..., None] + 255 * shine[..., None]
        alpha = (cv2.GaussianBlur(mask, (0, 0), 0.6 * _FINE).astype(np.float32) / 255)[..., None]
        self.photo[box] = self.photo[box] * (1 - alpha) + np.clip(shaded, 0, 246) * alpha


def _cushion(mask: np.ndarray) -> np.ndarray:
    distance = cv2.distanceTransform(mask, cv2.DIST_L2, 5)
    reach = max(float(distance.max()), 1.0)
    return np.sqrt(np.clip(1 - (1 - distance / reach) ** 2, 0, 1)) * reach


def _lathe(mask: np.ndarray) -> np.ndarray:
    inside = mask > 0
    half = np.maximum(inside.sum(1) / 2, 1)[:, None]
    centre = inside.argmax(1)[:, None] + half
    across = (np.arange(mask.shape[1])[None] - centre) / half
    return (np.sqrt(np.clip(1 - across**2, 0, 1)) * half * inside).astype(np.float32)


def _colour(rng: np.random.Generator, hue: tuple[float, float] = (0, 180), dark: float = 0.45) -> np.ndarray:
    hsv = np.array([[[rng.uniform(*hue) % 180, rng.uniform(120, 235), rng.uniform(255 * dark, 235)]]], np.uint8)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0].astype(np.float32)


def _ball(s: _Sheet) -> None:
    r, colour = s.rng.uniform(0.32, 0.42), _colour(s.rng)
    s.ellipse(0, 0, r, r, colour)
    band, other = s.rng.uniform(0.18, 0.34), _colour(s.rng)
    top = [
        (x, -band * r - 0.12 * r * np.sqrt(max(0.0, 1 - (x / r) ** 2))) for x in np.linspace(-r * 0.93, r * 0.93, 40)
    ]
    bottom = [(x, band * r - 0.12 * r * np.sqrt(max(0.0, 1 - (x / r) ** 2))) for x, _ in reversed(top)]
    s.polygon(top + bottom, other, flat=0.6)


def _mug(s: _Sheet) -> None:
    w, h, colour = s.rng.uniform(0.2, 0.27), s.rng.uniform(0.24, 0.34), _colour(s.rng)
    narrow = s.rng.uniform(0.75, 1.0)
    s.ring(w * 1.02, 0, s.rng.uniform(0.09, 0.12), h * s.rng.uniform(0.42, 0.6), 0.045, colour * 0.95)
    t = np.linspace(0, np.pi, 40)
    base = [(w * narrow * np.cos(a), h + 0.045 * np.sin(a)) for a in t]
    s.polygon([(w, -h), *base, (-w, -h)], colour, turned=True)
    s.ellipse(0, -h, w, 0.06, colour * 1.08, flat=0.9, gloss=0.1)
    s.ellipse(0, -h + 0.006, w * 0.88, 0.045, _colour(s.rng, (8, 18), 0.25) * 0.7, flat=1.0, gloss=0.0)


def _mushroom(s: _Sheet) -> None:
    w, stem, colour = s.rng.uniform(0.28, 0.38), s.rng.uniform(0.08, 0.13), _colour(s.rng, (-12, 22))
    h = s.rng.uniform(0.26, 0.36)
    s.polygon(
        [(-stem, -0.02), (stem, -0.02), (stem * 1.35, 0.36), (-stem * 1.35, 0.36)],
        np.array([232, 222, 200], np.float32),
        turned=True,
    )
    t = np.linspace(np.pi, 2 * np.pi, 60)
    under = [(w * np.cos(a), 0.05 * np.sin(a)) for a in np.linspace(0, np.pi, 40)]
    s.polygon([(w * np.cos(a), h * np.sin(a)) for a in t] + under, colour)
    for _ in range(int(s.rng.integers(3, 8))):
        a, far = s.rng.uniform(np.pi * 1.1, np.pi * 1.9), s.rng.uniform(0.25, 0.8)
        size = s.rng.uniform(0.025, 0.055)
        s.ellipse(
            w * far * np.cos(a), h * far * np.sin(a), size, size * 0.8, np.array([242, 236, 222], np.float32), gloss=0.1
        )


def _house(s: _Sheet) -> None:
    w, h, wall, roof = s.rng.uniform(0.24, 0.34), s.rng.uniform(0.17, 0.22), _colour(s.rng, dark=0.6), _colour(s.rng)
    top, over = -0.38, s.rng.uniform(0.03, 0.07)
    if s.rng.random() < 0.6:
        s.polygon([(w * 0.4, -0.3), (w * 0.62, -0.3), (w * 0.62, -0.05), (w * 0.4, -0.05)], roof * 0.7, flat=0.8)
    s.polygon([(-w, -0.06), (w, -0.06), (w, 2 * h), (-w, 2 * h)], wall, flat=0.95, gloss=0.0)
    s.polygon([(-w - over, -0.04), (0, top), (w + over, -0.04)], roof, flat=0.8, gloss=0.05)
    door, glass = _colour(s.rng, dark=0.25), np.array([150, 190, 215], np.float32)
    x = s.rng.uniform(-0.5, 0.1) * w
    s.polygon([(x, 2 * h), (x, h * 0.8), (x + 0.1, h * 0.8), (x + 0.1, 2 * h)], door, flat=0.9, gloss=0.05)
    for left in (x - 0.13, x + 0.17):
        if -w < left - 0.02 and left + 0.1 < w:
            s.polygon([(left, 0.05), (left + 0.08, 0.05), (left + 0.08, 0.14), (left, 0.14)], glass, flat=0.95)


def _fish(s: _Sheet) -> None:
    a, b, colour = s.rng.uniform(0.26, 0.32), s.rng.uniform(0.12, 0.2), _colour(s.rng)
    fin = np.clip(colour * 0.8, 0, 255)
    spread = s.rng.uniform(0.1, 0.18)
    s.polygon([(a * 0.75, 0), (a + 0.14, -spread), (a + 0.09, 0), (a + 0.14, spread)], fin, flat=0.5)
    s.polygon([(-a * 0.3, -b * 0.8), (a * 0.1, -b - 0.09), (a * 0.45, -b * 0.6)], fin, flat=0.5)
    s.ellipse(0, 0, a, b, colour)
    for x in np.linspace(-a * 0.15, a * 0.6, int(s.rng.integers(0, 4))):
        half = b * np.sqrt(1 - (x / a) ** 2) * 0.85
        s.ellipse(x, 0, 0.018, half, _colour(s.rng), flat=0.4, gloss=0.1)
    s.ellipse(-a * 0.62, -b * 0.18, 0.032, 0.032, np.array([245, 245, 240], np.float32), gloss=0.1)
    s.ellipse(-a * 0.64, -b * 0.18, 0.016, 0.016, np.array([20, 20, 24], np.float32))


def _lamp(s: _Sheet) -> None:
    shade, foot = _colour(s.rng, dark=0.6), _colour(s.rng, dark=0.3)
    top, bottom, h = s.rng.uniform(0.09, 0.16), s.rng.uniform(0.22, 0.33), s.rng.uniform(0.24, 0.32)
    s.ellipse(0, 0.38, s.rng.uniform(0.13, 0.2), 0.045, foot)
    s.polygon([(-0.022, -0.2), (0.022, -0.2), (0.03, 0.38), (-0.03, 0.38)], foot, turned=True)
    if s.rng.random() < 0.6:
        s.ellipse(0, 0.2, s.rng.uniform(0.05, 0.09), s.rng.uniform(0.06, 0.1), foot)
    t = np.linspace(0, np.pi, 40)
    rim = [(bottom * np.cos(a), -0.4 + h + 0.035 * np.sin(a)) for a in t]
    s.polygon([(top, -0.4), *rim, (-top, -0.4)], shade, gloss=0.15, turned=True)
    s.ellipse(0, -0.4, top, 0.016, shade * 0.75, flat=0.9, gloss=0.0)


OBJECTS: dict[str, Callable[[_Sheet], None]] = {
    "ball": _ball,
    "fish": _fish,
    "house": _house,
    "lamp": _lamp,
    "mug": _mug,
    "mushroom": _mushroom,
}


def draw(category: str, number: int, seed: int = 0) -> np.ndarray:
    """One object on white, RGB uint8 (256, 256, 3); the same whenever it is asked for."""
    rng = np.random.default_rng([seed, list(OBJECTS).index(category), number])
    sheet = _Sheet(rng)
    OBJECTS[category](sheet)
    photo = images.resize(sheet.photo.round().clip(0, 255).astype(np.uint8), SIDE)
    return np.ascontiguousarray(photo[:, ::-1]) if rng.random() < 0.5 else photo


def write(folder: Path, count: int, seed: int = 0) -> None:
    """`count` photos of each category, as raw files for the reader of photos; those that are there stay."""
    for category in OBJECTS:
        (folder / category).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            path = folder / category / f"{number:04d}.png"
            if not path.is_file():
                write_atomic(path, images.encode_png(draw(category, number, seed)))
