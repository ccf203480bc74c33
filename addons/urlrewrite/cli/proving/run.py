"""One proof: the exported rules on a real server, asked the same as the engine."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from urlrewrite.cli.proving.certificate import make_certificate, server_context
from urlrewrite.cli.proving.client import ask
from urlrewrite.cli.proving.echo import echoes
from urlrewrite.cli.proving.nginx import Loopback, NotProvedError, Program, running, write_prefix
from urlrewrite.engine.compile import CompiledRules
from urlrewrite.exchange.rule_tests import request_facts
from urlrewrite.exchange.rules_in_force import RulesInForce, Settings
from urlrewrite.export.judgement import JudgedSite, Verdict
from urlrewrite.export.nginx.server import export
from urlrewrite.export.proof import Compared, Proof, compare, wanted
from urlrewrite.export.requests import Probe, answers, probes
from urlrewrite.model.origin import DEFAULT_PORTS
from urlrewrite.trace.trace import TraceLevel

OWN_TEST = "own test"
"""The kind of a request that the rule file has itself."""


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be proved: so many requests for each rule, in a folder, with njs or without."""

    rules: CompiledRules
    judged: Sequence[JudgedSite]
    requests: int
    folder: Path
    plain: bool = False


def prove(task: Task, program: Program) -> Proof:
    """Run the server, ask it, and compare.

    Raises:
        NotProvedError: there is nothing to prove, or the server does not start.
    """
    exported_sites = [each for each in task.judged if not each.refused]
    if not exported_sites:
        raise NotProvedError("not proved: no site can be exported")
    hosts = _hosts(task.rules)
    files = make_certificate(task.folder, hosts)
    proof = Proof()
    with echoes(server_context(*files)) as backends:
        loopback = Loopback(backends, files)
        exported = export(task.rules, task.judged, plain=task.plain, surroundings=loopback)
        write_prefix(task.folder, exported, program)
        with running(task.folder, program, next(iter(loopback.ports.values()))):
            in_force = RulesInForce(task.rules, Settings(trace=TraceLevel.OFF))
            for probe in _probes(task, exported_sites):
                if (port := _port(probe, loopback)) is not None:
                    proof.compared.append(_compared(task, in_force, probe, port))
    return proof


def _hosts(rules: CompiledRules) -> set[str]:
    """Return the names that a certificate must have: those of the sites, and of all backends."""
    names = {origin.host for site in rules.sites for origin in site.site.public}
    names |= {host for host, _ in rules.allowed_hosts.hosts}
    return {name for name in names if re.fullmatch(r"[\w*.:-]+", name, re.ASCII)} | {"localhost"}


def _probes(task: Task, sites: Sequence[JudgedSite]) -> Iterator[Probe]:
    for test in task.rules.rule_set.tests:
        facts = request_facts(test.method, test.url, test.fields)
        own = tuple(line for line in test.fields if line[0].lower() != "host")
        yield Probe(OWN_TEST, test.method, facts.scheme, facts.host, facts.target, own)
    for site in sites:
        yield from probes(site.rules, task.requests)
        if task.requests:
            yield from answers(site.rules)


def _port(probe: Probe, loopback: Loopback) -> int | None:
    """Return the port that stands for the one that is asked; None where the rules have nothing there."""
    try:
        asked = urlsplit(f"//{probe.host}").port or DEFAULT_PORTS[probe.scheme]
    except ValueError:
        asked = DEFAULT_PORTS[probe.scheme]
    known = loopback.schemes.get(asked) == probe.scheme
    return loopback.ports[asked] if known else None


def _compared(task: Task, in_force: RulesInForce, probe: Probe, port: int) -> Compared:
    compiled = task.rules.find_site(probe.scheme, probe.host, probe.target)
    judged = next((each for each in task.judged if compiled and each.rules.site.site.name == compiled.site.name), None)
    fields: tuple[str, ...] = ()
    approximate, fenced = frozenset[str](), False
    if judged:
        variables = (v for entry in judged.rules.entries for v in entry.rule.server_variables)
        names = (v.name.upper().replace("_", "-") for v in variables)
        found = dict.fromkeys(name[5:].lower() for name in names if name.startswith("HTTP-"))
        fields = tuple(name for name in found if name not in ("host", "connection", "upgrade"))
        inbound = [each for each in judged.judgements if each.rule in [e.rule for e in judged.rules.entries]]
        approximate = frozenset(each.rule.name for each in inbound if each.verdict is Verdict.APPROXIMATE)
        fenced = any(each.verdict is Verdict.REFUSED for each in inbound) or task.plain
    want = wanted(in_force, probe, fields)
    got = ask(port, probe, fields)
    return Compared(probe, want, got, compare(probe, want, got, approximate, fenced=fenced, plain=task.plain))
