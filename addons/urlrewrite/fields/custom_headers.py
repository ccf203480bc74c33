"""`<customHeaders>` and `<redirectHeaders>`: the fields that responses get, before outbound rules see them.

IIS adds them to what a backend sends, so that a field which both have stands there twice, and browsers go by neither or
by the first. In mode helpful the site's own takes the place of the backend's where one can count only; and a name that
is removed, though no level has it, is a field of the backend that the author does not want.
"""

from __future__ import annotations

from urlrewrite.fields.names import Change
from urlrewrite.fields.reasons import FieldReason, because
from urlrewrite.model.field_lines import FieldLines
from urlrewrite.model.web_server import WebServer

_ADDED = frozenset(
    """accept-ch accept-patch accept-post alt-svc cache-control clear-site-data content-security-policy
    content-security-policy-report-only link permissions-policy proxy-authenticate reporting-endpoints server-timing
    set-cookie timing-allow-origin vary via warning www-authenticate""".split()
)
"""Fields that may have several lines, or lists, all of which count."""

_REDIRECTS = range(300, 400)


def with_custom_headers(
    web_server: WebServer, fields: FieldLines, status: int, *, iis: bool
) -> tuple[FieldLines, list[Change]]:
    """Return the fields of a response as the sections in force leave them, and what was changed."""
    http = web_server.http_protocol
    own = (*http.custom_headers.add, *(http.redirect_headers.add if status in _REDIRECTS else ()))
    names = {header.key for header in own}
    unwanted = {"server"} if web_server.request_filtering.remove_server_header else set[str]()
    if not iis:
        unwanted |= {key for key in http.custom_headers.remove if key not in names}
        unwanted |= names - _ADDED
    kept = [line for line in fields if line[0].casefold() not in unwanted]
    before = {name.casefold(): value for name, value in fields if name.casefold() in unwanted}
    removed = because(FieldReason.HEADER_REMOVED)
    changes = [Change(name, value, None, removed) for name, value in fields if name.casefold() in unwanted - names]
    for header in own:
        kept.append((header.name, header.value))
        if before.get(header.key) != header.value:
            changes.append(
                Change(header.name, before.get(header.key), header.value, because(FieldReason.CUSTOM_HEADER))
            )
    return tuple(kept), changes
