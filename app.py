#!/usr/bin/env python3
"""Opens the drawing page with a released model: python app.py [--checkpoint DIR] [--port PORT] [--share]"""

from functools import partial

from sketch2photo import cli

main = partial(cli.run, "app", "app.py")

if __name__ == "__main__":
    main()
