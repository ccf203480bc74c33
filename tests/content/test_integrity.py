from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from urlrewrite.content.asset_memory import MAX_ASSETS, AssetMemory
from urlrewrite.content.canonical_url import canonical_url
from urlrewrite.content.integrity import (
    IntegrityAttributes,
    allow_also,
    allow_also_in,
    changed_hashes,
    digests,
    has_hash,
    inline_code,
    new_digests,
    policies_in,
)

PAGE = "https://www.example.com/dir/page.html"
OLD, NEW = b"old();", b"new();"
BEFORE, AFTER = digests(OLD), digests(NEW)
HASHES = new_digests(OLD, NEW)


def text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def test_digests_are_those_of_the_standard() -> None:
    """Subresource Integrity, 3.1: the example."""
    script = b"alert('Hello, world.');"
    assert digests(script)["sha384"] == "sha384-H8BRh8j48O9oYatfu5AZzq6A9RINhZO5H16dQZngK7T62em8MUt1FLm52t+eX6xO"


POLICIES = [
    (f"script-src '{BEFORE['sha256']}' 'self'", f"script-src '{BEFORE['sha256']}' '{AFTER['sha256']}' 'self'"),
    (f"style-src '{BEFORE['sha512']}'", f"style-src '{BEFORE['sha512']}' '{AFTER['sha512']}'"),
    (f"x &#39;{BEFORE['sha256']}&#39;", f"x &#39;{BEFORE['sha256']}&#39; &#39;{AFTER['sha256']}&#39;"),
    (
        f"x '{BEFORE['sha256'].replace('sha256', 'SHA256').replace('+', '-').replace('/', '_')}'",
        f"x '{BEFORE['sha256'].replace('sha256', 'SHA256').replace('+', '-').replace('/', '_')}' '{AFTER['sha256']}'",
    ),
    ("script-src 'sha256-AAAA' 'nonce-x'", None),
    (f"report-to {BEFORE['sha256']}", None),
    ("", None),
]


@pytest.mark.parametrize(("policy", "expected"), POLICIES)
def test_policy(policy: str, expected: str | None) -> None:
    assert allow_also(policy, HASHES) == (policy if expected is None else expected)


def test_hash() -> None:
    assert has_hash("script-src 'SHA384-x'")
    assert not has_hash("script-src 'nonce-x' sha256-x")


CODE = [
    (b"<script>a()</script>", [b"a()"]),
    (b"<script>a\r\nb\rc\0</script>", [b"a\nb\nc\xef\xbf\xbd"]),
    (b"<script src=x>a()</script><SCRIPT type=module> </SCRIPT>", [b" "]),
    (b"<style>b{}</style><p style='c&amp;d' onclick=\"e('&quot;')\">", [b"b{}", b"c&d", b"e('\"')"]),
    (b"<!-- <script>no</script> --><textarea><script>no</script></textarea>", []),
    (b"<p onclick=1 onclick=2 data-on=3>", [b"1"]),
    (b"<script>\xff</script>", [b"\xef\xbf\xbd"]),
    (b"<script></script>", []),
]


@pytest.mark.parametrize(("page", "expected"), CODE)
def test_inline_code(page: bytes, expected: list[bytes]) -> None:
    assert inline_code(page, text) == expected


def test_only_what_was_changed_gets_a_new_hash() -> None:
    page = b"<script>%b</script><script>same</script><p onclick='%b'>"
    assert changed_hashes(page % (OLD, OLD), page % (NEW, NEW), text) == HASHES
    assert changed_hashes(page % (OLD, OLD), page % (OLD, OLD), text) == {}
    assert changed_hashes(page % (OLD, OLD), b"<script>one</script>", text) is None


def test_policies_of_a_page() -> None:
    old, new = BEFORE["sha256"], AFTER["sha256"]
    page = b"<meta http-equiv=content-security-policy content=\"script-src '%b'\"><meta name=x content=\"'%b'\">"
    assert list(policies_in(page % (old.encode(), b"y"))) == [f"script-src '{old}'"]
    mended = allow_also_in(page % (old.encode(), old.encode()), HASHES)
    assert mended == page % (f"{old}' '{new}".encode(), old.encode())


URLS = [
    ("a.js", "https://www.example.com/dir/a.js"),
    ("/a.js?v=1&w=2#f", "https://www.example.com/a.js?v=1&w=2"),
    ("//CDN.example/a b.js", "https://cdn.example/a%20b.js"),
    ("\n a.js ", "https://www.example.com/dir/a.js"),
    ("http://[broken/", ""),
]


@pytest.mark.parametrize(("url", "expected"), URLS)
def test_url(url: str, expected: str) -> None:
    assert canonical_url(url, PAGE) == expected


def attributes(page: bytes, memory: AssetMemory, chunk: int = 0) -> tuple[bytes, IntegrityAttributes]:
    rewriter = IntegrityAttributes(PAGE, memory, text)
    if not chunk:
        return rewriter.whole(page), rewriter
    pieces = [rewriter.feed(page[at : at + chunk]) for at in range(0, len(page), chunk)]
    return b"".join([*pieces, rewriter.finish()]), rewriter


# A page, the files that have to stay as they are, and the file that was seen changed before.
PAGES = [
    (b'<script src=a.js integrity="sha256-AAAA"></script>', ["https://www.example.com/dir/a.js"]),
    (b"<LINK HREF='/s.css' INTEGRITY='sha384-AAAA'>", ["https://www.example.com/s.css"]),
    (b'<base href="/b/"><base href="/c/"><script src=a.js integrity=sha256-AAAA>', ["https://www.example.com/b/a.js"]),
    (b"<script src='a.js?x=1&amp;y=2' integrity=sha256-AAAA>", ["https://www.example.com/dir/a.js?x=1&y=2"]),
    (b"<script src=a.js></script><link rel=stylesheet href=b.css>", []),
    (b"<script src=a.js integrity=''></script><img src=x integrity=sha256-AAAA>", []),
    (b"<script integrity=sha256-AAAA>x</script>", []),
]


@pytest.mark.parametrize("chunk", [0, 1, 7, 1000])
@pytest.mark.parametrize(("page", "promised"), PAGES)
def test_files_that_a_page_vouches_for_have_to_stay(page: bytes, promised: list[str], chunk: int) -> None:
    memory = AssetMemory()
    sent, rewriter = attributes(page, memory, chunk)
    assert sent == page
    assert rewriter.promised == promised
    assert all(map(memory.is_promised, promised))
    assert not memory.is_promised("https://www.example.com/other.js")


@pytest.mark.parametrize("chunk", [0, 1, 1000])
def test_a_file_that_was_seen_changed_has_its_new_digest(chunk: int) -> None:
    memory = AssetMemory()
    memory.learn("https://www.example.com/dir/a.js", new_digests(OLD, NEW))
    page = b'<script integrity="%b %b?x" src=a.js></script>'
    sent, rewriter = attributes(page % (BEFORE["sha256"].encode(), BEFORE["sha384"].encode()), memory, chunk)
    assert sent == page % (AFTER["sha256"].encode(), AFTER["sha384"].encode())
    assert rewriter.hashes == {BEFORE[name]: AFTER[name] for name in ("sha256", "sha384")}
    assert not memory.is_promised("https://www.example.com/dir/a.js")


def test_a_file_that_was_seen_changed_from_something_else_has_to_stay() -> None:
    memory = AssetMemory()
    memory.learn("https://www.example.com/dir/a.js", new_digests(OLD, NEW))
    page = b"<script integrity=%b src=a.js></script>" % digests(b"third")["sha256"].encode()
    assert attributes(page, memory)[0] == page
    assert memory.is_promised("https://www.example.com/dir/a.js")


def test_the_memory_for_files_is_bounded() -> None:
    memory = AssetMemory()
    for number in range(MAX_ASSETS + 1):
        memory.promise(f"https://www.example.com/{number}")
    assert not memory.is_promised("https://www.example.com/0")
    assert memory.is_promised("https://www.example.com/1")


@given(st.binary(max_size=200), st.integers(1, 20))
def test_what_vouches_for_nothing_is_identical(data: bytes, chunk: int) -> None:
    assert attributes(data, AssetMemory())[0] == data
    assert attributes(data, AssetMemory(), chunk)[0] == data
