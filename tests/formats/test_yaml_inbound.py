from __future__ import annotations

import pytest

from formats.support import SITE, Expected, assert_told, in_site
from urlrewrite.model import (
    Action,
    ActionType,
    Condition,
    Conditions,
    LogicalGrouping,
    Match,
    MatchType,
    RedirectType,
    SetServerVariable,
    Source,
)

RULE = SITE + "rules:\n  - name: r\n"
"""A rule without its match, in line 4; what a case adds begins in line 5."""


def rule(*lines: str) -> str:
    return RULE + "".join(f"    {line}\n" for line in lines)


MATCHES = [
    ("match: ^$", Match("^$")),
    ("match: {url: .*, ignoreCase: off, negate: Yes}", Match(".*", ignore_case=False, negate=True)),
    ("match: {url: '{', ignoreCase: TRUE, negate: NO}", Match("{")),
    ("match: 404", Match("404")),
    ("match: off", Match("off")),
]


@pytest.mark.parametrize(("text", "expected"), MATCHES)
def test_match(text: str, expected: Match) -> None:
    assert in_site(f"rules: [{{name: r, {text}}}]").sites[0].rules[0].match == expected


def at(line: int) -> Source:
    return Source("rules.yaml", line)


CONDITIONS = [
    ("conditions: []", Conditions()),
    ("conditions:", Conditions()),
    (
        "conditions: [{input: '{HTTPS}', pattern: off}, {input: a, pattern: b, negate: true, ignoreCase: false}]",
        Conditions(
            (
                Condition("{HTTPS}", "off", source=at(6)),
                Condition("a", "b", ignore_case=False, negate=True, source=at(6)),
            )
        ),
    ),
    (
        "conditions: {logicalGrouping: matchany, trackAllCaptures: true, add: [{matchType: isFile, negate: true}]}",
        Conditions(
            (Condition("{REQUEST_FILENAME}", "", MatchType.IS_FILE, negate=True, source=at(6)),),
            LogicalGrouping.MATCH_ANY,
            track_all_captures=True,
        ),
    ),
    (
        "conditions: [{input: '{REQUEST_FILENAME}.gz', matchType: IsDirectory}]",
        Conditions((Condition("{REQUEST_FILENAME}.gz", "", MatchType.IS_DIRECTORY, source=at(6)),)),
    ),
]


@pytest.mark.parametrize(("text", "expected"), CONDITIONS)
def test_conditions(text: str, expected: Conditions) -> None:
    rules = in_site(f"rules:\n  - name: r\n    match: .*\n    {text}\n")
    assert rules.sites[0].rules[0].conditions == expected


VARIABLES = [
    ("{HTTP_X_A: '{R:0}', B: }", (SetServerVariable("HTTP_X_A", "{R:0}"), SetServerVariable("B", ""))),
    ("[{name: A, value: 1, replace: false}]", (SetServerVariable("A", "1", replace=False),)),
    ("[{name: A}]", (SetServerVariable("A", ""),)),
]


@pytest.mark.parametrize(("text", "expected"), VARIABLES)
def test_server_variables(text: str, expected: tuple[SetServerVariable, ...]) -> None:
    found = in_site(f"rules: [{{name: r, match: .*, serverVariables: {text}}}]").sites[0].rules[0].server_variables
    assert [(v.name, v.value, v.replace) for v in found] == [(v.name, v.value, v.replace) for v in expected]
    assert {v.source for v in found} == {at(3)}


ACTIONS = [
    ("", Action()),
    ("action: None", Action()),
    ("action: ~", Action()),
    ("action: abortrequest", Action(ActionType.ABORT_REQUEST)),
    ("action: {type: Rewrite, url: '/a?b={R:1}'}", Action(ActionType.REWRITE, "/a?b={R:1}")),
    (
        "action: {type: rewrite, url: a, appendQueryString: false, logRewrittenUrl: true}",
        Action(ActionType.REWRITE, "a", append_query_string=False, log_rewritten_url=True),
    ),
    ("action: {type: Redirect, url: a}", Action(ActionType.REDIRECT, "a")),
    (
        "action: {type: CustomResponse, statusCode: 403, subStatusCode: 6, statusReason: a, statusDescription: b}",
        Action(
            ActionType.CUSTOM_RESPONSE,
            status_code=403,
            sub_status_code=6,
            status_reason="a",
            status_description="b",
        ),
    ),
    *(
        (f"action: {{type: Redirect, url: a, redirectType: {word}}}", Action(ActionType.REDIRECT, "a", True, kind))
        for kind in RedirectType
        for word in (str(kind), kind.status, str(kind).lower())
    ),
]


@pytest.mark.parametrize(("text", "expected"), ACTIONS)
def test_action(text: str, expected: Action) -> None:
    assert in_site(f"rules:\n  - name: r\n    match: .*\n    {text}\n").sites[0].rules[0].action == expected


WRONG: list[tuple[str, Expected]] = [
    (SITE + "rules: {a: b}", [(3, "UR003", "rules: got a mapping, expected a list")]),
    (SITE + "rules: [a]", [(3, "UR003", 'rules: got "a", expected a mapping with name, enabled')]),
    (SITE + "rules:\n  - match: .*\n", [(4, "UR006", "rules.name: got nothing, expected a name")]),
    (
        rule("stopProcesing: true", "match: .*"),
        [
            (
                5,
                "UR004",
                'rules.yaml:5: rule "r": got the key "stopProcesing", expected one of name, enabled, patternSyntax, '
                "stopProcessing, responseCacheDirective, silence, match, conditions, serverVariables, action, "
                "did you mean stopProcessing? [UR004]",
            )
        ],
    ),
    (
        rule("match: .*", "enabled: maybe", "stopprocessing: true", "match: a"),
        [
            (6, "UR007", 'enabled: got "maybe", expected true or false'),
            (7, "UR004", "did you mean stopProcessing?"),
            (8, "UR005", 'got the key "match" again, expected it once: the first one is in line 5'),
        ],
    ),
    (rule("enabled: true"), [(4, "UR006", 'rule "r": match: got nothing, expected a pattern')]),
    (rule("match: ''"), [(5, "UR006", "match: got nothing")]),
    (rule("match: {ignoreCase: true}"), [(5, "UR006", "match.url: got nothing, expected a pattern for the path")]),
    (rule("match: {url: [a]}"), [(5, "UR003", "match.url: got a list, expected a text")]),
    (rule("match: [a]"), [(5, "UR003", "match: got a list, expected a mapping with url, ignoreCase, negate")]),
    (
        rule("match: .*", "patternSyntax: Wildcart"),
        [
            (
                6,
                "UR007",
                'patternSyntax: got "Wildcart", expected one of ECMAScript, Wildcard, ExactMatch, did you mean W',
            )
        ],
    ),
    (
        rule("match: .*", "conditions:", "  - {input: {HTTPS}, pattern: off}"),
        [(7, "UR003", "conditions[1].input: got a mapping (put a text such as '{HTTPS}' in quotes), expected a text")],
    ),
    (
        rule("match: .*", "conditions:", "  - {pattern: a}", "  - {input: a}", "  - {input: a, pattern: ''}", "  - a"),
        [
            (7, "UR006", "conditions[1].input: got nothing"),
            (8, "UR006", "conditions[2].pattern: got nothing"),
            (10, "UR003", 'conditions[4]: got "a", expected a mapping with input'),
        ],
    ),
    (rule("match: .*", "conditions: a"), [(6, "UR003", 'conditions: got "a", expected a list')]),
    (
        rule("match: .*", "conditions: {logicalGrouping: Any, add: [{input: a, matchtype: IsFile, pattern: b}]}"),
        [
            (6, "UR004", 'conditions.add[1]: got the key "matchtype"'),
            (6, "UR007", 'conditions.logicalGrouping: got "Any", expected one of MatchAll, MatchAny'),
        ],
    ),
    (
        rule("match: .*", "conditions: [{matchType: IsFile, pattern: a}]"),
        [(6, "UR013", 'warning: rule "r": conditions[1].pattern: has no effect with matchType IsFile')],
    ),
    (
        rule("match: .*", "serverVariables: {'{HTTP_X}': a, http_x: b, HTTP_X: c}"),
        [
            (6, "UR007", 'serverVariables: got the name "{HTTP_X}", expected a bare name'),
            (
                6,
                "UR008",
                'got the server variable "HTTP_X" again, expected each once: the first one is in rules.yaml:6',
            ),
        ],
    ),
    (
        rule("match: .*", "serverVariables: [{value: a}, {name: ' A'}, b]"),
        [
            (6, "UR003", 'serverVariables[3]: got "b", expected a mapping'),
            (6, "UR006", "serverVariables[1].name: got nothing, expected the name of a server variable"),
            (6, "UR007", 'serverVariables[2].name: got " A", expected'),
        ],
    ),
    (rule("match: .*", "serverVariables: {A: [b]}"), [(6, "UR003", "serverVariables.A: got a list, expected a text")]),
    (rule("match: .*", "serverVariables: a"), [(6, "UR003", 'serverVariables: got "a", expected a list')]),
    (
        rule("match: .*", "action: Rewrite"),
        [(6, "UR006", 'action: got "Rewrite", expected a mapping with type and url')],
    ),
    (
        rule("match: .*", "action: CustomResponse"),
        [(6, "UR006", 'action: got "CustomResponse", expected a mapping with type and statusCode')],
    ),
    (rule("match: .*", "action: Abort"), [(6, "UR007", "did you mean AbortRequest?")]),
    (rule("match: .*", "action: [a]"), [(6, "UR003", "action: got a list, expected a mapping with type, url")]),
    (
        rule("match: .*", "action: {url: a}"),
        [(6, "UR006", "action.type: got nothing, expected one of None, Rewrite, Redirect, CustomResponse, Abort")],
    ),
    (
        rule("match: .*", "action: {type: Rewrite}"),
        [(6, "UR006", "action.url: got nothing, expected the URL to go to")],
    ),
    (rule("match: .*", "action: {type: Redirect, url: ' a'}"), [(6, "UR007", 'action.url: got " a", expected')]),
    (rule("match: .*", 'action: {type: Redirect, url: "a\\r\\nb"}'), [(6, "UR007", r'action.url: got "a\r\nb"')]),
    (
        rule("match: .*", "action: {type: Redirect, url: a, redirectType: 304}"),
        [(6, "UR007", 'redirectType: got "304", expected one of Permanent, Found, SeeOther, Temporary, PermanentR')],
    ),
    (
        rule("match: .*", "action: {type: CustomResponse}"),
        [(6, "UR006", "action.statusCode: got nothing, expected a status such as 403")],
    ),
    *(
        (
            rule("match: .*", f"action: {{type: CustomResponse, statusCode: {status}}}"),
            [(6, "UR007", f"action.statusCode: got {status}, expected a status outside 300 to 307")],
        )
        for status in (300, 307)
    ),
    *(
        (
            rule("match: .*", f"action: {{type: CustomResponse, statusCode: {status}}}"),
            [(6, "UR007", f'got "{status}", expected a whole number from 200 to 999')],
        )
        for status in ("199", "1000", "-403", "4_03", "forbidden", "²", "9" * 30)
    ),
    (
        rule("match: .*", "action: {type: CustomResponse, statusCode: 403, subStatusCode: 1000}"),
        [(6, "UR007", "from 0 to 999")],
    ),
    (
        rule("match: .*", "action: {type: AbortRequest, url: a, statusCode: 403}"),
        [
            (6, "UR013", "action.url: has no effect with the action AbortRequest"),
            (6, "UR013", "action.statusCode: has no effect with the action AbortRequest"),
        ],
    ),
    (
        rule("match: .*") + "  - {name: s, match: a}\n  - {name: R, match: a}\n",
        [
            (
                7,
                "UR008",
                'rules.yaml:7: rule "R": got the rule "R" again, expected each once: the first one is in rules.yaml:4',
            )
        ],
    ),
]


@pytest.mark.parametrize(("text", "expected"), WRONG)
def test_wrong(text: str, expected: Expected) -> None:
    assert_told(text, expected)
