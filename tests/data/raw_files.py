"""Small raw files for the tests of `sketch2photo.data`, drawn here."""

import csv
import json
from pathlib import Path

import cv2
import numpy as np

import prepare_data


def draw_photo(shape: str, seed: int, side: int = 96) -> np.ndarray:
    """A coloured circle, square or triangle with a pattern of its own on white; uint8 (side, side, 3) RGB."""
    rng = np.random.default_rng([len(shape), seed])
    photo = np.full((side, side, 3), 255, np.uint8)
    colour = tuple(int(c) for c in rng.integers(20, 200, 3))
    centre, reach = side // 2, int(side * rng.uniform(0.25, 0.42))
    corners = {
        "square": [(-1, -1), (1, -1), (1, 1), (-1, 1)],
        "triangle": [(0, -1), (1, 1), (-1, 1)],
    }
    if shape == "circle":
        cv2.circle(photo, (centre, centre), reach, colour, -1)
    else:
        points = np.array([(centre + x * reach, centre + y * reach) for x, y in corners[shape]], np.int32)
        cv2.fillPoly(photo, [points], colour)
    for _ in range(4):
        spot = rng.integers(centre - reach // 2, centre + reach // 2, 2)
        other = tuple(int(c) for c in rng.integers(0, 255, 3))
        cv2.circle(photo, (int(spot[0]), int(spot[1])), int(rng.integers(3, reach // 2)), other, -1)
    return photo


def write_picture(path: Path, picture: np.ndarray) -> Path:
    """Write uint8 RGB or grey in the format of the file's suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture if picture.ndim == 2 else picture[..., ::-1])
    return path


def draw_raw_photos(folder: Path, count: int = 12, shapes: tuple[str, ...] = ("circle", "square")) -> Path:
    """`count` photos of each shape in a folder of its name."""
    for shape in shapes:
        for number in range(count):
            write_picture(folder / shape / f"{number:03d}.png", draw_photo(shape, number))
    return folder


def draw_sketch(shape: str, seed: int, side: int = 96) -> np.ndarray:
    """The outline of a shape, black on white, uint8 (side, side)."""
    sketch = np.full((side, side), 255, np.uint8)
    reach = side // 4 + seed % 11
    if shape == "circle":
        cv2.circle(sketch, (side // 2, side // 2), reach, 0, 2)
    else:
        cv2.rectangle(sketch, (side // 2 - reach, side // 2 - reach), (side // 2 + reach, side // 2 + reach), 0, 2)
    return sketch


def write_strokes(path: Path, word: str, drawings: list, **more: list) -> Path:
    """A Quick, Draw! file; `more` gives further fields, a list with one value for each drawing (None: leave out)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = []
    for number, drawing in enumerate(drawings):
        extra = {name: values[number] for name, values in more.items() if values[number] is not None}
        lines.append(json.dumps({"word": word, "drawing": drawing} | extra))
    path.write_text("\n".join(lines) + "\n")
    return path


def zigzag(seed: int, strokes: int = 4) -> list:
    """A drawing of a few strokes in Quick, Draw! form."""
    rng = np.random.default_rng(seed)
    return [[rng.integers(0, 256, 5).tolist(), rng.integers(0, 256, 5).tolist()] for _ in range(strokes)]


def write_csv(path: Path, columns: list[str], rows: list[list]) -> Path:
    """A CSV file."""
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([columns, *rows])
    return path


def prepare(*arguments: object) -> None:
    """Run prepare_data.py in this process."""
    prepare_data.main([str(argument) for argument in arguments])
