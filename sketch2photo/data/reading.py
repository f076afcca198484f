"""A dataset of ours as it lies on disk: its records by number, with the pictures still encoded."""

import functools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sketch2photo.data.example import HUMAN, palette
from sketch2photo.errors import DataError

_CHUNK = 256
_TEXTS = ("group", "source", "licence", "file", "content")


@dataclass(frozen=True)
class Record:
    """One example. `photo` and `colour` are None in a dataset of drawings, `strokes` in one of pairs."""

    label: int
    group: str
    source: str
    licence: str
    file: str
    """What was made an example, as a person knows it."""
    content: str
    """A hash of that file, or of a drawing's strokes."""
    sketches: list[bytes]
    styles: list[str]
    """Of each sketch: "human", or the style it was drawn in from the photo; empty in datasets of version 1.0.0."""
    photo: bytes | None
    colour: np.ndarray | None
    strokes: np.ndarray | None
    mask: bytes | None = None
    """255 on the photo's object; None in drawings and in datasets of version 1.0.0."""


class Dataset:
    """A dataset that `prepare_data.py` made; open it by `open_dataset`."""

    def __init__(self, path: Path):
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        import tensorflow_datasets as tfds

        try:
            builder: Any = tfds.builder_from_directory(os.fspath(path))
            features: Any = builder.info.features
            undecoded = tfds.decode.DeserializeMethod.RAW_BYTES
            self._sources = {
                name: builder.as_data_source(name, deserialize_method=undecoded)
                for name, split in builder.info.splits.items()
                if split.num_examples
            }
            self.categories: tuple[str, ...] = tuple(features["label"].names)
            self.size: int = features["sketches"].feature.shape[0]
            self.input_channels: int = features["sketches"].feature.shape[2]
            self.kind = "pairs" if "photo" in features else "drawings"
        except Exception as error:  # TFDS raises whatever its parsers meet in a damaged folder
            raise _damaged(path, error) from None
        self.path = path
        self.sizes: dict[str, int] = {name: len(source) for name, source in self._sources.items()}

    def __reduce__(self):
        return open_dataset, (self.path,)

    def __repr__(self) -> str:
        return f"Dataset({str(self.path)!r}, kind={self.kind!r}, sizes={self.sizes})"

    def record(self, split: str, number: int) -> Record:
        """The example `number` of a split."""
        try:
            return _parse(self._sources[split][number])
        except (RuntimeError, ValueError, KeyError) as error:
            raise _damaged(self.path, error) from None

    def labels(self, split: str) -> np.ndarray:
        """The category number of every example, int32 (n,)."""
        return self._scan(split)[0]

    def colours(self, split: str) -> np.ndarray:
        """The dominant colour of every photo, uint8 (n, 3). Pairs only.

        Raises:
          DataError: a dataset of drawings.
        """
        if self.kind != "pairs":
            raise DataError(f"{str(self.path)!r} holds drawings without photos: there are no colours in it")
        return self._scan(split)[1]

    def sketch_counts(self, split: str) -> np.ndarray:
        """How many sketches every example has, int (n,)."""
        return self._scan(split)[4]

    def sources(self) -> dict[str, str]:
        """Where the examples are from, each with its licence, "" where none is known."""
        return self._scan("train")[3] | self._scan("val")[3] | self._scan("test")[3]

    def human_sketches(self, split: str) -> np.ndarray:
        """The number of every example's first sketch that a person drew, int (n,); -1 where there is none or nobody
        said so."""
        return self._scan(split)[5]

    def has_strokes(self, split: str) -> np.ndarray:
        """Whether the strokes of an example are known, bool (n,)."""
        return self._scan(split)[2]

    def palette(self, k: int = 8) -> dict[str, tuple[str, ...]]:
        """For each category up to `k` colours "#rrggbb" of its training photos, the most frequent first. Pairs only."""
        labels, colours = self.labels("train"), self.colours("train")
        return palette([self.categories[label] for label in labels], colours, k)

    @functools.cache  # noqa: B019 (a dataset lives as long as the program)
    def _scan(self, split: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, str], np.ndarray, np.ndarray]:
        labels, colours, strokes, counts, human = [], [], [], [], []
        sources: dict[str, str] = {}
        for record in self.records(split):
            labels.append(record.label)
            colours.append(np.zeros(3, np.uint8) if record.colour is None else record.colour)
            strokes.append(record.strokes is not None and len(record.strokes) > 0)
            sources[record.source] = record.licence
            counts.append(len(record.sketches))
            human.append(record.styles.index(HUMAN) if HUMAN in record.styles else -1)
        return (
            np.asarray(labels, np.int32),
            np.asarray(colours, np.uint8).reshape(-1, 3),
            np.asarray(strokes, bool),
            sources,
            np.asarray(counts, int),
            np.asarray(human, int),
        )

    def records(self, split: str) -> Iterator[Record]:
        """All examples of a split, in order."""
        if split not in self._sources:
            return
        source = self._sources[split]
        for start in range(0, len(source), _CHUNK):
            numbers = range(start, min(start + _CHUNK, len(source)))
            try:
                records = source.__getitems__(list(numbers))
            except (RuntimeError, ValueError, OSError) as error:
                raise _damaged(self.path, error) from None
            yield from map(_parse, records)


def _damaged(path: Path, error: Exception) -> DataError:
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return DataError(f"{str(path)!r} is a damaged dataset ({reason}): make it again by prepare_data.py")


def is_ours(folder: Path) -> bool:
    """Whether a folder is a dataset that `prepare_data.py` wrote."""
    return (folder / "dataset_info.json").is_file() and (folder / "manifest.csv").is_file()


def open_dataset(path: str | os.PathLike) -> Dataset:
    """The dataset in a folder.

    Raises:
      DataError: no such folder, not a dataset of ours, or a damaged one.
    """
    path = Path(path)
    if not path.is_dir():
        kind = "is a file" if path.exists() else "does not exist"
        raise DataError(f"the dataset {str(path)!r} {kind}: give a folder that prepare_data.py made")
    if not is_ours(path):
        raise DataError(
            f"{str(path)!r} is not a dataset: make one of it by  python prepare_data.py photos --raw {path}"
        )
    return Dataset(path)


def _parse(raw: bytes) -> Record:
    from tensorflow_datasets.proto import tf_example_pb2

    example: Any = tf_example_pb2.Example.FromString(raw)  # type: ignore[attr-defined]
    values = example.features.feature
    has = set(values)
    return Record(
        label=values["label"].int64_list.value[0],
        **{name: values[name].bytes_list.value[0].decode() for name in _TEXTS},
        sketches=list(values["sketches"].bytes_list.value),
        styles=[text.decode() for text in values["style"].bytes_list.value] if "style" in has else [],
        mask=values["mask"].bytes_list.value[0] if "mask" in has else None,
        photo=values["photo"].bytes_list.value[0] if "photo" in has else None,
        colour=np.array(values["colour"].int64_list.value, np.uint8) if "colour" in has else None,
        strokes=_strokes(values["strokes"].int64_list.value) if "strokes" in has else None,
    )


def _strokes(values: list[int]) -> np.ndarray:
    return np.array(values, np.int16).reshape(-1, 3)
