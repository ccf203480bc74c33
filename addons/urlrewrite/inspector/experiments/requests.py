"""A recorded request as its backend got it, ready to be asked again, and the changes that are tried on it."""

from __future__ import annotations

from collections.abc import Iterator

from urlrewrite.exchange.farm_choice import wanted_of
from urlrewrite.exchange.responses import Forward
from urlrewrite.exchange.rule_tests import Evaluation, evaluate
from urlrewrite.exchange.rules_in_force import RulesInForce
from urlrewrite.inspector.asking.answers import Asked
from urlrewrite.inspector.asking.request_changes import SAFE_METHODS, Around, OtherUrl, Sent, plan
from urlrewrite.inspector.diagnose.case import Case
from urlrewrite.inspector.diagnose.page_loads import PageLoad, is_websocket
from urlrewrite.inspector.experiments.judging import Grade, Seen
from urlrewrite.inspector.experiments.rule_edits import ChangeKind
from urlrewrite.inspector.experiments.rule_trials import RuleTrials, Trial, distance
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.inspector.traces.attempts import attempts_of
from urlrewrite.trace.reading import read
from urlrewrite.trace.trace import TraceLevel

MAX_URLS = 5
"""Other URLs that changes of rules lead to, and that the backend is asked for."""

MAX_BODY = 2**20
"""Bytes of a body that is sent again."""

_FRAMING = frozenset("host content-length transfer-encoding connection expect upgrade te trailer keep-alive".split())


class CannotAsk(ValueError):  # noqa: N818
    """The request cannot be sent again; the message says why."""


def asked_again(exchange: RecordedExchange, rules: RulesInForce, seen: Seen, until: float) -> Asked:
    """Plan an experiment on a recorded request. Rules are tried until `until`, a reading of the monotonic clock.

    Raises:
        CannotAsk: it is none that a backend got, or not as it would get it now.
    """
    if is_websocket(exchange):
        raise CannotAsk("it is the request for a WebSocket, which is not sent again")
    if exchange.upload is None and exchange.request.method not in SAFE_METHODS:
        raise CannotAsk("the body of the request was not kept")
    if len(exchange.upload or b"") > MAX_BODY:
        raise CannotAsk(f"the body of the request has more than {MAX_BODY:,} bytes")
    case = Case(PageLoad(exchange), rules)
    trials = RuleTrials(case, rules, seen, until)
    evaluation = evaluate(rules.traced(TraceLevel.OFF), exchange.request, None)
    if not isinstance(evaluation.routing, Forward) or trials.control(exchange) is None:
        raise CannotAsk("under the rules in force, no backend would be asked for what was recorded")
    forward = _to_server(exchange, evaluation, evaluation.routing)
    made = sorted(trials.of_request(exchange), key=lambda trial: distance(exchange, trial))
    others: dict[str, OtherUrl] = {}
    for other in (other for trial in made for other in _others(exchange, trial)):
        others.setdefault(other.sent.target, other)
    around = Around(case.of(exchange).public, forward.origin, tuple(others.values())[:MAX_URLS])
    recorded = exchange.original.status if exchange.original else None
    return Asked(plan(_of_forward(exchange, forward), around), recorded)


def _others(exchange: RecordedExchange, trial: Trial) -> Iterator[OtherUrl]:
    """Yield the request that a changed rule would make, unless it is known to fail or goes to a farm."""
    change, routing = trial.change, trial.routing
    is_small = change.rule and change.becomes and change.kind is not ChangeKind.RULE_OFF
    if is_small and isinstance(routing, Forward) and not routing.farm and trial.verdict.grade is not Grade.BAD:
        sent = _of_forward(exchange, routing)
        yield OtherUrl(sent, change.rule, str(change.source), change.was, change.becomes)


def _to_server(exchange: RecordedExchange, evaluation: Evaluation, forward: Forward) -> Forward:
    """Return how a request is forwarded; to a farm, as the server got it that was asked last."""
    farm = forward.farm
    if farm is None:
        return forward
    _, forward = wanted_of(evaluation.exchange, forward)
    names = dict(zip(farm.server_names, farm.servers, strict=True))
    asked = [attempt.server for attempt in attempts_of(read(exchange.trace).events) if attempt.server in names]
    return forward.at(names[asked[-1]] if asked else farm.servers[0])


def _of_forward(exchange: RecordedExchange, forward: Forward) -> Sent:
    settings = forward.farm.tls if forward.farm else forward.tls
    return Sent(
        method=exchange.request.method,
        address=forward.connect or (forward.origin.host, forward.origin.port),
        name=settings.name or forward.origin.host,
        host=forward.host,
        target=forward.target,
        fields=tuple(line for line in forward.fields if line[0].lower() not in _FRAMING),
        body=exchange.upload or b"",
        tls=forward.origin.scheme == "https",
        settings=settings,
    )
