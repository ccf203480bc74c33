"""What corresponds on the two sides of the proxy: pairs of origins, or of paths below them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass

from urlrewrite.content.links.any_of import any_of
from urlrewrite.content.links.spellings import path_expression, path_pattern
from urlrewrite.model.origin import DEFAULT_PORTS, Origin


@dataclass(frozen=True, slots=True)
class Pair:
    """One origin and its counterpart on the other side.

    With `path` only its URLs below that path are meant, and `new_path` stands for it; each is "" or a path without a
    slash at its end. A URL that is the origin and nothing else becomes the other one, as it does in a policy.
    """

    origin: Origin
    becomes: Origin
    path: str = ""
    new_path: str = ""
    alone: bool = True
    """Whether the host is meant where it stands alone, too. The name of a server farm may be a word such as `shop`."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a URL becomes: scheme ("" if it has none), origin, and a path in place of that which ends at `end`."""

    scheme: str
    becomes: Origin
    path: str
    end: int


def how_urls_begin(pairs: Iterable[Pair]) -> bytes:
    """Return an expression for how most URLs of some pairs begin, but for those that a longer path decides."""
    paths: dict[str, set[str]] = {}
    for pair in pairs:
        paths.setdefault(str(pair.origin), set()).add(pair.path)
    plain, others = list[bytes](), dict[bytes, list[bytes]]()
    for origin, of_origin in paths.items():
        ordered = sorted(of_origin)
        for path in ordered:
            # All that begin with `/app/` stand between `/app/` and `/app0`.
            below = ordered[bisect_left(ordered, f"{path}/") : bisect_left(ordered, f"{path}0")]
            but = b"".join(b"(?!%b)" % path_expression(longer[len(path) :]) for longer in below)
            (others.setdefault(but, []) if but else plain).append(f"{origin}{path}".encode())
    beginnings = [any_of(plain, exact=True), *(any_of(alike, exact=True) + but for but, alike in others.items())]
    return b"(?:%b)/" % b"|".join(beginnings)


def end_of_path(pair: Pair, data: bytes, at: int) -> int | None:
    """Return where the pair's path that begins at `at` ends; None if another path is there."""
    found = path_pattern(pair.path).match(data, at) if pair.path else None
    return found.end() if found else None if pair.path else at


def same_port(origin: Origin, scheme: str, port: int | None) -> bool:
    """Say whether a URL with this scheme ("" if relative) and port is of that origin.

    The scheme itself does not count: a backend reached by http may call itself https, and the other way round.
    """
    if port is not None:
        return port == origin.port or (origin.has_default_port and port == DEFAULT_PORTS.get(scheme))
    return origin.has_default_port or (scheme != "" and DEFAULT_PORTS[scheme] == origin.port)


def scheme_like(scheme: str, new: str) -> str:
    """Return the public scheme for a URL: its WebSocket twin where the URL is one of a WebSocket."""
    return new.replace("http", "ws") if scheme.startswith("ws") else new
