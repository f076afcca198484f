"""Looks: the rules of accessibility (axe-core), nothing that moves, every window; pictures of it in `artefacts/`."""

import re
from pathlib import Path

import cv2
import pytest

pytestmark = pytest.mark.browser

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
TABLET = {"viewport": {"width": 820, "height": 1180}, "has_touch": True, "is_mobile": True}
ON_ITS_SIDE = {"viewport": {"width": 844, "height": 390}, "has_touch": True, "is_mobile": True}

PHOTO_IN_VIEW = """() => {
    const box = document.querySelector('.print').getBoundingClientRect();
    return box.top >= -1 && box.bottom <= innerHeight + 1 && box.left >= -1 && box.right <= innerWidth + 1;
}"""
SHIFTS = """() => {
    window.shifts = [];
    new PerformanceObserver(list => {
        for (const entry of list.getEntries()) {
            if (!entry.hadRecentInput) window.shifts.push(entry.value);
        }
    }).observe({type: 'layout-shift', buffered: true});
}"""


@pytest.fixture(scope="session")
def artefacts(root: Path) -> Path:
    """Where pictures of the page are left for people to look at; git ignores the folder."""
    folder = root / "artefacts" / "page"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def picture(me, folder: Path, name: str) -> None:
    """Keep a picture of the window; an empty one fails."""
    path = folder / f"{name}.png"
    me.page.screenshot(path=path)
    seen = cv2.imread(str(path))
    assert seen is not None and seen.std() > 5, f"{path} shows nothing"


def broken_rules(me, axe: str) -> list[str]:
    """What axe-core finds wrong on the page as it stands."""
    if not me.page.evaluate("() => Boolean(window.axe)"):
        me.page.evaluate(axe)
    found = me.page.evaluate(
        "rules => axe.run(document.querySelector('.s2p'), {runOnly: {type: 'tag', values: rules}})", RULES
    )
    assert len(found["passes"]) >= 10  # it did look
    return [
        f"{rule['id']}: {node['target']} {node['failureSummary']}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


@pytest.fixture(scope="module")
def axe(root: Path) -> str:
    path = root / "node_modules" / "axe-core" / "axe.min.js"
    if not path.exists():
        pytest.skip("needs axe-core: run scripts/check once, which installs it into node_modules")
    return path.read_text()


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "language"), [("light", "en-GB"), ("dark", "ko-KR")])
def test_axe_finds_nothing_wrong(visit, fake_page, axe, artefacts, scheme, language):
    """Contrast, names, roles, target sizes: blank, drawn on, and with every sheet that opens over the page."""
    me = visit(fake_page, color_scheme=scheme, reduced_motion="reduce", locale=language)
    assert broken_rules(me, axe) == []
    picture(me, artefacts, f"blank-{scheme}")
    me.find("examples").locator("[data-example=teapot]").click()
    me.settle()
    assert broken_rules(me, axe) == []
    picture(me, artefacts, f"drawn-{scheme}")
    for key, name in {"?": "shortcuts", "i": "importing", "x": "saving", "g": "gallery", "f": "large"}.items():
        me.page.keyboard.press(key)
        assert me.find(name).is_visible()
        assert broken_rules(me, axe) == [], name
        picture(me, artefacts, f"{name}-{scheme}")
        me.page.keyboard.press("Escape")
    me.page.set_viewport_size({"width": 390, "height": 844})
    assert broken_rules(me, axe) == [], "on a phone"
    me.find("all-bars").click()
    assert broken_rules(me, axe) == [], "all bars"
    picture(me, artefacts, f"all-bars-{scheme}")
    me.page.keyboard.press("Escape")
    assert not me.find("bars").is_visible()
    me.page.set_viewport_size({"width": 1280, "height": 800})
    me.find("size").fill("16")
    for y in range(12):
        me.draw((0.03, 0.05 + y * 0.07), (0.97, 0.05 + y * 0.07))
    me.page.wait_for_selector(".s2p[data-settled=true][data-status=none]")
    assert broken_rules(me, axe) == [], "something else"
    picture(me, artefacts, f"something-else-{scheme}")


def test_nothing_moves_while_one_draws(visit, fake_page):
    """The sum of layout shifts; 0.1 is called good (web.dev/cls), a page to draw on has to be better."""
    me = visit(fake_page, reduced_motion="reduce")
    me.page.evaluate(SHIFTS)
    me.down(0.2, 0.2)
    for x, y in [(0.8, 0.2), (0.8, 0.8), (0.2, 0.8), (0.3, 0.3)]:
        me.move(x, y)
    me.up()
    me.settle()
    me.find("clear").click()
    me.settle()
    assert me.page.evaluate("() => window.shifts.reduce((sum, each) => sum + each, 0)") < 0.01


@pytest.mark.parametrize("width", [320, 360, 390, 430])
def test_phones_never_scroll_sideways_and_keep_the_photo_in_view(visit, fake_page, phone, artefacts, width):
    me = visit(fake_page, **phone | {"viewport": {"width": width, "height": 844}, "reduced_motion": "reduce"})
    narrow = "() => document.documentElement.scrollWidth <= innerWidth"
    assert me.page.evaluate(narrow)
    picture(me, artefacts, f"phone-{width}-blank")
    me.find("examples").locator("[data-example=car]").click()
    me.settle()
    assert me.page.evaluate(narrow) and me.page.evaluate(PHOTO_IN_VIEW)
    picture(me, artefacts, f"phone-{width}-drawn")
    # As far down as one can draw: to the lower edge of the sheet.
    me.find("sketch").evaluate("e => scrollBy(0, e.getBoundingClientRect().bottom - innerHeight + 120)")
    assert me.page.evaluate(PHOTO_IN_VIEW)
    # Every tool is large enough for a finger (WCAG 2.2, 2.5.8).
    small = me.page.evaluate(
        """() => [...document.querySelectorAll('.s2p .rail button, .s2p .under button, .s2p .bar')]
            .filter(e => e.checkVisibility({visibilityProperty: true}))
            .filter(e => { const b = e.getBoundingClientRect(); return b.width < 24 || b.height < 24; })
            .map(e => e.dataset.testid)"""
    )
    assert small == []


@pytest.mark.parametrize(("name", "window"), [("tablet", TABLET), ("phone-on-its-side", ON_ITS_SIDE)])
def test_photo_is_in_view_on_other_windows(visit, fake_page, artefacts, name, window):
    me = visit(fake_page, **window, reduced_motion="reduce", color_scheme="dark")
    me.find("surprise").click()
    me.settle()
    assert me.page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    assert me.page.evaluate(PHOTO_IN_VIEW)
    picture(me, artefacts, name)


WIDTHS = (320, 360, 390, 768, 1024, 1280, 1440, 2560)
WINDOWS = [(width, 844 if width < 700 else 1100 if width < 1000 else 800) for width in WIDTHS] + [
    (844, 390),
    (667, 375),
]
LONGEST = {
    "none": {"status": "none", "word": "The_Great_Wall_of_China", "people": 12, "category": "teddy_bear"},
    "unsure": {"status": "unsure", "people": 12, "category": "motorcycle"},
    "ok": {"status": "ok", "people": 12, "category": "teddy_bear"},
}
MISPLACED = """() => {
    const shown = e => e.checkVisibility({visibilityProperty: true, opacityProperty: true});
    const name = e => e.dataset.testid || e.dataset.category || e.dataset.example || e.className || e.tagName;
    const parts = 'button, select, input, canvas[data-testid=sketch], img[data-testid=photo], .says p > *, .latency,'
        + '.other p, header h1, header p, .knows, .starters p, [data-testid=hint]';
    // What lies over the photo on purpose has it to itself.
    const apart = e => e.matches('.other p, [data-testid=nearest]')
        || !e.closest('.print, dialog, .spoken, [aria-hidden=true]') && !['file', 'color'].includes(e.type);
    const clip = e => {
        let box = e.getBoundingClientRect();
        for (let up = e.parentElement; up; up = up.parentElement) {
            if (getComputedStyle(up).overflow === 'visible') continue;
            const {left, right, top, bottom} = up.getBoundingClientRect();
            box = {
                left: Math.max(left, box.left), right: Math.min(right, box.right),
                top: Math.max(top, box.top), bottom: Math.min(bottom, box.bottom),
            };
        }
        return box;
    };
    const boxes = [...document.querySelector('.s2p').querySelectorAll(parts)].filter(e => shown(e) && apart(e))
        .map(e => [e, clip(e)]).filter(([, box]) => box.right - box.left > 1 && box.bottom - box.top > 1);
    const found = [];
    const wide = document.documentElement.scrollWidth;
    if (wide > innerWidth) found.push(`scrolls sideways: ${wide}`);
    boxes.forEach(([e, a], i) => {
        if (a.left < -0.5 || a.right > innerWidth + 0.5) found.push(`${name(e)} leaves the screen`);
        for (const [f, b] of boxes.slice(i + 1)) {
            if (e.contains(f) || f.contains(e)) continue;
            const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
            const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
            if (width > 1 && height > 1) found.push(`${name(e)} overlaps ${name(f)} by ${width} x ${height}`);
        }
        const narrow = e.matches('button') && e.scrollWidth > e.clientWidth + 1;
        if (narrow) found.push(`${name(e)} is too narrow for its words`);
    });
    return found;
}"""


@pytest.mark.parametrize("language", ["en-GB", "ko-KR"])
def test_nothing_overlaps_or_leaves_the_screen_from_320_pixels_up(visit, fake_page, language):
    """Blank, with the longest that can be said of a drawing, and with what hinders."""
    me = visit(fake_page, locale=language, reduced_motion="reduce")
    says: dict = {}

    def answer(route) -> None:
        if route.request.post_data_json.get("fn_name") != "live_predict":
            route.continue_()
            return
        reply = route.fetch()
        route.fulfill(response=reply, json=reply.json() | says)

    me.page.route("**/component_server/**", answer)
    wrong = {}

    def walk(state: str) -> None:
        for width, height in WINDOWS:
            me.page.set_viewport_size({"width": width, "height": height})
            me.page.wait_for_timeout(30)
            if found := me.page.evaluate(MISPLACED):
                wrong[state, width] = found

    walk("blank")
    # It can fail.
    broken = me.page.add_style_tag(
        content=".s2p .tools .tool { margin: -8px !important; } .s2p header { width: 3000px; }"
    )
    found = " ".join(me.page.evaluate(MISPLACED))
    assert "scrolls sideways" in found and "help leaves the screen" in found and "pen overlaps brush" in found
    broken.evaluate("e => e.remove()")
    for state, answers in LONGEST.items():
        says.clear()
        says.update(answers)
        me.draw((0.3, 0.3), (0.7, 0.7))
        me.page.wait_for_selector(f".s2p[data-settled=true][data-status={answers['status']}]")
        walk(state)
    assert wrong == {}


def test_phone_has_a_large_photo_and_the_likeliest_bars_beside_it(visit, fake_page, phone):
    for width, height in ((320, 640), (390, 844), (430, 932)):
        me = visit(fake_page, **phone | {"viewport": {"width": width, "height": height}})
        examples = me.find("examples").bounding_box()
        assert examples["y"] + examples["height"] < height / 2  # what there is to start from is seen at once
        me.box(0.5, 0.5, 0.2)
        me.settle()
        photo, sheet = me.find("photo").bounding_box(), me.find("sketch").bounding_box()
        assert photo["width"] >= 0.45 * width and photo["y"] >= 0 and sheet["y"] + sheet["height"] <= height
        bars = me.find("likeliest").locator(".bar")
        assert bars.count() == 3 and all(bar.is_visible() for bar in bars.all())
        shares = [int(text.rstrip("%")) for text in bars.locator(".share").all_inner_texts()]
        assert shares == sorted(shares, reverse=True) and shares[0] > 0
        assert not me.find("bars").is_visible()
        me.find("all-bars").tap()
        assert me.find("bars").locator(".bar").count() == 12 and me.find("bars").is_visible()
        me.find("bars").locator("[data-category=banana]").tap()
        me.settle()
        assert not me.find("bars").is_visible() and me.status.startswith("banana")
        bars.locator(".name", has_text="banana").tap()
        me.settle()
        assert me.find("category").input_value() == "auto"


def test_photo_fills_the_screen_at_a_tap_and_goes_at_a_swipe(visit, fake_page, phone):
    me = visit(fake_page, **phone)
    assert me.find("enlarge").is_disabled()
    me.box(0.5, 0.5, 0.2)
    me.settle()
    for put_away in ("swipe", "Escape", "tap"):
        me.find("enlarge").tap()
        large = me.find("large")
        box = large.locator("img").bounding_box()
        assert (box["width"], box["height"]) == (390, 844)
        if put_away == "swipe":
            hand = me.page.context.new_cdp_session(me.page)
            for kind, y in (("touchStart", 300), ("touchMove", 400), ("touchMove", 500), ("touchEnd", None)):
                points = [] if y is None else [{"x": 200, "y": y}]
                hand.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        elif put_away == "tap":
            large.locator("img").tap()
        else:
            me.page.keyboard.press("Escape")
        large.wait_for(state="hidden")


def test_sheet_and_photo_are_alike_on_a_desk(visit, fake_page):
    me = visit(fake_page)
    for width, height in ((1024, 768), (1280, 800), (2560, 1300)):
        me.page.set_viewport_size({"width": width, "height": height})
        sheet, photo = (me.page.locator(f".{name}").bounding_box() for name in ("paper", "print"))
        assert (sheet["width"], sheet["height"]) == (photo["width"], photo["height"])


def test_something_else_is_named_and_not_painted_over(visit, fake_page):
    """The nearest thing only at a tap; what there is to start from is offered as pictures."""
    me = visit(fake_page)
    me.page.route(
        "**/component_server/**",
        lambda route: route.fulfill(response=(reply := route.fetch()), json=reply.json() | {"word": "castle"}),
    )
    me.find("size").fill("16")
    for y in range(12):
        me.draw((0.03, 0.05 + y * 0.07), (0.97, 0.05 + y * 0.07))
    me.settle()
    assert me.photo == "" and not me.find("photo").is_visible()
    assert me.status.split("\n") == ["a castle?", "I can't paint that yet"]
    assert me.find("other").locator("p").inner_text() == "A castle? I can't paint that yet."
    assert me.find("examples").is_visible() and not me.find("bars").is_visible()
    assert me.find("keep").is_disabled() and me.find("download").is_disabled()
    me.find("nearest").click()
    me.next_photo("")
    me.settle()
    assert "your choice" in me.status and not me.find("other").is_visible()
    assert me.find("bars").is_visible() and me.find("keep").is_enabled()
    me.find("clear").click()
    assert not me.find("other").is_visible()


def test_photo_is_described_by_what_is_painted(visit, fake_page):
    me = visit(fake_page)
    me.box(0.45, 0.5, 0.2)
    me.settle()
    assert re.fullmatch(r"an? (\w+ )?[a-z ]+, \d+%", me.find("photo").get_attribute("alt"))
    me.find("category").select_option("teapot")
    me.find("colour-picker").fill("#c02020")
    me.settle()
    me.until("() => document.querySelector('[data-testid=photo]').alt === 'a red teapot'")
