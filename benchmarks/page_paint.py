"""How heavy is the page, how soon can one draw, and how smoothly? The page with an instant model, in Chromium.

First paint and readiness stand beside those of an empty page of Gradio, served the same way in the same run: what is
above it is ours. Frames a second are counted while a pointer draws without a pause and photos come in, beside those of
the page at rest: a busy machine lowers both. Goals: less than 90 KB of ours over the wire, 60 frames a second.
"""

import contextlib
import gzip
import itertools
import json
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks import compare

ROOT = Path(__file__).resolve().parent.parent
GOAL_BYTES, GOAL_FRAMES = 90_000, 60
SECONDS = 5
EMPTY = """
import sys, gradio as gr
from sketch2photo.page import app
with gr.Blocks(analytics_enabled=False) as blocks:
    gr.HTML('<div class="s2p" data-ready="true">nothing</div>')
blocks.launch(server_port=int(sys.argv[1]), ssr_mode=False, theme=app.theme(), quiet=True)
"""

FRAMES = """milliseconds => new Promise(done => {
    const times = [];
    const start = performance.now();
    const frame = now => {
        times.push(now);
        if (performance.now() - start < milliseconds) requestAnimationFrame(frame);
        else done(times);
    };
    requestAnimationFrame(frame);
})"""
# The pointer's way, from within the page: one event each frame, as a browser hands them out.
DRAW = """milliseconds => new Promise(done => {
    const canvas = document.querySelector('[data-testid=sketch]'), box = canvas.getBoundingClientRect();
    const photo = document.querySelector('[data-testid=photo]');
    let photos = 0;
    const watch = new MutationObserver(() => { photos += 1; });
    watch.observe(photo, {attributeFilter: ['src']});
    const send = (type, turn) => canvas.dispatchEvent(new PointerEvent(type, {
        pointerId: 1, isPrimary: true, pointerType: 'mouse', button: 0, buttons: 1, bubbles: true,
        clientX: box.left + box.width * (0.5 + 0.4 * Math.cos(1.3 * turn)),
        clientY: box.top + box.height * (0.5 + 0.4 * Math.sin(1.7 * turn)),
    }));
    const times = [], start = performance.now();
    send('pointerdown', 0);
    const frame = now => {
        times.push(now);
        send('pointermove', (performance.now() - start) / 300);
        if (performance.now() - start < milliseconds) return requestAnimationFrame(frame);
        send('pointerup', 0);
        watch.disconnect();
        done({times, photos});
    };
    requestAnimationFrame(frame);
})"""


@contextlib.contextmanager
def served(*command: str) -> Iterator[str]:
    """A page on a free port, once it answers; the port is the command's last argument."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}/"
    server = subprocess.Popen([sys.executable, *command, str(port)], cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        for _ in range(1200):
            if server.poll() is not None:
                raise SystemExit("the page ended before it answered (see above)")
            with contextlib.suppress(httpx.HTTPError):
                httpx.get(url, timeout=2, trust_env=False)
                break
            time.sleep(0.1)
        yield url
    finally:
        server.terminate()
        server.wait(20)


def weight() -> dict[str, int]:
    """Bytes of ours: scripts, elements and styles, and all of them compressed, each file by itself."""
    from sketch2photo.page import app

    files = {
        "scripts": list(app.SCRIPTS.glob("*.js")),
        "elements": [app.HERE / "canvas.html"],
        "styles": [app.HERE / name for name in app.STYLES],
    }
    sizes = {name: sum(path.stat().st_size for path in paths) for name, paths in files.items()}
    compressed = sum(len(gzip.compress(path.read_bytes())) for paths in files.values() for path in paths)
    return sizes | {"all": sum(sizes.values()), "compressed": compressed}


def visit(browser: Browser, url: str) -> dict[str, float]:
    """One visit with an empty cache: seconds to the first paint and to readiness, and bytes that came over the wire."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    wire = context.new_cdp_session(page)
    wire.send("Network.enable")
    sizes: list[float] = []
    wire.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    page.goto(url)
    page.wait_for_selector(".s2p[data-ready=true]", timeout=60000)
    ready = page.evaluate("performance.now()")
    page.wait_for_timeout(500)
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? NaN")
    context.close()
    return {"first paint": paint / 1000, "ready": ready / 1000, "bytes": sum(sizes)}


def smoothness(times: list[float]) -> tuple[float, float]:
    """Frames a second, and the 95th percentile of the milliseconds between two."""
    gaps = sorted(b - a for a, b in itertools.pairwise(times))
    return 1000 * len(gaps) / sum(gaps), gaps[int(0.95 * (len(gaps) - 1))]


def frames(page: Page) -> dict[str, float]:
    """Frames a second at rest and while drawing, and photos a second meanwhile."""
    rest, _ = smoothness(page.evaluate(FRAMES, 1000 * SECONDS))
    drawn = page.evaluate(DRAW, 1000 * SECONDS)
    drawing, slow = smoothness(drawn["times"])
    return {"at rest": rest, "drawing": drawing, "95% within ms": slow, "photos": drawn["photos"] / SECONDS}


def main() -> None:
    parser = compare.options(__doc__ or "")
    parser.add_argument("--chromium", default=shutil.which("chromium") or shutil.which("google-chrome"))
    args = parser.parse_args()
    sizes = weight()
    pages = {"ours": ("-m", "tests.page.fake_studio", "--port"), "empty Gradio page": ("-c", EMPTY)}
    visits: dict[str, list[dict[str, float]]] = {name: [] for name in pages}
    smooth = []
    with contextlib.ExitStack() as stack:
        urls = {name: stack.enter_context(served(*command)) for name, command in pages.items()}
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=args.chromium, args=["--no-sandbox"])
        for url in urls.values():
            visit(browser, url)  # warms up the server
        for _ in range(args.rounds):
            for name, url in urls.items():
                visits[name].append(visit(browser, url))
            page = browser.new_page(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
            page.goto(urls["ours"])
            page.wait_for_selector(".s2p[data-ready=true]", timeout=60000)
            smooth.append(frames(page))
            page.close()
        browser.close()
    about = compare.machine()
    middle = {n: {k: statistics.median(v[k] for v in each) for k in each[0]} for n, each in visits.items()}
    rates = {key: statistics.median(each[key] for each in smooth) for key in smooth[0]}
    print(", ".join(f"{key} {value}" for key, value in about.items() if value is not None))
    for name, each in middle.items():
        wire = f"{each['bytes'] / 1000:.0f} KB over the wire"
        print(f"{name}: first paint {each['first paint']:.2f} s, ready {each['ready']:.2f} s, {wire}")
    kinds = ", ".join(f"{name} {sizes[name] / 1000:.0f}" for name in ("scripts", "elements", "styles"))
    verdict = "reached" if sizes["compressed"] < GOAL_BYTES else "MISSED"
    packed = f"{sizes['compressed'] / 1000:.0f} KB compressed"
    print(f"of ours {sizes['all'] / 1000:.0f} KB ({kinds}), {packed} (goal: under 90 KB, {verdict})")
    verdict = "reached" if rates["drawing"] >= 0.98 * min(GOAL_FRAMES, rates["at rest"]) else "MISSED"
    print(
        f"frames a second: {rates['at rest']:.1f} at rest, {rates['drawing']:.1f} while drawing with "
        f"{rates['photos']:.1f} photos a second; 95% of frames within {rates['95% within ms']:.1f} ms "
        f"(goal: 60, or what the machine shows at rest, {verdict})"
    )
    if args.json is not None:
        content = {"question": "page weight, first paint, frames a second", "machine": about, "bytes": sizes}
        args.json.write_text(json.dumps(content | {"seconds": middle, "frames": rates}, indent=1) + "\n")


if __name__ == "__main__":
    main()
