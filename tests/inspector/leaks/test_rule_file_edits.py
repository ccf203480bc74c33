"""What is proposed put into the text of a rule file: entries with a known name take the place of what has it."""

from __future__ import annotations

import pytest

from urlrewrite.inspector.leaks.rule_file_edits import with_fragment

SITE = "public: https://www.example.com\nbackend: http://privateserver:8080  # inner\n"
RULES = """rules:
  # the first
  - {name: a, match: ^a$, action: None}

  # the second
  - name: b
    match: ^b$
    action: None
"""
OUTBOUND = """preConditions:
  html: [{input: '{RESPONSE_CONTENT_TYPE}', pattern: ^text/xml}]
outboundRules:
  - name: o
    match: {pattern: x}
    action: {type: Rewrite, value: y}
"""
NEW = "rules:\n  - name: %s\n    match: ^%s$\n    action: None\n"
HTML = "preConditions:\n  html:\n    - {input: '{RESPONSE_CONTENT_TYPE}', pattern: ^text/html}\n"
PUT = [
    # what is proposed, what is there then, what is not
    (NEW % ("a", "new"), ["  - name: a\n    match: ^new$\n", "# the second"], "^a$"),
    (NEW % ("b", "new"), ["  # the second\n  - name: b\n    match: ^new$"], "^b$"),
    (NEW % ("c", "c"), ["match: ^b$", "  - name: c\n    match: ^c$"], "new"),
    (HTML, ["^text/html"], "^text/xml"),
    (
        "preConditions:\n  page:\n    - {input: '{URL}', pattern: a}\n\noutboundRules:\n  - name: o\n"
        "    preCondition: page\n    match: {pattern: x}\n    action: {type: Rewrite, value: z}\n",
        ["  page:\n", "preCondition: page", "value: z", "^text/xml"],
        "value: y",
    ),
    ("preserveHostHeader: true\n", ["preserveHostHeader: true\n"], "new"),
    ("backend: https://privateserver:8080\n", ["backend: https://privateserver:8080  # inner"], "backend: http:"),
]  # fmt: skip


@pytest.mark.parametrize(("fragment", "there", "gone"), PUT)
def test_a_fragment_is_put_into_its_place(fragment: str, there: list[str], gone: str) -> None:
    text = with_fragment(SITE + RULES + OUTBOUND, fragment, "")
    assert text is not None
    assert all(each in text for each in there)
    assert gone not in text


def test_what_stands_in_brackets_is_left() -> None:
    rules = "rules: [{name: a, match: ^a$, action: None}]\n"
    assert with_fragment(SITE + rules, NEW % ("a", "new"), "") is None
