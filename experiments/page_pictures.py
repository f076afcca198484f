"""The README's pictures of the page, made by the page itself: how it looks, and a drawing as it grows.

    python -m experiments.page_pictures --drawing strawberry --out docs

opens the page with a model in Chromium (Playwright), starts from one of its drawings and writes `page.png`, the page as
it then is, and `replay.gif`, what "Save the replay" gives: pen, photo and bars.
"""

import argparse
import shutil
from pathlib import Path

from benchmarks.served import app
from sketch2photo.errors import ConfigError, exit_on_user_error

LIMIT = 60_000
"""Milliseconds to wait for anything."""


def main() -> None:
    """The command. User errors are one sentence and exit code 2."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--checkpoint", type=Path, default=Path("checkpoints/studio"), metavar="DIR", help="a released model")
    add("--drawing", default="strawberry", metavar="CATEGORY", help="to start from (default: %(default)s)")
    add("--number", type=int, default=1, metavar="N", help="which of its drawings (default: the first)")
    add("--ground", default="", help="what the object stands on, as in docs/api.md (default: white)")
    add("--colour-scheme", choices=("light", "dark"), default="light")
    add("--out", type=Path, required=True, metavar="DIR", help="gets page.png and replay.gif")
    options = parser.parse_args()
    with exit_on_user_error("page_pictures"), app(options.checkpoint) as (address, _):
        take(address, options)


def take(address: str, options: argparse.Namespace) -> None:
    """Both pictures of the page at this address."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = shutil.which("chromium") or playwright.chromium.executable_path
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 800}, color_scheme=options.colour_scheme)
        page.set_default_timeout(LIMIT)
        page.goto(address)
        page.wait_for_selector(".s2p[data-ready=true]")
        found = page.get_by_test_id("examples").locator(f"[data-example={options.drawing}]")
        if found.count() < options.number:
            raise ConfigError(f"the page has {found.count()} drawings of {options.drawing!r} to start from")
        found.nth(options.number - 1).click()
        page.wait_for_selector(".s2p[data-settled=true]")
        if options.ground:
            page.get_by_test_id("grounds").locator("select").select_option(options.ground)
        page.wait_for_timeout(2000)  # the drawing has drawn itself, and what it is said to be has been read
        page.wait_for_selector(".s2p[data-settled=true]")
        options.out.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=options.out / "page.png")
        page.get_by_test_id("save").click()
        with page.expect_download() as download:
            page.get_by_test_id("save-replay").click()
        download.value.save_as(options.out / "replay.gif")
        browser.close()


if __name__ == "__main__":
    main()
