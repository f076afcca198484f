"""The page as a Gradio app: the live canvas for people, the API for programs, one queue for both.

build(studio).launch(theme=theme())     opens it; `server.serve` does the same, guarded
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path

import gradio as gr

from sketch2photo.page import api, gradio_patches
from sketch2photo.page.batch_queue import BatchQueue, Model
from sketch2photo.page.limits import KEPT_SECONDS, MAX_QUEUED, lower_pixel_limit
from sketch2photo.page.live import ServerFunction, server_functions
from sketch2photo.page.model_pool import ModelPool
from sketch2photo.page.sharing import share_function

# ---------------------------------------------------------------- page.script
#
# Joins the ES modules of `js/` into the one script that Gradio runs when the page loads, and styles into one.
#
# The parts stay real modules, so that node and type checkers read them as they are; the page needs no build step,
# no route of its own and no further request. Each becomes a function whose result is its exports. Comments and
# indentation, a third of the text, stay here. Only the forms that the parts use are understood, and another one is an
# error when the page is built, not in the browser.

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


# Read when the app is built: no calls home, nothing kept of what visitors do, and no summary of the queue after every
# event.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["GRADIO_RUN_HISTORY"] = "False"
os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", "1000")

HERE = Path(__file__).parent
STYLES = ("canvas.css", "photo.css", "bring.css", "keep.css")
ICON = HERE / "icon.png"


def _canvas(pool: ModelPool, queue: BatchQueue, share: ServerFunction) -> gr.HTML:
    """The canvas, the photo and the bars: `canvas.html`, `canvas.css` and the parts in `js/`."""
    return gr.HTML(
        value=None,
        html_template=template(HERE / "canvas.html"),
        css_template=styles(STYLES, HERE),
        js_on_load=join("main") + "modules.main.start(element, props, server);",
        apply_default_css=False,
        server_functions=[*server_functions(pool, queue), share],
        model=pool.about(),
        models=[pool.about(name) for name in pool.names],
    )


def theme() -> gr.themes.Base:
    """System fonts, so that nothing is fetched, and the desk's colour behind the page while it loads."""
    base = gr.themes.Base(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])
    return base.set(body_background_fill="#f0ece3", body_background_fill_dark="#1c1a17")


def build(models: ModelPool | Model, queue: BatchQueue | None = None, network_address: str | None = None) -> gr.Blocks:
    """The page for these models. Launch it with `theme=theme()`; `server.serve` does that and guards it.

    Without a queue of the caller's it gets one of its own, which compiles for many people in the background.
    `network_address` is shown to visitors who want to pass the page on, unless there is a share link.
    """
    lower_pixel_limit()
    pool = models if isinstance(models, ModelPool) else ModelPool(models)
    if queue is None:
        queue = BatchQueue(pool.first)
        queue.prepare()
    with gr.Blocks(title="sketch2photo", analytics_enabled=False, delete_cache=(60, KEPT_SECONDS)) as blocks:
        _canvas(pool, queue, share_function(lambda: blocks.share_url, network_address))
        api.add_endpoints(pool, queue)
    gradio_patches.patch(blocks)
    blocks.queue(max_size=MAX_QUEUED, status_update_rate=10, default_concurrency_limit=1)
    return blocks
