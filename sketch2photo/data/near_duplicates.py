"""Which photos show the same thing: exact copies, other sizes and compressions, mirrored and recoloured twins.

Photos are compared by small thumbnails; what is nearly the same shares a group, and a group lies in one split.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from sketch2photo import images

if TYPE_CHECKING:
    from sketch2photo.data.example import Example

# Sides of the two thumbnails: what the photo looks like from afar, and where its edges are.
_COARSE, _FINE = 16, 40
# Correlations from which on two photos are the same. Detail tells apart shoes that differ in a buckle only.
_ALIKE_FROM_AFAR, _ALIKE_IN_DETAIL = 0.98, 0.94
_BLOCK = 1024


@dataclass(frozen=True)
class Fingerprint:
    """What a photo is compared by: vectors of length 1 and mean 0, float16 because there are many."""

    coarse: np.ndarray  # (2, 16, 16, 3): the whole picture and the object's square alone, as RGB
    fine: np.ndarray  # (2, 40, 40): the same two, only the edges, weak and strong ones alike


def fingerprint(photo: np.ndarray) -> Fingerprint:
    """What stays nearly the same when a photo, uint8 (s, s, 3), is resized, compressed, moved or its margin cut."""
    soft = cv2.GaussianBlur(photo, (0, 0), photo.shape[0] / 100)
    drawn = soft.min(-1) < 235
    rows, columns = np.flatnonzero(drawn.any(1)), np.flatnonzero(drawn.any(0))
    alone = photo
    if min(len(rows), len(columns)) >= 8:
        alone = images.pad_to_square(photo[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    small = [cv2.resize(f, (_COARSE, _COARSE), interpolation=cv2.INTER_AREA) for f in (photo, alone)]
    coarse = np.stack([_normalised(one.astype(np.float32)) for one in small])
    fine = np.stack([_fine(photo), _fine(alone)])
    return Fingerprint(coarse.astype(np.float16), fine.astype(np.float16))


def _fine(photo: np.ndarray) -> np.ndarray:
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (_FINE, _FINE), interpolation=cv2.INTER_AREA).astype(np.float32)
    edges = small - cv2.GaussianBlur(small, (0, 0), 2.5)
    return _normalised(edges / (np.sqrt(cv2.GaussianBlur(edges * edges, (0, 0), 3.0)) + 3.0))


def _normalised(values: np.ndarray) -> np.ndarray:
    values = values - values.mean()
    return values / max(float(np.linalg.norm(values)), 1e-3)


def find(examples: "list[Example]", *, join_copies: bool) -> None:
    """Give every example without a group one: named for the smallest content hash among its near-duplicates.

    With `join_copies` groups that are given are brought together, too, where they hold copies of the same file.
    """
    if join_copies:
        _join_copies(examples)
    open_ones = [e for e in examples if not e.group]
    places, known = _known([e.fingerprint for e in open_ones])
    alike = ((open_ones[places[i]].content, open_ones[places[j]].content) for i, j in _alike(known, known))
    smallest = _smallest_joined((e.content for e in open_ones), alike)
    for example in open_ones:
        example.group = smallest[example.content][:16]


def in_two_categories(examples: "list[Example]") -> list[str]:
    """Remarks on files that are the same picture, each under another category: whatever is learned of it is wrong."""
    first: dict[str, Example] = {}
    return [
        f"{other.file} ({other.category}) is the same picture as {one.file} ({one.category}): leave one of them out"
        for other in examples
        if other.content and (one := first.setdefault(other.content, other)).category != other.category
    ]


def _join_copies(examples: "list[Example]") -> None:
    group_of: dict[str, str] = {}
    copies = [(e.group, group_of.setdefault(e.content, e.group)) for e in examples if e.group]
    smallest = _smallest_joined((group for group, _ in copies), copies)
    for example in examples:
        if example.group or example.content in group_of:
            example.group = smallest[example.group or group_of[example.content]]


def _smallest_joined(names: Iterable[str], pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """For each name the smallest of those that pairs join it to, one way or another."""
    from scipy.cluster.hierarchy import DisjointSet  # here, as worker processes import this module, too

    sets = DisjointSet(names)
    for a, b in pairs:
        sets.merge(a, b)
    return {name: min(joined) for joined in sets.subsets() for name in joined}


def too_near(examples: "list[Example]") -> dict[int, int]:
    """The training pictures that are nearly the same as one kept for validation or test: their number, and its number;
    splits must be settled."""
    train, of_train = _known([e.fingerprint if e.split == "train" else None for e in examples])
    kept, of_kept = _known([e.fingerprint if e.split != "train" else None for e in examples])
    return {train[i]: kept[j] for i, j in sorted(_alike(of_train, of_kept), reverse=True)}


def _known(fingerprints: list[Fingerprint | None]) -> tuple[list[int], list[Fingerprint]]:
    """Where there are fingerprints, and they."""
    places = [place for place, one in enumerate(fingerprints) if one is not None]
    return places, [one for one in fingerprints if one is not None]


def _alike(these: list[Fingerprint], those: list[Fingerprint]) -> Iterator[tuple[int, int]]:
    """Which of these photos is nearly the same as which of those, mirrored or not, each by its place in its list."""
    for frame in range(2 if these and those else 0):
        coarse = _flat(np.stack([f.coarse[frame] for f in those]))
        fine = np.stack([f.fine[frame] for f in those])
        for start in range(0, len(these), _BLOCK):
            block = these[start : start + _BLOCK]
            for step in (1, -1):  # as it is, mirrored
                afar = _flat(np.stack([f.coarse[frame][:, ::step] for f in block])) @ coarse.T > _ALIKE_FROM_AFAR
                # Few photos are alike from afar, so the longer vectors are compared for these only.
                for row in np.flatnonzero(afar.any(1)):
                    columns = np.flatnonzero(afar[row])
                    detail = _flat(fine[columns]) @ _flat(block[row].fine[frame][None, :, ::step])[0]
                    yield from ((start + int(row), int(c)) for c in columns[detail > _ALIKE_IN_DETAIL])


def _flat(table: np.ndarray) -> np.ndarray:
    return table.reshape(len(table), -1).astype(np.float32)
