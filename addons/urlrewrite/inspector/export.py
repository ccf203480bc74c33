"""A recorded exchange as a case of a rule file's `tests:`, so that what the rules do now is checked from then on.

The case is as small as possible: the fields of the request that make no difference are left out, and of a long body
only the lines that the rules changed are kept. What is expected is what the rules make of exactly this, and the case is
run before it is returned.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from urlrewrite.content.kinds import media_type
from urlrewrite.engine.facts import RequestFacts, ResponseFacts
from urlrewrite.exchange.responses import Forward
from urlrewrite.exchange.rule_tests import Evaluation, evaluate, joined_values, request_facts, run_test
from urlrewrite.exchange.rules_in_force import RulesInForce
from urlrewrite.formats.reports import Report
from urlrewrite.formats.yaml.export_tests import tests_of
from urlrewrite.formats.yaml.export_text import Map, document
from urlrewrite.formats.yaml.nodes import Mapping, Sequence, compose
from urlrewrite.formats.yaml.tests import read_tests
from urlrewrite.inspector.diff.bodies_decoded import decoded_body
from urlrewrite.inspector.diff.hunks import Lines, hunks
from urlrewrite.inspector.diff.spans import Span, applied, spans_between
from urlrewrite.inspector.masking import Mask
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.model import Expectation, RuleTest
from urlrewrite.model.field_lines import FieldLines
from urlrewrite.trace.text import visible
from urlrewrite.trace.trace import TraceLevel

_SHORT = 1000
"""Characters of a body that is kept whole."""

_MAX_LENGTH = 16_000
_MAX_HUNKS = 5
_MAX_PARTS = 5
_PART = 200
"""Characters of a text that is expected in a body."""

_NOISE = frozenset(
    """
    accept accept-encoding accept-language cache-control connection content-length dnt if-modified-since if-none-match
    keep-alive pragma priority te upgrade-insecure-requests user-agent
    """.split()
)
_NOISE_OF_ANSWERS = frozenset({"age", "date", "etag", "last-modified"})
_NOT_EXPECTED = frozenset("content-length date etag transfer-encoding".split())
_NOT_WRITTEN = frozenset("connection content-encoding content-length transfer-encoding keep-alive".split())
_LATER = 40 * 86400.0


class CannotExport(ValueError):  # noqa: N818
    """An exchange that cannot be written as a test; the message says why."""


def export_text(cases: Iterable[RuleTest]) -> str:
    """Return cases as YAML that begins with `tests:`."""
    return document(Map([("tests", tests_of(cases), "")]))


def export_case(exchange: RecordedExchange, rules: RulesInForce, *, secrets: bool = False) -> RuleTest:
    """Return a case that passes with these rules. Its secrets are masked unless `secrets` is set.

    Raises:
        CannotExport: the exchange cannot be written as a case, or the case does not come out like the exchange.
    """
    rules = rules.traced(TraceLevel.FULL)
    request, response, body = _written(exchange, None if secrets else Mask())
    asked, written = (evaluate(rules, one, None).exchange.decision for one in (exchange.request, request))
    if (asked.outcome, asked.rules) != (written.outcome, written.rules):
        raise CannotExport(
            "the rules decide by what a test does not have: the client's address, the protocol, the time"
            + ("" if secrets else ", or a secret, which is masked")
        )
    fields = _fields_that_matter(rules, request, response, body)
    if response:
        response = _without_noise(rules, request, response, body)
    case = RuleTest(
        request.method,
        request.url,
        Expectation(),
        fields,
        response.status if response else None,
        response.fields if response else (),
        _body_that_matters(rules, request, fields, response, body),
    )
    case = replace(case, expect=_expectation(rules, case))
    _prove(rules, case)
    return case


def _written(exchange: RecordedExchange, mask: Mask | None) -> tuple[RequestFacts, ResponseFacts | None, str]:
    """Return request and response as a file can hold them, with the body as text, without its coding, in UTF-8."""
    request = exchange.request
    kept = [(name, value) for name, value in request.fields if _is_writable(name, value)]
    # The URL has the name already; only one that differs from it is kept.
    fields = tuple(line for line in kept if line[0].lower() != "host" or line[1] != request.host)
    response = exchange.original
    body = decoded_body(exchange.original, exchange.original_body) if response else None
    text = body.text if body and body.text is not None else ""
    url = request.url
    try:
        read = request_facts(request.method, url, fields)
        if (read.host, read.target) != (request.host, request.target):
            raise CannotExport(
                f"a URL cannot express what was requested: {visible(request.host)} {visible(request.target)}"
            )
        if mask:
            url, fields = mask.url(url), mask.fields(fields)
            if response:
                response = replace(response, fields=_masked(mask, mask.fields(response.fields)))
            text = mask.text(text)
            read = request_facts(request.method, mask.text(url), _masked(mask, fields))
    except CannotExport:
        raise
    except ValueError as error:
        raise CannotExport(f"the URL cannot be written down: {visible(str(error))}") from None
    if response:
        response = replace(response, fields=tuple(_response_fields(response.fields, has_text=bool(text))))
    return read, response, text.encode("utf-8", "replace").decode()


def _masked(mask: Mask, fields: FieldLines) -> FieldLines:
    """Return field lines without the secrets that were found elsewhere."""
    return tuple((name, mask.text(value)) for name, value in fields)


def _response_fields(fields: FieldLines, *, has_text: bool) -> Iterator[tuple[str, str]]:
    for name, value in fields:
        if name.lower() in _NOT_WRITTEN or not _is_writable(name, value):
            continue
        if name.lower() == "content-type" and has_text and (media := media_type(value)):
            parts = [part.strip() for part in value.split(";")[1:]]
            others = [part for part in parts if part and not part.lower().startswith("charset")]
            value = "; ".join([media, "charset=utf-8", *others])
        yield name, value


def _is_writable(name: str, value: str) -> bool:
    return (
        bool(name.strip())
        and not name.startswith(":")
        and not any("\ud800" <= char <= "\udfff" for char in name + value)
    )


def _run(
    rules: RulesInForce, request: RequestFacts, response: ResponseFacts | None, body: str, *, later: float = 0.0
) -> Evaluation:
    return evaluate(rules, replace(request, received=request.received + later), response, body.encode())


def _outcome(result: Evaluation) -> tuple[object, ...]:
    """Return everything that a case can expect."""
    routing, decision = result.routing, result.exchange.decision
    where = (routing.url, routing.host) if isinstance(routing, Forward) else (type(routing),)
    set_by_rules = tuple(sorted((name, value or "") for name, value in decision.fields.items()))
    return where, decision.outcome, tuple(decision.rules), set_by_rules, result.status, result.fields, result.body


def _fields_that_matter(
    rules: RulesInForce, request: RequestFacts, response: ResponseFacts | None, body: str
) -> FieldLines:
    """Return the fewest fields of the request that lead to the same result."""
    own = [line for line in request.fields if line != ("Host", request.host)]
    fewer = [
        (),
        tuple(line for line in own if line[0].lower() not in _NOISE and not line[0].lower().startswith("sec-")),
    ]
    wanted = _outcome(_run(rules, request, response, body))
    for fields in fewer:
        tried = request_facts(request.method, request.url, fields)
        if _outcome(_run(rules, replace(tried, received=request.received), response, body)) == wanted:
            return fields
    return tuple(own)


def _without_noise(rules: RulesInForce, request: RequestFacts, response: ResponseFacts, body: str) -> ResponseFacts:
    """Return the response without fields that are different every time, unless a rule looks at them."""
    quiet = replace(
        response, fields=tuple(line for line in response.fields if line[0].lower() not in _NOISE_OF_ANSWERS)
    )
    tallies = [_run(rules, request, sent, body).exchange.acted for sent in (response, quiet)]
    return quiet if tallies[0] == tallies[1] else response


def _body_that_matters(
    rules: RulesInForce, request: RequestFacts, fields: FieldLines, response: ResponseFacts | None, body: str
) -> str:
    """Return the body, or, if it is long, the lines in which something was changed; its beginning if nothing was."""
    if response is None or len(body) <= _PART:
        return body
    asked = request_facts(request.method, request.url, fields)
    spans = _spans(body, _text_of(_run(rules, asked, response, body)))
    if spans and len(body) <= _SHORT:
        return body
    lines = Lines(body)
    chosen = hunks(lines, spans, context=0, most=_MAX_HUNKS)
    clipped = "".join(f"{body[hunk.start : hunk.end].rstrip()}\n" for hunk in chosen)
    wanted = {(span.before, span.after) for hunk in chosen for span in hunk.spans}
    if chosen and len(clipped) <= _MAX_LENGTH:
        found = _spans(clipped, _text_of(_run(rules, asked, response, clipped)))
        if {(span.before, span.after) for span in found} == wanted:
            return clipped
    # Without its surroundings a line may mean something else.
    end = lines.around(chosen[0].start, chosen[0].end, 0)[1] if chosen else _PART
    return body[:end] if end <= _MAX_LENGTH else body[:_SHORT]


def _spans(before: str, after: str | None) -> list[Span]:
    return [] if after is None or before == after else spans_between(before, after)


def _text_of(result: Evaluation) -> str | None:
    """Return the body of a response, as the runner of tests reads it."""
    return None if result.body is None else result.body.decode("utf-8", "replace")


def _expectation(rules: RulesInForce, case: RuleTest) -> Expectation:
    """Return what the rules make of a case, except what depends on the time or on the text of the rule file itself."""
    request = request_facts(case.method, case.url, case.fields)
    response = None
    if case.response_status is not None:
        response = ResponseFacts(case.response_status, case.response_fields)
    result = _run(rules, request, response, case.response_body)
    rule_set = replace(rules.rules.rule_set, fingerprint="0" * len(rules.fingerprint))
    others = replace(rules, rules=replace(rules.rules, rule_set=rule_set))
    again = _run(others, request, response, case.response_body, later=_LATER)
    decision, routing = result.exchange.decision, result.routing
    forward = routing if isinstance(routing, Forward) else None
    location = _joined(result, "location")
    several = len(rules.rules.rule_set.sites) > 1
    has, lacks = _body_parts(case.response_body, result) if forward and response else ((), ())
    return Expectation(
        status=result.status,
        location=location if location == _joined(again, "location") else None,
        url=forward.url if forward and _where(again) == forward.url else None,
        action=str(decision.outcome),
        site=result.exchange.site.name if several and result.exchange.site else None,
        fields=dict(_changed_fields(case, result, again)),
        request_fields=dict(_set_fields(result, again)),
        body_has=has,
        body_lacks=lacks,
    )


def _where(result: Evaluation) -> str:
    return result.routing.url if isinstance(result.routing, Forward) else ""


def _joined(result: Evaluation, name: str) -> str | None:
    return joined_values(result.fields or (), name)


def _changed_fields(case: RuleTest, result: Evaluation, again: Evaluation) -> Iterator[tuple[str, str | None]]:
    """Yield fields of the response that are not what the backend sent."""
    if result.fields is None:
        return
    names = dict.fromkeys(name.lower() for name, _ in (*case.response_fields, *result.fields))
    for name in names:
        value = _joined(result, name)
        if name in _NOT_EXPECTED or name == "location" or value == joined_values(case.response_fields, name):
            continue
        if isinstance(result.routing, Forward) and value == _joined(again, name):
            yield name, value


def _set_fields(result: Evaluation, again: Evaluation) -> Iterator[tuple[str, str | None]]:
    """Yield fields that rules set for the backend."""
    if not isinstance(result.routing, Forward) or not isinstance(again.routing, Forward):
        return
    for name in result.exchange.decision.fields:
        if name == "host":
            value, then = (str(routing.host) for routing in (result.routing, again.routing))
            yield from [(name, value)] if value == then else []
            continue
        sent, later = (joined_values(routing.fields, name) for routing in (result.routing, again.routing))
        if sent == later:
            yield name, sent


def _body_parts(before: str, result: Evaluation) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return texts that only the new body has, and texts that only the old one had."""
    after = _text_of(result)
    if after == before and before.strip() and len(before) <= _PART:
        return (before.strip(),), ()
    if after is None or after == before:
        return (), ()
    lines = Lines(before)
    has: dict[str, None] = {}
    lacks: dict[str, None] = {}
    for span in spans_between(before, after):
        start, end = lines.around(span.start, span.end, 0)
        if end - start > _PART:
            start, end = max(span.start - 20, start), min(span.end + 20, end)
        old = before[start:end].strip()
        new = applied(before[start:end], [span.moved(-start)]).strip()
        for part, parts, here, there in ((new, has, after, before), (old, lacks, before, after)):
            if part and len(part) <= _PART and part in here and part not in there and len(parts) < _MAX_PARTS:
                parts[part] = None
    return tuple(has), tuple(lacks)


def _prove(rules: RulesInForce, case: RuleTest) -> None:
    """Read the case back and run it.

    Raises:
        CannotExport: it does not read back as it was written, or does not pass.
    """
    try:
        root, problems = compose(export_text([case]), "tests")
    except ValueError as error:
        raise CannotExport(f"it has a text that no file can hold: {visible(str(error))}") from None
    found = root.entries[0][1] if isinstance(root, Mapping) and root.entries else None
    read = read_tests(found.items, Report("tests", problems)) if isinstance(found, Sequence) else ()
    if problems or len(read) != 1:
        raise CannotExport(
            f"it cannot be written as a test: {visible(str(problems[0] if problems else 'it is empty'))}"
        )
    failed = list(run_test(rules, read[0]))
    if failed:
        raise CannotExport(f"it does not come out the same when it is run: {visible(failed[0])}")
