"""A backend at `/` that is published below `/app`: where its paths are mapped, and where never."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from urlrewrite.content.changes import Links
from urlrewrite.content.html.markup import Markup
from urlrewrite.content.html.markup_mounted import MountedMarkup
from urlrewrite.content.html.plain import plain_pattern
from urlrewrite.content.kinds import Kind
from urlrewrite.content.links.link_map import LinkMap, Pair
from urlrewrite.content.links.mounts import Mount
from urlrewrite.content.mapping import content_rewriter, rewrite_content
from urlrewrite.model.origin import Origin

BACKEND, PUBLIC = Origin("http", "privateserver", 8080), Origin("https", "www.example.com", 443)
B, P = "http://privateserver:8080", "https://www.example.com"


def mounted(base: str = "", path: str = "/app", *, aware: bool = True, roots: tuple[str, ...] = ()) -> LinkMap:
    """The map for responses, as `link_maps.py` makes it."""
    mount = Mount(base, path, aware)
    return LinkMap([Pair(BACKEND, PUBLIC, *change) for change in mount.changes], mount, roots)


APP = mounted()
UNAWARE = mounted(aware=False)
BASE = mounted("/base")
ROOT = mounted("/base", "")
API = mounted(roots=("/api", "/v1/x"))
MAPS = [APP, UNAWARE, BASE, ROOT, API]


def rewritten(data: str, kind: Kind, link_map: LinkMap = APP, *, page: str = "", everywhere: bool = True) -> str:
    links = Links(link_map, everywhere, lambda *change: None, page=page)
    return rewrite_content(data.encode(), kind, links=links).decode()


ABSOLUTE = [
    # (map, URL, what it becomes)
    (APP, f"{B}/x", f"{P}/app/x"),
    (APP, f"{B}", f"{P}/app"),
    (APP, f"{B}?q", f"{P}/app?q"),
    (APP, f"{B}/", f"{P}/app/"),
    (APP, "//privateserver:8080/x", "//www.example.com/app/x"),
    (APP, "ws://privateserver:8080/x", "wss://www.example.com/app/x"),
    (APP, r"http:\/\/privateserver:8080\/x", r"https:\/\/www.example.com\/app\/x"),
    (APP, "http%3A%2F%2Fprivateserver%3A8080%2Fx", "https%3A%2F%2Fwww.example.com%2Fapp%2Fx"),
    (APP, r"http:\u002f\u002fprivateserver:8080\u002fx", r"https:\u002f\u002fwww.example.com\u002fapp\u002fx"),
    (APP, f"{B}/app/x", f"{P}/app/x"),
    (APP, f"{B}/app", f"{P}/app"),
    (APP, f"{B}/apple", f"{P}/app/apple"),
    (UNAWARE, f"{B}/app/x", f"{P}/app/app/x"),
    (BASE, f"{B}/base/x", f"{P}/app/x"),
    (BASE, f"{B}/base", f"{P}/app"),
    (BASE, f"{B}/base?q", f"{P}/app?q"),
    (BASE, f"{B}/based", f"{B}/based"),
    (BASE, f"{B}/other", f"{B}/other"),
    (BASE, B, P),
    (BASE, r"http:\/\/privateserver:8080\/base\/x", r"https:\/\/www.example.com\/app\/x"),
    (ROOT, f"{B}/base/x", f"{P}/x"),
    (ROOT, f"{B}/base", P),
    (mounted("", "/a%20b"), "http%3A%2F%2Fprivateserver%3A8080%2Fx", "https%3A%2F%2Fwww.example.com%2Fa%2520b%2Fx"),
    (mounted("", "/a/b"), f"{B}/x", f"{P}/a/b/x"),
]


@pytest.mark.parametrize(("link_map", "before", "after"), ABSOLUTE)
def test_urls_with_a_host(link_map: LinkMap, before: str, after: str) -> None:
    assert link_map.map_text(before) == after
    assert link_map.map_text(f"'{before}'", bare=True) == f"'{after}'"
    # Browsers read a backslash there as a slash, which is another way.
    name = "title" if "\\" in before else "href"
    assert rewritten(f'<a {name}="{before}">', Kind.HTML, link_map) == f'<a {name}="{after}">'
    assert rewritten(f"<a {name}={before} >", Kind.HTML, link_map) == f"<a {name}={after} >"


BARE = [
    ("location.host === 'privateserver:8080'", "location.host === 'www.example.com'"),
    ("'http://' + 'privateserver:8080'", "'https://' + 'www.example.com/app'"),
    ("'http://' + 'privateserver:8080/x'", "'https://' + 'www.example.com/app/x'"),
    ("'privateserver:8080/x'", "'www.example.com/app/x'"),
]


@pytest.mark.parametrize(("before", "after"), BARE)
def test_hosts_in_scripts(before: str, after: str) -> None:
    assert rewritten(before, Kind.JAVASCRIPT) == after


PATHS = [
    # (map, kind, before, after)
    (APP, Kind.HTML, '<a href="/x">', '<a href="/app/x">'),
    (APP, Kind.HTML, "<a href='/x'>", "<a href='/app/x'>"),
    (APP, Kind.HTML, "<a href=/x>", "<a href=/app/x>"),
    (APP, Kind.HTML, "<A HREF = '/'>", "<A HREF = '/app/'>"),
    (APP, Kind.HTML, '<a href=" /x">', '<a href=" /app/x">'),
    (APP, Kind.HTML, '<a href="&#47;x">', '<a href="&#47;app&#47;x">'),
    (APP, Kind.HTML, '<a href="//cdn.example/x">', '<a href="//cdn.example/x">'),
    (APP, Kind.HTML, '<a href="/\\cdn.example/x">', '<a href="/\\cdn.example/x">'),
    (APP, Kind.HTML, '<a href="/\t/cdn.example/x">', '<a href="/\t/cdn.example/x">'),
    (APP, Kind.HTML, '<a href="/&#x2F;cdn.example/x">', '<a href="/&#x2F;cdn.example/x">'),
    (APP, Kind.HTML, '<a href="x?y=/z">', '<a href="x?y=/z">'),
    (
        APP,
        Kind.HTML,
        '<a href="#/x"><a href="mailto:a/b"><a href="">',
        '<a href="#/x"><a href="mailto:a/b"><a href="">',
    ),
    (
        APP,
        Kind.HTML,
        '<a href="/app/x"><a href="/app"><a href="/app?q">',
        '<a href="/app/x"><a href="/app"><a href="/app?q">',
    ),
    (APP, Kind.HTML, '<a href="/apple">', '<a href="/app/apple">'),
    (UNAWARE, Kind.HTML, '<a href="/app/x">', '<a href="/app/app/x">'),
    (APP, Kind.HTML, f'<a href="/x?u={B}/y">', f'<a href="/app/x?u={P}/app/y">'),
    (APP, Kind.HTML, '<p title="/x" alt=/x>href="/x"</p>', '<p title="/x" alt=/x>href="/x"</p>'),
    (APP, Kind.HTML, "<p title=' href=\"/x\"'>", "<p title=' href=\"/x\"'>"),
    (
        APP,
        Kind.HTML,
        '<form action="/x"><button formaction="/y">',
        '<form action="/app/x"><button formaction="/app/y">',
    ),
    (APP, Kind.HTML, '<img srcset="/a 1x, b 2x,/c 3x">', '<img srcset="/app/a 1x, b 2x,/app/c 3x">'),
    (APP, Kind.HTML, '<link imagesrcset="/a" href=/b>', '<link imagesrcset="/app/a" href=/app/b>'),
    (APP, Kind.HTML, '<a ping="/a /b">', '<a ping="/app/a /app/b">'),
    (
        APP,
        Kind.HTML,
        '<meta http-equiv=refresh content="0; url=/x">',
        '<meta http-equiv=refresh content="0; url=/app/x">',
    ),
    (
        APP,
        Kind.HTML,
        "<meta http-equiv=Refresh content=\"5;URL='/x'\">",
        "<meta http-equiv=Refresh content=\"5;URL='/app/x'\">",
    ),
    (APP, Kind.HTML, '<meta name=description content="/x">', '<meta name=description content="/x">'),
    (APP, Kind.HTML, '<p style="background:url(/x)">', '<p style="background:url(/app/x)">'),
    (APP, Kind.HTML, "<p style='background:url(&quot;/x&quot;)'>", "<p style='background:url(&quot;/app/x&quot;)'>"),
    (
        APP,
        Kind.HTML,
        "<style>@import '/x'; a{b:url( /y )}</style>",
        "<style>@import '/app/x'; a{b:url( /app/y )}</style>",
    ),
    (APP, Kind.HTML, '<img data-src="/x" data-id="/x">', '<img data-src="/app/x" data-id="/x">'),
    (APP, Kind.HTML, '<p hx-get="/x">', '<p hx-get="/app/x">'),
    (
        APP,
        Kind.HTML,
        '<iframe srcdoc="&lt;a href=&quot;/x&quot;&gt;">',
        '<iframe srcdoc="&lt;a href=&quot;/app/x&quot;&gt;">',
    ),
    (APP, Kind.HTML, "<script>fetch('/x')</script>", "<script>fetch('/x')</script>"),
    (
        API,
        Kind.HTML,
        "<script>fetch('/api/x', '/apis', '/v1/x', '/v1/y')</script>",
        "<script>fetch('/app/api/x', '/apis', '/app/v1/x', '/v1/y')</script>",
    ),
    (API, Kind.HTML, "<p onclick=\"go('/api/x')\" title='/api'>", "<p onclick=\"go('/app/api/x')\" title='/api'>"),
    (
        APP,
        Kind.HTML,
        '<script type=importmap>{"imports":{"a":"/x.js","/b/":"./c/"}}</script>',
        '<script type=importmap>{"imports":{"a":"/app/x.js","/app/b/":"./c/"}}</script>',
    ),
    (
        APP,
        Kind.HTML,
        '<script type="speculationrules">{"prefetch":[{"urls":["/x","y","\\/z"]}]}</script>',
        '<script type="speculationrules">{"prefetch":[{"urls":["/app/x","y","\\/app\\/z"]}]}</script>',
    ),
    (
        APP,
        Kind.XHTML,
        '<script type="SpeculationRules"><![CDATA[{"not":{"href_matches":["/out","/a/*"]}}]]></script>',
        '<script type="SpeculationRules"><![CDATA[{"not":{"href_matches":["/app/out","/app/a/*"]}}]]></script>',
    ),
    (APP, Kind.ADDRESSES, '{"prefetch":[{"urls":["/x","y"]}]}', '{"prefetch":[{"urls":["/app/x","y"]}]}'),
    (APP, Kind.ADDRESSES, f'{{"imports":{{"/a/":"{B}/x"}}}}', f'{{"imports":{{"/app/a/":"{P}/app/x"}}}}'),
    (
        API,
        Kind.XML,
        f"<update><![CDATA[<a href='/x'>{B}/y</a><script>go('/api/z', '/z')</script>]]></update>",
        f"<update><![CDATA[<a href='/app/x'>{P}/app/y</a><script>go('/app/api/z', '/z')</script>]]></update>",
    ),
    (API, Kind.XML, "<eval><![CDATA[go('/api/x', '/y')]]></eval>", "<eval><![CDATA[go('/app/api/x', '/y')]]></eval>"),
    (API, Kind.XML, "<evil><![CDATA[go('/api/x')]]></evil>", "<evil><![CDATA[go('/api/x')]]></evil>"),
    (API, Kind.XHTML, "<eval>go('/api/x')</eval>", "<eval>go('/api/x')</eval>"),
    (APP, Kind.XML, "<description><![CDATA[<img src=/x>", "<description><![CDATA[<img src=/app/x>"),
    (
        APP,
        Kind.HTML,
        "<!-- <a href='/x'> --><title><a href='/x'></title>",
        "<!-- <a href='/x'> --><title><a href='/x'></title>",
    ),
    (APP, Kind.HTML, '<base href="/"><a href="/x">', '<base href="/app/"><a href="/app/x">'),
    (APP, Kind.HTML, f'<base href="{B}/y/"><a href="/x">', f'<base href="{P}/app/y/"><a href="/app/x">'),
    (APP, Kind.HTML, f'<base href="{P}/app/"><a href="/x">', f'<base href="{P}/app/"><a href="/app/x">'),
    (
        APP,
        Kind.HTML,
        '<base href="//cdn.example/"><a href="/x"><a href="/x">',
        '<base href="//cdn.example/"><a href="/x"><a href="/x">',
    ),
    (
        APP,
        Kind.HTML,
        '<base href="//cdn.example/"><base href="/"><img src="/x">',
        '<base href="//cdn.example/"><base href="/"><img src="/x">',
    ),
    (APP, Kind.HTML, "<a href='/../x'><a href='/a/../x'>", "<a href='/app/x'><a href='/app/a/../x'>"),
    (
        BASE,
        Kind.HTML,
        '<a href="/base/x"><a href="/other"><a href="/base">',
        '<a href="/app/x"><a href="/other"><a href="/app">',
    ),
    (
        ROOT,
        Kind.HTML,
        '<a href="/base/x"><a href="/base"><a href="/base?q">',
        '<a href="/x"><a href="/"><a href="/?q">',
    ),
    (APP, Kind.XHTML, '<a href="/x"/>', '<a href="/app/x"/>'),
    (APP, Kind.SVG, '<svg><use xlink:href="/x"/></svg>', '<svg><use xlink:href="/app/x"/></svg>'),
    (
        APP,
        Kind.XHTML,
        '<script type="importmap"><![CDATA[{"imports":{"a":"/x.js"}}]]></script>',
        '<script type="importmap"><![CDATA[{"imports":{"a":"/app/x.js"}}]]></script>',
    ),
    (
        API,
        Kind.XHTML,
        "<script>//<![CDATA[\nfetch('/api/x', '/y')\n//]]></script>",
        "<script>//<![CDATA[\nfetch('/app/api/x', '/y')\n//]]></script>",
    ),
    (
        APP,
        Kind.XML,
        '<feed><link href="/x"/><id>/x</id><b data="/x"/></feed>',
        '<feed><link href="/app/x"/><id>/x</id><b data="/x"/></feed>',
    ),
    (APP, Kind.XML, "<?xml-stylesheet href='/x'?><a/>", "<?xml-stylesheet href='/app/x'?><a/>"),
    (
        APP,
        Kind.CSS,
        "@import \"/x\"; a{b:url(/y) url('/z')} /* url(/x) */",
        "@import \"/app/x\"; a{b:url(/app/y) url('/app/z')} /* url(/x) */",
    ),
    (
        APP,
        Kind.CSS,
        "a{b:image-set('/a.avif' type(\"image/avif\"), \"/b,c.png\" 2x, url(/d) 3x, 'e' 4x);c:image-set(",
        "a{b:image-set('/app/a.avif' type(\"image/avif\"), \"/app/b,c.png\" 2x, url(/app/d) 3x, 'e' 4x);c:image-set(",
    ),
    (APP, Kind.CSS, r"a { b: url(\2fx.png) }", r"a { b: url(\2f app\2fx.png) }"),
    (APP, Kind.CSS, "a{b:url(//cdn.example/x) url(x) url(data:a/b)}", "a{b:url(//cdn.example/x) url(x) url(data:a/b)}"),
    (APP, Kind.JAVASCRIPT, "fetch('/x')", "fetch('/x')"),
    (
        API,
        Kind.JAVASCRIPT,
        'fetch("/api/x"); a = `/api`; b = "x/api"',
        'fetch("/app/api/x"); a = `/app/api`; b = "x/api"',
    ),
    (API, Kind.JSON, r'{"a":"\/api\/x","b":"/x","c":"/app/api"}', r'{"a":"\/app\/api\/x","b":"/x","c":"/app/api"}'),
    (
        APP,
        Kind.MANIFEST,
        '{"start_url":"/","scope": "/x/","icons":[{"src":"/i.png"}],"name":"/n"}',
        '{"start_url":"/app/","scope": "/app/x/","icons":[{"src":"/app/i.png"}],"name":"/n"}',
    ),
    (
        APP,
        Kind.PLAYLIST,
        '#EXTM3U\n#EXT-X-MAP:URI="/i"\n/a.ts\nb.ts\n',
        '#EXTM3U\n#EXT-X-MAP:URI="/app/i"\n/app/a.ts\nb.ts\n',
    ),
]


@pytest.mark.parametrize(("link_map", "kind", "before", "after"), PATHS)
def test_paths(link_map: LinkMap, kind: Kind, before: str, after: str) -> None:
    assert rewritten(before, kind, link_map) == after


STYLES = [
    # code of a script; § is where the mount comes in
    'a.style.background = "url(§/x.png)"',
    "a.style.background = 'no-repeat url( \"§/x.png\" )'",
    "a = `background: red url(§/x.png)`",
    "a.css({'background-image': 'url(§/x/' + name + ')'})",
    'a = "<p style=\\"b:url(\\\'§/x\\\')\\">"',
    "css`\n  color: red;\n  background: linear-gradient(a, b), url(§/x.png);\n`",
    '{"css":"a{b:url(§/x)}","u":"url(§\\/y)"}',
    "f('url(x)', 'url(//cdn.example/x)', 'url(#a)', 'url(data:x/y)', 'url(§/)')",
    # A function, a regular expression, and what is no string.
    "a = url('/x') + url(/x/.source)",
    "a = 'b' + url(/x/)",
    'a("b", url(/x/), "c", url("/y"))',
    "if (a) url(/x/)",
    "curl(/x/); b = 'my_url(/x)'",
]


@pytest.mark.parametrize("kind", [Kind.JAVASCRIPT, Kind.JSON])
@pytest.mark.parametrize("text", STYLES)
def test_styles_in_scripts(text: str, kind: Kind) -> None:
    after = text.replace("§", "/app") if "\\/y" not in text else text.replace("§/", "/app/").replace("§\\", "\\/app\\")
    assert rewritten(text.replace("§", ""), kind) == after
    link_map = LinkMap([Pair(BACKEND, PUBLIC)])
    assert rewritten(text.replace("§", ""), kind, link_map) == text.replace("§", "")


CLIMBS = [
    # (path of the page, reference, what it becomes)
    ("/a", "../x", "/app/x"),
    ("/a", "x/../../y", "/app/y"),
    ("/a/b", "../x", "../x"),
    ("/a/b", "../../x?q#f", "/app/x?q#f"),
    ("/a/b/", "../..", "../.."),
    ("/a/b/", "../../..", "/app/"),
    ("", "../x", "../x"),
    ("/a", "./x", "./x"),
    ("/a", "a..b", "a..b"),
]


@pytest.mark.parametrize(("page", "before", "after"), CLIMBS)
def test_references_that_climb_over_the_root(page: str, before: str, after: str) -> None:
    assert rewritten(f'<a href="{before}">', Kind.HTML, page=page) == f'<a href="{after}">'
    assert rewritten(f"a{{b:url({before})}}", Kind.CSS, page=page) == f"a{{b:url({after})}}"


def test_references_climb_from_the_base() -> None:
    page = '<base href="/a/b/"><a href="../../x"><a href="../../../x">'
    expected = '<base href="/app/a/b/"><a href="../../x"><a href="/app/x">'
    assert rewritten(page, Kind.HTML, page="/") == expected


def test_tags_stop_at_what_html_defines() -> None:
    page = '<a href="/x"><img srcset="/a 1x" data-src="/x" style="b:url(/x)"><style>@import "/x"</style>'
    expected = '<a href="/app/x"><img srcset="/app/a 1x" data-src="/x" style="b:url(/x)"><style>@import "/x"</style>'
    assert rewritten(page, Kind.HTML, everywhere=False) == expected


def test_paths_that_scripts_give_to_what_takes_a_url_are_told() -> None:
    told: list[str] = []
    links = Links(API, True, lambda *change: None, on_path=told.append)
    script = b"fetch('/api/x'); fetch('/data.json'); open('GET', '/y'); a = '/re/'; import z from '/z.js'; go('/app')"
    rewrite_content(b"<script>%b</script>" % script, Kind.HTML, links=links)
    rewrite_content(script, Kind.JAVASCRIPT, links=links)
    assert told == ["/data.json", "/y", "/z.js"] * 2


def test_paths_in_json_are_told_by_the_names_of_their_keys() -> None:
    told: list[str] = []
    links = Links(API, True, lambda *change: None, on_path=told.append)
    text = rb'{"static":"/static","baseUrl": "\/a\/b","href":"/c?d","text":"/e","u":"/api/f","icon":"//g","url":"/h i"}'
    rewrite_content(text, Kind.JSON, links=links)
    rewrite_content(b"<script type=application/json>%b</script>" % text, Kind.HTML, links=links)
    rewrite_content(b"config = %b" % text, Kind.JAVASCRIPT, links=links)
    assert told == ["/static", "/a/b", "/c"] * 3


CODE_IN_SVG = [
    # § is where the mount comes in
    '<style>@import "§/x"; a{b:url(§/y)}</style>',
    '<style type="text/css"> <![CDATA[ @import "§/x"; ]]></style>',
    "<style>/*<![CDATA[*/ a{b:url(§/y)} /*]]>*/ b{c:url(§/z)}</style>",
    "<style>a{b:url(§/y)}<!-- url(/c) --> b{c:url(§/z)}</style>",
    "<style>a{b:url(§/x)}</style>url(/x)<style/>url(/x)<style></style>url(/x)",
    "<style/><![CDATA[url(/x)]]><style></style><![CDATA[url(/x)]]><style>url(§/x)</style><![CDATA[url(/x)]]>",
    '<script href="§/x"/><script type="module" xlink:href="§/x"></script>',
    '<script type="importmap"><![CDATA[{"imports":{"a":"§/x.js"}}]]></script>',
    "<script>//<![CDATA[\nfetch('§/api/x', '/y')\n//]]></script>",
    '<rect fill="url(§/p.svg#a)" mask="url(§/m.svg#a)" style="stroke:url(§/x)" stroke="url(#a)"/>',
]


@pytest.mark.parametrize("kind", [Kind.HTML, Kind.XHTML, Kind.SVG])
@pytest.mark.parametrize("text", CODE_IN_SVG)
def test_code_in_svg(kind: Kind, text: str) -> None:
    page = f"<svg>{text}</svg>"
    assert rewritten(page.replace("§", ""), kind, API) == page.replace("§", "/app")


def test_paths_in_scripts_of_svg_and_xhtml_are_told() -> None:
    told: list[str] = []
    links = Links(API, True, lambda *change: None, on_path=told.append)
    for kind in (Kind.HTML, Kind.XHTML, Kind.SVG):
        page = "<svg><script>fetch('/a')<!-- --><![CDATA[fetch('/b')]]></script>fetch('/c')</svg>"
        rewrite_content(page.encode(), kind, links=links)
    assert told == ["/a", "/b"] * 3


def test_place_and_bytes_of_each_change_are_told() -> None:
    told: list[tuple[str, int, bytes, bytes]] = []
    page = f'<a href="/x"><img src=/y srcset="{B}/z 1x, /q 2x"><p>'.encode()
    rewrite_content(page, Kind.HTML, links=Links(APP, True, lambda *change: told.append(change)))
    assert [where for where, *_ in told] == ["<a href>", "<img src>", "<img srcset>", "<img srcset>"]
    assert all(page.startswith(before, at) for _, at, before, _ in told)


PIECES = [
    *(" ", "\n", "/", ">", "<", "=", '"', "'", '="', '" ', "' ", "a", "x=", "<a", "<p ", "</a>", "</", "..", "&#47;"),
    *(" href=", " HREF=", " src =", " title=", ' href="', ' title="', " onclick=", " data-src=", " srcset=", " style="),
    *("<![CDATA[", "]]>", "<svg><style>", "</style></svg>", "<script/>"),
    *("<script>", "</script>", "<style>", "</style>", "<!--", "-->", "<svg>", "</svg>", "<base href='", "url(", "//"),
    *("url(/", "'url(/x)", '="b:url(/x)"', "='c: url(", "<update>", "<eval>"),
    *('="/', "'/x'", '"/x"', "/app/", "/app", "/base/x", "../x", "/api/", '"/api"', "\t", "\\", "<b c='d'>"),
    *(f"{B}", f"{B}/x", f"{B}/base/", f"{B}/app", f' href="{B}/x"', f' href="{B}/base/x"', "privateserver:8080", P),
]  # fmt: skip
PAGES = st.lists(st.sampled_from(PIECES), max_size=24).map("".join)


@given(PAGES, st.sampled_from(MAPS), st.booleans(), st.sampled_from(["", "/a/b"]))
def test_the_quick_way_gives_what_every_token_gives(page: str, link_map: LinkMap, everywhere: bool, path: str) -> None:
    told: list[int] = []
    links = Links(
        link_map, everywhere, lambda where, *_: told.append(1), lambda count: told.extend([1] * count), page=path
    )
    quick, count = rewrite_content(page.encode(), Kind.HTML, links=links), len(told)
    told.clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Markup, "_plain", lambda self, links: None)
        assert quick == rewrite_content(page.encode(), Kind.HTML, links=links)
    assert count == len(told)


QUICK = [
    # (page, whether the quick way takes all of it)
    ('<a href="/x" class=c>text</a>', True),
    (f'<a href="/x"><img src="{B}/y" alt="">a = b</a>', True),
    ('<a href="//cdn.example/x" title="a/b"><p style="color: red" onclick="go()" hidden>', True),
    ('<a href="x/y#/z">', True),
    ('<a href="/app/x">', False),
    ("<a href='/x'>", False),
    ('<p title="/x">', False),
    ('<p>x="/y"</p>', False),
    ('<img srcset="/x">', False),
    ('<a href="../x">', False),
]


@pytest.mark.parametrize(("page", "quick"), QUICK)
def test_what_is_plain(page: str, quick: bool) -> None:
    links = Links(APP, True, lambda *change: None)
    plain = MountedMarkup(Kind.HTML, links, Mount("", "/app"))._plain(links)
    assert plain is not None
    taken = plain[0].match(page.encode())
    assert taken is not None
    assert (taken.end() == len(page)) is quick


IN_PARTS = (Kind.MULTIPART, Kind.PAGE_UPDATE)
KINDS = [kind for kind in Kind if kind not in (Kind.OTHER_TEXT, Kind.BINARY, *IN_PARTS)]


@given(PAGES, st.sampled_from(KINDS), st.sampled_from(MAPS), st.lists(st.integers(0, 200), max_size=4))
def test_in_chunks_as_whole(text: str, kind: Kind, link_map: LinkMap, cuts: list[int]) -> None:
    data = text.encode()
    links = Links(link_map, True, lambda *change: None, page="/a")
    rewriter = content_rewriter(kind, links=links)
    assert rewriter is not None
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    sent = [rewriter.feed(data[start:end]) for start, end in itertools.pairwise(places)]
    assert b"".join([*sent, rewriter.finish()]) == rewrite_content(data, kind, links=links)


@given(PAGES, st.sampled_from(KINDS), st.sampled_from([APP, API]))
def test_twice_is_once(text: str, kind: Kind, link_map: LinkMap) -> None:
    once = rewritten(text, kind, link_map)
    assert rewritten(once, kind, link_map) == once


REFERENCES = st.builds(
    lambda begin, rest: begin + rest,
    st.sampled_from(["/", B + "/", "//privateserver:8080/", "x", "//elsewhere.example/", "https://elsewhere.example/"]),
    st.from_regex(r"([a-z]{1,5}/){0,2}[a-z]{0,5}(\?[a-z=]{0,5})?", fullmatch=True),
)
PLACES = [
    '<a href="{}">',
    "<a href='{}'>",
    '<img srcset="{} 1x, y 2x">',
    '<p style="a:url({})">',
    "<style>@import '{}';</style>",
]


@given(st.lists(st.tuples(st.sampled_from(PLACES), REFERENCES), max_size=5))
def test_there_and_back(found: list[tuple[str, str]]) -> None:
    """The way back is the same machine: the public name in place of the backend's, and the paths swapped."""
    back = LinkMap([Pair(PUBLIC, BACKEND, "/app", "")], Mount("/app", "", aware=False))
    page = "".join(place.format(reference) for place, reference in found)
    assert rewritten(rewritten(page, Kind.HTML, UNAWARE), Kind.HTML, back) == page


def test_a_map_without_paths_is_what_it_was() -> None:
    link_map = LinkMap([Pair(BACKEND, PUBLIC)])
    assert link_map.mount is None
    assert list(link_map.table.plain_in(b"")) == [(b"http://privateserver:8080/", b"https://www.example.com/")]
    assert plain_pattern(link_map.table.hosts, link_map.table.begins, b"href").match(f'<a href="{B}/x">'.encode())
