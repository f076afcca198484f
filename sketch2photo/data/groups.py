"""Which photos show the same thing: exact copies, other sizes and compressions, mirrored and recoloured twins.

Photos are compared by small thumbnails; what is nearly the same shares a group, and a group lies in one split.
"""

import cv2
import numpy as np

from sketch2photo.data.example import Example

THUMBNAIL = 16
SAME_ABOVE = 0.985
"""Correlation of two thumbnails from which on they are the same photo."""
_BLOCK = 1024


def thumbnail(photo: np.ndarray) -> np.ndarray:
    """A small picture of a square photo as a vector of length 1 and mean 0, float32 (3 * 16 * 16,)."""
    small = cv2.resize(photo, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA).astype(np.float32)
    values = (small - small.mean()).reshape(-1)
    return values / max(float(np.linalg.norm(values)), 1e-3)


def find(examples: list[Example], *, join_copies: bool) -> None:
    """Give every example without a group one: named for the smallest content hash among its near-duplicates.

    Args:
      join_copies: bring groups that are given together, too, where they hold copies of the same file.
    """
    if join_copies:
        _join_copies(examples)
    open_ones = [e for e in examples if not e.group]
    if not open_ones:
        return
    sets = _Sets()
    for i, j in near_pairs([e.thumbnail for e in open_ones]):
        sets.join(open_ones[i].content, open_ones[j].content)
    for example in open_ones:
        example.group = sets.smallest(example.content)[:16]


def _join_copies(examples: list[Example]) -> None:
    sets, group_of = _Sets(), {}
    for example in examples:
        if example.group:
            sets.join(example.group, group_of.setdefault(example.content, example.group))
    for example in examples:
        if example.group or example.content in group_of:
            example.group = sets.smallest(example.group or group_of[example.content])


class _Sets:
    """Disjoint sets of names, each known by the smallest."""

    def __init__(self) -> None:
        self._leader: dict[str, str] = {}

    def smallest(self, name: str) -> str:
        path = []
        while (above := self._leader.get(name, name)) != name:
            path.append(name)
            name = above
        for passed in path:
            self._leader[passed] = name
        return name

    def join(self, a: str, b: str) -> None:
        low, high = sorted((self.smallest(a), self.smallest(b)))
        self._leader[high] = low


def near_pairs(thumbnails: list) -> list[tuple[int, int]]:
    """Pairs (i, j), i < j, of thumbnails that are nearly the same, mirrored or not; None is like nothing."""
    known = [i for i, t in enumerate(thumbnails) if t is not None]
    if len(known) < 2:
        return []
    table = np.stack([thumbnails[i] for i in known])
    mirrored = table.reshape(-1, THUMBNAIL, THUMBNAIL, 3)[:, :, ::-1].reshape(len(table), -1)
    pairs = []
    for start in range(0, len(table), _BLOCK):
        block = table[start : start + _BLOCK]
        alike = np.maximum(block @ table[start:].T, block @ mirrored[start:].T) > SAME_ABOVE
        for i, j in np.argwhere(alike):
            if i < j:
                pairs.append((known[start + i], known[start + j]))
    return pairs
