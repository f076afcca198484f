"""The whole line, as a person meets it: app.py, the released model, a pointer in Chromium."""

import json
from urllib.parse import urlsplit

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_photo_follows_the_pen_before_it_is_lifted(visit, real_page):
    me = visit(real_page)
    assert me.photo == ""
    assert me.page.locator("canvas[data-testid=sketch]").is_visible()
    me.down(0.2, 0.6)
    me.move(0.3, 0.35, steps=15)
    first = me.next_photo("")
    me.move(0.7, 0.35, steps=15)
    second = me.next_photo(first)
    assert first.startswith("data:image/jpeg;base64,") and second.startswith("data:image/jpeg;base64,")
    # The pen is still on the sheet: no pointerup was ever sent.
    me.move(0.8, 0.6, steps=15)
    me.move(0.2, 0.6, steps=15)
    me.up()
    me.settle()
    final = me.photo  # none, if such a thing is nothing that it paints
    assert final != first and me.status

    me.find("category").select_option("car")
    car = me.next_photo(final)
    assert me.until("() => document.querySelector('[data-testid=photo]').naturalWidth") >= 64
    me.settle()
    assert "car" in me.status
    assert me.find("colour").locator(".swatches .swatch:enabled").count() > 0
    me.find("colour").locator(".swatches .swatch:enabled").last.click()
    me.next_photo(car)
    me.settle()

    me.find("clear").click()
    assert me.ink == 0 and me.photo == ""
    assert {urlsplit(url).netloc for url in me.requests if url.startswith("http")} == {urlsplit(real_page).netloc}
    assert me.complaints == []


def test_bars_show_what_the_classifier_thinks(visit, real_page, root):
    me = visit(real_page)
    bars = me.find("bars").locator("[data-category]")
    assert bars.count() > 1
    me.find("examples").locator("[data-example=teapot]").click()
    me.settle()
    if json.loads((root / "checkpoints" / "studio" / "config.json").read_text())["classifier"] is None:
        assert not me.find("bars").is_visible()
        return
    shares = [int(text.rstrip("%")) for text in me.find("bars").locator(".share").all_inner_texts()]
    assert 90 <= sum(shares) <= 110 and max(shares) > 50
    bars.last.click()
    me.settle()
    assert bars.last.inner_text().split("\n")[0] in me.status


def test_a_drawing_of_something_else_gets_its_word(visit, real_page, root):
    me = visit(real_page)
    me.draw((0.5, 0.15), (0.71, 0.78), (0.17, 0.39), (0.83, 0.39), (0.29, 0.78), (0.5, 0.15))  # a star
    me.settle()
    config = json.loads((root / "checkpoints" / "studio" / "config.json").read_text())
    assert any(word.replace("_", " ") in me.page.locator(".other").inner_text() for word in config["others"])
    assert not me.find("bars").is_visible() and me.find("examples").is_visible()


def test_every_drawing_to_start_from_is_recognised(visit, real_page):
    me = visit(real_page, reduced_motion="reduce")
    me.page.emulate_media(reduced_motion="reduce")
    buttons = me.find("examples").locator("button")
    assert buttons.count() == len(me.find("category").locator("option").all()) - 1
    for turn in range(2):  # some categories have two
        for i in range(buttons.count()):
            name = buttons.nth(i).locator("span").inner_text()
            buttons.nth(i).click()
            me.settle()
            assert me.status == name, turn
            me.find("clear").click()
