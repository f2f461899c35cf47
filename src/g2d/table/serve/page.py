"""The page, and what it may do in a browser."""

from __future__ import annotations

import base64
import hashlib
import re
from importlib.resources import files


def page() -> tuple[str, str]:
    """The page, which is one file, and its content security policy.

    The policy names the page's own script and style by their hashes, and lets it speak to its own
    server alone.
    """
    html = files("g2d.table.serve").joinpath("page.html").read_text("utf-8")
    rules = [
        "default-src 'none'",
        f"script-src {_hash(html, 'script')}",
        f"style-src {_hash(html, 'style')}",
        "img-src blob: data:",
        "media-src blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
    return html, "; ".join(rules)


def _hash(html: str, tag: str) -> str:
    inside = re.search(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
    assert inside is not None
    digest = hashlib.sha256(inside[1].encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
