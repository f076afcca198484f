"""The page as a Gradio app: the live canvas for people, the API for programs, one model slot for both.

build(studio).launch(theme=theme())     opens it; `serve.serve` does the same, guarded
"""

import logging
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import gradio as gr

from sketch2photo.page import api
from sketch2photo.page.batch_queue import ModelSlot, Painter
from sketch2photo.page.limits import lower_pixel_limit
from sketch2photo.page.live import ServerFunction, server_functions
from sketch2photo.page.model_pool import Shelf
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


# ---------------------------------------------------------------- page.page

# Read when Gradio is imported: no calls home, nothing kept of what visitors do, and no summary of the queue after
# every event.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["GRADIO_RUN_HISTORY"] = "False"
os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", "1000")

log = logging.getLogger(__name__)

HERE = Path(__file__).parent
STYLES = ("canvas.css", "photo.css", "bring.css", "keep.css")
ICON = HERE / "icon.png"
KEPT_SECONDS = 600
"""How long files sent to the API and its photos are kept, so that a client can fetch them."""


def _canvas(shelf: Shelf, slot: ModelSlot, share: ServerFunction) -> gr.HTML:
    """The canvas, the photo and the bars: `canvas.html`, `canvas.css` and the parts in `js/`."""
    return gr.HTML(
        value=None,
        html_template=template(HERE / "canvas.html"),
        css_template=styles(STYLES, HERE),
        js_on_load=join("main") + "modules.main.start(element, props, server);",
        apply_default_css=False,
        server_functions=[*server_functions(shelf, slot), share],
        model=shelf.about(),
        models=[shelf.about(name) for name in shelf.names],
    )


def theme() -> gr.themes.Base:
    """System fonts, so that nothing is fetched, and the desk's colour behind the page while it loads."""
    base = gr.themes.Base(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])
    return base.set(body_background_fill="#f0ece3", body_background_fill_dark="#1c1a17")


def build(models: Shelf | Painter, slot: ModelSlot | None = None, network_address: str | None = None) -> gr.Blocks:
    """The page for these models. Launch it with `theme=theme()`; `serve.serve` does that and guards it.

    Without a slot of the caller's it gets one of its own, which compiles for many people in the background.
    `network_address` is shown to visitors who want to pass the page on, unless there is a share link.
    """
    lower_pixel_limit()
    shelf = models if isinstance(models, Shelf) else Shelf(models)
    if slot is None:
        slot = ModelSlot(shelf.first)
        slot.prepare()
    with gr.Blocks(title="sketch2photo", analytics_enabled=False, delete_cache=(60, KEPT_SECONDS)) as blocks:
        _canvas(shelf, slot, share_function(lambda: blocks.share_url, network_address))
        api.add_endpoints(shelf, slot)
    for block in blocks.blocks.values():
        _refuse_addresses(block)
    blocks.validate_inputs = _fill_up
    blocks.preprocess_data = _with_a_reason(blocks.preprocess_data)
    blocks.queue(max_size=64, status_update_rate=10, default_concurrency_limit=1)
    return blocks


def _refuse_addresses(block: Any) -> None:
    """Let a block of Gradio take uploaded files only. Given an address it would fetch it, however long the answer."""
    take = getattr(block, "async_move_resource_to_block_cache", None)
    if take is None:
        return

    async def unless_address(path: str | Path | None) -> str | None:
        if re.match(r"[a-zA-Z][a-zA-Z0-9+.-]+:", str(path)):
            raise gr.Error("addresses are not fetched: upload the sketch", print_exception=False)
        return await take(path)

    block.async_move_resource_to_block_cache = unless_address


def _fill_up(block_fn: Any, inputs: list[Any]) -> None:
    """Let programs leave out the last arguments of a call, as gradio_client does; Gradio would fail without a word."""
    inputs.extend(component.value for component in block_fn.inputs[len(inputs) :])


def _with_a_reason(preprocess: Any) -> Any:
    """Let Gradio say why it refuses what a program sent; as a rule it answers with an error without a word."""

    async def explained(*arguments: Any, **options: Any) -> Any:
        try:
            return await preprocess(*arguments, **options)
        except gr.Error:
            raise
        except Exception as error:
            log.info("arguments of a call were refused: %r", error)
            reason = "an argument is not what this call takes: see docs/api.md"
            raise gr.Error(reason, print_exception=False) from None

    return explained
