"""A picture for README and model card: the drawings that the page starts from, all drawn for it, and their photos.

    python -m experiments.own_drawings --out docs/drawings.png

Every drawing of `page/js/example_drawings.js` that has a category of the model is in it, good or bad; seed 0, no colour
asked. Node turns them into strokes, as in the page.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np

from sketch2photo import kernels
from sketch2photo.errors import ConfigError, exit_on_user_error

kernels.prepare()

_SCRIPTS = Path(__file__).parents[1] / "sketch2photo" / "page" / "js"
_PRINT = """
const { examples } = await import(process.argv[1]);
const { SIDE } = await import(process.argv[2]);
console.log(JSON.stringify({ side: SIDE, drawings: examples(JSON.parse(process.argv[3])) }));
"""
SHEET, SHOWN, ACROSS = 512, 192, 5
"""Pixels a side of a drawing and of a picture in the grid; pairs in a row."""


def drawings(categories: tuple[str, ...]) -> list[tuple[str, np.ndarray]]:
    """The drawings of these categories, with their names, uint8 (SHEET, SHEET)."""
    arguments = [(_SCRIPTS / name).as_uri() for name in ("examples.js", "strokes.js")]
    command = ["node", "--input-type=module", "-e", _PRINT, "--", *arguments, json.dumps(categories)]
    try:
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.CalledProcessError) as error:
        raise ConfigError(f"node did not give the drawings ({error}): install Node 20") from None
    found = json.loads(done.stdout)
    return [(one["category"], _rendered(one["strokes"], found["side"])) for one in found["drawings"]]


def _rendered(strokes: list[dict], side: float) -> np.ndarray:
    sheet = np.full((SHEET, SHEET), 255, np.uint8)
    for stroke in strokes:
        points = np.round(np.array(stroke["points"]) * (16 * SHEET / side)).astype(np.int32)
        width = max(1, round(stroke["width"] * SHEET / side))
        cv2.polylines(sheet, [points.reshape(-1, 1, 2)], False, (0,), width, cv2.LINE_AA, 4)
    return sheet


def main(arguments: list[str]) -> None:
    """The command. User errors are one sentence and exit code 2."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, default=Path("checkpoints/studio"), metavar="DIR")
    parser.add_argument("--out", type=Path, required=True, metavar="PNG")
    options = parser.parse_args(arguments)
    with exit_on_user_error("own_drawings"):
        from sketch2photo import Studio, images
        from sketch2photo.images import grid, write_picture

        studio = Studio.load(options.checkpoint)
        shown: list[np.ndarray] = []
        for category, sheet in drawings(studio.categories):
            photo = studio.predict(sheet, category).photo
            assert photo is not None
            shown += [np.repeat(images.resize(sheet, SHOWN)[..., None], 3, -1), images.resize(photo, SHOWN)]
        blank = np.full((SHOWN, SHOWN, 3), 255, np.uint8)
        shown += [blank] * (-len(shown) % (2 * ACROSS))
        write_picture(options.out, grid([shown[i : i + 2 * ACROSS] for i in range(0, len(shown), 2 * ACROSS)]))


if __name__ == "__main__":
    main(sys.argv[1:])
