"""Settings of the process that pay on a CPU; to be made before jax is first imported.

Each was measured on AVX-512 machines: the XLA flag keeps convolutions out of a fusion that slows them, the malloc
settings keep large temporaries mapped between steps (they halved a batch-8 training step), and the compilation
cache takes the first step from 20 s to 3 s from the second start on.
"""

import ctypes
import importlib.metadata
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

_FUSION_FLAG = "--xla_cpu_experimental_ynn_fusion_type=-individual_convolution"
_JAXLIB_THAT_KNOWS_IT = ((0, 10), (0, 11))
"""An unknown XLA flag aborts the process, so it is set only for versions it was tried with: from, up to."""

_WORTH_WAITING = 1 << 26
"""Bytes of temporaries."""
_SMALLER, _TO_SPARE = 128 << 20, 192 << 20
_PAGE = 4096
_RELEASED_BY = 0.25
"""Seconds."""

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


class Temporaries:
    """What a compiled program takes for as long as it runs, on a CPU: kept to one piece of memory.

    XLA releases it some milliseconds after the results are there, and a call that begins before takes as much again:
    `wait` for it. And it asks for a few bytes more than it takes, for alignment: where malloc has put something
    small into those, the next call does not fit into the place of the last. Then a training step of 2 GB grows to 2.7
    or 3.5.

    Args:
      size: bytes. Making this leaves two pieces free, one for them with room to spare, and one for what is smaller,
        which malloc puts into the smallest piece that holds it.
    """

    def __init__(self, size: int):
        self._size = size if size >= _WORTH_WAITING else 0
        self._before: int | None = None
        if self._size:
            _leave_free(_SMALLER, size + _TO_SPARE)

    def begin(self) -> None:
        """To be called before the program is."""
        self._before = bytes_in_use() if self._size else None

    def wait(self) -> None:
        """Until they are released, once the results are there; at most a quarter of a second."""
        if self._before is None:
            return
        began = asked = time.monotonic()
        while (used := bytes_in_use()) is not None and used > self._before + self._size // 2:
            now = time.monotonic()
            if now > began + _RELEASED_BY:
                break
            time.sleep(max(0.001, now - asked))  # asking keeps others from malloc, and takes as long as it has pieces
            asked = time.monotonic()
        self._before = None


def _leave_free(*sizes: int) -> None:
    """Free pieces of these sizes, each with something behind it that stays; they take no memory until they are used."""
    malloc, free = _of_glibc("malloc"), _of_glibc("free")
    if malloc is None or free is None:
        return
    pieces = []
    for size in sizes:
        pieces.append(_allocated(malloc, size))
        _allocated(malloc, _PAGE)
    for piece in pieces:
        free(ctypes.c_void_p(piece))


def _allocated(malloc: Any, size: int) -> int | None:
    malloc.restype = ctypes.c_void_p
    return malloc(ctypes.c_size_t(size))


class _Allocated(ctypes.Structure):
    """`struct mallinfo2` of glibc's malloc.h."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks")
        + ("keepcost",)
    ]


def bytes_in_use() -> int | None:
    """What malloc has given out and not got back; None where there is no glibc of 2.33 or later."""
    count = _of_glibc("mallinfo2")
    if count is None:
        return None
    count.restype = _Allocated  # pyright: ignore[reportFunctionMemberAccess]
    found: Any = count()
    return found.uordblks + found.hblkhd


def _of_glibc(name: str) -> Callable[..., int] | None:
    """The function of that name; None where there is another C library."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        return getattr(ctypes.CDLL("libc.so.6"), name)
    except (OSError, AttributeError):
        return None
