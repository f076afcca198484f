"""How others come to the page: the link to give them, as text and as a QR code, and what is said about it."""

import contextlib
import io
import ipaddress
import socket
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import segno

LONGEST_LINK = 400
"""Characters; a QR code of more is too fine for a phone's camera."""


def network_address(host: str, port: int) -> str | None:
    """The page's address for others in this network; None if it listens to this machine only."""
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:  # a name
        return None if host == "localhost" else f"http://{host}:{port}/"
    if address.is_loopback:
        return None
    if not address.is_unspecified:
        return f"http://[{address}]:{port}/" if address.version == 6 else f"http://{address}:{port}/"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):  # no network
        probe.connect(("192.0.2.1", 9))  # sends nothing: it only asks which of our addresses would be used
        return f"http://{probe.getsockname()[0]}:{port}/"
    return None


def about_link(link: str | None) -> str:
    """What the terminal says of `--share`."""
    if link:
        return f"anyone with this link can draw, for up to a week: {link}"
    return "no share link could be made (is there a network?): the page goes on at the address above"


def qr_text(link: str) -> str:
    """A link as a QR code of block characters, for a terminal."""
    text = io.StringIO()
    segno.make(link, error="l", micro=False).terminal(text, compact=True)
    return text.getvalue().rstrip("\n")


def qr_svg(link: str) -> str:
    """A link as a QR code: an SVG element, black on white with a quiet zone."""
    code = segno.make(link, error="m", micro=False)
    return code.svg_inline(scale=4, border=4, light="#fff", dark="#000", omitsize=True, title=None)


def public_link(seen: Any) -> str | None:
    """The address that a visitor's browser shows, if others can use it too: http or https, and not "this machine"."""
    if not isinstance(seen, str) or not 0 < len(seen) <= LONGEST_LINK or not seen.isascii() or not seen.isprintable():
        return None
    try:
        parts = urlsplit(seen)
        host = parts.hostname or ""
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not host or host == "localhost" or host.endswith(".localhost"):
        return None
    with contextlib.suppress(ValueError):  # a name
        address = ipaddress.ip_address(host)
        if address.is_loopback or address.is_unspecified:
            return None
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def share_function(share_url: Callable[[], str | None], network: str | None) -> Callable[[dict], Awaitable[dict]]:
    """The server function `share`: {address: what the browser shows} -> {link, qr}.

    The link is the share link, else what the browser shows, else the page's address in this network; null, and `qr`
    with it, if only this machine can see the page. `qr` is an SVG element.
    """

    async def share(req: dict) -> dict[str, Any]:
        seen = public_link(req.get("address")) if isinstance(req, dict) else None
        link = share_url() or seen or network
        return {"link": link, "qr": qr_svg(link) if link else None}

    return share
