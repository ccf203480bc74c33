"""`run.sh explain`: what the rules do with one request, or each exchange of a recording, as text or as JSON."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from urlrewrite.cli.arguments import UsageError
from urlrewrite.content.asset_memory import AssetMemory
from urlrewrite.engine.facts import RequestFacts
from urlrewrite.exchange import rule_tests
from urlrewrite.exchange.farm_choice import server_order
from urlrewrite.exchange.raw_response import parse_response
from urlrewrite.exchange.responses import Abort, Forward, LocalResponse
from urlrewrite.exchange.rules_in_force import RulesInForce
from urlrewrite.farms.choose import ChoiceReason
from urlrewrite.formats.files_read import reason
from urlrewrite.inspector.text import WIDTH
from urlrewrite.inspector.traces.report import render
from urlrewrite.model import Site
from urlrewrite.model.field_lines import field_values
from urlrewrite.model.origin import Origin, origin_of
from urlrewrite.trace.text import visible


def explain_request(
    rules: RulesInForce,
    url: str,
    *,
    method: str = "GET",
    headers: Sequence[str] = (),
    client: str = "127.0.0.1",
    saved_response: str | None = None,
    as_json: bool = False,
) -> str:
    """Return what becomes of one request, and of the response in the file `saved_response` (as `curl -i` writes it).

    Raises:
        UsageError: the URL, a header (`Name: value`) or the file is invalid.
    """
    response, body = None, b""
    if saved_response:
        try:
            response, body = parse_response(Path(saved_response).read_bytes())
        except (OSError, ValueError) as error:
            raise UsageError(f"--response {saved_response}: {reason(error)}") from error
    try:
        request = rule_tests.request_facts(method, url, tuple(map(_header, headers)), client=(client, 50000))
    except ValueError as error:
        raise UsageError(str(error)) from error
    result = rule_tests.evaluate(rules, request, response, body)
    return json.dumps(evaluation(result), indent=2) if as_json else _text(result)


def explain_recording(rules: RulesInForce, where: str, *, as_json: bool = False) -> Iterator[str]:
    """Yield what becomes of each exchange of a recording (`FILE`, `FILE:N`, `FILE:FILTER`): texts, or one list as JSON.

    Raises:
        UsageError: the recording cannot be read.
    """
    # mitmproxy takes its time to be imported, and only this needs it.
    from urlrewrite.hooks.recordings import RecordingError, read_recording

    results = []
    memory = AssetMemory()
    try:
        for recorded in read_recording(where):
            request, notes = recorded.request, list(recorded.notes)
            if found := _published(rules, request):
                site, public = found
                notes.append(f"the request was recorded at {request.scheme}://{request.host}, behind the proxy")
                notes.append(f"it is shown as if it had come to {public}{site.path}")
                request = _asked_at(site, public, request)
            result = rule_tests.evaluate(rules, request, recorded.response, recorded.body, memory=memory)
            if as_json:
                results.append({"flow": recorded.number, "notes": notes, **evaluation(result)})
            else:
                head = [f"──── flow {recorded.number}", *(f"  note: {visible(note)}" for note in notes)]
                yield "\n".join((*head, "", _text(result), ""))
    except RecordingError as error:
        raise UsageError(f"--flow {visible(str(error))}") from error
    if as_json:
        yield json.dumps(results, indent=2)


def evaluation(result: rule_tests.Evaluation) -> dict[str, Any]:
    """Return the decision, the response and the trace of one evaluation as one object of JSON values."""
    routing, decision = result.routing, result.exchange.decision
    facts: dict[str, Any] = {"action": str(decision.outcome)}
    match routing:
        case Forward():
            before = result.exchange.request.fields
            added = {name for name, value in routing.fields if (name, value) not in before and name.lower() != "host"}
            headers = {name: ", ".join(field_values(routing.fields, name)) for name in sorted(added)}
            facts |= {"url": routing.url, "status": None, "location": None}
            facts["headers"] = {"Host": routing.host, **headers}
            if order := server_order(result.exchange, routing):
                facts["servers"] = [{"server": item.load.name, "why": str(item.why)} for item in order.choices]
                facts["attempts"] = order.attempts
        case LocalResponse():
            location = next(iter(field_values(routing.fields, "location")), None)
            if facts["action"] not in ("Redirect", "CustomResponse"):
                facts["action"] = "CustomResponse"
            facts |= {"url": None, "status": routing.status, "location": location, "headers": {}}
        case Abort():
            facts |= {"url": None, "status": None, "location": None, "headers": {}}
    response = None
    if result.status is not None:
        response = {
            "status": result.status,
            "headers": [[name, value] for name, value in result.fields or []],
            "body_base64": base64.b64encode(result.body or b"").decode(),
        }
    return {"decision": facts, "response": response, "trace": result.exchange.trace.events}


def _text(result: rule_tests.Evaluation) -> str:
    """Return the trace for a person, and the servers of the farm that the request would be sent to."""
    lines = [render(result.exchange.trace.data)]
    order = server_order(result.exchange, result.routing) if isinstance(result.routing, Forward) else None
    if order and isinstance(result.routing, Forward) and (farm := result.routing.farm):
        title = f"Servers of the farm {visible(farm.name)}, in the order in which they would be tried"
        lines += ["", f"── {title} ".ljust(WIDTH, "─")]
        for number, choice in enumerate(order.choices, 1):
            why = f"{choice.why}: {farm.algorithm}" if choice.why is ChoiceReason.BALANCED else str(choice.why)
            beyond = "" if number <= order.attempts else ", if more attempts were allowed"
            lines.append(f"  {number}. {visible(choice.load.name)} ({why}{beyond})")
        if not order.choices:
            lines.append(f"  none: {order.end}")
    return "\n".join(lines)


def _published(rules: RulesInForce, request: RequestFacts) -> tuple[Site, Origin] | None:
    """Return the site and the public name under which a request came in that was recorded behind the proxy.

    None for a request that was recorded under a public name.
    """
    requested = origin_of(request.scheme, request.host)
    chosen = rules.rules.find_site(request.scheme, request.host, request.target)
    if requested is None or (chosen and chosen.site.public):
        return None
    sites = [compiled.site for compiled in rules.rules.sites if compiled.site.public]
    behind = [site for site in sites if site.backend == requested and request.target.startswith(site.backend_path)]
    behind.sort(key=lambda site: -len(site.backend_path))
    if not behind and len(sites) == 1 and rules.rules.allowed_hosts.has(requested, request.local):
        behind = sites
    if not behind:
        return None
    names = behind[0].public
    return behind[0], next((name for name in names if name.host == request.sni), names[0])


def _asked_at(site: Site, public: Origin, request: RequestFacts) -> RequestFacts:
    fields = [(name, value) for name, value in request.fields if name.lower() != "host"]
    return replace(
        request,
        scheme=public.scheme,
        host=public.authority,
        target=site.path + request.target.removeprefix(site.backend_path),
        fields=(("Host", public.authority), *fields),
        sni=public.host if public.scheme == "https" else "",
    )


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise UsageError(f"-H {text!r}: expected 'Name: value'")
    return name.strip(), value.strip()
