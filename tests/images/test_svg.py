"""Pictures in the form of SVG: as a viewer shows them, in a dataset, and read by everything that reads a picture."""

import base64
import gzip
import io
import json

import numpy as np
import pytest
from PIL import Image

from sketch2photo import images
from sketch2photo.data import drawings
from sketch2photo.data.example import decode
from sketch2photo.data.store import open_dataset
from sketch2photo.errors import ImageError
from sketch2photo.images import svg
from tests.data.raw_files import prepare

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 200 200">'
LINE = '<path d="M60 150 L100 50 L140 150 Z" fill="none" stroke="#000" stroke-width="3"/>'
PLAIN = f"{HEAD}{LINE}</svg>"


def seen(text: str | bytes) -> np.ndarray:
    """Where there is ink."""
    data = text if isinstance(text, bytes) else text.encode()
    return images.clean_sheet(images.decode_sketch(data, "a.svg")) < images.INK_BELOW


def with_text(before: str, after: str = "") -> str:
    return f"{HEAD}{before}{LINE}{after}</svg>"


_SAME = {
    "white ground": with_text('<rect width="200" height="200" fill="#fff"/>'),
    "nothing painted": with_text('<path d="M0 0h200v200H0z" fill="none"/>'),
    "nothing opaque": with_text('<rect width="200" height="200" opacity="0"/><circle r="90" fill-opacity="0"/>'),
    "not displayed": with_text('<g display="none"><rect width="90" height="90"/></g>'),
    "hidden by CSS": with_text("<style>.a{display:none}</style>", '<rect class="a" width="90" height="90"/>'),
    "white on white": with_text("", '<path d="M9 9 L60 9" stroke="#fff" stroke-width="4"/>'),
    "outside": with_text('<path d="M300 300 L400 400 M-90 0 V90" stroke="#000"/>'),
    "clipped": with_text(
        '<clipPath id="c"><rect width="1" height="1" x="-9"/></clipPath>',
        '<rect width="99" height="99" clip-path="url(#c)"/>',
    ),
    "masked": with_text('<mask id="m"/>', '<rect width="99" height="99" mask="url(#m)"/>'),
    "a symbol": f'{HEAD}<symbol id="s">{LINE}</symbol><use xlink:href="#s"/></svg>',
    "in use": f'{HEAD}<defs><g id="s">{LINE}</g></defs><use href="#s"/></svg>',
    "a style": f"{HEAD}<style>path{{fill:none;stroke:#000;stroke-width:3}}</style>"
    '<path d="M60 150 L100 50 L140 150 Z"/></svg>',
    "a prefix": PLAIN.replace("xmlns=", "xmlns:s=").replace("<", "<s:").replace("<s:/", "</s:"),
    "no prefix declared": PLAIN.replace(' xmlns:xlink="http://www.w3.org/1999/xlink"', "").replace(
        "<path", '<path xlink:title="a"'
    ),
    "without a namespace": PLAIN.replace(' xmlns="http://www.w3.org/2000/svg"', ""),
    "auto": PLAIN.replace("viewBox", 'width="auto" height="auto" viewBox'),
    "of no width": PLAIN.replace("viewBox", 'width="0" height="100%" viewBox'),
    "huge": PLAIN.replace("viewBox", 'width="1e9" height="1e9" viewBox'),
    "entities": '<?xml version="1.0"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/svg11.dtd" ['
    '<!ENTITY ns_svg "http://www.w3.org/2000/svg"><!ENTITY st0 "fill:none;stroke:#000;stroke-width:3">]>'
    '<svg xmlns="&ns_svg;" viewBox="0 0 200 200"><path style="&st0;" d="M60 150 L100 50 L140 150 Z"/></svg>',
}


@pytest.mark.parametrize("name", _SAME)
def test_what_a_viewer_shows(name):
    assert (seen(_SAME[name]) != seen(PLAIN)).mean() < 1e-3


@pytest.mark.parametrize(
    "data",
    [
        PLAIN.encode("utf-16"),
        ("\ufeff\n" + PLAIN).encode(),
        gzip.compress(PLAIN.encode()),
        ('<?xml version="1.0" encoding="iso-8859-1"?>' + PLAIN.replace("</svg>", "<title>é</title></svg>")).encode(
            "latin-1"
        ),
    ],
    ids=["utf-16", "a mark first", "packed", "latin-1"],
)
def test_encodings(data):
    assert (seen(data) == seen(PLAIN)).all()


def test_light_lines_and_texts_are_seen():
    assert (seen(PLAIN.replace("#000", "#fff")) == seen(PLAIN)).mean() > 0.999
    dark = with_text('<rect width="200" height="200"/>').replace('stroke="#000"', 'stroke="#eee"')
    assert (seen(dark) == seen(PLAIN)).mean() > 0.999
    assert seen(f'{HEAD}<text x="20" y="90" font-size="60" font-family="Virgil">Hello</text></svg>').mean() > 0.01


def test_without_a_view_box_everything_is_shown():
    text = '<svg><path d="M-500 -900 L-100 -900 L-100 -500" fill="none" stroke="#000" stroke-width="9"/></svg>'
    rows, columns = np.nonzero(seen(text))
    assert np.ptp(rows) > 600 and np.ptp(columns) > 600


def lines(text: str) -> list:
    return svg.lines(text.encode(), "a.svg", seen(text))


def test_lines_in_the_order_of_the_file():
    text = f"""{HEAD}<rect width="200" height="200" fill="white"/>
    <path stroke="#000" d="M 20 20 L 100 20 M 20 60 h 80"/>
    <g transform="translate(10 0)"><polyline stroke="#000" points="10,20 10,100"/></g></svg>"""
    assert [np.round(np.array(line) / svg.SIDE * 200).T.tolist() for line in lines(text)] == [
        [[20, 20], [100, 20]],
        [[20, 60], [100, 60]],
        [[20, 20], [20, 100]],
    ]
    curve = lines(f'{HEAD}<path fill="none" stroke="#000" d="M20 20 C 20 120 120 120 120 20"/></svg>')[0]
    assert len(curve[0]) > 10 and max(curve[1]) > 80 * svg.SIDE / 200, "the curve bends"


@pytest.mark.parametrize("name", ["white on white", "outside", "a symbol"])
def test_no_lines_where_the_picture_has_others(name):
    assert lines(_SAME[name]) == []
    assert lines(with_text('<circle cx="100" cy="100" r="40"/>')) == [], "an area is no line"


def test_nothing_is_read_from_elsewhere(tmp_path):
    Image.new("RGB", (64, 64)).save(tmp_path / "black.png")
    inside = base64.b64encode((tmp_path / "black.png").read_bytes()).decode()
    for address in (str(tmp_path / "black.png"), f"file://{tmp_path}/black.png", "http://127.0.0.1:1/a.png"):
        for attribute in ("href", "xlink:href"):
            text = with_text(f'<image width="200" height="200" {attribute}="{address}"/>')
            assert (seen(text) == seen(PLAIN)).all()
            assert svg.elsewhere(text.encode(), "a.svg") == [address[:80]]
    shown = with_text(f'<image width="50" height="50" href="data:image/png;base64,{inside}"/>')
    assert seen(shown).mean() > seen(PLAIN).mean() + 0.05 and svg.elsewhere(shown.encode(), "a.svg") == []


def _bomb(levels: int) -> str:
    uses = [f'<use href="#g{i - 1}"/>' * 10 for i in range(1, levels)]
    groups = "".join(f'<g id="g{i}">{use}</g>' for i, use in enumerate(uses, 1))
    return f'{HEAD}<g id="g0"><rect width="9" height="9"/></g>{groups}</svg>'


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<svg><path d='M0 0", "cannot be read as SVG"),
        ("<html></html>", "outermost element is <html>"),
        (f"{HEAD}<rect width='0' height='0'/></svg>", "holds no lines"),
        (f"{HEAD}</svg>", "holds no lines"),
        ('<!DOCTYPE svg [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><svg>&b;</svg>', "defines entities"),
        ('<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]><svg>&a;</svg>', "defines entities"),
        ('<!DOCTYPE svg [<!ENTITY % a "x">]><svg/>', "defines entities"),
        (f'<!DOCTYPE svg [<!ENTITY a "{"x" * 99_999}">]><svg><title>{"&a;" * 999}</title></svg>', "larger than"),
        (_bomb(8), "cannot be read as SVG"),
        (f"{HEAD}{'<g>' * 9999}{'</g>' * 9999}</svg>", "nested too deeply"),
        (
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 99999"><path d="M0 0v9" stroke="#000"/></svg>',
            "at least 16|no",
        ),
    ],
)
def test_what_is_no_drawing(text, reason):
    with pytest.raises(ImageError, match=reason):
        images.decode_sketch(text.encode(), "a.svg")


def test_size_and_time_are_limited(monkeypatch):
    monkeypatch.setattr(svg, "_SECONDS", 0.001)
    with pytest.raises(ImageError, match="simplify it"):
        seen(PLAIN)
    monkeypatch.setattr(svg, "MAX_BYTES", 50)
    for data in (PLAIN.encode(), gzip.compress(PLAIN.encode())):
        with pytest.raises(ImageError, match="more than 50 bytes"):
            seen(data)


def test_a_folder_of_drawings(tmp_path):
    raw = tmp_path / "raw" / "hot-air balloon"
    raw.mkdir(parents=True)
    for number in range(5):
        (raw / f"{number}.SVG").write_text(PLAIN.replace("60 150", f"{60 + number} 150"))
    outline = "M58 150 L98 50 L102 50 L62 150 Z M102 50 L138 150 L142 150 L104 48 Z M60 148 L140 148 L140 152 L60 152 Z"
    (raw / "outline.svg").write_text(f'{HEAD}<path d="{outline}"/></svg>')
    (raw / "empty.svg").write_text(f"{HEAD}</svg>")
    (raw / "linked.svg").write_text(with_text('<image href="photo.png" width="9" height="9"/>'))
    prepare("drawings", "--raw", tmp_path / "raw", "--out", tmp_path / "out")
    dataset = open_dataset(tmp_path / "out")
    assert dataset.categories == ("hot_air_balloon",) and sum(dataset.sizes.values()) == 7
    found = {record.file.split("/")[1]: record for split in dataset.sizes for record in dataset.records(split)}
    strokes = {name: record.strokes for name, record in found.items() if record.strokes is not None}
    assert len(strokes["0.SVG"]) >= 3 and not len(strokes["outline.svg"])
    one, other = (decode(found[name].sketches[0], 1) < 128 for name in ("0.SVG", "outline.svg"))
    assert (one & other).sum() > 0.5 * (one | other).sum(), "an outline lies where strokes do, and is as wide"
    skipped = {s["file"]: s["reason"] for s in json.loads((tmp_path / "out" / "report.json").read_text())["skipped"]}
    assert skipped == {
        "hot-air balloon/empty.svg": "holds no lines",
        "hot-air balloon/linked.svg": "shows 'photo.png', which is no part of the file: left blank",
    }


def test_samples_of_a_run(tmp_path):
    (tmp_path / "cup").mkdir()
    (tmp_path / "cup" / "a.svg").write_text(PLAIN)
    samples = drawings.read_samples(tmp_path, ["cup"], image_size=64, per_category=2)
    assert samples["sketch"].shape == (1, 64, 64, 1) and (samples["sketch"] < 128).any()


def test_a_photo_may_be_one():
    photo = images.decode_photo(PLAIN.replace("#000", "#f00").encode(), "a.svg")
    assert photo.shape == (svg.SIDE, svg.SIDE, 3) and photo[0, 0].tolist() == [255, 255, 255]
    assert ((photo[..., 0] > 200) & (photo[..., 1] < 60)).any()
    assert svg.render(PLAIN.encode(), "a.svg").getpixel((0, 0)) == (0, 0, 0, 0)
    assert not svg.is_svg(io.BytesIO(b"\x89PNG").getvalue()) and svg.is_svg(b"\n<svg/>")
