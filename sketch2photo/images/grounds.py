"""What an object stands on: a colour, paper, a studio's floor, or nothing."""

import functools
import re

import cv2
import numpy as np

from sketch2photo.errors import ConfigError

TRANSPARENT = "transparent"
GROUNDS = ("", TRANSPARENT, "paper", "floor")
"""The names of grounds beside colours; "" is white."""
_WALL, _SWEEP, _FRONT = (233, 230, 226), (246, 244, 241), (214, 209, 203)
"""The floor's colours: above, where it meets the wall, in front."""
_PAPER = (242, 235, 221)


def check(ground: str) -> str:
    """The ground, in small letters. `ConfigError` where it is neither one of `GROUNDS` nor a colour."""
    ground = ground.lower()
    if ground not in GROUNDS and not re.fullmatch("#[0-9a-f]{6}", ground):
        known = ", ".join(filter(None, GROUNDS))
        raise ConfigError(f"the ground is {ground[:40]!r}: choose {known}, a colour like '#c83020', or '' for white")
    return ground


def on_ground(cutout: np.ndarray, ground: str) -> np.ndarray:
    """An object, uint8 (s, s, 4) RGBA, on a ground: uint8 (s, s, 3) RGB, or as it is on the transparent one.

    Args:
      ground: as `check` gives it.
    """
    if ground == TRANSPARENT:
        return cutout
    size = cutout.shape[0]
    if ground in ("paper", "floor"):
        beneath = (_paper if ground == "paper" else _floor)(size) * (1 - _shadow(cutout[..., 3]))[..., None]
    else:
        beneath = np.array(tuple(bytes.fromhex((ground or "#ffffff")[1:])), np.float32)
    coverage = cutout[..., 3:].astype(np.float32) / 255
    return np.rint(beneath + coverage * (cutout[..., :3] - beneath)).astype(np.uint8)


@functools.lru_cache(4)
def _paper(size: int) -> np.ndarray:
    """float32 (s, s, 3): fibres, and light that falls off towards the corners."""
    random = np.random.default_rng(0)
    fibres = np.zeros((size, size), np.float32)
    for along, across in ((0.8, 0.8), (4.0, 0.7), (0.7, 4.0)):
        noise = random.normal(0, 1, (size, size)).astype(np.float32)
        fibres += along * cv2.GaussianBlur(noise, (0, 0), along, sigmaY=across)
    at = np.linspace(-1, 1, size, dtype=np.float32)
    light = 1 - 0.05 * (at[:, None] ** 2 + at[None] ** 2)
    return (np.array(_PAPER, np.float32) * light[..., None] + 2 * fibres[..., None]).clip(0, 255).astype(np.float32)


@functools.lru_cache(4)
def _floor(size: int) -> np.ndarray:
    """float32 (s, s, 3): a sweep of paper from the wall to the front, brightest where it bends."""
    at = np.linspace(0, 1, size)
    rows = np.stack([np.interp(at, (0, 0.62, 1), levels) for levels in zip(_WALL, _SWEEP, _FRONT, strict=True)], -1)
    soft = cv2.GaussianBlur(rows[:, None].astype(np.float32), (1, 0), 0.5, sigmaY=size * 0.06)
    return np.broadcast_to(soft.reshape(size, 1, 3), (size, size, 3)).astype(np.float32)


def _shadow(coverage: np.ndarray) -> np.ndarray:
    """How dark the ground is below an object, float32 (s, s) in 0..1: a soft ellipse under what stands on it."""
    size = coverage.shape[0]
    _, labels, stats, _ = cv2.connectedComponentsWithStats((coverage > 127).astype(np.uint8))
    large = (stats[:, cv2.CC_STAT_AREA] > 0.002 * size**2) & (np.arange(len(stats)) > 0)  # specks stand on nothing
    rows, columns = np.nonzero(large[labels])
    shade = np.zeros((size, size), np.float32)
    if not len(rows):
        return shade
    bottom = int(rows.max())
    foot = columns[rows > bottom - 0.12 * size]
    width = max(float(np.ptp(foot)), 0.35 * float(np.ptp(columns)))
    centre = (round(float(foot.min() + foot.max()) / 2), round(bottom - 0.008 * size))
    for share, dark in ((0.62, 0.35), (0.46, 0.35)):
        axes = (max(1, round(width * share)), max(1, round(width * share * 0.13 + 0.012 * size)))
        ellipse = cv2.ellipse(np.zeros_like(shade), centre, axes, 0, 0, 360, 1.0, -1)
        shade += dark * cv2.GaussianBlur(ellipse, (0, 0), (0.035 if share > 0.5 else 0.015) * size)
    return shade.clip(0, 0.75)
