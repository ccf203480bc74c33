"""Apache's Substitute, ProxyPassReverse and cookie directives, and a body plug-in of Traefik, as outbound rules of IIS.

`Substitute` sees a body line by line, so each of its patterns is one in which `.` takes no line end, as in ECMAScript.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

import pytest

from conformance.support import Case
from conformance.support_nginx import in_force, rule
from conformance.support_outbound import check, needs_cases, read_outbound, read_outbound_differences
from urlrewrite.engine.facts import ResponseFacts
from urlrewrite.exchange.rule_tests import Evaluation, evaluate, request_facts
from urlrewrite.model import OutboundRule
from urlrewrite.model.field_lines import field_values

CASES = read_outbound("httpd-traefik-outbound.yaml")
DIFFERENCES = read_outbound_differences()

pytestmark = needs_cases

NOT_SAID = {
    "backreference-encoding": "flags B, BNE and BCTLS of RewriteRule concern requests, and are mod_rewrite's to import",
}
COUNTS = {"body": 24, "backreference-encoding": 6, "redirect": 5, "cookie": 3}


def expression(pattern: str) -> str:
    return re.sub(r"([\\^$.|?*+()\[\]{}/])", r"\\\1", pattern)


def substitute(directive: str) -> OutboundRule:
    """`Substitute s/pattern/replacement/flags` (Apache HTTP Server 2.4 documentation, "mod_substitute")."""
    pattern, replacement, flags = [*directive.removeprefix("Substitute s/").split("/"), ""][:3]
    ignore_case = "i" in flags
    if "n" in flags:
        return rule(expression(pattern), replacement, ignore_case=ignore_case)
    value = re.sub(
        r"\\(.)|\$(\d)|&",
        lambda part: part[1] or (f"{{R:{part[2]}}}" if part[2] else "&"),
        replacement,
    )
    return rule(pattern, value, ignore_case=ignore_case)


def reverse(case: Case) -> Iterable[OutboundRule]:
    """`ProxyPassReverse path url`, for the four fields in which Apache maps a URL."""
    for directive in case["directives"]:
        name, *arguments = directive.split()
        if name == "ProxyPassReverse":
            for field in ("Location", "Content_Location", "URI", "Destination"):
                value = f"http://proxy.test{arguments[0]}{{R:1}}"
                yield rule(f"^{expression(arguments[1])}(.*)$", value, variable=f"RESPONSE_{field}")
        elif name.startswith("ProxyPassReverseCookie"):
            attribute = "path" if name.endswith("Path") else "domain"
            pattern = rf"^((?:.*;)?\s*{attribute}=){expression(arguments[0])}(;.*|/.*)?$"
            yield rule(pattern, f"{{R:1}}{arguments[1]}{{R:2}}", variable="RESPONSE_Set_Cookie")


def rules_for(case: Case) -> Iterable[OutboundRule]:
    if "rules" in case:
        return [rule(told["regex"], told["replacement"], ignore_case=False) for told in case["rules"]]
    if case["directives"][0].startswith("Substitute"):
        return [substitute(directive) for directive in case["directives"]]
    return list(reverse(case))


def repeated(part: Case) -> str:
    many = part.get("body_repeat")
    return str(many["repeat"] * many["count"] if many else part.get("body", ""))


def answer_to(case: Case) -> Evaluation:
    upstream = case["upstream"]
    lines = tuple((name, value) for name, value in upstream.get("headers", ()) if value)
    if not field_values(lines, "content-type"):
        lines = (("Content-Type", "text/html"), *lines)
    request = request_facts("GET", case.get("request", {}).get("url", "http://proxy.test/"))
    response = ResponseFacts(upstream.get("status", 200), lines)
    body = repeated(upstream).encode()
    return evaluate(in_force(rules_for(case)), request, response, body)


def observed(case: Case, told: dict[str, object]) -> dict[str, object]:
    """What came of a case, under the names of what it expects."""
    answer = answer_to(case)
    fields = tuple(answer.fields or ())
    location = next(iter(field_values(fields, "location")), "")
    views: dict[str, object] = {
        "body": (answer.body or b"").decode("utf-8", "replace"),
        "status": answer.status,
        "set_cookie": list(field_values(fields, "set-cookie")),
        "headers": [[name, value] for name, value in fields if name.lower() != "content-type"],
        "last_modified_present": bool(field_values(fields, "last-modified")),
        "content_length_present": bool(field_values(fields, "content-length")),
        "location_regex": re.fullmatch(case["expected"].get("location_regex", ""), location) is not None,
    }
    return {name: views[name] for name in told}


def expected(case: Case) -> dict[str, object]:
    told = dict(case["expected"])
    if "body_repeat" in told:
        told = {"body": repeated(told)}
    if "location_regex" in told:
        told["location_regex"] = True
    return told


@pytest.mark.parametrize("case", [pytest.param(c, id=c["id"]) for c in CASES if c["kind"] not in NOT_SAID])
def test_case(case: Case) -> None:
    told = expected(case)
    differing = {key: value for key, value in observed(case, told).items() if value != told[key]}
    check(case, differing, {}, DIFFERENCES)


def test_every_case_is_run_or_said_why_not() -> None:
    assert Counter(case["kind"] for case in CASES) == COUNTS
    assert set(NOT_SAID) <= set(COUNTS)
