"""Cookies that browsers refuse, drop or keep back: the rule that is to leave them alone, or a new one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from urlrewrite.formats.downlevel.links_as_rules import escaped
from urlrewrite.inspector.diagnose.browser_rules import BrowserRule as Row
from urlrewrite.inspector.diagnose.cookies import path_not_seen, why_lost
from urlrewrite.inspector.diagnose.stored_cookies import Cookie, set_cookies
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.inspector.remedies import parts
from urlrewrite.inspector.remedies.proposal import About, Remedy, variable_of
from urlrewrite.inspector.remedies.table import table
from urlrewrite.inspector.remedies.trying import Trying, lax_is_enough
from urlrewrite.model import Condition, LogicalGrouping, OutboundMatch
from urlrewrite.trace.text import shown

_VARIABLE = variable_of("Set-Cookie")
_DOMAIN = re.compile(r"(Domain=)([\w.-]+)", re.IGNORECASE)
_WHAT = {
    Row.COOKIE_DOMAIN.code: "no Domain, so that the cookie is for the public host",
    Row.COOKIE_SUFFIX.code: "no Domain, so that the cookie is for the public host",
    Row.COOKIE_SECURE.code: "no Secure, since the public name is http",
    Row.COOKIE_SAME_SITE_NONE.code: "Secure, which SameSite=None needs",
    Row.COOKIE_PARTITIONED.code: "Secure, which Partitioned needs",
}


def _lost(about: About) -> tuple[RecordedExchange, Cookie] | None:
    """Return the cookie that a breakage is about, with the exchange that set it."""
    case = about.case
    for exchange in about.exchanges:
        for _, cookie in set_cookies(exchange):
            found = why_lost(case, exchange, cookie)
            if found and found[2].code == about.breakage.code:
                return exchange, cookie
            same_site = cookie.attributes.get("samesite", "").lower()
            if about.breakage.code == Row.COOKIE_SAME_SITE.code and same_site != "none":
                return exchange, cookie
    return None


def _cookies(about: About, trying: Trying) -> Iterator[Remedy]:
    lost = _lost(about)
    if lost is None:
        return
    _, cookie = lost
    if about.outbound is not None:
        yield from _of_rule(about, cookie)
        return
    for mode, edit in about.with_links():
        if trying.is_gone(edit, about.breakage):
            yield Remedy(
                f"Set links: {mode} for the site. It governs cookies, too: their Domain, Path, Secure and SameSite "
                "become what is true for the public name.",
                edit,
            )
            return
    yield from _of_backend(about, cookie)


def _of_rule(about: About, cookie: Cookie) -> Iterator[Remedy]:
    name, rule = shown(cookie.name, 60), about.outbound
    assert rule is not None
    if about.breakage.code == Row.COOKIE_PREFIX.code:
        prefix = cookie.name[: cookie.name.find("-") + 1]
        for pattern in _exempting(rule.match.pattern, prefix):
            keep = "Path=/, and have no Domain" if prefix == "__Host-" else "Secure"
            todo = f"Leave cookies alone whose names begin with {prefix}: they must keep {keep}."
            yield Remedy(f"{todo} Set the pattern of the rule to {pattern}", about.changed(parts.pattern_set(pattern)))
        item = Condition(f"{{{_VARIABLE}}}", f"^{prefix}", negate=True)
        if rule.conditions.logical_grouping is LogicalGrouping.MATCH_ALL:
            todo = f"Exempt cookies whose names begin with {prefix} by a condition of the rule."
            yield Remedy(todo, about.changed(parts.condition_added(item)))
        yield Remedy(
            f"Let the pattern of the rule match no cookie whose name begins with {prefix}: begin it with (?!{prefix})."
        )
        return
    host = about.case.of(about.exchange).public.host_text
    if found := _DOMAIN.search(rule.action.value):
        value = _DOMAIN.sub(rf"\g<1>{host}", rule.action.value)
        todo = f"Write Domain={host} in place of Domain={found[2]} into the value of the rule."
        yield Remedy(todo, about.changed(parts.value_set(value)))
    what = _WHAT.get(about.breakage.code, "what the backend sent")
    off = about.changed(parts.switched_off)
    yield Remedy(f'Switch the rule off: "{name}" needs {what}.', off)
    yield Remedy(f'Let the rule leave "{name}" alone, or give it {what}.')


def _exempting(pattern: str, prefix: str) -> Iterator[str]:
    """Yield the pattern so that it does not match a line that begins with a prefix."""
    if pattern.startswith("^"):
        yield f"^(?!{prefix}){pattern[1:]}"
    yield f"^(?!{prefix})(.*?){pattern}"


def _of_backend(about: About, cookie: Cookie) -> Iterator[Remedy]:
    """Yield a new rule that changes the one cookie, and what to do in the backend."""
    name, quoted = escaped(cookie.name), f'"{shown(cookie.name, 60)}"'
    host = about.case.of(about.exchange).public.host_text
    match about.breakage.code:
        case Row.COOKIE_SIZE.code:
            yield Remedy(
                f"Let the application put less into {quoted}: the id of a session in place of what it knows. "
                "No rule can make it shorter."
            )
        case Row.COOKIE_NUMBER.code:
            return
        case Row.COOKIE_EXPIRED.code:
            todo = (
                f"Correct the time of {quoted} in the backend: Expires is in GMT. Until then an outbound rule can take "
                "Expires away, so that the cookie lasts until the browser is closed; what deletes it stays:"
            )
            # A logout empties the cookie, or sets a time long ago.
            lasting = "(?!.*; ?Max-Age=0|.*; ?Expires=[^;]*1970)"
            match = OutboundMatch(rf"^{lasting}({name}=[^;].*?);\s*Expires=[^;]*(.*)$", _VARIABLE)
            yield Remedy(todo, about.with_rule("no Expires in cookies", match, "{R:1}{R:2}"))
        case Row.COOKIE_DOMAIN.code | Row.COOKIE_SUFFIX.code:
            todo = f"Take the Domain away, so that {quoted} is for {host} alone, by an outbound rule:"
            yield _without(about, todo, name, "Domain")
        case Row.COOKIE_SECURE.code:
            todo = f"Publish the site by https, or take Secure from {quoted} by an outbound rule:"
            edit = about.with_rule(
                f"{cookie.name} without Secure",
                OutboundMatch(rf"^({name}=.*?);\s*Secure\b(.*)$", _VARIABLE),
                "{R:1}{R:2}",
            )
            yield Remedy(todo, edit)
        case Row.COOKIE_SAME_SITE_NONE.code | Row.COOKIE_PARTITIONED.code:
            todo = f"Let the backend set {quoted} with Secure, or add it by an outbound rule:"
            match = OutboundMatch(rf"^({name}=.*)$", _VARIABLE)
            yield Remedy(todo, about.with_rule(f"{cookie.name} with Secure", match, "{R:1}; Secure"))
        case Row.COOKIE_SAME_SITE.code:
            lax = lax_is_enough(about.exchange)
            secure = "" if lax or "secure" in cookie.attributes else "; Secure"
            wanted = "Lax" if lax else "None"
            todo = (
                f"If visitors are to come from other sites like that, {quoted} has to be SameSite={wanted}"
                f"{'' if lax else ' with Secure'}: set it so in the backend, or by an outbound rule:"
            )
            if "samesite" in cookie.attributes:
                match = OutboundMatch(rf"^({name}=.*?);\s*SameSite=\w+(.*)$", _VARIABLE)
                value = f"{{R:1}}; SameSite={wanted}{secure}{{R:2}}"
            else:
                match, value = OutboundMatch(rf"^({name}=.*)$", _VARIABLE), f"{{R:1}}; SameSite={wanted}{secure}"
            yield Remedy(todo, about.with_rule(f"{cookie.name} for other sites", match, value))
        case Row.COOKIE_PREFIX.code:
            yield Remedy(f"Let the backend set {quoted} as its prefix requires, or give it another name.")


def _without(about: About, todo: str, name: str, attribute: str) -> Remedy:
    match = OutboundMatch(rf"^({name}=.*?);\s*{attribute}=[^;]*(.*)$", _VARIABLE)
    return Remedy(todo, about.with_rule(f"no {attribute} in cookies", match, "{R:1}{R:2}"))


def _path(about: About, trying: Trying) -> Iterator[Remedy]:
    """Yield a new rule for a Path that browsers never ask for."""
    lost = _lost(about)
    found = path_not_seen(about.case, *lost) if lost else None
    if lost is None or found is None or len(found[1].values) != len(("path", "public")):
        yield from _cookies(about, trying)
        return
    path, public = found[1].values
    name = escaped(lost[1].name)
    match = OutboundMatch(rf"^({name}=.*?;\s*Path=){escaped(path)}(?=;|/|$)(.*)$", _VARIABLE)
    todo = f"Let an outbound rule make Path={path} into Path={public}:"
    yield Remedy(todo, about.with_rule(f"Path of {lost[1].name}", match, f"{{R:1}}{public.rstrip('/') or '/'}{{R:2}}"))


_KINDS = ("cookie", "login-loop", "lost-cookie")
_ROWS = [row.code for row in Row if row.code.startswith("cookie-") and row is not Row.COOKIE_PATH]

OF_COOKIES = table(
    (" ".join(f"{kind}/{code}" for kind in _KINDS for code in _ROWS), _cookies),
    (" ".join(f"{kind}/{Row.COOKIE_PATH.code}" for kind in _KINDS), _path),
)
