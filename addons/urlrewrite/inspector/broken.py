"""Find why a page is broken: everything that failed in one page load, the worst first, each with the rule concerned."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType

from urlrewrite.exchange.rules_in_force import RulesInForce
from urlrewrite.inspector.asking.answers import Asked
from urlrewrite.inspector.diagnose import (
    address_parts,
    backend_failures,
    cached_variants,
    circles,
    cookies,
    cors,
    durations,
    failed_requests,
    farms,
    framing,
    inline_policies,
    inner_names,
    integrity,
    isolation,
    lost_cookies,
    not_modified,
    policies,
    referrers,
    refused_bodies,
    resource_types,
    responses,
    service_workers,
    sharing,
    withheld_cookies,
    wrong_links,
)
from urlrewrite.inspector.diagnose.breakage import Breakage, BreakageSeverity, Loss, worst_first
from urlrewrite.inspector.diagnose.browser_said import with_browser
from urlrewrite.inspector.diagnose.case import Case
from urlrewrite.inspector.diagnose.page_loads import PageLoad
from urlrewrite.inspector.experiments.conclusions import with_answers
from urlrewrite.inspector.experiments.proven import with_experiments
from urlrewrite.inspector.leaks import changed_too_much, leaking_links
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.inspector.remedies.remedies import with_remedies
from urlrewrite.inspector.text import counted
from urlrewrite.witness.statements import Statement

MAX_FINDINGS = 100

MAX_SECONDS = 1.0
"""How long experiments on the rules may take for one page load."""

_NOTHING_ASKED: Mapping[str, Asked] = MappingProxyType({})

_UNFINISHED = Breakage(
    "unfinished",
    Loss.HINT,
    "Not everything that this page loads was examined, since that took too long: more may be wrong",
    (),
    severity=BreakageSeverity.NOTE,
)

_SEARCHES: tuple[Callable[[Case], Iterator[Breakage]], ...] = (
    circles.redirect_loops,
    circles.login_loops,
    wrong_links.lost_redirects,
    failed_requests.failed_requests,
    backend_failures.cut_off,
    backend_failures.lost_websockets,
    farms.failing_health_tests,
    farms.sticky_servers_gone,
    sharing.refused_origins,
    refused_bodies.refused_bodies,
    sharing.refused_websockets,
    lost_cookies.refused_without_cookies,
    referrers.hidden_origins,
    withheld_cookies.withheld_cookies,
    isolation.isolated_resources,
    cors.refused_by_cors,
    framing.refused_frames,
    service_workers.refused_workers,
    policies.blocked_by_policy,
    inline_policies.blocked_inline_code,
    integrity.broken_integrity,
    resource_types.wrong_types,
    resource_types.pages_as_text,
    responses.wrong_codings,
    not_modified.unasked_304,
    cached_variants.kept_for_others,
    leaking_links.leaking_links,
    wrong_links.mixed_content,
    wrong_links.no_urls,
    wrong_links.unpublished_links,
    wrong_links.wrong_paths,
    cookies.refused_cookies,
    changed_too_much.over_matches,
    address_parts.split_addresses,
    inner_names.inner_names,
    durations.slow_pages,
    responses.wrong_charsets,
    responses.warnings,
)


def find_breakages(
    load: PageLoad,
    rules: RulesInForce | None,
    earlier: tuple[RecordedExchange, ...] = (),
    *,
    seen: Iterable[RecordedExchange] | None = (),
    asked: Mapping[str, Asked] = _NOTHING_ASKED,
    until: float = math.inf,
    later: tuple[RecordedExchange, ...] = (),
    said: Iterable[Statement] = (),
) -> list[Breakage]:
    """Return what is broken in a page load, the worst first.

    `rules` are those in force now, which may not be those of the exchanges; `earlier` are exchanges of the same client
    before this page load, the newest first, and `later` those that began after it, the oldest first; `seen` is
    everything that was recorded, of which experiments on the rules know what backends have: None, and none are made.
    `asked` are experiments on requests, by the ids of their flows; `said` is what the browser said of the page. After
    `until`, a reading of the monotonic clock in seconds, only the document is examined, and a note says so.
    """
    case = Case(load, rules, earlier, until, later)
    found = [breakage for search in _SEARCHES for breakage in search(case)]
    found = with_browser(case, _without_echoes(found), said)
    reported = _alike_as_one(worst_first(found))[:MAX_FINDINGS]
    if seen is not None:
        reported = with_experiments(case, reported, (*load.all, *earlier, *seen), _until(until))
    reported = worst_first(with_answers(case, reported, asked))
    if seen is not None:
        reported = with_remedies(case, reported, _until(until))
    return [*reported, _UNFINISHED] if case.unfinished else reported


def _until(until: float) -> float:
    """Return when experiments end: half of the time that is left is for them, and no more than a second."""
    now = time.monotonic()
    return now + min(MAX_SECONDS, max(0.0, until - now) / 2)


def _alike_as_one(breakages: list[Breakage]) -> list[Breakage]:
    """Merge requests that failed for the same reason into one, with the first of them as the example."""
    groups: dict[object, list[Breakage]] = {}
    for breakage in breakages:
        alike = (breakage.kind, breakage.rule, breakage.source, breakage.severity, breakage.todo)
        groups.setdefault(alike if breakage.kind in failed_requests.KINDS else breakage, []).append(breakage)
    return [_one_of(same) for same in groups.values()]


def _one_of(same: list[Breakage]) -> Breakage:
    if len(same) == 1:
        return same[0]
    more = counted(len(same) - 1, "more request")
    flows = tuple(flow for breakage in same for flow in breakage.flows[:1])
    title, verb = same[0].title.removesuffix("."), "fails" if len(same) == 2 else "fail"
    return replace(same[0], title=f"{title}. {more} {verb} in the same way.", flows=flows, count=len(same))


def _without_echoes(breakages: list[Breakage]) -> list[Breakage]:
    """Keep each fault once: what refuses a request explains its status, and a lost login explains its cookies."""
    explained = {each.flows[0] for each in breakages if each.kind in _EXPLAIN and not _is_mere_hint(each)}
    denied = {flow for breakage in breakages if breakage.kind == "login-loop" for flow in breakage.flows}
    lost = {(each.flows[0], each.code, each.rule) for each in breakages if each.kind == "login-loop"}
    kept = []
    for breakage in breakages:
        if breakage.kind in _STATUS_KINDS and breakage.flows[0] in explained:
            continue
        if breakage.kind == "refused" and breakage.flows[0] in denied:
            continue
        if breakage.kind == "cookie" and (breakage.flows[0], breakage.code, breakage.rule) in lost:
            continue
        kept.append(breakage)
    return kept


def _is_mere_hint(breakage: Breakage) -> bool:
    return breakage.kind == "lost-cookie" and breakage.severity is not BreakageSeverity.ERROR


_EXPLAIN = frozenset({"lost-cookie", "origin", "service-worker", "request-body", "websocket", "redirect-loop"})
_STATUS_KINDS = frozenset({"refused", "backend-404", "backend-error"})
