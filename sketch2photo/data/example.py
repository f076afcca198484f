"""What one example is on its way from raw files into a dataset, before and after it has a split."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from sketch2photo import images
from sketch2photo.errors import DataError

HUMAN = "human"
"""The style of a sketch that a person drew."""
SPLITS = ("train", "val", "test")
"""From the least to the most strictly kept: what lies in a later one is never moved to an earlier one."""


@dataclass
class Example:
    """One photo with its sketches, or one drawing."""

    file: str
    """Where it is from, for people: a path relative to what was asked for."""
    category: str
    sketches: list[bytes]
    """PNG files, square: grey, or RGB where inputs are coloured."""
    photo: bytes | None = None
    """A JPEG file, RGB, square."""
    colour: np.ndarray | None = None
    """uint8 (3,): the photo's `images.dominant_colour`."""
    strokes: np.ndarray | None = None
    """int16 (n, 3): x and y in 0..255 and the number of the stroke, in drawing order."""
    styles: list[str] = field(default_factory=list)
    """How each sketch came to be: "human", or the style it was drawn in from the photo; empty: all by people."""
    mask: bytes | None = None
    """A PNG file, square: 255 on the photo's object; None where it is still to be found."""
    mask_quality: float | None = None
    """See `segment.Quality`; None where nothing was cut out."""
    group: str = ""
    """What may not be torn apart by a split; empty where it is still to be found."""
    split: str = ""
    """Empty where it is still to be decided."""
    source: str = ""
    licence: str = ""
    content: str = ""
    """A hash of the raw file."""
    fingerprint: Any = field(default=None, repr=False)
    """What `groups` compares photos by; None where groups are given."""


@dataclass(frozen=True)
class Skipped:
    """A raw file that did not become an example, and why."""

    file: str
    reason: str
    thumbnail: bytes = b""
    """A small JPEG file, where it is a picture."""


def encode_sketch(sketch: np.ndarray) -> bytes:
    """uint8 (s, s), or RGB (s, s, 3), as PNG, with the settings that decode fastest for line drawings."""
    sketch = sketch if sketch.ndim == 2 else sketch[..., ::-1]
    return cv2.imencode(".png", sketch, [cv2.IMWRITE_PNG_COMPRESSION, 6])[1].tobytes()


def encode_photo(photo: np.ndarray) -> bytes:
    """uint8 (s, s, 3) RGB as JPEG of quality 97 with full colour resolution: its error is under one grey level."""
    settings = [cv2.IMWRITE_JPEG_QUALITY, 97, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    return cv2.imencode(".jpg", photo[..., ::-1], settings)[1].tobytes()


def read_photo(path: Path, name: str, size: int) -> np.ndarray:
    """A picture file as a square RGB photo at `size`, padded on white. Raises `ImageError`."""
    return images.resize(images.pad_to_square(images.decode_photo(path, name)), size)


def read_sketch(path: Path, name: str, size: int) -> np.ndarray:
    """A picture file as a square sketch at `size`, dark on white. Raises `ImageError`."""
    return images.resize_sketch(images.clean_sheet(images.decode_sketch(path, name)), size)


def thumbnail(photo: np.ndarray) -> bytes:
    """A picture, uint8 RGB, as `Skipped` keeps it."""
    scale = 96 / max(photo.shape)
    small = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else photo
    return cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 75])[1].tobytes()


def decode(data: bytes, channels: int) -> np.ndarray:
    """A picture as `encode_sketch` and `encode_photo` make it: uint8 (h, w) for one channel, RGB (h, w, 3) for three.

    Raises:
      DataError: the bytes are damaged.
    """
    flags = cv2.IMREAD_GRAYSCALE if channels == 1 else cv2.IMREAD_COLOR_RGB
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if picture is None:
        raise DataError("a picture in the dataset is damaged: make the dataset again by prepare_data.py")
    return picture
