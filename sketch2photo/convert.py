"""Weights from elsewhere in our layout and for our input."""

from pathlib import Path

import numpy as np

from sketch2photo.errors import ConfigError

Convolution = tuple[np.ndarray, np.ndarray]
"""Kernel (3, 3, c, o) and bias (o,), float32."""


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
    except (OSError, ValueError, EOFError) as error:
        raise ConfigError(f"VGG convolutions {str(path)!r} cannot be read ({error}): name a .npz file") from None
    missing = [n for n in ("conv0_w", "conv0_b", "conv1_1_w", "conv1_1_b") if n not in arrays]
    if missing:
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
