"""Pictures in the form of SVG: what a viewer shows of them, and the lines of those that are nothing but lines.

Such a file is a program from anywhere. What it says is parsed here, so that nothing is read from outside of it and its
size is known; then resvg renders it in a process of its own, with a limit on memory and time.
"""

import base64
import contextlib
import io
import re
import subprocess
import sys
import zlib
from xml.etree import ElementTree

import cv2
import numpy as np
from PIL import Image

from sketch2photo.errors import ImageError, first_line

MAX_BYTES = 8 * 2**20
SIDE = 768
"""Pixels of the longer side of a rendered picture."""
_SECONDS, _MEMORY = 20, 2**30  # what rendering one file may take
_MAX_POINTS = 200_000
_MAX_IMAGE = 32 * 2**20  # pixels of a picture within the file
_PER_CURVE = 12  # points on one segment of a curve
_EVERYWHERE = 20_000.0  # units in which a drawing without view box and size is looked for
_SVG, _HREF = "http://www.w3.org/2000/svg", "{http://www.w3.org/1999/xlink}href"
_UNITS = {"": 1.0, "px": 1.0, "pt": 4 / 3, "pc": 16.0, "mm": 96 / 25.4, "cm": 96 / 2.54, "in": 96.0}
# Elements of a file that may be nothing but lines.
_LINES = set("svg g a defs style title desc metadata path line polyline polygon rect circle ellipse".split())  # noqa: SIM905

_RENDER = f"""
import contextlib, sys
with contextlib.suppress(ImportError):
    import resource
    resource.setrlimit(resource.RLIMIT_AS, ({_MEMORY}, {_MEMORY}))
import resvg_py
text = sys.stdin.buffer.read().decode()
fonts = {{"skip_system_fonts": True}}
if "text" in text:
    import matplotlib
    fonts = dict.fromkeys(("font_family", "serif_family", "sans_serif_family"), "DejaVu Sans")
    fonts["font_files"] = [matplotlib.get_data_path() + "/fonts/ttf/DejaVuSans.ttf"]
sys.stdout.buffer.write(resvg_py.svg_to_bytes(svg_string=text, **fonts))
"""


def is_svg(data: bytes) -> bool:
    """Whether a file begins as XML does, in any encoding, or as packed SVG (.svgz)."""
    return data[:64].lstrip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n")[:1] == b"<" or data[:2] == b"\x1f\x8b"


def render(data: bytes, name: str) -> Image.Image:
    """What a viewer shows of a file: RGBA, its longer side 768 pixels.

    Raises `ImageError`: not SVG, too large, with entities that are more than plain texts, or nothing is drawn in it.
    """
    root, _ = _parse(data, name)
    if not _placed(root):
        # Without view box and size all of it is shown: found from afar, then looked at.
        _set_box(root, -_EVERYWHERE / 2, -_EVERYWHERE / 2, _EVERYWHERE, _EVERYWHERE)
        afar = _rendered(root, name)
        left, top, right, bottom = afar.getbbox() or (0, 0, *afar.size)
        unit = _EVERYWHERE / SIDE
        width, height = (right - left + 2) * unit, (bottom - top + 2) * unit
        _set_box(root, (left - 1) * unit - _EVERYWHERE / 2, (top - 1) * unit - _EVERYWHERE / 2, width, height)
    picture = _rendered(root, name)
    if picture.getbbox() is None:
        raise ImageError(f"{name} holds no lines")
    return picture


def elsewhere(data: bytes, name: str) -> list[str]:
    """The addresses of what a file would show from outside of it, which is never fetched."""
    return _parse(data, name)[1]


def lines(data: bytes, name: str, drawn: np.ndarray) -> list[list[list[float]]]:
    """The lines of a file that is nothing but lines, [[x, ...], [y, ...]] each, in pixels, in the order of the file.

    There are none where it has anything else, or they lie elsewhere than the ink (`drawn`) of the picture, bool (h, w).
    """
    import svgelements

    root, _ = _parse(data, name)
    if {_tag(element) for element in root.iter()} - _LINES or not _placed(root):
        return []
    found: list[tuple[np.ndarray, float]] = []
    try:
        tree = svgelements.SVG.parse(io.BytesIO(ElementTree.tostring(root)), reify=True)
        for shape in tree.elements(lambda element: isinstance(element, svgelements.Shape)):
            if shape.stroke is not None and shape.stroke.value is not None and shape.stroke.alpha:
                found += [(points, float(shape.stroke_width)) for points in _points(svgelements.Path(shape))]
                if sum(len(points) for points, _ in found) > _MAX_POINTS:
                    return []
    except Exception:  # on odd files svgelements raises whatever it stumbles over
        return []
    near, on = np.zeros(drawn.shape, np.uint8), np.zeros(drawn.shape, np.uint8)
    for points, width in found:
        if points.min() < 0 or (points >= drawn.shape[::-1]).any():
            return []  # outside of what is shown
        place = points.round().astype(np.int32).reshape(-1, 1, 2)
        cv2.polylines(near, [place], False, 1, max(1, min(round(1.5 * width) + 4, 32)))
        cv2.polylines(on, [place], False, 1, 1)
    thick = cv2.dilate(drawn.astype(np.uint8), np.ones((3, 3), np.uint8))
    if not found or near[drawn].mean() < 0.99 or thick[on > 0].mean() < 0.98:
        return []
    return [points.T.tolist() for points, _ in found]


def _points(path) -> list[np.ndarray]:
    """The lines of a path, curves as points, float (n, 2): a new one begins wherever the pen is lifted."""
    found: list[list[tuple[float, float]]] = []
    for segment in path:
        kind = type(segment).__name__
        if segment.end is None:
            continue
        if kind == "Move" or not found:
            found.append([])
        steps = [1.0] if kind in ("Move", "Line", "Close") else np.linspace(0, 1, _PER_CURVE + 1)[1:]
        points = (segment.end if step == 1.0 else segment.point(step) for step in steps)
        found[-1] += [(float(point.x), float(point.y)) for point in points]
    return [np.array(line) for line in found if len(line) > 1]


# ---------------------------------------------------------------- the file, made safe


def _parse(data: bytes, name: str) -> tuple[ElementTree.Element, list[str]]:
    """The file's outermost element without what it would show from elsewhere, and the addresses of that."""
    if data[:2] == b"\x1f\x8b":
        with contextlib.suppress(zlib.error):
            data = zlib.decompressobj(31).decompress(data, MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ImageError(f"{name} has more than {MAX_BYTES:,} bytes, which is all an SVG file may have: simplify it")
    try:
        declared = re.match(rb"""(?:\xef\xbb\xbf)?\s*<\?xml[^>]*encoding=["']([\w.-]+)""", data)
        wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
        encoding = "utf-16" if wide else declared[1].decode() if declared else "utf-8-sig"
        text = data.decode(encoding).lstrip("\ufeff \r\n\t")
        _check_entities(text, name)
        try:
            root = ElementTree.fromstring(text)
        except ElementTree.ParseError as error:
            if "unbound prefix" not in str(error):
                raise
            root = ElementTree.fromstring(_with_prefixes(text))
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise _unreadable(name, first_line(error)) from None
    if _tag(root) != "svg":
        raise ImageError(f"{name} is no SVG file: its outermost element is <{_tag(root)}>")
    beyond = []
    for element in root.iter():
        if isinstance(element.tag, str) and "}" not in element.tag:
            element.tag = f"{{{_SVG}}}{element.tag}"
        for attribute in {"href", _HREF} & element.attrib.keys():
            address = element.attrib[attribute].strip()
            if not address.startswith("#") and not _is_within(address):
                del element.attrib[attribute]
                if _tag(element) in ("image", "use", "feImage"):
                    beyond.append(address[:80])
    return root, beyond


def _unreadable(name: str, reason: str) -> ImageError:
    return ImageError(f"{name} cannot be read as SVG ({reason}): replace the file or leave it out")


def _check_entities(text: str, name: str) -> None:
    """Refuse entities but plain texts, and those if they make the file too large."""
    size = len(text)
    for parameter, entity, value in re.findall(r"""<!ENTITY\s+(%?)\s*([^\s"']+)\s+("[^"]*"|'[^']*'|)""", text):
        if parameter or not value or re.search("[&%<]", value):
            raise ImageError(f"{name} defines entities that are more than plain texts: save it as plain SVG")
        size += len(value) * text.count(f"&{entity};")
    if size > MAX_BYTES:
        raise ImageError(f"{name} defines entities that make it larger than {MAX_BYTES:,} bytes: save it as plain SVG")


def _with_prefixes(text: str) -> str:
    """The text with all prefixes declared, as where it was cut out of a page."""
    used = set(re.findall(r"[<\s]([A-Za-z_][\w.-]*):[A-Za-z_]", text)) - {"xml", "xmlns"}
    known = {"xlink": _HREF[1:-5], "svg": _SVG}
    missing = [prefix for prefix in sorted(used) if f"xmlns:{prefix}" not in text]
    declared = "".join(f' xmlns:{prefix}="{known.get(prefix, prefix)}"' for prefix in missing)
    return re.sub(r"<((?:[\w.-]+:)?svg)\b", rf"<\1{declared}", text, count=1)


def _is_within(address: str) -> bool:
    """Whether an address holds a picture itself, of a size that can be decoded."""
    match = re.match(r"data:image/(?:png|jpe?g|gif|webp)\s*;\s*base64\s*,", address)
    if not match:
        return False
    try:
        with Image.open(io.BytesIO(base64.b64decode(address[match.end() :]))) as image:
            return image.width * image.height <= _MAX_IMAGE
    except Exception:  # broken: a viewer shows nothing
        return False


def _tag(element: ElementTree.Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _length(text: str | None) -> float:
    """A width or height in pixels; 0 where it is none, or depends on where it is shown."""
    match = re.fullmatch(r"\s*([+]?[\d.]+(?:[eE][+-]?\d+)?)\s*([a-z]*)\s*", text or "")
    try:
        return float(match[1]) * _UNITS.get(match[2], 0.0) if match else 0.0
    except ValueError:
        return 0.0


def _placed(root: ElementTree.Element) -> bool:
    """Give the picture its size in pixels; False where the file says nothing of the part to be shown."""
    width, height = _length(root.get("width")), _length(root.get("height"))
    try:
        box = [float(number) for number in re.split(r"[\s,]+", root.get("viewBox", "").strip())]
    except ValueError:
        box = []
    if len(box) == 4 and np.isfinite(box).all() and min(box[2:]) > 0:
        width, height = width or height * box[2] / box[3] or box[2], height or width * box[3] / box[2] or box[3]
        _set_box(root, box[0], box[1], box[2], box[3], width, height)
    elif width and height:
        _set_box(root, 0, 0, width, height)
    else:
        return False
    return True


def _set_box(
    root: ElementTree.Element, left: float, top: float, wide: float, high: float, width: float = 0, height: float = 0
) -> None:
    """Set the part to be shown, and the size in pixels that it is shown at, of the shape of `width` and `height`."""
    root.set("viewBox", f"{left} {top} {wide} {high}")
    width, height = width or wide, height or high
    for name, side in (("width", width), ("height", height)):
        root.set(name, str(max(1, round(side * SIDE / max(width, height)))))


def _rendered(root: ElementTree.Element, name: str) -> Image.Image:
    command = [sys.executable, "-c", _RENDER]
    try:
        made = subprocess.run(command, input=ElementTree.tostring(root), capture_output=True, timeout=_SECONDS)
    except (subprocess.TimeoutExpired, RecursionError):
        what = f"takes more than {_SECONDS} s to be shown, or is nested too deeply"
        raise ImageError(f"{name} {what}: simplify it") from None
    if made.returncode:
        said = made.stderr.decode(errors="replace").strip().splitlines()
        too_much = made.returncode < 0 or not said
        reason = "it takes too much memory or is nested too deeply" if too_much else said[-1]
        raise _unreadable(name, reason.removeprefix("ValueError: "))
    return Image.open(io.BytesIO(made.stdout)).convert("RGBA")
