"""The page as a Gradio app: the live canvas for people, the API for programs, one queue for both.

build(studio).launch(theme=theme())     opens it; `server.serve` does the same, guarded
"""

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sketch2photo.page import api, gradio_patches
from sketch2photo.page.batch_queue import BatchQueue
from sketch2photo.page.limits import KEPT_SECONDS, MAX_QUEUED, lower_pixel_limit
from sketch2photo.page.live import server_functions
from sketch2photo.page.model_pool import ModelPool
from sketch2photo.page.sharing import share_function

if TYPE_CHECKING:
    from sketch2photo.studio import Studio

# Read when the app is built: no calls home, nothing kept of what visitors do, few summaries of the queue.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["GRADIO_RUN_HISTORY"] = "False"
os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", "1000")

HERE = Path(__file__).parent
STYLES = ("canvas.css", "photo.css", "import_picture.css", "keep.css")
ICON = HERE / "icon.png"
SCRIPTS = HERE / "js"
CACHING = {"cache-control": "public, max-age=31536000, immutable"}
FAILED = "This page could not start: reload it, or open it in another browser."
FAILED_IN_KOREAN = "페이지를 시작할 수 없습니다. 새로 고치거나 다른 브라우저에서 여세요."


class Modules:
    """The modules of a folder, read once. Their address has a hash of them all, so browsers may keep them for ever."""

    def __init__(self, folder: Path = SCRIPTS) -> None:
        self._texts = {path.name: path.read_bytes() for path in sorted(folder.glob("*.js"))}
        parts = (hashlib.sha256(name.encode() + text).digest() for name, text in self._texts.items())
        self.path = "js/" + hashlib.sha256(b"".join(parts)).hexdigest()[:16]
        """Where they are, from the page's own address on."""
        self.route = Route(f"/{self.path}/{{name}}", self._answer)
        """What serves them; no sign-in is needed, as for the scripts of Gradio."""

    async def _answer(self, request: Request) -> Response:
        text = self._texts.get(request.path_params["name"])
        if text is None:
            return Response(status_code=404)
        return Response(text, media_type="text/javascript", headers=CACHING)

    def start(self) -> str:
        """The script that Gradio runs once the page's elements are there: it imports `main.js` and starts it."""
        return (
            f'import(new URL("{self.path}/main.js", document.baseURI).href)'
            ".then(({ start }) => start(element, props, server))"
            ".catch((error) => { console.error(error); const notice = element.querySelector('.notice');"
            f" notice.textContent = navigator.language.startsWith('ko') ? '{FAILED_IN_KOREAN}' : '{FAILED}';"
            " notice.hidden = false; });"
        )


class Page(gr.Blocks):
    """Blocks that serve the page's scripts too, however they are launched.

    A program that mounts them in its own FastAPI app gives `gr.mount_gradio_app` these `app_kwargs`.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.modules = Modules()
        self.app_kwargs = {"routes": [self.modules.route]}

    def launch(self, *arguments: Any, app_kwargs: dict[str, Any] | None = None, **options: Any) -> Any:
        """As `gr.Blocks.launch`."""
        return super().launch(*arguments, app_kwargs=self.app_kwargs | (app_kwargs or {}), **options)


def theme() -> gr.themes.Base:
    """System fonts, so that nothing is fetched, and the desk's colour behind the page while it loads."""
    base = gr.themes.Base(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])
    return base.set(body_background_fill="#f0ece3", body_background_fill_dark="#1c1a17")


def build(models: "ModelPool | Studio", queue: BatchQueue | None = None, network_address: str | None = None) -> Page:
    """The page for these models. Launch it with `theme=theme()`; `server.serve` does that and guards it.

    Without a queue of the caller's it gets one of its own, which compiles for many people in the background.
    `network_address` is shown to visitors who want to pass the page on, unless there is a share link.
    """
    lower_pixel_limit()
    pool = models if isinstance(models, ModelPool) else ModelPool(models)
    if queue is None:
        queue = BatchQueue(pool.first)
        queue.prepare()
    with Page(title="sketch2photo", analytics_enabled=False, delete_cache=(60, KEPT_SECONDS)) as blocks:
        gr.HTML(
            value=None,
            html_template=(HERE / "canvas.html").read_text(encoding="utf-8"),
            css_template="".join((HERE / name).read_text(encoding="utf-8") for name in STYLES),
            js_on_load=blocks.modules.start(),
            apply_default_css=False,
            server_functions=[
                *server_functions(pool, queue),
                share_function(lambda: blocks.share_url, network_address),
            ],
            model=pool.about(),
            models=[pool.about(name) for name in pool.names],
        )
        api.add_endpoints(pool, queue)
    gradio_patches.patch(blocks)
    blocks.queue(max_size=MAX_QUEUED, status_update_rate=10, default_concurrency_limit=1)
    gradio_patches.look_less_often(blocks)
    return blocks
