"""Where the lines of a photo are: the object's outline, its inner edges, its parts, and what a difference of Gaussians
sees.

All lines leave here in the same form, a `Path` of points, so that they can be smoothed, simplified, shaken and cut
before they are drawn (`styles`).
"""

from dataclasses import dataclass

import cv2
import numpy as np

from sketch2photo.data import polylines
from sketch2photo.data.polylines import Path

NATIVE = 256
"""Lengths below are pixels of a picture this wide; other sizes scale them."""
WHITE_FROM = 250
"""A pixel whose channels are all at least this bright is ground; white soles and porcelain are just below."""


@dataclass(frozen=True)
class Scale:
    """Which edges count."""

    blur: float  # standard deviation of the blur before Canny, in pixels
    low: int  # Canny's lower threshold; the upper one is 2.5 times this


SCALES = FINE, COARSE, FAINT, COARSEST = Scale(1.2, 30), Scale(2.2, 45), Scale(2.2, 25), Scale(3.2, 30)


@dataclass(frozen=True)
class Outline:
    """The object of a photo on white ground."""

    mask: np.ndarray  # uint8 (s, s): 255 on the object
    paths: list[Path]  # its closed borders, outer ones and those of holes, longest first


def find_outline(photo: np.ndarray) -> Outline | None:
    """What stands on the white ground of `photo`; None when there is no such ground or nothing on it."""
    side = photo.shape[0]
    # A slight blur keeps the noise that JPEG leaves around an object from counting as object.
    soft = cv2.GaussianBlur(photo, (0, 0), max(0.8 * side / NATIVE, 0.5))
    mask = (soft.min(-1) < WHITE_FROM).astype(np.uint8) * 255
    border = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    if (border > 0).mean() > 0.5:
        return None
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5)))
    # So strict a limit on a blurred picture makes the object a pixel too wide all round.
    mask = cv2.erode(mask, cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3)), iterations=round(side / NATIVE))
    return outline_of(cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)))


def outline_of(mask: np.ndarray) -> Outline | None:
    """The outline of what `mask`, uint8 (s, s), is 255 on; None when that is nothing but specks."""
    side = mask.shape[0]
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    contours = [c for c in contours if cv2.contourArea(c) > 0.002 * side * side]
    if not contours:
        return None
    # Holes (a chair's back, a teapot's handle) stay holes, specks of highlight are filled.
    filled = np.zeros_like(mask)
    cv2.drawContours(filled, contours, -1, 255, -1)
    holes = cv2.morphologyEx(cv2.subtract(filled, mask), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    found, _ = cv2.findContours(holes, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    found = [c for c in found if cv2.contourArea(c) > 0.004 * side * side]
    cv2.drawContours(filled, found, -1, 0, -1)
    return Outline(filled, borders(filled))


def object_mask(photo: np.ndarray) -> np.ndarray:
    """Where the object on the white ground of `photo` is, uint8 (s, s): 255 there; everywhere without such a ground."""
    outline = find_outline(photo)
    return np.full(photo.shape[:2], 255, np.uint8) if outline is None else outline.mask


def with_ground(photo: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The photo, uint8 (s, s, 3), with a fourth channel: 255 where its ground is, so that white around both is more of
    that."""
    return np.dstack([photo, 255 - mask.reshape(mask.shape[:2])])


def borders(mask: np.ndarray) -> list[Path]:
    """The closed borders of a mask, outer ones and those of holes, longest first."""
    contours, _ = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    paths = [polylines.close(c.reshape(-1, 2).astype(np.float32)) for c in contours if len(c) > 0.1 * mask.shape[0]]
    return sorted(paths, key=len, reverse=True)


def inner_edges(photo: np.ndarray, outline: Outline | None, scale: Scale) -> list[Path]:
    """Linked Canny edges of a square photo away from its outline, longest first."""
    unit = photo.shape[0] / NATIVE
    soft = cv2.GaussianBlur(photo, (0, 0), scale.blur * unit)
    edges = cv2.Canny(*_gradient(soft), scale.low, 2.5 * scale.low, L2gradient=True)
    if outline is not None:
        reach = 2 * round(3 * unit) + 1
        edges[cv2.erode(outline.mask, np.ones((reach, reach), np.uint8)) == 0] = 0
    return sorted(link(edges, shortest=round(18 * unit)), key=len, reverse=True)


def _gradient(photo: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Horizontal and vertical derivative of the channel that changes most: grey does not see red on green."""
    slopes = [cv2.Sobel(photo, cv2.CV_16S, *direction) for direction in ((1, 0), (0, 1))]
    strongest = (np.abs(slopes[0]) + np.abs(slopes[1])).argmax(-1)[..., None]
    across, down = (np.ascontiguousarray(np.take_along_axis(slope, strongest, -1)[..., 0]) for slope in slopes)
    return across, down


def link(edges: np.ndarray, shortest: int = 1) -> list[Path]:
    """Chains of at least `shortest` 8-connected pixels of a thin edge map, uint8 (h, w), above 0 on an edge; each pixel
    is in one chain, which goes straight on at crossings."""
    height, width = edges.shape
    stride = width + 2
    padded = np.zeros((height + 2, stride), np.uint8)
    padded[1:-1, 1:-1] = edges > 0
    free = set(np.flatnonzero(padded).tolist())
    around = [1, stride + 1, stride, stride - 1, -1, -stride - 1, -stride, -stride + 1]
    turns = (0, 1, -1, 2, -2, 3, -3, 4)
    # After each step those that are tried next, the one that turns least first; after none all around.
    onward = {0: around} | {step: [around[(n + turn) % 8] for turn in turns] for n, step in enumerate(around)}
    crowd = cv2.boxFilter(padded, -1, (3, 3), normalize=False, borderType=cv2.BORDER_CONSTANT) * padded
    ends = np.flatnonzero(crowd == 2).tolist()
    paths = []
    # From the loose ends first, so that an open line is one chain and not two halves; closed lines are left over.
    for start in [*ends, *sorted(free)]:
        if start not in free:
            continue
        chain, step = [start], 0
        free.discard(start)
        while step := next((one for one in onward[step] if chain[-1] + one in free), 0):
            chain.append(chain[-1] + step)
            free.discard(chain[-1])
        if len(chain) >= shortest:
            y, x = np.divmod(np.asarray(chain), stride)
            paths.append(np.stack([x - 1, y - 1], 1).astype(np.float32))
    return paths


def parts(photo: np.ndarray, outline: Outline, count: int) -> list[Path]:
    """Borders between areas of different colour inside an object, longest first: windows, soles, leaves, cushions.

    People draw the parts of a thing, not the edges of its surface. The photo is smoothed until areas are flat (mean
    shift, Comaniciu & Meer 2002), its colours are brought to `count` (k-means in CIELAB), and small areas vanish.
    """
    side = photo.shape[0]
    work = min(side, _PARTS_AT)
    small = cv2.resize(photo, (work, work), interpolation=cv2.INTER_AREA)
    inside = cv2.resize(outline.mask, (work, work), interpolation=cv2.INTER_AREA) > 127
    if inside.sum() < 200:
        return []
    flat = cv2.cvtColor(cv2.pyrMeanShiftFiltering(small, 6, 18), cv2.COLOR_RGB2LAB)
    colours = flat[inside].astype(np.float32)
    colours[:, 0] *= 0.5  # light and shade make fewer parts than colour
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_MAX_ITER, 12, 0.5)
    cv2.setRNGSeed(0)
    _, labels, _ = cv2.kmeans(colours, count, None, stop, 1, cv2.KMEANS_PP_CENTERS)  # type: ignore[call-overload]
    which = np.zeros((work, work), np.uint8)
    which[inside] = labels.ravel() + 1
    unit = work / NATIVE
    which = cv2.medianBlur(which, 2 * round(3 * unit) + 1)
    rim = cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, 5)
    found = []
    for label in range(1, count + 1):
        area = cv2.morphologyEx((which == label).astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
        for border in cv2.findContours(area, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]:
            if cv2.contourArea(border) > 0.004 * inside.sum():
                found += _inner_runs(border.reshape(-1, 2), rim, 5 * unit, round(14 * unit))
    across = np.hypot(*_gradient(cv2.GaussianBlur(small, (0, 0), 1.2)))
    across = cv2.dilate(across, np.ones((3, 3), np.uint8))
    clear = [path for path in found if np.median(across[tuple(path.astype(int).T[::-1])]) > _CLEAR]
    return [(path + 0.5) * (side / work) - 0.5 for path in sorted(clear, key=len, reverse=True)]


_CLEAR = 100.0  # slope (Sobel) from which on a border is one of parts and not of light and shade
_PARTS_AT = 160  # side at which parts are looked for: finer is slower and finds more of them, not better ones


def _inner_runs(border: np.ndarray, rim: np.ndarray, gap: float, shortest: int) -> list[Path]:
    """The stretches of a closed border that keep `gap` pixels from the object's outline."""
    inner = rim[border[:, 1], border[:, 0]] > gap
    if inner.all():
        return [polylines.close(border.astype(np.float32))]
    border, inner = (np.roll(a, -int(np.argmin(inner)), 0) for a in (border, inner))
    starts = np.flatnonzero(np.diff(inner.astype(np.int8), prepend=0) == 1)
    ends = np.flatnonzero(np.diff(inner.astype(np.int8), append=0) == -1) + 1
    return [border[a:b].astype(np.float32) for a, b in zip(starts, ends, strict=True) if b - a >= shortest]


def difference_of_gaussians(photo: np.ndarray, outline: Outline | None, sharpness: float = 18.0) -> np.ndarray:
    """Dark lines where a photo is darker than around, uint8 (s, s): XDoG (Winnemoeller, Kyprianidis & Olsen 2012,
    eq. 7 and 5), without its dark areas; `sharpness` is p, how much stronger lines are than tones."""
    unit = photo.shape[0] / NATIVE
    # The eye's brightness; red on green is seen through the channel that is darkest.
    darkest = photo.min(-1).astype(np.float32) + 20
    grey = np.minimum(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), darkest).astype(np.float32) / 255
    fine, coarse = (cv2.GaussianBlur(grey, (0, 0), 1.3 * k * unit) for k in (1.0, 1.6))
    response = sharpness * (fine - coarse)
    ink = 1 - np.where(response >= -0.12, 1.0, 1 + np.tanh(6 * (response + 0.12)))
    sketch = (255 * (1 - ink)).clip(0, 255).astype(np.uint8)
    drawn = (sketch < 128).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(drawn, connectivity=8)
    long = np.maximum(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT]) > 14 * unit
    long[0] = False
    sketch[cv2.dilate(long[labels].astype(np.uint8), np.ones((3, 3), np.uint8)) == 0] = 255
    if outline is not None:
        sketch = np.minimum(sketch, polylines.draw(outline.paths, photo.shape[0], 2 * unit))
    return sketch
