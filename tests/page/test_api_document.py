"""docs/api.md is right: its examples are run, as they stand, against the page in a child process."""

import contextlib
import io
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from tests.page.fake_studio import CATEGORIES

WRITTEN = "http://127.0.0.1:7860"


def blocks(root: Path, kind: str, served_page: str) -> list[str]:
    text = (root / "docs" / "api.md").read_text(encoding="utf-8")
    found = re.findall(rf"```{kind}\n(.*?)```", text, re.S)
    assert found
    return [block.replace(WRITTEN, served_page.rstrip("/")) for block in found]


@pytest.fixture
def folder(tmp_path, monkeypatch, png, circle) -> Path:
    """A folder with sketch.png, in which the examples run."""
    (tmp_path / "sketch.png").write_bytes(png(circle(300)))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "downloads"))
    return tmp_path


def test_python_examples(root, served_page, folder):
    outputs = []
    for block in blocks(root, "python", served_page):
        with contextlib.redirect_stdout(io.StringIO()) as out:
            exec(compile(block, "docs/api.md", "exec"), {})
        outputs.append(out.getvalue().strip().splitlines())
    (path, likeliest), painted = outputs[0][-2:], outputs[1][-12:]
    assert Image.open(path).size == (128, 128)
    assert likeliest in CATEGORIES
    for line, category in zip(painted, CATEGORIES, strict=True):
        photo, caption, colour, status = line.rsplit(" ", 3)
        assert Image.open(photo).size == (128, 128)
        assert caption == category and re.fullmatch("#[0-9a-f]{6}", colour) and status == "ok"


@pytest.mark.skipif(not shutil.which("curl") or not shutil.which("bash"), reason="needs curl and bash")
def test_shell_examples(root, served_page, folder):
    _, predict, categories = blocks(root, "bash", served_page)

    def run(block: str) -> str:
        result = subprocess.run(["bash", "-eu", "-c", block], capture_output=True, text=True, timeout=120)
        assert result.returncode == 0, result.stderr
        return result.stdout

    assert "event: complete" in run(predict)
    assert Image.open(folder / "photo.png").size == (128, 128)
    answer = run(categories)
    assert "event: complete" in answer and all(f'"{name}"' in answer for name in CATEGORIES)
