"""The colours a category comes in: what the colour picker offers."""

import cv2
import numpy as np

_ROUNDS = 20


def palette(categories: list[str], colours: np.ndarray, k: int = 8) -> dict[str, tuple[str, ...]]:
    """For each category up to `k` colours as "#rrggbb", the most frequent first (k-means in CIELAB).

    Args:
      categories: of each photo.
      colours: uint8 (n, 3): the dominant colour of each photo.
    """
    names = np.asarray(categories)
    return {name: cluster(colours[names == name], k) for name in sorted(set(categories))}


def cluster(colours: np.ndarray, k: int) -> tuple[str, ...]:
    """The centres of at most `k` clusters of RGB colours, uint8 (n, 3), largest cluster first; always the same."""
    lab = cv2.cvtColor((colours[None] / 255).astype(np.float32), cv2.COLOR_RGB2LAB)[0]
    centres = _spread_out(lab, k)
    nearest = np.zeros(len(lab), int)
    for _ in range(_ROUNDS):
        nearest = ((lab[:, None] - centres[None]) ** 2).sum(-1).argmin(1)
        centres = np.stack(
            [lab[nearest == j].mean(0) if (nearest == j).any() else centres[j] for j in range(len(centres))]
        )
    sizes = np.bincount(nearest, minlength=len(centres))
    order = [j for j in np.argsort(-sizes, kind="stable") if sizes[j]]
    rgb = cv2.cvtColor(centres[order][None].astype(np.float32), cv2.COLOR_LAB2RGB)[0]
    return tuple(dict.fromkeys("#{:02x}{:02x}{:02x}".format(*c) for c in (rgb * 255).round().clip(0, 255).astype(int)))


def _spread_out(lab: np.ndarray, k: int) -> np.ndarray:
    """Starting centres: the colour nearest to the mean, then always the one farthest from those taken."""
    distance = ((lab - lab.mean(0)) ** 2).sum(-1)
    taken = [int(distance.argmin())]
    distance = ((lab - lab[taken[0]]) ** 2).sum(-1)
    while len(taken) < min(k, len(lab)) and distance.max() > 1.0:
        taken.append(int(distance.argmax()))
        distance = np.minimum(distance, ((lab - lab[taken[-1]]) ** 2).sum(-1))
    return lab[taken]
