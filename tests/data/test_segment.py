"""Objects cut out of their background, how good the masks are, and what moves with them."""

import json

import cv2
import numpy as np
import pytest

from experiments.segment import OUTLINES, by_hand, iou, synthetic
from sketch2photo.data import segment, store
from sketch2photo.data.example import decode
from tests.data.raw_files import prepare, write_picture


@pytest.mark.parametrize("number", range(5))
def test_auto_on_plain_grounds(number):
    photo, true = synthetic(number, plain=True)
    mask = segment.find_mask(photo, "auto")
    assert mask.shape == true.shape and set(np.unique(mask)) <= {0, 255}
    assert iou(mask, true) > 0.9


@pytest.mark.slow
def test_auto_beats_the_others_on_photos(real_data):
    cases = by_hand(real_data / "sketchy")
    assert len(cases) == 24
    mean = {m: np.mean([iou(segment.find_mask(p, m), t) for p, t in cases]) for m in segment.METHODS}
    assert mean["auto"] > max(mean["watershed"], mean["grabcut"], mean["none"])
    assert mean["auto"] > 0.75


def test_outlines_are_polygons_in_the_picture():
    outlines = json.loads(OUTLINES.read_text())
    assert len(outlines) == 24
    for polygons in outlines.values():
        for polygon in polygons:
            assert len(polygon) >= 6 and np.min(polygon) >= 0 and np.max(polygon) <= 255


def test_quality_tells_whole_objects_from_cut_ragged_and_tiny_ones():
    good = cv2.circle(np.zeros((200, 200), np.uint8), (100, 100), 60, 255, -1)
    assert segment.quality(good).score > 0.9
    cut = cv2.circle(np.zeros((200, 200), np.uint8), (100, 20), 90, 255, -1)
    assert segment.quality(cut).border < 0.8
    ragged = np.where(np.random.default_rng(0).random((200, 200)) < 0.7, good, 0).astype(np.uint8)
    assert segment.quality(ragged).smooth < 0.3
    tiny = cv2.circle(np.zeros((200, 200), np.uint8), (100, 100), 8, 255, -1)
    assert segment.quality(tiny).area < 0.3
    for empty in (0, 255):
        assert segment.quality(np.full((200, 200), empty, np.uint8)).score == 0


def test_one_transform_moves_photo_mask_and_sketch():
    mask = np.zeros((200, 200), np.uint8)
    cv2.rectangle(mask, (20, 110), (80, 180), 255, -1)
    placed = segment.placement(mask, 256)
    moved = placed.apply_to_mask(mask) > 127
    rows, columns = np.flatnonzero(moved.any(1)), np.flatnonzero(moved.any(0))
    assert len(rows) == pytest.approx(0.84 * 256, abs=3)
    assert rows[0] + rows[-1] == pytest.approx(255, abs=3) and columns[0] + columns[-1] == pytest.approx(255, abs=3)
    photo = placed.apply(np.stack([255 - mask] * 3, -1))
    sketch = placed.apply(255 - mask)
    assert iou(255 - photo[..., 0], moved * 255) > 0.98 and iou(255 - sketch, moved * 255) > 0.98


def test_photos_are_put_on_white_and_doubtful_masks_left_out(tmp_path):
    for number in range(6):
        photo, _ = synthetic(number, plain=True)
        write_picture(tmp_path / "raw" / "thing" / f"{number}.png", photo)
    cut_off = np.full((256, 256, 3), 235, np.uint8)
    cv2.circle(cut_off, (128, 20), 95, (40, 90, 160), -1)
    write_picture(tmp_path / "raw" / "thing" / "cut off.png", cut_off)
    prepare(
        *("photos", "--raw", tmp_path / "raw", "--out", tmp_path / "out", "--size", 128, "--renderings", 2),
        *("--segment", "auto", "--min-mask-quality", 0.7),
    )
    dataset = store.open_dataset(tmp_path / "out")
    [left_out] = json.loads((tmp_path / "out" / "report.json").read_text())["skipped"]
    assert (
        "touches the border" in left_out["reason"]
        and left_out["file"] == "thing/cut off.png"
        and "mask is doubtful" in left_out["reason"]
    )
    for record in dataset.records("train"):
        photo, mask = decode(record.photo, 3), decode(record.mask, 1)
        assert (photo[mask == 0].min(-1) > 200).mean() > 0.97
        assert iou(((photo.min(-1) < 245) * 255).astype(np.uint8), mask) > 0.85


def test_a_quality_without_a_method_is_refused(refused, tmp_path):
    write_picture(tmp_path / "raw" / "thing" / "0.png", synthetic(0, True)[0])
    said = refused("photos", "--raw", tmp_path / "raw", "--out", tmp_path / "out", "--min-mask-quality", 0.4)
    assert "give --segment auto as well" in said


def test_sketches_go_where_their_photo_goes():
    from sketch2photo.data.example import Example, encode_photo, encode_sketch

    photo, true = synthetic(3, plain=True)
    outline = cv2.morphologyEx(true, cv2.MORPH_GRADIENT, np.ones((5, 5), np.uint8))
    example = Example("a", "thing", [encode_sketch(255 - outline)], photo=encode_photo(photo))
    made = segment.example_cut_out(example, segment.Cut("auto", 0.2))
    assert not isinstance(made, segment.Skipped) and made.photo and made.mask
    mask = decode(made.mask, 1)
    edge = cv2.dilate(cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)), np.ones((9, 9), np.uint8))
    drawn = decode(made.sketches[0], 1) < 128
    assert (edge[drawn] > 0).mean() > 0.95


@pytest.mark.parametrize("channels", [1, 3])
def test_pairs_are_cut_out_and_stay_aligned(tmp_path, channels):
    for number in range(4):
        photo, true = synthetic(number, plain=True)
        outline = cv2.morphologyEx(true, cv2.MORPH_GRADIENT, np.ones((5, 5), np.uint8))
        given = np.stack([np.full_like(outline, 255), 255 - outline, 255 - outline], -1)  # red lines
        write_picture(tmp_path / "raw" / f"{number}.png", np.concatenate([given, photo], 1))
    options = ("--segment", "auto", "--input-channels", channels, "--size", 256)
    prepare("pairs", "--raw", tmp_path / "raw", "--out", tmp_path / "out", *options)
    dataset = store.open_dataset(tmp_path / "out")
    records = [record for split in dataset.sizes for record in dataset.records(split)]
    assert len(records) == 4 and dataset.input_channels == channels
    for record in records:
        photo, mask = decode(record.photo, 3), decode(record.mask, 1)
        assert (photo[mask == 0].min(-1) > 200).mean() > 0.97, "the ground is white"
        edge = cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
        near = cv2.dilate(edge, np.ones((9, 9), np.uint8)) > 0
        sketch = decode(record.sketches[0], channels)
        drawn = sketch < 128 if channels == 1 else sketch[..., 2] < 128
        assert drawn.any() and near[drawn].mean() > 0.95
        if channels == 3:
            assert sketch[drawn][:, 0].mean() > 200, "red is kept"
