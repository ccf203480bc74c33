"""The URLs that replay tools find in HTML, scripts, style sheets, XML, fields and cookies, under a map of hosts.

A replay tool puts a prefix before every URL. A map of hosts changes only those that name a mapped host: each URL that a
case says must be found, and that is absolute or relative to the scheme, is to be mapped exactly where it is written,
and nothing else may change. Every host of a case is mapped. Where the tool leaves a URL alone that a browser could
follow, what comes of it here is in `outbound_differences.yaml`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable

import pytest

from conformance.support import Case
from conformance.support_outbound import check, needs_cases, read_outbound, read_outbound_differences
from rules_of import ask, field, rules_of
from urlrewrite.content.changes import Links
from urlrewrite.content.charset.view import View, detect
from urlrewrite.content.kinds import Kind, content_kind, sniff_kind
from urlrewrite.content.links.link_map import LinkMap, Pair
from urlrewrite.content.mapping import rewrite_content
from urlrewrite.model.origin import Origin

CASES = read_outbound("url-carriers.yaml")
DIFFERENCES = read_outbound_differences()

pytestmark = needs_cases

NOT_APPLICABLE = {
    "url-join": "the browser resolves relative references, and a map of hosts leaves them alone",
    "url-reverse-map": "takes away a replay tool's prefix before a whole URL, which no map of hosts has",
}
COUNTS = {
    "html": 192,
    "js": 114,
    "html-attribute": 56,
    "url-rewrite-prefix": 26,
    "css": 22,
    "css-form": 22,
    "url": 22,
    "html-url-form": 21,
    "cookie": 20,
    "jsonp": 14,
    "charset": 9,
    "scheme-only": 7,
    "url-join": 6,
    "url-reverse-map": 6,
    "header": 6,
    "content-type-sniff": 5,
    "xml": 4,
}
KINDS = {
    "html": Kind.HTML,
    "html-attribute": Kind.HTML,
    "html-url-form": Kind.HTML,
    "js": Kind.JAVASCRIPT,
    "jsonp": Kind.JAVASCRIPT,
    "css": Kind.CSS,
    "css-form": Kind.CSS,
    "xml": Kind.XML,
    "url": Kind.JAVASCRIPT,
    "url-rewrite-prefix": Kind.JAVASCRIPT,
}
ORIGIN = re.compile(
    r"(?:(?P<scheme>https?|wss?)(?P<colon>:))?(?P<slashes>(?:\\*/){2})(?P<authority>[^/\\?#\s\"'<>&]+)", re.IGNORECASE
)


def hosts_of(case: Case) -> list[str]:
    """The authorities of the page and of all its URLs, in order."""
    urls = [case.get("page_url") or case.get("base"), case.get("reference"), *(case.get("urls") or ())]
    urls += [found[part] for found in case.get("must_find") or () for part in ("resolved", "written") if part in found]
    found = [ORIGIN.match((url or "").strip()) for url in urls]
    tool = ORIGIN.match(case.get("full_prefix") or case.get("prefix") or "")
    hosts = {match["authority"].lower() for match in found if match and match["scheme"]}
    return sorted(hosts - {tool["authority"].lower() if tool else ""})


def map_of(hosts: list[str]) -> LinkMap:
    origins = {host: Origin.parse(f"http://{host}") for host in hosts}
    return LinkMap(
        Pair(origin, Origin("https", f"site{at}.public.test", 443))
        for at, origin in enumerate(origins.values())
        if origin
    )


def mapped(url: str, hosts: list[str]) -> str:
    """An absolute URL, or one relative to the scheme, with its host mapped; others as they are."""
    found = ORIGIN.match(url)
    if found is None or found["authority"].lower() not in hosts:
        return url
    scheme = {"": "", "http": "https", "https": "https", "ws": "wss", "wss": "wss"}[(found["scheme"] or "").lower()]
    public = f"site{hosts.index(found['authority'].lower())}.public.test"
    return f"{scheme}{found['colon'] or ''}{found['slashes']}{public}{url[found.end() :]}"


def rewritten(text: str, kind: Kind, link_map: LinkMap) -> str:
    return rewrite_content(text.encode(), kind, links=Links(link_map, True, lambda *change: None)).decode()


def body(case: Case) -> tuple[object, object]:
    """What becomes of a body, and what should: the URLs that the case names, in the order of the text."""
    urls = [found["written"] for found in case.get("must_find") or () if "written" in found]
    if case.get("should_rewrite") not in (False, "n/a"):
        urls += case.get("urls") or ()
    hosts, text, done, expected = hosts_of(case), case["input"], 0, ""
    for url in urls:
        at = text.index(url, done) if ORIGIN.match(url) else done
        new = mapped(url, hosts) if ORIGIN.match(url) else ""
        expected += text[done:at] + new
        done = at + len(url) if new else done
    return rewritten(text, KINDS[case["kind"]], map_of(hosts)), expected + text[done:]


def reference(case: Case) -> tuple[object, object]:
    """One URL reference. The tool's prefix depends on the page; of its response only whether it found a URL counts."""
    hosts = hosts_of({**case, "reference": re.sub(r"^[^/]*(?=[\\/]{2})", "http:", case["reference"]).replace("\\", "")})
    text = f"'{case['reference']}'"
    expected = text if case["expected"] == case["reference"] else f"'{mapped(case['reference'], hosts)}'"
    return rewritten(text, KINDS[case["kind"]], map_of(hosts)), expected


def scheme_only(case: Case) -> tuple[object, object]:
    """Only the scheme of the page's own host changes."""
    origin = Origin.parse(re.match(r"https?://[^/]+", case["base"])[0])  # type: ignore[index]
    assert origin
    other = Origin("http", origin.host, 80)
    return LinkMap([Pair(other, origin)]).map_text(case["reference"]), case["expected"]


def cookie(case: Case) -> tuple[object, object]:
    """A cookie keeps all but its domain, and loses Secure where the public site has no TLS; the path has no prefix."""
    public = "https" if case["id"].endswith("_keep") else "http"
    rules = rules_of("rules: []", site=f"public: [{public}://www.public.test]\nbackend: https://example.com\n")
    answer = ask(rules, f"{public}://www.public.test/", answer=(200, [("Set-Cookie", case["input"])], b""))
    expected = case["input"].replace(".example.com", ".www.public.test")
    return field(answer, "set-cookie"), [expected if public == "https" else expected.replace("; Secure", "")]


def header(case: Case) -> tuple[object, object]:
    rules = rules_of("rules: []", site="public: [https://www.public.test]\nbackend: https://example.com\n")
    answer = ask(rules, "https://www.public.test/", answer=(200, [(case["header"], case["input"])], b""))
    found = re.sub(
        r"http://localhost:8080/prefix/\w+/https://example\.com", "https://www.public.test", case["expected"]
    )
    return field(answer, case["header"]), [found]


def sniffed(case: Case) -> tuple[object, object]:
    """Whether a body of that type is taken for HTML."""
    declared, data = case["content_type"], case["input"].encode()
    kind = content_kind(declared) if declared else sniff_kind(data)
    return {"treated_as_html": kind in (Kind.HTML, Kind.XHTML)}, case["expected"]


BYTES = {
    # what the data describes in words, and what is to come of it
    "pywb-charset-utf8": ('<a href="http://éxample.com/tésté">'.encode(), '<a href="https://p/tésté">'.encode()),
    "pywb-charset-latin1": (b'<a href="http://\xe9xample.com/t\xe9st\xe9">', b'<a href="https://p/t\xe9st\xe9">'),
    "pywb-charset-bom3": (
        ("\ufeff" * 3 + '<!DOCTYPE html><a href="http://example.com">').encode(),
        ("\ufeff" * 3 + '<!DOCTYPE html><a href="https://p">').encode(),
    ),
    "pywb-charset-anchor": ('<a href="#éxample-tésté">'.encode(),) * 2,
    "pywb-charset-noenc": (b'<a href="#\xe9xample-t\xe9st\xe9">',) * 2,
    "pywb-charset-binary-html": (b"\xe9\x11\x12\x13\x14",) * 2,
    "pywb-charset-plain-start": (
        b'Hello <a href="http://example.com/foo.html">link</a>',
        b'Hello <a href="https://p/foo.html">link</a>',
    ),
    "pywb-charset-json-html": (b'{"foo":"bar", "dash": {"on": "true"}',) * 2,
    "pywb-charset-long-utf8": ("éeé".encode() * 3277,) * 2,
}


def charset(case: Case) -> tuple[object, object]:
    data, expected = BYTES[case["id"]]
    view = View.of(data, detect(data, case["content_type"], kind="html"))
    assert view
    public = Origin("https", "p", 443)
    link_map = LinkMap(Pair(Origin("http", host, 80), public) for host in ("example.com", "xn--xample-9ua.com"))
    changed = rewrite_content(view.data, Kind.HTML, links=Links(link_map, True, lambda *change: None))
    return view.restore(changed), expected


RUNNERS: dict[str, Callable[[Case], tuple[object, object]]] = {
    **dict.fromkeys(KINDS, body),
    "url": reference,
    "url-rewrite-prefix": reference,
    "scheme-only": scheme_only,
    "cookie": cookie,
    "header": header,
    "content-type-sniff": sniffed,
    "charset": charset,
}


@pytest.mark.parametrize("case", [pytest.param(c, id=c["id"]) for c in CASES if c["kind"] not in NOT_APPLICABLE])
def test_case(case: Case) -> None:
    got, expected = RUNNERS[case["kind"]](case)
    check(case, got, expected, DIFFERENCES)


def test_every_case_is_run_or_said_why_not() -> None:
    assert Counter(case["kind"] for case in CASES) == COUNTS
    assert set(COUNTS) == set(RUNNERS) | set(NOT_APPLICABLE)
