"""Archives of raw files: fetched from the network, checked, unpacked.

Nothing is written before all members are checked, and the whole is refused if any means harm: no name may lead out of
the folder, nothing may be a link or a device, and nothing may unpack to a multiple of its size that no picture reaches.
A download is whole or not there, goes on after a break, and is the same every time.
"""

import contextlib
import hashlib
import http.client
import json
import os
import pickle
import re
import shutil
import stat
import tarfile
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from sketch2photo.data.example import Skipped
from sketch2photo.data.raw_files import KINDS, SYSTEM, not_asked_for, why_not
from sketch2photo.errors import ConfigError, DataError, choose, first_line

SUFFIXES = (".zip", ".7z", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
Choose = Callable[[list[str]], list[str]]
"""The names that are wanted, of all there are."""
Say = Callable[[str], None]

MOST_EXPANSION = 200
"""Deflate makes an empty page 1000 times smaller; what people pack (JPEG, PNG, stroke files) at most some tens."""
SMALL = 2**20
"""Up to so many bytes a member or an archive may expand as it likes."""


@dataclass(frozen=True)
class Member:
    """A file in an archive."""

    name: str
    size: int
    packed: int | None = None  # bytes it takes in the archive, where that is known for each
    is_folder: bool = False


def is_archive(path: Path) -> bool:
    """Whether the file's name says that it is an archive we read."""
    return path.name.lower().endswith(SUFFIXES)


def stem(path: Path) -> str:
    """The archive's name without what says its format."""
    ending = next((s for s in SUFFIXES if path.name.lower().endswith(s)), "")
    return path.name[: len(path.name) - len(ending)] or "archive"


@dataclass
class Notes:
    """What a report says of the raw files besides."""

    skipped: list[Skipped] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def unpack(archive: Path, into: Path, choose: Choose, say: Say, *, inner: bool = True) -> Path:
    """Unpack the files of an archive that `choose` wants into `into/NAME`, and return the folder that holds them.

    A folder that was unpacked whole by an earlier run is taken as it is. With `inner`, of an archive that holds one
    folder, which holds nothing but folders, that one is returned.

    Raises `DataError`: not such an archive, damaged, encrypted, hostile, or nothing in it is wanted.
    """
    if not archive.is_file():
        raise DataError(f"no file {str(archive)!r}: give an archive ({', '.join(SUFFIXES[:3])}) or a folder")
    folder = into / stem(archive)
    done = into / f"{stem(archive)}.whole"
    if not done.is_file():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        reader = {".zip": _Zip, ".7z": _SevenZip}.get(archive.suffix.lower(), _Tar)
        with _readable(archive), contextlib.closing(reader(archive)) as opened:
            members = _checked(archive, opened)
            names = [member.name for member in members if not member.is_folder]
            wanted = choose(names)
            if not wanted:
                first = next((f"; {n}: {why}" for n in names if (why := why_not(n, KINDS)) not in ("", SYSTEM)), "")
                raise DataError(f"{str(archive)!r} holds nothing of use among its {len(members)} files{first}")
            say(f"unpacking {len(wanted)} of {len(members)} files of {archive.name}")
            chosen = set(wanted)
            opened.extract(chosen, folder)
            twice = [name for name, times in Counter(names).items() if times > 1]
            found = Notes([Skipped(name, "its name is there twice: the last is used") for name in twice])
            others = [name for name in dict.fromkeys(names) if name not in chosen]
            found.skipped += [Skipped(name, reason) for name in others if (reason := why_not(name, KINDS))]
            found.skipped += not_asked_for(name for name in others if not why_not(name, KINDS))
            if encoding := getattr(opened, "encoding", ""):
                found.remarks.append(f"names in {archive.name} were read as {encoding}, as they do not say how")
        done.write_bytes(pickle.dumps(found))
    return _inner(folder) if inner else folder


def notes(into: Path) -> Notes:
    """What was left out of all archives unpacked there, and how their names were read."""
    found = [pickle.loads(done.read_bytes()) for done in sorted(into.glob("*.whole"))]
    return Notes([one for each in found for one in each.skipped], [one for each in found for one in each.remarks])


def pictures_and_lists(names: list[str]) -> list[str]:
    """What readers of ours can read: pictures, drawings, tables; without what systems leave there unseen."""
    return [name for name in names if not why_not(name, KINDS)]


def _inner(folder: Path) -> Path:
    while True:
        inside = list(folder.iterdir())
        if len(inside) != 1 or not inside[0].is_dir() or not all(p.is_dir() for p in inside[0].iterdir()):
            return folder
        folder = inside[0]


def _checked(archive: Path, opened: "_Zip | _Tar | _SevenZip") -> list[Member]:
    """The archive's files, none of which means harm."""
    members, total, whole = [], 0, max(archive.stat().st_size, 1)
    for member in opened.members():
        total += member.size
        parts = re.split(r"[/\\]", member.name)
        if ".." in parts or parts[0] == "" or re.match(r"[A-Za-z]:", member.name):
            raise _refused(archive, member.name, "its name leads out of the folder it is unpacked into")
        packed = whole if member.packed is None else max(member.packed, 1)
        if member.size > SMALL and member.size > MOST_EXPANSION * packed:
            raise _refused(archive, member.name, f"it unpacks to {member.size // packed} times its size")
        if total > SMALL and total > MOST_EXPANSION * whole:
            raise _refused(archive, member.name, f"with it the archive unpacks to {total // whole} times its size")
        members.append(member)
    return members


def _refused(archive: Path, member: str, why: str) -> DataError:
    return DataError(f"{str(archive)!r} is refused for its member {member!r}: {why}")


@contextlib.contextmanager
def _readable(archive: Path) -> Iterator[None]:
    """Makes whatever the readers raise on a damaged archive one sentence."""
    try:
        yield
    except Exception as error:
        if isinstance(error, DataError) or (isinstance(error, OSError) and error.errno):
            raise
        remedy = "download it again or unpack it yourself"
        raise DataError(f"{str(archive)!r} cannot be unpacked ({first_line(error)}): {remedy}") from None


def _write(source: IO[bytes], path: Path) -> None:
    """Copy a member, of which zipfile and tarfile read no byte more than it said it has."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        shutil.copyfileobj(source, file)


class _Zip:
    def __init__(self, archive: Path):
        self._path, self._zip = archive, zipfile.ZipFile(archive)
        self.close = self._zip.close
        unsaid = [i.filename for i in self._zip.infolist() if not i.flag_bits & 0x800 and not i.filename.isascii()]
        self.encoding = _encoding_of(b"/".join(name.encode("cp437") for name in unsaid)) if unsaid else ""

    def members(self) -> Iterator[Member]:
        for info in self._zip.infolist():
            mode = info.external_attr >> 16
            if stat.S_ISLNK(mode):
                raise _refused(self._path, info.filename, "it is a link")
            if info.flag_bits & 1:
                raise _refused(self._path, info.filename, "it is encrypted")
            # Folders, too, may have names that lead elsewhere.
            name = self._name(info)
            yield Member(name.rstrip("/") or name, info.file_size, info.compress_size, info.is_dir())

    def extract(self, names: set[str], folder: Path) -> None:
        for info in self._zip.infolist():
            if (name := self._name(info)) in names:
                with self._zip.open(info) as source:
                    _write(source, folder / name)

    def _name(self, info: zipfile.ZipInfo) -> str:
        unsaid = self.encoding and not info.flag_bits & 0x800
        return info.filename.encode("cp437").decode(self.encoding) if unsaid else info.filename


_SCRIPTS = {"utf-8": r"\w", "cp949": "[가-힣]", "cp932": "[ぁ-ヿ一-鿿]", "cp437": "[À-ÿ]", "cp1252": "[À-ÿŒœŠšŽžŸ]"}


def _encoding_of(names: bytes) -> str:
    """The encoding that makes names out of bytes: those of macOS, Korean, Japanese and Western systems."""

    def plausible(encoding: str) -> float:
        try:
            text = re.sub(r"[\x00-\x7f]", "", names.decode(encoding))
        except UnicodeDecodeError:
            return -1.0
        usual = re.findall(_SCRIPTS[encoding], text)
        if encoding == "cp949":  # the rarest syllables are what other encodings look like
            usual = [one for one in usual if len(one.encode("euc_kr", "ignore")) == 2]
        return len(usual) / max(len(text), 1)

    return max(_SCRIPTS, key=plausible)


class _Tar:
    def __init__(self, archive: Path):
        self._path = archive

    def close(self) -> None:
        """Nothing is open between two passes."""

    def _infos(self) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo, str]]:
        """The open archive, a member and its name, which of "./a/b" is "a/b"."""
        with tarfile.open(self._path, "r:*") as tar:
            # One at a time, so that a member that says it is huge is refused before it is read.
            while (info := tar.next()) is not None:
                yield tar, info, re.sub(r"^(\./)+", "", info.name)
                tar.members = []  # pyright: ignore[reportAttributeAccessIssue] (else every header stays in memory)

    def members(self) -> Iterator[Member]:
        for _, info, name in self._infos():
            if info.issym() or info.islnk():
                raise _refused(self._path, info.name, "it is a link")
            if not (info.isfile() or info.isdir()):
                raise _refused(self._path, info.name, "it is neither a file nor a folder")
            yield Member(name, info.size, is_folder=info.isdir())

    def extract(self, names: set[str], folder: Path) -> None:
        for tar, info, name in self._infos():
            if info.isfile() and name in names:
                source = tar.extractfile(info)
                assert source is not None
                _write(source, folder / name)


class _SevenZip:
    def __init__(self, archive: Path):
        import py7zr

        self._path, self._archive = archive, py7zr.SevenZipFile(archive)
        self.close = self._archive.close
        if self._archive.password_protected:
            raise DataError(f"{str(archive)!r} is encrypted: unpack it yourself and give the folder")

    def members(self) -> Iterator[Member]:
        for file in self._archive.files:
            if file.is_symlink or file.is_junction or file.is_socket:
                raise _refused(self._path, file.filename, "it is a link")
            yield Member(file.filename, 0 if file.is_directory else file.uncompressed, is_folder=file.is_directory)

    def extract(self, names: set[str], folder: Path) -> None:
        self._archive.extract(folder, targets=sorted(names))


# ---------------------------------------------------------------- downloads
#
# FOLDER/NAME.part         what has come so far      FOLDER/NAME.part.json    of which version of which address
# FOLDER/NAME              the whole file            FOLDER/NAME.sha256       its hash, recorded at first use

_BLOCK, _TRIES = 2**20, 5
_TIMEOUT = 30.0  # seconds without a byte after which a connection counts as broken


@dataclass(frozen=True)
class KnownSet:
    """A dataset with a stable address."""

    source: str  # the subcommand that reads it
    file: str
    url: str
    licence: str
    direction: str = "AtoB"


def _of_pix2pix(name: str, direction: str = "AtoB", of: str = "") -> KnownSet:
    address = f"http://efrosgans.eecs.berkeley.edu/pix2pix/datasets/{name}.tar.gz"
    return KnownSet("pairs", f"{name}.tar.gz", address, f"none stated{of}: research use only", direction)


# The database's page links to this file; confirm=t passes the question whether large files may be unscanned.
_SKETCHY = "https://drive.usercontent.google.com/download?id=0B7ISyeE8QtDdTjE1MG9Gcy1kSkE&export=download&confirm=t"
_OF_SKETCHY = "none stated (Sketchy Database, photos of ImageNet): research use only"
KNOWN = {
    "facades": _of_pix2pix("facades", "BtoA", " (CMP Facade Database, Tylecek 2013)"),
    "edges2shoes": _of_pix2pix("edges2shoes"),
    "edges2handbags": _of_pix2pix("edges2handbags"),
    "maps": _of_pix2pix("maps", "BtoA"),
    "sketchy": KnownSet("sketchy", "rendered_256x256.7z", _SKETCHY, _OF_SKETCHY),
}


def known(what: str, source: str) -> KnownSet | None:
    """The set of that name; None for an address. Raises `ConfigError`: neither, or a set of another subcommand."""
    if "://" in what:
        return None
    found = KNOWN[choose("dataset in --download", what, tuple(KNOWN))]
    if found.source != source:
        raise ConfigError(f"--download {what} is read by: prepare_data.py {found.source} --download {what} ...")
    return found


def fetch(what: str, folder: Path, *, source: str = "", sha256: str = "", say: Say = print) -> Path:
    """The file at an address, or of a known set, in `folder`; downloaded unless it is there already. Its hash must be
    `sha256`, or without one that of the first download, which is recorded.

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
    if not is_archive(Path(name)) or name.startswith("."):
        kinds = ", ".join(SUFFIXES)
        raise ConfigError(f"--download {url!r} does not name an archive: its name must end in one of {kinds}")
    return name


def _download(url: str, path: Path, say: Say) -> None:
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
            remedy = f"check the network, or fetch {url} elsewhere and give the file as --raw{kept}"
            raise DataError(f"{host} cannot be reached ({failure}): {remedy}")
        say(f"the connection broke ({failure}): going on at byte {got:,}")
        time.sleep(0.2 * 2**tries)
    os.replace(part, path)
    part.with_name(part.name + ".json").unlink(missing_ok=True)


def _receive(url: str, part: Path, say: Say) -> None:
    note = part.with_name(part.name + ".json")
    known: dict[str, str] = {}
    with contextlib.suppress(OSError, ValueError):
        known = json.loads(note.read_text())
    have = part.stat().st_size if part.is_file() else 0
    version = known.get("version", "")
    headers = {"User-Agent": "sketch2photo"}
    if have and known.get("url") == url and version:
        # Only of the same version; else the server sends all of the new one.
        headers |= {"Range": f"bytes={have}-", "If-Range": version}
    request = urllib.request.Request(url, headers=headers)
    with contextlib.closing(urllib.request.urlopen(request, timeout=_TIMEOUT)) as answer:
        if answer.headers.get_content_type() == "text/html":
            remedy = "open it in a browser and give the file as --raw"
            raise DataError(f"{url} answers with a web page, not a file: {remedy}")
        going_on = answer.status == 206
        length = answer.headers.get("Content-Length")
        total = int(length) + (have if going_on else 0) if length else None
        etag = answer.headers.get("ETag", "")
        version = etag if etag and not etag.startswith("W/") else answer.headers.get("Last-Modified", "")
        note.write_text(json.dumps({"url": url, "version": version}))
        say(f"{'going on with' if going_on else 'fetching'} {url}" + (f" ({total / 2**20:.1f} MiB)" if total else ""))
        with part.open("ab" if going_on else "wb") as file:
            while block := answer.read1(_BLOCK):
                file.write(block)
                file.flush()
    if total is not None and part.stat().st_size != total:
        raise ConnectionError(f"{part.stat().st_size:,} of {total:,} bytes came")


def _verify(path: Path, expected: str, say: Say) -> None:
    """Hold the file to the hash given, else to the one of its first use."""
    record = path.with_name(path.name + ".sha256")
    with path.open("rb") as file:
        actual = hashlib.file_digest(file, "sha256").hexdigest()
    recorded = record.read_text().split()[0] if record.is_file() and record.read_text().strip() else ""
    wanted = expected.lower() or recorded
    if wanted and actual != wanted:
        origin = "--sha256" if expected else f"{record.name}, which was recorded at first use,"
        said = f"has the sha256 {actual}, but {origin} says {wanted}"
        raise DataError(f"{str(path)!r} {said}: remove the file and fetch it again")
    if not recorded:
        record.write_text(f"{actual}  {path.name}\n")
        say(f"sha256 {actual} recorded")
