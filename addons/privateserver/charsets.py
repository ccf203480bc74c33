"""Pages in other character encodings than UTF-8, and one with bytes that are in none."""

from __future__ import annotations

import codecs

from tornado.httputil import HTTPServerRequest

from privateserver.catalogue import Group, Page, Reply, Serve
from privateserver.markup import document, links

GERMAN = "Grüße aus Köln, café à la crème"
WINDOWS = "„Grüße“ – 5 €"
# The second byte of each of these is a backslash in Shift JIS.
JAPANESE = "ソ表能十予"
BROKEN = b"before \xff\xfe\xc3( \xe2\x82 after"


def _escaped(text: str) -> str:
    """Return ASCII for a string of JavaScript."""
    return text.encode("ascii", "backslashreplace").decode().replace("\\x", "\\u00")


def page_text(page: Page, sample: str, meta: str | None, name: str) -> str:
    """Return a page that shows ``sample`` and checks that the browser read it so, as the encoding called ``name``."""
    check = (
        f'<script>\nproof.check("the characters", () => {{\n'
        f'  const text = document.querySelector("#sample").textContent;\n'
        f'  proof.assert(text === "{_escaped(sample)}", `read ${{text}}`);\n'
        f'  proof.assert(document.characterSet === "{name}", `read as ${{document.characterSet}}`);\n}});\n</script>'
    )
    return document(page, f'<p id="sample">{sample}</p>\n{links()}\n{check}', charset=meta)


def encoded(sample: str, codec: str, name: str, *, meta: str | None = None, bom: bytes = b"") -> Serve:
    """Return a handler for a page in the encoding that Python calls ``codec`` and the browser ``name``."""

    def serve(page: Page, request: HTTPServerRequest) -> Reply:
        return Reply(body=bom + page_text(page, sample, meta, name).encode(codec))

    return serve


def broken(page: Page, request: HTTPServerRequest) -> Reply:
    """Respond with UTF-8 by the header field, and bytes that are not UTF-8."""
    wanted = ",".join(str(byte) for byte in BROKEN)
    check = (
        '<script>\nproof.check("the bytes", async () => {\n'
        "  const body = new Uint8Array(await (await proof.get(location.href)).arrayBuffer());\n"
        f'  proof.assert(body.join().includes(",{wanted},"), "the bytes have changed");\n}});\n</script>'
    )
    before, after = document(page, f"<p>@</p>\n{links()}\n{check}").encode().split(b"@", 1)
    return Reply(body=before + BROKEN + after)


def _page(path: str, title: str, content_type: str, serve: Serve, problem: str) -> Page:
    return Page(
        path=f"/charset/{path}",
        title=title,
        content_type=content_type,
        problem=problem,
        expect="The links are public and every character is as it was.",
        serve=serve,
    )


CHARSETS = Group(
    "Character encodings",
    (
        _page(
            "iso-8859-1",
            "ISO-8859-1",
            "text/html; charset=ISO-8859-1",
            encoded(GERMAN, "iso-8859-1", "windows-1252"),
            "The header field names the encoding; browsers read it as windows-1252.",
        ),
        _page(
            "windows-1252-meta",
            "windows-1252",
            "text/html",
            encoded(WINDOWS, "cp1252", "windows-1252", meta="windows-1252"),
            "Only a meta element names the encoding.",
        ),
        _page(
            "utf-16",
            "UTF-16, little-endian",
            "text/html; charset=utf-16",
            encoded(GERMAN, "utf-16-le", "UTF-16LE", bom=codecs.BOM_UTF16_LE),
            "Every letter takes two bytes; a byte order mark says in which order.",
        ),
        _page(
            "utf-16-be",
            "UTF-16, big-endian",
            "text/html",
            encoded(GERMAN, "utf-16-be", "UTF-16BE", bom=codecs.BOM_UTF16_BE),
            "Nothing but the byte order mark names the encoding.",
        ),
        _page(
            "shift-jis",
            "Shift JIS",
            "text/html; charset=Shift_JIS",
            encoded(JAPANESE, "shift_jis", "Shift_JIS"),
            "The second byte of some letters is a backslash.",
        ),
        _page(
            "broken",
            "Bytes in no encoding",
            "text/html; charset=utf-8",
            broken,
            "The page says UTF-8, and some of its bytes are none.",
        ),
    ),
)
