"""The compiled training step, kept from one start of a run to the next.

jax's own cache asks for the step traced and lowered, which takes a restart longer than anything else. This one asks
for what the step is made of (`_made_of`), so that the step can be loaded while data are opened and a checkpoint is
read. It lies beside jax's, in JAX_COMPILATION_CACHE_DIR/steps; where jax keeps nothing, nothing is kept here.
"""

import contextlib
import hashlib
import importlib.metadata
import json
import os
import pickle
import platform
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
from jax.experimental import serialize_executable

from sketch2photo.config import ClassifierConfig, GanConfig
from sketch2photo.errors import CheckpointError
from sketch2photo.files import write_atomic
from sketch2photo.training import run_folder
from sketch2photo.training.distributed import Batch, Layout, State
from sketch2photo.training.run_folder import lasting

KEPT = 16
"""Steps, the last used; each takes 10 to 40 MB."""
_PACKAGE = Path(__file__).resolve().parents[1]
_LIBRARIES = ("jax", "jaxlib", "flax", "optax", "numpy")
_OF_DATA = frozenset(
    ("seed", "balance", "none_share", "near_kin_share", "drawn_share", "prefix", "shake", "categories")
    + ("init_convolutions", "average_with", "loss.perceptual_features")
)
"""Settings that say what a step is given, not what it is; of features it is their file's content that counts."""
_HIT, _MISS = "/jax/compilation_cache/cache_hits", "/jax/compilation_cache/cache_misses"
_DIGEST = 32
"""Bytes in front of a kept step: what two processes wrote at once must not be run."""


class Early:
    """A step that is being loaded, if it is kept, in a thread of its own.

    Args:
      config: of the run.
      n_categories: that it tells apart.
    """

    def __init__(self, config: GanConfig | ClassifierConfig, n_categories: int, layout: Layout):
        self.file = _file(config, n_categories, layout)
        self._loading: Future[jax.stages.Compiled | None] | None = None
        if self.file is not None and self.file.is_file():
            thread = ThreadPoolExecutor(1, thread_name_prefix="load step")
            self._loading = thread.submit(_load, self.file, layout.mesh.devices.item())
            thread.shutdown(wait=False)

    def get(self) -> jax.stages.Compiled | None:
        """The step; None where it is not kept, or cannot be loaded."""
        return self._loading.result() if self._loading else None


def of_run(out: Path, config: GanConfig | ClassifierConfig, layout: Layout) -> Early | None:
    """The step of a run that is resumed with these settings, before anything else of it is read."""
    try:
        return Early(config, len(run_folder.read_run(out).categories), layout)
    except CheckpointError:
        return None  # the loop says it


class KeptStep:
    """A task's step, compiled for a layout.

    Args:
      task: of `training.loop`.
      early: the step if it is being loaded already, or perhaps another one.
    """

    def __init__(self, task: Any, layout: Layout, early: Early | None = None):
        self._task, self._layout = task, layout
        # Another's step is made of more than this package.
        known = type(task).__module__.startswith(f"{_PACKAGE.name}.")
        if not known or early is None or early.file != _file(task.config, len(task.categories), layout):
            early = Early(task.config, len(task.categories), layout) if known else None
        self._early = early

    def get(self, state: State, batch: Batch) -> Callable[..., Any]:
        """The step for states and batches like these; what is not kept is compiled, and then it is."""
        kept = self._early.get() if self._early else None
        if kept is not None and _shapes(kept.args_info) == _shapes(((state, batch), {})):
            return kept
        # Of abstract arrays, which are the same for fresh weights and for those of a checkpoint.
        step = self._layout.step(self._task.step, state)
        lowered = step.lower(self._layout.abstract(state), self._layout.abstract_batch(batch))
        with _jax_cache_events() as events:
            compiled = lowered.compile()
        # Of one that jax's cache had, XLA for CPUs gives away only a part: it loads, and does not run.
        if self._early and self._early.file and _MISS in events and _HIT not in events:
            # What is not kept is compiled again: nothing that goes wrong here ends a run.
            with contextlib.suppress(Exception):
                _keep(self._early.file, compiled)
        return compiled


def temporary_bytes(compiled: Any) -> int:
    """What a compiled program takes for as long as it runs; 0 where XLA does not say."""
    analysis = compiled.memory_analysis()
    return analysis.temp_size_in_bytes if analysis else 0


def _file(config: GanConfig | ClassifierConfig, n_categories: int, layout: Layout) -> Path | None:
    """Where the step is kept or to be kept; None where it cannot be."""
    folder = jax.config.values["jax_compilation_cache_dir"]
    if not folder or "://" in folder or not jax.config.values["jax_enable_compilation_cache"]:
        return None
    if not layout.one or jax.process_count() > 1:
        return None
    if isinstance(config, ClassifierConfig) and config.near_kin:
        return None  # which classes these are is in the step, and depends on what other categories the data have
    try:
        settings = _settings(config)
    except OSError:  # the folder of a classifier, which may be large and change while it is read; or nothing
        return None
    made_of = json.dumps([type(config).__name__, n_categories, settings, _made_of(layout.mesh.devices.item())])
    return Path(folder) / "steps" / hashlib.sha256(made_of.encode()).hexdigest()


def _settings(config: GanConfig | ClassifierConfig) -> list[Any]:
    """What a step is made of that is the run's own.

    Raises:
      OSError: the frozen network that is part of it is no file that can be read.
    """
    found: list[Any] = [{name: value for name, value in lasting(config).items() if name not in _OF_DATA}]
    if isinstance(config, ClassifierConfig):
        return [*found, config.steps]
    found.append(None if config.optimiser.schedule == "constant" else config.steps)
    if config.loss.perceptual_features:
        found.append(hashlib.sha256(Path(config.loss.perceptual_features).read_bytes()).hexdigest())
    return found


def _made_of(device: Any) -> list[str]:
    """What a step is made of that is not the run's own."""
    jax_settings = {name: value for name, value in jax.config.values.items() if "cache" not in name}
    return [
        _SOURCE,
        *(f"{name} {importlib.metadata.version(name)}" for name in _LIBRARIES),
        device.platform,
        device.device_kind,
        device.client.platform_version,
        _processor(),
        *(os.environ.get(name, "") for name in ("XLA_FLAGS", "LIBTPU_INIT_ARGS")),
        repr(sorted(jax_settings.items())),
    ]


def _source() -> str:
    """A digest of the package's source as it is now."""
    digest = hashlib.sha256()
    for file in sorted(_PACKAGE.rglob("*.py")):
        digest.update(f"{file.relative_to(_PACKAGE)} {hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def _processor() -> str:
    """What may be compiled for: a folder that machines share may hold steps for others."""
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return "\n".join(sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))}))
    return platform.processor()


_SOURCE = _source()
"""As it was when this was imported, which `train.py` does before what makes a step."""


def _load(file: Path, device: Any) -> jax.stages.Compiled | None:
    """A kept step; None where it is broken or of something that cannot be loaded here."""
    try:
        content = file.read_bytes()
        if hashlib.sha256(content[_DIGEST:]).digest() != content[:_DIGEST]:
            return None
        os.utime(file)
        # Whoever can write here can write to jax's cache of machine code as well.
        kept = pickle.loads(content[_DIGEST:])
        return serialize_executable.deserialize_and_load(*kept, backend=device.client, execution_devices=[device])
    except Exception:  # whatever it is, compiling does without
        return None


@contextlib.contextmanager
def _jax_cache_events() -> Iterator[list[str]]:
    """The names of what jax reports meanwhile."""
    events: list[str] = []

    def listen(event: str, **_: object) -> None:
        events.append(event)

    jax.monitoring.register_event_listener(listen)
    try:
        yield events
    finally:
        jax.monitoring.unregister_event_listener(listen)


def _keep(file: Path, compiled: jax.stages.Compiled) -> None:
    if _source() != _SOURCE:
        return  # somebody is at work on it: what was compiled may be of either
    content = pickle.dumps(serialize_executable.serialize(compiled))
    write_atomic(file, hashlib.sha256(content).digest() + content)
    for old in sorted(file.parent.iterdir(), key=lambda kept: kept.stat().st_mtime, reverse=True)[KEPT:]:
        old.unlink(missing_ok=True)


def _shapes(tree: Any) -> Any:
    leaves, structure = jax.tree.flatten(tree)
    return structure, [(x.shape, x.dtype) for x in leaves]
