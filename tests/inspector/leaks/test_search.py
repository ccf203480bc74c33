"""Leaks: every spelling is found in every place, told with its reason, and what is no leak is none."""

from __future__ import annotations

import base64
import gzip
import re
import zlib
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counting import assert_linear, steps
from inspector.leaking import B, P, exchange, unmapped, worst
from rules_of import rules_of
from urlrewrite.content.changes import Links
from urlrewrite.content.kinds import Kind
from urlrewrite.content.links.link_map import LinkMap, Pair
from urlrewrite.content.mapping import rewrite_content
from urlrewrite.engine.facts import ResponseFacts
from urlrewrite.exchange.rule_tests import request_facts
from urlrewrite.inspector.leaks.harm import Harm, Remedy
from urlrewrite.inspector.leaks.search import find_leaks, leak_places, leaks_text
from urlrewrite.inspector.names.names import Names
from urlrewrite.model.origin import Origin

EVERYWHERE = rules_of("links: everywhere")
TAGS = rules_of("links: tags")
OFF = rules_of("links: off\nreverseRewriteHostInResponseHeaders: false")
ALL = {"everywhere": EVERYWHERE, "tags": TAGS, "off": OFF}

SPELLINGS = [
    # text, spelling
    (f"{B}/x", "plain"),
    ("HTTP://PrivateServer:8080/x", "plain"),
    ("//privateserver:8080/x", "plain"),
    ("ws://privateserver:8080/x", "plain"),
    ("http://u:p@privateserver:8080/x", "plain"),
    ("http://privateserver.:8080/x", "plain"),
    (r"http:\/\/privateserver:8080\/x", r"slashes as \/"),
    (r"http:\\\/\\\/privateserver:8080", r"slashes as \/"),
    (r"http:\u002f\u002Fprivateserver\u003A8080", r"\u escapes"),
    (r"http:\x2f\x2fprivateserver:8080", r"\x escapes"),
    ("http%3A%2F%2Fprivateserver%3A8080%2F", "percent-encoded"),
    ("http%253a%252f%252fprivateserver%253a8080", "percent-encoded twice"),
    ("http&#58;&#47;&#x2F;privateserver&#58;8080", "character references"),
    ("http&colon;&sol;&sol;privateserver:8080", "character references"),
    (r"http\3a \2f\2f privateserver:8080", "backslashes"),
    (r"http:\\privateserver:8080\x", "backslashes"),
    ("http://%70rivateserver:8080/", "percent-encoded"),
    ("http://privat&#101;server:8080/", "character references"),
    (r"http://priv\u0061teserver:8080/", r"\u escapes"),
]


@pytest.mark.parametrize(("text", "spelling"), SPELLINGS, ids=[text for text, _ in SPELLINGS])
@pytest.mark.parametrize("form", ['<p data-x="%s">', "<script>f('%s')</script>", "<p>%s</p>", "<!-- %s -->"])
def test_spellings_in_pages(text: str, spelling: str, form: str) -> None:
    leak = worst(unmapped(exchange(OFF, form % text)), OFF)
    assert leak.spelling == spelling
    assert leak.offset == form.index("%s")
    assert text.startswith(leak.written)
    assert leak.origin == Origin("http", "privateserver", 8080)


@pytest.mark.parametrize("lead", range(4))
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("tail", [b"", b"/?>?>", b'","r":"~~~"}'])
def test_base64(lead: int, encode: Callable[[bytes], bytes], tail: bytes) -> None:
    text = encode(b"{" * lead + f'{{"u":"{B}'.encode() + tail).rstrip(b"=")
    leak = worst(exchange(EVERYWHERE, b"<input value='" + text + b"'>"), EVERYWHERE)
    assert (leak.spelling, leak.harm, leak.remedy) == ("base64", Harm.WARNING, Remedy.NONE)
    assert base64.urlsafe_b64decode(leak.written.replace("+", "-").replace("/", "_") + "==")
    assert leak.place == "<input value>"


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("bom", [True, False])
def test_wide_characters(codec: str, bom: bool) -> None:
    text = f"<p>ü€𝄞</p>\n<p data-x='{B}/x'>"
    body = (("\ufeff" if bom else "") + text).encode(codec)
    content_type = "text/html" if bom else "text/html; charset=" + codec.replace("-", "", 1).replace("-", "")
    leak = worst(unmapped(exchange(OFF, body, content_type)), OFF)
    assert leak.offset is not None
    assert body[leak.offset :].startswith(B.encode(codec))
    assert leak.written == B
    assert codec[:6].upper().replace("-", "") in leak.spelling.upper().replace("-", "")


def test_wide_characters_in_other_bytes() -> None:
    seen = exchange(EVERYWHERE, b"\x00\x01MZ" + B.encode("utf-16-le") + b"\x90", "application/octet-stream")
    leak = worst(seen, EVERYWHERE)
    assert (leak.spelling, leak.offset, leak.harm) == ("UTF-16", 4, Harm.INFORMATION)


CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "gzip, deflate": lambda data: zlib.compress(gzip.compress(data)),
}


@pytest.mark.parametrize("coding", CODINGS)
def test_inside_of_codings(coding: str) -> None:
    body = CODINGS[coding](f"<a href='{B}/x'>".encode())
    seen = unmapped(exchange(OFF, body, fields=[("Content-Encoding", coding)]))
    assert worst(seen, OFF).offset == 9
    assert len(leak_places(seen.response.fields if seen.response else (), body, seen.request, OFF)) == 1


@pytest.mark.parametrize("broken", [("br-not", b"x"), ("gzip", b"no gzip")])
def test_what_cannot_be_decoded_is_told(broken: tuple[str, bytes]) -> None:
    seen = exchange(EVERYWHERE, broken[1], fields=[("Content-Encoding", broken[0])])
    assert "cannot be read" in worst(seen, EVERYWHERE).why
    assert leak_places((("Content-Encoding", broken[0]),), broken[1], seen.request, EVERYWHERE) == []


FIELDS = [
    # field, value, links, harm, part of the reason
    ("Location", f"{B}/x", "off", Harm.ERROR, "links: off"),
    ("Refresh", f"1; url={B}/x", "off", Harm.ERROR, "links: off"),
    ("Link", f"<{B}/x>; rel=next", "off", Harm.ERROR, "links: off"),
    ("Set-Cookie", "a=1; Domain=privateserver", "off", Harm.ERROR, "links: off"),
    ("Content-Security-Policy", "img-src privateserver:8080", "off", Harm.ERROR, "links: off"),
    ("Access-Control-Allow-Origin", B, "off", Harm.ERROR, "links: off"),
    ("Set-Cookie", f"a={B}/; Path=/", "everywhere", Harm.WARNING, "cookieValues"),
    ("X-Anything", "at privateserver now", "everywhere", Harm.INFORMATION, "bare name"),
    ("ETag", '"privateserver:8080"', "everywhere", Harm.INFORMATION, "compared, hashed or signed"),
    ("Content-Disposition", f'inline; filename="{B}"', "everywhere", Harm.INFORMATION, "compared, hashed or signed"),
    ("Location", "http://privateserver/x", "everywhere", Harm.ERROR, "the port is 80, and the backend's is 8080"),
    ("Location", "http://cdn.privateserver:8080/", "everywhere", Harm.WARNING, "another host than privateserver"),
    ("X-State", base64.b64encode(f"u={B}/".encode()).decode(), "everywhere", Harm.WARNING, "base64 is left alone"),
]


@pytest.mark.parametrize(("name", "value", "links", "harm", "why"), FIELDS, ids=[f"{c[0]} {c[1]}" for c in FIELDS])
def test_fields(name: str, value: str, links: str, harm: Harm, why: str) -> None:
    rules = ALL[links]
    seen = exchange(rules, fields=[(name, value)], status=302 if name == "Location" else 200)
    leak = worst(seen, rules)
    assert (leak.place, leak.field, leak.harm) == (name, name, harm)
    assert why in leak.why


BODIES = [
    # content type, body, links, place, harm, part of the reason
    ("text/html", f"<a href='{B}/'>", "off", "<a href>", "error", "links: off, so only rules act, and no rule is for"),
    ("text/html", f"<p data-x='{B}/'>", "tags", "<p data-x>", "warning", "links: tags covers only the attributes"),
    ("text/html", f"<script>x='{B}'</script>", "tags", "<script>", "error", "links: tags covers only the attributes"),
    ("text/html", f"<style>a{{b:url({B})}}</style>", "tags", "<style>", "error", "links: tags covers only the"),
    ("text/html", f"<p>{B}</p>", "everywhere", "text", "information", "linksAlso has visibleText"),
    ("text/html", f"<title>{B}</title>", "everywhere", "<title>", "information", "linksAlso has visibleText"),
    ("text/html", f"<!-- {B} -->", "everywhere", "comment", "information", "linksAlso has comments"),
    ("text/html", f"<p xmlns:a='{B}'>", "everywhere", "<p xmlns:a>", "information", "identifier"),
    ("text/html", f"<!doctype html system '{B}/x'>", "everywhere", "document type", "information", "identifier"),
    ("text/html", "<p>ask admin@privateserver", "everywhere", "text", "information", "e-mail address"),
    ("text/html", "<p>privateserver is down", "everywhere", "text", "information", "it is a bare name, not a URL"),
    ("application/json", f'{{"@context":"{B}/"}}', "everywhere", 'JSON "@context"', "information", "identifier"),
    ("application/json", f'{{"a":{{"next":"{B}/"}}}}', "off", 'JSON "next"', "error", "links: off"),
    ("text/css", f"/* {B} */ a{{}}", "everywhere", "comment", "information", "linksAlso has comments"),
    ("text/css", f"@namespace a url({B});", "off", "@namespace", "information", "identifier"),
    ("text/javascript", "var h = privateserver;", "everywhere", "script", "information", "a bare name"),
    ("text/xml", f"<a><b>{B}</b></a>", "off", "text of <b>", "error", "links: off"),
    ("text/plain", f"see {B}/x", "everywhere", "plain text", "warning", "linksAlso has plainText"),
    ("image/png", f"xmp {B}/x", "everywhere", "binary content", "information", "Content-Type says image/png"),
    ("text/html", "<a href='http://privateserver:80801/'>", "everywhere", "<a href>", "information", "is 80801"),
    ("text/html", "<a href='http://privateserver:81/'>", "everywhere", "<a href>", "information", "the port is 81"),
    ("text/html", "<a href='//privateserver.example/'>", "everywhere", "<a href>", "information", "another host"),
]  # fmt: skip


@pytest.mark.parametrize("case", BODIES, ids=[f"{c[2]} {c[1]}" for c in BODIES])
def test_bodies(case: tuple[str, str, str, str, str, str]) -> None:
    content_type, body, links, place, harm, why = case
    rules = ALL[links]
    seen = exchange(rules, body, content_type)
    leak = worst(seen, rules)
    assert (leak.place, str(leak.harm)) == (place, harm)
    assert why in leak.why
    assert seen.response is not None
    matter = [each for each in find_leaks(seen, rules) if each.harm is not Harm.INFORMATION]
    quick = leak_places(seen.response.fields, seen.response_body, seen.request, rules)
    assert [each.offset for each in matter] == [each.offset for each in quick]


PASSED = [
    ([("Cache-Control", "no-transform")], 200, "no-transform forbids it"),
    ([("Content-Range", "bytes 0-9/99")], 206, "a part of a body (206)"),
]


@pytest.mark.parametrize(("fields", "status", "why"), PASSED)
def test_bodies_that_were_passed(fields: list[tuple[str, str]], status: int, why: str) -> None:
    leak = worst(exchange(EVERYWHERE, f"<a href='{B}/'>", fields=fields, status=status), EVERYWHERE)
    assert why in leak.why
    assert leak.harm is Harm.ERROR


RULES = [
    # a rule for the place that did not act, and what is told of it
    (
        "preConditions: {is json: [{input: '{RESPONSE_CONTENT_TYPE}', pattern: ^application/json}]}",
        "preCondition: is json, match: {filterByTags: A, pattern: ^http}",
        'the rule "r" is for it, but its precondition "is json" does not hold',
    ),
    (
        "",
        "enabled: false, match: {filterByTags: A, pattern: ^http}",
        'the rule "r" is for it, but it has enabled: false',
    ),
    (
        "",
        "match: {filterByTags: A, pattern: ^https}",
        "in <a href>, its pattern ^https matches http and stops at ://privateserver:8080/",
    ),
    ("", "match: {filterByTags: Img, pattern: ^http}", "no rule is for this place"),
]


@pytest.mark.parametrize(("more", "rule", "why"), RULES)
def test_rules_that_did_not_act(more: str, rule: str, why: str) -> None:
    rules = rules_of(f"links: off\n{more}\noutboundRules: [{{name: r, {rule}, action: {{type: Rewrite, value: x}}}}]")
    assert why in worst(exchange(rules, f"<a href='{B}/'>"), rules).why


def test_equal_leaks_are_counted_and_the_worst_comes_first() -> None:
    body = f"<!-- {B} --><a href='{B}/1'><a href='{B}/2'>\n <a href='{B}/3'>"
    first, second = find_leaks(exchange(OFF, body), OFF)
    assert (first.place, first.count, first.line) == ("<a href>", 3, 1)
    assert (second.place, second.count) == ("comment", 1)


def test_line_and_column() -> None:
    leak = worst(exchange(OFF, f"<p>\n<p>\n<a\n  href='{B}/'>"), OFF)
    assert (leak.line, leak.column, leak.offset) == (4, 9, 19)


PUBLIC_NAMES = [
    # site, body, whether it names the backend
    ("public: https://localhost:8443\nbackend: http://localhost:8080\n", "http://localhost:8080/", True),
    ("public: https://localhost:8443\nbackend: http://localhost:8080\n", "https://localhost:8443/", False),
    ("public: https://localhost:8443\nbackend: http://localhost:8080\n", "//localhost:8080/ ", True),
    ("public: https://localhost:8443\nbackend: http://localhost:8080\n", "http://localhost:9/", False),
    ("public: https://localhost:8443\nbackend: http://localhost:8080\n", "the localhost of yours", False),
    ("public: https://a.example\nbackend: http://a.example\n", "http://a.example/", True),
    ("public: https://a.example\nbackend: http://a.example\n", "https://a.example/", False),
    ("public: [https://a.example, http://a.example]\nbackend: http://a.example\n", "http://a.example/", False),
    ("public: https://a.example\nbackend: http://b:1\npreserveHostHeader: true\n", "http://a.example/", True),
    ("public: https://a.example\nbackend: http://app:3000\n", "class=app app.init() the app", False),
    ("public: https://a.example\nbackend: http://app:3000\n", "http://app:3000", True),
    ("public: https://a.example\nbackend: http://app:3000\n", "app:3000", True),
    ("public: https://a.example\nbackend: http://app:3000\n", "http://apple:3000 http://myapp:3000", False),
    ("public: https://a.example\nbackend: http://10.0.0.7:80\n", "10.0.0.7 and 10.0.0.71", True),
    ("public: https://a.example\nbackend: http://10.0.0.7:80\n", "10.0.0.71 and 110.0.0.7", False),
    ("public: https://a.example\nbackend: http://n:1\nconnect: 10.0.0.7:99\n", "http://10.0.0.7:99/", True),
    ("public: https://a.example\nbackend: http://n:1\nconnect: 10.0.0.7:99\n", "http://10.0.0.7/ 10.0.0.7", False),
    ("public: https://a.example\nbackend: http://b:1\n", "http://b:70000/", True),
    ("public: https://a.example\nbackend: http://[2001:db8::1]:80\n", "http://[2001:DB8:0::1]/", True),
    ("public: https://a.example\nbackend: http://bücher.example\n", "http://b%C3%BCcher.example/", True),
]


@pytest.mark.parametrize(("site", "text", "named"), PUBLIC_NAMES)
def test_public_names_are_no_leaks(site: str, text: str, named: bool) -> None:
    rules = rules_of("links: off", site=site)
    public = rules.rules.sites[0].site.public[0]
    seen = exchange(rules, f"<p>{text}</p>", url=f"{public}/")
    assert bool(find_leaks(seen, rules)) is named


def test_backends_that_only_rules_name() -> None:
    rule = "name: r, match: ^api/(.*), action: {type: Rewrite, url: 'http://other:9000/{R:1}'}"
    assert not find_leaks(exchange(rules_of(f"rules: [{{{rule}}}]"), "<a href='http://other:9000/x'>"), rules_of(""))
    rules = rules_of(f"rules: [{{{rule}, conditions: [{{input: '{{REQUEST_METHOD}}', pattern: .}}]}}]")
    leak = worst(exchange(rules, "<a href='http://other:9000/x'>"), rules)
    assert leak.remedy is Remedy.SITE
    assert "no site is published for it" in leak.why
    # Where the rule has sent the request there, its links are mapped.
    assert not find_leaks(exchange(rules, "<a href='http://other:9000/x'>", url=f"{P}/api/1"), rules)


def test_responses_of_the_proxy_itself() -> None:
    rules = rules_of(f"rules: [{{name: away, match: .*, action: {{type: Redirect, url: '{B}/x'}}}}]")
    seen = replace(exchange(rules), own=True)
    assert seen.response is not None
    leak = worst(seen, rules)
    assert (leak.place, leak.harm) == ("Location", Harm.ERROR)
    assert 'the rule "away" wrote it so' in leak.why


def test_paths_that_nobody_has_named() -> None:
    rules = rules_of("", site=f"public: {P}/app\nbackend: {B}\n")
    seen = exchange(rules, "<script>fetch('/api/x')</script>", url=f"{P}/app/")
    assert [leak.remedy for leak in find_leaks(seen, rules)] == [Remedy.ROOT_PATHS]


def test_what_is_not_below_the_published_path() -> None:
    rules = rules_of("", site=f"public: {P}/app\nbackend: {B}/base\n")
    leak = worst(exchange(rules, f"<a href='{B}/other/x'>", url=f"{P}/app/"), rules)
    assert "only what is below /base" in leak.why
    assert leak.remedy is Remedy.NONE


def test_reason_phrase() -> None:
    leak = worst(exchange(EVERYWHERE, reason=f"see {B}/"), EVERYWHERE)
    assert "reasonPhrase" in leak.why


def test_bodies_that_streamed_by_are_made_again() -> None:
    seen = replace(exchange(OFF, f"<a href='{B}/'>"), response_body=None)
    assert worst(seen, OFF).place == "<a href>"
    assert find_leaks(replace(seen, original_body=None), OFF) == []


# --- whatever the engine maps back is found

LINK_MAP = LinkMap([Pair(Origin("http", "privateserver", 8080), Origin("https", "www.example.com", 443))])
NAMES = Names([Origin("http", "privateserver", 8080)], [Origin("https", "www.example.com", 443)])
MARKS = r""": / // \ \/ %3A %2f %252F &#58; &#x2f; &sol; \u002f \u003a \x3a ' " @ . = %70 &#112;""".split()
WORDS = """http https ws HTTP privateserver PrivateServer rivateserver 8080 80 x '>
    http://privateserver:8080 //privateserver:8080"""
PIECES = st.sampled_from([*MARKS, *WORDS.split(), " ", "\t", "<a href='"])


@given(st.lists(PIECES, max_size=14).map("".join), st.sampled_from(sorted({*Kind} - {Kind.BINARY})))
def test_what_the_engine_maps_is_found(text: str, kind: Kind) -> None:
    data = text.encode()
    spans: list[tuple[int, int]] = []

    def told(where: str, offset: int, before: bytes, after: bytes) -> None:
        del where, after
        spans.append((offset, offset + len(before)))

    rewrite_content(data, kind, links=Links(LINK_MAP, True, told))
    found = NAMES.find(data)
    for start, end in spans:
        assert NAMES.may_occur(data)
        assert any(named.start < end and start < named.end for named in found), (data[start:end], found)


@given(st.binary(max_size=200), st.sampled_from(["text/html", "application/json", "text/xml", "", "x", "text/css"]))
def test_nothing_raises(data: bytes, content_type: str) -> None:
    hostile = data + b"http://privateserver:8080" + data
    # A response with control characters in its fields would be none.
    value = re.sub(r"[\x00-\x1f\x7f]", "", hostile.decode("latin-1")).strip()
    seen = exchange(OFF, hostile, content_type, [("X-A", value)])
    assert find_leaks(seen, OFF)
    assert leaks_text(seen, OFF)
    assert seen.response is not None
    leak_places(seen.response.fields, seen.response_body, seen.request, OFF)


@pytest.mark.parametrize("trace", [{}, {"events": 7, "site": [], "target": {}}, {"events": [{"event": 1}, None]}])
def test_hostile_traces(trace: dict[str, object]) -> None:
    seen = replace(exchange(OFF, f"<a href='{B}'>"), trace=trace)
    assert find_leaks(seen, OFF)


def test_responses_without_a_name_cost_little() -> None:
    body = b"<p class='x'>nobody is named %20 &amp; here</p> <script>var a = '\\u003c';</script>\n" * 3200
    fields = (("Content-Type", "text/html"),)
    request = request_facts("GET", f"{P}/")
    assert leak_places(fields, body, request, EVERYWHERE) == []
    # A copy and some searches, however long the body is.
    few, many = (
        steps(lambda body=body: leak_places(fields, body, request, EVERYWHERE)) for body in (body[:8200], body)
    )
    assert few == many


def test_many_names_cost_no_more_than_their_number() -> None:
    def of(count: int) -> Callable[[], object]:
        body = f"<a href='{B}/x'>x</a> <script>a='{B}'</script>\n".encode() * count
        seen = unmapped(exchange(OFF, body))
        assert seen.response is not None
        fields = seen.response.fields
        return lambda: leak_places(fields, body, seen.request, OFF)

    assert_linear(of, 100)
    # Beyond a number of places nobody counts.
    # A cache that is warm by now saves a step or two.
    assert steps(of(5000)) <= 1.01 * steps(of(2500))


def test_text() -> None:
    text = leaks_text(exchange(OFF, f"<a href='{B}/\x1b[2J'>\n"), OFF)
    assert text.splitlines()[0] == "1 name of backends left in this response, 1 matter"
    assert "error in <a href>, line 1 column 10 (byte 9)" in text
    assert "why: the site has links: off" in text
    assert "\x1b" not in text
    assert "no name of a backend" in leaks_text(exchange(EVERYWHERE, f"<a href='{B}/'>"), EVERYWHERE)


def test_no_response() -> None:
    seen = replace(exchange(OFF), response=None, response_body=None, original=None)
    assert find_leaks(seen, OFF) == []
    bodiless = replace(exchange(OFF), response=ResponseFacts(204), response_body=None, original=None)
    assert find_leaks(bodiless, OFF) == []


ELSEWHERE = [
    # what a page has, how much it matters
    ('<a href="http://privateserver:8081/x">', Harm.INFORMATION),
    ('<area href="http://my.privateserver:8080/x">', Harm.INFORMATION),
    ('<A title="1 > 0" HREF="http://privateserver:8081/x">', Harm.INFORMATION),
    ('<a href="http://privateserver/x">', Harm.ERROR),
    ('<img src="http://privateserver:8081/x">', Harm.WARNING),
    ('<abbr data-x="http://privateserver:8081/x">', Harm.WARNING),
    ('<script>f("http://privateserver:8081/x")</script>', Harm.WARNING),
    ('<script>f("privateserver:80801", "http://privateserver:80801")</script>', Harm.INFORMATION),
]


@pytest.mark.parametrize(("page", "harm"), ELSEWHERE)
def test_links_to_another_server_of_the_host_matter_where_a_page_needs_them(page: str, harm: Harm) -> None:
    seen = exchange(EVERYWHERE, page)
    assert worst(seen, EVERYWHERE).harm is harm
    assert seen.response
    places = leak_places(seen.response.fields, seen.response_body, seen.request, EVERYWHERE)
    assert bool(places) is (harm is not Harm.INFORMATION)


def test_rules_for_whole_bodies_are_not_blamed_for_every_place() -> None:
    rules = rules_of(r"""
links: off
outboundRules:
  - {name: escaped, match: {pattern: 'href=\\"http://privateserver:8080/'}, action: {type: Rewrite, value: x}}
  - {name: images, match: {filterByTags: [Img], pattern: '^https://a\d'}, action: {type: Rewrite, value: x}}
""")
    why = worst(exchange(rules, f'<img src="{B}/x">'), rules).why
    assert why == (
        r'the site has links: off, so only rules act; the rule "images" is for it, but in <img src>, its '
        r"pattern ^https://a\d matches http and stops at ://privateserver:8080/x; "
        'no rule for whole bodies ("escaped") matches it'
    )
