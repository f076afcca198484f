"""Reading PyTorch files: tensors as they were saved, and nothing in them is run."""

import argparse
import dataclasses
import datetime
import enum
import functools
import io
import os
import pickle
import random
import struct
import types
import zipfile
from collections import Counter, OrderedDict, defaultdict
from pathlib import Path

import numpy as np
import pytest

from sketch2photo.convert.torch_file import read_tensors
from sketch2photo.errors import CheckpointError

GOLDEN = Path(__file__).resolve().parent / "golden"


class Global:
    """Pickles as the name of something in a module that need not exist."""

    def __init__(self, module, name):
        self.module, self.name = module, name


class Call:
    """Pickles as a call."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments


class Storage(tuple):
    """Pickles as a persistent id."""


class Writer(pickle._Pickler):
    """Writes what PyTorch's pickles hold, without PyTorch."""

    def save(self, obj, save_persistent_id=True):
        if isinstance(obj, Global):
            self.write(b"c" + f"{obj.module}\n{obj.name}\n".encode())
        elif isinstance(obj, Call):
            self.save(obj.function)
            self.save(obj.arguments)
            self.write(pickle.REDUCE)
        elif isinstance(obj, Storage):
            self.save(tuple(obj))
            self.write(pickle.BINPERSID)
        else:
            super().save(obj, save_persistent_id)


def dump(obj):
    file = io.BytesIO()
    Writer(file, 2).dump(obj)
    return file.getvalue()


def tensor(key="0", shape=(2,), strides=(1,), offset=0, count=2, kind="FloatStorage"):
    storage = Storage(("storage", Global("torch", kind), key, "cpu", count))
    return Call(Global("torch._utils", "_rebuild_tensor_v2"), storage, offset, shape, strides, False, OrderedDict())


def archive(path, content, data=b"\0" * 8, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as file:
        file.writestr("archive/data.pkl", content if isinstance(content, bytes) else dump(content))
        file.writestr("archive/byteorder", "little")
        file.writestr("archive/data/0", data)
    return path


def refused(path):
    with pytest.raises(CheckpointError) as error:
        read_tensors(path)
    said = str(error.value)
    assert "\n" not in said and str(path) in said
    return said


# ---------------------------------------------------------------- what is read


def test_numbers_are_read_as_they_lie(tmp_path):
    data = np.arange(12, dtype=np.float32)
    content = {
        "rows": tensor(shape=(3, 4), strides=(4, 1), count=12),
        "transposed": tensor(shape=(4, 3), strides=(1, 4), count=12),
        "tail": tensor(shape=(2,), offset=10, count=12),
        "scalar": tensor(shape=(), strides=(), offset=5, count=12),
        "none": tensor(shape=(0, 3), strides=(3, 1), count=12),
    }
    found = read_tensors(archive(tmp_path / "a.pth", content, data.tobytes()))
    np.testing.assert_array_equal(found["rows"], data.reshape(3, 4))
    np.testing.assert_array_equal(found["transposed"], data.reshape(3, 4).T)
    np.testing.assert_array_equal(found["tail"], [10, 11])
    assert found["scalar"] == 5 and found["none"].shape == (0, 3)


@pytest.mark.parametrize(
    ("kind", "data", "values"),
    [
        ("HalfStorage", np.array([1.5, -2], np.float16).tobytes(), [1.5, -2]),
        ("DoubleStorage", np.array([1.5, -2]).tobytes(), [1.5, -2]),
        ("LongStorage", np.array([3, -2]).tobytes(), [3, -2]),
        ("BFloat16Storage", struct.pack("<2H", 0x3FC0, 0xC000), [1.5, -2]),
    ],
)
def test_kinds_of_numbers(tmp_path, kind, data, values):
    found = read_tensors(archive(tmp_path / "a.pth", {"x": tensor(kind=kind)}, data))
    np.testing.assert_array_equal(found["x"].astype(np.float64), values)


def test_weights_within_a_checkpoint_are_found(tmp_path):
    content = {"epoch": 3, "state_dict": OrderedDict(x=tensor())}
    assert list(read_tensors(archive(tmp_path / "a.pth", content))) == ["x"]


def test_both_formats_of_real_files_agree():
    """Files by PyTorch itself: an archive holds what .safetensors does; the other is a sequence."""
    a, b = read_tensors(GOLDEN / "vgg16.pth"), read_tensors(GOLDEN / "vgg16.safetensors")
    assert set(b) < set(a)
    for name, value in b.items():
        np.testing.assert_array_equal(a[name], value)
    old = read_tensors(GOLDEN / "unet_128_batch.pth")
    assert (GOLDEN / "unet_128_batch.pth").read_bytes()[:2] == b"\x80\x02"
    assert old["module.model.model.0.weight"].shape == (2, 3, 4, 4)
    assert all(np.isfinite(value).all() for value in old.values())


# ---------------------------------------------------------------- what is refused


class Harm:
    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("form", ["archive", "sequence", "bare"])
def test_nothing_in_a_file_is_run(tmp_path, protocol, form):
    """What would make a folder, in every place of every format, is refused by name and not run."""
    target = tmp_path / "harm"
    harm = pickle.dumps({"x": Harm(os.mkdir, (str(target),))}, protocol)
    path = tmp_path / "a.pth"
    if form == "archive":
        archive(path, harm)
    elif form == "bare":
        path.write_bytes(harm)
    else:
        path.write_bytes(pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + pickle.dumps({}, 2) + harm)
    said = refused(path)
    assert not target.exists()
    if not (form == "bare" and protocol == 0):  # not even a beginning like PyTorch's
        assert "mkdir, which no file of weights needs" in said
    pickle.loads(harm)
    assert target.exists()  # the same bytes do harm where they are let


class Kind(enum.Enum):
    UNET = 1


@dataclasses.dataclass
class Settings:
    steps: int = 3


HARMLESS = {
    "argparse.Namespace": argparse.Namespace(lr=0.1),
    "numpy._core.multiarray.scalar": np.float64(0.5),
    "numpy._core.multiarray._reconstruct": np.arange(3),
    "Settings": Settings(),
    "Kind": Kind.UNET,
    "types.SimpleNamespace": types.SimpleNamespace(a=1),
    "pathlib.PosixPath": Path("runs"),
    "datetime.datetime": datetime.datetime(2020, 1, 2),
    "collections.defaultdict": defaultdict(list, a=[1]),
    "collections.Counter": Counter("aab"),
    "__builtin__.set": {1, 2},
    "functools.partial": functools.partial(print, 1),
    "random.Random": random.Random(0),
    "os.system": Global("os", "system"),  # named, and not called
}


@pytest.mark.parametrize("name", HARMLESS)
@pytest.mark.parametrize("first", [False, True], ids=["after", "before"])
def test_what_harmless_things_lie_beside_weights_is_said_with_the_way_on(tmp_path, name, first):
    content = {"epoch": 3, "model": {"state_dict": {"x": tensor()}}}
    content = {"more": HARMLESS[name], **content} if first else {**content, "more": [HARMLESS[name]]}
    said = refused(archive(tmp_path / "a.pth", content))
    assert (
        f"{name} beside its weights" in said and "torch.save(checkpoint['model']['state_dict'], 'weights.pth')" in said
    )
    assert "do not open it" not in said


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"netD": {"x": tensor()}, "epoch": 3}, "holds a discriminator alone ('netD'), which paints nothing: take the"),
        (
            {"D_state": {"x": tensor()}, "G": {"x": tensor()}},
            "holds weights as 'D_state', 'G': save the network's alone",
        ),
        ({"ema": {"x": tensor()}}, "by torch.save(checkpoint['ema'], 'weights.pth')"),
        ({"state": {0: {"exp_avg": tensor()}}, "param_groups": [{"lr": 0.1}]}, "is the state of an optimiser: take"),
        ({"optG": {"state": {}, "param_groups": []}}, "is the state of an optimiser"),
        ({"epoch": 3, "loss": 0.5}, "holds no dictionary of tensors, but 'epoch', 'loss': save one by"),
        ({}, "holds no dictionary of tensors: save one by"),
    ],
)
def test_dictionaries_of_other_things_are_named(tmp_path, content, told):
    assert told in refused(archive(tmp_path / "a.pth", content))


def test_an_attack_through_what_is_harmless_is_one(tmp_path):
    call = Call(Global("functools", "partial"), Global("posix", "system"))
    assert "calls posix.system, which no file" in refused(archive(tmp_path / "a.pth", {"x": tensor(), "y": call}))


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("builtins", "eval"),
        ("builtins", "getattr"),
        ("os", "system"),
        ("posix", "system"),
        ("collections", "OrderedDict.__reduce__"),
        ("torch.hub", "load"),
        ("torch.storage", "_load_from_bytes"),
        ("sketch2photo.errors", "sys"),
    ],
)
def test_names_of_all_else_are_refused(tmp_path, module, name):
    said = refused(archive(tmp_path / "a.pth", {"x": Call(Global(module, name), "1")}))
    assert f"{module}.{name}" in said


def test_a_whole_model_is_told_how_to_be_saved(tmp_path):
    content = Call(Global("models.networks", "UnetGenerator"))
    assert "save its weights by torch.save(model.state_dict(), ...)" in refused(archive(tmp_path / "a.pth", content))


def test_what_is_allowed_cannot_be_changed(tmp_path):
    """BUILD would set attributes of our own functions, for all files after this one."""
    changing = b"\x80\x02" + b"ctorch._utils\n_rebuild_tensor_v2\n" + b"}X\x01\x00\x00\x00aK\x01sb."
    assert "changes what it has made" in refused(archive(tmp_path / "a.pth", changing))


@pytest.mark.parametrize(
    "wrong",
    [
        tensor(shape=(3,)),
        tensor(offset=1),
        tensor(offset=-1),
        tensor(strides=(-1,), offset=1),
        tensor(shape=(10**6, 10**6), strides=(0, 0)),
        tensor(shape=(2, 2), strides=(1,)),
        tensor(key="7"),
        Call(Global("torch._utils", "_rebuild_tensor_v2"), "no storage", 0, (2,), (1,)),
        Call(Global("torch", "FloatStorage"), 10**12),
    ],
)
def test_tensors_beyond_their_numbers_are_refused(tmp_path, wrong):
    refused(archive(tmp_path / "a.pth", {"x": wrong}))


def test_pickles_that_ask_for_memory_they_do_not_fill_are_refused(tmp_path):
    huge_memo = b"\x80\x02}r" + struct.pack("<I", 2**31) + b"."
    assert "counts what it holds wrongly" in refused(archive(tmp_path / "a.pth", huge_memo))
    refused(archive(tmp_path / "b.pth", b"\x80\x05\x96" + struct.pack("<Q", 2**40) + b"."))
    old = b"".join(pickle.dumps(x, 2) for x in (0x1950A86A20F9469CFC6C, 1001, {}))
    old += dump({"x": tensor(count=2**40)}) + pickle.dumps(["0"], 2) + struct.pack("<q", 2**40)
    (tmp_path / "c.pth").write_bytes(old)
    assert "ends early" in refused(tmp_path / "c.pth")


def test_compressed_archives_are_refused(tmp_path):
    path = archive(tmp_path / "a.pth", {"x": tensor()}, b"\0" * 10**6, zipfile.ZIP_DEFLATED)
    assert "is compressed as PyTorch never does it" in refused(path)


def test_broken_and_other_files_are_refused(tmp_path):
    assert "cannot be read (No such file" in refused(tmp_path / "nowhere.pth")
    whole = (GOLDEN / "unet_128_batch.pth").read_bytes()
    for length in (0, 1, 30, 3000, len(whole) - 1):
        (tmp_path / "cut.pth").write_bytes(whole[:length])
        refused(tmp_path / "cut.pth")
    whole = (GOLDEN / "vgg16.pth").read_bytes()
    for length in (3, 300, len(whole) - 100):
        (tmp_path / "cut.pth").write_bytes(whole[:length])
        refused(tmp_path / "cut.pth")
    (tmp_path / "text.pth").write_text("weights")
    refused(tmp_path / "text.pth")
    (tmp_path / "keras.pth").write_bytes(b"\x89HDF\r\n\x1a\n")
    assert "is a file of HDF5, as Keras writes them" in refused(tmp_path / "keras.pth")
    (tmp_path / "text.safetensors").write_text("weights")
    refused(tmp_path / "text.safetensors")
    with zipfile.ZipFile(tmp_path / "other.pth", "w") as file:
        file.writestr("a.txt", "a")
    assert "none of PyTorch's" in refused(tmp_path / "other.pth")
    assert "holds no dictionary of tensors" in refused(archive(tmp_path / "list.pth", [1, 2]))


def nested(levels):
    """A tuple of twice the same tuple, and so on inward: it takes 2^levels steps to hash."""
    value = (1,)
    for _ in range(levels):
        value = (value, value)
    return value


@pytest.mark.parametrize("doubled", [False, True], ids=["remembered", "DUP"])
@pytest.mark.timeout(20)
def test_names_that_take_for_ever_to_hash_are_refused(tmp_path, doubled):
    # Written by hand: to make the dictionary here would take for ever, too.
    key = b"K\x01\x85" + b"2\x86" * 60 if doubled else dump(nested(60))[2:-1]
    content = b"\x80\x02}" + key + b"K\x01s."
    archive(tmp_path / "net.pth", content)
    with pytest.raises(CheckpointError, match="repeats itself"):
        read_tensors(tmp_path / "net.pth")


def test_a_tuple_may_be_taken_again_now_and_then(tmp_path):
    shape = (2,)
    archive(tmp_path / "net.pth", {f"layer{i}": tensor(shape=shape) for i in range(5)})
    assert len(read_tensors(tmp_path / "net.pth")) == 5
