"""The one model slot that the live page and the API share: one thread, one call for all who wait.

The model is the bottleneck, and two calls at once would only slow each other down. While a call runs, drawings
gather in the line; the next call paints all of them, up to 16, which takes about a third of the time of one by one.
"""

import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol
from weakref import WeakKeyDictionary

import numpy as np

from sketch2photo.errors import UserError, choose
from sketch2photo.images import parse_colour

if TYPE_CHECKING:
    pass


# ---------------------------------------------------------------- page.line
#
# Who waits for the model, whose drawing is newest, and who comes next. No threads here; `slot.ModelSlot` has those.
#
# Everybody has a lane of their own, told apart by an id that the page makes (behind a share link all visitors have one
# address, so an address says nothing). The model's calls are filled from one lane after another, so that somebody who
# asks for much gets no more than the others while they wait.

_REMEMBERED = 4096
"""People whose last turn is remembered; with more than that, the longest absent are forgotten."""


class Busy(Exception):
    """The line is full."""


class Superseded(Exception):
    """A newer drawing of the same person took this one's place."""


@dataclass(frozen=True)
class Order:
    """A drawing to be painted."""

    sketch: np.ndarray
    """uint8 (h, w), 0 ink, 255 paper."""
    category: str | None = None
    """None for the likeliest."""
    colour: str | None = None
    """ "#rrggbb"; None for the model's own choice."""
    seed: int = 0
    painter: "Painter | None" = None
    """The model to paint it; None for the one that the page was opened with."""


@dataclass
class Job:
    """An order in the line."""

    order: Order
    number: int = 0
    """Grows with every drawing of a person; the highest is the newest."""
    answer: "Future[Answer]" = field(default_factory=Future)


class Line:
    """The waiting jobs. Not safe for threads: the slot has a lock.

    When all places are taken, whoever has waited longest since their last turn goes before whoever had one since:
    the latter loses the place and asks again. So everybody gets about the same, however many draw. Ids never seen
    before count as served when they first ask, or inventing ids would push everybody else out.
    """

    def __init__(self, places: int) -> None:
        """`places` people may wait with `replace`; what `append` adds is not counted."""
        self._places = places
        self._lanes: OrderedDict[str, deque[Job]] = OrderedDict()
        self._counted: set[str] = set()
        self._turn = 0
        self._last_turn: OrderedDict[str, int] = OrderedDict()

    def __len__(self) -> int:
        """How many jobs wait."""
        return sum(map(len, self._lanes.values()))

    @property
    def first(self) -> Job:
        """The job whose turn is next."""
        return next(iter(self._lanes.values()))[0]

    def replace(self, person: str, jobs: Sequence[Job]) -> tuple[list[Job], list[Job]]:
        """Let a person's newest drawing wait, at the place of the older one if that still waits.

        Returns:
          The jobs it took the place of (they are superseded), and those of somebody who lost the place to it.

        Raises:
          Busy: all places are taken.
          Superseded: a newer drawing of this person already waits.
        """
        older, lost = self._lanes.get(person), []
        if older is None:
            lost = self._make_room(person)
        elif older[0].number > jobs[0].number:
            raise Superseded
        self._lanes[person] = deque(jobs)
        self._counted.add(person)
        return list(older or ()), lost

    def append(self, person: str, jobs: Sequence[Job]) -> None:
        """Let all of these wait behind what this person already waits for; Gradio's queue limits how many come."""
        self._lanes.setdefault(person, deque()).extend(jobs)

    def take(self, most: int) -> list[Job]:
        """The next jobs, for one model: one of each lane in turn, then a second of each, until there are `most`."""
        self._turn += 1
        taken: list[Job] = []
        served: dict[str, None] = {}
        while len(taken) < most:
            before = len(taken)
            for person, lane in self._lanes.items():
                if len(taken) < most and lane and (not taken or lane[0].order.painter is taken[0].order.painter):
                    taken.append(lane.popleft())
                    served[person] = None
            if len(taken) == before:
                break
        for person in served:
            self._note(person, self._turn)
            if self._lanes[person]:
                self._lanes.move_to_end(person)  # the rest of it comes after everybody who waits
            else:
                self._leave(person)
        return taken

    def _make_room(self, person: str) -> list[Job]:
        if len(self._counted) < self._places:
            return []
        if person not in self._last_turn:
            self._note(person, self._turn)
        latest = max(self._counted, key=lambda other: self._last_turn.get(other, 0))
        if self._last_turn.get(latest, 0) <= self._last_turn[person]:
            raise Busy
        return self._leave(latest)

    def _leave(self, person: str) -> list[Job]:
        self._counted.discard(person)
        return list(self._lanes.pop(person))

    def _note(self, person: str, turn: int) -> None:
        self._last_turn[person] = turn
        self._last_turn.move_to_end(person)
        while len(self._last_turn) > _REMEMBERED:
            self._last_turn.popitem(last=False)


# ---------------------------------------------------------------- page.slot

log = logging.getLogger(__name__)

_IDLE_SECONDS = 10.0
"""After this long without work the thread ends; the next drawing starts another."""
PLACES = 64


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
    def palette(self) -> Mapping[str, Sequence[str]]: ...
    @property
    def has_classifier(self) -> bool: ...
    @property
    def batches(self) -> Sequence[int]: ...
    def warm_up(self) -> None: ...
    def compile(self, batch: int, /) -> None: ...
    def predict_batch(
        self,
        sketches: Sequence[np.ndarray],
        categories: Sequence[str | None] | None = None,
        colours: Sequence[str | None] | None = None,
        seeds: Sequence[int] | None = None,
    ) -> Sequence[Painted]: ...


@dataclass(frozen=True)
class Answer:
    """A prediction, and how many milliseconds the call of the model took that it was made in."""

    prediction: Painted
    milliseconds: float


class ModelSlot:
    """Paints what waits in the line, as many drawings at once as the model is compiled for.

    Futures and a thread rather than asyncio's locks: page, API and tests may live on different event loops.
    """

    def __init__(self, painter: Painter, *, places: int = PLACES) -> None:
        """`places` people may wait at once; who comes later is told that the line is full."""
        self._painter = painter
        self._line = Line(places)
        self._ready: WeakKeyDictionary[Painter, int] = WeakKeyDictionary()
        self._change = threading.Condition()
        self._thread: threading.Thread | None = None
        self._compiling: list[threading.Thread] = []
        self._closed = False

    def __len__(self) -> int:
        """How many drawings wait, those being painted not counted."""
        with self._change:
            return len(self._line)

    def prepare(self, painter: Painter | None = None) -> threading.Thread:
        """Compile for the larger batches in a thread, smallest first. Until one is ready, calls do with smaller ones:
        nobody waits for it.
        """
        thread = threading.Thread(target=self._compile, args=(painter or self._painter,), name="compile", daemon=True)
        thread.start()
        self._compiling.append(thread)
        return thread

    def ask(self, person: str, order: Order, number: int = 0) -> "Future[Answer]":
        """A place in the line for the newest drawing of somebody at the page.

        Args:
          person: whose drawing it is; the page sends an id of its own making.
          order: the drawing.
          number: grows with every drawing of a person; the highest is the newest.

        Returns:
          A future of the answer, or of `Superseded`, `Busy`, or of what the model raised.

        Raises:
          Busy: the line is full.
          Superseded: a newer drawing of this person already waits.
          ConfigError: an unknown category, or a colour that is none.
        """
        return self.ask_several(person, [order], number)[0]

    def ask_several(self, person: str, orders: Sequence[Order], number: int = 0) -> "list[Future[Answer]]":
        """As `ask`, for several pictures at once, which are replaced together."""
        jobs = self._jobs(orders, number)
        with self._change:
            if self._closed:
                raise Busy
            older, lost = self._line.replace(person, jobs)
            self._wake()
        _fail(older, Superseded())
        _fail(lost, Busy())
        return [job.answer for job in jobs]

    def queue(self, person: str, orders: Sequence[Order]) -> "list[Future[Answer]]":
        """Places for all of a program's orders, behind those it already has. Raises `ConfigError` as `ask` does."""
        jobs = self._jobs(orders, 0)
        with self._change:
            if self._closed:
                raise Busy
            self._line.append(person, jobs)
            self._wake()
        return [job.answer for job in jobs]

    def close(self, seconds: float = 10.0) -> bool:
        """Turn away what waits, and wait for the call that runs. Whether no thread is at work any more: one that
        compiles cannot be stopped.
        """
        with self._change:
            self._closed = True
            left = self._line.take(len(self._line))
            while more := self._line.take(len(self._line)):
                left += more
            thread = self._thread
            self._change.notify()
        _fail(left, Busy())
        for each in (thread, *self._compiling):
            if each is not None and each.is_alive():
                each.join(seconds if each is thread else 0)
        return not any(each is not None and each.is_alive() for each in (thread, *self._compiling))

    def _jobs(self, orders: Sequence[Order], number: int) -> list[Job]:
        # Looked at here, because a bad wish would fail a whole call of the model, with others' drawings in it.
        jobs = []
        for order in orders:
            painter = order.painter or self._painter
            if order.category is not None:
                choose("category", order.category, list(painter.categories))
            if order.colour is not None:
                parse_colour(order.colour)
            jobs.append(Job(replace(order, painter=painter), number))
        return jobs

    def _wake(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="model-slot", daemon=True)
            self._thread.start()
        self._change.notify()

    def _compile(self, painter: Painter) -> None:
        for batch in sorted(painter.batches):
            if self._closed:
                return
            try:
                painter.compile(batch)
            except Exception:
                log.exception("the model could not be compiled for %d drawings at once", batch)
                return
            self._ready[painter] = batch

    def _work(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(lambda: len(self._line) or self._closed, timeout=_IDLE_SECONDS)
                if not len(self._line):
                    self._thread = None
                    return
                painter = self._line.first.order.painter
                assert painter is not None
                taken = self._line.take(self._ready.get(painter, 1))
            jobs = [job for job in taken if job.answer.set_running_or_notify_cancel()]
            if jobs:
                self._paint(jobs)

    def _paint(self, jobs: list[Job]) -> None:
        painter = jobs[0].order.painter
        assert painter is not None
        orders = [job.order for job in jobs]
        started = time.perf_counter()
        try:
            predictions = painter.predict_batch(
                [order.sketch for order in orders],
                [order.category for order in orders],
                [order.colour for order in orders],
                [order.seed for order in orders],
            )
        except BaseException as error:
            if len(jobs) > 1 and isinstance(error, UserError):  # somebody's drawing is wrong: find out whose
                for job in jobs:
                    self._paint([job])
                return
            for job in jobs:
                job.answer.set_exception(error)
            return
        milliseconds = (time.perf_counter() - started) * 1000
        for job, prediction in zip(jobs, predictions, strict=True):
            job.answer.set_result(Answer(prediction, milliseconds))


def _fail(jobs: list[Job], error: Exception) -> None:
    for job in jobs:
        if job.answer.set_running_or_notify_cancel():
            job.answer.set_exception(error)
