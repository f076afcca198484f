"""Building: work on several processes, what a killed run leaves, and a disk that is full."""

import os
import re
import resource
import signal
import subprocess
import sys
import time
import zipfile

import pytest

from sketch2photo.data import archives, arrays, build, report, store
from sketch2photo.data.store import open_dataset
from sketch2photo.errors import DataError
from sketch2photo.files import draft_beside
from tests.data.raw_files import draw_raw_photos, prepare

# ---------------------------------------------------------------- many raw files at once


def squared(number: int) -> tuple[int, int]:
    return number * number, os.getpid()


def fails_late(number: int) -> int:
    if number == 190:
        raise ValueError("number 190")
    return number


def test_results_come_in_order_from_several_processes():
    results = list(build.in_order(squared, list(range(300)), processes=2))
    assert [value for value, _ in results] == [n * n for n in range(300)]
    assert os.getpid() not in {process for _, process in results}


def test_few_items_are_done_here():
    assert {process for _, process in build.in_order(squared, [1, 2, 3], processes=2)} == {os.getpid()}


def test_nothing_to_do():
    assert list(build.in_order(squared, [])) == []


def test_an_error_is_passed_on():
    with pytest.raises(ValueError, match="number 190"):
        list(build.in_order(fails_late, list(range(300)), processes=1))


# ---------------------------------------------------------------- a run that is killed


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Options of a build that takes a few seconds, and the dataset it makes when nothing happens to it."""
    home = tmp_path_factory.mktemp("whole")
    raw = draw_raw_photos(home / "raw", 20)
    (raw / "circle" / "000.png").write_bytes(b"broken")
    options = ["photos", "--raw", raw, "--size", "128", "--workers", "1", "--out"]
    prepare(*options, home / "whole")
    return options, home / "whole"


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_run_is_gone_on_with(root, tmp_path, capsys, built, how):
    options, whole = built
    run = subprocess.Popen(
        [sys.executable, "prepare_data.py", *options, tmp_path / "out"], cwd=root, stderr=subprocess.DEVNULL
    )
    journal = tmp_path / ".out-draft" / "journal"
    try:
        deadline = time.monotonic() + 120
        while not (journal.is_file() and journal.stat().st_size > 40_000):
            assert run.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
        run.send_signal(how)
        assert run.wait(60) == (143 if how == signal.SIGTERM else -9)
    finally:
        run.kill()
    assert not (tmp_path / "out").exists(), "nothing half-written"
    with journal.open("ab") as file:
        file.write(journal.read_bytes()[:1000])  # half a record
    prepare(*options, tmp_path / "out")
    assert re.search(r"going on after \d+ of 40, which an earlier run has made", capsys.readouterr().err)
    assert_same_dataset(tmp_path / "out", whole)
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def assert_same_dataset(one, other):
    names = sorted(p.name for p in one.iterdir())
    assert names == sorted(p.name for p in other.iterdir())
    for name in names:
        # An example's features come in no order, so checksums differ too, and the other file says when it was written.
        if "array_record" not in name and name not in ("dataset_info.json", "checksums.sha256"):
            assert (one / name).read_bytes() == (other / name).read_bytes(), name
    first, second = open_dataset(one), open_dataset(other)
    assert first.sizes == second.sizes
    for split in first.sizes:
        for a, b in zip(first.records(split), second.records(split), strict=True):
            assert repr(a) == repr(b)


def test_another_command_does_not_go_on_with_it(tmp_path, capsys):
    with pytest.raises(KeyboardInterrupt), draft_beside(tmp_path / "out", "one") as draft:
        (draft / "journal").write_text("old")
        raise KeyboardInterrupt
    assert (draft / "journal").read_text() == "old"
    with draft_beside(tmp_path / "out", "other") as draft:
        assert not (draft / "journal").exists()
    assert list(tmp_path.iterdir()) == []


def test_a_defect_does_not_cost_what_was_made(tmp_path):
    with pytest.raises(ModuleNotFoundError), draft_beside(tmp_path / "out", "one") as draft:
        (draft / "journal").write_text("made for hours")
        raise ModuleNotFoundError("no such module")
    assert (draft / "journal").read_text() == "made for hours"
    with pytest.raises(DataError), draft_beside(tmp_path / "out", "one") as draft:
        assert (draft / "journal").exists()
        raise DataError("nothing in it can be used")
    assert list(tmp_path.iterdir()) == []


def test_changed_raw_files_are_made_anew(tmp_path, monkeypatch, capsys):

    raw = draw_raw_photos(tmp_path / "raw", 3)

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(store, "write", interrupt)
        prepare("photos", "--raw", raw, "--out", tmp_path / "out", "--size", 32)
    assert (tmp_path / ".out-draft" / "journal").stat().st_size > 1000
    draw_raw_photos(raw, 1, ("triangle",))
    (raw / "circle" / "000.png").write_bytes((raw / "circle" / "001.png").read_bytes())
    prepare("photos", "--raw", raw, "--out", tmp_path / "out", "--size", 32)
    assert "going on" not in capsys.readouterr().err
    manifest = (tmp_path / "out" / "manifest.csv").read_text()
    assert "triangle" in manifest
    groups = {line.split(",")[2] for line in manifest.splitlines() if line.startswith("circle/00")}
    assert len(groups) == 2, "the first circle is a copy of the second now"


def test_two_at_once_are_refused(tmp_path, refused):
    raw = draw_raw_photos(tmp_path / "raw", 1)
    with draft_beside(tmp_path / "out", "one"):
        said = refused("photos", "--raw", raw, "--out", tmp_path / "out")
    assert "is being written by another process" in said


def test_a_full_disk_is_one_sentence(tmp_path, refused, monkeypatch):

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    raw = draw_raw_photos(tmp_path / "raw", 2)
    monkeypatch.setattr(store, "write", full)
    said = refused("photos", "--raw", raw, "--out", tmp_path / "out", "--size", "32")
    assert "could not be written (No space left on device): free space or name another folder" in said
    assert [p.name for p in tmp_path.iterdir()] == ["raw"]


# ---------------------------------------------------------------- a disk that is full


@pytest.fixture
def full_disk(monkeypatch):
    """Let no file grow beyond a number of bytes while a function of a module runs: the system's answer comes from the
    same calls as on a full disk, with another text."""

    def limit(module, name, size):
        whole = getattr(module, name)

        def limited(*given, **named):
            before = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
            try:
                return whole(*given, **named)
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, before)

        monkeypatch.setattr(module, name, limited)

    return limit


FULL = "could not be written (File too large): free space or name another folder"


@pytest.mark.parametrize(
    ("module", "name", "size"),
    [
        (build, "_made", 20_000),  # the examples made so far
        (store, "write", 20_000),  # its records, which array_record writes
        (report, "write", 2_000),  # report and contact sheet
    ],
)
def test_a_full_disk_leaves_nothing(tmp_path, refused, full_disk, module, name, size):
    raw = draw_raw_photos(tmp_path / "raw", 12)
    full_disk(module, name, size)
    said = refused("photos", "--raw", raw, "--size", 64, "--out", tmp_path / "out")
    assert said == f"prepare_data.py: --out {str(tmp_path / 'out')!r} {FULL}"
    assert [p.name for p in tmp_path.iterdir()] == ["raw"]


def test_a_full_disk_while_unpacking(tmp_path, capsys, full_disk):
    raw = draw_raw_photos(tmp_path / "raw", 2)
    with zipfile.ZipFile(tmp_path / "raw.zip", "w") as archive:
        for file in raw.rglob("*.png"):
            archive.write(file, file.relative_to(raw))
    full_disk(archives, "unpack", 500)
    with pytest.raises(SystemExit) as left:
        prepare("photos", "--raw", tmp_path / "raw.zip", "--out", tmp_path / "out")
    assert left.value.code == 2
    unpacking, said = capsys.readouterr().err.splitlines()
    assert unpacking.startswith("unpacking 4 of 4") and FULL in said
    assert sorted(p.name for p in tmp_path.iterdir()) == ["raw", "raw.zip"]


def test_a_full_disk_leaves_the_old_dataset(tmp_path, refused, full_disk):
    raw = draw_raw_photos(tmp_path / "raw", 12)
    options = ("photos", "--raw", raw, "--size", 64, "--out", tmp_path / "out")
    prepare(*options)
    draw_raw_photos(raw, 14)
    full_disk(store, "write", 20_000)
    assert FULL in refused(*options, "--overwrite")
    assert sum(open_dataset(tmp_path / "out").sizes.values()) == 24
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "raw"]


def test_a_full_disk_while_exporting(tmp_path, refused, full_disk, pairs_folder):
    full_disk(arrays, "export", 5_000)
    assert FULL in refused("export", pairs_folder, "--npz", "--out", tmp_path / "npz")
    assert list(tmp_path.iterdir()) == []
