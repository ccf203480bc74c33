"""What the first page of a backend says about the rules that it will need."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass

from urlrewrite.engine.facts import ResponseFacts
from urlrewrite.exchange.rule_tests import evaluate, request_facts
from urlrewrite.exchange.rules_in_force import RulesInForce
from urlrewrite.inspector.names.bodies import Unreadable, body_of
from urlrewrite.model.field_lines import field_values
from urlrewrite.model.origin import Origin, origin_of
from urlrewrite.trace.events import Name

_URL = re.compile(rb"""(https?)(?::|%3[Aa])(?:\\?/\\?/|%2[Ff]%2[Ff])([A-Za-z0-9.\-\[\]]+(?:(?::|%3[Aa])\d{1,5})?)""")
_WEBSOCKET = re.compile(rb"""new\s+WebSocket\b|["'](?:ws|wss)://|socket\.io|signalr""", re.IGNORECASE)
_INNER = (".internal", ".lan", ".local", ".localhost", ".home.arpa", ".corp", ".intranet", ".test")
_BODY = 2 * 2**20
"""Bytes of a page that are looked at."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found.

    Attributes:
        names: inner addresses by which the backend calls itself besides its own.
        root_paths: beginnings of paths in scripts that are paths of the site, if it is published below a path.
        messages: a sentence for a person about each thing found.
    """

    names: tuple[str, ...]
    root_paths: tuple[str, ...]
    messages: tuple[str, ...]


def examine(rules: RulesInForce, public: str, backend: Origin, response: ResponseFacts, raw: bytes) -> Findings:
    """Judge a response to a request for `public` under rules that may be lacking something."""
    raw = raw[:_BODY]
    messages: list[str] = []
    location = next(iter(field_values(response.fields, "location")), "")
    head = f"{response.status} {response.reason}".strip()
    messages.append(f"It answers {head}" + (f", and sends browsers to {location}." if location else "."))
    if response.status in (401, 407):
        messages.append("It asks who one is: the rest of it is behind its login.")
    try:
        body = body_of(response.fields, raw, "/").data
    except Unreadable as error:
        body = b""
        messages.append(f"Its page cannot be read ({error}), so nothing in it will be mapped.")
    if codings := ", ".join(field_values(response.fields, "content-encoding")):
        messages.append(f"It is compressed ({codings}): it is decoded, rewritten and compressed again.")
    names = tuple(dict.fromkeys(map(str, _inner_names(body + b" " + location.encode(), backend))))
    if names:
        messages.append(f"It calls itself {' and '.join(names)}, too: backendNames has that.")
    result = evaluate(rules, request_facts("GET", public), response, raw)
    events = result.exchange.trace.events
    changes = [event for event in events if event["event"] == Name.CONTENT_CHANGE]
    if changes:
        messages.append(f"{_counted(len(changes), 'address')} of it in the page {_are(len(changes))} mapped.")
    if cookies := len(field_values(response.fields, "set-cookie")):
        messages.append(f"{_counted(cookies, 'cookie')} {_are(cookies)} made true for the public name.")
    if left := next((event for event in events if event["event"] == Name.NAMES_LEFT), None):
        count = left["count"]
        messages.append(f"Its name is left {_counted(count, 'time')} in text or comments, where nothing follows it.")
    paths: list[str] = next((event["paths"] for event in events if event["event"] == Name.PATHS_LEFT), [])
    root_paths = tuple(dict.fromkeys(f"/{path.strip('/').partition('/')[0]}" for path in paths))
    if root_paths:
        messages.append(f"Scripts have paths that begin with {', '.join(root_paths)}: rootPaths has them.")
    if _WEBSOCKET.search(body):
        messages.append("It opens WebSockets: they pass; linksAlso: [webSocketMessages] maps addresses in messages.")
    return Findings(names, root_paths, tuple(messages))


def _inner_names(text: bytes, backend: Origin) -> Iterator[Origin]:
    for scheme, host in _URL.findall(text):
        origin = origin_of(scheme.decode(), re.sub("%3[Aa]", ":", host.decode()))
        if origin and origin != backend and _is_inner(origin.host):
            yield origin


def _is_inner(host: str) -> bool:
    """Say whether a host is one that the public cannot mean: of a private network, or of this machine."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_private
    except ValueError:
        return "." not in host or host.endswith(_INNER)


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}{'es' if thing.endswith('s') else 's'}"


def _are(number: int) -> str:
    return "is" if number == 1 else "are"
