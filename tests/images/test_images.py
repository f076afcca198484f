"""What a sketch and a photo are: reading, framing, resizing."""

import io
import struct
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import ExifTags, Image, ImageCms, ImageColor, ImageDraw

from sketch2photo import images
from sketch2photo.errors import ImageError
from sketch2photo.images import cleanup

small = settings(max_examples=40, deadline=None)
seeds = st.integers(0, 2**32 - 1)


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def ramp(height: int, width: int) -> np.ndarray:
    """A smooth RGB picture: JPEG keeps it well."""
    y, x = np.mgrid[:height, :width]
    return np.stack([255 * x / width, 255 * y / height, 128 + 0 * x], -1).astype(np.uint8)


def png_header(width: int, height: int) -> bytes:
    """A PNG that says its size and holds next to nothing."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


# ---------------------------------------------------------------- files


@small
@given(hnp.arrays(np.uint8, st.tuples(st.integers(16, 40), st.integers(16, 40), st.just(3))))
def test_png_of_a_photo_comes_back(photo: np.ndarray):
    np.testing.assert_array_equal(images.decode_photo(images.encode_png(photo)), photo)


@small
@given(hnp.arrays(np.uint8, st.tuples(st.integers(16, 40), st.integers(16, 40))))
def test_png_of_a_sketch_comes_back(sketch: np.ndarray):
    np.testing.assert_array_equal(images.decode_sketch(images.encode_png(sketch)), sketch)


def test_jpeg_keeps_colours_in_place():
    photo = ramp(40, 60)
    back = images.decode_photo(images.encode_jpeg(photo, 95)).astype(int)
    assert back.shape == photo.shape
    assert np.abs(back - photo).mean() < 3


def test_a_path_and_its_bytes_read_alike(tmp_path: Path):
    file = tmp_path / "a b.png"
    file.write_bytes(images.encode_png(noise(20, 30, 3)))
    np.testing.assert_array_equal(images.decode_photo(file), images.decode_photo(file.read_bytes()))


def test_exif_rotation_is_applied():
    photo = ramp(30, 48)
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it a quarter to the right
    turned = images.decode_photo(encoded(Image.fromarray(photo), "JPEG", exif=exif, quality=95, subsampling=0))
    assert turned.shape == (48, 30, 3)
    assert np.abs(turned.astype(int) - np.rot90(photo, -1)).mean() < 4


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_a_broken_exif_block_does_not_lose_the_picture():
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(Image.fromarray(ramp(30, 48)), "JPEG", exif=exif)
    at = data.index(b"Exif\0\0")
    broken = data[: at + 10] + b"\xff\xff\xff\xff" + data[at + 14 :]
    assert images.decode_photo(broken).shape == (30, 48, 3)


def test_transparency_becomes_white():
    pixels = np.zeros((16, 16, 4), np.uint8)
    pixels[:, 4:8] = (255, 0, 0, 255)
    pixels[:, 8:12] = (0, 0, 0, 128)
    photo = images.decode_photo(encoded(Image.fromarray(pixels)))
    assert photo[0, 0].tolist() == [255, 255, 255]
    assert photo[0, 5].tolist() == [255, 0, 0]
    assert photo[0, 9].tolist() == [127, 127, 127]
    assert images.decode_sketch(encoded(Image.fromarray(pixels)))[0].tolist()[::4] == [255, 76, 127, 255]


def test_a_palette_with_a_transparent_colour():
    picture = Image.new("P", (16, 16), 0)
    picture.putpalette([0, 0, 0, 0, 0, 255])
    picture.paste(1, (8, 0, 16, 16))
    assert images.decode_photo(encoded(picture))[0, ::8].tolist() == [[0, 0, 0], [0, 0, 255]]
    transparent = images.decode_photo(encoded(picture, transparency=0))
    assert transparent[0, ::8].tolist() == [[255, 255, 255], [0, 0, 255]]


@pytest.mark.parametrize("factor", [1, 257], ids=["8 bits in 16", "16 bits"])
def test_sixteen_bits(factor: int):
    row = np.linspace(0, 255, 16).round().astype(np.uint16)
    picture = Image.fromarray(np.tile(row * factor, (16, 1)).astype(np.uint16))
    np.testing.assert_array_equal(images.decode_sketch(encoded(picture))[0], row)
    np.testing.assert_array_equal(images.decode_photo(encoded(picture))[0, :, 1], row)


@pytest.mark.parametrize("dtype", ["uint16", "int32", "float32", "float64"])
@pytest.mark.parametrize("top", [1, 2, 255, 1023, 4095, 16383, 65535])
def test_the_brightest_value_is_paper(dtype: str, top: int):
    """Any depth of grey and colour, in whatever type."""
    low = -top if dtype == "float32" else 0
    values = np.linspace(low, top, 16)[None].repeat(16, 0).astype(dtype)
    expected = ((values[0].astype(float) - low) / (top - low) * 255).round()
    written = [cv2.imencode(".tif", values)[1].tobytes(), cv2.imencode(".tif", np.dstack([values] * 3))[1].tobytes()]
    if dtype == "uint16":
        written += [cv2.imencode(".png", array)[1].tobytes() for array in (values, np.dstack([values] * 3))]
    for data in written:
        np.testing.assert_allclose(images.decode_sketch(data)[0], expected, atol=1)
        np.testing.assert_allclose(images.decode_photo(data)[0, :, 1], expected, atol=1)


def test_white_may_be_zero():
    values = np.zeros((16, 16), np.uint16)
    values[:, 8:] = 4000
    assert images.decode_sketch(encoded(Image.fromarray(values), "TIFF", tiffinfo={262: 0}))[0, ::8].tolist() == [
        255,
        0,
    ]


def test_colours_and_transparency_of_twelve_bits():
    values = np.zeros((16, 16, 4), np.uint16)
    values[..., 3] = 65535
    values[:, :8, 2] = 4095  # OpenCV writes blue first
    values[:, 8:, :3] = 4095
    values[0, :, 3] = 0
    photo = images.decode_photo(cv2.imencode(".png", values)[1].tobytes())
    assert (
        photo[0, 0].tolist() == [255] * 3 and photo[8, 0].tolist() == [255, 0, 0] and photo[8, 12].tolist() == [255] * 3
    )


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_named(odd: float):
    values = np.ones((16, 16), np.float32)
    values[3, 3] = odd
    for array in (values, np.dstack([values] * 3)):
        with pytest.raises(ImageError, match=r"a\.tif has pixels that are NaN or infinite"):
            images.decode_sketch(cv2.imencode(".tif", array)[1].tobytes(), "a.tif")


def _drawn(ground: tuple, ink: tuple, mode: str = "RGB") -> Image.Image:
    picture = Image.new(mode, (96, 96), ground)
    ImageDraw.Draw(picture).line([(20, 70), (48, 20), (76, 70)], ink, 3)
    return picture


_NOTHING = (0, 0, 0, 0)
_ON_NOTHING = {
    "white": _drawn(_NOTHING, (255, 255, 255, 255), "RGBA"),
    "white on clear white": _drawn((255, 255, 255, 0), (255, 255, 255, 255), "RGBA"),
    "light grey": _drawn(_NOTHING, (200, 200, 200, 255), "RGBA"),
    "pink": _drawn(_NOTHING, (255, 220, 220, 255), "RGBA"),
    "yellow": _drawn(_NOTHING, (255, 255, 0, 255), "RGBA"),
    "black": _drawn(_NOTHING, (0, 0, 0, 255), "RGBA"),
    "grey with alpha": _drawn(_NOTHING, (255, 255, 255, 255), "RGBA").convert("LA"),
}


@pytest.mark.parametrize("name", _ON_NOTHING)
def test_drawings_on_nothing(name: str):
    picture = _ON_NOTHING[name]
    truth = np.asarray(_drawn((255,) * 3, (0,) * 3).convert("L")) < 128
    arrays = [images.as_sketch(np.asarray(picture.convert("RGBA")))]
    for sketch in [*arrays, *(images.decode_sketch(encoded(picture, kind)) for kind in ("PNG", "TIFF"))]:
        assert ((images.clean_sheet(sketch) < images.INK_BELOW) == truth).all()


@pytest.mark.parametrize(
    ("ground", "ink"), [("white", "yellow"), ("white", "cyan"), ("black", "blue"), ("black", "red")]
)
def test_lines_are_seen_by_their_colour(ground: str, ink: str):
    truth = np.asarray(_drawn((255,) * 3, (0,) * 3).convert("L")) < 128
    picture = _drawn(ImageColor.getrgb(ground), ImageColor.getrgb(ink))
    for sketch in (images.decode_sketch(encoded(picture)), images.as_sketch(np.asarray(picture))):
        assert ((images.clean_sheet(sketch) < images.INK_BELOW) == truth).all()


def test_painted_areas_keep_their_lines():
    picture = Image.new("RGB", (96, 96), "white")
    ImageDraw.Draw(picture).rectangle((20, 20, 76, 76), "yellow", "black", 3)
    sketch = images.clean_sheet(images.decode_sketch(encoded(picture)))
    assert sketch[48, 48] > images.INK_BELOW and sketch[21, 48] < 50


def test_a_sheet_that_is_all_black_warns_of_nothing():
    with np.errstate(all="raise"):
        images.frame_drawing(np.zeros((96, 96), np.uint8), 64)


def _swapping_profile() -> bytes:
    """The profile of a device whose red is our blue: that of sRGB with two entries of its table exchanged."""
    data = bytearray(
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes().replace(b"\0s\0R\0G\0B", b"\0a\0 \0b\0 ")
    )
    entries = [slice(start + 4, start + 12) for tag in (b"rXYZ", b"bXYZ") if (start := data.index(tag))]
    data[entries[0]], data[entries[1]] = data[entries[1]], data[entries[0]]
    return bytes(data)


def test_colours_arrive_as_srgb():
    red = Image.new("RGB", (16, 16), (200, 40, 40))
    swapped = Image.merge("RGB", red.split()[::-1])
    usual = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    clear = swapped.convert("RGBA")
    clear.putalpha(Image.new("L", (16, 16), 255))
    for picture, profile, kind in (
        (red, usual, "PNG"),
        (swapped, _swapping_profile(), "PNG"),
        (swapped, _swapping_profile(), "TIFF"),
        (clear, _swapping_profile(), "PNG"),
        (swapped.quantize(4), _swapping_profile(), "PNG"),
        (red, b"broken", "PNG"),
        (red.convert("CMYK"), b"", "TIFF"),
    ):
        photo = images.decode_photo(encoded(picture, kind, icc_profile=profile))
        np.testing.assert_allclose(photo[8, 8].astype(int), [200, 40, 40], atol=2)


@pytest.mark.parametrize(("rules", "seen"), [("R03", [53, 202, 80]), ("R98", [120, 200, 90])])
def test_adobe_rgb_that_only_the_camera_names_arrives_as_srgb(rules, seen):
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif).update({0xA001: 0xFFFF, 0xA005: {1: rules}})
    photo = encoded(Image.new("RGB", (16, 16), (120, 200, 90)), "JPEG", quality=100, subsampling=0, exif=exif)
    np.testing.assert_allclose(images.decode_photo(photo)[8, 8].astype(int), seen, atol=2)


def test_heic_is_read_or_named(monkeypatch):
    pillow_heif = pytest.importorskip("pillow_heif")
    file = io.BytesIO()
    red = Image.new("RGB", (64, 64), (200, 40, 40))
    pillow_heif.from_pillow(red).save(file, quality=90)
    photo = images.decode_photo(file.getvalue(), "IMG_0001.jpg")
    assert photo.shape == (64, 64, 3) and np.abs(photo[32, 32].astype(int) - [200, 40, 40]).max() < 8
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(ImageError, match=r"IMG_0001\.jpg is a HEIC picture, .*save it as JPEG, or pip install"):
        images.decode_photo(file.getvalue(), "IMG_0001.jpg")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
def test_every_mode_is_read(mode: str):
    kind = "TIFF" if mode == "CMYK" else "PNG"
    data = encoded(Image.fromarray(np.full((16, 20, 3), 255, np.uint8)).convert(mode), kind)
    assert images.decode_photo(data).shape == (16, 20, 3)
    assert (images.decode_sketch(data) == 255).all()


REFUSED = {
    "1 x 1": (encoded(Image.new("L", (1, 1))), "it is 1 x 1 pixels: it must be at least 16 a side"),
    "one side short": (encoded(Image.new("L", (15, 99))), "it is 15 x 99 pixels: it must be at least 16 a side"),
    "20000 x 20000": (
        png_header(20000, 20000),
        "it has 400,000,000 pixels: make it smaller than 67,108,864 pixels",
    ),
    "12000 x 6000": (
        png_header(12000, 6000),
        "it is 12000 x 6000 pixels: make it smaller than 67,108,864 pixels",
    ),
    "a strip": (png_header(10001, 16), "it is 10001 x 16 pixels: it must be at most 10,000 a side"),
    "text": (
        b"not a picture",
        "it cannot be read as a picture (cannot identify image file): replace the file or leave it out",
    ),
    "nothing": (
        b"",
        "it cannot be read as a picture (cannot identify image file): replace the file or leave it out",
    ),
    "PostScript": (  # which Pillow would hand to another program
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 50 50\n%%EndComments\nshowpage\n",
        "it cannot be read as a picture (cannot identify image file): replace the file or leave it out",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_files_say_why(case: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2**27)  # the page lowers Pillow's own limit, whose text differs
    data, message = REFUSED[case]
    for decode in (images.decode_photo, images.decode_sketch):
        with pytest.raises(ImageError) as error:
            decode(data, "it")
        assert str(error.value) == message


def test_a_truncated_jpeg_is_refused_whatever_is_missing():
    data = encoded(Image.fromarray(noise(64, 64, 3)), "JPEG")
    for share in (0.3, 0.6, 0.9, 0.99):
        with pytest.raises(
            ImageError, match=r"^it cannot be read as a picture \(.+\): replace the file or leave it out$"
        ):
            images.decode_photo(data[: int(len(data) * share)], "it")


def test_missing_file_and_folder_are_named(tmp_path: Path):
    missing = tmp_path / "none.png"
    with pytest.raises(ImageError) as error:
        images.decode_photo(missing)
    assert str(error.value).startswith(f"{missing} cannot be read as a picture (No such file or directory)")
    with pytest.raises(ImageError, match=r"\(Is a directory\)"):
        images.decode_photo(tmp_path)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"]), seeds, st.integers(1, 12), st.booleans())
@pytest.mark.filterwarnings("ignore")  # Pillow's own, on what is broken
def test_broken_files_are_pictures_or_image_errors(kind: str, seed: int, changes: int, cut: bool):
    draw = np.random.default_rng(seed)
    data = bytearray(encoded(Image.fromarray(noise(20, 18, 3)), kind))
    for at in draw.integers(0, min(len(data), 400), changes):
        data[at] = draw.integers(256)
    if cut:
        data = data[: draw.integers(len(data))]
    try:
        photo = images.decode_photo(bytes(data), "it")
    except ImageError as error:
        assert str(error).startswith("it ")
    else:
        assert photo.dtype == np.uint8 and photo.ndim == 3 and min(photo.shape[:2]) >= images.MIN_SIDE


# ---------------------------------------------------------------- arrays as sketches


@small
@given(seeds, st.integers(16, 40), st.integers(16, 40))
def test_every_form_of_the_same_drawing_is_the_same_sketch(seed: int, height: int, width: int):
    sketch = np.where(np.random.default_rng(seed).random((height, width)) < 0.2, 0, 255).astype(np.uint8)
    opaque = np.full_like(sketch, 255)
    forms = {
        "(h, w)": sketch,
        "(h, w, 1)": sketch[..., None],
        "RGB": np.stack([sketch] * 3, -1),
        "RGBA on white": np.stack([sketch] * 3 + [opaque], -1),
        "black ink on nothing": np.stack([np.zeros_like(sketch)] * 3 + [255 - sketch], -1),
        "bool": sketch > 0,
        "not contiguous": np.ascontiguousarray(sketch[:, ::-1])[:, ::-1],
        "RGB, not contiguous": np.ascontiguousarray(np.stack([sketch] * 3, -1)[::-1, :, ::-1])[::-1, :, ::-1],
    }
    for name, form in forms.items():
        result = images.as_sketch(form)
        np.testing.assert_array_equal(result, sketch, err_msg=name)
        assert result.dtype == np.uint8 and result.flags.c_contiguous, name


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (
            np.zeros((20, 20), np.float32),
            "a sketch must be a numpy array of uint8 (0 ink, 255 paper), not float32 array: convert it first",
        ),
        ([[0]], "a sketch must be a numpy array of uint8 (0 ink, 255 paper), not list: convert it first"),
        (np.zeros(20, np.uint8), "a sketch must have shape (h, w), (h, w, 3) or (h, w, 4), not (20,)"),
        (np.zeros((20, 20, 2), np.uint8), "a sketch must have shape (h, w), (h, w, 3) or (h, w, 4), not (20, 20, 2)"),
        (np.zeros((1, 1), np.uint8), "a sketch must be 16 to 4096 pixels a side, not 1 x 1: resize it"),
        (np.zeros((16, 4097), np.uint8), "a sketch must be 16 to 4096 pixels a side, not 4097 x 16: resize it"),
    ],
)
def test_arrays_that_are_no_sketch(array, message: str):
    with pytest.raises(ImageError) as error:
        images.as_sketch(array)
    assert str(error.value) == message


def test_the_limits_are_inside():
    assert images.as_sketch(np.full((16, 4096), 255, np.uint8)).shape == (16, 4096)


# ---------------------------------------------------------------- squares and sizes


@small
@given(st.integers(16, 50), st.integers(16, 50), st.sampled_from([(), (3,)]), seeds)
def test_padding_centres_on_white_and_changes_nothing(height: int, width: int, rest: tuple, seed: int):
    picture = noise(height, width, *rest, seed=seed)
    square = images.pad_to_square(picture)
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    assert square.shape == (side, side, *rest)
    np.testing.assert_array_equal(square[top : top + height, left : left + width], picture)
    assert int((255 - square.astype(int)).sum()) == int((255 - picture.astype(int)).sum())


@small
@given(st.integers(16, 90), st.integers(16, 90), seeds)
def test_resize_keeps_size_range_and_mean(side: int, size: int, seed: int):
    picture = cv2.GaussianBlur(noise(side, side, 3, seed=seed), (0, 0), 4)
    result = images.resize(picture, size)
    assert result.shape == (size, size, 3) and result.dtype == np.uint8
    assert abs(result.mean() - picture.mean()) < 4
    np.testing.assert_array_equal(images.resize(picture, side), picture)


@pytest.mark.parametrize("side", [128, 192, 256, 320, 330, 512, 1024, 2048, 4096])
@pytest.mark.parametrize("horizontal", [True, False])
def test_a_line_one_pixel_wide_survives_shrinking(side: int, horizontal: bool):
    for offset in range(0, side // 2, side // 9):
        sketch = np.full((side, side), 255, np.uint8)
        sketch[offset if horizontal else slice(None), slice(None) if horizontal else offset] = 0
        small = images.resize_sketch(sketch, 128)
        assert small.shape == (128, 128)
        across = small if horizontal else small.T
        assert (across.min(0)[2:-2] < images.INK_BELOW).all(), f"the line at {offset} of {side} is gone"
        assert (small == 255).mean() > 0.95


@small
@given(seeds, st.integers(64, 300), st.sampled_from([32, 64]))
def test_more_ink_is_never_lighter(seed: int, side: int, size: int):
    draw = np.random.default_rng(seed)
    less = np.full((side, side), 255, np.uint8)
    cv2.circle(less, tuple(map(int, draw.integers(0, side, 2))), int(draw.integers(2, side)), 0, 2)
    more = less.copy()
    cv2.line(more, *(tuple(map(int, p)) for p in draw.integers(0, side, (2, 2))), 0, 2)
    if side >= size:
        assert (images.resize_sketch(more, size) <= images.resize_sketch(less, size)).all()


# ---------------------------------------------------------------- frames

SHEET, SIZE = 256, 128


def sheet_with(left: int, top: int, right: int, bottom: int) -> np.ndarray:
    sheet = np.full((SHEET, SHEET), 255, np.uint8)
    sheet[top:bottom, left:right] = 0
    return sheet


@st.composite
def boxes(draw):
    width, height = draw(st.integers(1, SHEET)), draw(st.integers(1, SHEET))
    left, top = draw(st.integers(0, SHEET - width)), draw(st.integers(0, SHEET - height))
    return left, top, left + width, top + height


@given(boxes())
@small
def test_ink_box_is_exact(box):
    assert images.ink_box(sheet_with(*box)) == box


def test_faint_marks_are_no_ink():
    assert images.ink_box(np.full((20, 20), images.INK_BELOW, np.uint8)) is None
    assert images.ink_box(np.full((20, 20), 255, np.uint8)) is None


@given(boxes())
@settings(max_examples=80, deadline=None)
def test_the_window_holds_the_ink_and_is_centred_on_it_when_it_looks_closer(box):
    left, top, right, bottom = box
    framed, frame = images.frame_drawing(sheet_with(*box), SIZE)
    assert framed.shape == (SIZE, SIZE) and framed.dtype == np.uint8
    assert frame.drawing == SHEET
    assert frame.left <= left + 1e-6 and right <= frame.left + frame.side + 1e-6
    assert frame.top <= top + 1e-6 and bottom <= frame.top + frame.side + 1e-6
    share = max(right - left, bottom - top) / SHEET
    zoom = SHEET / frame.side
    assert zoom == pytest.approx(min(max(1.0, images.SMALLEST / share), images.CLOSEST))
    if zoom > 1.5:  # from the whole sheet on, the window moves to the ink's middle little by little
        assert (frame.left + frame.side / 2, frame.top + frame.side / 2) == pytest.approx(
            ((left + right) / 2, (top + bottom) / 2)
        )


def test_a_drawing_that_fills_the_sheet_stays_where_it_is():
    sketch = sheet_with(20, 60, 20 + 215, 60 + 80)
    framed, frame = images.frame_drawing(sketch, SIZE)
    np.testing.assert_array_equal(framed, images.resize_sketch(sketch, SIZE))
    assert (frame.left, frame.top, frame.side) == (0.0, 0.0, SHEET)


def test_an_empty_sheet_is_shown_whole():
    framed, frame = images.frame_drawing(np.full((SHEET, SHEET), 255, np.uint8), SIZE)
    assert (framed == 255).all() and frame.side == SHEET


def centre(picture: np.ndarray) -> np.ndarray:
    """Of the ink, in shares of the side."""
    ink = 255.0 - (picture if picture.ndim == 2 else picture.mean(-1))
    y, x = np.mgrid[: ink.shape[0], : ink.shape[1]] + 0.5
    return np.array([(x * ink).sum(), (y * ink).sum()]) / ink.sum() / ink.shape[0]


def extent(picture: np.ndarray) -> float:
    """The ink's amount as a share of the sheet."""
    return float((255.0 - picture.astype(float)).mean() / 255)


@given(boxes())
@settings(max_examples=60, deadline=None)
def test_a_photo_of_the_window_lies_where_the_drawing_is(box):
    """The model's view, put back as if it were the photo, covers the drawing."""
    left, top, right, bottom = box
    if min(right - left, bottom - top) < 36:
        return  # a thick line, which the model sees thinner
    sketch = sheet_with(*box)
    framed, frame = images.frame_drawing(sketch, SIZE)
    for size in (SIZE, SHEET):
        back = frame.photo_on_drawing(np.stack([framed] * 3, -1), size)
        assert back.shape == (size, size, 3) and back.dtype == np.uint8
        np.testing.assert_allclose(centre(back), centre(sketch), atol=0.75 / SIZE)
        edge = 2 * (right - left + bottom - top) / SHEET / SIZE  # a pixel all around
        assert abs(extent(back) - extent(sketch)) < edge


def test_around_the_window_the_sheet_is_white():
    _, frame = images.frame_drawing(sheet_with(20, 20, 60, 60), SIZE)
    photo = frame.photo_on_drawing(np.zeros((SIZE, SIZE, 3), np.uint8), SIZE)
    scale = SIZE / SHEET
    first, last = round(frame.left * scale), round((frame.left + frame.side) * scale)
    assert (photo[first + 1 : last - 1, first + 1 : last - 1] == 0).all()
    assert (photo[last + 1 :] == 255).all() and (photo[:, last + 1 :] == 255).all()


def test_small_photos_are_averaged_not_sampled():
    """A fine pattern in a window a quarter of the sheet becomes grey, not moire."""
    frame = images.Frame(left=96.0, top=96.0, side=64.0, drawing=SHEET)
    pattern = np.zeros((SIZE, SIZE, 3), np.uint8)
    pattern[::2, ::2] = pattern[1::2, 1::2] = 255
    placed = frame.photo_on_drawing(pattern, SIZE)[52:76, 52:76]
    assert np.abs(placed.astype(int) - 128).max() < 8


def test_the_view_changes_without_a_jump_while_a_drawing_grows():
    """A circle drawn larger and larger: from one size to the next the view moves a little, also where zoom begins."""
    views = []
    for radius in np.arange(40, 110, 0.5):
        sheet = np.full((512, 512), 255, np.uint8)
        centre_x16 = (200 * 16, 230 * 16)
        cv2.circle(sheet, centre_x16, round(float(radius) * 2 * 16), 0, 7, cv2.LINE_AA, 4)
        framed, frame = images.frame_drawing(sheet, SIZE)
        views.append((frame.left, frame.top, frame.side, extent(framed)))
    steps = np.abs(np.diff(np.array(views), axis=0))
    assert steps[:, :3].max() < 8  # of 512 pixels, for a diameter 2 pixels larger
    assert steps[:, 3].max() < 0.01
    assert views[0][2] < 320 and views[-1][2] == 512


# ---------------------------------------------------------------- ink and paper


def a_drawing(side: int = SHEET, width: int = 4, share: float = 0.8, corner: bool = False) -> np.ndarray:
    """A house in lines: its longer side takes `share` of the sheet, in the middle or in the lower left corner."""
    sheet = np.full((side, side), 255, np.uint8)
    left, top = (0.03, 0.97 - share) if corner else ((1 - share) / 2, (1 - share) / 2)
    house = [[(0, 0.4), (0.5, 0), (1, 0.4), (1, 1), (0, 1), (0, 0.4), (1, 0.4)], [(0.4, 1), (0.4, 0.6), (0.6, 0.6)]]
    for line in [*house, [(0.6, 0.6), (0.6, 1)]]:
        points = ((np.array(line) * share + (left, top)) * side * 16).round().astype(np.int32)
        cv2.polylines(sheet, [points.reshape(-1, 1, 2)], False, 0, width, cv2.LINE_AA, 4)
    return sheet


def on_paper(sketch: np.ndarray, dark: float = 0.35, seed: int = 0) -> np.ndarray:
    """A drawing photographed: shadows across the sheet, lines of a pencil, noise, a soft lens."""
    rng = np.random.default_rng(seed)
    light = cv2.resize(rng.uniform(0.5, 0.95, (3, 3)), sketch.shape[::-1], interpolation=cv2.INTER_CUBIC)
    seen = light * (255 - (255 - sketch.astype(np.float64)) * (1 - dark)) + rng.normal(0, 5, sketch.shape)
    return cv2.GaussianBlur(seen, (0, 0), 0.8).clip(0, 255).astype(np.uint8)


def overlap(a: np.ndarray, b: np.ndarray, reach: int = 3) -> float:
    """Share of the ink of either that lies within `reach` pixels of the other's."""
    inks = [(view < images.INK_BELOW).astype(np.uint8) for view in (a, b)]
    near = [cv2.dilate(ink, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)) for ink in inks]
    return min((inks[0] & near[1]).sum() / max(inks[0].sum(), 1), (inks[1] & near[0]).sum() / max(inks[1].sum(), 1))


def test_what_is_drawn_on_a_screen_is_left_alone():
    for width in (3, 4):
        sketch = a_drawing(width=width)
        assert cleanup.clean(sketch) is sketch
        framed, _ = images.frame_drawing(sketch, SIZE)
        np.testing.assert_array_equal(framed, images.resize_sketch(sketch, SIZE))


MADE_WITH = {
    "hairline": a_drawing(width=1),
    "marker": a_drawing(width=11),
    "pencil": (255 - (255 - a_drawing().astype(float)) * 0.25).astype(np.uint8),
    "chalk": 255 - a_drawing(),
    "chalk on a green board": (60 + (255 - a_drawing().astype(float)) * 0.6).astype(np.uint8),
    "paper": on_paper(a_drawing(768, 11)),
    "paper, small picture": on_paper(a_drawing()),
    "paper in low light": (on_paper(a_drawing(512, 8)) * 0.5).astype(np.uint8),
    "large sheet": a_drawing(2048, 32),
    "large sheet, hairline": a_drawing(2048, 2),
    "small sheet": a_drawing(64, 1),
}


@pytest.mark.parametrize("tool", MADE_WITH)
def test_whatever_it_is_made_with_the_model_sees_the_same(tool: str):
    usual, _ = images.frame_drawing(a_drawing(), SIZE)
    framed, frame = images.frame_drawing(MADE_WITH[tool], SIZE)
    assert frame.side == frame.drawing == MADE_WITH[tool].shape[0]
    assert overlap(framed, usual, 2) > 0.97, tool
    assert 0.4 < cleanup.line_width(framed) / cleanup.line_width(usual) < 1.6
    assert framed.min() < 90 and (framed > 250).mean() > 0.75


@pytest.mark.parametrize("tool", MADE_WITH)
def test_cleaning_twice_is_cleaning_once(tool: str):
    once = images.clean_sheet(MADE_WITH[tool])
    np.testing.assert_allclose(images.clean_sheet(once).astype(int), once, atol=3)


def test_empty_paper_is_empty():
    for sheet in (np.full((300, 300), 255, np.uint8), on_paper(np.full((300, 300), 255, np.uint8), seed=4)):
        assert images.ink_box(images.clean_sheet(sheet)) is None


@pytest.mark.parametrize("pen", [3, 4])
def test_small_in_a_corner_looks_as_large_in_the_middle(pen: int):
    """The same pen on a third of the size: the view is the drawing's, centred, with lines of the usual width."""
    large, _ = images.frame_drawing(a_drawing(512, pen), SIZE)
    small, frame = images.frame_drawing(a_drawing(512, pen, 0.27, corner=True), SIZE)
    # Bring the small one's view to the large one's 0.8 of the frame.
    zoom = 0.8 / images.SMALLEST
    middle = (SIZE - 1) / 2 * (1 - zoom)
    aligned = cv2.warpAffine(small, np.array([[zoom, 0, middle], [0, zoom, middle]]), (SIZE, SIZE), borderValue=(255,))
    assert overlap(aligned, large, 3) > 0.97
    assert cleanup.line_width(small) < 1.35 * images.LINE_WIDTH[1] * SIZE / images.SHEET
    assert frame.left < 0, "the window reaches beyond the sheet"


@pytest.mark.parametrize("width", np.arange(0.5, 13, 0.5))
def test_lines_come_to_the_usual_width(width: float):
    sheet = np.full((SHEET, SHEET), 255, np.float64)
    across = np.abs(np.arange(SHEET) - 100.3)
    sheet[:, :] = 255 * (1 - (width / 2 + 0.5 - across).clip(0, min(1, width))[None])
    sheet[:20] = sheet[-20:] = 255
    result = cleanup.with_width(cleanup.clean(sheet.astype(np.uint8)), *images.LINE_WIDTH, 14)
    low, high = images.LINE_WIDTH
    assert low - 0.8 < (255 - result[128].astype(float)).sum() / 255 < high + 1.2


def test_widths_change_without_a_jump():
    """Lines wider and wider: the model's lines become wider little by little, and from areas nothing is taken."""
    shares = []
    for radius in np.arange(0.4, 20, 0.1):
        sheet = np.full((SHEET, SHEET), 255, np.uint8)
        field = np.abs(np.hypot(*(np.mgrid[:SHEET, :SHEET] - 128.2)) - 70)
        sheet[:] = (255 * (1 - (radius + 0.5 - field).clip(0, 1))).astype(np.uint8)
        shares.append(extent(images.frame_drawing(sheet, SIZE)[0]))
    assert np.abs(np.diff(shares)).max() < 0.02
    filled = sheet_with(60, 60, 200, 200)
    np.testing.assert_array_equal(cleanup.with_width(filled, *images.LINE_WIDTH, 14), filled)


def test_a_window_cuts_photo_and_drawing_alike():
    sketch = a_drawing(256, 4, 0.3, corner=True)
    _, frame = images.frame_drawing(sketch, SIZE)
    seen, photo = frame.cut(sketch, SIZE), frame.cut(np.stack([sketch] * 3, -1), SIZE)
    assert photo.shape == (SIZE, SIZE, 3)
    assert overlap(seen, photo[..., 0], 1) > 0.99
    half = frame.cut(images.resize(sketch, 128), SIZE)  # a photo at another size than the drawing
    assert overlap(seen, half, 2) > 0.98


# ---------------------------------------------------------------- colour


@small
@given(st.tuples(*[st.integers(0, 200)] * 3))
def test_dominant_colour_of_one_colour_on_white(colour: tuple[int, int, int]):
    photo = np.full((40, 40, 3), 255, np.uint8)
    photo[10:30, 10:30] = colour
    assert np.abs(images.dominant_colour(photo).astype(int) - colour).max() <= 1


def test_dominant_colour_is_the_median_not_the_mean():
    photo = np.full((40, 40, 3), 255, np.uint8)
    photo[:20] = (180, 30, 30)
    photo[:8, :20] = (20, 20, 220)
    assert np.abs(images.dominant_colour(photo).astype(int) - (180, 30, 30)).max() <= 3


def test_an_empty_photo_is_mid_grey():
    assert images.dominant_colour(np.full((40, 40, 3), 250, np.uint8)).tolist() == [128, 128, 128]
