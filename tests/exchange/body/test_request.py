"""Bodies of requests in which public names are mapped back, whole and as they come."""

from __future__ import annotations

import base64
import gzip
import hashlib
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules_of import routed, rules_of
from urlrewrite.content.coding.codings import decode, encode
from urlrewrite.exchange.body.request import RequestBody
from urlrewrite.exchange.exchange import Exchange
from urlrewrite.model.field_lines import FieldLines
from urlrewrite.trace.events import Name

P, B = "https://www.example.com", "http://privateserver:8080"
P2, B2 = "https://login.example.com", "http://idp:9400"
SITES = """
sites:
  - {{name: app, public: https://www.example.com, backend: http://privateserver:8080, {app}}}
  - {{name: idp, public: https://login.example.com, backend: http://idp:9400}}
"""
ON = rules_of("", site=SITES.format(app="linksAlso: requestBodies"))
PLAIN = rules_of("", site=SITES.format(app="linksAlso: [requestBodies, plainText]"))
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
PARTS = "multipart/form-data; boundary=b"


def posted(*fields: tuple[str, str], plain_text: bool = False) -> tuple[Exchange, RequestBody | None]:
    exchange = routed(PLAIN if plain_text else ON, f"{P}/x", *fields, method="POST")
    return exchange, exchange.request_body


def rewritten(body: bytes, *fields: tuple[str, str]) -> tuple[bytes, FieldLines, Exchange]:
    exchange, request_body = posted(*fields)
    assert request_body
    done = request_body.whole(body, fields)
    exchange.finish()
    return done.body, done.fields, exchange


def part(disposition: str, value: str, content_type: str = "") -> str:
    typed = f"Content-Type: {content_type}\r\n" if content_type else ""
    return f"--b\r\nContent-Disposition: form-data; {disposition}\r\n{typed}\r\n{value}\r\n"


SOAP = "<e:Envelope xmlns:e='{p}/ns'><e:Header><a:To>{p}/svc</a:To></e:Header></e:Envelope>"
BODIES = [
    # type, a body with {p} and {q} for the names of both sites
    (FORM, f"a={{p}}/x&b={quote('{p}/y?a=b', safe='{}')}&c={{q}}/z&d=www.example.com"),
    (f"{FORM}; charset=UTF-8", "url={p}&text=%E4"),
    (JSON, '{{"self":"{p}/x","other":["{q}/y"],"name":"www"}}'),
    ("application/vnd.api+json", '{{"self":"{p}/x"}}'),
    ("application/json; charset=utf-8", '{{"escaped":"{p}/x"}}'),
    ("application/x-ndjson", '{{"a":"{p}"}}\n{{"b":"{q}"}}\n'),
    ("application/soap+xml; charset=utf-8", "<a:To>{p}/svc</a:To><b u='{q}/x'/>"),
    ("text/xml", "<D:href>{p}/dav/x</D:href>"),
    (PARTS, part('name="url"', "{p}/x") + part('name="n"', "{q}") + "--b--\r\n"),
    (PARTS, part('name="j"; filename="blob"', '{{"u":"{p}"}}', "application/json") + "--b--\r\n"),
    (PARTS, part('name="j"', '{{"u":"{p}"}}', "application/json") + "--b--\r\n"),
    (
        "multipart/mixed; boundary=b",
        "--b\r\nContent-Type: application/http\r\n\r\nPOST {p}/odata/x HTTP/1.1\r\nContent-Type: application/json\r\n"
        '\r\n{{"u":"{q}"}}\r\n--b--\r\n',
    ),
]


@pytest.mark.parametrize(("content_type", "body"), BODIES)
def test_names_are_mapped_back(content_type: str, body: str) -> None:
    public = body.format(p=P, q=P2).encode()
    private = body.format(p=B, q=B2).encode()
    if content_type == FORM:
        public, private = (text.replace(b"%3A//", b"%3A%2F%2F") for text in (public, private))
    got, fields, exchange = rewritten(public, ("Content-Type", content_type), ("Content-Length", str(len(public))))
    # A port is written with the colon that stands before it.
    assert got.replace(b"%3A8080", b":8080") == private.replace(b"%3A8080", b":8080")
    assert dict(fields)["Content-Length"] == str(len(got))
    assert exchange.trace.data["links_back"] == body.count("{p}") + body.count("{q}")
    assert exchange.trace.problems() == []


SPELLED = [
    (FORM, f"a={quote(P, safe='')}%2Fx", f"a={quote(B, safe='')}%2Fx"),
    (FORM, f"a={quote(quote(P, safe=''))}%252Fx", f"a={quote(quote(B, safe=''))}%252Fx"),
    (JSON, r'{"a":"https:\/\/www.example.com\/x"}', r'{"a":"http:\/\/privateserver:8080\/x"}'),
    ("text/xml", SOAP.format(p=P), SOAP.format(p=P).replace(f"{P}/svc", f"{B}/svc")),
]


@pytest.mark.parametrize(("content_type", "before", "after"), SPELLED)
def test_spellings_are_kept(content_type: str, before: str, after: str) -> None:
    assert rewritten(before.encode(), ("Content-Type", content_type))[0] == after.encode()


LEFT = [
    # type, body
    (PARTS, part('name="f"; filename="a.txt"', P, "text/plain") + "--b--\r\n"),
    (PARTS, part('name="f"; filename="a.html"', f"<a href='{P}'>", "text/html") + "--b--\r\n"),
    (PARTS, part("name=f; filename*=UTF-8''a.json", f'"{P}"', "application/json") + "--b--\r\n"),
    (PARTS, part('name="f"; filename="blob"', P, "application/octet-stream") + "--b--\r\n"),
    (FORM, "a=https%3A%2F%2Felsewhere.example%2F&b=www.example.com"),
    (JSON, '{"a":"https://www.example.com.evil.example/"}'),
]


@pytest.mark.parametrize(("content_type", "body"), LEFT)
def test_files_and_other_names_are_left_alone(content_type: str, body: str) -> None:
    lines = (("Content-Type", content_type), ("Content-Length", "77"), ("Content-MD5", "x"))
    got, fields, exchange = rewritten(body.encode(), *lines)
    assert (got, fields) == (body.encode(), lines)
    assert "links_back" not in exchange.trace.data


NOT_LOOKED_AT = [
    (("Content-Type", "text/html"),),
    (("Content-Type", "text/css"),),
    (("Content-Type", "application/javascript"),),
    (("Content-Type", "image/svg+xml"),),
    (("Content-Type", "application/octet-stream"),),
    (("Content-Type", "application/grpc+json"),),
    (("Content-Type", "text/plain"),),
    (),
]


@pytest.mark.parametrize("fields", NOT_LOOKED_AT)
def test_what_is_no_form_and_no_data_is_not_looked_at(fields: FieldLines) -> None:
    exchange, body = posted(*fields)
    assert body is None
    assert exchange.trace.problems() == []


def test_plain_text_where_that_is_asked_for() -> None:
    _, body = posted(("Content-Type", "text/plain"), plain_text=True)
    assert body
    assert body.whole(f"see {P}/x".encode(), ()).body == f"see {B}/x".encode()


SWITCHES = ["mode: helpful", "links: off, linksAlso: requestBodies", "linksAlso: queries"]


@pytest.mark.parametrize("app", SWITCHES)
def test_it_is_off_by_default(app: str) -> None:
    exchange = routed(rules_of("", site=SITES.format(app=app)), f"{P}/x", ("Content-Type", JSON), method="POST")
    assert exchange.request_body is None


def test_a_backend_that_knows_its_name_gets_the_names_of_others_only() -> None:
    rules = rules_of("", site=SITES.format(app="preserveHostHeader: true, linksAlso: requestBodies"))
    body = routed(rules, f"{P}/x", ("Content-Type", JSON), method="POST").request_body
    assert body
    assert body.whole(f'["{P}", "{P2}"]'.encode(), ()).body == f'["{P}", "{B2}"]'.encode()


FARM = """
public: https://www.example.com
backend: http://shop
linksAlso: requestBodies
farms: {shop: {servers: [{address: a.lan, httpPort: 81}, {address: b.lan}], preserveHostHeader: false}}
"""


def test_a_farm_is_named_by_its_first_server() -> None:
    body = routed(rules_of("", site=FARM), f"{P}/x", ("Content-Type", JSON), method="POST").request_body
    assert body
    assert body.whole(f'"{P}/x"'.encode(), ()).body == b'"http://a.lan:81/x"'


CAUSES = [
    # fields, body, why it passes
    ((("Content-Encoding", "compress"),), b"x", "unknown-coding"),
    ((("Content-Encoding", "gzip"),), b"no gzip", "corrupt-coding"),
    ((("Content-Range", "bytes 0-9/99"),), P.encode(), "part-of-upload"),
    ((("Cache-Control", "no-transform"),), P.encode(), "no-transform"),
    ((("Content-Type", "application/json; charset=utf-16le"),), b"\x00\xd8x\x00y", "not-proper-text"),
]


@pytest.mark.parametrize(("fields", "body", "cause"), CAUSES)
def test_what_cannot_be_read_passes_and_is_told(fields: FieldLines, body: bytes, cause: str) -> None:
    lines = fields if any(name == "Content-Type" for name, _ in fields) else (("Content-Type", JSON), *fields)
    exchange, request_body = posted(*lines)
    if request_body:
        assert request_body.whole(body, lines).body == body
    told = [event for event in exchange.trace.events if event["event"] == Name.WARNING]
    assert [(event["reason"], event["cause"]) for event in told] == [("request-body-passed", cause)]


SIGNED = "<S xmlns='http://www.w3.org/2000/09/xmldsig#'><SignatureValue>x</SignatureValue></S>"


def test_what_is_signed_within_is_left_and_told() -> None:
    for body, told in ((f"<a u='{P}'>{SIGNED}</a>", ["signed-within"]), (f"<a>{SIGNED}</a>", [])):
        got, _, exchange = rewritten(body.encode(), ("Content-Type", "text/xml"))
        assert got == body.encode()
        assert [event["cause"] for event in exchange.trace.events if event["event"] == Name.WARNING] == told


@pytest.mark.parametrize("codings", [(), ("gzip",), ("br",), ("deflate", "zstd")])
def test_codings_lengths_and_digests_stay_true(codings: tuple[str, ...]) -> None:
    raw = encode(f'"{P}"'.encode(), codings)
    fields = (
        ("Content-Type", JSON),
        *((("Content-Encoding", ", ".join(codings)),) if codings else ()),
        ("Content-Length", str(len(raw))),
        ("Content-Digest", "sha-256=:" + base64.b64encode(hashlib.sha256(raw).digest()).decode() + ":"),
        ("Content-MD5", base64.b64encode(hashlib.md5(raw).digest()).decode()),
    )
    got, after, _ = rewritten(raw, *fields)
    assert decode(got, codings, limit=99) == f'"{B}"'.encode()
    told = dict(after)
    assert told["Content-Length"] == str(len(got))
    assert told["Content-Digest"] == "sha-256=:" + base64.b64encode(hashlib.sha256(got).digest()).decode() + ":"
    assert told["Content-MD5"] == base64.b64encode(hashlib.md5(got).digest()).decode()


def test_a_body_that_decodes_to_much_is_rewritten_as_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("urlrewrite.exchange.body.request._MAX_DECODED", 10)
    raw = gzip.compress(f'"{P}"'.encode())
    got, _, exchange = rewritten(raw, ("Content-Type", JSON), ("Content-Encoding", "gzip"))
    assert gzip.decompress(got) == f'"{B}"'.encode()
    assert exchange.trace.problems() == []


def test_a_bomb_passes_and_is_told() -> None:
    raw = gzip.compress(P.encode() + b" " * (17 << 20))
    got, _, exchange = rewritten(raw, ("Content-Type", JSON), ("Content-Encoding", "gzip"))
    assert got == raw
    assert [event["cause"] for event in exchange.trace.events if event["event"] == "WARNING"] == ["decoded-too-large"]


STREAMED = [*BODIES, (PARTS, LEFT[0][1]), ("application/json; charset=utf-16le", '{{"a":"{p}"}}')]


@given(st.sampled_from(STREAMED), st.sampled_from([(), ("gzip",), ("zstd",)]), st.data())
def test_a_stream_gives_what_the_whole_gives(
    case: tuple[str, str], codings: tuple[str, ...], data: st.DataObject
) -> None:
    content_type, body = case
    text = body.format(p=P, q=P2).encode("utf-16-le" if "utf-16" in content_type else "utf-8")
    raw = encode(text, codings)
    fields = (("Content-Type", content_type), ("Content-Encoding", ", ".join(codings) or "identity"))
    _, whole = posted(*fields)
    _, streamed = posted(*fields)
    assert whole
    assert streamed
    cuts = data.draw(st.lists(st.integers(0, len(raw)), max_size=6))
    rewriter = streamed.stream()
    came = b"".join(rewriter.feed(piece) for piece in _cut(raw, sorted(cuts)))
    came += rewriter.finish()
    expected = whole.whole(raw, fields).body
    assert decode(came, codings, limit=9999) == decode(expected, codings, limit=9999)
    assert streamed.count == whole.count


def _cut(raw: bytes, cuts: list[int]) -> Iterator[bytes]:
    for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True):
        if end > start:
            yield raw[start:end]


def test_the_fields_of_a_stream_promise_no_length_and_no_digest() -> None:
    exchange, body = posted(("Content-Type", JSON))
    assert body
    fields = (("Content-Type", JSON), ("Content-Length", "9"), ("Content-MD5", "x"), ("Digest", "md5=x"))
    assert body.stream_fields(fields) == (("Content-Type", JSON),)
    body.stream()
    assert exchange.request_trailers((("Content-Digest", "sha-256=:x:"), ("X-A", "b"))) == (("X-A", "b"),)


def test_a_damaged_coding_cuts_a_stream() -> None:
    exchange, body = posted(("Content-Type", JSON), ("Content-Encoding", "gzip"))
    assert body
    rewriter = body.stream()
    packed = gzip.compress(P.encode() * 9)
    rewriter.feed(packed[:-8])
    assert not body.cut
    assert rewriter.feed(b"\xff" * 8) + rewriter.feed(P.encode()) + rewriter.finish() == b""
    assert body.cut
    assert [event["reason"] for event in exchange.trace.events if event["event"] == "ERROR"] == [
        "request-coding-broken"
    ]


def test_a_stage_that_fails_lets_the_rest_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> bytes:
        raise RuntimeError("boom")

    monkeypatch.setattr("urlrewrite.content.json.JsonText.feed", fail)
    exchange, body = posted(("Content-Type", JSON))
    assert body
    rewriter = body.stream()
    text = f'"{P}"'.encode()
    assert rewriter.feed(text) + rewriter.finish() == text
    assert [event["reason"] for event in exchange.trace.events if event["event"] == Name.WARNING] == [
        "rest-of-request-passed"
    ]


def test_changes_are_told() -> None:
    _, _, exchange = rewritten(f"a={P}/x".encode(), ("Content-Type", FORM))
    change, body = [event for event in exchange.trace.events if event["event"].startswith("REQUEST_BODY")]
    assert change == {"event": "REQUEST_BODY_CHANGE", "where": "text", "offset": 2, "before": P, "after": B}
    assert body == {"event": "REQUEST_BODY", "way": "whole", "kind": "text", "links": 1}
