"""The command line of prepare_data.py. Answers --help without importing what builds datasets."""

import argparse
import sys
from pathlib import Path
from typing import NoReturn

from sketch2photo.errors import ConfigError, choose

_EPILOG = """examples:
  prepare_data.py photos --raw photos/ --out datasets/mine
  prepare_data.py photos --manifest studio/manifest.csv --out datasets/studio
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
    photos.add_argument("--raw", type=Path, metavar="DIR", help="a folder of pictures for each category")
    photos.add_argument(
        "--manifest",
        type=Path,
        metavar="CSV",
        help="columns file, category and, if known, group, split, source, licence",
    )
    photos.add_argument("--renderings", type=_positive, default=7, metavar="N", help="sketches a photo (default 7)")
    _add_common(photos)
    return top


def _add_common(command: argparse.ArgumentParser) -> None:
    command.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the dataset")
    command.add_argument("--size", type=_side, default=256, metavar="PIXELS", help="side of the pictures (default 256)")
    command.add_argument("--overwrite", action="store_true", help="replace a dataset in --out")
    command.add_argument("--processes", type=_positive, default=None, metavar="N", help="default: one a CPU core")


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def _side(text: str) -> int:
    if not text.isdigit() or not 32 <= int(text) <= 1024:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of pixels from 32 to 1024")
    return int(text)


def parse(arguments: list[str]) -> argparse.Namespace:
    """The options. Raises `ConfigError` for an unknown source or option; --help prints and exits."""
    if arguments and not arguments[0].startswith("-"):
        choose("source", arguments[0], ("photos",))
    return parser().parse_args(arguments)


def run(options: argparse.Namespace) -> None:
    """Build what the options ask for and print a summary."""
    from sketch2photo.data import build, photos

    build.check_out(options.out, options.overwrite)
    if options.manifest is None and options.raw is None:
        raise ConfigError("photos needs --raw DIR or --manifest CSV: say where the photos are")
    skipped = []
    if options.manifest is not None:
        items = photos.from_manifest(options.manifest)
    else:
        items, skipped = photos.from_folders(options.raw)
    settings = {"source": "photos", "size": options.size, "renderings": options.renderings}
    summary = build.build(
        options.out,
        kind="pairs",
        size=options.size,
        items=items,
        make=photos.maker(options.size, options.renderings),
        skipped=skipped,
        settings=settings,
        overwrite=options.overwrite,
        processes=options.processes,
        say=lambda text: print(text, file=sys.stderr),
    )
    print("\n".join(summary.lines))
    print(
        f"written to {options.out}; TensorFlow Datasets reads it by tfds.builder_from_directory({str(options.out)!r})"
    )
