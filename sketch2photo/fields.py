"""What the fields of a config may hold, and a config as plain JSON values and back.

Standard library only. A config is a tree of frozen dataclasses derived from `Checked`; the types of their fields
are bool, int, float, str, a Literal of them, a tuple of one of them, another config, or one of the ranges below.
"""

import dataclasses
import math
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, TypeVar, get_args, get_origin

from sketch2photo.errors import ConfigError

T = TypeVar("T")


class Range(NamedTuple):
    """What a number may be, both ends included."""

    least: float
    most: float = math.inf

    def __str__(self) -> str:
        return f"at least {self.least:g}" if self.most == math.inf else f"{self.least:g} to {self.most:.10g}"


Count = Annotated[int, Range(1)]
Blocks = Annotated[int, Range(0, 5)]
Share = Annotated[float, Range(0, 1)]
BelowOne = Annotated[float, Range(0, 0.99999)]
Amount = Annotated[float, Range(0)]
Zoom = Annotated[float, Range(0.1, 10)]
Seed = Annotated[int, Range(0, 2**32 - 1)]


class Checked:
    """Holds every field to its type and range, so that a typo is a sentence now and not a NaN an hour later."""

    place: ClassVar[str] = ""
    """What goes before the name of a field where a message names it: "generator."."""

    def __post_init__(self) -> None:
        for f in dataclasses.fields(self):  # type: ignore[arg-type]
            _check(self.place + f.name, f.type, getattr(self, f.name))


def _check(name: str, annotation: Any, value: Any) -> None:
    kind, *ranges = get_args(annotation) if get_origin(annotation) is Annotated else [annotation]
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise ConfigError(f"{name} is {value!r}: choose one of {', '.join(map(str, get_args(kind)))}")
    elif get_origin(kind) is tuple:
        _check_tuple(name, get_args(kind), value)
    elif not _is_a(value, kind):
        raise ConfigError(f"{name} is {value!r}: it must be of type {kind.__name__}")
    for allowed in ranges:
        if not allowed.least <= value <= allowed.most:  # nor NaN
            raise ConfigError(f"{name} is {value}: it must be {allowed}")


def _check_tuple(name: str, kinds: tuple[Any, ...], value: Any) -> None:
    any_number = kinds[-1] is ...
    if not isinstance(value, tuple) or (not any_number and len(value) != len(kinds)):
        raise ConfigError(f"{name} is {value!r}: give {'a list of' if any_number else len(kinds)} values")
    for one in value:
        _check(name, kinds[0], one)


def _is_a(value: Any, kind: type) -> bool:
    if isinstance(value, bool):  # which Python takes for an int
        return kind is bool
    return isinstance(value, (int, float) if kind is float else kind)


def to_dict(config: Any) -> dict[str, Any]:
    """A config tree as plain JSON values."""
    return dataclasses.asdict(config)


def from_dict(kind: type[T], values: dict[str, Any]) -> T:
    """The config tree that `to_dict` wrote, perhaps by way of JSON; fields that are not there take their defaults.

    A config whose fields once meant something else has a classmethod `upgraded(values)`, which reads an old file's.

    Raises:
      ConfigError: an unknown field (the file is from another version), or a value its field cannot hold.
    """
    if not isinstance(values, dict):
        raise ConfigError(f"{kind.__name__} is {values!r}: it must be an object of named fields")
    known = {f.name: f for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    if upgraded := getattr(kind, "upgraded", None):
        values = upgraded(values)
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise ConfigError(f"{kind.__name__} has no field {unknown[0]!r}: the file was written by another version")
    arguments = {}
    for name, value in values.items():
        annotation = known[name].type
        if dataclasses.is_dataclass(annotation):
            value = from_dict(annotation, value)  # type: ignore[arg-type]
        elif isinstance(value, list):
            value = tuple(value)
        arguments[name] = value
    return kind(**arguments)
