"""Why a field line was changed, or should be looked at: codes that programs compare, with the sentences people read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class FieldReason(StrEnum):
    """A row is the code and its sentence, in whose places stand the `values` of a `GivenReason`."""

    template: str

    def __new__(cls, code: str, template: str) -> FieldReason:
        """Make a code with its sentence."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.template = template
        return member

    # Fields that name the backend, by the way in which they do.
    URL = "url", "URL of the backend mapped"
    REFRESH = "refresh", "URL of the backend in Refresh mapped"
    LINK = "link", "URL of the backend in Link mapped"
    JSON = "json", "URL of the backend in JSON mapped"
    QUOTED = "quoted", "URL of the backend in a quoted string mapped"
    LIST = "list", "URL of the backend in a list mapped"
    ORIGIN_LIST = "origin-list", "origin of the backend mapped"
    ALLOW_FROM = "allow-from", "origin of the backend that may frame the page mapped"
    POLICY = "policy", "sources of the policy that named the backend mapped"
    CHALLENGE = "challenge", "URL of the backend in a challenge mapped"
    AUTHORITY = "authority", "name of the backend mapped"
    GENERIC = "generic", "URL of the backend found and mapped"
    TRANSPORT_SECURITY = "transport-security", "HSTS of the backend removed: the public name is http"
    ALTERNATIVE = "alternative", "removed: clients would go past the proxy"
    KEY_PINS = "key-pins", "removed: the keys of the backend are not those of the public name"
    HSTS_EVERY_PORT = "hsts-every-port", "HSTS counts for every port of {host}, also for its plain HTTP"
    HSTS_EVERY_NAME = "hsts-every-name", "HSTS with includeSubDomains counts for every name under {host}"

    # Cookies.
    VALUE_MAPPED = "value-mapped", "value mapped"
    VALUE_NAMES_BACKEND = (
        "value-names-backend",
        "the value of the cookie holds the name of the backend, {host}",
    )
    DOMAIN_OF_HOST_COOKIE = "domain-of-host-cookie", "Domain={domain} dropped: a __Host- cookie has none"
    DOMAIN_ABOVE_BACKEND = (
        "domain-above-backend",
        "Domain={domain} dropped: it is a parent of the backend's name, {host}",
    )
    DOMAIN_IMPOSSIBLE = "domain-impossible", "Domain={domain} dropped: {host} cannot stand in a Domain"
    DOMAIN_PUBLIC_SUFFIX = "domain-public-suffix", "Domain={domain} dropped: {host} is a public suffix"
    DOMAIN_MAPPED = "domain-mapped", "Domain={domain} mapped to {host}"
    DOMAIN_OF_OTHERS = (
        "domain-of-others",
        "Domain={domain} is neither of the backend nor of {host}: browsers refuse the cookie",
    )
    DOMAIN_NOT_PUBLIC = "domain-not-public", "Domain={domain} is not of {host}: browsers refuse the cookie"
    PATH_MAPPED = "path-mapped", "Path={path} mapped to {after}"
    SECURE_ADDED = "secure-added", "Secure added: the public name is https"
    SECURE_REMOVED = "secure-removed", "Secure removed: the public name is http"
    SECURE_DEMANDED = (
        "secure-demanded",
        "browsers refuse this cookie on {host}: its name demands Secure and so https",
    )
    PARTITIONED_REMOVED = "partitioned-removed", "Partitioned removed: it needs Secure"
    SAME_SITE_LAX = "same-site-lax", "SameSite=None made Lax: None needs Secure"
    PREFIX_BROKEN = "prefix-broken", "browsers refuse this cookie: its name demands {attributes}"

    # What is said of a body that is rewritten, and the conditions of requests.
    CONDITION_MADE_TRUE = "condition-made-true", "condition made true for the backend"
    OTHER_RULES = "other-rules", "the client's copy was rewritten by other rules, or by none"
    DEPENDS_ON_RULES = "depends-on-rules", "the representation depends on the rules"
    NO_RANGES = "no-ranges", "no ranges of a representation that is rewritten"
    TRUE_FOR_BODY = "true-for-body", "true for the body that was rewritten"
    SENT_PLAIN = "sent-plain", "the rewritten body is sent plain"
    INLINE_HASHES = "inline-hashes", "inline code was changed, and so were its hashes"
    BODY_SIGNATURE = "body-signature", "the body was changed: a signature that covers it is broken"
    INLINE_BLOCKED = (
        "inline-blocked",
        "the body was changed: inline code allowed by its hash is blocked if it was among the changes",
    )

    # Trailers.
    NO_TRAILER = "no-trailer", "this field may not stand behind a body"
    NOT_TAKEN = "not-taken", "the client does not say that it takes trailers"

    # What the site's own configuration says of responses.
    CUSTOM_HEADER = "custom-header", "<httpProtocol> of the site gives it to responses"
    HEADER_REMOVED = "header-removed", "the site's configuration takes it from responses"

    # Signatures of requests and responses.
    SIGNATURE_BROKEN = "signature-broken", "the signature covers {names}, which was changed: it is broken"
    HOST_SIGNED = (
        "host-signed",
        "{scheme} signs the host and the target, which were changed: the backend may refuse the request",
    )
    TARGET_SIGNED = (
        "target-signed",
        "Digest signs the target, which was changed: the backend may refuse the request",
    )
    FIELDS_SIGNED = (
        "fields-signed",
        "the signature covers {names}, which was changed: the backend may refuse the request",
    )
    URL_SIGNED = (
        "url-signed",
        "the proof (RFC 9449) names the URL that the client requested: the backend may refuse the request",
    )

    # What the backend is told of the client.
    UNTRUSTED = "untrusted", "only a trusted proxy may say this"
    WHO_ASKED = "who-asked", "says who requested what"
    BY_RULE = "by-rule", "a rule says who requested what"
    OF_CONNECTION = "of-connection", "belongs to the client's connection"
    MAPPED_BACK = "mapped-back", "public name mapped back: the backend compares it with its own"


def sentence(reason: FieldReason, values: Mapping[str, str]) -> str:
    """Return the sentence of a reason. It is the only place where one is made."""
    return reason.template.format_map(values) if values else reason.template


@dataclass(frozen=True, slots=True)
class GivenReason:
    """A reason with what its sentence is filled with."""

    reason: FieldReason
    values: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return sentence(self.reason, self.values)


_ALONE = {reason: (GivenReason(reason),) for reason in FieldReason}


def because(reason: FieldReason, **values: str) -> tuple[GivenReason, ...]:
    """One reason, as a `Change` has several."""
    return (GivenReason(reason, values),) if values else _ALONE[reason]
