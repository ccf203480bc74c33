"""Exchanges as the inspector sees them, made by evaluating rules offline; and traces that no engine would write."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from urlrewrite.engine.facts import RequestFacts, ResponseFacts
from urlrewrite.exchange.rule_tests import evaluate, request_facts
from urlrewrite.exchange.rules_in_force import RulesInForce
from urlrewrite.inspector.figures.statistics import Statistics
from urlrewrite.inspector.recorded_exchange import RecordedExchange, Snapshot
from urlrewrite.model.field_lines import FieldLines

HTML = (("Content-Type", "text/html; charset=utf-8"),)


def seen_by(
    rules: RulesInForce,
    body: bytes = b"",
    *,
    url: str = "https://www.example.com/page",
    fields: FieldLines = HTML,
    status: int = 200,
    flow_id: str = "flow-1",
    request_fields: FieldLines = (),
) -> RecordedExchange:
    """The exchange of a GET with this response of the backend."""
    request = request_facts("GET", url, request_fields)
    original = ResponseFacts(status, fields)
    result = evaluate(rules, request, original, body)
    trace = result.exchange.trace.data
    own = "target" not in trace
    answer = None if result.status is None else ResponseFacts(result.status, tuple(result.fields or ()))
    return RecordedExchange(
        flow_id,
        1700000000.0,
        trace,
        request,
        b"",
        None if own else original,
        None if own else body,
        answer,
        result.body,
        own,
    )


def seen_with(
    trace: Any,
    *,
    original: bytes | None = b"<a href=/x>",
    answer: bytes | None = b"<a href=/y>",
    fields: FieldLines = HTML,
) -> RecordedExchange:
    """An exchange with any trace at all."""
    request = RequestFacts("GET", "https", "www.example.com", "/page")
    facts = ResponseFacts(200, fields)
    return RecordedExchange("flow-1", 0.0, trace, request, b"", facts, original, facts, answer)


def snapshot(*seen: RecordedExchange, rules: RulesInForce | None = None) -> Snapshot:
    """The proxy with these exchanges."""
    return Snapshot(seen, rules, Statistics())


_NAMES = """
    SITE_CHOSEN URL_REWRITE_START URL_REWRITE_END RULE_EVALUATION_START RULE_EVALUATION_END PATTERN_MATCH RULE_DISABLED
    CONDITIONS_EVALUATION_START CONDITION_EVALUATION CONDITIONS_EVALUATION_END REWRITE_MAP_LOOKUP REWRITE_ACTION
    RULES_RULED_OUT REQUEST_ROUTED ANSWERED PRECONDITION_EVALUATION_START PRECONDITION_EVALUATION_END IIS_DIFFERS
    OUTBOUND_RULE_SKIPPED OUTBOUND_PATTERN_MATCH CONTENT_CHANGE OUTBOUND_RULE_END GENERAL_SET_RESPONSE_HEADER BODY_PLAN
    RESPONSE_FIELD_REMOVED WARNING ERROR NAMES_LEFT X
""".split()
_KEYS = """
    rule pattern input where before after link offset matched succeeded captures matched_up_to negate message iis why
    name url changed examined pre_condition stop_processing type scope expanded_input match_type count first last
    reasons rewrite_url location source value
""".split()
_TEXTS = st.sampled_from(["", "a", "r", "links", "body", "<a href>", "<a href=/x>", "/x", "/y", "Inbound", "Outbound"])
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())) | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=4,
)
_EVENTS = st.builds(
    lambda name, fields: {**fields, "event": name},
    st.sampled_from(_NAMES),
    st.dictionaries(st.sampled_from(_KEYS), _VALUES, max_size=8),
)
_DATA_KEYS = "id rules site action target status links leaks problems way broken_off inbound_rules level".split()
TRACES = st.builds(
    lambda events, data: {"events": events, **data},
    st.lists(_EVENTS | _VALUES, max_size=14) | _VALUES,
    st.fixed_dictionaries({}, optional=dict.fromkeys(_DATA_KEYS, _VALUES)),
)
"""Traces of a file that anybody may have written; they are a Mapping, which is all that `RecordedExchange` promises."""
BODIES = st.none() | st.binary(max_size=60) | st.sampled_from([b"<a href=/x>", b"<a href=/y> and more", b"\xff\xfe<"])
