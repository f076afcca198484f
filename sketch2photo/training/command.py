"""The options of train.py: every field of the configuration is one, and starts from a preset or from a resumed run."""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from sketch2photo.cli import Parser, add_fields, with_fields
from sketch2photo.config import (
    CLASSIFIER_PRESETS,
    GAN_PRESETS,
    Checked,
    ClassifierConfig,
    Count,
    GanConfig,
    Range,
    from_dict,
)
from sketch2photo.errors import ConfigError, choose


class Kind(NamedTuple):
    """What train.py trains."""

    presets: dict[str, Any]
    does: str
    data: str
    out: str


KINDS = {
    "gan": Kind(
        GAN_PRESETS,
        "sketch -> photo; presets: vanilla (pix2pix as published), studio (what we release), studio-lite (for a CPU), "
        "debug (a minute)",
        "A dataset of prepare_data.py, or the .npz files of its export (or folders of them).",
        "Folder of the run: checkpoints, stats.jsonl, samples.",
    ),
    "classifier": Kind(
        CLASSIFIER_PRESETS,
        "sketch -> category; presets: studio, debug",
        "One or more datasets of prepare_data.py, of pairs or of drawings; or the .npz files of its export.",
        "Folder of the run: checkpoints, stats.jsonl, samples, calibration.json.",
    ),
}


class About(NamedTuple):
    """What a preset is, and its cost: two operations for every product of a convolution. A test computes it."""

    what: str
    forward: float  # GFLOP of one picture; without the perceptual network, whose size depends on its file
    training: float  # GFLOP of a training step on one picture, likewise, and without R1


ABOUT = {
    "gan vanilla": About("pix2pix to the letter (Isola et al. 2017, section 6)", 12.03, 80.1),
    "gan studio": About(
        "the released model: told category and colour, feature losses, discriminators that know parts", 1.535, 10.97
    ),
    "gan studio-lite": About("the released model's recipe at 128 px and narrow, for a CPU", 0.4349, 1.997),
    "gan debug": About("every part of studio, small: to see that the line holds", 0.01311, 0.08198),
    "classifier studio": About("the classifier of the released model, VGG16 at 64 px", 2.496, 7.488),
    "classifier debug": About("the same, small: to see that the line holds", 0.00988, 0.02964),
}

_RATE = {"cpu": 200.0, "gpu": 100_000.0}
"""GFLOP a second that times are estimated with: four processor cores on narrow layers (twice that on wide ones), and an
H100 at a tenth of its bfloat16 peak."""
_LEAST = {"cpu": 0.02, "gpu": 0.01}  # seconds a step that are estimated however small it is


def options(parser: Parser) -> None:
    """Those of gan and of classifier."""
    kinds = parser.add_subparsers(
        dest="kind", metavar="COMMAND", required=True, prog=parser.prog, parser_class=_KindParser
    )
    for name, kind in KINDS.items():
        kinds.add_parser(name, help=kind.does)
    parser.usage = f"{parser.prog} {{gan,classifier}} --data DIR --out DIR [--preset NAME] [options]"


class _KindParser(Parser):
    """Of gan or classifier. A preset, or the run that is resumed, gives all other options their defaults."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        name = self.prog.rpartition(" ")[2]
        kind = KINDS[name]
        start = self._start(kind, args)
        self.description = _describe_preset(name, kind.presets[start.preset], self.prog)
        self.usage = f"{self.prog} --data PATH ... --out DIR [options]"
        add = self.add_argument
        add("--data", type=Path, nargs="+", required=True, metavar="PATH", help=kind.data)
        add("--out", type=Path, required=True, metavar="DIR", help=kind.out)
        weights = "Start from the weights of another run or a released model; what does not fit is listed."
        add("--init", default="", metavar="DIR", help=weights)
        resume = "Go on with the run in --out from its latest checkpoint, with its settings; only steps and how often"
        add("--resume", action="store_true", help=f"{resume} it saves and looks at itself may be given anew.")
        change = "With --resume: other settings that may be given anew, by name, such as optimiser.generator_rate."
        add("--allow-change", nargs="*", default=(), metavar="NAME", help=change)
        add_fields(self, start)
        add_fields(self, Devices())
        found, rest = super().parse_known_args(args, namespace)
        found.config, found.devices = with_fields(start, vars(found)), with_fields(Devices(), vars(found))
        if name == "classifier" and found.config.average_with and not (found.init or found.resume):
            other = found.config.average_with[0]
            raise ConfigError(f"--average-with {other!r} needs --init: name what to average it with")
        return found, rest

    def _start(self, kind: Kind, args: list[str]) -> Any:
        """The config that options change."""
        early = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
        early.add_argument("--preset", nargs="?")
        early.add_argument("--out", nargs="?", type=Path)
        early.add_argument("--resume", action="store_true")
        try:
            given, _ = early.parse_known_args(args)
        except argparse.ArgumentError as error:
            self.error(str(error))
        preset = kind.presets[choose("preset", given.preset or "studio", list(kind.presets))]
        return _config_of_run(given.out, preset) if given.resume and given.out else preset


def _config_of_run(out: Path, otherwise: Any) -> Any:
    """The settings a run was started with; the loop says it when there is no such run."""
    try:
        content = json.loads((out / "run.json").read_text())
    except (OSError, ValueError):
        return otherwise
    try:
        return from_dict(type(otherwise), content["config"])
    except (KeyError, TypeError) as error:
        raise ConfigError(f"{str(out)!r} is not a run of this kind ({error}): choose another --out") from None


# ---------------------------------------------------------------- on which devices and hosts

MESH_AXES = ("data", "fsdp")  # the batch is split over both, weights and moments over the second


def mesh_sizes(mesh: str) -> dict[str, int]:
    """The devices along each axis, 1 along one that is not named; {} of "". Raises `ConfigError`: an unknown axis, one
    named twice, or no number of devices."""
    if not mesh:
        return {}
    found: dict[str, int] = {}
    for part in mesh.split(","):
        axis, equals, number = (text.strip() for text in part.partition("="))
        choose("axis of --mesh", axis, MESH_AXES)
        if not equals or not (number.isascii() and number.isdigit()) or int(number) < 1:
            raise ConfigError(f"--mesh is {mesh!r}: give a number of devices for each axis, such as data=4")
        if axis in found:
            raise ConfigError(f"--mesh is {mesh!r}: it names {axis} twice")
        found[axis] = int(number)
    return dict.fromkeys(MESH_AXES, 1) | found


@dataclass(frozen=True)
class Devices(Checked):
    """Where to train: on which devices, and with which other processes. Changes nothing of what is trained."""

    mesh: str = ""
    """Devices by axis: data=4, or data=2,fsdp=2. The batch is split over all of them; over fsdp the weights, their
    moving average and the optimiser's moments are, too. Without it: all GPUs or TPU cores, or the one CPU."""
    distributed: bool = False
    """One of several processes that train together, on one host or many; under SLURM, Open MPI, GKE and on Cloud TPU
    they find each other."""
    coordinator_address: str = ""
    """With --distributed elsewhere: HOST:PORT at which process 0 waits for the others (JAX_COORDINATOR_ADDRESS)."""
    num_processes: Annotated[int, Range(0)] = 0
    """How many processes there are (JAX_NUM_PROCESSES); 0 as detected."""
    process_id: Annotated[int, Range(-1)] = -1
    """Number of this one, from 0 (JAX_PROCESS_ID); -1 as detected. 0 writes and speaks for all."""
    connect_timeout: Count = 300
    """Seconds to wait for the other processes at the start."""

    def __post_init__(self) -> None:
        super().__post_init__()
        mesh_sizes(self.mesh)
        for name in ("coordinator_address", "num_processes", "process_id"):
            if not self.distributed and getattr(self, name) != getattr(Devices, name):
                raise ConfigError(f"--{name.replace('_', '-')} is given without --distributed: add it")
        host, _, port = self.coordinator_address.rpartition(":")
        if self.coordinator_address and not (host and port.isdigit() and 0 < int(port) < 2**16):
            raise ConfigError(
                f"--coordinator-address is {self.coordinator_address!r}: give HOST:PORT, such as 10.0.0.1:1234"
            )
        if self.num_processes and self.process_id >= self.num_processes:
            raise ConfigError(
                f"--process-id is {self.process_id} of {self.num_processes} processes: they are numbered from 0 to "
                f"{self.num_processes - 1}"
            )


# ---------------------------------------------------------------- what is trained, in words


def _describe_preset(kind: str, config: Any, prog: str) -> str:
    """How --help opens."""
    about = ABOUT[f"{kind} {config.preset}"]
    cpu, gpu = (
        _words(config.steps * max(_LEAST[device], config.batch_size * about.training / rate) / 3600)
        for device, rate in _RATE.items()
    )
    one, use, data, out = (
        ("an image", "to paint, without the perceptual network", "studio", config.preset)
        if kind == "gan"
        else ("a drawing", "to name", "drawings", "classifier")
    )
    call = f"python {prog}" if prog.startswith("train.py") else prog
    return (
        f"{config.preset}: {about.what}.\n\n"
        f"Cost of {one} (computed): {about.forward:.2g} GFLOP {use}; {about.training:.2g} GFLOP to train on.\n"
        f"Time for {config.steps * config.batch_size:,}: {cpu} on four CPU cores, {gpu} on an H100 (both estimated)."
        f"\n\n{call} --preset {config.preset} --data datasets/{data} --out runs/{out}"
    )


def _words(hours: float) -> str:
    """As people say it."""
    return f"{hours:.0f} hours" if hours >= 2 else f"{max(2, round(60 * hours))} minutes"


def describe(config: GanConfig | ClassifierConfig) -> str:
    """One line on what is about to be trained."""
    return f"preset {config.preset}, {config.steps} steps of {config.batch_size}, {config.model.image_size} px"
