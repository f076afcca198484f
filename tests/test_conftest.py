"""The rules of conftest.py on what is skipped, and what it says of what is left out, on tests made for the purpose."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = """
import pytest

@pytest.mark.browser
def test_without_browser():
    pytest.skip("no Chromium here")

@pytest.mark.browser
@pytest.mark.skipif(True, reason="no Chromium here")
def test_decided_before():
    pass

@pytest.mark.network
def test_of_the_network():
    pass

@pytest.mark.slow
def test_slow():
    pytest.skip("something else is absent")

def test_other():
    pytest.skip("something else is absent")
"""


@pytest.fixture
def said(root: Path, tmp_path: Path):
    """What a run says over `TESTS` and a browser module that skips as a whole, line by line."""
    (tmp_path / "tests" / "browser").mkdir(parents=True)
    shutil.copy(root / "tests" / "conftest.py", tmp_path / "tests")
    shutil.copy(root / "pyproject.toml", tmp_path)
    (tmp_path / "tests" / "test_made_up.py").write_text(TESTS)
    whole = "import pytest\npytest.skip('no playwright here', allow_module_level=True)\n"
    (tmp_path / "tests" / "browser" / "test_whole.py").write_text(whole)

    def run(*arguments: str, **environment: str) -> list[str]:
        result = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
            cwd=tmp_path,
            env={k: v for k, v in os.environ.items() if k != "S2P_REQUIRE_BROWSER"}
            | {"PYTHONPATH": str(root)}
            | environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        return result.stdout.splitlines()

    return run


def counts(said: list[str]) -> dict[str, int]:
    """Numbers of tests by outcome."""
    return {name: int(n) for n, name in re.findall(r"(\d+) (\w+)", said[-1].split(" in ")[0])}


def test_browser_tests_may_be_skipped_unless_required(said):
    assert counts(said()) == {"skipped": 6}
    assert counts(said("--continue-on-collection-errors", S2P_REQUIRE_BROWSER="1")) == {
        "failed": 1,
        "errors": 2,  # one skipped before it began, and the module
        "skipped": 3,
    }


def test_the_network_is_used_only_when_asked_for(said):
    assert counts(said("-m", "network")) == {"passed": 1, "deselected": 4, "skipped": 1}


@pytest.mark.parametrize("processes", [(), ("-n", "2")], ids=["here", "two"])
def test_what_is_left_out_is_told(said, processes):
    lines = said("-m", "not slow", *processes)
    assert "  1 slow in tests/test_made_up.py" in lines
    assert "1 slow tests were left out: scripts/test --all runs them too" in lines
