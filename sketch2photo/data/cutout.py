"""Examples whose object was cut out and put on white: photo, mask and sketches moved by one transform."""

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from sketch2photo import images
from sketch2photo.data import edges, segment
from sketch2photo.data.example import Example, Skipped, decode, encode_photo, encode_sketch, thumbnail


@dataclass(frozen=True)
class Cut:
    """How objects are cut out, and which masks are good enough."""

    method: str = "none"
    """One of `segment.METHODS`."""
    least: float = 0.0
    """Masks of a lower quality score are left out."""


NO_CUT = Cut()


@dataclass(frozen=True)
class CutOut:
    """A photo on white, with what was done to it."""

    photo: np.ndarray
    mask: np.ndarray
    placement: segment.Placement
    quality: segment.Quality


def cut_out(photo: np.ndarray, method: str) -> CutOut:
    """The object of a square photo, on white and in the middle; `auto` takes a white ground for what it is."""
    outline = edges.find_outline(photo) if method == "auto" else None
    mask = segment.find_mask(photo, method) if outline is None else outline.mask
    # Of the mask before it is moved: afterwards no object touches the border.
    quality = segment.quality(mask)
    placement = segment.placement(mask, photo.shape[0])
    placed = placement.apply_to_mask(mask)
    return CutOut(segment.on_white(placement.apply(photo), placed), placed, placement, quality)


def doubtful(quality: segment.Quality, least: float) -> str:
    """Why a mask is not good enough, in a few words; "" when it is."""
    if quality.score >= least:
        return ""
    worst = min(("border", "area", "smooth"), key=lambda name: getattr(quality, name))
    why = {"border": "it touches the border", "area": "it is very small or very large", "smooth": "it is ragged"}[worst]
    return f"its mask is doubtful: quality {quality.score:.2f}, {why}"


def maker(make: Callable[[Any], Any], cut: Cut, channels: int = 1) -> Callable[[Any], Any]:
    """`make` of pairs with sketches that are there, of 1 or 3 channels, its examples cut out; picklable."""
    return make if cut.method == "none" else functools.partial(_made, make=make, cut=cut, channels=channels)


def _made(raw: Any, *, make: Callable[[Any], Any], cut: Cut, channels: int) -> list[Example | Skipped]:
    made = make(raw)
    return [
        one if isinstance(one, Skipped) else example_cut_out(one, cut, channels)
        for one in (made if isinstance(made, list) else [made])
    ]


def example_cut_out(example: Example, cut: Cut, channels: int = 1) -> Example | Skipped:
    """A pair with its object on white; its sketches go where the photo goes."""
    assert example.photo is not None
    found = cut_out(decode(example.photo, 3), cut.method)
    reason = doubtful(found.quality, cut.least)
    if reason:
        return Skipped(example.file, reason, thumbnail(decode(example.photo, 3)))
    sketches = [encode_sketch(found.placement.apply(decode(data, channels))) for data in example.sketches]
    return dataclasses.replace(
        example,
        photo=encode_photo(found.photo),
        sketches=sketches,
        mask=encode_sketch(((found.mask > 127) * 255).astype(np.uint8)),
        mask_quality=found.quality.score,
        colour=images.dominant_colour(found.photo),
    )
