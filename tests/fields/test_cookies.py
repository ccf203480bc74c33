from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fields.portal import BACKEND, PUBLIC, mounted, names
from urlrewrite.fields.cookies import rewrite_set_cookie
from urlrewrite.fields.names import NameMap
from urlrewrite.model.origin import Origin

PLAIN = Origin("http", "www.example.com", 80)
LOCAL = Origin("https", "localhost", 8443)
LOCAL_PLAIN = Origin("http", "localhost", 8080)
INTRANET = Origin("http", "app.corp.example", 8080)

# public, line, expected (None: identical), how many warnings
LINES = [
    # Secure on an https name
    (PUBLIC, "a=1", "a=1; Secure", 0),
    (PUBLIC, "a=1; secure", None, 0),
    (PUBLIC, "a=1;SECURE;HttpOnly", None, 0),
    (PUBLIC, "a=1;HttpOnly", "a=1;HttpOnly;Secure", 0),
    (PUBLIC, "a=1; HttpOnly;", "a=1; HttpOnly; Secure;", 0),
    (PUBLIC, "a=1; ", "a=1; Secure; ", 0),
    (PUBLIC, "a=", "a=; Secure", 0),
    (PUBLIC, "a", "a; Secure", 0),
    (PUBLIC, "secure=1; x-secure", "secure=1; x-secure; Secure", 0),
    (PUBLIC, "a=1; SameSite=None", "a=1; SameSite=None; Secure", 0),
    (PUBLIC, "a=1; Partitioned; SameSite=None; Path=/", "a=1; Partitioned; SameSite=None; Path=/; Secure", 0),
    # Domain
    (PUBLIC, "a=1; Domain=privateserver; Secure", "a=1; Domain=www.example.com; Secure", 0),
    (PUBLIC, "a=1; domain=.PrivateServer; Secure", "a=1; domain=.www.example.com; Secure", 0),
    (PUBLIC, "a=1; Domain = privateserver ;Secure", "a=1; Domain = www.example.com ;Secure", 0),
    (PUBLIC, 'a=1; Domain="privateserver"; Secure', 'a=1; Domain="www.example.com"; Secure', 0),
    (PUBLIC, "a=1; Domain=privateserver:8080; Secure", "a=1; Domain=www.example.com; Secure", 0),
    (PUBLIC, "a=1; Domain=privateserver.; Secure", "a=1; Domain=www.example.com; Secure", 0),
    (PUBLIC, "a=1; Domain=privateserver; Domain=privateserver; Secure",
     "a=1; Domain=www.example.com; Domain=www.example.com; Secure", 0),
    (PUBLIC, "a=1; Domain=; Secure", None, 0),
    (PUBLIC, "a=1; Domain; Secure", None, 0),
    (PUBLIC, "a=1; Domain=www.example.com; Secure", None, 0),
    (PUBLIC, "a=1; Domain=example.com; Secure", None, 0),
    (PUBLIC, "a=1; Domain=com; Secure", "a=1; Secure", 0),
    (PUBLIC, "a=1; Domain=other.example; Secure", None, 1),
    (PUBLIC, "a=1; Domain=privateserver.evil.com; Secure", None, 1),
    (PUBLIC, "a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Domain=privateserver; HttpOnly; Secure",
     "a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Domain=www.example.com; HttpOnly; Secure", 0),
    (PUBLIC, "domain=x; Path=/; Secure", None, 0),
    (PUBLIC, "fakedomain=x; fakedomain=privateserver; Secure", None, 0),
    (LOCAL, "a=1; Domain=privateserver; Path=/; Secure", "a=1; Path=/; Secure", 0),
    (LOCAL, "a=1; Domain=localhost; Secure", None, 0),
    (Origin("https", "192.0.2.1", 443), "a=1; Domain=privateserver; Secure", "a=1; Secure", 0),
    (Origin("https", "2001:db8::1", 443), "a=1; Domain=privateserver; Secure", "a=1; Secure", 0),
    (Origin("https", "github.io", 443), "a=1; Domain=privateserver; Secure", "a=1; Secure", 0),
    (Origin("https", "www.example.co.uk", 443), "a=1; Domain=co.uk; Secure", "a=1; Secure", 0),
    # an http name
    (PLAIN, "a=1; Secure", "a=1", 0),
    (PLAIN, "a=1; secure; Path=/", "a=1; Path=/", 0),
    (PLAIN, "a=1", None, 0),
    (PLAIN, "a=1; SameSite=None; Secure; Partitioned", "a=1; SameSite=Lax", 0),
    (PLAIN, "a=1; samesite = NONE", "a=1; samesite = Lax", 0),
    (PLAIN, "a=1; SameSite=Strict; Secure", "a=1; SameSite=Strict", 0),
    (PLAIN, "__Host-a=1; Path=/; Secure", None, 1),
    (PLAIN, "__Secure-a=1; Secure; SameSite=None", None, 1),
    (PLAIN, "__Secure-a=1", None, 1),
    (PLAIN, "__Http-a=1", None, 1),
    (LOCAL_PLAIN, "a=1; Secure; SameSite=None; Partitioned", None, 0),
    (LOCAL_PLAIN, "__Host-a=1; Path=/; Secure", None, 0),
    (LOCAL_PLAIN, "a=1; SameSite=None", "a=1; SameSite=Lax", 0),
    # names that promise something
    (PUBLIC, "__Host-a=1; Path=/", "__Host-a=1; Path=/; Secure", 0),
    (PUBLIC, "__host-a=1; Path=/; Domain=privateserver; Secure", "__host-a=1; Path=/; Secure", 0),
    (PUBLIC, "__Host-a=1; Secure", None, 1),
    (PUBLIC, "__Host-a=1; Path=/x; Secure", None, 1),
    # Of several attributes of a name the last one counts (RFC 6265, 5.3, item 7).
    (PUBLIC, "__Host-a=1; Path=/x; Path=/; Secure", None, 0),
    (PUBLIC, "__Host-a=1; Path=/; Path=/x; Secure", None, 1),
    (PUBLIC, "__Host-a=1; Path=/; Path; Secure", None, 1),
    (PUBLIC, "__Secure-a=1; Path=/x", "__Secure-a=1; Path=/x; Secure", 0),
    # the value is session state
    (PUBLIC, "a=http%3A%2F%2Fprivateserver%3A8080%2F; Secure", None, 1),
    (PUBLIC, "a=host%253Dprivateserver; Secure", None, 1),
    (PUBLIC, "a=privateservers; Secure", None, 0),
    (PUBLIC, "a=my.privateserver.example; Secure", None, 0),
    (PUBLIC, "v=path=domain=; Path=/x; Secure", None, 0),
    (PUBLIC, "a=\xe9\udce9; Unknown=\xa0x\xa0; Domain=privateserver; Secure",
     "a=\xe9\udce9; Unknown=\xa0x\xa0; Domain=www.example.com; Secure", 0),
    # lines that are folded, against RFC 9110, 5.3, are not taken apart
    (PUBLIC, "a=1; Domain=privateserver, b=2; Secure", None, 1),
]  # fmt: skip


@pytest.mark.parametrize(("public", "line", "expected", "warnings"), LINES)
def test_line(public: Origin, line: str, expected: str | None, warnings: int) -> None:
    after, changes = rewrite_set_cookie(line, names(public))
    assert after == (line if expected is None else expected)
    edits = [change for change in changes if not change.warning]
    assert [(edit.before, edit.after) for edit in edits] == ([(line, after)] if after != line else [])
    assert all(edit.why for edit in edits)
    assert len(changes) - len(edits) == warnings


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a=1; Domain=corp.example; Secure", "a=1; Secure"),
        ("a=1; Domain=.example; Secure", "a=1; Secure"),
        ("a=1; Domain=app.corp.example; Secure", "a=1; Domain=www.example.com; Secure"),
    ],
)
def test_a_parent_domain_of_the_backend_has_no_counterpart(line: str, expected: str) -> None:
    assert rewrite_set_cookie(line, names(backend=INTRANET))[0] == expected


def test_a_domain_that_the_caller_maps() -> None:
    known = {"corp.example": "example.com", "cms.corp.example": "cms.example.net"}
    mapping = NameMap(PUBLIC, INTRANET, str, known.get)
    assert rewrite_set_cookie("a=1; Domain=.corp.example; Secure", mapping)[0] == "a=1; Domain=.example.com; Secure"
    line, changes = rewrite_set_cookie("a=1; Domain=cms.corp.example; Secure", mapping)
    assert line == "a=1; Domain=cms.example.net; Secure"
    assert [change.warning for change in changes] == [False, True]


MOUNTED = [
    ("a=1; Path=/; Secure", "a=1; Path=/app/; Secure"),
    ("a=1; path = /x ; Secure", "a=1; path = /app/x ; Secure"),
    ('a=1; Path="/x"; Secure', 'a=1; Path="/app/x"; Secure'),
    ("a=1; Path=x; Secure", "a=1; Path=x; Secure"),
    ("a=1; Path=; Secure", "a=1; Path=; Secure"),
    ("a=1; Path; Secure", "a=1; Path; Secure"),
    ("a=/x; fakepath=/x; Secure", "a=/x; fakepath=/x; Secure"),
    ("__Host-a=1; Path=/; Secure", "__Host-a=1; Path=/; Secure"),
]


@pytest.mark.parametrize(("line", "expected"), MOUNTED)
def test_the_path_moves_with_the_mount_point(line: str, expected: str) -> None:
    assert rewrite_set_cookie(line, names(map_path=mounted))[0] == expected


def test_the_caller_may_map_values() -> None:
    mapping = names(map_cookie_value=lambda value: value.replace("privateserver%3A8080", "www.example.com"))
    line, changes = rewrite_set_cookie("a = %2F%2Fprivateserver%3A8080 ; Secure", mapping)
    assert line == "a = %2F%2Fwww.example.com ; Secure"
    assert [change.why for change in changes] == ["value mapped"]
    assert rewrite_set_cookie("a=1; Secure", mapping) == ("a=1; Secure", [])


def test_every_reason_is_told() -> None:
    [change] = rewrite_set_cookie("a=1; Domain=privateserver", names())[1]
    assert change.why == "Domain=privateserver mapped to www.example.com; Secure added: the public name is https"


text = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters=";\x7f"), max_size=20)
attribute_names = st.sampled_from(["HttpOnly", "Max-Age", "Expires", "Path", "SameSite", "Priority", "x-unknown", ""])
attributes = st.lists(st.builds("{}{}={}".format, st.sampled_from(["", " ", "  "]), attribute_names, text), max_size=5)


@given(text, attributes)
def test_with_nothing_to_change_a_line_is_identical(pair: str, rest: list[str]) -> None:
    line = ";".join([pair.replace("__", ""), *rest, " Secure"])
    assert rewrite_set_cookie(line, names()) == (line, [])


@given(text, attributes, attributes)
def test_what_is_not_known_survives(pair: str, before: list[str], after: list[str]) -> None:
    pair = pair.replace("__", "")
    line = ";".join([pair, *before, " Domain=privateserver", *after, " Secure"])
    assert rewrite_set_cookie(line, names())[0] == ";".join(
        [pair, *before, " Domain=www.example.com", *after, " Secure"]
    )
    assert rewrite_set_cookie(line, names(LOCAL))[0] == ";".join([pair, *before, *after, " Secure"])


@given(st.text(max_size=80))
def test_any_text_is_borne_and_a_second_pass_changes_nothing(line: str) -> None:
    for public in (PUBLIC, PLAIN, LOCAL, LOCAL_PLAIN):
        once = rewrite_set_cookie(line, names(public, BACKEND))[0]
        assert rewrite_set_cookie(once, names(public, BACKEND))[0] == once


SUFFIXES = [
    # what stands in Domain, as a parent of the public name; whether browsers refuse it there
    *((suffix, True) for suffix in ("pages.dev", "vercel.app", "fly.dev", "deno.dev", "github.io", "netlify.app")),
    *((suffix, True) for suffix in ("web.app", "workers.dev", "azurewebsites.net", "co.uk", "com.au", "kawasaki.jp")),
    ("PAGES.dev", True),
    (".vercel.app", True),
    ("xn--55qx5d.cn", True),
    *((parent, False) for parent in ("x.pages.dev", "example.co.uk", "city.kawasaki.jp", "example.com")),
    ("corp.internal", False),  # what is not in the list is for browsers what it says, too
    ("intranet.corp", False),
]


@pytest.mark.parametrize(("domain", "refused"), SUFFIXES)
def test_a_public_suffix_cannot_stand_in_a_domain(domain: str, refused: bool) -> None:
    public = Origin("https", f"www.{domain.lower().lstrip('.')}", 443)
    line = f"a=1; Domain={domain}; Secure"
    after, changes = rewrite_set_cookie(line, names(public))
    assert after == ("a=1; Secure" if refused else line)
    assert [change.why for change in changes] == (
        [f"Domain={domain} dropped: {domain.lower().lstrip('.')} is a public suffix"] if refused else []
    )


@pytest.mark.parametrize("domain", ["pages.dev", "vercel.app", "fly.dev"])
def test_a_backend_published_as_a_public_suffix_has_cookies_of_its_own_host(domain: str) -> None:
    after, _ = rewrite_set_cookie("a=1; Domain=privateserver; Secure", names(Origin("https", domain, 443)))
    assert after == "a=1; Secure"


@pytest.mark.parametrize("domain", ["a..com", "*.com", "\udce9.com", "ü.com", "x." + "a" * 300 + ".com", "..", "-.dev"])
def test_a_domain_that_is_none(domain: str) -> None:
    line = f"a=1; Domain={domain}; Secure"
    after, _ = rewrite_set_cookie(line, names(Origin("https", f"www.{domain}", 443)))
    assert after in (line, "a=1; Secure")
