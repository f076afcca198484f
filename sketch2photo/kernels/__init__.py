"""Convolutions written for the machine at hand; here, what the process is set to before jax is first imported.

The XLA flag keeps convolutions out of a fusion that slows them (measured on AVX-512 machines), and the compilation
cache takes the first step from 20 s to 3 s from the second start on. For training, glibc's malloc keeps what a step
frees for the next one, which saves 6 to 11% of its time.
"""

import ctypes
import importlib.metadata
import os
import sys
from pathlib import Path

from sketch2photo.errors import ConfigError

_FUSION_FLAG = "--xla_cpu_experimental_ynn_fusion_type=-individual_convolution"
_JAXLIB_THAT_KNOWS_IT = ((0, 10), (0, 11))
"""An unknown XLA flag aborts the process, so it is set only for versions it was tried with: from, up to."""

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -2, -4, -8  # of glibc's malloc.h


def prepare(*, training: bool = False) -> None:
    """Set XLA flags and the compilation cache, and what pays in training. Never fails, never overrides."""
    if "jax" in sys.modules:
        return
    flags = os.environ.get("XLA_FLAGS", "")
    if "ynn_fusion" not in flags and _jaxlib_knows_the_flag():
        os.environ["XLA_FLAGS"] = f"{flags} {_FUSION_FLAG}".strip()
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
    if cache := _cache_folder():
        os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(cache))
    if training:
        _keep_freed_memory()


def _keep_freed_memory() -> None:
    """Let a training step on the CPU take the memory that the last one freed, instead of asking the system anew.

    XLA frees a step's temporaries some milliseconds after its results are there; dispatched without waiting, the next
    step would begin before and the process grow by them.
    """
    os.environ.setdefault("JAX_CPU_ENABLE_ASYNC_DISPATCH", "false")
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        settings = ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, 2**31 - 1), (_M_ARENA_MAX, 1), (_M_TOP_PAD, 1 << 28))
        for option, value in settings:
            mallopt(option, value)


def check_platform() -> None:
    """Raises `ConfigError` where JAX_PLATFORMS names what jax does not find here."""
    wanted = os.environ.get("JAX_PLATFORMS") or os.environ.get("JAX_PLATFORM_NAME", "")
    if wanted in ("", "cpu"):
        return
    import jax

    try:
        jax.devices()
    except (RuntimeError, AssertionError):  # the second of a plugin that finds no device
        raise ConfigError(
            f"JAX_PLATFORMS is {wanted!r} in the environment, but jax finds no such device here: unset it to take what "
            "is there, set it to cpu, or install jax for that device"
        ) from None


def _jaxlib_knows_the_flag() -> bool:
    try:
        version = tuple(int(part) for part in importlib.metadata.version("jaxlib").split(".")[:2])
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return False
    least, beyond = _JAXLIB_THAT_KNOWS_IT
    return least <= version < beyond


def _cache_folder() -> Path | None:
    """A folder of this person's for compiled programs, or None where nothing can be written."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    folder = Path(home) / "sketch2photo" / "xla"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK) else None
