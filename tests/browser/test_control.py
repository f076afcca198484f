"""What a person can ask of the model: variations, seed, another model; the sketch over the photo; who else draws."""

import re
import sys
import threading
from functools import partial

import httpx
import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import Response

from sketch2photo.release import format
from tests import tiny
from tests.page.conftest import free_port, served

pytestmark = pytest.mark.browser

FAKE = (sys.executable, "-m", "tests.page.fake_studio")


@pytest.fixture(scope="module")
def two_models(root, tmp_path_factory):
    """The address of a page with a second fake model, "tiny", of other categories."""
    folder = tmp_path_factory.mktemp("checkpoints") / "tiny"
    format.write(tiny.model(), folder, "card")
    port = free_port()
    with served([*FAKE, "--port", str(port), "--second", str(folder)], f"http://127.0.0.1:{port}/", root) as url:
        yield url


def middle(me, of: str) -> tuple[int, int, int]:
    """The colour in the middle of a picture."""
    return tuple(
        me.page.evaluate(
            """of => {
                const image = document.querySelector(of), c = document.createElement('canvas');
                c.width = c.height = 128;
                c.getContext('2d').drawImage(image, 0, 0, 128, 128);
                return [...c.getContext('2d').getImageData(64, 64, 1, 1).data].slice(0, 3);
            }""",
            of,
        )
    )


def four(me) -> list[str]:
    """The photos of the variations, once they are there."""
    script = "[...document.querySelectorAll('[data-testid=take] img')].map(image => image.getAttribute('src'))"
    quiet = "document.querySelector('[data-testid=variations]').ariaBusy === 'false'"
    return me.until(f"() => {quiet} && {script}.every(Boolean) && {script}")


def test_four_variations_in_one_request_and_one_is_taken(visit, fake_page):
    me = visit(fake_page)
    assert me.find("vary").is_disabled()
    me.find("category").select_option("shoe")
    me.box(half=0.3)
    me.settle()
    photo, place = me.photo, me.find("photo").bounding_box()
    asked = []
    me.page.on("request", lambda r: asked.append(r.post_data_json) if "component_server" in r.url else None)
    me.find("vary").click()
    photos = four(me)
    assert len(photos) == len(set(photos)) == 4 and photo not in photos
    assert [request["fn_name"] for request in asked] == ["variations"]
    assert [wish["seed"] for wish in asked[0]["data"]["wishes"]] == [1, 2, 3, 4]
    # Nothing moved, and the photo is still there.
    assert me.find("photo").bounding_box() == place and me.photo == photo

    wanted = middle(me, "[data-testid=take]:nth-of-type(3) img")
    me.find("take").nth(2).click()
    me.next_photo(photo)
    me.settle()
    assert middle(me, "[data-testid=photo]") == wanted
    assert me.find("seed").input_value() == "3" and not me.find("variations").is_visible()
    # Again, and the next four.
    me.page.keyboard.press("v")
    first = four(me)
    me.page.keyboard.press("v")
    me.until("before => document.querySelector('[data-testid=take] img').src !== before", first[0])
    assert asked[-1]["data"]["wishes"][0]["seed"] == 8
    me.find("variations").locator(".shut").click()
    assert not me.find("variations").is_visible()
    assert me.complaints == []


def test_variations_are_of_the_drawing_as_it_is(visit, fake_page):
    me = visit(fake_page)
    me.find("category").select_option("apple")
    me.box(0.3, 0.3, 0.15)
    me.settle()
    me.page.keyboard.press("v")
    before = four(me)
    me.box(0.7, 0.7, 0.1)
    me.until("before => document.querySelector('[data-testid=take] img').src !== before", before[0])
    assert not set(four(me)) & set(before)
    me.find("clear").click()
    assert not me.find("variations").is_visible()


def test_seed_can_be_typed_and_nonsense_is_put_right(visit, fake_page):
    me = visit(fake_page)
    me.find("category").select_option("shoe")
    me.box(half=0.3)
    me.settle()
    photo = me.photo
    me.find("seed").fill("5")
    me.page.keyboard.press("Tab")
    me.next_photo(photo)
    me.settle()
    other = me.photo
    me.find("dice").click()
    me.next_photo(other)
    me.settle()
    assert me.find("seed").input_value() == "6"
    me.find("seed").fill("-3")
    me.page.keyboard.press("Tab")
    assert me.find("seed").input_value() == "6"
    me.find("seed").fill("0")
    me.page.keyboard.press("Tab")
    me.until("photo => document.querySelector('[data-testid=photo]').src === photo", photo)


def test_sketch_lies_over_the_photo_as_strong_as_the_slider_says(visit, fake_page):
    me = visit(fake_page)
    me.box(half=0.3)
    me.settle()
    assert not me.find("over").is_visible()
    me.find("overlay").fill("80")
    assert me.find("over").evaluate("canvas => getComputedStyle(canvas).opacity") == "0.8"
    dark = """() => {
        const canvas = document.querySelector('[data-testid=over]');
        const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        let dark = 0;
        for (let i = 0; i < data.length; i += 4) dark += data[i] < 128 && data[i + 3] > 0;
        return dark;
    }"""
    me.until(f"ink => ({dark})() === ink", me.ink)
    me.draw((0.1, 0.1), (0.9, 0.1))  # it grows with the drawing
    me.until(f"ink => ({dark})() === ink", me.ink)
    me.page.keyboard.press("o")
    assert not me.find("over").is_visible()


CORNER = """async () => {
    const image = document.querySelector('[data-testid=photo]');
    await image.decode();
    const context = Object.assign(document.createElement('canvas'), {width: 8, height: 8}).getContext('2d');
    context.drawImage(image, 0, 0, 64, 64);
    return [...context.getImageData(1, 1, 1, 1).data];
}"""


def test_ground_is_chosen_and_survives_a_reload_and_a_link(visit, fake_page):
    me = visit(fake_page)
    me.box(half=0.25)
    me.settle()
    assert me.page.evaluate(CORNER) == [255, 255, 255, 255] and not me.find("ground-colour").is_visible()
    me.find("ground").select_option("transparent")
    me.settle()
    assert me.page.evaluate(CORNER)[3] == 0
    me.find("ground").select_option("colour")
    me.find("ground-colour").fill("#3060c0")
    me.settle()
    blue = [0x30, 0x60, 0xC0, 255]
    assert me.page.evaluate(CORNER) == pytest.approx(blue, abs=6)
    me.page.wait_for_timeout(600)  # the draft is written
    me.page.reload()
    me.page.wait_for_selector(".s2p[data-ready=true]")
    me.next_photo("")
    me.settle()
    assert me.page.evaluate(CORNER) == pytest.approx(blue, abs=6) and me.find("ground").input_value() == "colour"


def test_another_model_brings_its_categories_and_paints(visit, two_models):
    me = visit(two_models)
    assert me.find("model").locator("option").all_inner_texts() == ["fake", "tiny"]
    me.find("category").select_option("teapot")
    me.box(half=0.3)
    me.settle()
    before = me.photo
    sent = []
    me.page.on("request", lambda r: sent.append(r.post_data_json["data"]) if "component_server" in r.url else None)
    me.find("model").select_option("tiny")
    me.until("before => document.querySelector('[data-testid=photo]').src !== before", before)
    me.settle()
    # A category that this model does not know is let go.
    names = me.find("bars").locator(".name").all_inner_texts()
    assert me.find("category").input_value() == "auto"
    assert names == [name.replace("_", " ") for name in tiny.model().categories]
    assert me.status and {request["model"] for request in sent} == {"tiny"}
    me.page.reload()
    me.page.wait_for_selector(".s2p[data-ready=true]")
    assert me.find("model").input_value() == "tiny"
    me.settle()
    me.find("model").select_option("fake")
    me.until("() => document.querySelectorAll('[data-testid=bars] .bar').length === 12")
    me.settle()
    assert me.complaints == []


def test_page_with_one_model_offers_no_choice(visit, fake_page):
    assert not visit(fake_page).find("model").is_visible()


def test_link_opens_with_its_model(visit, two_models):
    me = visit(two_models, permissions=["clipboard-read", "clipboard-write"])
    me.find("model").select_option("tiny")
    me.box(half=0.3)
    me.settle()
    me.find("save").click()
    me.find("save-link").click()
    me.until("() => document.querySelector('.saving .told').textContent.startsWith('The link')")
    other = visit(me.page.evaluate("() => navigator.clipboard.readText()"))
    other.settle()
    assert other.find("model").input_value() == "tiny" and other.photo != ""


def test_escape_closes_the_variations_and_shortcuts_leave_choices_alone(visit, fake_page):
    me = visit(fake_page)
    me.box()
    me.settle()
    me.page.keyboard.press("v")
    assert me.find("variations").is_visible()
    me.page.keyboard.press("Escape")
    assert not me.find("variations").is_visible()
    # The list was picked from with the mouse; the next letter is no letter of the list.
    me.find("category").dispatch_event("pointerdown")
    me.find("category").select_option("banana")
    me.page.keyboard.press("e")
    me.page.keyboard.press("p")
    assert me.find("category").input_value() == "banana"
    assert me.find("pen").get_attribute("aria-pressed") == "true"
    me.find("dice").click()
    seed = me.find("seed").input_value()
    me.find("seed").fill("")
    me.find("seed").blur()
    assert me.find("seed").input_value() == seed != "0"


@pytest.mark.slow
def test_people_who_draw_at_the_same_time_are_counted(visit, fake_page):
    one, other = visit(fake_page), visit(fake_page)
    for _ in range(8):  # who has not drawn for a second is not counted, and a busy machine can be slower
        one.draw((0.2, 0.3), (0.4, 0.3))
        other.draw((0.6, 0.3), (0.8, 0.3))
        other.settle()
        if "people" in other.find("latency").inner_text():
            break
    assert re.fullmatch(r"\d+ people drawing · \d+ ms", other.find("latency").inner_text())
    one.page.close()
    latency = "document.querySelector('[data-testid=latency]').textContent"
    other.page.wait_for_function(
        f"() => {{ const said = {latency}; return said && !said.includes('people') }}", timeout=3000
    )


@pytest.mark.slow
def test_a_reload_does_not_count_as_a_person_and_a_second_tab_does(visit, root):
    port = free_port()
    with served([*FAKE, "--port", str(port)], f"http://127.0.0.1:{port}/", root) as url:
        me = visit(url)
        people = []

        def note(response) -> None:
            if "component_server" in response.url and response.request.post_data_json["fn_name"] == "live_predict":
                people.append((response.request.post_data_json["data"]["person"], response.json().get("people")))

        me.page.on("response", note)
        me.box()
        me.settle()
        for _ in range(3):
            me.page.reload()
            me.page.wait_for_selector(".s2p[data-ready=true]")
            me.until("() => document.querySelector('[data-testid=photo]').getAttribute('src')")
        assert {count for _, count in people} == {1} and len({person for person, _ in people}) == 1
        with me.page.context.expect_page() as opened:
            me.page.evaluate("() => window.open(location.href)")  # with a copy of the tab's storage
        copy = opened.value
        copy.on("response", note)
        copy.wait_for_selector(".s2p[data-ready=true]")
        copy.locator("[data-testid=surprise]").click()
        copy.wait_for_function("() => document.querySelector('[data-testid=photo]').getAttribute('src')")
        assert len({person for person, _ in people}) == 2


def test_an_answer_is_not_called_offline(visit, fake_page):
    me = visit(fake_page)
    notice = me.page.locator(".notice")

    def answer(status: int, route) -> None:
        route.fulfill(status=status, body="no")

    for status in (404, 502):
        me.page.route("**/component_server/**", partial(answer, status))
        me.draw((0.2, 0.3), (0.8, 0.3))
        notice.filter(has_text=f"The server answers with error {status}").wait_for()
        me.page.unroute("**/component_server/**")
        me.settle()
        assert notice.is_hidden()


@pytest.mark.slow
def test_replay_does_not_count_as_a_person(visit, root):
    port = free_port()
    with served([*FAKE, "--port", str(port)], f"http://127.0.0.1:{port}/", root) as url:
        me = visit(url)
        me.box()
        me.settle()
        me.find("save").click()
        with me.page.expect_download():
            me.find("save-replay").click()
        me.page.keyboard.press("Escape")
        me.find("vary").click()
        four(me)
        me.find("variations").locator(".shut").click()
        me.box(0.3, 0.3, 0.1)
        me.settle()
        assert "people" not in me.find("latency").inner_text()


def test_sign_in_that_ran_out_is_said(visit, fake_page):
    """A server with a password forgets who signed in when it starts anew."""
    me = visit(fake_page)
    for path in ("**/component_server/**", "**/config"):
        me.page.route(path, lambda route: route.fulfill(status=401, json={"detail": "Not authenticated"}))
    me.box()
    me.until("() => document.querySelector('.notice').textContent.startsWith('Sign in again')")


@pytest.mark.slow
def test_restarted_server_is_recovered_from(visit, root):
    port = free_port()
    command, url = [*FAKE, "--port", str(port)], f"http://127.0.0.1:{port}/"
    with served(command, url, root):
        me = visit(url)
        me.box(0.3, 0.3, 0.1)
        me.settle()
        first, ink = me.photo, me.ink
    me.box(0.7, 0.7, 0.1)
    me.until("() => document.querySelector('.notice').textContent === 'offline, retrying'")
    assert me.photo == first and me.ink > ink  # what there was stays, and drawing goes on
    with served(command, url, root):
        me.next_photo(first)
        me.settle()
        assert not me.page.locator(".notice").is_visible()
        assert me.find("undo").is_enabled() and me.ink > ink
        me.find("category").select_option("pear")
        me.settle()
        assert me.status.startswith("pear")


@pytest.mark.slow
def test_page_under_a_path_behind_a_proxy(visit, root):
    """As the README says: the proxy takes the path away, GRADIO_ROOT_PATH tells the page of it."""
    inner, outer = free_port(), free_port()

    async def proxy(scope, receive, send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        path = request.url.path.removeprefix("/draw")
        if path == request.url.path:
            answer = Response(status_code=404)
        else:
            headers = {name: value for name, value in request.headers.items() if name != "content-length"}
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{inner}", trust_env=False, timeout=30) as client:
                reply = await client.request(request.method, path, headers=headers, content=await request.body())
            answer = Response(reply.content, reply.status_code, media_type=reply.headers.get("content-type"))
        await answer(scope, receive, send)

    server = uvicorn.Server(uvicorn.Config(proxy, port=outer, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    command = [*FAKE, "--port", str(inner)]
    try:
        with served(command, f"http://127.0.0.1:{inner}/", root, {"GRADIO_ROOT_PATH": "/draw"}):
            me = visit(f"http://127.0.0.1:{outer}/draw/")
            me.box()
            me.settle()
            assert me.photo != "" and me.page.locator(".notice").is_hidden()
    finally:
        server.should_exit = True
        thread.join(10)
