"""URL references inside field values: where each kind of value keeps them, and how they are mapped in place.

Every function takes a value and the names and gives the new value; one without a URL of a backend comes back as it was.
A URL with a host is the business of `map_text`, wherever it stands. What a field's syntax has to be known for are the
references without a host (`/login`), which change only when the public site is mounted under another path, the escapes
of JSON, and the two places where a URL must be left as it is: a Digest challenge and a name that only looks like one.
"""

from __future__ import annotations

import re

from urlrewrite.fields.names import NameMap

_PATH_ONLY = re.compile(r"/(?![/\\])[^?#]*")

# In these, group 1 is what stands before a reference and group 2 the reference.
_WHOLE = re.compile(r"\A(\s*)(\S.*)", re.DOTALL | re.ASCII)
_REFRESH = re.compile(r"\A(\s*[\d.]*\s*[;,]?\s*(?:url\s*=\s*)?[\"']?)([^\"']*)", re.IGNORECASE | re.ASCII)
_LINK = re.compile(r"(<\s*|;\s*anchor\s*=\s*\"?)([^<>\";,]*)", re.IGNORECASE | re.ASCII)
_RESOURCE_TAG = re.compile(r"(<)(/[^<>]*)(?=>\s*\()", re.ASCII)
_QUOTED = re.compile(r'(")([^"]*)')
_LIST = re.compile(r"(?<=[;=\s])()(/[^\s;,]*+)", re.ASCII)

_JSON_STRING = re.compile(r'"((?:[^"\\]|\\.)*+)("|\\?\Z)', re.DOTALL)
_JSON_ESCAPE = re.compile(r"\\(?:u00([0-9a-f]{2})|.)", re.IGNORECASE | re.DOTALL)

_DIGEST = re.compile(r"(?:\A|,)\s*digest\s", re.IGNORECASE)
_TOKEN = re.compile(r"\S+", re.ASCII)
_DIGEST_DOMAIN = re.compile(r'(\bdomain\s*=\s*")([^"]*)', re.IGNORECASE)

_NAME = r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.?"
_BARE_AUTHORITY = re.compile(rf"(?<![\w.@/%:-])(?:\[[0-9A-Fa-f:.]+\]|{_NAME})(?::\d+)?(?![\w.:@%-])")


def mount(reference: str, names: NameMap) -> str:
    """Map the path of a path-only reference (`/x?q#f`) where the public site is mounted under another path."""
    path = _PATH_ONLY.match(reference)
    return names.map_path(path[0]) + reference[path.end() :] if path and names.map_path else reference


def map_reference(reference: str, names: NameMap) -> str:
    """Map one URI reference, with a host or path-only."""
    return names.map_text(mount(reference, names))


def map_url(value: str, names: NameMap) -> str:
    """Map a value that is one URI reference, as of Location (RFC 9110, 10.2.2)."""
    return _map_found(_WHOLE, value, names)


def map_refresh(value: str, names: NameMap) -> str:
    """Map a Refresh value, `5;url=/x`, in all the spellings that the HTML standard's algorithm accepts."""
    return _map_found(_REFRESH, value, names)


def map_link(value: str, names: NameMap) -> str:
    """Map the targets and anchors of a Link value (RFC 8288), several of them as well."""
    return _map_found(_LINK, value, names)


def map_tagged_list(value: str, names: NameMap) -> str:
    """Map the resources of WebDAV's If (RFC 4918, 10.4.2); between the parentheses there are URIs and validators."""
    return _map_found(_RESOURCE_TAG, value, names)


def map_quoted(value: str, names: NameMap) -> str:
    """Map the quoted strings of a structured field (RFC 9651), as of Reporting-Endpoints."""
    return _map_found(_QUOTED, value, names)


def map_list(value: str, names: NameMap) -> str:
    """Map references that stand behind `;`, `=` or blanks, as of X-XSS-Protection and Upload-Concat (tus 1.0)."""
    return _map_found(_LIST, value, names)


def map_json(value: str, names: NameMap) -> str:
    r"""Map the strings of a JSON value, also where `/` is spelt `\/` or `\u002f`; a value that is not JSON is a URL."""
    if not value.lstrip().startswith(("{", "[", '"')):
        return map_url(value, names)

    def mapped(string: re.Match[str]) -> str:
        plain = _JSON_ESCAPE.sub(_unescape, string[1])
        after = map_reference(plain, names)
        if after == plain or string[2] != '"':
            return string[0]
        return '"' + (after.replace("/", r"\/") if r"\/" in string[1] else after) + '"'

    return _JSON_STRING.sub(mapped, value)


def map_challenge(value: str, names: NameMap) -> str:
    """Map a WWW-Authenticate value. In a Digest challenge only `domain`: the realm goes into the client's hash."""
    if not _DIGEST.search(value):
        return names.map_text(value)

    def mapped(domain: re.Match[str]) -> str:
        return domain[1] + _TOKEN.sub(lambda reference: map_reference(reference[0], names), domain[2])

    return _DIGEST_DOMAIN.sub(mapped, value)


def map_authorities(value: str, names: NameMap) -> str:
    """Map the bare `host` and `host:port` tokens of a value that names machines, as of Via."""
    return _BARE_AUTHORITY.sub(lambda bare: names.map_bare(bare[0]) or bare[0], names.map_text(value))


def map_anything(value: str, names: NameMap) -> str:
    """Map the URLs of a value whose syntax is not known."""
    return names.map_text(value)


def _map_found(pattern: re.Pattern[str], value: str, names: NameMap) -> str:
    """Mount the references that `pattern` finds, then map the whole text, once: mapping twice would double a prefix."""
    return names.map_text(pattern.sub(lambda found: found[1] + mount(found[2], names), value))


def _unescape(escape: re.Match[str]) -> str:
    r"""Undo `\/` and `\u00xx` of printable ASCII but `"` and `\`: what is left is valid JSON that means the same."""
    if escape[0] == r"\/":
        return "/"
    char = chr(int(escape[1], 16)) if escape[1] else ""
    return char if char.isascii() and char.isprintable() and char not in '"\\' else escape[0]
