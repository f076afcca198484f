"""Raw data from the network: whole or not there, gone on with after a break, and the same every time.

FOLDER/NAME.part         what has come so far      FOLDER/NAME.part.json    of which version of which address
FOLDER/NAME              the whole file            FOLDER/NAME.sha256       its hash, recorded at first use
"""

import contextlib
import hashlib
import http.client
import json
import os
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sketch2photo.data import archives
from sketch2photo.errors import ConfigError, DataError, choose

_BLOCK = 2**20
_TRIES = 5
_TIMEOUT = 30.0
"""Seconds without a byte after which a connection counts as broken."""


@dataclass(frozen=True)
class KnownSet:
    """A dataset with a stable address."""

    source: str
    """The subcommand that reads it."""
    url: str
    file: str
    licence: str
    direction: str = "AtoB"


_PIX2PIX = "http://efrosgans.eecs.berkeley.edu/pix2pix/datasets"
_UNSTATED = "none stated: research use only"
KNOWN = {
    "facades": KnownSet(
        "pairs",
        f"{_PIX2PIX}/facades.tar.gz",
        "facades.tar.gz",
        "none stated (CMP Facade Database, Tylecek 2013): research use only",
        "BtoA",
    ),
    "edges2shoes": KnownSet("pairs", f"{_PIX2PIX}/edges2shoes.tar.gz", "edges2shoes.tar.gz", _UNSTATED),
    "edges2handbags": KnownSet("pairs", f"{_PIX2PIX}/edges2handbags.tar.gz", "edges2handbags.tar.gz", _UNSTATED),
    "maps": KnownSet("pairs", f"{_PIX2PIX}/maps.tar.gz", "maps.tar.gz", _UNSTATED, "BtoA"),
    "sketchy": KnownSet(
        "sketchy",
        # The database's page links to this file; confirm=t passes the question whether large files may be unscanned.
        "https://drive.usercontent.google.com/download?id=0B7ISyeE8QtDdTjE1MG9Gcy1kSkE&export=download&confirm=t",
        "rendered_256x256.7z",
        "none stated (Sketchy Database, photos of ImageNet): research use only",
    ),
}


def known(what: str, source: str) -> KnownSet | None:
    """The set of that name; None for an address.

    Raises:
      ConfigError: neither, or a set that another subcommand reads.
    """
    if "://" in what:
        return None
    found = KNOWN[choose("dataset in --download", what, tuple(KNOWN))]
    if found.source != source:
        raise ConfigError(f"--download {what} is read by: prepare_data.py {found.source} --download {what} ...")
    return found


def default_folder() -> Path:
    """Where downloads are kept unless said otherwise: the user's cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sketch2photo"


def fetch(what: str, folder: Path, *, source: str = "", sha256: str = "", say: Callable[[str], None] = print) -> Path:
    """The file at an address, or of a known set, in `folder`; downloaded unless it is there already.

    Args:
      sha256: what its hash must be; "" for that of the first download, which is recorded.

    Raises:
      ConfigError: not an address and not the name of a known set.
      DataError: no network, the server's refusal, not an archive, or another hash than there should be.
    """
    found = known(what, source)
    url, name = (found.url, found.file) if found else (what, _file_name(what))
    path = folder / name
    if sha256 and not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
        raise ConfigError(f"--sha256 {sha256!r} is not a hash: give its 64 hexadecimal digits")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not path.is_file():
            _download(url, path, say)
        _verify(path, sha256, say)
    except OSError as error:
        reason = error.strerror or error
        raise DataError(f"{str(path)!r} could not be written ({reason}): free space or name another folder") from None
    return path


def _file_name(url: str) -> str:
    parsed = urllib.parse.urlsplit(url)
    if parsed.scheme not in ("http", "https") or not parsed.hostname:
        raise ConfigError(f"--download {url!r} is not an address: give one that begins with http:// or https://")
    name = Path(urllib.parse.unquote(parsed.path)).name
    if not archives.is_archive(Path(name)) or name.startswith("."):
        kinds = ", ".join(archives.SUFFIXES)
        raise ConfigError(f"--download {url!r} does not name an archive: its name must end in one of {kinds}")
    return name


def _download(url: str, path: Path, say: Callable[[str], None]) -> None:
    """Fetch into PATH.part, going on where an earlier try ended, then give it its name."""
    part = path.with_name(path.name + ".part")
    tries = 0
    while True:
        before = part.stat().st_size if part.is_file() else 0
        try:
            _receive(url, part, say)
            break
        except urllib.error.HTTPError as error:
            if error.code == 416 and before:  # what is there is no part of what the server has
                part.unlink()
                continue
            if error.code < 500:
                raise DataError(f"{url} answers {error.code} {error.reason}: check the address") from None
            failure = f"{error.code} {error.reason}"
        except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
            failure = str(getattr(error, "reason", "")) or str(error) or type(error).__name__
        got = part.stat().st_size if part.is_file() else 0
        tries = 1 if got > before else tries + 1
        if tries >= _TRIES or not got:
            host = urllib.parse.urlsplit(url).hostname
            kept = f"; the {got:,} bytes that came are kept for the next try" if got else ""
            raise DataError(
                f"{host} cannot be reached ({failure}): check the network, or fetch {url} elsewhere and give the file "
                f"as --raw{kept}"
            )
        say(f"the connection broke ({failure}): going on at byte {got:,}")
        time.sleep(0.2 * 2**tries)
    os.replace(part, path)
    part.with_name(part.name + ".json").unlink(missing_ok=True)


def _receive(url: str, part: Path, say: Callable[[str], None]) -> None:
    note = part.with_name(part.name + ".json")
    known = _read_note(note)
    have = part.stat().st_size if part.is_file() else 0
    version = known.get("version", "")
    headers = {"User-Agent": "sketch2photo"}
    if have and known.get("url") == url and version:
        # Only of the same version; else the server sends all of the new one.
        headers |= {"Range": f"bytes={have}-", "If-Range": version}
    with contextlib.closing(
        urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=_TIMEOUT)
    ) as answer:
        if answer.headers.get_content_type() == "text/html":
            raise DataError(
                f"{url} answers with a web page, not a file: open it in a browser and give the file as --raw"
            )
        going_on = answer.status == 206
        length = answer.headers.get("Content-Length")
        total = int(length) + (have if going_on else 0) if length else None
        etag = answer.headers.get("ETag", "")
        version = etag if etag and not etag.startswith("W/") else answer.headers.get("Last-Modified", "")
        note.write_text(json.dumps({"url": url, "version": version}))
        say(f"{'going on with' if going_on else 'fetching'} {url}" + (f" ({total / 2**20:.1f} MiB)" if total else ""))
        with part.open("ab" if going_on else "wb") as file:
            for block in _blocks(answer):
                file.write(block)
                file.flush()
    if total is not None and part.stat().st_size != total:
        raise ConnectionError(f"{part.stat().st_size:,} of {total:,} bytes came")


def _blocks(answer: Any) -> Iterator[bytes]:
    while block := answer.read1(_BLOCK):
        yield block


def _read_note(note: Path) -> dict[str, str]:
    try:
        return json.loads(note.read_text())
    except (OSError, ValueError):
        return {}


def _verify(path: Path, expected: str, say: Callable[[str], None]) -> None:
    """Hold the file to the hash given, else to the one of its first use."""
    record = path.with_name(path.name + ".sha256")
    with path.open("rb") as file:
        actual = hashlib.file_digest(file, "sha256").hexdigest()
    recorded = record.read_text().split()[0] if record.is_file() and record.read_text().strip() else ""
    wanted = expected.lower() or recorded
    if wanted and actual != wanted:
        origin = "--sha256" if expected else f"{record.name}, which was recorded at first use,"
        raise DataError(
            f"{str(path)!r} has the sha256 {actual}, but {origin} says {wanted}: remove the file and fetch it again"
        )
    if not recorded:
        record.write_text(f"{actual}  {path.name}\n")
        say(f"sha256 {actual} recorded")
