"""An edit of the rules, tried on what was recorded: whether the error that it is for is gone, and no other came."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from urlrewrite.engine.compile import compile_rules
from urlrewrite.engine.facts import ResponseFacts
from urlrewrite.exchange.responses import Forward
from urlrewrite.exchange.rule_tests import evaluate
from urlrewrite.exchange.rules_in_force import RulesInForce
from urlrewrite.inspector.diagnose import (
    address_parts,
    cors,
    framing,
    inline_policies,
    isolation,
    policies,
    referrers,
    resource_types,
    responses,
    sharing,
    wrong_links,
)
from urlrewrite.inspector.diagnose.breakage import Breakage, BreakageSeverity
from urlrewrite.inspector.diagnose.browser_rules import BrowserRule
from urlrewrite.inspector.diagnose.case import Case
from urlrewrite.inspector.diagnose.cookies import why_lost
from urlrewrite.inspector.diagnose.page_loads import PageLoad, destination
from urlrewrite.inspector.diagnose.stored_cookies import Cookie, set_cookies
from urlrewrite.inspector.experiments.edits import Edit
from urlrewrite.inspector.experiments.judging import Routing
from urlrewrite.inspector.leaks import changed_too_much, leaking_links
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.model.problems import RuleFileError
from urlrewrite.trace.reading import text
from urlrewrite.trace.trace import TraceLevel

MAX_BODY = 2**20
"""Bytes of a body that is rewritten again."""

MAX_EXCHANGES = 100
"""Exchanges of a page load that are run again."""

type _Search = Callable[[Case], Iterable[Breakage]]

_LINKS: tuple[_Search, ...] = (
    leaking_links.leaking_links,
    wrong_links.mixed_content,
    wrong_links.no_urls,
    wrong_links.unpublished_links,
    wrong_links.wrong_paths,
    changed_too_much.over_matches,
)
_SEARCHES: Mapping[str, tuple[_Search, ...]] = {
    "address-parts": (address_parts.split_addresses,),
    "charset": (responses.wrong_charsets,),
    "coding": (responses.wrong_codings,),
    "cors": (cors.refused_by_cors,),
    "csp": (policies.blocked_by_policy,),
    "csp-inline": (inline_policies.blocked_inline_code,),
    "frame": (framing.refused_frames,),
    "isolation": (isolation.isolated_resources,),
    "leak": _LINKS,
    "mixed-content": _LINKS,
    "no-url": _LINKS,
    "origin": (referrers.hidden_origins, sharing.refused_origins),
    "over-match": _LINKS,
    "redirect": (wrong_links.lost_redirects,),
    "unpublished": _LINKS,
    "wrong-type": (resource_types.wrong_types, resource_types.pages_as_text),
}
"""What finds each kind of breakage that a change of a response can end."""

_OF_COOKIES = frozenset({"cookie", "login-loop", "lost-cookie"})


class Trying:
    """Edits tried on one page load; none is begun after `until`, a reading of the monotonic clock in seconds."""

    def __init__(self, case: Case, until: float) -> None:
        assert case.rules is not None
        self._case = case
        self._settings = replace(case.rules.settings, trace=TraceLevel.FULL)
        self._until = until

    def in_time(self) -> bool:
        """Say whether there is time left for another trial."""
        return time.monotonic() < self._until

    def rules(self, edit: Edit) -> RulesInForce | None:
        """Return the edited rules as they would be in force, None where they cannot be."""
        try:
            compiled, _ = compile_rules(edit.rule_set)
        except RuleFileError:
            return None
        return RulesInForce(compiled, self._settings)

    def routing(self, edit: Edit, exchange: RecordedExchange) -> Routing | None:
        """Return what becomes of a request under the edited rules."""
        rules = self.rules(edit)
        return evaluate(rules, exchange.request, None).routing if rules else None

    def is_gone(self, edit: Edit, breakage: Breakage) -> bool | None:
        """Say whether a breakage is gone under the edited rules, and nothing else that such a change can break came;
        None where what was recorded cannot say.
        """
        rules = self.rules(edit)
        if rules is None:
            return False
        case = self._changed(rules)
        if case is None or not self.in_time():
            return None
        if breakage.kind in _OF_COOKIES:
            return _cookies_kept(case, breakage)
        if breakage.kind == "wrong-link":
            return _links_right(self._case, case)
        searches = _SEARCHES.get(breakage.kind)
        if searches is None:
            return None
        before, after = (_errors(each, searches) for each in (self._case, case))
        if not any(_same(breakage, each) for each in before):
            return None
        return not any(_same(breakage, each) for each in after) and len(after) < len(before)

    def _changed(self, rules: RulesInForce) -> Case | None:
        """Return the page load as it would have been, None where a request would have gone elsewhere."""
        load = self._case.load
        if len(load.all) > MAX_EXCHANGES:
            return None
        # A request that goes elsewhere now brings what nobody has recorded.
        again = {id(each): self._again(rules, each) for each in (*load.all, *self._case.earlier[:MAX_EXCHANGES])}
        if any(again[id(each)] is None for each in load.all):
            return None
        of = {key: each for key, each in again.items() if each is not None}
        changed = PageLoad(
            of[id(load.document)],
            [of[id(each)] for each in load.redirects],
            [of[id(each)] for each in load.resources],
        )
        earlier = tuple(of.get(id(each), each) for each in self._case.earlier)
        return Case(changed, rules, earlier, self._until, self._case.later)

    def _again(self, rules: RulesInForce, exchange: RecordedExchange) -> RecordedExchange | None:
        original, body = exchange.original, exchange.original_body
        if exchange.response is None or (original is not None and body is None) or len(body or b"") > MAX_BODY:
            return exchange
        result = evaluate(rules, exchange.request, original, body or b"")
        target = result.routing.url if isinstance(result.routing, Forward) else ""
        if target != text(exchange.trace, "target"):
            return None
        if result.status is None:
            return exchange
        response = ResponseFacts(result.status, result.fields or ())
        return replace(exchange, trace=result.exchange.trace.data, response=response, response_body=result.body)


def _errors(case: Case, searches: Iterable[_Search]) -> list[Breakage]:
    return [each for search in searches for each in search(case) if each.severity is not BreakageSeverity.NOTE]


def _same(one: Breakage, other: Breakage) -> bool:
    """Say whether two breakages are one: those of links may differ in how many links they are about."""
    return one.kind == other.kind and one.flows[:1] == other.flows[:1] and _place(one) == _place(other)


def _place(breakage: Breakage) -> tuple[str, ...]:
    return tuple(label for label, _ in breakage.evidence if label.startswith("<"))[:1]


def _cookies_kept(case: Case, breakage: Breakage) -> bool:
    """Say whether browsers keep and send back every cookie of the responses that a breakage is about."""
    every = (*case.load.all, *case.earlier)
    setters = [each for each in every if each.flow_id in breakage.flows and set_cookies(each)]
    return bool(setters) and not any(
        why_lost(case, each, cookie) or _is_held_back(case, cookie, breakage)
        for each in setters
        for _, cookie in set_cookies(each)
    )


def _is_held_back(case: Case, cookie: Cookie, breakage: Breakage) -> bool:
    """Say whether browsers keep a cookie back from a request that another site's page asked for."""
    if breakage.code != BrowserRule.COOKIE_SAME_SITE.code:
        return False
    same_site = cookie.attributes.get("samesite", "").lower()
    exchange = next((each for each in case.load.all if each.flow_id == breakage.flows[0]), None)
    return same_site != "none" and not (same_site == "lax" and exchange is not None and lax_is_enough(exchange))


def lax_is_enough(exchange: RecordedExchange) -> bool:
    """Say whether browsers send cookies of SameSite=Lax with a request that another site's page asks for."""
    return exchange.request.method in ("GET", "HEAD") and destination(exchange) == "document"


def _links_right(before: Case, after: Case) -> bool | None:
    """Say whether the links of a page have the right paths; those that were followed in vain are among them."""
    wrong = [
        [each for each in wrong_links.wrong_paths(Case(PageLoad(case.page), case.rules)) if each.kind == "wrong-link"]
        for case in (before, after)
    ]
    return not wrong[1] if wrong[0] else None
