"""The queue that paints all who wait in one call of the model; the live page and the API share it.

Two calls at once would only slow each other down. While one runs, drawings gather; the next paints up to 16 of them in
about a third of the time of one by one. Whose turn it is decides fair queuing (Nagle 1985, RFC 970): everybody has a
queue of their own, told apart by an id that the page makes (behind a share link all visitors have one address), and
calls are filled from one after another, so that who asks for much gets no more than the others while they wait.
"""

import contextlib
import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

from sketch2photo.errors import UserError, choose
from sketch2photo.images import as_hints, parse_colour
from sketch2photo.page.limits import MAX_WAITING

if TYPE_CHECKING:
    from sketch2photo.studio import Prediction, Studio

log = logging.getLogger(__name__)

_REMEMBERED = 4096
"""People whose last turn is remembered; with more than that, the longest absent are forgotten."""


class Busy(Exception):
    """The queue is full."""


class Superseded(Exception):
    """A newer drawing of the same person took this one's place."""


@dataclass(frozen=True)
class PaintRequest:
    """A drawing to be painted."""

    sketch: np.ndarray
    """uint8 (h, w), 0 ink, 255 paper."""
    category: str | None = None
    """None for the likeliest."""
    colour: str | None = None
    """ "#rrggbb"; None for the model's own choice."""
    seed: int = 0
    hints: np.ndarray | None = None
    """Strokes of colour, uint8 (h, w, 4) RGBA as large as the sketch; for a model that takes them."""
    model: "Studio | None" = None
    """None for the one that the page was opened with."""


@dataclass(frozen=True)
class Answer:
    """A prediction, and how many milliseconds the call of the model took that it was made in."""

    prediction: "Prediction"
    milliseconds: float


@dataclass
class Job:
    """A request in the queue."""

    request: PaintRequest
    model: "Studio"
    number: int = 0
    """Grows with every drawing of a person; the highest is the newest."""
    answer: Future[Answer] = field(default_factory=Future)

    def fail(self, error: BaseException) -> None:
        """Answer with an error, unless nobody waits for an answer any more."""
        if self.answer.set_running_or_notify_cancel():
            self.answer.set_exception(error)


class FairQueue:
    """The waiting jobs. Not safe for threads: `BatchQueue` has a lock.

    When all places are taken, whoever has waited longest since their last turn goes before whoever had one since:
    the latter loses the place and asks again. So everybody gets about the same, however many draw. Ids never seen
    before count as served when they first ask, or inventing ids would push everybody else out.
    """

    def __init__(self, places: int) -> None:
        """`places` people may wait with `replace`; what `append` adds is not counted."""
        self._places = places
        self._jobs: OrderedDict[str, deque[Job]] = OrderedDict()
        self._counted: set[str] = set()
        self._turn = 0
        self._last_turn: OrderedDict[str, int] = OrderedDict()

    def __len__(self) -> int:
        """How many jobs wait."""
        return sum(map(len, self._jobs.values()))

    @property
    def first(self) -> Job:
        """The job whose turn is next."""
        return next(iter(self._jobs.values()))[0]

    def replace(self, person: str, jobs: Sequence[Job]) -> tuple[list[Job], list[Job]]:
        """Let a person's newest drawing wait, at the place of the older one if that still waits. Returns the jobs it
        took the place of, which are superseded, and those of somebody who lost the place to it. `Busy` where all places
        are taken, `Superseded` where a newer drawing of this person already waits."""
        older, lost = self._jobs.get(person), []
        if older is None:
            lost = self._make_room(person)
        elif older[0].number > jobs[0].number:
            raise Superseded
        self._jobs[person] = deque(jobs)
        self._counted.add(person)
        return list(older or ()), lost

    def append(self, person: str, jobs: Sequence[Job]) -> None:
        """Let all of these wait behind what this person already waits for; Gradio's queue limits how many come."""
        self._jobs.setdefault(person, deque()).extend(jobs)

    def take(self, most: int) -> list[Job]:
        """The next jobs, for one model: one of each person in turn, then a second of each, until there are `most`."""
        self._turn += 1
        taken: list[Job] = []
        served: dict[str, None] = {}
        before = -1
        while before < len(taken) < most:
            before = len(taken)
            for person, jobs in self._jobs.items():
                if len(taken) < most and jobs and (not taken or jobs[0].model is taken[0].model):
                    taken.append(jobs.popleft())
                    served[person] = None
        for person in served:
            self._note(person, self._turn)
            if self._jobs[person]:
                self._jobs.move_to_end(person)  # the rest of it comes after everybody who waits
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
        return list(self._jobs.pop(person))

    def _note(self, person: str, turn: int) -> None:
        self._last_turn[person] = turn
        self._last_turn.move_to_end(person)
        while len(self._last_turn) > _REMEMBERED:
            self._last_turn.popitem(last=False)


class BatchQueue:
    """Paints what waits, as many drawings at once as the model is compiled for, one call after another.

    One thread and futures rather than asyncio's locks: page, API and tests may live on different event loops.
    """

    def __init__(self, model: "Studio", *, places: int = MAX_WAITING) -> None:
        """`places` people may wait at once; who comes later is told that the queue is full."""
        self._model = model
        self._waiting = FairQueue(places)
        self._ready: WeakKeyDictionary[Studio, int] = WeakKeyDictionary()
        self._lock = threading.Lock()
        self._painting = ThreadPoolExecutor(1, "batch-queue")
        self._compiling: list[threading.Thread] = []
        self._closed = False

    def __len__(self) -> int:
        """How many drawings wait, those being painted not counted."""
        with self._lock:
            return len(self._waiting)

    def prepare(self, model: "Studio | None" = None) -> threading.Thread:
        """Compile in a thread for larger batches, smallest first; until one is ready, calls do with smaller ones."""
        thread = threading.Thread(target=self._compile, args=(model or self._model,), name="compile", daemon=True)
        thread.start()
        self._compiling.append(thread)
        return thread

    def replace(self, person: str, requests: Sequence[PaintRequest], number: int = 0) -> list[Future[Answer]]:
        """A place for the newest drawing of somebody at the page, or for several variations of it, which the person's
        next drawing replaces together; `number` is as of `Job`. Now or by the futures it raises `Busy` or `Superseded`,
        now the `UserError` of an unknown category, a colour or hints that cannot be, by them an error of the model."""
        jobs = self._jobs(requests, number)
        with self._entrance():
            older, lost = self._waiting.replace(person, jobs)
        for job in older:
            job.fail(Superseded())
        for job in lost:
            job.fail(Busy())
        return [job.answer for job in jobs]

    def append(self, person: str, requests: Sequence[PaintRequest]) -> list[Future[Answer]]:
        """Places for all requests of a program, behind those it already has. Raises `UserError` as `replace` does."""
        jobs = self._jobs(requests, 0)
        with self._entrance():
            self._waiting.append(person, jobs)
        return [job.answer for job in jobs]

    def close(self, seconds: float = 10.0) -> bool:
        """Turn away what waits, and wait for the call that runs. False where a thread still compiles, which cannot be
        stopped, or paints."""
        with self._lock:
            self._closed = True
            while self._waiting:
                for job in self._waiting.take(len(self._waiting)):
                    job.fail(Busy())
        _, at_work = wait([self._painting.submit(int)], seconds)
        return not at_work and not any(thread.is_alive() for thread in self._compiling)

    def _jobs(self, requests: Sequence[PaintRequest], number: int) -> list[Job]:
        # Looked at here, because a bad wish would fail a whole call of the model, with others' drawings in it.
        jobs = [Job(request, request.model or self._model, number) for request in requests]
        for job in jobs:
            request = job.request
            if request.category is not None:
                choose("category", request.category, job.model.categories)
            if request.colour is not None:
                parse_colour(request.colour)
            if request.hints is not None:
                as_hints(request.hints, request.sketch)
        return jobs

    @contextlib.contextmanager
    def _entrance(self) -> Iterator[None]:
        """The waiting jobs, to be added to; they are painted once the thread gets to them."""
        with self._lock:
            if self._closed:
                raise Busy
            yield
            self._painting.submit(self._paint_all)

    def _compile(self, model: "Studio") -> None:
        for batch in sorted(model.batches):
            if self._closed:
                return
            try:
                model.compile(batch)
            except Exception:
                log.exception("the model could not be compiled for %d drawings at once", batch)
                return
            self._ready[model] = batch

    def _paint_all(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    return
                taken = self._waiting.take(self._ready.get(self._waiting.first.model, 1))
            if jobs := [job for job in taken if job.answer.set_running_or_notify_cancel()]:
                self._paint(jobs)

    def _paint(self, jobs: list[Job]) -> None:
        asked = [(one.sketch, one.category, one.colour, one.seed, one.hints) for one in (job.request for job in jobs)]
        started = time.perf_counter()
        try:
            predictions = jobs[0].model.predict_batch(*zip(*asked, strict=True))
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
