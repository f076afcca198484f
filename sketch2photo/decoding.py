"""Reads picture files, whatever they hold, as arrays. By way of `sketch2photo.images`.

Pillow reads them, because it tells a picture's size before decoding it and notices truncated ones (OpenCV returns half
a JPEG in silence).
"""

import io
import re
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from sketch2photo.errors import ImageError

MIN_SIDE = 16
MAX_PIXELS = 64 * 2**20
"""Of a file to be decoded; a phone's photo has 12 to 50 million."""
MAX_FILE_SIDE = 10_000
"""Of a file to be decoded: padded to a square, a panorama of few pixels would take gigabytes."""
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "JPEG2000", "AVIF")
"""Pillow reads more, some of it by starting other programs."""
_MODES_WITH_ALPHA = ("RGBA", "LA", "PA", "La", "RGBa")

# Pictures that are too large are refused here, in one sentence; Pillow's warning would only come before it.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


def decode_photo(source: bytes | Path, name: str = "") -> np.ndarray:
    """A picture file as RGB uint8 (h, w, 3), turned as its EXIF says, transparency on white.

    Raises:
      ImageError: not a picture, truncated, under 16 or over 10,000 pixels a side, or over 64 million pixels.
    """
    return _decode(source, name, "RGB")


def decode_sketch(source: bytes | Path, name: str = "") -> np.ndarray:
    """A picture file as a sketch, uint8 (h, w), transparency on white.

    Raises:
      ImageError: as `decode_photo`.
    """
    return _decode(source, name, "L")


def _decode(source: bytes | Path, name: str, mode: str) -> np.ndarray:
    name = name or (str(source) if isinstance(source, Path) else "the picture")
    try:
        data = source.read_bytes() if isinstance(source, Path) else source
        image = Image.open(io.BytesIO(data), formats=_FORMATS)
        _check_size(name, *image.size)
        if image.format == "PNG":  # loading passes over wrong checksums of the pixels
            Image.open(io.BytesIO(data), formats=_FORMATS).verify()
        image.load()
        return np.asarray(_opaque(_upright(image)).convert(mode))
    except ImageError:
        raise
    except Image.DecompressionBombError as error:
        count = re.search(r"\d{6,}", str(error))
        raise ImageError(_too_large(name, f"has {int(count[0]):,}" if count else "has too many")) from None
    except Exception as error:  # on a broken file Pillow raises whatever a decoder stumbles over
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error).split(" <")[0]
        reason = reason.strip() or type(error).__name__
        raise ImageError(f"{name} cannot be read as a picture ({reason}): replace the file or leave it out") from None


def _check_size(name: str, width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise ImageError(_too_large(name, f"is {width} x {height}"))
    if max(width, height) > MAX_FILE_SIDE:
        raise ImageError(f"{name} is {width} x {height} pixels: it must be at most {MAX_FILE_SIDE:,} a side")
    if min(width, height) < MIN_SIDE:
        raise ImageError(f"{name} is {width} x {height} pixels: it must be at least {MIN_SIDE} a side")


def _too_large(name: str, size: str) -> str:
    return f"{name} {size} pixels: make it smaller than {MAX_PIXELS:,} pixels"


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # a broken EXIF block is no reason to lose the picture
        return image


def _opaque(image: Image.Image) -> Image.Image:
    """The picture with 8 bits a channel and its transparency on white."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return Image.fromarray(_to_8_bits(np.asarray(image)))
    if image.mode in _MODES_WITH_ALPHA or "transparency" in image.info:
        image = image.convert("RGBA")
        ground = Image.new("RGBA", image.size, (255, 255, 255, 255))
        return Image.alpha_composite(ground, image).convert("RGB")
    return image


def _to_8_bits(values: np.ndarray) -> np.ndarray:
    """Numbers from 0 to 1 (floats only), to 255 or to 65535, whichever holds the largest, as 0 to 255."""
    largest = np.nan_to_num(values).max(initial=0)
    top = 1.0 if values.dtype.kind == "f" and largest <= 1 else 255.0 if largest <= 255 else 65535.0
    return (np.nan_to_num(values.astype(np.float64)) / top * 255).round().clip(0, 255).astype(np.uint8)
