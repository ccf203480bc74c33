"""nginx's outbound directives as outbound rules of IIS, as an administrator writes them who moves to the other.

Several `sub_filter` patterns that nginx seeks at once become one pattern with a rewrite map; the first directive of a
group that matches ends the group, as stopProcessing does. A variable, which a pattern of IIS cannot hold, is written
out as the value it has.
"""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Iterable
from types import MappingProxyType
from urllib.parse import parse_qsl, urlsplit

from conformance.support import Case
from urlrewrite.engine.compile import compile_rules
from urlrewrite.exchange.rules_in_force import RulesInForce, Settings
from urlrewrite.model import (
    Condition,
    LinkMode,
    OutboundAction,
    OutboundActionType,
    OutboundMatch,
    OutboundRule,
    PatternSyntax,
    PreCondition,
    RewriteMap,
    RuleSet,
    Site,
)
from urlrewrite.model.origin import Origin
from urlrewrite.model.proxy_settings import ProxySettings

PUBLIC = Origin("http", "proxy.test", 80)
BACKEND = Origin("http", "upstream.test", 80)

_REGEX = re.compile(r"~(\*?)(.*)", re.DOTALL)


def rules_for(case: Case) -> RulesInForce:
    """The rules that a case's directives mean, for a site whose links are not mapped."""
    values = _variables(case)
    words = [[_expanded(word, values) for word in _words(line)] for line in case["directives"]]
    by_name: dict[str, list[list[str]]] = {}
    for name, *arguments in words:
        by_name.setdefault(name, []).append(arguments)
    rules, maps = _sub_filters(by_name)
    rules += _redirects(by_name)
    rules += _cookies(by_name)
    return in_force(rules, maps)


def in_force(rules: Iterable[OutboundRule], maps: Iterable[RewriteMap] = ()) -> RulesInForce:
    """Outbound rules, in force for one site; `html` is a precondition that they may name."""
    html = PreCondition("html", (Condition("{RESPONSE_CONTENT_TYPE}", "^text/html"),))
    site = Site(
        # nginx changes Location where a `proxy_redirect` says so; ARR does where nothing says otherwise.
        proxy_settings=ProxySettings(reverse_rewrite_host_in_response_headers=False),
        name="site",
        public=(PUBLIC,),
        backend=BACKEND,
        links=LinkMode.OFF,
        outbound_rules=tuple(rules),
        pre_conditions=MappingProxyType({"html": html}),
        rewrite_maps=MappingProxyType({map_.name.lower(): map_ for map_ in maps}),
    )
    return RulesInForce(compile_rules(RuleSet(sites=(site,)))[0], Settings())


_names = (f"rule {number}" for number in itertools.count())


def rule(
    pattern: str,
    value: str,
    *,
    variable: str = "",
    exact: bool = False,
    once: bool = False,
    ignore_case: bool = True,
    pre_condition: str = "",
    stop: bool = False,
) -> OutboundRule:
    """An outbound rule for the whole body, or for a response variable."""
    return OutboundRule(
        next(_names),
        OutboundMatch(pattern, server_variable=variable, occurrences=int(once), ignore_case=ignore_case),
        pre_condition=pre_condition,
        action=OutboundAction(OutboundActionType.REWRITE, value),
        pattern_syntax=PatternSyntax.EXACT_MATCH if exact else PatternSyntax.ECMASCRIPT,
        stop_processing=stop,
    )


def _words(line: str) -> list[str]:
    return shlex.split(re.sub(r"\s*\(location [^)]*\)", "", line).removesuffix(";").replace("\\", "\\\\"))


def _variables(case: Case) -> dict[str, str]:
    url = urlsplit(case["request"]["url"])
    values = {"scheme": url.scheme, "http_host": url.netloc}
    values |= {f"arg_{name}": value for name, value in parse_qsl(url.query)}
    for line in case["directives"]:
        if line.startswith("set $"):
            name, value = line.removeprefix("set $").removesuffix(";").split()
            values[name] = value
    return values


def _expanded(word: str, values: dict[str, str]) -> str:
    def value(name: re.Match[str]) -> str:
        known = name[1] or name[2]
        return values.get(known, "") if known in values or known.startswith("arg_") else name[0]

    return re.sub(r"\$(?:\{(\w+)\}|([a-z_]\w*))", value, word)


def _sub_filters(directives: dict[str, list[list[str]]]) -> tuple[list[OutboundRule], list[RewriteMap]]:
    pairs = [(pattern, value) for pattern, value in directives.get("sub_filter", ()) if pattern]
    once = ["off"] not in directives.get("sub_filter_once", ())
    pre_condition = "" if ["*"] in directives.get("sub_filter_types", ()) else "html"
    if once or len(pairs) < 2:
        found = [rule(p, v, exact=True, once=once, pre_condition=pre_condition) for p, v in pairs]
        return found, []
    entries: dict[str, str] = {}
    for pattern, value in pairs:
        entries.setdefault(pattern.lower(), value)
    pattern = "|".join(re.sub(r"([\\^$.|?*+()\[\]{}/])", r"\\\1", pattern) for pattern, _ in pairs)
    return [rule(pattern, "{values:{R:0}}", pre_condition=pre_condition)], [RewriteMap("values", entries)]


def _redirects(directives: dict[str, list[list[str]]]) -> list[OutboundRule]:
    pairs = [tuple(arguments) for arguments in directives.get("proxy_redirect", ()) if len(arguments) == 2]
    passed = directives.get("proxy_pass", ())
    asked = directives.get("proxy_redirect", ())
    if passed and (not asked or ["default"] in asked):
        pairs.append((passed[0][0], "/loc/"))
    rules = []
    for before, after in pairs:
        for variable, prefix, captures in (
            ("RESPONSE_Location", "", 0),
            ("RESPONSE_Refresh", "([^=]*[uU][rR][lL]=)", 1),
        ):
            start = "{R:1}" if captures else ""
            regex = _REGEX.match(before)
            if regex:
                pattern, value = _regex(regex[2], after, captures)
                pattern = f"^{prefix}{pattern}"
            else:
                pattern, value = f"^{prefix}{_escaped(before)}(.*)$", f"{after}{{R:{captures + 1}}}"
            caseless = regex is not None and regex[1] == "*"
            rules.append(rule(pattern, start + value, variable=variable, ignore_case=caseless, stop=True))
    return rules


def _regex(pattern: str, value: str, captures: int) -> tuple[str, str]:
    """A regular expression of PCRE behind so many groups, and its replacement in IIS's words."""
    names = re.findall(r"\(\?<(\w+)>", pattern)
    numbers = {name: at + 1 + captures for at, name in enumerate(names)}
    pattern = re.sub(r"\(\?<\w+>", "(", pattern)
    pattern = pattern.removeprefix("^") if pattern.startswith("^") else f".*?{pattern}"
    value = re.sub(r"\$(\d)", lambda number: f"{{R:{int(number[1]) + captures}}}", value)
    return pattern, re.sub(r"\$([a-z]+)", lambda name: f"{{R:{numbers[name[1]]}}}", value)


def _escaped(text: str) -> str:
    return re.sub(r"([\\^$.|?*+()\[\]{}/])", r"\\\1", text)


def _cookies(directives: dict[str, list[list[str]]]) -> list[OutboundRule]:
    domains = [_domain(*pair) for pair in directives.get("proxy_cookie_domain", ()) if len(pair) == 2]
    paths = [_path(*pair) for pair in directives.get("proxy_cookie_path", ()) if len(pair) == 2]
    rules = []
    # One rule of each group: those for both come first.
    for chosen in [*itertools.product(domains, paths), *((d,) for d in domains), *((p,) for p in paths)]:
        pattern, value, groups = "", "", 0
        for part, replacement, count in chosen:
            pattern += r"(.*;\s*)" + part
            shift = groups + 1
            value += f"{{R:{shift}}}" + re.sub(r"\{R:(\d)\}", lambda n: f"{{R:{int(n[1]) + shift}}}", replacement)  # noqa: B023
            groups += 1 + count
        value += f"{{R:{groups + 1}}}"
        rules.append(rule(f"^{pattern}(;.*)?$", value, variable="RESPONSE_Set_Cookie", ignore_case=False, stop=True))
    rules += _flags(directives.get("proxy_cookie_flags", ()))
    return rules


type _Part = tuple[str, str, int]  # pattern, replacement, number of groups


def _domain(before: str, after: str) -> _Part:
    regex = _REGEX.match(before)
    name = "([dD][oO][mM][aA][iI][nN]=)"
    if regex:
        pattern, value = _regex(regex[2].removesuffix("$"), after, 1)
        caseless = "".join(f"[{c.lower()}{c.upper()}]" if c.isalpha() else c for c in pattern)
        return f"{name}{caseless.replace('.+', '[^;]+')}", f"{{R:1}}{value}", 1 + re.compile(pattern).groups
    letters = "".join(f"[{c.lower()}{c.upper()}]" if c.isalpha() else _escaped(c) for c in before.removeprefix("."))
    return rf"{name}(\.?){letters}", f"{{R:1}}{{R:2}}{after.removeprefix('.')}", 2


def _path(before: str, after: str) -> _Part:
    regex = _REGEX.match(before)
    name = "([pP][aA][tT][hH]=)"
    if regex:
        pattern, value = _regex(regex[2].removesuffix("$").replace(".+", "[^;]+"), after, 1)
        if regex[1]:
            pattern = "".join(f"[{c.lower()}{c.upper()}]" if c.isalpha() else c for c in pattern)
        return f"{name}{pattern}", f"{{R:1}}{value}", 1 + re.compile(pattern).groups
    return f"{name}{_escaped(before)}([^;]*)", f"{{R:1}}{after}{{R:2}}", 2


def _flags(directives: Iterable[list[str]]) -> list[OutboundRule]:
    rules = []
    for name, *flags in directives:
        if not name or name == "off":
            continue
        regex = _REGEX.match(name)
        # A cookie without `=` has no name for nginx.
        cookie = f"(?=[^=;]*{regex[2]}[^=;]*=)" if regex else f"(?={_escaped(name)}=)"
        for flag in flags:
            word, _, setting = flag.removeprefix("no").partition("=")
            spelled = {"secure": "Secure", "httponly": "HttpOnly", "samesite": "SameSite"}[word]
            there = rf";\s*{word}(?:=[^;]*)?(?=;|$)"
            if flag.startswith("no"):
                rules.append(rule(f"^{cookie}(.*?){there}(.*)$", "{R:1}{R:2}", variable="RESPONSE_Set_Cookie"))
            elif setting:
                value = f"; {spelled}={setting.capitalize()}"
                both = f"^{cookie}(.*?)(?:{there}(.*))?$"
                rules.append(rule(both, f"{{R:1}}{{R:2}}{value}", variable="RESPONSE_Set_Cookie"))
            else:
                rules.append(
                    rule(f"^{cookie}(?!.*{there})(.*)$", f"{{R:1}}; {spelled}", variable="RESPONSE_Set_Cookie")
                )
    return rules
