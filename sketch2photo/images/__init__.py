"""The one place that says what a sketch and a photo are as arrays, and how they are read, framed, resized and written.

A sketch is uint8 (h, w): 0 is ink, 255 paper. A photo is uint8 (h, w, 3) RGB. Pillow reads files, because it tells a
picture's size before decoding it and notices truncated ones (OpenCV returns half a JPEG in silence); OpenCV does the
geometry.
"""

import base64
import io
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import ExifTags, Image, ImageCms, ImageOps, TiffImagePlugin

from sketch2photo.errors import ConfigError, ImageError
from sketch2photo.files import write_out
from sketch2photo.images import cleanup, svg
from sketch2photo.images.cleanup import INK_BELOW, PAPER

MIN_SIDE = 16
MAX_PIXELS = 64 * 2**20
"""Of a file to be decoded; a phone's photo has 12 to 50 million."""
MAX_FILE_SIDE = 10_000
"""Of a file to be decoded: padded to a square, a panorama of few pixels would take gigabytes."""
# Pillow reads more, some of it by starting other programs.
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "JPEG2000", "AVIF")
_MODES_WITH_ALPHA = ("RGBA", "LA", "PA", "La", "RGBa")
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_ORIENTATION = 0x0112  # the tag of EXIF and TIFF that says how a picture is to be turned

# Pictures that are too large are refused here, in one sentence; Pillow's warning would only come before it.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


def decode_photo(source: bytes | Path, name: str = "") -> np.ndarray:
    """A picture file as RGB uint8 (h, w, 3), turned as its EXIF says, transparency on white.

    Raises `ImageError`: not a picture, truncated, under 16 or over 10,000 pixels a side, or over 64 million pixels.
    """
    return _decode(source, name, "RGB")


def decode_sketch(source: bytes | Path, name: str = "") -> np.ndarray:
    """A picture file as a sketch, uint8 (h, w): transparency on white, or on black where what is drawn is light, and
    lines of any colour as dark or light as they can be. Raises `ImageError` as `decode_photo`."""
    return _decode(source, name, "L")


def decode_hints(source: bytes | Path, name: str = "") -> np.ndarray:
    """A picture file of strokes of colour, RGBA uint8 (h, w, 4), opaque without alpha; raises as `decode_photo`."""
    return _decode(source, name, "RGBA")


def class_numbers(source: Path) -> np.ndarray | None:
    """The numbers in a picture file as they are, int (h, w); None where it has channels or numbers over 255."""
    values = np.asarray(Image.open(source, formats=_FORMATS))
    return values.astype(int) if values.ndim == 2 and values.dtype.kind in "iu" and values.max() <= 255 else None


def decode_labels(source: Path, name: str = "") -> np.ndarray:
    """A picture file of class numbers, 0 to 255, as RGB uint8 (h, w, 3) in which each has a colour of its own.

    Raises `ImageError` as `decode_photo`, and for a picture with channels or larger numbers.
    """
    _decode(source, name, "L")  # says what is wrong with the file
    numbers = class_numbers(source)
    if numbers is None:
        raise ImageError(f"{name} holds no class numbers from 0 to 255: leave out --label-colours")
    return _LABEL_COLOURS[numbers]


# Hues a golden angle apart, of four brightnesses in turn; 0 is black.
_HSV = [[(n * 69 % 180, 220, (255, 170, 220, 130)[n % 4] * (n > 0)) for n in range(256)]]
_LABEL_COLOURS = cv2.cvtColor(np.array(_HSV, np.uint8), cv2.COLOR_HSV2RGB)[0]


def _decode(source: bytes | Path, name: str, mode: str) -> np.ndarray:
    name = name or (str(source) if isinstance(source, Path) else "the picture")
    try:
        data = source.read_bytes() if isinstance(source, Path) else source
        image = svg.render(data, name) if svg.is_svg(data) else _srgb(_upright(_opened(data, name)))
        clear = image.mode in _MODES_WITH_ALPHA or "transparency" in image.info
        if mode == "RGBA":
            return np.asarray(image.convert("RGBA"))
        if mode == "L" and image.mode in ("1", "L") and not clear:
            return np.asarray(image.convert("L"))
        return _on_ground(np.asarray(image.convert("RGBA" if clear else "RGB")), mode)
    except ImageError:
        raise
    except Image.DecompressionBombError as error:
        count = re.search(r"\d{6,}", str(error))
        raise ImageError(_too_large(name, f"has {int(count[0]):,}" if count else "has too many")) from None
    except Exception as error:  # on a broken file Pillow raises whatever a decoder stumbles over
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error).split(" <")[0]
        reason = reason.strip() or type(error).__name__
        raise ImageError(f"{name} cannot be read as a picture ({reason}): replace the file or leave it out") from None


def _opened(data: bytes, name: str) -> Image.Image:
    """The picture in a file, 8 bits a channel."""
    if data[4:8] == b"ftyp" and data[8:12] in _HEIC_BRANDS:
        return _heic(data, name)
    if data[:4] in TiffImagePlugin.PREFIXES:  # of whose deep kinds Pillow knows but some
        tags = TiffImagePlugin.ImageFileDirectory_v2(data[:8])
        file = io.BytesIO(data)
        file.seek(tags.next)
        tags.load(file)
        _check_size(name, tags[256], tags[257])
        if max(tags.get(258, (8,))) > 8 and (values := _deep(data)) is not None:
            if tags.get(262) == 0:  # 0 is white
                values = values.max() - values
            return _shallow(values, name, tags.get(34675), tags.get(_ORIENTATION, 1))
    image = Image.open(io.BytesIO(data), formats=_FORMATS)
    _check_size(name, *image.size)
    if image.format == "PNG":  # loading passes over wrong checksums of the pixels
        Image.open(io.BytesIO(data), formats=_FORMATS).verify()
    image.load()
    values = np.asarray(image) if image.mode in ("I", "F") or image.mode.startswith("I;16") else None
    if image.format == "PNG" and data[24] == 16:
        values = _deep(data)
    if values is None:
        return image
    return _shallow(values, name, image.info.get("icc_profile"), image.getexif().get(_ORIENTATION, 1))


def _heic(data: bytes, name: str) -> Image.Image:
    try:
        import pillow_heif  # pyright: ignore[reportMissingImports]

        pillow_heif.register_heif_opener()
        image = Image.open(io.BytesIO(data), formats=("HEIF",))
        _check_size(name, *image.size)
        image.load()
        return image
    except ImportError:
        remedy = 'save it as JPEG, or pip install "pillow-heif"'
    except (OSError, ValueError, RuntimeError):
        remedy = "it is damaged or of a kind that is not read; save it as JPEG"
    raise ImageError(f"{name} is a HEIC picture, whatever its name ends in: {remedy}")


def _deep(data: bytes) -> np.ndarray | None:
    """The picture in a file at its full depth: (h, w), (h, w, 3) RGB or (h, w, 4) RGBA."""
    values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    return values if values is None or values.ndim == 2 else values[..., [2, 1, 0, 3][: values.shape[2]]]


def _shallow(values: np.ndarray, name: str, profile: bytes | None, orientation: int) -> Image.Image:
    """Numbers of any type and range as 8 bits: the brightest there is becomes paper; black is 0, or what is below."""
    if not np.isfinite(values).all():
        raise ImageError(f"{name} has pixels that are NaN or infinite: replace them by numbers")
    scaled = np.zeros(values.shape, np.uint8)
    for part in (np.s_[..., :3], np.s_[..., 3:]) if values.ndim == 3 else (np.s_[:],):
        one = values[part].astype(np.float64)
        low = min(one.min(initial=0), 0)
        scaled[part] = ((one - low) * (255 / max(one.max(initial=low) - low, 1e-30))).round()
    image = Image.fromarray(scaled)
    image.info["icc_profile"] = profile
    image.getexif()[_ORIENTATION] = orientation
    return image


def _srgb(image: Image.Image) -> Image.Image:
    """The picture in the colours of sRGB, in which everything here is."""
    profile = image.info.get("icc_profile")
    try:
        if not profile:
            return _from_adobe_rgb(image) if _is_adobe_rgb(image) else image
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "sRGB" in ImageCms.getProfileDescription(source):
            return image
        alpha = image.convert("RGBA").getchannel("A") if image.mode in _MODES_WITH_ALPHA else None
        plain = image if image.mode in ("L", "RGB", "CMYK") else image.convert("L" if image.mode == "LA" else "RGB")
        shown = ImageCms.profileToProfile(plain, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        assert shown is not None
        if alpha is not None:
            shown.putalpha(alpha)
        return shown
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):  # a profile that is broken, or of another kind
        return image


def _is_adobe_rgb(image: Image.Image) -> bool:
    """Whether a camera says so without a profile: not sRGB, and by the rule R03 (DCF 2.0, optional colour space)."""
    try:
        exif = image.getexif()
        space, rules = exif.get_ifd(ExifTags.IFD.Exif).get(0xA001), exif.get_ifd(ExifTags.IFD.Interop).get(1)
    except Exception:  # as in `_upright`
        return False
    return image.mode == "RGB" and space == 0xFFFF and str(rules).startswith("R03")


def _from_adobe_rgb(image: Image.Image) -> Image.Image:
    """Adobe RGB (1998) as sRGB: both have the white D65."""
    linear = (np.asarray(image) / 255.0) ** (563 / 256)
    linear = linear @ np.array([[1.39836, -0.39836, 0], [0, 1, 0], [0, -0.04293, 1.04293]]).T
    linear = linear.clip(0, 1)
    values = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return Image.fromarray(np.rint(values * 255).astype(np.uint8))


def _on_ground(image: np.ndarray, mode: str) -> np.ndarray:
    """RGB or RGBA as RGB on white; as a sketch in grey, on black what is light, and with lines of any colour seen."""
    if image.shape[2] == 4:
        alpha = image[..., 3:].astype(np.uint16)
        cover = float(alpha.sum())
        mostly_clear = cover < 0.9 * alpha.size * 255
        light = mode == "L" and mostly_clear and (image[..., :3] * (alpha / 255)).mean() * alpha.size > 0.7 * cover
        ground = 0 if light else 255
        image = ((image[..., :3] * alpha + ground * (255 - alpha) + 127) // 255).astype(np.uint8)
    return cleanup.grey(image) if mode == "L" else image


def _check_size(name: str, width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise ImageError(_too_large(name, f"is {width} x {height}"))
    if max(width, height) > MAX_FILE_SIDE or min(width, height) < MIN_SIDE:
        limit = f"at most {MAX_FILE_SIDE:,}" if max(width, height) > MAX_FILE_SIDE else f"at least {MIN_SIDE}"
        raise ImageError(f"{name} is {width} x {height} pixels: it must be {limit} a side")


def _too_large(name: str, size: str) -> str:
    return f"{name} {size} pixels: make it smaller than {MAX_PIXELS:,} pixels"


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # a broken EXIF block is no reason to lose the picture
        return image


# ---------------------------------------------------------------- arrays

MAX_SIDE = 4096
"""Of an array that is to be a sketch."""


def as_sketch(image: np.ndarray) -> np.ndarray:
    """Grayscale (h, w) or (h, w, 1), RGB or RGBA uint8 as a sketch; black lines on white are expected.

    Raises `ImageError`: another dtype, another number of channels, a side under 16 or over 4096.
    """
    image = _checked(image)
    return _on_ground(image, "L") if image.ndim == 3 else np.ascontiguousarray(image)


COLOURED = 48
"""Levels between a pixel's channels from which it has a colour that no paper or ink has by its light."""
_COLOURED_SHARE = 0.02


def as_colour_input(image: np.ndarray) -> np.ndarray | None:
    """A picture with colours, such as a label map, as RGB uint8 on a white square; None where it is in greys.

    Raises `ImageError` as `as_sketch`.
    """
    image = _checked(image)
    if image.ndim == 3:
        image = _on_ground(image, "RGB")
    if image.ndim == 2 or np.mean(np.ptp(image, axis=2) >= COLOURED) < _COLOURED_SHARE:
        return None
    return pad_to_square(np.ascontiguousarray(image))


def _checked(image: np.ndarray) -> np.ndarray:
    """The picture as uint8 (h, w), (h, w, 3) or (h, w, 4); see `as_sketch` for what is refused."""
    if not isinstance(image, np.ndarray) or image.dtype not in (np.uint8, np.bool_):
        received = f"{image.dtype} array" if isinstance(image, np.ndarray) else type(image).__name__
        wanted = "a numpy array of uint8 (0 ink, 255 paper)"
        raise ImageError(f"a sketch must be {wanted}, not {received}: convert it first")
    if image.dtype == np.bool_:
        image = image.astype(np.uint8) * 255
    if image.ndim == 3 and image.shape[2] == 1:
        image = image[..., 0]
    if image.ndim != 2 and image.shape[2:] not in ((3,), (4,)):
        raise ImageError(f"a sketch must have shape (h, w), (h, w, 3) or (h, w, 4), not {image.shape}")
    height, width = image.shape[:2]
    if min(height, width) < MIN_SIDE or max(height, width) > MAX_SIDE:
        raise ImageError(f"a sketch must be {MIN_SIDE} to {MAX_SIDE} pixels a side, not {width} x {height}: resize it")
    return image


def as_hints(hints: np.ndarray, sketch: np.ndarray) -> np.ndarray:
    """Strokes of colour for a sketch, RGBA uint8 of its height and width, on a square as `clean_sheet` makes of it.

    Raises `ImageError`: another dtype, number of channels or shape.
    """
    wanted = (*sketch.shape[:2], 4)
    if not isinstance(hints, np.ndarray) or hints.dtype != np.uint8 or hints.shape != wanted:
        received = f"{hints.dtype} {hints.shape}" if isinstance(hints, np.ndarray) else type(hints).__name__
        raise ImageError(f"hints are {received}: give uint8 {wanted}, RGBA, as wide and high as the sketch")
    return pad_to_square(hints, 0)


def pad_to_square(image: np.ndarray, ground: int = PAPER) -> np.ndarray:
    """The picture in the middle of a square of the ground, white, as wide as its longer side."""
    height, width = image.shape[:2]
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    padding = ((top, side - height - top), (left, side - width - left)) + ((0, 0),) * (image.ndim - 2)
    return image if height == width else np.pad(image, padding, constant_values=ground)


def resize(image: np.ndarray, size: int) -> np.ndarray:
    """A square picture at `size` pixels a side: area average when shrinking, cubic when enlarging."""
    if image.shape[0] == size:
        return image
    method = cv2.INTER_AREA if image.shape[0] > size else cv2.INTER_CUBIC
    return cv2.resize(image, (size, size), interpolation=method)


def sharpened_cutout(cutout: np.ndarray, enlarged: float) -> np.ndarray:
    """A cutout, uint8 (h, w, 4) RGBA, that was enlarged so many times: its rim, which became wide with it, steeper."""
    if enlarged <= 1:
        return cutout
    coverage = cutout[..., 3].astype(np.float32)
    # Three quarters of the slope that enlarging takes from a rim are given back: with all of it steps would be seen.
    steep = (coverage - 127.5) * (1 + 0.75 * (enlarged - 1)) + 127.5
    return np.dstack([cutout[..., :3], steep.round().clip(0, 255).astype(np.uint8)])


def on_white(cutout: np.ndarray) -> np.ndarray:
    """A cutout, uint8 (h, w, 4) RGBA, as RGB on white."""
    colour, coverage = cutout[..., :3].astype(np.float32), cutout[..., 3:].astype(np.float32) / 255
    return (PAPER + (colour - PAPER) * coverage).round().astype(np.uint8)


def resize_sketch(sketch: np.ndarray, size: int) -> np.ndarray:
    """A square sketch at `size` pixels a side; thin lines are thickened first, so that they survive shrinking.

    A colour input, (s, s, 3), has areas rather than lines, which thickening would eat.
    """
    if (factor := sketch.shape[0] / size) > 2.5 and sketch.ndim == 2:
        reach = round(factor * 0.7)
        sketch = cv2.erode(sketch, np.ones((reach, reach), np.uint8))
    return resize(sketch, size)


def ink_box(sketch: np.ndarray) -> tuple[int, int, int, int] | None:
    """(left, top, right, bottom) of what is drawn, right and bottom exclusive; None on an empty sheet."""
    left, top, width, height = cv2.boundingRect((sketch < INK_BELOW).astype(np.uint8))
    return (left, top, left + width, top + height) if width else None


# ---------------------------------------------------------------- what the model sees of a drawing


@dataclass(frozen=True)
class Frame:
    """A square window onto a square drawing: what the model sees. Pixels of the drawing; it may reach beyond it."""

    left: float
    top: float
    side: float
    drawing: int

    def cut(self, picture: np.ndarray, size: int) -> np.ndarray:
        """What the window shows of a square picture the shape of the drawing, a sketch or a photo, at `size`."""
        if self.side == self.drawing:
            return resize_sketch(picture, size) if picture.ndim == 2 else resize(picture, size)
        ratio = picture.shape[0] / self.drawing
        left, top, side = self.left * ratio, self.top * ratio, self.side * ratio
        # Enlarged in one step; to be shrunk, first at full resolution and then by area average.
        work = max(size, round(side))
        scale = work / side
        ground = (PAPER,) * (picture.shape[2] if picture.ndim == 3 else 1)
        closer = _moved(picture, scale, -left * scale, -top * scale, work, ground)
        return resize_sketch(closer, size) if picture.ndim == 2 else resize(closer, size)

    def cut_hints(self, hints: np.ndarray, size: int) -> np.ndarray:
        """What the window shows of strokes of colour, RGBA (h, h, 4), at `size`; nothing beyond them."""
        ratio = hints.shape[0] / self.drawing
        at = (np.arange(size) + 0.5) * (self.side / size)
        rows, columns = (np.floor((start + at) * ratio).astype(int) + 1 for start in (self.top, self.left))
        last = hints.shape[0] + 1
        return np.pad(hints, ((1, 1), (1, 1), (0, 0)))[rows.clip(0, last)][:, columns.clip(0, last)]

    def photo_on_drawing(self, photo: np.ndarray, size: int) -> np.ndarray:
        """The photo of this window at its place on a white sheet the shape of the drawing, `size` pixels a side; a
        cutout, RGBA, on a transparent one."""
        if self.side == self.drawing:
            return resize(photo, size)
        scale = size / self.drawing
        # To within half a pixel by area average, which warpAffine does not know; the rest by warpAffine.
        photo = resize(photo, max(1, round(self.side * scale)))
        zoom = self.side * scale / photo.shape[0]
        return _moved(photo, zoom, self.left * scale, self.top * scale, size, (*(PAPER,) * 3, 0))


def _moved(picture: np.ndarray, zoom: float, x: float, y: float, size: int, ground: tuple) -> np.ndarray:
    """A picture enlarged so many times, its corner at (x, y) of a square of the ground."""
    matrix = np.array([[zoom, 0, x + (zoom - 1) / 2], [0, zoom, y + (zoom - 1) / 2]])
    return cv2.warpAffine(picture, matrix, (size, size), flags=cv2.INTER_LINEAR, borderValue=ground)


def whole_frame(drawing: np.ndarray) -> Frame:
    """All of a square drawing."""
    side = drawing.shape[0]
    return Frame(0.0, 0.0, float(side), side)


SMALLEST = 0.8
"""A drawing whose longer side takes less than this share of the sheet is looked at closer."""
CLOSEST = 4.0
SHEET = 256
"""Pixels a side at which lines are measured and brought to the usual width."""
LINE_WIDTH = (3.0, 6.0)
"""The widths of lines that models see, in pixels of that sheet; thinner and thicker ones are brought to these."""
WIDEST_LINE = 14.0


def clean_sheet(sketch: np.ndarray) -> np.ndarray:
    """Any drawing, uint8 (h, w), light or dark, on white, grey, black or photographed paper, as dark ink on a white
    square: see `cleanup.clean`."""
    return pad_to_square(cleanup.clean(sketch))


def frame_drawing(sketch: np.ndarray, size: int) -> tuple[np.ndarray, Frame]:
    """Any drawing as the model wants it, and the window it shows: `frame_sheet` of its `clean_sheet`."""
    return frame_sheet(clean_sheet(sketch), size)


def frame_sheet(sheet: np.ndarray, size: int) -> tuple[np.ndarray, Frame]:
    """A clean sheet as the model wants it, and the window it shows: the one way in training, evaluation, page and API.

    Drawings that fill most of the sheet, uint8 (s, s), stay where they are, so that a stroke changes the picture only
    nearby; a small one is looked at through a window at most 4 times smaller than the sheet, centred on the ink. Zoom
    and place change without a jump while a drawing grows. Then lines thinner or thicker than `LINE_WIDTH` are brought
    to it, again without a jump.
    """
    frame = _window(sheet)
    side = sheet.shape[0]
    work = max(size, min(round(frame.side), max(size, SHEET)))
    if frame.side == side:
        closer = resize_sketch(sheet, work) if side > work else sheet
    else:
        closer = cleanup.darken(frame.cut(sheet, work))  # enlarged hairlines are grey
    unit = closer.shape[0] / SHEET
    low, high = LINE_WIDTH
    closer = cleanup.with_width(closer, low * unit, high * unit, WIDEST_LINE * unit)
    return resize_sketch(closer, size), frame


def _window(sheet: np.ndarray) -> Frame:
    """What of a clean square drawing is looked at."""
    side = sheet.shape[0]
    left, top, right, bottom = ink_box(sheet) or (0, 0, side, side)
    zoom = min(max(1.0, SMALLEST * side / max(right - left, bottom - top)), CLOSEST)
    if zoom == 1.0:
        return whole_frame(sheet)
    window = side / zoom
    # Beyond the sheet the more, the closer the look: from the whole sheet on, nothing jumps.
    beyond = (zoom - 1) * window
    middles = ((left + right - window) / 2, (top + bottom - window) / 2)
    x, y = (min(max(middle, -beyond), side - window + beyond) for middle in middles)
    return Frame(x, y, window, side)


# ---------------------------------------------------------------- photos out, colours


def encode_png(image: np.ndarray) -> bytes:
    """A sketch, a photo or a cutout (RGBA) as a PNG file."""
    if image.ndim == 3:
        image = cv2.cvtColor(image, cv2.COLOR_RGB2BGR if image.shape[2] == 3 else cv2.COLOR_RGBA2BGRA)
    return cv2.imencode(".png", image)[1].tobytes()


def encode_jpeg(photo: np.ndarray, quality: int = 92) -> bytes:
    """A photo as a JPEG file; quality as in libjpeg, 1 to 100."""
    return cv2.imencode(".jpg", photo[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def data_url(kind: str, data: bytes) -> str:
    """A picture file, of the kind "png" or "jpeg", as an address that holds it."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def dominant_colour(photo: np.ndarray) -> np.ndarray:
    """The median CIELAB colour of what is not white ground, as RGB uint8 (3,); mid grey for an empty sheet."""
    mask = photo.min(-1) < 245
    if mask.sum() < 64:
        return np.full(3, 128, np.uint8)
    # In floats: Lab in bytes is up to 13 levels of RGB off for a deep blue.
    lab = cv2.cvtColor(photo[mask][None].astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    median = np.median(np.ascontiguousarray(lab[0].T), 1)
    colour = cv2.cvtColor(median.reshape(1, 1, 3), cv2.COLOR_LAB2RGB).reshape(3)
    return (colour * 255).round().clip(0, 255).astype(np.uint8)


def parse_colour(text: str) -> np.ndarray:
    """ "#rrggbb" as RGB uint8 (3,). `ConfigError` for anything else."""
    if not isinstance(text, str) or not re.fullmatch(r"#[0-9a-fA-F]{6}", text):
        raise ConfigError(f"the colour must be like '#c83020', not {text!r}: give red, green and blue in hexadecimal")
    return np.frombuffer(bytes.fromhex(text[1:]), np.uint8)


# ---------------------------------------------------------------- sheets of many pictures


def grid(rows: Sequence[Sequence[np.ndarray]], gap: int = 4) -> np.ndarray:
    """Pictures of one size, uint8 (h, w), (h, w, 1) or (h, w, 3), as one RGB picture; short rows end in white."""
    width = max(len(row) for row in rows)
    size = rows[0][0].shape[0]
    sheet = np.full((len(rows) * (size + gap) + gap, width * (size + gap) + gap, 3), 255, np.uint8)
    for i, row in enumerate(rows):
        for j, picture in enumerate(row):
            top, left = gap + i * (size + gap), gap + j * (size + gap)
            sheet[top : top + size, left : left + size] = picture if picture.ndim == 3 else picture[..., None]
    return sheet


def stacked(grids: Sequence[np.ndarray], line: int = 2) -> np.ndarray:
    """RGB pictures one below the other with a grey line between them, narrower ones on white."""
    width = max(one.shape[1] for one in grids)
    sheets = [np.pad(one, ((0, 0), (0, width - one.shape[1]), (0, 0)), constant_values=255) for one in grids]
    between = np.full((line, width, 3), 128, np.uint8)
    return np.concatenate([part for sheet in sheets for part in (between, sheet)][1:])


def write_picture(path: Path, picture: np.ndarray) -> None:
    """An RGB picture as PNG; whole or not there. `DataError` where there is no room for it."""
    write_out(path, encode_png(picture))
