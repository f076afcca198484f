"""The command itself: help, unknown things, what it imports, what a killed run leaves."""

import signal
import subprocess
import sys
import time

from tests.data.raw_files import draw_raw_photos, prepare

LISTED = "import sys, prepare_data; prepare_data.main(sys.argv[1:]); print(*sorted(sys.modules), file=sys.stderr)"


def test_help_is_quick_and_names_everything(root):
    start = time.perf_counter()
    said = subprocess.run([sys.executable, "prepare_data.py", "--help"], cwd=root, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    assert said.returncode == 0
    for source in ("photos", "sketchy", "drawings", "merge"):
        assert source in said.stdout
    assert seconds < 5, "half a second on a quiet machine"


def test_help_imports_nothing_heavy(root):
    code = "import sys, prepare_data\ntry: prepare_data.main(['drawings', '--help'])\nexcept SystemExit: pass\n"
    code += "print(*sys.modules, file=sys.stderr)"
    said = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    modules = set(said.stderr.split())
    assert not modules & {"jax", "grain", "tensorflow_datasets", "cv2", "numpy"}
    assert "--rename" in said.stdout and "--val" in said.stdout


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


def test_a_killed_run_leaves_nothing(root, tmp_path):
    raw = draw_raw_photos(tmp_path / "raw", 100)
    command = [sys.executable, "prepare_data.py", "photos", "--raw", raw, "--out", tmp_path / "out", "--size", "512"]
    run = subprocess.Popen([*command, "--processes", "1"], cwd=root, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while not any(p.name.startswith(".out-draft") for p in tmp_path.iterdir()):
            assert run.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        run.send_signal(signal.SIGTERM)
        assert run.wait(60) == 143
    finally:
        run.kill()
    assert [p.name for p in tmp_path.iterdir()] == ["raw"]


def test_a_full_disk_is_one_sentence(tmp_path, refused, monkeypatch):
    from sketch2photo.data import dataset

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    raw = draw_raw_photos(tmp_path / "raw", 2)
    monkeypatch.setattr(dataset, "write", full)
    said = refused("photos", "--raw", raw, "--out", tmp_path / "out", "--size", "32")
    assert "could not be written (No space left on device): free space or name another folder" in said
    assert [p.name for p in tmp_path.iterdir()] == ["raw"]
