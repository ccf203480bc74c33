"""Hashes by which a page vouches for code: of its inline code in a Content-Security-Policy, of files in `integrity`.

Code that is changed on its way has another hash. For inline code that is mended in the policy, which then allows both
hashes: `'sha256-OLD' 'sha256-NEW'`. For a file there are two ways. If it was seen, changed, before the page is sent,
the page gets its new digest. Else the page goes out with the digest that the backend gave it; that is a promise, and
from then on the file has to be left as it is (`AssetMemory`): a link in it that names the backend does less harm than a
script that no browser runs.

Not seen are promises outside of the attribute: in import maps, and in the scripts of module loaders.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterator, Mapping

from urlrewrite.content.asset_memory import AssetMemory
from urlrewrite.content.canonical_url import canonical_url
from urlrewrite.content.character_references import decoded
from urlrewrite.content.held import Held, held
from urlrewrite.content.html.rewriter import Attribute, HtmlRewriter, Token, TokenKind

ALGORITHMS = ("sha256", "sha384", "sha512")

_DIGEST = re.compile(r"(sha(?:256|384|512)-)([A-Za-z0-9+/_-]++={0,2})", re.IGNORECASE)
_SOURCE = re.compile(rf"('|&#0*39;|&#x0*27;|&apos;)({_DIGEST.pattern})\1", re.IGNORECASE)
_NEWLINE = re.compile(r"\r\n?")
_SURROGATE = re.compile("[\ud800-\udfff]")
_POLICY = re.compile(rb"\s*content-security-policy\s*", re.IGNORECASE)

_ADDRESS = {b"script": b"src", b"link": b"href"}
_WANTED = {
    b"script": frozenset({b"integrity", b"src"}),
    b"link": frozenset({b"integrity", b"href"}),
    b"base": frozenset({b"href"}),
}
_TAG = re.compile(rb"<(?:script|link|base)\s[^<>]*>", re.IGNORECASE)
_MAX_TAG_LENGTH = 1 << 14


def digests(data: bytes) -> dict[str, str]:
    """Return the digests of some bytes by all `ALGORITHMS`, as `integrity` and policies write them: `sha256-…`."""
    return {name: f"{name}-{base64.b64encode(hashlib.new(name, data).digest()).decode()}" for name in ALGORITHMS}


def new_digests(before: bytes, after: bytes) -> dict[str, str]:
    """Map the digest of `before` to that of `after`, for each algorithm."""
    return dict(zip(digests(before).values(), digests(after).values(), strict=True))


def has_hash(policy: str) -> bool:
    """Say whether a policy allows code by its hash."""
    return _SOURCE.search(policy) is not None


def allow_also(policy: str, hashes: Mapping[str, str]) -> str:
    """Return a Content-Security-Policy that allows the new hash wherever it allows an old one.

    The old one stays: the same code may stand elsewhere unchanged, and the backend has allowed it.
    """

    def both(source: re.Match[str]) -> str:
        new = hashes.get(_canonical(source[2]))
        return f"{source[0]} {source[1]}{new}{source[1]}" if new else source[0]

    return _SOURCE.sub(both, policy)


def inline_code(page: bytes, text: Callable[[bytes], str]) -> list[bytes]:
    """Return the code in an HTML page that a policy may allow by its hash, in order: elements, event handlers, styles.

    `text` decodes bytes of the page. The code is given as browsers hash it: as UTF-8, with character references
    resolved in attributes (CSP 3, 6.7.3.3).
    """
    found: list[bytes] = []

    def attribute(tag: Token, attribute: Attribute, value: bytes) -> None:
        del tag
        if not attribute.duplicate and (attribute.name.startswith(b"on") or attribute.name == b"style"):
            found.append(_hashed(_unescaped(value, text)))

    def raw(token: Token, data: bytes) -> None:
        if token.kind is TokenKind.RAW_TEXT and token.name in (b"script", b"style") and token.get(b"src") is None:
            found.append(_hashed(text(data)))

    rewriter = HtmlRewriter(attribute, raw)
    rewriter.feed(page, final=True)
    return found


def changed_hashes(before: bytes, after: bytes, text: Callable[[bytes], str]) -> dict[str, str] | None:
    """Map the hashes of the inline code of a page that was changed to those that it has now.

    None where it is unknown which code has become which, because there is more or less of it than before.
    """
    old, new = inline_code(before, text), inline_code(after, text)
    if len(old) != len(new):
        return None
    hashes: dict[str, str] = {}
    for was, became in zip(old, new, strict=True):
        if was != became:
            hashes |= new_digests(was, became)
    return hashes


def policies_in(page: bytes) -> Iterator[str]:
    """Yield the policies that a page gives itself by `<meta http-equiv>`, as written."""
    found: list[bytes] = []
    _meta_policies(page, found.append)
    return (policy.decode("latin-1") for policy in found)


def allow_also_in(page: bytes, hashes: Mapping[str, str]) -> bytes:
    """Return a page whose own policies allow the new hashes, too."""
    return _meta_policies(page, lambda policy: allow_also(policy.decode("latin-1"), hashes).encode("latin-1"))


class IntegrityAttributes:
    """A rewriter that makes the `integrity` attributes of an HTML page true, or keeps them and has the file left alone.

    `text` decodes bytes of the page. `hashes` are the digests that were changed, `promised` the URLs of files whose
    digest was kept. A page that comes in chunks is not read as HTML, which takes time, but searched for tags, so that
    one in a comment or script counts, too: that does no harm.
    """

    def __init__(self, page_url: str, memory: AssetMemory, text: Callable[[bytes], str]) -> None:
        self._base = page_url
        self._based = False
        self._memory = memory
        self._text = text
        self._held = b""
        self.hashes: dict[str, str] = {}
        self.promised: list[str] = []

    @property
    def held(self) -> Held:
        """Bytes consumed and not yet emitted."""
        return held(self._held)

    def feed(self, chunk: bytes) -> bytes:
        """Take the next bytes of a page; return what can be sent now, which is all but an unfinished tag."""
        data = self._held + chunk
        open_tag = data.rfind(b"<", -_MAX_TAG_LENGTH)
        end = len(data) if open_tag < 0 or data.find(b">", open_tag) >= 0 else open_tag
        self._held = data[end:]
        return self._mended(data[:end])

    def finish(self) -> bytes:
        """End the page; return all that was held back."""
        data, self._held = self._held, b""
        return data

    def whole(self, page: bytes) -> bytes:
        """Rewrite a whole page at once."""
        return self._tags(page)

    def _mended(self, data: bytes) -> bytes:
        # Searches for one word each are many times faster than one that minds its case.
        lower = data.lower()
        if b"integrity" not in lower and (self._based or b"<base" not in lower):
            return data
        return _TAG.sub(lambda tag: self._tags(tag[0]), data)

    def _tags(self, data: bytes) -> bytes:
        return HtmlRewriter(self._attribute, wanted=_WANTED).feed(data, final=True)

    def _attribute(self, tag: Token, attribute: Attribute, value: bytes) -> bytes | None:
        if tag.name == b"base":
            if not self._based:
                self._based = True
                self._base = canonical_url(_unescaped(value, self._text), self._base)
            return None
        if attribute.name != b"integrity" or attribute.duplicate:
            return None
        address = tag.get(_ADDRESS[tag.name])
        found = [_canonical(digest[0]) for digest in _DIGEST.finditer(value.decode("latin-1"))]
        if not address or not found:
            return None
        url = canonical_url(_unescaped(address, self._text), self._base)
        changed = self._memory.changed(url)
        if not all(digest in changed for digest in found):
            self.promised.append(url)
            self._memory.promise(url)
            return None
        self.hashes |= {digest: changed[digest] for digest in found}
        return _DIGEST.sub(lambda digest: changed[_canonical(digest[0])], value.decode("latin-1")).encode("latin-1")


def _meta_policies(page: bytes, change: Callable[[bytes], bytes | None]) -> bytes:
    def attribute(tag: Token, attribute: Attribute, value: bytes) -> bytes | None:
        if attribute.duplicate:
            return None
        if attribute.name == b"content" and _POLICY.fullmatch(tag.get(b"http-equiv") or b""):
            return change(value)
        return None

    return HtmlRewriter(attribute, wanted={b"meta": frozenset({b"http-equiv", b"content"})}).feed(page, final=True)


def _canonical(digest: str) -> str:
    """Return a digest as `digests` writes it; it may be in base64url (CSP 3, 2.3.1), its algorithm in any case."""
    found = _DIGEST.fullmatch(digest)
    assert found
    return found[1].lower() + found[2].replace("-", "+").replace("_", "/")


def _unescaped(value: bytes, text: Callable[[bytes], str]) -> str:
    """Return the value of an attribute with its character references resolved."""
    if b"&" not in value:
        return text(value)
    # References are resolved to UTF-8, so the rest has to be UTF-8, too.
    return decoded(text(value).encode("utf-8", "surrogatepass"))[0].decode("utf-8", "surrogatepass")


def _hashed(code: str) -> bytes:
    """Return code as browsers hash it, after the parser has changed line ends, NUL and broken bytes."""
    code = _NEWLINE.sub("\n", code).replace("\0", "\ufffd")
    return _SURROGATE.sub("\ufffd", code).encode()
