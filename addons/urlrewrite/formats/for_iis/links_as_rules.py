r"""`links:` of a site as the outbound rules that IIS needs for it, and a little of what it covers.

IIS has no link map: it rewrites the attributes of some tags, single fields, and texts in whole bodies. The rules made
here are what its own guides would write by hand, with the dots escaped and the ends of names watched. They cover less
than `links: everywhere` does. Each says in its comment what it covers; what none of them covers:

- compressed answers: IIS answers 500.52, so the backend is asked not to compress (see `request_rule`);
- `srcset` beyond its first address, `style` attributes without quotes, addresses written with character references;
- the fields Content-Security-Policy, Report-To, Alt-Svc and others that name hosts;
- Secure and SameSite of cookies, and the fields Origin and Referer on the way to the backend;
- the public name that the client used where a site has several: links lead to the first.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

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
from urlrewrite.origin import Origin

VARIABLES = ("HTTP_ACCEPT_ENCODING", "HTTP_X_ORIGINAL_ACCEPT_ENCODING")
"""What has to be in `allowedServerVariables` for `request_rule`."""

_PAGE = "links: page"
_SCRIPT = "links: script, style or data"
_REDIRECT = "links: redirect"
_ENCODING = "links: Accept-Encoding was taken away"
_TAGS = "links: other attributes"

_FLAGS = ("A", "Area", "Base", "Form", "Frame", "Head", "IFrame", "Img", "Input", "Link", "Script", "CustomTags")
_OTHER_ATTRIBUTES = """
    applet/codebase audio/src blockquote/cite body/background button/formaction del/cite embed/src html/manifest
    image/href image/xlink:href img/srcset input/formaction ins/cite meta/content object/codebase object/data q/cite
    source/src source/srcset table/background td/background th/background track/src use/href use/xlink:href video/poster
    video/src
"""
"""Attributes with a URL that none of IIS's flags covers; of `srcset`, the first address."""

_ANY_COLON = r"(?::|\\u003[aA]|%3[aA])"
_ANY_SLASHES = r"(?:\\*/|\\u002[fF]|%2[fF]){2}"
_ESCAPED_SLASHES = r"(?:\\+/|\\u002[fF]|%2[fF]){2}"
_QUOTE = """['"]"""
_OPENS = """["'(]"""
_NAME_ENDS = r"(?![\w@-]|\.\w|:\d)"
"""What follows a host if that is really its end: neither `privateserver.example` nor `privateserver:80801` is ours."""


def escaped(text: str) -> str:
    """A text for a pattern, in ECMAScript's syntax."""
    return re.sub(r"[\\^$.|?*+()\[\]{}]", r"\\\g<0>", text)


def request_rule() -> InboundRule:
    """The inbound rule that keeps the backend from compressing its answers."""
    plain, kept = VARIABLES
    return InboundRule(
        "links: answers that are not compressed",
        Match(".*"),
        server_variables=(SetServerVariable(kept, f"{{{plain}}}"), SetServerVariable(plain, "")),
        comment="IIS cannot rewrite a compressed answer (500.52), so the backend is not told that the client could\n"
        "take one. Another rule gives the field back, for IIS's own compression.",
    )


@dataclass(frozen=True, slots=True)
class LinkRules:
    """The outbound rules for a backend's links, and what they name."""

    rules: tuple[OutboundRule, ...]
    pre_conditions: tuple[PreCondition, ...]
    custom_tags: tuple[CustomTags, ...]


def link_rules(backend: Origin, public: Origin, links: LinkMode) -> LinkRules:
    """The rules that map links of the backend to the public origin, for `links: tags` or `everywhere`."""
    spelled = _Spelled(backend, public)
    everywhere = links is LinkMode.EVERYWHERE
    rules = [*_attributes(spelled), *(_bodies(spelled) if everywhere else ()), *_fields(spelled), _restore()]
    used = {rule.pre_condition for rule in rules}
    return LinkRules(
        tuple(rules),
        tuple(item for item in _PRE_CONDITIONS if item.name in used),
        (CustomTags(_TAGS, tuple(_pair(pair) for pair in _OTHER_ATTRIBUTES.split())),),
    )


class _Spelled:
    """How the two origins stand in patterns and values."""

    def __init__(self, backend: Origin, public: Origin) -> None:
        host, port = escaped(backend.host_text), backend.port
        self.host = host
        self.public = public
        # A URL of the default port may say it, and a backend behind TLS may take itself for the plain one.
        default = backend.has_default_port
        self.backend = host + (r"(?::(?:80|443))?" if default else f":{port}") + _NAME_ENDS
        """Host and port in a plain URL."""
        self.backend_anyhow = host + (rf"(?:{_ANY_COLON}(?:80|443))?" if default else f"{_ANY_COLON}{port}")
        self.backend_anyhow += _NAME_ENDS
        """Host and port, the colon escaped in whatever way."""
        # {R:1} is how the colon after the scheme is written, so that one before a port is written alike.
        port_alike = "" if public.has_default_port else f"{{R:1}}{public.port}"
        self.public_alike = f"{public.host_text}{port_alike}"
        self.web_socket = public.scheme.replace("http", "ws")


def _pair(text: str) -> tuple[str, str]:
    tag, _, attribute = text.partition("/")
    return tag, attribute


def _is_type(pattern: str) -> Condition:
    return Condition("{RESPONSE_CONTENT_TYPE}", pattern)


_PRE_CONDITIONS = (
    PreCondition(_PAGE, (_is_type(r"^text/html"), _is_type(r"^application/xhtml\+xml")), LogicalGrouping.MATCH_ANY),
    PreCondition(
        _SCRIPT,
        (
            _is_type(r"^(?:text|application)/(?:x-)?(?:javascript|ecmascript|json|css)"),
            _is_type(r"^application/[^;]*\+json"),
        ),
        LogicalGrouping.MATCH_ANY,
    ),
    PreCondition(_REDIRECT, (Condition("{RESPONSE_STATUS}", r"^(?:201|3\d\d)$"),)),
    PreCondition(_ENCODING, (Condition("{HTTP_X_ORIGINAL_ACCEPT_ENCODING}", ".+"),)),
)


def _rule(name: str, pre_condition: str, match: OutboundMatch, value: str, comment: str) -> OutboundRule:
    action = OutboundAction(OutboundActionType.REWRITE, value)
    return OutboundRule(f"links: {name}", match, pre_condition, action=action, comment=comment)


def _attributes(spelled: _Spelled) -> list[OutboundRule]:
    public = spelled.public
    refresh = rf"(\s*(?:\d+\s*;\s*url\s*=\s*{_QUOTE}?)?)"

    def of_tags(pattern: str) -> OutboundMatch:
        return OutboundMatch(pattern, filter_by_tags=_FLAGS, custom_tags=_TAGS)

    return [
        _rule(
            "absolute URLs in attributes",
            _PAGE,
            of_tags(rf"^{refresh}https?://{spelled.backend}([\s\S]*)$"),
            f"{{R:1}}{public}{{R:2}}",
            "Attributes that are a URL of the backend or begin with one, and the URL of a meta refresh.\n"
            "Not covered: the other addresses of srcset, URLs in the middle of a value, data attributes.",
        ),
        _rule(
            "URLs without a scheme in attributes",
            _PAGE,
            of_tags(rf"^{refresh}//{spelled.backend}([\s\S]*)$"),
            f"{{R:1}}//{public.authority}{{R:2}}",
            "The same for URLs that begin with // and the backend's name.",
        ),
    ]


def _bodies(spelled: _Spelled) -> list[OutboundRule]:
    public = spelled.public
    anyhow = spelled.backend_anyhow
    return [
        _rule(
            "strings in pages",
            _PAGE,
            OutboundMatch(rf"({_OPENS})https?://{spelled.backend}"),
            f"{{R:1}}{public}",
            "URLs after a quote or a parenthesis, as in scripts and styles that stand in a page, and data attributes.\n"
            "IIS cannot tell them from text that a reader sees, nor from comments: those are changed, too.",
        ),
        _rule(
            "escaped URLs in pages",
            _PAGE,
            OutboundMatch(rf"https?({_ANY_COLON})({_ESCAPED_SLASHES}){anyhow}"),
            f"{public.scheme}{{R:1}}{{R:2}}{spelled.public_alike}",
            r"URLs written with \/, \u002f or %2F: JSON in scripts of a page, URLs in the query of others.",
        ),
        _rule(
            "scripts, styles and data",
            _SCRIPT,
            OutboundMatch(rf"https?({_ANY_COLON})({_ANY_SLASHES}){anyhow}"),
            f"{public.scheme}{{R:1}}{{R:2}}{spelled.public_alike}",
            r"Absolute URLs in JavaScript, JSON and CSS, plain or written with \/, \u002f or %2F."
            "\nNot covered: a name that a script puts together from parts, XML, and event streams.",
        ),
        _rule(
            "WebSockets in scripts",
            _SCRIPT,
            OutboundMatch(rf"wss?({_ANY_COLON})({_ANY_SLASHES}){anyhow}"),
            f"{spelled.web_socket}{{R:1}}{{R:2}}{spelled.public_alike}",
            "The same for URLs of WebSockets. IIS needs ARR 3.0 and the WebSocket feature for them.",
        ),
        _rule(
            "URLs without a scheme in scripts, styles and data",
            _SCRIPT,
            OutboundMatch(rf"({_OPENS})((?:\\*/){{2}}){spelled.backend}"),
            f"{{R:1}}{{R:2}}{public.authority}",
            "URLs that begin with // after a quote or a parenthesis.",
        ),
    ]


def _fields(spelled: _Spelled) -> list[OutboundRule]:
    public = spelled.public
    url = rf"https?://{spelled.backend}(.*)$"

    def of_field(name: str, pattern: str) -> OutboundMatch:
        return OutboundMatch(pattern, server_variable=f"RESPONSE_{name}")

    return [
        _rule("Location", _REDIRECT, of_field("Location", f"^{url}"), f"{public}{{R:1}}", "Redirects."),
        _rule(
            "Location without a scheme",
            _REDIRECT,
            of_field("Location", rf"^//{spelled.backend}(.*)$"),
            f"//{public.authority}{{R:1}}",
            "Redirects to an address that begins with // and the backend's name.",
        ),
        _rule(
            "Content-Location",
            "",
            of_field("Content_Location", f"^{url}"),
            f"{public}{{R:1}}",
            "The address that a body can be had under.",
        ),
        _rule(
            "Refresh",
            "",
            of_field("Refresh", rf"^(\s*[\d.]+\s*[;,]\s*(?:url\s*=)?\s*{_QUOTE}?){url}"),
            f"{{R:1}}{public}{{R:2}}",
            "Redirects after some seconds.",
        ),
        _rule(
            "Link",
            "",
            of_field("Link", rf"^(.*?<){url}"),
            f"{{R:1}}{public}{{R:2}}",
            "The first link to the backend in a line of this field; IIS cannot replace more than one.",
        ),
        _cookies(spelled, of_field),
    ]


def _cookies(spelled: _Spelled, of_field: Callable[[str, str], OutboundMatch]) -> OutboundRule:
    """A browser takes no Domain of one label and none that is an address: a cookie for such a host has none."""
    host = spelled.public.host
    rest = rf"{spelled.host}(\s*(?:;.*)?)$"
    if "." in host and ":" not in host and not host.replace(".", "").isdigit():
        pattern, value = rf"^(.*;\s*domain=\s*\.?){rest}", f"{{R:1}}{host}{{R:2}}"
    else:
        pattern, value = rf"^(.*?)\s*;\s*domain=\s*\.?{rest}", "{R:1}{R:2}"
    comment = "Cookies that name the backend as their domain. Not covered: Secure, SameSite, names with a prefix."
    return _rule("domain of cookies", "", of_field("Set_Cookie", pattern), value, comment)


def _restore() -> OutboundRule:
    plain, kept = VARIABLES
    match = OutboundMatch("^(.*)", server_variable=plain)
    comment = "Gives back what the rule for requests has taken away."
    return _rule("Accept-Encoding given back", _ENCODING, match, f"{{{kept}}}", comment)
