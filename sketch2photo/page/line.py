"""Who waits for the model, whose drawing is newest, and who comes next. No threads here; `slot.ModelSlot` has those.

Everybody has a lane of their own, told apart by an id that the page makes (behind a share link all visitors have one
address, so an address says nothing). The model's calls are filled from one lane after another, so that somebody who
asks for much gets no more than the others while they wait.
"""

from collections import OrderedDict, deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from sketch2photo.page.slot import Answer, Painter

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
