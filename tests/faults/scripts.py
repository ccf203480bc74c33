"""What a script of a backend says, as bytes: its words, and bodies under content codings, whole and damaged."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Mapping
from functools import cache
from hashlib import sha512
from typing import Any

import brotli
import zstandard

type Step = str | list[str | int] | Mapping[str, Any]

INNER = "inner.example"
"""The name of the backend."""

PAGE = "<p>{id} before <a href='http://" + INNER + "/x'>"
"""A short page that says whose it is, and that rules and the link map change."""


class Words(dict[str, str]):
    """The words `{...}` of a script, for the request of an id; the others stand for themselves."""

    def __init__(self, own_id: str) -> None:
        page = PAGE.replace("{id}", own_id)
        length, size = str(len(page)), f"{len(page):x}"
        field = f"X-Id: {own_id}\r\n"
        html = f"{field}Content-Type: text/html\r\n"
        super().__init__(
            {
                "id": own_id,
                "page": page,
                "length": length,
                "size": size,
                "field": field,
                "html": f"HTTP/1.1 200 OK\r\n{html}",
                "html1.0": f"HTTP/1.0 200 OK\r\n{html}",
                "picture": f"HTTP/1.1 200 OK\r\n{field}Content-Type: image/png\r\n",
                "sized": f"Content-Length: {length}\r\n\r\n{page}",
                "chunked": "Transfer-Encoding: chunked\r\n\r\n",
                "chunk": f"{size}\r\n{page}\r\n",
                "line": f"<p>{own_id}</p>\n",
            }
        )

    def text(self, step: str | list[str | int]) -> bytes:
        """The bytes of a text, or of a text so many times."""
        text, count = step if isinstance(step, list) else (step, 1)
        return self._filled(str(text)).encode("latin-1") * int(count)

    def _filled(self, text: str) -> str:
        for name, value in self.items():
            text = text.replace(f"{{{name}}}", value)
        return text

    def coded(self, name: str, *, long: bool = False) -> bytes:
        """The page under a content coding, with a filling behind it where it is to be long."""
        return CODED[name](self["page"].encode() + (_filling() if long else b""))


@cache
def _filling() -> bytes:
    """About 800 kB that no coding makes much shorter than half: long enough to be rewritten as they come."""
    return b"".join(b"<p>%b\n" % sha512(b"%d" % number).hexdigest().encode() for number in range(6000))


def _turned(data: bytes) -> bytes:
    """A bit is turned in the middle."""
    at = len(data) // 2
    return data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]


def _cut(data: bytes) -> bytes:
    return data[: len(data) * 2 // 3]


def _halves(data: bytes, code: Callable[[bytes], bytes]) -> bytes:
    return code(data[: len(data) // 2]) + code(data[len(data) // 2 :])


def _raw_deflate(data: bytes) -> bytes:
    return zlib.compress(data, wbits=-15)


def _zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


def _wide_zstd(data: bytes) -> bytes:
    """A frame that asks for a window of 2 GiB, which nobody has to give (RFC 8878, 3.1.1.1.2)."""
    return b"\x28\xb5\x2f\xfd\x00\xa8" + (len(data) << 3 | 1).to_bytes(3, "little") + data


_SKIPPED = b"\x50\x2a\x4d\x18"
"""With what a frame of zstd begins that is none of the data (RFC 8878, 3.1.2)."""

CODED: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "nothing": lambda data: b"",
    "gzip": gzip.compress,
    "gzip, cut short": lambda data: _cut(gzip.compress(data)),
    "gzip, without its trailer": lambda data: gzip.compress(data)[:-8],
    "gzip, with a wrong checksum": lambda data: gzip.compress(data)[:-8] + b"\0\0\0\0" + gzip.compress(data)[-4:],
    "gzip, with a wrong length": lambda data: gzip.compress(data)[:-4] + b"\xff\xff\0\0",
    "gzip, a bit turned": lambda data: _turned(gzip.compress(data)),
    "gzip in two members": lambda data: _halves(data, gzip.compress),
    "gzip and a text behind it": lambda data: gzip.compress(data) + b"and more",
    "gzip and zeros behind it": lambda data: gzip.compress(data) + b"\0" * 512,
    "gzip in gzip": lambda data: gzip.compress(gzip.compress(data)),
    "gzip in gzip, twenty times": lambda data: _repeated(data, gzip.compress, 20),
    "gzip in brotli": lambda data: brotli.compress(gzip.compress(data)),
    "brotli": brotli.compress,
    "brotli, cut short": lambda data: _cut(brotli.compress(data)),
    "brotli, a bit turned": lambda data: _turned(brotli.compress(data)),
    "brotli and a text behind it": lambda data: brotli.compress(data) + b"and more",
    "zstd": _zstd,
    "zstd, cut short": lambda data: _cut(_zstd(data)),
    "zstd, a bit turned": lambda data: _turned(_zstd(data)),
    "zstd in two frames": lambda data: _halves(data, _zstd),
    "zstd behind a frame to be skipped": lambda data: _SKIPPED + b"\x04\0\0\0skip" + _zstd(data),
    "zstd with a window of two gigabytes": _wide_zstd,
    "zlib": zlib.compress,
    "deflate without zlib": _raw_deflate,
    "zlib, cut short": lambda data: _cut(zlib.compress(data)),
    "zlib, with a wrong checksum": lambda data: zlib.compress(data)[:-4] + b"\0\0\0\0",
}
"""By the names that scripts have for them."""


def _repeated(data: bytes, code: Callable[[bytes], bytes], times: int) -> bytes:
    for _ in range(times):
        data = code(data)
    return data


def decoded(data: bytes, codings: str) -> bytes | None:
    """What a careful client reads: None where the coding is damaged."""
    try:
        for coding in reversed([each.strip().lower() for each in codings.split(",") if each.strip()]):
            data = _DECODERS[coding](data) if data else data
    except (OSError, EOFError, zlib.error, brotli.error, zstandard.ZstdError):
        return None
    return data


def _inflated(data: bytes) -> bytes:
    decoder = zlib.decompressobj(15 if data[0] & 15 == 8 else -15)
    plain = decoder.decompress(data)
    if not decoder.eof:
        raise EOFError
    return plain


def _unzstd(data: bytes) -> bytes:
    plain = b""
    while data:
        if data[1:4] == _SKIPPED[1:4] and data[0] & 0xF0 == _SKIPPED[0]:
            data = data[8 + int.from_bytes(data[4:8], "little") :]
            continue
        frame = zstandard.ZstdDecompressor().decompressobj()
        plain += frame.decompress(data)
        if not frame.eof:
            raise EOFError
        data = frame.unused_data
    return plain


_DECODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.decompress,
    "x-gzip": gzip.decompress,
    "br": brotli.decompress,
    "zstd": _unzstd,
    "deflate": _inflated,
    "identity": bytes,
}
