"""The script that a watched page carries, and the element that it stands in.

It stands in the page itself: nothing more is requested for it, and it hears what fails from the beginning. Where it
reports to stands in an attribute, so that its text, and with it its hash in policies, is always the same.
"""

from __future__ import annotations

from html import escape
from pathlib import Path

from urlrewrite.content.integrity import digests

ATTRIBUTE = "data-rewrite-probe"

_LINES = (Path(__file__).parent / "probe.js").read_text(encoding="utf-8").splitlines()

CODE = " ".join(line.strip() for line in _LINES if line.strip() and not line.strip().startswith("//"))
"""The script's text, without comments and on one line: the lines of the page keep their numbers."""

HASH = f"'{digests(CODE.encode())['sha256']}'"
"""The source expression by which a policy allows the script (CSP 3, 2.3.1)."""


def element(path: str) -> bytes:
    """Return the element with the script, which reports to a path of the page's own origin."""
    return f'<script {ATTRIBUTE}="{escape(path)}">{CODE}</script>'.encode("ascii")
