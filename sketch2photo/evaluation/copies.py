"""Whether a generator repeats its training photos: the nearest of them, by features."""

import numpy as np

_AT_ONCE = 512


def nearest(features: np.ndarray, training: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each row the training row at the least cosine distance: distances float64 (n,) in [0, 2], places int (n,)."""
    known = _unit(training)
    distances, places = [], []
    for first in range(0, len(features), _AT_ONCE):
        likeness = _unit(features[first : first + _AT_ONCE]) @ known.T
        places.append(likeness.argmax(1))
        distances.append(1 - likeness.max(1))
    if not distances:
        return np.zeros(0), np.zeros(0, int)
    return np.concatenate(distances), np.concatenate(places)


def suspicious(generated: np.ndarray, held_out: np.ndarray, share: float = 0.01) -> float:
    """Share of the generated pictures nearer to a training photo than all but `share` of the held-out photos are.

    About `share` when the generator knows its training photos no better than new photos do; near 1 when it repeats
    them.

    Args:
      generated: distances as `nearest` gives them; likewise `held_out`, of real photos that were not trained on.
    """
    return float((generated < np.quantile(held_out, share)).mean())


def _unit(x: np.ndarray) -> np.ndarray:
    x = np.asarray(x, np.float64)
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
