"""Files and folders that are whole or not there."""

import os
import resource
import signal

import pytest

from sketch2photo.files import draft_beside, put_in_place, write_atomic


def test_folders_are_made_and_an_older_file_is_replaced(tmp_path):
    path = tmp_path / "some" / "where" / "file.json"
    write_atomic(path, b"one")
    write_atomic(path, b"another")
    assert path.read_bytes() == b"another" and os.listdir(path.parent) == ["file.json"]


def test_without_room_the_older_file_stays_and_nothing_else(tmp_path):
    path = tmp_path / "file.bin"
    write_atomic(path, b"old")
    before, ignored = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
        with pytest.raises(OSError):
            write_atomic(path, bytes(100_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["file.bin"]


def new_content(draft):
    (draft / "content").mkdir()
    (draft / "content" / "file").write_text("new")
    return draft / "content"


def test_a_folder_is_replaced_and_nothing_left_beside_it(tmp_path):
    out = tmp_path / "some" / "out"
    for _ in range(2):
        with draft_beside(out) as draft:
            put_in_place(new_content(draft), out)
        assert os.listdir(out.parent) == ["out"] and (out / "file").read_text() == "new"


def test_a_folder_that_cannot_be_replaced_stays(tmp_path, monkeypatch):
    out = tmp_path / "out"
    write_atomic(out / "file", "old")
    rename = type(out).rename

    def failing(self, target):
        if self.name == "content":
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(type(out), "rename", failing)
    with pytest.raises(OSError, match="No space"), draft_beside(out) as draft:
        put_in_place(new_content(draft), out)
    assert os.listdir(tmp_path) == ["out"] and (out / "file").read_text() == "old"


def test_one_process_at_a_time_prepares_a_folder(tmp_path):
    with draft_beside(tmp_path / "out"), pytest.raises(BlockingIOError), draft_beside(tmp_path / "out"):
        pass
    assert os.listdir(tmp_path) == []
