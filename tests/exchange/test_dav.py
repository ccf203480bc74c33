"""WebDAV and what is built on it: references in bodies and fields, with and without a host, below paths or not."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rules_of import ask, routed, rules_of
from urlrewrite.exchange.body.request import DAV_METHODS
from urlrewrite.exchange.responses import Forward
from urlrewrite.model.field_lines import FieldLine, field_values

W, B = "https://www.example.com", "http://privateserver:8080"
XML = ("Content-Type", "application/xml; charset=utf-8")
SITES = {
    # where a site is published, and how its paths begin there and at the backend
    "root": (f"public: {W}\nbackend: {B}\n", "", ""),
    "below": (f"public: {W}/app\nbackend: {B}\n", "/app", ""),
    "of a path": (f"public: {W}\nbackend: {B}/dav\n", "", "/dav"),
    "both": (f"public: {W}/app/x\nbackend: {B}/dav\n", "/app/x", "/dav"),
    "same": (f"public: {W}/app\nbackend: {B}/app\n", "/app", "/app"),
    "preserving": (f"public: {W}/app\nbackend: {B}\npreserveHostHeader: true\n", "/app", ""),
    "by a rule": (
        f"public: {W}\nbackend: http://portal\n"
        f"rules: [{{name: r, match: '^app/(.*)', action: {{type: Rewrite, url: '{B}/dav/{{R:1}}'}}}}]\n",
        "/app",
        "/dav",
    ),
    "one of several": (
        f"sites:\n- {{public: '{W}/app', backend: '{B}'}}\n- {{public: '{W}/wiki', backend: 'http://wiki'}}\n",
        "/app",
        "",
    ),
}


def response_of(site: str, body: str, *fields: FieldLine) -> str:
    text, public, _ = SITES[site]
    lines = fields or (XML,)
    answer = ask(rules_of("", site=text), f"{W}{public}/c/", method="PROPFIND", answer=(207, lines, body.encode()))
    return (answer.body or b"").decode()


def request_of(site: str, body: str, *fields: FieldLine, method: str = "REPORT", rules: str = "") -> str | None:
    text, public, _ = SITES[site]
    request_body = routed(
        rules_of(rules, site=text), f"{W}{public}/c/", *(fields or (XML,)), method=method
    ).request_body
    return request_body.whole(body.encode(), ()).body.decode() if request_body else None


HREFS = [
    # a document, with § where the mount comes in and nothing where it does not
    '<D:multistatus xmlns:D="DAV:"><D:response><D:href>§/c/a%20b?x=/c#y</D:href></D:response></D:multistatus>',
    '<multistatus xmlns="DAV:"><response><href>§/c/</href><href>\n  §/c/x &amp; y\n</href></response></multistatus>',
    "<ns0:a xmlns:ns0='DAV:' xmlns:ns1='urn:y'><ns0:href ns1:x='1'>§/c/</ns0:href><ns1:href>/c/</ns1:href></ns0:a>",
    '<a><x:href xmlns:x="DAV:">§/c/</x:href><x:href>/c/</x:href></a>',
    '<a xmlns="DAV:"><b xmlns="urn:y"><href>/c/</href><c/></b><href>§/c/</href></a>',
    '<a xmlns="DAV:"><b xmlns="urn:y"/><href>§/c/</href><b xmlns=""><href>/c/</href></b></a>',
    '<a xmlns:D="urn:y" xmlns:E="DAV:"><D:href>/c/</D:href><E:href>§/c/</E:href></a>',
    '<a xmlns="DAV:"><href><![CDATA[§/c/]]></href><b><![CDATA[/c/]]></b></a>',
    '<a xmlns="DAV:"><href/>/c/<href>c/</href><href>mailto:/c/</href><href>//h/c/</href><href></href></a>',
    '<a xmlns="DAV:"><href>§/c/</href>/c/<b>/c/</b><hrefs>/c/</hrefs><HREF>/c/</HREF></a>',
    f'<a xmlns="DAV:">{"<b xmlns='urn:y'>" * 1500}<href>/c/</href>{"</b>" * 1500}<href>§/c/</href></a>',
    '<a xmlns="DAV:"><owner>/c/</owner></b></c></a></z><href xmlns="DAV:">§/c/</href>',
]


@pytest.mark.parametrize("document", HREFS)
@pytest.mark.parametrize("site", SITES)
def test_paths_in_references_of_a_response(site: str, document: str) -> None:
    _, public, private = SITES[site]
    assert response_of(site, document.replace("§", private)) == document.replace("§", public)


@pytest.mark.parametrize("document", HREFS)
@pytest.mark.parametrize("site", SITES)
def test_paths_in_references_of_a_request(site: str, document: str) -> None:
    _, public, private = SITES[site]
    assert request_of(site, document.replace("§", public)) == document.replace("§", private)


TYPES = [
    "text/xml",
    'application/xml; charset="utf-8"',
    "application/davmount+xml",
    "TEXT/XML",
    "text/xml;charset=utf-16",
]


@pytest.mark.parametrize("content_type", TYPES)
def test_types_of_bodies(content_type: str) -> None:
    coding = "utf-16" if "utf-16" in content_type else "utf-8"
    document = '<a xmlns="DAV:"><href>§/c/ä</href><href>¶/c/</href></a>'
    theirs, ours = (
        document.replace("§", path).replace("¶", name).encode(coding) for path, name in (("", B), ("/app", f"{W}/app"))
    )
    rules = rules_of("", site=SITES["below"][0])
    answer = ask(rules, f"{W}/app/", method="PROPFIND", answer=(207, [("Content-Type", content_type)], theirs))
    assert (answer.body or b"").decode(coding) == ours.decode(coding)
    body = routed(rules, f"{W}/app/", ("Content-Type", content_type), method="REPORT").request_body
    assert body
    assert body.whole(ours, ()).body.decode(coding) == theirs.decode(coding)


def test_a_request_without_a_type_is_what_its_method_says() -> None:
    document = '<a xmlns="DAV:"><href>/app/c/</href></a>'
    assert request_of("below", document, ("Depth", "1")) == document.replace("/app", "")


def test_absolute_references_and_what_a_client_read_elsewhere() -> None:
    theirs = f'<a xmlns="DAV:"><href>{B}/c/</href><sync-token>{B}/ns/7</sync-token><href>http://h/app/</href></a>'
    ours = response_of("below", theirs)
    assert ours == theirs.replace(B, f"{W}/app")
    assert request_of("below", ours) == theirs


OUTSIDE = [
    # site, a path that is not its own, what the backend gets
    ("below", "/other/x", f"{W}/other/x"),
    ("below", "/apple", f"{W}/apple"),
    ("below", "/", f"{W}/"),
    ("one of several", "/wiki/x", "http://wiki/x"),
    ("by a rule", "/other/x", f"{W}/other/x"),
    ("root", "/app/x", "/app/x"),
    ("same", "/app", "/app"),
    ("below", "/app", "/"),
    ("both", "/app/x", "/dav"),
    ("of a path", "/", "/dav/"),
]


@pytest.mark.parametrize(("site", "path", "becomes"), OUTSIDE)
def test_the_path_of_another_site_is_not_taken_for_one_of_the_backend(site: str, path: str, becomes: str) -> None:
    body = '<D:x xmlns:D="DAV:"><D:href>{}</D:href></D:x>'
    assert request_of(site, body.format(path)) == body.format(becomes)
    assert sent(site, ("Destination", path)) == becomes
    assert sent(site, ("If", f"<{path}> (<urn:uuid:1>)")) == f"<{becomes}> (<urn:uuid:1>)"


def sent(site: str, line: FieldLine) -> str:
    text, public, _ = SITES[site]
    routing = ask(rules_of("", site=text), f"{W}{public}/a", line, method="MOVE").routing
    assert isinstance(routing, Forward)
    return field_values(routing.fields, line[0])[0]


FIELDS = [
    # field, value with § for what stands before a path and ¶ for what stands before one with a host
    ("Destination", "§/c/b%20c"),
    ("Destination", "¶/c/b"),
    ("If", '<§/c/a> (<urn:uuid:1>) <¶/c/b> (Not <DAV:no-lock> ["</c>"])'),
    ("If", "(<urn:uuid:1>)"),
    ("Lock-Token", "<urn:uuid:1>"),
    ("Lock-Token", "<¶/lock/1>"),
    ("Timeout", "Infinite, Second-4100000000"),
    ("Content-Location", "§/c/b"),
    ("Depth", "infinity"),
]


@pytest.mark.parametrize(("name", "value"), FIELDS)
@pytest.mark.parametrize("site", SITES)
def test_fields_of_requests(site: str, name: str, value: str) -> None:
    _, public, private = SITES[site]
    host = W if site == "preserving" else B
    expected = value.replace("§", private).replace("¶", f"{host}{private}")
    assert sent(site, (name, value.replace("§", public).replace("¶", f"{W}{public}"))) == expected


METHODS = """PROPFIND PROPPATCH MKCOL COPY MOVE LOCK OPTIONS REPORT VERSION-CONTROL CHECKOUT CHECKIN UNCHECKOUT
    MKWORKSPACE UPDATE LABEL MERGE BASELINE-CONTROL MKACTIVITY ORDERPATCH ACL MKREDIRECTREF UPDATEREDIRECTREF
    MKCALENDAR SEARCH BIND UNBIND REBIND""".split()


def test_methods_whose_bodies_are_looked_at() -> None:
    assert set(METHODS) == DAV_METHODS
    document = '<a xmlns="DAV:"><href>/app/c/</href></a>'
    for method in (*METHODS, "PUT", "POST", "PATCH", "GET", "DELETE"):
        mapped = document.replace("/app", "") if method in METHODS else None
        assert request_of("below", document, method=method) == mapped, method


LEFT = [
    # settings, type of the body
    ("links: tags", XML[1]),
    ("links: off", XML[1]),
    ("", "application/json"),
    ("", "application/x-www-form-urlencoded"),
    ("", "image/svg+xml"),
]


@pytest.mark.parametrize(("settings", "content_type"), LEFT)
def test_bodies_that_pass_unseen(settings: str, content_type: str) -> None:
    assert request_of("below", "{}", ("Content-Type", content_type), rules=settings) is None


def test_forms_and_json_of_these_methods_where_that_is_asked_for() -> None:
    json = request_of("below", f'["{W}/app/x"]', ("Content-Type", "application/json"), rules="linksAlso: requestBodies")
    assert json == f'["{B}/x"]'


def test_a_body_that_is_cut_anywhere_is_mapped_alike() -> None:
    text, public, _ = SITES["below"]
    document = HREFS[4].replace("§", public).encode()
    for size in (1, 3, 7, 50):
        body = routed(rules_of("", site=text), f"{W}/app/", XML, method="REPORT").request_body
        assert body
        stream = body.stream()
        cuts = [*range(0, len(document), size), len(document)]
        got = b"".join(stream.feed(document[start:end]) for start, end in pairwise(cuts)) + stream.finish()
        assert got.decode() == HREFS[4].replace("§", "")


paths = st.from_regex(r"(/[A-Za-z0-9._~%@:+-]{1,9}){1,4}/?", fullmatch=True)


@given(st.sampled_from(sorted(SITES)), paths)
def test_what_a_client_read_names_the_same_when_it_comes_back(site: str, path: str) -> None:
    _, _, private = SITES[site]
    document = f'<a xmlns="DAV:"><href>{private}{path}</href></a>'
    assume(not path.startswith("/app"))  # which is taken for a public path that the backend wrote itself
    read = response_of(site, document)
    assert request_of(site, read) == document
