"""Small datasets for the tests of `sketch2photo.data`."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sketch2photo.data import store
from tests.data.raw_files import draw_raw_photos, draw_sketch, prepare, write_picture, write_strokes, zigzag


@pytest.fixture
def refused(capsys: pytest.CaptureFixture) -> Callable[..., str]:
    """Run prepare_data.py with arguments it must refuse; returns the sentence it says."""

    def run(*arguments: object) -> str:
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            prepare(*arguments)
        assert left.value.code == 2
        said = capsys.readouterr().err.strip().splitlines()
        assert len(said) == 1, said
        assert said[0].startswith("prepare_data.py: ")
        return said[0]

    return run


@pytest.fixture(scope="session")
def pairs_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of 40 circles and 12 squares at 64 px."""
    raw = tmp_path_factory.mktemp("raw")
    draw_raw_photos(raw, 40, ("circle",))
    draw_raw_photos(raw, 12, ("square",))
    out = tmp_path_factory.mktemp("datasets") / "pairs"
    prepare("photos", "--raw", raw, "--out", out, "--size", 64)
    return out


@pytest.fixture(scope="session")
def pairs(pairs_folder: Path) -> store.Dataset:
    return store.open_dataset(pairs_folder)


@pytest.fixture(scope="session")
def drawings_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of drawings: circles as pictures, zigzags and stars as strokes."""
    raw = tmp_path_factory.mktemp("raw-drawings")
    for number in range(11):
        write_picture(raw / "circle" / f"{number}.png", draw_sketch("circle", number))
    write_strokes(raw / "zigzag.ndjson", "zigzag", [zigzag(n) for n in range(30)])
    write_strokes(raw / "star.ndjson", "star", [zigzag(1000 + n) for n in range(30)])
    out = tmp_path_factory.mktemp("datasets") / "drawings"
    prepare("drawings", "--raw", raw, "--out", out, "--size", 64)
    return out


@pytest.fixture(scope="session")
def drawings(drawings_folder: Path) -> store.Dataset:
    return store.open_dataset(drawings_folder)
