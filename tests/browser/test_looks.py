"""Looks: the rules of accessibility (axe-core), nothing that moves, every window; pictures of it in `artefacts/`."""

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


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_wrong(visit, fake_page, axe, artefacts, scheme):
    """Contrast, names, roles, target sizes: blank, drawn on, and with every sheet that opens over the page."""
    me = visit(fake_page, color_scheme=scheme, reduced_motion="reduce")
    assert broken_rules(me, axe) == []
    picture(me, artefacts, f"blank-{scheme}")
    me.find("examples").locator("[data-example=teapot]").click()
    me.settle()
    assert broken_rules(me, axe) == []
    picture(me, artefacts, f"drawn-{scheme}")
    for key, name in {"?": "shortcuts", "i": "importing", "x": "saving", "g": "gallery"}.items():
        me.page.keyboard.press(key)
        assert me.find(name).is_visible()
        assert broken_rules(me, axe) == [], name
        picture(me, artefacts, f"{name}-{scheme}")
        me.page.keyboard.press("Escape")


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
