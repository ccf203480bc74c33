"""Headers of responses by which browsers refuse something: the value that is right, and which rule is to write it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from urlrewrite.content.integrity import digests
from urlrewrite.content.kinds import media_type
from urlrewrite.formats.downlevel.links_as_rules import escaped
from urlrewrite.inspector.diagnose.browser_rules import BrowserRule as Row
from urlrewrite.inspector.diagnose.case import field, origin_of_url
from urlrewrite.inspector.diagnose.page_loads import request_field, response_field
from urlrewrite.inspector.remedies import parts
from urlrewrite.inspector.remedies.proposal import About, Remedy, variable_of
from urlrewrite.inspector.remedies.table import table
from urlrewrite.inspector.remedies.trying import Trying
from urlrewrite.model import Condition, InboundRule, LinkMode, OutboundMatch
from urlrewrite.model.public_suffixes import registrable
from urlrewrite.trace.text import shown

_TYPES = {"script": "text/javascript", "style": "text/css"}
_LINKED = {
    LinkMode.EVERYWHERE: "it maps the backend's address in all links, headers and cookies, without a rule for each",
    LinkMode.TAGS: "it maps the backend's address in the links of pages, in headers and in cookies",
}


def linked(about: About, trying: Trying) -> Iterator[Remedy]:
    """Yield the settings of `links` that end it."""
    for mode, edit in about.with_links():
        if trying.is_gone(edit, about.breakage):
            yield Remedy(f"Set links: {mode} for the site: {_LINKED[mode]}.", edit)
            return


def write_value(about: About, name: str, value: str, meaning: str) -> Iterator[Remedy]:
    """Yield the remedies that give a header of the response a value: by the rule that writes it, or by a new one."""
    rule = about.outbound
    if rule is not None:
        what = f"Set the value that the rule writes to {value}{meaning}."
        if edit := about.changed(parts.value_set(value)):
            yield Remedy(what, edit)
        yield from switched_off(about, name)
        return
    now = ", ".join(field(about.exchange, name))
    pattern = f"^{escaped(now)}$" if now else "^$"
    match = OutboundMatch(pattern, variable_of(name))
    todo = (
        f"Let the backend send {name}: {value}{meaning}. Or let an outbound rule write it into the backend's response:"
    )
    edit = about.with_rule(f"{name} {value}"[:60], match, value)
    if edit:
        yield Remedy(todo, edit)
    yield Remedy(f"Let the backend send {name}: {value}{meaning}.")


def switched_off(about: About, name: str) -> Iterator[Remedy]:
    """Yield the rule switched off, where that ends it."""
    was = ", ".join(field(about.exchange, name, original=True))
    sent = f"the backend itself sends {name}: {shown(was, 80)}" if was else f"then no {name} is sent"
    if edit := about.changed(parts.switched_off):
        yield Remedy(f"Switch the rule off: {sent}.", edit)
    yield Remedy(f"Let the rule leave {name} alone here, or switch it off: {sent}.")


def _framed(about: About, trying: Trying) -> Iterator[Remedy]:
    if about.breakage.code == Row.FRAME_ANCESTORS.code and about.outbound is None:
        yield from linked(about, trying)
    ancestor = next((value for label, value in about.breakage.evidence if label == "framed by"), "")
    if about.breakage.code == Row.FRAME_OPTIONS.code and origin_of_url(ancestor) == about.case.origin(about.exchange):
        yield from write_value(about, "X-Frame-Options", "SAMEORIGIN", ", which lets pages of the same site frame it")
        return
    if about.breakage.code == Row.FRAME_OPTIONS.code:
        yield Remedy(
            f"X-Frame-Options cannot name {ancestor}. Drop it for this page, and send Content-Security-Policy: "
            f"frame-ancestors 'self' {ancestor} in its place."
        )
        return
    own = origin_of_url(ancestor) == about.case.origin(about.exchange)
    yield from _listing(about, "frame-ancestors", "'self'" if own else ancestor)
    yield Remedy(f"Add {ancestor} to frame-ancestors in the Content-Security-Policy of {shown(about.path, 80)}.")


def _hidden_origin(about: About, trying: Trying) -> Iterator[Remedy]:
    wanted = ", or strict-origin-when-cross-origin, if other sites are to know the origin that links come from"
    sender = about.exchanges[-1]
    by_page = _On(about, sender)
    for each in write_value(by_page, "Referrer-Policy", "same-origin", wanted):
        # What the backend says to that, nobody has seen.
        yield replace(each, succeeds=lambda edit: None if trying.is_gone(edit, about.breakage) else False)


def _not_mapped_back(about: About, trying: Trying) -> Iterator[Remedy]:
    for mode, edit in about.with_links():
        todo = (
            f"Set links: {mode} for the site: Origin and Referer then have the backend's own name on their way to it."
        )
        yield Remedy(todo, edit, lambda edit: None if trying.is_gone(edit, about.breakage) else False)
        return


class _On(About):
    """The same breakage, with another of its exchanges as the one whose response is to be changed."""

    def __init__(self, about: About, exchange: object) -> None:
        super().__init__(about.case, about.breakage)
        self.exchanges = [each for each in about.exchanges if each is exchange]


def _cors(about: About, trying: Trying) -> Iterator[Remedy]:
    if about.outbound is None:
        yield from linked(about, trying)
    origin = request_field(about.exchange, "origin") or str(about.case.origin(about.case.page))
    name = "Access-Control-Allow-Origin"
    match about.breakage.code:
        case Row.CORS_CREDENTIALS.code:
            yield from write_value(about, "Access-Control-Allow-Credentials", "true", "")
        case Row.CORS_PREFLIGHT_METHOD.code:
            asked = request_field(about.exchange, "access-control-request-method")
            yield from _listed(about, "Access-Control-Allow-Methods", asked)
        case Row.CORS_PREFLIGHT_FIELD.code:
            for each in request_field(about.exchange, "access-control-request-headers").split(","):
                yield from _listed(about, "Access-Control-Allow-Headers", each.strip())
        case Row.CORS_PREFLIGHT_STATUS.code:
            yield Remedy(
                "Let the backend answer the preflight (OPTIONS) with 204 and the Access-Control headers, before it "
                "asks for a login: browsers send it without cookies and without Authorization."
            )
        case _:
            yield from write_value(about, name, origin, ", the origin of the page, and only once")


def _listed(about: About, name: str, word: str) -> Iterator[Remedy]:
    now = ", ".join(field(about.exchange, name))
    yield from write_value(about, name, f"{now}, {word}" if now else word, "")


def _policy(about: About, trying: Trying) -> Iterator[Remedy]:
    if about.outbound is None:
        yield from linked(about, trying)
    labels = [label.removeprefix("blocked by ") for label, _ in about.breakage.evidence if label.startswith("blocked ")]
    public = about.case.origin(about.case.page)
    where = " and ".join(labels) or "the directive"
    for each in labels[:1]:
        yield from _listing(about, each, "'self'")
    by = f'in what the rule "{about.breakage.rule}" writes' if about.breakage.rule else "of the backend's policy"
    yield Remedy(f"Add {public} (or 'self', which is the same here) to {where} {by}.")


def _listing(about: About, directive: str, source: str) -> Iterator[Remedy]:
    """Yield the rule that writes a policy, with one more source in a directive of its value."""
    rule = about.outbound
    pieces = rule.action.value.split(";") if rule else []
    number = next((at for at, piece in enumerate(pieces) if piece.lower().split()[:1] == [directive.lower()]), None)
    if number is None:
        return
    piece = pieces[number]
    listed = piece.split()[1:]
    sources = " ".join([*(each for each in listed if each.lower() != "'none'"), source])
    pieces[number] = f"{piece[: len(piece) - len(piece.lstrip())]}{directive} {sources}"
    value = ";".join(pieces)
    is_none = listed and all(each.lower() == "'none'" for each in listed)
    how = f"Replace 'none' by {source} in {directive}" if is_none else f"Add {source} to {directive}"
    todo = f"{how} in the value of the rule: {directive} {sources}."
    yield Remedy(todo, about.changed(parts.value_set(value)))


def _isolated(about: About, trying: Trying) -> Iterator[Remedy]:
    if about.breakage.code == Row.EMBEDDER_POLICY.code:
        yield Remedy(
            f"Send Cross-Origin-Resource-Policy: cross-origin with {shown(about.exchange.request.url, 100)}, or take "
            "Cross-Origin-Embedder-Policy: require-corp from the page."
        )
        return
    name, resource, page = "Cross-Origin-Resource-Policy", about.exchange.request, about.exchanges[-1].request
    # The browser has looked at schemes and at redirects by other sites, too.
    if request_field(about.exchange, "sec-fetch-site").lower() == "same-site":
        value, meaning = "same-site", f"it and {page.host} are of one site, {registrable(page.host)}"
    else:
        value, meaning = "cross-origin", "this lets the pages of all sites load it"
    if about.outbound is not None:
        yield from write_value(about, name, value, f": {meaning}")
        return
    todo = f"Let the backend of {resource.host} send {name}: {value}; {meaning}."
    names = {each.host for each in about.site.public} if about.site else set()
    conditions = (Condition("{HTTP_HOST}", rf"^{escaped(resource.host)}(?::\d+)?$"),) if len(names) > 1 else ()
    match = OutboundMatch(f"^{escaped(', '.join(field(about.exchange, name)))}$", variable_of(name))
    if edit := about.with_rule(f"{name} {value}", match, value, conditions):
        yield Remedy(f"{todo} Or let an outbound rule write it into the backend's response:", edit)
    yield Remedy(todo)


def _typed(about: About, trying: Trying) -> Iterator[Remedy]:
    style = about.breakage.code in (Row.STYLE_TYPE.code, Row.NOSNIFF_STYLE.code)
    value = _TYPES["style" if style else "script"]
    if about.breakage.code == Row.DOCUMENT_TYPE.code:
        value = "text/html"
    before = next(iter(field(about.exchange, "content-type", original=True)), "")
    if about.outbound is not None:
        if media_type(before) and media_type(before) != media_type(response_field(about.exchange, "content-type")):
            yield from switched_off(about, "Content-Type")
        yield from write_value(about, "Content-Type", value, "")
        return
    kind = re.search(r"\.\w{1,8}$", about.path)
    which = f"files that end in {kind[0]}" if kind else shown(about.path, 80)
    pattern = rf"{escaped(kind[0])}$" if kind else f"^{escaped(about.path)}$"
    match = OutboundMatch(f"^{escaped(media_type(before))}" if before else "^$", variable_of("Content-Type"))
    if match.pattern != "^$":
        match = replace(match, pattern=f"{match.pattern}.*")
    edit = about.with_rule(
        f"{value} for {kind[0] if kind else about.path}"[:60], match, value, (Condition("{URL}", pattern),)
    )
    yield Remedy(
        f"Let the backend serve {which} as {value}. Until then an outbound rule on RESPONSE_Content_Type can say so:",
        edit,
    )
    yield Remedy(f"Let the backend serve {which} as {value}.")


def typed(about: About, trying: Trying) -> Iterator[Remedy]:
    """Yield remedies for a type that is the backend's, or an outbound rule's."""
    if not isinstance(about.rule, InboundRule):
        yield from _typed(about, trying)


def _located(about: About, trying: Trying) -> Iterator[Remedy]:
    location = response_field(about.exchange, "location")
    public, origin = about.case.of(about.exchange).public, origin_of_url(location)
    if origin is None or about.rule is not None:
        return
    if (origin.host, origin.scheme, public.scheme) == (public.host, "https", "http"):
        yield Remedy(
            f"The backend sends browsers to {origin}, and this proxy publishes {public} only. Publish the site by "
            f"https, too (public: [{public}, {origin}], and a listener for it), or let the backend not demand https."
        )
        return
    written = location.partition("://")[0] + "://" + location.partition("://")[2].partition("/")[0]
    match = OutboundMatch(rf"^{escaped(written)}(?:/(.*))?$", "RESPONSE_Location")
    port = f" (its own port {origin.port}, behind the public name)" if origin.host == public.host else ""
    todo = (
        f"Let the backend know its public address, {public}: it writes {written}{port}. Or add an outbound rule for "
        "the Location header:"
    )
    if edit := about.with_rule("Location with the public address", match, f"{public}/{{R:1}}"):
        yield Remedy(todo, edit)


def _charset(about: About, trying: Trying) -> Iterator[Remedy]:
    if about.outbound is None:
        return
    was = re.search(r";\s*charset=[^;]+", next(iter(field(about.exchange, "content-type", original=True)), ""))
    value = about.outbound.action.value
    if was and "charset" not in value.lower():
        edit = about.changed(parts.value_set(f"{value}{was[0]}"))
        yield Remedy(f"Let the rule keep the charset: set its value to {value}{was[0]}.", edit)
    yield from switched_off(about, "Content-Type")


def _coded(about: About, trying: Trying) -> Iterator[Remedy]:
    if about.outbound is not None:
        yield from switched_off(about, "Content-Encoding")
        return
    accepted = request_field(about.exchange, "accept-encoding")
    yield Remedy(
        "Mend it in the backend: it may use the codings that the browser lists in Accept-Encoding "
        f"({shown(accepted, 60)}), or none. Until it does, an inbound rule that sets HTTP_ACCEPT_ENCODING to an empty "
        "value may keep it from encoding at all."
    )


def _inline(about: About, trying: Trying) -> Iterator[Remedy]:
    code = next((value for label, value in about.breakage.evidence if label == "blocked"), "")
    style = about.breakage.code == Row.CSP_INLINE_STYLE.code
    directive = "style-src" if style else "script-src"
    if about.breakage.code == Row.CSP_HANDLER.code or not code:
        yield Remedy(
            f"Move the code into a file that {directive} allows, and let it add the handler by addEventListener."
        )
        return
    digest = next(iter(digests(code.encode()).values()))
    who = f'The rule "{about.breakage.rule}" writes it into the page. ' if about.breakage.rule else ""
    yield Remedy(
        f"{who}Move the code into a file that {directive} allows, or add '{digest}' to {directive} of the "
        "Content-Security-Policy: that is the hash of this code."
    )


OF_HEADERS = table(
    ("frame", _framed),
    (f"origin/{Row.ORIGIN_NULL.code}", _hidden_origin),
    ("origin", _not_mapped_back),
    ("cors", _cors),
    ("csp", _policy),
    ("csp-inline", _inline),
    ("isolation", _isolated),
    ("redirect", _located),
    ("charset", _charset),
    ("coding", _coded),
)
