"""Joins the ES modules of `js/` into the one script that Gradio runs when the page loads, and styles into one.

The parts stay real modules, so that node and type checkers read them as they are; the page needs no build step,
no route of its own and no further request. Each becomes a function whose result is its exports. Comments and
indentation, a third of the text, stay here. Only the forms that the parts use are understood, and another one is an
error when the page is built, not in the browser.
"""

import re
from collections.abc import Iterable
from pathlib import Path

FOLDER = Path(__file__).parent / "js"

_IMPORT = re.compile(r'^import \{ ([\w, ]+) \} from "\./(\w+)\.js";$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const) (\w+))", re.MULTILINE)
_COMMENT = re.compile(r"/\*\*.*?\*/[ \t]*|^[ \t]*//[^\n]*\n", re.DOTALL | re.MULTILINE)
_LEFT_OVER = re.compile(r"^\s*(?:import|export)\b.*$", re.MULTILINE)


def join(entry: str, folder: Path = FOLDER) -> str:
    """The module `entry` and all it imports, as one script that leaves each module's exports in `modules.<name>`.

    Raises:
      ValueError: modules import each other in a circle, an import or export has another form than ours, or a text
        goes over several lines.
    """
    parts: dict[str, str] = {}
    _add(entry, folder, parts, ())
    return "const modules = {};\n" + "".join(parts.values())


def _add(name: str, folder: Path, parts: dict[str, str], path: tuple[str, ...]) -> None:
    if name in parts:
        return
    if name in path:
        raise ValueError(f"the scripts {' -> '.join((*path, name))} import each other: break the circle")
    source = (folder / f"{name}.js").read_text(encoding="utf-8")
    for needed in _IMPORT.findall(source):
        _add(needed[1], folder, parts, (*path, name))
    exports = _EXPORT.findall(source)
    body = _EXPORT.sub("", _IMPORT.sub(r"const { \1 } = modules.\2;", source))
    strange = _LEFT_OVER.search(body)
    if strange:
        raise ValueError(
            f"{name}.js has {strange[0].strip()!r}: join() knows `import {{ a, b }} from` and `export` only"
        )
    body = lean(body, f"{name}.js")
    parts[name] = f"modules.{name} = (() => {{\n{body}return {{ {', '.join(exports)} }};\n}})();\n"


def lean(source: str, name: str) -> str:
    """A script without JSDoc, whole lines of comment, blank lines and indentation.

    Raises:
      ValueError: a template literal goes over several lines, whose indentation would be part of the text.
    """
    lines = [line.strip() for line in _COMMENT.sub("", source).splitlines()]
    for line in lines:
        if line.replace("\\`", "").count("`") % 2:
            raise ValueError(f"{name} has a text over several lines: {line[:60]!r}; write it in pieces of one line")
    return "".join(f"{line}\n" for line in lines if line)


def styles(names: Iterable[str], folder: Path) -> str:
    """Style sheets as one, without comments and indentation."""
    joined = "".join((folder / name).read_text(encoding="utf-8") for name in names)
    return _unindented(re.sub(r"/\*.*?\*/", "", joined, flags=re.DOTALL))


def template(path: Path) -> str:
    """The page's elements, without indentation."""
    return _unindented(path.read_text(encoding="utf-8"))


def _unindented(text: str) -> str:
    return "".join(f"{line.strip()}\n" for line in text.splitlines() if line.strip())
