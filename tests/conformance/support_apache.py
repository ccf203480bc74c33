"""What ASP.NET says in Apache's words (segments, comparisons, flags), run as the mod_rewrite file that means it."""

from __future__ import annotations

from conformance.support import Case, Observed
from urlrewrite.engine.compile import compile_rules
from urlrewrite.engine.facts import RequestFacts
from urlrewrite.exchange.responses import Abort, LocalResponse
from urlrewrite.exchange.rule_tests import Evaluation, evaluate
from urlrewrite.exchange.rules_in_force import RulesInForce, Settings
from urlrewrite.formats.apache import mod_rewrite
from urlrewrite.model import RuleSet
from urlrewrite.model.field_lines import field_values
from urlrewrite.model.problems import Problem, RuleFileError

REQUEST = RequestFacts("GET", "http", "localhost", "/", (("Host", "localhost"),))

INTEGER_TESTS = {
    "Equal": "-eq",
    "NotEqual": "-ne",
    "Less": "-lt",
    "LessEqual": "-le",
    "Greater": "-gt",
    "GreaterEqual": "-ge",
}
STRING_TESTS = {"Equal": "=", "Less": "<", "LessEqual": "<=", "Greater": ">", "GreaterEqual": ">="}


def run(directives: str, request: RequestFacts = REQUEST) -> Evaluation | None:
    """What becomes of a request by a file of directives; None if the file is refused, in whole or in part."""
    problems: list[Problem] = []
    try:
        rule_set: RuleSet | None = mod_rewrite.read(f"RewriteEngine On\n{directives}\n", ".htaccess", problems)
        if problems or rule_set is None:
            return None
        compiled, problems_of_rules = compile_rules(rule_set)
    except RuleFileError:
        return None
    return None if problems_of_rules else evaluate(RulesInForce(compiled, Settings()), request, None)


def segment(case: Case, request: RequestFacts) -> Observed:
    """The value of a variable: a condition captures it, and the rule puts it where it can be seen."""
    result = run(f"RewriteCond {case['segment']} ^(.*)$\nRewriteRule ^ /is?%1 [END]", request)
    if result is None:
        return {"refused": True}
    value = result.exchange.decision.target.removeprefix("/is?")
    return {"refused": False, "value": value, "ok": bool(value)}


def comparison(case: Case) -> Observed:
    """A comparison of a number or a text, which a condition makes with a field of the request."""
    asked = case["match"]
    if asked["type"] == "Integer":
        test = f'"{INTEGER_TESTS[asked["op"]]}{asked["value"]}"'
    else:
        test = STRING_TESTS[asked["op"]] + (asked["value"] or '""')
    flags = " [NC]" if asked.get("ignoreCase") else ""
    text = case.get("input")
    fields = (*REQUEST.fields, *((("X-Input", text),) if text else ()))
    request = RequestFacts("GET", "http", "localhost", "/", fields)
    result = run(f"RewriteCond %{{HTTP:X-Input}} {test}{flags}\nRewriteRule ^ /matched [END]", request)
    if result is None:
        return {"refused": True}
    return {"refused": False, "matched": result.exchange.decision.target == "/matched"}


def action(asked: str | Case) -> Observed:
    """A flag that ends the request, as `Forbidden [F]`, or one that sets a cookie."""
    if isinstance(asked, str):
        flags = asked.partition(" ")[2]
    else:
        cookie = asked["set_cookie"]
        told = [str(cookie.get(key, "")) for key in ("name", "value", "domain", "lifetime_minutes", "path")]
        told += [key for key in ("secure", "httponly") if cookie.get(key)]
        flags = f"[CO={':'.join(told)}]"
    result = run(f'RewriteRule ^ - "{flags}"')
    if result is None:
        return {"refused": True}
    cookies = field_values(tuple(result.fields or ()), "set-cookie")
    flow = "end-response" if isinstance(result.routing, LocalResponse | Abort) else "continue"
    return {"refused": False, "flow": flow, "status": result.status, "set_cookie": next(iter(cookies), None)}
