"""Importing a picture: chosen, pasted, dropped or taken; photos of paper come clean, and nothing else gets in."""

import cv2
import numpy as np
import pytest

pytestmark = pytest.mark.browser

LINES = [((70, 60), (180, 60)), ((180, 60), (190, 150)), ((190, 150), (60, 150)), ((60, 150), (70, 60))]


def drawn(paper: int, ink: int, width: int = 3) -> np.ndarray:
    """A quadrangle with a bar in it, uint8 (200, 250)."""
    sheet = np.full((200, 250), paper, np.uint8)
    for start, end in [*LINES, ((90, 100), (160, 100))]:
        cv2.line(sheet, start, end, ink, width, cv2.LINE_AA)
    return sheet


def paper_photo() -> bytes:
    """That drawing in pencil on yellowish paper, which lies askew on a wooden table, half in shadow; a JPEG."""
    random = np.random.default_rng(4)
    table = np.full((900, 1200, 3), (60, 90, 130), np.float64) + random.normal(0, 6, (900, 1, 1)) * 2
    sheet = cv2.resize(drawn(225, 90), (1000, 800), interpolation=cv2.INTER_CUBIC)
    colour = sheet[..., None] * np.array([0.84, 0.95, 1.0])
    corners = np.float32([[150, 90], [1090, 60], [1120, 830], [110, 800]])
    matrix = cv2.getPerspectiveTransform(np.float32([[0, 0], [1000, 0], [1000, 800], [0, 800]]), corners)
    on = cv2.warpPerspective(np.ones((800, 1000)), matrix, (1200, 900))[..., None]
    photo = table * (1 - on) + cv2.warpPerspective(colour, matrix, (1200, 900)) * on
    shadow = 1 - 0.45 / (1 + np.exp(-(np.arange(1200) - 700) / 60))
    photo = photo * shadow[None, :, None] + random.normal(0, 4, photo.shape)
    return cv2.imencode(".jpg", photo.clip(0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()


def png(picture: np.ndarray) -> bytes:
    return cv2.imencode(".png", picture)[1].tobytes()


def give(me, name: str, kind: str, data: bytes) -> None:
    me.find("import").click()
    me.find("import-file").set_input_files({"name": name, "mimeType": kind, "buffer": data})


def sheet(me) -> np.ndarray:
    """The sheet as it is on the screen, uint8 (1024, 1024)."""
    import base64

    url = me.page.evaluate("() => document.querySelector('[data-testid=sketch]').toDataURL()")
    return cv2.imdecode(np.frombuffer(base64.b64decode(url.split(",")[1]), np.uint8), cv2.IMREAD_GRAYSCALE)


def box(picture: np.ndarray) -> np.ndarray:
    """Left, top, right and bottom of what is dark, as shares of the side."""
    rows, columns = np.nonzero((picture < 128).any(1))[0], np.nonzero((picture < 128).any(0))[0]
    return np.array([columns[0], rows[0], columns[-1], rows[-1]]) / len(picture)


def test_photo_of_paper_comes_clean_with_a_preview(visit, fake_page):
    me = visit(fake_page)
    me.box(0.5, 0.5, 0.05)
    me.settle()
    before, photo = me.ink, me.photo
    give(me, "IMG_0001.jpg", "image/jpeg", paper_photo())
    me.page.wait_for_selector("dialog[data-state=looking]")
    assert me.ink == before  # nothing is on the sheet yet
    me.find("import-use").click()
    me.find("importing").wait_for(state="hidden")
    me.next_photo(photo)
    me.settle()
    clean = sheet(me)
    # The drawing fills the sheet, and neither the table nor the paper's edge nor the shadow is on it.
    assert np.allclose(box(clean), [0.09, 0.18, 0.91, 0.82], atol=0.06)
    assert 0.05 < (clean < 128).mean() < 0.12
    assert ((clean > 16) & (clean < 240)).mean() < 0.04
    me.find("undo").click()
    assert me.ink == before
    me.find("redo").click()
    # One draws and rubs on it as on anything else.
    me.find("eraser").click()
    me.draw((0.5, 0.1), (0.5, 0.9))
    assert (sheet(me) < 128).sum() < (clean < 128).sum()
    me.find("undo").click()
    me.settle()
    me.page.reload()
    me.page.wait_for_selector(".s2p[data-ready=true]")
    me.until("() => document.querySelector('[data-testid=photo]').getAttribute('src')")
    assert np.array_equal(sheet(me), clean)


def test_pasted_and_dropped_pictures_and_svg_text(visit, fake_page):
    me = visit(fake_page)
    event = """([kind, type, data]) => {
        const transfer = new DataTransfer();
        if (type) transfer.items.add(new File([new Uint8Array(data)], 'a', {type}));
        else transfer.setData('text/plain', data);
        const init = {bubbles: true, cancelable: true};
        document.body.dispatchEvent(kind === 'paste'
            ? new ClipboardEvent('paste', {...init, clipboardData: transfer})
            : new DragEvent('drop', {...init, dataTransfer: transfer}));
    }"""
    inks = []
    svg = '<svg viewBox="0 0 40 40"><circle cx="20" cy="20" r="10" fill="none" stroke="#000"/></svg>'
    for kind, media, data in [
        ("paste", "image/png", list(png(drawn(255, 0)))),
        ("drop", "image/png", list(png(255 - drawn(255, 0)))),  # light on dark
        ("paste", "", svg.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"')),
    ]:
        me.page.evaluate(event, [kind, media, data])
        me.page.wait_for_selector("dialog[data-state=looking]")
        me.find("import-use").click()
        me.find("importing").wait_for(state="hidden")
        me.settle()
        inks.append(me.ink)
        assert me.photo != ""
    assert min(inks) > 10_000 and abs(inks[0] - inks[1]) < 0.2 * inks[0]
    # Text that is no picture is none of our business.
    me.page.evaluate(event, ["paste", "", "just words"])
    assert not me.find("importing").is_visible()


HAND_OVER = """([kind, texts]) => {
    const transfer = new DataTransfer();
    for (const [type, text] of Object.entries(texts)) transfer.setData(type, text);
    const init = {bubbles: true, cancelable: true};
    document.body.dispatchEvent(kind === 'paste'
        ? new ClipboardEvent('paste', {...init, clipboardData: transfer})
        : new DragEvent('drop', {...init, dataTransfer: transfer}));
}"""
STROKES = '<circle cx="20" cy="20" r="10" fill="none" stroke="&black;"/>'
XML = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40">{STROKES}</svg>'
PLAIN = XML.replace("&black;", "#000")
CLOTHES = {
    "plain": PLAIN,
    "without its namespace": PLAIN.replace(' xmlns="http://www.w3.org/2000/svg"', ""),
    "with a byte order mark and space": f"\ufeff\n\t {PLAIN}  ",
    "declared": f'  <?xml version="1.0" encoding="utf-16"?>\n<!-- made --> {PLAIN}',
    "with a DOCTYPE": f'<?xml version="1.0"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "a.dtd">{PLAIN}',
    "with an entity": f'<!DOCTYPE svg [<!ENTITY black "#000">]>{XML}',
    "prefixed": PLAIN.replace("<svg xmlns", "<s:svg xmlns:s")
    .replace("</svg", "</s:svg")
    .replace("<circle", "<s:circle"),
    "in a page": f"<div class=icon>{PLAIN}&nbsp;</div>",
}


@pytest.mark.slow
@pytest.mark.parametrize("clothes", CLOTHES)
def test_svg_text_is_taken_in_any_clothing(visit, fake_page, clothes):
    me = visit(fake_page)
    me.page.evaluate(HAND_OVER, ["paste", {"text/plain": CLOTHES[clothes]}])
    me.page.wait_for_selector("dialog[data-state=looking]")
    me.find("import-use").click()
    me.find("importing").wait_for(state="hidden")
    me.settle()
    assert me.ink > 10_000


def test_addresses_and_pages_with_a_picture_are_taken_or_answered_in_a_sentence(visit, fake_page):
    import base64
    from urllib.parse import quote

    me = visit(fake_page)
    url = "data:image/png;base64," + base64.b64encode(png(drawn(255, 0))).decode()
    with_cors, elsewhere = ({"access-control-allow-origin": origin} for origin in ("*", "http://elsewhere.test"))
    me.page.route("http://pictures.test/*", lambda route: route.fulfill(body=png(drawn(255, 0)), headers=with_cors))
    me.page.route("http://secret.test/*", lambda route: route.fulfill(body=png(drawn(255, 0)), headers=elsewhere))
    me.page.route("http://gone.test/*", lambda route: route.fulfill(status=404, headers=with_cors))
    for kind in ("paste", "drop"):
        for texts in (
            {"text/plain": url},
            {"text/plain": f"data:image/svg+xml;utf8,{PLAIN}"},  # with its bare hash sign
            {"text/plain": f"url('data:image/svg+xml,{quote(PLAIN)}')"},
            {"text/plain": "http://pictures.test/a.png"},
            {"text/uri-list": "# from another window\r\nhttp://pictures.test/a.png"},
            {"text/html": f"<meta charset=utf-8><p>Look: <img alt=a src='{url}'>", "text/plain": "Look:"},
            {"text/html": "<img src=http://pictures.test/a.png>", "text/uri-list": "http://gone.test/page"},
            {"text/html": f"<b>{PLAIN}</b>", "text/plain": "an icon"},
        ):
            me.page.evaluate(HAND_OVER, [kind, texts])
            me.page.wait_for_selector("dialog[data-state=looking]")
            me.until("() => !document.querySelector('[data-testid=import-use]').disabled")
            me.page.keyboard.press("Escape")
        for texts, sentence in (
            ({"text/plain": "http://secret.test/a.png"}, "That address does not give its picture to this page"),
            ({"text/uri-list": "http://gone.test/a.png"}, "That address does not give its picture to this page"),
            ({"text/plain": "file:///tmp/a.png"}, "That address does not give its picture to this page"),
            ({"text/html": "<img src='cid:part1'>"}, "That address does not give its picture to this page"),
            ({"text/plain": "data:image/png;base64,AAAA"}, "This browser cannot open that as a picture"),
        ):
            me.page.evaluate(HAND_OVER, [kind, texts])
            me.page.locator("dialog.import .told").filter(has_text=sentence).wait_for()
            me.page.keyboard.press("Escape")
        # Words are none of our business.
        me.page.evaluate(HAND_OVER, [kind, {"text/html": "<b>just</b> words", "text/plain": "just words"}])
        assert not me.find("importing").is_visible()


def test_a_sheet_without_colours_needs_no_filters(visit, fake_page):
    """Safari has none."""
    sheets = []
    colours = cv2.applyColorMap(np.tile(np.arange(250, dtype=np.uint8), (200, 1)), cv2.COLORMAP_JET)
    for before in ("", "delete CanvasRenderingContext2D.prototype.filter"):
        me = visit(fake_page)
        me.page.evaluate(f"() => {{ {before} }}")
        give(me, "a.png", "image/png", png(colours))
        me.find("import-clean").uncheck()
        me.find("import-use").click()
        me.find("importing").wait_for(state="hidden")
        me.until("() => document.querySelector('.s2p').dataset.blank === 'false'")
        sheets.append(sheet(me))
        assert me.page.evaluate(
            """() => {
                const c = document.querySelector('[data-testid=sketch]');
                const {data} = c.getContext('2d').getImageData(0, 512, 1024, 1);
                return data.every((value, i) => i % 4 === 3 || Math.abs(value - data[i - i % 4]) <= 1);
            }"""
        )
    assert np.array_equal(*sheets) and np.ptp(sheets[0][512]) > 100


def test_svg_runs_nothing_and_fetches_nothing(visit, fake_page):
    me = visit(fake_page)
    hostile = b"""<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"
        viewBox="0 0 100 100" onload="window.hacked = 1"><script>window.hacked = 1; parent.hacked = 1</script>
        <image href="http://127.0.0.1:9/a.png" width="9" height="9"/><use xlink:href="http://127.0.0.1:9/b.svg#c"/>
        <style>@import url(http://127.0.0.1:9/c.css);</style>
        <foreignObject width="50" height="50"><iframe xmlns="http://www.w3.org/1999/xhtml" src="http://127.0.0.1:9/"/>
        </foreignObject><path d="M20 20L80 80M80 20L20 80" stroke="black" stroke-width="4"/></svg>"""
    give(me, "a.svg", "image/svg+xml", hostile)
    me.page.wait_for_selector("dialog[data-state=looking]")
    me.find("import-use").click()
    me.find("importing").wait_for(state="hidden")
    me.settle()
    assert me.ink > 10_000 and me.photo != ""
    assert me.page.evaluate("() => window.hacked") is None
    assert not [url for url in me.requests if ":9/" in url]


def test_what_is_no_picture_is_refused_in_a_sentence(visit, fake_page):
    me = visit(fake_page)
    for name, kind, data in [
        ("a.png", "image/png", b"this is not a picture"),
        ("a.svg", "image/svg+xml", b"<html><body>no</body></html>"),
        ("a.svg", "image/svg+xml", b"<svg"),
    ]:
        give(me, name, kind, data)
        told = me.find("importing").locator(".told")
        me.until("() => document.querySelector('dialog.import .told').textContent !== ''")
        assert told.inner_text().startswith("This browser cannot open that as a picture")
        me.page.keyboard.press("Escape")
    give(me, "white.png", "image/png", png(np.full((300, 300), 255, np.uint8)))
    me.until("() => document.querySelector('dialog.import .told').textContent.startsWith('No lines were found')")
    assert me.find("import-use").is_disabled()
    me.page.keyboard.press("Escape")
    assert me.ink == 0 and me.find("undo").is_disabled()


def test_preview_follows_the_slider_and_the_turn(visit, fake_page):
    me = visit(fake_page)
    picture = drawn(250, 0)
    cv2.line(picture, (20, 180), (230, 180), 215, 3, cv2.LINE_AA)  # a faint line below
    give(me, "a.png", "image/png", png(picture))
    me.page.wait_for_selector("dialog[data-state=looking]")
    ink = """() => {
        const c = document.querySelector('[data-testid=import-after]');
        const {data} = c.getContext('2d').getImageData(0, 0, 1024, 1024);
        let rows = new Set(), columns = new Set();
        for (let i = 0; i < data.length; i += 4) if (data[i] < 128) { rows.add(i >> 12); columns.add((i >> 2) & 1023); }
        return [rows.size, columns.size];
    }"""

    def shown() -> list[int]:
        """Rows and columns with ink, once the preview is there."""
        me.until("() => !document.querySelector('[data-testid=import-use]').disabled")
        return me.page.evaluate(ink)

    me.find("import-strength").fill("-1")
    upright = shown()
    me.find("import-strength").fill("1.5")
    faint = shown()
    assert faint[0] < upright[0]  # the faint line is in, and wider than the rest
    me.find("import-turn").click()
    me.find("import-strength").fill("-1")
    turned = shown()
    assert abs(turned[0] - upright[1]) < 20 and abs(turned[1] - upright[0]) < 20
    me.find("import-clean").uncheck()
    assert me.page.evaluate(ink)[0] < upright[0]  # as it came: the whole picture, not cropped to the drawing


def test_picture_can_be_put_on_the_sheet_as_it_came_without_the_server(visit, fake_page):
    me = visit(fake_page)
    me.page.route("**/component_server/**", lambda route: route.abort())
    give(me, "a.png", "image/png", png(drawn(255, 0)))
    told = "document.querySelector('dialog.import .told').textContent"
    me.until(f"() => {told}.startsWith('The server, which cleans pictures, did not answer')")
    assert me.find("import-use").is_disabled()
    me.find("import-clean").uncheck()
    me.until(f"() => {told} === ''")
    me.find("import-use").click()
    me.find("importing").wait_for(state="hidden")
    me.until("() => document.querySelector('.s2p').dataset.blank === 'false'")
    assert me.ink > 10_000
    me.page.unroute("**/component_server/**")
    me.next_photo("")
    # A refusal is told in the server's words.
    me.page.route("**/component_server/**", lambda route: route.fulfill(json={"error": "no such picture"}))
    give(me, "a.png", "image/png", png(drawn(255, 0)))
    me.until(f"() => {told} === 'no such picture'")


def test_light_lines_on_nothing_are_found(visit, fake_page):
    me = visit(fake_page)
    picture = np.full((200, 250, 4), 255, np.uint8)
    picture[..., 3] = 255 - drawn(255, 0)
    give(me, "a.png", "image/png", png(picture))
    me.find("import-use").click()
    me.find("importing").wait_for(state="hidden")
    me.settle()
    assert me.ink > 10_000


def test_photo_is_taken_with_the_camera(visit, fake_page):
    """A picture on a canvas of the page stands for the camera's."""
    me = visit(fake_page)
    me.page.evaluate(
        """() => {
            const c = document.createElement('canvas');
            c.width = 320; c.height = 240;
            const x = c.getContext('2d');
            const paint = () => {
                x.fillStyle = '#e8e4d8'; x.fillRect(0, 0, 320, 240);
                x.lineWidth = 5; x.strokeStyle = '#234'; x.strokeRect(100, 60, 120, 120);
            };
            setInterval(paint, 30);
            window.stream = c.captureStream();
            navigator.mediaDevices.getUserMedia = async () => window.stream;
        }"""
    )
    me.find("import").click()
    me.find("import-take").click()
    me.page.wait_for_selector("dialog[data-state=taking]")
    me.until("() => document.querySelector('[data-testid=import-video]').videoWidth > 0")
    me.find("import-take").click()
    me.page.wait_for_selector("dialog[data-state=looking]")
    me.find("import-use").click()
    me.find("importing").wait_for(state="hidden")
    me.settle()
    assert np.allclose(box(sheet(me)), [0.09, 0.09, 0.91, 0.91], atol=0.03)
    # The camera is off again.
    assert me.page.evaluate("() => window.stream.getTracks().every(t => t.readyState === 'ended')")
