"""A real Chromium, pages served from child processes, and a hand that draws with a real pointer."""

import contextlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.page.conftest import free_port, served

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DESK = {"width": 1280, "height": 800}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}
MILLISECONDS = 20_000
"""To wait for anything on the page; the machine may be busy with other work."""
OPENING = 60_000
"""To wait for the page itself."""


@pytest.fixture(scope="module")
def browser() -> Iterator:
    """Chromium; the tests are skipped where there is none.

    Not for the whole session: while Playwright runs, no other test of this process could use asyncio.
    """
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright to drive a browser")
    named = os.environ.get("S2P_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    with sync_api.sync_playwright() as playwright:
        path = named or playwright.chromium.executable_path
        if not Path(path).exists():
            pytest.skip("needs Chromium: install it, or name it in S2P_CHROMIUM")
        # Chromium's sandbox needs rights that containers and root do not have.
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def fake_page(root: Path) -> Iterator[str]:
    """The address of the page with the fake model."""
    with _fake(root) as url:
        yield url


@pytest.fixture(scope="session")
def slow_page(root: Path) -> Iterator[str]:
    """As `fake_page`, with a model that takes 150 ms."""
    with _fake(root, "--milliseconds", "150") as url:
        yield url


@pytest.fixture(scope="session")
def nameless_page(root: Path) -> Iterator[str]:
    """As `fake_page`, with a model that has no classifier."""
    with _fake(root, "--no-classifier") as url:
        yield url


@contextlib.contextmanager
def _fake(root: Path, *options: str) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "tests.page.fake_studio", "--port", str(port), *options]
    with served(command, f"http://127.0.0.1:{port}/", root) as url:
        yield url


@pytest.fixture(scope="session")
def real_page(root: Path) -> Iterator[str]:
    """The address of app.py with the released model."""
    if not (root / "checkpoints" / "studio" / "config.json").is_file():
        pytest.skip("needs the released model in checkpoints/studio")
    port = free_port()
    command = [sys.executable, "app.py", "--port", str(port), "--no-open"]
    with served(command, f"http://127.0.0.1:{port}/", root) as url:
        yield url


class Visitor:
    """One person at the page: draws with the pointer and sees what the page shows."""

    def __init__(self, page, address: str) -> None:
        self.page = page
        self.address = address
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.set_default_timeout(MILLISECONDS)
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", lambda m: self.complaints.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        # The server may still be compiling, and the machine busy with other tests.
        page.goto(address, timeout=OPENING)
        page.wait_for_selector(".s2p[data-ready=true]", timeout=OPENING)

    def find(self, name: str):
        return self.page.get_by_test_id(name)

    def place(self, x: float, y: float) -> tuple[float, float]:
        """A place on the sheet, 0 to 1, in the window."""
        box = self.find("sketch").bounding_box()
        return box["x"] + x * box["width"], box["y"] + y * box["height"]

    def down(self, x: float, y: float) -> None:
        self.page.mouse.move(*self.place(x, y))
        self.page.mouse.down()

    def move(self, x: float, y: float, steps: int = 8) -> None:
        self.page.mouse.move(*self.place(x, y), steps=steps)

    def up(self) -> None:
        self.page.mouse.up()

    def draw(self, *points: tuple[float, float]) -> None:
        """One stroke, from pen-down to pen-up."""
        self.down(*points[0])
        for point in points[1:]:
            self.move(*point)
        self.up()

    def box(self, x: float = 0.5, y: float = 0.5, half: float = 0.2) -> None:
        left, right, top, bottom = x - half, x + half, y - half, y + half
        self.draw((left, top), (right, top), (right, bottom), (left, bottom), (left, top))

    def settle(self) -> None:
        """Wait until the photo is of the drawing as it is."""
        self.page.wait_for_selector(".s2p[data-settled=true]")

    def until(self, expression: str, argument=None):
        """Wait until a JavaScript function of the argument is true, and return its value."""
        return self.page.wait_for_function(expression, arg=argument).json_value()

    @property
    def photo(self) -> str:
        """The photo's data URL, "" where there is none."""
        return self.find("photo").get_attribute("src") or ""

    def next_photo(self, before: str) -> str:
        """Wait for another photo than `before`."""
        script = "before => {const s = document.querySelector('[data-testid=photo]').src; return s !== before && s}"
        return self.until(script, before)

    @property
    def ink(self) -> int:
        """How many pixels of the sheet are dark."""
        return self.page.evaluate(
            """() => {
                const canvas = document.querySelector('[data-testid=sketch]');
                const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
                let dark = 0;
                for (let i = 0; i < data.length; i += 4) dark += data[i] < 128 && data[i + 3] > 0;
                return dark;
            }"""
        )

    @property
    def status(self) -> str:
        return self.find("status").inner_text()


@pytest.fixture
def visit(browser) -> Iterator[Callable[..., Visitor]]:
    """Open an address as a new visitor: own cookies, own window."""
    contexts = []

    def open_page(address: str, **options) -> Visitor:
        context = browser.new_context(**({"viewport": DESK} | options))
        contexts.append(context)
        return Visitor(context.new_page(), address)

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(name="phone")
def phone_fixture() -> dict:
    """Options of a window like a phone's."""
    return PHONE
