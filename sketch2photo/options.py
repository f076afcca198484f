"""The parser of every command, and a config's fields as options. Standard library only, as --help is quick."""

import argparse
import ast
import dataclasses
import difflib
import functools
import itertools
import sys
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, TypeVar, get_args, get_origin

from sketch2photo.errors import ConfigError, choose

T = TypeVar("T")


class Parser(argparse.ArgumentParser):
    """Refuses in one sentence instead of the usage, with the nearest of what is known."""

    def __init__(self, **settings: Any):
        settings = {"allow_abbrev": False, "formatter_class": argparse.RawDescriptionHelpFormatter, **settings}
        super().__init__(**settings)

    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"{message}: see {self.prog} --help")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Refuses what is not known: the parser of a sub-command, unlike the one above it, knows what was meant."""
        options, rest = super().parse_known_args(args, namespace)
        if rest:
            near = difflib.get_close_matches(rest[0].partition("=")[0], self._option_string_actions, n=1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            self.error(f"unrecognized arguments: {' '.join(rest)}{hint}")
        return options, rest

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if isinstance(action, argparse._SubParsersAction):
            choose(str(action.metavar).lower(), value, list(action.choices))
        super()._check_value(action, value)


def add_checkpoint(parser: argparse.ArgumentParser, what: str) -> None:
    """The option --checkpoint: by default the model that comes with the repository, which a wheel does not hold."""
    usual = Path("checkpoints/studio")
    found = [folder / usual for folder in (Path(), Path(__file__).resolve().parents[1]) if (folder / usual).is_dir()]
    add = functools.partial(parser.add_argument, "--checkpoint", type=Path, metavar="DIR")
    if found:
        add(default=found[0], help=f"{what} (default: {usual})")
    else:
        add(required=True, help=what)


# ---------------------------------------------------------------- a config as options


def add_fields(parser: argparse.ArgumentParser, config: Any, place: str = "") -> None:
    """An option for each field of a config, with its docstring as help and its value as default: --model.image-size.

    The default is only told; an option that is not given is no attribute of what is parsed (see `with_fields`).
    """
    about, help_of = _docstrings(sys.modules[type(config).__module__].__file__ or "")[type(config).__name__]
    group = parser.add_argument_group(f"{place[:-1]} options", about) if place else parser
    parts = []
    for f in dataclasses.fields(config):
        value = getattr(config, f.name)
        if dataclasses.is_dataclass(value):
            parts.append((value, f"{place}{f.name}."))
            continue
        name = f.name.replace("_", "-")
        shown = " ".join(map(str, value)) if isinstance(value, tuple) else value
        told = (f"{help_of[f.name]} (default: {shown})" if shown != "" else help_of[f.name]).replace("%", "%%")
        common: dict[str, Any] = {"dest": place + f.name, "default": argparse.SUPPRESS}
        if isinstance(value, bool):
            for flag, to in ((name, True), (f"no-{name}", False)):
                more = told if to != value else argparse.SUPPRESS
                group.add_argument(f"--{place}{flag}", action="store_const", const=to, help=more, **common)
        else:
            group.add_argument(f"--{place}{name}", help=told, **common, **_values(f.type))
    for value, inner in parts:
        add_fields(parser, value, inner)


def _values(annotation: Any) -> dict[str, Any]:
    """How argparse reads what a field may hold."""
    kind, *_ = get_args(annotation) if get_origin(annotation) is Annotated else [annotation]
    inside = get_args(kind)
    if get_origin(kind) is Literal:
        return {"type": type(inside[0]), "choices": inside}
    if get_origin(kind) is tuple:
        return {**_values(inside[0]), "nargs": "*" if inside[-1] is ... else len(inside)}
    return {"type": kind, "metavar": kind.__name__.upper()}


def with_fields(config: T, given: dict[str, Any], place: str = "") -> T:
    """The config with the fields that were given, by the names of their options.

    Raises:
      ConfigError: a value out of range.
    """
    changes: dict[str, Any] = {}
    for f in dataclasses.fields(config):  # type: ignore[arg-type]
        value, name = getattr(config, f.name), place + f.name
        if dataclasses.is_dataclass(value):
            changes[f.name] = with_fields(value, given, f"{name}.")
        elif name in given:
            changes[f.name] = tuple(given[name]) if isinstance(given[name], list) else given[name]
    return dataclasses.replace(config, **changes)  # type: ignore[type-var]


@functools.cache
def _docstrings(file: str) -> dict[str, tuple[str, dict[str, str]]]:
    """Of every class in a module: its own, and those that stand below its fields."""
    found = {}
    for node in ast.parse(Path(file).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef):
            fields = {
                before.target.id: " ".join(str(after.value.value).split())
                for before, after in itertools.pairwise(node.body)
                if isinstance(before, ast.AnnAssign) and isinstance(before.target, ast.Name)
                if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            }
            found[node.name] = (ast.get_docstring(node) or "", fields)
    return found
