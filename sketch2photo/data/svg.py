"""Drawings as SVG files: their lines as strokes, in the order of the file."""

import io
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from sketch2photo.data import strokes
from sketch2photo.errors import ImageError

MAX_BYTES = 8 * 2**20
MAX_POINTS = 200_000
_PER_CURVE = 12
"""Points on one segment of a curve."""


def read(path: Path, name: str) -> np.ndarray:
    """The outlines of all shapes of a file as strokes, int16 (n, 3), as `strokes.render` takes them.

    Raises:
      ImageError: not SVG, too large, with entities or <use>, which may unfold without end, or nothing is drawn in it.
    """
    data = path.read_bytes()
    if len(data) > MAX_BYTES:
        raise ImageError(f"{name} has {len(data):,} bytes: an SVG file may have {MAX_BYTES:,}")
    _check(data, name)
    import svgelements

    lines: list[list[list[float]]] = []
    count = 0
    try:
        shapes = svgelements.SVG.parse(io.BytesIO(data), reify=True).elements(
            lambda element: isinstance(element, svgelements.Shape)
        )
        for shape in shapes:
            if shape.values.get("display") == "none" or shape.values.get("visibility") == "hidden":
                continue
            for x, y in _lines(svgelements.Path(shape)):
                lines.append([x, y])
                count += len(x)
                if count > MAX_POINTS:
                    raise ImageError(f"{name} has more than {MAX_POINTS:,} points: simplify it")
        points = strokes.from_quickdraw(lines)
    except ImageError:
        raise
    except Exception as error:  # on odd files svgelements raises whatever it stumbles over
        reason = str(error).strip() or type(error).__name__
        raise ImageError(f"{name} cannot be read as SVG ({reason}): replace the file or leave it out") from None
    if not len(points):
        raise ImageError(f"{name} holds no lines")
    return points


def _check(data: bytes, name: str) -> None:
    """Refuse what is not SVG, and what could unfold to any size."""
    if re.search(rb"<!ENTITY", data, re.I):
        raise ImageError(f"{name} defines entities, which are not read: save it as plain SVG")
    try:
        root = ElementTree.fromstring(data)
    except ElementTree.ParseError as error:
        raise ImageError(f"{name} cannot be read as SVG ({error}): replace the file or leave it out") from None
    if _tag(root) != "svg":
        raise ImageError(f"{name} is no SVG file: its outermost element is <{_tag(root)}>")
    if any(_tag(element) == "use" for element in root.iter()):
        raise ImageError(f"{name} has <use> elements, which are not read: save it as plain SVG")


def _tag(element: ElementTree.Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _lines(path) -> list[tuple[list[float], list[float]]]:
    """The lines of a path, curves as points: a new one begins wherever the pen is lifted."""
    found: list[tuple[list[float], list[float]]] = []
    for segment in path:
        kind = type(segment).__name__
        if segment.end is None:
            continue
        if kind == "Move" or not found:
            found.append(([], []))
            steps = [1.0]
        else:
            steps = [1.0] if kind in ("Line", "Close") else list(np.linspace(0, 1, _PER_CURVE + 1)[1:])
        for step in steps:
            point = segment.end if step == 1.0 else segment.point(step)
            found[-1][0].append(float(point.x))
            found[-1][1].append(float(point.y))
    return [line for line in found if len(line[0]) > 1]
