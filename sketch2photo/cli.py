"""The command line: `sketch2photo COMMAND`, and the same commands by the names of their files.

A command is a module with two functions: `options(parser)` says what may be given, `run(options)` does it. The module
is imported for --help too, so what is slow to import (numpy, jax, Gradio) it imports only when it runs. What a person
can put right ends in one sentence on stderr and exit code 2, Ctrl-C in exit code 130.
"""

import argparse
import ast
import dataclasses
import difflib
import functools
import importlib
import itertools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, NoReturn, TypeVar, get_args, get_origin

from sketch2photo.errors import ConfigError, choose, exit_on_user_error


class Command(NamedTuple):
    """Where a command is, and what it is for."""

    module: str
    does: str


COMMANDS = {
    "app": Command("sketch2photo.page.server", "Draw an object and see it as a photo."),
    "prepare": Command("sketch2photo.data.command", "Make a dataset of sketches and photos from raw files."),
    "train": Command("sketch2photo.training.command", "Train the generator (sketch -> photo) or the classifier."),
    "predict": Command("sketch2photo.predict", "Paint a folder of sketches."),
    "release": Command("sketch2photo.release.__main__", "Make a released model of finished runs."),
    "evaluate": Command("sketch2photo.evaluation.__main__", "Measure a released model on a dataset's photos."),
    "convert": Command("sketch2photo.convert.__main__", "Take over weights from elsewhere; PyTorch is not needed."),
    "export": Command("sketch2photo.export", "Hand a released model on to other programs."),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """`sketch2photo COMMAND ...`."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    with exit_on_user_error("sketch2photo"):
        if given[:1] in (["-h"], ["--help"]):
            print("usage: sketch2photo COMMAND [options]\n\nSketches to photos, from raw pictures to a page.\n")
            print("\n".join(f"  {name:10}{command.does}" for name, command in COMMANDS.items()))
            print("\nsketch2photo COMMAND --help lists the options of a command.")
            return
        if not given:
            raise ConfigError(f"name a command, one of {', '.join(COMMANDS)}: see sketch2photo --help")
        name = choose("command", given[0], COMMANDS)
    run(name, f"sketch2photo {name}", given[1:])


def run(name: str, prog: str, arguments: Sequence[str] | None = None) -> None:
    """One command, however it was called: prog is how."""
    with exit_on_user_error(prog.removeprefix("python -m sketch2photo.")):
        options = parse(name, sys.argv[1:] if arguments is None else arguments, prog)
        if name != "prepare":
            from sketch2photo import kernels

            kernels.prepare(training=name == "train")
            if name != "train":  # which first finds the other hosts
                kernels.check_platform()
        (_train if name == "train" else importlib.import_module(COMMANDS[name].module).run)(options)


def parse(name: str, arguments: Sequence[str], prog: str = "") -> argparse.Namespace:
    """The options of a command, or a `ConfigError` for one that is unknown, missing or cannot be; --help exits."""
    parser = Parser(prog=prog or f"sketch2photo {name}", description=COMMANDS[name].does)
    importlib.import_module(COMMANDS[name].module).options(parser)
    return parser.parse_args(arguments)


def _train(options: argparse.Namespace) -> None:
    from sketch2photo import kernels
    from sketch2photo.training import distributed, loop
    from sketch2photo.training.command import describe

    with distributed.join(options.devices):
        kernels.check_platform()
        layout = distributed.lay_out(options.devices.mesh, options.config.batch_size)
        if options.kind == "gan":
            from sketch2photo.training.gan_task import GanTask

            evaluator = None
            if options.config.evaluation.features:
                # Here: where nothing is evaluated, training needs no SciPy.
                from sketch2photo.evaluation.run import Evaluating as evaluator

            task: loop.Task = GanTask(options.config, options.data, distributed.say, evaluator)
        else:
            from sketch2photo.training.classifier_task import ClassifierTask

            task = ClassifierTask(options.config, options.data, distributed.say)
        distributed.say(describe(options.config))
        start = {"init": options.init, "resume": options.resume, "allow_change": tuple(options.allow_change)}
        loop.train(task, options.out, **start, layout=layout)


# ---------------------------------------------------------------- options

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
            choose(str(action.metavar).lower(), value, action.choices)
        super()._check_value(action, value)


def add_checkpoint(parser: argparse.ArgumentParser, what: str) -> None:
    """The option --checkpoint: by default the model that comes with the repository, which a wheel does not hold."""
    usual = Path("checkpoints/studio")
    places = (folder / usual for folder in (Path(), Path(__file__).resolve().parents[1]))
    found = next((place for place in places if place.is_dir()), None)
    told = f"{what} (default: {usual})" if found else what
    parser.add_argument("--checkpoint", type=Path, metavar="DIR", default=found, required=not found, help=told)


# ---------------------------------------------------------------- a config as options


def add_fields(parser: argparse.ArgumentParser, config: Any, place: str = "") -> None:
    """An option for each field of a config, with its docstring as help and its value as default: --model.image-size.

    The default is only told; an option that is not given is no attribute of what is parsed (see `with_fields`).
    """
    about, help_of = _docstrings(sys.modules[type(config).__module__].__file__ or "")[type(config).__name__]
    group = parser.add_argument_group(f"{place[:-1]} options", about) if place else parser
    for f in dataclasses.fields(config):
        value = getattr(config, f.name)
        if dataclasses.is_dataclass(value):
            add_fields(parser, value, f"{place}{f.name}.")
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
    """The config with the fields that were given, by the names of their options; `ConfigError` of one out of range."""
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
