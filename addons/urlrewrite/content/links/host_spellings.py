r"""The ways in which one host is written in URLs.

A host in Unicode comes as it is (in UTF-8 or Latin-1), percent-encoded, or in the escapes of scripts and HTML. An IPv6
address comes with and without its leading zeros, and with any run of zero groups left out (RFC 4291, 2.2).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Iterator
from itertools import product

_FEW = 3


def host_spellings(host: str) -> Iterable[bytes]:
    """Return the spellings of a host given in A-labels or as an address without brackets, ASCII letters in lower case.

    Letter case of ASCII does not count, so that callers compare in lower case; that of other letters does, to bytes:
    names all in lower case, all in upper case, and with a capital at the beginning of a label are among the spellings.
    """
    if ":" in host:
        for address in _ipv6_spellings(host):
            yield f"[{address}]".encode()
            yield f"%5b{address.replace(':', '%3a')}%5d".encode()
        return
    yield host.encode("utf-8")
    if "xn--" in host:
        try:
            name = host.encode("ascii").decode("idna")
        except UnicodeError:
            return
        seen: set[bytes] = set()
        for cased in (name.lower(), name.upper(), ".".join(label.capitalize() for label in name.split("."))):
            seen.update(_in_unicode(_ascii_lower(cased)))
        yield from sorted(seen)


def _ascii_lower(name: str) -> str:
    return "".join(char.lower() if char.isascii() else char for char in name)


def _in_unicode(name: str) -> Iterator[bytes]:
    yield name.encode("utf-8")
    if all(char < "\u0100" for char in name):
        yield name.encode("latin-1")
    escapes: tuple[Callable[[str], str], ...] = (
        lambda char: "".join(f"%{byte:02x}" for byte in char.encode()),
        lambda char: "".join(f"%25{byte:02x}" for byte in char.encode()),
        lambda char: "".join(f"\\u{unit:04x}" for unit in _utf16(char)),
        lambda char: f"&#{ord(char)};",
        lambda char: f"&#x{ord(char):x};",
    )
    for escape in escapes:
        yield "".join(char if char.isascii() else escape(char) for char in name).encode()


def _utf16(char: str) -> Iterator[int]:
    units = char.encode("utf-16-be")
    return (int.from_bytes(units[at : at + 2]) for at in range(0, len(units), 2))


def _ipv6_spellings(host: str) -> Iterable[str]:
    try:
        groups = ipaddress.IPv6Address(host).exploded.split(":")
    except ValueError:
        return [host]
    found = {host}
    numbers = [int(group, 16) for group in groups]
    short = [at for at, number in enumerate(numbers) if 0 < number < 0x1000]
    # Each short group with and without its zeros, or all alike where that would be too many spellings.
    paddings = product((1, 4), repeat=len(short)) if len(short) <= _FEW else [(1,) * len(short), (4,) * len(short)]
    for zero, widths in product(("0", "0000"), paddings):
        width = dict(zip(short, widths, strict=True))
        written = [f"{n:0{width.get(at, 1)}x}" if n else zero for at, n in enumerate(numbers)]
        found.add(":".join(written))
        for start in range(8):
            for end in range(start + 1, 9):
                if not any(numbers[start:end]):
                    found.add(f"{':'.join(written[:start])}::{':'.join(written[end:])}")
    return sorted(found)
