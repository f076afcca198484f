"""What a drawing can start from: the row of drawings, the surprise, and the hint on the blank sheet."""

import pytest

from tests.page.fake_studio import CATEGORIES

pytestmark = pytest.mark.browser


def test_blank_sheet_shows_a_faint_drawing_and_the_row(visit, fake_page):
    me = visit(fake_page)
    assert me.page.locator(".faint svg path").count() > 0
    names = me.find("examples").locator("button").all_inner_texts()
    assert [name.strip() for name in names] == [name.replace("_", " ") for name in CATEGORIES]
    me.draw((0.2, 0.2), (0.4, 0.4))
    assert not me.find("examples").is_visible()
    assert me.page.locator(".faint svg").count() == 0
    me.find("undo").click()
    assert me.find("examples").is_visible() and me.page.locator(".faint svg").count() == 1


def test_drawing_of_the_row_draws_itself_and_is_one_step_back(visit, slow_page):
    me = visit(slow_page)
    me.find("examples").locator("[data-example=teapot]").click()
    # The photo follows while it draws itself.
    seen = [me.ink]
    first = me.next_photo("")
    seen.append(me.ink)
    me.next_photo(first)
    me.settle()
    whole = me.ink
    assert seen[0] < seen[1] < whole
    me.find("undo").click()
    assert me.ink == 0
    # The next time it is another one.
    me.find("examples").locator("[data-example=teapot]").click()
    me.until("() => !document.querySelector('[data-testid=undo]').disabled")
    me.draw((0.05, 0.05), (0.06, 0.05))  # the pen does not wait for it
    me.settle()
    assert me.ink > 0.5 * whole and me.ink != whole
    me.find("undo").click()
    me.find("undo").click()
    assert me.ink == 0 and me.find("undo").is_disabled()


def test_surprises_differ(visit, fake_page):
    me = visit(fake_page, reduced_motion="reduce")
    inks = set()
    for _ in range(5):
        me.page.keyboard.press("u")
        me.settle()
        assert me.photo != ""
        inks.add(me.ink)
    assert len(inks) >= 4


def test_who_wants_no_motion_sees_none(visit, fake_page):
    me = visit(fake_page, reduced_motion="reduce")
    assert me.page.evaluate("() => document.getAnimations().length") == 0
    assert me.page.locator(".faint svg").count() == 1
    me.find("examples").locator("[data-example=apple]").click()
    first = me.ink
    me.page.wait_for_timeout(300)
    assert me.ink == first > 0
