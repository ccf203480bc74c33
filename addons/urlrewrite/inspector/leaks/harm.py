"""Whether a name of the backend that is left in a response does harm, and what would remove it."""

from __future__ import annotations

from enum import StrEnum

from urlrewrite.fields.urls import FieldKind, kind_of
from urlrewrite.inspector.diagnose.cause import Cause
from urlrewrite.inspector.diagnose.unmapped_names import in_domain
from urlrewrite.inspector.diagnose.why import Why
from urlrewrite.inspector.names.names import Named, Relation
from urlrewrite.inspector.names.places import Sort
from urlrewrite.model import LinkMode, LinkPlace


class Harm(StrEnum):
    """Whether a leak matters.

    ERROR is what a browser would follow or obey, WARNING what a script or a server may use; INFORMATION gives outsiders
    a name, and no more.
    """

    ERROR = "error"
    WARNING = "warning"
    INFORMATION = "information"

    @property
    def rank(self) -> int:
        """Its place in the order of harm: the least number for the worst."""
        return tuple(Harm).index(self)


class Remedy(StrEnum):
    """What would remove a leak."""

    RULE = "a rule"
    LINKS = "links"
    LINKS_ALSO = "linksAlso"
    ROOT_PATHS = "rootPaths"
    SITE = "a site"
    TRANSFORM = "no-transform"
    NONE = "nothing here"


_FOLLOWED = (Sort.LINK, Sort.SCRIPT, Sort.STYLE, Sort.DATA)
_OTHERS = (Relation.MAIL, Relation.LONGER)
_READ_ONLY = (Sort.TEXT, Sort.COMMENT, Sort.IDENTIFIER, Sort.BINARY)


_REMEDIES: dict[object, Remedy] = {
    Why.NO_TRANSFORM: Remedy.TRANSFORM,
    Why.LINKS_OFF: Remedy.LINKS,
    Why.FIELD_LINKS_OFF: Remedy.LINKS,
    Why.TAGS_END: Remedy.LINKS,
    Why.NO_SITE: Remedy.SITE,
    **dict.fromkeys(
        (
            Why.BASE64,
            Why.BINARY_MESSAGE,
            Why.BODY_PASSED,
            Why.ENCODED_NAME,
            Why.IDENTIFIER,
            Why.MAIL,
            Why.NOT_PUBLISHED,
            Why.OTHER_HOST,
            Why.OWN_RESPONSE,
        ),
        Remedy.NONE,
    ),
}
"""The remedy for a cause; for any other it is a rule."""

_ALSO: dict[object, LinkPlace] = {
    Why.COMMENT: LinkPlace.COMMENTS,
    Why.VISIBLE_TEXT: LinkPlace.VISIBLE_TEXT,
    Why.PLAIN_TEXT: LinkPlace.PLAIN_TEXT,
}


def remedy_of(cause: Cause, links: LinkMode, *, would_map: bool) -> tuple[Remedy, LinkPlace | None]:
    """Return what would remove a leak, and the entry of `linksAlso` that would; `would_map` says that the link map
    reads it.
    """
    if cause.code is Why.COOKIE_VALUE:
        return Remedy.LINKS_ALSO, LinkPlace.COOKIE_VALUES
    if cause.code is Why.MESSAGE and would_map:
        return Remedy.LINKS_ALSO, LinkPlace.WEBSOCKET_MESSAGES
    if cause.code is Why.REASON_PHRASE:
        return Remedy.LINKS_ALSO, LinkPlace.REASON_PHRASE
    also = _ALSO.get(cause.code) if would_map and links is LinkMode.EVERYWHERE else None
    return (Remedy.LINKS_ALSO, also) if also else (_REMEDIES.get(cause.code, Remedy.RULE), None)


def harm_in_body(sort: Sort, named: Named, *, waits: bool) -> Harm:
    """Return how much a name in a body matters; `waits` says that it is in a link that somebody has to click."""
    if sort in _READ_ONLY or named.relation in _OTHERS or (waits and named.is_elsewhere):
        # Pages link to other servers everywhere, and nobody but the rules can tell which of them this proxy is for.
        return Harm.INFORMATION
    if named.hidden:
        return Harm.WARNING
    if not named.is_url:
        return Harm.WARNING if named.quoted and sort in (Sort.SCRIPT, Sort.DATA) else Harm.INFORMATION
    return Harm.ERROR if sort in _FOLLOWED and not named.is_elsewhere else Harm.WARNING


def harm_in_field(name: str, value: str, named: Named) -> Harm:
    """Return how much a name in a field of the response matters."""
    kind = kind_of(name)
    if named.relation in _OTHERS or kind in (FieldKind.UNTOUCHED, FieldKind.AUTHORITY):
        return Harm.INFORMATION
    if kind is FieldKind.COOKIE:
        return Harm.ERROR if in_domain(value, named.start) else Harm.WARNING
    if named.hidden or named.relation is Relation.BELOW:
        return Harm.WARNING
    if kind is FieldKind.GENERIC:
        return Harm.WARNING if named.is_url else Harm.INFORMATION
    return Harm.ERROR
