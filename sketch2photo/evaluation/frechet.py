"""The Fréchet distance between two sets of features, as if both were Gaussian (Heusel et al. 2017, eq. 6).

On other features than Inception's it is not called FID: name the features, for example FD-SqueezeNet.
"""

import numpy as np

from sketch2photo.errors import ConfigError


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """|mean a - mean b|^2 + tr(A + B - 2 (A B)^(1/2)), A and B the covariances; in float64, never negative.

    Biased upward for few samples: compare only figures of the same n. With n below the number of features the
    covariances are singular, which does no harm here.

    Args:
      a: features, (n, d), n at least 2.
      b: features, (m, d), m at least 2.

    Raises:
      ConfigError: fewer than two rows, or rows of different lengths.
    """
    a, b = _checked(a, b)
    difference = a.mean(0) - b.mean(0)
    return float(max(0.0, difference @ difference + _covariance_term(covariance(a), covariance(b))))


def gaussian_distance(mean_a: np.ndarray, a: np.ndarray, mean_b: np.ndarray, b: np.ndarray) -> float:
    """The same of two Gaussians by mean (d,) and covariance (d, d)."""
    difference = np.asarray(mean_a, np.float64) - np.asarray(mean_b, np.float64)
    return float(max(0.0, difference @ difference + _covariance_term(np.asarray(a, float), np.asarray(b, float))))


def covariance(x: np.ndarray) -> np.ndarray:
    """The unbiased covariance of rows, (d, d) float64."""
    centred = np.asarray(x, np.float64) - np.mean(x, 0, dtype=np.float64)
    return centred.T @ centred / (len(centred) - 1)


def _covariance_term(a: np.ndarray, b: np.ndarray) -> float:
    # tr (AB)^(1/2) is the sum of the roots of the eigenvalues of A^(1/2) B A^(1/2), which is symmetric: no complex
    # results of a general matrix root, of which one would have to drop the imaginary part.
    values, vectors = np.linalg.eigh(a)
    root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    cross = np.linalg.eigvalsh(root @ b @ root)
    return float(np.trace(a) + np.trace(b) - 2 * np.sqrt(np.clip(cross, 0, None)).sum())


def _checked(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise ConfigError(f"features must be rows of one length, received shapes {a.shape} and {b.shape}")
    if min(len(a), len(b)) < 2:
        raise ConfigError(f"a Fréchet distance needs two pictures on each side, received {len(a)} and {len(b)}")
    return a, b
