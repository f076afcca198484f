"""The command line of train.py: which config results from preset, resumed run and options. Imports no jax."""

import dataclasses
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tyro

from sketch2photo import config as config_module
from sketch2photo.config import CLASSIFIER_PRESETS, GAN_PRESETS, ClassifierConfig, GanConfig, from_dict
from sketch2photo.errors import ConfigError, choose
from sketch2photo.training.devices import Devices


@dataclass(frozen=True)
class GanCommand:
    """Train the generator: sketch -> photo."""

    data: tuple[Path, ...]
    """A dataset of prepare_data.py, or the .npz files of its export (or folders of them)."""
    out: Path
    """Folder of the run: checkpoints, stats.jsonl, samples."""
    config: Annotated[GanConfig, tyro.conf.arg(name="")]
    init: str = ""
    """Start from the weights of another run or a released model; what does not fit is listed."""
    resume: bool = False
    """Go on with the run in --out from its latest checkpoint, with its settings; only steps and how often it saves and
    looks at itself may be given anew."""
    allow_change: tuple[str, ...] = ()
    """With --resume: other settings that may be given anew, by name, such as optimiser.generator_rate."""
    devices: Annotated[Devices, tyro.conf.arg(name="")] = field(default_factory=Devices)


@dataclass(frozen=True)
class ClassifierCommand:
    """Train the classifier: sketch -> category."""

    data: tuple[Path, ...]
    """One or more datasets of prepare_data.py, of pairs or of drawings; or the .npz files of its export."""
    out: Path
    """Folder of the run: checkpoints, stats.jsonl, samples, calibration.json."""
    config: Annotated[ClassifierConfig, tyro.conf.arg(name="")]
    init: str = ""
    """Start from the weights of another classifier run or a released model; what does not fit is listed."""
    resume: bool = False
    """Go on with the run in --out from its latest checkpoint, with its settings; only steps and how often it saves and
    looks at itself may be given anew."""
    allow_change: tuple[str, ...] = ()
    """With --resume: other settings that may be given anew, by name, such as optimiser.generator_rate."""
    devices: Annotated[Devices, tyro.conf.arg(name="")] = field(default_factory=Devices)


Command = GanCommand | ClassifierCommand

_KINDS: dict[str, tuple[type, type, dict[str, Any]]] = {
    "gan": (GanCommand, GanConfig, GAN_PRESETS),
    "classifier": (ClassifierCommand, ClassifierConfig, CLASSIFIER_PRESETS),
}

_CLASSIFIERS = {
    "studio": "the classifier of the released model, VGG16 at 64 px",
    "debug": "the same, small: to see that the line holds",
}


def describe_classifier(config: ClassifierConfig) -> str:
    """How `train.py classifier --preset NAME --help` opens."""
    forward = config_module.classifier_gflop(config.model)
    return (
        f"{config.preset}: {_CLASSIFIERS.get(config.preset, 'a configuration of its own')}.\n\n"
        f"{config_module.costs('a drawing', 'to name', forward, 3 * forward, config.steps, config.batch_size)}\n\n"
        f"python train.py classifier --preset {config.preset} --data datasets/drawings --out runs/classifier"
    )


USAGE = """usage: train.py {gan,classifier} --data DIR --out DIR [--preset NAME] [options]

Train the generator (gan: sketch -> photo) or the classifier (sketch -> category).

  train.py gan --help          presets: vanilla (pix2pix as published), studio (what we release),
                               studio-lite (for a CPU), debug (a minute)
  train.py classifier --help   presets: studio, debug
"""


def parse(arguments: list[str]) -> Command:
    """The command that the arguments ask for; exits 0 for --help, 2 for a typo.

    Raises:
      ConfigError: neither gan nor classifier, an unknown preset, or a value out of range.
    """
    if not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE, end="")
        sys.exit(0 if arguments else 2)
    kind = choose("command of train.py", arguments[0], tuple(_KINDS))
    command, config_type, presets = _KINDS[kind]
    rest = arguments[1:]
    name = choose("preset", _value(rest, "--preset") or "studio", tuple(presets))
    default = presets[name]
    resumed = _value(rest, "--out")
    if "--resume" in rest and resumed:
        default = _config_of_run(Path(resumed), config_type, default)
    missing: Any = tyro.MISSING
    start = command(data=missing, out=missing, config=default)
    given = tyro.cli(
        command,
        args=rest,
        default=start,
        prog=f"train.py {kind}",
        description=_OPENING[kind](presets[name]),
        config=(tyro.conf.FlagCreatePairsOff,),
    )
    if isinstance(given, ClassifierCommand) and given.config.average_with and not (given.init or given.resume):
        raise ConfigError(f"--average-with {given.config.average_with[0]!r} needs --init: name what to average it with")
    return given


_OPENING: dict[str, Callable[[Any], str]] = {"gan": config_module.describe, "classifier": describe_classifier}


def _value(arguments: list[str], option: str) -> str | None:
    """The value of an option that decides the defaults of all others, and so is read before them."""
    for i, argument in enumerate(arguments):
        if argument == option and i + 1 < len(arguments):
            return arguments[i + 1]
        if argument.startswith(option + "="):
            return argument.removeprefix(option + "=")
    return None


def _config_of_run(out: Path, config_type: type, otherwise: Any) -> Any:
    """The settings a run was started with; the loop says it when there is no such run."""
    try:
        content = json.loads((out / "run.json").read_text())
    except (OSError, ValueError):
        return otherwise
    try:
        return from_dict(config_type, content["config"])
    except (KeyError, TypeError) as error:
        raise ConfigError(f"{str(out)!r} is not a run of this kind ({error}): choose another --out") from None


def describe(command: Command) -> str:
    """One line on what is about to be trained."""
    config = command.config
    return f"preset {config.preset}, {config.steps} steps of {config.batch_size}, {config.model.image_size} px"


def with_config(command: Command, **changes: Any) -> Command:
    """The command with some fields of its config changed."""
    return dataclasses.replace(command, config=dataclasses.replace(command.config, **changes))
