r"""The project's own rule files: YAML that uses IIS's names.

A file with one site is written without `sites`; the site is then called like the file:

    name: portal                            # only where the file name will not do
    public: https://www.example.com         # or a list; the first one is the canonical one
    backend: http://privateserver:8080
    connect: 127.0.0.1:8090                 # where to reach the backend if its name does not resolve
    links: everywhere                       # off | tags | everywhere
    preserveHostHeader: false
    trustedProxies: [10.0.0.0/8]
    certificate: www.example.com.pem        # key, certificate and chain; relative to this file
    documentRoot: wwwroot                   # for matchType IsFile and IsDirectory; relative to this file
    allowedServerVariables: [HTTP_X_TENANT] # without it rules may set every variable
    rewriteMaps:
      short: {/old: /new}
      full: {defaultValue: /, ignoreCase: false, entries: {/old: /new}}
    preConditions:
      is html: [{input: '{RESPONSE_CONTENT_TYPE}', pattern: ^text/html}]
      is text: {logicalGrouping: MatchAny, patternSyntax: Wildcard, conditions: [...]}
    customTags:
      lazy images: [img/data-src, {video: poster}]
    rules:
      - name: old articles
        match: ^article/(\d+)                # or {url: ..., ignoreCase: ..., negate: ...}
        conditions:                         # a list, or {logicalGrouping: ..., trackAllCaptures: ..., add: [...]}
          - {input: '{QUERY_STRING}', pattern: ^$}
        serverVariables: {HTTP_X_TENANT: a} # or a list of {name: ..., value: ..., replace: ...}
        action: {type: Redirect, url: '/news/{R:1}', redirectType: Found}   # or AbortRequest, or None
    outboundRules:                          # preConditions and customTags stand beside them, not in them
      - name: lazy links
        preCondition: is html
        match: {filterByTags: 'A, CustomTags', customTags: lazy images, pattern: ...}
        action: {type: Rewrite, value: ...}
    tests:
      - request: GET https://www.example.com/article/7    # or {method: ..., url: ..., headers: {...}}
        response: {status: 200, headers: {...}, body: ...} # what the backend answers, for outbound rules
        expect: {status: 302, location: https://www.example.com/news/7}
        # url, action, site, headers (null: absent), request: {headers: {...}}, body: {contains: [...], lacks: [...]}

Several sites stand in a list under `sites`; beside it `globalRules` and `rewriteMaps` are shared by all sites of all
files that are loaded together. Attributes that are not given have IIS's defaults.
"""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from urlrewrite.formats.wording import listed, shown, suggestion
from urlrewrite.formats.yaml_fields import Table, table_of
from urlrewrite.formats.yaml_inbound import inbound_rules
from urlrewrite.formats.yaml_nodes import compose
from urlrewrite.formats.yaml_problems import ProblemId, Report, duplicate_names
from urlrewrite.formats.yaml_sites import SITE_KEYS, read_site, rewrite_maps_of
from urlrewrite.formats.yaml_tests import read_tests
from urlrewrite.model import InboundRule, RewriteMap, RuleSet, RuleTest, Site, Source
from urlrewrite.problems import Problem, RuleFileError, Severity

TOP_KEYS = ("sites", "globalRules", "rewriteMaps", "tests")

_FINGERPRINT_DIGITS = 12
_PEM_MARKERS = (b"-----BEGIN CERTIFICATE-----", b"PRIVATE KEY-----")
_SHORT_FORM_KEYS = tuple(key for key in SITE_KEYS if key != "rewriteMaps")


@dataclass(frozen=True, slots=True)
class _File:
    """What one file holds."""

    sites: tuple[Site, ...] = ()
    global_rules: tuple[InboundRule, ...] = ()
    rewrite_maps: tuple[RewriteMap, ...] = ()
    tests: tuple[RuleTest, ...] = ()


def load(paths: Sequence[str | Path]) -> tuple[RuleSet, tuple[Problem, ...]]:
    """The rules of all files, read from disk and put together in the order given, and the warnings.

    Raises RuleFileError with every problem of every file. A file that is named twice is read once.
    """
    names: dict[Path, str] = {}
    for path in paths:
        names.setdefault(Path(path).absolute(), str(path))
    problems: list[Problem] = []
    contents: list[bytes] = []
    files: list[_File] = []
    for path, name in names.items():
        try:
            content = path.read_bytes()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            message = f"got no content ({reason}), expected a rule file that can be read"
            problems.append(Problem(Source(name, 0), message, ProblemId.UNREADABLE))
            continue
        contents.append(content)
        try:
            files.append(_read(_decode(content), name, problems))
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            message = f"got the byte 0x{content[error.start]:02x}, expected a text in UTF-8"
            problems.append(Problem(Source(name, line), message, ProblemId.UNREADABLE))
    for site in (site for file in files for site in file.sites):
        problems += _look_at_files(site)
    return _put_together(files, problems, tuple(names.values()), contents)


def parse(text: str, file: str) -> tuple[RuleSet, tuple[Problem, ...]]:
    """The rules of one text, and the warnings; nothing on disk is looked at. Raises RuleFileError."""
    problems: list[Problem] = []
    rules = _read(text, file, problems)
    return _put_together((rules,), problems, (file,), (text.encode("utf-8", "replace"),))


def _fingerprint(contents: Iterable[bytes]) -> str:
    """The same for the same files in the same order; their order is that of the global rules."""
    digests = (hashlib.sha256(content).digest() for content in contents)
    return hashlib.sha256(b"".join(digests)).hexdigest()[:_FINGERPRINT_DIGITS]


def _decode(content: bytes) -> str:
    """UTF-8 with or without a byte order mark, or UTF-16 with one, as Windows editors write it."""
    utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if utf16 else "utf-8-sig")


def _read(text: str, file: str, problems: list[Problem]) -> _File:
    """Reads one text; a part that cannot be read is left out, since the problems found will stop everything."""
    report = Report(file, problems)
    if not text.strip():
        report.error(1, ProblemId.MISSING, "got an empty file, expected rules")
        return _File()
    root, found = compose(text, file)
    problems += found
    if root is None:
        if not found:
            report.error(1, ProblemId.MISSING, "got nothing but comments, expected rules")
        return _File()
    table = table_of(root, tuple(dict.fromkeys((*TOP_KEYS, *SITE_KEYS))), report)
    if not table:
        return _File()
    return _File(
        _sites(table),
        inbound_rules(table.nodes("globalRules"), report, "globalRules"),
        tuple(rewrite_maps_of(table).values()),
        read_tests(table.nodes("tests"), report),
    )


def _sites(table: Table) -> tuple[Site, ...]:
    short = [key for key in _SHORT_FORM_KEYS if key in table]
    if "sites" not in table:
        # What stands under `rewriteMaps` on the top level is for all sites, be there one or several.
        return (read_site(table, MappingProxyType({}), Path(table.report.file).stem),) if short else ()
    for key in short:
        table.error(key, ProblemId.UNKNOWN_KEY, f"got {key} beside sites, expected it in one of the sites")
    tables = [
        table_of(node, SITE_KEYS, table.report, f"sites[{number}]")
        for number, node in enumerate(table.nodes("sites"), 1)
    ]
    return tuple(read_site(site, rewrite_maps_of(site)) for site in tables if site)


def _look_at_files(site: Site) -> Iterable[Problem]:
    """Whether what the site names on disk is there."""
    if site.certificate:
        try:
            content = Path(site.certificate.file).read_bytes()
            missing = [marker.decode() for marker in _PEM_MARKERS if marker not in content]
            got = f'got {shown(site.certificate.file)} without "{missing[0]}"' if missing else ""
        except (OSError, ValueError) as error:
            got = f"got {shown(site.certificate.file)} ({getattr(error, 'strerror', None) or error})"
        if got:
            message = f"certificate: {got}, expected a PEM file with private key and certificate"
            yield Problem(site.certificate.source, message, ProblemId.BAD_CERTIFICATE)
    if site.document_root and not Path(site.document_root).is_dir():
        message = (
            f"documentRoot: got {shown(site.document_root)}, expected a directory; IsFile and IsDirectory find nothing"
        )
        yield Problem(site.source, message, ProblemId.NO_DIRECTORY, severity=Severity.WARNING)


def _put_together(
    files: Sequence[_File], problems: list[Problem], names: Sequence[str], contents: Sequence[bytes]
) -> tuple[RuleSet, tuple[Problem, ...]]:
    """One rule set of all files; raises RuleFileError if a problem of theirs, or between them, is an error."""
    sites = tuple(site for file in files for site in file.sites)
    global_rules = tuple(rule for file in files for rule in file.global_rules)
    shared_maps = tuple(item for file in files for item in file.rewrite_maps)
    tests = tuple(test for file in files for test in file.tests)
    if not sites and not problems:
        message = "got no site, expected public and backend, or sites with a list of them"
        problems.append(Problem(Source(names[0] if names else "<no file>", 1), message, ProblemId.MISSING))
    problems += duplicate_names("site", ((site.name, site.source) for site in sites if site.name))
    problems += duplicate_names("public address", ((str(o), site.source) for site in sites for o in site.public))
    problems += duplicate_names("rule", ((rule.name, rule.source) for rule in global_rules if rule.name), rules=True)
    problems += duplicate_names("rewrite map", ((item.name, item.source) for item in shared_maps))
    for site in sites:
        both = (*shared_maps, *site.rewrite_maps.values())
        problems += duplicate_names("rewrite map", ((item.name, item.source) for item in both))
    problems += _unknown_sites(tests, [site.name for site in sites])
    order = {name: number for number, name in enumerate(names)}
    ordered = tuple(
        sorted(dict.fromkeys(problems), key=lambda p: (order.get(p.source.file, len(order)), p.source.line))
    )
    if any(problem.severity is Severity.ERROR for problem in ordered):
        raise RuleFileError(ordered)
    rule_set = RuleSet(
        sites=sites,
        global_rules=global_rules,
        rewrite_maps=MappingProxyType({item.name: item for item in shared_maps}),
        tests=tests,
        files=tuple(str(Path(name).absolute()) for name in names),
        fingerprint=_fingerprint(contents),
    )
    return rule_set, ordered


def _unknown_sites(tests: Iterable[RuleTest], names: Sequence[str]) -> Iterable[Problem]:
    for test in tests:
        expected = test.expect.site
        if expected and names and expected not in names:
            message = f"expect.site: got {shown(expected)}, expected {listed(names)}{suggestion(expected, names)}"
            yield Problem(test.source, message, ProblemId.UNKNOWN_NAME)
