"""Renderings of parametric objects: a folder of photos with masks and with lines that the renderer knows exactly.

`Job` has such a folder made of the scenes beside this package, by a Python of its own that has Blender.

Each object is four files, `<category>/<number>_{photo,mask,lines,simple}`, and a line of the folder's manifest.csv. The
lines are silhouette, part borders, depth jumps and creases; `simple` draws thin parts as the one middle stroke that a
person would draw, which no sketch made from a photo alone can know.
"""

import hashlib
import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from sketch2photo import images
from sketch2photo.data import raw_files, styles
from sketch2photo.data.example import Example, Raw, Skipped, encode_sketch, read_photo
from sketch2photo.errors import ConfigError, DataError, ImageError, StoppedError, choose

EXACT = ("simple", "lines")
"""The styles of the sketches that are there, first those most like people's."""
MADE = ("hand", "mouse", "loose")
"""The styles of further sketches, made from the photo."""
_VALIDATION = 10  # every such number is for validation
_PHOTO_ENDINGS = (".webp", ".jpg", ".png")


@dataclass(frozen=True)
class RawRendering(Raw):
    """One rendered object."""

    stem: Path  # what its files' names begin with
    refused: str = ""  # why the renderer made no picture of it


def find(folders: list[Path]) -> list[RawRendering]:
    """The objects that the folders' manifests name.

    Raises `DataError`: no such folder or manifest, a column missing, or no objects in any.
    """
    found = [one for folder in folders for one in _listed(folder)]
    if not found:
        raise DataError(f"{', '.join(map(repr, map(str, folders)))} holds no renderings: its manifest.csv has no lines")
    return found


def _listed(folder: Path) -> Iterator[RawRendering]:
    raw_files.check_folder(folder, "--from")
    for number, row in raw_files.read_csv(folder / "manifest.csv", "the manifest", ("file", "category", "group")):
        name = row["file"]
        last = name.rsplit("/", 1)[-1]
        if not last.isdigit():
            where = f"{folder / 'manifest.csv'}, line {number}"
            raise DataError(f"{where}: {name!r} does not end in the object's number, as in cat/0100")
        split = "train" if int(last) % _VALIDATION else "val"
        known = {column: row.get(column, "") for column in ("category", "group", "source", "licence", "refused")}
        yield RawRendering(folder / name, name=name, split=split, **known)


def make_example(raw: RawRendering, *, size: int, count: int) -> Example | Skipped:
    """An object at `size` with its own two sketches and made ones up to `count`, or why not."""
    if raw.refused:
        return Skipped(raw.name, f"{raw.refused}: not rendered")
    files = {what: raw.stem.with_name(f"{raw.stem.name}_{what}.png") for what in ("mask", *EXACT)}
    photos = [raw.stem.with_name(f"{raw.stem.name}_photo{ending}") for ending in _PHOTO_ENDINGS]
    photo_file = next((path for path in photos if path.is_file()), photos[0])
    missing = [path.name for path in (photo_file, *files.values()) if not path.is_file()]
    if missing:
        return Skipped(raw.name, f"{' and '.join(missing)} not there: half-rendered, or taken out on purpose")
    try:
        content = photo_file.read_bytes()
        photo = read_photo(photo_file, raw.name, size)
        sketches = [images.resize_sketch(images.decode_sketch(files[style]), size) for style in EXACT][:count]
        mask = cv2.resize(images.decode_sketch(files["mask"]), (size, size), interpolation=cv2.INTER_AREA)
    except (ImageError, OSError) as error:
        return Skipped(raw.name, str(error).removeprefix(f"{raw.name} "))
    made: list[tuple[str, np.ndarray]] = []
    if count > len(sketches):
        solid = ((mask > 127) * 255).astype(np.uint8)
        made = styles.renderings(photo, styles.seed_of(content), count - len(sketches), MADE, solid)
    encoded, named = styles.encoded([*zip(EXACT, sketches, strict=False), *made])
    if not encoded or mask.max() < 128:
        return Skipped(raw.name, "the picture is empty: throw it out of the manifest")
    return raw.photo_example(photo, content, encoded, styles=named, mask=encode_sketch(mask), mask_quality=1.0)


# ---------------------------------------------------------------- rendering

PYTHON = "SKETCH2PHOTO_BLENDER_PYTHON"
"""Environment variable: the Python that has bpy."""
_ENVIRONMENT = "docs/scenes.md says how to make an environment that has bpy"


@dataclass(frozen=True)
class Job:
    """What `python -m scenes.render` is to make."""

    scenes: Path  # the folder `scenes`
    categories: list[str]  # all when empty
    count: int  # objects a category
    seed: int
    side: int  # pixels
    samples: int  # rays a pixel

    def chosen(self) -> list[str]:
        """The categories. Raises `ConfigError`: there is no scene of that name, or there are no scenes."""
        known = sorted(path.stem for path in self.scenes.glob("*.py") if path.stem not in ("__init__", "render"))
        if not (self.scenes / "render.py").is_file() or not known:
            raise ConfigError(f"--scenes {str(self.scenes)!r} holds no scenes: name the folder of this repository")
        return [choose("scene", category, known) for category in dict.fromkeys(self.categories)] or known

    def folder_in(self, draft: Path) -> Path:
        """Where its pictures go: another folder for other scenes, so that no run goes on with those of older ones."""
        self.chosen()
        code = b"".join(path.read_bytes() for path in sorted(self.scenes.rglob("*.py")))
        return draft / f"scenes-{hashlib.sha256(code).hexdigest()[:12]}"

    def done_in(self, work: Path) -> int:
        """How many objects are complete."""
        return sum(1 for category in self.chosen() for _ in (work / category).glob("[0-9]*.json"))

    def render(self, work: Path, python: Path | None, device: str, workers: int) -> Iterator[str]:
        """Render what is not there yet into `work`; the name of each object as soon as it is complete.

        Raises:
          ConfigError: no Python with bpy is named.
          DataError: what the renderer says.
          StoppedError: it ended half-way.
        """
        command = [_blender_python(python), "-m", f"{self.scenes.resolve().name}.render", "--out", str(work.resolve())]
        command += ["--categories", *self.chosen(), "--count", str(self.count), "--seed", str(self.seed), "--side"]
        command += [str(self.side), "--samples", str(self.samples), "--device", device, "--workers", str(workers)]
        work.mkdir(parents=True, exist_ok=True)
        with (work / "errors").open("w+", errors="replace") as errors:
            streams = {"stdout": subprocess.PIPE, "stderr": errors, "text": True}
            try:
                # In a group of its own, which ends with this command.
                process = subprocess.Popen(command, cwd=self.scenes.resolve().parent, start_new_session=True, **streams)
            except OSError as error:
                raise ConfigError(f"{command[0]!r} cannot be run ({error.strerror}): {_ENVIRONMENT}") from None
            with process:
                try:
                    for line in process.stdout or ():
                        yield line.strip()
                    code = process.wait()
                finally:
                    if process.poll() is None:
                        os.killpg(process.pid, signal.SIGTERM)
            if code:
                errors.seek(0)
                raise self._failure(errors.read(), stopped=self.done_in(work) > 0)

    def _failure(self, said: str, stopped: bool) -> DataError:
        """Of what the renderer wrote on standard error."""
        kind = StoppedError if stopped else DataError
        sentences = [line for line in said.splitlines() if line.startswith("scenes.render: ")]
        if sentences:
            return kind(sentences[-1].removeprefix("scenes.render: "))
        last = next((f" ({line.strip()})" for line in reversed(said.splitlines()) if line.strip()), "")
        remedy = "the same command goes on, with fewer --workers if need be"
        return kind(f"the renderer was killed or failed{last}: {remedy}")


def _blender_python(given: Path | None) -> str:
    python = str(given or os.environ.get(PYTHON, ""))
    if not python and importlib.util.find_spec("bpy") is None:
        where = f"name a Python that has it by --blender-python or ${PYTHON}"
        raise ConfigError(f"there is no Blender (bpy) here: {where}; {_ENVIRONMENT}")
    return python or sys.executable
