"""What to do about each breakage, computed from its rule, its response and the rule of browsers: the table of remedies.

A remedy is shown if it is nothing but words, or if the change that it writes out was tried and helps, or cannot be
tried: then it does not say that it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import replace

from urlrewrite.inspector.diagnose.breakage import Breakage, BreakageSeverity, Knowledge
from urlrewrite.inspector.diagnose.case import Case
from urlrewrite.inspector.diagnose.why import Why
from urlrewrite.inspector.experiments.rule_places import Rule, inbound_rules, outbound_rules
from urlrewrite.inspector.remedies.before_after import before_and_after
from urlrewrite.inspector.remedies.of_bodies import OF_BODIES
from urlrewrite.inspector.remedies.of_cookies import OF_COOKIES
from urlrewrite.inspector.remedies.of_headers import OF_HEADERS
from urlrewrite.inspector.remedies.of_loops import OF_LOOPS
from urlrewrite.inspector.remedies.of_maps import OF_MAPS
from urlrewrite.inspector.remedies.of_requests import OF_REQUESTS
from urlrewrite.inspector.remedies.proposal import About, Remedy
from urlrewrite.inspector.remedies.table import Maker
from urlrewrite.inspector.remedies.trying import Trying

MAX_REMEDIES = 12
"""Breakages of a page load for which changes are made and tried, the worst first."""

_SHORT = 60
"""Characters up to which an advice may be read twice."""

TRIED = "Tried on what was recorded: the error is gone then."
_ONE_PROPOSAL = frozenset({"answered-by-rule", "leak", "near-miss", "wrong-target"})
_SAME_AS_TRIED = frozenset({Why.LETTER_CASE, Why.QUERY_DROPPED, Why.QUERY_TWICE, Why.CHANGED_AGAIN})

UNKNOWN = (
    "The cause is not known. Open the flow below, and compare what the backend sent with what the browser got; then "
    "try the page without one rule at a time (page What if)."
)

_TABLES: tuple[Mapping[str, Maker], ...] = (OF_COOKIES, OF_HEADERS, OF_LOOPS, OF_MAPS, OF_REQUESTS, OF_BODIES)
REMEDIES: Mapping[str, Maker] = {key: maker for table in _TABLES for key, maker in table.items()}
"""By `kind/code`, by code, or by kind: the first of these that is there counts."""


def with_remedies(case: Case, breakages: list[Breakage], until: float) -> list[Breakage]:
    """Return breakages with what to do about them; after `until`, a reading of the monotonic clock in seconds, nothing
    is tried any more, and what was not tried is not shown.
    """
    if case.rules is None:
        return [_with_some_advice(each) for each in breakages]
    trying = Trying(case, until)
    found = [
        _with_some_advice(_remedied(case, trying, each) if number < MAX_REMEDIES else each)
        for number, each in enumerate(breakages)
    ]
    names = {rule.name for rule in _rules(case)}
    return list(_each_once(_introduced(each, names) for each in found))


def _rules(case: Case) -> Iterator[Rule]:
    assert case.rules is not None
    rule_set = case.rules.rules.rule_set
    for site in rule_set.sites:
        yield from (place.find(rule_set) for place in inbound_rules(rule_set, site.name))
        yield from (place.find(rule_set) for place in outbound_rules(rule_set, site.name))


def _introduced(breakage: Breakage, names: Set[str]) -> Breakage:
    """Say in what is to be done what the YAML below it is; `names` are those of the rules that there are."""
    if not breakage.yaml:
        return breakage
    what = "In the rule file, for the site:"
    if "  - name: " in breakage.yaml:
        is_known = any(f"  - name: {name}\n" in breakage.yaml for name in names)
        what = "The rule with this change:" if is_known else "To be added to the site:"
    return replace(breakage, todo=f"{breakage.todo.removesuffix(':').removesuffix('.')}. {what}")


def _each_once(breakages: Iterable[Breakage]) -> Iterator[Breakage]:
    """Yield breakages, with a reference where an earlier one says what to do already."""
    known: dict[str, int] = {}
    for number, each in enumerate(breakages, 1):
        same = known.get(each.yaml or each.todo)
        if same is not None:
            yield replace(each, todo=f"The same as for {same}: it ends this, too.", yaml="", site="")
            continue
        if each.yaml or len(each.todo) > _SHORT:
            known[each.yaml or each.todo] = number
        yield each


def _remedied(case: Case, trying: Trying, breakage: Breakage) -> Breakage:
    about = About(case, breakage)
    if not about.exchanges:
        return breakage
    found = replace(breakage, evidence=before_and_after(case, breakage, about.exchanges))
    if breakage.yaml or breakage.known is Knowledge.EXPERIMENT or not trying.in_time():
        return found
    for remedy in _remedies(about, trying):
        succeeds = _succeeds(remedy, breakage, trying)
        if succeeds is False:
            continue
        yaml, site = (remedy.edit.yaml, remedy.edit.site) if remedy.edit else ("", "")
        todo = _told(remedy.todo, tried=bool(succeeds), shown=bool(yaml))
        # What else was tried would be another proposal.
        only = remedy.edit is not None and breakage.kind in _ONE_PROPOSAL and breakage.code not in _SAME_AS_TRIED
        evidence = tuple(line for line in found.evidence if not only or line[0] != "tried")
        found = replace(found, evidence=evidence, todo=todo, yaml=yaml, site=site if yaml else "")
        return replace(found, rule=remedy.cause.rule, source=remedy.cause.source) if remedy.cause else found
    return found


def _told(todo: str, *, tried: bool, shown: bool) -> str:
    """Return what to do: that it was tried, and with a full stop where nothing follows that is announced."""
    if tried:
        return f"{todo.removesuffix(':').removesuffix('.')}. {TRIED}"
    return todo if shown or not todo.endswith(":") else f"{todo[:-1]}."


def _remedies(about: About, trying: Trying) -> Iterator[Remedy]:
    breakage = about.breakage
    keys = (f"{breakage.kind}/{breakage.code}", breakage.code, breakage.kind)
    for key in dict.fromkeys(keys):
        if key in REMEDIES:
            yield from REMEDIES[key](about, trying)


def _succeeds(remedy: Remedy, breakage: Breakage, trying: Trying) -> bool | None:
    if remedy.edit is None:
        return None
    if trying.rules(remedy.edit) is None:
        return False
    return remedy.succeeds(remedy.edit) if remedy.succeeds else trying.is_gone(remedy.edit, breakage)


def _with_some_advice(breakage: Breakage) -> Breakage:
    if breakage.todo or breakage.severity is not BreakageSeverity.ERROR:
        return breakage
    return replace(breakage, todo=UNKNOWN)
