"""Opens the page: address, password, browser tab, share link. What can fail early fails before Gradio is imported."""

import argparse
import contextlib
import errno
import io
import os
import signal
import socket
import sys
import threading
import time
import webbrowser
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sketch2photo.cli import add_checkpoint
from sketch2photo.errors import ServeError

if TYPE_CHECKING:
    import gradio as gr

    from sketch2photo.studio import Studio

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 7860


def options(parser: argparse.ArgumentParser) -> None:
    """Those of app.py."""
    add = parser.add_argument
    add_checkpoint(parser, "released model")
    host, port = (os.environ.get(f"GRADIO_SERVER_{name}") for name in ("NAME", "PORT"))
    add("--host", default=host or DEFAULT_HOST, help="address to listen on (GRADIO_SERVER_NAME, else 127.0.0.1)")
    add("--port", default=port or str(DEFAULT_PORT), help="port to listen on (GRADIO_SERVER_PORT, else 7860)")
    add("--share", action="store_true", help="also make a public link, through Gradio's servers")
    add("--auth", metavar="USER:PASSWORD", help="ask visitors for a name and a password")
    tab = "open a browser tab (as a rule when started from a terminal with a display)"
    add("--open", action=argparse.BooleanOptionalAction, default=has_screen(), help=tab)


def run(options: argparse.Namespace) -> None:
    """Open the page with a released model; `UserError` where model, address or password cannot be used."""
    auth, port = parse_auth(options.auth), parse_port(options.port)
    check_address(options.host, port)

    from sketch2photo.page import model_pool
    from sketch2photo.studio import Studio

    studio = Studio.load(options.checkpoint)
    others, complaints = model_pool.beside(options.checkpoint)
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    print(f"{studio.name} paints on {studio.device}", flush=True)
    serve(studio, others, host=options.host, port=port, share=options.share, auth=auth, open_tab=options.open)


def has_screen() -> bool:
    """Whether a browser tab would be seen: someone sits at a terminal, on a machine with a display."""
    display = sys.platform in ("win32", "darwin") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return bool(display) and sys.stdout.isatty()


def parse_port(text: str) -> int:
    """A port number, else a `ServeError`."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
        raise ServeError(f"port {text!r} is not a port: choose a whole number from 1 to 65535")
    return int(text)


def parse_auth(text: str | None) -> tuple[str, str] | None:
    """USER:PASSWORD as a pair, else a `ServeError`; the password may have colons."""
    if text is None:
        return None
    user, _, password = text.partition(":")
    if not user or not password:
        # The text is not repeated: it may be a password.
        raise ServeError("--auth must be USER:PASSWORD, with something on either side of the colon")
    return user, password


def check_address(host: str, port: int) -> None:
    """Refuse an address that cannot be opened with a `ServeError`, before a model is loaded for it."""
    name = host.strip("[]")
    if "%" in name:
        raise ServeError(f"host {host!r} names a network card, which browsers do not take: use an address without one")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError):
        raise ServeError(f"host {host!r} is not known: use 127.0.0.1 for this machine or 0.0.0.0 for all") from None
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
            probe.listen(1)
        except PermissionError:
            raise ServeError(f"port {port} needs special rights: choose one from 1024 to 65535 with --port") from None
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise _taken(port) from None
            raise ServeError(f"{host}:{port} cannot be opened ({error.strerror}): choose another --host") from None


def _taken(port: int) -> ServeError:
    return ServeError(f"port {port} is in use: close the program that has it, or choose another with --port")


def prepare_proxies(host: str) -> None:
    """Let the environment's proxies not stop the page; before Gradio is imported, which makes a client of them.

    Those that httpx cannot use are left out, with a sentence. No proxy is asked for this page itself: Gradio asks its
    own page whether it answers.
    """
    import httpx

    for name in ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "http_proxy", "https_proxy"):
        proxy = os.environ.get(name)
        if not proxy:
            continue
        try:
            httpx.Client(proxy=proxy if "://" in proxy else f"http://{proxy}", trust_env=False).close()
        except (ImportError, ValueError, httpx.InvalidURL):
            del os.environ[name]
            # It is not repeated: it may have a password.
            print(f"{name} is not used: it is no address of an http:// or https:// proxy", file=sys.stderr)
    for name in ("NO_PROXY", "no_proxy"):
        known = [part.strip(" []") for part in os.environ.get(name, "").split(",")]
        os.environ[name] = ",".join(dict.fromkeys([*filter(None, known), DEFAULT_HOST, "localhost", host]))


def serve(
    studio: "Studio",
    others: Mapping[str, Path] | None = None,
    *,
    host: str = DEFAULT_HOST,
    port: int = DEFAULT_PORT,
    share: bool = False,
    auth: tuple[str, str] | None = None,
    open_tab: bool = False,
) -> None:
    """Open the page and stay until Ctrl-C or SIGTERM.

    The model compiles for one drawing before the socket answers, so that the first visitor does not wait for it, and
    for many at once after that, which nobody waits for. Arguments are as the options of app.py; `others` are folders of
    further released models that visitors may choose, by name. `UserError` where an address or a model cannot be opened.
    """
    from sketch2photo.page import limits

    check_address(host, port)
    host = host.strip("[]")
    ipv6 = ":" in host
    # Gradio reads these when imported, and stops at a bad number even if --port was given. It tries the port by IPv4.
    os.environ["GRADIO_SERVER_PORT"] = str(port)
    os.environ["GRADIO_SERVER_NAME"] = DEFAULT_HOST if ipv6 else host
    prepare_proxies(host)
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    with limits.own_folder() as folder:
        studio.warm_up()
        # What imports Gradio: only now does it find its folder.
        from sketch2photo.page import app, sharing
        from sketch2photo.page.batch_queue import BatchQueue
        from sketch2photo.page.model_pool import ModelPool

        queue = BatchQueue(studio)
        network = None if os.environ.get("SYSTEM") == "spaces" else sharing.network_address(host, port)
        blocks = app.build(ModelPool(studio, others, opened=queue.prepare), queue, network)
        _launch(blocks, folder, f"[{host}]" if ipv6 else host, port, share, auth)
        queue.prepare()
        here = str(blocks.local_url).replace("//[::]:", "//localhost:")
        print(f"sketch2photo is at {here}", flush=True)
        link = blocks.share_url or network
        if network:
            print(f"others in your network find it at {network}", flush=True)
        if share:
            print(sharing.about_link(blocks.share_url), flush=True)
        if link and sys.stdout.isatty():
            print(sharing.qr_text(link), flush=True)
        if open_tab:
            webbrowser.open(here)
        try:
            while blocks.server.thread.is_alive():
                time.sleep(0.2)
        except KeyboardInterrupt:
            pass
        finally:
            ended = queue.close()
            blocks.close(verbose=False)
    if not ended:
        # A thread that compiles would end the process with an abort while Python takes itself down.
        sys.stdout.flush()
        os._exit(0)


def _launch(blocks: "gr.Blocks", folder: Path, host: str, port: int, share: bool, auth: tuple[str, str] | None) -> None:
    from starlette.middleware import Middleware

    from sketch2photo.page import app, gradio_patches
    from sketch2photo.page.limits import MAX_UPLOAD, BodyLimit, UploadLimit

    gradio_patches.watch_no_space()
    try:
        # Gradio's own words about a failed share link mislead; `sharing.about_link` says what happened.
        with contextlib.redirect_stdout(io.StringIO()):
            blocks.launch(
                server_name=host,
                server_port=port,
                share=share,
                auth=auth,
                prevent_thread_lock=True,
                quiet=True,
                ssr_mode=False,
                footer_links=["api"],
                max_file_size=MAX_UPLOAD,
                favicon_path=str(app.ICON),
                theme=app.theme(),
                app_kwargs={"middleware": [Middleware(UploadLimit, folder=folder), Middleware(BodyLimit)]},
            )
    except OSError:
        raise _taken(port) from None
