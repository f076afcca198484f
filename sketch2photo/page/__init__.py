"""The drawing page: `page.build(studio)` makes the Gradio app, `serve.serve(studio, ...)` opens it.

This file imports nothing, so that `app.py --help` need not wait for Gradio.
"""
