"""Further models: which there are, when they are opened and closed."""

import gc
import threading
import weakref
from pathlib import Path

import pytest

from sketch2photo.errors import CheckpointError, ConfigError
from sketch2photo.page import model_pool
from sketch2photo.page.model_pool import ModelPool
from sketch2photo.release import format
from tests import tiny
from tests.page.fake_studio import FakeStudio


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Three released models, and what else may lie beside them."""
    folder = tmp_path_factory.mktemp("checkpoints")
    for name in ("one", "two", "three"):
        format.write(tiny.model(), folder / name, "card")
    (folder / "notes").mkdir()
    (folder / "README.md").write_text("models")
    return folder


def named(path: Path) -> FakeStudio:
    studio = FakeStudio()
    studio.name = path.name
    return studio


def test_models_beside_one_are_found_and_broken_ones_named(folder, tmp_path):
    found, complaints = model_pool.beside(folder / "one")
    assert found == {"three": folder / "three", "two": folder / "two"} and complaints == []
    for name in ("good", "broken", "odd"):
        format.write(tiny.model(), tmp_path / name, "card")
    (tmp_path / "broken" / "weights.npz").write_bytes(b"cut off")
    (tmp_path / "odd" / "config.json").write_text("[]")
    found, complaints = model_pool.beside(tmp_path / "good")
    assert found == {} and len(complaints) == 2
    assert all("is broken" in complaint and "\n" not in complaint for complaint in complaints)


def test_outline_says_what_the_model_does(folder):
    outline, model = format.outline(folder / "two"), format.read(folder / "two")
    assert (outline.categories, outline.palette) == (model.categories, model.palette)
    assert outline.has_classifier
    assert 10_000 < outline.memory < 10_000_000
    with pytest.raises(CheckpointError, match="there is no folder"):
        format.outline(folder / "four")


def test_models_are_listed_without_opening_them(folder):
    pool = ModelPool(FakeStudio(), {"two": folder / "two"}, load=lambda path: pytest.fail("it was opened"))
    assert pool.names == ("fake", "two")
    assert pool.about()["name"] == "fake" and pool.about() == pool.about("fake")
    assert pool.about("two")["categories"] == list(tiny.CATEGORIES)
    assert pool.open().result(1) is pool.first and pool.open("fake").result(1) is pool.first
    with pytest.raises(ConfigError, match="unknown model 'tow': did you mean 'two'"):
        pool.open("tow")


def test_model_is_opened_once_for_all_who_ask(folder):
    go, loads, opened = threading.Event(), [], []

    def load(path: Path) -> FakeStudio:
        loads.append(path.name)
        assert go.wait(10)
        return named(path)

    pool = ModelPool(FakeStudio(), {"two": folder / "two"}, load=load, opened=opened.append)
    asked = [pool.open("two") for _ in range(5)]
    go.set()
    assert len({id(future.result(10)) for future in asked}) == 1
    assert pool.open("two").result(1) is asked[0].result() and loads == ["two"]
    assert opened == [asked[0].result()]


def test_least_used_model_is_closed_when_memory_is_short(folder):
    needed = format.outline(folder / "two").memory
    others = {name: folder / name for name in ("one", "two", "three")}
    pool = ModelPool(FakeStudio(), others, load=named, memory=2 * needed)
    first = weakref.ref(pool.open("one").result(10))
    pool.open("two").result(10)
    pool.open("one").result(10)
    pool.open("three").result(10)
    assert list(pool._open) == ["one", "three"]
    pool.open("two").result(10)
    assert list(pool._open) == ["three", "two"]
    gc.collect()
    assert first() is None
    assert pool.open("one").result(10).name == "one"


def test_model_that_cannot_be_opened_is_an_error_and_no_burden(folder):
    def fail(path: Path) -> FakeStudio:
        raise CheckpointError(f"{path.name} is broken")

    pool = ModelPool(FakeStudio(), {"two": folder / "two"}, load=fail)
    for _ in range(2):
        with pytest.raises(CheckpointError, match="two is broken"):
            pool.open("two").result(10)
    assert not pool._open
    small = ModelPool(FakeStudio(), {"two": folder / "two"}, load=named, memory=1000)
    with pytest.raises(CheckpointError, match=r"needs \d MB, and further models may take 0 MB: open"):
        small.open("two").result(10)
    assert model_pool.memory_for_models() <= 2**31


def test_real_models_are_freed_when_closed(folder):
    pool = ModelPool(FakeStudio(), {name: folder / name for name in ("one", "two")}, memory=1)
    pool._memory = format.outline(folder / "one").memory
    one = pool.open("one").result(120)
    assert one.predict_batch([tiny.drawing()])[0].photo is not None
    gone = weakref.ref(one)
    del one
    pool.open("two").result(120)
    gc.collect()
    assert gone() is None
