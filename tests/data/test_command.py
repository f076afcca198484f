"""The command itself: unknown things, what it imports, what a killed run leaves."""

import re
import signal
import subprocess
import sys
import time

import pytest

from sketch2photo.data import store
from sketch2photo.data.store import open_dataset
from sketch2photo.errors import DataError
from tests.data.raw_files import draw_raw_photos, prepare

LISTED = "import sys, prepare_data; prepare_data.main(sys.argv[1:]); print(*sorted(sys.modules), file=sys.stderr)"


def test_building_needs_neither_jax_nor_tensorflow(root, tmp_path):
    raw = draw_raw_photos(tmp_path / "raw", 2)
    command = [sys.executable, "-c", LISTED, "photos", "--raw", raw, "--out", tmp_path / "out", "--size", "32"]
    said = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    modules = set(said.stderr.split())
    assert "tensorflow_datasets" in modules
    assert not modules & {"jax", "tensorflow", "torch", "grain"}


def test_the_summary_names_categories_and_the_folder(tmp_path, capsys):
    raw = draw_raw_photos(tmp_path / "raw", 3)
    prepare("photos", "--raw", raw, "--out", tmp_path / "out", "--size", 32)
    said = capsys.readouterr().out
    assert "2 categories" in said and "circle" in said and str(tmp_path / "out") in said
    assert "Downloading" not in said


def test_unknown_things(tmp_path, refused):
    assert "unknown source 'foto': did you mean 'photos'?" in refused("foto", "--out", tmp_path)
    assert "--out" in refused("photos", "--raw", tmp_path)
    assert "unrecognized arguments: --colour" in refused("photos", "--raw", tmp_path, "--out", tmp_path, "--colour")
    assert "'12' is not a number of pixels from 32 to 1024" in refused(
        "photos", "--raw", tmp_path, "--out", tmp_path / "o", "--size", "12"
    )
    assert "SOURCE" in refused()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_run_is_gone_on_with(root, tmp_path, how):
    raw = draw_raw_photos(tmp_path / "raw", 60)
    (raw / "circle" / "000.png").write_bytes(b"broken")
    options = ["photos", "--raw", raw, "--size", "256", "--workers", "1", "--out"]
    run = subprocess.Popen(
        [sys.executable, "prepare_data.py", *options, tmp_path / "out"], cwd=root, stderr=subprocess.DEVNULL
    )
    journal = tmp_path / ".out-draft" / "journal"
    try:
        deadline = time.monotonic() + 120
        while not (journal.is_file() and journal.stat().st_size > 200_000):
            assert run.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
        run.send_signal(how)
        assert run.wait(60) == (143 if how == signal.SIGTERM else -9)
    finally:
        run.kill()
    assert not (tmp_path / "out").exists(), "nothing half-written"
    with journal.open("ab") as file:
        file.write(journal.read_bytes()[:1000])  # half a record
    said = subprocess.run(
        [sys.executable, "prepare_data.py", *options, tmp_path / "out"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    ).stderr
    assert re.search(r"going on after \d+ of 120, which an earlier run has made", said)
    prepare(*options, tmp_path / "whole")
    assert_same_dataset(tmp_path / "out", tmp_path / "whole")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "raw", "whole"]


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
    from sketch2photo.files import draft_beside

    with pytest.raises(KeyboardInterrupt), draft_beside(tmp_path / "out", "one") as draft:
        (draft / "journal").write_text("old")
        raise KeyboardInterrupt
    assert (draft / "journal").read_text() == "old"
    with draft_beside(tmp_path / "out", "other") as draft:
        assert not (draft / "journal").exists()
    assert list(tmp_path.iterdir()) == []


def test_a_defect_does_not_cost_what_was_made(tmp_path):
    from sketch2photo.files import draft_beside

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
    from sketch2photo.files import draft_beside

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
