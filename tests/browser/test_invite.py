"""The link and QR code for others: there where others can come, absent where this machine alone can see the page."""

import json

import pytest

from sketch2photo.page.sharing import qr_svg

pytestmark = pytest.mark.browser

LINK = "https://0123456789abcdef01.gradio.live"


def test_page_of_this_machine_alone_invites_nobody(fake_page, visit):
    visitor = visit(fake_page)
    visitor.page.wait_for_load_state("networkidle")
    assert visitor.find("invite").is_hidden()


@pytest.mark.parametrize("width", [390, 1280])
def test_shared_page_shows_its_link_and_code(fake_page, browser, width, tmp_path):
    context = browser.new_context(viewport={"width": width, "height": 800})
    page = context.new_page()
    asked = []

    def answer(route) -> None:
        request = route.request.post_data_json
        if request["fn_name"] != "share":
            route.continue_()
            return
        asked.append(request["data"])
        route.fulfill(json={"link": LINK, "qr": qr_svg(LINK)})

    page.route("**/component_server/**", answer)
    page.goto(fake_page + "#a-drawing")
    page.wait_for_selector(".s2p[data-ready=true]")
    button = page.get_by_test_id("invite")
    button.wait_for(state="visible")
    button.click()
    assert page.get_by_test_id("invite-link").get_attribute("href") == LINK
    code = page.get_by_test_id("invite-code")
    assert page.evaluate("code => code.decode().then(() => code.naturalWidth > 0)", code.element_handle())
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert json.dumps(asked) == json.dumps([{"address": fake_page}])
    page.screenshot(path=tmp_path / f"invite-{width}.png")
    page.get_by_test_id("invitation").get_by_role("button").click()
    assert page.get_by_test_id("invitation").is_hidden()
    context.close()
