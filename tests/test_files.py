"""Files that are whole or not there."""

import os
import resource
import signal

import pytest

from sketch2photo.files import write_atomic


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
