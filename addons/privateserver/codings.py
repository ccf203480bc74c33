"""Content codings: the same page in each, and uncoded for clients that do not accept it."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import brotli  # type: ignore[import-untyped]
import zstandard
from tornado.httputil import HTTPServerRequest

from privateserver.catalogue import Group, Page, Reply, Serve
from privateserver.markup import document, links, whole

_FILL = "\n".join(f"<p>Paragraph {n}, so that there is something to be compressed.</p>" for n in range(1, 41))


def accepted(field: str, coding: str) -> bool:
    """Say whether an Accept-Encoding field accepts a coding (RFC 9110, section 12.5.3)."""
    weights: dict[str, float] = {}
    for part in field.lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        weight = next((p.partition("=")[2] for p in parameters if p.startswith("q=")), "1")
        try:
            weights[name] = float(weight)
        except ValueError:
            weights[name] = 0
    return weights.get(coding, weights.get("*", 0)) > 0


def text(page: Page) -> bytes:
    """Return the page before it is coded."""
    return document(page, f"{whole(44)}\n{links()}\n{_FILL}\n{links()}").encode()


def raw_deflate(data: bytes) -> bytes:
    """Return DEFLATE without the zlib frame that RFC 9110 asks for, as some servers send it."""
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def members(data: bytes) -> bytes:
    """Return several gzip members one after the other (RFC 1952, section 2.2); the second begins inside a link."""
    cut = data.index(b"/arrived") - 4
    pieces = (data[:cut], data[cut : cut + 700], data[cut + 700 :])
    return b"".join(gzip.compress(piece, mtime=0) for piece in pieces)


def coded(coding: str, encode: Callable[[bytes], bytes]) -> Serve:
    """Return a handler that responds in ``coding`` where it is accepted."""

    def serve(page: Page, request: HTTPServerRequest) -> Reply:
        vary = ("Vary", "Accept-Encoding")
        if not accepted(request.headers.get("Accept-Encoding", ""), coding):
            return Reply(body=text(page), headers=(vary,))
        return Reply(body=encode(text(page)), headers=(("Content-Encoding", coding), vary))

    return serve


_WHOLE = "The page is whole and its links are public, in whatever coding it arrives."


def _page(
    path: str, title: str, coding: str, encode: Callable[[bytes], bytes], problem: str, expect: str = _WHOLE
) -> Page:
    return Page(
        path=f"/coded/{path}",
        title=title,
        problem=problem,
        expect=expect,
        serve=coded(coding, encode),
    )


CODINGS = Group(
    "Content codings",
    (
        _page("gzip", "gzip", "gzip", lambda data: gzip.compress(data, mtime=0), "The response is compressed."),
        _page("deflate", "deflate", "deflate", zlib.compress, "The response is compressed, in a zlib frame."),
        _page(
            "raw-deflate", "deflate without a frame", "deflate", raw_deflate, "Some servers leave out the zlib frame."
        ),
        _page("br", "Brotli", "br", brotli.compress, "The response is compressed; browsers ask for it under TLS only."),
        _page(
            "zstd",
            "Zstandard",
            "zstd",
            lambda data: zstandard.ZstdCompressor().compress(data),
            "The response is compressed; browsers ask for it under TLS only.",
        ),
        _page(
            "gzip-members",
            "gzip in several members",
            "gzip",
            members,
            "Three members, cut inside a link. Chromium by itself reads the first one only.",
            "The page is whole, as the proxy has read all members.",
        ),
    ),
)
