"""Requests that a rule sent elsewhere, answered itself, or left alone: the pattern, condition or setting to write."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from urlrewrite.exchange.responses import Forward, LocalResponse
from urlrewrite.formats.downlevel.links_as_rules import escaped
from urlrewrite.inspector.diagnose.addresses import doubled_prefix
from urlrewrite.inspector.diagnose.case import path_of
from urlrewrite.inspector.diagnose.page_loads import redirect_target, request_field, url_of
from urlrewrite.inspector.diagnose.routes import acting_blocks, local_response, told_by_rules
from urlrewrite.inspector.diagnose.why import Why
from urlrewrite.inspector.experiments.edits import Edit, edit_rule, edit_site
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.inspector.remedies import parts
from urlrewrite.inspector.remedies.of_clients import asks_who, let_in
from urlrewrite.inspector.remedies.of_headers import linked, typed
from urlrewrite.inspector.remedies.parts import Change
from urlrewrite.inspector.remedies.proposal import About, Remedy, folder_pattern
from urlrewrite.inspector.remedies.table import Maker, table
from urlrewrite.inspector.remedies.trying import Trying
from urlrewrite.model import Condition, RedirectType
from urlrewrite.model.field_lines import field_values
from urlrewrite.model.origin import Origin
from urlrewrite.trace.text import shown

type _Judge = Callable[[Edit], bool | None]

_ALL = re.compile(r"\^?(\()?\.\*(?(1)\))\$?")
_ENCODED_TWICE = re.compile(r"\{UrlEncode:(\{UrlEncode:)?(\{[RC]:\d+\})(?(1)\})\}", re.IGNORECASE)
_SLASH = re.compile(r"^(\^?)\\?/")
_WITH_HOST = re.compile(r"\^?https?\??:(?:\\?/){2}(?:[^/(\\]|\\[.-])+(?:\\?/)?", re.IGNORECASE)


def _reaches(trying: Trying, exchange: RecordedExchange, path: str = "") -> _Judge:
    """Judge an edit by whether the backend is asked then, for a path if one is given: whether it has that, nobody has
    seen.
    """

    def judge(edit: Edit) -> bool | None:
        routing = trying.routing(edit, exchange)
        if not isinstance(routing, Forward):
            return False
        return False if path and path_of(routing.url).partition("?")[0] != path else None

    return judge


def _goes_elsewhere(trying: Trying, about: About) -> _Judge:
    """Judge an edit by whether something else becomes of the request."""

    def judge(edit: Edit) -> bool | None:
        routing = trying.routing(edit, about.exchange)
        if isinstance(routing, Forward):
            return None if routing.url != about.case.backend_url(about.exchange) else False
        return None if isinstance(routing, LocalResponse) else False

    return judge


# --- a rule sent the request elsewhere


def _path_twice(about: About, trying: Trying) -> Iterator[Remedy]:
    rule, target = about.inbound, path_of(about.case.backend_url(about.exchange))
    doubled = doubled_prefix(target)
    if rule is None or not doubled:
        return
    prefix, once = escaped(f"{doubled.strip('/')}/"), target.replace(doubled * 2, doubled, 1).partition("?")[0]
    judge = _reaches(trying, about.exchange, once)
    if _ALL.fullmatch(rule.match.url):
        pattern, url = f"^(?:{prefix})?(.*)", rule.action.url.replace("{R:0}", "{R:1}")
        also = f", and its URL to {url}" if url != rule.action.url else ""
        todo = f"Let the rule add {doubled} only where it is missing: set its pattern to {pattern}{also}"
        yield Remedy(f"{todo}.", about.changed(parts.both_set(pattern, url)), judge)
    pattern = rule.match.url.removeprefix("^")
    pattern = f"^(?!{prefix}){pattern}" if rule.match.url.startswith("^") else f"^(?!{prefix})(?:.*?){pattern}"
    todo = f"Let the rule leave alone what begins with {doubled} already: set its pattern to {pattern}"
    yield Remedy(f"{todo}.", about.changed(parts.pattern_set(pattern)), judge)
    yield Remedy(f"{todo}.")


def _query_dropped(about: About, trying: Trying) -> Iterator[Remedy]:
    change = parts.query_appended(appended=True)
    yield Remedy(
        "Remove appendQueryString: false from the action, so that the query goes with the request.",
        about.changed(change),
        _goes_elsewhere(trying, about),
    )


def _query_twice(about: About, trying: Trying) -> Iterator[Remedy]:
    todo = "Set appendQueryString: false in the action: the URL of the rule has the query already."
    yield Remedy(todo, about.changed(parts.query_appended(appended=False)), _goes_elsewhere(trying, about))


def _encoded_twice(about: About, trying: Trying) -> Iterator[Remedy]:
    rule = about.inbound
    url = _ENCODED_TWICE.sub(r"\2", rule.action.url) if rule else ""
    if rule and url != rule.action.url:
        todo = f"Leave out {{UrlEncode:}}: what a pattern took is encoded again where needed. Set the URL to {url}"
        yield Remedy(f"{todo}.", about.changed(parts.value_set(url)), _goes_elsewhere(trying, about))


def _no_slash(about: About, trying: Trying) -> Iterator[Remedy]:
    rule = about.inbound
    url = re.sub(r"([\w-])(\{R:\d+\})", r"\1/\2", rule.action.url, count=1) if rule else ""
    if rule and url != rule.action.url:
        edit = about.changed(parts.value_set(url))
        yield Remedy(f"Write the slash that is missing: set the URL to {url}.", edit, _goes_elsewhere(trying, about))


def _two_slashes(about: About, trying: Trying) -> Iterator[Remedy]:
    rule = about.inbound
    url = re.sub(r"(?<![:/])/(\{R:\d+\})", r"\1", rule.action.url, count=1) if rule else ""
    if rule and url != rule.action.url:
        todo = f"Leave out the slash before {{R:n}}, which begins with one: set the URL to {url}."
        yield Remedy(todo, about.changed(parts.value_set(url)), _goes_elsewhere(trying, about))


def _greedy(about: About, trying: Trying) -> Iterator[Remedy]:
    rule = about.inbound
    pattern = re.sub(r"\(\.[*+]\)", "([^/]+)", rule.match.url, count=1) if rule else ""
    if rule and pattern != rule.match.url:
        todo = f"Let a group take one segment only: set the pattern to {pattern}."
        yield Remedy(todo, about.changed(parts.pattern_set(pattern)), _goes_elsewhere(trying, about))


def _sent_elsewhere(about: About, trying: Trying) -> Iterator[Remedy]:
    """Yield how to keep a rule for pages from taking what else a page needs."""
    rule = about.inbound
    if rule is None:
        return
    if not rule.action.url or local_response(about.case, about.exchange):
        yield from _answered(about, trying)
        return
    pattern = folder_pattern(about.path)
    what = f"what begins with {pattern[1:].replace(chr(92), '')}" if pattern.endswith("/") else shown(about.path, 80)
    todo = (
        f"Exempt {what} from the rule: add a condition on {{URL}} with the pattern {pattern} and negate: true, so that "
        "the backend is asked for the file itself."
    )
    exempt = parts.condition_added(Condition("{URL}", pattern, negate=True))
    yield Remedy(todo, about.changed(exempt), _goes_elsewhere(trying, about))
    yield Remedy(f"Let the rule leave {what} alone: narrow its pattern or its conditions.")


# --- a rule answered the request itself


def _answered(about: About, trying: Trying) -> Iterator[Remedy]:
    rule, exchange = about.inbound, about.exchange
    if rule is None:
        return
    reaches = _reaches(trying, exchange)
    hosts = about.case.backend_hosts(exchange)
    public = about.case.of(exchange).public
    for number, item in enumerate(rule.conditions.items):
        plain = item.pattern.replace("\\", "").lower()
        if item.negate and any(host in plain for host in hosts):
            pattern = f"^{escaped(str(public))}/" if "://" in plain else f"^{escaped(public.host_text)}"
            todo = (
                f"The condition on {item.input} has the backend's name, and browsers send the public one. Set its "
                f"pattern to {pattern}"
            )
            edit = about.changed(parts.condition_changed(number, pattern=pattern))
            yield Remedy(f"{todo}.", edit, reaches)
    if exchange.request.method == "OPTIONS" and request_field(exchange, "access-control-request-method"):
        todo = (
            "This is a CORS preflight (OPTIONS), which browsers send without cookies and without Authorization: "
            "whatever asks for these refuses it always. Exempt OPTIONS by a condition on {REQUEST_METHOD}."
        )
        exempt = parts.condition_added(Condition("{REQUEST_METHOD}", "^OPTIONS$", negate=True))
        yield Remedy(todo, about.changed(exempt), reaches)
        yield Remedy(todo)
        return
    if asks_who(rule):
        yield from let_in(about, rule, reaches)
        return
    path = f"^{escaped(about.path)}$"
    todo = (
        f"If that is wanted, nothing is wrong with the rule: it does what it says. The request carried "
        f"{_credentials(exchange)}. If {shown(about.path, 80)} is to be let in, exempt it by a condition on {{URL}} "
        "with negate: true."
    )
    exempt = parts.condition_added(Condition("{URL}", path, negate=True))
    yield Remedy(todo, about.changed(exempt), reaches)
    yield Remedy(todo.replace("by a condition on {URL} with negate: true", "in the conditions of the rule"))


def _credentials(exchange: RecordedExchange) -> str:
    names = [name for name in ("Authorization", "Cookie") if request_field(exchange, name.lower())]
    return " and ".join(names) if names else "neither Authorization nor a cookie"


# --- a redirect led here


def _redirected(about: About, trying: Trying) -> Iterator[Remedy]:
    url = url_of(about.exchange)
    before = next((each for each in about.case.load.redirects[::-1] if redirect_target(each) == url), None)
    if before is None:
        return
    status = before.response.status if before.response else 0
    lost = before.request.method == "POST" and about.exchange.request.method == "GET"
    kind, number = (RedirectType.PERMANENT_REDIRECT, 308) if status == 301 else (RedirectType.TEMPORARY, 307)
    rule = local_response(about.case, before)
    if not lost:
        who = f'the rule "{rule.rule}"' if rule else "the backend"
        yield Remedy(
            f"Correct the address to which {who} redirects {shown(before.request.target, 80)}: the backend has nothing "
            f"at {shown(about.exchange.request.target, 80)}."
        )
        return
    if rule is None:
        yield Remedy(
            f"Let the backend redirect by {number} in place of {status}, which repeats the POST with its data; or let "
            f"the form be sent to {shown(about.exchange.request.target, 80)} at once."
        )
        return
    todo = (
        f"Redirect by {number} in place of {status} (redirectType: {kind}): the browser then repeats the POST, with "
        "its data. Or do not redirect POST at all (a condition on {REQUEST_METHOD} with ^POST$ and negate: true)."
    )

    def repeats(edit: Edit) -> bool | None:
        routing = trying.routing(edit, before)
        return None if isinstance(routing, LocalResponse) and routing.status == number else False

    yield Remedy(todo, about.changed(parts.redirecting_by(kind)), repeats)


# --- a rule did not act, and nearly did


def _pattern(change: Callable[[About, str], str], what: str) -> Maker:
    """Make the remedy that writes the pattern of a rule for requests otherwise."""

    def maker(about: About, trying: Trying) -> Iterator[Remedy]:
        rule = about.inbound
        pattern = change(about, rule.match.url) if rule else ""
        if rule and pattern and pattern != rule.match.url:
            edit = about.changed(parts.pattern_set(pattern))
            yield Remedy(f"{what} Set the pattern to {pattern}", edit, _goes_elsewhere(trying, about))
            yield Remedy(f"{what} Set the pattern to {pattern}")

    return maker


def _changed(change: Change, todo: str) -> Maker:
    def maker(about: About, trying: Trying) -> Iterator[Remedy]:
        yield Remedy(todo, about.changed(change), _goes_elsewhere(trying, about))

    return maker


def _without_mount(about: About, pattern: str) -> str:
    path = about.site.path.strip("/") if about.site else ""
    return pattern.replace(f"{escaped(path)}/", "", 1) if path else pattern


def _condition(about: About, trying: Trying) -> Iterator[Remedy]:
    rule = about.inbound
    host = about.exchange.request.host.partition(":")[0]
    for number, item in enumerate(rule.conditions.items if rule else ()):
        if item.input.upper() != "{HTTP_HOST}" or item.negate or host.lower() in item.pattern.replace("\\", "").lower():
            continue
        pattern = f"^{escaped(host)}(?::\\d+)?$" if ":" in about.exchange.request.host else f"^{escaped(host)}$"
        todo = f"Browsers ask by the public name. Set the pattern of the condition on {{HTTP_HOST}} to {pattern}"
        edit = about.changed(parts.condition_changed(number, pattern=pattern))
        yield Remedy(f"{todo}.", edit, _goes_elsewhere(trying, about))
    if rule is not None:
        yield Remedy(
            "Correct the pattern of that condition so that it holds for this request, or remove the condition, if the "
            "rule is to act without it."
        )


def _changed_again(about: About, trying: Trying) -> Iterator[Remedy]:
    before = [block for block in _rewriting(about) if block != about.breakage.rule]
    if before:
        other = before[-1]
        edit = edit_rule(about.rule_set, about.site_name, other, lambda rule: replace(rule, stop_processing=True))
        yield Remedy(f'Add stopProcessing: true to the rule "{other}".', edit, _goes_elsewhere(trying, about))


def _rewriting(about: About) -> list[str]:
    return [block.name for block in acting_blocks(about.case, about.exchange)]


# --- what the backend is told


def _variable(about: About, trying: Trying) -> Iterator[Remedy]:
    """Yield the rule without the server variable by which it changes a header of the request."""
    rule = about.inbound
    named = [each for each in told_by_rules(about.case, about.exchange) if each.rule == about.breakage.rule]
    if rule is None:
        return
    for each in named:
        variable = f"HTTP_{each.name.upper().replace('-', '_')}"
        edit = about.changed(parts.without_variable(variable))
        off = edit is not None and "enabled: false" in edit.yaml
        if each.name == "Host":
            kept = f"the backend is then asked as {about.case.of(about.exchange).target.authority}"
        elif each.before:
            kept = f"the backend then gets {each.name} as the browser sent it"
        else:
            kept = f"the backend then gets {each.name} as this proxy sends it"
        todo = (
            f"Switch the rule off, which does nothing but set {variable}: {kept}."
            if off
            else f"Take {variable} out of the serverVariables of the rule: {kept}."
        )

        def is_kept(edit: Edit, name: str = each.name, after: str = each.after) -> bool | None:
            routing = trying.routing(edit, about.exchange)
            if not isinstance(routing, Forward):
                return False
            values = [routing.host] if name == "Host" else field_values(routing.fields, name)
            return None if values != [after] and values != [] else False

        yield Remedy(todo, edit, is_kept)


def _host(about: About, trying: Trying) -> Iterator[Remedy]:
    if about.rule is not None:
        yield from _variable(about, trying)
        return
    case, site = about.case.of(about.exchange), about.site
    public, inner = case.public.authority, case.target.authority
    if site is None:
        return
    keeps = site.keeps_host(None, bool(about.rule_set.preserve_host_header))
    if keeps:
        todo = (
            f"Either remove preserveHostHeader here, so that the backend is asked as {inner}. Or leave this proxy as "
            f"it is, and add {public} to the names that the backend allows."
        )
    else:
        todo = (
            f"Either set preserveHostHeader: true here, so that the backend is asked as {public}; it has to allow that "
            f"name. Or leave this proxy as it is, and add {inner} to the names that the backend allows. One of the two "
            "is enough."
        )
    settings = {"preserveHostHeader": str(not keeps).lower()}
    edit = edit_site(about.rule_set, site.name, lambda each: replace(each, preserve_host_header=not keeps), settings)
    yield Remedy(todo, edit, lambda _: None)


def _tls(about: About, trying: Trying) -> Iterator[Remedy]:
    backend = about.site.backend if about.site else None
    if backend is None or backend.scheme != "http" or about.site is None:
        return
    secure = Origin("https", backend.host, backend.port)
    url = f"{secure}{about.site.backend_path}"
    edit = edit_site(about.rule_set, about.site_name, lambda each: replace(each, backend=secure), {"backend": url})
    yield Remedy(f"Let this proxy speak TLS there: set backend: {url}.", edit, lambda _: None)


_NEAR_MISSES = (
    (Why.LETTER_CASE, _changed(parts.in_any_case, "Remove ignoreCase: false from the match of the rule.")),
    (Why.DISABLED, _changed(parts.switched_on, "Remove enabled: false from the rule.")),
    (
        Why.SLASH_AT_START,
        _pattern(lambda about, pattern: _SLASH.sub(r"\1", pattern), "Rules see the path without its slash."),
    ),
    (
        Why.SLASH_AT_END,
        _pattern(lambda about, pattern: re.sub(r"/(\$?)$", r"/?\1", pattern), "Let the slash at the end be optional."),
    ),
    (
        Why.NO_SLASH_AT_END,
        _pattern(lambda about, pattern: re.sub(r"(?<!\\)\$$", "/?$", pattern), "Let a slash at the end be allowed."),
    ),
    (
        Why.WHOLE_URL,
        _pattern(lambda about, pattern: _WITH_HOST.sub("^", pattern, 1), "Rules see the path alone, without a host."),
    ),
    (
        Why.QUERY,
        _pattern(
            lambda about, pattern: re.sub(r"\\\?.*$", "$", pattern),
            "Rules see the path without the query, for which there is a condition on {QUERY_STRING}.",
        ),
    ),
    (Why.MOUNT, _pattern(_without_mount, "Rules see what comes after the path of the site.")),
    (Why.CONDITION, _condition),
    (Why.NEGATED_CONDITION, _condition),
)  # fmt: skip


def _wrong_type(about: About, trying: Trying) -> Iterator[Remedy]:
    yield from typed(about, trying) if about.inbound is None else _sent_elsewhere(about, trying)


OF_REQUESTS = table(
    (Why.PATH_TWICE, _path_twice),
    (Why.QUERY_DROPPED, _query_dropped),
    (Why.QUERY_TWICE, _query_twice),
    (Why.ENCODED_TWICE, _encoded_twice),
    (Why.NO_SLASH_BETWEEN, _no_slash),
    (Why.TWO_SLASHES, _two_slashes),
    (Why.GREEDY_GROUP, _greedy),
    (Why.CHANGED_AGAIN, _changed_again),
    (Why.SENT, _sent_elsewhere),
    ("wrong-type", _wrong_type),
    (f"answered-by-rule aborted {Why.RESPONDS} {Why.CLOSES}", _answered),
    (Why.REDIRECTED_HERE, _redirected),
    *((code, maker) for code, maker in _NEAR_MISSES),
    (f"{Why.FIELD_CHANGED} {Why.TOLD_BY_RULE} {Why.NAME_TOLD}", _variable),
    (Why.HOST_REFUSED, _host),
    (Why.TLS_WANTED, _tls),
    ("wrong-link", linked),
)
