"""Requests of somebody who wants a server to split a response, to forward anywhere, or to leave a folder."""

from __future__ import annotations

from collections.abc import Iterator

from urlrewrite.export.requests import Probe

SPLITTING = r"""
%0d%0aX-Evil:%201 %0aX-Evil:1 %0dX-Evil:1 %E5%98%8A%E5%98%8DX-Evil:1 %250d%250aX-Evil:1 %c0%8aX
""".split()
ELSEWHERE = r"""
/evil.example //evil.example \evil.example %2fevil.example %5cevil.example @evil.example :80@evil http://evil.example
http:%2f%2fevil.example .evil.example %00.evil.example #@evil.example
""".split()
LEAVING = r"""
../x ..%2fx %2e%2e/x %2e%2e%2fx ..%5cx ..\x ....//x ..;/x %252e%252e/x ./x a/../../x %c0%ae%c0%ae/x ..%c0%afx
%e0%80%ae./x ..%00/x ..%u002fx x/.. x/%2E%2E/
""".split()
HOSTS = (
    "www.example.com@evil.example",
    "www.example.com:80@evil",
    "evil.example",
    "www.example.com.",
    "WWW.example.COM:443",
    "a b",
)
VALUES = ("a%0d%0aX-Evil: 1", "\u00e9", "x" * 3000)


def hostile(paths: list[str]) -> Iterator[Probe]:
    """Requests for each of the paths, and what follows them."""
    for path in paths:
        for more in (*SPLITTING, *ELSEWHERE, *LEAVING):
            yield Probe("hostile", "GET", "https", "www.example.com", f"/{path}{more}")
        for more in SPLITTING:
            yield Probe("hostile", "GET", "https", "www.example.com", f"/{path}x?{more}")
        for host in HOSTS:
            yield Probe("hostile", "GET", "https", host, f"/{path}x")
        for value in VALUES:
            fields = (("X-A", value), ("User-Agent", value))
            yield Probe("hostile", "GET", "https", "www.example.com", f"/{path}x", fields)
