"""Page loads: which exchanges belong together, by what browsers say, by what pages name, and by time."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from urlrewrite.engine.facts import ResponseFacts
from urlrewrite.exchange.rule_tests import request_facts
from urlrewrite.inspector.diagnose import page_loads as page_loads_module
from urlrewrite.inspector.diagnose.page_loads import NEAR, PageLoad, load_of, page_loads
from urlrewrite.inspector.diagnose.page_references import body_text, references, style_references
from urlrewrite.inspector.recorded_exchange import RecordedExchange

HTML = (("Content-Type", "text/html"),)
SITE = "https://www.example.com"


@dataclass(frozen=True)
class Ask:
    """One exchange, written briefly; `at` is in seconds."""

    path: str
    dest: str = ""
    referer: str = ""
    at: float = 0.0
    status: int = 200
    location: str = ""
    accept: str = "*/*"
    body: str = ""
    client: str = "10.0.0.1"
    more: tuple[tuple[str, str], ...] = ()
    own: bool = False

    def seen(self, number: int) -> RecordedExchange:
        url = self.path if "://" in self.path else SITE + self.path
        fields = [("Accept", self.accept), *self.more]
        fields += [("Sec-Fetch-Dest", self.dest)] if self.dest else []
        fields += [("Referer", self.referer if "://" in self.referer else SITE + self.referer)] if self.referer else []
        kind = (("Content-Type", "image/png"),) if self.path.endswith(".png") else HTML
        kind = (("Content-Type", "text/plain"),) if self.own else kind
        lines = (*kind, ("Location", self.location)) if self.location else kind
        request = request_facts("GET", url, tuple(fields), client=(self.client, 50_000 + number))
        answer = ResponseFacts(self.status, lines)
        body = self.body.encode()
        began = self.at or number / 10
        return RecordedExchange(str(number), began, {}, request, response=answer, response_body=body, own=self.own)


def loads_of(*asks: Ask) -> list[PageLoad]:
    return page_loads(ask.seen(number) for number, ask in enumerate(asks, 1))


def told(load: PageLoad) -> tuple[str, str, str]:
    """Redirects, document and resources by their numbers."""
    ids = [[seen.flow_id for seen in group] for group in (load.redirects, [load.document], load.resources)]
    return tuple(" ".join(group) for group in ids)  # type: ignore[return-value]


DOCUMENT = "document"
CASES: dict[str, tuple[list[Ask], list[tuple[str, str, str]]]] = {
    "by Referer": ([Ask("/a", DOCUMENT), Ask("/x.png", "image", "/a")], [("", "1", "2")]),
    "what a style sheet loads": (
        [Ask("/a", DOCUMENT), Ask("/s.css", "style", "/a"), Ask("/x.png", "image", "/s.css")],
        [("", "1", "2 3")],
    ),
    "a redirect": (
        [Ask("/old", DOCUMENT, status=302, location="/new"), Ask("/new", DOCUMENT), Ask("/x.png", "image", "/new")],
        [("1", "2", "3")],
    ),
    "a redirect in a circle": (
        [Ask("/a", DOCUMENT, status=302, location="/a"), Ask("/a", DOCUMENT, status=302, location="/a")],
        [("1", "2", "")],
    ),
    "http to https": (
        [Ask("http://www.example.com/", DOCUMENT, status=301, location=SITE + "/"), Ask("/", DOCUMENT)],
        [("1", "2", "")],
    ),
    "a redirected picture": (
        [Ask("/a", DOCUMENT), Ask("/x.png", "image", "/a", status=302, location="/y.png"), Ask("/y.png", "image")],
        [("", "1", "2 3")],
    ),
    "two pages, told apart by Referer": (
        [Ask("/a", DOCUMENT), Ask("/b", DOCUMENT), Ask("/x.png", "image", "/a"), Ask("/y.png", "image", "/b")],
        [("", "2", "4"), ("", "1", "3")],
    ),
    "two pages, told apart by what they name": (
        [
            Ask("/a", DOCUMENT, body="<img src=/x.png>"),
            Ask("/b", DOCUMENT, body="<img src=/y.png>"),
            Ask("/x.png", "image"),
            Ask("/y.png", "image", SITE + "/"),
        ],
        [("", "2", "4"), ("", "1", "3")],
    ),
    "nothing but time": ([Ask("/a", DOCUMENT), Ask("/x.png", "image")], [("", "1", "2")]),
    "too late": ([Ask("/a", DOCUMENT, at=1), Ask("/x.png", "image", at=1 + NEAR + 1)], [("", "1", "")]),
    "late, but it says whose it is": (
        [Ask("/a", DOCUMENT, at=1), Ask("/data", "empty", "/a", at=1 + 10 * NEAR)],
        [("", "1", "2")],
    ),
    "another client": (
        [Ask("/a", DOCUMENT), Ask("/x.png", "image", "/a", client="10.0.0.2")],
        [("", "1", "")],
    ),
    "a page of another site": (
        [Ask("/a", DOCUMENT), Ask("/x.png", "image", "https://other.example/")],
        [("", "1", "")],
    ),
    "the same page again": (
        [Ask("/a", DOCUMENT), Ask("/x.png", "image", "/a"), Ask("/a", DOCUMENT), Ask("/x.png", "image", "/a")],
        [("", "3", "4"), ("", "1", "2")],
    ),
    "a frame": (
        [Ask("/a", DOCUMENT), Ask("/f", "iframe", "/a"), Ask("/x.png", "image", "/f")],
        [("", "2", "3"), ("", "1", "2")],
    ),
    "an old browser": (
        [Ask("/a", accept="text/html,*/*;q=0.8"), Ask("/x.png", referer="/a"), Ask("/data", referer="/a")],
        [("", "1", "2 3")],
    ),
    "a script that asks for HTML": (
        [Ask("/a", DOCUMENT), Ask("/part", "empty", "/a", accept="text/html")],
        [("", "1", "2")],
    ),
    "curl": ([Ask("/a"), Ask("/b")], [("", "2", ""), ("", "1", "")]),
    "curl, and what this proxy says itself": (
        [Ask("/a", own=True, status=502), Ask("/b", own=True, status=403)],
        [("", "1", "2")],
    ),
    "a WebSocket": (
        [Ask("/a", DOCUMENT), Ask("/ws", more=(("Upgrade", "websocket"), ("Origin", SITE)), status=101)],
        [("", "1", "2")],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_belongs_together(name: str) -> None:
    asks, expected = CASES[name]
    assert [told(load) for load in loads_of(*asks)] == expected


def test_exchanges_may_come_in_any_order() -> None:
    asks, expected = CASES["by Referer"]
    assert [told(load) for load in page_loads([asks[1].seen(2), asks[0].seen(1)])] == expected


def test_the_page_load_of_an_exchange() -> None:
    loads = loads_of(*CASES["a frame"][0])
    frame, page = loads
    assert load_of(loads, "3") is frame
    assert load_of(loads, "2") is frame
    assert load_of(loads, "1") is page
    assert load_of(loads, "9") is None


PAGE = """
<base href="/dir/"><link rel=stylesheet href=s.css><link rel="icon" href=/i.png><link rel=preload as=script href=p.js>
<script src="a.js?x&amp;y" integrity="sha256-x"></script><script>const a = "wss://h:1/ws"; b = 'no';</script>
<style>@import "i.css"; p { background: url(http:\\2f\\2f h/p.png) }</style>
<img src=" x.png " srcset="s1.png 1x, s2.png 2x"><img src="data:,x"><a href="#top"></a><a href=//other/x>x</a>
<form action=send></form><p style="background:url('q.png')"><!-- <img src=no.png> -->
<textarea><img src=no.png></textarea>
"""


def test_what_a_page_names() -> None:
    found = [(each.use, each.url.removeprefix(SITE)) for each in references(PAGE, f"{SITE}/page")]
    assert found == [
        ("base", "/dir/"),
        ("style", "/dir/s.css"),
        ("image", "/i.png"),
        ("script", "/dir/p.js"),
        ("script", "/dir/a.js?x&y"),
        ("connect", "wss://h:1/ws"),
        ("style", "/dir/i.css"),
        ("image", "http://h/p.png"),
        ("image", "/dir/x.png"),
        ("image", "/dir/s1.png"),
        ("image", "/dir/s2.png"),
        ("link", "https://other/x"),
        ("form", "/dir/send"),
        ("image", "/dir/q.png"),
    ]


@given(st.text(alphabet="<>/='\"& \nabscript:imgstyle#@url()\\,0%[]", max_size=200))
def test_nothing_that_a_page_says_is_too_odd(page: str) -> None:
    references(page, f"{SITE}/")
    references(f"<img src='{page}' srcset='{page}' style='{page}'>", page)
    style_references(page, f"{SITE}/")


@given(st.binary(max_size=100), st.sampled_from(["gzip", "br", "zstd", "deflate", "odd", ""]), st.text(max_size=20))
def test_no_body_is_too_odd(body: bytes, coding: str, content_type: str) -> None:
    body_text(ResponseFacts(200, (("Content-Encoding", coding), ("Content-Type", content_type))), body)


def test_only_the_newest_documents_are_read_for_what_they_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """What older ones loaded is put to the latest of them by time alone."""
    first = Ask("/a", DOCUMENT, at=1.0, body='<img src="/x.png">')
    asks = [first, Ask("/b", DOCUMENT, at=2.0, body="<p>"), Ask("/x.png", "image", at=3.0)]
    assert [told(load) for load in loads_of(*asks)] == [("", "2", ""), ("", "1", "3")]
    monkeypatch.setattr(page_loads_module, "MAX_READ", len(first.body) - 1)
    assert [told(load) for load in loads_of(*asks)] == [("", "2", "3"), ("", "1", "")]
