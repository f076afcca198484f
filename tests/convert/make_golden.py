"""Makes tests/convert/golden/: small PyTorch models, written from the papers, with what they give.

Needs torch, safetensors and h5py, which the tests do not:  python tests/convert/make_golden.py

U-Net: Isola et al. 2017, section 6.1.1, its modules nested and numbered as pytorch-CycleGAN-and-pix2pix saves them.
VGG16: Simonyan & Zisserman 2015, configuration D, its layers named as torchvision and as Keras save them.
"""

from pathlib import Path

import h5py
import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional

FOLDER = Path(__file__).resolve().parent / "golden"
STRIDE = 5
"""Of the pixels that are kept."""


class Skip(nn.Module):
    """A layer of the U-Net with all that lies inside it."""

    def __init__(self, outer, inner, *, inside=None, inputs=None, outputs=None, norm=nn.BatchNorm2d, dropout=False):
        super().__init__()
        self.outermost = outputs is not None
        bias = norm is nn.InstanceNorm2d
        down = nn.Conv2d(inputs or outer, inner, 4, 2, 1, bias=bias)
        width = inner if inside is None else 2 * inner
        if self.outermost:
            layers = [down, inside, nn.ReLU(), nn.ConvTranspose2d(width, outputs, 4, 2, 1), nn.Tanh()]
        elif inside is None:
            up = nn.ConvTranspose2d(width, outer, 4, 2, 1, bias=bias)
            layers = [nn.LeakyReLU(0.2), down, nn.ReLU(), up, norm(outer)]
        else:
            up = nn.ConvTranspose2d(width, outer, 4, 2, 1, bias=bias)
            layers = [nn.LeakyReLU(0.2), down, norm(inner), inside, nn.ReLU(), up, norm(outer)]
            layers += [nn.Dropout(0.5)] if dropout else []
        self.model = nn.Sequential(*layers)

    def forward(self, x):
        return self.model(x) if self.outermost else torch.cat([x, self.model(x)], 1)


class UNet(nn.Module):
    def __init__(self, depth, width, norm, inputs=3):
        super().__init__()
        block = Skip(8 * width, 8 * width, norm=norm)
        for _ in range(depth - 5):
            block = Skip(8 * width, 8 * width, inside=block, norm=norm, dropout=True)
        for multiple in (4, 2, 1):
            block = Skip(multiple * width, 2 * multiple * width, inside=block, norm=norm)
        self.model = Skip(None, width, inside=block, inputs=inputs, outputs=3, norm=norm)

    def forward(self, x):
        return self.model(x)


def lively(model):
    """Random weights with which every layer matters, and averages that are not those of any batch."""
    for layer in model.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            fan_in = layer.weight[0].numel() if isinstance(layer, nn.Conv2d) else 4 * layer.in_channels
            nn.init.normal_(layer.weight, 0, (2 / fan_in) ** 0.5)
            if layer.bias is not None:
                nn.init.normal_(layer.bias, 0, 0.3)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1, 0.2)
            nn.init.normal_(layer.bias, 0, 0.2)
            nn.init.normal_(layer.running_mean, 0, 0.3)
            nn.init.uniform_(layer.running_var, 0.5, 2)
    return model


def pictures(size, channels=3, seed=0):
    """Bytes (1, size, size, channels), made again in the tests."""
    return np.random.default_rng(seed).integers(0, 256, (1, size, size, channels), np.uint8)


def as_torch(image):
    return torch.from_numpy(image.astype(np.float32) / 127.5 - 1).permute(0, 3, 1, 2)


def kept(output):
    return output.detach().permute(0, 2, 3, 1).numpy()[:, ::STRIDE, ::STRIDE]


def make_unets():
    for name, depth, norm, inputs in (
        ("unet_256_batch", 8, nn.BatchNorm2d, 3),
        ("unet_128_batch", 7, nn.BatchNorm2d, 3),
        ("unet_256_instance", 8, nn.InstanceNorm2d, 3),
        ("unet_128_instance", 7, nn.InstanceNorm2d, 3),
        ("unet_128_grey", 7, nn.BatchNorm2d, 1),
    ):
        torch.manual_seed(len(name) + inputs)
        model = lively(UNet(depth, 2, norm, inputs))
        state = model.state_dict()
        if name == "unet_128_batch":  # as old versions of PyTorch saved, of a model on several GPUs
            state = {f"module.{key}": value for key, value in state.items()}
            torch.save(state, FOLDER / f"{name}.pth", _use_new_zipfile_serialization=False)
        else:
            torch.save(state, FOLDER / f"{name}.pth")
        x = as_torch(pictures(2**depth, inputs))
        results = {}
        model.eval()
        results["running"] = kept(model(x))
        for layer in model.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.train()  # test.py without --eval; dropout, which is random, left out
        results["batch"] = kept(model(x))
        np.savez_compressed(FOLDER / f"{name}.npz", **results)


class VGG16(nn.Module):
    def __init__(self, width):
        super().__init__()
        layers, inputs = [], 3
        for multiple, count in ((1, 2), (2, 2), (4, 3), (8, 3), (8, 3)):
            for _ in range(count):
                layers += [nn.Conv2d(inputs, width * multiple, 3, 1, 1), nn.ReLU()]
                inputs = width * multiple
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)


def run_vgg(model, x, *, paper):
    """relu1_1, relu2_1, relu3_1, relu4_1 and the mean of the last maps; `paper` is what lies around the picture."""
    results = {}
    first = model.features[0]
    around = functional.pad(x, (1, 1, 1, 1)) if paper is None else torch.nn.ZeroPad2d(1)(x - paper) + paper
    x = functional.conv2d(around, first.weight, first.bias)
    block, place = 1, 1
    for layer in list(model.features)[1:]:
        x = layer(x)
        if isinstance(layer, nn.ReLU):
            if place == 1 and block < 5:
                results[f"relu{block}_1"] = x.permute(0, 2, 3, 1).detach().numpy()
            place += 1
        elif isinstance(layer, nn.MaxPool2d):
            block, place = block + 1, 1
    results["pooled"] = x.mean((2, 3)).detach().numpy()
    return results


def make_vgg():
    torch.manual_seed(1)
    model = lively(VGG16(2))
    extra = {"classifier.0.weight": torch.zeros(2, 3), "classifier.0.bias": torch.zeros(2)}
    torch.save({**model.state_dict(), **extra}, FOLDER / "vgg16.pth")
    save_file(model.state_dict(), FOLDER / "vgg16.safetensors")
    with h5py.File(FOLDER / "vgg16_notop.h5", "w") as file:
        block, place = 1, 1
        for layer in model.features:
            if isinstance(layer, nn.Conv2d):
                name = f"block{block}_conv{place}"
                group = file.create_group(name)
                group[f"{name}_W_1:0"] = layer.weight.detach().permute(2, 3, 1, 0).numpy()
                group[f"{name}_b_1:0"] = layer.bias.detach().numpy()
                place += 1
            elif isinstance(layer, nn.MaxPool2d):
                block, place = block + 1, 1
    photo = torch.from_numpy(pictures(32).astype(np.float32)).permute(0, 3, 1, 2)
    sketch = torch.from_numpy(np.repeat(pictures(32, 1, 1), 3, -1).astype(np.float32)).permute(0, 3, 1, 2)
    mean, deviation = (torch.tensor(v).view(1, 3, 1, 1) for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))

    def torchvision(x):
        return (x / 255 - mean) / deviation

    def keras(x):
        return x[:, [2, 1, 0]] - torch.tensor([103.939, 116.779, 123.68]).view(1, 3, 1, 1)

    results = {}
    for name, prepare in (("torchvision", torchvision), ("keras", keras)):
        paper = prepare(torch.full((1, 3, 1, 1), 255.0))
        of_photo, of_sketch = run_vgg(model, prepare(photo), paper=None), run_vgg(model, prepare(sketch), paper=paper)
        results |= {f"{name}_{key}": of_photo[key] for key in of_photo if key != "pooled"}
        results[f"{name}_sketch"] = of_sketch["pooled"]
    np.savez_compressed(FOLDER / "vgg16.npz", **results)


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    make_unets()
    make_vgg()
    print("\n".join(f"{file.stat().st_size:8d} {file.name}" for file in sorted(FOLDER.iterdir())))
