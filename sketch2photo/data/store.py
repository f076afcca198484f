"""Datasets on disk, in the form of TensorFlow Datasets, but written and read without TensorFlow.

Two kinds: `pairs` (photos, each with several sketches) and `drawings` (sketches without photos, with their strokes
where they are known). Images are stored as encoded bytes in array_record files; any program reads them by
`tfds.builder_from_directory(folder).as_data_source("train")`. Plain arrays in .npz files are in `arrays`.
"""

import contextlib
import errno
import functools
import io
import logging
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from sketch2photo.data.edges import object_mask, with_ground
from sketch2photo.data.example import HUMAN, SPLITS, Example, Pair, decode, encode_sketch, frame_pair, palette
from sketch2photo.errors import DataError, first_line

NAME = "sketch_photo"
"""In dataset_info.json: how a dataset of ours is known."""
_TEXTS = ("group", "source", "licence", "file", "content")
_CHUNK = 256  # records read at once

# TensorFlow Datasets is imported where it is used: training from .npz files does without, and so do worker processes.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
logging.getLogger("absl").setLevel(logging.ERROR)


def is_ours(folder: Path) -> bool:
    """Whether a folder is a dataset that `prepare_data.py` wrote."""
    return (folder / "dataset_info.json").is_file() and (folder / "manifest.csv").is_file()


# ---------------------------------------------------------------- writing


def write(
    folder: Path,
    *,
    kind: str,
    size: int,
    input_channels: int = 1,
    categories: tuple[str, ...],
    sources: dict[str, str] | None = None,
    splits: dict[str, Callable[[], Iterable[Example]]],
) -> None:
    """Write a dataset into the existing, empty `folder`.

    Args:
      kind: "pairs" or "drawings".
      size: pixels a side of photos and sketches.
      input_channels: of the sketches; 3 where they are coloured inputs.
      sources: where the pictures are from, each with its licence, "" where none is known.
      splits: for each split that is not empty, a function that yields its examples.

    Raises `OSError` where the disk is full, or may not be written.
    """
    import tensorflow_datasets as tfds

    _shuffle_without_tensorflow()
    features: dict[str, Any] = {
        "sketches": tfds.features.Sequence(tfds.features.Image(shape=(size, size, input_channels))),
        "human": tfds.features.Sequence(np.bool_),
        "style": tfds.features.Sequence(tfds.features.Text()),
        "label": tfds.features.ClassLabel(names=list(categories)),
        **{name: tfds.features.Text() for name in _TEXTS},
    }
    if kind == "pairs":
        features["photo"] = tfds.features.Image(shape=(size, size, 3))
        features["mask"] = tfds.features.Image(shape=(size, size, 1))
        features["colour"] = tfds.features.Tensor(shape=(3,), dtype=np.uint8)
    else:
        features["strokes"] = tfds.features.Tensor(shape=(None, 3), dtype=np.int16)
    licences = "; ".join(f"{source}: {licence or 'not stated'}" for source, licence in sorted((sources or {}).items()))

    class SketchPhoto(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        """Sketches and photos by category."""

        name = NAME
        VERSION = tfds.core.Version("1.1.0")
        RELEASE_NOTES = {"1.0.0": "First form.", "1.1.0": "human, style, mask."}  # noqa: RUF012
        BUILDER_CONFIGS = [tfds.core.BuilderConfig(name=kind)]  # noqa: RUF012

        def _info(self) -> tfds.core.DatasetInfo:
            return self.dataset_info_from_configs(
                features=tfds.features.FeaturesDict(features),
                description="Sketches and photos by category. Sketches are black on white.",
                license=licences,
            )

        def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
            return {name: self._generate_examples(name) for name in splits}

        def _generate_examples(self, split: str) -> Iterable[tuple[int, dict[str, Any]]]:
            return enumerate(_features(kind, example) for example in splits[split]())

    work = folder / "tfds"
    tfds.disable_progress_bar()
    builder = SketchPhoto(config=kind, data_dir=work, file_format="array_record")
    with contextlib.redirect_stdout(io.StringIO()):  # it prints where it writes, which is not where the data will be
        try:
            builder.download_and_prepare()
        except RuntimeError as error:
            failed = re.search(r"\b\w+\(\) failed: ([^;\n]+)", str(error))  # array_record's
            if failed is None:
                raise
            raise OSError(errno.EIO, failed[1]) from None
    for file in Path(builder.data_dir).iterdir():
        file.rename(folder / file.name)
    shutil.rmtree(work)


def _features(kind: str, example: Example) -> dict[str, Any]:
    styles = example.styles or [HUMAN] * len(example.sketches)
    record: dict[str, Any] = {
        "sketches": example.sketches,
        "human": [style == HUMAN for style in styles],
        "style": styles,
        "label": example.category,
        **{name: getattr(example, name) for name in _TEXTS},
    }
    if kind == "pairs":
        assert example.photo is not None
        mask = example.mask or encode_sketch(object_mask(decode(example.photo, 3)))
        return record | {"photo": example.photo, "colour": example.colour, "mask": mask}
    return record | {"strokes": np.zeros((0, 3), np.int16) if example.strokes is None else example.strokes}


@functools.cache
def _shuffle_without_tensorflow() -> None:
    """Make TFDS (4.9) shuffle what does not fit in memory through files that it opens without TensorFlow."""
    from tensorflow_datasets.core import shuffle

    class Bucket(shuffle._Bucket):
        """A file of records."""

        def add(self, key: int, data: bytes) -> None:
            if self._fobj is None:
                self._fobj = open(self._path, "wb")  # noqa: SIM115  (closed by `flush`, which reading begins with)
            self._fobj.write(key.to_bytes(16, "big") + len(data).to_bytes(8, "big") + data)
            self._length += 1
            self._size += len(data)

        def read_values(self) -> Iterator[tuple[int, bytes]]:
            self.flush()
            if self._fobj is None:
                return
            with open(self._path, "rb") as file:
                while key := file.read(16):
                    yield int.from_bytes(key, "big"), file.read(int.from_bytes(file.read(8), "big"))

        def del_file(self) -> None:
            Path(self._path).unlink(missing_ok=True)

    # Records are shuffled in memory up to a limit (else 1 GB), then through so many files; the order is the same.
    shuffle.MAX_MEM_BUFFER_SIZE = 64 * 2**20
    shuffle.BUCKETS_NUMBER = 100
    shuffle._Bucket = Bucket


# ---------------------------------------------------------------- reading


def open_dataset(path: str | os.PathLike) -> "Dataset":
    """The dataset in a folder. Raises `DataError`: no such folder, not a dataset of ours, or a damaged one."""
    path = Path(path)
    if not path.is_dir():
        kind = "is a file" if path.exists() else "does not exist"
        raise DataError(f"the dataset {str(path)!r} {kind}: give a folder that prepare_data.py made")
    if not is_ours(path):
        command = f"python prepare_data.py photos --raw {path}"
        raise DataError(f"{str(path)!r} is not a dataset: make one of it by  {command}")
    return Dataset(path)


class Columns:
    """Of the examples of a split what does not need their pictures, read once."""

    path: Path
    kind: str
    _table: Callable[[str], dict[str, Any]]  # of a split the arrays below by name

    def labels(self, split: str) -> np.ndarray:
        """The category number of every example, int32 (n,)."""
        return self._table(split)["labels"]

    def colours(self, split: str) -> np.ndarray:
        """The dominant colour of every photo, uint8 (n, 3). Raises `DataError` for a dataset of drawings."""
        if self.kind != "pairs":
            raise DataError(f"{str(self.path)!r} holds drawings without photos: there are no colours in it")
        return self._table(split)["colours"]

    def sketch_counts(self, split: str) -> np.ndarray:
        """How many sketches every example has, int (n,)."""
        return self._table(split)["sketch_counts"]

    def human_sketches(self, split: str) -> np.ndarray:
        """The number of every example's first sketch by a person, int (n,); -1 where none is known."""
        return self._table(split)["human"]

    def has_strokes(self, split: str) -> np.ndarray:
        """Whether the strokes of an example are known, bool (n,)."""
        return self._table(split)["has_strokes"]


class Dataset(Columns):
    """A dataset that `prepare_data.py` made; open it by `open_dataset`."""

    def __init__(self, path: Path):
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

    def record(self, split: str, number: int) -> Example:
        """The example `number` of a split. Of version 1.0.0 it has neither styles nor mask."""
        try:
            return self._parse(self._sources[split][number], split)
        except (RuntimeError, ValueError, KeyError) as error:
            raise _damaged(self.path, error) from None

    def records(self, split: str) -> Iterator[Example]:
        """All examples of a split, in order."""
        source: Any = self._sources.get(split, ())
        for start in range(0, len(source), _CHUNK):
            try:
                records = source.__getitems__(list(range(start, min(start + _CHUNK, len(source)))))
            except (RuntimeError, ValueError, OSError) as error:
                raise _damaged(self.path, error) from None
            yield from (self._parse(record, split) for record in records)

    def _parse(self, raw: bytes, split: str) -> Example:
        from tensorflow_datasets.proto import tf_example_pb2

        example: Any = tf_example_pb2.Example.FromString(raw)  # type: ignore[attr-defined]
        values = example.features.feature
        has = set(values)
        return Example(
            category=self.categories[values["label"].int64_list.value[0]],
            split=split,
            **{name: values[name].bytes_list.value[0].decode() for name in _TEXTS},
            sketches=list(values["sketches"].bytes_list.value),
            styles=[text.decode() for text in values["style"].bytes_list.value] if "style" in has else [],
            mask=values["mask"].bytes_list.value[0] if "mask" in has else None,
            photo=values["photo"].bytes_list.value[0] if "photo" in has else None,
            colour=np.array(values["colour"].int64_list.value, np.uint8) if "colour" in has else None,
            strokes=np.array(values["strokes"].int64_list.value, np.int16).reshape(-1, 3) if "strokes" in has else None,
        )

    def pair(self, split: str, number: int, chosen: int, size: int, channels: int, mask: bool = False) -> Pair:
        """An example's photo with one of its sketches, by number, as `frame_pair` gives them; pairs only. With `mask`
        the photo has a fourth channel, 255 where its ground is."""
        record = self.record(split, number)
        assert record.photo is not None
        photo = decode(record.photo, 3)
        if mask:
            photo = with_ground(photo, object_mask(photo) if record.mask is None else decode(record.mask, 1))
        return frame_pair(decode(record.sketches[chosen], channels), photo, size)

    def sketch(self, split: str, number: int, chosen: int) -> np.ndarray:
        """One of an example's sketches, by number, grey, uint8 (s, s)."""
        return decode(self.record(split, number).sketches[chosen], 1)

    def strokes(self, split: str, number: int) -> np.ndarray:
        """The strokes of an example of which they are known (`has_strokes`), int16 (n, 3)."""
        strokes = self.record(split, number).strokes
        assert strokes is not None
        return strokes

    def sources(self) -> dict[str, str]:
        """Where the examples are from, each with its licence, "" where none is known."""
        return {key: value for split in SPLITS for key, value in self._table(split)["sources"].items()}

    def palette(self, k: int = 8) -> dict[str, tuple[str, ...]]:
        """For each category up to `k` colours "#rrggbb" of its training photos, the most frequent first. Pairs only."""
        labels, colours = self.labels("train"), self.colours("train")
        return palette([self.categories[label] for label in labels], colours, k)

    @functools.cache  # noqa: B019 (a dataset lives as long as the program)
    def _table(self, split: str) -> dict[str, Any]:
        rows, sources = [], {}
        for record in self.records(split):
            sources[record.source] = record.licence
            colour = np.zeros(3, np.uint8) if record.colour is None else record.colour
            has_strokes = record.strokes is not None and len(record.strokes) > 0
            human = record.styles.index(HUMAN) if HUMAN in record.styles else -1
            rows.append((self.categories.index(record.category), colour, has_strokes, len(record.sketches), human))
        labels, colours, strokes, counts, humans = zip(*rows, strict=True) if rows else ((),) * 5
        return {
            "labels": np.asarray(labels, np.int32),
            "colours": np.asarray(colours, np.uint8).reshape(-1, 3),
            "has_strokes": np.asarray(strokes, bool),
            "sketch_counts": np.asarray(counts, int),
            "human": np.asarray(humans, int),
            "sources": sources,
        }


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(f"{str(path)!r} is a damaged dataset ({first_line(error)}): make it again by prepare_data.py")
