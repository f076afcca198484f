"""Reads tensors from PyTorch files without PyTorch, and without running anything that is written in them.

A .pth file is a pickle, a little program that may call whatever it names; PyTorch's own `weights_only` came only
after years of files that did. Here it may name tensors, their storages and ordered dictionaries. Whatever else it names
is never looked up: a stranger without contents stands for it, so that a refusal can say what the file is. Both of
PyTorch's formats are read: the archive (from 1.6 on) and the older sequence of pickles.
"""

import dataclasses
import io
import math
import pickle
import pickletools
import re
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import ml_dtypes
import numpy as np

from sketch2photo.errors import CheckpointError, first_line

MAX_PICKLE = 64 * 2**20
"""Bytes of the part that names the tensors; that of the largest networks has some hundred thousand."""
MAX_STORAGE = 4 * 2**30
_MAGIC = 0x1950A86A20F9469CFC6C
_DTYPES: dict[str, Any] = {
    "DoubleStorage": "f8",
    "FloatStorage": "f4",
    "HalfStorage": "f2",
    "BFloat16Storage": ml_dtypes.bfloat16,
    "LongStorage": "i8",
    "IntStorage": "i4",
    "ShortStorage": "i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}
_NESTED = ("state_dict", "model_state_dict", "model", "netG", "generator", "params", "module")
"""Where checkpoints of training scripts keep the weights."""
_SAVING = "torch.save(model.state_dict(), ...)"
_NO_TUPLE = {
    *("GLOBAL", "STACK_GLOBAL", "REDUCE", "PERSID", "BINPERSID", "EMPTY_DICT", "DICT", "EMPTY_LIST", "LIST"),
    *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "STRING", "BINSTRING", "SHORT_BINSTRING"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8", "EMPTY_SET"),
}
"""Opcodes that leave no tuple on the stack: what is remembered right after one of them is none."""
MAX_REPEATED = 16
"""How often a tuple that was remembered may be taken again. Tuples of tuples of the same tuple take twice as long to
hash with every level; PyTorch's files take none again."""


class _Refused(Exception):
    """The file holds what no file of weights needs."""


def read_tensors(path: str | Path) -> dict[str, np.ndarray]:
    """The tensors of a .pth, .pt, .bin or .safetensors file by name, in the numbers they were saved in.

    A dictionary of weights, or one that holds such a dictionary as `state_dict`, `model` and the like. The arrays
    are views of the file's bytes and not to be written to. Raises `CheckpointError`: the file cannot be read, holds
    something else than tensors, or asks to run something.
    """
    path = Path(path)
    try:
        if path.suffix.lower() == ".safetensors":
            from safetensors import safe_open

            with safe_open(path, framework="numpy") as file:
                return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        with path.open("rb") as file:
            magic = file.read(4)
            file.seek(0)
            strangers: list[str] = []
            content, storages = (_archive if magic == b"PK\x03\x04" else _sequence)(file, strangers)
        return {name: tensor.array(storages) for name, tensor in _tensors(content, strangers).items()}
    except _Refused as error:
        raise CheckpointError(f"{str(path)!r} {error}") from None
    except OSError as error:
        raise CheckpointError(f"{str(path)!r} cannot be read ({error.strerror or error}): name a file") from None
    except Exception as error:  # broken pickles raise whatever their opcodes stumble over
        reason = first_line(error)[:120]
        raise CheckpointError(
            f"{str(path)!r} is no whole file of PyTorch weights ({reason}): name a .pth or .safetensors file"
        ) from None


# ---------------------------------------------------------------- the two formats


def _archive(file: IO[bytes], strangers: list[str]) -> tuple[Any, dict[str, bytes]]:
    with zipfile.ZipFile(file) as archive:
        entries = {entry.filename: entry for entry in archive.infolist()}
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries.values()):
            raise _Refused("is compressed as PyTorch never does it: save it again by torch.save")
        pickles = [name for name in entries if name.rpartition("/")[2] == "data.pkl"]
        if len(pickles) != 1:
            raise _Refused(f"is an archive, but none of PyTorch's: name a file saved by {_SAVING}")
        top = pickles[0].removesuffix("data.pkl")
        if entries.get(top + "byteorder") and archive.read(top + "byteorder") != b"little":
            raise _Refused("was saved on a big-endian machine: save it again on a usual one")
        if any(name.startswith(top + "code/") for name in entries):
            raise _Refused(f"is a TorchScript program: save its weights by {_SAVING}")
        content = _unpickle(io.BytesIO(archive.read(pickles[0])), strangers)
        folder = top + "data/"
        return content, {name.removeprefix(folder): archive.read(name) for name in entries if name.startswith(folder)}


def _sequence(file: IO[bytes], strangers: list[str]) -> tuple[Any, dict[str, bytes]]:
    """PyTorch before 1.6: magic number, version and machine, then the object, the storages' names, their bytes."""
    start = file.read(4)
    if start == b"\x89HDF":
        raise _Refused("is a file of HDF5, as Keras writes them, not of PyTorch: name a .pth or .safetensors file")
    if start[:1] != b"\x80":
        raise _Refused("is no file of PyTorch weights: name a .pth or .safetensors file")
    file.seek(0)
    if _unpickle(file, strangers) != _MAGIC:
        raise _Refused("is a pickle, but none of PyTorch's: name a .pth file saved by torch.save")
    _unpickle(file, strangers)
    machine = _unpickle(file, strangers)
    if isinstance(machine, dict) and machine.get("little_endian") is False:
        raise _Refused("was saved on a big-endian machine: save it again on a usual one")
    used: dict[str, np.dtype] = {}
    content = _unpickle(file, strangers, used)
    storages = {}
    for key in _unpickle(file, strangers):
        (count,) = struct.unpack("<q", file.read(8))
        size = count * used[key].itemsize
        storages[key] = file.read(size) if 0 <= size <= MAX_STORAGE else b""
        if len(storages[key]) != size:
            raise EOFError("it ends early")
    return content, storages


# ---------------------------------------------------------------- the pickle


class _Fixed:
    """Takes no attributes: those of our own functions would stay for all files after this one."""

    def __setstate__(self, state: Any) -> None:
        raise _Refused("changes what it has made, which no file of weights does: do not use it")


@dataclasses.dataclass(frozen=True)
class _Tensor(_Fixed):
    """A tensor whose numbers are still in the file."""

    storage: "_Storage"
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def array(self, storages: dict[str, bytes]) -> np.ndarray:
        whole = np.frombuffer(storages[self.storage.key], self.storage.dtype)
        last = self.offset + sum((n - 1) * step for n, step in zip(self.shape, self.strides, strict=True) if n)
        size = math.prod(self.shape)
        # A tensor larger than its storage would be one number repeated; no network's weights are.
        if min((self.offset, *self.shape, *self.strides)) < 0 or size > len(whole) or (size and last >= len(whole)):
            raise ValueError("a tensor reaches beyond its numbers")
        step = self.storage.dtype.itemsize
        return np.lib.stride_tricks.as_strided(
            whole[self.offset :], self.shape, [step * n for n in self.strides], writeable=False
        )


@dataclasses.dataclass(frozen=True)
class _Storage(_Fixed):
    key: str
    dtype: np.dtype


class _Dict(dict):
    """An OrderedDict that takes no attributes (PyTorch adds versions of the layers)."""

    def __setstate__(self, state: Any) -> None:
        pass


class _Named(_Fixed):
    """A function that a pickle may call, or the kind of a storage that it may name."""

    def __init__(self, make: Callable[..., Any] | np.dtype):
        self.make = make

    def __call__(self, *arguments: Any) -> Any:
        return self.make(*arguments)  # pyright: ignore[reportCallIssue]  (a dtype raises, as broken files do)


def _rebuild_tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> _Tensor:
    if len(shape) != len(strides) or not all(type(n) is int for n in (offset, *shape, *strides)):
        raise ValueError("a tensor of no shape")
    return _Tensor(storage, offset, tuple(shape), tuple(strides))


_ALLOWED = {
    ("collections", "OrderedDict"): _Named(_Dict),
    ("torch._utils", "_rebuild_tensor"): _Named(_rebuild_tensor),
    ("torch._utils", "_rebuild_tensor_v2"): _Named(_rebuild_tensor),
    ("torch._utils", "_rebuild_parameter"): _Named(lambda tensor, *_: tensor),
    **{(module, name): _Named(np.dtype(kind)) for module in ("torch", "torch.cuda") for name, kind in _DTYPES.items()},
}

_ATTACKS = {
    *("os", "posix", "nt", "subprocess", "_posixsubprocess", "commands", "sys", "shutil", "socket", "pty", "ctypes"),
    *("importlib", "imp", "runpy", "pkgutil", "zipimport", "pip", "code", "codeop", "marshal", "pickle", "_pickle"),
    *("webbrowser", "urllib", "http", "requests", "multiprocessing", "asyncio", "pdb", "bdb", "timeit", "profile"),
    *("cProfile", "platform", "signal", "tempfile", "operator", "io.open", "_io.open", "functools.reduce"),
    *("types.FunctionType", "types.CodeType", "torch.hub", "torch.storage._load_from_bytes", "numpy.testing"),
    *("builtins.eval", "builtins.exec", "builtins.compile", "builtins.open", "builtins.__import__"),
    *("builtins.getattr", "builtins.setattr", "builtins.delattr", "builtins.map", "builtins.filter"),
    *("builtins.execfile", "builtins.apply", "builtins.input", "builtins.breakpoint", "builtins.vars"),
}
"""Modules and names that no harmless pickle calls: what they do reaches beyond the pickle."""


class _Stranger:
    """What stands for an object of a class that is not looked up; takes whatever is put into it."""

    attack = ""  # the name, if to call it is an attack

    def __new__(cls, *arguments: Any, **_: Any) -> "_Stranger":
        called = (cls, *(x for x in arguments if isinstance(x, type) and issubclass(x, _Stranger)))
        if attack := next((stranger.attack for stranger in called if stranger.attack), ""):
            raise _Refused(f"calls {attack}, which no file of weights needs: do not open it with PyTorch either")
        return super().__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None: ...

    def ignore(self, *_: Any) -> None: ...

    __setstate__ = __setitem__ = append = extend = add = ignore


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: IO[bytes], strangers: list[str], used: dict[str, np.dtype]):
        super().__init__(file)
        self._strangers, self._used = strangers, used

    def find_class(self, module: str, name: str) -> Any:
        """One of the few things a file of weights names, or a stranger; never looks anything up."""
        if (module, name) in _ALLOWED:
            return _ALLOWED[module, name]
        whole = f"{module}.{name}"
        self._strangers.append(whole)
        parts = whole.replace("__builtin__.", "builtins.", 1).split(".")
        attack = any(".".join(parts[: i + 1]) in _ATTACKS for i in range(len(parts)))
        return type(whole, (_Stranger,), {"attack": whole if attack else ""})

    def persistent_load(self, pid: Any) -> _Storage:
        match pid:
            case ("storage", _Named(make=np.dtype() as kind), key, _, _, *view):
                if view and view[0] is not None:
                    raise _Refused("shares storages as PyTorch before 0.4 did: save it again by torch.save")
                self._used[str(key)] = kind
                return _Storage(str(key), kind)
        raise ValueError(f"a storage of no known kind{', ' + self._strangers[-1] if self._strangers else ''}")


def _unpickle(file: IO[bytes], strangers: list[str], used: dict[str, np.dtype] | None = None) -> Any:
    """The next pickle of the file. Its opcodes are read before, so that none asks for memory it has no bytes for."""
    start = file.tell()
    known: dict[int, bool] = {}  # whether what is remembered under a number may be a tuple
    before, repeated = "", 0
    for opcode, argument, position in pickletools.genops(file):
        if (position or 0) - start > MAX_PICKLE:
            raise _Refused("names more than weights: its first part is too long")
        if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT") and int(argument or 0) > (position or 0):
            raise _Refused("counts what it holds wrongly: it is broken, or made to harm")
        if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"):
            number = len(known) if opcode.name == "MEMOIZE" else int(argument or 0)
            known[number] = before not in _NO_TUPLE
        elif opcode.name in ("GET", "BINGET", "LONG_BINGET"):
            repeated += known.get(int(argument or 0), True)
        if repeated > MAX_REPEATED or opcode.name == "DUP":
            raise _Refused("repeats itself as no file of weights does: it is broken, or made to harm")
        before = opcode.name
    file.seek(start)
    return _Unpickler(file, strangers, {} if used is None else used).load()


def _tensors(content: Any, strangers: list[str]) -> dict[str, _Tensor]:
    """The dictionary of tensors that was saved, or that lies in what was saved; `strangers` is what else it names."""
    place, within = "checkpoint", content
    while isinstance(within, dict):
        if tensors := {str(name): value for name, value in within.items() if isinstance(value, _Tensor)}:
            if strangers:
                raise _Refused(
                    f"holds {strangers[0]} beside its weights, and nothing but tensors is read here: save the "
                    f"state_dict alone, by torch.save({place}, 'weights.pth') of the checkpoint you load in PyTorch"
                )
            return tensors
        name = next((name for name in _NESTED if isinstance(within.get(name), dict)), None)
        if name is None:
            break
        place, within = f"{place}[{name!r}]", within[name]
    if strangers:
        raise _Refused(f"holds {strangers[0]}, not only tensors: save its weights by {_SAVING}")
    raise _Refused(_what_else(within if isinstance(within, dict) else {}))


def _what_else(content: dict[Any, Any]) -> str:
    """What a dictionary without tensors is, and what to take instead."""
    parts = {name: value for name, value in content.items() if isinstance(value, dict)}
    weights = [name for name, part in parts.items() if any(isinstance(value, _Tensor) for value in part.values())]
    if wanted := [name for name in weights if not re.search(r"(?i)netD|discrim|(^|_)D(_|$)", str(name))]:
        return (
            f"holds weights as {', '.join(map(repr, weights))}: save the network's alone, by torch.save(checkpoint"
            f"[{wanted[0]!r}], 'weights.pth') of the checkpoint you load in PyTorch"
        )
    if weights:
        return (
            f"holds a discriminator alone ({weights[0]!r}), which paints nothing: take the generator's file beside it, "
            "such as latest_net_G.pth"
        )
    if any("param_groups" in part for part in (content, *parts.values())):
        return (
            "is the state of an optimiser: take the file of the network's weights beside it, such as latest_net_G.pth"
        )
    names = f", but {', '.join(map(repr, list(content)[:6]))}" if content else ""
    return f"holds no dictionary of tensors{names}: save one by {_SAVING}"
