"""A stand-in for `Studio`: the same interface, instant, with answers a test can foresee.

`python -m tests.page.fake_studio --port N` serves the page with it, for browser tests and benchmarks.
"""

import argparse
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from sketch2photo import images
from sketch2photo.errors import choose
from sketch2photo.release import format

CATEGORIES = (
    "shoe",
    "car",
    "motorcycle",
    "sofa",
    "chair",
    "teapot",
    "teddy_bear",
    "strawberry",
    "apple",
    "banana",
    "pear",
    "pineapple",
)
COLOURS = ("#b23a2e", "#2f5d8a", "#3f7d4e", "#c9a227", "#5b4636", "#8e8e93", "#1f1f22", "#e4d9c5")


@dataclass(frozen=True)
class FakePrediction:
    photo: np.ndarray | None
    probabilities: dict[str, float]
    category: str | None
    status: str
    colour: str | None = None
    cutout: np.ndarray | None = None
    word: str | None = None


class FakeStudio:
    """Fills what is drawn with the colour, and paints hints as they are.

    The further right the ink, the later the likeliest category in the list. A little ink is "unsure", a lot of ink is
    "none". `hold()` makes a call wait until `release()`. A call takes `milliseconds`, however many sketches it is
    for; `calls` has every sketch, `sizes` how many each call was for.
    """

    name = "fake"
    image_size = 128
    batches = (1, 2, 4, 8, 16)
    takes_hints = paints_coverage = True
    device = "CPU"

    def __init__(
        self, categories: tuple[str, ...] = CATEGORIES, *, has_classifier: bool = True, milliseconds: float = 0.0
    ) -> None:
        self.categories = categories
        self.palette = {
            name: COLOURS[i % len(COLOURS) :] + COLOURS[: i % len(COLOURS)] for i, name in enumerate(categories)
        }
        self.has_classifier = has_classifier
        self.milliseconds = milliseconds
        self.calls: deque[dict] = deque(maxlen=200)
        self.sizes: deque[int] = deque(maxlen=200)
        self.compiled: list[int] = []
        self.warm = False
        self.at_once = 0
        self.most_at_once = 0
        self._free = threading.Event()
        self._free.set()

    def hold(self) -> None:
        self._free.clear()

    def release(self) -> None:
        self._free.set()

    def warm_up(self) -> None:
        self.warm = True

    def compile(self, batch: int) -> None:
        self.compiled.append(batch)

    def predict(
        self,
        sketch: np.ndarray,
        category: str | None = None,
        colour: str | None = None,
        seed: int = 0,
        hints: np.ndarray | None = None,
    ) -> FakePrediction:
        return self.predict_batch([sketch], [category], [colour], [seed], [hints])[0]

    def predict_batch(
        self,
        sketches: Sequence[np.ndarray],
        categories: Sequence[str | None] | None = None,
        colours: Sequence[str | None] | None = None,
        seeds: Sequence[int] | None = None,
        hints: Sequence[np.ndarray | None] | None = None,
    ) -> list[FakePrediction]:
        n = len(sketches)
        given = [
            None if h is None else images.as_hints(h, s) for h, s in zip(hints or [None] * n, sketches, strict=True)
        ]
        wishes = list(zip(categories or [None] * n, colours or [None] * n, seeds or [0] * n, strict=True))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            for category, colour, _ in wishes:
                if category is not None:
                    choose("category", category, self.categories)
                if colour is not None:
                    images.parse_colour(colour)
            squares = [images.pad_to_square(images.as_sketch(sketch)) for sketch in sketches]
            self.sizes.append(n)
            for sketch, (category, colour, seed) in zip(squares, wishes, strict=True):
                self.calls.append({"sketch": sketch, "category": category, "colour": colour, "seed": seed})
            assert self._free.wait(30), "nobody released the fake studio"
            if self.milliseconds:
                time.sleep(self.milliseconds / 1000)
            return [
                self._predict(sketch, *wish, colours)
                for sketch, wish, colours in zip(squares, wishes, given, strict=True)
            ]
        finally:
            self.at_once -= 1

    def _predict(
        self, sketch: np.ndarray, category: str | None, colour: str | None, seed: int, hints: np.ndarray | None
    ) -> FakePrediction:
        box = images.ink_box(sketch)
        if box is None:
            even = dict.fromkeys(self.categories, 1 / len(self.categories)) if self.has_classifier else {}
            return FakePrediction(None, even, None, "empty")
        centre = (box[0] + box[2]) / 2 / sketch.shape[1] * len(self.categories) - 0.5
        weights = np.exp(-1.5 * np.abs(np.arange(len(self.categories)) - centre))
        probabilities = dict(zip(self.categories, map(float, weights / weights.sum()), strict=True))
        ink = float((sketch < images.INK_BELOW).mean())
        status = "unsure" if ink < 0.005 else "none" if ink > 0.25 else "ok"
        painted = category or max(probabilities, key=probabilities.__getitem__)
        own = self.palette[painted]
        used = colour or own[seed % len(own)]
        photo = _fill(images.resize_sketch(sketch, self.image_size), used)
        if hints is not None:
            cut = images.whole_frame(sketch).cut_hints(hints, self.image_size)
            photo[cut[..., 3] >= 128] = cut[cut[..., 3] >= 128, :3]
        cutout = np.dstack([photo, np.where((photo == 255).all(-1), 0, 255).astype(np.uint8)])
        return FakePrediction(photo, probabilities if self.has_classifier else {}, painted, status, used, cutout)


def _fill(sketch: np.ndarray, colour: str) -> np.ndarray:
    """The inside of the lines in the colour, shaded from the top left, the lines darker."""
    size = sketch.shape[0]
    ink = (sketch < images.INK_BELOW).astype(np.uint8)
    outside = np.pad(ink, 1)
    cv2.floodFill(outside, None, (0, 0), 2)
    inside = (outside[1:-1, 1:-1] != 2)[..., None]
    rows, columns = np.mgrid[0:size, 0:size] / size
    light = 1.25 - 0.5 * (0.6 * rows + 0.4 * columns)[..., None] - 0.25 * ink[..., None]
    rgb = np.frombuffer(bytes.fromhex(colour[1:]), np.uint8).astype(np.float64)
    return np.where(inside, (rgb * light).clip(0, 255), 255).astype(np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--milliseconds", type=float, default=0)
    parser.add_argument("--no-classifier", action="store_true")
    parser.add_argument("--second", type=Path, help="a released model's folder; a fake of its categories stands in")
    options = parser.parse_args()
    from sketch2photo.errors import exit_on_user_error
    from sketch2photo.page.model_pool import ModelPool
    from sketch2photo.page.server import serve

    def second(path: Path) -> FakeStudio:
        model = FakeStudio(format.outline(path).categories)
        model.name = path.name
        return model

    studio = FakeStudio(has_classifier=not options.no_classifier, milliseconds=options.milliseconds)
    ModelPool.__init__.__kwdefaults__["load"] = second
    with exit_on_user_error("fake_studio"):
        serve(studio, {options.second.name: options.second} if options.second else None, port=options.port)


if __name__ == "__main__":
    main()
