"""Settings of the process that pay on a CPU; to be made before jax is first imported.

Each was measured on AVX-512 machines: the XLA flag keeps convolutions out of a fusion that slows them, the malloc
settings keep large temporaries mapped between steps (they halved a batch-8 training step), and the compilation
cache takes the first step from 20 s to 3 s from the second start on.
"""

import ctypes
import importlib.metadata
import os
import sys
from collections.abc import Callable
from pathlib import Path

_FUSION_FLAG = "--xla_cpu_experimental_ynn_fusion_type=-individual_convolution"
_JAXLIB_THAT_KNOWS_IT = ((0, 10), (0, 11))
"""An unknown XLA flag aborts the process, so it is set only for versions it was tried with: from, up to."""

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -2, -4, -8


def prepare(*, training: bool = False) -> None:
    """Set XLA flags and the compilation cache, and for training glibc's malloc. Never fails, never overrides."""
    if "jax" in sys.modules:
        return
    flags = os.environ.get("XLA_FLAGS", "")
    if "ynn_fusion" not in flags and _jaxlib_knows_the_flag():
        os.environ["XLA_FLAGS"] = f"{flags} {_FUSION_FLAG}".strip()
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
    cache = _cache_folder()
    if cache is not None:
        os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(cache))
    if training:
        _keep_large_temporaries()


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


def _keep_large_temporaries() -> None:
    mallopt = _of_glibc("mallopt")
    if mallopt is None:
        return
    for option, value in (
        (_M_MMAP_MAX, 0),
        (_M_TRIM_THRESHOLD, 2**31 - 1),
        (_M_ARENA_MAX, 1),
        (_M_TOP_PAD, 1 << 28),
    ):
        mallopt(option, value)


def give_memory_back() -> None:
    """Hand what was freed back to the system, which glibc's malloc would keep for training. Never fails.

    To be called before the first step: what made the weights took half as much again as they do, and compiling the
    step some 200 MB, in pieces too small for the step's own.
    """
    trim = _of_glibc("malloc_trim")
    if trim is not None:
        trim(0)


def _of_glibc(name: str) -> Callable[..., int] | None:
    """The function of that name; None where there is another C library."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        return getattr(ctypes.CDLL("libc.so.6"), name)
    except (OSError, AttributeError):
        return None
