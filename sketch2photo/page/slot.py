"""The one model slot that the live page and the API share: who waits, whose drawing is newest, what runs next.

The model is the bottleneck, and two calls at once would only slow each other down, so one thread calls it. Each
person holds at most one place in the line. A newer drawing takes over the place of the older one, which is never
painted: somebody who draws fast neither floods the line nor falls to its end with every stroke.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

_IDLE_SECONDS = 10.0
"""After this long without work the thread ends; the next drawing starts another."""


class Painted(Protocol):
    """What a prediction must have; `sketch2photo.studio.Prediction` does."""

    @property
    def photo(self) -> np.ndarray | None: ...
    @property
    def probabilities(self) -> dict[str, float]: ...
    @property
    def category(self) -> str | None: ...
    @property
    def status(self) -> str: ...
    @property
    def colour(self) -> str | None: ...


class Painter(Protocol):
    """What the page asks of a model; `sketch2photo.Studio` does."""

    @property
    def name(self) -> str: ...
    @property
    def categories(self) -> Sequence[str]: ...
    @property
    def palette(self) -> dict[str, tuple[str, ...]]: ...
    @property
    def has_classifier(self) -> bool: ...
    def warm_up(self) -> None: ...
    def predict(
        self, sketch: np.ndarray, category: str | None = None, colour: str | None = None, seed: int = 0
    ) -> Painted: ...


class Busy(Exception):
    """The line is full."""


class Superseded(Exception):
    """A newer drawing of the same person took this one's place."""


@dataclass(frozen=True)
class Order:
    """A drawing to be painted: sketch uint8 (h, w), category and colour None for the model's own choice."""

    sketch: np.ndarray
    category: str | None = None
    colour: str | None = None
    seed: int = 0


@dataclass(frozen=True)
class Answer:
    """A prediction, and how long the model took for it."""

    prediction: Painted
    milliseconds: float


@dataclass
class _Job:
    order: Order
    number: int
    answer: "Future[Answer]" = field(default_factory=Future)


class ModelSlot:
    """Paints one drawing at a time, in the order of first asking.

    Futures and a thread rather than asyncio's locks: page, API and tests may live on different event loops.
    """

    def __init__(self, studio: Painter, *, places: int = 32) -> None:
        """`places` people may wait at once; who comes later is told that the line is full."""
        self._studio = studio
        self._places = places
        self._line: OrderedDict[str, _Job] = OrderedDict()
        self._change = threading.Condition()
        self._thread: threading.Thread | None = None

    def __len__(self) -> int:
        """How many drawings wait, the one being painted not counted."""
        return len(self._line)

    def ask(self, person: str, order: Order, number: int = 0) -> "Future[Answer]":
        """A place in the line for this drawing.

        Args:
          person: whose drawing it is; the page sends an id of its own making.
          order: the drawing.
          number: grows with every drawing of a person; the highest is the newest.

        Returns:
          A future of the answer, or of `Superseded`, or of what the model raised.

        Raises:
          Busy: the line is full.
          Superseded: a newer drawing of this person already waits.
        """
        job = _Job(order, number)
        with self._change:
            older = self._line.get(person)
            if older is None and len(self._line) >= self._places:
                raise Busy
            if older is not None and older.number > number:
                raise Superseded
            self._line[person] = job
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="model-slot", daemon=True)
                self._thread.start()
            self._change.notify()
        if older is not None and older.answer.set_running_or_notify_cancel():
            older.answer.set_exception(Superseded())
        return job.answer

    def _work(self) -> None:
        while True:
            with self._change:
                if not self._change.wait_for(lambda: self._line, timeout=_IDLE_SECONDS):
                    self._thread = None
                    return
                _, job = self._line.popitem(last=False)
            if not job.answer.set_running_or_notify_cancel():
                continue
            started = time.perf_counter()
            try:
                order = job.order
                prediction = self._studio.predict(order.sketch, order.category, order.colour, order.seed)
            except BaseException as error:
                job.answer.set_exception(error)
            else:
                job.answer.set_result(Answer(prediction, (time.perf_counter() - started) * 1000))
