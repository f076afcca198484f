"""What the page shows and offers: bars, choice, colour, download, troubles, phone, looks."""

import io
import itertools
import re
from urllib.parse import urlsplit

import pytest
from PIL import Image

from tests.browser.conftest import DESK, MILLISECONDS, Visitor
from tests.page.fake_studio import CATEGORIES, COLOURS

pytestmark = pytest.mark.browser


def test_blank_page_invites_to_draw(visit, fake_page):
    me = visit(fake_page)
    assert me.find("hint").inner_text() == "Draw a shoe, a chair, an apple …"
    assert me.photo == "" and not me.find("photo").is_visible()
    assert not me.find("bars").is_visible()
    assert me.find("category").locator("option").all_inner_texts() == [
        "auto",
        *(name.replace("_", " ") for name in CATEGORIES),
    ]
    # Every request went to the page's own server, and nothing was wrong.
    assert {urlsplit(url).netloc for url in me.requests if url.startswith("http")} == {urlsplit(fake_page).netloc}
    assert me.complaints == []


WATCH = """
new MutationObserver(() => {
    const sheet = document.querySelector('.s2p[data-ready=true] [data-testid=sketch]');
    if (!sheet || window.reached) return;
    const box = sheet.getBoundingClientRect();
    window.reached = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
}).observe(document, { subtree: true, childList: true, attributes: true });
"""
"""Keep what a pen would touch at the moment the page says that it is ready."""


@pytest.mark.slow
def test_pen_reaches_the_sheet_at_once_on_a_slow_machine(browser, fake_page):
    """Gradio takes away the cover of its start only after the page is there."""
    context = browser.new_context(viewport=DESK)
    context.add_init_script(WATCH)
    page = context.new_page()
    context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": 6})
    me = Visitor(page, fake_page)
    assert page.evaluate("() => window.reached.dataset.testid") == "sketch"
    me.box()
    me.settle()
    assert me.photo != ""
    context.close()


@pytest.mark.parametrize("trouble", ["lost", "broken"])
def test_scripts_that_do_not_load_are_said(browser, fake_page, trouble):
    page = browser.new_page(viewport=DESK)
    broken = {"status": 200, "content_type": "text/javascript", "body": "this is no script"}
    page.route("**/session.js", lambda route: route.abort() if trouble == "lost" else route.fulfill(**broken))
    page.goto(fake_page)
    page.get_by_role("alert").get_by_text("This page could not start: reload it").wait_for(timeout=MILLISECONDS)
    page.close()


def test_scripts_are_fetched_once(visit, fake_page):
    """Their address has their version in it, so the browser keeps them."""
    me = visit(fake_page)
    scripts = {url for url in me.requests if "/js/" in url and url.endswith(".js")}
    assert len(scripts) > 15
    me.page.reload()
    me.page.wait_for_selector(".s2p[data-ready=true]")
    taken = me.page.evaluate("() => performance.getEntriesByType('resource').map(r => [r.name, r.transferSize])")
    assert {url for url, size in taken if size == 0} >= scripts


def test_bars_show_every_category_in_its_place(visit, fake_page):
    me = visit(fake_page)
    me.box(0.2, 0.5, 0.1)
    me.settle()
    names = me.find("bars").locator(".name").all_inner_texts()
    assert names == [name.replace("_", " ") for name in CATEGORIES]
    shares = [int(text.rstrip("%")) for text in me.find("bars").locator(".share").all_inner_texts()]
    assert 95 <= sum(shares) <= 105
    assert me.find("bars").locator(".leads").inner_text().split("\n")[0] == me.status
    me.box(0.8, 0.5, 0.1)
    me.settle()
    assert me.find("bars").locator(".name").all_inner_texts() == names


def test_unsure_and_none_are_said(visit, fake_page):
    me = visit(fake_page)
    me.draw((0.1, 0.5), (0.2, 0.5))
    me.settle()
    assert me.status.startswith("not sure yet") and "painted as a" in me.status
    me.find("size").fill("16")
    for y in range(8):
        me.draw((0.03, 0.05 + y * 0.07), (0.97, 0.05 + y * 0.07))
        me.draw((0.97, 0.08 + y * 0.07), (0.03, 0.08 + y * 0.07))
    me.settle()
    assert me.status.startswith("none of these")


def test_bar_chooses_the_category_and_lets_go_again(visit, fake_page):
    me = visit(fake_page)
    me.box(0.5, 0.5, 0.2)
    me.settle()
    free, photo = me.status, me.photo
    sofa = me.find("bars").locator("[data-category=sofa]")
    sofa.click()
    me.next_photo(photo)
    me.settle()
    assert "sofa" in me.status and "your choice" in me.status
    assert sofa.get_attribute("aria-pressed") == "true"
    assert me.find("category").input_value() == "sofa"
    # It stays with the next strokes.
    me.box(0.8, 0.5, 0.1)
    me.settle()
    assert "sofa" in me.status
    me.find("undo").click()
    me.settle()
    sofa.click()
    me.settle()
    assert me.status == free and me.photo == photo
    assert me.find("category").input_value() == "auto"


def test_category_is_chosen_by_the_list_before_drawing(visit, fake_page):
    me = visit(fake_page)
    me.find("category").select_option("banana")
    me.box()
    me.settle()
    assert me.status.startswith("banana")
    me.find("category").select_option("auto")
    me.settle()
    assert me.status.startswith("teapot") or me.status.startswith("teddy bear")


@pytest.mark.slow
def test_photo_does_not_flicker_between_categories(visit, fake_page):
    """While the pen moves, a category is painted for several photos in a row before another takes over."""
    me = visit(fake_page)
    me.page.evaluate(
        """() => {
            window.painted = [];
            const status = document.querySelector('[data-testid=status]');
            new MutationObserver(() => window.painted.push(status.textContent)).observe(status, {childList: true});
        }"""
    )
    # The fake model names by place: from left to right every category would lead once.
    me.down(0.1, 0.5)
    for i in range(60):
        me.move(0.1 + 0.8 * i / 60, 0.5 + 0.1 * (i % 2), steps=4)
    me.up()
    me.settle()
    painted = me.page.evaluate("() => window.painted")
    runs = [1]
    for before, after in itertools.pairwise(painted):
        if before == after:
            runs[-1] += 1
        else:
            runs.append(1)
    assert len(painted) >= 10
    # The last run ends where the pen was lifted.
    assert all(run >= 3 for run in runs[1:-1]), painted


def test_colours_of_the_category_any_colour_and_variations(visit, fake_page):
    me = visit(fake_page)
    me.find("category").select_option("shoe")
    me.box(half=0.3)
    me.settle()
    swatches = me.find("colour").locator(".swatches .swatch")
    assert [swatches.nth(i).get_attribute("data-colour") for i in range(8)] == list(COLOURS)

    def colour() -> tuple[int, int, int]:
        me.settle()
        return me.page.evaluate(
            """() => {
                const photo = document.querySelector('[data-testid=photo]'), c = document.createElement('canvas');
                c.width = c.height = 128;
                c.getContext('2d').drawImage(photo, 0, 0);
                return [...c.getContext('2d').getImageData(64, 64, 1, 1).data].slice(0, 3);
            }"""
        )

    own = colour()
    swatches.nth(2).click()
    green = colour()
    assert green[1] > green[0] and green[1] > green[2] and green != own
    assert swatches.nth(2).get_attribute("aria-pressed") == "true"
    swatches.nth(2).click()
    assert colour() == own
    me.find("colour-picker").fill("#0000ff")
    blue = colour()
    assert blue[2] > 150 and blue[0] < 40
    me.find("dice").click()
    assert colour() != own
    assert me.find("colour-auto").get_attribute("aria-pressed") == "true"


def test_download_is_the_photo(visit, fake_page):
    me = visit(fake_page)
    me.find("category").select_option("teddy_bear")
    me.box()
    me.settle()
    with me.page.expect_download() as caught:
        me.find("download").click()
    assert caught.value.suggested_filename == "sketch2photo-teddy_bear.png"
    with open(caught.value.path(), "rb") as file:
        picture = Image.open(io.BytesIO(file.read()))
    assert picture.format == "PNG" and picture.size == (128, 128)


def test_without_live_only_the_button_paints(visit, fake_page):
    me = visit(fake_page)
    me.find("live").click()
    me.box(half=0.1)
    me.page.wait_for_timeout(300)  # long enough for a photo, had one been asked for
    assert me.photo == ""
    me.find("paint").click()
    first = me.next_photo("")
    me.box(half=0.3)
    me.page.wait_for_timeout(300)
    assert me.photo == first
    me.find("live").click()
    me.next_photo(first)


def test_lost_network_is_said_and_recovered_from(visit, fake_page):
    me = visit(fake_page)
    me.page.route("**/component_server/**", lambda route: route.abort())
    me.box()
    me.until("() => document.querySelector('.notice').textContent === 'offline, retrying'")
    assert me.photo == ""
    me.page.unroute("**/component_server/**")
    me.next_photo("")
    me.settle()
    assert not me.page.locator(".notice").is_visible()


def test_busy_server_is_said_and_recovered_from(visit, fake_page):
    me = visit(fake_page)
    busy = {"busy": "many people are drawing right now: retrying", "seq": 1}
    me.page.route("**/component_server/**", lambda route: route.fulfill(json=busy))
    me.box()
    me.until("() => document.querySelector('.notice').textContent.startsWith('many people')")
    me.page.unroute("**/component_server/**")
    me.next_photo("")
    me.settle()


def test_refusal_of_the_server_is_shown_where_the_photo_would_be(visit, fake_page):
    me = visit(fake_page)
    me.page.route("**/component_server/**", lambda route: route.fulfill(json={"error": "no such thing", "seq": 1}))
    me.box()
    me.until("() => document.querySelector('.notice').textContent === 'no such thing'")
    me.page.unroute("**/component_server/**")
    me.box(0.7, 0.7, 0.1)
    me.next_photo("")


def test_two_visitors_do_not_see_each_other(visit, slow_page):
    one, other = visit(slow_page), visit(slow_page)
    one.find("category").select_option("shoe")
    other.find("category").select_option("apple")
    for _ in range(3):
        one.box(0.4, 0.4, 0.1)
        other.box(0.6, 0.6, 0.2)
    one.settle()
    other.settle()
    assert one.status.startswith("shoe") and other.status.startswith("apple")
    assert one.photo != other.photo


def test_model_without_a_classifier_shows_no_bars(visit, nameless_page):
    me = visit(nameless_page)
    me.box()
    me.settle()
    assert me.photo != "" and not me.find("bars").is_visible()
    assert me.status == "shoe"
    me.find("category").select_option("pear")
    me.settle()
    assert me.status.startswith("pear")


def test_phone_shows_photo_and_sheet_together_and_draws_by_touch(visit, fake_page, phone):
    me = visit(fake_page, **phone)
    assert me.page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    height = 844
    for name in ("photo", "sketch"):
        box = me.page.locator(f"section:has([data-testid={name}])").bounding_box()
        assert box["y"] >= 0 and box["y"] + box["height"] <= height
    touch = me.page.context.new_cdp_session(me.page)

    def finger(kind: str, x: float = 0.0, y: float = 0.0) -> None:
        place = me.place(x, y)
        points = [] if kind == "touchEnd" else [{"x": place[0], "y": place[1]}]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    finger("touchStart", 0.2, 0.2)
    for i in range(1, 15):
        finger("touchMove", 0.2 + 0.04 * i, 0.2 + 0.04 * i)
    first = me.next_photo("")
    for i in range(1, 15):
        finger("touchMove", 0.76 - 0.04 * i, 0.76)
    me.next_photo(first)
    finger("touchEnd")
    me.settle()
    assert me.ink > 500
    # The finger drew; it did not scroll the page.
    assert me.page.evaluate("() => scrollY") == 0
    assert me.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_light_and_dark(visit, fake_page, scheme):
    """Contrast of at least 4.5 to 1 (WCAG 2.2, 1.4.3) for what is written on the desk and on the bars."""
    me = visit(fake_page, color_scheme=scheme)
    me.box()
    me.settle()
    ratios = me.page.evaluate(
        """() => {
            const rgb = text => text.match(/[0-9.]+/g).map(Number);
            const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
                .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
                .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
            const ground = e => {
                for (; e; e = e.parentElement) {
                    const c = rgb(getComputedStyle(e).backgroundColor);
                    if (c.length < 4 || c[3] > 0.9) return c;
                }
                return [255, 255, 255];
            };
            const result = {};
            for (const name of ['header p', '.says p', '.bar .name', '.bar .share', '.switch', 'select', '.latency',
                                '[data-testid=status] strong', '.choice span', '.go']) {
                for (const e of document.querySelectorAll('.s2p ' + name)) {
                    const a = light(rgb(getComputedStyle(e).color)), b = light(ground(e));
                    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
                    result[name] = Math.min(result[name] ?? 99, ratio);
                }
            }
            return result;
        }"""
    )
    assert len(ratios) >= 9
    assert {name: round(ratio, 1) for name, ratio in ratios.items() if ratio < 4.5} == {}
    desk = me.page.evaluate("() => getComputedStyle(document.querySelector('.s2p')).backgroundColor")
    assert desk == ("rgb(240, 236, 227)" if scheme == "light" else "rgb(28, 26, 23)")


@pytest.mark.parametrize("size", [(1280, 720), (1440, 900), (1920, 1080)])
def test_sheets_fill_the_window_and_nothing_moves(visit, fake_page, size):
    me = visit(fake_page, viewport={"width": size[0], "height": size[1]})

    def boxes() -> list[dict]:
        names = ("sketch", "category", "undo", "download", "live")
        return [me.find(name).bounding_box() for name in names]

    before = boxes()
    assert before[0]["height"] >= 0.6 * size[1] or before[0]["width"] >= 0.4 * size[0]
    me.box()
    me.settle()
    me.find("bars").locator("[data-category=car]").click()
    me.settle()
    assert boxes() == before
    root = "document.documentElement"
    assert me.page.evaluate(f"() => {root}.scrollWidth <= innerWidth && {root}.scrollHeight <= innerHeight")


def test_page_names_the_device_that_paints(visit, fake_page):
    assert visit(fake_page).find("latency").get_attribute("title") == "Painted on: CPU"


def test_korean_browser_gets_a_korean_page(visit, fake_page):
    me = visit(fake_page, locale="ko-KR")
    assert me.find("hint").inner_text() == "신발, 의자, 사과 … 그려 보세요"
    assert me.find("category").locator("option").all_inner_texts()[:3] == ["자동", "신발", "자동차"]
    me.find("category").select_option("teddy_bear")
    me.box()
    me.settle()
    assert "".join(me.status.split()) == "곰인형직접고름"
    # Nothing that can be read or heard is left in English, but the name, keys and units.
    said = me.page.evaluate(
        """() => {
            const root = document.querySelector('.s2p');
            const heard = [root.innerText, ...[...root.querySelectorAll('dialog')].map(e => e.textContent)];
            for (const e of root.querySelectorAll('*')) heard.push(e.ariaLabel, e.title, e.alt, e.placeholder);
            return heard.filter(Boolean).join(' ');
        }"""
    )
    known = {"sketch", "photo", "sketch2photo", "API", "CPU", "ms", "PNG", "GIF", "SVG", "Ctrl", "Del", "Enter"}
    known |= {*"ABCDEFGHIJKLMNOPQRSTUVWXYZ", "PNGJPEGWebP"}  # the kinds of files, one beside the other
    assert set(re.findall(r"[A-Za-z]\w*", re.sub("#[0-9a-f]{6}", "", said))) <= known
    assert me.page.locator(".s2p").get_attribute("lang") == "ko"
