"""Every place and every spelling in which a body names the backend, and those that only look like one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from urlrewrite.content.changes import Links
from urlrewrite.content.kinds import Kind, content_kind
from urlrewrite.content.links.host_spellings import host_spellings
from urlrewrite.content.links.link_map import LinkMap, Pair
from urlrewrite.content.mapping import rewrite_content
from urlrewrite.model.origin import Origin

B = "http://privateserver:8080"
P = "https://www.example.com"
BACKEND = Origin("http", "privateserver", 8080)
PUBLIC = Origin("https", "www.example.com", 443)
LINKS = Links(LinkMap([Pair(BACKEND, PUBLIC)]), True, lambda *change: None)


def mapped(text: str, kind: Kind, links: Links = LINKS) -> str:
    return rewrite_content(text.encode(), kind, links=links).decode()


def mapped_host(host: str, text: str) -> str:
    """A page in which only that host is mapped, on its default port."""
    links = replace(LINKS, link_map=LinkMap([Pair(Origin("http", host, 80), PUBLIC)]))
    return mapped(text, Kind.HTML, links)


HTML = [
    # whatever names the backend in B is to name the public site
    *(f"<{tag} {name}='{B}/x'>" for tag, name in [("a", "href"), ("base", "href"), ("link", "href"), ("img", "src")]),
    *(f"<p {name}='{B}/x'>" for name in "hx-get hx-post up-href ng-src data-src data-bg :src v-bind:src [src]".split()),
    *(f"<p {name}='{B}/x'>" for name in "attributionsrc itemid about resource cite longdesc background".split()),
    f"<a ping='{B}/x {B}/y'><applet archive='{B}/x,{B}/y'><param name=u value='{B}/x'>",
    f"<link imagesrcset='{B}/1 1x, {B}/2 2x'><source srcset='{B}/1 1x'>",
    f"<meta http-equiv=refresh content='5; URL={B}/x'><meta property=og:url content='{B}/x'>",
    f"<noscript><img src='{B}/x'></noscript><template><img src='{B}/x'></template>",
    f"<a href='javascript:open(\"{B}/x\")'><a href='data:text/html,<a href={B}/x>'><a href='view-source:{B}/'>",
    f"<input type=hidden value='{B}/x'><object classid='{B}/x' data='{B}/x' codebase='{B}/'>",
    f"<script type=text/template><a href='{B}/x'></script><script type=importmap>{{'{B}/': '{B}/x'}}</script>",
    f'<script type=module>import \'{B}/x\'</script><script type=speculationrules>{{"urls":["{B}/x"]}}</script>',
    f"<svg><a xlink:href='{B}/x'/><rect fill='url({B}/x#a)'/><set to='{B}/x'/><image href='{B}/x'/></svg>",
    f"<math><mi href='{B}/x'></mi></math><esi:include src='{B}/x'/><amp-img src='{B}/x'>",
    f"<!--[if !IE]> --><link href='{B}/x'><!-- <![endif]-->",
    f"<iframe srcdoc='&lt;a href=&quot;{B}/x&quot;&gt;'><v:fill src='{B}/x'>",
    f"<iframe srcdoc='&lt;iframe srcdoc=&quot;&amp;lt;a href={B}/x&amp;gt;&quot;&gt;'>",
    f"<iframe allow='camera {B}'><a href='{B}/x' duplicate href='{B}/y'>",
]
XML = [
    f"<rss><link>{B}/x</link><enclosure url='{B}/x'/><guid>{B}/x</guid></rss>",
    f"<description>&lt;a href=&quot;{B}/x&quot;&gt;</description><content><![CDATA[<a href='{B}/x'>]]></content>",
    f"<soap:address location='{B}/x'/><wsa:Address>{B}/x</wsa:Address><xs:import schemaLocation='{B}/x'/>",
    f"<a xml:base='{B}/' xsi:noNamespaceSchemaLocation='{B}/x' xlink:href='{B}/x'/>",
    f"<urlset><url><loc>{B}/x</loc><image:loc>{B}/y</image:loc></url></urlset><D:href>{B}/x</D:href>",
    f"<MPD><BaseURL>{B}/x/</BaseURL><SegmentTemplate media='{B}/$Number$.m4s'/></MPD>",
    f"<?xml-stylesheet type='text/xsl' href='{B}/x'?><Url template='{B}/?q={{searchTerms}}'/>",
    f"<!DOCTYPE r [<!ENTITY b '{B}'><!ENTITY % p \"{B}/x\">]><r>&b;</r>",
]
OTHERS = [
    (Kind.JSON, f')]}}\',\n{{"u":"{B}/x"}}'),
    (Kind.JSON, f'{{"u":"{B}/x"}}\n{{"{B}/y":["{B}"]}}\n'),
    (Kind.JSON, f'\x1e{{"sources":["{B}/a.js"],"sourceRoot":"{B}"}}\n'),
    (Kind.JSON, f'{{"@odata.context":"{B}/$metadata","@id":"{B}/1"}}'),
    (Kind.JAVASCRIPT, f"//# sourceMappingURL={B}/x.map\nimportScripts('{B}/x'); new WebSocket(`{B}/x`)"),
    (Kind.CSS, f"@import '{B}/x' layer(a) print; a{{b:image-set('{B}/1' 1x);--u:url({B}/2);behavior:url({B}/3)}}"),
    (Kind.CSS, f"a[href^='{B}/']{{filter:progid:x.AlphaImageLoader(src='{B}/x')}} @document url-prefix({B}/){{}}"),
    (Kind.PLAYLIST, f'#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="{B}/k"\n#EXTINF:9,\n{B}/1.ts\n'),
    (Kind.PLAYLIST, f"[playlist]\nFile1={B}/a\n# {B}\n{B}/b\r\n"),
    (Kind.EVENT_STREAM, f'event: {B}\ndata: {{"u":"{B}/x"}}\n\n'),
]


@pytest.mark.parametrize("text", HTML)
def test_html(text: str) -> None:
    assert mapped(text, Kind.HTML) == text.replace(B, P)


@pytest.mark.parametrize("text", XML)
def test_xml(text: str) -> None:
    assert mapped(text, Kind.XML) == text.replace(B, P)


@pytest.mark.parametrize(("kind", "text"), OTHERS)
def test_other_kinds(kind: Kind, text: str) -> None:
    assert mapped(text, kind) == text.replace(B, P)


NEVER = [
    (Kind.HTML, f"<html xmlns='{B}' xmlns:x='{B}'><p vocab='{B}' typeof='{B}' property='{B}/p' itemtype='{B}/T'>"),
    (Kind.HTML, f"<!DOCTYPE html PUBLIC '{B}' '{B}/x.dtd'><!-- {B} --><p itemprop='{B}'>{B}</p><title>{B}</title>"),
    (Kind.HTML, f"<!--[if IE]><a href='{B}/x'><![endif]--><!--#include virtual='{B}/x' --><textarea>{B}</textarea>"),
    (Kind.HTML, "<a href='mailto:x@privateserver:8080'>x@privateserver:8080</a><a href='http://privateserver:80801/'>"),
    (Kind.HTML, "<a href='http://privateserver.evil.com:8080/'><a href='http://myprivateserver:8080/'>"),
    (Kind.HTML, "<a href='http://privateserver-old:8080/'><a href='http://privateserver:8080@evil.com/'>"),
    (Kind.HTML, f'<script type=application/ld+json>{{"@context":"{B}/c","x":{{"@context":["{B}",{{"t":"{B}#t"}}]}}}}'),
    (Kind.XML, f"<r xmlns='{B}' targetNamespace='{B}'><xs:import namespace='{B}'/><x soapAction='{B}/op'/></r>"),
    (Kind.XML, f"<!DOCTYPE r PUBLIC '{B}' '{B}/x' [<!ENTITY a SYSTEM '{B}/e'><!-- <!ENTITY b '{B}'> -->]><r/>"),
    (Kind.XML, f"<!-- {B} --><?php {B} ?><DigestMethod Algorithm='{B}/sha'/>"),
    (Kind.JSON, f'{{"@context":"{B}/c"}}{{"@context" : [ "{B}", {{"a]":"{B}"}} ]}}'),
    (Kind.CSS, f"@namespace svg url({B}); /* {B} */"),
    (Kind.OTHER_TEXT, B),
    (Kind.BINARY, B),
    (Kind.JAVASCRIPT, "// domain=privateserver\nsubdomain='privateservers'; domain=privateserver;x='a'"),
]


@pytest.mark.parametrize(("kind", "text"), NEVER)
def test_never(kind: Kind, text: str) -> None:
    assert mapped(text, kind) == text


SOME = [
    (
        Kind.XML,
        f"<r xsi:schemaLocation='{B}/a {B}/a.xsd\n {B}/b {B}/b.xsd'/>",
        f"<r xsi:schemaLocation='{B}/a {P}/a.xsd\n {B}/b {P}/b.xsd'/>",
    ),
    (
        Kind.HTML,
        f'<meta http-equiv="Content-Security-Policy" content="img-src privateserver:8080 {B}/x;script-src \'self\'">',
        f'<meta http-equiv="Content-Security-Policy" content="img-src www.example.com {P}/x;script-src \'self\'">',
    ),
    (
        Kind.HTML,
        f"<iframe srcdoc='&lt;!-- {B} --&gt;&lt;a href={B}&gt;{B}'>",
        f"<iframe srcdoc='&lt;!-- {B} --&gt;&lt;a href={P}&gt;{B}'>",
    ),
    (
        Kind.XML,
        '<cross-domain-policy><allow-access-from domain="privateserver:8080"/><x domain="privateserver"/>',
        '<cross-domain-policy><allow-access-from domain="www.example.com"/><x domain="privateserver"/>',
    ),
    (
        Kind.JAVASCRIPT,
        "document.cookie = 'a=b; path=/; domain=.privateserver'; c = \"domain=PrivateServer;\"; "
        "d = 'domain=privateserver.x'; c = n + '=x' + '; domain=privateserver; path=/; secure'; ",
        "document.cookie = 'a=b; path=/; domain=.www.example.com'; c = \"domain=www.example.com;\"; "
        "d = 'domain=privateserver.x'; c = n + '=x' + '; domain=www.example.com; path=/; secure'; ",
    ),
    *(
        (kind, f"<svg>{before}</svg>", f"<svg>{after}</svg>")
        for kind in (Kind.HTML, Kind.XHTML, Kind.SVG)
        for before, after in [
            ("<script><![CDATA['privateserver:8080']]></script>", "<script><![CDATA['www.example.com']]></script>"),
            (
                f"<script type='application/ld+json'><![CDATA[{{\"@context\":\"{B}\",\"u\":\"{B}/x\"}}]]></script>",
                f"<script type='application/ld+json'><![CDATA[{{\"@context\":\"{B}\",\"u\":\"{P}/x\"}}]]></script>",
            ),
            (
                f"<style>a{{b:url({B})}}<![CDATA[/* {B} */ a{{b:url({B})}}]]></style>",
                f"<style>a{{b:url({P})}}<![CDATA[/* {B} */ a{{b:url({P})}}]]></style>",
            ),
        ]
    ),
    (Kind.HTML, "<p onclick='go(&quot;privateserver:8080&quot;)'>", "<p onclick='go(&quot;www.example.com&quot;)'>"),
    (
        Kind.JSON,
        f'{{"@context":"{B}/c","u":"{B}/x","@context":{{"v":"{B}"}},"w":"{B}"}}',
        f'{{"@context":"{B}/c","u":"{P}/x","@context":{{"v":"{B}"}},"w":"{P}"}}',
    ),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "before", "after"), SOME)
def test_what_is_an_address_and_what_stands_beside_it(kind: Kind, before: str, after: str) -> None:
    assert mapped(before, kind) == after


BY_OPTION = [
    ("visible_text", Kind.HTML, f"<p>{B}/x</p><title>{B}</title><xmp>{B}</xmp><textarea>{B}</textarea>"),
    ("visible_text", Kind.XHTML, f"<p>{B}/x</p><title>{B}</title>"),
    ("comments", Kind.HTML, f"<!--[if lt IE 9]><link href='{B}/x'><![endif]--><!-- {B}/x -->"),
    ("comments", Kind.HTML, f"<!--#include virtual='{B}/' --><!-- <a href='{B}'>"),
    ("comments", Kind.HTML, f"<style>/* {B}/x */ a{{}}</style><iframe srcdoc='&lt;!-- {B} --&gt;'></iframe>"),
    ("comments", Kind.XML, f"<!-- {B} --><r/>"),
    ("comments", Kind.CSS, f"/* {B}/x */ a{{color:red}} /* url({B}) */"),
    ("plain_text", Kind.OTHER_TEXT, f"See <{B}/x> or {B}, {B}/y."),
    ("plain_text", Kind.MULTIPART, f"--b\r\nContent-Type: text/plain\r\n\r\n{B}/x\r\n--b--\r\n"),
]  # fmt: skip


@pytest.mark.parametrize(("option", "kind", "text"), BY_OPTION)
def test_by_option(option: str, kind: Kind, text: str) -> None:
    asked = replace(LINKS, **{option: True})  # type: ignore[arg-type]
    assert mapped(text, kind) == text
    assert mapped(text, kind, asked) == text.replace(B, P)
    others = {"visible_text": True, "comments": True, "plain_text": True, option: False}
    assert mapped(text, kind, replace(LINKS, **others)) == text  # type: ignore[arg-type]


AS_BROWSERS_READ = [
    # the value of a URL attribute, and what it becomes
    (r"http:\\privateserver:8080\x", P + r"\x"),
    ("http:/privateserver:8080/x", P + "/x"),
    ("http:privateserver:8080/x", P + "/x"),
    ("http:///privateserver:8080/x", P + "/x"),
    (r"\\privateserver:8080\x", r"//www.example.com\x"),
    (r"/\privateserver:8080/x", "//www.example.com/x"),
    ("ht\ntp://private\tserver:80\r\n80/x", P + "/x"),
    ("http://private&#10;server:8080/x", P + "/x"),
    ("http://private&Tab;server:8080/x", P + "/x"),
    ("http://priv%61teserver:8080/x", P + "/x"),
    ("http://priv&#97;teserver:8080/x", P + "/x"),
    ("&#104;ttp://privateserver:8080", P),
    ("\x01 http:\\/privateserver:8080 ", "\x01 " + P + " "),
    (r"http:\\u@privateserver:8080?u=http://privateserver:8080/", r"https://u@www.example.com?u=https://www.example.com/"),
    ("  http://privateserver:8080/x  ", f"  {P}/x  "),
    ("http&#58;&#x2F;&sol;privateserver:8080", "https&#58;&#x2F;&sol;www.example.com"),
    (r"http:\\privateserver:80801\x", None),
    (r"http:\\privateserver.evil.com:8080", None),
    (r"http:\\privateserver:8080@evil.com", None),
    ("/private\nserver:8080/", None),
    ("/x?u=http:/privateserver:8080/", None),
    ("http://priv%61te:8080/", None),
]  # fmt: skip


@pytest.mark.parametrize(("value", "becomes"), AS_BROWSERS_READ)
def test_urls_as_browsers_read_them(value: str, becomes: str | None) -> None:
    page = '<p><a class="x" href="%s">text</a>'
    assert mapped(page % value, Kind.HTML) == page % (value if becomes is None else becomes)
    assert mapped(f'<p title="{value}">', Kind.OTHER_TEXT) == f'<p title="{value}">'


SPELLINGS = {
    # host to how it is written in a URL
    "2001:db8::1": (
        "[2001:DB8::1] [2001:0db8::0001] [2001:db8:0:0:0:0:0:1] [2001:db8:0::0:1] [2001:0db8:0:0:0:0:0:1] "
        "[2001:0DB8:0000:0000:0000:0000:0000:0001] %5B2001%3Adb8%3A%3A1%5D"
    ),
    "::1": "[::1] [0:0:0:0:0:0:0:1] [0000::1] [::0001]",
    "xn--bcher-kva.example": (
        "bücher.example Bücher.Example BÜCHER.EXAMPLE b%C3%BCcher.example b&#252;cher.example b\\u00FCcher.example "
        "XN--bcher-kva.example"
    ),
    "plain.internal": "plain.internal. PLAIN.Internal plain.internal:80 plain.internal: u:p@plain.internal",
}


@pytest.mark.parametrize(("host", "text"), [(host, text) for host in SPELLINGS for text in SPELLINGS[host].split()])
def test_hosts(host: str, text: str) -> None:
    user = text.partition("@")[0] + "@" if "@" in text else ""
    assert mapped_host(host, f"<a href='/?u=http://{text}/x'>") == f"<a href='/?u=https://{user}www.example.com/x'>"
    assert mapped_host(host, f'<a href="http://{text}/x">') == f'<a href="https://{user}www.example.com/x">'


def test_spellings_of_a_host_are_bounded() -> None:
    assert max(len(list(host_spellings(host))) for host in ("::", "1::1", "xn--bcher-kva.xn--p1ai", "a.b")) < 400


IN_SCRIPTS = [
    (rf"'http:{slash}{slash}privateserver{colon}8080/'", rf"'https:{slash}{slash}www.example.com/'")
    for slash, colon in [
        ("/", ":"), (r"\/", ":"), (r"\u002f", r"\u003a"), (r"\u{2F}", r"\u{3A}"), (r"\x2f", r"\x3a"), (r"\57", r"\72"),
        (r"\\\/", r"\\\:"), ("%2F", "%3A"), ("%252f", "%253a"), ("%25252F", "%25253A"), ("&amp;#47;", "&amp;#58;"),
    ]
]  # fmt: skip


@pytest.mark.parametrize(("before", "after"), IN_SCRIPTS)
def test_escapes(before: str, after: str) -> None:
    assert mapped(before, Kind.JAVASCRIPT) == after


TYPES = [
    *((f"{media}; charset=utf-8", Kind.PLAYLIST) for media in ("application/vnd.apple.mpegurl", "audio/mpegurl")),
    *((media, Kind.PLAYLIST) for media in ("application/x-mpegURL", "text/uri-list", "audio/x-scpls")),
    *((media, Kind.JSON) for media in ("application/x-ndjson", "application/jsonl", "application/json-seq")),
    *((media, Kind.JSON) for media in ("application/source-map", "text/json")),
    ("application/manifest+json", Kind.MANIFEST),
    ("application/speculationrules+json", Kind.ADDRESSES),
    ("application/importmap+json", Kind.ADDRESSES),
    *((media, Kind.XML) for media in ("application/dash+xml", "application/rss+xml", "application/soap+xml")),
    *((media, Kind.JAVASCRIPT) for media in ("text/javascript1.5", "application/x-ecmascript", "text/livescript")),
    *((media, Kind.MULTIPART) for media in ("multipart/mixed; boundary=x", "multipart/related")),
    *((media, Kind.BINARY) for media in ("multipart/x-mixed-replace; boundary=x", "multipart/byteranges")),
    *((media, Kind.BINARY) for media in ("multipart/form-data", "application/grpc", "application/octet-stream")),
    *((media, Kind.OTHER_TEXT) for media in ("text/plain", "text/markdown", "application/yaml", "text/csv")),
    ("text/vnd.turbo-stream.html", Kind.HTML),
    ("application/smil", Kind.XML),
    ("video/x-ms-asx", Kind.XML),
    ("text/cache-manifest", Kind.PLAYLIST),
]


@pytest.mark.parametrize(("content_type", "kind"), TYPES)
def test_media_types(content_type: str, kind: Kind) -> None:
    assert content_kind(content_type) is kind


PATHS = [
    *((path, "text/plain; charset=utf-8", Kind.PLAYLIST) for path in ("/robots.txt", "/.well-known/security.txt")),
    ("/a/robots.txt", "text/plain", Kind.OTHER_TEXT),
    ("/robots.txt", "text/html", Kind.HTML),
]


@pytest.mark.parametrize(("path", "content_type", "kind"), PATHS)
def test_files_that_name_addresses_for_programs(path: str, content_type: str, kind: Kind) -> None:
    assert content_kind(content_type, path) is kind
