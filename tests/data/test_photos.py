"""Photos by category into a dataset: what is kept, what is left out, what is refused."""

import csv
import json
import shutil
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from sketch2photo.data import store
from sketch2photo.data.example import decode
from tests.data.raw_files import draw_photo, draw_raw_photos, prepare, write_csv, write_picture

SMALL = ("--size", 64, "--renderings", 2)


def report_of(folder: Path) -> dict:
    return json.loads((folder / "report.json").read_text())


def png_header(width: int, height: int) -> bytes:
    """The beginning of a PNG file of that size; a reader that decodes before it looks at the size notices none."""
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    header = struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return b"\x89PNG\r\n\x1a\n" + header + struct.pack(">I", 1000) + b"IDAT"


def splits_of(folder: Path) -> dict[str, str]:
    with (folder / "manifest.csv").open() as lines:
        return {row["file"]: row["split"] for row in csv.DictReader(lines)}


def skipped_in(folder: Path) -> dict[str, str]:
    return {entry["file"]: entry["reason"] for entry in report_of(folder)["skipped"]}


def test_tensorflow_datasets_reads_the_folder_without_our_code(pairs_folder):
    import tensorflow_datasets as tfds

    source = tfds.builder_from_directory(str(pairs_folder)).as_data_source("train")
    example = source[0]
    assert {"photo", "sketches", "label", "group", "source", "licence"} <= set(example)
    assert example["photo"].shape == (64, 64, 3)
    assert len(example["sketches"]) == 7
    assert all(sketch.shape == (64, 64, 1) and sketch.dtype == np.uint8 for sketch in example["sketches"])
    assert source.dataset_info.features["label"].names == ["circle", "square"]


def test_every_photo_is_in_one_split_and_counted(pairs_folder, pairs):
    report = report_of(pairs_folder)
    assert report["kind"] == "pairs"
    assert sum(report["examples"].values()) == 52
    assert report["examples"] == pairs.sizes
    assert sum(report["categories"]["square"].values()) == 12
    assert report["settings"]["renderings"] == 7
    assert set(report["palette"]) == {"circle", "square"}
    assert report["skipped"] == []


def test_the_contact_sheet_shows_every_category(pairs_folder):
    sheet = cv2.imread(str(pairs_folder / "contact_sheet.png"))
    assert sheet is not None
    rows = np.array_split(sheet, 2)
    assert all((row < 100).any() for row in rows)


def test_the_stored_photo_is_the_raw_one(tmp_path):
    photo = draw_photo("circle", 1, 64)
    write_picture(tmp_path / "raw" / "circle" / "a.png", photo)
    prepare("photos", "--raw", tmp_path / "raw", "--out", tmp_path / "out", *SMALL)
    stored = store.open_dataset(tmp_path / "out").record("train", 0).photo
    assert stored is not None
    difference = np.abs(decode(stored, 3).astype(int) - photo)
    assert difference.mean() < 1.0


def test_common_formats_orientation_and_transparency(tmp_path):
    folder = tmp_path / "raw" / "circle"
    folder.mkdir(parents=True)
    photo = Image.fromarray(draw_photo("circle", 3, 80))
    for suffix in ("jpg", "png", "webp", "bmp", "gif", "tif"):
        photo.save(folder / f"a.{suffix}")
    photo.convert("CMYK").save(folder / "cmyk.jpg")
    photo.convert("L").save(folder / "grey.png")
    clear = photo.convert("RGBA")
    clear.putalpha(Image.fromarray(np.where(np.indices((80, 80))[1] < 40, 0, 255).astype(np.uint8)))
    clear.save(folder / "clear.png")
    wide = Image.new("RGB", (120, 40), (200, 30, 30))
    turned = wide.getexif()
    turned[0x0112] = 6
    wide.save(folder / "turned.jpg", exif=turned)
    prepare("photos", "--raw", tmp_path / "raw", "--out", tmp_path / "out", *SMALL)
    dataset = store.open_dataset(tmp_path / "out")
    records = {r.file: r for split in dataset.sizes for r in dataset.records(split)}
    assert len(records) == 10
    assert decode(records["circle/clear.png"].photo, 3)[:, :30].min() > 250
    upright = decode(records["circle/turned.jpg"].photo, 3)
    assert upright[32, 2].min() > 240, "a picture turned by its EXIF data is padded left and right"
    assert upright[2, 32, 0] > 150 and upright[2, 32, 1] < 80


def test_a_wide_photo_is_padded_on_white(tmp_path):
    write_picture(tmp_path / "raw" / "circle" / "a.png", np.full((40, 120, 3), 90, np.uint8))
    prepare("photos", "--raw", tmp_path / "raw", "--out", tmp_path / "out", *SMALL)
    photo = decode(store.open_dataset(tmp_path / "out").record("train", 0).photo, 3)
    assert photo[:15].min() > 240 and photo[-15:].min() > 240
    assert abs(int(photo[32, 32, 0]) - 90) < 4


def test_what_cannot_be_used_is_listed_and_the_rest_goes_on(tmp_path):
    raw = draw_raw_photos(tmp_path / "raw", 4, ("circle",))
    whole = (raw / "circle" / "000.png").read_bytes()
    (raw / "circle" / "truncated.png").write_bytes(whole[: len(whole) // 2])
    (raw / "circle" / "corrupt.jpg").write_bytes(b"no picture at all")
    (raw / "circle" / "empty.jpg").write_bytes(b"")
    (raw / "circle" / "notes.txt").write_text("hello")
    Image.new("RGB", (1, 1)).save(raw / "circle" / "tiny.png")
    (raw / "circle" / "huge.png").write_bytes(png_header(20000, 20000))
    (raw / "circle" / ".hidden").write_text("")
    Image.new("RGB", (32, 32), "white").save(raw / "circle" / "blank.png")
    Image.new("RGB", (32, 32)).save(raw / "loose.png")
    prepare("photos", "--raw", raw, "--out", tmp_path / "out", *SMALL)
    skipped = skipped_in(tmp_path / "out")
    assert set(skipped) == {f"circle/{name}" for name in ("truncated.png", "corrupt.jpg", "empty.jpg", "notes.txt")} | {
        "circle/tiny.png",
        "circle/huge.png",
        "circle/blank.png",
        "loose.png",
    }
    assert "at least 16 a side" in skipped["circle/tiny.png"]
    assert "400,000,000 pixels" in skipped["circle/huge.png"]
    assert "cannot be read as a picture" in skipped["circle/corrupt.jpg"]
    assert "truncated" in skipped["circle/truncated.png"].lower()
    assert "nothing in it to draw" in skipped["circle/blank.png"]
    assert skipped["loose.png"] == "not in a category folder"
    assert sum(report_of(tmp_path / "out")["examples"].values()) == 4


def test_nested_category_folders(tmp_path):
    draw_raw_photos(tmp_path / "raw" / "photos", 2)
    write_picture(tmp_path / "raw" / "triangle" / "green" / "a.png", draw_photo("triangle", 1))
    write_picture(tmp_path / "raw" / "triangle" / "b.png", draw_photo("triangle", 2))
    prepare("photos", "--raw", tmp_path / "raw", "--out", tmp_path / "out", *SMALL)
    counts = {name: sum(n.values()) for name, n in report_of(tmp_path / "out")["categories"].items()}
    assert counts == {"circle": 2, "square": 2, "triangle": 2}


def test_adding_photos_moves_no_old_one(tmp_path):
    raw = draw_raw_photos(tmp_path / "raw", 14)
    prepare("photos", "--raw", raw, "--out", tmp_path / "before", *SMALL)
    draw_raw_photos(raw, 20, ("circle", "triangle"))
    prepare("photos", "--raw", raw, "--out", tmp_path / "after", *SMALL)
    before, after = splits_of(tmp_path / "before"), splits_of(tmp_path / "after")
    assert set(before.values()) == {"train", "val"}
    assert len(after) > len(before)
    assert {file: after[file] for file in before} == before


def test_rebuilding_keeps_the_split_even_where_a_new_copy_would_change_it(tmp_path):
    raw = draw_raw_photos(tmp_path / "raw", 14)
    out = tmp_path / "out"
    prepare("photos", "--raw", raw, "--out", out, *SMALL)
    before = splits_of(out)
    # A recompressed copy of every photo: half of the groups are named after the copy from now on.
    for path in sorted(raw.rglob("*.png")):
        Image.open(path).save(path.with_suffix(".jpg"), quality=80)
    prepare("photos", "--raw", raw, "--out", out, "--overwrite", *SMALL)
    after = splits_of(out)
    assert len(after) == 2 * len(before)
    assert {file: after[file] for file in before} == before
    for file in before:
        assert after[file.replace(".png", ".jpg")] == after[file]


def test_a_picture_in_two_categories_is_remarked(tmp_path):
    for number in range(3):
        write_picture(tmp_path / "raw" / "ball" / f"{number}.png", draw_photo("circle", number))
    (tmp_path / "raw" / "moon").mkdir()
    shutil.copy(tmp_path / "raw" / "ball" / "1.png", tmp_path / "raw" / "moon" / "m.png")
    prepare("photos", "--raw", tmp_path / "raw", "--out", tmp_path / "out", *SMALL)
    remarks = json.loads((tmp_path / "out" / "report.json").read_text())["remarks"]
    told = "moon/m.png (moon) is the same picture as ball/1.png (ball): leave one of them out"
    assert [remark for remark in remarks if "same picture" in remark] == [told]


def test_near_duplicates_share_a_group(tmp_path):
    photo = draw_photo("circle", 5, 200)
    folder = tmp_path / "raw" / "circle"
    write_picture(folder / "original.png", photo)
    write_picture(folder / "copy.png", photo)
    write_picture(folder / "small.png", cv2.resize(photo, (90, 90), interpolation=cv2.INTER_AREA))
    write_picture(folder / "mirrored.png", photo[:, ::-1])
    write_picture(folder / "moved.png", np.roll(photo, 9, 1))
    Image.fromarray(photo).save(folder / "compressed.jpg", quality=40)
    write_picture(folder / "another.png", draw_photo("circle", 6, 200))
    prepare("photos", "--raw", tmp_path / "raw", "--out", tmp_path / "out", *SMALL)
    with (tmp_path / "out" / "manifest.csv").open() as lines:
        groups = {Path(row["file"]).stem: row["group"] for row in csv.DictReader(lines)}
    another = groups.pop("another")
    assert len(set(groups.values())) == 1
    assert another not in groups.values()


def test_a_manifest_decides(tmp_path):
    for number in range(6):
        write_picture(tmp_path / "files" / f"{number}.png", draw_photo("circle", number))
    rows = [
        ["files/0.png", "ball", "g0", "train", "shop", "CC0", "x"],
        ["files/1.png", "ball", "g1", "val", "shop", "CC0", "x"],
        ["files/2.png", "ball", "g2", "test", "museum", "", "x"],
        ["files/3.png", "disc", "g3", "train", "", "", "x"],
        ["files/4.png", "disc", "g0", "", "", "", "x"],
        ["files/missing.png", "disc", "g5", "train", "", "", "x"],
    ]
    columns = ["file", "category", "group", "split", "source", "licence", "native_px"]
    manifest = write_csv(tmp_path / "manifest.csv", columns, rows)
    prepare("photos", "--manifest", manifest, "--out", tmp_path / "out", *SMALL)
    assert splits_of(tmp_path / "out") == {
        "files/0.png": "train",
        "files/1.png": "val",
        "files/2.png": "test",
        "files/3.png": "train",
        "files/4.png": "train",
    }
    assert skipped_in(tmp_path / "out") == {"files/missing.png": "no such file"}
    dataset = store.open_dataset(tmp_path / "out")
    assert dataset.categories == ("ball", "disc")
    test = dataset.record("test", 0)
    assert (test.group, test.source, test.licence, test.file) == ("g2", "museum", "", "files/2.png")


def test_a_group_in_two_splits_goes_to_the_stricter(tmp_path):
    for number in range(3):
        write_picture(tmp_path / f"{number}.png", draw_photo("circle", number))
    rows = [["0.png", "ball", "g", "train"], ["1.png", "ball", "g", "val"], ["2.png", "ball", "h", "train"]]
    manifest = write_csv(tmp_path / "m.csv", ["file", "category", "group", "split"], rows)
    prepare("photos", "--manifest", manifest, "--out", tmp_path / "out", *SMALL)
    assert splits_of(tmp_path / "out") == {"0.png": "val", "1.png": "val", "2.png": "train"}
    assert report_of(tmp_path / "out")["remarks"] == ["group g was in train and val: all of it is in val now"]


def test_few_photos_all_go_to_train(tmp_path):
    # Photo 12 alone would be hashed into val.
    for number in range(40):
        raw = tmp_path / f"raw{number}"
        write_picture(raw / "circle" / "a.png", draw_photo("circle", number))
        prepare("photos", "--raw", raw, "--out", tmp_path / f"out{number}", "--size", 32, "--renderings", 1)
        report = report_of(tmp_path / f"out{number}")
        assert report["examples"] == {"train": 1}
        if report["remarks"]:
            assert "too few groups" in report["remarks"][0]
            return
    raise AssertionError("none of 40 photos was hashed into val")


def test_the_same_input_gives_the_same_dataset(tmp_path):
    raw = draw_raw_photos(tmp_path / "raw", 3)
    records = []
    for name in ("a", "b"):
        prepare("photos", "--raw", raw, "--out", tmp_path / name, "--size", 64)
        dataset = store.open_dataset(tmp_path / name)
        records.append([(r.photo, r.sketches) for split in dataset.sizes for r in dataset.records(split)])
    assert records[0] == records[1]


def test_no_such_folder(tmp_path, refused):
    said = refused("photos", "--raw", tmp_path / "nowhere", "--out", tmp_path / "out")
    assert "nowhere" in said and "does not exist: give an existing folder" in said
    assert not (tmp_path / "out").exists()


def test_an_empty_folder(tmp_path, refused):
    (tmp_path / "raw").mkdir()
    said = refused("photos", "--raw", tmp_path / "raw", "--out", tmp_path / "out")
    assert "must hold a folder of pictures for each category, but has none" in said


def test_pictures_without_category_folders(tmp_path, refused):
    write_picture(tmp_path / "raw" / "a.png", draw_photo("circle", 1))
    assert "1 pictures outside of one" in refused("photos", "--raw", tmp_path / "raw", "--out", tmp_path / "out")


def test_nothing_usable_leaves_nothing_behind(tmp_path, refused):
    (tmp_path / "raw" / "circle").mkdir(parents=True)
    (tmp_path / "raw" / "circle" / "a.jpg").write_bytes(b"nonsense")
    said = refused("photos", "--raw", tmp_path / "raw", "--out", tmp_path / "out")
    assert "none of the 1 files could be used" in said and "circle/a.jpg" in said
    assert sorted(p.name for p in tmp_path.iterdir()) == ["raw"]


def test_neither_raw_nor_manifest(tmp_path, refused):
    assert "photos needs --raw DIR or --manifest CSV" in refused("photos", "--out", tmp_path / "out")


@pytest.mark.parametrize(
    ("columns", "rows", "fragment"),
    [
        (["file"], [["a.png"]], "has no column 'category': its first line must name it"),
        (["file", "category"], [], "names no photos"),
        (["file", "category"], [["", "ball"]], "line 2: file and category must not be empty"),
        (
            ["file", "category", "split"],
            [["a.png", "ball", "training"]],
            "line 2: the split is 'training', but must be one of train, val, test",
        ),
    ],
)
def test_a_bad_manifest(tmp_path, refused, columns, rows, fragment):
    manifest = write_csv(tmp_path / "m.csv", columns, rows)
    assert fragment in refused("photos", "--manifest", manifest, "--out", tmp_path / "out")


def test_a_manifest_that_is_none(tmp_path, refused):
    assert "no file --manifest" in refused("photos", "--manifest", tmp_path / "m.csv", "--out", tmp_path / "out")
    (tmp_path / "m.csv").write_bytes(b"\xff\xfe\x00\x01,\x80")
    assert "is not a CSV file" in refused("photos", "--manifest", tmp_path / "m.csv", "--out", tmp_path / "out")


def test_out_must_be_free(tmp_path, refused):
    raw = draw_raw_photos(tmp_path / "raw", 2)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    for more in ((), ("--overwrite",)):
        said = refused("photos", "--raw", raw, "--out", tmp_path / "mine", *more)
        assert "holds other files: name a new or empty folder" in said
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"
    assert "is a file: name a folder" in refused("photos", "--raw", raw, "--out", tmp_path / "mine" / "thesis.txt")
    (tmp_path / "empty").mkdir()
    prepare("photos", "--raw", raw, "--out", tmp_path / "empty", *SMALL)
    assert "add --overwrite to replace it" in refused("photos", "--raw", raw, "--out", tmp_path / "empty")


def test_a_failed_rebuild_keeps_the_old_dataset(tmp_path, refused):
    raw = draw_raw_photos(tmp_path / "raw", 2)
    out = tmp_path / "out"
    prepare("photos", "--raw", raw, "--out", out, *SMALL)
    before = (out / "report.json").read_text()
    for path in raw.rglob("*.png"):
        path.write_bytes(b"broken")
    refused("photos", "--raw", raw, "--out", out, "--overwrite", *SMALL)
    assert (out / "report.json").read_text() == before
    assert store.open_dataset(out).sizes == {"train": 4} or "val" in store.open_dataset(out).sizes
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "raw"]


def test_the_real_photos(real_data, tmp_path):
    manifest = real_data / "studio" / "manifest.csv"
    with manifest.open() as lines:
        rows = list(csv.DictReader(lines))
    columns = ["file", "category", "group", "split", "source", "licence", "native_px"]
    chosen = [row for row in rows if row["category"] in ("teapot", "pear")][::12]
    few = [[manifest.parent / row["file"], *(row[c] for c in columns[1:])] for row in chosen]
    prepare("photos", "--manifest", write_csv(tmp_path / "m.csv", columns, few), "--out", tmp_path / "out")
    dataset = store.open_dataset(tmp_path / "out")
    assert dataset.categories == ("pear", "teapot")
    assert sum(dataset.sizes.values()) == len(few)
    for record in dataset.records("train"):
        drawn = [(decode(sketch, 1) < 128).mean() for sketch in record.sketches]
        assert len(drawn) == 7 and min(drawn) > 0.005 and max(drawn) < 0.3


def test_sources_and_licences_go_with_the_dataset_and_the_card(tmp_path):
    from sketch2photo.config import GAN_PRESETS
    from sketch2photo.release import __main__ as release
    from sketch2photo.training import run_folder
    from tests import tiny

    rows = [[f"{n}.png", "ball", "mine", "CC0"] if n else ["0.png", "ball", "theirs", ""] for n in range(3)]
    for number in range(3):
        write_picture(tmp_path / f"{number}.png", draw_photo("circle", number))
    manifest = write_csv(tmp_path / "m.csv", ["file", "category", "source", "licence"], rows)
    prepare("photos", "--manifest", manifest, "--out", tmp_path / "out", "--size", 64)
    info = json.loads((tmp_path / "out" / "dataset_info.json").read_text())
    assert info["redistributionInfo"]["license"] == "mine: CC0; theirs: not stated"
    sources = store.open_dataset(tmp_path / "out").sources()
    assert sources == {"mine": "CC0", "theirs": ""}
    run_folder.write_run(tmp_path / "run", GAN_PRESETS["debug"], ("ball",), {}, sources)
    card = release.model_card(
        "x", tiny.model(), {"gan": 1, "images": 4, "classifier": 1}, release.sources(tmp_path / "run", None)
    )
    assert "| mine | CC0 |" in card and "| theirs | not stated |" in card
