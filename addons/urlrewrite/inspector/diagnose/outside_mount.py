"""Requests of a page that is published below a path for what is outside of it: which page asked, and what would help.

A script that writes `"/static/x"` asks at the root of the public name, where its application is not. Nothing but the
author's word distinguishes such a string, so `rootPaths` is proposed, and tried on what was recorded. So is
`backendNames`, where the backend writes the public name, which it knows from X-Forwarded-Host, without the path.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

from urlrewrite.content.canonical_url import canonical_url
from urlrewrite.engine.compile import compile_rules
from urlrewrite.exchange.rule_tests import evaluate
from urlrewrite.exchange.rules_in_force import RulesInForce
from urlrewrite.inspector.diagnose.case import Case
from urlrewrite.inspector.diagnose.cause import Cause, cause
from urlrewrite.inspector.diagnose.page_loads import request_field, url_of
from urlrewrite.inspector.diagnose.why import Why
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.inspector.site_yaml import site_yaml
from urlrewrite.inspector.text import counted
from urlrewrite.model import LinkMode, Site
from urlrewrite.trace.text import shown
from urlrewrite.trace.trace import TraceLevel

_MAX_TRIED = 40
_MAX_BODY = 2**20
_MAX_NAMED = 3
_SEGMENT = re.compile(r"/[\w.~-]+")


@dataclass(frozen=True, slots=True)
class Outside:
    """Why a request left the mount; `evidence` names the page that asked, and where its path was written."""

    cause: Cause
    evidence: tuple[tuple[str, str], ...]


def outside_mount(case: Case, exchange: RecordedExchange) -> Outside | None:
    """Return the cause if a page below a path asked for something beside it, under its own name."""
    asker = _asker(case, exchange)
    compiled = case.site(asker)
    site = compiled.site if compiled else None
    path = exchange.request.target.partition("?")[0]
    if site is None or not site.path or exchange is asker or path == site.path or path.startswith(f"{site.path}/"):
        return None
    if case.origin(exchange) not in site.public:
        return None
    found = _SEGMENT.match(path)
    segment = found[0] if found else ""
    writers = list(_writers(case, site, segment)) if segment else []
    evidence = [("asked for by", asker.request.url)]
    evidence += [("written in", writer.request.url) for writer in writers[:_MAX_NAMED]]
    if (site.name, segment) not in case.tried:
        case.tried[site.name, segment] = _advice(case, site, segment, writers)
    by = shown(asker.request.target, 100)
    detail, yaml = case.tried[site.name, segment]
    why = cause(Why.OUTSIDE_MOUNT, source=str(site.source), path=site.path, value=by, detail=detail)
    return Outside(replace(why, yaml=yaml, site=site.name), tuple(evidence))


def _asker(case: Case, exchange: RecordedExchange) -> RecordedExchange:
    """Return the exchange of the page load that a request names as its Referer, else the document."""
    referer = request_field(exchange, "referer")
    url = canonical_url(referer, referer) if referer else ""
    return next((each for each in case.load.all if url_of(each) == url), case.page)


def _of_site(case: Case, site: Site) -> Iterator[RecordedExchange]:
    """Yield the recorded responses of a site's backend, those of this page load first."""
    for each in (*case.load.all, *case.earlier):
        compiled = case.site(each)
        if compiled and compiled.site is site and each.original and each.original_body:
            yield each


def _writers(case: Case, site: Site, segment: str) -> Iterator[RecordedExchange]:
    """Yield the responses in which a string begins with the path that was asked for."""
    yield from _writing(case, site, re.compile(rf"[\"'`]\\?{re.escape(segment)}(?![\w.~-])"))


def _writing(case: Case, site: Site, written: re.Pattern[str]) -> Iterator[RecordedExchange]:
    """Yield the responses of a site's backend in which something is written."""
    for each in _of_site(case, site):
        body = case.body(each, original=True) if case.in_time() else None
        if body and written.search(body.replace("\\/", "/")):
            yield each


def _advice(case: Case, site: Site, segment: str, writers: list[RecordedExchange]) -> tuple[str, str]:
    """Return what to do, and what came of it where it was tried; and as YAML, where a setting helps."""
    elsewhere = f"publish {segment or 'what it asks for'} of the backend as a site of its own"
    backend = f"{site.backend}{site.backend_path}{segment}" if site.backend else ""
    if backend and segment:
        elsewhere = f"publish {site.public[0]}{segment} as a site of its own, with backend: {backend}"
    proposed = tuple(dict.fromkeys((*site.root_paths, segment)))
    if site.links is not LinkMode.EVERYWHERE:
        todo = f"Set links: everywhere and rootPaths: [{segment}], or {elsewhere}."
        return todo, site_yaml({"links": str(LinkMode.EVERYWHERE), "rootPaths": proposed}) if writers else ""
    if named := _by_public_name(case, site):
        return named
    if not writers or case.rules is None:
        return f"No recorded response has it as a string, so that a script puts it together: {elsewhere}.", ""
    paths = ", ".join(proposed)
    changed = _changed(case, replace(site, root_paths=proposed), writers)
    if not changed:
        return f"rootPaths: [{paths}] was {_tried(case, site)}, and changes none: {elsewhere}.", ""
    todo = f"Set rootPaths: [{paths}]: {_tried(case, site, changed)}, which then have {site.path}{segment}."
    return todo, site_yaml({"rootPaths": proposed})


def _by_public_name(case: Case, site: Site) -> tuple[str, str] | None:
    """Return what to do where the backend writes the public name without the path; None if it does not.

    Where another site has that name without a path, the link may be meant for that one.
    """
    if case.rules is None or any(each is not site and not each.path for each in _namesakes(case.rules, site)):
        return None
    names = "|".join(re.escape(str(origin)) for origin in site.public)
    written = re.compile(rf"(?:{names})(?!{re.escape(site.path)}(?![\w.~-]))(?![\w.:-])")
    proposed = tuple(dict.fromkeys((*site.backend_names, *site.public)))
    writers = _writing(case, site, written)
    changed = _changed(case, replace(site, backend_names=proposed), writers)
    if not changed or proposed == site.backend_names:
        return None
    listed = tuple(map(str, proposed))
    todo = (
        f"Set backendNames: [{', '.join(listed)}]: {_tried(case, site, changed)}, which write it without {site.path}."
    )
    return todo, site_yaml({"backendNames": listed})


def _namesakes(rules: RulesInForce, site: Site) -> Iterator[Site]:
    """Yield the sites that share a public name with this one, itself among them."""
    yield from (each for each in rules.rules.rule_set.sites if set(each.public) & set(site.public))


def _tried(case: Case, site: Site, changed: list[RecordedExchange] | None = None) -> str:
    """Say what a setting was tried on, and which responses it changes."""
    tried = f"tried on {counted(len(list(_of_site(case, site))), 'recorded response')}"
    if not changed:
        return tried
    where = ", ".join(shown(each.request.target, 60) for each in changed[:_MAX_NAMED])
    return f"{tried}, it changes {len(changed)} ({where})"


def _changed(case: Case, changed: Site, writers: Iterable[RecordedExchange]) -> list[RecordedExchange]:
    """Return the responses that a site with other settings would change."""
    assert case.rules is not None
    others = _with_site(case.rules, changed)
    found = []
    for each in islice(writers, _MAX_TRIED):
        if not case.in_time() or len(each.original_body or b"") > _MAX_BODY:
            continue
        now, then = (_body(rules, each) for rules in (case.rules, others))
        if now != then:
            found.append(each)
    return found


def _body(rules: RulesInForce, exchange: RecordedExchange) -> bytes | None:
    return evaluate(rules, exchange.request, exchange.original, exchange.original_body or b"").body


def _with_site(rules: RulesInForce, changed: Site) -> RulesInForce:
    """Return the rules with other settings in a site."""
    rule_set = rules.rules.rule_set
    sites = tuple(changed if each.name == changed.name else each for each in rule_set.sites)
    compiled, _ = compile_rules(replace(rule_set, sites=sites))
    return RulesInForce(compiled, replace(rules.settings, trace=TraceLevel.OFF))
