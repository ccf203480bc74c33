"""ARR's reverseRewriteHostInResponseHeaders: Location and Content-Location get the public name, with `links: off`, too.

With any other `links:`, these two are mapped with all other fields.
"""

from __future__ import annotations

import re

from urlrewrite.exchange.request import ForwardedRequest
from urlrewrite.fields.names import Change
from urlrewrite.fields.reasons import FieldReason, because
from urlrewrite.model.field_lines import FieldLine, FieldLines

_FIELDS = ("location", "content-location")
_HOST = re.compile(r"https?://[^/?#\\]*", re.IGNORECASE)


def reverse_rewritten(
    forwarded: ForwardedRequest, lines: FieldLines, *, every_host: bool = False
) -> tuple[FieldLines, list[Change]]:
    """Return the fields of a response as ARR has them, and what was changed.

    With `every_host`, every absolute URL gets the public name, as ARR does it. Else only those that name the backend:
    a redirect to where a visitor logs in is not for this proxy.
    """
    if not forwarded.reverse_rewrites:
        return lines, []
    public, map_text = forwarded.served.public, forwarded.maps.outbound.map_text
    rewritten: list[FieldLine] = []
    changes: list[Change] = []
    for name, value in lines:
        after = value
        if name.lower() in _FIELDS:
            after = map_text(value)
            if every_host:
                after = _HOST.sub(lambda _: str(public), after, count=1) if _HOST.match(after) else after
        rewritten.append((name, after))
        if after != value:
            changes.append(Change(name, value, after, because(FieldReason.URL)))
    return (tuple(rewritten) if changes else lines), changes
