"""The live path: what the browser sends and gets at every frame."""

import base64
import io

import cv2
import numpy as np
import pytest
from PIL import Image

from sketch2photo.errors import UserError
from sketch2photo.page.live import read_request
from tests.page.fake_studio import FakeStudio


def test_reply_has_photo_and_probabilities(live_page):
    reply = live_page.ask(seq=7)
    kind, _, data = reply["photo"].partition(",")
    assert kind == "data:image/jpeg;base64"
    photo = Image.open(io.BytesIO(base64.b64decode(data)))
    assert photo.format == "JPEG" and photo.size == (128, 128)
    assert list(reply["probabilities"]) == list(live_page.studio.categories)
    assert sum(reply["probabilities"].values()) == pytest.approx(1, abs=2e-3)
    assert reply["category"] == max(reply["probabilities"], key=reply["probabilities"].get)
    assert reply["colour"] in live_page.studio.palette[reply["category"]]
    assert (reply["status"], reply["seq"]) == ("ok", 7)
    assert reply["ms"] >= 0


def test_model_gets_the_drawing_and_the_wishes(live_page, circle, data_url, png):
    sketch = circle(200)
    reply = live_page.ask(png=data_url(png(sketch)), category="teddy_bear", colour="#123456", seed=11, unknown="x")
    call = live_page.studio.calls[-1]
    assert np.array_equal(call["sketch"], sketch)
    assert (call["category"], call["colour"], call["seed"]) == ("teddy_bear", "#123456", 11)
    assert (reply["category"], reply["colour"]) == ("teddy_bear", "#123456")


def test_auto_and_no_colour_leave_it_to_the_model(live_page):
    live_page.ask(category="auto", colour="")
    call = live_page.studio.calls[-1]
    assert call["category"] is None and call["colour"] is None and call["seed"] == 0


def test_transparent_drawing_is_on_white(live_page, data_url):
    picture = np.zeros((64, 64, 4), np.uint8)
    picture[20:40, 20:40, 3] = 255
    live_page.ask(png=data_url(cv2.imencode(".png", picture)[1].tobytes()))
    sketch = live_page.studio.calls[-1]["sketch"]
    assert sketch[0, 0] == 255 and sketch[30, 30] == 0


def test_empty_sheet_has_no_photo(live_page, data_url, png):
    reply = live_page.ask(png=data_url(png(np.full((256, 256), 255, np.uint8))))
    assert reply["photo"] is None and reply["category"] is None and reply["status"] == "empty"


def test_newest_wins_and_stale_is_said(live_page, wait_until):
    live_page.studio.hold()
    first, second, third = [], [], []
    threads = [live_page.ask_aside(first, seq=1)]
    wait_until(lambda: live_page.studio.calls)
    threads.append(live_page.ask_aside(second, seq=2, category="car"))
    wait_until(lambda: len(live_page.queue) == 1)
    threads.append(live_page.ask_aside(third, seq=3, category="sofa"))
    wait_until(lambda: second)
    assert second == [{"stale": True, "seq": 2, "people": 1, "model": "fake"}]
    # One that was overtaken on its way is stale at once.
    assert live_page.ask(seq=2) == second[0]
    live_page.studio.release()
    for thread in threads:
        thread.join(10)
    assert first[0]["seq"] == 1 and first[0]["photo"]
    assert third[0]["seq"] == 3 and third[0]["category"] == "sofa"
    assert [call["category"] for call in live_page.studio.calls] == [None, "sofa"]


def test_two_people_do_not_disturb_each_other(live_page, wait_until):
    live_page.studio.hold()
    one, other = [], []
    threads = [live_page.ask_aside(one, person="one", category="car")]
    wait_until(lambda: live_page.studio.calls)
    threads.append(live_page.ask_aside(other, person="other", category="apple"))
    wait_until(lambda: len(live_page.queue) == 1)
    live_page.studio.release()
    for thread in threads:
        thread.join(10)
    assert one[0]["category"] == "car" and other[0]["category"] == "apple"


def test_full_queue_is_said_to_be_busy(live_page, wait_until, monkeypatch):
    monkeypatch.setattr(live_page.queue._waiting, "_places", 1)
    live_page.studio.hold()
    answers = []
    threads = [live_page.ask_aside(answers, person="a")]
    wait_until(lambda: live_page.studio.calls)
    threads.append(live_page.ask_aside(answers, person="b"))
    wait_until(lambda: len(live_page.queue) == 1)
    reply = live_page.ask(person="c", seq=5)
    sentence = "more people are drawing than this computer can serve: retrying"
    assert reply == {"busy": sentence, "seq": 5, "people": 3, "model": "fake"}
    live_page.studio.release()
    for thread in threads:
        thread.join(10)
    assert len(answers) == 2 and all(answer["photo"] for answer in answers)


def test_answer_says_how_many_people_are_drawing(live_page):
    assert [live_page.ask(person=person)["people"] for person in ("a", "a", "b", "c")] == [1, 1, 2, 3]


def test_variations_are_painted_in_one_call(live_page):
    reply = live_page.ask("variations", seq=4, category="car", seed=5)
    assert [each["seed"] for each in reply["variations"]] == [5, 6, 7, 8]
    own = live_page.studio.palette["car"]
    assert [each["colour"] for each in reply["variations"]] == [own[i % len(own)] for i in (5, 6, 7, 8)]
    assert len({each["photo"] for each in reply["variations"]}) == 4
    assert {each["category"] for each in reply["variations"]} == {"car"}
    assert list(live_page.studio.sizes) == [4]
    assert (reply["seq"], reply["people"], reply["model"], reply["status"]) == (4, 1, "fake", "ok")
    assert reply["category"] == "car" and len(reply["probabilities"]) == 12 and reply["ms"] >= 0


def test_variations_may_be_wished_for(live_page):
    wishes = [{"colour": "#102030"}, {"category": "pear", "unknown": 1}, {"seed": 2, "colour": ""}]
    reply = live_page.ask("variations", category="car", colour="#ffffff", wishes=wishes)
    seen = [(each["category"], each["colour"], each["seed"]) for each in reply["variations"]]
    own = live_page.studio.palette["car"][2]
    assert seen == [("car", "#102030", 0), ("pear", "#ffffff", 0), ("car", own, 2)]


def test_variations_and_the_photo_do_not_take_each_others_place(live_page, wait_until):
    live_page.studio.hold()
    first, photo, strip = [], [], []
    threads = [live_page.ask_aside(first, seq=1)]
    wait_until(lambda: live_page.studio.calls)
    threads.append(live_page.ask_aside(photo, seq=2))
    threads.append(live_page.ask_aside(strip, function="variations", seq=3))
    wait_until(lambda: len(live_page.queue) == 5)
    live_page.studio.release()
    for thread in threads:
        thread.join(10)
    assert photo[0]["photo"] and len(strip[0]["variations"]) == 4
    assert list(live_page.studio.sizes) == [1, 5]


def test_variations_of_an_empty_sheet_have_no_photo(live_page, data_url, png):
    reply = live_page.ask("variations", png=data_url(png(np.full((64, 64), 255, np.uint8))))
    assert reply["status"] == "empty" and [each["photo"] for each in reply["variations"]] == [None] * 4


@pytest.mark.parametrize(
    ("wishes", "sentence"),
    [
        ([], "wishes is 0 entries: send a list of 1 to 8 objects"),
        ([{}] * 9, "wishes is 9 entries"),
        ("four", "wishes is str: send a list"),
        ([1], "a wish is of type int: send an object"),
        ([{}, {"seed": -1}], "seed is '-1'"),
        ([{"category": "appel"}], "unknown category 'appel'"),
        ([{"colour": "red"}], "the colour must be like '#c83020', not 'red'"),
    ],
)
def test_bad_wishes_are_answered_with_a_sentence(live_page, wishes, sentence):
    assert sentence in live_page.ask("variations", wishes=wishes)["error"]


def test_unknown_models_are_refused(live_page):
    assert live_page.ask(model="fake")["model"] == "fake"
    assert live_page.ask(model="fak")["error"] == "unknown model 'fak': did you mean 'fake'? choose one of fake"
    assert live_page.ask(model=3)["error"] == "model is of type int: send a text"


def test_another_model_paints_when_asked(live_page_of, tmp_path):
    from sketch2photo.page.model_pool import ModelPool
    from sketch2photo.release import format
    from tests import tiny

    format.write(tiny.model(), tmp_path / "tiny", "card")
    studio, second = FakeStudio(), FakeStudio(("shoe", "car", "pear"))
    second.name = "tiny"
    page = live_page_of(studio, ModelPool(studio, {"tiny": tmp_path / "tiny"}, load=lambda path: second))
    reply = page.ask(model="tiny", category="pear")
    assert (reply["model"], reply["category"], len(reply["probabilities"])) == ("tiny", "pear", 3)
    assert len(second.calls) == 1 and not studio.calls
    assert "unknown category 'teapot'" in page.ask(model="tiny", category="teapot")["error"]
    assert page.ask(category="teapot")["model"] == "fake"


def test_failing_model_is_a_sentence_and_the_next_drawing_works(live_page, monkeypatch, caplog):
    def fail(*arguments):
        raise RuntimeError("out of memory")

    with monkeypatch.context() as patch:
        patch.setattr(live_page.studio, "predict_batch", fail)
        reply = live_page.ask()
    assert reply["error"].startswith("the model failed on this drawing")
    assert "out of memory" in caplog.text
    assert live_page.ask()["photo"]


def test_bomb_is_refused_by_its_header(live_page, data_url, bomb, monkeypatch):
    monkeypatch.setattr("sketch2photo.images.decode_sketch", lambda *_: pytest.fail("it was decoded"))
    assert len(bomb) < 40_000
    reply = live_page.ask(png=data_url(bomb))
    assert reply["error"] == "the sketch is 13000 x 13000 pixels: send 16 to 1024 a side"


def rgba(data_url, size: int = 256, colour: tuple[int, ...] = (30, 60, 200, 255)) -> str:
    hints = np.zeros((size, size, 4), np.uint8)
    hints[size // 2 - 8 : size // 2 + 8, size // 2 - 8 : size // 2 + 8] = colour
    return data_url(cv2.imencode(".png", hints)[1].tobytes())


def test_hints_reach_the_photo_and_the_variations(live_page, circle, data_url, png):
    drawn = {"png": data_url(png(circle())), "hints": rgba(data_url)}
    reply = live_page.ask(**drawn)
    several = live_page.ask("variations", **drawn, wishes=[{"seed": 1}])
    for url in (reply["photo"], several["variations"][0]["photo"]):
        photo = np.asarray(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))))
        np.testing.assert_allclose(photo[64, 64], (200, 60, 30), atol=20)  # OpenCV writes BGR
    assert live_page.ask(png=drawn["png"], hints="")["photo"] != reply["photo"]


def test_ground_is_under_the_photo_and_its_variations(live_page, circle, data_url, png):
    drawn = {"png": data_url(png(circle())), "ground": "#3060c0"}
    for url in (live_page.ask(**drawn)["photo"], live_page.ask("variations", **drawn)["variations"][0]["photo"]):
        photo = np.asarray(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))))
        np.testing.assert_allclose(photo[3, 3], (0x30, 0x60, 0xC0), atol=6)
    url = live_page.ask(**drawn | {"ground": "transparent"})["photo"]
    assert url.startswith("data:image/png;base64,")
    assert Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).getpixel((3, 3))[3] == 0


GOOD = base64.b64encode(cv2.imencode(".png", np.full((32, 32), 255, np.uint8))[1].tobytes()).decode()
BAD = {
    "no picture": ({"png": ...}, "the sketch is not a PNG file"),
    "picture of another type": ({"png": 5}, "the sketch is not a PNG file"),
    "another kind": ({"png": "data:image/svg+xml;base64,AAAA"}, "the sketch is not a PNG file"),
    "not base64": ({"png": "data:image/png;base64,%%%"}, "not valid base64"),
    "not ASCII": ({"png": "data:image/png;base64,\u00e9\u00e9\u00e9\u00e9"}, "not valid base64"),
    "not a PNG": ({"png": "data:image/png;base64," + "A" * 400}, "the sketch is not a PNG file"),
    "cut off": ({"png": "data:image/png;base64," + GOOD[:60]}, "cannot be read as a picture"),
    "too long": ({"png": "data:image/png;base64," + "A" * 1_000_000}, "send at most 1000000"),
    "no person": ({"person": ...}, "person is of type NoneType: send a text"),
    "empty person": ({"person": ""}, "person is empty"),
    "long person": ({"person": "x" * 65}, "person has 65 characters: send at most 64"),
    "no seq": ({"seq": ...}, "seq is 'None': send a whole number"),
    "seq of a text": ({"seq": "1"}, "seq is '1': send a whole number"),
    "huge seq": ({"seq": 2**63}, "send a whole number from 0 to"),
    "true seq": ({"seq": True}, "seq is 'True'"),
    "negative seed": ({"seed": -1}, "seed is '-1': send a whole number from 0 to 2147483647"),
    "half a seed": ({"seed": 0.5}, "seed is '0.5'"),
    "list as seed": ({"seed": []}, "seed is '[]'"),
    "unknown category": ({"category": "appel"}, "unknown category 'appel': did you mean 'apple'?"),
    "category of another type": ({"category": ["car"]}, "category is of type list: send a text"),
    "long category": ({"category": "c" * 100}, "category has 100 characters"),
    "bad colour": ({"colour": "red"}, "the colour must be like '#c83020', not 'red'"),
    "unknown ground": ({"ground": "grass"}, "the ground is 'grass': choose transparent, paper, floor, a colour"),
    "ground of another type": ({"ground": 5}, "ground is of type int: send a text"),
    "hints that are none": ({"hints": "x"}, "the picture of hints is not a PNG file"),
    "hints of another size": ({"hints": "data:image/png;base64," + GOOD}, "give uint8 (256, 256, 4)"),
    "colour of another type": ({"colour": 255}, "colour is of type int: send a text"),
}


@pytest.mark.parametrize(("fields", "sentence"), BAD.values(), ids=BAD)
def test_bad_request_is_answered_with_a_sentence(live_page, fields, sentence):
    reply = live_page.ask(**fields)
    assert sentence in reply["error"]
    assert "\n" not in reply["error"] and "photo" not in reply


@pytest.mark.parametrize("data", [None, [], "x", 3, [{"png": "x"}]], ids=repr)
def test_request_that_is_no_object_is_answered_with_a_sentence(live_page, data):
    reply = live_page.send(data)
    assert reply["error"].startswith("the request is a") and reply["seq"] is None


def test_frame_through_gradios_route(site):
    """As the browser sends it, with the component that says which models there are."""
    props = site.component["props"]["props"]
    assert props["models"] == [props["model"]]
    assert props["model"]["name"] == "fake" and len(props["model"]["categories"]) == 12
    reply = site.draw("somebody", 3, category="car", model="fake")
    assert (reply["category"], reply["seq"], reply["model"]) == ("car", 3, "fake") and reply["photo"]
    assert site.draw("nobody", 1, png=5)["error"].startswith("the sketch is not a PNG file")


def test_damaged_pictures_are_errors_of_the_user_or_pictures(circle, data_url, png):
    """Whatever bytes come, reading them ends in a sketch or in a sentence."""
    good = png(circle(64))
    rng = np.random.default_rng(0)
    read = 0
    for _ in range(400):
        data = bytearray(good)
        for at in rng.integers(33, len(data), 3):
            data[at] = rng.integers(256)
        try:
            request = read_request({"person": "p", "seq": 0, "png": data_url(bytes(data))})
        except UserError as error:
            assert str(error).count("\n") == 0
        else:
            assert request.paint[0].sketch.shape == (64, 64)
            read += 1
    assert read < 400


def jpeg(picture: np.ndarray) -> str:
    data = cv2.imencode(".jpg", picture)[1].tobytes()
    return "data:image/jpeg;base64," + base64.b64encode(data).decode()


def test_picture_is_cleaned(live_page, circle):
    reply = live_page.send({"picture": jpeg(circle(400)), "strength": 0.5}, "clean_picture")
    assert list(reply) == ["picture"]
    kind, _, data = reply["picture"].partition(",")
    sheet = Image.open(io.BytesIO(base64.b64decode(data)))
    assert (kind, sheet.format, sheet.size) == ("data:image/png;base64", "PNG", (1024, 1024))
    assert np.asarray(sheet).min() == 0 and not live_page.studio.calls


def test_picture_without_lines_is_said(live_page):
    white = jpeg(np.full((300, 200), 255, np.uint8))
    assert live_page.send({"picture": white}, "clean_picture") == {"picture": None}


BAD_PICTURES = {
    "no object": ([], "the request is a list: send an object with picture and strength"),
    "nothing": ({}, "the picture is not a JPEG file: send a data URL that begins with data:image/jpeg;base64,"),
    "a PNG": ({"picture": "data:image/png;base64," + GOOD}, "the picture is not a JPEG file"),
    "not base64": ({"picture": "data:image/jpeg;base64,%"}, "the picture is not valid base64: send a JPEG file"),
    "too long": ({"picture": "data:image/jpeg;base64," + "A" * 10**6}, "send at most 1000000"),
    "too large": ({"picture": jpeg(np.zeros((20, 1025), np.uint8))}, "is 1025 x 20 pixels: send 16 to 1024 a side"),
    "too small": ({"picture": jpeg(np.zeros((20, 9), np.uint8))}, "is 9 x 20 pixels: send 16 to 1024 a side"),
    "cut off": ({"picture": jpeg(np.zeros((64, 64), np.uint8))[:303]}, "the picture cannot be read as a picture"),
    "no picture": ({"picture": "data:image/jpeg;base64," + "A" * 400}, "the picture cannot be read as a picture"),
    "strength of a text": ({"strength": "1"}, "strength is '1': send a number from -1.5 to 1.5"),
    "strength too large": ({"strength": 2}, "strength is '2'"),
    "true strength": ({"strength": True}, "strength is 'True'"),
}


@pytest.mark.parametrize(("request_", "sentence"), BAD_PICTURES.values(), ids=BAD_PICTURES)
def test_picture_that_cannot_be_cleaned_is_answered_with_a_sentence(live_page, request_, sentence):
    reply = live_page.send(request_, "clean_picture")
    assert sentence in reply["error"] and list(reply) == ["error"]


def test_failing_cleaning_is_a_sentence(live_page, circle, monkeypatch, caplog):
    monkeypatch.setattr("sketch2photo.page.live.clean_lines", lambda *_: 1 / 0)
    reply = live_page.send({"picture": jpeg(circle(64))}, "clean_picture")
    assert reply == {"error": "this picture could not be cleaned: choose another one"}
    assert "division by zero" in caplog.text
