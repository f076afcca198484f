"""Lines as successive points: smoothed, simplified, shaken as by a hand, and drawn."""

import cv2
import numpy as np

from sketch2photo.images import PAPER

Path = np.ndarray
"""float32 (n, 2): x, y of successive points, in pixels. Closed when it ends where it begins."""

_FINER = 3
_SHIFT = 4  # fractional bits of OpenCV's line coordinates


def close(path: Path) -> Path:
    """The path back to its beginning."""
    return np.concatenate([path, path[:1]])


def is_closed(path: Path) -> bool:
    """Whether it ends where it begins."""
    return bool(len(path) > 3 and np.abs(path[0] - path[-1]).max() < 1.5)


def smooth(path: Path, sigma: float) -> Path:
    """Gaussian smoothing along the path; ends stay, closed paths stay closed."""
    if len(path) < 5 or sigma <= 0:
        return path
    reach = min(int(3 * sigma) + 1, len(path) - 2)
    kernel = cv2.getGaussianKernel(2 * reach + 1, sigma).astype(np.float32)
    closed, rim = is_closed(path), ((reach, reach), (0, 0))
    padded = np.pad(path[:-1], rim, "wrap") if closed else np.pad(path, rim, "reflect", reflect_type="odd")
    smoothed = cv2.filter2D(padded, -1, kernel, borderType=cv2.BORDER_REPLICATE)[reach:-reach]
    return close(smoothed) if closed else smoothed


def thin_out(paths: list[Path], drawn: list[Path], side: int, gap: float) -> list[Path]:
    """Those of `paths` that mostly keep `gap` pixels from what is drawn before them: no blots, no double lines."""
    taken = np.zeros((side, side), np.uint8)
    thickness = max(1, round(2 * gap))
    cv2.polylines(taken, [path.round().astype(np.int32) for path in drawn], False, 1, thickness)
    kept = []
    for path in paths:
        points = path.round().astype(np.int32)
        x, y = points.clip(0, side - 1).T
        if taken[y, x].mean() < 0.4:
            kept.append(path)
            cv2.polylines(taken, [points], False, 1, thickness)
    return kept


def simplify(path: Path, tolerance: float) -> Path:
    """Fewer corners, then points two pixels apart again, rounded a little: strokes of a hand, not of a ruler."""
    return smooth(polygon(path, tolerance), tolerance)


def wobble_field(side: int, amplitude: float, rng: np.random.Generator) -> np.ndarray:
    """A smooth displacement, float32 (s, s, 2), at most about `amplitude`: lines that meet go on meeting."""
    coarse = rng.uniform(-1, 1, (6, 6, 2)).astype(np.float32)
    return cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC) * amplitude


def shake(path: Path, field: np.ndarray, tremor: float, rng: np.random.Generator) -> Path:
    """The path moved by a `wobble_field`, and by up to `tremor` pixels more of its own."""
    x, y = path.round().astype(int).clip(0, field.shape[0] - 1).T
    moved = path + field[y, x]
    knots = max(2, len(path) // 12)
    noise = rng.uniform(-tremor, tremor, (knots, 1, 2)).astype(np.float32)
    if is_closed(path):
        noise[-1] = noise[0]
    return moved + cv2.resize(noise, (1, len(path)), interpolation=cv2.INTER_LINEAR).reshape(-1, 2)


def polygon(path: Path, tolerance: float) -> Path:
    """Straight pieces between few corners, points two pixels apart: lines drawn with a mouse."""
    if is_closed(path):
        corners = close(cv2.approxPolyDP(path[:-1].reshape(-1, 1, 2), tolerance, True).reshape(-1, 2))
    else:
        corners = cv2.approxPolyDP(path.reshape(-1, 1, 2), tolerance, False).reshape(-1, 2)
    lengths = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(corners, axis=0).T))])
    if lengths[-1] < 2:
        return corners
    at = np.linspace(0, lengths[-1], max(2, round(lengths[-1] / 2)))
    return np.stack([np.interp(at, lengths, corners[:, k]) for k in range(2)], 1).astype(np.float32)


def as_ellipse(path: Path) -> Path | None:
    """The ellipse that a closed path nearly is, as people draw wheels and buttons; None where it is none."""
    if not is_closed(path) or len(path) < 12:
        return None
    (x, y), (width, height), turn = cv2.fitEllipse(path[:-1].reshape(-1, 1, 2))
    if not 4 < max(width, height) < 3 * min(width, height):
        return None
    cosine, sine = np.cos(np.deg2rad(turn)), np.sin(np.deg2rad(turn))
    axes = np.array([[cosine, sine], [-sine, cosine]]) * np.array([[width / 2], [height / 2]])
    apart = np.abs(np.hypot(*((path - (x, y)) @ np.linalg.inv(axes)).T) - 1)  # as a share of the radius
    if apart.max() > 0.16 or apart.mean() > 0.08:
        return None
    at = np.linspace(0, 2 * np.pi, max(16, round(np.pi * max(width, height) / 4)))
    return (np.stack([np.cos(at), np.sin(at)], 1) @ axes + (x, y)).astype(np.float32)


def into_strokes(path: Path, most: int, rng: np.random.Generator) -> list[Path]:
    """A line with points two pixels apart in at most `most` strokes, taken up anew where it turns most, as by hand."""
    if len(path) < 16 or most < 2:
        return [path]
    reach = 4
    ahead = np.roll(path, -reach, 0) - path
    behind = path - np.roll(path, reach, 0)
    turn = np.abs(np.angle(np.exp(1j * (np.arctan2(*ahead.T[::-1]) - np.arctan2(*behind.T[::-1])))))
    if not is_closed(path):
        turn[:reach] = turn[-reach:] = 0
    turn = turn + rng.uniform(0, 0.35, len(turn))  # where nothing turns, anywhere
    cuts: list[int] = []
    for at in np.argsort(-turn):
        if all(min(abs(at - cut), len(path) - abs(at - cut)) > max(6, len(path) // (2 * most)) for cut in cuts):
            cuts.append(int(at))
        if len(cuts) == most:
            break
    if not is_closed(path):
        return [piece for piece in np.split(path, sorted(c for c in cuts if 6 < c < len(path) - 6)) if len(piece) > 3]
    ring = path[:-1]
    cuts = sorted(min(cut, len(ring) - 1) for cut in cuts)
    turned = np.roll(ring, -cuts[0], 0)
    pieces = np.split(turned, [cut - cuts[0] for cut in cuts[1:]])
    return [np.concatenate([piece, after[:1]]) for piece, after in zip(pieces, pieces[1:] + pieces[:1], strict=True)]


def misplace(path: Path, amount: float, rng: np.random.Generator) -> Path:
    """A stroke as a whole a little off: shifted by up to `amount` pixels, turned and stretched by about as much."""
    middle = path.mean(0)
    extent = max(float(np.ptp(path, 0).max()), 1.0)
    swing = min(amount / extent, 0.12)
    turn, (wider, longer) = rng.uniform(-swing, swing), rng.uniform(-swing, swing, 2)
    matrix = np.array([[1 + wider, -turn], [turn, 1 + longer]])
    return ((path - middle) @ matrix.T + middle + rng.uniform(-amount, amount, 2)).astype(np.float32)


def run_on(path: Path, most: float, rng: np.random.Generator) -> Path:
    """A stroke whose ends run on past where they should stop, or stop short of it, by up to `most` pixels."""
    if len(path) < 8:
        return path
    for _ in range(2):
        path = path[::-1]
        by = rng.uniform(-most, most)
        if by < 0:
            path = path[: max(4, len(path) - round(-by / 2))]
        else:
            tangent = path[-1] - path[-4]
            tangent = tangent / max(float(np.hypot(*tangent)), 1e-3)
            path = np.concatenate([path, path[-1:] + tangent * by])
    return path


def draw(paths: list[Path], side: int, width: float) -> np.ndarray:
    """Black lines on a white sheet, uint8 (side, side), smooth at their edges, of any width in pixels."""
    # Drawn larger: OpenCV's own smooth lines have but every other width.
    sheet = np.full((_FINER * side, _FINER * side), PAPER, np.uint8)
    for path in paths:
        fixed = np.round((_FINER * path + (_FINER - 1) / 2) * 2**_SHIFT).astype(np.int32).reshape(-1, 1, 2)
        cv2.polylines(sheet, [fixed], False, 0, max(1, round(_FINER * width)), cv2.LINE_8, _SHIFT)
    return cv2.resize(sheet, (side, side), interpolation=cv2.INTER_AREA)
