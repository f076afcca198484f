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


def find(examples: list[Example]) -> None:
    """Give every example without a group one: named for the smallest content hash among its near-duplicates."""
    open_ones = [e for e in examples if not e.group]
    if not open_ones:
        return
    leader = list(range(len(open_ones)))

    def lead(i: int) -> int:
        while leader[i] != i:
            leader[i] = leader[leader[i]]
            i = leader[i]
        return i

    for i, j in near_pairs([e.thumbnail for e in open_ones]):
        leader[lead(i)] = lead(j)
    by_content: dict[str, int] = {}
    for i, example in enumerate(open_ones):
        leader[lead(i)] = lead(by_content.setdefault(example.content, i))
    names: dict[int, str] = {}
    for i, example in enumerate(open_ones):
        names[lead(i)] = min(names.get(lead(i), example.content), example.content)
    for i, example in enumerate(open_ones):
        example.group = names[lead(i)][:16]


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
