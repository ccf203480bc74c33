"""Rules for tests: a site from a few lines of YAML, ready to run."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from urlrewrite.content.asset_memory import AssetMemory
from urlrewrite.engine.compile import compile_rules
from urlrewrite.engine.facts import ResponseFacts
from urlrewrite.exchange.exchange import Exchange
from urlrewrite.exchange.rule_tests import Evaluation, evaluate, request_facts
from urlrewrite.exchange.rules_in_force import RulesInForce, Settings
from urlrewrite.formats.yaml.rules import parse
from urlrewrite.model.field_lines import FieldLine
from urlrewrite.trace.events import Name

SITE = """
public: [https://www.example.com, http://www.example.com]
backend: http://privateserver:8080
"""


def rules_of(text: str, *, site: str = SITE, settings: Settings | None = None) -> RulesInForce:
    """The rules of a file that has one site, described by `site`, and `text` in it."""
    rule_set, _ = parse(site + textwrap.dedent(text), "rules.yaml")
    return RulesInForce(compile_rules(rule_set)[0], settings or Settings())


def ask(
    rules: RulesInForce,
    url: str,
    *fields: tuple[str, str],
    method: str = "GET",
    answer: tuple[int, Iterable[FieldLine], bytes] | None = None,
    memory: AssetMemory | None = None,
) -> Evaluation:
    """Evaluates a request, and the backend's response if there is one."""
    request = request_facts(method, url, fields)
    if answer is None:
        return evaluate(rules, request, None, memory=memory)
    status, lines, body = answer
    return evaluate(rules, request, ResponseFacts(status, tuple(lines)), body, memory=memory)


def routed(rules: RulesInForce, url: str, *fields: FieldLine, method: str = "GET") -> Exchange:
    """An exchange under way, whose request was judged and whose response is to come."""
    exchange = Exchange(rules, AssetMemory(), request_facts(method, url, fields), "id")
    exchange.route()
    return exchange


def field(evaluation: Evaluation, name: str) -> list[str]:
    """The values of a field of the response."""
    return [value for key, value in evaluation.fields or [] if key.lower() == name.lower()]


def problem_codes(evaluation: Evaluation) -> list[str]:
    """The codes of all errors and warnings: where a reason has a cause, that of the cause."""
    found = [event for event in evaluation.exchange.trace.events if event["event"] in (Name.ERROR, Name.WARNING)]
    return [event.get("cause") or event["reason"] for event in found]
