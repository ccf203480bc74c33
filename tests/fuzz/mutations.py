"""Bodies and fields made from real ones by small damage."""

from __future__ import annotations

import gzip
import random
import zlib
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
B = b"http://privateserver:8080"

MARKUP = [
    *(b"<", b">", b"</", b"/>", b'"', b"'", b"=", b"<!--", b"-->", b"<![CDATA[", b"]]>", b"<?", b"?>", b"<!DOCTYPE "),
    *(b"<script>", b"</script>", b"<style>", b"</style>", b"<svg>", b"</svg>", b"<math>", b"<title>", b"<plaintext>"),
    *(b"<textarea>", b"</textarea>", b"<iframe srcdoc=", b"<a href=", b" srcset=", b" style=", b" onclick=", b"&#x2f;"),
    *(b"<meta charset=utf-16>", b"<?xml version='1.0' encoding='shift_jis'?>", b"@charset 'x';", b"/*", b"*/", b"url("),
]
SPELLINGS = [
    *(B, B + b"/", b"//privateserver:8080/x", rb"http:\/\/privateserver:8080", b"http%3A%2F%2Fprivateserver%3A8080"),
    *(
        b"http%253A%252F%252Fprivateserver%253A8080",
        b"http&#58;&#47;&#47;privateserver:8080",
        b"HTTP://PRIVATESERVER:8080",
    ),
    *(
        rb"http\u003a\u002f\u002fprivateserver:8080",
        rb"http\3a\2f\2fprivateserver:8080",
        b"privateserver",
        b"privateserver.",
    ),
    *(
        b"http://user@privateserver:8080",
        b"http://privateserver:80801",
        b"http:\\\\privateserver:8080",
        b"'privateserver:8080'",
    ),
]
BYTES = [
    b"\0",
    b"\xff",
    b"\xfe\xff",
    b"\xef\xbb\xbf",
    b"\x1b$B",
    b"\x81",
    b"\r\n",
    b"\r",
    b"\t",
    b"\x0c",
    b"\xed\xa0\x80",
]
TYPES = [
    *("text/html", "text/html; charset=utf-8", "text/html; charset=shift_jis", "text/html; charset=utf-16", "text/css"),
    *("application/xhtml+xml", "image/svg+xml", "application/xml", "application/json", "text/javascript", "text/plain"),
    *(
        "text/event-stream",
        "application/rss+xml",
        "multipart/mixed; boundary=b",
        "application/octet-stream",
        "",
        ";;",
        "x",
    ),
    *(
        "application/vnd.apple.mpegurl",
        "text/html; charset=iso-2022-jp",
        "text/html; charset=gb18030",
        "text/html; charset",
    ),
]
FIELDS = [
    ("Location", "http://privateserver:8080/x"),
    ("Refresh", "5; url='http://privateserver:8080/x'"),
    ("Link", '<http://privateserver:8080/x>; rel="next", <//privateserver:8080/y>; anchor="#a"'),
    ("Set-Cookie", "a=b; Domain=privateserver; Path=/; Secure; SameSite=None"),
    ("Set-Cookie", '__Host-a="http%3A%2F%2Fprivateserver:8080"; path=/x;HttpOnly'),
    (
        "Content-Security-Policy",
        "default-src 'self' http://privateserver:8080 *.privateserver; report-uri //privateserver:8080",
    ),
    ("Report-To", '{"endpoints":[{"url":"http://privateserver:8080/r"}]}'),
    ("Access-Control-Allow-Origin", "http://privateserver:8080"),
    ("WWW-Authenticate", 'Bearer realm="x", authorization_uri="http://privateserver:8080/a"'),
    ("Alt-Svc", 'h2="privateserver:8080"; ma=60'),
    ("ETag", 'W/"abc"'),
    ("Content-Range", "bytes 0-1/2"),
    ("Content-Length", "5"),
    ("Transfer-Encoding", "chunked"),
    ("X-Anything", "see http://privateserver:8080/x"),
    ("Strict-Transport-Security", "max-age=1; includeSubDomains"),
    ("Content-Digest", "sha-256=:x:"),
]


def seeds() -> list[bytes]:
    """The pages of the demo and some of each kind."""
    files = sorted((PROJECT / "addons" / "privateserver").rglob("*.*"))
    found = [path.read_bytes() for path in files if path.suffix in {".html", ".js", ".css", ".json", ".xml", ".svg"}]
    pages = [data[:20_000] for data in found]
    return [*pages, b"".join(pages), b"".join(pages[::3]), b"{}", b"<p>", b"data: x\n\n", b"".join(SPELLINGS + MARKUP)]


def mutated(made: list[bytes], rng: random.Random) -> bytes:
    """A seed, or two spliced, with up to eight pieces put in, taken out, turned round or doubled."""
    data = bytearray(rng.choice(made))
    if rng.random() < 0.3:
        other = rng.choice(made)
        cut = rng.randrange(len(data) + 1)
        data[cut:] = other[rng.randrange(len(other) + 1) :]
    for _ in range(rng.randrange(9)):
        start = rng.randrange(len(data) + 1)
        end = min(len(data), start + rng.choice((0, 1, 2, 10, 200)))
        match rng.randrange(5):
            case 0:
                data[start:end] = b""
            case 1:
                data[start:start] = data[start:end] * rng.choice((1, 2, 50))
            case 2:
                data[start:end] = rng.randbytes(rng.randrange(5))
            case _:
                data[start:end] = rng.choice(rng.choice((MARKUP, SPELLINGS, BYTES)))
    return bytes(data[:65_536])


def mutated_text(text: str, rng: random.Random) -> str:
    """A field value with a few characters damaged."""
    for _ in range(rng.randrange(4)):
        at = rng.randrange(len(text) + 1)
        text = (
            text[:at]
            + rng.choice(["", ";", ",", '"', "'", "<", "=", " ", "\t", "%", "\\", "\xff", "://", text])
            + text[at + rng.randrange(3) :]
        )
    return text[:4096]


def coded(data: bytes, rng: random.Random) -> tuple[bytes, list[tuple[str, str]]]:
    """The body under a content coding or none, sometimes damaged, sometimes not what the field says."""
    coding = rng.choice(["", "", "gzip", "deflate", "br", "zstd", "gzip, gzip", "x-gzip", "compress", "identity"])
    body = data
    if coding in ("gzip", "x-gzip"):
        body = gzip.compress(data[: len(data) // 2]) + gzip.compress(data[len(data) // 2 :])
    elif coding == "deflate":
        body = zlib.compress(data)
    elif coding == "gzip, gzip":
        body = gzip.compress(gzip.compress(data))
    if rng.random() < 0.2 and body:
        at = rng.randrange(len(body))
        body = body[:at] + rng.randbytes(1) + body[at + 1 :]
    return body, [("Content-Encoding", coding)] if coding else []
