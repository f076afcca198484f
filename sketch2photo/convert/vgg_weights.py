"""VGG's convolutions from elsewhere, and for our input.

Networks trained on ImageNet see RGB in [0, 1] less a mean, over a deviation (torchvision), or BGR in [0, 255] less a
mean (Caffe, and Keras after it). A file of ours holds that step as a first 1x1 convolution, conv0.
"""

import re
import zipfile
from pathlib import Path

import numpy as np

from sketch2photo.errors import CheckpointError, ConfigError, first_line
from sketch2photo.models.vgg import NAMES

Convolution = tuple[np.ndarray, np.ndarray]  # kernel (3, 3, c, o) and bias (o,), float32


def read_vgg(path: str | Path) -> dict[str, Convolution]:
    """The 3x3 convolutions of a VGG file by their published names without the conv, "1_1" ..., for `models.vgg`.

    The file (.npz) holds `conv1_1_w` (HWIO kernels) and `conv1_1_b`, `conv1_2_w`, ..., and a 1x1 `conv0_w`,
    `conv0_b` that turns RGB in [0, 1] into what conv1_1 was trained on (scale, order of channels, mean). VGG-19's
    first five convolutions have VGG16's shapes. Our VGG16 sees ink: 0 on paper, 2 where it is black; the first
    kernel is changed so that it gives there what the file's network gives on the RGB picture, white paper being 1.

    Raises:
      ConfigError: the file cannot be read or lacks conv0 or conv1_1.
    """
    try:
        with np.load(path) as file:
            arrays = {name: np.asarray(file[name], np.float32) for name in file}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ConfigError(f"VGG convolutions {str(path)!r} cannot be read ({error}): name a .npz file") from None
    if missing := [n for n in ("conv0_w", "conv0_b", "conv1_1_w", "conv1_1_b") if n not in arrays]:
        raise ConfigError(
            f"VGG convolutions {str(path)!r} lack {missing[0]}: it must hold VGG from conv0 and conv1_1 on"
        )
    names = [name.removeprefix("conv").removesuffix("_w") for name in arrays if name.endswith("_w")]
    found = {n: (arrays[f"conv{n}_w"], arrays[f"conv{n}_b"]) for n in names if n != "0" and f"conv{n}_b" in arrays}
    found["1_1"] = _on_ink(*found["1_1"], arrays["conv0_w"][0, 0], arrays["conv0_b"])
    return found


def _on_ink(kernel: np.ndarray, bias: np.ndarray, scale: np.ndarray, offset: np.ndarray) -> Convolution:
    """conv1_1 after conv0, RGB y = 1 - ink / 2, as one convolution of ink."""
    # conv0: z_k = sum_c y_c scale_ck + offset_k, and y_c = 1 - ink_c / 2.
    of_rgb = np.einsum("ijko,ck->ijco", kernel, scale)
    on_paper = of_rgb.sum((0, 1, 2)) + np.einsum("ijko,k->o", kernel, offset)
    return -0.5 * of_rgb, bias + on_paper


_RGB_MEAN, _RGB_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_BGR_MEAN = (103.939, 116.779, 123.68)
_PLACES = [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28]  # of the convolutions among torchvision's features


def import_vgg16(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a file of ours (`read_vgg`, `models.features.load`) with VGG16's convolutions from elsewhere.
    `path`: of torchvision (.pth, .safetensors; its classifier is left out) or of Keras (.h5, with or without top).
    Raises `CheckpointError`: another network, or a file that cannot be read."""
    keras = path.suffix.lower() in (".h5", ".hdf5", ".keras")
    found = _of_keras(path) if keras else _of_torchvision(path)
    inputs = 3
    if found["1_1"][0].shape[1:] == (3, 3, 3) != found["1_1"][0].shape[:3]:
        raise CheckpointError(f"{str(path)!r} has its kernels in Theano's order (th_kernels): {_KERAS_REMEDY}")
    for name, (kernel, bias) in found.items():
        if kernel.ndim != 4 or kernel.shape[:3] != (3, 3, inputs) or bias.shape != kernel.shape[3:]:
            raise CheckpointError(
                f"{str(path)!r} is no VGG16: conv{name} has a kernel of {kernel.shape}, not of (3, 3, {inputs}, n)"
            )
        inputs = kernel.shape[3]
    if keras:
        scale, offset = np.float32(255) * np.eye(3, dtype=np.float32)[::-1], -np.array(_BGR_MEAN, np.float32)
    else:
        scale = np.diag(1 / np.array(_RGB_DEVIATION)).astype(np.float32)
        offset = -np.array(_RGB_MEAN, np.float32) / np.array(_RGB_DEVIATION, np.float32)
    arrays = {"conv0_w": scale[None, None], "conv0_b": offset, "zero_padding": np.ones((), np.float32)}
    for name, (kernel, bias) in found.items():
        arrays |= {f"conv{name}_w": kernel, f"conv{name}_b": bias}
    return arrays


def _of_torchvision(path: Path) -> dict[str, Convolution]:
    from sketch2photo.convert.torch_file import read_tensors  # only here: training reads .npz files alone

    tensors = {re.sub(r"^(module\.|_orig_mod\.)+", "", name): value for name, value in read_tensors(path).items()}
    if "features.1.running_mean" in tensors:
        raise CheckpointError(f"{str(path)!r} is VGG with batch norm: take the weights of vgg16 (not vgg16_bn)")
    places = sorted({int(m[1]) for name in tensors if (m := re.fullmatch(r"(?:features\.)?(\d+)\.weight", name))})
    if places != _PLACES:
        raise CheckpointError(
            f"{str(path)!r} has {len(places)} layers named features.N, not VGG16's 13: "
            "name the weights of torchvision's vgg16"
        )
    start = "features." if "features.0.weight" in tensors else ""
    return {
        name: (
            np.ascontiguousarray(np.asarray(tensors[f"{start}{place}.weight"], np.float32).transpose(2, 3, 1, 0)),
            np.asarray(tensors[f"{start}{place}.bias"], np.float32),
        )
        for name, place in zip(NAMES, _PLACES, strict=True)
    }


_KERAS_REMEDY = (
    "take vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5 of keras.applications, or open it in Keras and save it by "
    "model.save('vgg16.h5')"
)

_LAYOUTS = {
    "the layout of Keras 3 (.weights.h5)": re.compile(r"(^|/)vars(/|$)"),
    "a layout of Keras before 2": re.compile(r"(^|/)(layer_\d+/param_\d+|convolution2d_\d+)"),
}


def _of_keras(path: Path) -> dict[str, Convolution]:
    import h5py

    if zipfile.is_zipfile(path):
        raise CheckpointError(f"{str(path)!r} is an archive of Keras 3 (.keras), which is not read: {_KERAS_REMEDY}")
    try:
        with h5py.File(path, "r") as file:
            parts: dict[str, dict[int, np.ndarray]] = {}
            places: list[str] = []
            file.visit(places.append)

            def look(place: str, item: object) -> None:
                name = re.search(r"block(\d)_conv(\d)", place)
                if name and isinstance(item, h5py.Dataset) and item.ndim in (1, 4) and (item.size or 0) <= 2**23:
                    parts.setdefault(f"{name[1]}_{name[2]}", {})[item.ndim] = np.asarray(item[...], np.float32)

            file.visititems(look)
            if not parts and (layout := next((k for k, v in _LAYOUTS.items() if any(map(v.search, places))), "")):
                raise CheckpointError(f"{str(path)!r} is in {layout}, which is not read: {_KERAS_REMEDY}")
            found = {name: (parts[name][4], parts[name][1]) for name in NAMES}
            extra = sorted(set(parts) - set(NAMES))
    except KeyError as error:
        raise CheckpointError(
            f"{str(path)!r} lacks VGG16's conv{error.args[0] if error.args[0] in NAMES else ''}: "
            "name the weights of keras.applications.VGG16"
        ) from None
    except (OSError, ValueError, RuntimeError) as error:
        reason = first_line(error)[:120]
        raise CheckpointError(f"{str(path)!r} cannot be read as HDF5 ({reason}): name a Keras .h5 file") from None
    if extra:
        raise CheckpointError(f"{str(path)!r} has conv{extra[0]}, which VGG16 has not: name the weights of VGG16")
    return found
