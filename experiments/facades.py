"""Pix2pix as published on the task of its paper's figures: facades from label maps, maps of our own beside the photos.

    python prepare_data.py pairs --raw DATA/facades --direction BtoA --out datasets/facades
    python train.py gan --preset vanilla --data datasets/facades --model.input-channels 3 --out runs/facades
    python -m experiments.facades --checkpoint runs/facades --out docs/facades.png

The four maps are drawn here, in the colours of the CMP Facade Database (Tylecek & Sara 2013): no file of it is shown.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from sketch2photo import kernels
from sketch2photo.errors import exit_on_user_error

kernels.prepare()

SIDE = 256
COLOURS = {
    "ground": (0, 0, 170),
    "wall": (0, 48, 255),
    "window": (0, 128, 255),
    "door": (0, 210, 255),
    "sill": (112, 255, 144),
    "head": (32, 255, 224),
    "balcony": (192, 255, 56),
    "shutter": (255, 240, 0),
    "cornice": (255, 80, 0),
    "shop": (170, 0, 0),
}
"""As the files of the pix2pix project have them, where JPEG left them a level or two apart."""

Box = tuple[str, int, int, int, int]
"""Part, left, top, right, bottom."""


def house(floors: int, windows: int, *, shutters: bool = False, balcony: bool = False, shop: bool = False) -> list[Box]:
    """A facade: rows of windows with sills and heads, cornices between them, a door below."""
    wall = (22, 16, 234, 250)
    parts: list[Box] = [("wall", *wall), ("cornice", 22, 16, 234, 34)]
    height = (wall[3] - 40) // (floors + 1)
    step = (wall[2] - wall[0]) / windows
    wide = round(step * (0.34 if shutters else 0.44))
    for floor in range(floors + 1):
        top = 42 + floor * height
        ground = floor == floors
        if ground:
            parts.append(("cornice", 22, top - 8, 234, top - 2))
        for n in range(windows):
            middle = round(wall[0] + step * (n + 0.5))
            left, right = middle - wide // 2, middle + wide // 2
            if ground and n == windows // 2:
                parts.append(("door", left - 3, top + 8, right + 3, wall[3]))
            elif ground and shop:
                parts.append(("shop", left - 6, top + 8, right + 6, wall[3] - 6))
            else:
                bottom = top + round(height * 0.72)
                parts += [("window", left, top + 6, right, bottom), ("head", left - 3, top, right + 3, top + 5)]
                if shutters:
                    side = max(4, wide // 3)
                    parts += [("shutter", left - side, top + 6, left, bottom)]
                    parts += [("shutter", right, top + 6, right + side, bottom)]
                if balcony and not ground and n % 2:
                    parts.append(("balcony", left - 8, bottom - 10, right + 8, bottom + 4))
                else:
                    parts.append(("sill", left - 3, bottom, right + 3, bottom + 5))
    return parts


HOUSES = (
    house(3, 5),
    house(2, 4, shutters=True),
    house(3, 5, balcony=True, shop=True),
    house(4, 7),
)


def label_map(parts: list[Box]) -> np.ndarray:
    """The parts in their colours, later ones over earlier ones; uint8 (SIDE, SIDE, 3)."""
    picture = np.full((SIDE, SIDE, 3), COLOURS["ground"], np.uint8)
    for part, left, top, right, bottom in parts:
        picture[top:bottom, left:right] = COLOURS[part]
    return picture


def main(arguments: list[str]) -> None:
    """The command. User errors are one sentence and exit code 2."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, required=True, metavar="DIR", help="a run, or a released model")
    parser.add_argument("--out", type=Path, required=True, metavar="PNG")
    options = parser.parse_args(arguments)
    with exit_on_user_error("facades"):
        from sketch2photo import Studio
        from sketch2photo.images import grid, write_picture
        from sketch2photo.release.weights import open_weights

        studio = Studio(open_weights(options.checkpoint).model)
        maps = [label_map(parts) for parts in HOUSES]
        photos = [prediction.photo for prediction in studio.predict_batch(maps)]
        write_picture(options.out, grid([maps, [photo for photo in photos if photo is not None]]))


if __name__ == "__main__":
    main(sys.argv[1:])
