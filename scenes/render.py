"""Render scenes: `python -m scenes.render --categories cat donut --count 3 --out DIR`, in an environment with bpy.

Of each object DIR/<category>/<number>_{photo,mask,lines,simple}.png, and a line of DIR/manifest.csv; `simple` draws
thin parts as one middle stroke. What is there already is kept, so that a stopped run goes on. DIR/sheet.png shows it.
A line on standard output for each finished object; what cannot be done is one sentence on standard error, exit code 2.
"""

import argparse
import csv
import importlib
import io
import json
import os
import random
import subprocess
import sys
import time
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from scenes.kit import lines, photo
from scenes.kit.meshes import Model, SceneError, check
from sketch2photo.files import write_atomic

CATEGORIES = tuple(
    sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem not in ("__init__", "render"))
)
COLUMNS = ("file", "category", "group", "source", "licence", "style", "azimuth", "elevation", "refused")
PICTURES = ("photo", "mask", "lines", "simple")
_SMALLEST = 0.005
"""Share of the picture; an object that is seen less is refused."""
_BLACK = 0.002
"""Linear; an object without any brighter place is refused."""


class Refused(Exception):
    """A picture that nobody could learn from, for the reason that it says."""


def make(category: str, number: int, seed: int) -> tuple[Model, random.Random]:
    """The model of an object, and where its randomness goes on; the same on every machine.

    Raises:
      SceneError: the scene makes nothing that can be rendered.
    """
    rng = random.Random(zlib.crc32(f"{seed}/{category}/{number}".encode()))
    try:
        return check(importlib.import_module(f"scenes.{category}").make(rng)), rng
    except SceneError as error:
        raise SceneError(f"scenes/{category}.py, number {number}, seed {seed}: {error}") from None


def render(
    model: Model, rng: random.Random, *, side: int, samples: int, device: str, scratch: Path
) -> dict[str, np.ndarray]:
    """The pictures of a model by their names in `PICTURES`, uint8; the photo BGR, the others (side, side).

    Args:
      samples: a pixel of the photo; 0 makes no photo, to look over shapes first.

    Raises:
      Refused: nothing of it is seen, or all is black.
      studio.NoDeviceError: there is no such device.
    """
    from scenes.kit import studio

    studio.reset(device)
    studio.place(model)
    studio.light(model, rng)
    project = studio.frame(model)
    light, alpha = studio.photograph(side, samples, scratch) if samples else (None, None)
    whole = studio.survey(side, scratch, "photo")
    mask = whole.part > 0
    if mask.mean() < _SMALLEST:
        raise Refused("nothing of it is seen")
    coverage = cv2.resize(
        cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.8), (side, side), interpolation=cv2.INTER_AREA
    )
    pictures = {"mask": np.round(cv2.resize(mask * np.float32(255), (side, side), interpolation=cv2.INTER_AREA))}
    if light is not None and alpha is not None:
        inside = light[coverage > 0.98]
        if inside.size and np.quantile(inside, 0.999) < _BLACK:
            raise Refused("it came out black all over")
        pictures["photo"] = photo.develop(light, alpha, coverage, rng)[..., ::-1]

    size = float(np.linalg.norm(np.ptp(model.vertices, axis=0)))
    several = bool(model.strands) or any(part.shown != "both" for part in model.parts)

    def edges(hidden: set[int]) -> tuple[np.ndarray, np.ndarray]:
        seen = studio.survey(side, scratch, "lines", hidden) if several or hidden else whole
        part, normal, depth = seen.part, seen.normal, seen.depth
        if model.soft:
            at = lines.soften(part, mask, model.soft, model.softness * len(mask) / 256)
            grown = (part[at] > 0) & (part == 0)
            part, normal, depth = part[at], normal[at], depth[at]
            normal[grown] = depth[grown] = np.nan  # its shape is not known: nothing but its rim is drawn
        return part, lines.edges(part, normal, depth, size)

    part, marks = edges(set())
    pen = side / 256
    pictures["lines"] = lines.stroke(marks, max(round(5 * pen), 1), side)
    centres = {number: one.centre for number, one in enumerate(model.parts, 1) if one.centre is not None}
    paths = lines.centre_paths(centres, project)
    thin = lines.thin_parts(part, paths)
    if thin:
        marks = edges(thin)[1] | lines.middle_strokes(part, {number: paths[number] for number in thin})
    pictures["simple"] = lines.stroke(marks, max(round(6 * pen), 1), side)
    return {name: picture.astype(np.uint8) for name, picture in pictures.items()}


def render_to(out: Path, category: str, number: int, options: argparse.Namespace) -> bool:
    """Render an object into its files, the one that says that it is complete last; False where that is there."""
    stem = out / category / f"{number:04d}"
    done = stem.with_name(f"{stem.name}.json")
    if done.is_file():
        return False
    model, rng = make(category, number, options.seed)
    row: dict[str, Any] = {"file": f"{category}/{stem.name}", "category": category}
    row |= {"group": f"{category}-rendered-{options.seed}-{stem.name}", "source": "scenes", "licence": "own work"}
    row |= {"style": model.style, "azimuth": round(model.azimuth), "elevation": round(model.elevation), "refused": ""}
    scratch = stem.with_name(f".{stem.name}-{os.getpid()}.exr")
    stem.parent.mkdir(parents=True, exist_ok=True)
    try:
        pictures = render(
            model, rng, side=options.side, samples=options.samples, device=options.device, scratch=scratch
        )
        for name, picture in pictures.items():
            write_atomic(stem.with_name(f"{stem.name}_{name}.png"), cv2.imencode(".png", picture)[1].tobytes())
    except Refused as reason:
        row["refused"] = str(reason)
    finally:
        scratch.unlink(missing_ok=True)
    write_atomic(done, json.dumps(row))
    return True


def write_manifest(out: Path) -> list[dict[str, Any]]:
    """manifest.csv of all objects that are complete, and its rows."""
    rows = [json.loads(path.read_text()) for path in sorted(out.glob("*/[0-9]*.json"))]
    text = io.StringIO()
    table = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    write_atomic(out / "manifest.csv", text.getvalue())
    return rows


def write_sheet(out: Path, rows: list[dict[str, Any]], most: int = 12) -> None:
    """sheet.png: of each category the first objects, each its photo beside its simple lines."""
    strips: dict[str, list[np.ndarray]] = {}
    for row in rows:
        strip = strips.setdefault(row["category"], [])
        found = [out / f"{row['file']}_{name}.png" for name in ("photo", "lines", "simple")]
        pictures = [picture for path in found if path.is_file() and (picture := cv2.imread(str(path))) is not None]
        if pictures and len(strip) < most:
            strip.append(np.hstack(pictures))
    strips = {category: strip for category, strip in strips.items() if strip}
    if not strips:
        return
    longest = max(map(len, strips.values()))
    pages = []
    for strip in strips.values():
        blank = np.full_like(strip[0], 255)
        pages.append(np.hstack(strip + [blank] * (longest - len(strip))))
    widest = max(page.shape[1] for page in pages)
    pages = [np.pad(page, ((0, 0), (0, widest - page.shape[1]), (0, 0)), constant_values=255) for page in pages]
    write_atomic(out / "sheet.png", cv2.imencode(".png", np.vstack(pages))[1].tobytes())


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scenes.render", description=(__doc__ or "").split("\n")[0])
    add = parser.add_argument
    add("--out", type=Path, required=True, metavar="DIR")
    add("--categories", nargs="+", choices=CATEGORIES, default=list(CATEGORIES), metavar="NAME", help="default: all")
    add("--first", type=int, default=0, metavar="N", help="number of the first object (default 0)")
    add("--count", type=int, default=3, metavar="N", help="objects a category (default 3)")
    add("--seed", type=int, default=0, metavar="N", help="other seeds give other objects (default 0)")
    add("--samples", type=int, default=12, metavar="N", help="a pixel (default 12); 0 makes lines only, in two seconds")
    add("--side", type=int, default=256, metavar="PIXELS", help="of a picture (default 256)")
    add("--device", choices=("cpu", "gpu"), default="cpu")
    add("--workers", type=int, default=1, metavar="N", help="processes of one thread each (default 1)")
    add("--share", default="0/1", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """The command; its exit code."""
    options = parse(arguments)
    try:
        code = _shared_out(options) if options.workers > 1 else _run(options)
        if code == 0 and options.share == "0/1":
            write_sheet(options.out, write_manifest(options.out))
        return code
    except OSError as error:
        return _refuse(f"{options.out}: {error.strerror or error}: make room, then run it again, it goes on")


def _refuse(sentence: str) -> int:
    print(f"scenes.render: {sentence}", file=sys.stderr)
    return 2


def _shared_out(options: argparse.Namespace) -> int:
    """All objects by several processes; theirs is the standard output."""
    given = [word for name, value in vars(options).items() for word in _option(name, value)]
    command = [sys.executable, "-m", "scenes.render", *given]
    shares = [f"{number}/{options.workers}" for number in range(options.workers)]
    processes = [subprocess.Popen([*command, "--share", share]) for share in shares]
    try:
        while True:
            codes = [process.poll() for process in processes]
            if any(codes) or None not in codes:  # one has failed, or all are done
                return max(abs(code or 0) for code in codes)
            time.sleep(0.1)
    finally:
        for process in processes:
            process.terminate()
            process.wait()


def _option(name: str, value: Any) -> list[str]:
    if name in ("workers", "share"):
        return []
    return [f"--{name}", *map(str, value if isinstance(value, list) else [value])]


def _run(options: argparse.Namespace) -> int:
    """The objects of this process's share."""
    problem = _no_blender()
    if problem:
        return _refuse(problem)
    from scenes.kit import studio

    report = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # Blender talks there
    place, of = map(int, options.share.split("/"))
    numbers = range(options.first, options.first + options.count)
    jobs = [(category, number) for number in numbers for category in options.categories]
    try:
        for category, number in jobs[place::of]:
            if render_to(options.out, category, number, options):
                print(f"{category}/{number:04d}", file=report, flush=True)
    except SceneError as error:
        return _refuse(str(error))
    except studio.NoDeviceError:
        return _refuse("Cycles finds no GPU here: leave --device gpu out, or look at its driver")
    except BrokenPipeError:  # who asked for it is gone
        return 1
    return 0


def _no_blender() -> str:
    """Why nothing can be rendered here; nothing where it can."""
    how = "make an environment for it as docs/scenes.md says"
    try:
        import bpy  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        return f"there is no Blender in {sys.executable} ({error}): {how}"
    if bpy.app.version[:2] != (5, 0):
        return f"{sys.executable} has bpy {bpy.app.version_string}, and scenes are written for 5.0: {how}"
    return ""


if __name__ == "__main__":
    sys.exit(main())
