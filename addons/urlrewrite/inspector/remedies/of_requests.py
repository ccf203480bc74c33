"""Requests that a rule sent elsewhere, answered itself, or left alone: the pattern, condition or setting to write."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from urlrewrite.exchange.responses import LocalResponse
from urlrewrite.formats.downlevel.links_as_rules import escaped
from urlrewrite.inspector.diagnose.addresses import doubled_prefix
from urlrewrite.inspector.diagnose.case import path_of
from urlrewrite.inspector.diagnose.page_loads import redirect_target, request_field, url_of
from urlrewrite.inspector.diagnose.routes import acting_blocks, local_response
from urlrewrite.inspector.diagnose.why import Why
from urlrewrite.inspector.experiments.edits import Edit, edit_rule
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.inspector.remedies import parts
from urlrewrite.inspector.remedies.judges import goes_elsewhere, reaches
from urlrewrite.inspector.remedies.of_backends import host, tls, variable
from urlrewrite.inspector.remedies.of_clients import asks_who, let_in
from urlrewrite.inspector.remedies.of_headers import linked, typed
from urlrewrite.inspector.remedies.of_near_misses import NEAR_MISSES
from urlrewrite.inspector.remedies.proposal import About, Remedy, folder_pattern
from urlrewrite.inspector.remedies.table import table
from urlrewrite.inspector.remedies.trying import Trying
from urlrewrite.model import Condition, RedirectType
from urlrewrite.trace.text import shown

_ALL = re.compile(r"\^?(\()?\.\*(?(1)\))\$?")
_ENCODED_TWICE = re.compile(r"\{UrlEncode:(\{UrlEncode:)?(\{[RC]:\d+\})(?(1)\})\}", re.IGNORECASE)


# --- a rule sent the request elsewhere


def _path_twice(about: About, trying: Trying) -> Iterator[Remedy]:
    rule, target = about.inbound, path_of(about.case.backend_url(about.exchange))
    doubled = doubled_prefix(target)
    if rule is None or not doubled:
        return
    prefix, once = escaped(f"{doubled.strip('/')}/"), target.replace(doubled * 2, doubled, 1).partition("?")[0]
    judge = reaches(trying, about.exchange, once)
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
        goes_elsewhere(trying, about),
    )


def _query_twice(about: About, trying: Trying) -> Iterator[Remedy]:
    todo = "Set appendQueryString: false in the action: the URL of the rule has the query already."
    yield Remedy(todo, about.changed(parts.query_appended(appended=False)), goes_elsewhere(trying, about))


def _encoded_twice(about: About, trying: Trying) -> Iterator[Remedy]:
    rule = about.inbound
    url = _ENCODED_TWICE.sub(r"\2", rule.action.url) if rule else ""
    if rule and url != rule.action.url:
        todo = f"Leave out {{UrlEncode:}}: what a pattern took is encoded again where needed. Set the URL to {url}"
        yield Remedy(f"{todo}.", about.changed(parts.value_set(url)), goes_elsewhere(trying, about))


def _no_slash(about: About, trying: Trying) -> Iterator[Remedy]:
    rule = about.inbound
    url = re.sub(r"([\w-])(\{R:\d+\})", r"\1/\2", rule.action.url, count=1) if rule else ""
    if rule and url != rule.action.url:
        edit = about.changed(parts.value_set(url))
        yield Remedy(f"Write the slash that is missing: set the URL to {url}.", edit, goes_elsewhere(trying, about))


def _two_slashes(about: About, trying: Trying) -> Iterator[Remedy]:
    rule = about.inbound
    url = re.sub(r"(?<![:/])/(\{R:\d+\})", r"\1", rule.action.url, count=1) if rule else ""
    if rule and url != rule.action.url:
        todo = f"Leave out the slash before {{R:n}}, which begins with one: set the URL to {url}."
        yield Remedy(todo, about.changed(parts.value_set(url)), goes_elsewhere(trying, about))


def _greedy(about: About, trying: Trying) -> Iterator[Remedy]:
    rule = about.inbound
    pattern = re.sub(r"\(\.[*+]\)", "([^/]+)", rule.match.url, count=1) if rule else ""
    if rule and pattern != rule.match.url:
        todo = f"Let a group take one segment only: set the pattern to {pattern}."
        yield Remedy(todo, about.changed(parts.pattern_set(pattern)), goes_elsewhere(trying, about))


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
    yield Remedy(todo, about.changed(exempt), goes_elsewhere(trying, about))
    yield Remedy(f"Let the rule leave {what} alone: narrow its pattern or its conditions.")


# --- a rule answered the request itself


def _answered(about: About, trying: Trying) -> Iterator[Remedy]:
    rule, exchange = about.inbound, about.exchange
    if rule is None:
        return
    is_asked = reaches(trying, exchange)
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
            yield Remedy(f"{todo}.", edit, is_asked)
    if exchange.request.method == "OPTIONS" and request_field(exchange, "access-control-request-method"):
        todo = (
            "This is a CORS preflight (OPTIONS), which browsers send without cookies and without Authorization: "
            "whatever asks for these refuses it always. Exempt OPTIONS by a condition on {REQUEST_METHOD}."
        )
        exempt = parts.condition_added(Condition("{REQUEST_METHOD}", "^OPTIONS$", negate=True))
        yield Remedy(todo, about.changed(exempt), is_asked)
        yield Remedy(todo)
        return
    if asks_who(rule):
        yield from let_in(about, rule, is_asked)
        return
    path = f"^{escaped(about.path)}$"
    todo = (
        f"If that is wanted, nothing is wrong with the rule: it does what it says. The request carried "
        f"{_credentials(exchange)}. If {shown(about.path, 80)} is to be let in, exempt it by a condition on {{URL}} "
        "with negate: true."
    )
    exempt = parts.condition_added(Condition("{URL}", path, negate=True))
    yield Remedy(todo, about.changed(exempt), is_asked)
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


def _changed_again(about: About, trying: Trying) -> Iterator[Remedy]:
    before = [block for block in _rewriting(about) if block != about.breakage.rule]
    if before:
        other = before[-1]
        edit = edit_rule(about.rule_set, about.site_name, other, lambda rule: replace(rule, stop_processing=True))
        yield Remedy(f'Add stopProcessing: true to the rule "{other}".', edit, goes_elsewhere(trying, about))


def _rewriting(about: About) -> list[str]:
    return [block.name for block in acting_blocks(about.case, about.exchange)]


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
    *((code, maker) for code, maker in NEAR_MISSES),
    (f"{Why.FIELD_CHANGED} {Why.TOLD_BY_RULE} {Why.NAME_TOLD}", variable),
    (Why.HOST_REFUSED, host),
    (Why.TLS_WANTED, tls),
    ("wrong-link", linked),
)
