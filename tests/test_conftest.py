"""The rules on skipping in conftest.py, on tests made for the purpose."""

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

def test_other():
    pytest.skip("something else is absent")
"""


@pytest.fixture
def outcomes(root: Path, tmp_path: Path):
    """Counts by outcome of a run over `TESTS` and a browser module that skips as a whole."""
    (tmp_path / "tests" / "browser").mkdir(parents=True)
    shutil.copy(root / "tests" / "conftest.py", tmp_path / "tests")
    shutil.copy(root / "pyproject.toml", tmp_path)
    (tmp_path / "tests" / "test_made_up.py").write_text(TESTS)
    whole = "import pytest\npytest.skip('no playwright here', allow_module_level=True)\n"
    (tmp_path / "tests" / "browser" / "test_whole.py").write_text(whole)

    def run(*arguments: str, **environment: str) -> dict[str, int]:
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
        last = result.stdout.splitlines()[-1]
        return {name: int(n) for n, name in re.findall(r"(\d+) (\w+)", last.split(" in ")[0])}

    return run


def test_browser_tests_may_be_skipped_unless_required(outcomes):
    assert outcomes() == {"skipped": 5}
    assert outcomes("--continue-on-collection-errors", S2P_REQUIRE_BROWSER="1") == {
        "failed": 1,
        "errors": 2,  # one skipped before it began, and the module
        "skipped": 2,
    }


def test_the_network_is_used_only_when_asked_for(outcomes):
    assert outcomes("-m", "network") == {"passed": 1, "deselected": 3, "skipped": 1}
