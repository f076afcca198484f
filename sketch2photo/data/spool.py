"""What has been made so far, on disk: a killed run goes on from here, and pictures need no memory.

One record for each raw item, in their order: its number, length and checksum, and a pickle of the `Example`s and
`Skipped`s it became. What follows the last whole record, because a kill cut it short, is cut off.
"""

import dataclasses
import pickle
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from sketch2photo.data.example import Example, Skipped

_HEAD = struct.Struct("<QQI")
_HEAVY: dict = {"sketches": [], "photo": None, "strokes": None, "mask": None}
"""What stays on disk while the splits are decided."""


class Spool:
    """Examples on disk, in the order they came, read back in any order."""

    def __init__(self, path: Path):
        self.light: list[Example] = []
        """The examples without pictures and strokes."""
        self.skipped: list[Skipped] = []
        self.items = 0
        """Raw items whose records are whole."""
        self._places: list[tuple[int, int]] = []
        """For each example where its record begins, and its place in it."""
        self._file = path.open("r+b" if path.exists() else "w+b")
        end = 0
        while (made := self._read(end, self.items)) is not None:
            self._know(end, made)
            end = self._file.tell()
        self._file.truncate(end)
        self._end = end

    def add(self, made: list[Example | Skipped]) -> None:
        """Append what the next raw item became."""
        content = pickle.dumps(made, protocol=5)
        self._file.seek(self._end)
        self._file.write(_HEAD.pack(self.items, len(content), zlib.crc32(content)) + content)
        self._file.flush()
        self._know(self._end, made)
        self._end = self._file.tell()

    def _know(self, offset: int, made: list[Example | Skipped]) -> None:
        self.items += 1
        for place, one in enumerate(made):
            if isinstance(one, Skipped):
                self.skipped.append(one)
            else:
                self._places.append((offset, place))
                self.light.append(dataclasses.replace(one, **_HEAVY))

    def _read(self, offset: int, item: int | None = None) -> list[Example | Skipped] | None:
        """The record at a place in the file; None where there is no whole one, or it is not that of `item`."""
        self._file.seek(offset)
        head = self._file.read(_HEAD.size)
        if len(head) < _HEAD.size:
            return None
        number, length, checksum = _HEAD.unpack(head)
        if item is not None and number != item:
            return None
        content = self._file.read(length)
        if len(content) < length or zlib.crc32(content) != checksum:
            return None
        return pickle.loads(content)

    def drop(self, numbers: set[int]) -> None:
        """Leave examples out; the others are numbered anew."""
        kept = [number for number in range(len(self.light)) if number not in numbers]
        self.light = [self.light[number] for number in kept]
        self._places = [self._places[number] for number in kept]

    def __getitem__(self, number: int) -> Example:
        offset, place = self._places[number]
        made = self._read(offset)
        assert made is not None
        whole = made[place]
        assert isinstance(whole, Example)
        return dataclasses.replace(self.light[number], **{name: getattr(whole, name) for name in _HEAVY})

    def split(self, name: str) -> Iterator[Example]:
        """The examples of one split, complete."""
        return (self[i] for i, example in enumerate(self.light) if example.split == name)

    def close(self) -> None:
        self._file.close()
