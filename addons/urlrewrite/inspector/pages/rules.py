"""The page Rules: every rule in force with what it did, and what is wrong with it.

Without parameters it lists all rules. With `side`, `site`, `location` and `rule`, as in the list, it has one rule in
full: its part of the file, its findings, and the exchanges in which it acted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from urlrewrite.exchange.rules_in_force import RulesInForce
from urlrewrite.inspector.figures.figures import Figures, RuleTally, name_kept
from urlrewrite.inspector.figures.statistics import Statistics
from urlrewrite.inspector.findings import FilesAre, Findings, lint_files_on_disk
from urlrewrite.inspector.pages.error import PageError
from urlrewrite.inspector.recorded_exchange import RecordedExchange, Snapshot
from urlrewrite.inspector.rule_list import Group, Rule, Tallies, acts, ends, groups, matches
from urlrewrite.inspector.text import counted
from urlrewrite.model import Source
from urlrewrite.model.problems import Problem, Severity
from urlrewrite.trace.reading import number, text, texts

SHADOWED = "UR180"

_FLOWS = 50
_LINES_BEFORE = 3
_LINES = 40
_MAX_BYTES = 4 * 2**20

_CAUSES = {
    ("never runs", "err"): "can never run, since a rule before takes all requests",
    ("changed nothing", "warn"): "matched and changed nothing",
    ("never reached", "info"): "never reached",
    ("never tried", "info"): "never tried",
    ("never hit", "info"): "never hit",
}
"""Marks that stand at the top of the page, in this order."""

type _Json = dict[str, Any]


def data(snapshot: Snapshot, query: Mapping[str, Any]) -> _Json:
    """Return the list, or one rule. Raises PageError for a rule that does not exist."""
    found = lint_files_on_disk(snapshot)
    if snapshot.rules is None:
        return {"fingerprint": "", "groups": [], "causes": _causes_of_files(found, in_force=False), **_problems(found)}
    page = _Page(snapshot, snapshot.rules, found)
    return page.one(query) if query.get("rule") is not None else page.all()


class _Page:
    def __init__(self, snapshot: Snapshot, rules: RulesInForce, found: Findings) -> None:
        self.rules = rules
        self.found = found
        self.figures, self.recorded = _figures(snapshot, rules)
        self.tallies = Tallies(rules, self.figures)
        self.groups = tuple(groups(rules))
        self.exchanges = snapshot.exchanges
        self.acted = _acted(snapshot.exchanges, rules.fingerprint)
        self.extents = _Extents(rule.source for group in self.groups for rule in group.rules)

    def all(self) -> _Json:
        """Return every rule, preceded by what is wrong."""
        listed = [self._group(group) for group in self.groups if group.rules or group.fault]
        causes = [*_causes_of_files(self.found, in_force=True), *_causes_of_rules(listed)]
        if not self.figures.requests_now:
            causes.append({"kind": "info", "text": "No exchange has come to an end under these rules yet."})
        return {
            "fingerprint": self.rules.fingerprint,
            "since": self.figures.rules_since,
            "recorded": self.recorded,
            "exchanges": self.figures.requests_now,
            "traced": self.figures.full_now,
            "causes": causes,
            "groups": listed,
            **_problems(self.found),
        }

    def _group(self, group: Group) -> _Json:
        exchanges = self._exchanges(group)
        return {
            "title": group.title,
            "side": group.side,
            "site": group.site,
            "location": group.location,
            "fault": group.fault,
            "exchanges": exchanges,
            "rules": [self._row(group, rule, exchanges) for rule in group.rules],
        }

    def _exchanges(self, group: Group) -> int:
        return self.figures.requests_now if group.is_global else self.figures.sites_now[name_kept(group.site)]

    def _row(self, group: Group, rule: Rule, exchanges: int) -> _Json:
        tally = self.tallies.of(group, rule)
        own = self._findings(rule)
        flows = self._flows(group, rule)
        traced_in_full = self.figures.full_now > 0 or not self.figures.requests_now
        return {
            "name": rule.name,
            "enabled": rule.enabled,
            "ends": ends(rule),
            "matches": matches(rule),
            "acts": acts(rule),
            "source": str(rule.source),
            "hits": tally.hits,
            "misses": tally.misses if traced_in_full else None,
            "unchanged": tally.unchanged if traced_in_full else None,
            "skipped": tally.skipped if traced_in_full else None,
            "changes": tally.changes if traced_in_full else None,
            "last_hit": tally.last_hit,
            "seconds": tally.seconds / tally.timed if tally.timed else None,
            "spent": tally.seconds,
            "flows": len(flows),
            "flow": flows[0].flow_id if flows else "",
            "marks": _marks(rule, tally, own, exchanges, traced_in_full, self.tallies.is_shared(group, rule)),
            "findings": len(own),
        }

    def one(self, query: Mapping[str, Any]) -> _Json:
        """Return one rule in full."""
        place = tuple(str(query.get(key, "")) for key in ("side", "site", "location"))
        for group in self.groups:
            rule = next((rule for rule in group.rules if rule.name == str(query["rule"])), None)
            if rule is not None and place == (group.side, group.site, group.location):
                return {
                    **self._row(group, rule, self._exchanges(group)),
                    "group": group.title,
                    "excerpt": _excerpt(rule.source, self.extents.end(rule.source)),
                    "stale": self.found.files is not FilesAre.IN_FORCE,
                    "problems": [_problem(problem) for problem in self._findings(rule)],
                    "list": [_flow(exchange) for exchange in self._flows(group, rule)[:_FLOWS]],
                }
        raise PageError(
            f"There is no rule {str(query['rule'])[:200]!r} there now: the rules may have been loaded again."
        )

    def _flows(self, group: Group, rule: Rule) -> Sequence[RecordedExchange]:
        sites = self.figures.sites_now if group.is_global else (group.site,)
        found = [exchange for site in sites for exchange in self.acted.get((group.side, site, rule.name), ())]
        return sorted(found, key=lambda exchange: exchange.began, reverse=True) if len(sites) > 1 else found

    def _findings(self, rule: Rule) -> list[Problem]:
        if self.found.files is not FilesAre.IN_FORCE:
            # Lines have moved, perhaps.
            return []
        end = self.extents.end(rule.source)
        return [
            problem
            for problem in self.found.problems
            if problem.rule == rule.name
            and problem.source.file == rule.source.file
            and rule.source.line <= problem.source.line < end
        ]


def _figures(snapshot: Snapshot, rules: RulesInForce) -> tuple[Figures, bool]:
    """Return the figures, and whether they are counted from the recorded exchanges, as no other came under
    these rules.
    """
    figures = snapshot.statistics.figures()
    if figures.requests_now or not snapshot.exchanges:
        return figures, False
    began = min(exchange.began for exchange in snapshot.exchanges)
    of_flows = Statistics(clock=lambda: began)
    of_flows.reload(True, 0.0, fingerprint=rules.fingerprint)
    for exchange in snapshot.exchanges:
        of_flows.add(exchange.trace, began=exchange.began, seconds=0.0, site=text(exchange.trace, "site"))
    recorded = of_flows.figures()
    return (recorded, True) if recorded.requests_now else (figures, False)


def _acted(
    exchanges: Iterable[RecordedExchange], fingerprint: str
) -> Mapping[tuple[str, str, str], list[RecordedExchange]]:
    """Return the exchanges in which each rule acted, by side, site and name, the newest first."""
    found = defaultdict[tuple[str, str, str], list[RecordedExchange]](list)
    for exchange in exchanges:
        if text(exchange.trace, "rules") == fingerprint:
            site = text(exchange.trace, "site")
            for side in ("inbound", "outbound"):
                for name in dict.fromkeys(texts(exchange.trace, f"{side}_rules")):
                    found[side, site, name].append(exchange)
    return found


def _marks(
    rule: Rule, tally: RuleTally, own: Sequence[Problem], exchanges: int, traced_in_full: bool, shared: bool
) -> list[_Json]:
    """Return words in coloured frames, and why they are there."""
    marks = []
    if not rule.enabled:
        marks.append(("info", "disabled", "enabled: false keeps it from being tried"))
    for problem in own:
        if problem.id == SHADOWED:
            marks.append(("err", "never runs", problem.message))
    if rule.enabled and exchanges and not tally.hits:
        marks.append(_never_hit(tally, exchanges, traced_in_full))
    if others := sum(problem.id != SHADOWED for problem in own):
        first = next(problem.message for problem in own if problem.id != SHADOWED)
        marks.append(("warn", counted(others, "finding"), first))
    if shared:
        marks.append(
            ("info", "counted together", "another rule of the site has this name, and hits are recorded by name only")
        )
    return [{"kind": kind, "text": label, "why": why} for kind, label, why in marks]


def _never_hit(tally: RuleTally, exchanges: int, traced_in_full: bool) -> tuple[str, str, str]:
    since = f"in {counted(exchanges, 'exchange')} since these rules came into force"
    if not traced_in_full:
        return "info", "never hit", f"it did nothing {since}"
    if tally.unchanged:
        why = "it matched, but what it writes was there already, its conditions did not hold, or its action is None"
        return "warn", "changed nothing", f"{why}, {since}"
    if tally.misses:
        return "info", "never hit", f"its pattern or its conditions never held {since}"
    if tally.skipped:
        why = "its precondition did not hold, or there was nothing for it to examine"
        return "info", "never tried", f"{why}, {since}"
    return "info", "never reached", f"a rule before it ended the evaluation each time, or no response came, {since}"


def _causes_of_files(found: Findings, *, in_force: bool) -> list[_Json]:
    errors = [problem for problem in found.problems if problem.severity is Severity.ERROR]
    match found.files:
        case FilesAre.BROKEN:
            stay = "the last good rules stay in force" if in_force else "no rules are in force"
            what = f"The rule files have {counted(len(errors), 'error')}, so {stay}: {errors[0]}" if errors else stay
            return [{"kind": "err", "text": what}]
        case FilesAre.CHANGED if in_force:
            return [{"kind": "info", "text": "The files were saved a moment ago: they are not in force yet."}]
    return [] if in_force else [{"kind": "err", "text": "No rules are in force."}]


def _causes_of_rules(listed: Sequence[_Json]) -> list[_Json]:
    causes = []
    for group in listed:
        if group["fault"]:
            what = f"IIS would respond with {group['fault']} to everything, and so does mode iis"
            causes.append({"kind": "err", "text": f"{group['title']}: {what}."})
    rows = [row for group in listed for row in group["rules"]]
    for label, kind in _CAUSES:
        names = dict.fromkeys(row["name"] for row in rows if any(mark["text"] == label for mark in row["marks"]))
        if names:
            first = ", ".join(f'"{name}"' for name in list(names)[:5]) + (" …" if len(names) > 5 else "")
            causes.append({"kind": kind, "text": f"{counted(len(names), 'rule')} {_CAUSES[label, kind]}: {first}"})
    return causes


def _problems(found: Findings) -> _Json:
    return {"files": str(found.files), "problems": [_problem(problem) for problem in found.problems]}


def _problem(problem: Problem) -> _Json:
    return {
        "id": problem.id,
        "severity": str(problem.severity),
        "source": str(problem.source),
        "rule": problem.rule,
        "message": problem.message,
    }


class _Extents:
    """Where each rule ends: at the line where the next one of its file begins."""

    def __init__(self, sources: Iterable[Source]) -> None:
        lines = defaultdict[str, set[int]](set)
        for source in sources:
            lines[source.file].add(source.line)
        self._lines = {file: sorted(found) for file, found in lines.items()}

    def end(self, source: Source) -> int:
        """Return the first line that is not part of the rule."""
        return next((line for line in self._lines[source.file] if line > source.line), 10**9)


def _excerpt(source: Source, end: int) -> list[_Json]:
    """Return the lines of a rule and some before it; nothing if the file is gone."""
    try:
        with Path(source.file).open("rb") as file:
            lines = file.read(_MAX_BYTES).decode("utf-8", "replace").splitlines()
    except OSError:
        return []
    first = max(source.line - _LINES_BEFORE, 1)
    last = min(end, source.line + _LINES, len(lines) + 1)
    return [{"at": at, "text": lines[at - 1], "marked": at == source.line} for at in range(first, last)]


def _flow(exchange: RecordedExchange) -> _Json:
    return {
        "flow": exchange.flow_id,
        "began": exchange.began,
        "method": exchange.request.method,
        "url": exchange.request.url,
        "status": number(exchange.trace, "status"),
    }
