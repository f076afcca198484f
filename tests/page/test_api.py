"""The API as programs use it: a real gradio_client, and the examples of docs/api.md as they stand, against the page in
a child process."""

import concurrent.futures
import contextlib
import io
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.page.fake_studio import CATEGORIES

SECONDS = 30


class Caller:
    def __init__(self, url: str, folder: Path) -> None:
        from gradio_client import Client

        self.client = Client(url, verbose=False, download_files=str(folder), httpx_kwargs={"trust_env": False})

    def __call__(self, *arguments, endpoint: str = "/predict", **fields):
        return self.client.submit(*arguments, **fields, api_name=endpoint).result(timeout=SECONDS)

    def refusal(self, *arguments, **fields) -> str:
        from gradio_client.exceptions import AppError

        with pytest.raises(AppError) as caught:
            self(*arguments, **fields)
        return str(caught.value)


@pytest.fixture(scope="module")
def predict(served_page: str, tmp_path_factory: pytest.TempPathFactory) -> Caller:
    return Caller(served_page, tmp_path_factory.mktemp("downloads"))


@pytest.fixture
def sketch(tmp_path, circle, png):
    from gradio_client import handle_file

    path = tmp_path / "sketch.png"
    path.write_bytes(png(circle(300)))
    return handle_file(str(path))


def test_photo_and_probabilities_come_back(predict, sketch):
    photo, probabilities = predict(sketch, "auto", "", 0)
    picture = Image.open(photo)
    assert picture.format == "PNG" and picture.size == (128, 128)
    assert list(probabilities) == list(CATEGORIES)
    assert sum(probabilities.values()) == pytest.approx(1)


def test_defaults_are_auto(predict, sketch):
    assert np.array_equal(Image.open(predict(sketch)[0]), Image.open(predict(sketch, "auto", "", 0)[0]))


def test_category_colour_and_seed_reach_the_model(predict, sketch):
    def middle(**fields) -> tuple[int, ...]:
        photo = np.asarray(Image.open(predict(sketch, **fields)[0]).convert("RGB"), np.int64)
        return tuple(photo[60:68, 60:68].mean((0, 1)))

    red, green, blue = middle(colour="#ff0000")
    assert red > 200 and green < 20 and blue < 20
    assert middle(category="car") != middle(category="shoe")
    assert middle(category="car", seed=0) != middle(category="car", seed=1)


def test_hints_are_painted(predict, sketch, tmp_path):
    from gradio_client import handle_file

    def sent(size: int):
        hints = np.zeros((size, size, 4), np.uint8)
        hints[size // 2 - 20 : size // 2 + 20, size // 2 - 20 : size // 2 + 20] = (200, 60, 30, 255)
        Image.fromarray(hints).save(tmp_path / f"hints{size}.png")
        return handle_file(str(tmp_path / f"hints{size}.png"))

    side = Image.open(tmp_path / "sketch.png").size[0]
    photo = np.asarray(Image.open(predict(sketch, hints=sent(side))[0]).convert("RGB"))
    np.testing.assert_allclose(photo[64, 64], (200, 60, 30), atol=2)
    assert "as wide and high as the sketch" in predict.refusal(sketch, hints=sent(side + 2))


def sketches(folder: Path, png, circle, count: int) -> list:
    from gradio_client import handle_file

    for i in range(count):
        (folder / f"{i}.png").write_bytes(png(circle(x=0.25 + 0.03 * i)))
    return [handle_file(str(folder / f"{i}.png")) for i in range(count)]


def test_batch_of_sixteen(predict, tmp_path, png, circle):
    sent = sketches(tmp_path, png, circle, 16)
    wished = [CATEGORIES[i % 12] for i in range(16)]
    photos, results = predict(sent, wished, "#102030", None, endpoint="/predict_batch")
    assert [Image.open(photo["image"]).size for photo in photos] == [(128, 128)] * 16
    assert [photo["caption"] for photo in photos] == wished == [result["category"] for result in results]
    assert {result["colour"] for result in results} == {"#102030"}
    assert all(sum(result["probabilities"].values()) == pytest.approx(1) for result in results)
    # Each result is of its own sketch.
    alone = predict(sent[15], wished[15], "#102030")
    assert (
        np.array_equal(Image.open(photos[15]["image"]), Image.open(alone[0]))
        and alone[1] == results[15]["probabilities"]
    )


def test_transparent_gives_the_object_alone(predict, sketch):
    photo = Image.open(predict(sketch, transparent=True)[0])
    assert photo.mode == "RGBA" and photo.getpixel((2, 2))[3] == 0 and photo.getpixel((64, 64))[3] == 255


def test_batch_that_is_wrong_is_refused_with_a_sentence(predict, tmp_path, png, circle):
    from gradio_client import handle_file

    def refusal(*arguments) -> str:
        return predict.refusal(*arguments, endpoint="/predict_batch")

    sent = sketches(tmp_path, png, circle, 17)
    (tmp_path / "empty.png").write_bytes(png(np.full((64, 64), 255, np.uint8)))
    assert refusal(sent) == "there are 17 sketches: send 1 to 16"
    assert refusal([]) == "there are 0 sketches: send 1 to 16"
    assert refusal(sent[:2], ["car"]).startswith("categories has 1 entries for 2 sketches: send one for each, or one")
    assert "unknown category 'appel'" in refusal(sent[:2], ["apple", "appel"])
    assert "seed is '-1'" in refusal(sent[:2], None, None, [0, -1])
    assert "the colour must be like" in refusal(sent[:2], None, "red")
    assert refusal([sent[0], handle_file(str(tmp_path / "empty.png"))]).startswith("sketch 2 of 2 is empty")
    assert "unknown model 'other'" in refusal(sent[:1], None, None, None, "other")


def test_categories_and_models(predict):
    assert predict(endpoint="/categories") == list(CATEGORIES)
    (model,) = predict(endpoint="/models")
    assert model["name"] == "fake" and list(model["palette"]) == list(CATEGORIES) and model["has_classifier"]
    assert "unknown model 'other'" in predict.refusal("other", endpoint="/categories")


def test_names_of_the_endpoint(predict):
    endpoint = predict.client.view_api(return_format="dict")["named_endpoints"]["/predict"]
    assert [part["parameter_name"] for part in endpoint["parameters"]] == [
        "sketch",
        "category",
        "colour",
        "seed",
        "model",
        "transparent",
        "hints",
    ]
    assert [part["label"] for part in endpoint["returns"]] == ["photo", "probabilities"]


BAD = {
    "unknown category": ({"category": "appel"}, "unknown category 'appel': did you mean 'apple'?"),
    "bad colour": ({"colour": "red"}, "the colour must be like '#c83020', not 'red'"),
    "negative seed": ({"seed": -1}, "seed is '-1': send a whole number from 0 to 2147483647"),
    "half a seed": ({"seed": 1.5}, "seed is '1.5'"),
    "seed of a text": ({"seed": "x"}, "seed is 'x'"),
}


@pytest.mark.parametrize(("fields", "sentence"), BAD.values(), ids=BAD)
def test_bad_wish_is_refused_with_a_sentence(predict, sketch, fields, sentence):
    assert sentence in predict.refusal(sketch, **fields)


def test_bad_pictures_are_refused_with_a_sentence(predict, tmp_path, png, bomb):
    from gradio_client import handle_file

    def refusal(name: str, data: bytes) -> str:
        (tmp_path / name).write_bytes(data)
        return predict.refusal(handle_file(str(tmp_path / name)))

    sheet = np.full((64, 64), 255, np.uint8)
    assert refusal("empty.png", png(sheet)) == "the sketch is empty: draw dark lines on white"
    assert "cannot be read as a picture" in refusal("text.png", b"no picture at all")
    assert "cannot be read as a picture" in refusal("cut.png", png(np.eye(64, dtype=np.uint8) * 255)[:90])
    assert "holds no lines" in refusal("x.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>")
    assert "8 x 64 pixels" in refusal("thin.png", png(sheet[:, :8]))
    assert "5000 x 16 pixels: send 16 to 4096 a side" in refusal("wide.png", png(np.full((16, 5000), 255, np.uint8)))
    assert "more than 33,554,432 pixels: send 16 to 4096 a side" in refusal("bomb.png", bomb)
    assert "there is no sketch" in predict.refusal(None)
    assert "handle_file" in predict.refusal(str(tmp_path / "empty.png"))


def test_page_and_api_share_one_queue(site, predict, sketch):
    """Both at once, all answered; that the model never runs twice at once is held by test_batch_queue."""
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        frames = [pool.submit(site.draw, f"p{i}") for i in range(6)]
        calls = [pool.submit(predict, sketch) for _ in range(3)]
        assert all(frame.result(SECONDS)["photo"] for frame in frames)
        assert all(len(call.result(SECONDS)[1]) == len(CATEGORIES) for call in calls)


def test_drawing_leaves_no_files_and_the_same_call_no_further_ones(site, predict, sketch, files_of_page):
    def files() -> list[Path]:
        return sorted(path for path in files_of_page.rglob("*") if path.is_file())

    predict(sketch)
    before = files()
    assert before
    for number in range(20):
        assert site.draw("p", number)["photo"]
    predict(sketch)
    assert files() == before


def test_plain_http_works_too(site, circle, png):
    """The two requests of the curl example in Gradio's API view, with a file uploaded before."""
    file = {"path": site.upload("s.png", png(circle())), "meta": {"_type": "gradio.FileData"}}
    for arguments in ([file, "car", "", 0, ""], [file, "car", "", 0], [file]):
        text = site.call("predict", *arguments)
        assert "event: complete" in text
        photo, probabilities = json.loads(text.split("data: ", 1)[1].splitlines()[0])
        assert photo["url"].endswith(".png") and len(probabilities) == len(CATEGORIES)
    assert "there is no sketch" in site.call("predict")


# ---------------------------------------------------------------- docs/api.md

WRITTEN = "http://127.0.0.1:7860"


def blocks(root: Path, kind: str, served_page: str) -> list[str]:
    text = (root / "docs" / "api.md").read_text(encoding="utf-8")
    found = re.findall(rf"```{kind}\n(.*?)```", text, re.S)
    assert found
    return [block.replace(WRITTEN, served_page.rstrip("/")) for block in found]


@pytest.fixture
def folder(tmp_path, monkeypatch, png, circle) -> Path:
    """A folder with sketch.png, in which the examples run."""
    (tmp_path / "sketch.png").write_bytes(png(circle(300)))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "downloads"))
    return tmp_path


def test_python_examples(root, served_page, folder):
    outputs = []
    for block in blocks(root, "python", served_page):
        with contextlib.redirect_stdout(io.StringIO()) as out:
            exec(compile(block, "docs/api.md", "exec"), {})
        outputs.append(out.getvalue().strip().splitlines())
    (path, likeliest), painted = outputs[0][-2:], outputs[1][-12:]
    assert Image.open(path).size == (128, 128)
    assert likeliest in CATEGORIES
    for line, category in zip(painted, CATEGORIES, strict=True):
        photo, caption, colour, status = line.rsplit(" ", 3)
        assert Image.open(photo).size == (128, 128)
        assert caption == category and re.fullmatch("#[0-9a-f]{6}", colour) and status == "ok"


@pytest.mark.skipif(not shutil.which("curl") or not shutil.which("bash"), reason="needs curl and bash")
def test_shell_examples(root, served_page, folder):
    _, predict, categories = blocks(root, "bash", served_page)

    def run(block: str) -> str:
        result = subprocess.run(["bash", "-eu", "-c", block], capture_output=True, text=True, timeout=120)
        assert result.returncode == 0, result.stderr
        return result.stdout

    assert "event: complete" in run(predict)
    assert Image.open(folder / "photo.png").size == (128, 128)
    answer = run(categories)
    assert "event: complete" in answer and all(f'"{name}"' in answer for name in CATEGORIES)
