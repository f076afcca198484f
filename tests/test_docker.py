"""The image: what its Dockerfile promises, and that the files it copies are all that the page needs."""

import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.page.conftest import free_port

LIMIT = 120
"""Seconds that the page may take to open."""


@pytest.fixture(scope="module")
def instructions(root: Path) -> list[tuple[str, str]]:
    """Of the Dockerfile, in order: ("USER", "1000")."""
    text = (root / "Dockerfile").read_text()
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1]) for line in lines if line and not line.startswith("#")]


@pytest.fixture(scope="module")
def copied(instructions: list[tuple[str, str]]) -> list[str]:
    return [source for name, rest in instructions if name == "COPY" for source in rest.split()[:-1]]


def last(instructions: list[tuple[str, str]], wanted: str) -> str:
    return [rest for name, rest in instructions if name == wanted][-1]


def health_check(instructions: list[tuple[str, str]]) -> list[str]:
    return json.loads(last(instructions, "HEALTHCHECK").partition("CMD ")[2])


def test_the_linter_has_no_complaints(root: Path):
    hadolint = shutil.which("hadolint", path=Path(sys.executable).parent)
    if not hadolint:
        pytest.skip("hadolint is not installed: requirements-dev.txt has it")
    done = subprocess.run([hadolint, "Dockerfile"], cwd=root, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_page_has_no_rights_and_gets_signals(instructions: list[tuple[str, str]]):
    assert last(instructions, "USER") not in ("root", "0")
    assert [name for name, _ in instructions][-3:] == ["EXPOSE", "HEALTHCHECK", "CMD"]
    command = json.loads(last(instructions, "CMD"))  # as a list: no shell stands between Docker and the page
    port = last(instructions, "EXPOSE")
    assert command[command.index("--port") + 1] == port and f":{port}" in health_check(instructions)[-1]
    assert "0.0.0.0" in command


def test_code_is_copied_after_the_packages(instructions: list[tuple[str, str]]):
    install = next(i for i, (name, rest) in enumerate(instructions) if name == "RUN" and rest.startswith("pip "))
    before = [rest for name, rest in instructions[:install] if name == "COPY"]
    assert before == ["requirements.txt constraints.txt ./"]
    assert "-c constraints.txt" in instructions[install][1]


def test_the_builder_gets_what_is_copied_and_no_more(root: Path, copied: list[str]):
    lines = (root / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert [source for source in copied if not (root / source).exists()] == []
    assert rules[0] == "*" and rules[-1] == "**/__pycache__"
    assert sorted(rule.removeprefix("!") for rule in rules[1:-1]) == sorted(copied)


@pytest.mark.slow
def test_the_copied_files_open_the_page(
    root: Path, instructions: list[tuple[str, str]], copied: list[str], tmp_path: Path
):
    """By the image's own command and health check, on a free port of this machine."""
    for source in copied:
        (tmp_path / source).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (root / source).is_dir() else shutil.copy
        copy(root / source, tmp_path / source)
    port, inside = str(free_port()), last(instructions, "EXPOSE")

    def here(command: list[str]) -> list[str]:
        here = [word.replace(inside, port).replace("0.0.0.0", "127.0.0.1") for word in command[1:]]
        return [sys.executable, *here]

    page = subprocess.Popen(here(json.loads(last(instructions, "CMD"))), cwd=tmp_path, stdout=subprocess.DEVNULL)
    try:
        check, until = here(health_check(instructions)), time.monotonic() + LIMIT
        while subprocess.run(check, capture_output=True, timeout=60).returncode:
            assert page.poll() is None and time.monotonic() < until
            time.sleep(1)
        page.terminate()
        page.wait(60)
    finally:
        page.kill()
        page.wait(60)
    assert subprocess.run(check, capture_output=True, timeout=60).returncode  # it is the page that answered


@pytest.mark.network
@pytest.mark.slow
def test_the_image_builds(root: Path):
    if not shutil.which("docker") or subprocess.run(["docker", "info"], capture_output=True, timeout=60).returncode:
        pytest.skip("needs Docker")
    done = subprocess.run(["docker", "build", "--quiet", "."], cwd=root, capture_output=True, text=True, timeout=800)
    assert done.returncode == 0, done.stderr[-2000:]
