"""Rule files for a proxy before the backends of `hooks/backends.py`."""

from __future__ import annotations

from hooks.backends import Backend

INNER = "inner.example"
"""The name of the backend."""


def rules_for(backend: Backend, more: str = "") -> str:
    """A site before a backend."""
    return (
        "public: [https://localhost, http://localhost]\n"
        f"backend: {backend.scheme}://{INNER}:{backend.port}\nconnect: 127.0.0.1:{backend.port}\n{more}"
    )
