"""What one example is on its way from raw files into a dataset: its pictures, its category's colours, its split."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from sketch2photo import images
from sketch2photo.data import near_duplicates
from sketch2photo.errors import DataError

HUMAN = "human"
"""The style of a sketch that a person drew."""
SPLITS = ("train", "val", "test")
"""From the least to the most strictly kept: what lies in a later one is never moved to an earlier one."""
KNOWN = ("group", "split", "source", "licence")


@dataclass(frozen=True, kw_only=True)
class Raw:
    """What is known of a raw file, whatever its kind; "" where nothing is."""

    name: str  # for people: a path relative to what was asked for
    category: str
    group: str = ""
    split: str = ""
    source: str = ""
    licence: str = ""

    def example(self, sketches: list[bytes], **more: Any) -> "Example":
        """What the file became."""
        return Example(self.name, self.category, sketches, **{name: getattr(self, name) for name in KNOWN}, **more)

    def photo_example(self, photo: np.ndarray, content: bytes, sketches: list[bytes], **more: Any) -> "Example":
        """What the photo in the file `content` became: uint8 (s, s, 3) with its sketches as PNG files."""
        return self.example(
            sketches,
            photo=encode_photo(photo),
            colour=images.dominant_colour(photo),
            content=hashlib.sha256(content).hexdigest(),
            fingerprint=near_duplicates.fingerprint(photo),
            **more,
        )


@dataclass
class Example:
    """One photo with its sketches, or one drawing."""

    file: str  # where it is from, for people: a path relative to what was asked for
    category: str
    sketches: list[bytes]  # PNG files, square: grey, or RGB where inputs are coloured
    photo: bytes | None = None  # a JPEG file, RGB, square
    colour: np.ndarray | None = None  # uint8 (3,): the photo's `images.dominant_colour`
    strokes: np.ndarray | None = None  # int16 (n, 3): x and y in 0..255 and the stroke's number, in drawing order
    styles: list[str] = field(default_factory=list)
    """How each sketch came to be: "human", or the style it was drawn in from the photo; empty: all by people."""
    mask: bytes | None = None  # a PNG file, square: 255 on the photo's object; None where it is still to be found
    mask_quality: float | None = None  # see `segment.Quality`; None where nothing was cut out
    group: str = ""  # what may not be torn apart by a split; empty where it is still to be found
    split: str = ""  # empty where it is still to be decided
    source: str = ""
    licence: str = ""
    content: str = ""  # a hash of the raw file, or of a drawing's strokes
    fingerprint: Any = field(default=None, repr=False)
    """What `near_duplicates` compares photos by; None where groups are given."""


@dataclass(frozen=True)
class Skipped:
    """A raw file that did not become an example, and why."""

    file: str
    reason: str
    thumbnail: bytes = b""  # a small JPEG file, where it is a picture


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
    scale = min(1.0, 96 / max(photo.shape))
    return images.encode_jpeg(cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), 75)


def decode(data: bytes, channels: int) -> np.ndarray:
    """A picture as `encode_sketch` and `encode_photo` make it: uint8 (h, w) for one channel, RGB (h, w, 3) for three.

    Raises `DataError` where the bytes are damaged.
    """
    flags = cv2.IMREAD_GRAYSCALE if channels == 1 else cv2.IMREAD_COLOR_RGB
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if picture is None:
        raise DataError("a picture in the dataset is damaged: make the dataset again by prepare_data.py")
    return picture


Pair = tuple[np.ndarray, np.ndarray, bool]
"""As the model sees it: sketch (s, s, channels), photo (s, s, 3), and whether all of the sheet is seen."""


def frame_pair(sketch: np.ndarray, photo: np.ndarray, size: int) -> Pair:
    """A pair as the model sees it.

    A drawing is seen as on the page (`images.frame_drawing`), and what moves the drawing moves the photo; a coloured
    input, (h, w, 3), is only resized.
    """
    if sketch.ndim == 3:
        return images.resize(sketch, size), images.resize(photo, size), True
    seen, frame = images.frame_drawing(sketch, size)
    return seen[..., None], frame.cut(photo, size), frame.side == frame.drawing


# ---------------------------------------------------------------- colours of a category, for the colour picker


def palette(categories: list[str], colours: np.ndarray, k: int = 8) -> dict[str, tuple[str, ...]]:
    """For each category up to `k` colours as "#rrggbb", the most frequent first (k-means in CIELAB), of the categories
    and dominant colours, uint8 (n, 3), of n photos."""
    names = np.asarray(categories)
    return {name: cluster(colours[names == name], k) for name in sorted(set(categories))}


def cluster(colours: np.ndarray, k: int) -> tuple[str, ...]:
    """The centres of at most `k` clusters of RGB colours, uint8 (n, 3), largest cluster first; always the same."""
    lab = cv2.cvtColor((colours[:, None] / 255).astype(np.float32), cv2.COLOR_RGB2LAB)
    k = min(k, len(np.unique(colours, axis=0)))
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_MAX_ITER, 20, 0.1)
    cv2.setRNGSeed(0)
    _, labels, centres = cv2.kmeans(lab, k, None, stop, 5, cv2.KMEANS_PP_CENTERS)  # type: ignore[call-overload]
    order = np.argsort(-np.bincount(labels.ravel(), minlength=k), kind="stable")
    rgb = cv2.cvtColor(centres.reshape(1, -1, 3)[:, order], cv2.COLOR_LAB2RGB)[0]
    return tuple(dict.fromkeys("#{:02x}{:02x}{:02x}".format(*c) for c in (rgb * 255).round().clip(0, 255).astype(int)))


# ---------------------------------------------------------------- splits


def settle(examples: list) -> list[str]:
    """Set the splits of `Example`s with a group that are open, and bring every group into one split, the strictest that
    any of it has; returns remarks for the report. A tenth of the open groups, by a hash of the name, so that new
    pictures move no old ones, are for validation."""
    given: dict[str, set[str]] = {}
    for example in examples:
        if example.split:
            given.setdefault(example.group, set()).add(example.split)
    kept = {group: max(splits, key=SPLITS.index) for group, splits in given.items()}
    remarks = [
        f"group {group} was in {' and '.join(sorted(splits))}: all of it is in {kept[group]} now"
        for group, splits in sorted(given.items())
        if len(splits) > 1
    ]
    for example in examples:
        number = int.from_bytes(hashlib.sha256(example.group.encode()).digest()[:8], "big")
        example.split = kept.get(example.group) or ("val" if number < 0.1 * 2**64 else "train")
    if not given and not any(example.split == "train" for example in examples):
        for example in examples:
            example.split = "train"
        remarks.append("too few groups for a validation split: everything is in train")
    return remarks
