"""From what Cycles traced to a product photo: toned for the object, its shadow on pure white, a clean rim."""

import random

import cv2
import numpy as np


def develop(light: np.ndarray, alpha: np.ndarray, coverage: np.ndarray, rng: random.Random) -> np.ndarray:
    """The photo, uint8 (h, w, 3) RGB; ground without a shadow is exactly white.

    Args:
      light: linear RGB, as `studio.photograph` returns it with `alpha`, which holds object and shadow.
      coverage: of the object alone, float (h, w) from 0 to 1, without the noise that alpha has.
    """
    share = coverage[..., None].astype(np.float32)
    colour = _colour_within(light, coverage)
    inside = coverage > 0.98
    bright = np.quantile(colour[inside if inside.any() else coverage > 0.3].mean(-1), 0.95)
    stops = rng.uniform(-0.3, 0.12) + 0.7 * float(np.clip(np.log2(0.62 / max(bright, 0.05)), -1.4, 0.35))
    ground = _shadow(1 - alpha, coverage, rng)[..., None]
    photo = tone(colour * 2.0**stops, rng.uniform(1.0, 1.15)) * share + ground * (1 - share)
    # Photos of products are sharpened when they are scaled down.
    near = np.clip(2 * cv2.GaussianBlur(coverage.astype(np.float32), (0, 0), 1.5), 0, 1)[..., None]
    photo = photo + rng.uniform(0.15, 0.8) * (photo - cv2.GaussianBlur(photo, (0, 0), 0.9)) * near
    return (np.clip(photo, 0, 1) * 255 + 0.5).astype(np.uint8)


def tone(light: np.ndarray, contrast: float = 1.0) -> np.ndarray:
    """Linear light as sRGB from 0 to 1 (IEC 61966-2-1), with a soft shoulder above 0.7."""
    light = np.maximum(light, 0)
    light = np.where(light < 0.7, light, 0.7 + 0.3 * (1 - np.exp(-(light - 0.7) / 0.42)))
    encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 1e-6) ** (1 / 2.4) - 0.055)
    return np.clip(0.5 + (encoded - 0.5) * contrast, 0, 1).astype(np.float32)


def _colour_within(light: np.ndarray, coverage: np.ndarray) -> np.ndarray:
    """The object's own colour: a rim that is mixed with ground takes its colour from just inside."""
    pure = light / np.maximum(coverage, 0.25)[..., None]
    weight = np.clip((coverage - 0.3) / 0.7, 0, 1).astype(np.float32) ** 3
    near, enough = _spread(pure, weight, 0.9)
    far, _ = _spread(pure, weight + 1e-4 * (coverage > 0.05).astype(np.float32), 2.0)
    filled = np.where((enough > 0.02)[..., None], near, far)
    keep = np.clip((coverage - 0.9) / 0.08, 0, 1)[..., None]
    return pure * keep + filled * (1 - keep)


def _shadow(light: np.ndarray, coverage: np.ndarray, rng: random.Random) -> np.ndarray:
    """How bright the ground is: 1 but for the shadow, which fades away from the object."""
    border = np.concatenate([light[:6].ravel(), light[-6:].ravel(), light[:, :6].ravel(), light[:, -6:].ravel()])
    light = np.clip(light / max(0.975 * float(np.quantile(border, 0.3)), 0.05), 0, 1).astype(np.float32)
    free = (coverage < 0.01).astype(np.float32)
    near, enough = _spread(light, free, 1.0)
    far, _ = _spread(light, free + 1e-6, 4.0)
    light = np.where(enough > 0.05, near, far)
    strength = rng.choice([0, 0.5, 0.8, 1, 1]) * rng.uniform(0.55, 1)
    away = cv2.distanceTransform((coverage < 0.5).astype(np.uint8), cv2.DIST_L2, 5) * 256 / len(light)
    fading = np.exp(-np.maximum(0, away - 12) / rng.uniform(18, 60))
    return np.sqrt(1 - (1 - light) * strength * fading)


def _spread(values: np.ndarray, weight: np.ndarray, sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """Values blurred over the pixels that have a weight, and how much weight there is."""
    values = values.astype(np.float32)
    wide = weight[..., None] if values.ndim == 3 else weight
    total = cv2.GaussianBlur(weight, (0, 0), sigma)
    blurred = cv2.GaussianBlur(values * wide, (0, 0), sigma)
    return blurred / np.maximum(total[..., None] if values.ndim == 3 else total, 1e-5), total
