"""The command line: `sketch2photo COMMAND`, and the same commands by the names of their files.

A command is a module with two functions: `options(parser)` says what may be given, `run(options)` does it. The module
is imported for --help too, so what is slow to import (numpy, jax, Gradio) it imports only when it runs. What a person
can put right ends in one sentence on stderr and exit code 2, Ctrl-C in exit code 130.
"""

import argparse
import importlib
import sys
from collections.abc import Sequence
from typing import NamedTuple

from sketch2photo.errors import ConfigError, choose, exit_on_user_error
from sketch2photo.options import Parser


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
        name = choose("command", given[0], list(COMMANDS))
    run(name, f"sketch2photo {name}", given[1:])


def run(name: str, prog: str, arguments: Sequence[str] | None = None) -> None:
    """One command, however it was called: prog is how."""
    with exit_on_user_error(prog.removeprefix("python -m sketch2photo.")):
        options = parse(name, sys.argv[1:] if arguments is None else arguments, prog)
        if name != "prepare":
            from sketch2photo import runtime

            runtime.prepare()
        (_train if name == "train" else importlib.import_module(COMMANDS[name].module).run)(options)


def parse(name: str, arguments: Sequence[str], prog: str = "") -> argparse.Namespace:
    """The options of a command; --help prints and exits.

    Raises:
      ConfigError: an option that is unknown, missing or cannot be.
    """
    parser = Parser(prog=prog or f"sketch2photo {name}", description=COMMANDS[name].does)
    importlib.import_module(COMMANDS[name].module).options(parser)
    return parser.parse_args(arguments)


def _train(options: argparse.Namespace) -> None:
    from sketch2photo.training import distributed, loop
    from sketch2photo.training.command import describe

    with distributed.join(options.devices):
        layout = distributed.lay_out(options.devices.mesh, options.config.batch_size)
        if options.kind == "gan":
            from sketch2photo.training.gan_task import GanTask

            evaluator = None
            if options.config.evaluation.features:
                # Here: where nothing is evaluated, training needs neither OpenCV nor SciPy.
                from sketch2photo.evaluation.run import Evaluating as evaluator

            task: loop.Task = GanTask(options.config, options.data, distributed.say, evaluator)
        else:
            from sketch2photo.training.classifier_task import ClassifierTask

            task = ClassifierTask(options.config, options.data, distributed.say)
        distributed.say(describe(options.config))
        start = {"init": options.init, "resume": options.resume, "allow_change": tuple(options.allow_change)}
        loop.train(task, options.out, **start, layout=layout)
