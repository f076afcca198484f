"""Pen, eraser, undo, redo, clear, size and keys, in a real browser with the fake model."""

import pytest

pytestmark = pytest.mark.browser


def test_photo_changes_while_the_pen_still_moves(visit, fake_page):
    me = visit(fake_page)
    me.down(0.3, 0.3)
    me.move(0.5, 0.3)
    first = me.next_photo("")
    me.move(0.6, 0.7)
    second = me.next_photo(first)
    me.move(0.3, 0.7)
    me.next_photo(second)
    assert me.page.locator(".s2p").get_attribute("data-blank") == "false"
    me.up()


def test_last_photo_is_of_the_finished_drawing(visit, slow_page):
    """With a slow model the photo lags behind the pen; the last one must not."""
    me = visit(slow_page)
    me.box(half=0.3)
    me.settle()
    shown = me.photo
    # Asking again for the same drawing gives the same photo.
    me.find("paint").click()
    assert me.page.locator(".s2p").get_attribute("data-settled") == "false"
    me.settle()
    assert me.photo == shown


def test_undo_redo_and_clear(visit, fake_page):
    me = visit(fake_page)
    assert me.ink == 0
    for name in ("undo", "redo", "clear", "download"):
        assert me.find(name).is_disabled()
    me.box(0.3, 0.3, 0.1)
    one = me.ink
    me.settle()
    photo_of_one = me.photo
    me.box(0.7, 0.7, 0.1)
    two = me.ink
    assert two > one > 0
    me.settle()
    assert me.photo != photo_of_one

    me.find("undo").click()
    assert me.ink == one
    me.settle()
    assert me.photo == photo_of_one
    me.find("redo").click()
    assert me.ink == two
    me.settle()

    me.find("clear").click()
    assert me.ink == 0 and me.photo == ""
    assert not me.find("bars").is_visible()
    assert me.status == "draw a line to begin"
    me.find("undo").click()
    assert me.ink == two
    me.settle()
    assert me.photo != ""


def test_eraser_rubs_out_and_is_undone(visit, fake_page):
    me = visit(fake_page)
    me.draw((0.2, 0.5), (0.8, 0.5))
    line = me.ink
    me.find("eraser").click()
    assert me.find("eraser").get_attribute("aria-pressed") == "true"
    assert me.find("pen").get_attribute("aria-pressed") == "false"
    me.draw((0.5, 0.4), (0.5, 0.6))
    rubbed = me.ink
    assert 0 < rubbed < line
    me.find("undo").click()
    assert me.ink == line
    me.find("pen").click()
    me.draw((0.2, 0.7), (0.8, 0.7))
    assert me.ink > line


def test_rubbing_everything_out_leaves_no_photo(visit, fake_page):
    me = visit(fake_page)
    me.draw((0.4, 0.5), (0.5, 0.5))
    me.settle()
    assert me.photo != ""
    me.find("size").fill("16")
    me.find("eraser").click()
    me.draw((0.3, 0.5), (0.6, 0.5))
    me.until("() => !document.querySelector('[data-testid=photo]').getAttribute('src')")
    assert me.ink == 0


def test_size_makes_lines_wider(visit, fake_page):
    me = visit(fake_page)
    me.find("size").fill("2")
    me.draw((0.2, 0.3), (0.8, 0.3))
    thin = me.ink
    me.find("size").fill("12")
    me.draw((0.2, 0.6), (0.8, 0.6))
    assert me.ink - thin > 4 * thin


def test_click_leaves_a_dot(visit, fake_page):
    me = visit(fake_page)
    me.down(0.5, 0.5)
    me.up()
    assert me.ink > 20


def test_line_drawn_live_is_the_line_drawn_anew(visit, fake_page):
    """Undo and redo repaint from the strokes; nothing may look different afterwards."""
    me = visit(fake_page)
    me.draw((0.2, 0.2), (0.8, 0.3), (0.3, 0.6), (0.7, 0.9))
    picture = "() => document.querySelector('[data-testid=sketch]').toDataURL()"
    before = me.page.evaluate(picture)
    me.find("undo").click()
    me.find("redo").click()
    assert me.page.evaluate(picture) == before


def test_thin_lines_reach_the_model(visit, fake_page):
    """The thinnest pen, as the server sees it after shrinking: dark enough to count as drawn."""
    me = visit(fake_page)
    sent = []
    me.page.on("request", lambda r: sent.append(r.post_data_json) if "component_server" in r.url else None)
    me.find("size").fill("2")
    me.draw((0.213, 0.313), (0.777, 0.313), (0.777, 0.733))
    me.settle()
    import base64

    from sketch2photo import images

    sketch = images.decode_sketch(base64.b64decode(sent[-1]["data"]["png"].split(",")[1]))
    assert sketch.shape == (256, 256)
    drawn = sketch < images.INK_BELOW
    assert drawn[75:85].any(0)[60:195].all() and drawn[:, 195:202].any(1)[85:183].all()
    assert sketch.max() == 255 and not drawn[:, :50].any()


def test_keys(visit, fake_page):
    me = visit(fake_page)
    press = me.page.keyboard.press
    me.box(0.3, 0.3, 0.1)
    one = me.ink
    me.box(0.7, 0.7, 0.1)
    two = me.ink
    press("Control+z")
    assert me.ink == one
    press("Control+y")
    assert me.ink == two
    press("Control+z")
    press("Control+Shift+z")
    assert me.ink == two
    press("Delete")
    assert me.ink == 0
    press("e")
    assert me.find("eraser").get_attribute("aria-pressed") == "true"
    press("p")
    assert me.find("pen").get_attribute("aria-pressed") == "true"
    size = int(me.find("size").input_value())
    press("]")
    assert int(me.find("size").input_value()) == size + 1
    press("[")
    assert int(me.find("size").input_value()) == size
    press("l")
    assert me.find("live").get_attribute("aria-checked") == "false"
    press("?")
    assert me.find("shortcuts").is_visible()
    press("e")  # the open sheet keeps its keys
    press("Escape")
    assert not me.find("shortcuts").is_visible()
    assert me.find("pen").get_attribute("aria-pressed") == "true"


def test_keys_of_other_scripts_go_by_their_place_and_fields_keep_theirs(visit, fake_page):
    me = visit(fake_page)
    press = """([name, key, code, ctrlKey]) => document.querySelector(`[data-testid=${name}]`).dispatchEvent(
        new KeyboardEvent('keydown', {key, code, ctrlKey, bubbles: true, cancelable: true}))"""
    for key in ("ㅋ", "я", "ζ", "Process"):
        me.draw((0.2, 0.3), (0.8, 0.3))
        me.page.evaluate(press, ["sketch", key, "KeyZ", True])
        assert me.ink == 0
    for key in ("ㄷ", "у", "ε", "Process"):
        me.page.evaluate(press, ["sketch", key, "KeyE", False])
        assert me.find("eraser").get_attribute("aria-pressed") == "true"
        me.page.evaluate(press, ["sketch", "p", "KeyR", False])  # as printed, not as placed
        assert me.find("pen").get_attribute("aria-pressed") == "true"
    for field in ("seed", "category"):
        me.page.evaluate(press, [field, "ㄷ", "KeyE", False])
        assert me.find("pen").get_attribute("aria-pressed") == "true"


def test_everything_can_be_reached_and_named_by_keyboard_and_screen_reader(visit, fake_page):
    me = visit(fake_page)
    nameless = me.page.evaluate(
        """() => [...document.querySelectorAll('.s2p button, .s2p input, .s2p select, .s2p canvas')]
            .filter(e => !e.closest('[aria-hidden=true], [hidden]'))
            .filter(e => !(e.getAttribute('aria-label') || e.textContent.trim() || (e.labels && e.labels.length)))
            .map(e => e.outerHTML)"""
    )
    assert nameless == []
    me.find("sketch").focus()
    me.page.keyboard.press("Shift+Tab")
    me.page.keyboard.press("Tab")
    assert me.page.evaluate("() => document.activeElement.dataset.testid") == "sketch"
    assert me.page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_unfinished_drawing_survives_a_reload(visit, fake_page):
    me = visit(fake_page)
    me.find("category").select_option("banana")
    me.box(0.3, 0.3, 0.1)
    one = me.ink
    me.draw((0.2, 0.7), (0.8, 0.8))
    two = me.ink
    me.settle()
    photo = me.photo
    me.page.reload()
    me.page.wait_for_selector(".s2p[data-ready=true]")
    me.settle()
    # Coordinates are kept to a tenth of a unit: the same lines, but for a few pixels at their edges.
    assert abs(me.ink - two) <= 0.02 * two
    assert me.next_photo("") and me.status.startswith("banana")
    assert len(me.photo) == pytest.approx(len(photo), rel=0.05)
    me.find("undo").click()
    assert abs(me.ink - one) <= 0.02 * one
    # A cleared sheet stays clear, and asks for nothing of the last drawing's.
    me.find("clear").click()
    me.page.reload()
    me.page.wait_for_selector(".s2p[data-ready=true]")
    assert me.ink == 0 and me.find("category").input_value() == "auto"


def test_a_second_tab_is_blank_and_offers_the_last_drawing(visit, fake_page):
    me = visit(fake_page)
    assert not me.find("last").is_visible()
    me.box(0.4, 0.4, 0.2)
    me.settle()
    me.page.wait_for_timeout(600)  # the draft is written
    second = type(me)(me.page.context.new_page(), fake_page)
    assert second.ink == 0 and second.photo == ""
    second.find("last").click()
    second.next_photo("")
    assert abs(second.ink - me.ink) <= 0.02 * me.ink and not second.find("last").is_visible()
    third = type(me)(me.page.context.new_page(), fake_page)
    third.draw((0.2, 0.2), (0.5, 0.2))
    assert not third.find("last").is_visible(), "who draws has decided"


def stylus(me, kind: str, x: float, y: float) -> None:
    place = me.place(x, y)
    event = {"type": kind, "x": place[0], "y": place[1], "pointerType": "pen", "button": "left", "clickCount": 1}
    me.hand.send("Input.dispatchMouseEvent", event | {"buttons": int(kind != "mouseReleased")})


def finger(me, kind: str, x: float = 0.0, y: float = 0.0) -> None:
    place = me.place(x, y)
    points = [] if kind == "touchEnd" else [{"x": place[0], "y": place[1]}]
    me.hand.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def test_palm_beside_a_stylus_draws_nothing(visit, fake_page, phone):
    me = visit(fake_page, **phone)
    me.hand = me.page.context.new_cdp_session(me.page)
    # The palm comes down first, moves, and the stylus takes over.
    finger(me, "touchStart", 0.8, 0.8)
    finger(me, "touchMove", 0.9, 0.9)
    assert me.ink > 0
    stylus(me, "mousePressed", 0.2, 0.2)
    alone = me.ink
    for i in range(1, 9):
        stylus(me, "mouseMoved", 0.2 + 0.05 * i, 0.2)
    finger(me, "touchMove", 0.8, 0.7)
    stylus(me, "mouseReleased", 0.6, 0.2)
    finger(me, "touchEnd")
    line = me.ink
    assert 0 < alone < line / 4
    # It comes down again while the stylus is about.
    finger(me, "touchStart", 0.8, 0.8)
    finger(me, "touchMove", 0.9, 0.9)
    finger(me, "touchEnd")
    assert me.ink == line
    me.find("undo").click()
    assert me.ink == 0
    # A while later a finger draws again.
    me.page.wait_for_timeout(1600)
    finger(me, "touchStart", 0.8, 0.8)
    finger(me, "touchMove", 0.9, 0.9)
    finger(me, "touchEnd")
    assert me.ink > 0


def test_undo_reaches_back_through_a_long_drawing(visit, fake_page):
    me = visit(fake_page)
    me.find("live").click()
    me.page.mouse.move(*me.place(0.05, 0.05))
    for i in range(120):
        x, y = 0.05 + 0.9 * (i % 12) / 12, 0.05 + 0.9 * (i // 12) / 12
        me.page.mouse.move(*me.place(x, y))
        me.page.mouse.down()
        me.page.mouse.up()
        if i == 59:
            half = me.ink
    for _ in range(60):
        me.page.keyboard.press("Control+z")
    assert me.ink == half
    for _ in range(60):
        me.page.keyboard.press("Control+z")
    assert me.ink == 0 and me.find("undo").is_disabled()


def test_what_changes_the_drawing_does_so_while_the_pen_is_down(visit, fake_page):
    """A release that the page never hears of must not leave buttons that look alive and do nothing."""
    me = visit(fake_page)
    for act in (lambda: me.page.keyboard.press("Control+z"), lambda: me.page.keyboard.press("Delete")):
        me.down(0.3, 0.3)
        me.move(0.6, 0.6)
        assert me.ink > 0 and me.find("undo").is_enabled()
        act()
        assert me.ink == 0
        me.move(0.7, 0.3)  # the button is still held: nothing is drawn until the next press
        assert me.ink == 0
        me.up()
    me.down(0.3, 0.3)
    me.move(0.6, 0.6)
    me.page.evaluate("() => document.querySelector('[data-testid=surprise]').click()")
    me.settle()  # with a photo, or as something that is not painted: which drawing comes is left to chance
    me.page.evaluate("() => window.dispatchEvent(new Event('blur'))")
    me.up()
    me.settle()
    drawn = me.ink
    me.draw((0.1, 0.9), (0.9, 0.9))
    assert me.ink > drawn


def test_two_fingers_leave_no_line_and_one_draws_after_them(visit, fake_page, phone):
    me = visit(fake_page, **phone)
    hand = me.page.context.new_cdp_session(me.page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        places = [dict(zip("xy", me.place(*point), strict=True), id=i) for i, point in enumerate(points)]
        hand.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    me.find("sketch").scroll_into_view_if_needed()
    touch("touchStart", (0.4, 0.5))
    touch("touchStart", (0.4, 0.5), (0.6, 0.5))
    for i in range(1, 6):
        touch("touchMove", (0.4 - 0.03 * i, 0.5), (0.6 + 0.03 * i, 0.5))
    touch("touchEnd")
    assert me.ink == 0 and me.find("undo").is_disabled()
    touch("touchStart", (0.3, 0.3))
    for i in range(1, 6):
        touch("touchMove", (0.3 + 0.06 * i, 0.3))
    touch("touchEnd")
    assert me.ink > 0


COLOUR_OF_PHOTO = """async ([x, y]) => {
    const image = document.querySelector('[data-testid=photo]');
    await image.decode();
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
    canvas.getContext('2d').drawImage(image, 0, 0);
    return [...canvas.getContext('2d').getImageData(x * canvas.width, y * canvas.height, 1, 1).data];
}"""


def test_the_brush_says_what_is_what_colour(visit, fake_page):
    me = visit(fake_page)
    me.box(half=0.3)
    me.settle()
    plain, ink = me.photo, me.ink
    assert not me.find("inks").is_visible()
    me.find("brush").click()
    me.find("inks").locator("[data-colour='#3f76b5']").click()
    me.draw((0.45, 0.5), (0.55, 0.5))
    me.settle()
    red, green, blue, _ = me.page.evaluate(COLOUR_OF_PHOTO, [0.5, 0.5])
    assert abs(red - 0x3F) < 25 and abs(green - 0x76) < 25 and abs(blue - 0xB5) < 25
    assert me.ink == ink, "colour is no ink"
    coloured = me.photo

    me.find("undo").click()
    me.settle()
    assert me.photo == plain
    me.find("redo").click()
    me.settle()
    assert me.photo == coloured
    me.find("eraser").click()
    assert not me.find("inks").is_visible()
    me.draw((0.4, 0.5), (0.6, 0.5))
    me.settle()
    assert me.photo == plain

    me.find("undo").click()
    me.settle()
    me.page.wait_for_timeout(1500)  # the draft is written
    me.page.reload()
    me.page.wait_for_selector(".s2p[data-ready=true]")
    me.next_photo("")
    me.settle()
    # Coordinates are kept to a tenth of a unit: nearly the same photo.
    assert me.page.evaluate(COLOUR_OF_PHOTO, [0.5, 0.5])[:3] == pytest.approx([0x3F, 0x76, 0xB5], abs=25)


def test_colour_alone_is_no_drawing(visit, fake_page):
    me = visit(fake_page)
    me.page.keyboard.press("c")
    me.draw((0.4, 0.5), (0.6, 0.5))
    me.settle()
    assert me.photo == "" and me.find("paint").is_disabled() and not me.find("clear").is_disabled()
