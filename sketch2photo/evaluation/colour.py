"""How far apart two colours look, and which colour a painted object has."""

import cv2
import numpy as np

GROUND_FROM = 245
"""A pixel whose three channels are all at least this is the white ground; as in `images.dominant_colour`."""
LEAST_OBJECT = 64
"""Pixels of a picture; with fewer there is no object."""


def to_lab(rgb: np.ndarray) -> np.ndarray:
    """sRGB uint8 (..., 3) as CIELAB under D65, float64 (..., 3), L from 0 to 100."""
    flat = np.asarray(rgb, np.uint8).reshape(1, -1, 3).astype(np.float32) / 255
    return cv2.cvtColor(flat, cv2.COLOR_RGB2LAB).reshape(np.shape(rgb)).astype(np.float64)


def object_mask(photo: np.ndarray) -> np.ndarray:
    """Where a photo on white, uint8 (h, w, 3), is not ground: bool (h, w)."""
    return photo.min(-1) < GROUND_FROM


def median_lab(photo: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray | None:
    """The median of L, a and b over the object, (3,); None where there is none. `mask` replaces `object_mask`."""
    inside = object_mask(photo) if mask is None else mask
    return np.median(to_lab(photo[inside]), 0) if inside.sum() >= LEAST_OBJECT else None


def ciede2000(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The colour difference of CIELAB colours (..., 3), equations and order of steps of Sharma et al. 2005.

    About 1 is just noticeable, 2 to 10 is seen at a glance, 50 and more are opposites.
    """
    l1, a1, b1 = np.moveaxis(np.asarray(a, np.float64), -1, 0)
    l2, a2, b2 = np.moveaxis(np.asarray(b, np.float64), -1, 0)
    mean_c = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    g = 0.5 * (1 - np.sqrt(mean_c**7 / (mean_c**7 + 25.0**7)))
    c1, c2 = np.hypot((1 + g) * a1, b1), np.hypot((1 + g) * a2, b2)
    h1 = np.degrees(np.arctan2(b1, (1 + g) * a1)) % 360
    h2 = np.degrees(np.arctan2(b2, (1 + g) * a2)) % 360

    grey = c1 * c2 == 0
    step = (h2 - h1 + 180) % 360 - 180
    step = np.where((h2 - h1) == 180, 180.0, step)  # eq. 10 keeps 180 where the modulus gives -180
    d_hue = np.where(grey, 0.0, 2 * np.sqrt(c1 * c2) * np.sin(np.radians(step) / 2))
    d_light, d_chroma = l2 - l1, c2 - c1

    mean_l, mean_c = (l1 + l2) / 2, (c1 + c2) / 2
    total = h1 + h2
    apart = np.abs(h1 - h2) > 180
    mean_h = np.where(grey, total, np.where(apart, np.where(total < 360, total + 360, total - 360) / 2, total / 2))
    t = (
        1
        - 0.17 * np.cos(np.radians(mean_h - 30))
        + 0.24 * np.cos(np.radians(2 * mean_h))
        + 0.32 * np.cos(np.radians(3 * mean_h + 6))
        - 0.20 * np.cos(np.radians(4 * mean_h - 63))
    )
    s_light = 1 + 0.015 * (mean_l - 50) ** 2 / np.sqrt(20 + (mean_l - 50) ** 2)
    s_chroma, s_hue = 1 + 0.045 * mean_c, 1 + 0.015 * mean_c * t
    turn = 30 * np.exp(-(((mean_h - 275) / 25) ** 2))
    r = -np.sin(np.radians(2 * turn)) * 2 * np.sqrt(mean_c**7 / (mean_c**7 + 25.0**7))
    light, chroma, hue = d_light / s_light, d_chroma / s_chroma, d_hue / s_hue
    return np.sqrt(np.maximum(0, light**2 + chroma**2 + hue**2 + r * chroma * hue))
