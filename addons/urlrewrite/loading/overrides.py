"""Settings from outside the rule files: names that a file leaves open, and a mode or links for all sites.

A `web.config` says neither under which name its site is published nor what stands behind it: in IIS the bindings and
the rules do. Here `--public`, `--backend`, `--connect`, `--document-root`, `--links` and `--mode` do, or the options
`urlrewrite_public` and so on. `--allow-open` allows what a rule file itself cannot answer for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from urlrewrite.formats.addresses import parse_host_port, parse_named_origin, parse_public
from urlrewrite.model import LinkMode, Mode, Origin, RuleSet, Site
from urlrewrite.model.problems import Problem, RuleFileError

CANNOT_FILL_IN = "UR191"


@dataclass(frozen=True, slots=True)
class Overrides:
    """Settings from outside the rule files.

    `public`, `backend`, `connect` and `document_root` (an absolute directory) are for sites that have none in their
    file; `links` and `mode`, if given, for all. `allow_open` lets sites be open that IIS keeps closed.
    """

    public: tuple[Origin, ...] = ()
    backend: Origin | None = None
    links: LinkMode | None = None
    mode: Mode | None = None
    connect: tuple[str, int] | None = None
    document_root: str = ""
    allow_open: bool = False


NO_OVERRIDES = Overrides()


def parse_overrides(
    public: Iterable[str] = (),
    backend: str | None = None,
    links: str | None = None,
    mode: str | None = None,
    connect: str | None = None,
    document_root: str | None = None,
    allow_open: bool = False,
) -> Overrides:
    """Parse overrides as a person writes them; what is empty or None is not given.

    Raises:
        ValueError: a value is invalid; the message is "public: got X, expected Y", beginning with the parameter's name.
    """
    return Overrides(
        tuple(dict.fromkeys(parse_public("public", text) for text in public)),
        parse_named_origin("backend", backend) if backend else None,
        _one_of("links", LinkMode, links),
        _one_of("mode", Mode, mode),
        _address("connect", connect) if connect else None,
        _directory("document_root", document_root) if document_root else "",
        allow_open,
    )


def fill_in(rule_set: RuleSet, overrides: Overrides) -> RuleSet:
    """Return the rule set completed by the overrides, with a fingerprint of its own.

    Raises:
        RuleFileError: no site, or more than one, could take the public name, the backend or the address to dial.
    """
    if replace(overrides, allow_open=False) == NO_OVERRIDES:
        return rule_set
    problems = [
        *_no_place_for_public(rule_set, overrides),
        *_no_place_for_backend(rule_set, overrides),
        *_no_place_for_connect(rule_set, overrides),
    ]
    if problems:
        raise RuleFileError(problems)
    sites = tuple(_filled(site, overrides) for site in rule_set.sites)
    problems = [
        _problem(
            site,
            f"got {site.backend} as public name and as backend, expected two addresses: it would forward to itself",
        )
        for before, site in zip(rule_set.sites, sites, strict=True)
        if site.backend in site.public and before.backend not in before.public
    ]
    if problems:
        raise RuleFileError(problems)
    # What clients have in their caches depends on the overrides as well.
    digest = hashlib.sha256(f"{rule_set.fingerprint} {overrides}".encode()).hexdigest()
    return replace(rule_set, sites=sites, fingerprint=digest[: len(rule_set.fingerprint)])


def _filled(site: Site, overrides: Overrides) -> Site:
    backend = site.backend or overrides.backend
    return replace(
        site,
        public=site.public or overrides.public,
        bound=site.bound if site.public or not overrides.public else None,
        backend=backend,
        connect=site.connect or (overrides.connect if backend else None),
        document_root=site.document_root or overrides.document_root,
        links=overrides.links or site.links,
        mode=overrides.mode or site.mode,
    )


def _no_place_for_public(rule_set: RuleSet, overrides: Overrides) -> Iterable[Problem]:
    if not overrides.public or not rule_set.sites:
        return
    names = ", ".join(map(str, overrides.public))
    nameless = [site for site in rule_set.sites if not site.public]
    if not nameless:
        message = (
            f"got the public name {names} outside the rule files, expected none: every site has its own in its file"
        )
        yield _problem(rule_set.sites[0], message)
    if len(nameless) > 1:
        which = " and ".join(f'"{site.name}"' for site in nameless[:3]) + (" and others" if len(nameless) > 3 else "")
        expected = f"expected one site that it can be for: {which} have none"
        message = f"got the public name {names} outside the rule files, {expected}"
        yield _problem(nameless[1], message)
    for site in rule_set.sites:
        yield from (
            _problem(site, f"got the public name {origin} outside the rule files, expected one that no site has yet")
            for origin in overrides.public
            if origin in site.public and nameless
        )


def _no_place_for_backend(rule_set: RuleSet, overrides: Overrides) -> Iterable[Problem]:
    if overrides.backend and rule_set.sites and all(site.backend for site in rule_set.sites):
        message = (
            f"got the backend {overrides.backend} outside the rule files, expected none: "
            "every site has its own in its file"
        )
        yield _problem(rule_set.sites[0], message)


def _no_place_for_connect(rule_set: RuleSet, overrides: Overrides) -> Iterable[Problem]:
    if not overrides.connect or not rule_set.sites:
        return
    host, port = overrides.connect
    got = f"got {host} port {port} to dial outside the rule files"
    named = [(site, backend) for site in rule_set.sites if (backend := site.backend or overrides.backend)]
    if not named:
        expected = "expected the backend that it is for as well, as http://privateserver:8080"
        yield _problem(rule_set.sites[0], f"{got}, {expected}")
        return
    backends = {backend: site for site, backend in named if not site.connect}
    if not backends:
        yield _problem(named[0][0], f"{got}, expected none: every site has its own in its file")
    if len(backends) > 1:
        which = " and ".join(map(str, list(backends)[:3])) + (" and others" if len(backends) > 3 else "")
        yield _problem([*backends.values()][1], f"{got}, expected one backend that it can be for: {which} have none")


def _problem(site: Site, message: str) -> Problem:
    return Problem(site.source, message, CANNOT_FILL_IN)


def _address(what: str, text: str) -> tuple[str, int]:
    try:
        return parse_host_port(text)
    except ValueError as error:
        raise ValueError(f"{what}: {error}") from None


def _directory(what: str, text: str) -> str:
    path = Path(text).absolute()
    if not path.is_dir():
        raise ValueError(f'{what}: got "{text}", expected a directory that is there')
    return str(path)


def _one_of[Value: StrEnum](what: str, values: type[Value], text: str | None) -> Value | None:
    if not text:
        return None
    if text not in list(values):
        raise ValueError(f'{what}: got "{text}", expected one of {", ".join(values)}')
    return values(text)
