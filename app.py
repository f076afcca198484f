#!/usr/bin/env python3
"""Opens the drawing page with a released model: python app.py [--checkpoint DIR] [--port PORT] [--share]"""

import argparse
import sys
from pathlib import Path

from sketch2photo.errors import ConfigError, exit_on_user_error
from sketch2photo.page import server

CHECKPOINT = Path(__file__).resolve().parent / "checkpoints" / "studio"


class Parser(argparse.ArgumentParser):
    """One sentence instead of the usage, as everywhere in this project."""

    def error(self, message: str) -> None:  # type: ignore[override]
        raise ConfigError(f"{message}: see --help")


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line; nothing slow is imported for it."""
    parser = Parser(prog="app.py", description="Draw an object and see it as a photo.", allow_abbrev=False)
    add = parser.add_argument
    add("--checkpoint", metavar="DIR", type=Path, default=CHECKPOINT, help="released model (checkpoints/studio)")
    add("--host", default=server.default_host(), help="address to listen on (GRADIO_SERVER_NAME, else 127.0.0.1)")
    add("--port", default=server.default_port(), help="port to listen on (GRADIO_SERVER_PORT, else 7860)")
    add("--share", action="store_true", help="also make a public link, through Gradio's servers")
    add("--auth", metavar="USER:PASSWORD", help="ask visitors for a name and a password")
    tab = "open a browser tab (as a rule when started from a terminal with a display)"
    add("--open", action=argparse.BooleanOptionalAction, default=server.has_screen(), help=tab)
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> None:
    """Open the page. User errors are one sentence and exit code 2."""
    with exit_on_user_error("app.py"):
        options = parse(arguments)
        auth, port = server.parse_auth(options.auth), server.parse_port(options.port)
        server.check_address(options.host, port)

        from sketch2photo import runtime

        runtime.prepare()

        from sketch2photo.studio import Studio

        studio = Studio.load(options.checkpoint)
        others = server.others_beside(options.checkpoint)
        server.serve(
            studio, others, host=options.host, port=port, share=options.share, auth=auth, open_tab=options.open
        )


if __name__ == "__main__":
    main(sys.argv[1:])
