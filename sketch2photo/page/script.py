"""Joins the ES modules of `js/` into the one script that Gradio runs when the page loads.

The parts stay real modules, so that node and type checkers read them as they are; the page needs no build step,
no route of its own and no further request. Each becomes a function whose result is its exports. Only the forms
that the parts use are understood, and another one is an error when the page is built, not in the browser.
"""

import re
from pathlib import Path

FOLDER = Path(__file__).parent / "js"

_IMPORT = re.compile(r'^import \{ ([\w, ]+) \} from "\./(\w+)\.js";$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const) (\w+))", re.MULTILINE)
_LEFT_OVER = re.compile(r"^\s*(?:import|export)\b.*$", re.MULTILINE)


def join(entry: str, folder: Path = FOLDER) -> str:
    """The module `entry` and all it imports, as one script that leaves each module's exports in `modules.<name>`.

    Raises:
      ValueError: modules import each other in a circle, or an import or export has another form than ours.
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
    parts[name] = f"modules.{name} = (() => {{\n{body}\nreturn {{ {', '.join(exports)} }};\n}})();\n"
