"""Outbound rules: fields, tags and whole bodies, as IIS's reference has them. Links are off, so only rules act."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from rules_of import SITE, ask, field, problem_codes, rules_of
from urlrewrite.trace.reasons import Reason

OFF = SITE + "links: off\n"
HTML = ("Content-Type", "text/html; charset=utf-8")
B = "http://privateserver:8080"
P = "https://www.example.com"


@dataclass(frozen=True)
class BodyCase:
    name: str
    rules: str
    before: str
    after: str
    fields: tuple[tuple[str, str], ...] = (HTML,)


BODIES = [
    BodyCase(
        "the reverse proxy wizard's rule",
        """
        preConditions: {ResponseIsHtml1: [{input: '{RESPONSE_CONTENT_TYPE}', pattern: ^text/html}]}
        outboundRules:
          - name: ReverseProxyOutboundRule1
            preCondition: ResponseIsHtml1
            match: {filterByTags: 'A, Form, Img', pattern: '^http(s)?://privateserver:8080/(.*)'}
            action: {type: Rewrite, value: 'http{R:1}://www.example.com/{R:2}'}
        """,
        f'<a href="{B}/x"><form action=\'{B}/y\'><img src={B}/z><link href="{B}/w">',
        f"<a href=\"http://www.example.com/x\"><form action='http://www.example.com/y'>"
        f'<img src=http://www.example.com/z><link href="{B}/w">',
    ),
    BodyCase(
        "the whole value is replaced, not only the match",
        """
        outboundRules:
          - name: r
            match: {filterByTags: A, pattern: 'http://privateserver:8080'}
            action: {type: Rewrite, value: 'https://www.example.com'}
        """,
        f'<a href="{B}/x">',
        f'<a href="{P}">',
    ),
    BodyCase(
        "a value is matched raw: entities are not decoded",
        """
        outboundRules:
          - name: r
            match: {filterByTags: A, pattern: '^page\\?a=(\\d+)&amp;b=(\\d+)$'}
            action: {type: Rewrite, value: 'page/{R:1}/{R:2}'}
        """,
        '<a href="page?a=1&amp;b=2">',
        '<a href="page/1/2">',
    ),
    BodyCase(
        "rules chain on one value and stopProcessing ends the chain",
        """
        outboundRules:
          - {name: one, match: {filterByTags: A, pattern: ^a$}, action: {type: Rewrite, value: b}}
          - {name: two, match: {filterByTags: A, pattern: ^b$}, stopProcessing: true, action: {type: Rewrite, value: c}}
          - {name: three, match: {filterByTags: A, pattern: ^c$}, action: {type: Rewrite, value: d}}
        """,
        "<a href=a><a href=c>",
        "<a href=c><a href=d>",
    ),
    BodyCase(
        "custom tags",
        """
        customTags: {lazy: [img/data-src, {video: poster}]}
        outboundRules:
          - name: r
            match: {filterByTags: CustomTags, customTags: lazy, pattern: ^/(.*)}
            action: {type: Rewrite, value: '/app/{R:1}'}
        """,
        "<img src=/a data-src=/b><video poster=/c>",
        "<img src=/a data-src=/app/b><video poster=/app/c>",
    ),
    BodyCase(
        "a whole-body rule replaces each match and leaves the rest",
        """
        outboundRules:
          - name: r
            match: {pattern: 'http://privateserver:8080'}
            action: {type: Rewrite, value: 'https://www.example.com'}
        """,
        f"x='{B}/a'; y='{B}/b' é",
        f"x='{P}/a'; y='{P}/b' é",
    ),
    BodyCase(
        "occurrences",
        """
        outboundRules: [{name: r, match: {pattern: a, occurrences: 2}, action: {type: Rewrite, value: b}}]
        """,
        "aaaa",
        "bbaa",
    ),
    BodyCase(
        "ExactMatch in a body is a substring",
        """
        outboundRules:
          - name: r
            patternSyntax: ExactMatch
            match: {pattern: </body>}
            action: {type: Rewrite, value: '<!-- x --></body>'}
        """,
        "<p>x</body>",
        "<p>x<!-- x --></body>",
    ),
    BodyCase(
        "conditions decide item by item",
        """
        outboundRules:
          - name: r
            match: {filterByTags: A, pattern: (.*)}
            conditions: [{input: '{R:1}', pattern: '^/(in)/'}, {input: '{URL}', pattern: ^/page}]
            action: {type: Rewrite, value: '/{C:1}side'}
        """,
        "<a href=/in/x><a href=/out/x>",
        "<a href=/inside><a href=/out/x>",
    ),
    BodyCase(
        "a precondition that fails keeps the rule away",
        """
        preConditions: {is css: [{input: '{RESPONSE_CONTENT_TYPE}', pattern: ^text/css}]}
        outboundRules: [{name: r, preCondition: is css, match: {pattern: a}, action: {type: Rewrite, value: b}}]
        """,
        "aaa",
        "aaa",
    ),
    BodyCase(
        "an action without a type does nothing",
        "outboundRules: [{name: r, match: {pattern: a}}]",
        "aaa",
        "aaa",
    ),
    BodyCase(
        "binary content is no text",
        "outboundRules: [{name: r, match: {pattern: a}, action: {type: Rewrite, value: b}}]",
        "aaa",
        "aaa",
        (("Content-Type", "image/png"),),
    ),
    BodyCase(
        "what a charset lacks becomes a character reference in markup",
        "outboundRules: [{name: r, match: {filterByTags: A, pattern: .*}, action: {type: Rewrite, value: /€}}]",
        "<a href=x>",
        "<a href=/&#8364;>",
        (("Content-Type", "text/html; charset=iso-8859-2"),),
    ),
]


@pytest.mark.parametrize("case", BODIES, ids=lambda case: case.name)
def test_bodies(case: BodyCase) -> None:
    rules = rules_of(case.rules, site=OFF)
    result = ask(rules, f"{P}/page", answer=(200, list(case.fields), case.before.encode()))
    assert (result.body or b"").decode() == case.after, result.exchange.trace.events


@dataclass(frozen=True)
class FieldCase:
    name: str
    rule: str
    before: tuple[tuple[str, str], ...]
    after: tuple[tuple[str, str], ...]
    status: int = 200


FIELDS = [
    FieldCase(
        "each Set-Cookie line by itself",
        "match: {serverVariable: RESPONSE_Set_Cookie, pattern: '^(b=.*)domain=privateserver(.*)'}\n"
        "action: {type: Rewrite, value: '{R:1}domain=www.example.com{R:2}'}",
        (("Set-Cookie", "a=1; domain=privateserver"), ("Set-Cookie", "b=2; domain=privateserver; path=/")),
        (("Set-Cookie", "a=1; domain=privateserver"), ("Set-Cookie", "b=2; domain=www.example.com; path=/")),
    ),
    FieldCase(
        "a missing field reads as empty and can be made",
        "match: {serverVariable: RESPONSE_Strict-Transport-Security, pattern: '.*'}\n"
        "action: {type: Rewrite, value: max-age=1}",
        (),
        (("Strict-Transport-Security", "max-age=1"),),
    ),
    FieldCase(
        ".+ touches a field only if it is there",
        "match: {serverVariable: RESPONSE_X_A, pattern: '.+'}\naction: {type: Rewrite, value: b}",
        (),
        (),
    ),
    FieldCase(
        "an empty value takes a field away",
        "match: {serverVariable: RESPONSE_Server, pattern: '.+'}\naction: {type: Rewrite, value: ''}",
        (("Server", "Secret/1.0"), ("X", "y")),
        (("X", "y"),),
    ),
    FieldCase(
        "a value cannot smuggle a field",
        "match: {serverVariable: RESPONSE_X, pattern: '^$'}\n"
        "action: {type: Rewrite, value: 'u={UrlDecode:a%0d%0aEvil: x}'}",
        (),
        (("X", "u=a Evil: x"),),
    ),
    FieldCase(
        "replace false leaves what is there",
        "match: {serverVariable: RESPONSE_X, pattern: '.*'}\naction: {type: Rewrite, value: new, replace: false}",
        (("X", "old"),),
        (("X", "old"),),
    ),
    FieldCase(
        "conditions and {RESPONSE_STATUS}",
        "match: {serverVariable: RESPONSE_Location, pattern: '^http://[^/]+/(.*)'}\n"
        "conditions: [{input: '{RESPONSE_STATUS}', pattern: ^3}, {input: '{HTTP_HOST}', pattern: (.*)}]\n"
        "action: {type: Rewrite, value: 'https://{C:1}/{R:1}'}",
        (("Location", "http://privateserver:8080/x"),),
        (("Location", "https://www.example.com/x"),),
        302,
    ),
    FieldCase(
        "a negated pattern",
        "match: {serverVariable: RESPONSE_Set_Cookie, pattern: secure, negate: true}\n"
        "action: {type: Rewrite, value: 'x{R:1}'}",
        (("Set-Cookie", "a=1; Secure"), ("Set-Cookie", "b=2")),
        (("Set-Cookie", "a=1; Secure"), ("Set-Cookie", "x")),
    ),
]


@pytest.mark.parametrize("case", FIELDS, ids=lambda case: case.name)
def test_fields(case: FieldCase) -> None:
    rule = "\n".join(f"    {line}" for line in ("name: r", *case.rule.splitlines()))
    rules = rules_of(f"outboundRules:\n  -\n{rule}\n", site=OFF)
    result = ask(rules, f"{P}/", answer=(case.status, list(case.before), b""))
    assert tuple(result.fields or ()) == case.after


TAG_RULE = """
outboundRules:
  - name: r
    match: {{filterByTags: A, pattern: '{pattern}', negate: {negate}}}
    action: {{type: Rewrite, value: '{value}'}}
  - name: field
    match: {{filterByTags: A, serverVariable: RESPONSE_X, pattern: bc}}
    action: {{type: Rewrite, value: y}}
"""
READINGS = [
    # pattern, negate, value, what stands in the attribute, and what becomes of it by each reading
    ("http://b", "false", "https://p", "http://b/x", "https://p", "https://p/x"),
    ("b", "false", "c", "abab", "c", "acab"),
    ("(b)$", "false", "<{R:1}>", "ab", "<b>", "a<b>"),
    ("^z", "true", "c", "ab", "c", "c"),
    ("z", "false", "c", "ab", "ab", "ab"),
]


@pytest.mark.parametrize(("pattern", "negate", "value", "before", "by_value", "by_match"), READINGS)
def test_both_readings_of_what_a_tag_rule_replaces(
    pattern: str, negate: str, value: str, before: str, by_value: str, by_match: str
) -> None:
    for reading, after in (("value", by_value), ("match", by_match)):
        text = TAG_RULE.format(pattern=pattern, negate=negate, value=value)
        rules = rules_of(f"readings: {{tagReplacement: {reading}}}\n{text}", site=OFF)
        result = ask(rules, f"{P}/", answer=(200, [HTML, ("X", "abc")], f"<a href='{before}'>".encode()))
        assert result.body == f"<a href='{after}'>".encode(), reading
        assert field(result, "x") == ["y"], "a field is replaced whole by either reading"
        if reading == "match":
            assert result.exchange.trace.problems() == []


TRACKED = [
    # what the rule says, what the site's reading is, and {C:0}|{C:1}|{C:2} after two conditions of one group each
    ("", "true", "ab|b|d"),
    ("", "false", "cd|d|"),
    ("trackAllCaptures: false, ", "true", "cd|d|"),
    ("trackAllCaptures: true, ", "false", "ab|b|d"),
]


@pytest.mark.parametrize(("says", "reading", "captured"), TRACKED)
def test_both_readings_of_track_all_captures(says: str, reading: str, captured: str) -> None:
    rules = rules_of(
        f"""
readings: {{outboundTrackAllCaptures: {reading}}}
outboundRules:
  - name: r
    match: {{serverVariable: RESPONSE_X, pattern: .*}}
    conditions: {{{says}add: [{{input: ab, pattern: a(b)}}, {{input: cd, pattern: c(d)}}]}}
    action: {{type: Rewrite, value: '{{C:0}}|{{C:1}}|{{C:2}}'}}
""",
        site=OFF,
    )
    assert field(ask(rules, f"{P}/", answer=(200, [], b"")), "x") == [captured]


def test_fields_of_our_own_responses_are_rewritten_too() -> None:
    rules = rules_of(
        """
        rules: [{name: r, match: .*, action: {type: Redirect, url: /x}}]
        outboundRules:
          - {name: hsts, match: {serverVariable: RESPONSE_X_Own, pattern: .*}, action: {type: Rewrite, value: 'yes'}}
        """
    )
    result = ask(rules, f"{P}/")
    assert result.status == 301
    assert field(result, "x-own") == ["yes"]


def test_a_pattern_that_takes_too_long_on_a_body_is_a_500() -> None:
    rules = rules_of(
        "outboundRules: [{name: slow, match: {pattern: '(a+)+$'}, action: {type: Rewrite, value: x}}]", site=OFF
    )
    result = ask(rules, f"{P}/", answer=(200, [HTML], b"a" * 5000 + b"b"))
    assert result.status == 500
    assert Reason.PATTERN_TIMEOUT in problem_codes(result)


def test_a_lost_tail_is_warned_of_once() -> None:
    rules = rules_of(
        """
        outboundRules:
          - {name: r, match: {filterByTags: A, pattern: '^http://[^/]+'}, action: {type: Rewrite, value: /x}}
        """,
        site=OFF,
    )
    result = ask(rules, f"{P}/", answer=(200, [HTML], b"<a href=http://a/b><a href=http://a/c>"))
    assert problem_codes(result) == [Reason.LOST_TAIL]


def test_the_trace_has_a_tally_for_each_rule() -> None:
    rules = rules_of(
        "outboundRules: [{name: r, match: {filterByTags: A, pattern: ^/in}, action: {type: Rewrite, value: /x}}]",
        site=OFF,
    )
    result = ask(rules, f"{P}/", answer=(200, [HTML], b"<a href=/in><a href=/out>" * 10))
    ends = [event for event in result.exchange.trace.events if event["event"] == "OUTBOUND_RULE_END"]
    assert ends == [{"event": "OUTBOUND_RULE_END", "rule": "r", "examined": 20, "matched": 10, "changed": 10}]
