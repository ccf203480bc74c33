"""A trace is grouped by the rules again, also where a rule failed and its block has no end."""

from __future__ import annotations

import pytest

from urlrewrite.trace.events import Name
from urlrewrite.trace.reading import Event, inbound_blocks, read

START: Event = {"event": "RULE_EVALUATION_START", "rule": "a"}
END: Event = {"event": "RULE_EVALUATION_END", "rule": "a"}
MATCH: Event = {"event": "PATTERN_MATCH"}

OUTSIDE = [
    "ANSWERED",
    "ARR_SERVER_ROUTED",
    "EARLY_HINTS",
    "GENERAL_SET_REQUEST_HEADER",
    "NO_SERVER",
    "QUERY_MAPPED_BACK",
    "REQUEST_BODY",
    "REQUEST_BODY_CHANGE",
    "REQUEST_QUEUED",
    "REQUEST_ROUTED",
    "RULES_RULED_OUT",
    "SAML_LEFT",
    "SERVER_FAILED",
    "SERVER_STATE",
    "URL_REWRITE_END",
    "URL_REWRITE_START",
]

OF_THE_RESPONSE = set(
    """
    BODY_DECODED BODY_PLAN BODY_RELEASED BODY_WINDOWS CONTENT_CHANGE GENERAL_SET_RESPONSE_HEADER IIS_DIFFERS INTEGRITY
    MESSAGE_CHANGE NAMES_LEFT OUTBOUND_PATTERN_MATCH OUTBOUND_RULE_END OUTBOUND_RULE_SKIPPED PATHS_LEFT
    PRECONDITION_EVALUATION_END PRECONDITION_EVALUATION_START RESPONSE_FIELD_REMOVED
    """.split()
)


@pytest.mark.parametrize("name", Name)
def test_the_response_begins_with_the_first_event_that_only_responses_have(name: Name) -> None:
    reading = read({"events": [{"event": "REQUEST_ROUTED"}, {"event": "WARNING"}, {"event": str(name)}, MATCH]})
    assert len(reading.request) == (2 if name in OF_THE_RESPONSE else 4)
    assert len(reading.events) == 4


@pytest.mark.parametrize(("side", "expected"), [("Inbound", 2), ("Outbound", 0)])
def test_the_response_begins_where_its_rules_do(side: str, expected: int) -> None:
    assert len(read({"events": [{"event": "URL_REWRITE_START", "type": side}, MATCH]}).request) == expected


def grouped(*events: Event) -> list[tuple[str, list[str]]]:
    """What stands in each block, under the name of its rule."""
    return [(block.name, [event["event"] for event in block.events]) for block in inbound_blocks(events)]


@pytest.mark.parametrize("name", OUTSIDE)
def test_an_event_of_no_rule_ends_a_rule_that_failed(name: str) -> None:
    assert grouped(START, MATCH, {"event": name}) == [("a", ["PATTERN_MATCH"]), ("", [name])]


@pytest.mark.parametrize("name", ["PATTERN_MATCH", "CONDITION_EVALUATION", "REWRITE_ACTION", "WARNING", "ERROR"])
def test_an_event_of_a_rule_does_not(name: str) -> None:
    assert grouped(START, MATCH, {"event": name}) == [("a", ["PATTERN_MATCH", name])]


def test_a_rule_ends_at_its_end_or_where_the_next_begins() -> None:
    assert grouped(START, MATCH, END, MATCH, START, START, END) == [
        ("a", ["PATTERN_MATCH"]),
        ("", ["PATTERN_MATCH"]),
        ("a", []),
        ("a", []),
    ]
