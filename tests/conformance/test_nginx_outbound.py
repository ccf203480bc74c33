"""nginx's sub_filter, proxy_redirect and proxy_cookie_*, run as the outbound rules of IIS that mean the same.

What nginx says is what a real nginx answered. A Location counts by what it refers to (RFC 9110, 10.2.2), a cookie by
its attributes, whose order and blanks mean nothing (RFC 6265, 5.2). Where nginx itself falls short at the end of a
body, the data says what would be right, and that is asked for.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections import Counter
from collections.abc import Iterator
from urllib.parse import urljoin

import pytest

from conformance.support import Case
from conformance.support_nginx import rules_for
from conformance.support_outbound import check, needs_cases, read_outbound, read_outbound_differences
from urlrewrite.content.asset_memory import AssetMemory
from urlrewrite.engine.facts import ResponseFacts
from urlrewrite.exchange.body.plan import Way
from urlrewrite.exchange.exchange import Exchange
from urlrewrite.exchange.response import ResponseHead
from urlrewrite.exchange.rule_tests import evaluate, request_facts
from urlrewrite.exchange.rules_in_force import RulesInForce

CASES = read_outbound("nginx-outbound.yaml")
DIFFERENCES = read_outbound_differences()

pytestmark = needs_cases

NOT_SAID = {
    "ngx-sub_filter_buffering-partial": "what is sent of a body that never comes to its end",
    "ngx-sub_filter_buffering-negative": "what is sent of a body that never comes to its end",
}
COUNTS = {"body": 81, "body-streamed": 50, "cookie": 42, "redirect": 32, "body-large": 20}
_SHORT = 8
FRAMING = {"content-length", "transfer-encoding", "accept-ranges"}
"""What says how a body is sent; ours tells `Accept-Ranges: none` of every body that rules may change."""


def fields_of(lines: list[tuple[str, str]], url: str) -> list[list[object]]:
    """The fields of a response but for those of its framing, by what they mean; an ETag without the rules' mark."""
    found: list[list[object]] = []
    for name, value in lines:
        key = name.lower()
        if key == "location":
            found.append([key, urljoin(url, value)])
        elif key == "set-cookie":
            first, *attributes = re.split(r"\s*;\s*", value)
            found.append([key, [first, *sorted(re.sub(r"^[^=]*", lambda n: n[0].lower(), a) for a in attributes)]])
        elif key == "etag":
            found.append([key, re.sub(r";ur=[0-9a-f]+", "", value)])
        elif key not in FRAMING:
            found.append([key, value])
    return sorted(found, key=str)


def body_of(case: Case) -> bytes:
    upstream = case["upstream"]
    repeated = upstream.get("body_repeat")
    text = repeated["repeat"] * repeated["count"] if repeated else upstream["body"]
    return str(text).encode()


def observed(case: Case) -> dict[str, object]:
    asked = case["request"]
    request = request_facts(asked["method"], asked["url"], tuple((n, v) for n, v in asked.get("headers", ())))
    lines = tuple((name, value) for name, value in case["upstream"]["headers"])
    status = case["upstream"]["status"]
    bodiless = asked["method"] == "HEAD" or status in (204, 304)
    answer = evaluate(rules_for(case), request, ResponseFacts(status, lines), b"" if bodiless else body_of(case))
    body = answer.body or b""
    if case["kind"] in ("cookie", "redirect"):
        body = b""
    shown: object = hashlib.sha256(body).hexdigest() if case["kind"] == "body-large" else body.decode()
    return {"status": answer.status, "fields": fields_of(list(answer.fields or ()), asked["url"]), "body": shown}


def expected(case: Case) -> dict[str, object]:
    told = case["expected"]
    body = case.get("ideal_body", told.get("body", "")) if case["kind"].startswith("body") else ""
    lines = [(name, value) for name, value in told["headers"]]
    shown = told["body_sha256"] if case["kind"] == "body-large" else body
    return {"status": told["status"], "fields": fields_of(lines, case["request"]["url"]), "body": shown}


@pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in CASES if case["id"] not in NOT_SAID])
def test_case(case: Case) -> None:
    got, told = observed(case), expected(case)
    differing = {key: value for key, value in got.items() if value != told[key]}
    check(case, differing, {}, DIFFERENCES)


def chunkings(case: Case) -> Iterator[list[bytes]]:
    """The chunks of the data, pieces of every size, every cut in two, and of a short body every way to cut it."""
    body = body_of(case)
    if "chunks" in case["upstream"]:
        yield [chunk.encode() for chunk in case["upstream"]["chunks"]]
    for size in range(1, len(body) + 1):
        yield [body[at : at + size] for at in range(0, len(body), size)]
    places = range(1, len(body))
    for count in range(1, len(places) + 1) if len(body) <= _SHORT else (1,):
        for cuts in itertools.combinations(places, count):
            yield [body[start:end] for start, end in itertools.pairwise((0, *cuts, len(body)))]


def streamed(case: Case, rules: RulesInForce, chunks: list[bytes]) -> str:
    """The body of a response that is held up to its first chunk and streamed from then on."""
    asked = case["request"]
    exchange = Exchange(rules, AssetMemory(), request_facts(asked["method"], asked["url"]), "offline")
    exchange.route()
    lines = tuple((name, value) for name, value in case["upstream"]["headers"])
    head = exchange.receive(ResponseFacts(case["upstream"]["status"], lines))
    assert isinstance(head, ResponseHead)
    if head.plan.way is Way.PASS:
        return b"".join(chunks).decode()
    rewriter = exchange.stream(exchange.release(head, len(chunks[0]), 1.0))
    sent = [rewriter.feed(chunk) for chunk in chunks]
    return b"".join([*sent, rewriter.finish()]).decode()


@pytest.mark.parametrize("case", [pytest.param(c, id=c["id"]) for c in CASES if c["kind"] == "body-streamed"])
def test_in_chunks_it_is_what_it_is_as_a_whole(case: Case) -> None:
    rules, whole = rules_for(case), observed(case)["body"]
    assert {streamed(case, rules, chunks) for chunks in chunkings(case)} == {whole}


def test_every_case_is_run_or_said_why_not() -> None:
    assert Counter(case["kind"] for case in CASES) == COUNTS
    assert {case["id"] for case in CASES} >= set(NOT_SAID)
