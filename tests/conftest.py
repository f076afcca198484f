"""What every test shares."""

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from sketch2photo import process  # noqa: E402

process.prepare()


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The real photos and sketches; tests that need them skip by name where they are absent."""
    folder = Path(os.environ.get("S2P_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("needs the real data: set S2P_DATA to its folder")
    return folder
