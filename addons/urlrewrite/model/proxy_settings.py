"""What ARR's `<proxy>`, and the `<protocol>` of a farm, say of a request on its way and of its response."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from enum import StrEnum


class HttpVersion(StrEnum):
    """Attribute `httpVersion`."""

    HTTP_10 = "Http10"
    """Requests are sent as HTTP/1.0. (Here: as HTTP/1.1.)"""

    HTTP_11 = "Http11"
    """Requests are sent as HTTP/1.1."""

    PASS_THROUGH = "PassThrough"
    """As the client sent it. (Here: HTTP/2 where client and backend speak it, else HTTP/1.1.)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxySettings:
    """Attributes of `<proxy>` and `<protocol>` by their names, beside `preserveHostHeader` and `timeout`.

    None means that nothing is said. What holds then is written at each, as far as it is not ARR's default.
    """

    reverse_rewrite_host_in_response_headers: bool | None = None
    """With `links: off`: whether Location and Content-Location that name the backend get the public name. By default
    they do, but not for a farm."""

    http_version: HttpVersion | None = None

    keep_alive: bool | None = None
    """Whether a connection to the backend may serve a further request."""

    max_forwards: int | None = None
    """The greatest `Max-Forwards` with which a request is sent, which is refused where it came with 0. By default the
    field is left alone (ARR: 10)."""

    x_forwarded_for_header_name: str | None = None
    """The field for the client's address; "" for none."""

    include_port_in_x_forwarded_for: bool | None = None
    """Whether the client's port stands in it, which few backends can read. By default it does not (ARR: it does)."""

    x_forwarded_by_header_name: str | None = None
    x_forwarded_by_header: str | None = None
    """What is sent in the field of that name; "" for nothing."""

    ssl_header_name: str | None = None
    """The field that tells of TLS with the client; "" for none."""

    log_guid_name: str | None = None
    """The field for the id of the trace; "" for none."""

    alternate_host_name: str | None = None
    """Of a farm only: the Host that servers get in place of any other."""

    def over(self, general: ProxySettings) -> ProxySettings:
        """Return these settings, with those of `general` where they say nothing."""
        if self == NO_PROXY_SETTINGS:
            return general
        own = {item.name: getattr(self, item.name) for item in fields(self)}
        return replace(general, **{name: value for name, value in own.items() if value is not None})


NO_PROXY_SETTINGS = ProxySettings()
