"""The scripts, on a small copy of the repository without requirements."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import cv2
import numpy as np
import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the scripts are for bash")

SHOW = "import os, sys; print(os.getcwd()); print(sys.prefix); print(sys.argv[1:])\n"


def run(
    script: Path, *arguments: str, cwd: Path, limit: float = 240, **environment: str
) -> subprocess.CompletedProcess[str]:
    inherited = {k: v for k, v in os.environ.items() if k not in ("PYTHON", "PYTHONPATH")}
    return subprocess.run(
        [str(script), *arguments],
        cwd=cwd,
        env=inherited | environment,
        capture_output=True,
        text=True,
        timeout=limit,
    )


@pytest.fixture
def copy(root: Path, tmp_path: Path) -> Path:
    """The scripts in a folder with spaces in its name, with nothing to install and an app that shows its arguments."""
    folder = tmp_path / "a folder with spaces"
    shutil.copytree(root / "scripts", folder / "scripts")
    for name in ("requirements.txt", "requirements-dev.txt", "constraints.txt"):
        (folder / name).write_text("# nothing\n")
    (folder / "app.py").write_text(SHOW)
    return folder


def test_app_is_set_up_once_and_runs_in_the_callers_folder(copy: Path, tmp_path: Path):
    elsewhere = tmp_path / "else where"
    elsewhere.mkdir()
    first = run(copy / "scripts/app", "--checkpoint", "my model", cwd=elsewhere, PYTHON=sys.executable)
    assert first.returncode == 0, first.stderr
    assert first.stdout.splitlines() == [str(elsewhere), str(copy / ".venv"), "['--checkpoint', 'my model']"]
    assert "installing requirements.txt" in first.stderr

    again = run(copy / "scripts/app", cwd=copy, PIP_NO_INDEX="1")
    assert again.returncode == 0
    assert again.stdout.splitlines()[0] == str(copy)
    assert again.stderr == ""  # nothing was installed

    # New requirements are installed, and what cannot be had is said in one sentence.
    (copy / "requirements.txt").write_text("a-package-that-is-nowhere==1.0\n")
    missing = run(copy / "scripts/app", cwd=copy, PIP_NO_INDEX="1", PIP_FIND_LINKS="")
    assert missing.returncode == 2
    assert missing.stderr.splitlines()[-1].startswith("scripts/app: the packages could not be installed (details: ")
    assert missing.stdout == ""

    offline = run(
        copy / "scripts/app",
        cwd=copy,
        PIP_CONFIG_FILE=os.devnull,
        PIP_INDEX_URL="http://127.0.0.1:9/simple",
        PIP_EXTRA_INDEX_URL="",
        PIP_FIND_LINKS="",
        PIP_RETRIES="1",
        NO_PROXY="*",
    )
    assert offline.returncode == 2
    assert "check the network connection, then start again" in offline.stderr.splitlines()[-1]


def test_a_python_that_is_too_old_is_named(copy: Path, tmp_path: Path):
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.1" && exit 0\nexit 1\n')
    old.chmod(0o755)
    asked = run(copy / "scripts/app", cwd=copy, PYTHON=str(old))
    assert asked.returncode == 2
    assert asked.stderr == f"scripts/app: PYTHON is '{old}', which is no Python 3.11 or newer: set it to one\n"

    # No other Python on the path.
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("bash", "env", "basename", "dirname", "cat", "cksum"):
        (tools / tool).symlink_to(str(shutil.which(tool)))
    old.rename(tools / "python3")
    found = run(copy / "scripts/app", cwd=copy, PATH=str(tools))
    assert found.returncode == 2
    assert found.stderr.startswith("scripts/app: Python 3.11 or newer is needed, and Python 3.9.1 was found: ")
    assert not (copy / ".venv").exists()


def test_a_python_without_ensurepip_is_said(copy: Path, tmp_path: Path):
    crippled = tmp_path / "python3"
    crippled.write_text(f'#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; esac\nexec "{sys.executable}" "$@"\n')
    crippled.chmod(0o755)
    result = run(copy / "scripts/test", cwd=copy, PYTHON=str(crippled))
    assert result.returncode == 2
    assert "ensurepip is missing" in result.stderr and "sudo apt install python3-venv" in result.stderr
    assert not (copy / ".venv").exists()


@pytest.fixture
def set_up(copy: Path) -> Path:
    """The same, with an environment in which nothing is left to install."""
    venv.create(copy / ".venv", symlinks=True)
    files = ["requirements.txt", "requirements-dev.txt", "constraints.txt"]
    content = b"".join((copy / name).read_bytes() for name in files)
    total = subprocess.run(["cksum"], input=content, capture_output=True, check=True).stdout
    (copy / ".venv/installed-dev").write_bytes(total)
    return copy


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ([], ["--numprocesses", "2", "--dist", "loadfile", "--quiet", "-m", "not slow"]),
        (["tests/test_images.py", "-x"], ["tests/test_images.py", "-x"]),
        (
            ["--all", "--durations=15"],
            ["--numprocesses", "2", "--dist", "loadfile", "--quiet", "--hypothesis-profile", "thorough"]
            + ["--durations=15"],
        ),
    ],
    ids=["quick", "some", "all"],
)
def test_tests_are_run_in_two_processes_or_as_asked(set_up: Path, given: list[str], asked: list[str]):
    (set_up / "pytest.py").write_text(SHOW)
    said = run(set_up / "scripts/test", *given, cwd=set_up)
    assert said.stdout.splitlines() == [str(set_up), str(set_up / ".venv"), str(asked)], said.stderr


def test_beam_is_tested_only_where_what_names_it_has_changed(set_up: Path):
    for name in ("sketch2photo/beam.py", "sketch2photo/other.py", "tests/data/test_beam.py"):
        (set_up / name).parent.mkdir(parents=True, exist_ok=True)
        (set_up / name).write_text("# Beam\n" if "beam" in name else "# nothing\n")
    naming = ["sketch2photo/beam.py", "tests/data/test_beam.py"]
    sums = subprocess.run(["sha256sum", *naming], cwd=set_up, capture_output=True, text=True, check=True).stdout
    (set_up / "tests/data/beam.sha256").write_text(sums)
    same = run(set_up / "scripts/test-beam", cwd=set_up)
    assert (same.returncode, same.stdout) == (
        0,
        "scripts/test-beam: nothing that names Beam has changed since its tests passed\n",
    )
    (set_up / "sketch2photo/other.py").write_text("import beam\n")
    changed = run(set_up / "scripts/test-beam", cwd=set_up, PIP_NO_INDEX="1")
    assert changed.returncode != 0 and changed.stdout == "", "it found something to install offline"
    assert (set_up / "tests/data/beam.sha256").read_text() == sums


def test_bench_lists_and_refuses(root: Path, copy: Path):
    shutil.copytree(root / "benchmarks", copy / "benchmarks")
    listed = run(copy / "scripts/bench", cwd=copy)
    assert listed.returncode == 2
    assert "gan_step" in listed.stdout and "naive_flax" not in listed.stdout
    unknown = run(copy / "scripts/bench", "nonsense", cwd=copy)
    assert unknown.returncode == 2
    assert unknown.stderr == "scripts/bench: there is no benchmark 'nonsense': run scripts/bench to list them\n"


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_released_model_is_made_and_made_further_by_one_command(root: Path, tmp_path: Path):
    """On six drawn pictures; the second call finds everything finished and releases again."""
    folder = tmp_path / "repository"
    folder.mkdir()
    for name in ("scripts", "sketch2photo"):
        shutil.copytree(root / name, folder / name)
    for name in ("train.py", "prepare_data.py"):
        shutil.copy(root / name, folder / name)
    for name in ("requirements.txt", "requirements-dev.txt", "constraints.txt"):
        (folder / name).write_text("# nothing\n")
    venv.create(folder / ".venv", system_site_packages=False, symlinks=True)
    here = sysconfig.get_paths()["purelib"]
    there = next((folder / ".venv/lib").glob("python3*/site-packages"))
    (there / "ours.pth").write_text(here + "\n")
    data = tmp_path / "data"
    rows = ["file,category,group,split,source,licence"]
    for i in range(8):
        name = f"photos/{'box' if i % 2 else 'teapot'}/{i}.png"
        (data / "studio" / name).parent.mkdir(parents=True, exist_ok=True)
        picture = np.full((160, 160, 3), 255, np.uint8)
        cv2.rectangle(picture, (40, 40), (100 + 3 * i, 120), (40, 40 + 20 * i, 200), -1)
        cv2.imwrite(str(data / "studio" / name), picture)
        rows.append(f"{name},{'box' if i % 2 else 'teapot'},g{i},{'val' if i > 5 else 'train'},ours,none")
    (data / "studio/manifest.csv").write_text("\n".join(rows) + "\n")
    options = {
        "S2P_GAN_OPTIONS": "--preset debug --steps 2 --batch-size 2",
        "S2P_CLASSIFIER_OPTIONS": "--preset debug --steps 2 --batch-size 2",
    }
    call = (folder / "scripts/train_studio", str(data), str(tmp_path / "work"), str(tmp_path / "model"))
    first = run(*call, cwd=tmp_path, limit=900, **options)
    assert first.returncode == 0, first.stdout + first.stderr
    assert "--near-kin: the data do not have coffee_cup, cup, mug\n" in first.stdout, "near kin of what is not there"
    assert sorted(p.name for p in (tmp_path / "model").iterdir()) == ["MODEL_CARD.md", "config.json", "weights.npz"]
    longer = {name: value.replace("--steps 2", "--steps 3") for name, value in options.items()}
    again = run(*call, cwd=tmp_path, limit=900, **longer)
    assert again.returncode == 0, again.stdout + again.stderr
    steps = (tmp_path / "work/gan/stats.jsonl").read_text().splitlines()
    assert len(steps) == 3, "the run was begun anew"

    refused = run(folder / "scripts/train_studio", str(tmp_path), str(tmp_path / "work"), cwd=tmp_path)
    assert refused.returncode == 2 and "has no studio/manifest.csv" in refused.stderr
