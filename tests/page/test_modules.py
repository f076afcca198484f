"""The page's scripts: served as modules, within what Gradio's templates can bear, and right (needs node)."""

import gzip
import re
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from sketch2photo.page import app
from sketch2photo.page.app import SCRIPTS, Modules

NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="needs node to run the page's scripts outside a browser")
TEMPLATES = ("canvas.html", *app.STYLES)


def test_modules_are_served_with_their_version_and_kept_by_the_browser(served_page):
    modules = Modules()
    with httpx.Client(base_url=served_page, trust_env=False, timeout=30) as http:
        start = next(part for part in http.get("config").json()["components"] if part["type"] == "html")
        assert f'import(new URL("{modules.path}/main.js", document.baseURI)' in start["props"]["js_on_load"]
        for path in SCRIPTS.glob("*.js"):
            answer = http.get(f"{modules.path}/{path.name}", headers={"accept-encoding": "gzip"})
            assert answer.status_code == 200 and answer.content == path.read_bytes()
            assert answer.headers["content-type"].startswith("text/javascript")
            assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
            assert answer.headers["content-encoding"] == "gzip"
        for other in ("none.js", "package.json", "..%2fpage.py", "%2e%2e/page.py"):
            assert http.get(f"{modules.path}/{other}").status_code == 404
        assert http.get("js/0123456789abcdef/main.js").status_code == 404


def test_another_version_has_another_address(tmp_path):
    (tmp_path / "main.js").write_text("export const a = 1;\n")
    first = Modules(tmp_path).path
    assert re.fullmatch(r"js/[0-9a-f]{16}", first) and Modules(tmp_path).path == first
    (tmp_path / "main.js").write_text("export const a = 2;\n")
    second = Modules(tmp_path).path
    (tmp_path / "main.js").rename(tmp_path / "other.js")
    assert len({first, second, Modules(tmp_path).path}) == 3


def test_what_is_served_does_not_change_while_files_do(tmp_path):
    """An update of the files under a running server must not mix two versions."""
    (tmp_path / "main.js").write_text("export const a = 1;\n")
    modules = Modules(tmp_path)
    (tmp_path / "main.js").write_text("export const a = 2;\n")
    with TestClient(Starlette(routes=[modules.route])) as client:
        assert client.get(f"/{modules.path}/main.js").text == "export const a = 1;\n"


def test_every_module_imports_what_there_is_and_is_imported():
    needed = {"main.js"}
    for path in SCRIPTS.glob("*.js"):
        for module in re.findall(r'^import .* from "\./([\w.]+)";$', path.read_text(), re.MULTILINE):
            assert (SCRIPTS / module).is_file(), f"{path.name} imports {module}"
            needed.add(module)
    assert needed == {path.name for path in SCRIPTS.glob("*.js")}


def test_page_weighs_less_than_90_kilobytes_on_the_wire():
    """What is ours: each module, and the elements and styles."""
    files = [*SCRIPTS.glob("*.js"), *(app.HERE / name for name in TEMPLATES)]
    assert 20_000 < sum(len(gzip.compress(path.read_bytes())) for path in files) < 90_000


@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize("mark", ["`", "${", "{{", "\\", "@children", "@keyframes"])
def test_templates_have_nothing_that_gradio_would_evaluate(name, mark):
    assert mark not in (app.HERE / name).read_text()


def test_nothing_is_fetched_from_elsewhere():
    for path in [*(app.HERE / name for name in TEMPLATES), *SCRIPTS.glob("*.js")]:
        for address in re.findall(r"https?://[^\s'\"<)]+", path.read_text()):
            assert address == "http://www.w3.org/2000/svg", f"{path.name} names {address}"


@needs_node
@pytest.mark.parametrize("test", sorted((Path(__file__).parent / "js").glob("*.test.mjs")), ids=lambda path: path.stem)
def test_parts_do_what_they_say(test):
    """Unit tests of single modules, under node's own runner."""
    result = subprocess.run([NODE, "--test", str(test)], capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stdout + result.stderr
    assert re.search(r"^# pass [1-9]", result.stdout, re.MULTILINE), result.stdout


def test_template_has_no_words_of_its_own():
    """Every text and label comes from the table in words.js, in the browser's language."""
    text = (app.HERE / "canvas.html").read_text()
    rows = set(re.findall(r"^  (\w+): \{", (SCRIPTS / "words.js").read_text(), re.MULTILINE))
    asked = re.findall(r'data-(?:text|label)="(\w+)"', text)
    assert len(asked) > 20 and set(asked) <= rows
    written = {word.strip() for word in re.findall(r">([^<]+)<", text)} - {""}
    assert written == {"sketch", "2", "photo", "?"}
    assert re.findall(r'\b(?:title|placeholder|alt|aria-label)="[^"]+"', text) == []


def test_types_of_the_scripts_hold(root):
    """JSDoc types under `tsc --checkJs --strict`, as in scripts/check."""
    compiler = root / "node_modules" / ".bin" / "tsc"
    if not compiler.exists():
        pytest.skip("needs TypeScript: run scripts/check once, which installs it into node_modules")
    result = subprocess.run([compiler, "-p", root / "tsconfig.json"], capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stdout
