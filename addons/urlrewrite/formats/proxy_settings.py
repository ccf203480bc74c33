"""The attributes of ARR's `<proxy>` and `<protocol>` that are honoured, under the same names in YAML and in XML."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from urlrewrite.formats.durations import parse_duration
from urlrewrite.formats.element_attributes import ElementAttributes
from urlrewrite.formats.farm_texts import UINT, parse_host
from urlrewrite.formats.reader import Reader
from urlrewrite.formats.wording import shown
from urlrewrite.model import ConfigElement, Timeouts
from urlrewrite.model.field_lines import is_token
from urlrewrite.model.problems import Problem
from urlrewrite.model.proxy_settings import HttpVersion, ProxySettings

ATTRIBUTES: Mapping[str, str] = MappingProxyType(
    {
        "httpVersion": "http_version",
        "keepAlive": "keep_alive",
        "reverseRewriteHostInResponseHeaders": "reverse_rewrite_host_in_response_headers",
        "xForwardedByHeaderName": "x_forwarded_by_header_name",
        "xForwardedByHeader": "x_forwarded_by_header",
        "xForwardedForHeaderName": "x_forwarded_for_header_name",
        "includePortInXForwardedFor": "include_port_in_x_forwarded_for",
        "sslHeaderName": "ssl_header_name",
        "logGuidName": "log_guid_name",
        "maxForwards": "max_forwards",
    }
)
"""Attributes in the order of ARR's schema, and what they are in `ProxySettings`."""

FARM_ATTRIBUTES: Mapping[str, str] = MappingProxyType({**ATTRIBUTES, "alternateHostName": "alternate_host_name"})
"""Those of a farm."""

_VERSIONS = {"0": HttpVersion.HTTP_10, "1": HttpVersion.HTTP_11, "2": HttpVersion.PASS_THROUGH}


def read_settings(reader: Reader) -> ProxySettings:
    """Read what a site, a farm, or an element of IIS says."""

    def name(key: str) -> str | None:
        return reader.parsed(key, "", _field_name) if key in reader else None

    version = reader.choice("httpVersion", HttpVersion.PASS_THROUGH, _VERSIONS) if "httpVersion" in reader else None
    by = reader.parsed("xForwardedByHeader", "", _field_value) if "xForwardedByHeader" in reader else None
    host = reader.parsed("alternateHostName", "", parse_host) if "alternateHostName" in reader else None
    return ProxySettings(
        reverse_rewrite_host_in_response_headers=reader.optional_boolean("reverseRewriteHostInResponseHeaders"),
        http_version=version,
        keep_alive=reader.optional_boolean("keepAlive"),
        max_forwards=reader.integer("maxForwards", 0, UINT) if "maxForwards" in reader else None,
        x_forwarded_for_header_name=name("xForwardedForHeaderName"),
        include_port_in_x_forwarded_for=reader.optional_boolean("includePortInXForwardedFor"),
        x_forwarded_by_header_name=name("xForwardedByHeaderName"),
        x_forwarded_by_header=by,
        ssl_header_name=name("sslHeaderName"),
        log_guid_name=name("logGuidName"),
        alternate_host_name=host,
    )


def write_settings(settings: ProxySettings) -> dict[str, str]:
    """Write what is said, in IIS as here."""
    values = {key: getattr(settings, name) for key, name in FARM_ATTRIBUTES.items()}
    return {
        key: str(value).lower() if isinstance(value, bool) else str(value)
        for key, value in values.items()
        if value is not None
    }


def read_proxy(proxy: ConfigElement, problems: list[Problem]) -> tuple[ProxySettings, bool, Timeouts | None]:
    """Read `<proxy>`: its settings, whether the Host of clients is kept, and the time-outs; None for none given.

    Its `timeout` is WinHTTP's: the wait for a response, and for each further piece of it.
    """
    reader = ElementAttributes(proxy, problems, (*ATTRIBUTES, "timeout", "preserveHostHeader"))
    timeouts = None
    if "timeout" in reader:
        seconds = reader.parsed("timeout", None, parse_duration)
        timeouts = None if seconds is None else Timeouts(response=seconds, idle=seconds)
    return read_settings(reader), reader.boolean("preserveHostHeader", False), timeouts


def _field_name(text: str) -> str:
    """Return the name of a field, "" for none. Raises ValueError with "got X, expected Y"."""
    if text and not is_token(text):
        raise ValueError(f"got {shown(text)}, expected the name of a field such as X-Forwarded-For")
    return text


def _field_value(text: str) -> str:
    """Return the value of a field. Raises ValueError with "got X, expected Y"."""
    if not text.isprintable() or not text.isascii():
        raise ValueError(f"got {shown(text)}, expected a line of ASCII")
    return text
