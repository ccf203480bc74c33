"""Bodies that pass are looked at piece by piece: what is found is what a search of the whole finds."""

from __future__ import annotations

import gzip
import io
import random
import struct
import zipfile
import zlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspector.leaking import B, P, exchange, unmapped, worst
from inspector.leaks.test_hidden_spellings import ENCODED, NAMES, URL
from rules_of import rules_of
from urlrewrite.exchange.rule_tests import request_facts
from urlrewrite.inspector.diagnose.why import Why
from urlrewrite.inspector.leaks.excerpts import AROUND, MAX_EXCERPTS, Excerpts, read_excerpts
from urlrewrite.inspector.leaks.harm import Harm
from urlrewrite.inspector.leaks.search import find_leaks, leak_places
from urlrewrite.inspector.leaks.watch import (
    MAX_BINARY,
    MAX_EXAMINED,
    MAX_INFLATED,
    MAX_TEXT,
    Watch,
    message_excerpts,
    watched,
)
from urlrewrite.inspector.names.zip_members import MAX_RATIO, RATIO_FREE_BYTES, Unread

PLAIN = (("Content-Type", "text/plain"),)
BINARY = (("Content-Type", "application/octet-stream"),)
RULES = rules_of("links: everywhere")


def in_pieces(data: bytes, *cuts: int, fields: tuple[tuple[str, str], ...] = PLAIN) -> Excerpts:
    watch = Watch(fields, "/a", NAMES)
    for start, end in zip((0, *cuts), (*cuts, len(data)), strict=True):
        watch.feed(data[start:end])
    return watch.finish()


def told(excerpts: Excerpts) -> list[tuple[int, str, int]]:
    return [(one.offset, one.label, one.count) for one in excerpts.found.values()]


@pytest.mark.parametrize("text", ENCODED, ids=list(ENCODED))
def test_names_are_found_wherever_a_stream_is_cut(text: str) -> None:
    data = b"x" * 9000 + b"\n" + text.encode() + b"\n" + b"y" * 9000
    whole = in_pieces(data)
    assert [one.offset for one in whole.found.values()] == [named.start for named in NAMES.find(data)]
    for cut in range(9001, 9001 + len(text), 3):
        assert told(in_pieces(data, cut)) == told(whole)
    for start in (4096, 8192, 9000):
        assert told(in_pieces(data, *range(start, 9001 + len(text), 7))) == told(whole)


@given(
    st.lists(st.sampled_from([*ENCODED, "<a href='", "'>", "/* ", " */", "x" * 3000, " ", "\n"]), max_size=12),
    st.data(),
)
def test_pieces_and_the_whole_name_the_same(texts: list[str], data: st.DataObject) -> None:
    body = " ".join(texts).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=6)))
    assert told(in_pieces(body, *cuts)) == told(in_pieces(body))


def test_under_a_content_coding() -> None:
    body = gzip.compress(f"see {URL} for more".encode() + b" " * 9000)
    fields = (*PLAIN, ("Content-Encoding", "gzip"))
    assert in_pieces(body, *range(1, len(body)), fields=fields).count == 1
    assert not in_pieces(body[:-9], fields=fields).whole
    assert not in_pieces(b"x" * 99, fields=fields).whole
    assert not in_pieces(body, fields=(*PLAIN, ("Content-Encoding", "br-not"))).whole


def test_the_place_is_told_and_what_does_not_matter_is_not_counted() -> None:
    page = f"<!-- {B} --><a href='{B}/1'>x</a><script>f('{B}/2')</script>"
    found = in_pieces(page.encode() * 3, 20, 40, fields=(("Content-Type", "text/html"),))
    assert [(one.label, one.matters, one.count) for one in found.found.values()] == [
        ("comment", False, 3),
        ("<a href>", True, 3),
        ("<script>", True, 3),
    ]
    assert found.count == 6


def test_what_is_looked_at_and_kept_is_bounded() -> None:
    filler = b"z" * 2**20
    for fields, most, whole in ((PLAIN, MAX_TEXT, False), (BINARY, MAX_BINARY, True)):
        watch = Watch(fields, "/a", NAMES)
        for _ in range(2 * most // len(filler)):
            watch.feed(filler)
        assert watch.over
        found = watch.finish()
        assert (found.seen <= most + 64 * 1024, found.whole) == (True, whole)
    many = "\n".join(f"http://privateserver:{port}/" for port in range(1000, 9999)).encode()
    found = in_pieces(many)
    assert found.count == found.examined == MAX_EXAMINED
    assert not found.whole
    assert len(found.found) == MAX_EXCERPTS
    assert all(len(one.text) <= 6 * AROUND for one in found.found.values())


@pytest.mark.parametrize("content_type", ["text/plain", "text/calendar", "text/csv", "application/x-unknown"])
def test_a_body_that_was_not_kept_is_quoted(content_type: str) -> None:
    body = b"secret " * 2000 + f"see {URL} there".encode() + b" secret" * 2000
    seen = exchange(RULES, body, content_type)
    data = in_pieces(body, 5000, fields=(("Content-Type", content_type),)).as_data()
    passed = replace(seen, response_body=None, original_body=None, trace={**seen.trace, "excerpts": data})
    leak, kept = worst(passed, RULES), worst(seen, RULES)
    assert (leak.place, leak.cause, leak.harm, leak.offset, leak.written, leak.around) == (
        kept.place, kept.cause, kept.harm, kept.offset, kept.written, kept.around
    )  # fmt: skip
    assert f"see {URL} there" in leak.around
    assert len(data["found"][0]["text"]) < 3 * AROUND


HOSTILE = [None, 7, {"found": 7}, {"found": [7, {}, {"text": 1}]}, {"unread": 7, "whole": False, "seen": "x"}]


@pytest.mark.parametrize("data", HOSTILE)
def test_excerpts_of_anybody(data: object) -> None:
    assert list(read_excerpts(data)) == []
    seen = exchange(RULES, "")
    assert find_leaks(replace(seen, trace={"excerpts": data, "websocket_leaks": data}), RULES) == []


# --- messages of WebSockets


@pytest.mark.parametrize(
    ("text", "links", "code"),
    [
        (True, "links: everywhere", Why.MESSAGE),
        (False, "links: everywhere", Why.BINARY_MESSAGE),
        (True, "links: off", Why.LINKS_OFF),
        (True, "links: everywhere\nlinksAlso: [webSocketMessages]", Why.SPELLING_LEFT),
    ],
)
def test_messages(text: bool, links: str, code: Why) -> None:
    rules = rules_of(links)
    excerpts = Excerpts()
    for _ in range(2):
        message_excerpts(f'\x0a\x22{{"href": "{B}/text"}}'.encode(), NAMES, excerpts, text=text)
    seen = exchange(rules, "", status=101)
    leak = worst(replace(seen, trace={**seen.trace, "websocket_leaks": excerpts.as_data()}), rules)
    assert (leak.place, leak.harm, leak.count, leak.cause.code) == (
        "WebSocket message" if text else "binary WebSocket message", Harm.ERROR, 2, code,
    )  # fmt: skip


# --- ZIP documents

DOCX = (("Content-Type", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),)
RELS = f'<Relationships><Relationship Id="r1" Target="{B}/x" TargetMode="External"/></Relationships>'


class Unseekable(io.BytesIO):
    """What a program that streams a document writes to: lengths come behind the data."""

    def seekable(self) -> bool:
        return False

    def seek(self, *_: object) -> int:
        raise io.UnsupportedOperation

    def tell(self) -> int:
        raise io.UnsupportedOperation


def document(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED, streamed: bool = False) -> bytes:
    file = Unseekable() if streamed else io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as made:
        for name, data in members:
            made.writestr(name, data)
    return file.getvalue()


NOISE = random.Random(2).randbytes(5000)
MEMBERS = (
    ("[Content_Types].xml", b"<Types/>"),
    ("media/1.png", NOISE),
    ("word/_rels/document.xml.rels", RELS.encode()),
)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
@pytest.mark.parametrize("cut", [0, 1, 7, 60])
def test_members_of_documents(streamed: bool, method: int, cut: int) -> None:
    if streamed and method == zipfile.ZIP_STORED:
        # Where such a member ends, nothing says.
        assert in_pieces(document(*MEMBERS, method=method, streamed=True), fields=DOCX).unread == {
            str(Unread.BROKEN): 1
        }
        return
    body = document(*MEMBERS, method=method, streamed=streamed)
    cuts = range(cut, len(body), cut) if cut else ()
    (one,) = in_pieces(body, *cuts, fields=DOCX).found.values()
    assert (one.label, one.matters, one.packed) == (
        "word/_rels/document.xml.rels in the document, <relationship target>", True, True,
    )  # fmt: skip
    seen = exchange(RULES, body, DOCX[0][1])
    leak = worst(seen, RULES)
    assert (leak.spelling, leak.harm, leak.cause.code) == ("in a ZIP document", Harm.WARNING, Why.ENCODED_NAME)
    assert len(leak_places(DOCX, body, request_facts("GET", f"{P}/"), RULES)) == 1


@pytest.mark.parametrize("ending", ["docx", "epub", "jar"])
def test_documents_within_documents(ending: str) -> None:
    inner = document(*MEMBERS)
    once = document((f"lib/a.{ending}", inner), ("b", b"x"))
    (one,) = in_pieces(once, *range(50, len(once), 50), fields=DOCX).found.values()
    assert one.label.startswith(f"lib/a.{ending}!word/_rels/")
    twice = in_pieces(document(("c.zip", once)), fields=DOCX)
    assert (twice.count, twice.unread) == (0, {str(Unread.NESTED): 1})


def encrypted(body: bytes) -> bytes:
    at = body.index(b"PK\x03\x04")
    return body[: at + 6] + struct.pack("<H", 1) + body[at + 8 :]


def by_method(body: bytes, method: int) -> bytes:
    return body[:8] + struct.pack("<H", method) + body[10:]


def damaged(body: bytes) -> bytes:
    """There is no block of the type 3."""
    return body[:35] + b"\x07" + body[36:]


FIRST, SECOND = ("first", b"x" * 500 + NOISE[:50]), MEMBERS[2]
UNREAD = [
    # what is wrong with the document, its bytes, how many names are found nevertheless
    (Unread.ENCRYPTED, encrypted(document(FIRST, SECOND)), 1),
    (Unread.METHOD, by_method(document(FIRST, SECOND), 14), 1),
    (Unread.BROKEN, damaged(document(FIRST, SECOND)), 1),
    (Unread.BROKEN, document(SECOND, FIRST)[:200], 1),
    (Unread.BROKEN, document(SECOND, FIRST)[:60], 0),
    (Unread.BROKEN, b"PK\x03\x04" + NOISE, 0),
    (Unread.BOMB, document(("bomb", bytes(RATIO_FREE_BYTES * 8)), SECOND), 1),
]


@pytest.mark.parametrize(("reason", "body", "names"), UNREAD, ids=[str(row[0]) for row in UNREAD])
def test_what_cannot_be_read_is_told(reason: Unread, body: bytes, names: int) -> None:
    found = watched(DOCX, "/a", body, NAMES)
    assert (found.unread, found.count) == ({str(reason): 1}, names)
    leaks = find_leaks(exchange(RULES, body, DOCX[0][1]), RULES)
    assert any(str(reason) in leak.why for leak in leaks)


def test_much_that_inflates_little_is_bounded_too() -> None:
    member = random.Random(3).randbytes(2**20)
    packed = document(*((f"m{number}", member * 2) for number in range(MAX_INFLATED // 2**21 + 2)))
    found = watched(DOCX, "/a", packed, NAMES)
    assert found.unread == {str(Unread.LONG): 1}
    assert len(zlib.compress(bytes(RATIO_FREE_BYTES * 8))) * MAX_RATIO < RATIO_FREE_BYTES * 8


@given(st.binary(max_size=300), st.integers(0, 400), st.integers(0, 400))
def test_no_document_is_a_crash(noise: bytes, at: int, cut: int) -> None:
    body = document(*MEMBERS[::2])
    hostile = body[:at] + noise + body[at + len(noise) :]
    in_pieces(hostile, min(cut, len(hostile)), fields=DOCX)
    find_leaks(unmapped(exchange(RULES, hostile, DOCX[0][1])), RULES)


ENDINGS = [
    # a member, and the place of a name in `<a href=URL>` or what the kind makes of it
    *((f"a.{ending}", f'<a href="{B}/x">', "<a href>") for ending in ("html", "htm", "xhtml", "svg")),
    *((f"a.{ending}", f"<b>{B}/x</b>", "text of <b>") for ending in ("xml", "rels", "opf", "ncx", "vml")),
    ("a.css", f"@import url({B}/x)", "style sheet"),
    ("a.js", f"f('{B}/x')", "script"),
    ("a.json", f'{{"u": "{B}/x"}}', 'JSON "u"'),
    *((f"a.{ending}", f"see {B}/x", "plain text") for ending in ("txt", "md", "MF", "properties", "csv")),
    ("a.class", f"see {B}/x", ""),
]


@pytest.mark.parametrize(("name", "text", "place"), ENDINGS, ids=[row[0] for row in ENDINGS])
def test_members_are_read_by_their_endings(name: str, text: str, place: str) -> None:
    (one,) = watched(DOCX, "/a", document((name, text.encode())), NAMES).found.values()
    assert one.label == f"{name} in the document{place and f', {place}'}"
    assert one.matters


def test_a_document_of_many_members_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("urlrewrite.inspector.names.zip_members.MAX_MEMBERS", 2)
    found = watched(DOCX, "/a", document(*MEMBERS), NAMES)
    assert (found.unread, found.count) == ({str(Unread.MANY): 1}, 0)
