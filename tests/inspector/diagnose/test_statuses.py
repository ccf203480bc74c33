"""What a status says by itself, with what can be seen of the request."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inspector.test_broken import EVERYWHERE, exchange, found

DOCUMENT = ("Sec-Fetch-Dest", "document")
COOKIES = ("Cookie", "a=" + "x" * 4096)
SAYS = [
    (400, [COOKIES], [], "It carries 4,098 bytes of cookies, which may be more than it takes"),
    (400, [("Cookie", "a=" + "x" * 4000)], [], "no rule changed it"),
    (405, [], [("Allow", "POST")], "It does not accept GET (Allow: POST)"),
    (405, [], [], "It does not accept GET."),
    (406, [("Accept", "image/webp")], [], "It has nothing that the client accepts: Accept is image/webp"),
    (413, [("Content-Length", "5000000")], [], "The body of the request is too large for it: 5,000,000 bytes"),
    (414, [], [], "Its URL is too long for it: 5 bytes"),
    (415, [("Content-Type", "a/b")], [], "It does not take the type a/b"),
    (421, [], [], "It does not serve that name over that connection (421)"),
    (426, [], [("Upgrade", "TLS/1.2")], "It wants another protocol: TLS/1.2"),
    (429, [], [("Retry-After", "60")], "It has had too many requests (again after 60)"),
    (431, [COOKIES], [], " bytes, 4,098 of them cookies"),
    (494, [COOKIES], [], "The headers of the request are too large for it: "),
]


@pytest.mark.parametrize(("status", "asked", "fields", "says"), SAYS)
def test_statuses(status: int, asked: list[tuple[str, str]], fields: list[tuple[str, str]], says: str) -> None:
    seen = exchange(
        EVERYWHERE, asked=[DOCUMENT, *asked], status=status, fields=[("Content-Type", "text/html"), *fields]
    )
    (finding,) = found(EVERYWHERE, replace(seen, upload=None))
    assert says in finding.title
    assert finding.todo
