"""What a target can say of each rule: all of it, nearly all of it, or nothing.

Whatever is not exact has a finding, with the place, the reason and a way out. A rule that is refused is not left out:
requests that its pattern matches are answered with 501, since nobody can say what should become of them. So the rules
after it see only requests that it has nothing to do with, and nothing that they depend on is missing; where not even
its pattern can be said, every request that comes so far is answered with 501, and the rules after it are refused, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from urlrewrite.engine.compile import CompiledRules, CompiledSite
from urlrewrite.engine.variables import APACHE_VARIABLES, FILE_VARIABLES, PATH_VARIABLES, URL_VARIABLES
from urlrewrite.export.decision_list import DecisionList, Entry, HostError, decision_list, written_host
from urlrewrite.fields.names import ip_address
from urlrewrite.model import ActionType, InboundRule, LinkMode, MatchType, Mode, OutboundRule, Site
from urlrewrite.model.problems import Problem, Severity
from urlrewrite.patterns.tree import Look, Node, Repeat, has_group, has_optional_group, nodes, width

SITE_REFUSED = "UR300"
RULE_REFUSED = "UR301"
DEPENDS = "UR302"
APPROXIMATE = "UR303"
OUTBOUND = "UR304"
STAYS_BEHIND = "UR305"
WITHOUT_NJS = "UR306"

ENTITLED = PATH_VARIABLES | URL_VARIABLES
"""Variables whose value begins with a slash."""

UNSAYABLE = frozenset({"ALL_HTTP", "ALL_RAW"})
"""Variables of IIS that no target has."""


class Verdict(StrEnum):
    """How much of a rule a target does."""

    EXACT = "exact"
    APPROXIMATE = "approximate"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is said of one rule of a site."""

    site: Site
    rule: InboundRule | OutboundRule
    verdict: Verdict
    findings: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class JudgedSite:
    """A site with the judgements of its rules. `refused` is why no rule of it can be said at all."""

    rules: DecisionList
    judgements: tuple[Judgement, ...]
    findings: tuple[Problem, ...]
    refused: bool

    def verdict_of(self, entry: Entry) -> Verdict:
        """Return what was said of a rule of the list."""
        return next(each.verdict for each in self.judgements if each.rule is entry.rule)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """All that is to be told of the site and its rules."""
        return (*self.findings, *(each for judgement in self.judgements for each in judgement.findings))


def judge(rules: CompiledRules) -> tuple[JudgedSite, ...]:
    """Judge every rule of every site, disabled ones and those of locations included: each gets one judgement."""
    return tuple(_judge_site(rules, site) for site in rules.sites)


def _judge_site(rules: CompiledRules, compiled: CompiledSite) -> JudgedSite:
    site = compiled.site
    reasons = list(_of_site(rules, compiled))
    findings = [Problem(site.source, f'site "{site.name}": {reason}', SITE_REFUSED) for reason in reasons]
    findings += [
        Problem(site.source, f'site "{site.name}": {reason}', STAYS_BEHIND, severity=Severity.WARNING)
        for reason in _left_behind(rules, site)
    ]
    listed = decision_list(rules, compiled)
    entries = {id(entry.rule): entry for entry in listed.entries}
    judgements: list[Judgement] = []
    blocking = ""
    for rule in _inbound(rules, compiled):
        entry = entries.get(id(rule))
        if not rule.enabled:
            judgements.append(Judgement(site, rule, Verdict.EXACT))
        elif reasons or entry is None:
            judgements.append(_refused(site, rule, f'the site "{site.name}" is not exported', DEPENDS))
        elif blocking:
            judgements.append(_refused(site, rule, f'it depends on the rule "{blocking}"', DEPENDS))
        else:
            judgement = _judge_rule(rules, site, entry)
            judgements.append(judgement)
            if judgement.verdict is Verdict.REFUSED and any(_of_tree(entry.compiled.pattern.tree)):
                blocking = rule.name
    judgements += [_judge_outbound(site, rule) for rule in _outbound(compiled)]
    return JudgedSite(listed, tuple(judgements), tuple(findings), bool(reasons))


def _inbound(rules: CompiledRules, site: CompiledSite) -> Iterable[InboundRule]:
    """Return the rules of all levels, each once."""
    found = {id(each.rule): each.rule for each in rules.global_rules.rules}
    for level in site.levels.values():
        found |= {id(each.rule): each.rule for each in level.inbound.rules}
    return found.values()


def _outbound(site: CompiledSite) -> Iterable[OutboundRule]:
    return {id(each.rule): each.rule for level in site.levels.values() for each in level.outbound_rules}.values()


def _refused(site: Site, rule: InboundRule | OutboundRule, reason: str, id: str) -> Judgement:
    return Judgement(site, rule, Verdict.REFUSED, (Problem(rule.source, f"not exported: {reason}", id, rule.name),))


def _judge_rule(rules: CompiledRules, site: Site, entry: Entry) -> Judgement:
    reasons = list(_refusals(rules, entry))
    if reasons:
        return _refused(site, entry.rule, "; ".join(reasons), RULE_REFUSED)
    findings = tuple(
        Problem(entry.rule.source, f"exported, but {differs}", APPROXIMATE, entry.rule.name, Severity.WARNING)
        for differs in _differences(site, entry)
    )
    return Judgement(site, entry.rule, Verdict.APPROXIMATE if findings else Verdict.EXACT, findings)


def _judge_outbound(site: Site, rule: OutboundRule) -> Judgement:
    if not rule.enabled:
        return Judgement(site, rule, Verdict.EXACT)
    return _refused(site, rule, "outbound rules are not exported; keep this proxy for the site, or its pages", OUTBOUND)


def _of_site(rules: CompiledRules, compiled: CompiledSite) -> Iterator[str]:
    """Yield why a site cannot be exported."""
    site = compiled.site
    if site.mode is Mode.IIS:
        yield "not exported: in mode iis requests get errors of IIS; write mode: helpful"
    if site.path or site.backend_path:
        yield "not exported: it is below a path; publish it at the root of a name of its own"
    if len(compiled.levels) > 1:
        yield "not exported: it has rules for single locations; write their paths into rules of the site"
    if any(level.web_server for level in compiled.levels.values()):
        yield "not exported: it has more than rules (security, httpProtocol, httpRedirect, handlers); write rules"
    if site.backend and "{" in site.backend.host:
        yield "not exported: its backend depends on the name that is asked for; write a site for each name"
    others = {name for each in rules.sites if each is not compiled and each.site.path for name in each.site.public}
    if not site.path and others.intersection(site.public):
        yield "not exported: another site is published below its name; publish that at a name of its own"
    if compiled.levels[""].fault or rules.global_fault:
        yield "not exported: IIS refuses all its requests; see run.sh check"


def _left_behind(rules: CompiledRules, site: Site) -> Iterator[str]:
    """Yield what a site has that is not exported, and lets requests through all the same."""
    if site.links is not LinkMode.OFF:
        yield (
            f"links: {site.links} is not exported, but for Location, and Domain and Secure of cookies: names of the "
            "backend in bodies and other fields stay, and so do public names in Referer, Origin and queries"
        )
    if site.error_pages:
        yield "errorPages is not exported; write error_page in nginx"
    if site.trusted_proxies:
        yield "trustedProxies is not exported; write set_real_ip_from in nginx"
    if any(farm.affinity.cookie or farm.health.url for farm in rules.farms.values()):
        yield "the affinity by cookie and the tests of URLs of farms are not exported: servers are tried by turns"


def _refusals(rules: CompiledRules, entry: Entry) -> Iterator[str]:
    """Yield why a rule cannot be said by any target."""
    compiled, action = entry.compiled, entry.rule.action
    for tree in entry.trees():
        yield from _of_tree(tree)
    for name in sorted(entry.reads):
        if name in UNSAYABLE or name in APACHE_VARIABLES:
            yield f"{{{name}}} is not to be had elsewhere; test for the field itself, such as {{HTTP_USER_AGENT}}"
    for name in sorted(entry.calls):
        if name in entry.lookups and entry.lookups[name].unsupported:
            yield f"the provider {entry.lookups[name].name} is code of .NET; write a rewrite map"
    if any(_groups_behind(compiled.pattern.tree)) and entry.hands_on:
        yield "a group in a lookbehind has no place in the path; take the group out of it"
    if action.type is ActionType.REWRITE:
        try:
            host = written_host(compiled.url, path_variables=ENTITLED)
        except HostError as error:
            yield f"{str(error)!r} is no host; write that of the backend"
        else:
            if host and host.origin is None and (rules.allowed_hosts.forms or rules.allowed_hosts.own_ports):
                yield "its host is only known when a request comes; write it out, or take it from a rewrite map"


def _of_tree(tree: Node) -> Iterator[str]:
    """Yield why a pattern cannot be said by PCRE, which all targets have."""
    for node in nodes(tree):
        if isinstance(node, Look) and not node.ahead and len(set(width(node.body))) > 1:
            yield "a lookbehind matches texts of different lengths; write it with one length"


def _groups_behind(tree: Node) -> Iterator[Node]:
    return (node for node in nodes(tree) if isinstance(node, Look) and not node.ahead and has_group(node))


def _differences(site: Site, entry: Entry) -> Iterator[str]:
    """Yield in what a rule that is exported differs."""
    action = entry.rule.action
    if any(item.condition.match_type is not MatchType.PATTERN for item in entry.compiled.conditions.items):
        if site.document_root:
            yield f"IsFile and IsDirectory look into {site.document_root} of the machine that it runs on"
        else:
            yield "IsFile and IsDirectory are never true, as here without documentRoot; name it with --document-root"
    elif entry.reads & FILE_VARIABLES:
        yield "names of files are those of documentRoot here, or invented as here"
    if action.type is ActionType.CUSTOM_RESPONSE and action.status_reason:
        yield f"the reason phrase {action.status_reason!r} is the server's own (HTTP/2 has none)"
    if action.type is ActionType.REWRITE:
        host = written_host(entry.compiled.url, path_variables=ENTITLED)
        if host and host.origin and host.origin.scheme == "https" and ip_address(host.origin.host) and site.tls.verify:
            yield "nginx compares a certificate with names only, and this is an address: set tls: {name: ...}"
    for tree in entry.trees():
        if any(isinstance(node, Repeat) and node.most != 1 and has_optional_group(node.body) for node in nodes(tree)):
            yield "a group in a loop keeps what it captured in an earlier round"
