"""The only file that imports Orbax: what a training run keeps on disk.

    RUN/run.json        what is trained: kind, config, categories, palette, data
    RUN/state/<step>/   weights, optimisers, random key and input position; the latest two are kept
    RUN/checksums.json  of every file of each of them, by step
    RUN/stats.jsonl     one line a step        RUN/evaluation.jsonl, RUN/samples/   now and then

A checkpoint is whole or not there: Orbax writes it beside its place and renames it. Released models, which a page
must open fast, are plain files: `sketch2photo.release.format`.
"""

import contextlib
import dataclasses
import hashlib
import json
import logging
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np

from sketch2photo import files
from sketch2photo.config import ClassifierConfig, GanConfig, from_dict, to_dict
from sketch2photo.errors import CheckpointError, ConfigError, choose, first_line

FORMAT = 2
"""Of run.json. A run of format 1, which names none, had its examples in another order: it opens for everything but
--resume."""
KEPT = 2  # checkpoints
_RUN_FILE = "run.json"
_STATE, _SUMS_FILE = "state", "checksums.json"
_CONFIGS = {"gan": GanConfig, "classifier": ClassifierConfig}
_KINDS = {config: kind for kind, config in _CONFIGS.items()}


@dataclasses.dataclass(frozen=True)
class RunInfo:
    """What run.json says."""

    path: Path
    format: int
    config: GanConfig | ClassifierConfig
    categories: tuple[str, ...]
    palette: dict[str, tuple[str, ...]]
    sources: dict[str, str]  # where the training data are from, each with its licence

    @property
    def kind(self) -> str:
        """ "gan" or "classifier"."""
        return _KINDS[type(self.config)]


def write_run(
    path: Path,
    config: GanConfig | ClassifierConfig,
    categories: tuple[str, ...],
    palette: dict[str, tuple[str, ...]] | None = None,
    sources: dict[str, str] | None = None,
) -> None:
    """Make a run's folder and say in it what is trained. Written whole or not at all."""
    content = {"format": FORMAT, "kind": _KINDS[type(config)], "config": to_dict(config)}
    content |= {"categories": list(categories), "palette": palette or {}, "sources": sources or {}}
    try:
        files.write_atomic(path / _RUN_FILE, json.dumps(content, indent=2) + "\n")
    except OSError as error:
        raise CheckpointError(
            f"{str(path)!r} could not be written to ({error.strerror or error}): make room or choose another --out"
        ) from None


def read_run(path: str | Path) -> RunInfo:
    """What a run's folder holds. `CheckpointError` when it is none."""
    path = Path(path)
    try:
        content = json.loads((path / _RUN_FILE).read_text())
        return RunInfo(
            path,
            int(content.get("format", 1)),
            from_dict(_CONFIGS[content["kind"]], content["config"]),
            tuple(content["categories"]),
            {name: tuple(colours) for name, colours in content.get("palette", {}).items()},
            dict(content.get("sources", {})),
        )
    except FileNotFoundError:
        raise CheckpointError(
            f"{str(path)!r} is not a training run (it has no {_RUN_FILE}): name the --out folder of train.py"
        ) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ConfigError) as error:
        raise CheckpointError(f"{str(path / _RUN_FILE)!r} cannot be read ({error}): restore or retrain it") from None


def read_json_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a .jsonl file of a run; one that was being written, or that tells no step, is left out."""
    found = []
    for line in path.read_text().splitlines() if path.is_file() else []:
        with contextlib.suppress(ValueError):
            values = json.loads(line)
            if isinstance(values, dict) and isinstance(values.get("step"), int):
                found.append(values)
    return found


def is_run(path: str | Path) -> bool:
    """Whether the folder was written by train.py."""
    return (Path(path) / _RUN_FILE).is_file()


def saved_steps(path: str | Path) -> list[int]:
    """The steps with a whole checkpoint, in order."""
    folder = Path(path) / _STATE
    return sorted(int(child.name) for child in folder.iterdir() if child.name.isdigit()) if folder.is_dir() else []


def damage(path: Path, step: int) -> str:
    """What is wrong with a checkpoint; "" when it is whole."""
    folder = path / _STATE / str(step)
    if (known := _known_sums(path).get(str(step))) is None:  # of a run from before there were checksums
        try:
            _read(folder)
        except _UNREADABLE as error:
            return first_line(error)[:200]
        return ""
    now = _sums(folder)
    wrong = next((name for name in known if now.get(name) != known[name]), "")
    return wrong and f"{wrong} {'is not as it was written' if wrong in now else 'is missing'}"


def set_damaged_aside(path: Path, say: Callable[[str], None]) -> None:
    """Make the latest whole checkpoint the latest of all: damaged ones after it are moved to RUN/damaged, and said.
    Raises `CheckpointError`: all are damaged; they stay where they are."""
    damaged: dict[int, str] = {}
    for step in reversed(saved_steps(path)):
        if reason := damage(path, step):
            damaged[step] = reason
            continue
        for other, reason in damaged.items():
            aside = path / "damaged" / str(other)
            files.remove(aside)
            aside.parent.mkdir(exist_ok=True)
            (path / _STATE / str(other)).rename(aside)
            say(f"the checkpoint of step {other} is damaged ({reason}): going on from step {step}; it lies in {aside}")
        return
    step, reason = next(iter(damaged.items()))
    raise CheckpointError(
        f"the checkpoint of step {step} in {str(path)!r} is damaged ({reason}), and no other is whole: restore the "
        "folder from a copy or start anew with another --out"
    )


def _sums(folder: Path) -> dict[str, str]:
    """A checksum of every file in a folder, by its place there."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                found[path.relative_to(folder).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def _known_sums(path: Path) -> dict[str, dict[str, str]]:
    """Of each step's checkpoint, as they were when it was written."""
    try:
        return dict(json.loads((path / _SUMS_FILE).read_text()))
    except (OSError, ValueError, TypeError):
        return {}


def lost(path: str | Path) -> str:
    """What a run that ends now loses, in words."""
    steps = saved_steps(path)
    return f"what came after step {steps[-1]} is lost, go on from there with --resume" if steps else "nothing was saved"


class RunCheckpoints(contextlib.AbstractContextManager["RunCheckpoints"]):
    """Saves and restores the state of one run. A context manager; leaving it waits for a save under way."""

    def __init__(self, path: Path):
        from orbax.checkpoint import v1 as ocp

        self._path = path
        self._checkpointer = ocp.training.Checkpointer(
            str((path / _STATE).absolute()),
            # Orbax's own policies do not match its own annotations.
            save_decision_policy=ocp.training.save_decision_policies.FixedIntervalPolicy(1),  # pyright: ignore[reportArgumentType]
            preservation_policy=ocp.training.preservation_policies.LatestN(KEPT),  # pyright: ignore[reportArgumentType]
            cleanup_tmp_directories=True,
        )

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            with _silence():
                self._checkpointer.close()
        except Exception:
            if kind is None:
                raise
            # After a save that failed Orbax fails once more; what went wrong has been said already.

    def save(self, step: int, state: Any, position: dict[str, Any]) -> None:
        """Write the state after `step` steps and the input's position; at once, so that a full disk is noticed. Raises
        `CheckpointError`: it could not be written; the checkpoint before is still there."""
        if step in saved_steps(self._path):
            return
        try:
            with _silence(), _uncompressed():
                self._checkpointer.save_checkpointables(
                    step, {"state": _as_arrays(state)}, custom_metadata={"position": json.dumps(position)}
                )
            if jax.process_index() == 0:
                sums = _known_sums(self._path) | {str(step): _sums(self._path / _STATE / str(step))}
                content = {kept: sums[kept] for kept in map(str, saved_steps(self._path)) if kept in sums}
                files.write_atomic(self._path / _SUMS_FILE, json.dumps(content, indent=1) + "\n")
        except (OSError, ValueError) as error:
            reason = first_line(error).rpartition('": ')[2][-200:]
            raise CheckpointError(
                f"the checkpoint of step {step} could not be written to {str(self._path)!r} ({reason}): "
                "make room; the one before is untouched"
            ) from None

    def restore(self, like: Any) -> tuple[Any, dict[str, Any]]:
        """The latest state, and the input's position. `like`: a state of `jax.ShapeDtypeStruct`s that say where each
        array is to lie."""
        step = _latest(self._path)
        try:
            loaded = self._checkpointer.load_checkpointables(step, {"state": _as_arrays(like)})["state"]
        except _UNREADABLE as error:
            raise CheckpointError(
                f"the checkpoint of step {step} in {str(self._path)!r} does not fit this model "
                f"({first_line(error)[:200]}): resume with the settings it was started with"
            ) from None
        loaded = {**loaded, "key": jax.random.wrap_key_data(loaded["key"])}
        metadata: Any = self._checkpointer.checkpointables_metadata(step).custom_metadata
        return dataclasses.replace(like, **loaded), json.loads(metadata["position"])


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Without the seven tracebacks that Orbax logs of one full disk; what it raises says the same."""
    logger = logging.getLogger("absl")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


def _uncompressed() -> Any:
    """The way to write arrays: of weights compression saves a tenth, and takes three times as long to write."""
    from orbax.checkpoint import v1 as ocp

    context = ocp.Context()
    context.array.saving.use_compression = False
    return context


def restore_state(path: str | Path, step: int | None = None) -> dict[str, Any]:
    """A run's saved state as nested dicts of numpy arrays, by the names of the state's fields; lists are dicts with
    integer keys. Raises `CheckpointError`: not a run, nothing is saved in it yet, or what is saved is damaged."""
    run = read_run(path)
    step = _latest(run.path) if step is None else step
    folder = run.path / _STATE / str(step)
    try:
        if not (reason := damage(run.path, step)):
            return _numbered(_read(folder))
    except _UNREADABLE as error:
        reason = first_line(error)[:200]
    before = [saved for saved in saved_steps(run.path) if saved < step and not damage(run.path, saved)]
    remedy = (
        f"move it away, and that of step {before[-1]} is taken" if before else "restore it from a copy or train anew"
    )
    raise CheckpointError(f"the checkpoint {str(folder)!r} is damaged ({reason}): {remedy}")


_UNREADABLE = (OSError, ValueError, KeyError, TypeError)


def _read(folder: Path) -> Any:
    """A checkpoint as it is, its arrays as numpy's: the devices of the run may not be here."""
    from orbax.checkpoint import v1 as ocp

    place = str(folder.absolute())
    about: Any = ocp.checkpointables_metadata(place)
    json.loads(about.custom_metadata["position"])  # without it no run goes on
    like = jax.tree.map(lambda x: np.empty(x.shape, x.dtype), about.metadata["state"])
    return ocp.load_checkpointables(place, {"state": like})["state"]


def _numbered(tree: Any) -> Any:
    """The tree with the places in lists as integers, as the networks have them; Orbax makes them text, whose order
    is another one from ten on."""
    if not isinstance(tree, dict):
        return tree
    return {int(key) if str(key).isdigit() else key: _numbered(value) for key, value in tree.items()}


def _latest(path: Path) -> int:
    if not (steps := saved_steps(path)):
        raise CheckpointError(f"nothing is saved in {str(path)!r} yet: start it without --resume")
    return steps[-1]


def _as_arrays(state: Any) -> dict[str, Any]:
    """A state as a dict of plain arrays: fields that are None are left out, random keys become their words."""
    values = {f.name: getattr(state, f.name) for f in dataclasses.fields(state)}
    key, abstract = values["key"], isinstance(values["key"], jax.ShapeDtypeStruct)
    words = jax.eval_shape(jax.random.key_data, key)
    values["key"] = words.update(sharding=key.sharding) if abstract else jax.random.key_data(key)
    return {name: value for name, value in values.items() if value is not None}


# ---------------------------------------------------------------- who may train in a run's folder, with which settings

LOCK_FILE = "lock"
FREE = ("preset", "steps", "save_every", "sample_every", "sample_drawings", "evaluation.")
"""Settings that a resumed run may change unasked: how long it trains and how often it looks. A name that ends in a dot
is of all in that group."""


def check_folder(out: Path, resume: bool) -> None:
    """Whether a run may start in the folder, or go on in it. Raises `CheckpointError`: it holds a run and `resume` is
    not set, or holds none and it is, or one of an older format; or it is a file."""
    if resume:
        if read_run(out).format != FORMAT:
            raise CheckpointError(
                f"{str(out)!r} was started when examples came in another order and cannot go on as it would have: "
                f"start another run with --init {out}"
            )
        _latest(out)
    elif is_run(out) and saved_steps(out):
        raise CheckpointError(f"{str(out)!r} already holds a training run: add --resume or choose another --out")
    elif out.exists() and not out.is_dir():
        raise CheckpointError(f"--out {str(out)!r} is a file: choose a folder")


def check_unchanged(
    out: Path, config: GanConfig | ClassifierConfig, categories: tuple[str, ...], allowed: tuple[str, ...] = ()
) -> None:
    """Whether a resumed run has the settings it was started with; aside from those in `FREE` and the allowed ones, such
    as "optimiser.generator_rate", or a group of them, "optimiser".

    Raises:
      CheckpointError: settings differ that are not allowed to, or the data have other categories.
      ConfigError: an allowed name is none of a setting.
    """
    run = read_run(out)
    before, now = flat(to_dict(run.config)), flat(to_dict(config))
    for name in allowed:
        choose("setting to allow a change of", name, [*now, *sorted({name.rpartition(".")[0] for name in now} - {""})])
    if type(run.config) is not type(config):
        raise CheckpointError(f"{str(out)!r} is a {run.kind} run: choose another --out")
    if run.categories != categories:
        raise CheckpointError(
            f"{str(out)!r} was started on the categories {', '.join(run.categories)}, the data now have "
            f"{', '.join(categories)}: resume on the same data, or start another run with --init {out}"
        )
    free = {*FREE, *allowed, *(f"{name}." for name in allowed)}
    groups = tuple(name for name in free if name.endswith("."))
    changed = [name for name in now if before.get(name) != now[name]]
    if changed := [name for name in changed if name not in free and not name.startswith(groups)]:
        told = "; ".join(f"{name} was {before.get(name)!r}, is now {now[name]!r}" for name in changed)
        raise CheckpointError(
            f"{str(out)!r} was started with other settings ({told}): leave them out, or say that you mean it by "
            f"--allow-change {' '.join(changed)}"
        )


def flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Settings by their names on the command line, such as "optimiser.generator_rate"."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            found |= flat(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = list(value) if isinstance(value, tuple) else value
    return found


@contextlib.contextmanager
def locked(out: Path) -> Iterator[None]:
    """Keeps a second process out of a run's folder, which is made if need be. The system lets go of the lock with the
    process, however that ends, so a killed run leaves none. On many hosts the first takes it for all. Raises
    `CheckpointError`: another process has it, or the folder cannot be written to."""
    if jax.process_index() != 0:
        yield
        return
    try:
        out.mkdir(parents=True, exist_ok=True)
        file = (out / LOCK_FILE).open("a+")
    except OSError as error:
        reason = error.strerror or error
        raise CheckpointError(f"{str(out)!r} cannot be written to ({reason}): choose another --out") from None
    with file:
        try:
            files.lock(file)
        except BlockingIOError:
            file.seek(0)
            who = file.read().strip() or "another process"
            raise CheckpointError(
                f"{str(out)!r} is being trained by {who}: wait for it, end it, or choose another --out"
            ) from None
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        yield
