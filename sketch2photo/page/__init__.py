"""The drawing page: `app.build(studio)` makes the Gradio app, `server.serve(studio, ...)` opens it.

This file imports nothing, so that `app.py --help` need not wait for Gradio.
"""
