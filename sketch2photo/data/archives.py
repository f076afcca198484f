"""Raw files straight from an archive: looked through first, and refused whole if any member means harm.

.zip, .7z and .tar, the last also compressed by gzip, bzip2 or xz. Nothing is written before all members are checked:
no name may lead out of the folder, nothing may be a link or a device, and nothing may unpack to a multiple of its size
that no picture reaches.
"""

import contextlib
import lzma
import re
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from sketch2photo.errors import DataError

SUFFIXES = (".zip", ".7z", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
MOST_EXPANSION = 200
"""Deflate makes an empty page 1000 times smaller; what people pack (JPEG, PNG, stroke files) at most some tens."""
SMALL = 2**20
"""Up to so many bytes a member or an archive may expand as it likes."""


@dataclass(frozen=True)
class Member:
    """A file in an archive."""

    name: str
    size: int
    packed: int | None = None
    """Bytes it takes in the archive, where that is known for each."""


def is_archive(path: Path) -> bool:
    """Whether the file's name says that it is an archive we read."""
    return path.name.lower().endswith(SUFFIXES)


def stem(path: Path) -> str:
    """The archive's name without what says its format."""
    longest = max((s for s in SUFFIXES if path.name.lower().endswith(s)), key=len, default="")
    return path.name[: len(path.name) - len(longest)] or "archive"


def unpack(
    archive: Path,
    into: Path,
    choose: Callable[[list[str]], list[str]],
    say: Callable[[str], None],
    *,
    inner: bool = True,
) -> Path:
    """Unpack some files of an archive into `into/NAME`, and return the folder that holds them.

    A folder that was unpacked whole by an earlier run is taken as it is.

    Args:
      choose: the names that are wanted, of all there are.
      inner: of an archive that holds one folder, which holds nothing but folders, return that one.

    Raises:
      DataError: not such an archive, damaged, encrypted, hostile, or nothing in it is wanted.
    """
    if not archive.is_file():
        raise DataError(f"no file {str(archive)!r}: give an archive ({', '.join(SUFFIXES[:3])}) or a folder")
    folder = into / stem(archive)
    done = into / f"{stem(archive)}.whole"
    if not done.is_file():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        with _readable(archive), contextlib.closing(_open(archive)) as opened:
            members = _checked(archive, opened)
            wanted = choose([member.name for member in members])
            if not wanted:
                raise DataError(f"{str(archive)!r} holds nothing of use among its {len(members)} files")
            say(f"unpacking {len(wanted)} of {len(members)} files of {archive.name}")
            opened.extract(set(wanted), folder)
        done.touch()
    return _inner(folder) if inner else folder


def pictures_and_lists(names: list[str]) -> list[str]:
    """What readers of ours can read: pictures, drawings, tables; without what systems leave there unseen."""
    from sketch2photo.data.photos import PICTURES

    known = PICTURES | {".svg", ".ndjson", ".csv"}
    visible = [name for name in names if not any(part[:1] in (".", "_") for part in name.split("/"))]
    return [name for name in visible if Path(name).suffix.lower() in known]


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
    """Makes what the readers raise on a damaged archive one sentence."""
    try:
        yield
    except (DataError, OSError) as error:
        if isinstance(error, DataError) or error.errno:
            raise
        raise _damaged(archive, error) from None
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError) as error:
        raise _damaged(archive, error) from None
    except (RuntimeError, NotImplementedError, ValueError, TypeError, KeyError, IndexError) as error:
        raise _damaged(archive, error) from None


def _damaged(archive: Path, error: Exception) -> DataError:
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return DataError(f"{str(archive)!r} cannot be unpacked ({reason}): download it again or unpack it yourself")


def _open(archive: Path) -> "_Zip | _Tar | _SevenZip":
    kinds = {".zip": _Zip, ".7z": _SevenZip}
    return kinds.get(archive.suffix.lower(), _Tar)(archive)


def _write(source: IO[bytes], member: Member, folder: Path) -> None:
    """Copy a member, and no byte more than it said it has."""
    path = folder / member.name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        left = member.size
        while left and (block := source.read(min(left, 2**20))):
            file.write(block)
            left -= len(block)


class _Zip:
    def __init__(self, archive: Path):
        self._path = archive
        self._zip = zipfile.ZipFile(archive)

    def close(self) -> None:
        self._zip.close()

    def members(self) -> Iterator[Member]:
        for info in self._zip.infolist():
            mode = info.external_attr >> 16
            if stat.S_ISLNK(mode):
                raise _refused(self._path, info.filename, "it is a link")
            if info.flag_bits & 1:
                raise _refused(self._path, info.filename, "it is encrypted")
            # Folders, too, may have names that lead elsewhere.
            yield Member(info.filename.rstrip("/") if info.filename != "/" else "/", info.file_size, info.compress_size)

    def extract(self, names: set[str], folder: Path) -> None:
        for info in self._zip.infolist():
            if info.filename in names:
                with self._zip.open(info) as source:
                    _write(source, Member(info.filename, info.file_size), folder)


class _Tar:
    def __init__(self, archive: Path):
        self._path = archive

    def close(self) -> None:
        """Nothing is open between two passes."""

    def _infos(self) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
        with tarfile.open(self._path, "r:*") as tar:
            # One at a time, so that a member that says it is huge is refused before it is read.
            while (info := tar.next()) is not None:
                yield tar, info
                tar.members = []  # pyright: ignore[reportAttributeAccessIssue] (else every header stays in memory)

    def members(self) -> Iterator[Member]:
        for _, info in self._infos():
            if info.issym() or info.islnk():
                raise _refused(self._path, info.name, "it is a link")
            if not (info.isfile() or info.isdir()):
                raise _refused(self._path, info.name, "it is neither a file nor a folder")
            yield Member(_plain(info.name), info.size)

    def extract(self, names: set[str], folder: Path) -> None:
        for tar, info in self._infos():
            if info.isfile() and _plain(info.name) in names:
                source = tar.extractfile(info)
                assert source is not None
                _write(source, Member(_plain(info.name), info.size), folder)


class _SevenZip:
    def __init__(self, archive: Path):
        import py7zr
        import py7zr.exceptions

        self._path = archive
        try:
            self._archive = py7zr.SevenZipFile(archive)
            self._files = self._archive.files
        except py7zr.exceptions.ArchiveError as error:
            raise _damaged(archive, error) from None
        if self._archive.password_protected:
            raise DataError(f"{str(archive)!r} is encrypted: unpack it yourself and give the folder")

    def close(self) -> None:
        self._archive.close()

    def members(self) -> Iterator[Member]:
        for file in self._files:
            if file.is_symlink or file.is_junction or file.is_socket:
                raise _refused(self._path, file.filename, "it is a link")
            yield Member(file.filename, 0 if file.is_directory else file.uncompressed)

    def extract(self, names: set[str], folder: Path) -> None:
        import py7zr.exceptions

        try:
            self._archive.extract(folder, targets=sorted(names))
        except py7zr.exceptions.ArchiveError as error:
            raise _damaged(self._path, error) from None


def _plain(name: str) -> str:
    """A tar's "./a/b" as "a/b"."""
    return re.sub(r"^(\./)+", "", name)
