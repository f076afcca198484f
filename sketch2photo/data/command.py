"""The command line of prepare_data.py. Answers --help without importing what builds datasets."""

import argparse
import signal
import sys
import threading
from pathlib import Path
from typing import Any, NoReturn

from sketch2photo.errors import ConfigError, choose

SOURCES = ("photos", "sketchy", "pairs", "drawings", "demo", "merge", "export")

_EPILOG = """examples:
  prepare_data.py photos --raw photos/ --out datasets/mine
  prepare_data.py photos --manifest studio/manifest.csv --out datasets/studio
  prepare_data.py sketchy --raw sketchy/ --categories "car_(sedan)" teapot --out datasets/sketchy
  prepare_data.py pairs --download facades --out datasets/facades
  prepare_data.py drawings --raw quickdraw/ apples/=apple --rename couch=sofa --out datasets/drawings
  prepare_data.py demo --out datasets/demo
  prepare_data.py merge datasets/a datasets/b --out datasets/both
  prepare_data.py export datasets/studio --npz --size 128 --out exports/studio
"""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence, as every other error of ours."""

    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"{message}: see {self.prog} --help")


def parser() -> argparse.ArgumentParser:
    """All sources with their options."""
    top = _Parser(
        prog="prepare_data.py",
        description="Make a dataset of sketches and photos from raw files.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    sources = top.add_subparsers(dest="source", metavar="SOURCE", required=True)

    photos = sources.add_parser("photos", help="photos by category; sketches are rendered from them")
    photos.add_argument(
        "--raw", type=Path, metavar="DIR", help="holds a folder of pictures for each category; or an archive of it"
    )
    photos.add_argument(
        "--manifest", type=Path, metavar="CSV", help="columns file, category; if known group, split, source, licence"
    )

    sketchy = sources.add_parser("sketchy", help="photos with people's sketches, laid out as the Sketchy Database")
    sketchy.add_argument(
        "--raw", type=Path, metavar="DIR", help="holds 256x256/photo and 256x256/sketch; or rendered_256x256.7z itself"
    )
    sketchy.add_argument(
        "--rendering",
        default="",
        metavar="TX",
        help="which tx_... of the sketches (default: tx_000000001110, fitted to the object, if present)",
    )
    sketchy.add_argument("--categories", nargs="+", default=[], metavar="NAME", help="only these (default: all)")

    pairs = sources.add_parser("pairs", help="pairs that are there: side by side, two folders, or a pairs.csv")
    pairs.add_argument(
        "--raw",
        nargs="+",
        type=Path,
        default=[],
        metavar="DIR",
        help="a folder or archive in any of these forms, or A and B",
    )
    pairs.add_argument("--pairs", type=Path, metavar="CSV", help="columns sketch, photo or A, B; default RAW/pairs.csv")
    pairs.add_argument("--direction", choices=("AtoB", "BtoA"), help="which side is the input (default AtoB: A)")
    pairs.add_argument("--category", default="", metavar="NAME", help="of all pairs (default: the folder's name)")
    pairs.add_argument(
        "--input-channels", type=int, choices=(1, 3), help="3 keeps the inputs' colours (default: 3 if they have any)"
    )

    drawings = sources.add_parser("drawings", help="sketches without photos: pictures, SVG, Quick, Draw! ndjson")
    drawings.add_argument(
        "--raw",
        nargs="+",
        default=[],
        metavar="DIR[=CATEGORY]",
        help="with =CATEGORY all beneath is of that category",
    )
    drawings.add_argument(
        "--val", type=Path, metavar="CSV", help="columns file, key_id: the drawings for validation (default: a tenth)"
    )
    drawings.add_argument("--limit-per-category", type=_positive, metavar="N", help="keep the first N of each category")
    drawings.add_argument("--keep-unrecognised", action="store_true", help="also drawings with recognized: false")

    for command in (sketchy, drawings):
        command.add_argument(
            "--rename", nargs="+", default=[], metavar="OLD=NEW", help="categories to be called otherwise"
        )
    demo = sources.add_parser("demo", help="objects drawn and shaded by rule: something to train on at once")
    demo.add_argument("--count", type=_positive, default=60, metavar="N", help="photos a category (default 60)")
    demo.add_argument("--seed", type=int, default=0, metavar="N", help="other seeds give other objects (default 0)")
    for command in (photos, sketchy, pairs, demo):
        command.add_argument(
            "--segment",
            choices=("none", "watershed", "grabcut", "auto"),
            default="none",
            help="cut the object out and put it on white (default none: photos as they are)",
        )
        command.add_argument(
            "--min-mask-quality",
            type=_share,
            default=0.0,
            metavar="Q",
            help="leave out worse masks, 0 to 1 (default 0)",
        )
    for command in (photos, demo):
        command.add_argument(
            "--renderings", type=_positive, default=7, metavar="N", help="sketches a photo (default 7)"
        )
        command.add_argument(
            "--styles",
            nargs="+",
            metavar="STYLE",
            help="of canny, silhouette, contour, hand, mouse, loose, xdog, in turn (default: all)",
        )

    for command in (photos, sketchy, pairs, drawings):
        command.add_argument(
            "--download", default="", metavar="URL|NAME", help=f"fetch the raw archive: an address, or {_named()}"
        )
        command.add_argument("--sha256", default="", metavar="HASH", help="of the download (default: as at first use)")
        command.add_argument(
            "--downloads", type=Path, metavar="DIR", help="where to keep it (default: the user's cache)"
        )
        command.add_argument("--licence", default="", metavar="TEXT", help="of the raw files, if they name none")
        command.add_argument("--origin", default="", metavar="TEXT", help="what they are called as a source")
    for command in (photos, sketchy, pairs, drawings, demo):
        command.add_argument("--size", type=_side, default=256, metavar="PIXELS", help="side of pictures (default 256)")

    merge = sources.add_parser("merge", help="several datasets as one")
    merge.add_argument("datasets", nargs="+", type=Path, metavar="DATASET")

    for command in (photos, sketchy, pairs, drawings, demo, merge):
        command.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the dataset")
        command.add_argument("--overwrite", action="store_true", help="replace a dataset in --out, keep its splits")
        command.add_argument(
            "--workers", "--processes", type=_positive, metavar="N", help="processes (default: one a CPU core)"
        )
        command.add_argument(
            "--beam",
            metavar="OPTIONS",
            help='make the examples through Apache Beam (extra "beam"): its options, such as "--runner=FlinkRunner"',
        )

    export = sources.add_parser("export", help="a dataset of pairs as plain arrays, for machines with little installed")
    export.add_argument("dataset", type=Path, metavar="DATASET")
    export.add_argument("--npz", action="store_true", help="as .npz files of at most 30 MiB (the only form there is)")
    export.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the files")
    export.add_argument("--size", type=_side, metavar="PIXELS", help="side of pictures (default: the dataset's)")
    export.add_argument("--splits", nargs="+", choices=("train", "val", "test"), default=["train", "val", "test"])
    export.add_argument("--sketches", type=_positive, metavar="N", help="the first N sketches of each photo")
    export.add_argument("--limit-per-category", type=_positive, metavar="N", help="the first N photos of each")
    export.add_argument("--overwrite", action="store_true", help="replace the files in --out")
    return top


def _named() -> str:
    return "facades, edges2shoes, edges2handbags, maps (pairs), sketchy (sketchy)"


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
    return value


def _side(text: str) -> int:
    if not text.isdigit() or not 32 <= int(text) <= 1024:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of pixels from 32 to 1024")
    return int(text)


def parse(arguments: list[str]) -> argparse.Namespace:
    """The options. Raises `ConfigError` for an unknown source or option; --help prints and exits."""
    if arguments and not arguments[0].startswith("-"):
        choose("source", arguments[0], SOURCES)
    joined: list[str] = []
    for argument in arguments:
        # What follows --beam begins with a dash itself, which argparse takes for an option of ours.
        if joined and joined[-1] == "--beam":
            joined[-1] = f"--beam={argument}"
        else:
            joined.append(argument)
    return parser().parse_args(joined)


def run(options: argparse.Namespace) -> None:
    """Build what the options ask for and print a summary.

    Raises:
      UserError: anything wrong with the options, the raw files or the folder to be written.
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

    build.check_out(options.out, options.overwrite)
    settings = {name: _plain(value) for name, value in vars(options).items() if name not in _NOT_SETTINGS}
    summary = build.build(
        options.out,
        lambda draft: build.plan(options, draft, _say),
        settings=settings,
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
    size = sum(file.stat().st_size for file in files)
    print(
        f"{len(files)} files, {size / 2**20:.0f} MiB, written to {options.out}: train.py gan --data {options.out} ..."
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr)


_NOT_SETTINGS = ("out", "overwrite", "workers", "beam", "downloads")


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value.as_posix() if isinstance(value, Path) else value
