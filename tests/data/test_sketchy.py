"""The Sketchy Database's layout."""

import csv
import json
import shutil

import numpy as np
import pytest

from sketch2photo.data import pairs, store
from sketch2photo.data.example import decode
from tests.data.raw_files import draw_photo, draw_sketch, prepare, write_picture
from tests.data.test_archives import pack

SMALL = ("--size", 64)


@pytest.fixture
def raw(tmp_path):
    """Cups and cars, 30 photos each with 2 sketches."""
    base = tmp_path / "sketchy" / "256x256"
    for category, shape in (("cup", "circle"), ("car_(sedan)", "square")):
        for number in range(30):
            write_picture(base / f"photo/tx_000000000000/{category}/n1_{number}.jpg", draw_photo(shape, number))
            for k in (1, 2):
                path = base / f"sketch/tx_000000000000/{category}/n1_{number}-{k}.png"
                write_picture(path, draw_sketch(shape, number + k))
    return tmp_path / "sketchy"


def test_photos_keep_their_human_sketches_and_are_split_by_photo(raw, tmp_path):
    prepare(
        *("sketchy", "--raw", raw, "--categories", "car_(sedan)", "--rename", "car_(sedan)=car"),
        *("--out", tmp_path / "out", *SMALL),
    )
    dataset = store.open_dataset(tmp_path / "out")
    assert dataset.kind == "pairs" and dataset.categories == ("car",)
    assert sum(dataset.sizes.values()) == 30 and dataset.sizes["val"] >= 1
    record = dataset.record("train", 0)
    assert len(record.sketches) == 2
    assert record.source == "sketchy" and "research use only" in record.licence
    assert record.group == record.file.replace(".jpg", "")


def test_all_categories_and_the_inner_folder(raw, tmp_path):
    prepare("sketchy", "--raw", raw / "256x256", "--out", tmp_path / "out", *SMALL)
    assert store.open_dataset(tmp_path / "out").categories == ("car_(sedan)", "cup")


def test_what_lacks_its_partner_is_listed(raw, tmp_path):
    photos, sketches = (raw / "256x256" / kind / "tx_000000000000" / "cup" for kind in ("photo", "sketch"))
    (photos / "n1_0.jpg").unlink()
    (sketches / "n1_1-1.png").unlink()
    (sketches / "n1_1-2.png").unlink()
    (photos / "n1_2.jpg").write_bytes(b"broken")
    (sketches / "n1_3-1.png").write_bytes(b"broken")
    prepare("sketchy", "--raw", raw, "--categories", "cup", "--out", tmp_path / "out", *SMALL)
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    skipped = {entry["file"]: entry["reason"] for entry in report["skipped"]}
    assert skipped.pop("cup/n1_0-1.png") == skipped.pop("cup/n1_0-2.png") == "sketch without its photo"
    assert skipped.pop("cup/n1_1.jpg") == "photo without a sketch"
    assert "cannot be read as a picture" in skipped.pop("cup/n1_2.jpg")
    assert skipped.pop("cup/n1_2-1.png") == skipped.pop("cup/n1_2-2.png") == "its photo cannot be used"
    assert "cannot be read as a picture" in skipped.pop("cup/n1_3-1.png")
    assert skipped == {}
    with (tmp_path / "out" / "manifest.csv").open() as lines:
        assert len(list(csv.DictReader(lines))) == 27


def test_bad_arguments(raw, tmp_path, refused):
    out = ("--out", tmp_path / "out")
    said = refused("sketchy", "--raw", raw, "--categories", "car", *out)
    assert "unknown category 'car'" in said and "choose one of car_(sedan), cup" in said
    assert "did you mean 'cup'?" in refused("sketchy", "--raw", raw, "--categories", "cap", *out)
    assert "category in --rename" in refused(
        "sketchy", "--raw", raw, "--categories", "cup", "--rename", "car_(sedan)=car", *out
    )
    assert "is not laid out as the Sketchy Database" in refused("sketchy", "--raw", raw / "256x256" / "photo", *out)
    for path in (raw / "256x256" / "sketch" / "tx_000000000000" / "cup").iterdir():
        path.unlink()
    assert "has no photo with sketches of cup" in refused("sketchy", "--raw", raw, "--categories", "cup", *out)
    assert not (tmp_path / "out").exists()


@pytest.fixture
def renderings(tmp_path):
    """Three cups of which there are all renderings of the sketches; in each the line is in a row of its own."""
    base = tmp_path / "renderings" / "256x256"
    for number in range(3):
        for place, rendering in enumerate(pairs.RENDERINGS):
            sheet = np.full((96, 96), 255, np.uint8)
            sheet[10 + 12 * place : 13 + 12 * place, 10:80] = 0
            write_picture(base / f"sketch/{rendering}/cup/n1_{number}-1.png", sheet)
        for rendering, seed in (("tx_000000000000", 0), ("tx_000100000000", 50)):
            write_picture(base / f"photo/{rendering}/cup/n1_{number}.jpg", draw_photo("circle", seed + number))
    return tmp_path / "renderings"


def row_of(folder):
    """Where the line is in the first record, in pixels of the raw sketch, and its photo."""
    record = store.open_dataset(folder).record("train", 0)
    rows = np.flatnonzero((decode(record.sketches[0], 1) < 128).any(1))
    return int(rows.mean()), decode(record.photo, 3), int(record.file[-5])


@pytest.mark.parametrize("form", ["folder", "zip", "7z", "tar.gz"])
@pytest.mark.parametrize("rendering", ["", *pairs.RENDERINGS])
def test_every_rendering_from_folder_and_archive(renderings, tmp_path, rendering, form):
    raw = renderings if form == "folder" else pack(tmp_path / f"rendered_256x256.{form}", renderings)
    options = ("--rendering", rendering) if rendering else ()
    prepare("sketchy", "--raw", raw, "--out", tmp_path / "out", "--size", 96, "--workers", 1, *options)
    row, photo, number = row_of(tmp_path / "out")
    chosen = rendering or "tx_000000001110"  # fitted to the object's box
    assert row == 11 + 12 * pairs.RENDERINGS.index(chosen)
    alone = chosen == "tx_000100000000"  # which has photos of its own
    assert np.abs(photo.astype(int) - draw_photo("circle", 50 * alone + number)).mean() < 6


def test_a_rendering_that_is_not_there(renderings, tmp_path, refused):
    shutil.rmtree(renderings / "256x256/sketch/tx_000000001010")
    for raw in (renderings, pack(tmp_path / "sketches.zip", renderings)):
        said = refused("sketchy", "--raw", raw, "--out", tmp_path / "out", "--rendering", "tx_000000001010")
        assert "there is no rendering tx_000000001010: choose one of tx_000000000000, tx_000000000010" in said
    assert not (tmp_path / "out").exists()


def test_the_real_sketchy(real_data, tmp_path):
    names = ("car_(sedan)", "strawberry", "teapot", "teddy_bear")
    prepare("sketchy", "--raw", real_data / "sketchy", "--categories", *names, "--out", tmp_path / "out", *SMALL)
    dataset = store.open_dataset(tmp_path / "out")
    assert dataset.categories == names
    assert all(len(record.sketches) >= 1 for record in dataset.records("train"))
