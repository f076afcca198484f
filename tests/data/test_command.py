"""The command itself: unknown things, what it imports, what a killed run leaves."""

import subprocess
import sys

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
