"""Raw files as people have them: odd, broken and hostile ones. Each becomes an example or is told with its reason."""

import csv
import json
import os
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from sketch2photo.data import photos
from sketch2photo.data.example import Skipped, decode, settle
from sketch2photo.data.store import open_dataset
from tests.data.raw_files import draw_photo, draw_raw_photos, prepare, write_csv, write_picture

SMALL = ("--size", 64)


def outcome(raw, tmp_path):
    """The record of each file that was used, and the reason of each that was not."""
    prepare("photos", "--raw", raw, "--out", tmp_path / "out", *SMALL)
    dataset = open_dataset(tmp_path / "out")
    used = {record.file: record for split in dataset.sizes for record in dataset.records(split)}
    skipped = {s["file"]: s["reason"] for s in json.loads((tmp_path / "out" / "report.json").read_text())["skipped"]}
    return used, skipped


def close(record, expected, limit=6.0):
    expected = cv2.resize(expected, (64, 64), interpolation=cv2.INTER_AREA)
    return np.abs(decode(record.photo, 3).astype(int) - expected).mean() < limit


def bomb_png(side):
    """A PNG that says it is side x side, of a few bytes."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


def test_odd_pictures_are_read_as_they_look(tmp_path):
    photo = draw_photo("circle", 1)
    image, raw = Image.fromarray(photo), tmp_path / "raw" / "ball"
    raw.mkdir(parents=True)
    image.convert("CMYK").save(raw / "cmyk.jpg", quality=95)
    image.convert("P", palette=Image.Palette.ADAPTIVE, colors=64).save(raw / "palette.png")
    grey = np.asarray(image.convert("L")).astype(np.uint16) * 257
    Image.fromarray(grey).save(raw / "16 bit.png")
    cv2.imwrite(str(raw / "16 bit colour.png"), photo[..., ::-1].astype(np.uint16) * 257)
    image.save(raw / "animated.gif", save_all=True, append_images=[Image.fromarray(255 - photo)], duration=100)
    image.save(raw / "animated.webp", save_all=True, append_images=[Image.fromarray(255 - photo)], lossless=True)
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it a quarter clockwise
    image.transpose(Image.Transpose.ROTATE_90).save(raw / "turned.jpg", quality=95, exif=exif)
    image.save(raw / "with space é 猫.JPG", "JPEG", quality=95)
    image.save(raw / "LOUD.PNG", "PNG")
    used, skipped = outcome(tmp_path / "raw", tmp_path)
    assert skipped == {} and len(used) == 9
    for name in ("cmyk.jpg", "turned.jpg", "with space é 猫.JPG", "LOUD.PNG", "animated.webp", "16 bit colour.png"):
        assert close(used[f"ball/{name}"], photo, 9.0 if name == "cmyk.jpg" else 6.0), name
    assert close(used["ball/palette.png"], photo, 12.0) and close(used["ball/animated.gif"], photo, 12.0)
    assert close(used["ball/16 bit.png"], np.asarray(image.convert("L").convert("RGB")))


def test_broken_pictures_are_told(tmp_path):
    raw = tmp_path / "raw" / "ball"
    good = write_picture(raw / "good.png", draw_photo("circle", 1))
    write_picture(raw / "good2.jpg", draw_photo("circle", 2))
    jpeg = (raw / "good2.jpg").read_bytes()
    (raw / "truncated.jpg").write_bytes(jpeg[: len(jpeg) * 2 // 3])
    data = bytearray(good.read_bytes())
    data[-30] ^= 0xFF
    (raw / "wrong crc.png").write_bytes(data)
    (raw / "empty.png").write_bytes(b"")
    (raw / "text.jpg").write_text("no picture")
    (raw / "bomb.png").write_bytes(bomb_png(30_000))
    (raw / "long.png").write_bytes(bomb_png(12_000))
    write_picture(raw / "dot.png", np.full((4, 4, 3), 99, np.uint8))
    write_picture(raw / "white.png", np.full((64, 64, 3), 255, np.uint8))
    (raw / "gone.png").symlink_to(raw / "nothing.png")
    used, skipped = outcome(tmp_path / "raw", tmp_path)
    assert sorted(used) == ["ball/good.png", "ball/good2.jpg"]
    reasons = {name.removeprefix("ball/"): reason for name, reason in skipped.items()}
    assert len(reasons) == 9
    for name in ("truncated.jpg", "wrong crc.png", "empty.png", "text.jpg"):
        assert "cannot be read as a picture" in reasons[name], name
    assert "make it smaller than" in reasons["bomb.png"] and "make it smaller than" in reasons["long.png"]
    assert "at least 16 a side" in reasons["dot.png"]
    assert reasons["white.png"] and "no such file" in reasons["gone.png"]


def test_links_that_lead_round(tmp_path):
    raw = draw_raw_photos(tmp_path / "raw", 2)
    (raw / "circle" / "up").symlink_to(raw, target_is_directory=True)
    (raw / "circle" / "self").symlink_to(raw / "circle", target_is_directory=True)
    (raw / "back").symlink_to(raw, target_is_directory=True)
    (raw / "knot").symlink_to(raw / "knot")
    used, skipped = outcome(raw, tmp_path)
    assert sorted(used) == ["circle/000.png", "circle/001.png", "square/000.png", "square/001.png"]
    assert "a link to a folder that it is in" in set(skipped.values())


@pytest.mark.parametrize("what", ["file", "folder"])
def test_what_may_not_be_read(tmp_path, monkeypatch, what):
    raw = draw_raw_photos(tmp_path / "raw", 2)
    closed = raw / "circle" / "000.png" if what == "file" else raw / "circle"
    if os.geteuid():
        closed.chmod(0)
    else:  # root may read everything
        real_bytes, real_iterdir = Path.read_bytes, Path.iterdir

        def read_bytes(path):
            if path == closed:
                raise PermissionError(13, "Permission denied")
            return real_bytes(path)

        def iterdir(path):
            if path == closed:
                raise PermissionError(13, "Permission denied")
            return real_iterdir(path)

        monkeypatch.setattr(Path, "read_bytes", read_bytes)
        monkeypatch.setattr(Path, "iterdir", iterdir)
    try:
        used, skipped = outcome(raw, tmp_path)
    finally:
        if os.geteuid():
            closed.chmod(0o755)
    assert len(used) == (3 if what == "file" else 2)
    assert any("Permission denied" in reason for reason in skipped.values())


KINDS = ("good", "white", "truncated", "text", "empty", "other")


def write_kind(path, kind, seed):
    if kind in ("good", "truncated"):
        write_picture(path, draw_photo("circle", seed, side=48))
        if kind == "truncated":
            path.write_bytes(path.read_bytes()[:-200])
    elif kind == "white":
        write_picture(path, np.full((48, 48, 3), 255, np.uint8))
    elif kind == "other":
        path.with_suffix(".doc").write_text("notes")
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"" if kind == "empty" else b"text")


@given(st.lists(st.tuples(st.sampled_from(KINDS), st.sampled_from(["a", "b c", "é"])), max_size=8))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_file_is_used_or_told(tmp_path_factory, files):
    raw = tmp_path_factory.mktemp("property") / "raw"
    (raw / "kept").mkdir(parents=True)
    write_kind(raw / "kept" / "first.png", "good", 0)
    for number, (kind, folder) in enumerate(files, 1):
        (raw / folder).mkdir(exist_ok=True)
        write_kind(raw / folder / f"{number}.png", kind, number)
    items, skipped = photos.from_folders(raw)
    made = [photos.make_example(item, size=32, count=1) for item in items]
    used = [one.file for one in made if not isinstance(one, Skipped)]
    told = [one.file for one in [*skipped, *made] if isinstance(one, Skipped)]
    assert sorted(used + told) == sorted(p.relative_to(raw).as_posix() for p in raw.rglob("*") if p.is_file())
    assert len(used) == 1 + sum(kind == "good" for kind, _ in files)


class Placed:
    """An example as far as `splits` looks at it."""

    def __init__(self, group, split):
        self.group, self.split = group, split


GROUPS = st.lists(
    st.tuples(st.text(min_size=1, max_size=4), st.sampled_from(["", "", "train", "val", "test"])),
    min_size=1,
    max_size=30,
)


def settled(pairs):
    examples = [Placed(*pair) for pair in pairs]
    settle(examples)
    return {example.group: example.split for example in examples}


@given(GROUPS, st.randoms(use_true_random=False))
def test_splits_do_not_depend_on_the_order(pairs, random):
    mixed = list(pairs)
    random.shuffle(mixed)
    assert settled(pairs) == settled(mixed)
    assert all(split in ("train", "val", "test") for split in settled(pairs).values())


@given(st.lists(st.text(min_size=1, max_size=4), min_size=1, max_size=30), st.lists(st.text(min_size=5, max_size=8)))
def test_adding_pictures_moves_no_old_one(old, new):
    before = settled([("anchor-in-train", "train")] + [(group, "") for group in old])
    after = settled([("anchor-in-train", "train")] + [(group, "") for group in old + new])
    assert all(after[group] == split for group, split in before.items())


def test_the_dataset_does_not_depend_on_the_order_of_a_manifest(tmp_path):
    rows = []
    for number in range(12):
        write_picture(tmp_path / f"{number}.png", draw_photo("circle" if number % 2 else "square", number // 3))
        rows.append([f"{number}.png", "thing"])

    def made(order, name):
        manifest = write_csv(tmp_path / f"{name}.csv", ["file", "category"], [rows[i] for i in order])
        prepare("photos", "--manifest", manifest, "--out", tmp_path / name, "--size", 32)
        with (tmp_path / name / "manifest.csv").open(newline="") as lines:
            return sorted(tuple(row.items()) for row in csv.DictReader(lines))

    assert made(range(12), "one") == made(reversed(range(12)), "other")
