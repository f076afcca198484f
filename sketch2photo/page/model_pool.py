"""The released models that a visitor may choose from: opened when first asked for, closed when memory is short."""

import logging
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sketch2photo.errors import CheckpointError, choose
from sketch2photo.release.format import outline

if TYPE_CHECKING:
    from sketch2photo.studio import Studio

log = logging.getLogger(__name__)


def beside(checkpoint: Path) -> tuple[dict[str, Path], list[str]]:
    """The other released models in the same folder, by name, and a sentence for each that cannot be used."""
    found: dict[str, Path] = {}
    complaints = []
    for path in sorted(checkpoint.resolve().parent.iterdir()):
        if path != checkpoint.resolve() and (path / "config.json").is_file():
            try:
                outline(path)
                found[path.name] = path
            except CheckpointError as error:
                complaints.append(f"a model is left out: {error}")
    return found, complaints


def memory_for_models() -> int:
    """Bytes that further models may take: 2 GiB, or a quarter of the machine's memory where that is less."""
    try:
        machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # Windows
        return 2**31
    return min(2**31, machine // 4)


def _load(path: Path) -> "Studio":
    from sketch2photo.studio import Studio

    studio = Studio.load(path)
    studio.warm_up()
    return studio


class ModelPool:
    """The model that the page was opened with, which stays open, and others that come and go."""

    def __init__(
        self,
        first: "Studio",
        others: Mapping[str, Path] | None = None,
        *,
        load: Callable[[Path], "Studio"] = _load,
        opened: Callable[["Studio"], object] = lambda model: None,
        memory: int | None = None,
    ) -> None:
        """`opened` is called with every further model once it is open; `memory` is in bytes."""
        self.first = first
        self._outlines = {name: outline(path) for name, path in (others or {}).items() if name != first.name}
        self._load = load
        self._opened = opened
        self._memory = memory_for_models() if memory is None else memory
        # Those in memory or on their way there, the least used first.
        self._open: OrderedDict[str, Future[Studio]] = OrderedDict()
        self._lock = threading.Lock()
        self._loader = ThreadPoolExecutor(1, "model-loader")

    @property
    def names(self) -> tuple[str, ...]:
        """The model that the page was opened with, then the others."""
        return (self.first.name, *self._outlines)

    def about(self, name: str = "") -> dict[str, Any]:
        """What a page needs to know of a model: `name`, `categories`, `palette`, and whether it `has_classifier`,
        `takes_hints` and `paints_coverage`; and on what `device`. Opens nothing; `ConfigError` where there is none."""
        name = choose("model", name or self.first.name, self.names)
        model = self.first if name == self.first.name else self._outlines[name]
        return {
            "name": name,
            "categories": list(model.categories),
            "palette": {category: list(colours) for category, colours in model.palette.items()},
            "has_classifier": model.has_classifier,
            "takes_hints": model.takes_hints,
            "paints_coverage": model.paints_coverage,
            "device": self.first.device,
        }

    def open(self, name: str = "") -> "Future[Studio]":
        """A model, loaded if it is not open; "" is the one that the page was opened with. `ConfigError` where there is
        none of this name; by the future `CheckpointError` of one that is broken or larger than the memory for it."""
        name = choose("model", name or self.first.name, self.names)
        if name == self.first.name:
            done: Future[Studio] = Future()
            done.set_result(self.first)
            return done
        with self._lock:
            if name not in self._open:
                self._open[name] = self._loader.submit(self._read, name)
            self._open.move_to_end(name)
            return self._open[name]

    def _read(self, name: str) -> "Studio":
        try:
            needed = self._outlines[name].memory
            if needed > self._memory:
                raise CheckpointError(
                    f"the model {name!r} needs {needed >> 20} MB, and further models may take {self._memory >> 20} MB: "
                    "open the page with it by --checkpoint"
                )
            self._make_room(name)
            model = self._load(self._outlines[name].path)
        except BaseException:
            with self._lock:
                self._open.pop(name, None)
            raise
        self._opened(model)
        return model

    def _make_room(self, wanted: str) -> None:
        with self._lock:
            while sum(self._outlines[name].memory for name in self._open) > self._memory:
                victim = next(name for name in self._open if name != wanted)
                log.info("the model %s is closed to make room for %s", victim, wanted)
                del self._open[victim]  # requests that wait for it still hold it, and are painted
