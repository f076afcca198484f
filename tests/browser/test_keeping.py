"""What a person takes along: files, the clipboard, a link, the gallery; in a real browser with the fake model."""

import io
import re

import pytest
from PIL import Image, ImageSequence

pytestmark = pytest.mark.browser


def file(me, way: str) -> tuple[str, bytes]:
    """Name and content of what a button of "Save and share" saves."""
    with me.page.expect_download() as caught:
        me.find(f"save-{way}").click()
    with open(caught.value.path(), "rb") as saved:
        return caught.value.suggested_filename, saved.read()


def picture(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


def pixels(me) -> str:
    return me.page.evaluate("() => document.querySelector('[data-testid=sketch]').toDataURL()")


@pytest.fixture
def drawn(visit, fake_page):
    """Somebody who has drawn a teapot, as the fake model sees it, in blue."""
    me = visit(fake_page)
    me.find("category").select_option("teapot")
    me.find("colour-picker").fill("#2040ff")
    me.box(0.5, 0.5, 0.25)
    me.draw((0.2, 0.1), (0.8, 0.12))
    me.settle()
    return me


def test_photo_sketch_and_card_are_png_files(drawn):
    drawn.find("save").click()
    name, data = file(drawn, "photo")
    assert name == "sketch2photo-teapot.png" and picture(data).size == (512, 512)
    name, data = file(drawn, "sketch")
    sketch = picture(data)
    assert name == "sketch2photo-teapot-sketch.png" and sketch.size == (1024, 1024)
    assert sketch.getpixel((512, 256)) == (0, 0, 0) and sketch.getpixel((512, 512)) == (255, 255, 255)
    name, data = file(drawn, "card")
    card = picture(data)
    assert name == "sketch2photo-teapot-card.png" and card.size == (1400, 764)
    # The sketch on the left with its top line, the blue photo on the right, both on the card's own ground.
    assert card.getpixel((40 + 320, 40 + 160))[0] < 60
    red, _, blue = card.getpixel((720 + 320, 40 + 320))
    assert blue > 150 and red < 80
    assert card.getpixel((10, 10)) == (240, 236, 227)
    assert drawn.page.locator(".saving .told").inner_text() == "Saved as sketch2photo-teapot-card.png."
    assert drawn.complaints == []


@pytest.mark.parametrize(("kind", "mode"), [("png", "RGBA"), ("jpeg", "RGB"), ("webp", "RGBA")])
def test_photo_is_saved_in_the_size_and_kind_that_are_chosen_without_a_ground(drawn, kind, mode):
    drawn.find("ground").select_option("transparent")
    drawn.settle()
    drawn.find("save").click()
    drawn.find("save-side").select_option("1024")
    drawn.find("save-kind").select_option(kind)
    with drawn.page.expect_download() as saved:
        drawn.find("save-photo").click()
    assert saved.value.suggested_filename.endswith({"jpeg": ".jpg"}.get(kind, f".{kind}"))
    photo = Image.open(saved.value.path())
    assert photo.format.lower() == kind and photo.size == (1024, 1024) and photo.mode == mode
    corner, middle = photo.getpixel((8, 8)), photo.getpixel((512, 512))
    assert corner[3:] == (0,) or corner[:3] == (255, 255, 255)
    assert middle[3:] in ((), (255,)) and middle[:3] != (255, 255, 255)


def test_svg_draws_what_the_sheet_shows(drawn):
    drawn.find("eraser").click()
    drawn.draw((0.5, 0.1), (0.5, 0.3))
    drawn.settle()
    drawn.find("save").click()
    name, data = file(drawn, "svg")
    assert name == "sketch2photo-teapot-sketch.svg"
    text = data.decode()
    assert text.count("<path ") == 3 and text.count('stroke="#fff"') == 1
    off = drawn.page.evaluate(
        """async svg => {
            const image = new Image();
            image.src = 'data:image/svg+xml,' + encodeURIComponent(svg);
            await image.decode();
            const sheet = document.querySelector('[data-testid=sketch]'), side = sheet.width;
            const other = document.createElement('canvas');
            other.width = other.height = side;
            const context = other.getContext('2d');
            context.drawImage(image, 0, 0, side, side);
            const a = sheet.getContext('2d').getImageData(0, 0, side, side).data;
            const b = context.getImageData(0, 0, side, side).data;
            let off = 0;
            for (let i = 0; i < a.length; i += 4) off += Math.abs(a[i] - b[i]) > 100;
            return off;
        }""",
        text,
    )
    assert off < 300  # of a million; the SVG's tenths of a unit


def test_replay_is_a_moving_picture_that_grows_and_ends_with_the_photo(drawn):
    drawn.find("save").click()
    name, data = file(drawn, "replay")
    assert name == "sketch2photo-teapot-replay.gif"
    moving = Image.open(io.BytesIO(data))
    assert moving.format == "GIF" and moving.is_animated and moving.n_frames >= 36
    assert moving.info["loop"] == 0
    frames = [(frame.info["duration"], frame.convert("RGB")) for frame in ImageSequence.Iterator(moving)]
    assert all(duration == 60 for duration, _ in frames[:-1]) and frames[-1][0] >= 2000
    ink = [sum(value < 100 for value in frame.crop((0, 0, 300, 300)).convert("L").tobytes()) for _, frame in frames]
    assert ink[0] < ink[len(ink) // 2] < ink[-1] and ink[0] > 0
    # Photos of the beginnings follow; the last one is the one on show, all in the colour that was chosen.
    photos = [frame.crop((301, 0, 601, 300)) for _, frame in frames]
    assert len({photo.tobytes() for photo in photos}) >= 8
    red, _, blue = photos[-1].getpixel((150, 150))
    assert blue > 150 and red < 80
    # Three bars below, the first one filled; there are none before there is a photo.
    bars = [frame.crop((0, 300, 601, 336)) for _, frame in frames]
    filled, empty = bars[-1].getpixel((60, 10)), bars[-1].getpixel((590, 10))
    assert filled[2] < empty[2] - 60 and bars[0].getpixel((60, 10)) == (255, 255, 255)
    assert len(data) < 1_500_000
    # The photo on show was not touched by the photos of the beginnings.
    assert drawn.page.locator(".saving .preview img").get_attribute("src").startswith("blob:")
    drawn.page.keyboard.press("Escape")
    assert drawn.status.startswith("teapot")


def test_replay_works_without_the_server(drawn):
    drawn.find("save").click()
    drawn.page.context.set_offline(True)
    _, data = file(drawn, "replay")
    frames = [frame.convert("RGB") for frame in ImageSequence.Iterator(Image.open(io.BytesIO(data)))]
    assert frames[0].getpixel((451, 150)) == (255, 255, 255)
    assert frames[-1].getpixel((451, 150))[2] > 150


def test_photo_and_link_are_copied(visit, fake_page):
    me = visit(fake_page, permissions=["clipboard-read", "clipboard-write"])
    me.find("category").select_option("teddy_bear")
    me.find("colour").locator(".swatches .swatch").nth(3).click()
    me.box(0.4, 0.4, 0.2)
    me.draw((0.2, 0.8), (0.5, 0.7), (0.8, 0.8))
    me.settle()
    me.find("save").click()
    me.find("save-copy").click()
    me.until("() => document.querySelector('.saving .told').textContent === 'The photo is in the clipboard.'")
    types = "async () => (await navigator.clipboard.read()).flatMap(item => item.types)"
    assert me.page.evaluate(types) == ["image/png"]
    me.find("save-link").click()
    me.until("() => document.querySelector('.saving .told').textContent.startsWith('The link is in the clipboard')")
    link = me.page.evaluate("() => navigator.clipboard.readText()")
    assert link.startswith(f"{fake_page}#sketch=") and len(link) < 1500

    other = visit(link)
    other.settle()
    assert other.find("category").input_value() == "teddy_bear"
    assert other.find("colour").locator("[aria-pressed=true]").get_attribute("data-colour") == "#2f5d8a"
    assert other.photo != "" and other.status.startswith("teddy bear")
    # The same drawing, to half a unit of the sheet; and its photo is made of it, not sent along.
    assert abs(other.ink - me.ink) < 0.05 * me.ink
    assert other.page.url == fake_page and other.complaints == []


def test_server_never_sees_the_drawing_in_a_link(visit, fake_page):
    me = visit(f"{fake_page}#sketch=AQAAAAAABQIKCgA")
    assert all("sketch=" not in url.split("#")[0] for url in me.requests)


def test_link_that_was_cut_off_is_said(visit, fake_page):
    me = visit(f"{fake_page}#sketch=AQAAAAAC")
    assert me.page.locator(".notice").inner_text().startswith("The drawing in this link cannot be read")
    me.box()
    me.settle()
    assert me.photo != "" and not me.page.locator(".notice").is_visible()


def test_link_into_an_open_page_replaces_the_drawing_and_undo_brings_it_back(drawn):
    before = pixels(drawn)
    drawn.page.evaluate("() => { location.hash = 'sketch=AQAAAAABKAQAgAKAAoAIgAjhgAiACA' }")
    drawn.until("() => location.hash === ''")
    linked = pixels(drawn)
    assert linked != before
    drawn.find("undo").click()
    assert pixels(drawn) == before


EARLIER = """async photo => {
    localStorage.setItem('sketch2photo.draft', '{"version":1,"strokes":[[0,5,100,100,400,100,400,400],[1,20,250,100]],'
        + '"picture":"","wish":{"category":"pear","colour":"#102030","seed":7,"model":"fake"}}');
    sessionStorage.clear();
    const database = await new Promise((done, fail) => {
        const request = indexedDB.open('sketch2photo', 1);
        request.onsuccess = () => done(request.result);
        request.onerror = fail;
    });
    const table = database.transaction('kept', 'readwrite').objectStore('kept');
    const strokes = [{erase: false, width: 5, points: [[50, 60], [300, 70], [300, 320.5]]}];
    const wish = {category: '', colour: '', seed: 0, model: 'fake'};
    const pair = {made: 1750000000000, strokes, picture: '', photo, category: 'teapot', colour: '#b23a2e', wish};
    await new Promise(done => { table.add(pair).onsuccess = done; });
}"""
"""What an earlier page left in the browser."""


def test_what_an_earlier_page_kept_still_opens(visit, fake_page):
    me = visit(fake_page)
    me.page.evaluate(EARLIER, "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' width='8' height='8'/>")
    me.page.reload()
    me.page.wait_for_selector(".s2p[data-ready=true]")
    me.find("last").click()
    me.next_photo("")
    me.settle()
    assert me.find("category").input_value() == "pear" and me.find("seed").input_value() == "7"
    assert me.find("undo").is_enabled() and me.find("kept-count").inner_text() == "1"
    before = pixels(me)
    me.find("shelved").click()
    me.page.locator(".gallery .pair").click()
    me.until("b => document.querySelector('[data-testid=sketch]').toDataURL() !== b", before)
    me.settle()
    assert me.find("category").input_value() == "auto" and me.photo != ""
    assert me.complaints == []


def test_gallery_keeps_pairs_over_a_reload_and_opens_them(drawn):
    assert drawn.find("keep").get_attribute("aria-pressed") == "false"
    first, photo = pixels(drawn), drawn.photo
    drawn.find("keep").click()
    drawn.until("() => document.querySelector('[data-testid=keep]').ariaPressed === 'true'")
    assert drawn.find("kept-count").inner_text() == "1"
    drawn.page.keyboard.press("k")  # the same pair is not kept twice
    drawn.find("category").select_option("pear")
    drawn.box(0.7, 0.7, 0.1)
    drawn.settle()
    drawn.page.keyboard.press("k")
    drawn.until("() => document.querySelector('[data-testid=kept-count]').textContent === '2'")

    drawn.page.reload()
    drawn.page.wait_for_selector(".s2p[data-ready=true]")
    drawn.until("() => document.querySelector('[data-testid=kept-count]').textContent === '2'")
    drawn.page.keyboard.press("g")
    cards = drawn.page.locator(".gallery li")
    cards.nth(1).wait_for()
    assert cards.locator("b").all_inner_texts() == ["pear", "teapot"]
    with drawn.page.expect_download() as caught:
        cards.nth(1).locator(".file").click()
    assert caught.value.suggested_filename == "sketch2photo-teapot.png"
    cards.nth(1).locator(".pair").click()
    drawn.next_photo("")
    drawn.settle()
    assert not drawn.find("gallery").is_visible()
    assert pixels(drawn) == first and drawn.photo == photo
    assert drawn.find("category").input_value() == "teapot"


def test_removing_from_the_gallery_can_be_undone(drawn):
    drawn.find("keep").click()
    drawn.until("() => document.querySelector('[data-testid=kept-count]').textContent === '1'")
    drawn.find("shelved").click()
    drawn.page.locator(".gallery .away").click()
    drawn.page.wait_for_selector(".gallery li", state="detached")
    assert drawn.find("kept-count").inner_text() == ""
    drawn.page.locator(".gallery .told button").click()
    drawn.page.wait_for_selector(".gallery li")
    drawn.page.keyboard.press("Escape")
    assert drawn.find("kept-count").inner_text() == "1"


def test_empty_gallery_says_how_to_fill_it(visit, fake_page):
    me = visit(fake_page)
    assert me.find("save").is_disabled() and me.find("keep").is_disabled()
    me.find("shelved").click()
    me.until("() => document.querySelector('.gallery .told').textContent.startsWith('Nothing kept yet')")


def test_browser_that_keeps_nothing_says_so(visit, fake_page):
    me = visit(fake_page)
    me.page.add_init_script("Object.defineProperty(window, 'indexedDB', {get() { throw new Error('no'); }})")
    me.page.reload()
    me.page.wait_for_selector(".s2p[data-ready=true]")
    me.box()
    me.settle()
    me.find("keep").click()
    me.until("() => /This browser keeps nothing/.test(document.querySelector('.notice').textContent)")


@pytest.mark.parametrize("name", ["saving", "gallery"])
def test_dialogs_fit_a_phone(visit, fake_page, phone, name):
    me = visit(fake_page, **phone)
    me.box()
    me.settle()
    me.find("keep").click()
    me.find("save" if name == "saving" else "shelved").click()
    box = me.find(name).bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 390
    assert box["y"] >= 0 and box["y"] + box["height"] <= 844
    assert re.search(r"\S", me.find(name).inner_text())
    assert me.page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
