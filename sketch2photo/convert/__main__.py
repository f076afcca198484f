"""Take over weights from elsewhere.

python -m sketch2photo.convert pix2pix latest_net_G.pth --out checkpoints/shoes --category shoe
python -m sketch2photo.convert vgg16 vgg16-397923af.pth --out vgg16.npz
"""

import argparse
import io
import shlex
from functools import partial
from pathlib import Path

from sketch2photo import cli
from sketch2photo.errors import ConfigError
from sketch2photo.files import write_out


def options(parser: argparse.ArgumentParser) -> None:
    """Those of `python -m sketch2photo.convert`."""
    kinds = parser.add_subparsers(dest="kind", metavar="KIND", required=True)
    does = "a generator of pytorch-CycleGAN-and-pix2pix into a released model"
    more = "A generator of pytorch-CycleGAN-and-pix2pix (--netG unet_256 or unet_128) into a released model."
    add = kinds.add_parser("pix2pix", help=does, description=more).add_argument
    add("file", type=Path, metavar="FILE", help="latest_net_G.pth, or the same as .safetensors")
    add("--out", type=Path, required=True, metavar="DIR", help="such as checkpoints/NAME")
    name = "what it paints, for the page (default: %(default)s)"
    add("--category", default="picture", metavar="NAME", help=name)
    norms = "of batch norm: batch is how pix2pix is trained and tested; running is its test.py --eval"
    add("--statistics", choices=("batch", "running"), default="batch", help=f"{norms} (default: %(default)s)")
    packed = "a quarter of the size, as our own releases; photos differ by about a grey level"
    add("--int8", action="store_true", help=packed)

    does = "ImageNet's VGG16 into a file for the classifier and the perceptual loss"
    more = "ImageNet's VGG16 into a file for train.py: classifier --init-convolutions FILE, "
    add = kinds.add_parser("vgg16", help=does, description=f"{more}gan --loss.perceptual-features FILE.").add_argument
    kept = "of torchvision (.pth, .safetensors) or Keras (.h5, with or without top)"
    add("file", type=Path, metavar="FILE", help=kept)
    add("--out", type=Path, required=True, metavar="FILE.npz")


def run(options: argparse.Namespace) -> None:
    """Read, write and print. Raises `UserError`: a file that is not what it should be, or no room."""
    (_pix2pix if options.kind == "pix2pix" else _vgg16)(options)


def _pix2pix(options: argparse.Namespace) -> None:
    from sketch2photo.convert.pix2pix import convert_generator
    from sketch2photo.convert.torch_file import read_tensors
    from sketch2photo.release import format

    category, given = options.category.strip(), options.file
    if not category:
        raise ConfigError("--category is empty: give a name, such as shoe")
    remarks: list[str] = []
    model = convert_generator(read_tensors(given), given.name, (category,), options.statistics, remarks.append)
    print(*remarks, sep="\n", end="\n" * bool(remarks))
    g = model.gan
    averaged = options.statistics == "running" and not remarks
    norm = {
        "batch": "batch norm on each picture's own statistics",
        "instance": "instance norm",
        "none": "norms on running averages" if averaged else "no norm",
    }[g.generator.norm]
    network = f"U-Net, {g.image_size} px, width {g.generator.width}, {norm}"
    card = (
        f"# {options.out.name}\n\n- Generator: {network}\n"
        f"- Weights: taken over from `{options.file.name}` of pytorch-CycleGAN-and-pix2pix\n"
        "- No classifier: the page shows no bars\n\n"
        "Say here what it was trained on, and under which terms it may be used.\n"
    )
    size = format.write(model, options.out, card, packed=options.int8)
    print(f"{options.out}: {network}; {size / 1e6:.1f} MB")
    print(f"open it by  python app.py --checkpoint {shlex.quote(str(options.out))}")


def _vgg16(options: argparse.Namespace) -> None:
    import numpy as np

    from sketch2photo.convert.vgg_weights import import_vgg16

    out: Path = options.out
    if out.suffix != ".npz" or out.is_dir():
        raise ConfigError(f"--out is {str(out)!r}: name a .npz file")
    arrays = import_vgg16(options.file)
    content = io.BytesIO()
    np.savez(content, **arrays)  # pyright: ignore[reportArgumentType]
    write_out(out, content.getvalue())
    widths = arrays["conv1_1_b"].size
    print(f"{out}: 13 convolutions of VGG16, width {widths}; {out.stat().st_size / 1e6:.1f} MB")
    print(f"python train.py classifier --init-convolutions {shlex.quote(str(out))} ...")
    print(f"python train.py gan --loss.perceptual-features {shlex.quote(str(out))} ...")


main = partial(cli.run, "convert", "python -m sketch2photo.convert")

if __name__ == "__main__":
    main()
