"""Rules for bodies and tags reach content of any type that their precondition, or a condition of theirs, names."""

from __future__ import annotations

import pytest

from rules_of import ask, field, rules_of
from urlrewrite.exchange.rules_in_force import Settings

WWW = "https://www.example.com"
PICTURE = b"\x89PNG\r\n\x1a\n\0\0 old <a href='/old'> \xff\xfe"


def rule(pattern: str, match: str = "pattern: old", value: str = "new", more: str = "preCondition: type") -> str:
    return f"""
links: off
preConditions: {{type: [{{input: '{{RESPONSE_CONTENT_TYPE}}', pattern: '{pattern}'}}]}}
outboundRules: [{{name: r, match: {{{match}}}, {more}, action: {{type: Rewrite, value: '{value}'}}}}]
"""


TAGS = "filterByTags: [A], pattern: ^/old$"
CONDITION = "conditions: [{input: '{RESPONSE_CONTENT_TYPE}', pattern: ^image/}]"
ANOTHER = "conditions: [{input: '{RESPONSE_SERVER}', pattern: IIS}]"
NEGATED = "conditions: [{input: '{RESPONSE_CONTENT_TYPE}', pattern: ^text/, negate: true}]"
CASES = [
    # rules, type, body, what becomes of it
    (rule("^application/x-rdp$"), "application/x-rdp", b"old", b"new"),
    (rule("^application/x-rdp$"), "application/octet-stream", b"old", b"old"),
    (rule("^image/"), "image/png", PICTURE, PICTURE.replace(b"old", b"new")),
    (rule("^image/", more=CONDITION), "image/png", PICTURE, PICTURE.replace(b"old", b"new")),
    (rule("."), "image/png", PICTURE, PICTURE),
    (rule("^", more=ANOTHER), "image/png", PICTURE, PICTURE),
    (rule("^", more=NEGATED), "image/png", PICTURE, PICTURE),
    (rule("^image/", TAGS, "/new"), "image/png", PICTURE, PICTURE.replace(b"/old", b"/new")),
    (rule("^(text|application)/x-page", TAGS, "/new"), "text/x-page", b"<a href='/old'>", b"<a href='/new'>"),
    (rule("^text/html", TAGS, "/new"), "text/x-page", b"<a href='/old'>", b"<a href='/old'>"),
]


@pytest.mark.parametrize(("rules", "content_type", "body", "becomes"), CASES)
@pytest.mark.parametrize("settings", [Settings(), Settings(threshold=1)], ids=["whole", "stream"])
def test_a_type_that_is_named(rules: str, content_type: str, body: bytes, becomes: bytes, settings: Settings) -> None:
    fields = [("Content-Type", content_type), ("Content-Length", str(len(body))), ("Server", "IIS")]
    result = ask(rules_of(rules, settings=settings), f"{WWW}/a", answer=(200, fields, body))
    assert result.body == becomes
    if settings.threshold > 1:
        assert field(result, "content-length") == [str(len(becomes))]
