"""Where the time of one live request goes on the server: `scripts/bench peers --where`.

The request is read, painted and answered by the page's own functions, each part with a clock around it; a product of
two matrices on the same cores, in turn with it, says how fast the machine is. The queue, Gradio and the browser come
on top: `page_live` has the whole way.
"""

import base64
import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import cv2
import numpy as np

from benchmarks import compare
from benchmarks.mfu import Product
from benchmarks.served import CAR
from sketch2photo import Studio, images
from sketch2photo.page import live
from sketch2photo.page.batch_queue import Answer

PARTS = ("decode", "cleaning", "framing", "classifier", "generator", "placing", "encoding")
SHEET = 512
"""Pixels a side of what the page sends."""
SIDE = 2048
MOST = 2.0
"""Goal: of `predict` over the product."""


def drawing() -> dict[str, Any]:
    """A car as the page sends it."""
    sheet = np.full((SHEET, SHEET), 255, np.uint8)
    for stroke in CAR:
        cv2.polylines(sheet, [(np.array(stroke) * SHEET).astype(np.int32)], False, (0,), 5, cv2.LINE_AA)
    png = base64.b64encode(images.encode_png(sheet)).decode()
    return {"person": "benchmark", "seq": 1, "png": f"data:image/png;base64,{png}"}


class Clocks:
    """Seconds of each part of the request under way."""

    def __init__(self, studio: Studio):
        self._studio = studio
        self.seconds: dict[str, float] = dict.fromkeys(PARTS, 0.0)

    def around(self, part: Callable[..., str], function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, timed; `part` says by its arguments what it is part of."""

        def timed(*args: Any, **keywords: Any) -> Any:
            start = time.perf_counter()
            try:
                return function(*args, **keywords)
            finally:
                self.seconds[part(*args)] += time.perf_counter() - start

        return timed

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """All parts have clocks meanwhile. None is within another."""
        studio = self._studio

        def network(function: Any, *_: Any) -> str:
            return "generator" if function is studio._paint else "classifier"

        places: list[tuple[Any, str, Callable[..., str]]] = [
            (live, "read_request", lambda *_: "decode"),
            (images, "clean_sheet", lambda *_: "cleaning"),
            (images, "frame_sheet", lambda *_: "framing"),
            (studio, "_run", network),
            (studio, "_on_drawing", lambda *_: "placing"),
            (live, "reply", lambda *_: "encoding"),
        ]
        with contextlib.ExitStack() as stack:
            for owner, name, part in places:
                stack.enter_context(mock.patch.object(owner, name, self.around(part, getattr(owner, name))))
            yield


def measure(checkpoint: Path, *, rounds: int, seconds: float) -> dict[str, Any]:
    """Print the table of the request that took the median time; the figures."""
    studio = Studio.load(checkpoint)
    studio.warm_up()
    asked, clocks, product = drawing(), Clocks(studio), Product(SIDE, "float32")
    requests: list[dict[str, float]] = []

    def request() -> None:
        clocks.seconds = dict.fromkeys(PARTS, 0.0)
        start = time.perf_counter()
        read = live.read_request(asked)
        before = time.perf_counter()
        prediction = studio.predict(read.paint[0].sketch)
        predict = time.perf_counter() - before
        live.reply(read, [Answer(prediction, 0.0)], several=False)
        whole = time.perf_counter() - start
        rest = whole - sum(clocks.seconds.values())
        requests.append({**clocks.seconds, "the rest": rest, "whole": whole, "predict": predict})

    with clocks.running():
        timings = compare.interleave({"request": request, "product": product}, rounds=rounds, seconds=seconds)
    product_seconds = timings["product"].median
    times = compare.ratio(timings, "request", "product")
    median = sorted(requests, key=lambda one: one["whole"])[len(requests) // 2]
    of_product = {name: value / median["whole"] * times for name, value in median.items()}
    print(f"\none live request, over a product of {SIDE} x {SIDE} in float32 ({product_seconds * 1e3:.1f} ms)")
    print(f"{'':10}        time    share   of the product")
    for name in (*PARTS, "the rest", "whole"):
        value = median[name]
        print(f"{name:10}  {value * 1e3:7.2f} ms  {value / median['whole']:6.1%}  {of_product[name]:15.3f}")
    verdict = "reached" if of_product["predict"] <= MOST else "MISSED"
    print(f"predict takes {of_product['predict']:.2f} of the product   (goal: at most {MOST:g}, {verdict})")
    return {"seconds": {**median, "product": product_seconds}, "of_product": of_product}
