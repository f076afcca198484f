"""Figures of pictures: distances between sets of features, copies of training photos, colours, lines followed, and what
a classifier of photos takes them for.

Features are rows, (n, d), of whatever network. On Inception's the two distances are FID and KID; on others name them,
for example FD-SqueezeNet and KID-SqueezeNet.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from sketch2photo.errors import ConfigError
from sketch2photo.images import INK_BELOW

# ---------------------------------------------------------------- distances between sets of features


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """|mean a - mean b|^2 + tr(A + B - 2 (A B)^(1/2)), A and B the covariances; in float64, never negative.

    As if both sets were Gaussian (Heusel et al. 2017, eq. 6). Biased upward for few samples: compare only figures of
    the same n. With n below the number of features the covariances are singular, which does no harm here.

    Raises `ConfigError`: fewer than two rows on a side, or rows of different lengths.
    """
    a, b = _checked(a, b, "Fréchet")
    return gaussian_distance(a.mean(0), np.cov(a.T), b.mean(0), np.cov(b.T))


def gaussian_distance(mean_a: np.ndarray, a: np.ndarray, mean_b: np.ndarray, b: np.ndarray) -> float:
    """The same of two Gaussians by mean (d,) and covariance (d, d)."""
    difference, a, b = mean_a - mean_b, np.atleast_2d(a), np.atleast_2d(b)
    # tr (AB)^(1/2) is the sum of the roots of the eigenvalues of A^(1/2) B A^(1/2), which is symmetric: no complex
    # results of a general matrix root, of which one would have to drop the imaginary part.
    values, vectors = np.linalg.eigh(a)
    root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    cross = np.linalg.eigvalsh(root @ b @ root)
    spread = np.trace(a) + np.trace(b) - 2 * np.sqrt(np.clip(cross, 0, None)).sum()
    return float(max(0.0, difference @ difference + spread))


def _checked(a: np.ndarray, b: np.ndarray, distance: str) -> tuple[np.ndarray, np.ndarray]:
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise ConfigError(f"features must be rows of one length, received shapes {a.shape} and {b.shape}")
    if min(len(a), len(b)) < 2:
        raise ConfigError(f"a {distance} distance needs two pictures on each side, received {len(a)} and {len(b)}")
    return a, b


class KernelDistance(NamedTuple):
    """Mean and standard deviation of the distance over random subsets of so many pictures of each side."""

    mean: float
    sd: float
    subset: int


def kernel_distance(a: np.ndarray, b: np.ndarray) -> float:
    """The unbiased estimate of the squared maximum mean discrepancy with the kernel (x.y / d + 1)^3.

    (Bińkowski et al. 2018, section 4; the estimate is Gretton et al. 2012, eq. 3.) It may be negative: its mean is
    0 when both sides are drawn alike. Raises as `frechet_distance`.
    """
    a, b = _checked(a, b, "kernel")
    within = ((_kernel(x, x), len(x)) for x in (a, b))
    of_a, of_b = ((kernel.sum() - np.trace(kernel)) / (n * (n - 1)) for kernel, n in within)
    return float(of_a + of_b - 2 * _kernel(a, b).mean())


def subset_distance(
    a: np.ndarray, b: np.ndarray, *, subset: int = 100, subsets: int = 100, seed: int = 0
) -> KernelDistance:
    """The kernel distance of random subsets of both sides, drawn without replacement.

    Where there are no more than `subset` pictures, subsets are half of them: of the whole there is but one, and its
    distance has no spread.
    """
    rng = np.random.default_rng(seed)
    fewest = min(len(a), len(b))
    size = subset if fewest > subset else max(2, fewest // 2)
    values = [
        kernel_distance(a[rng.choice(len(a), size, replace=False)], b[rng.choice(len(b), size, replace=False)])
        for _ in range(subsets)
    ]
    return KernelDistance(float(np.mean(values)), float(np.std(values)), size)


def on_sphere(features: np.ndarray) -> np.ndarray:
    """The rows, (n, d), scaled to the length d^(1/2), so that the kernel is (cosine + 1)^3, float64.

    SqueezeNet's features are large (mean square 42), and the kernel's cube then lets a few pictures decide: the
    distance of real photos from each other, which should be 0, had a standard deviation of an eighth of a model's
    distance (280 pictures); on the sphere it is a twentieth.
    """
    x = np.asarray(features, np.float64)
    return x * (x.shape[-1] ** 0.5 / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-12))


def _kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a @ b.T / a.shape[1] + 1) ** 3


# ---------------------------------------------------------------- copies of training photos

_AT_ONCE = 512


def nearest(features: np.ndarray, training: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each row the training row at the least cosine distance: distances float64 (n,) in [0, 2], places int (n,)."""
    known = _unit(training)
    distances, places = [np.zeros(0)], [np.zeros(0, int)]
    for first in range(0, len(features), _AT_ONCE):
        likeness = _unit(features[first : first + _AT_ONCE]) @ known.T
        places.append(likeness.argmax(1))
        distances.append(1 - likeness.max(1))
    return np.concatenate(distances), np.concatenate(places)


def suspicious(generated: np.ndarray, held_out: np.ndarray, share: float = 0.01) -> float:
    """Share of the generated pictures nearer to a training photo than all but `share` of the held-out photos, which
    were not trained on, by distances as `nearest` gives them. About `share` when the generator knows its training
    photos no better than new photos do; near 1 when it repeats them."""
    return float((generated < np.quantile(held_out, share)).mean())


def _unit(x: np.ndarray) -> np.ndarray:
    x = np.asarray(x, np.float64)
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)


# ---------------------------------------------------------------- colours

GROUND_FROM = 245
"""A pixel whose three channels are all at least this is the white ground; as in `images.dominant_colour`."""
LEAST_OBJECT = 64  # pixels of a picture; with fewer there is no object


def to_lab(rgb: np.ndarray) -> np.ndarray:
    """sRGB uint8 (..., 3) as CIELAB under D65, float64 (..., 3), L from 0 to 100."""
    flat = np.asarray(rgb, np.uint8).reshape(1, -1, 3).astype(np.float32) / 255
    return cv2.cvtColor(flat, cv2.COLOR_RGB2LAB).reshape(np.shape(rgb)).astype(np.float64)


def object_mask(photo: np.ndarray) -> np.ndarray:
    """Where a photo on white, uint8 (h, w, 3), is not ground: bool (h, w)."""
    return photo.min(-1) < GROUND_FROM


def median_lab(photo: np.ndarray) -> np.ndarray | None:
    """The median of L, a and b over the object, (3,); None where there is none."""
    inside = object_mask(photo)
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


# ---------------------------------------------------------------- lines
# Sketches are uint8 (s, s), photos uint8 (s, s, 3); distances are meant for 256 pixels a side.

REACH = 4  # pixels of 256 within which an edge answers to a line
GAP = 3  # openings of an outline up to about twice this are closed before it is filled
CLOSED_SHARE = 0.5
"""An outline closes when it encloses at least this share of its convex hull; open ones enclose next to nothing."""
_CANNY = (40, 100)


def inside_of(sketch: np.ndarray) -> np.ndarray | None:
    """What a sketch's outline encloses, ink included: bool (s, s); None where it does not close."""
    ink = sketch < INK_BELOW
    if not ink.any():
        return None
    reach = np.ones((2 * GAP + 1, 2 * GAP + 1), np.uint8)
    bridged = cv2.morphologyEx(np.pad(ink.astype(np.uint8), 2 * GAP), cv2.MORPH_CLOSE, reach)
    crop = slice(2 * GAP, -2 * GAP)
    filled = ink | filled_holes(bridged > 0)[crop, crop]
    hull = cv2.fillConvexPoly(np.zeros_like(sketch), cv2.convexHull(cv2.findNonZero(ink.astype(np.uint8))), 1)
    return filled if (filled & ~ink).sum() >= CLOSED_SHARE * max(1, (hull.astype(bool) & ~ink).sum()) else None


def filled_holes(mask: np.ndarray) -> np.ndarray:
    """The mask and all that it encloses, bool (h, w)."""
    padded = np.pad(mask.astype(np.uint8), 1)
    cv2.floodFill(padded, None, (0, 0), (2,))
    return padded[1:-1, 1:-1] != 2


def outline_iou(sketch: np.ndarray, photo: np.ndarray) -> float | None:
    """Overlap of the painted object with the inside of the outline, 0 to 1; None where the outline does not close."""
    if (inside := inside_of(sketch)) is None:
        return None
    painted = filled_holes(object_mask(photo))
    return float((inside & painted).sum() / (inside | painted).sum())


def ink_with_edge(sketch: np.ndarray, photo: np.ndarray) -> float | None:
    """Share of the ink within `REACH` of an edge of the photo; None on an empty sheet."""
    ink = sketch < INK_BELOW
    return float(near_edge(photo)[ink].mean()) if ink.any() else None


def near_edge(photo: np.ndarray) -> np.ndarray:
    """Where an edge of the photo (Canny 1986, after a light blur) is within `REACH`, bool (s, s)."""
    grey = cv2.GaussianBlur(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), (0, 0), 1.0)
    edges = cv2.Canny(grey, *_CANNY, L2gradient=True) > 0
    if not edges.any():
        return edges
    return cv2.distanceTransform((~edges).astype(np.uint8), cv2.DIST_L2, 5) <= REACH


# ---------------------------------------------------------------- what a photo is taken for

_LEAST_DEVIATION = 1e-3


@dataclass(frozen=True)
class PhotoClassifier:
    """A linear layer on standardised features of a fixed network, trained on real photos alone."""

    classes: tuple[str, ...]
    mean: np.ndarray  # (d,) of the training features; likewise the deviation
    deviation: np.ndarray
    kernel: np.ndarray  # (d, k)
    bias: np.ndarray  # (k,)

    def logits(self, features: np.ndarray) -> np.ndarray:
        """Of features (n, d), the logits (n, k), float64."""
        return (np.asarray(features, np.float64) - self.mean) / self.deviation @ self.kernel + self.bias

    def named(self, features: np.ndarray, names: Sequence[str], best: int = 1) -> np.ndarray:
        """Whether each photo's right name is among its `best` likeliest: bool (n,). Raises `ConfigError`: a name that
        is no class."""
        if unknown := sorted(set(names) - set(self.classes)):
            raise ConfigError(f"the photo classifier does not know {unknown[0]!r}: train it on photos of it")
        logits = self.logits(features)
        own = logits[np.arange(len(names)), [self.classes.index(name) for name in names]]
        return (logits > own[:, None]).sum(1) < best


def fit_photo_classifier(
    features: np.ndarray, labels: np.ndarray, classes: Sequence[str], *, decay: float = 1e-4
) -> PhotoClassifier:
    """Softmax regression by L-BFGS; the classes weigh alike, however many photos they have.

    Args:
      features: (n, d), of real photos.
      labels: int (n,), into `classes`. Raises `ConfigError`: a class without photos, or fewer than two classes.
      decay: weight of half the squared norm of the kernel.
    """
    import scipy.optimize  # only here: slow to import

    k = len(classes)
    counts = np.bincount(labels, minlength=k)
    if k < 2 or not counts.all():
        missing = f"{classes[int(np.argmin(counts))]!r} has none" if k >= 2 else f"received {k} category"
        raise ConfigError(f"a photo classifier needs photos of two or more categories, {missing}: add some to the data")
    features = np.asarray(features, np.float64)
    mean, deviation = features.mean(0), np.maximum(features.std(0), _LEAST_DEVIATION)
    x = ((features - mean) / deviation).astype(np.float32)
    weight = (1 / (k * counts[labels])).astype(np.float32)
    rows = np.arange(len(x))
    d = x.shape[1]

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        kernel, bias = flat[: d * k].reshape(d, k), flat[d * k :]
        logits = x @ kernel.astype(np.float32) + bias.astype(np.float32)
        logits -= logits.max(1, keepdims=True)
        probability = np.exp(logits)
        total = probability.sum(1, keepdims=True)
        loss = float((weight * (np.log(total[:, 0]) - logits[rows, labels])).sum())
        slope = probability / total
        slope[rows, labels] -= 1
        slope *= weight[:, None]
        gradient = np.concatenate([(x.T @ slope + decay * kernel).ravel(), slope.sum(0)])
        return loss + decay / 2 * float((kernel**2).sum()), gradient.astype(np.float64)

    start = np.zeros(d * k + k)
    found = scipy.optimize.minimize(objective, start, jac=True, method="L-BFGS-B", options={"maxiter": 300})
    return PhotoClassifier(tuple(classes), mean, deviation, found.x[: d * k].reshape(d, k), found.x[d * k :])
