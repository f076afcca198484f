"""What is ink and what is paper, and how wide the lines are: any drawing as black lines of usual width on white.

A pencil drawing photographed on a desk, chalk on a board, a thick marker and a hairline all come out as the drawings
that models are trained on. What is such a drawing already is left as it is, to the bit.
"""

import cv2
import numpy as np

PAPER = 255
INK_BELOW = 200
"""A pixel darker than this counts as drawn."""

_MIDDLE = (40, 247)  # grey levels of a photographed sheet, of which a drawing made on a screen has few
_PHOTOGRAPHED = 0.35  # with a larger share of such pixels, a picture is one of a sheet of paper
_FAINT_ABOVE = 40  # ink lighter than this is darkened to it
_FAINTEST = 243  # what is lighter is paper, however faint the drawing
_NOTHING_ABOVE = 225  # when even the middle of lines is lighter, there are none, but noise of the file format
_DARK_GROUND = 100  # a picture whose rim is darker than this is on dark ground
_COLOURED = 24  # levels by which a colour differs from grey that counts
_WIDEST_COLOURED = 12  # lines of colour are narrower than a twelfth of the sheet
_AREAS_AT = 1024  # side at which they are told from areas
_SPECK = 2e-4  # blots on photographed paper smaller than this share of the sheet are dirt


def clean(sketch: np.ndarray) -> np.ndarray:
    """A drawing as dark ink on white paper, uint8 (h, w): light on dark is inverted, faint lines are made darker, and
    the light on a photographed sheet is evened out.

    Doing it twice does no more than once; a drawing made on a screen in dark lines comes back unchanged.
    """
    levels = np.bincount(sketch.ravel(), minlength=256) / sketch.size
    if levels[:100].sum() > 0.5 and _is_light_on_dark(sketch):
        sketch, levels = 255 - sketch, levels[::-1]
    if levels[_MIDDLE[0] : _MIDDLE[1]].sum() > _PHOTOGRAPHED:
        sketch = _even_out(sketch)
    return darken(sketch)


def grey(picture: np.ndarray) -> np.ndarray:
    """RGB uint8 (h, w, 3) as grey (h, w) in which lines stand out by their colour, too: yellow on white, blue on black.

    Areas keep the brightness that the eye sees, so that a painted drawing keeps its lines.
    """
    light = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    on_dark = np.median(_rim(light)) < _DARK_GROUND
    red, green, blue = cv2.split(picture)
    most, least = cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue)
    colour = cv2.subtract(most, light) if on_dark else cv2.subtract(light, least)
    if colour.max() < _COLOURED:
        return light
    # Areas are what is left of the colour where lines are too narrow to stay; of a large photo, of a small copy.
    scale = min(1.0, _AREAS_AT / max(light.shape))
    small = cv2.resize(colour, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else colour
    reach = max(small.shape) // _WIDEST_COLOURED | 1
    areas = cv2.morphologyEx(small, cv2.MORPH_OPEN, np.ones((reach, reach), np.uint8))
    if scale < 1:
        areas = cv2.resize(cv2.dilate(areas, np.ones((3, 3), np.uint8)), colour.shape[::-1])
    lines = cv2.subtract(colour, areas)
    seen = cv2.add(light, lines) if on_dark else cv2.subtract(light, lines)
    if on_dark or seen.min() < INK_BELOW:
        return seen
    return cv2.subtract(light, colour)  # nothing but pale areas


def _rim(sketch: np.ndarray) -> np.ndarray:
    return np.concatenate([sketch[0], sketch[-1], sketch[:, 0], sketch[:, -1]])


def darken(sketch: np.ndarray) -> np.ndarray:
    """A drawing on white with its contrast raised until the middle of its lines is dark."""
    levels = np.bincount(sketch.ravel(), minlength=256)[:_FAINTEST]
    marked = levels.sum()
    if not marked:
        return sketch
    # The darkest fifth of what is marked: the middle of the lines, not their soft edges.
    dark = int(np.searchsorted(np.cumsum(levels), 0.2 * marked))
    if not _FAINT_ABOVE < dark <= _NOTHING_ABOVE:
        return sketch
    gain = (PAPER - _FAINT_ABOVE) / (PAPER - dark)
    return cv2.LUT(sketch, (PAPER - (PAPER - np.arange(256)) * gain).round().clip(0, 255).astype(np.uint8))


def _is_light_on_dark(sketch: np.ndarray) -> bool:
    """Whether what stands out from a dark picture is light: chalk on a board, and not pencil in bad light."""
    if np.median(_rim(sketch)) >= _DARK_GROUND:
        return False
    around = cv2.GaussianBlur(sketch, (0, 0), max(sketch.shape) / 32)
    lighter, darker = cv2.subtract(sketch, around), cv2.subtract(around, sketch)
    return bool((lighter.astype(np.float32) ** 3).sum() > 2 * (darker.astype(np.float32) ** 3).sum())


def _even_out(sketch: np.ndarray) -> np.ndarray:
    """The marks on a photographed sheet: each pixel against the paper around it, noise and dirt taken for paper."""
    side = max(sketch.shape)
    small = cv2.resize(sketch, None, fx=min(1, 256 / side), fy=min(1, 256 / side), interpolation=cv2.INTER_AREA)
    reach = 2 * (max(small.shape) // 24) + 1
    # The brightest nearby that is no highlight: wide enough for no line to hide the paper.
    paper = cv2.GaussianBlur(cv2.dilate(cv2.medianBlur(small, 3), np.ones((reach, reach), np.uint8)), (0, 0), reach / 2)
    paper = cv2.resize(paper, sketch.shape[::-1], interpolation=cv2.INTER_LINEAR).astype(np.float32)
    smooth = cv2.GaussianBlur(sketch, (0, 0), max(side / 700, 0.4)).astype(np.float32)
    darker = 1 - smooth / np.maximum(paper, 1)
    middle = np.median(darker)
    noise = 1.5 * float(np.median(np.abs(darker - middle))) + 0.005
    floor = float(middle) + 5 * noise
    _, labels, stats, _ = cv2.connectedComponentsWithStats((darker > floor).astype(np.uint8), connectivity=8)
    no_speck = stats[:, cv2.CC_STAT_AREA] >= max(3, round(_SPECK * sketch.size))
    no_speck[0] = False
    marks = no_speck[np.asarray(labels, np.int32)]
    if not marks.any():
        return np.full_like(sketch, PAPER)
    # The soft edge of a mark belongs to it.
    near = cv2.dilate(marks.astype(np.uint8), np.ones((3, 3), np.uint8))
    top = max(float(np.quantile(darker[marks], 0.8)), floor + 0.05)
    ink = ((darker - middle - 2 * noise) / (top - middle - 2 * noise)).clip(0, 1) * near
    return (PAPER * (1 - ink)).round().astype(np.uint8)


def line_width(sketch: np.ndarray) -> float:
    """How wide the lines of a clean drawing are, in pixels; 0 on an empty sheet.

    Ink over half its outline's length, which also measures lines thinner than a pixel; where areas are filled, not
    much more than the usual width along the middle of all ink.
    """
    drawn = (sketch < INK_BELOW).astype(np.uint8)
    outlines, _ = cv2.findContours(drawn, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    length = sum(cv2.arcLength(outline, True) for outline in outlines) / 2
    if not length:
        return 1.0 if drawn.any() else 0.0
    near = np.asarray(cv2.dilate(drawn, np.ones((3, 3), np.uint8))) > 0
    mean = float((PAPER - sketch[near].astype(np.float64)).sum())
    if drawn.all():
        return float(max(sketch.shape))
    inside = cv2.distanceTransform(drawn, cv2.DIST_L2, 5)
    ridge = (drawn > 0) & (inside >= cv2.dilate(inside, np.ones((3, 3), np.uint8)) - 1e-3)
    usual = 2 * float(np.median(inside[ridge])) - 0.5
    return min(mean / PAPER / length, 1.3 * usual + 0.5)


def with_width(sketch: np.ndarray, low: float, high: float, widest: float) -> np.ndarray:
    """A clean drawing with lines of at least `low` and at most `high` pixels; within that it stays as it is.

    What is wider than `widest` is more and more taken for a filled area, which keeps its edge; wholly from twice on.
    """
    width = line_width(sketch)
    if width == 0 or low <= width <= high:
        return sketch
    if width < low:
        return _grow(sketch, (low - width) / 2)
    too_wide = min(width, widest) - high
    return _shrink(sketch, too_wide / 2 * max(0.0, min(1.0, 2 - width / widest)))


def _grow(sketch: np.ndarray, by: float) -> np.ndarray:
    """Ink `by` pixels wider on all sides; between whole pixels a mean, so that nothing jumps."""
    whole, part = int(by), by - int(by)
    sides = (2 * whole + 1, 2 * whole + 3)
    discs = [cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)) for side in sides]
    smaller, larger = (cv2.erode(sketch, disc) for disc in discs)
    return cv2.addWeighted(smaller, 1 - part, larger, part, 0)


def _shrink(sketch: np.ndarray, by: float) -> np.ndarray:
    """Ink `by` pixels narrower on all sides; lines that would vanish stay as they are."""
    drawn = (sketch < INK_BELOW - 60).astype(np.uint8)
    if by <= 0:
        return sketch
    inside = cv2.distanceTransform(drawn, cv2.DIST_L2, 5)
    ink = (inside - by).clip(0, 1)
    reach = 2 * int(np.ceil(by + 0.5)) + 1
    core = (inside > by + 0.5).astype(np.uint8)
    thick = cv2.dilate(core, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach + 2, reach + 2)))
    fine = np.where(thick > 0, PAPER, sketch)
    return np.minimum((PAPER * (1 - ink)).round().astype(np.uint8), fine)
