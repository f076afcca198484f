"""What a report says and shows, and what is left out for being too near to validation."""

import hashlib
import json
import re

import cv2
import numpy as np

from sketch2photo.data import store
from tests.data.raw_files import draw_photo, prepare, write_csv, write_picture


def test_the_page_shows_everything_and_needs_nothing_else(tmp_path):
    for number in range(8):
        write_picture(tmp_path / "raw" / "circle & co" / f"{number}.png", draw_photo("circle", number))
    write_picture(tmp_path / "raw" / "circle & co" / "blank <b>.png", np.full((96, 96, 3), 255, np.uint8))
    (tmp_path / "raw" / "circle & co" / "broken.jpg").write_bytes(b"no picture")
    prepare("photos", "--raw", tmp_path / "raw", "--out", tmp_path / "out", "--size", 64)
    page = (tmp_path / "out" / "report.html").read_text()
    assert not re.search(r"(src|href)=.(?!data:)", page), "nothing is fetched"
    for text in (
        "circle &amp; co",
        "overlay",
        "Class balance",
        "Colours",
        "Left out: 2",
        "broken.jpg",
        "canny",
        "hand",
    ):
        assert text in page, text
    assert "blank &lt;b&gt;.png" in page and "<b>" not in page
    assert page.count("data:image/jpeg") > 8 * 3
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    [warning] = report["warnings"]
    assert "only 8 photos" in warning and warning.split(":")[0] in page.replace("&amp;", "&")


def test_checksums_are_those_of_the_files(pairs_folder):
    lines = (pairs_folder / "checksums.sha256").read_text().splitlines()
    assert len(lines) == len(list(pairs_folder.iterdir())) - 1
    for line in lines:
        checksum, name = line.split("  ")
        assert hashlib.sha256((pairs_folder / name).read_bytes()).hexdigest() == checksum


def test_a_training_photo_like_a_validation_photo_is_left_out_and_named(tmp_path):
    rows = []
    for number in range(6):
        photo = draw_photo("square", number, 128)
        write_picture(tmp_path / f"{number}.png", photo)
        rows.append([f"{number}.png", "square", f"g{number}", "val" if number == 0 else "train"])
    again = cv2.resize(draw_photo("square", 0, 128)[:, ::-1], (120, 120), interpolation=cv2.INTER_AREA)
    write_picture(tmp_path / "again.png", again)
    rows.append(["again.png", "square", "other", "train"])
    manifest = write_csv(tmp_path / "manifest.csv", ["file", "category", "group", "split"], rows)
    prepare("photos", "--manifest", manifest, "--out", tmp_path / "out", "--size", 96, "--renderings", 1)
    dataset = store.open_dataset(tmp_path / "out")
    assert dataset.sizes == {"train": 5, "val": 1}
    [left_out] = json.loads((tmp_path / "out" / "report.json").read_text())["skipped"]
    assert left_out == {"file": "again.png", "reason": "nearly the same as 0.png, which is in val"}


def test_people_and_simulation_are_told_apart_and_masks_lie_on_the_object(pairs, drawings):
    record = pairs.record("train", 0)
    assert record.styles == ["canny", "silhouette", "contour", "hand", "mouse", "loose", "xdog"][: len(record.styles)]
    assert record.mask is not None
    assert drawings.record("train", 0).styles == ["human"]
