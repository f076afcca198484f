"""A disk that is full, for every part that writes: one sentence, and nothing is left.

What is full here is a child process's share: no file of it may grow beyond a limit (RLIMIT_FSIZE), from the writer that
is meant on. The system's answer comes from the same calls as on a full disk, with another text.
"""

import os
import subprocess
import sys
import zipfile

import pytest
import tensorflow_datasets as tfds

from sketch2photo.data import store
from sketch2photo.data.store import open_dataset
from tests.data.raw_files import draw_raw_photos, prepare

LIMITED = """
import importlib, resource, sys
import prepare_data
place, name, limit, *arguments = sys.argv[1:]
module = importlib.import_module(place)
whole = getattr(module, name)
def limited(*given, **named):
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), resource.RLIM_INFINITY))
    return whole(*given, **named)
setattr(module, name, limited)
prepare_data.main(arguments)
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the system has no limit on the size of files")


def run(root, place, name, limit, *arguments):
    """prepare_data.py in a child whose files stay under `limit` bytes from the first call of a function on."""
    return subprocess.run(
        [sys.executable, "-c", LIMITED, place, name, str(limit), *map(str, arguments)],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=240,
        env=os.environ | {"PYTHONPATH": str(root)},
    )


@pytest.mark.parametrize(
    ("place", "name", "limit"),
    [
        ("sketch2photo.data.build", "_made", 20_000),  # the examples made so far
        ("sketch2photo.data.store", "write", 20_000),  # its records, which array_record writes
        ("sketch2photo.data.report", "write", 2_000),  # report and contact sheet
    ],
)
def test_preparing(root, tmp_path, place, name, limit):
    raw = draw_raw_photos(tmp_path / "raw", 12)
    said = run(root, place, name, limit, "photos", "--raw", raw, "--size", 64, "--out", tmp_path / "out")
    assert said.returncode == 2, said.stderr
    assert said.stderr == (
        f"prepare_data.py: --out {str(tmp_path / 'out')!r} could not be written (File too large): "
        "free space or name another folder\n"
    )
    assert [p.name for p in tmp_path.iterdir()] == ["raw"]


def test_unpacking(root, tmp_path):
    raw = draw_raw_photos(tmp_path / "raw", 2)
    with zipfile.ZipFile(tmp_path / "raw.zip", "w") as archive:
        for file in raw.rglob("*.png"):
            archive.write(file, file.relative_to(raw))
    said = run(
        *(root, "sketch2photo.data.raw_files", "unpack", 500),
        *("photos", "--raw", tmp_path / "raw.zip", "--out", tmp_path / "out"),
    )
    assert said.returncode == 2 and "could not be written (File too large)" in said.stderr
    assert "Traceback" not in said.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["raw", "raw.zip"]


def test_replacing_leaves_the_old_dataset(root, tmp_path):
    raw = draw_raw_photos(tmp_path / "raw", 12)
    options = ("photos", "--raw", raw, "--size", 64, "--out", tmp_path / "out")
    prepare(*options)
    draw_raw_photos(raw, 14)
    said = run(root, "sketch2photo.data.store", "write", 20_000, *options, "--overwrite")
    assert said.returncode == 2 and "could not be written" in said.stderr
    assert sum(open_dataset(tmp_path / "out").sizes.values()) == 24
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "raw"]


def test_exporting(root, tmp_path, pairs_folder):
    options = ("export", pairs_folder, "--npz", "--out", tmp_path / "npz")
    said = run(root, "sketch2photo.data.arrays", "export", 5_000, *options)
    assert said.returncode == 2 and "could not be written (File too large)" in said.stderr
    assert list(tmp_path.iterdir()) == []


def test_other_errors_of_the_writer_are_not_taken_for_a_full_disk(tmp_path, monkeypatch):
    def wrong(*_, **__):
        raise RuntimeError("something of ours is wrong")

    monkeypatch.setattr(tfds.core.GeneratorBasedBuilder, "download_and_prepare", wrong)
    with pytest.raises(RuntimeError, match="something of ours is wrong"):
        store.write(tmp_path, kind="drawings", size=32, categories=("a",), splits={"train": list})
