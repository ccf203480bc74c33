"""What became of a request, and of its response, as text for a person and as data for a program."""

from __future__ import annotations

import base64
from typing import Any

from urlrewrite.exchange import rule_tests
from urlrewrite.exchange.farm_choice import server_order
from urlrewrite.exchange.responses import Abort, Forward, LocalResponse
from urlrewrite.farms.choose import ChoiceReason
from urlrewrite.inspector.text import WIDTH
from urlrewrite.inspector.traces.report import render
from urlrewrite.model.field_lines import field_values
from urlrewrite.trace.text import visible


def as_data(result: rule_tests.Evaluation) -> dict[str, Any]:
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


def as_text(result: rule_tests.Evaluation) -> str:
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
