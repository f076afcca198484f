"""The link to give to others: which it is, its QR code, and what is said when there is none."""

import asyncio
import re

import cv2
import numpy as np
import pytest

from sketch2photo.page import sharing

LINK = "https://0123456789abcdef01.gradio.live"


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", None),
        ("localhost", None),
        ("::1", None),
        ("[::1]", None),
        ("192.0.2.7", "http://192.0.2.7:7860/"),
        ("[2001:db8::1]", "http://[2001:db8::1]:7860/"),
        ("desk.example", "http://desk.example:7860/"),
    ],
)
def test_address_for_others_in_the_network(host, address):
    assert sharing.network_address(host, 7860) == address


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_address_where_all_are_let_in_is_one_of_this_machine(host):
    address = sharing.network_address(host, 7860)
    assert address is None or re.fullmatch(r"http://(?!0\.0\.0\.0)[\d.]+:7860/", address)


@pytest.mark.parametrize(
    ("seen", "link"),
    [
        ("https://ada-sketch2photo.hf.space/?__theme=dark#abc", "https://ada-sketch2photo.hf.space/"),
        ("http://192.168.1.5:7860/", "http://192.168.1.5:7860/"),
        ("https://user:secret@example.org/draw/", "https://example.org/draw/"),
        ("http://127.0.0.1:7860/", None),
        ("http://localhost:7860/", None),
        ("http://0.0.0.0:7860/", None),
        ("http://[::1]:7860/", None),
        ("http://[broken/", None),
        ("javascript:alert(1)", None),
        ("file:///etc/passwd", None),
        ("https://" + "x" * 500, None),
        ("https://exa\nmple.org/", None),
        ("", None),
        (None, None),
        (5, None),
    ],
)
def test_what_the_browser_shows_is_passed_on_only_if_others_can_use_it(seen, link):
    assert sharing.public_link(seen) == link


def test_what_is_said_of_a_share_link():
    assert sharing.about_link(LINK).endswith(f"for up to a week: {LINK}")
    assert sharing.about_link(None).startswith("no share link could be made (is there a network?)")


def read(modules: np.ndarray) -> str:
    """The text of a QR code, dark modules as 0."""
    picture = np.kron(modules, np.ones((8, 8), np.uint8))
    return cv2.QRCodeDetector().detectAndDecode(np.pad(picture, 32, constant_values=255))[0]


def test_code_in_the_terminal_can_be_read():
    halves = {"\u2588": (255, 255), " ": (0, 0), "\u2580": (255, 0), "\u2584": (0, 255)}
    rows = sharing.qr_text(LINK).split("\n")
    pairs = np.array([[halves[mark] for mark in row] for row in rows], np.uint8)
    assert read(pairs.transpose(0, 2, 1).reshape(2 * len(rows), -1)) == LINK


def test_code_on_the_page_can_be_read():
    svg = sharing.qr_svg(LINK)
    assert svg.startswith("<svg") and "script" not in svg and "http" not in svg
    side = int(re.search(r"viewBox=\"0 0 (\d+) ", svg)[1]) // 4
    modules, x, y = np.full((side, side), 255, np.uint8), 0.0, 0.0
    for kind, numbers in re.findall(r"([Mmh])([-\d. ]+)", re.search(r'class="qrline"[^>]* d="([^"]+)"', svg)[1]):
        values = list(map(float, numbers.split()))
        if kind == "h":
            modules[int(y), int(x) : int(x + values[0])] = 0
            x += values[0]
        else:
            x, y = (values[0], values[1]) if kind == "M" else (x + values[0], y + values[1])
    assert read(modules) == LINK


def test_page_is_told_the_best_link_there_is():
    def told(link: str | None, network: str | None, request: object) -> dict:
        return asyncio.run(sharing.share_function(lambda: link, network)(request))  # type: ignore[arg-type]

    assert told(None, None, {"address": "http://127.0.0.1:7860/"}) == {"link": None, "qr": None}
    assert told(None, None, None) == {"link": None, "qr": None}
    assert told(None, "http://192.0.2.7:7860/", {})["link"] == "http://192.0.2.7:7860/"
    assert told(None, "http://192.0.2.7:7860/", {"address": "https://a.hf.space/"})["link"] == "https://a.hf.space/"
    best = told(LINK, "http://192.0.2.7:7860/", {"address": "https://a.hf.space/"})
    assert best["link"] == LINK and best["qr"].startswith("<svg")
