"""One spelling for each URL, by which pages and the files that they name are compared."""

from __future__ import annotations

from urllib.parse import quote, urldefrag, urljoin

_IN_URL = "%/:=&?~#+!$,;'@()*[]"
"""Characters that browsers leave alone in a URL, beside letters, digits and `-._`."""


def canonical_url(url: str, base: str) -> str:
    """Give a URL as a browser asks for it, without its fragment; "" for what is none. `base` resolves relative ones."""
    try:
        absolute = urldefrag(urljoin(base, url.strip(" \t\n\f\r"))).url
        scheme, colon, rest = absolute.partition("://")
        authority, _, path = rest.partition("/")
        return f"{scheme.lower()}{colon}{authority.lower()}/{quote(path, safe=_IN_URL, errors='surrogateescape')}"
    except ValueError:
        return ""
