r"""`links:` of a site as the outbound rules that IIS needs for it, and a little of what it covers.

IIS has no link map: it rewrites the attributes of some tags, single fields, and texts in whole bodies. The rules made
here are what its own guides would write by hand, with the dots escaped and the ends of names watched. They cover less
than `links: everywhere` does. Each says in its comment what it covers; what none of them covers:

- compressed answers: IIS answers 500.52, so the backend is asked not to compress (see `request_rule`);
- `srcset`, `ping` and `archive` beyond their first address, `itemid`, of which any tag may have one, `style` attributes
  without quotes, addresses written with character references;
- the fields Content-Security-Policy, Report-To, Alt-Svc and others that name hosts;
- Secure and SameSite of cookies, and the fields Origin and Referer on the way to the backend;
- the public name that the client used where a site has several: links lead to the first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from urlrewrite.content.carriers import TAG_FLAGS, WITHOUT_FLAG
from urlrewrite.model import (
    Condition,
    CustomTags,
    InboundRule,
    LinkMode,
    LogicalGrouping,
    Match,
    OutboundAction,
    OutboundActionType,
    OutboundMatch,
    OutboundRule,
    PreCondition,
    SetServerVariable,
)
from urlrewrite.model.origin import Origin

VARIABLES = ("HTTP_ACCEPT_ENCODING", "HTTP_X_ORIGINAL_ACCEPT_ENCODING")
"""What has to be in `allowedServerVariables` for `request_rule`."""

PAGE = "links: page"
SCRIPT = "links: script, style or data"
REDIRECT = "links: redirect"
_ENCODING = "links: Accept-Encoding was removed"
_TAGS = "links: other attributes"

_ANY_COLON = r"(?::|\\u003[aA]|%3[aA])"
_ANY_SLASH = r"(?:\\*/|\\u002[fF]|%2[fF])"
_ESCAPED_SLASH = r"(?:\\+/|\\u002[fF]|%2[fF])"
_QUOTE = """['"]"""
_OPENS = """["'(]"""
REFRESH = rf"(\s*(?:\d+\s*;\s*url\s*=\s*{_QUOTE}?)?)"
_NAME_ENDS = r"(?![\w@-]|\.\w|:\d)"
_PATH_ENDS = r"(?![\w.~$!*+@:=-])"
"""What follows a host if that is really its end: neither `privateserver.example` nor `privateserver:80801` is ours."""


def escaped(text: str) -> str:
    """Return a text for a pattern, in ECMAScript's syntax."""
    return re.sub(r"[\\^$.|?*+()\[\]{}]", r"\\\g<0>", text)


def request_rule() -> InboundRule:
    """Return the inbound rule that keeps the backend from compressing its responses."""
    plain, kept = VARIABLES
    return InboundRule(
        "links: responses that are not compressed",
        Match(".*"),
        server_variables=(SetServerVariable(kept, f"{{{plain}}}"), SetServerVariable(plain, "")),
        comment="IIS cannot rewrite a compressed response (500.52), so the backend is not told that the client could\n"
        "take one. Another rule restores the field, for IIS's own compression.",
    )


@dataclass(frozen=True, slots=True)
class LinkRules:
    """The outbound rules for a backend's links, and what they name."""

    rules: tuple[OutboundRule, ...]
    pre_conditions: tuple[PreCondition, ...]
    custom_tags: tuple[CustomTags, ...]


def link_rules(
    backends: Sequence[Origin], public: Origin, links: LinkMode, base: str = "", path: str = ""
) -> LinkRules:
    """Return the rules that map links of the backend to the public origin, for `links: tags` or `everywhere`.

    `backends` are its origin, or those of all servers of a farm.
    `base` is the path behind and `path` the public one, where they are not the same.
    """
    spelled = _Spelled(backends, public, base, path)
    everywhere = links is LinkMode.EVERYWHERE
    rules = [*_attributes(spelled), *(_bodies(spelled) if everywhere else ()), *_fields(spelled), _restore()]
    return LinkRules(
        tuple(rules),
        pre_conditions_of(rules),
        (CustomTags(_TAGS, WITHOUT_FLAG),),
    )


def pre_conditions_of(rules: Iterable[OutboundRule]) -> tuple[PreCondition, ...]:
    """Return the preconditions that rules for links name."""
    used = {rule.pre_condition for rule in rules}
    return tuple(item for item in _PRE_CONDITIONS if item.name in used)


class _Spelled:
    """How the two origins stand in patterns and values."""

    def __init__(self, backends: Sequence[Origin], public: Origin, base: str, path: str) -> None:
        self.host = _one_of(escaped(backend.host_text) for backend in backends)
        self.public = public
        self.public_url = f"{public}{path}"
        self.public_relative = f"//{public.authority}{path}"
        self.backend = _one_of(_with_port(backend, ":") for backend in backends) + _NAME_ENDS
        self.backend += f"{escaped(base)}{_PATH_ENDS}" if base else ""
        """Host and port in a plain URL."""
        self.backend_anyhow = _one_of(_with_port(backend, _ANY_COLON) for backend in backends) + _NAME_ENDS
        self.backend_anyhow += f"{escaped(base).replace('/', _ANY_SLASH)}{_PATH_ENDS}" if base else ""
        """Host and port, the colon escaped in whatever way."""
        # {R:1} is how the colon after the scheme is written, so that one before a port is written alike.
        port_alike = "" if public.has_default_port else f"{{R:1}}{public.port}"
        # {R:2} is how slashes are written: two of them, or one where a path is written alike.
        self.slashes = "{R:2}{R:2}" if path else "{R:2}"
        self.public_alike = f"{public.host_text}{port_alike}{path.replace('/', '{R:2}')}"
        self.once = bool(path)
        self.web_socket = public.scheme.replace("http", "ws")

    def two(self, slash: str) -> str:
        """Return a group with two slashes of one spelling; the group has one of them where a path is written alike."""
        return rf"({slash})\2" if self.once else f"({slash}{{2}})"


def _with_port(backend: Origin, colon: str) -> str:
    """Host and port. A URL of the default port may say it, and a backend behind TLS take itself for the plain one."""
    port = f"(?:{colon}(?:80|443))?" if backend.has_default_port else f"{colon}{backend.port}"
    return escaped(backend.host_text) + port


def _one_of(patterns: Iterable[str]) -> str:
    """Return a pattern for what any of these is for."""
    found = list(dict.fromkeys(patterns))
    return found[0] if len(found) == 1 else f"(?:{'|'.join(found)})"


def _is_type(pattern: str) -> Condition:
    return Condition("{RESPONSE_CONTENT_TYPE}", pattern)


_PRE_CONDITIONS = (
    PreCondition(PAGE, (_is_type(r"^text/html"), _is_type(r"^application/xhtml\+xml")), LogicalGrouping.MATCH_ANY),
    PreCondition(
        SCRIPT,
        (
            _is_type(r"^(?:text|application)/(?:x-)?(?:javascript|ecmascript|json|css)"),
            _is_type(r"^application/[^;]*\+json"),
        ),
        LogicalGrouping.MATCH_ANY,
    ),
    PreCondition(REDIRECT, (Condition("{RESPONSE_STATUS}", r"^(?:201|3\d\d)$"),)),
    PreCondition(_ENCODING, (Condition("{HTTP_X_ORIGINAL_ACCEPT_ENCODING}", ".+"),)),
)


def rule(name: str, pre_condition: str, match: OutboundMatch, value: str, comment: str) -> OutboundRule:
    """One of the rules for links."""
    action = OutboundAction(OutboundActionType.REWRITE, value)
    return OutboundRule(f"links: {name}", match, pre_condition, action=action, comment=comment)


def of_field(name: str, pattern: str) -> OutboundMatch:
    """Return a pattern for a field of the response, by its name with `_` for `-`."""
    return OutboundMatch(pattern, server_variable=f"RESPONSE_{name}")


def of_tags(pattern: str) -> OutboundMatch:
    """Return a pattern for all attributes that hold a URL."""
    return OutboundMatch(pattern, filter_by_tags=(*TAG_FLAGS, "CustomTags"), custom_tags=_TAGS)


def _attributes(spelled: _Spelled) -> list[OutboundRule]:
    return [
        rule(
            "absolute URLs in attributes",
            PAGE,
            of_tags(rf"^{REFRESH}https?://{spelled.backend}([\s\S]*)$"),
            f"{{R:1}}{spelled.public_url}{{R:2}}",
            "Attributes that are a URL of the backend or begin with one, and the URL of a meta refresh.\n"
            "Not covered: the other addresses of srcset and ping, URLs in the middle of a value, data attributes.",
        ),
        rule(
            "URLs without a scheme in attributes",
            PAGE,
            of_tags(rf"^{REFRESH}//{spelled.backend}([\s\S]*)$"),
            f"{{R:1}}{spelled.public_relative}{{R:2}}",
            "URLs in the same places that begin with // and the backend's name.",
        ),
    ]


def _bodies(spelled: _Spelled) -> list[OutboundRule]:
    public = spelled.public
    anyhow = spelled.backend_anyhow
    return [
        rule(
            "strings in pages",
            PAGE,
            OutboundMatch(rf"({_OPENS})https?://{spelled.backend}"),
            f"{{R:1}}{spelled.public_url}",
            "URLs after a quote or a parenthesis, as in scripts and styles that stand in a page, and data attributes.\n"
            "IIS cannot tell them from text that a reader sees, nor from comments: those are changed, too.",
        ),
        rule(
            "escaped URLs in pages",
            PAGE,
            OutboundMatch(rf"https?({_ANY_COLON}){spelled.two(_ESCAPED_SLASH)}{anyhow}"),
            f"{public.scheme}{{R:1}}{spelled.slashes}{spelled.public_alike}",
            r"URLs written with \/, \u002f or %2F: JSON in scripts of a page, URLs in the query of others.",
        ),
        rule(
            "scripts, styles and data",
            SCRIPT,
            OutboundMatch(rf"https?({_ANY_COLON}){spelled.two(_ANY_SLASH)}{anyhow}"),
            f"{public.scheme}{{R:1}}{spelled.slashes}{spelled.public_alike}",
            r"Absolute URLs in JavaScript, JSON and CSS, plain or written with \/, \u002f or %2F."
            "\nNot covered: a name that a script puts together from parts, XML, and event streams.",
        ),
        rule(
            "WebSockets in scripts",
            SCRIPT,
            OutboundMatch(rf"wss?({_ANY_COLON}){spelled.two(_ANY_SLASH)}{anyhow}"),
            f"{spelled.web_socket}{{R:1}}{spelled.slashes}{spelled.public_alike}",
            "URLs of WebSockets in the same places. IIS needs ARR 3.0 and the WebSocket feature for them.",
        ),
        rule(
            "URLs without a scheme in scripts, styles and data",
            SCRIPT,
            OutboundMatch(rf"({_OPENS})((?:\\*/){{2}}){spelled.backend}"),
            f"{{R:1}}{{R:2}}{spelled.public_relative[2:]}",
            "URLs that begin with // after a quote or a parenthesis.",
        ),
    ]


def _fields(spelled: _Spelled) -> list[OutboundRule]:
    url = rf"https?://{spelled.backend}(.*)$"
    return [
        rule("Location", REDIRECT, of_field("Location", f"^{url}"), f"{spelled.public_url}{{R:1}}", "Redirects."),
        rule(
            "Location without a scheme",
            REDIRECT,
            of_field("Location", rf"^//{spelled.backend}(.*)$"),
            f"{spelled.public_relative}{{R:1}}",
            "Redirects to an address that begins with // and the backend's name.",
        ),
        rule(
            "Content-Location",
            "",
            of_field("Content_Location", f"^{url}"),
            f"{spelled.public_url}{{R:1}}",
            "The address at which the body is available.",
        ),
        rule(
            "Refresh",
            "",
            of_field("Refresh", rf"^(\s*[\d.]+\s*[;,]\s*(?:url\s*=)?\s*{_QUOTE}?){url}"),
            f"{{R:1}}{spelled.public_url}{{R:2}}",
            "Redirects after some seconds.",
        ),
        rule(
            "Link",
            "",
            of_field("Link", rf"^(.*?<){url}"),
            f"{{R:1}}{spelled.public_url}{{R:2}}",
            "The first link to the backend in a line of this field; IIS cannot replace more than one.",
        ),
        _cookies(spelled, of_field),
    ]


def _cookies(spelled: _Spelled, of_field: Callable[[str, str], OutboundMatch]) -> OutboundRule:
    """Return the rule for cookies; it removes a Domain of one label or an address, of which browsers take none."""
    host = spelled.public.host
    rest = rf"{spelled.host}(\s*(?:;.*)?)$"
    if "." in host and ":" not in host and not host.replace(".", "").isdigit():
        pattern, value = rf"^(.*;\s*domain=\s*\.?){rest}", f"{{R:1}}{host}{{R:2}}"
    else:
        pattern, value = rf"^(.*?)\s*;\s*domain=\s*\.?{rest}", "{R:1}{R:2}"
    comment = "Cookies that name the backend as their domain. Not covered: Secure, SameSite, names with a prefix."
    return rule("domain of cookies", "", of_field("Set_Cookie", pattern), value, comment)


def _restore() -> OutboundRule:
    plain, kept = VARIABLES
    match = OutboundMatch("^(.*)", server_variable=plain)
    comment = "Restores what the rule for requests has removed."
    return rule("Accept-Encoding restored", _ENCODING, match, f"{{{kept}}}", comment)
