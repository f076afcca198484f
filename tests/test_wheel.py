"""The installed package, outside the repository: what its wheel holds, and that its commands work there."""

import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.page.conftest import free_port

pytest.importorskip("setuptools", minversion="77", reason="builds the wheel: requirements-dev.txt has it")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of what git would hand out, because setuptools keeps what it has built before."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=root, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    for name in listed.stdout.splitlines():
        if not name.startswith(("checkpoints/", "docs/")) and (root / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((root / name).read_bytes())
    build = ["wheel", "--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--wheel-dir", str(out), "."]
    subprocess.run([sys.executable, "-m", "pip", *build], cwd=source, check=True, timeout=300)
    (found,) = out.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """How to call `sketch2photo` as installed; beside it are the packages of this environment."""
    target = tmp_path_factory.mktemp("installed")
    install = ["install", "--no-deps", "--no-index", "--quiet", "--target", str(target), str(wheel)]
    subprocess.run([sys.executable, "-m", "pip", *install], check=True, timeout=300)
    return [sys.executable, "-c", _START.format(str(target)), str(target / "bin" / "sketch2photo")]


# The script that pip writes, with the folder of the package first; isolated from the working directory.
_START = (
    "import runpy, sys; sys.path[0] = {!r}; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
)


def test_the_wheel_holds_the_page_and_no_tests(wheel: Path, root: Path):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {"sketch2photo", names[-1].split("/")[0]}
    ours = [path for path in (root / "sketch2photo").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert {path.relative_to(root).as_posix() for path in ours} == {n for n in names if n.startswith("sketch2photo/")}
    assert {Path(name).suffix for name in names} >= {".js", ".css", ".py"}


def test_help_and_refusal(installed: list[str], tmp_path: Path):
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*installed, *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=120)

    assert run("--help").stdout.startswith("usage: sketch2photo COMMAND")
    for given in (["app"], ["predict", "x.png", "--out", "o"]):
        refused = run(*given)
        assert refused.returncode == 2 and refused.stdout == ""
        said = f"sketch2photo {given[0]}: the following arguments are required: --checkpoint: see "
        assert refused.stderr.startswith(said)


def test_a_drawing_is_painted_elsewhere(installed: list[str], root: Path, tmp_path: Path):
    sheet = np.full((256, 256), 255, np.uint8)
    cv2.ellipse(sheet, (128, 128), (80, 40), 0, 0, 360, 0, 3)
    cv2.imwrite(str(tmp_path / "drawing.png"), sheet)
    given = ["predict", "drawing.png", "--checkpoint", str(root / "checkpoints" / "studio"), "--out", "photos"]
    subprocess.run([*installed, *given], cwd=tmp_path, check=True, timeout=300)
    (row,) = json.loads((tmp_path / "photos" / "predictions.json").read_text())["predictions"]
    assert row["category"] and cv2.imread(str(tmp_path / "photos" / row["photo"])).shape == (512, 512, 3)


def test_the_page_opens_elsewhere(installed: list[str], root: Path, tmp_path: Path):
    port = free_port()
    given = ["app", "--checkpoint", str(root / "checkpoints" / "studio"), "--port", str(port), "--no-open"]
    environment = {**os.environ, "no_proxy": "127.0.0.1", "GRADIO_ANALYTICS_ENABLED": "False"}
    page = subprocess.Popen([*installed, *given], cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        address = f"http://127.0.0.1:{port}/"
        text = answer(page, address)
        main = re.search(r"js/[0-9a-f]{16}/main\.js", text)
        assert main and "<canvas" in answer(page, address + "config")
        for name in ("main", "words"):
            assert "export " in answer(page, address + main.group().replace("main", name))
    finally:
        page.terminate()
        page.communicate(timeout=60)


def answer(page: subprocess.Popen[str], address: str) -> str:
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        assert page.poll() is None, page.communicate()[1][-2000:]
        try:
            return urllib.request.urlopen(address, timeout=10).read().decode()
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.3)
    raise AssertionError("the page did not answer")
