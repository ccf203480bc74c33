"""Redirects that lead to themselves, or to where nothing is published: found by following them.

Each redirect is tried with requests that match its pattern and its conditions, and its Location is followed six times,
through all the rules of the level.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from urlrewrite.engine.facts import RequestFacts
from urlrewrite.lint.registry import Finding, check
from urlrewrite.lint.views import InboundView, LevelView, quoted
from urlrewrite.lint.walks import Walker, names_of, request_of, requests_below, requests_for, starts_of
from urlrewrite.model import ActionType, Origin
from urlrewrite.model.origin import origin_of
from urlrewrite.model.web_server import HttpRedirect

_HOPS = 6


@check(
    "UR173",
    "A redirect that leads to itself",
    LevelView,
    means="The address that a rule or `<httpRedirect>` redirects to is redirected again, by the same or others, "
    "without end. The message names an address with which it happens.",
    iis="Redirects each time, until the browser gives up (ERR_TOO_MANY_REDIRECTS).",
    here="The same.",
    write="A condition that no longer holds at the new address: `{HTTPS}` with `^off$` for a redirect to HTTPS, "
    "`{HTTP_HOST}` with the new name and `negate`, `^(?!app/)` in the pattern of a redirect to `/app/`. For "
    '`<httpRedirect>` a `<location>` of the new address with `enabled="false"`, or a site of its own for the old name.',
)
def endless_redirect(view: LevelView) -> Iterator[Finding]:
    if any(rule.directory for rule in view.inbound):
        return  # what a directory inherits is judged where it was written
    walker = Walker(view)
    redirects = [rule for rule in walker.rules if rule.item.action.type is ActionType.REDIRECT]
    # There may be thousands of other sites.
    starts, elsewhere = starts_of(view), view.context.elsewhere if redirects else ()
    for rule in redirects:
        if walker.is_tired:
            return
        if url := _endless(rule, requests_for(rule, starts), walker, starts, elsewhere):
            yield Finding(
                f"the redirect never ends, in IIS as here: {url} is redirected again and again; add a condition that "
                "does not hold for the new address",
                rule.source,
                rule.rule,
            )
    level = view.context.effective
    if (section := walker.section) and level.redirect_directory == level.directory:
        url = _endless(section, requests_below(view), walker, names_of(view), view.context.elsewhere)
        if url:
            yield Finding(
                f"<httpRedirect> never ends, in IIS as here: {url} is redirected again and again; switch it off in a "
                "<location> of the new address",
                section.source,
            )


def _endless(
    acting: InboundView | HttpRedirect,
    requests: Iterable[RequestFacts],
    walker: Walker,
    starts: list[tuple[str, str]],
    elsewhere: Collection[Origin],
) -> str:
    """Return an address from which redirects, this one among them, never end; "" if none is found.

    They end at hosts that are not those of `starts`, and `elsewhere`: at the names of other sites.
    """
    hosts = {host for _, host in starts}
    for request in requests:
        if _follow(request, acting, walker, {*hosts, request.host}, elsewhere):
            return quoted(request.url)
    return ""


def _follow(
    request: RequestFacts,
    acting: InboundView | HttpRedirect,
    walker: Walker,
    hosts: set[str],
    elsewhere: Collection[Origin],
) -> bool:
    """Say whether redirects go on forever, the one in question among them."""
    seen: list[InboundView | HttpRedirect] = []
    for _ in range(_HOPS):
        found = walker.redirect(request)
        if found is None:
            return False
        acted, location = found
        seen.append(acted)
        scheme, mark, rest = location.partition("://")
        host, slash, target = rest.partition("/")
        if not mark or scheme not in ("http", "https") or host not in hosts or _origin(location) in elsewhere:
            return False
        request = request_of(scheme, host, (slash or "/") + target.partition("#")[0])
    return acting in seen[_HOPS // 2 :]


@check(
    "UR177",
    "A redirect to where nothing is published",
    LevelView,
    means="A rule redirects to a public name of the site with another scheme or port than it is published with: "
    "`https://{HTTP_HOST}/` holds the port of the http listener, if that is not 80.",
    iis="Redirects there.",
    here="Redirects there; nobody listens, or it is another server.",
    write="`https://{SERVER_NAME}:5001/`, with the port of the public name; without a port where it is 443.",
)
def unpublished(view: LevelView) -> Iterator[Finding]:
    published = view.context.published
    walker = Walker(view)
    for rule in walker.rules:
        if rule.item.action.type is not ActionType.REDIRECT:
            continue
        for request in requests_for(rule, starts_of(view) if published else []):
            found = walker.redirect(request)
            target = _origin(found[1]) if found and found[0] is rule else None
            if target and target not in published and any(target.host == origin.host for origin in published):
                yield Finding(
                    f"redirects {quoted(request.url)} to {target}, where nothing is published, in IIS as here"
                    f"{_suggested(target, published)}",
                    rule.source,
                    rule.rule,
                )
                break


def _origin(location: str) -> Origin | None:
    scheme, mark, rest = location.partition("://")
    return origin_of(scheme, rest.partition("/")[0].partition("?")[0]) if mark and scheme in ("http", "https") else None


def _suggested(target: Origin, published: frozenset[Origin]) -> str:
    alike = sorted(
        (each for each in published if each.host == target.host), key=lambda each: each.scheme != target.scheme
    )
    best = alike[0]
    if best.scheme != target.scheme:
        return f": the site is published as {best}"
    port = "" if best.has_default_port else f":{best.port}"
    return f": write {best.scheme}://{{SERVER_NAME}}{port}"
