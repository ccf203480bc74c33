"""`integrity` attributes whose file is no longer what the page promises: browsers refuse to run or apply it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from urlrewrite.content.coding.codings import (
    CorruptCoding,
    DecodedTooLarge,
    UnsupportedCoding,
    decode,
    parse_content_encoding,
)
from urlrewrite.content.integrity import digests
from urlrewrite.engine.facts import ResponseFacts
from urlrewrite.inspector.diagnose.breakage import Breakage, Knowledge, Loss
from urlrewrite.inspector.diagnose.browser_rules import BrowserRule
from urlrewrite.inspector.diagnose.case import Case
from urlrewrite.inspector.diagnose.page_loads import url_of
from urlrewrite.inspector.diagnose.page_references import Reference
from urlrewrite.inspector.diff.bodies_decoded import MAX_LENGTH
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.inspector.text import sentences
from urlrewrite.model.field_lines import field_values
from urlrewrite.trace.reading import text
from urlrewrite.trace.text import shown

_DIGEST = re.compile(r"(sha256|sha384|sha512)-([A-Za-z0-9+/=_-]+)", re.IGNORECASE)


def broken_integrity(case: Case) -> Iterator[Breakage]:
    """Yield scripts and style sheets that a browser received and refuses."""
    by_url = {
        url_of(exchange): exchange
        for exchange in case.load.resources
        if exchange.response and exchange.response.status == 200 and not exchange.failed
    }
    for reference in case.references(case.page):
        exchange = by_url.get(reference.url)
        promised = _promised(reference.integrity)
        if exchange is None or not promised:
            continue
        if _is_unshared(case, reference, exchange):
            yield _unshared(case, reference, exchange)
            continue
        body = _plain(exchange.response, exchange.response_body)
        if body is None or promised & set(digests(body).values()):
            continue
        yield _breakage(case, reference, exchange, body, promised)


def _is_unshared(case: Case, reference: Reference, exchange: RecordedExchange) -> bool:
    """Say whether a file is another origin's and was not asked for by CORS, so that nobody may know its digest."""
    return case.origin(exchange) != case.origin(case.page) and not reference.crossorigin


def _unshared(case: Case, reference: Reference, exchange: RecordedExchange) -> Breakage:
    kind = "script" if reference.tag == "script" else "style sheet"
    title = (
        f"The {kind} {shown(exchange.request.url, 100)} is refused for its integrity attribute: it is another "
        "origin's, and the tag lacks crossorigin"
    )
    loss = Loss.FUNCTION if reference.tag == "script" else Loss.LOOK
    row = BrowserRule.INTEGRITY_CORS
    evidence = (("integrity", reference.integrity), row.evidence)
    return Breakage(
        "integrity", loss, title, (exchange.flow_id, case.page.flow_id), evidence,
        todo="Add crossorigin to the tag, and let the other origin send Access-Control-Allow-Origin.", code=row.code,
        known=Knowledge.SPECIFICATION,
    )  # fmt: skip


def _breakage(
    case: Case, reference: Reference, exchange: RecordedExchange, body: bytes, promised: set[str]
) -> Breakage:
    original = _plain(exchange.original, exchange.original_body)
    before = [old for old, new in case.twins(case.page) if new == reference]
    page_changed = (
        before[0].integrity != reference.integrity
        if before
        else case.body(case.page) != case.body(case.page, original=True)
    )
    rules = [text(event, "rule") for event in case.changes(exchange) if text(event, "rule")]
    rule, source = "", ""
    if original is not None and original != body:
        if rules:
            rule = rules[0]
            source = case.rule_source(rule, exchange)
            why = f'the rule "{rule}" changed the file'
        else:
            why = "links were mapped in the file after the page had been sent with the backend's digest"
        fits = promised & set(digests(original).values())
        why += ", and the digest is that of the backend's file" if fits else ""
        todo = "Let a precondition of the rule leave this file out." if rule else "Load the page again."
    elif page_changed:
        changer = next(
            (text(event, "rule") for event in case.changes(case.page) if "integrity" in text(event, "after").lower()),
            "",
        )
        rule, source = changer, case.rule_source(changer, case.page) if changer else ""
        why = f'the rule "{rule}" wrote the digest of another file' if rule else "the page was given a wrong digest"
        todo = "Correct the digest in the value of the rule, or remove the attribute."
    else:
        why = "the backend sent it this way; no rule changed it: its own digest does not match its own file"
        todo = "An outbound rule can remove the attribute."
    kind = "script" if reference.tag == "script" else "style sheet"
    title = sentences(f"The {kind} {shown(exchange.request.target, 100)} is refused for its integrity attribute", why)
    row = BrowserRule.INTEGRITY
    evidence = (("integrity", reference.integrity), ("is", digests(body)["sha256"]), row.evidence)
    loss = Loss.FUNCTION if reference.tag == "script" else Loss.LOOK
    flows = (exchange.flow_id, case.page.flow_id)
    return Breakage(
        "integrity", loss, title, flows, evidence, rule, source, todo, code=row.code, known=Knowledge.SPECIFICATION
    )


def _promised(integrity: str) -> set[str]:
    """Return the digests of the strongest algorithm, the only ones that count (Subresource Integrity, 3.3.4)."""
    found = {
        f"{name.lower()}-{value.replace('-', '+').replace('_', '/')}" for name, value in _DIGEST.findall(integrity)
    }
    strongest = max((each.partition("-")[0] for each in found), default="")
    return {each for each in found if each.startswith(f"{strongest}-")}


def _plain(response: ResponseFacts | None, body: bytes | None) -> bytes | None:
    if response is None or body is None:
        return None
    try:
        return decode(body, parse_content_encoding(field_values(response.fields, "content-encoding")), limit=MAX_LENGTH)
    except (UnsupportedCoding, CorruptCoding, DecodedTooLarge):
        return None
