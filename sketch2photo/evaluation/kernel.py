"""The kernel distance between two sets of features (Bińkowski et al. 2018): unbiased, so also of use for small n.

On Inception's features it is KID; on others name them, for example KID-SqueezeNet.
"""

from dataclasses import dataclass

import numpy as np

from sketch2photo.errors import ConfigError


@dataclass(frozen=True)
class KernelDistance:
    """Mean and standard deviation of the distance over random subsets, and what it was taken of."""

    mean: float
    sd: float
    subset: int
    """Pictures of each side in a subset."""
    subsets: int
    n: tuple[int, int]
    """Pictures on either side."""


def kernel_distance(a: np.ndarray, b: np.ndarray) -> float:
    """The unbiased estimate of the squared maximum mean discrepancy with the kernel (x.y / d + 1)^3.

    (Bińkowski et al. 2018, section 4; the estimate is Gretton et al. 2012, eq. 3.) It may be negative: its mean is
    0 when both sides are drawn alike.

    Args:
      a: features, (n, d), n at least 2.
      b: features, (m, d), m at least 2.

    Raises:
      ConfigError: fewer than two rows, or rows of different lengths.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise ConfigError(f"features must be rows of one length, received shapes {a.shape} and {b.shape}")
    n, m = len(a), len(b)
    if min(n, m) < 2:
        raise ConfigError(f"a kernel distance needs two pictures on each side, received {n} and {m}")
    within_a, within_b = _kernel(a, a), _kernel(b, b)
    return float(
        (within_a.sum() - np.trace(within_a)) / (n * (n - 1))
        + (within_b.sum() - np.trace(within_b)) / (m * (m - 1))
        - 2 * _kernel(a, b).mean()
    )


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
    return KernelDistance(float(np.mean(values)), float(np.std(values)), size, subsets, (len(a), len(b)))


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
