"""A classifier of photos: a linear layer on the features of a fixed network. It judges what the generator paints.

It is trained on real photos alone and shares nothing with the generator or its losses.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sketch2photo.errors import ConfigError

_DECAY = 1e-4
_LEAST_DEVIATION = 1e-3


@dataclass(frozen=True)
class PhotoClassifier:
    """Softmax regression on standardised features."""

    classes: tuple[str, ...]
    mean: np.ndarray  # (d,) of the training features; likewise the deviation
    deviation: np.ndarray
    kernel: np.ndarray  # (d, k)
    bias: np.ndarray  # (k,)

    def logits(self, features: np.ndarray) -> np.ndarray:
        """Of features (n, d), the logits (n, k), float64."""
        scaled = (np.asarray(features, np.float64) - self.mean) / self.deviation
        return scaled @ self.kernel + self.bias

    def named(self, features: np.ndarray, names: Sequence[str], best: int = 1) -> np.ndarray:
        """Whether each photo's right name is among its `best` likeliest: bool (n,). Raises `ConfigError`: a name that
        is no class."""
        unknown = sorted(set(names) - set(self.classes))
        if unknown:
            raise ConfigError(f"the photo classifier does not know {unknown[0]!r}: train it on photos of it")
        logits = self.logits(features)
        own = logits[np.arange(len(names)), [self.classes.index(name) for name in names]]
        return (logits > own[:, None]).sum(1) < best


def fit(features: np.ndarray, labels: np.ndarray, classes: Sequence[str], *, decay: float = _DECAY) -> PhotoClassifier:
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
