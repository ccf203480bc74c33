"""The shape of the sections beside `<rewrite>`: attributes, elements and collections, by IIS's names.

Both formats follow it: in XML an entry of a collection is an `<add>`, in YAML an item of a list, or a pair of a mapping
where an entry has two attributes. (IIS configuration reference, `system.webServer`.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

KEPT = ("authentication", "authorization")
"""Elements of `<security>`, and of `<system.web>`, that ask clients who they are."""

SYSTEM_WEB = "system.web"


@dataclass(frozen=True, slots=True)
class Shape:
    """What an element may have; `entry` is the name of its entries, and `entries` their shape, None for none."""

    attributes: tuple[str, ...] = ()
    elements: Mapping[str, Shape] = field(default_factory=lambda: MappingProxyType({}))
    entries: Shape | None = None
    entry: str = "add"


def _collection(*attributes: str) -> Shape:
    return Shape(entries=Shape(attributes))


_LISTED = ("allowUnlisted", "applyToWebDAV")

REQUEST_FILTERING = Shape(
    ("allowDoubleEscaping", "allowHighBitCharacters", "unescapeQueryString", "removeServerHeader"),
    MappingProxyType(
        {
            "requestLimits": Shape(
                ("maxAllowedContentLength", "maxUrl", "maxQueryString"),
                MappingProxyType({"headerLimits": _collection("header", "sizeLimit")}),
            ),
            "fileExtensions": Shape(_LISTED, entries=Shape(("fileExtension", "allowed"))),
            "verbs": Shape(_LISTED, entries=Shape(("verb", "allowed"))),
            "hiddenSegments": Shape(("applyToWebDAV",), entries=Shape(("segment",))),
            "denyUrlSequences": _collection("sequence"),
            "denyQueryStringSequences": _collection("sequence"),
            "alwaysAllowedUrls": _collection("url"),
            "alwaysAllowedQueryStrings": _collection("queryString"),
            "filteringRules": Shape(
                entry="filteringRule",
                entries=Shape(
                    ("name", "scanUrl", "scanQueryString", "scanAllRaw", "denyUnescapedPercent"),
                    MappingProxyType(
                        {
                            "scanHeaders": _collection("requestHeader"),
                            "appliesTo": _collection("fileExtension"),
                            "denyStrings": _collection("string"),
                        }
                    ),
                ),
            ),
        }
    ),
)

SECURITY: Mapping[str, Shape] = MappingProxyType(
    {
        "access": Shape(("sslFlags",)),
        "ipSecurity": Shape(
            ("allowUnlisted", "denyAction", "enableProxyMode", "enableReverseDns"),
            entries=Shape(("ipAddress", "subnetMask", "domainName", "allowed")),
        ),
        "requestFiltering": REQUEST_FILTERING,
    }
)
"""Elements of `<security>` that are honoured."""

HANDLER_DETAILS = ("modules", "scriptProcessor", "requireAccess", "allowPathInfo", "responseBufferLimit", "validate")
"""Attributes of a handler mapping that only a handler that runs has a use for."""

BESIDE_REWRITE: Mapping[str, Shape] = MappingProxyType(
    {
        "httpProtocol": Shape(
            ("allowKeepAlive",),
            MappingProxyType(
                {"customHeaders": _collection("name", "value"), "redirectHeaders": _collection("name", "value")}
            ),
        ),
        "httpRedirect": Shape(
            ("enabled", "destination", "exactDestination", "childOnly", "httpResponseStatus"),
            entries=Shape(("wildcard", "destination")),
        ),
        "handlers": Shape(
            ("accessPolicy",),
            entries=Shape(("name", "path", "verb", "type", "preCondition", "resourceType", *HANDLER_DETAILS)),
        ),
    }
)
"""Elements of `<system.webServer>`, beside `<security>`, that are honoured."""

IN_SYSTEM_WEB: Mapping[str, Shape] = MappingProxyType(
    {"httpHandlers": Shape(entries=Shape(("verb", "path", "type", "validate")))}
)
"""Elements of `<system.web>` that are honoured."""
