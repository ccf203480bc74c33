"""Set-Cookie lines made true for the public name.

A line is edited in place, never parsed and written anew: unknown attributes, their order, spacing and quoting survive,
and a line with nothing to change is identical. What browsers do with it is RFC 6265bis, 5.6 and 5.7.

Domain. The backend's own host becomes the public host, or the attribute is dropped where the public host cannot stand
in a Domain (one label, an address, a public suffix): the cookie is then for the public host alone, which is what a
backend that was reached under one name meant. A parent domain of the backend is dropped as well: the public name has no
such parent.

Secure. TLS ends here, so a backend that speaks plain HTTP cannot know that it should say Secure: it is added for an
https name, and removed for an http name, on which browsers refuse it. On http://localhost and its like it is kept:
Chromium and Firefox count these names as trustworthy and take Secure cookies from them (Safari does not), and taking it
away would lose `__Host-`, SameSite=None and Partitioned cookies in every browser.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from urllib.parse import unquote

from urlrewrite.fields.names import Change, NameMap, host_of, ip_address, is_loopback
from urlrewrite.fields.reasons import FieldReason, GivenReason, because
from urlrewrite.model.public_suffixes import is_public_suffix

_BLANKS = " \t"

PREFIXES: Mapping[str, tuple[str, ...]] = {
    "__secure-": ("Secure",),
    "__http-": ("Secure",),
    "__host-": ("Secure", "Path=/"),
}
"""How the name of a cookie begins, in lower case, and what browsers demand of such a cookie (RFC 6265bis, 4.1.3)."""


def demanded(name: str) -> tuple[str, ...]:
    """Return the attributes that browsers demand of a cookie with this name: `("Secure", "Path=/")`."""
    found = (attributes for prefix, attributes in PREFIXES.items() if name.lower().startswith(prefix))
    return tuple(dict.fromkeys(chain.from_iterable(found)))


def missing(name: str, attributes: Mapping[str, str]) -> tuple[str, ...]:
    """Return which of the demanded attributes a cookie lacks; it has `attributes`, by their names in lower case."""
    has = {f"{attribute}={value}" for attribute, value in attributes.items()} | attributes.keys()
    return tuple(each for each in demanded(name) if each.lower() not in has)


@dataclass
class _Line:
    """A line while it is edited: the cookie pair, the attributes as they came between the `;`, and what was done."""

    pair: str
    attributes: list[str]
    done: list[GivenReason] = field(default_factory=list)
    warnings: list[GivenReason] = field(default_factory=list)

    @cached_property
    def name(self) -> str:
        return _name(self.pair) if "=" in self.pair else ""

    def has(self, attribute: str) -> bool:
        return any(_name(text) == attribute for text in self.attributes)

    def drop(self, attribute: str, why: FieldReason) -> None:
        if self.has(attribute):
            self.attributes = [text for text in self.attributes if _name(text) != attribute]
            self.done.append(GivenReason(why))

    def add(self, attribute: str, why: FieldReason) -> None:
        """Add an attribute behind the last one that is not empty, spaced as the others are."""
        filled = [index for index, text in enumerate(self.attributes) if text.strip(_BLANKS)]
        spaced = not filled or self.attributes[filled[0]].startswith((" ", "\t"))
        self.attributes.insert(filled[-1] + 1 if filled else 0, f" {attribute}" if spaced else attribute)
        self.done.append(GivenReason(why))

    def set(self, attribute: str, value: str, why: FieldReason) -> None:
        self.attributes = [_with_value(text, value) if _name(text) == attribute else text for text in self.attributes]
        self.done.append(GivenReason(why))


def rewrite_set_cookie(line: str, names: NameMap) -> tuple[str, list[Change]]:
    """Make one Set-Cookie value true for `names.public`; return the new value, and changes and warnings.

    The value of the cookie is session state of the backend and left alone, with a warning where it holds the backend's
    name, unless there is a `map_cookie_value`.
    """
    pair, *attributes = line.split(";")
    cookie = _Line(pair, attributes)
    _map_value(cookie, names)
    _map_domains(cookie, names)
    _map_paths(cookie, names)
    _make_secure(cookie, names)
    _check_prefix(cookie)
    after = ";".join([cookie.pair, *cookie.attributes])
    changes = [Change("Set-Cookie", line, after, tuple(cookie.done))] if after != line else []
    changes += [Change("Set-Cookie", after, after, (warning,), warning=True) for warning in cookie.warnings]
    return after, changes


def _map_value(cookie: _Line, names: NameMap) -> None:
    span = _trim(cookie.pair, cookie.pair.find("=") + 1, len(cookie.pair))
    text = cookie.pair[slice(*span)]
    if names.map_cookie_value:
        mapped = names.map_cookie_value(text)
        if mapped != text:
            cookie.pair = _splice(cookie.pair, span, mapped)
            cookie.done += because(FieldReason.VALUE_MAPPED)
    elif names.map_text(text) != text or _mentions(text, names.backend.host):
        cookie.warnings += because(FieldReason.VALUE_NAMES_BACKEND, host=names.backend.host)


def _map_domains(cookie: _Line, names: NameMap) -> None:
    kept = []
    for text in cookie.attributes:
        domain = _value(text) if _name(text) == "domain" else ""
        after = _map_domain(domain, cookie, names) if domain else domain
        if after is not None:
            kept.append(text if after == domain else _with_value(text, after))
    cookie.attributes = kept


def _map_domain(domain: str, cookie: _Line, names: NameMap) -> str | None:
    """Return the Domain for the public name, or None where the cookie has to be for the public host alone."""
    public, backend = names.public.host, names.backend.host
    dot = "." if domain.startswith(".") else ""
    bare = domain.removeprefix(".")
    host = host_of(bare)
    if cookie.name.startswith("__host-"):
        cookie.done += because(FieldReason.DOMAIN_OF_HOST_COOKIE, domain=domain)
        return None
    if host in ("", public):
        return domain
    mapped = names.map_bare(bare)
    if host == backend:
        target = public
    elif mapped is not None:
        target = host_of(mapped)
    elif public.endswith(f".{host}"):
        target = host
    elif backend.endswith(f".{host}"):
        cookie.done += because(FieldReason.DOMAIN_ABOVE_BACKEND, domain=domain, host=backend)
        return None
    else:
        cookie.warnings += because(FieldReason.DOMAIN_OF_OTHERS, domain=domain, host=public)
        return domain
    if "." not in target or ip_address(target):
        cookie.done += because(FieldReason.DOMAIN_IMPOSSIBLE, domain=domain, host=target)
        return None
    if is_public_suffix(target):
        cookie.done += because(FieldReason.DOMAIN_PUBLIC_SUFFIX, domain=domain, host=target)
        return None
    if target == host:
        return domain
    if target != public and not public.endswith(f".{target}"):
        cookie.warnings += because(FieldReason.DOMAIN_NOT_PUBLIC, domain=target, host=public)
    cookie.done += because(FieldReason.DOMAIN_MAPPED, domain=domain, host=dot + target)
    return dot + target


def _map_paths(cookie: _Line, names: NameMap) -> None:
    map_path = names.map_cookie_path or names.map_path
    if map_path is None or cookie.name.startswith("__host-"):
        return
    for index, text in enumerate(cookie.attributes):
        path = _value(text) if _name(text) == "path" else ""
        # A path that does not begin with "/" is ignored by browsers: the default of the request's URL counts.
        after = map_path(path) if path.startswith("/") else path
        if after != path:
            cookie.attributes[index] = _with_value(text, after)
            cookie.done += because(FieldReason.PATH_MAPPED, path=path, after=after)


def _make_secure(cookie: _Line, names: NameMap) -> None:
    public = names.public
    if public.scheme == "https":
        if not cookie.has("secure"):
            cookie.add("Secure", FieldReason.SECURE_ADDED)
        return
    if cookie.has("secure") and not is_loopback(public.host):
        if "Secure" in demanded(cookie.name):
            cookie.warnings += because(FieldReason.SECURE_DEMANDED, host=str(public))
            return
        cookie.drop("secure", FieldReason.SECURE_REMOVED)
    if not cookie.has("secure"):
        cookie.drop("partitioned", FieldReason.PARTITIONED_REMOVED)
        if any(_name(text) == "samesite" and _value(text).lower() == "none" for text in cookie.attributes):
            cookie.set("samesite", "Lax", FieldReason.SAME_SITE_LAX)


def _check_prefix(cookie: _Line) -> None:
    """Warn of a name that promises what the line does not keep (RFC 6265bis, 4.1.3): browsers refuse the cookie."""
    # Of several attributes of a name the last one counts.
    lacking = missing(cookie.name, {_name(text): _value(text) for text in cookie.attributes})
    if lacking:
        cookie.warnings += because(FieldReason.PREFIX_BROKEN, attributes=" and ".join(lacking))


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    """Narrow a span to what stands between blanks (which are SP and HTAB: NBSP may be half of a UTF-8 letter)."""
    while start < end and text[start] in _BLANKS:
        start += 1
    while start < end and text[end - 1] in _BLANKS:
        end -= 1
    return start, end


def _name(attribute: str) -> str:
    return attribute.partition("=")[0].strip(_BLANKS).lower()


def _value_span(attribute: str) -> tuple[int, int]:
    """Find the value of an attribute without the quotes around it, which old servers write."""
    equals = attribute.find("=")
    start, end = _trim(attribute, equals + 1 if equals >= 0 else len(attribute), len(attribute))
    if end - start > 1 and attribute[start] == attribute[end - 1] == '"':
        return start + 1, end - 1
    return start, end


def _value(attribute: str) -> str:
    return attribute[slice(*_value_span(attribute))]


def _with_value(attribute: str, value: str) -> str:
    return _splice(attribute, _value_span(attribute), value)


def _splice(text: str, span: tuple[int, int], new: str) -> str:
    return text[: span[0]] + new + text[span[1] :]


def _mentions(text: str, host: str) -> bool:
    """Say whether a host stands in a text as a name of its own, also percent-encoded once or twice."""
    name = rf"(?<![A-Za-z0-9.-]){re.escape(host)}(?![A-Za-z0-9-]|\.[A-Za-z0-9])"
    return re.search(name, unquote(unquote(text)), re.IGNORECASE) is not None
