"""Examples made through Apache Beam; where it is not installed, only that this is said."""

import os
import pickle
import sys
from pathlib import Path

import pytest

from sketch2photo.data import beam
from sketch2photo.errors import DataError
from tests.data.raw_files import draw_photo, draw_raw_photos, prepare, write_picture
from tests.data.test_build import assert_same_dataset


@pytest.fixture
def installed() -> None:
    pytest.importorskip("apache_beam", reason='needs the extra "beam", in an environment of its own: see docs/data.md')


def test_without_the_extra(tmp_path, refused, monkeypatch):
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    raw = draw_raw_photos(tmp_path / "raw", 2)
    said = refused("photos", "--raw", raw, "--out", tmp_path / "out", "--beam", "--runner=DirectRunner")
    assert said.endswith(
        '--beam needs Apache Beam, which is not installed: in an environment of its own, pip install ".[beam]"'
    )
    assert [p.name for p in tmp_path.iterdir()] == ["raw"]


def test_workers_and_beam_contradict(tmp_path, refused):
    raw = draw_raw_photos(tmp_path / "raw", 2)
    said = refused("photos", "--raw", raw, "--out", tmp_path / "out", "--beam", "--runner=DirectRunner", "--workers", 2)
    assert "--workers is for this machine, --beam for its own workers: give one of them" in said


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    "options",
    ["--runner=DirectRunner", "--runner=DirectRunner --direct_running_mode=multi_processing --direct_num_workers=2"],
)
def test_the_same_records(tmp_path, options, root, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(root))  # the runner's processes have it from nowhere else here
    raw = draw_raw_photos(tmp_path / "raw", 40)
    (raw / "circle" / "000.png").write_bytes(b"broken")
    write_picture(raw / "square" / "copy.png", draw_photo("square", 1))
    prepare("photos", "--raw", raw, "--out", tmp_path / "one", "--size", 64, "--workers", 1)
    prepare("photos", "--raw", raw, "--out", tmp_path / "other", "--size", 64, "--beam", options)
    assert_same_dataset(tmp_path / "one", tmp_path / "other")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one", "other", "raw"]


@pytest.mark.usefixtures("installed")
def test_drawings_and_merged_datasets(tmp_path, drawings_folder):
    for name, options in (("one", ()), ("other", ("--beam", "--runner=DirectRunner"))):
        prepare("merge", drawings_folder, drawings_folder, "--out", tmp_path / name, *options)
    assert_same_dataset(tmp_path / "one", tmp_path / "other")


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ("--runner=Nowhere", "Unexpected pipeline runner: Nowhere"),
        ("--direct_num_workers=many", "invalid int value: 'many'"),
        ("--runner='Direct", "No closing quotation"),
    ],
)
def test_options_that_beam_does_not_take(tmp_path, refused, options, reason):
    raw = draw_raw_photos(tmp_path / "raw", 2)
    said = refused("photos", "--raw", raw, "--out", tmp_path / "out", "--beam", options)
    assert "is not understood" in said and reason in said
    assert [p.name for p in tmp_path.iterdir()] == ["raw"]


def number_of_digits(item: str) -> int:
    """Stands for what makes examples; leaves a trace of each call."""
    folder, text = item.split("|")
    (Path(folder) / f"{text}.{os.urandom(4).hex()}").touch()
    if text == "bad":
        raise DataError("'bad' is no number: give digits")
    return len(text)


@pytest.mark.usefixtures("installed")
def test_what_was_made_before_is_not_made_again(tmp_path):
    calls, folder = tmp_path / "calls", tmp_path / "lots"
    calls.mkdir(), folder.mkdir()
    items = [f"{calls}|{10**n}" for n in range(90)]
    # A killed run has handed on 40, and made one more lot; the first was cleared away.
    (folder / "000000064.made").write_bytes(pickle.dumps([len(i.split("|")[1]) for i in items[64:]]))
    made = list(beam.in_order(number_of_digits, items, 40, folder, "--runner=DirectRunner"))
    assert made == list(range(41, 91))
    assert len(list(calls.iterdir())) == 32, "the lot of which some had been handed on"
    assert list(folder.iterdir()) == []


@pytest.mark.usefixtures("installed")
def test_a_persons_mistake_stays_a_sentence(tmp_path):
    with pytest.raises(DataError, match="'bad' is no number: give digits"):
        list(beam.in_order(number_of_digits, [f"{tmp_path}|bad"], 0, tmp_path / "lots", "--runner=DirectRunner"))


@pytest.mark.usefixtures("installed")
def test_a_pipeline_that_fails(tmp_path):
    with pytest.raises(
        DataError, match=r"Apache Beam with --beam '--runner=DirectRunner' failed \(.*not enough values"
    ):
        list(beam.in_order(number_of_digits, ["nothing"], 0, tmp_path / "lots", "--runner=DirectRunner"))
