"""The page's scripts: joined into one, within what Gradio's templates can bear, and right (needs node)."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from sketch2photo.page import app

NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="needs node to run the page's scripts outside a browser")


def write(folder, **modules: str) -> None:
    for name, text in modules.items():
        (folder / f"{name}.js").write_text(text)


def test_modules_are_joined_after_what_they_import(tmp_path):
    write(
        tmp_path,
        main='import { b, C } from "./b.js";\nexport function start() {\n  return b + new C().a;\n}\n',
        b='import { a } from "./a.js";\nexport const b = a + 1;\nexport class C {\n  a = a;\n}\nconst inner = 5;\n',
        a="export const a = 1;\nexport async function later() {}\n",
    )
    joined = app.join("main", tmp_path)
    assert joined.index("modules.a =") < joined.index("modules.b =") < joined.index("modules.main =")
    assert "return { a, later };" in joined and "return { b, C };" in joined
    assert not re.search(r"^\s*(import|export)\b", joined, re.MULTILINE)


@needs_node
def test_joined_script_does_what_the_modules_do(tmp_path):
    write(
        tmp_path,
        main='import { b, C } from "./b.js";\nexport function start() {\n  return b + new C().a;\n}\n',
        b='import { a } from "./a.js";\nexport const b = a + 1;\nexport class C {\n  a = 40;\n}\n',
        a="export const a = 1;\n",
    )
    code = app.join("main", tmp_path) + "console.log(modules.main.start());"
    assert subprocess.run([NODE, "-e", code], capture_output=True, text=True, timeout=60).stdout == "42\n"


@pytest.mark.parametrize(
    "line",
    ['import all from "./a.js";', 'import * as a from "./a.js";', 'export { a } from "./a.js";', "export default 1;"],
)
def test_another_form_of_import_or_export_is_an_error(tmp_path, line):
    write(tmp_path, main=line + "\n", a="export const a = 1;\n")
    with pytest.raises(ValueError, match=re.escape(line)):
        app.join("main", tmp_path)


def test_comments_and_indentation_stay_at_home(tmp_path):
    text = """/** @param {string} a */
export const address = (a) => `https://${a}/*`; // told
  // not told
export const cast = /** @type {any} */ (5);
"""
    write(tmp_path, main=text)
    joined = app.join("main", tmp_path)
    assert "const address = (a) => `https://${a}/*`; // told\nconst cast = (5);\n" in joined
    assert "@" not in joined and "not told" not in joined


def test_text_over_several_lines_is_an_error(tmp_path):
    write(tmp_path, main="export const a = `one\n  two`;\n")
    with pytest.raises(ValueError, match=r"main.js has a text over several lines: 'const a = `one'"):
        app.join("main", tmp_path)


def test_page_weighs_less_than_150_kilobytes():
    """What we send, before compression: script, elements and styles."""
    parts = [app.join("main"), app.template(app.HERE / "canvas.html"), app.styles(app.STYLES, app.HERE)]
    assert 50_000 < sum(len(part.encode()) for part in parts) < 150_000


def test_circle_is_an_error(tmp_path):
    write(
        tmp_path,
        a='import { b } from "./b.js";\nexport const a = 1;\n',
        b='import { a } from "./a.js";\nexport const b = 1;\n',
    )
    with pytest.raises(ValueError, match="a -> b -> a import each other"):
        app.join("a", tmp_path)


def test_every_script_of_the_page_is_joined_in():
    joined = app.join("main")
    for path in app.FOLDER.glob("*.js"):
        assert f"modules.{path.stem} = " in joined


@needs_node
def test_page_script_is_a_function_body(tmp_path):
    """Gradio makes a function of it; a syntax error would leave the page dead."""
    body = app.join("main") + "modules.main.start(element, props, server);"
    (tmp_path / "page.js").write_text(f"function load(element, trigger, props, server, upload, watch) {{\n{body}\n}}")
    result = subprocess.run([NODE, "--check", str(tmp_path / "page.js")], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("name", ["canvas.html", *app.STYLES])
@pytest.mark.parametrize("mark", ["`", "${", "{{", "\\", "@children", "@keyframes"])
def test_templates_have_nothing_that_gradio_would_evaluate(name, mark):
    assert mark not in (app.HERE / name).read_text()


def test_nothing_is_fetched_from_elsewhere():
    for path in [*(app.HERE / name for name in ("canvas.html", *app.STYLES)), *app.FOLDER.glob("*.js")]:
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
    rows = set(re.findall(r"^  (\w+): \{", (app.FOLDER / "words.js").read_text(), re.MULTILINE))
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
