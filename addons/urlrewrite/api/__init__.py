"""What programs may rely on: rules loaded, explained and applied, without mitmproxy and without a network.

What is listed in `__all__` keeps its name and meaning until the next major version; `rules/api.md` is the page of it.
Everything else of the package may change at any time.
"""

from urlrewrite.api.calls import Explanation, Response, explain, load_rules, rewrite
from urlrewrite.content.asset_memory import AssetMemory
from urlrewrite.engine.facts import RequestFacts, ResponseFacts
from urlrewrite.exchange.exchange import Exchange
from urlrewrite.exchange.rule_tests import request_facts
from urlrewrite.exchange.rules_in_force import RulesInForce
from urlrewrite.model.problems import Problem, RuleFileError

__all__ = [
    "AssetMemory",
    "Exchange",
    "Explanation",
    "Problem",
    "RequestFacts",
    "Response",
    "ResponseFacts",
    "RuleFileError",
    "RulesInForce",
    "explain",
    "load_rules",
    "request_facts",
    "rewrite",
]
