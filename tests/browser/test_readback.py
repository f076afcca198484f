"""Browsers that let no page read its canvas: they throw, answer with white or noise, or never answer."""

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SENTENCE = "This browser does not let pages read what is drawn on them"
URL = {
    "throws": "HTMLCanvasElement.prototype.toDataURL = () => { throw new DOMException('no', 'SecurityError') }",
    "white": """const url = HTMLCanvasElement.prototype.toDataURL;
        HTMLCanvasElement.prototype.toDataURL = function (...a) {
            const c = document.createElement('canvas');
            [c.width, c.height] = [this.width, this.height];
            const x = c.getContext('2d');
            x.fillStyle = '#fff';
            x.fillRect(0, 0, c.width, c.height);
            return url.apply(c, a);
        }""",
    "noise": """const url = HTMLCanvasElement.prototype.toDataURL;
        HTMLCanvasElement.prototype.toDataURL = function (...a) {
            const c = document.createElement('canvas');
            [c.width, c.height] = [this.width, this.height];
            const x = c.getContext('2d'), d = x.createImageData(c.width, c.height);
            let state = 7;
            for (let i = 0; i < d.data.length; i++) d.data[i] = (state = (state * 48271) % 2147483647) & 255;
            x.putImageData(d, 0, 0);
            return url.apply(c, a);
        }""",
    "nothing": "HTMLCanvasElement.prototype.toDataURL = () => 'data:,'",
}
BLOB = {
    "throws": "HTMLCanvasElement.prototype.toBlob = () => { throw new DOMException('no', 'SecurityError') }",
    "never": "HTMLCanvasElement.prototype.toBlob = () => {}",
    "null": "HTMLCanvasElement.prototype.toBlob = (back) => setTimeout(back, 0, null)",
}
READ = "CanvasRenderingContext2D.prototype.getImageData"
PIXELS = {
    "throws": f"{READ} = () => {{ throw new DOMException('no', 'SecurityError') }}",
    "white": f"{READ} = (x, y, w, h) => {{ const d = new ImageData(w, h); d.data.fill(255); return d; }}",
    "noise": f"""{READ} = (x, y, w, h) => {{
        const d = new ImageData(w, h);
        for (let i = 0; i < d.data.length; i++) d.data[i] = 255 * Math.random();
        return d;
    }}""",
}
TOLD = "document.querySelector('.saving .told').textContent"


@pytest.mark.parametrize("way", URL)
def test_a_blocked_canvas_is_called_that(visit, fake_page, way):
    me = visit(fake_page)
    me.page.evaluate(f"() => {{ {URL[way]} }}")
    me.draw((0.2, 0.3), (0.8, 0.3))
    notice = "document.querySelector('.notice')"
    me.page.wait_for_function(f"() => !{notice}.hidden && {notice}.textContent.startsWith('{SENTENCE}')", timeout=3000)
    me.find("save").click()
    me.find("save-sketch").click()
    me.page.wait_for_function(f"() => {TOLD}.startsWith('{SENTENCE}')", timeout=3000)
    # What needs no canvas goes on.
    with me.page.expect_download():
        me.find("save-svg").click()
    me.until(f"() => {TOLD} === 'Saved as sketch2photo-drawing-sketch.svg.'")


@pytest.mark.parametrize("way", URL)
def test_a_photo_is_saved_as_it_came_where_no_picture_can_be_made(visit, fake_page, way):
    me = visit(fake_page)
    me.box()
    me.settle()
    me.page.evaluate(f"() => {{ {URL[way]} }}")
    with me.page.expect_download() as caught:
        me.find("download").click()
    assert caught.value.suggested_filename.endswith(".jpg")
    me.find("save").click()
    for button in ("card", "copy", "replay"):
        before = me.page.evaluate(f"() => {TOLD}")
        me.find(f"save-{button}").click()
        if button == "replay":  # made pixel by pixel, without a data URL
            continue
        me.page.wait_for_function(f"() => {TOLD}.startsWith('{SENTENCE}')", timeout=3000)
        assert before == "" or before.startswith(SENTENCE)
    with me.page.expect_download() as caught:
        me.find("save-photo").click()
    assert caught.value.suggested_filename.endswith(".jpg")


@pytest.mark.parametrize("way", BLOB)
def test_saving_needs_no_answer_that_may_not_come(visit, fake_page, way):
    me = visit(fake_page)
    me.page.evaluate(f"() => {{ {BLOB[way]} }}")
    me.box()
    me.settle()
    me.find("save").click()
    for button in ("photo", "sketch", "card"):
        with me.page.expect_download(timeout=3000):
            me.find(f"save-{button}").click()


@pytest.mark.parametrize("way", PIXELS)
def test_a_replay_says_at_once_that_it_cannot_be_made(visit, fake_page, way):
    me = visit(fake_page)
    me.page.evaluate(f"() => {{ {PIXELS[way]} }}")
    me.box()
    me.settle()
    assert me.photo != ""
    me.find("save").click()
    me.find("save-replay").click()
    me.page.wait_for_function(f"() => {TOLD}.startsWith('{SENTENCE}')", timeout=3000)
    with me.page.expect_download():
        me.find("save-photo").click()
    me.until(f"() => {TOLD} === 'Saved as sketch2photo-{me.status.split()[0]}.png.'")


def test_little_noise_hinders_nothing(visit, fake_page):
    """As browsers make it that only blur what tells one computer from another: some values, by one."""
    me = visit(fake_page)
    me.page.evaluate(
        """() => {
            const url = HTMLCanvasElement.prototype.toDataURL;
            HTMLCanvasElement.prototype.toDataURL = function (...a) {
                const c = document.createElement('canvas');
                [c.width, c.height] = [this.width, this.height];
                const x = c.getContext('2d');
                x.drawImage(this, 0, 0);
                const d = x.getImageData(0, 0, c.width, c.height);
                for (let i = 0; i < 400; i++) d.data[(i * 7919 * 13) % d.data.length] ^= 1;
                x.putImageData(d, 0, 0);
                return url.apply(c, a);
            };
        }"""
    )
    me.box()
    me.settle()
    assert me.photo != "" and me.page.locator(".notice").is_hidden()
