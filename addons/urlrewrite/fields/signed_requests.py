"""Requests that their clients have signed: a signature that covers what the proxy changes does not hold behind it.

Nothing can be fixed here, since the keys are the client's; so a warning says it before anybody wonders about a 401.
Bearer tokens, whose audience may be the public name, cannot be judged from outside.
"""

from __future__ import annotations

import re

from urlrewrite.fields.names import Change
from urlrewrite.fields.reasons import FieldReason, GivenReason, because
from urlrewrite.model.field_lines import FieldLines

_URI = re.compile(r'\buri\s*=\s*"([^"]*)"', re.IGNORECASE)
_COVERED = re.compile(r'"([^"]*)"')
_CAVAGE = re.compile(r'\bheaders\s*=\s*"([^"]*)"', re.IGNORECASE)

_HOST = frozenset({"host", "@authority", "@target-uri", "@scheme"})
_TARGET = frozenset({"@target-uri", "@request-target", "(request-target)", "@path", "@query", "@query-param"})
_SIGNS_ALL = ("aws4-hmac-sha256", "aws4-ecdsa-p256-sha256", "hawk", "oauth")
"""Schemes of Authorization that always sign host and target: AWS Signature 4, Hawk, OAuth 1.0 (RFC 5849, 3.4.1)."""


def broken_signatures(
    before: FieldLines, after: FieldLines, *, host_changed: bool, target_changed: bool
) -> list[Change]:
    """Warn of what a client has signed and the proxy changed.

    `before` are the fields as the client sent them, `after` those that the backend gets.
    """
    # Digest authentication signs the target alone (RFC 7616, 3.4).
    moved = (_HOST if host_changed else frozenset()) | (_TARGET if target_changed else frozenset())
    changed = moved | {name.lower() for name, _ in set(before) - set(after)}
    warnings = []
    for name, value in before:
        if whys := _broken(name.lower(), value, changed, moved):
            warnings.append(Change(name, value, value, whys, warning=True))
    return warnings


def _broken(
    name: str, value: str, changed: frozenset[str] | set[str], moved: frozenset[str]
) -> tuple[GivenReason, ...]:
    scheme = value.partition(" ")[0].lower() if name == "authorization" else ""
    if scheme in _SIGNS_ALL and moved:
        return because(FieldReason.HOST_SIGNED, scheme=value.partition(" ")[0])
    if scheme == "digest" and "@path" in moved and _URI.search(value):
        return because(FieldReason.TARGET_SIGNED)
    if scheme == "signature" and (headers := _CAVAGE.search(value)):
        return _covers(headers[1].lower().split(), changed)
    if name == "signature-input":
        return _covers(_COVERED.findall(value.lower()), changed)
    if name == "dpop" and moved:
        return because(FieldReason.URL_SIGNED)
    return ()


def _covers(covered: list[str], changed: frozenset[str] | set[str]) -> tuple[GivenReason, ...]:
    broken = sorted(changed.intersection(covered))
    return because(FieldReason.FIELDS_SIGNED, names=", ".join(broken)) if broken else ()
