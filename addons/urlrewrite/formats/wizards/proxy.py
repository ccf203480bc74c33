"""The template "Reverse Proxy" as rules, for a web.config; in YAML `backend` and `links` say it."""

from __future__ import annotations

from dataclasses import replace

from urlrewrite.formats.wizards.parts import (
    IS_HTML,
    Draft,
    Parameters,
    all_of,
    asks,
    authority_pattern,
    place_of,
)
from urlrewrite.model import (
    DEFAULT_PORTS,
    Action,
    ActionType,
    Condition,
    Conditions,
    Expectation,
    InboundRule,
    LinkMode,
    Match,
    OutboundAction,
    OutboundActionType,
    OutboundMatch,
    OutboundRule,
    RuleTest,
)

LINK_TAGS = ("A", "Area", "Base", "Form", "Frame", "IFrame", "Img", "Input", "Link", "Script")


def reverse_proxy_rules(given: Parameters) -> Draft:
    """IIS: "Reverse Proxy". Raises ValueError."""
    place = place_of(given)
    server, public = place.server, place.names[0]
    target, conditions, comment = f"{server}/{{R:1}}", Conditions(), ""
    if not given.ssl_offload:
        target = f"http{{C:2}}://{server.authority}/{{R:1}}"
        conditions = all_of(Condition("{CACHE_URL}", "^(http|ws)(s)?://"))
        comment = (
            'Without "SSL offloading" the backend is asked by what the browser uses. IIS Manager writes\n'
            "^(https?)://, which WebSockets (wss://) do not fit."
        )
        if public.scheme == "https" and server.scheme == "http":
            port = DEFAULT_PORTS["https"] if server.has_default_port else server.port
            server = replace(server, scheme="https", port=port)
    inbound = InboundRule(
        "ReverseProxyInboundRule1",
        Match("(.*)"),
        conditions,
        action=Action(ActionType.REWRITE, target),
        stop_processing=True,
        comment=comment,
    )
    pattern = f"^(?:https?:)?//{authority_pattern(place.server)}((?:[/?#].*)?)$"
    value = f"{public}{{R:1}}"
    rewrite = OutboundAction(OutboundActionType.REWRITE, value)
    outbound = (
        OutboundRule(
            "ReverseProxyOutboundRule1",
            OutboundMatch(pattern, filter_by_tags=LINK_TAGS),
            IS_HTML.name,
            action=rewrite,
            comment="Links of pages. IIS Manager looks at A, Form and Img alone, does not escape the dots of the\n"
            "host, keeps the backend's scheme, and misses links without scheme or path.\n"
            "Not covered: styles, scripts, JSON, srcset, cookies.",
        ),
        OutboundRule(
            "ReverseProxyOutboundRule2",
            OutboundMatch(pattern, server_variable="RESPONSE_Location"),
            action=rewrite,
            comment="Redirects. IIS Manager forgets them, unless ARR's reverseRewriteHostInResponseHeaders is on.",
        ),
    )
    tests = [
        asks("path and query reach the backend", f"{place.public}/article/7?page=2", url=f"{server}/article/7?page=2"),
    ]
    if given.links:
        tests.append(
            RuleTest(
                "GET",
                f"{place.public}/",
                Expectation(status=302, location=f"{place.public}/news", body_has=(f'<a href="{place.public}/news">',)),
                response_status=302,
                response_fields=(("Content-Type", "text/html"), ("Location", f"{place.backend}/news")),
                response_body=f'<a href="{place.backend}/news">News</a>\n',
                name="links and redirects of the backend lead to the public name",
            )
        )
    about = f"{place.public} is served by {place.backend}."
    return place.draft(about, inbound, outbound_rules=outbound if given.links else (), links=LinkMode.OFF, tests=tests)
