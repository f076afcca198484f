"""The TensorFlow Datasets form of our data, written without TensorFlow: the only place that writes one.

Two kinds: `pairs` (photos, each with several sketches) and `drawings` (sketches without photos, with their strokes
where they are known). Images are stored as encoded bytes in array_record files; any program reads them by
`tfds.builder_from_directory(folder).as_data_source("train")`.
"""

import contextlib
import errno
import io
import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.core import shuffle

from sketch2photo.data.edges import object_mask
from sketch2photo.data.example import HUMAN, Example, decode, encode_sketch

NAME = "sketch_photo"
"""In dataset_info.json: how a dataset of ours is known."""
KINDS = ("pairs", "drawings")

logging.getLogger("absl").setLevel(logging.ERROR)


class _Bucket(shuffle._Bucket):
    """A file through which records are shuffled that do not fit in memory, without TensorFlow's file functions."""

    def add(self, key: int, data: bytes) -> None:
        if self._fobj is None:
            self._fobj = open(self._path, "wb")  # noqa: SIM115  (closed by `flush`, which reading begins with)
        for part in (key.to_bytes(16, "big"), len(data).to_bytes(8, "big"), data):
            self._fobj.write(part)
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


# Records are shuffled in memory up to a limit (else 1 GB), then through this number of files; the order is the same.
shuffle.MAX_MEM_BUFFER_SIZE = 64 * 2**20
shuffle.BUCKETS_NUMBER = 100
shuffle._Bucket = _Bucket


class SketchPhoto(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Sketches and photos by category."""

    name = NAME
    VERSION = tfds.core.Version("1.1.0")
    RELEASE_NOTES = {"1.0.0": "First form.", "1.1.0": "human, style, mask."}  # noqa: RUF012
    BUILDER_CONFIGS = [tfds.core.BuilderConfig(name=kind) for kind in KINDS]  # noqa: RUF012

    def __init__(
        self,
        *,
        kind: str,
        size: int,
        input_channels: int,
        categories: tuple[str, ...],
        sources: dict[str, str],
        splits: dict[str, Callable[[], Iterable[Example]]],
        data_dir: Path,
    ):
        self._kind, self._size, self._channels = kind, size, input_channels
        self._categories, self._examples = categories, splits
        self._sources = sources
        super().__init__(config=kind, data_dir=data_dir, file_format="array_record")

    def _info(self) -> tfds.core.DatasetInfo:
        features: dict[str, Any] = {
            "sketches": tfds.features.Sequence(tfds.features.Image(shape=(self._size, self._size, self._channels))),
            "human": tfds.features.Sequence(np.bool_),
            "style": tfds.features.Sequence(tfds.features.Text()),
            "label": tfds.features.ClassLabel(names=list(self._categories)),
            "group": tfds.features.Text(),
            "source": tfds.features.Text(),
            "licence": tfds.features.Text(),
            "file": tfds.features.Text(),
            "content": tfds.features.Text(),
        }
        if self._kind == "pairs":
            features["photo"] = tfds.features.Image(shape=(self._size, self._size, 3))
            features["mask"] = tfds.features.Image(shape=(self._size, self._size, 1))
            features["colour"] = tfds.features.Tensor(shape=(3,), dtype=np.uint8)
        else:
            features["strokes"] = tfds.features.Tensor(shape=(None, 3), dtype=np.int16)
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(features),
            description="Sketches and photos by category. Sketches are black on white.",
            license="; ".join(
                f"{source}: {licence or 'not stated'}" for source, licence in sorted(self._sources.items())
            ),
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        return {name: self._generate_examples(name) for name in self._examples}

    def _generate_examples(self, split: str) -> Iterable[tuple[int, dict[str, Any]]]:
        for number, example in enumerate(self._examples[split]()):
            styles = example.styles or [HUMAN] * len(example.sketches)
            record: dict[str, Any] = {
                "sketches": example.sketches,
                "human": [style == HUMAN for style in styles],
                "style": styles,
                "label": example.category,
                "group": example.group,
                "source": example.source,
                "licence": example.licence,
                "file": example.file,
                "content": example.content,
            }
            if self._kind == "pairs":
                assert example.photo is not None
                mask = example.mask or encode_sketch(object_mask(decode(example.photo, 3)))
                record |= {"photo": example.photo, "colour": example.colour, "mask": mask}
            else:
                strokes = example.strokes if example.strokes is not None else np.zeros((0, 3), np.int16)
                record["strokes"] = strokes
            yield number, record


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

    Raises:
      OSError: the disk is full, or may not be written.
    """
    work = folder / "tfds"
    tfds.disable_progress_bar()
    builder = SketchPhoto(
        kind=kind,
        size=size,
        input_channels=input_channels,
        categories=categories,
        sources=sources or {},
        splits=splits,
        data_dir=work,
    )
    with contextlib.redirect_stdout(io.StringIO()):  # it prints where it writes, which is not where the data will be
        try:
            builder.download_and_prepare()
        except RuntimeError as error:
            # array_record's writer says so in a text only.
            failed = re.search(r"\b\w+\(\) failed: ([^;\n]+)", str(error))
            if failed is None:
                raise
            raise OSError(errno.EIO, failed[1]) from None
    for file in Path(builder.data_dir).iterdir():
        file.rename(folder / file.name)
    for left in sorted(work.rglob("*"), reverse=True):
        left.rmdir() if left.is_dir() else left.unlink()
    work.rmdir()
