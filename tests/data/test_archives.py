"""Raw files straight from archives, and archives that mean harm."""

import io
import stat
import tarfile
import zipfile

import py7zr
import pytest

from sketch2photo.data import archives
from sketch2photo.data.store import open_dataset
from sketch2photo.errors import DataError
from tests.data.raw_files import draw_raw_photos, prepare

PACKERS = {
    "zip": lambda: zipfile.ZipFile,
    "7z": lambda: py7zr.SevenZipFile,
    "tar": lambda: tarfile.open,
    "tar.gz": lambda: tarfile.open,
    "tgz": lambda: tarfile.open,
    "tar.bz2": lambda: tarfile.open,
    "tar.xz": lambda: tarfile.open,
}
MODES = {"tgz": "w:gz", "tar.gz": "w:gz", "tar.bz2": "w:bz2", "tar.xz": "w:xz"}


def pack(path, folder, inside=""):
    """Everything beneath a folder as an archive of the kind the name says."""
    kind = path.name.partition(".")[2]
    with PACKERS[kind]()(path, MODES.get(kind, "w")) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                add = getattr(archive, "add", None) or archive.write
                add(file, f"{inside}{file.relative_to(folder).as_posix()}")
    return path


def unpacked(archive, into, choose=lambda names: names):
    return archives.unpack(archive, into, choose, lambda _: None)


@pytest.mark.parametrize("kind", list(PACKERS))
def test_photos_straight_from_an_archive(tmp_path, kind):
    raw = draw_raw_photos(tmp_path / "raw", 3)
    (raw / "circle" / "notes.doc").write_text("not a picture")
    packed = pack(tmp_path / f"my photos.{kind}", raw, "set/")
    prepare("photos", "--raw", packed, "--out", tmp_path / "out", "--size", 32)
    prepare("photos", "--raw", raw, "--out", tmp_path / "plain", "--size", 32)
    one, other = open_dataset(tmp_path / "out"), open_dataset(tmp_path / "plain")
    assert one.sizes == other.sizes
    for a, b in zip(one.records("train"), other.records("train"), strict=True):
        assert (a.file, a.photo, a.sketches, a.group) == (b.file, b.photo, b.sketches, b.group)
        assert a.source == "my photos"
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([packed.name, "out", "plain", "raw"])


def zip_of(path, *members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def tar_of(path, *members, mode="w:gz"):
    with tarfile.open(path, mode) as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def seven_of(path, *members):
    with py7zr.SevenZipFile(path, "w") as archive:
        for name, content in members:
            archive.writef(io.BytesIO(content), name)
    return path


@pytest.mark.parametrize(("make", "kind"), [(zip_of, "zip"), (tar_of, "tar.gz")])
@pytest.mark.parametrize(
    "name", ["../evil.png", "a/../../evil.png", "/etc/evil.png", "C:/evil.png", "..\\evil.png", "\\evil.png"]
)
def test_names_that_lead_elsewhere(tmp_path, make, kind, name):
    archive = make(tmp_path / f"a.{kind}", ("apple/good.png", b"1"), (name, b"2"))
    with pytest.raises(DataError, match=r"is refused for its member .*evil.*leads out of the folder"):
        unpacked(archive, tmp_path / "into" / "deep")
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == [archive.name]


def test_an_archive_means_harm_to_the_command(tmp_path, refused):
    archive = zip_of(tmp_path / "a.zip", ("apple/good.png", b"1"), ("../evil.png", b"2"))
    said = refused("photos", "--raw", archive, "--out", tmp_path / "out")
    assert "refused for its member '../evil.png'" in said
    assert [p.name for p in tmp_path.iterdir()] == ["a.zip"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices_in_tar(tmp_path, kind):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        info = tarfile.TarInfo("apple/link.png")
        info.type, info.linkname = kind, "/etc/passwd"
        archive.addfile(info)
    with pytest.raises(DataError, match=r"member 'apple/link.png': it is (a link|neither a file nor a folder)"):
        unpacked(tmp_path / "a.tar", tmp_path / "into")


def test_links_in_zip_and_7z(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        info = zipfile.ZipInfo("apple/link.png")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    (tmp_path / "link.png").symlink_to("/etc/passwd")
    with py7zr.SevenZipFile(tmp_path / "a.7z", "w") as archive:
        archive.write(tmp_path / "link.png", "apple/link.png")
    for kind in ("zip", "7z"):
        with pytest.raises(DataError, match=r"member 'apple/link.png': it is a link"):
            unpacked(tmp_path / f"a.{kind}", tmp_path / "into")


@pytest.mark.parametrize(("make", "kind"), [(zip_of, "zip"), (tar_of, "tar.gz"), (seven_of, "7z")])
def test_bombs(tmp_path, make, kind):
    archive = make(tmp_path / f"a.{kind}", ("good.png", bytes(range(256)) * 3), ("bomb.png", bytes(8 * 2**20)))
    with pytest.raises(DataError, match=r"member 'bomb.png': .*unpacks to \d+ times its size"):
        unpacked(archive, tmp_path / "into")
    assert not list((tmp_path / "into").rglob("*.png"))


def test_many_small_bombs_in_one_zip(tmp_path):
    archive = zip_of(tmp_path / "a.zip", *((f"{n}.png", bytes(900_000)) for n in range(20)))
    with pytest.raises(DataError, match=r"member '\d+.png': with it the archive unpacks to \d+ times"):
        unpacked(archive, tmp_path / "into")


def test_encrypted_and_damaged(tmp_path):
    with py7zr.SevenZipFile(tmp_path / "a.7z", "w", password="secret") as archive:
        archive.writef(io.BytesIO(b"1"), "a.png")
    with pytest.raises(DataError, match="encrypted"):
        unpacked(tmp_path / "a.7z", tmp_path / "into")
    for kind, make in (("zip", zip_of), ("tar.gz", tar_of), ("7z", seven_of)):
        whole = make(tmp_path / f"b.{kind}", ("a.png", bytes(range(256)) * 99))
        for name, content in ((f"half.{kind}", whole.read_bytes()[:-40]), (f"text.{kind}", b"no archive" * 9)):
            (tmp_path / name).write_bytes(content)
            with pytest.raises(DataError, match=r"cannot be unpacked \(.*\): download it again"):
                unpacked(tmp_path / name, tmp_path / "into")
    (tmp_path / "empty.zip").write_bytes(b"")
    with pytest.raises(DataError, match="cannot be unpacked"):
        unpacked(tmp_path / "empty.zip", tmp_path / "into")
    with pytest.raises(DataError, match="no file"):
        unpacked(tmp_path / "none.zip", tmp_path / "into")
    with pytest.raises(DataError, match="holds nothing of use among its 1 files"):
        unpacked(zip_of(tmp_path / "c.zip", ("a.txt", b"1")), tmp_path / "into", archives.pictures_and_lists)


def test_a_changed_byte_in_a_zip_is_noticed(tmp_path):
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as packed:
        packed.writestr("a.png", b"x" * 1000)
    content = bytearray(archive.read_bytes())
    content[200] ^= 1
    archive.write_bytes(content)
    with pytest.raises(DataError, match="Bad CRC-32"):
        unpacked(archive, tmp_path / "into")


def test_an_unpacked_folder_is_taken_as_it_is(tmp_path):
    archive = zip_of(tmp_path / "a.zip", ("x/a.png", b"1"), ("y/b.png", b"2"))
    folder = unpacked(archive, tmp_path / "into")
    assert sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.png")) == ["x/a.png", "y/b.png"]
    archive.write_bytes(b"gone")
    assert unpacked(archive, tmp_path / "into") == folder
