"""Requests that try the rules of a site: what matches, what nearly does, and what is written in another way."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from types import MappingProxyType
from urllib.parse import quote

from urlrewrite.engine.template import BackReference, Call, Variable
from urlrewrite.engine.variables import normal_name
from urlrewrite.export.decision_list import DecisionList, Entry
from urlrewrite.export.samples import sample
from urlrewrite.model.field_lines import FieldLines
from urlrewrite.model.origin import Origin

_IN_PATH = "/!$&'()*+,;=:@-._~"
_QUERIES = ("a=1&b=2", "q=x%20y", "r=%2Fback%3Fz", "id=7", "e=", "utm=a+b", "u=http://h.example/x")
_SPECIAL = ("x&y=1", "it's", "(a)", "a;b", "a,b@c", "~u", "%3Fq", "%23f", "a+b", "a:b")
_TRIES = 6
_MISSES = 0.2


@dataclass(frozen=True, slots=True)
class Probe:
    """A request to be tried. `kind` is the name of what is special in it, `rule` that of the rule that it is for."""

    kind: str
    method: str
    scheme: str
    host: str
    target: str
    fields: FieldLines = ()
    rule: str = ""
    response: FieldLines = ()
    """Field lines of the backend's response, a redirect; none: it says what it was asked."""

    @property
    def url(self) -> str:
        """The absolute URL."""
        return f"{self.scheme}://{self.host}{self.target}"


@dataclass(slots=True)
class _Draft:
    """A request before something special is made of it; `path` is decoded and has no slash at its beginning."""

    path: str
    host: str
    scheme: str
    query: str = ""
    method: str = "GET"
    fields: dict[str, str] = field(default_factory=dict)


def probes(rules: DecisionList, count: int, seed: int = 1) -> Iterator[Probe]:
    """Yield `count` requests for each rule of a site, and as many for a site without rules; the same each time."""
    random = Random(seed)
    kinds = list(_KINDS)
    for entry in rules.entries or (None,):
        for number in range(count):
            kind = kinds[number % len(kinds)] if number < len(kinds) else random.choice(kinds)
            draft = _draft(entry, rules.site.site.public, random)
            yield _probe(kind, draft, entry.rule.name if entry else "", random)


def answers(rules: DecisionList) -> Iterator[Probe]:
    """Yield requests whose responses name the backend, as redirects and cookies do."""
    site = rules.site.site
    if site.backend is None:
        return
    host = site.backend.host
    cookies = (
        f"a=1; Domain={host}; Path=/",
        "b=2; Path=/x; HttpOnly; SameSite=Lax",
        f"c=3; Secure; Domain={host}",
    )
    random = Random(0)
    for origin in site.public:
        draft = _draft(None, (origin,), random)
        for location in (f"{site.backend}/moved?u=1", str(site.backend), "/moved", "https://elsewhere.example/x"):
            lines = (("Location", location), *(("Set-Cookie", cookie) for cookie in cookies))
            yield Probe("answer", "GET", draft.scheme, draft.host, "/a/plain/page", response=lines)


def _draft(entry: Entry | None, public: tuple[Origin, ...], random: Random) -> _Draft:
    origin = random.choice(public) if public else Origin(random.choice(("http", "https")), "www.example.com", 0)
    host = origin.host_text.replace("*", "name")
    if public and not origin.has_default_port:
        host = f"{host}:{origin.port}"
    draft = _Draft("a/plain/page", host, origin.scheme)
    if random.random() < 0.5:
        draft.query = random.choice(_QUERIES)
    if entry is None:
        return draft
    pattern = entry.compiled.pattern
    if not entry.rule.match.negate:
        for _ in range(_TRIES):
            draft.path = sample(pattern.tree, random, _keys_of_groups(entry, random)).lstrip("/")
            if pattern.search(draft.path, 0.1):
                break
    for item in entry.compiled.conditions.items:
        names = [normal_name(node.name) for node in item.input.references() if isinstance(node, Variable)]
        wanted = not item.condition.negate if random.random() < 0.85 else item.condition.negate
        if names and item.pattern:
            if names[0] in ("HTTP_HOST", "SERVER_NAME") and wanted and item.pattern.search(draft.host, 0.1):
                continue
            _satisfy(draft, names[0], sample(item.pattern.tree, random), wanted, public)
    for name, key in _keys(entry, random):
        if isinstance(name, str):
            _satisfy(draft, name, key, True, public)
    return draft


def _keys_of_groups(entry: Entry, random: Random) -> dict[int, str]:
    return {group: key for group, key in _keys(entry, random) if isinstance(group, int)}


def _keys(entry: Entry, random: Random) -> Iterator[tuple[int | str, str]]:
    """Yield keys of the rewrite maps that a rule asks, each with the group or the variable that is to be the key.

    Now and then it is left to chance what a map is asked.
    """
    for template in entry.templates():
        for call in template.references():
            if not isinstance(call, Call) or len(call.argument.nodes) != 1 or random.random() < _MISSES:
                continue
            lookup, node = entry.lookups.get(call.name.lower()), call.argument.nodes[0]
            if lookup and lookup.entries:
                key = random.choice(list(lookup.entries))
                if isinstance(node, BackReference) and node.kind == "R":
                    yield node.number, key
                elif isinstance(node, Variable):
                    yield normal_name(node.name), key


def _satisfy(draft: _Draft, name: str, text: str, wanted: bool, public: tuple[Origin, ...]) -> None:
    """Give the draft what a condition asks for, if it is wanted and can be."""
    if name == "HTTPS" or name == "SERVER_PORT_SECURE":
        secure = (text.lower() in ("on", "1")) is wanted
        schemes = {origin.scheme for origin in public} or {"http", "https"}
        draft.scheme = next((each for each in schemes if (each == "https") is secure), draft.scheme)
    elif not wanted:
        return
    elif name in ("HTTP_HOST", "SERVER_NAME"):
        host = re.sub(r"[^A-Za-z0-9.-]", "x", text).strip(".-")
        draft.host = _published(host, public) or draft.host
    elif name == "QUERY_STRING":
        draft.query = text
    elif name in ("REQUEST_URI", "UNENCODED_URL", "URL", "PATH_INFO", "HTTP_URL"):
        path, _, query = text.lstrip("/").partition("?")
        draft.path, draft.query = path, query or draft.query
    elif name == "REQUEST_METHOD":
        draft.method = text if text.isalpha() and text.isupper() and text != "CONNECT" else draft.method
    elif name.startswith("HTTP_") and re.fullmatch(r"[A-Z0-9_]+", name):
        draft.fields[name.removeprefix("HTTP_").replace("_", "-").title()] = text or "x"


def _published(host: str, public: tuple[Origin, ...]) -> str:
    """Return a name that begins with `host` and is the site's, if there is one; else the host itself."""
    ends = ["", *(origin.host[at:] for origin in public for at, char in enumerate(origin.host) if char == ".")]
    names = (f"{host}{end}" for end in ends if host)
    return next((name for name in names if any(origin.covers(name.lower()) for origin in public)), host)


def _probe(kind: str, draft: _Draft, rule: str, random: Random) -> Probe:
    path = _KINDS[kind](quote(draft.path, safe=_IN_PATH), draft, random)
    query = quote(draft.query, safe="%=&+?/:;@,.-_~!$'()*")
    query = re.sub("%(?![0-9A-Fa-f]{2})", "%25", query)
    fields = tuple((name, re.sub(r"[^\x21-\x7e]", "x", value)) for name, value in draft.fields.items())
    method = draft.method if kind != "method" else random.choice(("HEAD", "POST", "PUT", "OPTIONS", "DELETE"))
    return Probe(kind, method, draft.scheme, draft.host, f"/{path}" + (f"?{query}" if query else ""), fields, rule)


type _Change = Callable[[str, _Draft, Random], str]


def _plain(path: str, draft: _Draft, random: Random) -> str:
    return path


def _escaped(path: str, draft: _Draft, random: Random) -> str:
    return _at_letter(path, random, lambda char: f"%{ord(char):02X}")


def _at_letter(path: str, random: Random, change: Callable[[str], str]) -> str:
    """Change a letter or digit that is no part of an escape."""
    places = [found.start() for found in re.finditer(r"%[0-9A-Fa-f]{2}|[A-Za-z0-9]", path) if len(found[0]) == 1]
    if not places:
        return path
    at = random.choice(places)
    return path[:at] + change(path[at]) + path[at + 1 :]


def _near(path: str, draft: _Draft, random: Random) -> str:
    return random.choice((f"z{path}", f"{path}x", _at_letter(path, random, lambda char: "")))


def _slash(path: str, draft: _Draft, random: Random) -> str:
    return path.replace("/", "%2F", 1) if "/" in path else f"{path}%2Fx"


def _blank(path: str, draft: _Draft, random: Random) -> str:
    return _at_letter(path, random, lambda char: f"{char}%20")


def _other_host(path: str, draft: _Draft, random: Random) -> str:
    draft.host = random.choice(("other.test", draft.host.upper(), "10.1.2.3"))
    return path


def _query(path: str, draft: _Draft, random: Random) -> str:
    draft.query = random.choice(_QUERIES)
    return path


def _other_case(path: str, draft: _Draft, random: Random) -> str:
    return _at_letter(path, random, str.swapcase)


_KINDS: Mapping[str, _Change] = MappingProxyType(
    {
        "match": _plain,
        "query": _query,
        "near miss": _near,
        "escape": _escaped,
        "%2F": _slash,
        "//": lambda path, draft, random: path.replace("/", "//", 1) if "/" in path else f"/{path}",
        "dots": lambda path, draft, random: f"x/../{path}",
        "UTF-8": lambda path, draft, random: f"{path}%C3%A9",
        "blank": _blank,
        "percent": lambda path, draft, random: f"{path}100%25",
        "special": lambda path, draft, random: path + random.choice(_SPECIAL),
        "slash at the end": lambda path, draft, random: path[:-1] if path.endswith("/") else f"{path}/",
        "other case": _other_case,
        "other host": _other_host,
        "method": _plain,
        "root": lambda path, draft, random: "",
    }
)
"""What is special in a request, by its name."""
