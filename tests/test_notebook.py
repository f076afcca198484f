"""The notebook, run from its first cell to its last with `TRY_OUT`, as a reader does who wants to see it work."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from sketch2photo import Studio
from tests.page.conftest import free_port

nbformat = pytest.importorskip("nbformat", reason="requirements-dev.txt has it")
nbclient = pytest.importorskip("nbclient", reason="requirements-dev.txt has it")

NAME = "notebooks/train_on_colab.ipynb"
LIMIT = 600
"""Seconds that a cell may take."""


@pytest.fixture
def notebook(root: Path):
    return nbformat.read(root / NAME, as_version=4)


def test_nothing_that_a_run_left_is_kept(notebook):
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.id for cell in code if cell.outputs or cell.execution_count] == []


def test_every_code_cell_is_explained_before_it(notebook):
    kinds = [cell.cell_type for cell in notebook.cells]
    assert [i for i, kind in enumerate(kinds) if kind == "code" and kinds[i - 1] != "markdown"] == []


def make_photos(folder: Path) -> None:
    """Forty filled shapes on white, half of each category."""
    rng = np.random.default_rng(0)
    for category in ("ball", "box"):
        (folder / category).mkdir(parents=True)
        for number in range(20):
            sheet = np.full((96, 96, 3), 255, np.uint8)
            (x, y), reach = rng.integers(40, 56, 2).tolist(), int(rng.integers(18, 34))
            colour = rng.integers(0, 200, 3).tolist()
            if category == "ball":
                cv2.circle(sheet, (x, y), reach, colour, -1)
            else:
                cv2.rectangle(sheet, (x - reach, y - reach), (x + reach, y + reach), colour, -1)
            cv2.imwrite(str(folder / category / f"{number}.png"), sheet)


@pytest.mark.slow
def test_photos_become_a_page(notebook, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    make_photos(tmp_path / "photos")
    given = {"PHOTOS": f'"{tmp_path / "photos"}"', "KEEP": f'"{tmp_path / "kept"}"', "TRY_OUT": "True"}
    (settings,) = (cell for cell in notebook.cells if cell.id == "settings")
    for name, value in given.items():
        (line,) = (line for line in settings.source.splitlines() if line.startswith(f"{name} = "))
        settings.source = settings.source.replace(line, f"{name} = {value}")
    # Datasets are made where the notebook works: a folder that shows the repository, and not the repository itself.
    home = tmp_path / "home"
    home.mkdir()
    for name in ("prepare_data.py", "train.py", "app.py", "sketch2photo", "checkpoints"):
        (home / name).symlink_to(root / name)
    monkeypatch.setenv("PYTHONPATH", str(root))
    monkeypatch.setenv("GRADIO_SERVER_PORT", str(free_port()))

    nbclient.NotebookClient(notebook, timeout=LIMIT, resources={"metadata": {"path": str(home)}}).execute()

    said = {
        cell.id: "".join(output.get("text", "") for output in cell.outputs)
        for cell in notebook.cells
        if cell.cell_type == "code"
    }
    assert "Device" in said["install"]
    assert "http://127.0.0.1" in said["page"], said
    assert sum(json.loads((home / "datasets/mine/report.json").read_text())["examples"].values()) == 40
    studio = Studio.load(tmp_path / "kept" / "model")
    assert studio.categories == ("ball", "box")
    sheet = np.full((96, 96), 255, np.uint8)
    cv2.circle(sheet, (48, 48), 30, 0, 2)
    prediction = studio.predict(sheet, category="ball")
    assert prediction.photo is not None and set(prediction.probabilities) == {"ball", "box"}
