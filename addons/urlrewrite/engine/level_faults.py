"""What is wrong at one level of the configuration, and what becomes of requests there in mode iis."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from urllib.parse import unquote

from urlrewrite.engine.compile_rule import Compiled
from urlrewrite.engine.failure import Failure
from urlrewrite.engine.inheritance import Overridden
from urlrewrite.model import Collection, Mode, Section, Site, Source
from urlrewrite.model.problems import Problem, Severity
from urlrewrite.trace.reasons import Reason

_FAULT = "The configuration of the URL rewrite rules has an error."

_ELEMENTS = {
    Collection.RULES: "rule",
    Collection.OUTBOUND_RULES: "rule",
    Collection.PRE_CONDITIONS: "preCondition",
    Collection.CUSTOM_TAGS: "tags",
    Collection.REWRITE_MAPS: "rewriteMap",
    Collection.PROVIDERS: "provider",
}


def files_above(site: Site, path: str) -> Iterator[str]:
    """Yield the files with what is written for a directory of a site, and for those above it."""
    mount = unquote(site.path.removeprefix("/"))
    sections: list[tuple[Section, Source]] = [(site, site.source)]
    for location in site.locations:
        where = "/".join(filter(None, (mount, location.path.strip("/")))).lower()
        if f"{path}/".startswith(f"{where}/") or not where:
            sections.append((location, location.source))
    for section, source in sections:
        yield source.file
        yield from (rule.source.file for rule in section.rules)
        yield from (rule.source.file for rule in section.outbound_rules)


def _fault(iis_status: str, problem: Problem) -> Failure:
    """Return what is wrong with an item, as every request is told that it concerns."""
    return Failure(iis_status, Reason.FAULTY_RULES, message=_FAULT, rule=problem.rule, detail=str(problem))


class LevelFaults:
    """What is wrong at one level. In mode iis an error becomes the fault that IIS would respond with."""

    def __init__(self, problems: dict[Problem, None], code: str, mode: Mode) -> None:
        self._problems = problems
        self._code = code
        self._mode = mode
        self.first: Failure | None = None
        self.linear = True

    def take[Item](self, compiled: Compiled[Item]) -> Item:
        """Return the item and report its problems."""
        for problem in compiled.problems:
            self._tell(problem, _fault(self._code, problem))
        self.linear = self.linear and compiled.linear
        return compiled.item

    def refused(self, places: Iterable[Source | None]) -> None:
        """Take the first place that IIS stumbles over, if there is one; the readers have told of it."""
        place = next(filter(None, places), None)
        if place and self._mode is Mode.IIS:
            failure = Failure("500.19", Reason.REFUSED_FILE, message=_FAULT, where=str(place))
            self.first = self.first or failure

    def again(self, overridden: Overridden) -> None:
        """Report a name that is inherited and defined again."""
        element = _ELEMENTS[overridden.collection]
        message = (
            f"got the {element} {overridden.name!r} again, which is inherited from {overridden.inherited_from}: "
            f"IIS answers 500.19; remove the inherited one with <remove name> or <clear/>"
        )
        severity = Severity.ERROR if self._mode is Mode.IIS else Severity.WARNING
        if severity is Severity.WARNING:
            message += ". Here the new one replaces it"
        rule = overridden.name if overridden.collection in (Collection.RULES, Collection.OUTBOUND_RULES) else ""
        failure = Failure("500.19", Reason.NAME_TWICE, kind=element, name=overridden.name)
        self._tell(Problem(overridden.source, message, "UR127", rule, severity), failure)

    def _tell(self, problem: Problem, failure: Failure) -> None:
        if problem.severity is Severity.ERROR and self._mode is Mode.IIS:
            status = failure.iis_status
            message = f"{problem.message}; as in IIS, every request that this concerns gets {status}"
            problem = replace(problem, message=message, severity=Severity.WARNING)
            self.first = self.first or failure
        self._problems[problem] = None
