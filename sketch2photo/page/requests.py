"""What the page sends at every frame: fields checked, and only then the sketch decoded."""

import base64
import binascii
from dataclasses import dataclass
from typing import Any

from sketch2photo import images
from sketch2photo.errors import ConfigError, ImageError
from sketch2photo.page.guard import check_png
from sketch2photo.page.line import Order

MAX_SKETCH_SIDE = 1024
MAX_SKETCH_CHARACTERS = 1_000_000
"""Of the data URL. The page sends 256 pixels a side, 2 to 20 thousand characters."""
MAX_SEED = 2**31 - 1
MAX_WISHES = 8
DEFAULT_WISHES = 4

_PREFIX = "data:image/png;base64,"


@dataclass(frozen=True)
class LiveRequest:
    """One frame of a drawing: whose, the how manieth, by which model, and what to paint, once or in variations."""

    person: str
    number: int
    model: str
    orders: tuple[Order, ...]

    @property
    def order(self) -> Order:
        """The first of what is to be painted."""
        return self.orders[0]


def read_request(request: Any, *, several: bool = False) -> LiveRequest:
    """A request of the page, checked and decoded. Unknown keys are ignored; `wishes` is read if there may be several.

    Raises:
      ConfigError: a field is missing, of the wrong type or out of range.
      ImageError: the sketch is not a PNG of 16 to 1024 pixels a side, or cannot be decoded.
    """
    if not isinstance(request, dict):
        raise ConfigError(f"the request is a {type(request).__name__}: send an object with person, seq and png")
    person = _text(request, "person", None, 64)
    if not person:
        raise ConfigError("person is empty: send an id of 1 to 64 characters")
    number = whole_number("seq", request.get("seq"), 2**53)
    model = _text(request, "model", "", 64)
    wishes = _wishes(request) if several else [{}]
    asked = [_wish(request | wish) for wish in wishes]
    sketch = _sketch(request.get("png"))
    return LiveRequest(person, number, model, tuple(Order(sketch, *wish) for wish in asked))


def _wish(request: dict[str, Any]) -> tuple[str | None, str | None, int]:
    """Category, colour and seed."""
    seed = whole_number("seed", request.get("seed", 0), MAX_SEED)
    category = _text(request, "category", "auto", 64)
    colour = _text(request, "colour", "", 16)
    return None if category in ("auto", "") else category, colour or None, seed


def _wishes(request: dict[str, Any]) -> list[dict[str, Any]]:
    wishes = request.get("wishes")
    if wishes is None:
        first = whole_number("seed", request.get("seed", 0), MAX_SEED)
        return [{"seed": (first + i) % (MAX_SEED + 1)} for i in range(DEFAULT_WISHES)]
    if not isinstance(wishes, list) or not 1 <= len(wishes) <= MAX_WISHES:
        received = f"{len(wishes)} entries" if isinstance(wishes, list) else type(wishes).__name__
        raise ConfigError(f"wishes is {received}: send a list of 1 to {MAX_WISHES} objects")
    known = ("category", "colour", "seed")
    for wish in wishes:
        if not isinstance(wish, dict):
            raise ConfigError(f"a wish is of type {type(wish).__name__}: send an object with category, colour or seed")
    return [{name: wish[name] for name in known if name in wish} for wish in wishes]


def whole_number(name: str, value: Any, largest: int) -> int:
    """`value` as an int from 0 to `largest`.

    Raises:
      ConfigError: it is not.
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= largest:
        raise ConfigError(f"{name} is {str(value)[:40]!r}: send a whole number from 0 to {largest}")
    return value


def _text(request: dict[str, Any], name: str, default: str | None, longest: int) -> str:
    value = request.get(name, default)
    if not isinstance(value, str):
        raise ConfigError(f"{name} is of type {type(value).__name__}: send a text")
    if len(value) > longest:
        raise ConfigError(f"{name} has {len(value)} characters: send at most {longest}")
    return value


def _sketch(url: Any) -> Any:
    if not isinstance(url, str) or not url.startswith(_PREFIX):
        raise ImageError(f"the sketch is not a PNG file: send a data URL that begins with {_PREFIX}")
    if len(url) > MAX_SKETCH_CHARACTERS:
        raise ImageError(f"the sketch has {len(url)} characters: send at most {MAX_SKETCH_CHARACTERS}")
    try:
        data = base64.b64decode(url[len(_PREFIX) :], validate=True)
    except (binascii.Error, ValueError):
        raise ImageError("the sketch is not valid base64: send a PNG file as a data URL") from None
    check_png(data, MAX_SKETCH_SIDE)
    return images.decode_sketch(data, "the sketch")
