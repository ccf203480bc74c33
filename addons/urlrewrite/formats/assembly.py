"""One rule set out of what the readers found in one file or in several."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from pathlib import Path
from types import MappingProxyType

from urlrewrite.formats.files_read import FilesRead, reason
from urlrewrite.formats.proxy_settings import read_proxy
from urlrewrite.formats.reports import ProblemId, duplicate_names
from urlrewrite.formats.wording import listed, one_line, shown, suggestion
from urlrewrite.model import (
    ConfigElement,
    CustomTags,
    Farm,
    InboundRule,
    OutboundRule,
    PreCondition,
    Provider,
    RewriteMap,
    RuleSet,
    RuleTest,
    Site,
    Source,
)
from urlrewrite.model.farms import BackendTls
from urlrewrite.model.problems import Problem, RuleFileError, Severity, in_file_order
from urlrewrite.model.proxy_settings import NO_PROXY_SETTINGS
from urlrewrite.model.web_server import NOTHING_SAID, inherited


def put_together(
    parts: Sequence[RuleSet], problems: Iterable[Problem], files: FilesRead, names: Sequence[str]
) -> tuple[RuleSet, tuple[Problem, ...]]:
    """Make one rule set of the parts; return it with the warnings.

    Args:
        parts: what each file says, in order.
        problems: what the readers found wrong.
        files: what was read.
        names: the rule files as the user named them.

    Raises:
        RuleFileError: a problem of a file, or between them, is an error. It has all of them, in file order.
    """
    found = [*problems]
    rules = joined(parts, found)
    if not rules.sites and not any(problem.severity is Severity.ERROR for problem in found):
        message = "got no site, expected public and backend, sites with a list of them, or a web.config"
        found.append(Problem(Source(names[0] if names else "<no file>", 1), message, ProblemId.MISSING))
    found += _site_problems(rules)
    ordered = in_file_order(found, names)
    refused = {problem.source.file: problem.source for problem in reversed(ordered) if problem.refused_by_iis}
    rules = replace(rules, files=files.names, fingerprint=files.fingerprint, refused=MappingProxyType(refused))
    if any(problem.severity is Severity.ERROR for problem in ordered):
        raise RuleFileError(ordered, rules)
    return rules, ordered


def joined(parts: Sequence[RuleSet], problems: list[Problem]) -> RuleSet:
    """Join what the parts say, in order; report those that contradict each other as errors."""
    allowed = [part.allowed_server_variables for part in parts if part.allowed_server_variables is not None]
    proxies = [part.proxy for part in parts if part.proxy]
    settings, preserves, timeouts = read_proxy(proxies[0], problems) if proxies else (NO_PROXY_SETTINGS, False, None)
    for proxy in proxies[1:]:
        message = f"got <proxy> again, expected it once: the first one is in {proxies[0].source}"
        problems.append(Problem(proxy.source, message, ProblemId.DUPLICATE_KEY))
    return RuleSet(
        sites=tuple(site for part in parts for site in part.sites),
        rules=_all_named("rule", [part.rules for part in parts], problems),
        global_rules=_all_named("rule", [part.global_rules for part in parts], problems),
        outbound_rules=_all_named("rule", [part.outbound_rules for part in parts], problems),
        pre_conditions=_by_name("preCondition", [part.pre_conditions for part in parts], problems),
        custom_tags=_by_name("customTags", [part.custom_tags for part in parts], problems),
        rewrite_maps=_by_name("rewrite map", [part.rewrite_maps for part in parts], problems),
        providers=_by_name("provider", [part.providers for part in parts], problems),
        allowed_server_variables=tuple(dict.fromkeys(name for names in allowed for name in names)) if allowed else None,
        removals=tuple(removal for part in parts for removal in part.removals),
        use_original_url_encoding=_last(part.use_original_url_encoding for part in parts),
        rewrite_before_cache=_last(part.rewrite_before_cache for part in parts),
        global_use_original_url_encoding=_last(part.global_use_original_url_encoding for part in parts),
        comments=_joined_comments(parts),
        web_server=reduce(lambda below, own: inherited(own, below), (part.web_server for part in parts), NOTHING_SAID),
        silenced=tuple(dict.fromkeys(id for part in parts for id in part.silenced)),
        farms=_by_name("farm", [part.farms for part in parts], problems),
        web_farms=_joined_elements([part.web_farms for part in parts if part.web_farms]),
        proxy=proxies[0] if proxies else None,
        timeouts=timeouts,
        preserve_host_header=preserves,
        proxy_settings=settings,
        tests=tuple(test for part in parts for test in part.tests),
    )


def _all_named[R: (InboundRule, OutboundRule)](
    kind: str, lists: Iterable[tuple[R, ...]], problems: list[Problem]
) -> tuple[R, ...]:
    """Join the rules of all lists; report names that occur twice as errors."""
    rules = tuple(rule for rules in lists for rule in rules)
    problems += duplicate_names(kind, ((rule.name, rule.source) for rule in rules if rule.name), rules=True)
    return rules


def _by_name[T: (PreCondition, CustomTags, RewriteMap, Provider, Farm)](
    kind: str, mappings: Sequence[Mapping[str, T]], problems: list[Problem]
) -> Mapping[str, T]:
    """Join the entries of all mappings; report names that occur twice as errors."""
    items = [item for mapping in mappings for item in mapping.values()]
    problems += duplicate_names(kind, ((item.name, item.source) for item in items))
    return MappingProxyType({item.name: item for item in items})


def _joined_elements(elements: Sequence[ConfigElement]) -> ConfigElement | None:
    """Join elements of one name; of an attribute that several have the last one counts."""
    if not elements:
        return None
    attributes = {name: value for element in elements for name, value in element.attributes.items()}
    children = tuple(child for element in elements for child in element.children)
    return replace(elements[0], attributes=MappingProxyType(attributes), children=children)


def _last(values: Iterable[bool | None]) -> bool | None:
    return next((value for value in reversed([*values]) if value is not None), None)


def _joined_comments(parts: Iterable[RuleSet]) -> Mapping[str, str]:
    texts: dict[str, list[str]] = {}
    for part in parts:
        for element, text in part.comments.items():
            texts.setdefault(element, []).append(text)
    return MappingProxyType({element: "\n".join(found) for element, found in texts.items()})


def _site_problems(rules: RuleSet) -> Iterable[Problem]:
    """Find what is wrong between sites, and between a site and the server."""
    sites = rules.sites
    yield from duplicate_names("site", ((site.name, site.source) for site in sites if site.name))
    yield from duplicate_names("public address", _public_addresses(sites))
    unnamed = [site for site in sites if not site.public and site.bound != ()]
    for site in (each for each in unnamed[1:] if each.bound is None or each.bound == unnamed[0].bound):
        message = (
            f"got the site {shown(site.name)} without a host, expected public names or bindings with a host: "
            f"requests for any name go to {shown(unnamed[0].name)}, so that no request comes here"
        )
        yield Problem(site.source, message, ProblemId.NO_EFFECT, severity=Severity.WARNING)
    yield from _unknown_sites(rules.tests, [site.name for site in sites])


def _public_addresses(sites: Iterable[Site]) -> Iterable[tuple[str, Source]]:
    return ((f"{origin}{site.path}", site.source) for site in sites for origin in site.public)


def missing_files(site: Site) -> Iterable[Problem]:
    """Find what the site names that is not on disk, or cannot be used."""
    label = f"site {shown(site.name)}"
    # Whether mitmproxy is given the passphrase of a key, it knows alone.
    if site.certificate and (fault := _pem_fault(site.certificate.file, may_have_passphrase=True)):
        yield Problem(site.certificate.source, f"{label}, certificate: {fault}", ProblemId.BAD_CERTIFICATE)
    yield from _missing_files_of_tls(site.tls, label)
    if site.document_root and not Path(site.document_root).is_dir():
        message = (
            f"{label}: got the directory {shown(site.document_root)} for its files, expected one that "
            "is there; IsFile and IsDirectory find nothing"
        )
        yield Problem(site.source, message, ProblemId.NO_DIRECTORY, severity=Severity.WARNING)


def missing_files_of_farm(farm: Farm) -> Iterable[Problem]:
    """Find what the farm names that is not on disk, or cannot be used."""
    yield from _missing_files_of_tls(farm.tls, f"farm {shown(farm.name)}")


def _missing_files_of_tls(tls: BackendTls, label: str) -> Iterable[Problem]:
    for key, file, is_own in (("ca", tls.ca, False), ("certificate", tls.certificate, True)):
        if file and (fault := _pem_fault(file, is_own=is_own)):
            yield Problem(tls.source, f"{label}, tls.{key}: {fault}", ProblemId.BAD_CERTIFICATE)


def _pem_fault(file: str, *, is_own: bool = True, may_have_passphrase: bool = False) -> str:
    """Say why a PEM file of certificates, with the private key where it is our own, cannot be used; "" if it can."""
    # What reads them takes a tenth of a second to import, which most commands can do without.
    from urlrewrite.formats import pem_files

    try:
        (pem_files.key_and_certificates if is_own else pem_files.certificates)(Path(file).read_bytes())
    except pem_files.PassphraseError as error:
        if may_have_passphrase:
            return ""
        got = f"with {error}"
    except ValueError as error:
        got = f"with {error}"
    except OSError as error:
        got = f"({reason(error)})"
    else:
        return ""
    key = "a private key" if may_have_passphrase else "a private key without a passphrase"
    expected = f"{key} and its certificate" if is_own else "certificates"
    return f'got "{one_line(file)}" {got}, expected a PEM file with {expected}'


def _unknown_sites(tests: Iterable[RuleTest], names: Sequence[str]) -> Iterable[Problem]:
    for test in tests:
        expected = test.expect.site
        if expected and names and expected not in names:
            message = f"expect.site: got {shown(expected)}, expected {listed(names)}{suggestion(expected, names)}"
            yield Problem(test.source, message, ProblemId.UNKNOWN_NAME)
