"""The site that the tests of this room speak of: https://www.example.com in front of http://privateserver:8080."""

from __future__ import annotations

import re
from collections.abc import Callable

from hypothesis import strategies as st

from urlrewrite.fields.names import NameMap
from urlrewrite.model.origin import Origin

PUBLIC = Origin("https", "www.example.com", 443)
BACKEND = Origin("http", "privateserver", 8080)


def swap(source: Origin, target: Origin) -> Callable[[str], str]:
    """A small map_text: URLs of `source`, any scheme or none, plain or percent-encoded, become those of `target`."""
    default = {"http": 80, "https": 443}[source.scheme] == source.port
    port = f"(?:(?::|%3a){source.port}){'?' if default else ''}"
    url = re.compile(
        r"(?:(?<![\w.+-])(?P<scheme>https?|wss?)(?P<colon>:|%3a))?(?P<slashes>//|%2f%2f)"
        rf"{re.escape(source.host)}{port}(?![\w.@-]|:|%3a)",
        re.IGNORECASE,
    )
    secure = {"http": target.scheme, "https": target.scheme}
    secure |= {"ws": target.scheme.replace("http", "ws"), "wss": target.scheme.replace("http", "ws")}

    def mapped(found: re.Match[str]) -> str:
        scheme = secure[found["scheme"].lower()] + found["colon"] if found["scheme"] else ""
        authority = target.authority if found["slashes"] == "//" else target.authority.replace(":", "%3A")
        return scheme + found["slashes"] + authority

    return lambda text: url.sub(mapped, text)


def bare(source: Origin, target: Origin) -> Callable[[str], str | None]:
    """A small map_bare: the host with the source's port or none."""
    known = {source.host, f"{source.host}:{source.port}"}
    return lambda authority: target.authority if authority.lower() in known else None


def names(
    public: Origin = PUBLIC,
    backend: Origin = BACKEND,
    map_path: Callable[[str], str] | None = None,
    map_cookie_value: Callable[[str], str] | None = None,
) -> NameMap:
    return NameMap(public, backend, swap(backend, public), bare(backend, public), map_path, map_cookie_value)


def mounted(path: str) -> str:
    """A map_path: the backend's root is /app of the public site."""
    return "/app" + path


field_values = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=60)
"""Any field value, obs-text as latin-1; none of them is likely to name the backend."""

paths = st.from_regex(r"(/[a-z0-9._~-]{1,9}){0,3}/?(\?[a-z0-9=&-]{0,9})?", fullmatch=True)
"""The rest of a URL behind its authority, without another URL in it."""
