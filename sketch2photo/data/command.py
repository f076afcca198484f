"""The options of prepare_data.py, and what is built and printed for them."""

import argparse
import json
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sketch2photo.cli import Parser
from sketch2photo.errors import ConfigError

_EPILOG = """examples:
  prepare_data.py photos --raw photos/ --out datasets/mine
  prepare_data.py photos --manifest studio/manifest.csv --out datasets/studio
  prepare_data.py sketchy --raw sketchy/ --categories "car_(sedan)" teapot --out datasets/sketchy
  prepare_data.py pairs --download facades --out datasets/facades
  prepare_data.py drawings --raw quickdraw/ apples/=apple --rename couch=sofa --out datasets/drawings
  prepare_data.py rendered --scenes scenes/ --categories cat donut --out datasets/rendered
  prepare_data.py merge datasets/a datasets/b --out datasets/both
  prepare_data.py export datasets/studio --npz --size 128 --out exports/studio
"""


class _SourceParser(Parser):
    """Of one source."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        if self.prog.endswith(" demo"):
            raise ConfigError("there is no demo any more: 'rendered --scenes scenes/' renders objects to begin with")
        # What follows --beam begins with a dash itself, which argparse takes for an option of ours.
        joined: list[str] = []
        for argument in args:
            if joined and joined[-1] == "--beam":
                joined[-1] = f"--beam={argument}"
            else:
                joined.append(argument)
        return super().parse_known_args(joined, namespace)


def options(parser: Parser) -> None:
    """Those of prepare_data.py: all sources with theirs."""
    parser.epilog = _EPILOG
    add_source = parser.add_subparsers(
        dest="source", metavar="SOURCE", required=True, parser_class=_SourceParser
    ).add_parser
    photos = add_source("photos", help="photos by category; sketches are rendered from them")
    sketchy = add_source("sketchy", help="photos with people's sketches, laid out as the Sketchy Database")
    pairs = add_source("pairs", help="pairs that are there: side by side, two folders, or a pairs.csv")
    drawings = add_source("drawings", help="sketches without photos: pictures, SVG, Quick, Draw! ndjson")
    rendered = add_source("rendered", help="rendered objects with masks and exact lines: rendered here, or before")
    add_source("demo")  # refused; without a help it is not listed
    merge = add_source("merge", help="several datasets as one")
    export = add_source("export", help="a dataset of pairs as plain arrays, for machines with little installed")

    add = photos.add_argument
    add("--raw", type=Path, metavar="DIR", help="holds a folder of pictures for each category; or an archive of it")
    add("--manifest", type=Path, metavar="CSV", help="columns file, category; if known group, split, source, licence")

    add = sketchy.add_argument
    add("--raw", type=Path, metavar="DIR", help="holds 256x256/photo and 256x256/sketch; or rendered_256x256.7z itself")
    which = "which tx_... of the sketches (default: tx_000000001110, fitted to the object, if present)"
    add("--rendering", default="", metavar="TX", help=which)
    add("--categories", nargs="+", default=[], metavar="NAME", help="only these (default: all)")

    add = pairs.add_argument
    forms = "a folder or archive in any of these forms, or A and B"
    add("--raw", nargs="+", type=Path, default=[], metavar="DIR", help=forms)
    add("--pairs", type=Path, metavar="CSV", help="columns sketch, photo or A, B; default RAW/pairs.csv")
    add("--direction", choices=("AtoB", "BtoA"), help="which side is the input (default AtoB: A)")
    add("--category", default="", metavar="NAME", help="of all pairs (default: the folder's name)")
    add("--input-channels", type=int, choices=(1, 3), help="3 keeps the inputs' colours (default: 3 if they have any)")

    fits = "of pairs of other shapes: stretch inputs, or pad both to squares (default: left out)"
    add("--fit", choices=("stretch", "pad"), help=fits)
    add("--label-colours", action="store_true", help="inputs are class numbers: give each a colour")

    add = drawings.add_argument
    add("--raw", nargs="+", default=[], metavar="DIR[=CATEGORY]", help="with =CATEGORY all beneath is of that category")
    add("--val", type=Path, metavar="CSV", help="columns file, key_id: the drawings for validation (default: a tenth)")
    add("--limit-per-category", type=_positive, metavar="N", help="keep the first N of each category")
    add("--keep-unrecognised", action="store_true", help="also drawings with recognized: false")

    add = rendered.add_argument
    add("--from", dest="folders", nargs="+", type=Path, default=[], metavar="DIR", help="holds manifest.csv")
    add("--scenes", type=Path, metavar="DIR", help="holds scenes to render here (docs/scenes.md)")
    add("--categories", nargs="+", default=[], metavar="NAME", help="to render, or to take (default: all)")
    add("--count", type=_positive, default=60, metavar="N", help="objects a scene (default 60)")
    add("--seed", type=int, default=0, metavar="N", help="other seeds give other objects (default 0)")
    add("--samples", type=_positive, default=12, metavar="N", help="rays a pixel (default 12)")
    add("--device", choices=("cpu", "gpu"), default="cpu", help="that traces them (default cpu)")
    python = "a Python that has bpy (default: $SKETCH2PHOTO_BLENDER_PYTHON, or this one)"
    add("--blender-python", type=Path, metavar="FILE", help=python)

    merge.add_argument("datasets", nargs="+", type=Path, metavar="DATASET")

    add = export.add_argument
    add("dataset", type=Path, metavar="DATASET")
    add("--npz", action="store_true", help="as .npz files of at most 30 MiB (the only form there is)")
    add("--out", type=Path, required=True, metavar="DIR", help="folder of the files")
    add("--size", type=_side, metavar="PIXELS", help="side of pictures (default: the dataset's)")
    add("--splits", nargs="+", choices=("train", "val", "test"), default=["train", "val", "test"])
    add("--sketches", type=_positive, metavar="N", help="the first N sketches of each photo")
    add("--limit-per-category", type=_positive, metavar="N", help="the first N photos of each")
    add("--overwrite", action="store_true", help="replace the files in --out")

    for add in (sketchy.add_argument, drawings.add_argument):
        add("--rename", nargs="+", default=[], metavar="OLD=NEW", help="categories to be called otherwise")
    for add in (photos.add_argument, sketchy.add_argument, pairs.add_argument):
        cut = "cut the object out and put it on white (default none: photos as they are)"
        add("--segment", choices=("none", "watershed", "grabcut", "auto"), default="none", help=cut)
        worse = "leave out worse masks, 0 to 1 (default 0)"
        add("--min-mask-quality", type=_share, default=0.0, metavar="Q", help=worse)
    for add in (photos.add_argument, rendered.add_argument):
        add("--renderings", type=_positive, default=7, metavar="N", help="sketches a photo (default 7)")
    styles = "of canny, silhouette, contour, hand, mouse, loose, xdog, in turn (default: all)"
    photos.add_argument("--styles", nargs="+", metavar="STYLE", help=styles)
    for add in (photos.add_argument, sketchy.add_argument, pairs.add_argument, drawings.add_argument):
        named = "facades, edges2shoes, edges2handbags, maps (pairs), sketchy (sketchy)"
        add("--download", default="", metavar="URL|NAME", help=f"fetch the raw archive: an address, or {named}")
        add("--sha256", default="", metavar="HASH", help="of the download (default: as at first use)")
        add("--downloads", type=Path, metavar="DIR", help="where to keep it (default: the user's cache)")
        add("--licence", default="", metavar="TEXT", help="of the raw files, if they name none")
        add("--origin", default="", metavar="TEXT", help="what they are called as a source")
    for source in (photos, sketchy, pairs, drawings, rendered, merge):
        add = source.add_argument
        if source is not merge:
            add("--size", type=_side, default=256, metavar="PIXELS", help="side of pictures (default 256)")
        add("--out", type=Path, required=True, metavar="DIR", help="folder of the dataset")
        add("--overwrite", action="store_true", help="replace a dataset in --out, keep its splits")
        add("--workers", "--processes", type=_positive, metavar="N", help="processes (default: one a CPU core)")
        beam = 'make the examples through Apache Beam (extra "beam"): its options, such as "--runner=FlinkRunner"'
        add("--beam", metavar="OPTIONS", help=beam)


def _number(kind: type, low: float, high: float, what: str) -> Callable[[str], Any]:
    """A reader of numbers from `low` to `high`, for argparse."""

    def read(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is not a {what}")
        return value

    return read


_positive = _number(int, 1, float("inf"), "whole number of at least 1")
_share = _number(float, 0, 1, "number from 0 to 1")
_side = _number(int, 32, 1024, "number of pixels from 32 to 1024")


def run(options: argparse.Namespace) -> None:
    """Build what the options ask for and print a summary.

    Raises `UserError`: anything wrong with the options, the raw files or the folder to be written.
    """
    if threading.current_thread() is threading.main_thread():
        # As Ctrl-C does, so that what is half-written is taken away.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if options.source == "export":
        _export(options)
        return
    if options.beam is not None and options.workers is not None:
        raise ConfigError("--workers is for this machine, --beam for its own workers: give one of them")
    from sketch2photo.data import build

    settings = {name: value for name, value in vars(options).items() if name not in _NOT_SETTINGS}
    summary = build.build(
        options.out,
        lambda draft: build.PLANS[options.source](options, draft, _say),
        settings=json.loads(json.dumps(settings, default=Path.as_posix)),
        overwrite=options.overwrite,
        workers=options.workers,
        through_beam=options.beam,
        say=_say,
    )
    print("\n".join(summary.lines))
    print(f"written to {options.out}; also read by tensorflow_datasets.builder_from_directory({str(options.out)!r})")


def _export(options: argparse.Namespace) -> None:
    from sketch2photo.data import arrays

    files = arrays.export(
        options.dataset,
        options.out,
        size=options.size,
        splits=tuple(options.splits),
        sketches=options.sketches,
        limit=options.limit_per_category,
        overwrite=options.overwrite,
        say=_say,
    )
    size = f"{sum(file.stat().st_size for file in files) / 2**20:.0f} MiB"
    print(f"{len(files)} files, {size}, written to {options.out}: train.py gan --data {options.out} ...")


def _say(text: str) -> None:
    print(text, file=sys.stderr)


_NOT_SETTINGS = ("out", "overwrite", "workers", "beam", "downloads", "device", "blender_python")
