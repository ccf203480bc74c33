"""Exchanges driven without any network, and the `tests:` that a rule file carries."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from urlrewrite.content.asset_memory import AssetMemory
from urlrewrite.engine.facts import RequestFacts, ResponseFacts
from urlrewrite.exchange.exchange import Exchange
from urlrewrite.exchange.response import ResponseHead
from urlrewrite.exchange.responses import Abort, Forward, LocalResponse
from urlrewrite.exchange.rules_in_force import RulesInForce
from urlrewrite.model import Expectation, RuleTest
from urlrewrite.model.field_lines import FieldLines, field_values


@dataclass(slots=True)
class Evaluation:
    """What became of a request, and of the response if one was given.

    `status`, `fields` and `body` are those of the response that the client gets; None if there is none.
    """

    exchange: Exchange
    routing: Forward | LocalResponse | Abort
    status: int | None = None
    fields: FieldLines | None = None
    body: bytes | None = None


def request_facts(
    method: str, url: str, fields: FieldLines = (), *, client: tuple[str, int] = ("127.0.0.1", 50000)
) -> RequestFacts:
    """Make the facts of a request for an absolute URL; `client` is its address and port.

    Raises:
        ValueError: the URL is not absolute.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ValueError(f"got {url!r}, expected an absolute http or https URL")
    rest = url[url.index("://") + 3 :].partition("#")[0]
    target = rest[len(parts.netloc) :]
    target = target if target.startswith("/") else f"/{target}"
    host = next(iter(field_values(fields, "host")), parts.netloc.rpartition("@")[2])
    with_host = fields if field_values(fields, "host") else (("Host", host), *fields)
    sni = (parts.hostname or "") if parts.scheme == "https" and not field_values(fields, "host") else ""
    return RequestFacts(method, parts.scheme, host, target, with_host, client=client, sni=sni, received=time.time())


def evaluate(
    rules: RulesInForce,
    request: RequestFacts,
    response: ResponseFacts | None,
    body: bytes = b"",
    trace_id: str = "offline",
    memory: AssetMemory | None = None,
) -> Evaluation:
    """Drive one exchange as the proxy does. Without a `memory`, it knows nothing of other exchanges."""
    exchange = Exchange(rules, memory or AssetMemory(), request, trace_id)
    routing = exchange.route()
    result = Evaluation(exchange, routing)
    own = isinstance(routing, LocalResponse)
    if isinstance(routing, LocalResponse):
        response, body = ResponseFacts(routing.status, routing.fields, routing.reason), routing.body
    if response is not None and not isinstance(routing, Abort):
        _respond(result, response, body, own=own)
    exchange.finish()
    return result


def _respond(result: Evaluation, response: ResponseFacts, body: bytes, *, own: bool) -> None:
    exchange = result.exchange
    head = exchange.receive(response, own=own)
    if isinstance(head, ResponseHead):
        result.status, result.fields, result.body = response.status, head.fields, body
        match head.plan.way:
            case "whole" if body:
                rewritten = exchange.rewrite(body, head)
                if isinstance(rewritten, LocalResponse):
                    head = rewritten
                else:
                    result.fields, result.body = rewritten.fields, rewritten.body
            case "stream":
                rewriter = exchange.stream(head)
                result.body = rewriter.feed(body) + rewriter.finish()
    if isinstance(head, LocalResponse):
        result.status, result.fields, result.body = head.status, head.fields, head.body


def run_test(rules: RulesInForce, test: RuleTest) -> Iterator[str]:
    """Give what a test expected and did not get, one text each; nothing if it passes."""
    request = request_facts(test.method, test.url, test.fields)
    response = None
    if test.response_status is not None:
        response = ResponseFacts(test.response_status, test.response_fields)
    result = evaluate(rules, request, response, test.response_body.encode())
    for what, got, expected in _comparisons(result, test.expect):
        if got != expected:
            yield f"{what}: got {got!r}, expected {expected!r}"
    text = (result.body or b"").decode("utf-8", "replace")
    yield from (f"body: got no {part!r}" for part in test.expect.body_has if part not in text)
    yield from (f"body: got {part!r}, expected none" for part in test.expect.body_lacks if part in text)


def _comparisons(result: Evaluation, expect: Expectation) -> Iterator[tuple[str, object, object]]:
    routing, decision = result.routing, result.exchange.decision
    if expect.action is not None:
        yield "action", str(decision.outcome).lower(), expect.action.lower()
    if expect.site is not None:
        yield "site", result.exchange.site.name if result.exchange.site else None, expect.site
    if expect.url is not None:
        yield "url", routing.url if isinstance(routing, Forward) else None, expect.url
    if expect.status is not None:
        yield "status", result.status, expect.status
    response_fields = result.fields or ()
    if expect.location is not None:
        yield "location", joined_values(response_fields, "location"), expect.location
    for name, value in expect.fields.items():
        yield name, joined_values(response_fields, name), value
    sent = routing.fields if isinstance(routing, Forward) else ()
    for name, value in expect.request_fields.items():
        got = routing.host if name == "host" and isinstance(routing, Forward) else joined_values(sent, name)
        yield f"request {name}", got, value


def joined_values(fields: FieldLines, name: str) -> str | None:
    """Give the values of all lines of a field as one (RFC 9110, 5.3); None where it is not there."""
    values = field_values(fields, name)
    return ", ".join(values) if values else None
