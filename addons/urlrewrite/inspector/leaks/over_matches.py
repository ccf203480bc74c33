"""What was changed in a response and should not have been: the other way in which rewriting goes wrong.

Everything is found by comparing the backend's response with the client's, so that faults of the backend itself are not
reported.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from urlrewrite.content.canonical_url import canonical_url
from urlrewrite.content.html.attributes import is_name
from urlrewrite.content.html.rewriter import HtmlScanner, TokenKind
from urlrewrite.content.integrity import ALGORITHMS, digests
from urlrewrite.content.kinds import Kind
from urlrewrite.exchange.rules_in_force import RulesInForce
from urlrewrite.fields.digests import Digests, is_digest, renewed
from urlrewrite.inspector.diagnose.exchange_case import ExchangeCase
from urlrewrite.inspector.leaks.harm import Harm
from urlrewrite.inspector.names.bodies import Body, Unreadable, body_of, response_body
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.model import Site
from urlrewrite.model.field_lines import FieldLines, field_values
from urlrewrite.trace.events import Name
from urlrewrite.trace.reading import name_of, text

_MAX_TOLD = 20
_MAX_LENGTH = 4 * 2**20
_AROUND = 40
_ANCHOR = 8
_DIGEST = re.compile(r"(sha(?:256|384|512))-([A-Za-z0-9+/_-]+={0,2})")
_TWO_SCHEMES = re.compile(rb"(?:https?|wss?):(?://)?(?:https?|wss?)://", re.IGNORECASE)
_COVERED = re.compile(r'"([^"]*)"')


@dataclass(frozen=True, slots=True)
class OverMatch:
    """Something that was changed and should not have been.

    `place` is a field's name or where in the body, `before` and `after` are the old and the new text. `rules` are those
    that changed the response's content, one of which is to blame; empty if it was the link map. `offset` is in the
    decoded body of the response, None in a field.
    """

    what: str
    place: str
    before: str
    after: str
    why: str
    harm: Harm
    rules: tuple[str, ...] = ()
    offset: int | None = None
    count: int = 1


def find_over_matches(
    exchange: RecordedExchange, rules: RulesInForce, assets: Mapping[str, RecordedExchange] | None = None
) -> list[OverMatch]:
    """Return what was changed in the response of an exchange and should not have been.

    `assets` are exchanges by the URL that was requested (`canonical_url`), with whose responses `integrity` attributes
    are compared. It raises nothing, whatever was recorded.
    """
    if exchange.response is None or exchange.original is None or exchange.own:
        return []
    case = ExchangeCase(exchange, rules)
    fields, raw = response_body(exchange, rules)
    found = [*_in_fields(case, fields, raw)]
    if (
        raw is not None
        and exchange.original_body is not None
        and max(len(raw), len(exchange.original_body)) <= _MAX_LENGTH
    ):
        path = exchange.request.target.partition("?")[0]
        try:
            before = body_of(exchange.original.fields, exchange.original_body, path)
            after = body_of(fields, raw, path)
        except Unreadable:
            return found
        found += _broken_integrity(case, after, assets or {})
        if before.decoded != after.decoded:
            found += _in_bodies(case, before, after)
    return found[:_MAX_TOLD]


def by_url(exchanges: Iterable[RecordedExchange]) -> dict[str, RecordedExchange]:
    """Return exchanges by the URL that was requested; of several with one URL the first."""
    found: dict[str, RecordedExchange] = {}
    for exchange in exchanges:
        if exchange.response is not None and exchange.response.status == 200 and exchange.request.method == "GET":
            found.setdefault(canonical_url(exchange.request.url, ""), exchange)
    return found


def _rules_of(case: ExchangeCase) -> tuple[str, ...]:
    return tuple(case.reading.names("outbound_rules"))


def _rule_of_field(case: ExchangeCase, name: str) -> tuple[str, ...]:
    events = (event for event in case.reading.response if name_of(event) == Name.CONTENT_CHANGE and text(event, "rule"))
    return tuple(dict.fromkeys(text(event, "rule") for event in events if text(event, "where").lower() == name.lower()))


def _in_fields(case: ExchangeCase, fields: FieldLines, raw: bytes | None) -> Iterator[OverMatch]:
    exchange = case.exchange
    assert exchange.original is not None
    now, before = Digests(raw or b""), Digests(exchange.original_body or b"")
    for name, value in fields:
        rules = _rule_of_field(case, name)
        was = ", ".join(field_values(exchange.original.fields, name))
        if is_digest(name.lower()) and raw is not None and exchange.original_body is not None:
            true = renewed(name.lower(), value, now)
            if true != value and renewed(name.lower(), was, before) == was:
                why = (
                    f"the body was changed, and {name} is still the digest of another one: {true or 'unknown'} is true"
                )
                yield OverMatch("stale digest", name, was, value, why, Harm.ERROR, rules)
        sent = exchange.response_body
        if name.lower() == "content-length" and sent and value.isdigit() and int(value) != len(sent):
            why = f"the body has {len(sent):,} bytes"
            yield OverMatch("wrong length", name, was, value, why, Harm.ERROR, rules)
        if value != was:
            for match in _misspelled(case, was.encode("utf-8", "replace"), value.encode("utf-8", "replace")):
                yield OverMatch(match.what, name, was, value, match.why, match.harm, rules)
    yield from _stale_signatures(case, fields, raw)


def _stale_signatures(case: ExchangeCase, fields: FieldLines, raw: bytes | None) -> Iterator[OverMatch]:
    """Yield message signatures (RFC 9421) over fields that are no longer what they were."""
    exchange = case.exchange
    assert exchange.original is not None
    for value in field_values(fields, "signature-input"):
        covered = {name.lower() for name in _COVERED.findall(value)}
        changed = sorted(
            name for name in covered if field_values(fields, name) != field_values(exchange.original.fields, name)
        )
        if changed:
            why = f"it covers {', '.join(changed)}, which was changed: whoever checks it refuses the response"
            yield OverMatch("stale signature", "Signature", value, value, why, Harm.ERROR, _rules_of(case))


def _in_bodies(case: ExchangeCase, before: Body, after: Body) -> Iterator[OverMatch]:
    rules = _rules_of(case)
    if before.kind.is_markup:
        yield from _changed_identifiers(before, after, rules)
    if before.kind is Kind.JSON and _is_json(before.data) and not _is_json(after.data):
        error = _parse_error(after.data)
        why = f"it was valid before and no longer is ({error}), so scripts that read it fail"
        was, becomes = _around_difference(before.data, after.data)
        yield OverMatch("broken JSON", "body", was, becomes, why, Harm.ERROR, rules)
    for match in _misspelled(case, before.data, after.data):
        at = after.offset(match.offset) if match.offset is not None else None
        was = _same_place(before.data, after.data, match.offset) if match.offset is not None else ""
        yield OverMatch(match.what, "body", was, match.after, match.why, match.harm, rules, at, match.count)


def _misspelled(case: ExchangeCase, before: bytes, after: bytes) -> Iterator[OverMatch]:
    """Yield URLs that no rewriting should produce, unless the backend wrote them that way."""
    for what, why, pattern in _slips(case):
        old = Counter(found[0] for found in pattern.finditer(before))
        new = Counter[bytes]()
        more: list[re.Match[bytes]] = []
        for found in pattern.finditer(after):
            new[found[0]] += 1
            if new[found[0]] > old[found[0]]:
                more.append(found)
        if more:
            first = more[0]
            around = after[max(first.start() - _AROUND, 0) : first.end() + _AROUND].decode("utf-8", "replace")
            yield OverMatch(what, "", "", around, why, Harm.ERROR, (), first.start(), len(more))


def _slips(case: ExchangeCase) -> Iterator[tuple[str, str, re.Pattern[bytes]]]:
    public = case.public
    host = re.escape(public.host_text.encode())
    own = b"" if public.has_default_port else rb":%d" % public.port
    ports = {origin.port for origin in (site.backend for site in _sites(case)) if origin}
    known = {origin.port for site in _sites(case) for origin in site.public if origin.host == public.host} | {80, 443}
    yield (
        "two schemes",
        "a rule put the public address before one that had its scheme already",
        _TWO_SCHEMES,
    )
    if left := sorted(ports - known):
        yield (
            "the backend's port behind the public name",
            "the host was replaced and its port was not: nothing listens there",
            re.compile(rb"%b:(?:%b)(?!\d)" % (host, b"|".join(b"%d" % port for port in left)), re.IGNORECASE),
        )
    yield (
        "a name that goes on",
        "the name goes on after what was replaced, so it is another host's",
        re.compile(rb"//%b%b(?:[a-z0-9_-]+|\.[a-z0-9]+)[^\s\"'<>/]{0,40}" % (host, re.escape(own)), re.IGNORECASE),
    )
    if path := (case.site.path if case.site else ""):
        raw = re.escape(path.encode())
        yield (
            "path twice",
            f"{path} was put before a path that had it already",
            re.compile(rb"%b%b(?![\w.-])" % (raw, raw)),
        )


def _sites(case: ExchangeCase) -> list[Site]:
    return [compiled.site for compiled in case.rules.rules.sites]


def _changed_identifiers(before: Body, after: Body, rules: tuple[str, ...]) -> Iterator[OverMatch]:
    """Yield namespaces, vocabularies and document types that were changed."""
    old, new = (list(_identifiers(body)) for body in (before, after))
    if [label for label, *_ in old] != [label for label, *_ in new]:
        return
    for (label, was, _), (_, now, at) in zip(old, new, strict=True):
        if was != now and label != "integrity":
            why = "it is an identifier, compared letter by letter, not an address: programs no longer recognize it"
            yield OverMatch(
                "changed identifier", label, _text(was), _text(now), why, Harm.ERROR, rules, after.offset(at)
            )


def _identifiers(body: Body) -> Iterator[tuple[str, bytes, int]]:
    """Yield the place of each identifier, the identifier, and its offset."""
    xml = body.kind is not Kind.HTML
    for token in HtmlScanner(xml=xml, kinds={TokenKind.START_TAG, TokenKind.DOCTYPE}).feed(body.data, final=True):
        if token.kind is TokenKind.DOCTYPE:
            yield "document type", body.data[token.start : token.end], token.start
        for attribute in token.attributes:
            name = attribute.name.lower()
            if attribute.value is not None and is_name(name, xml=xml) and name not in (b"integrity", b"nonce"):
                label = f"<{_text(token.name)} {_text(attribute.name)}>"
                yield label, attribute.value, attribute.value_start


def _broken_integrity(case: ExchangeCase, page: Body, assets: Mapping[str, RecordedExchange]) -> Iterator[OverMatch]:
    """Yield `integrity` attributes that do not match the file as it was sent, so that browsers refuse it."""
    if page.kind is not Kind.HTML or b"ntegrity" not in page.data:
        return
    for token in HtmlScanner(kinds={TokenKind.START_TAG}).feed(page.data, final=True):
        promised = _text(token.get(b"integrity") or b"")
        address = token.get(b"src") or token.get(b"href")
        if not promised or not address or token.name not in (b"script", b"link"):
            continue
        asset = assets.get(canonical_url(_text(address), case.exchange.request.url))
        if asset is None or asset.response is None:
            continue
        fields, raw = response_body(asset, case.rules)
        try:
            decoded = body_of(fields, raw or b"", "").decoded if raw is not None else None
        except Unreadable:
            continue
        wanted = {f"{algorithm}-{digest}" for algorithm, digest in _DIGEST.findall(promised)}
        if decoded is None or not wanted or wanted & set(digests(decoded).values()):
            continue
        strongest = max(wanted, key=lambda digest: ALGORITHMS.index(digest.partition("-")[0]))
        true = digests(decoded)[strongest.partition("-")[0]]
        why = f"{_text(address)} has another digest as it was sent: browsers refuse it"
        label = f"<{_text(token.name)} integrity>"
        offset = page.offset(token.start)
        yield OverMatch("broken integrity", label, true, promised, why, Harm.ERROR, _rules_of(case), offset)


def _around_difference(before: bytes, after: bytes) -> tuple[str, str]:
    """Return what stands around the first place in which two texts differ, in each of them."""
    same = next((at for at, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), 0)
    start = max(same - _AROUND, 0)
    return tuple(_text(each[start : same + 2 * _AROUND]) for each in (before, after))  # type: ignore[return-value]


def _same_place(before: bytes, after: bytes, at: int) -> str:
    """Return what stood in the text before where something stands now, found by what precedes both; "" where that is
    not sure.
    """
    lead = after[max(at - _AROUND, 0) : at]
    for anchor in (lead, lead[-(_AROUND // 2) :]):
        where = before.find(anchor) if len(anchor) >= _ANCHOR and before.count(anchor) == 1 else -1
        if where >= 0:
            end = where + len(anchor)
            return _text(before[max(end - _AROUND, 0) : end + 2 * _AROUND])
    return ""


def _is_json(data: bytes) -> bool:
    return not _parse_error(data)


def _parse_error(data: bytes) -> str:
    try:
        json.loads(data.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError) as error:
        return str(error) or type(error).__name__
    return ""


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
